"""Closest Wannier functions: the polar decomposition, and bismuth against DFT and Wannier90."""

import numpy as np
import pytest
from bloch import ham_ours
from hypothesis import given, settings
from hypothesis import strategies as st

import w90spin as ws
from w90spin.errors import FileMissingError, InconsistentFilesError, ModelError, SpinOrderError
from w90spin.model.checkpoint import bloch_to_wannier
from w90spin.model.closest import closest_wannier, energy_window, load_closest
from w90spin.read import AmnFile, EigFile, read_amn, read_chk, read_eig, read_spn

E_FERMI = 1.42245
WINDOW = (-np.inf, 2.5, 0.5)
N_OCCUPIED = 20


def files(n_kpts, n_bands, n_wann, seed):
    rng = np.random.default_rng(seed)
    shape = (n_kpts, n_bands, n_wann)
    amn_kni = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    energy_kn = np.sort(rng.uniform(-2.0, 2.0, shape[:2]), axis=1)
    return EigFile("x.eig", energy_kn), AmnFile("x.amn", "", amn_kni)


def unitary(n, rng):
    return np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]


seeds = st.integers(0, 2**31)
windows = st.sampled_from([None, (-np.inf, 0.5, 0.3), (-1.0, 1.0, 0.5), (-9.0, np.inf, 2.0)])


