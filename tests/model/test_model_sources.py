"""One crystal from several sets of files: what each must give, and how far two may differ."""

import hashlib
import lzma

import numpy as np
import pytest
from model_files import (
    CELL_CA,
    DATA,
    E_FERMI,
    FROZEN,
    MESH,
    at_k,
    furthest,
    mapped,
    words,
    write_centres,
)

import w90spin as ws
from w90spin.read import read_chk, read_eig


@pytest.fixture(scope="module")
def bi_hr(bi_folder):
    return ws.load_model(bi_folder / "bi", source="hr", spin="projections")


@pytest.fixture(scope="module")
def eig_kn():
    """Energies of bi.eig, read line by line."""
    energy_kn = np.empty((MESH[0] * MESH[1], 48))
    for band, k, energy in words(".eig"):
        energy_kn[int(k) - 1, int(band) - 1] = float(energy)
    return energy_kn


@pytest.fixture(scope="module")
def chk(bi_folder):
    return read_chk(bi_folder / "bi.chk.xz")


@pytest.fixture(scope="module")
def ham_kij(chk, eig_kn):
    """H(q) = V† E V, with V put together k by k."""
    ham_kij = []
    for k in range(chk.n_kpts):
        inside_n = np.flatnonzero(chk.window_kn[k])
        v_nj = np.zeros((chk.n_bands, chk.n_wann), complex)
        v_nj[inside_n] = chk.u_opt_kni[k, : len(inside_n)] @ chk.u_kij[k]
        ham_kij.append(v_nj.conj().T @ np.diag(eig_kn[k]) @ v_nj)
    return np.array(ham_kij)


def test_tb_and_checkpoint_give_one_hamiltonian(bi_tb, bi_chk):
    assert furthest(mapped(bi_tb, bi_tb.ham_Rij), mapped(bi_chk, bi_chk.ham_Rij)) < 1e-6


def test_tb_and_checkpoint_give_one_position(bi_tb, bi_chk):
    assert furthest(mapped(bi_tb, bi_tb.pos_Raij), mapped(bi_chk, bi_chk.pos_Raij)) < 1e-5


def test_tb_and_checkpoint_give_one_spin(bi_tb, bi_chk):
    assert furthest(mapped(bi_tb, bi_tb.spin_Rsij), mapped(bi_chk, bi_chk.spin_Rsij)) < 1e-10


def test_tb_and_checkpoint_give_one_lattice(bi_tb, bi_chk):
    assert np.array_equal(bi_tb.R_Rc, bi_chk.R_Rc)
    for model in (bi_tb, bi_chk):
        assert np.abs(model.cell_ca - CELL_CA).max() < 1e-6
        assert model.periodic == (True, True, False)
        assert model.measure == pytest.approx(4.53 * 4.82, abs=1e-5)


def test_hr_with_wsvec_gives_the_hamiltonian_to_its_six_decimals(bi_hr, bi_chk):
    apart = furthest(mapped(bi_hr, bi_hr.ham_Rij), mapped(bi_chk, bi_chk.ham_Rij))
    assert 1e-8 < apart < 2e-6


def test_hr_has_the_centres_as_position_and_says_so(bi_hr):
    centres_ia = np.array([line[1:] for line in words("_centres.xyz")[2:34]], float)
    home = int(np.flatnonzero(~bi_hr.R_Rc.any(axis=1))[0])
    expected_Raij = np.zeros_like(bi_hr.pos_Raij)
    expected_Raij[home, :, range(32), range(32)] = centres_ia
    assert np.abs(bi_hr.pos_Raij - expected_Raij).max() < 1e-12
    assert any("position operator is diagonal" in note for note in bi_hr.notes)


@pytest.mark.parametrize("source", ["bi_tb", "bi_chk", "bi_hr", "bi_midpoint"])
def test_operators_are_hermitian_after_symmetrisation(source, request):
    model = request.getfixturevalue(source)
    for op_Rxij in (model.ham_Rij, model.pos_Raij, model.spin_Rsij):
        at = mapped(model, op_Rxij)
        for R, op_xij in at.items():
            minus = at[tuple(-r for r in R)]
            assert np.abs(op_xij - minus.swapaxes(-1, -2).conj()).max() < 1e-14


