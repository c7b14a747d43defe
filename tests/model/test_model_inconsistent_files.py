"""Files that cannot belong to one run: refused, with both named."""

import re
from dataclasses import replace

import numpy as np
import pytest
from model_files import CELL_CA, read_records, words, write_centres, write_records, write_tb

import w90spin as ws
from w90spin.errors import FileMissingError, FileValueError, InconsistentFilesError
from w90spin.read import find_file, read_spn, write_spn

TB = (".win", ".nnkp", "_tb.dat", "_wsvec.dat")
SPN = (".spn", ".chk", ".eig")
CHK = (".win", ".nnkp", ".chk", ".eig", ".mmn", ".spn")


def without(suffixes, *left_out):
    return [suffix for suffix in suffixes if suffix not in left_out]


def refused(seed, *names, **options):
    """Message with which the files are refused; all of the names must be in it."""
    with pytest.raises(InconsistentFilesError) as caught:
        ws.load_model(seed, **options)
    for name in names:
        assert name in str(caught.value)
    return str(caught.value)


def test_the_files_as_they_are_agree(lay):
    model = ws.load_model(lay(*TB, *SPN, "_centres.xyz"))
    assert model.spin_source == ".spn"
    (note,) = (note for note in model.notes if "agree to" in note)
    assert float(re.search(r"agree to (\S+) eV", note)[1]) < 1e-6
    assert "bi_tb.dat.xz" in note
    assert "bi.chk.xz" in note


@pytest.mark.parametrize("shift", [0.05, 1.0])
def test_checkpoint_with_other_centres(lay, shift):
    seed = lay(*TB, *without(SPN, ".chk"))
    records = read_records(".chk")
    centres_ia = np.frombuffer(records[-2]).reshape(32, 3).copy()
    centres_ia[7, 1] += shift
    write_records(seed.parent / "bi.chk", [*records[:-2], centres_ia.tobytes(), records[-1]])
    message = refused(seed, "bi.chk", "bi_tb.dat.xz", f"{shift:.3f} Å apart")
    assert "write both again" in message


def test_centres_a_lattice_vector_apart_are_the_same(lay):
    seed = lay(*TB, *without(SPN, ".chk"))
    records = read_records(".chk")
    centres_ia = np.frombuffer(records[-2]).reshape(32, 3).copy()
    centres_ia[7] += CELL_CA[0] - CELL_CA[1]
    write_records(seed.parent / "bi.chk", [*records[:-2], centres_ia.tobytes(), records[-1]])
    assert ws.load_model(seed).spin_source == ".spn"


def test_checkpoint_in_another_gauge(lay):
    """Two columns of U(k) exchanged at one k: unitary as before, another H(R)."""
    seed = lay(*TB, *without(SPN, ".chk"))
    records = read_records(".chk")
    u_kji = np.frombuffer(records[-4], complex).reshape(49, 32, 32).copy()
    u_kji[5, [0, 2]] = u_kji[5, [2, 0]]
    write_records(
        seed.parent / "bi.chk", [*records[:-4], u_kji.tobytes(), records[-3], *records[-2:]]
    )
    assert "gauge" in refused(seed, "bi.chk", "bi_tb.dat.xz", "bi.eig")


def test_checkpoint_with_another_mesh(lay):
    """A tb on the lattice vectors of a 5x5x1 mesh beside the checkpoint of 7x7x1."""
    seed = lay(".win", ".nnkp", ".spn", ".chk")
    R_Rc = np.array([[m, n, 0] for m in range(-2, 3) for n in range(-2, 3)])
    centres_ia = np.array([line[1:] for line in words("_centres.xyz")[2:34]], float)
    ham_Rij = np.zeros((25, 32, 32), complex)
    pos_Raij = np.zeros((25, 3, 32, 32), complex)
    pos_Raij[12, :, range(32), range(32)] = centres_ia
    write_tb(seed, CELL_CA, R_Rc, np.ones(25, int), ham_Rij, pos_Raij)
    message = refused(seed, "bi_tb.dat", "bi.chk.xz", "7x7x1")
    assert "source='chk'" in message
    assert ws.load_model(seed, spin="projections").n_wann == 32


