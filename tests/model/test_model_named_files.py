"""What `load_model` takes for a name: a seedname, one of its files, a model file of some kind."""

import bz2
import gzip
import lzma
import re
import shutil
import subprocess
from dataclasses import replace

import h5py
import numpy as np
import pytest
from model_files import DATA, furthest, mapped

import w90spin as ws
from w90spin.errors import (
    FileFormatError,
    FileMissingError,
    InconsistentFilesError,
    ModelError,
    ResultFileError,
)
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.read import find_file, read_spn, read_tb, write_spn

ALL = (".win", ".nnkp", "_tb.dat", "_wsvec.dat", "_hr.dat", "_centres.xyz", ".chk", ".eig", ".mmn")
WINDOW = (-np.inf, 2.5, 0.5)
PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize(
    ("ending", "source"),
    [
        ("_tb.dat", "bi_tb.dat.xz"),
        ("_tb.dat.xz", "bi_tb.dat.xz"),
        ("_hr.dat", "bi_hr.dat.xz"),
        ("_hr.dat.xz", "bi_hr.dat.xz"),
        (".chk", "bi.chk.xz"),
        (".chk.xz", "bi.chk.xz"),
        (".win", "bi_tb.dat.xz"),
        ("_centres.xyz", "bi_tb.dat.xz"),
        ("", "bi_tb.dat.xz"),
    ],
)
def test_a_file_stands_for_its_seedname_and_says_where_h_is_from(lay, ending, source):
    model = ws.load_model(f"{lay(*ALL)}{ending}", spin="none")
    assert model.name == "bi"
    assert model.notes[0].startswith(f"H and r from {source}")


@pytest.mark.parametrize("packing", PACKERS)
def test_the_very_file_that_was_named_is_read(lay, packing):
    """Beside a plain file of another run the packed one is read if it is named."""
    seed = lay("_centres.xyz", ".win")
    text = lzma.decompress(find_file(DATA / "bi", "_hr.dat").read_bytes()).decode()
    shifted = re.sub(r"(    0    0    0    1    1 *)(-?\d+\.\d+)", r"\g<1>-9.000000", text, count=1)
    assert shifted != text
    (seed.parent / "bi_hr.dat").write_text(shifted)
    (seed.parent / f"bi_hr.dat{packing}").write_bytes(PACKERS[packing](text.encode()))
    named = ws.load_model(f"{seed}_hr.dat{packing}")
    plain = ws.load_model(f"{seed}_hr.dat")
    home = np.flatnonzero(~named.R_Rc.any(axis=1))[0]
    assert plain.ham_Rij[home, 0, 0] == -9.0
    assert named.ham_Rij[home, 0, 0] != -9.0
    assert list(named.inputs)[-1] == f"bi_hr.dat{packing}"


def test_a_seedname_may_have_dots_and_endings_inside():
    assert FilesOfSeed.named("a/wannier90.up").seedname.name == "wannier90.up"
    assert FilesOfSeed.named("a/b_hr.dat.new").seedname.name == "b_hr.dat.new"
    assert FilesOfSeed.named("a/b.2_tb.dat.gz").seedname.name == "b.2"
    assert FilesOfSeed.named("a/b_r.dat").seedname.name == "b"
    assert FilesOfSeed.named("a/b_hr.dat").seedname.name == "b"


def test_a_file_that_is_not_there_is_not_replaced_by_another(lay):
    with pytest.raises(FileMissingError, match=r"bi_hr\.dat: the file is not there.*write_hr"):
        ws.load_model(f"{lay('_tb.dat')}_hr.dat")


