"""Sum rules of the quantum geometry of spin: derivatives of a band's spin and spin current.

Sum_m OmegaZ^{bs}_nm + (D_b sigma_s)_nn = d_b (sigma_s)_nn
Sum_m 2 (e_n - e_m) g^{ab;s}_nm + (D_b J_as)_nn = d_b (J_as)_nn

summed over degenerate levels.  The left sums are the package's; the right sides are finite
differences of traces over levels, and the covariant derivatives come from operators in the
Wannier gauge.
"""

import numpy as np
import pytest
from geometry_models import (
    derivatives,
    doubled_model,
    halves,
    level_rows,
    projectors,
    random_with,
    slopes_of_levels,
)
from reference import assert_close, bloch_sum, random_model, random_parts, states_at

from w90spin.response import ZeemanGeometry
from w90spin.response.quantum_geometry import spin_qgt


def single_bands(rng):
    return random_model(rng, 6, reach=(1, 1, 1)), [1] * 6, random_parts(rng, 6)


def twofold(rng):
    return doubled_model(rng, 3, reach=(1, 1, 1)), [2] * 3, random_parts(rng, 6)


def kramers(rng):
    """PT; its parts are exchanged, so that each of them has spin in a Kramers pair."""
    model = random_with(rng, inversion=True, time_reversal=True, reach=(1, 1, 1))
    return model, [2] * 4, halves(model)


CASES = pytest.mark.parametrize("make", [single_bands, twofold, kramers])


def setting(make, seed):
    rng = np.random.default_rng(seed)
    model, sizes, parts = make(rng)
    kpt_c = rng.uniform(size=3)
    energy, levels = projectors(bloch_sum(model, model.ham_Rij, kpt_c), sizes)
    assert np.diff(energy).min() > 0.02
    states = states_at(model, [kpt_c])
    rows = level_rows(sizes)
    assert states.block_kn[0].tolist() == np.arange(len(sizes)).repeat(sizes).tolist()
    return model, sizes, parts, kpt_c, states, rows, energy, levels


@CASES
@pytest.mark.parametrize("seed", range(3))
def test_spin_of_a_band(make, seed):
    model, sizes, parts, kpt_c, states, rows, _, levels = setting(make, seed)
    for part, weight_i in enumerate(parts.weights_li):
        found = ZeemanGeometry(mu_f=0.0, parts=parts).bands(states)["zeeman_curvature"]
        curvature = np.moveaxis(found[0, rows, part], 1, 0)  # b, B, s
        dspin, _ = derivatives(model, kpt_c, weight_i)
        rest = np.einsum("Bij,bsji->bBs", levels, dspin).real
        slope, _ = slopes_of_levels(model, kpt_c, sizes, weight_i)
        size = np.abs(slope).max()
        assert_close(curvature + rest, slope, 1e-6)
        assert np.abs(curvature).max() > 0.1 * size
        assert np.abs(rest).max() > 0.01 * size


@CASES
@pytest.mark.parametrize("seed", range(3))
def test_spin_current_of_a_band(make, seed):
    model, sizes, parts, kpt_c, states, rows, energy, levels = setting(make, seed)
    metric = spin_qgt(states, parts=parts).real[0][rows][:, rows]  # B, C, part, a, b, s
    gap = energy[:, None] - energy[None, :]
    for part, weight_i in enumerate(parts.weights_li):
        sums = np.einsum("BC,BCabs->bBas", 2 * gap, metric[:, :, part])
        _, dcurrent = derivatives(model, kpt_c, weight_i)
        rest = np.einsum("Bij,basji->bBas", levels, dcurrent).real
        _, slope = slopes_of_levels(model, kpt_c, sizes, weight_i)
        size = np.abs(slope).max()
        assert_close(sums + rest, slope, 1e-6)
        assert np.abs(sums).max() > 0.1 * size
        assert np.abs(rest).max() > 0.1 * size


@CASES
def test_whole_cell(make):
    """Without parts; under PT spin and spin current of a Kramers pair vanish, the sums too."""
    model, sizes, _, kpt_c, states, rows, energy, levels = setting(make, 7)
    curvature = ZeemanGeometry(mu_f=0.0).bands(states)["zeeman_curvature"][0, rows, 0]
    metric = spin_qgt(states).real[0][rows][:, rows, 0]
    sums = np.einsum("BC,BCabs->bBas", 2 * (energy[:, None] - energy), metric)
    dspin, dcurrent = derivatives(model, kpt_c)
    of_spin = np.moveaxis(curvature, 1, 0) + np.einsum("Bij,bsji->bBs", levels, dspin).real
    of_current = sums + np.einsum("Bij,basji->bBas", levels, dcurrent).real
    slope, current_slope = slopes_of_levels(model, kpt_c, sizes)
    if make is kramers:
        for zero in (curvature, sums, slope, current_slope):
            np.testing.assert_allclose(zero, 0.0, atol=1e-9)
        return
    assert_close(of_spin, slope, 1e-6)
    assert_close(of_current, current_slope, 1e-6)


def test_spin_of_bismuth(bi_chk):
    """Matrices of a first-principles calculation: spin and position of many R, not quite pure.

    What nearly meets is one level; the rule holds for the sum over it.
    """
    kpt_c = np.array([0.13, 0.31, 0.0])
    states = states_at(bi_chk, [kpt_c], tolerance=0.01)
    rows, sizes = np.unique(states.block_kn[0], return_index=True, return_counts=True)[1:]
    assert len(sizes) > 20
    curvature = ZeemanGeometry(mu_f=0.0).bands(states)["zeeman_curvature"][0, rows, 0]
    _, levels = projectors(bloch_sum(bi_chk, bi_chk.ham_Rij, kpt_c), sizes)
    dspin, _ = derivatives(bi_chk, kpt_c)
    rest = np.einsum("Bij,bsji->bBs", levels, dspin, optimize=True).real[:2]
    slope = slopes_of_levels(bi_chk, kpt_c, sizes, h=5e-5)[0][:2]
    assert_close(np.moveaxis(curvature, 1, 0)[:2] + rest, slope, 1e-6)
    assert np.abs(rest).max() > 1e-3 * np.abs(slope).max()
