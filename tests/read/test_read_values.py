"""Readers give what the files say: tiny files from known arrays, in every form they come in."""

import bz2
import gzip
import lzma

import numpy as np
import pytest
import read_samples as sample
from numpy.testing import assert_allclose, assert_array_equal

from w90spin import read

BOHR = 0.5291772109  # Å
CHECKPOINT = sample.Checkpoint()


@pytest.fixture
def write(tmp_path):
    def _write(content, name="sample.dat"):
        path = tmp_path / name
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        return path

    return _write


PACKERS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packer", PACKERS)
def test_hr_is_read_from_every_compression_whatever_its_name(write, packer):
    hr = read.read_hr(write(PACKERS[packer](sample.hr_text().encode()), "no_suffix"))
    assert hr.header == "written on a day"
    assert hr.n_wann == 2
    assert_array_equal(hr.R_Rc, sample.R_Rc)
    assert_array_equal(hr.degeneracy_R, sample.DEGENERACY_R)
    assert_array_equal(hr.ham_Rij, sample.HAM_Rij)


def _fortran_d(text):
    return text.replace("E+", "D+").replace("E-", "d-")


def _three_digit_exponents(text):
    return text.replace("-0.750000", "-7.50-001").replace("0.125000", "1.25e-1")


def _one_degeneracy_a_line(text):
    lines = text.splitlines()
    return "\n".join(lines[:3] + lines[3].split() + lines[4:]) + "\n"


SAME_CONTENT = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no newline at the end": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: text.replace("\n", "\n\n", 1).replace("\n   ", "\n\n   ") + "\n \n",
    "tabs": lambda text: "\t".join(text.split(" ")),
    "Fortran D": _fortran_d,
    "no letter": _three_digit_exponents,
    "latin-1 header": lambda text: text.replace("a day", "einem schönen Tag"),
}


@pytest.mark.parametrize("change", SAME_CONTENT)
def test_harmless_changes_of_text_change_nothing(write, change):
    hr = read.read_hr(write(SAME_CONTENT[change](sample.hr_text())))
    assert_array_equal(hr.ham_Rij, sample.HAM_Rij)
    tb = read.read_tb(write(SAME_CONTENT[change](sample.tb_text())))
    assert_array_equal(tb.ham_Rij, sample.HAM_Rij)
    assert_array_equal(tb.pos_Raij, sample.POS_Raij)


def test_degeneracies_may_stand_one_a_line(write):
    hr = read.read_hr(write(_one_degeneracy_a_line(sample.hr_text())))
    assert_array_equal(hr.degeneracy_R, sample.DEGENERACY_R)


def _rows(line, j_first=False, ham_Rij=sample.HAM_Rij):
    text = ""
    for R_c, ham_ij in zip(sample.R_Rc, ham_Rij, strict=True):
        for slow in range(2):
            for fast in range(2):
                i, j = (slow, fast) if j_first else (fast, slow)
                text += line(*R_c, i + 1, j + 1, ham_ij[i, j].real, ham_ij[i, j].imag) + "\n"
    return text


OTHER_HANDS = {
    "symmetriser, eight decimals": " symmetrised on a day, 8 operations\n           2\n"
    "           3\n    2    1    2\n"
    + _rows(lambda *x: "{:5d}{:5d}{:5d}{:5d}{:5d}{:16.8f}{:16.8f}".format(*x)),
    "symmetriser, other spacing": "# symmetrised\n2\n3\n2 1 2\n"
    + _rows(lambda *x: "{:4d} {:4d} {:4d}  {:3d} {:3d}  {:.8f}  {:.8f}".format(*x)),
    "converted from +hamdata": "converted from +hamdata\n  2\n  3\n    2    1    2\n"
    + _rows(lambda *x: "    " + "    ".join(map(str, x[:5])) + "   {:.6f}   {:.6f}".format(*x[5:])),
    "converted, all digits, j fastest": "converted from +hamdata\n2\n3\n2\n1\n2\n"
    + _rows(lambda *x: " ".join(map(str, x)), j_first=True),
    "by hand": "a chain ! in eV\n2 ! Wannier functions\n3 # lattice vectors\n2 1\n\n 2\n"
    + _rows(lambda *x: "\t".join(map(str, x))).replace("\n1\t", "\n\n1\t"),
    "by hand, signs": "\n2\n3\n+2 +1 +2\n" + _rows(lambda *x: " ".join(f"{y:+}" for y in x)),
    "by hand, no title": "\n\n  2\n\n  3\n 2 1 2\n" + _rows(lambda *x: " ".join(map(str, x))),
    "by another program, exponents": "written by a program\n2\n3\n 2   1   2\n"
    + _rows(lambda *x: "{:3d} {:3d} {:3d} {:3d} {:3d} {:15.8e} {:15.8e}".format(*x)),
    "by another program, comma for blank in the title": "title, with commas: 2 3\n2\n3\n2 1 2\n"
    + _rows(lambda *x: "{} {} {} {} {} {:.17g} {:.17g}".format(*x)),
}