@settings(max_examples=25, deadline=None)
@given(seeds, windows)
def test_the_columns_are_orthonormal_and_nearest(seed, window):
    """V†V = 1, V†(wA) is positive, and no rotated set is nearer to the weighted orbitals."""
    eig, amn = files(2, 6, 3, seed)
    v_knj = closest_wannier(eig, amn, window=window)
    adjoint_kjn = v_knj.conj().swapaxes(1, 2)
    np.testing.assert_allclose(
        adjoint_kjn @ v_knj, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-13
    )
    weight_kn = np.ones((2, 6)) if window is None else energy_window(eig.energy_kn, window)
    target_kni = weight_kn[:, :, None] * amn.amn_kni
    positive_kij = adjoint_kjn @ target_kni
    np.testing.assert_allclose(positive_kij, positive_kij.conj().swapaxes(1, 2), atol=1e-12)
    assert np.linalg.eigvalsh(positive_kij).min() > 0.0
    rng = np.random.default_rng(seed)
    for _ in range(5):
        other_knj = np.stack([unitary(6, rng)[:, :3] for _ in range(2)])
        assert np.linalg.norm(v_knj - target_kni) <= np.linalg.norm(other_knj - target_kni)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_without_a_window_it_is_loewdin(seed):
    """A (A†A)^(-1/2), the root taken from the eigenvectors of the overlap."""
    eig, amn = files(3, 5, 4, seed)
    for v_nj, amn_ni in zip(closest_wannier(eig, amn), amn.amn_kni, strict=True):
        overlap_i, turn_ij = np.linalg.eigh(amn_ni.conj().T @ amn_ni)
        root_ij = (turn_ij / np.sqrt(overlap_i)) @ turn_ij.conj().T
        np.testing.assert_allclose(v_nj, amn_ni @ root_ij, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(seeds, windows)
def test_phases_of_bloch_states_and_rotations_of_orbitals(seed, window):
    """The Wannier functions keep still under the first and turn with the second."""
    rng = np.random.default_rng(seed)
    eig, amn = files(2, 6, 3, seed)
    v_knj = closest_wannier(eig, amn, window=window)
    phase_kn = np.exp(2j * np.pi * rng.uniform(size=(2, 6)))
    rotation_ij = unitary(3, rng)
    turned_kni = phase_kn[:, :, None] * amn.amn_kni @ rotation_ij
    np.testing.assert_allclose(
        closest_wannier(eig, AmnFile("x.amn", "", turned_kni), window=window),
        phase_kn[:, :, None] * v_knj @ rotation_ij,
        atol=1e-9,
    )


def test_as_many_functions_as_bands_keep_every_band():
    eig, amn = files(2, 4, 4, 1)
    v_knj = closest_wannier(eig, amn, window=(-np.inf, 0.0, 0.5))
    ham_kij = v_knj.conj().swapaxes(1, 2) @ (eig.energy_kn[:, :, None] * v_knj)
    np.testing.assert_allclose(np.linalg.eigvalsh(ham_kij), eig.energy_kn, atol=1e-12)


def test_a_window_around_one_group_of_bands_takes_that_group():
    """Two groups 100 smearings apart: V spans the group inside, whatever the projections."""
    eig, amn = files(3, 6, 2, 4)
    energy_kn = eig.energy_kn * 0.01 + np.repeat([-10.0, 0.0, 10.0], 2)
    v_knj = closest_wannier(EigFile("x.eig", energy_kn), amn, window=(-1.0, 1.0, 0.1))
    weight_kn = (np.abs(v_knj) ** 2).sum(axis=2)
    np.testing.assert_allclose(weight_kn, np.tile([0, 0, 1, 1, 0, 0], (3, 1)), atol=1e-6)


def test_window():
    """Half at an edge, e : 1 one smearing beyond it, and refused if it is none."""
    weight_n = energy_window(np.array([[-np.inf, -3.0, 0.0, 3.0, 4.0]]), (-3.0, 3.0, 1.0))[0]
    np.testing.assert_allclose(
        weight_n, [0.0, 0.5, 1 / (1 + np.exp(-3)) ** 2, 0.5, 1 / (1 + np.e)], rtol=3e-3
    )
    for window in ((1.0, 0.0, 0.1), (0.0, 1.0, 0.0), (0.0, np.nan, 0.1)):
        with pytest.raises(ModelError, match="a positive smearing"):
            energy_window(np.zeros((1, 1)), window)


def test_singular_projections():
    eig, amn = files(3, 6, 3, 2)
    alike_kni = amn.amn_kni.copy()
    alike_kni[1, :, 2] = 2j * alike_kni[1, :, 0]
    with pytest.raises(ModelError, match=r"x.amn: at k point 2 .* span 2 states instead of 3"):
        closest_wannier(eig, AmnFile("x.amn", "", alike_kni))
    with pytest.raises(ModelError, match=r"in the window .* A window that reaches higher"):
        closest_wannier(eig, amn, window=(-np.inf, eig.energy_kn[:, 1].max(), 1e-3))
    with pytest.raises(ModelError, match="span 0 states instead of 3"):
        closest_wannier(eig, AmnFile("x.amn", "", 0.0 * amn.amn_kni))


def test_counts():
    eig, amn = files(2, 6, 3, 2)
    with pytest.raises(InconsistentFilesError, match=r"2 k points and 6 bands, x\.eig 2 and 5"):
        closest_wannier(EigFile("x.eig", eig.energy_kn[:, :5]), amn)
    few = AmnFile("x.amn", "", amn.amn_kni[:, :2])
    with pytest.raises(InconsistentFilesError, match="2 bands for 3 trial orbitals"):
        closest_wannier(EigFile("x.eig", eig.energy_kn[:, :2]), few)


@pytest.fixture(scope="module")
def bi_files(bi_folder):
    return read_eig(bi_folder / "bi.eig"), read_amn(bi_folder / "bi.amn.xz")


@pytest.fixture(scope="module")
def bi_closest(bi_folder):
    return load_closest(bi_folder / "bi", window=WINDOW, position="midpoint")


@pytest.fixture(scope="module")
def dft(bi_folder):
    table = np.loadtxt(bi_folder / "bands_dft.dat")
    return table[:, :3], table[:, 3:]


def energies(model, kpt_kc):
    return np.linalg.eigvalsh(np.stack([ham_ours(model, kpt_c) for kpt_c in kpt_kc]))


def mesh_points():
    return np.stack(np.meshgrid(*[np.arange(7) / 7] * 2, [0.0], indexing="ij"), -1).reshape(-1, 3)


def test_occupied_bands_on_the_mesh(bi_closest, bi_files):
    """Those of the .eig to 3 μeV, up to 1 eV above the gap to 10 μeV."""
    energy_kn = energies(bi_closest, mesh_points())
    ab_initio_kn = bi_files[0].energy_kn[:, :32]
    apart_kn = np.abs(energy_kn - ab_initio_kn)
    assert apart_kn[:, :N_OCCUPIED].max() < 3e-6
    assert apart_kn[ab_initio_kn < E_FERMI + 1.0].max() < 1e-5
    assert bi_closest.frozen_window == (pytest.approx(-11.2769, abs=1e-3), 2.5)
    assert any("Bands against bi.eig on the ab-initio mesh" in note for note in bi_closest.notes)


def test_bands_between_mesh_points(bi_closest, bi_chk, dft):
    """DFT bands along Γ-X-S-Y-Γ: nearer than those of the Wannier90 run. [eV]"""
    kpt_kc, dft_kn = dft
    apart_kn = np.abs(energies(bi_closest, kpt_kc)[:, : dft_kn.shape[1]] - dft_kn)
    wannier90_kn = np.abs(energies(bi_chk, kpt_kc)[:, : dft_kn.shape[1]] - dft_kn)
    for near, largest, rms in ((0.5, 0.007, 0.0022), (1.0, 0.010, 0.0026)):
        inside_kn = np.abs(dft_kn - E_FERMI) < near
        assert apart_kn[inside_kn].max() < largest < wannier90_kn[inside_kn].max()
        assert np.sqrt((apart_kn[inside_kn] ** 2).mean()) < rms
    energy_kn = energies(bi_closest, kpt_kc)
    gap = (energy_kn[:, N_OCCUPIED] - energy_kn[:, N_OCCUPIED - 1]).min()
    assert gap == pytest.approx(0.400, abs=0.005)  # of the DFT bands at these points


def test_without_a_window_48_bands_are_no_32(bi_folder, bi_files, lay):
    """Löwdin's orbitals of all bands: bands 0.4 eV off, and the model says so."""
    seedname = lay(".amn", ".eig", ".nnkp", ".win")
    with pytest.warns(ws.W90SpinWarning, match="without regard to energy"):
        model = load_closest(seedname, spin="none")
    apart_kn = (
        energies(model, mesh_points())[:, :N_OCCUPIED] - bi_files[0].energy_kn[:, :N_OCCUPIED]
    )
    assert 0.3 < np.abs(apart_kn).max() < 0.5
    assert any("without regard to energy" in note for note in model.notes)
    assert model.frozen_window is None


def test_the_space_is_that_of_the_checkpoint_where_both_are_frozen(bi_folder, bi_files):
    """Occupied states lie in both; the gauges, both near the trial orbitals, agree to 0.99."""
    v_knj = closest_wannier(*bi_files, window=WINDOW)
    chk_knj = bloch_to_wannier(read_chk(bi_folder / "bi.chk.xz"))
    inside_kn = np.einsum("knj,knj->kn", v_knj, v_knj.conj()).real
    np.testing.assert_allclose(inside_kn[:, :N_OCCUPIED], 1.0, atol=1e-6)
    alike_kj = np.abs(np.einsum("knj,knj->kj", v_knj.conj(), chk_knj))
    assert alike_kj.mean() > 0.97
    assert alike_kj.min() > 0.8


def test_spin_on_the_mesh(bi_closest, bi_folder):
    """Tr over occupied states of σ_s σ_s' is that of the .spn: V turns it, losing 1e-3 of 20."""
    spin_ksnm = read_spn(bi_folder / "bi.spn.xz").spin_ksnm[:, :, :N_OCCUPIED, :N_OCCUPIED]
    for k, kpt_c in enumerate(mesh_points()):
        if k % 10:
            continue
        _, u_in = np.linalg.eigh(ham_ours(bi_closest, kpt_c))
        phase_R = np.exp(2j * np.pi * bi_closest.R_Rc @ kpt_c)
        spin_sij = np.tensordot(phase_R, bi_closest.spin_Rsij, axes=1)
        occupied_in = u_in[:, :N_OCCUPIED]
        ours_snm = occupied_in.conj().T @ spin_sij @ occupied_in
        for s in range(3):
            np.testing.assert_allclose(
                np.einsum("nm,tmn->t", ours_snm[s], ours_snm),
                np.einsum("nm,tmn->t", spin_ksnm[k, s], spin_ksnm[k]),
                atol=1e-3,
            )
    assert bi_closest.spin_source == ".spn"
    assert bi_closest.spin_pairs.tolist() == [[2 * p, 2 * p + 1] for p in range(16)]


def test_a_response_like_that_of_the_checkpoint(bi_folder, bi_chk):
    """Spin polarisability of the gapped layer from two sets of Wannier functions: to 3 %.

    The 7x7 mesh fixes interband quantities no better: with half the smearing they differ by 7 %.
    """
    response = ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=[E_FERMI])
    closest = load_closest(bi_folder / "bi", window=(-np.inf, 2.5, 1.0))
    one, other = (
        ws.compute(model, [response], mesh=ws.UniformMesh(n=24))["upsilon1"].values
        for model in (closest, bi_chk)
    )
    assert np.abs(one - other).max() < 0.03 * np.abs(other).max()


