"""postw90.x of Wannier90 on the bismuth monolayer: another reader, gauge and interpolation.

The numbers and the input that gave them are in reference/, with the script.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.constants import angstrom, elementary_charge, hbar

from w90spin import load_model
from w90spin.kspace.blocks import block_sums, degenerate_blocks
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve

REFERENCE = json.loads((Path(__file__).parent / "reference" / "postw90_bi.json").read_text())
MID_GAP, WIDTH = 1.42245, 0.1  # eV

# Tolerances for bands [eV], spin, conductivity [relative].  Bands are printed to eight digits.
# From .chk: postw90 transforms with k points of ten digits, which moves H by 3e-9 eV and turns
# states 1 meV apart.  From _tb.dat: its digits move H by 5e-8 eV.
SOURCES = {"chk": (6e-7, 1e-6, 1e-7), "tb": (6e-7, 2e-5, 3e-7)}


@pytest.fixture(scope="module", params=SOURCES)
def source(request, bi_files, bi):
    if request.param == "tb":
        return bi, SOURCES["tb"]
    return load_model(bi_files, source="chk", spin="spn"), SOURCES["chk"]


def test_bands_and_spin_on_a_path(source):
    """Spin along three axes, summed over bands closer than 1 meV.

    The glide plane leaves bands only spin along z.  How far the Wannier functions break it, up to
    6e-5 along x and y, comes out the same from the checkpoint.
    """
    model, (band_error, spin_error, _) = source
    states = solve(FourierSum(model), KPoints(np.array(REFERENCE["kpt_kc"])))
    assert np.abs(states.energy_kn - REFERENCE["energy_kn"]).max() < band_error
    block_kn = degenerate_blocks(states.energy_kn, 1e-3)
    spin_ksn = np.einsum("ksnn->ksn", states.spin_ksnm).real
    found = block_sums(spin_ksn, block_kn)
    theirs_ksn = np.array([REFERENCE["spin_kn"][axis] for axis in "xyz"]).swapaxes(0, 1)
    expected = block_sums(theirs_ksn, block_kn)
    assert np.abs(found - expected).max() < spin_error


def test_optical_conductivity(source):
    """Interband r_nm on a 5x4 mesh: the absorptive part with Gaussians, the other broadened."""
    model, (_, _, error) = source
    axes = [np.arange(5) / 5, np.arange(4) / 4, [0.0]]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    states = solve(FourierSum(model), KPoints(kpt_kc))
    everything = slice(None)
    connection = states.connection_between(everything, everything)
    eps_knm = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
    occupation_kn = np.where(states.energy_kn < MID_GAP, 1.0, 0.0)
    change_knm = occupation_kn[:, :, None] - occupation_kn[:, None, :]
    volume = abs(np.linalg.det(model.cell_ca)) * angstrom
    scale = 1e-2 * elementary_charge**2 / hbar / volume / len(kpt_kc)  # S/cm
    for a, axis in enumerate("xyz"):
        strength_knm = change_knm * eps_knm * np.abs(connection[:, a]) ** 2
        for w, omega in enumerate(REFERENCE["omega_w"]):
            delta_knm = np.exp(-(((eps_knm - omega) / WIDTH) ** 2)) / (WIDTH * np.sqrt(np.pi))
            hermitian = -np.pi * scale * (strength_knm * delta_knm).sum()
            complex_sum = (strength_knm / (eps_knm - omega - 1j * WIDTH)).sum()
            antihermitian = scale * (1j * complex_sum).imag
            for name, value in (("hermitian", hermitian), ("antihermitian", antihermitian)):
                theirs_w = REFERENCE[f"kubo_{name}_w"][axis]
                assert abs(value - theirs_w[w]) < error * np.abs(theirs_w).max()