@pytest.mark.parametrize("hand", OTHER_HANDS)
def test_hr_by_other_hands(write, hand):
    hr = read.read_hr(write(OTHER_HANDS[hand]))
    assert_array_equal(hr.R_Rc, sample.R_Rc)
    assert_array_equal(hr.degeneracy_R, sample.DEGENERACY_R)
    assert_array_equal(hr.ham_Rij, sample.HAM_Rij)


def test_rmn(write):
    rmn = read.read_rmn(write(sample.rmn_text()))
    assert (rmn.header, rmn.n_wann) == ("written on a day", 2)
    assert_array_equal(rmn.R_Rc, sample.R_Rc)
    assert_array_equal(rmn.pos_Raij, sample.POS_Raij)


@pytest.mark.parametrize("rows_at_a_time", [1, 8])
def test_hr_in_several_tables(write, monkeypatch, rows_at_a_time):
    monkeypatch.setattr("w90spin.read.hr._ROWS_AT_A_TIME", rows_at_a_time)
    hr = read.read_hr(write(sample.hr_text()))
    assert_array_equal(hr.R_Rc, sample.R_Rc)
    assert_array_equal(hr.ham_Rij, sample.HAM_Rij)


def test_tb(write):
    tb = read.read_tb(write(sample.tb_text()))
    assert_array_equal(tb.cell_ca, sample.CELL_CA)
    assert_array_equal(tb.R_Rc, sample.R_Rc)
    assert_array_equal(tb.degeneracy_R, sample.DEGENERACY_R)
    assert_array_equal(tb.ham_Rij, sample.HAM_Rij)
    assert_array_equal(tb.pos_Raij, sample.POS_Raij)


def test_wsvec(write):
    wsvec = read.read_wsvec(write(sample.wsvec_text()))
    assert wsvec.use_ws_distance
    assert wsvec.n_wann == 2
    assert_array_equal(wsvec.R_Rc, sample.R_Rc)
    assert_array_equal(wsvec.count_Rij, sample.COUNT_Rij)
    assert_array_equal(wsvec.shift_pc, sample.SHIFT_PC)


@pytest.mark.parametrize(("said", "applied"), [(".true.", True), (".false.", False)])
def test_wsvec_already_applied_to_the_other_files(write, said, applied):
    """The header of Wannier90 4 with write_ndegen_applied."""
    text = sample.wsvec_text().replace(".true.", f".true.  write_ndegen_applied={said}", 1)
    wsvec = read.read_wsvec(write(text))
    assert (wsvec.use_ws_distance, wsvec.applied) == (True, applied)
    assert_array_equal(wsvec.shift_pc, sample.SHIFT_PC)
    assert not read.read_wsvec(write(sample.wsvec_text())).applied


def test_wsvec_without_distances(write):
    wsvec = read.read_wsvec(write(sample.wsvec_text(use_ws_distance=False)))
    assert not wsvec.use_ws_distance
    assert (wsvec.count_Rij == 1).all()
    assert not wsvec.shift_pc.any()


def test_centres(write):
    centres = read.read_centres(write(sample.CENTRES_TEXT))
    assert_array_equal(centres.centres_ia, sample.CENTRES_IA)
    assert_array_equal(centres.positions_xa, sample.POSITIONS_XA)
    assert centres.symbols == ("Bi",)


def test_eig(write):
    assert_array_equal(read.read_eig(write(sample.eig_text())).energy_kn, sample.ENERGY_KN)


def test_amn_in_order_and_shuffled(write):
    lines = sample.amn_text().splitlines()
    shuffled = "\n".join(lines[:2] + lines[:1:-1])
    for text in (sample.amn_text(), shuffled):
        assert_array_equal(read.read_amn(write(text)).amn_kni, sample.AMN_KNI)


def test_mmn(write):
    mmn = read.read_mmn(write(sample.mmn_text()))
    assert_array_equal(mmn.overlap_kbmn, sample.MMN_KBMN)
    assert_array_equal(mmn.neighbour_kb, sample.NEIGHBOUR_KB)
    assert_array_equal(mmn.G_kbc, sample.G_KBC)