def test_bands_of_another_run(lay):
    """Without checkpoint: the bands themselves are compared with the .eig in the frozen window."""
    seed = lay(*TB)
    lines = [f"{n} {k} {float(e) + 0.1}" for n, k, e in words(".eig")]
    (seed.parent / "bi.eig").write_text("\n".join(lines) + "\n")
    assert "frozen window" in refused(seed, "bi.eig", "bi_tb.dat.xz", "0.100 eV")


def test_bands_of_this_run_are_noted_to_follow_the_eig(lay):
    model = ws.load_model(lay(*TB, ".eig"))
    (note,) = (note for note in model.notes if "Bands against bi.eig" in note)
    most = float(re.search(r"max (\S+), rms \S+ meV inside", note)[1])
    assert most < 1e-3  # meV
    assert model.frozen_window[1] == 3.02245
    with pytest.warns(ws.W90SpinWarning, match=r"mu = 3\.5 eV lies outside the frozen window"):
        ws.compute(
            ws.load_model(lay().parent / "bi", spin="projections"),
            [ws.SpinPolarizability(omega_w=0.0, mu_f=3.5)],
            mesh=ws.UniformMesh(n=2),
        )


@pytest.mark.parametrize(
    ("suffixes", "source"),
    [([".nnkp", "_tb.dat", ".eig"], "tb"), ([".chk", ".eig", ".mmn"], "chk")],
)
def test_bands_are_compared_without_an_input_file(lay, suffixes, source):
    """k points of the .nnkp or .chk; nothing tells the frozen window, whose top is 3.02 eV."""
    model = ws.load_model(lay(*suffixes), source=source, periodic=(True, True, False))
    (note,) = (note for note in model.notes if "Bands against bi.eig" in note)
    assert "no frozen window is known; to the nearest ab-initio band, max" in note
    assert 300 < float(re.search(r"max (\S+), rms", note)[1]) < 500  # meV, as above the window
    assert model.frozen_window is None


def test_bands_that_cannot_be_compared_are_told(lay):
    for suffixes, lacking in (([".win", "_tb.dat"], "no .eig"), (["_tb.dat", ".eig"], "k points")):
        model = ws.load_model(lay(*suffixes, folder=lay().parent / lacking))
        assert any("not compared" in note and lacking in note for note in model.notes)


def test_a_checkpoint_of_another_run_that_is_not_used(lay):
    """H(R) made from another .chk is told of also where no .spn asks for the .chk."""
    seed = lay(*TB, ".eig")
    records = read_records(".chk")
    u_kji = np.frombuffer(records[-4], complex).reshape(49, 32, 32).copy()
    u_kji[5, [0, 2]] = u_kji[5, [2, 0]]
    write_records(
        seed.parent / "bi.chk", [*records[:-4], u_kji.tobytes(), records[-3], *records[-2:]]
    )
    with pytest.warns(ws.W90SpinWarning, match=r"gauge.*not used here") as caught:
        model = ws.load_model(seed, spin="projections")
    assert caught[0].filename == __file__
    assert "bi.chk" not in model.inputs


def test_energies_of_another_run(lay):
    seed = lay(*TB, *without(SPN, ".eig"))
    lines = [f"{n} {k} {float(e) + 0.05 * (int(n) > 8)}" for n, k, e in words(".eig")]
    (seed.parent / "bi.eig").write_text("\n".join(lines) + "\n")
    refused(seed, "bi.eig", "bi.chk.xz", "bi_tb.dat.xz", "gauge")


@pytest.mark.parametrize("source", ["tb", "chk"])
def test_energies_of_fewer_bands(lay, source):
    seed = lay(*TB, *without({*CHK, *SPN} - {*TB}, ".eig"))
    lines = [" ".join(line) for line in words(".eig") if int(line[0]) <= 40]
    (seed.parent / "bi.eig").write_text("\n".join(lines) + "\n")
    refused(seed, "bi.eig", "bi.chk.xz", "40 bands", "and 48", source=source)


def test_spin_of_fewer_k_points(lay):
    seed = lay(*without(CHK, ".spn"))
    head, sizes, *spins = read_records(".spn")
    sizes = np.array([np.frombuffer(sizes, "i4")[0], 48], "i4").tobytes()
    write_records(seed.parent / "bi.spn", [head, sizes, *spins[:-1]])
    refused(seed, "bi.spn", "bi.chk.xz", "48 k points", "49")