@pytest.mark.parametrize("source", ["bi_tb", "bi_chk"])
def test_the_violation_by_wannier90_is_reported(source, request):
    model = request.getfixturevalue(source)
    assert model.hermiticity["pos"] == pytest.approx(0.0518, abs=5e-4)  # Å
    assert model.hermiticity["ham"] < 1e-9
    assert model.hermiticity["spin"] < 1e-9


def test_midpoint_position_is_hermitian_as_it_stands(bi_midpoint):
    assert bi_midpoint.hermiticity["pos"] < 1e-6


def test_midpoint_position_differs_by_the_error_of_the_mesh_only(bi_midpoint, bi_chk):
    apart = furthest(mapped(bi_midpoint, bi_midpoint.pos_Raij), mapped(bi_chk, bi_chk.pos_Raij))
    assert 0.01 < apart < 0.2  # Å
    assert np.array_equal(bi_midpoint.ham_Rij, bi_chk.ham_Rij)


def test_midpoint_position_has_the_centres_on_its_diagonal(bi_midpoint):
    home = int(np.flatnonzero(~bi_midpoint.R_Rc.any(axis=1))[0])
    centres_ia = np.array([line[1:] for line in words("_centres.xyz")[2:34]], float)
    diagonal_ia = np.einsum("aii->ia", bi_midpoint.pos_Raij[home])
    assert np.abs(diagonal_ia - centres_ia).max() < 1e-6


def test_midpoint_position_keeps_the_crystal_symmetry(bi_midpoint, bi_tb):
    """The mirror x -> -x and the glide allow xz and zx only."""
    allowed_sb = np.zeros((3, 3), bool)
    allowed_sb[[0, 2], [2, 0]] = True
    response = ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=E_FERMI)
    share = {}
    for name, model in (("midpoint", bi_midpoint), ("wannier90", bi_tb)):
        result = ws.compute(model, [response], mesh=ws.UniformMesh(n=60))
        size_wsb = np.abs(result["upsilon1"].values[0, 0, 0])
        share[name] = (size_wsb[:, ~allowed_sb].max(axis=1) / size_wsb.max(axis=(1, 2))).max()
        assert size_wsb[0].argmax() == 6  # zx
    assert share["midpoint"] < 0.003
    assert 0.01 < share["wannier90"] < 0.03


def test_midpoint_needs_the_overlaps(bi_folder):
    with pytest.raises(ws.W90SpinError, match=r"\.mmn.*source = 'chk'"):
        ws.load_model(bi_folder / "bi", source="tb", position="midpoint")


@pytest.mark.parametrize(
    ("window", "largest", "rms"),
    [
        ((E_FERMI - 0.5, E_FERMI + 0.5), 8.4, 3.0),
        ((E_FERMI - 1.0, E_FERMI + 1.0), 15.2, 3.2),
        ((-6.0 + E_FERMI, 1.5 + E_FERMI), 26.5, 3.2),
    ],
)
def test_bands_follow_the_dft(bi_tb, window, largest, rms):
    """Differences in meV that the data set's own page states."""
    rows = np.loadtxt(DATA / "bands_dft.dat")
    assert rows.shape == (27, 3 + 32)
    bands_kn = [np.linalg.eigvalsh(at_k(bi_tb.ham_Rij, bi_tb.R_Rc, row[:3])) for row in rows]
    inside_kn = (rows[:, 3:] > window[0]) & (rows[:, 3:] < window[1])
    apart = 1e3 * (np.array(bands_kn) - rows[:, 3:])[inside_kn]
    assert np.abs(apart).max() == pytest.approx(largest, abs=0.1)
    assert np.sqrt((apart**2).mean()) == pytest.approx(rms, abs=0.1)


def test_images_share_out_the_hamiltonian_of_the_mesh(bi_chk, chk, ham_kij):
    """Exactly, although the k points in the files have ten digits only."""
    for kpt_c, ham_ij in zip(np.rint(7 * chk.kpt_kc) / 7, ham_kij, strict=True):
        assert np.abs(at_k(bi_chk.ham_Rij, bi_chk.R_Rc, kpt_c) - ham_ij).max() < 1e-12