MARKS = ["<i4", ">i4", "<i8", ">i8"]


@pytest.mark.parametrize("piece", [None, 100])
@pytest.mark.parametrize("mark", MARKS)
def test_spn_unformatted(write, mark, piece):
    spn = read.read_spn(write(sample.records(sample.spn_items(mark[0]), mark, piece)))
    assert spn.header == "Created on a day"
    assert_array_equal(spn.spin_ksnm, sample.SPIN_KSNM)


@pytest.mark.parametrize("mark", [None, *MARKS])
@pytest.mark.parametrize("name", ["uHu", "uIu", "sHu", "sIu"])
def test_matrices_between_neighbours(write, name, mark):
    """None: formatted, with the eleven digits of pw2wannier90."""
    if mark is None:
        path, tolerance = write(sample.xxu_text(name)), 1e-10
    else:
        path, tolerance = write(sample.records(sample.xxu_items(name, mark[0]), mark)), 0.0
    if name in ("uHu", "uIu"):
        uxu = read.read_uxu(path)
        assert uxu.header == "Created on a day"
        assert_allclose(uxu.matrix_kbpnm, sample.UXU_KBPNM, rtol=0, atol=tolerance)
    else:
        sxu = read.read_sxu(path)
        assert sxu.header == "Created on a day"
        assert_allclose(sxu.matrix_kbsnm, sample.SXU_KBSNM, rtol=0, atol=tolerance)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves its files open
@pytest.mark.parametrize("formatted", [False, True])
@pytest.mark.parametrize("name", ["uHu", "uIu", "sHu", "sIu"])
def test_matrices_between_neighbours_against_wannierberri(tmp_path, name, formatted):
    """Its axes are (k, b, p, n, m) and (k, b, n, m, s)."""
    w90files = pytest.importorskip("wannierberri.w90files.xxu")
    if not formatted:
        pytest.importorskip("fortio", reason="WannierBerri reads unformatted files with fortio")
    path = tmp_path / f"seed.{name}"
    if formatted:
        path.write_text(sample.xxu_text(name))
    else:
        path.write_bytes(sample.records(sample.xxu_items(name)))
    theirs = getattr(w90files, name.upper()).from_w90_file(
        str(tmp_path / "seed"), formatted=formatted
    )
    data = np.array([theirs.data[k] for k in range(sample.N_KPTS)])
    if name in ("uHu", "uIu"):
        assert_array_equal(read.read_uxu(path).matrix_kbpnm, data)
    else:
        assert_array_equal(read.read_sxu(path).matrix_kbsnm, data.transpose(0, 1, 4, 2, 3))


def test_spn_formatted(write):
    spn = read.read_spn(write(sample.spn_text()))
    assert_allclose(spn.spin_ksnm, sample.SPIN_KSNM, atol=1e-15)


def _assert_is_checkpoint(chk, tolerance=0.0):
    assert chk.header == "written on a day at 10:00:00"
    assert (chk.n_bands, chk.n_kpts, chk.n_neighbours, chk.n_wann) == (3, 2, 2, 2)
    assert chk.exclude_bands.tolist() == [1, 2, 5]
    assert_allclose(chk.cell_ca, sample.CELL_CA, atol=tolerance)
    assert_allclose(chk.recip_ca, CHECKPOINT.recip_ca, atol=tolerance)
    assert chk.mp_grid == (2, 1, 1)
    assert_allclose(chk.kpt_kc, sample.KPT_KC, atol=tolerance)
    assert chk.checkpoint == "postwann"
    assert chk.have_disentangled
    assert chk.omega_invariant == pytest.approx(3.25)
    assert_array_equal(chk.window_kn, CHECKPOINT.window_kn)
    assert_array_equal(chk.n_window_k, CHECKPOINT.n_window_k)
    assert_allclose(chk.u_opt_kni, CHECKPOINT.u_opt_kni, atol=tolerance)
    assert_allclose(chk.u_kij, CHECKPOINT.u_kij, atol=tolerance)
    assert_allclose(chk.overlap_kbij, CHECKPOINT.overlap_kbij, atol=tolerance)
    assert_allclose(chk.centres_ia, sample.CENTRES_IA, atol=tolerance)
    assert_allclose(chk.spreads_i, CHECKPOINT.spreads_i, atol=tolerance)


@pytest.mark.parametrize("integer", ["i4", "i8"])
@pytest.mark.parametrize("mark", MARKS)
def test_chk_unformatted(write, mark, integer):
    content = sample.records(CHECKPOINT.items(mark[0], integer), mark)
    _assert_is_checkpoint(read.read_chk(write(content)))


