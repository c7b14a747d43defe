"""The bismuth monolayer's files: against plain parsers, WannierBerri's readers, and one another.

The cross-file tests rebuild what one file says from others; an index or a conjugation read
the wrong way round in any of them would show.
"""

import itertools
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from w90spin import read

FOLDER = Path(__file__).parents[2] / "data" / "bi-monolayer"
BI = FOLDER / "bi"


def _open(suffix, reader):
    path = read.find_file(BI, suffix)
    assert path is not None
    return reader(path)


@pytest.fixture(scope="module")
def hr():
    return _open("_hr.dat", read.read_hr)


@pytest.fixture(scope="module")
def tb():
    return _open("_tb.dat", read.read_tb)


@pytest.fixture(scope="module")
def chk():
    return _open(".chk", read.read_chk)


@pytest.fixture(scope="module")
def eig():
    return _open(".eig", read.read_eig)


@pytest.fixture(scope="module")
def mmn():
    return _open(".mmn", read.read_mmn)


@pytest.fixture(scope="module")
def spn():
    return _open(".spn", read.read_spn)


@pytest.fixture(scope="module")
def rotation_kni(chk):
    """Bloch bands to Wannier functions, with zeros outside the window."""
    rotation_kni = np.zeros((chk.n_kpts, chk.n_bands, chk.n_wann), complex)
    for k, n_window in enumerate(chk.n_window_k):
        rotation_kni[k, chk.window_kn[k]] = chk.u_opt_kni[k, :n_window] @ chk.u_kij[k]
    return rotation_kni


def _lines(suffix):
    path = read.find_file(BI, suffix)
    with lzma.open(path, "rt") if path.suffix == ".xz" else open(path) as file:
        yield from file


def test_hr_against_plain_parser(hr):
    assert (hr.n_wann, hr.ham_Rij.shape, hr.R_Rc.shape) == (32, (49, 32, 32), (49, 3))
    assert (hr.degeneracy_R == 1).all()
    index_of = {tuple(R): index for index, R in enumerate(hr.R_Rc.tolist())}
    for line in itertools.islice(_lines("_hr.dat"), 7, None, 997):
        r1, r2, r3, i, j, re, im = line.split()
        R = index_of[int(r1), int(r2), int(r3)]
        assert hr.ham_Rij[R, int(i) - 1, int(j) - 1] == complex(float(re), float(im))


def test_tb_against_plain_parser(tb):
    assert (tb.n_wann, tb.pos_Raij.shape) == (32, (49, 3, 32, 32))
    assert_allclose(tb.cell_ca, np.diag([4.53, 4.82, 17.0]))
    index_of = {tuple(R): index for index, R in enumerate(tb.R_Rc.tolist())}
    n_seen = 0
    for number, line in enumerate(itertools.islice(_lines("_tb.dat"), 10, None)):
        words = line.split()
        if len(words) == 3:
            R = index_of[tuple(map(int, words))]
        elif words and number % 13 == 0:
            i, j = int(words[0]) - 1, int(words[1]) - 1
            values = [
                complex(float(re), float(im))
                for re, im in zip(words[2::2], words[3::2], strict=True)
            ]
            expected = [tb.ham_Rij[R, i, j]] if len(values) == 1 else tb.pos_Raij[R, :, i, j]
            assert values == list(expected)
            n_seen += 1
    assert n_seen > 7000


def test_hr_is_tb_rounded(hr, tb):
    assert_array_equal(hr.R_Rc, tb.R_Rc)
    assert_allclose(hr.ham_Rij, tb.ham_Rij, atol=1e-6)
    assert read.hermiticity_violation(hr.R_Rc, hr.ham_Rij) <= 2e-6


def test_hr_from_eig_and_chk(hr, eig, chk, rotation_kni):
    """H(R) = 1/N sum_k exp(-ik.R) V† E V, to the six decimals of the file."""
    ham_kij = np.einsum("kni,kn,knj->kij", rotation_kni.conj(), eig.energy_kn, rotation_kni)
    phase_Rk = np.exp(-2j * np.pi * hr.R_Rc @ chk.kpt_kc.T) / chk.n_kpts
    assert_allclose(np.einsum("Rk,kij->Rij", phase_Rk, ham_kij), hr.ham_Rij, atol=1e-6)