def test_the_position_operator(bi_closest, bi_chk, lay):
    """Centres stay on the atoms, as in the checkpoint; without .mmn they are the sites."""
    np.testing.assert_allclose(bi_closest.centres_ia, bi_chk.centres_ia, atol=0.15)
    sites_only = load_closest(lay(".amn", ".eig", ".nnkp", ".win"), window=WINDOW, spin="none")
    np.testing.assert_allclose(
        sites_only.centres_ia, np.repeat(bi_chk.structure.positions_xa, 8, axis=0), atol=1e-4
    )
    assert any("position operator is diagonal" in note for note in sites_only.notes)
    np.testing.assert_allclose(sites_only.ham_Rij, bi_closest.ham_Rij, atol=1e-12)
    assert sites_only.periodic == (True, True, False)
    assert set(sites_only.inputs) == {"bi.amn.xz", "bi.eig", "bi.nnkp", "bi.win"}


def test_fewer_files(lay, bi_closest, tmp_path):
    """The .win alone tells sites of simple projections; the .nnkp alone lattice and k points."""
    by_win = load_closest(lay(".amn", ".eig", ".win"), window=WINDOW, spin="projections")
    assert by_win.spin_pairs.tolist() == bi_closest.spin_pairs.tolist()
    assert by_win.spin_source.startswith("pure spinors")
    home = by_win.R_Rc.tolist().index([0, 0, 0])
    assert np.abs(by_win.spin_Rsij[home] - bi_closest.spin_Rsij[home]).max() < 0.05
    by_nnkp = load_closest(
        lay(".amn", ".eig", ".nnkp", ".spn", folder=tmp_path / "nnkp"), window=WINDOW
    )
    np.testing.assert_allclose(by_nnkp.centres_ia, by_win.centres_ia, atol=2e-4)
    for model in (by_win, by_nnkp):
        np.testing.assert_allclose(model.ham_Rij, bi_closest.ham_Rij, atol=1e-5)
    assert by_nnkp.structure is None
    assert by_nnkp.spin_source == ".spn"