def test_chk_unformatted_in_pieces(write):
    _assert_is_checkpoint(read.read_chk(write(sample.records(CHECKPOINT.items(), piece=40))))


def test_chk_formatted(write):
    _assert_is_checkpoint(read.read_chk(write(CHECKPOINT.text(), "s.chk.fmt")), tolerance=1e-15)


def test_chk_without_disentanglement(write):
    checkpoint = sample.Checkpoint(disentangled=False)
    for content in (sample.records(checkpoint.items()), checkpoint.text()):
        chk = read.read_chk(write(content))
        assert not chk.have_disentangled
        assert chk.u_opt_kni is None
        assert chk.window_kn.all()
        assert chk.window_kn.shape == (2, 2)
        assert chk.n_window_k.tolist() == [2, 2]
        assert_allclose(chk.u_kij, checkpoint.u_kij, atol=1e-15)


def test_win(write):
    win = read.read_win(write(sample.WIN_TEXT))
    assert (win.n_wann, win.n_bands, win.spinors) == (2, 3, True)
    assert win.exclude_bands == (1, 2, 5)
    assert win.mp_grid == (2, 1, 1)
    assert win.keywords["fermi_energy"] == "1.5d0"
    assert win.blocks["projections"] == ("Bi:s;p",)
    assert win.symbols == ("Bi", "Te1")
    assert_allclose(win.cell_ca, BOHR * sample.CELL_CA, rtol=1e-8)
    assert_allclose(win.positions_xa[0], BOHR * np.array([1.75, 1.0, 1.5]), rtol=1e-8)
    assert_array_equal(win.kpt_kc, sample.KPT_KC)


def test_win_with_least_content(write):
    win = read.read_win(write("num_wann 4\n"))
    assert (win.n_wann, win.n_bands, win.spinors, win.exclude_bands) == (4, 4, False, ())
    assert win.cell_ca is None
    assert win.positions_xa is None
    assert win.kpt_kc is None
    assert win.mp_grid is None


def test_win_atoms_in_bohr(write):
    text = "num_wann=1\nbegin atoms_cart\nbohr\nH 1,2,3\nend atoms_cart\n"
    win = read.read_win(write(text))
    assert_allclose(win.positions_xa, BOHR * np.array([[1, 2, 3]]), rtol=1e-8)


def test_nnkp(write):
    nnkp = read.read_nnkp(write(sample.NNKP_TEXT))
    assert_array_equal(nnkp.cell_ca, sample.CELL_CA)
    assert_array_equal(nnkp.kpt_kc, sample.KPT_KC)
    assert_array_equal(nnkp.neighbour_kb, sample.NEIGHBOUR_KB)
    assert_array_equal(nnkp.G_kbc, sample.G_KBC)
    assert nnkp.exclude_bands.tolist() == [1, 5]
    assert not nnkp.spinor
    first, second = nnkp.projections
    assert (first.l, first.mr, first.radial, first.spin) == (0, 1, 1, 0)
    assert (second.l, second.mr, second.radial, second.zona) == (-3, 4, 2, 2.5)
    assert second.site_c.tolist() == [0.1, 0.2, 0.3]
    assert second.z_axis_a.tolist() == [0.0, 1.0, 0.0]
    assert second.x_axis_a.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("unit", ["Ang", "Bohr"])
def test_wout(write, unit):
    factor = 1.0 if unit == "Ang" else BOHR
    wout = read.read_wout(write(sample.WOUT_TEXT.replace("(Ang)", f"({unit})")))
    assert wout.version == "3.1.0"
    assert_allclose(wout.cell_ca, factor * sample.CELL_CA, rtol=1e-8)
    assert_allclose(wout.centres_ia, factor * sample.CENTRES_IA, rtol=1e-8)
    assert_allclose(wout.spreads_i, factor**2 * CHECKPOINT.spreads_i, rtol=1e-8)


def test_find_file_takes_plain_before_compressed(tmp_path):
    base = tmp_path / "seed"
    assert read.find_file(base, "_hr.dat") is None
    (tmp_path / "seed_hr.dat.xz").touch()
    assert read.find_file(str(base), "_hr.dat").name == "seed_hr.dat.xz"
    (tmp_path / "seed_hr.dat.gz").touch()
    assert read.find_file(base, "_hr.dat").name == "seed_hr.dat.gz"
    (tmp_path / "seed_hr.dat").touch()
    assert read.find_file(base, "_hr.dat").name == "seed_hr.dat"