def test_tb_position_from_mmn_and_chk(tb, chk, mmn, rotation_kni):
    """Checkpoint overlaps are V†(k) M V(k+b); their logarithm and the like make r(R)."""
    next_kbni = rotation_kni[mmn.neighbour_kb]
    overlap_kbij = np.einsum(
        "kmi,kbmn,kbnj->kbij", rotation_kni.conj(), mmn.overlap_kbmn, next_kbni, optimize=True
    )
    assert_allclose(overlap_kbij, chk.overlap_kbij, atol=1e-9)

    # b vectors of this orthorhombic mesh are along the axes: w_b = 1 / (2 b²).
    b_kbc = chk.kpt_kc[mmn.neighbour_kb] + mmn.G_kbc - chk.kpt_kc[:, None]
    b_kba = b_kbc @ chk.recip_ca
    weight_kb = 0.5 / (b_kba**2).sum(axis=-1)
    eye_ij = np.eye(chk.n_wann)
    phase_Rk = np.exp(-2j * np.pi * tb.R_Rc @ chk.kpt_kc.T) / chk.n_kpts
    pos_kaij = 1j * np.einsum("kb,kba,kbij->kaij", weight_kb, b_kba, overlap_kbij - eye_ij)
    # Wannier90 takes -Im log on the diagonal.
    centre_kai = -np.einsum(
        "kb,kba,kbi->kai", weight_kb, b_kba, np.angle(np.einsum("kbii->kbi", overlap_kbij))
    )
    diagonal = np.arange(chk.n_wann)
    pos_kaij[:, :, diagonal, diagonal] = centre_kai
    pos_Raij = np.einsum("Rk,kaij->Raij", phase_Rk, pos_kaij)
    assert_allclose(pos_Raij, tb.pos_Raij, atol=1e-7)


def test_centres_agree_in_all_files(chk, tb):
    centres = read.read_centres(FOLDER / "bi_centres.xyz")
    wout = read.read_wout(FOLDER / "bi.wout")
    assert wout.version == "3.1.0"
    home = int(np.flatnonzero((tb.R_Rc == 0).all(axis=1))[0])
    from_tb_ia = np.einsum("aii->ia", tb.pos_Raij[home]).real
    assert_allclose(centres.centres_ia, chk.centres_ia, atol=6e-9)
    assert_allclose(wout.centres_ia, chk.centres_ia, atol=6e-7)
    assert_allclose(wout.spreads_i, chk.spreads_i, atol=6e-9)
    assert_allclose(from_tb_ia, chk.centres_ia, atol=1e-7)


def test_input_files_agree(chk, mmn):
    win = read.read_win(FOLDER / "bi.win")
    nnkp = read.read_nnkp(FOLDER / "bi.nnkp")
    centres = read.read_centres(FOLDER / "bi_centres.xyz")
    assert (win.n_wann, win.n_bands, win.spinors) == (32, 48, True)
    assert win.exclude_bands == tuple(range(1, 41)) == tuple(chk.exclude_bands.tolist())
    assert_array_equal(nnkp.exclude_bands, chk.exclude_bands)
    assert win.mp_grid == chk.mp_grid == (7, 7, 1)
    assert_allclose(win.cell_ca, chk.cell_ca)
    assert_allclose(nnkp.cell_ca, chk.cell_ca)
    assert_allclose(win.kpt_kc, chk.kpt_kc)
    assert_allclose(nnkp.kpt_kc, chk.kpt_kc, atol=1e-8)
    assert win.symbols == centres.symbols == ("Bi",) * 4
    assert_allclose(win.positions_xa, centres.positions_xa, atol=1e-8)
    assert_array_equal(nnkp.neighbour_kb, mmn.neighbour_kb)
    assert_array_equal(nnkp.G_kbc, mmn.G_kbc)
    assert nnkp.spinor
    assert [p.spin for p in nnkp.projections] == [1, -1] * 16
    assert [p.l for p in nnkp.projections[:8]] == [0, 0, 1, 1, 1, 1, 1, 1]


def test_amn_of_the_interlaced_projections(chk, rotation_kni):
    """Without spread minimisation the Wannier functions are the projections' subspace."""
    amn = _open(".amn", read.read_amn)
    for number, line in enumerate(itertools.islice(_lines(".amn"), 2, None)):
        if number % 997 == 0:
            n, i, k, re, im = line.split()
            found = amn.amn_kni[int(k) - 1, int(n) - 1, int(i) - 1]
            assert found == complex(float(re), float(im))
    # Löwdin's orthogonalisation inside the optimal subspace gives u_kij.
    for k in (0, 17):
        small_ij = chk.u_opt_kni[k, : chk.n_window_k[k]].conj().T @ amn.amn_kni[k]
        left, _, right = np.linalg.svd(small_ij)
        assert_allclose(left @ right, chk.u_kij[k], atol=1e-6)


def test_mmn_against_plain_parser(mmn):
    lines = list(_lines(".mmn"))
    block = 48 * 48 + 1
    for number in (0, 1, 100, 293):
        k, b = divmod(number, 6)
        assert lines[2 + number * block].split() == [
            str(k + 1),
            str(mmn.neighbour_kb[k, b] + 1),
            *map(str, mmn.G_kbc[k, b]),
        ]
        for m, n in ((0, 0), (1, 0), (0, 1), (47, 46)):
            re, im = lines[3 + number * block + 48 * n + m].split()
            assert mmn.overlap_kbmn[k, b, m, n] == complex(float(re), float(im))