def test_a_file_of_an_unknown_kind(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(FileFormatError, match=r"notes\.txt: nothing that a model is made from"):
        ws.load_model(tmp_path / "notes.txt")


def test_source_and_file_named_must_agree(lay):
    with pytest.raises(ModelError, match=r"source = 'chk' and the file named, .*bi_tb\.dat"):
        ws.load_model(f"{lay('_tb.dat')}_tb.dat", source="chk")


def test_text_forms_of_wannier90s_converters_are_found(lay):
    """Both kinds hold every digit; the models are the same."""
    if shutil.which("w90chk2chk.x") is None:
        pytest.skip("no w90chk2chk.x here")
    seed = lay(".eig", ".mmn", ".win", ".nnkp")
    for suffix in (".chk", ".spn"):
        packed = find_file(DATA / "bi", suffix)
        (seed.parent / f"bi{suffix}").write_bytes(lzma.decompress(packed.read_bytes()))
    for program in ("w90chk2chk.x", "w90spn2spn.x"):
        subprocess.run([program, "-export", "bi"], cwd=seed.parent, check=True, capture_output=True)
    unformatted = ws.load_model(seed)
    (seed.parent / "bi.chk").unlink()
    (seed.parent / "bi.spn").unlink()
    for name in (seed, f"{seed}.chk.fmt"):
        model = ws.load_model(name)
        assert {"bi.chk.fmt", "bi.spn.fmt"} <= set(model.inputs)
        assert np.abs(model.ham_Rij - unformatted.ham_Rij).max() < 1e-12
        assert np.abs(model.spin_Rsij - unformatted.spin_Rsij).max() < 1e-12


def write_r(seed, tb, header=" written on a day"):
    """The position matrix of a _tb.dat as Wannier90 writes it to _r.dat."""
    n_wann = tb.ham_Rij.shape[-1]
    text = f"{header}\n{n_wann:12d}\n{len(tb.R_Rc):12d}\n"
    for R_c, pos_aij in zip(tb.R_Rc, tb.pos_Raij, strict=True):
        for j in range(n_wann):
            for i in range(n_wann):
                text += "".join(f"{x:5d}" for x in (*R_c, i + 1, j + 1))
                text += "".join(f"{v.real:12.6f}{v.imag:12.6f}" for v in pos_aij[:, i, j]) + "\n"
    (seed.parent / "bi_r.dat").write_text(text)


def test_hr_with_r_is_tb_to_its_six_decimals(lay, bi_tb):
    seed = lay("_hr.dat", ".win", "_wsvec.dat")
    write_r(seed, read_tb(find_file(DATA / "bi", "_tb.dat")))
    model = ws.load_model(seed, spin="none")
    assert model.notes[0] == "H and r from bi_hr.dat.xz and bi_r.dat."
    assert furthest(mapped(model, model.pos_Raij), mapped(bi_tb, bi_tb.pos_Raij)) < 2e-6
    assert furthest(mapped(model, model.ham_Rij), mapped(bi_tb, bi_tb.ham_Rij)) < 2e-6
    assert np.abs(model.centres_ia - bi_tb.centres_ia).max() < 2e-6


def test_r_of_another_run(lay):
    seed = lay("_hr.dat", ".win", "_centres.xyz")
    tb = read_tb(find_file(DATA / "bi", "_tb.dat"))
    home = np.flatnonzero(~tb.R_Rc.any(axis=1))[0]
    tb.pos_Raij[home, 0, 3, 3] += 0.5
    write_r(seed, tb)
    with pytest.raises(InconsistentFilesError, match=r"centres\.xyz and .*_r\.dat are up to 0\.5"):
        ws.load_model(seed)


def test_projections_alone(lay):
    """`load_model` is `load_closest` where there is nothing else, and says so."""
    seed = lay(".amn", ".eig", ".win", ".nnkp")
    one, other = ws.load_model(seed, window=WINDOW), ws.load_closest(seed, window=WINDOW)
    assert one.fingerprint == other.fingerprint
    assert "closest Wannier functions" in one.notes[0]
    with pytest.warns(ws.W90SpinWarning, match=r"max 1\.24e\+03.*without regard to energy"):
        ws.load_model(seed)


def test_projections_beside_better_files_are_taken_if_named(lay):
    seed = lay(*ALL, ".amn")
    assert ws.load_model(seed).notes[0].startswith("H and r from bi_tb.dat.xz")
    for options in ({"seedname": f"{seed}.amn"}, {"seedname": seed, "source": "amn"}):
        assert "closest" in ws.load_model(**options, window=WINDOW).notes[0]


def test_spin_of_projections_with_k_points_in_another_order(lay):
    seed = lay(".amn", ".eig", ".win", ".nnkp")
    spn = read_spn(find_file(DATA / "bi", ".spn"))
    order = np.arange(49)
    order[[5, 9]] = order[[9, 5]]
    write_spn(replace(spn, spin_ksnm=spn.spin_ksnm[order]), f"{seed}.spn")
    with pytest.raises(InconsistentFilesError, match="time reversal"):
        ws.load_model(seed, window=WINDOW)


@pytest.mark.parametrize(
    ("options", "words_"),
    [
        ({"source": "amn", "minimal_distance": False}, "minimal_distance would have no effect"),
        ({"source": "tb", "window": WINDOW}, "window would have no effect"),
    ],
)
def test_arguments_without_effect_are_refused(lay, options, words_):
    with pytest.raises(ModelError, match=words_):
        ws.load_model(lay(*ALL, ".amn"), **options)


def test_a_model_file_is_taken_as_it_is_or_not_at_all(bi_tb, tmp_path):
    path = ws.save_model(bi_tb, tmp_path / "bi.w90.h5")
    assert ws.load_model(path).fingerprint == bi_tb.fingerprint
    renamed = tmp_path / "model.hdf5"
    path.rename(renamed)
    assert ws.load_model(renamed).fingerprint == bi_tb.fingerprint
    useless = {
        "source": "tb",
        "spin": "none",
        "spin_order": "block",
        "periodic": (True, True, True),
        "minimal_distance": False,
        "position": "midpoint",
        "window": WINDOW,
    }
    for name, value in useless.items():
        with pytest.raises(ModelError, match=f"{name} would have no effect"):
            ws.load_model(renamed, **{name: value})


def test_files_of_tbmodels(tmp_path):
    """A chain of two sites, in its layout of half hoppings; E = ±|t1 + t2 exp(-ik)|."""
    t1, t2 = -1.0, -0.6
    path = tmp_path / "chain.hdf5"
    with h5py.File(path, "w") as file:
        file["type_tag"] = "tbmodels.model"
        file["size"], file["dim"] = 2, 1
        file["uc"], file["pos"] = [[2.5]], [[0.0], [0.5]]
        for key, R, matrix in (("0", 0, [[0, t1 / 2], [t1 / 2, 0]]), ("1", 1, [[0, 0], [t2, 0]])):
            group = file.create_group(f"hop/{key}")
            group["R"], group["mat"] = [R], np.array(matrix, complex)
    model = ws.load_model(path)
    assert model.periodic == (True, False, False)
    assert model.spin_Rsij is None
    for k in (0.0, 0.13, 0.5):
        phase_R = np.exp(2j * np.pi * model.R_Rc[:, 0] * k)
        energy_n = np.linalg.eigvalsh(np.tensordot(phase_R, model.ham_Rij, axes=1))
        assert energy_n[1] == pytest.approx(abs(t1 + t2 * np.exp(-2j * np.pi * k)), abs=1e-12)
    spinful = ws.load_model(path, spin_order="block")
    assert spinful.spin_source.startswith("pure spinors")
    assert ws.load_model(path, spin_order="block", spin="none").spin_Rsij is None
    with pytest.raises(ModelError, match="spin_order = 'interlaced'"):
        ws.load_model(path, spin="projections")
    with pytest.raises(ModelError, match="source would have no effect"):
        ws.load_model(path, source="hr")


def test_hdf5_files_that_are_no_models(tmp_path):
    result = ws.compute(
        ws.toys.pt_antiferromagnet(),
        [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)],
        mesh=ws.UniformMesh(n=2),
    )
    result.save(tmp_path / "result.h5")
    with pytest.raises(ModelError, match=r"w90spin-result file, not a model.*w90spin plot"):
        ws.load_model(tmp_path / "result.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(FileFormatError, match="not a readable HDF5 file"):
        ws.load_model(tmp_path / "text.h5")
    (tmp_path / "text.w90.h5").write_text("no HDF5")
    with pytest.raises(ResultFileError, match="not a readable HDF5 file"):
        ws.load_model(tmp_path / "text.w90.h5")
    with pytest.raises(FileMissingError, match="not there"):
        ws.load_model(tmp_path / "nothing.h5")


@pytest.mark.parametrize(
    ("change", "error", "words_"),
    [
        ({"hop": "none"}, FileFormatError, "lacks or garbles"),
        ({"hop/0/mat": np.full((2, 2), np.nan)}, ModelError, r"broken\.hdf5: ham.* not a finite"),
        ({"hop/0/mat": np.eye(3)}, FileFormatError, "not those of 'size' orbitals"),
        ({"uc": np.ones((2, 2))}, ModelError, r"broken\.hdf5: .*linearly dependent"),
        ({"uc": None}, ModelError, r"broken\.hdf5: .*no unit cell"),
        ({"size": 10**9}, FileFormatError, "lacks or garbles"),
    ],
)
def test_damaged_files_of_tbmodels(tmp_path, change, error, words_):
    tree = {"size": 2, "dim": 2, "uc": np.eye(2), "hop/0/R": [0, 0], "hop/0/mat": np.eye(2)}
    if "hop" in change:
        tree = {key: value for key, value in tree.items() if not key.startswith("hop/")}
    tree |= change
    with h5py.File(tmp_path / "broken.hdf5", "w") as file:
        for key, value in tree.items():
            if value is not None:
                file[key] = value
    with pytest.raises(error, match=words_):
        ws.load_model(tmp_path / "broken.hdf5")