@pytest.mark.parametrize(
    ("suffixes", "missing"),
    [
        ((".eig", ".nnkp"), r"bi\.amn: the file is not there"),
        ((".amn", ".nnkp"), r"bi\.eig: the file is not there"),
        ((".amn", ".eig"), r"neither a \.nnkp nor a \.win"),
    ],
)
def test_missing_files(lay, suffixes, missing):
    with pytest.raises(FileMissingError, match=missing):
        load_closest(lay(*suffixes), window=WINDOW)


def test_missing_spin(lay):
    seedname = lay(".amn", ".eig", ".nnkp")
    with pytest.raises(FileMissingError, match=r"bi\.spn: the file is not there"):
        load_closest(seedname, window=WINDOW, spin="spn")
    model = load_closest(seedname, window=WINDOW)
    assert model.spin_Rsij is None
    assert any("No spin operator" in note for note in model.notes)
    with pytest.raises(SpinOrderError, match="spin_order"):
        load_closest(seedname, window=WINDOW, spin_order="upside down")


def edit_win(seedname, bi_folder, old, new):
    path = seedname.with_name("bi.win")
    text = (bi_folder / "bi.win").read_text()
    assert old in text
    path.unlink(missing_ok=True)
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "line", ["f=0.5,0:s", "c=a,b,c:s", "g=0,0,0:s", "Bi:s;dark", "Sb:s;p", "random"]
)
def test_projections_that_cannot_be_read_off(lay, bi_folder, line):
    seedname = lay(".amn", ".eig")
    edit_win(seedname, bi_folder, "Bi:s;p", line)
    with pytest.raises(ModelError, match=r"cannot be read off.*centres="):
        load_closest(seedname, window=WINDOW)