def test_overlaps_of_another_run(lay):
    seed = lay(*without(CHK, ".mmn"))
    lines = words(".mmn")
    real, imaginary = map(float, lines[3])
    lines[3] = [str(real + 0.2), str(imaginary)]
    (seed.parent / "bi.mmn").write_text("\n".join(map(" ".join, lines)) + "\n")
    refused(seed, "bi.mmn", "bi.chk.xz", "another run")


@pytest.mark.parametrize("source", ["tb", "chk"])
def test_input_with_another_lattice(lay, source):
    seed = lay(*without({*TB, *CHK}, ".win"))
    text = "\n".join(map(" ".join, words(".win")))
    assert "4.53 0 0" in text
    (seed.parent / "bi.win").write_text(text.replace("4.53 0 0", "4.60 0 0") + "\n")
    lattice = {"tb": "bi_tb.dat.xz", "chk": "bi.chk.xz"}[source]
    refused(seed, "bi.win", lattice, "0.0700 Å", source=source)


def test_checkpoint_with_another_lattice(lay):
    seed = lay(*TB, *without(SPN, ".chk"))
    records = read_records(".chk")
    longer = np.array([1.1, 1.0, 1.0])
    cell, recip = (np.frombuffer(records[x]).reshape(3, 3) for x in (4, 5))
    records[4], records[5] = (cell * longer).tobytes(), (recip / longer).tobytes()
    write_records(seed.parent / "bi.chk", records)
    refused(seed, "bi.chk", "bi_tb.dat.xz")


@pytest.mark.parametrize("source", ["tb", "hr"])
def test_centres_of_another_run(lay, source):
    seed = lay(*TB, "_hr.dat")
    atoms = [(line[0], np.array(line[1:], float)) for line in words("_centres.xyz")[34:]]
    centres_ia = np.array([line[1:] for line in words("_centres.xyz")[2:34]], float)
    if source == "tb":
        centres_ia[3, 2] += 0.2
        write_centres(seed, centres_ia, atoms)
        refused(seed, "bi_centres.xyz", "bi_tb.dat.xz", "0.200 Å", source=source)
    write_centres(seed, centres_ia[:30], atoms)
    whose = {"tb": "bi_tb.dat.xz", "hr": "bi_hr.dat.xz"}[source]
    refused(seed, "bi_centres.xyz", whose, "30", "32", source=source)


def test_nearest_images_with_other_lattice_vectors(lay):
    seed = lay(*without(TB, "_wsvec.dat"))
    lines = words("_wsvec.dat")
    for line in lines[1:]:
        if len(line) == 5 and line[0] == "0" and line[1] in ("3", "-3"):
            line[1] = line[1].replace("3", "4")
    (seed.parent / "bi_wsvec.dat").write_text("\n".join(map(" ".join, lines)) + "\n")
    refused(seed, "bi_wsvec.dat", "bi_tb.dat.xz", "same lattice vectors")


def test_nearest_images_of_fewer_functions(lay):
    seed = lay(*without(TB, "_wsvec.dat"))
    R = {tuple(line[:3]): None for line in words("_wsvec.dat")[1:] if len(line) == 5}
    text = " use_ws_distance=.true.\n"
    text += "".join(f"{' '.join(R_c)} 1 1\n1\n0 0 0\n" for R_c in R)
    (seed.parent / "bi_wsvec.dat").write_text(text)
    refused(seed, "bi_wsvec.dat", "bi_tb.dat.xz", "(1 Wannier functions", "(32")


def test_a_wrong_seedname_is_answered_with_the_right_ones(lay):
    seed = lay(*TB)
    lay("_hr.dat", seed="other")
    with pytest.raises(FileMissingError, match=r"wrong.*seedname\(s\) bi, other: give"):
        ws.load_model(seed.parent / "wrong")