def test_tb_has_the_hamiltonian_of_the_mesh(bi_tb, chk, ham_kij):
    for kpt_c, ham_ij in zip(chk.kpt_kc, ham_kij, strict=True):
        assert np.abs(at_k(bi_tb.ham_Rij, bi_tb.R_Rc, kpt_c) - ham_ij).max() < 1e-6


def test_frozen_bands_are_those_of_the_dft(bi_tb, chk, eig_kn):
    """Below the top of the frozen window the subspace holds every ab-initio state."""
    n_compared = 0
    for kpt_c, energy_n in zip(chk.kpt_kc, eig_kn, strict=True):
        band_n = np.linalg.eigvalsh(at_k(bi_tb.ham_Rij, bi_tb.R_Rc, kpt_c))
        frozen_n = energy_n[energy_n < FROZEN]
        assert np.abs(band_n[: len(frozen_n)] - frozen_n).max() < 1e-6
        n_compared += len(frozen_n)
    assert n_compared > 49 * 20


def test_reading_with_the_package_is_reading_line_by_line(bi_folder, eig_kn):
    assert np.array_equal(read_eig(bi_folder / "bi.eig").energy_kn, eig_kn)


def test_without_minimal_distances_the_bare_list_is_kept(bi_folder, bi_tb, chk):
    bare = ws.load_model(bi_folder / "bi", source="tb", spin="none", minimal_distance=False)
    assert len(bare.R_Rc) == 49
    kpt_c = (
        np.rint(7 * chk.kpt_kc[10]) / 7
    )  # on the mesh both lists give one H, between its points they do not
    middle_c = kpt_c + np.array([1 / 14, 1 / 14, 0.0])
    for point_c, low, high in ((kpt_c, 0.0, 1e-12), (middle_c, 1e-3, 1.0)):
        apart = at_k(bare.ham_Rij, bare.R_Rc, point_c) - at_k(bi_tb.ham_Rij, bi_tb.R_Rc, point_c)
        assert low <= np.abs(apart).max() < high


def test_inputs_are_named_with_their_hashes(bi_tb, bi_folder):
    assert {"bi_tb.dat.xz", "bi_wsvec.dat.xz", "bi.win", "bi.spn.xz", "bi.chk.xz"} <= {
        *bi_tb.inputs
    }
    for name, digest in bi_tb.inputs.items():
        assert digest == hashlib.sha256((bi_folder / name).read_bytes()).hexdigest()


def test_plain_and_compressed_files_are_one(bi_folder, tmp_path, lay):
    seed = lay(".win", "_wsvec.dat")
    packed = bi_folder / "bi_tb.dat.xz"
    (seed.parent / "bi_tb.dat").write_bytes(lzma.decompress(packed.read_bytes()))
    plain = ws.load_model(seed, spin="none")
    same = ws.load_model(bi_folder / "bi", source="tb", spin="none")
    assert plain.fingerprint == same.fingerprint
    assert "bi_tb.dat" in plain.inputs


def test_a_slab_cut_by_the_boundary_is_joined(bi_folder, lay):
    """Centres folded into one cell: the lower sheet 17 Å too high, and nothing else changed."""
    whole = ws.load_model(bi_folder / "bi", source="hr", spin="none")
    seed = lay(".win", "_hr.dat", "_wsvec.dat")
    lines = words("_centres.xyz")[2:]
    folded = [(line[0], np.array(line[1:], float)) for line in lines]
    for _, place_a in folded:
        place_a[2] %= 17.0
    write_centres(seed, [place_a for _, place_a in folded[:32]], folded[32:])
    joined = ws.load_model(seed, source="hr", spin="none")
    apart_ia = joined.centres_ia - whole.centres_ia
    assert np.abs(apart_ia - apart_ia[0]).max() < 1e-6
    assert abs(apart_ia[0, 2]) in (pytest.approx(0.0, abs=1e-6), pytest.approx(17.0, abs=1e-6))
    assert np.array_equal(joined.ham_Rij, whole.ham_Rij)
    assert any("16 Wannier functions beyond the cell's boundary" in note for note in joined.notes)