@pytest.mark.parametrize("kind", ["f", "c", "c in bohr"])
def test_projections_at_points(lay, bi_folder, kind):
    """The four atoms by their coordinates: sites and Hamiltonian are those of 'Bi:s;p'."""
    by_name = load_closest(lay(".amn", ".eig", ".win"), window=WINDOW, spin="none")
    cell = np.diag([4.53, 4.82, 17.0])
    atom_xa = by_name.structure.positions_xa
    points = {
        "f": atom_xa @ np.linalg.inv(cell),
        "c": atom_xa,
        "c in bohr": atom_xa / 0.529177210544,
    }[kind]
    lines = [f"{kind[0]} = {x:.10f}, {y:.10f}, {z:.10f} : s; p" for x, y, z in points]
    seedname = lay()
    edit_win(
        seedname, bi_folder, "Bi:s;p", "\n".join([*(["bohr"] if "bohr" in kind else []), *lines])
    )
    at_points = load_closest(seedname, window=WINDOW, spin="none")
    np.testing.assert_allclose(at_points.centres_ia, by_name.centres_ia, atol=1e-7)
    np.testing.assert_allclose(at_points.ham_Rij, by_name.ham_Rij, atol=1e-9)


def test_files_of_different_runs(lay, bi_folder, tmp_path):
    seedname = lay(".amn", ".eig")
    edit_win(seedname, bi_folder, "Bi:s;p", "Bi:p")
    with pytest.raises(
        InconsistentFilesError, match=r"32 trial orbitals, the sites have .*\(24, 3\)"
    ):
        load_closest(seedname, window=WINDOW)
    seedname = lay(".amn", ".eig", ".nnkp", folder=tmp_path / "cells")
    edit_win(seedname, bi_folder, "0 4.82 0", "0 4.92 0")
    with pytest.raises(InconsistentFilesError, match="do not have the same lattice and k points"):
        load_closest(seedname, window=WINDOW)


def test_sites_as_given(lay, bi_closest):
    """centres= needs no projections; a slab cut by the boundary is joined."""
    sites_ia = bi_closest.structure.positions_xa.repeat(8, axis=0)
    sites_ia[8:16, 2] += 17.0
    model = load_closest(lay(".amn", ".eig", ".nnkp"), window=WINDOW, centres=sites_ia)
    assert np.ptp(model.centres_ia[:, 2]) == pytest.approx(2 * 1.7635)
    np.testing.assert_allclose(model.ham_Rij, bi_closest.ham_Rij, atol=1e-5)