def test_a_folder_without_output_is_said_to_be_so(tmp_path, lay):
    with pytest.raises(FileMissingError, match=r"no Wannier90 output; run wannier90\.x"):
        ws.load_model(tmp_path / "bi")
    with pytest.raises(FileMissingError, match=r"nowhere: the folder is not there"):
        ws.load_model(tmp_path / "nowhere" / "bi")


@pytest.mark.parametrize(
    ("source", "present", "missing", "remedy"),
    [
        ("tb", [".win"], "bi_tb.dat", "write_tb = .true."),
        ("hr", [".win"], "bi_hr.dat", "write_hr = .true."),
        ("hr", [".win", "_hr.dat"], "bi_centres.xyz", "write_xyz = .true."),
        ("hr", ["_hr.dat", "_centres.xyz"], "bi.win", "write_tb = .true."),
        ("chk", [".win"], "bi.chk", "wannier90.x"),
        ("chk", [".chk"], "bi.eig", "pw2wannier90"),
        ("chk", [".chk", ".eig"], "bi.mmn", "write_mmn = .true."),
    ],
)
def test_what_a_source_lacks_is_named(lay, source, present, missing, remedy):
    with pytest.raises(FileMissingError, match=re.escape(missing)) as caught:
        ws.load_model(lay(*present), source=source)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("present", "words"),
    [
        ([".win", ".amn"], "no .amn with .eig"),
        ([".chk", ".eig"], "no .mmn. pw2wannier90.x writes it with write_mmn"),
        ([".chk"], "no .eig and no .mmn"),
    ],
)
def test_what_the_files_that_are_there_lack(lay, present, words):
    with pytest.raises(FileMissingError, match=re.escape(words)):
        ws.load_model(lay(*present))


@pytest.mark.parametrize(
    ("present", "first"),
    [
        ([".win", "_tb.dat", "_wsvec.dat", ".chk", ".eig", ".mmn", "_hr.dat"], "bi_tb.dat.xz"),
        ([".win", ".chk", ".eig", ".mmn", "_hr.dat", "_centres.xyz"], "bi.chk.xz"),
        ([".win", ".chk", ".eig", "_hr.dat", "_centres.xyz"], "bi_hr.dat.xz"),
    ],
)
def test_auto_takes_tb_then_checkpoint_then_hr(lay, present, first):
    assert first in ws.load_model(lay(*present), spin="none").notes[0]


def damaged_spin(tmp_path, bi_folder, change):
    """The Bi set with another .spn."""
    for path in bi_folder.glob("bi*"):
        if ".spn" not in path.name:
            (tmp_path / path.name).symlink_to(path)
    spn = read_spn(find_file(bi_folder / "bi", ".spn"))
    write_spn(replace(spn, spin_ksnm=change(spn.spin_ksnm)), tmp_path / "bi.spn")
    return tmp_path / "bi"


def swapped(spin_ksnm):
    order = np.arange(len(spin_ksnm))
    order[[5, 9]] = order[[9, 5]]
    return spin_ksnm[order]


def test_spin_with_k_points_in_another_order(tmp_path, bi_folder):
    seed = damaged_spin(tmp_path, bi_folder, swapped)
    with pytest.raises(InconsistentFilesError, match=r"time reversal.*k points are in another"):
        ws.load_model(seed)


def test_spin_that_is_no_pauli_matrix(tmp_path, bi_folder):
    seed = damaged_spin(tmp_path, bi_folder, lambda spin_ksnm: 2.0 * spin_ksnm)
    with pytest.raises(InconsistentFilesError, match="too large"):
        ws.load_model(seed)


def test_spin_in_units_of_hbar_is_warned_of(tmp_path, bi_folder):
    seed = damaged_spin(tmp_path, bi_folder, lambda spin_ksnm: 0.5 * spin_ksnm)
    with pytest.warns(ws.W90SpinWarning, match="sigma/2"):
        ws.load_model(seed)


def test_bands_left_out_of_another_run(tmp_path, bi_folder):
    for path in bi_folder.glob("bi*"):
        if path.name != "bi.win":
            (tmp_path / path.name).symlink_to(path)
    win = (bi_folder / "bi.win").read_text()
    (tmp_path / "bi.win").write_text(win.replace("exclude_bands = 1-40", "exclude_bands = 1-39"))
    with pytest.raises(InconsistentFilesError, match=r"bi\.win excludes 39 bands.*bi\.chk.*: 40\)"):
        ws.load_model(tmp_path / "bi")


