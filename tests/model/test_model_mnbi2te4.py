"""The bilayer of MnBi2Te4: spin from _spin_R.npz, minimal distances already in the list of R."""

from pathlib import Path

import numpy as np
import pytest

import w90spin as ws

DATA = Path(__file__).parents[2] / "data" / "mnbi2te4-bilayer"
MU = 3.125005  # eV
OCCUPIED = 58


@pytest.fixture(scope="module")
def bilayer():
    return ws.load_model(DATA / "mnbi2te4_2SL")


@pytest.fixture(scope="module")
def layers(bilayer):
    return ws.partition(bilayer, by="layer")


def at_point(model, op_Rxij, kpt_c):
    """Plain Fourier sum of an operator."""
    return np.einsum("R,R...ij->...ij", np.exp(2j * np.pi * model.R_Rc @ kpt_c), op_Rxij)


def dft_bands(name):
    table = np.loadtxt(DATA / name, ndmin=2)
    return table[:, :3], table[:, -92:]


def test_layers_are_those_of_the_file_of_orbitals(bilayer, layers):
    lines = (DATA / "orbitals.txt").read_text("utf-8").splitlines()[1:]
    by_file = [line.split()[3] for line in lines]
    assert bilayer.n_wann == len(by_file) == 92
    assert layers.names == ("A", "B")
    assert [layers.names[q] for q in layers.weights_li.argmax(axis=0)] == by_file
    assert np.isin(layers.weights_li, (0.0, 1.0)).all()


def test_bands_against_dft(bilayer):
    """Mesh points exactly, the others as well as the README of the data says."""
    kpt_kc, dft_kn = dft_bands("bands_dft_soc.dat")
    energy_kn = np.linalg.eigvalsh([at_point(bilayer, bilayer.ham_Rij, k) for k in kpt_kc])
    off_kn = np.where((dft_kn > MU - 6.0) & (dft_kn < MU + 1.45), np.abs(energy_kn - dft_kn), 0.0)
    on_mesh_k = np.abs(6 * kpt_kc - np.round(6 * kpt_kc)).max(axis=1) < 1e-6
    assert on_mesh_k.sum() == 7
    assert off_kn[on_mesh_k].max() < 1e-4
    assert 5e-3 < off_kn[~on_mesh_k].max() < 21e-3
    gap_k = energy_kn[:, OCCUPIED] - energy_kn[:, OCCUPIED - 1]
    assert gap_k[0] == pytest.approx(98.9e-3, abs=1e-4)
    # A point without symmetry, on the side of Γ where k and -k differ.
    kpt_kc, dft_kn = dft_bands("bands_dft_extra.dat")
    energy_n = np.linalg.eigvalsh(at_point(bilayer, bilayer.ham_Rij, kpt_kc[0]))
    near_n = np.abs(dft_kn[0] - MU) < 0.5
    assert np.abs(energy_n - dft_kn[0])[near_n].max() < 12.7e-3
    other_n = np.linalg.eigvalsh(at_point(bilayer, bilayer.ham_Rij, -kpt_kc[0]))
    assert np.abs(other_n - energy_n)[OCCUPIED - 1] > 0.03


def test_pt_pairs_and_moments_of_the_layers(bilayer, layers):
    """Every band is double; layers carry opposite spins along z, the README's 4.961."""
    spin_ls = np.zeros((2, 3))
    mesh = [(i / 6, j / 6, 0.0) for i in range(6) for j in range(6)]
    for kpt_c in mesh:
        energy_n, u_in = np.linalg.eigh(at_point(bilayer, bilayer.ham_Rij, kpt_c))
        assert np.ptp(energy_n.reshape(46, 2), axis=1).max() < 2e-7
        spin_sij = at_point(bilayer, bilayer.spin_Rsij, kpt_c)
        density_ij = u_in[:, :OCCUPIED] @ u_in[:, :OCCUPIED].conj().T
        spin_ls += np.einsum("li,sij,ji->ls", layers.weights_li, spin_sij, density_ij).real
    spin_ls /= len(mesh)
    assert spin_ls[:, 2] == pytest.approx([4.961, -4.961], abs=1e-3)
    assert np.abs(spin_ls[:, :2]).max() < 1e-4


def test_moments_make_it_a_magnet_with_pt(bilayer):
    """-3'm' with twelve operations; PT holds to the digits of the files, C3 less well."""
    measured = ws.measure_symmetry(bilayer.with_moments([0] * 3 + [1] + [0] * 6 + [-1] + [0] * 3))
    assert "164.88" in str(measured)
    table = str(measured).splitlines()
    assert len(table) == 2 + 12
    (inversion,) = (line for line in table if line.split()[0] == "-x,-y,-z,-1")
    assert all(float(word) < 2e-6 for word in inversion.split()[2:])
    assert "largest violation 4.2e-04 eV in H, 8.1e-03 Å in r" in table[0]