def test_mmn_of_opposite_neighbours_are_adjoint(mmn):
    for k in range(49):
        for b in range(6):
            other = int(mmn.neighbour_kb[k, b])
            back = [
                c
                for c in range(6)
                if mmn.neighbour_kb[other, c] == k
                and (mmn.G_kbc[other, c] == -mmn.G_kbc[k, b]).all()
            ]
            assert len(back) == 1
            difference = mmn.overlap_kbmn[k, b] - mmn.overlap_kbmn[other, back[0]].conj().T
            assert np.abs(difference).max() < 1e-9


def test_spin_matrices_are_pauli_matrices(spn):
    """Eigenvalues within ±1; tr σx σy σz is +i times the dimension, -i if transposed."""
    sigma_ksnm = spn.spin_ksnm
    assert sigma_ksnm.shape == (49, 3, 48, 48)
    assert_array_equal(sigma_ksnm, sigma_ksnm.conj().swapaxes(2, 3))
    eigenvalue_ksn = np.linalg.eigvalsh(sigma_ksnm)
    assert np.abs(eigenvalue_ksn).max() <= 1 + 1e-6
    x, y, z = sigma_ksnm.swapaxes(0, 1)
    triple = np.einsum("kij,kjl,kli->", x, y, z) / (49 * 48)
    assert abs(triple.real) < 1e-6
    assert 0.9 < triple.imag <= 1.0


def test_spin_of_interlaced_wannier_functions(spn, rotation_kni):
    """Spin runs fastest, up then down along z: σz of the Wannier functions alternates."""
    z_ij = np.einsum(
        "kni,knm,kmj->ij", rotation_kni.conj(), spn.spin_ksnm[:, 2], rotation_kni, optimize=True
    )
    z_i = np.diag(z_ij).real / 49
    assert (z_i[0::2] > 0.7).all()
    assert (z_i[1::2] < -0.7).all()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """Plain copies, as WannierBerri takes them."""
    folder = tmp_path_factory.mktemp("bi")
    shutil.copy(FOLDER / "bi.eig", folder)
    for suffix in ("chk", "spn"):
        with lzma.open(f"{BI}.{suffix}.xz") as source, open(folder / f"bi.{suffix}", "wb") as copy:
            shutil.copyfileobj(source, copy)
    return str(folder / "bi")


def test_eig_against_wannierberri(unpacked, eig):
    w90files = pytest.importorskip("wannierberri.w90files")
    theirs = w90files.EIG.from_w90_file(unpacked)
    assert_array_equal(eig.energy_kn, np.array([theirs.data[k] for k in range(49)]))


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves its files open
def test_spn_against_wannierberri(unpacked, spn):
    w90files = pytest.importorskip("wannierberri.w90files")
    pytest.importorskip("fortio", reason="WannierBerri reads unformatted files with fortio")
    theirs = w90files.SPN.from_w90_file(unpacked)
    spin_knms = np.array([theirs.data[k] for k in range(49)])
    assert_allclose(spn.spin_ksnm, spin_knms.transpose(0, 3, 1, 2), atol=1e-10)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves its files open
def test_chk_against_wannierberri(unpacked, chk, rotation_kni):
    w90files = pytest.importorskip("wannierberri.w90files")
    pytest.importorskip("fortio", reason="WannierBerri reads unformatted files with fortio")
    theirs = w90files.CheckPoint.from_w90_file(unpacked)
    assert_array_equal(chk.cell_ca, theirs.real_lattice)
    assert_array_equal(chk.kpt_kc, theirs.kpt_red)
    assert_array_equal(chk.centres_ia, theirs.wannier_centers_cart)
    assert_array_equal(chk.spreads_i, theirs.wannier_spreads)
    assert_allclose(rotation_kni, np.array([theirs.v_matrix[k] for k in range(49)]), atol=1e-12)


def test_wsvec(hr):
    wsvec = _open("_wsvec.dat", read.read_wsvec)
    assert wsvec.use_ws_distance
    assert_array_equal(wsvec.R_Rc, hr.R_Rc)
    assert wsvec.count_Rij.shape == hr.ham_Rij.shape
    assert len(wsvec.shift_pc) == wsvec.count_Rij.sum()
    assert not (wsvec.shift_pc % [7, 7, 1]).any()

    # Plain parser of all entries.
    lines = itertools.islice(_lines("_wsvec.dat"), 1, None)
    first = 0
    for index in np.ndindex(wsvec.count_Rij.shape):
        *R_c, i, j = map(int, next(lines).split())
        count = int(next(lines))
        T_pc = [list(map(int, next(lines).split())) for _ in range(count)]
        assert (R_c, i - 1, j - 1) == (wsvec.R_Rc[index[0]].tolist(), *index[1:])
        assert count == wsvec.count_Rij[index]
        if count > 1:
            assert T_pc == wsvec.shift_pc[first : first + count].tolist()
        first += count

    # <0i|H|R+T j> pairs with <0j|H|-R-T i>.
    opposite = [wsvec.R_Rc.tolist().index((-R).tolist()) for R in wsvec.R_Rc]
    assert_array_equal(wsvec.count_Rij, wsvec.count_Rij[opposite].swapaxes(1, 2))