@pytest.mark.parametrize("source", ["tb", "chk"])
def test_bands_left_out_by_another_nnkp(tmp_path, bi_folder, source):
    for path in bi_folder.glob("bi*"):
        if path.name != "bi.nnkp":
            (tmp_path / path.name).symlink_to(path)
    head, _ = (bi_folder / "bi.nnkp").read_text().split("begin exclude_bands")
    numbers = "\n".join(map(str, [40, *range(1, 40), 41]))
    (tmp_path / "bi.nnkp").write_text(f"{head}begin exclude_bands\n{numbers}\nend exclude_bands\n")
    with pytest.raises(
        InconsistentFilesError, match=r"bi\.nnkp excludes 40 bands, .*bi\.chk.* 40, .*: 40, 41\)"
    ):
        ws.load_model(tmp_path / "bi", source=source)


def changed(tmp_path, bi_folder, name, change, *, keep=None):
    """The Bi set, or some of it, with one text file changed."""
    for path in bi_folder.glob("bi*"):
        if path.name != name and (keep is None or any(part in path.name for part in keep)):
            (tmp_path / path.name).symlink_to(path)
    text = (bi_folder / name).read_text()
    new = change(text)
    assert new != text
    (tmp_path / name).write_text(new)
    return tmp_path / "bi"


def scaled(text, factor):
    """A _centres.xyz in other units."""
    rows = [line.split() for line in text.splitlines()]
    return "\n".join(
        " ".join([row[0], *(f"{factor * float(x):.8f}" for x in row[1:])])
        if row and row[0] in ("X", "Bi")
        else " ".join(row)
        for row in rows
    )


@pytest.mark.parametrize(
    ("beside", "names"),
    [
        (".nnkp", r"bi\.nnkp and .*bi\.win differ by up to 70\.0"),
        (".wout", r"bi\.wout and bi_hr.* are in cells that differ by up to 70\.0"),
    ],
)
def test_lattice_of_another_run_beside_hr(tmp_path, bi_folder, beside, names):
    """The _hr.dat itself has no lattice vectors."""
    seed = changed(
        tmp_path,
        bi_folder,
        "bi.win",
        lambda text: text.replace("0 0 17.0", "0 0 87.0"),
        keep=["_hr.dat", "_centres.xyz", beside],
    )
    with pytest.raises(InconsistentFilesError, match=names):
        ws.load_model(seed)


HR = ("_hr.dat", "_centres.xyz", "bi.win", "bi.nnkp", "_wsvec")


@pytest.mark.parametrize(
    ("name", "change", "source", "names"),
    [
        ("bi.win", ("num_wann = 32", "num_wann = 30"), "tb", "num_wann = 30, bi_tb.dat.xz has 32"),
        ("bi.win", ("num_wann = 32", "num_wann = 30"), "hr", "num_wann = 30, bi_hr.dat.xz"),
        ("bi.win", ("num_wann = 32", "num_wann = 30"), "chk", "bi.chk.xz has 32"),
        ("bi.win", ("num_bands = 48", "num_bands = 44"), "chk", "num_bands = 44, .* has 48"),
        ("bi.win", ("0.1428571429 0.0\n", "0.1528571429 0.0\n"), "chk", "k point 2 at .0.0, 0.15"),
        ("bi.nnkp", ("0.14285714", "0.15285714"), "chk", r"bi\.nnkp and .*chk.* k point 2 at"),
        (
            "bi.nnkp",
            ("    42    49      0   0   0", "    42    49      1   0   0"),
            "chk",
            "point 42",
        ),
        ("bi.win", ("Bi 0.0 0.17115", "Bi 0.0 0.27115"), "tb", r"atom 1 of .* Bi, is 0\.100 Å"),
        ("bi.win", ("Bi 0.0 0.17115 1.76350\n", ""), "tb", r"has 4 atoms, .*bi\.win 3"),
    ],
)
def test_input_of_another_run(tmp_path, bi_folder, name, change, source, names):
    seed = changed(tmp_path, bi_folder, name, lambda text: text.replace(*change, 1))
    with pytest.raises(InconsistentFilesError, match=names):
        ws.load_model(seed, source=source, spin="none" if source == "hr" else "auto")


