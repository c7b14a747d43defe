"""In a time-reversal symmetric model Y0, Y2 are odd in k, Y1 is even; broadening adds the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import STEADY, assert_close, mid_gap, random_model, states_at

from w90spin.integrate import PeriodicMesh, UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability

BROAD = {"omega_w": [0.0, 0.6], "mu_f": 0.1, "kT": 0.05, "eta": 0.1}


def pair_parts(rng, n_wann):
    """Parts that hold both spins of an orbital in equal measure."""
    weight_p = rng.uniform(size=n_wann // 2).repeat(2)
    return Partition(("a", "b"), np.array([weight_p, 1 - weight_p]))


@given(seed=st.integers(0, 10**6), broad=st.booleans())
@STEADY
def test_parity_of_the_integrands(seed, broad):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 8, gap=1.5, time_reversal=True)
    assert time_reversal_violation(model).holds
    kpt_kc = rng.uniform(size=(3, 3))
    mu, gap = mid_gap(model, kpt_kc)
    parameters = BROAD if broad else {"omega_w": [0.0, 0.5 * gap], "mu_f": mu}
    response = SpinPolarizability(parts=pair_parts(rng, 8), **parameters)
    here, there = response(states_at(model, kpt_kc)), response(states_at(model, -kpt_kc))
    assert len(here) == (6 if broad else 3)
    for tensor in response.claims.raw:
        assert_close(there[tensor.name], tensor.time_reversal * here[tensor.name], 1e-8)


@pytest.mark.parametrize(
    ("reach", "n", "shift"),
    [
        ((1, 1, 0), (8, 6, 1), (0.0, 0.0, 0.0)),
        ((1, 1, 0), (5, 6, 1), (0.5, 0.0, 0.0)),
        ((1, 1, 1), (4, 3, 4), (0.5, 0.5, 0.0)),
        ((1, 1, 1), (4, 4, 2), (0.0, 0.0, 0.0)),
        ((1, 0, 0), (16, 1, 1), (0.0, 0.0, 0.0)),
        ((0, 1, 0), (1, 9, 1), (0.0, 0.5, 0.0)),
    ],
)
@pytest.mark.parametrize("broad", [False, True])
def test_half_of_the_zone(reach, n, shift, broad):
    rng = np.random.default_rng(sum(n))
    model = random_model(rng, 4, reach=reach, gap=0.9, time_reversal=True, hopping=0.25)
    fourier, mesh = FourierSum(model), UniformMesh(n=n, shift=shift)
    parameters = BROAD if broad else {"omega_w": [0.0, 0.2], "mu_f": 0.0}
    response = SpinPolarizability(parts=pair_parts(rng, 4), **parameters)
    whole = integrate(fourier, [response], mesh, comm=Comm())
    symmetry = ZoneSymmetry.of_time_reversal([2])
    half = integrate(fourier, [response], mesh, comm=Comm(), symmetry=symmetry)
    self_mirrored = 3 * 2 ** sum(reach)  # points of the mesh, of a coarser one, of the first look
    assert whole.evaluations / 2 <= half.evaluations <= (whole.evaluations + self_mirrored) / 2
    size = np.abs(whole.values[0]["upsilon1"]).max()
    assert size > 1e-5
    assert_close(half.values[0]["upsilon1"], whole.values[0]["upsilon1"], 1e-10)
    assert_close(half.values[0]["chi"], whole.values[0]["chi"], 1e-10)
    if not broad:
        # Odd integrands vanish: to rounding by summation, exactly where the symmetry is used.
        typical = np.abs(response(states_at(model, [[0.3, 0.1, 0.2]]))["upsilon0_odd"]).max()
        for name in ("upsilon0", "upsilon2"):
            assert np.abs(whole.values[0][name]).max() < 1e-10 * typical
            assert not half.values[0][name].any()


def test_adaptive_mesh_on_half_of_the_zone():
    rng = np.random.default_rng(21)
    model = random_model(rng, 4, gap=0.9, time_reversal=True, hopping=0.25)
    response = SpinPolarizability(omega_w=0.2, mu_f=0.0)
    symmetry, rule = ZoneSymmetry.of_time_reversal([1]), PeriodicMesh(rtol=1e-6, start=12)
    half = integrate(FourierSum(model), [response], rule, comm=Comm(), symmetry=symmetry)
    assert half.converged
    whole = integrate(FourierSum(model), [response], UniformMesh(n=half.mesh), comm=Comm())
    assert_close(half.values[0]["upsilon1"], whole.values[0]["upsilon1"], 1e-10)


def test_parity_fails_without_the_symmetry():
    """The parity is the model's, not the kernel's."""
    rng = np.random.default_rng(22)
    model = random_model(rng, 4)
    response = SpinPolarizability(**BROAD)
    kpt_kc = rng.uniform(size=(3, 3))
    here, there = response(states_at(model, kpt_kc)), response(states_at(model, -kpt_kc))
    for tensor in response.claims.raw:
        change = there[tensor.name] - tensor.time_reversal * here[tensor.name]
        assert np.abs(change).max() > 0.1 * np.abs(here[tensor.name]).max()