def test_centres_in_bohr(tmp_path, bi_folder):
    """Nothing in the file tells the unit; the atoms do."""
    seed = changed(
        tmp_path, bi_folder, "bi_centres.xyz", lambda text: scaled(text, 1 / 0.529177), keep=HR
    )
    with pytest.raises(InconsistentFilesError, match=r"atom 2 .* or one is not in Å"):
        ws.load_model(seed)


def moved(text):
    return re.sub(r"X +2\.26500000", "X          4.26500000", text, count=1)


def test_centres_against_the_log(tmp_path, bi_folder):
    """Where r is made from centres they must be those of the log."""
    seed = changed(tmp_path, bi_folder, "bi_centres.xyz", moved, keep=[*HR, ".wout"])
    with pytest.raises(InconsistentFilesError, match=r"bi\.wout and .* are up to 2\.000 Å apart"):
        ws.load_model(seed)


def test_partners_that_are_apart_are_warned_of(tmp_path, bi_folder):
    """Without the log, the spin components of an orbital 2 Å apart are a sign."""
    seed = changed(tmp_path, bi_folder, "bi_centres.xyz", moved, keep=HR)
    with pytest.warns(ws.W90SpinWarning, match=r"spin components of one orbital.* 2\.\d+ Å apart"):
        ws.load_model(seed)


def test_a_log_of_another_run_is_warned_of_where_it_is_not_needed(tmp_path, bi_folder):
    seed = changed(
        tmp_path,
        bi_folder,
        "bi.wout",
        lambda text: text.replace("(  2.265000,", "(  2.365000,"),
        keep=["_tb", "_wsvec", "bi.win", "bi.nnkp"],
    )
    with pytest.warns(ws.W90SpinWarning, match=r"bi\.wout and bi_tb\.dat\.xz are up to 0\.100 Å"):
        ws.load_model(seed)
    (tmp_path / "bi.wout").write_text("a run that only plotted\n")
    assert ws.load_model(seed).n_wann == 32


@pytest.mark.parametrize("source", ["tb", "chk", "amn"])
def test_energies_out_of_order(tmp_path, bi_folder, source):
    seed = changed(
        tmp_path,
        bi_folder,
        "bi.eig",
        lambda text: text.replace("    9    1   -2.234292", "    9    1  -11.834292"),
    )
    with pytest.raises(FileValueError, match=r"bi\.eig, k point 1, band 9: .*-11\.83\d+ after"):
        ws.load_model(seed, source=source)


@pytest.mark.parametrize("mesh", [True, False])
def test_translations_that_are_none_of_the_supercell(tmp_path, bi_folder, mesh):
    """With the mesh by its multiples, without it by those of -R."""
    for part in ("_tb.dat", ".win") if mesh else ("_tb.dat",):
        (path,) = bi_folder.glob(f"bi{part}*")
        (tmp_path / path.name).symlink_to(path)
    lines = ["", *(" ".join(line) for line in words("_wsvec.dat")[1:])]
    lines[0] = "## written on a day with use_ws_distance=.true."
    row = next(x for x in range(9000, len(lines)) if lines[x] == "0 0 0")
    lines[row] = "5 0 0" if mesh else "7 0 0"
    (tmp_path / "bi_wsvec.dat").write_text("\n".join(lines) + "\n")
    names = r"T = \(5, 0, 0\).*7x7x1 mesh" if mesh else "not the negative of those of -R"
    with pytest.raises(InconsistentFilesError, match=names):
        ws.load_model(tmp_path / "bi", spin="none")


def test_a_link_to_nowhere_is_named(lay):
    seed = lay(".win")
    (seed.parent / "bi_tb.dat").symlink_to("scratch/bi_tb.dat")
    with pytest.raises(FileMissingError, match=r"bi_tb\.dat: this is a link to scratch/bi_tb\.dat"):
        ws.load_model(seed)


def test_a_name_too_long_for_the_system(tmp_path):
    with pytest.raises(FileMissingError, match="no Wannier90 output"):
        ws.load_model(tmp_path / ("x" * 300))
