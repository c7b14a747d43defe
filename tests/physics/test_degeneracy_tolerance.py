"""What counts as degenerate must not matter as long as it lies between noise and gaps."""

import numpy as np
import pytest
from reference import assert_close, grid, random_hermitian, rebuilt, states_at

from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition
from w90spin.model.toys import pt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability

SUBLATTICES = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
INSULATOR = {"omega_w": [0.0, 0.4], "mu_f": 0.06, "parts": SUBLATTICES}
METAL = {"omega_w": [0.0, 0.4], "mu_f": 0.9, "kT": 0.05, "eta": 0.1, "parts": SUBLATTICES}
TOLERANCES = [1e-6, 1e-5, 1e-4, 1e-3]


def noisy(size, seed=0):
    """PT model with random Hermitian errors in every H(R), of this size in H(k). [eV]"""
    model = pt_antiferromagnet()
    rng = np.random.default_rng(seed)
    n_R = len(model.R_Rc)
    noise = random_hermitian(rng, model.R_Rc, (4, 4), np.full(n_R, size / np.sqrt(n_R)))
    return rebuilt(model, ham=model.ham_Rij + noise)


def zone(model, parameters, tolerance):
    response = SpinPolarizability(**parameters)
    return integrate(
        FourierSum(model), [response], UniformMesh(n=12), comm=Comm(), tolerance=tolerance
    ).values[0]


@pytest.mark.parametrize("parameters", [INSULATOR, METAL])
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_any_tolerance_gives_the_same(parameters, tolerance):
    expected = zone(pt_antiferromagnet(), parameters, DEGENERACY_TOLERANCE)
    for name, tensor in zone(pt_antiferromagnet(), parameters, tolerance).items():
        assert_close(tensor, expected[name], 1e-12)


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize(("parameters", "bound"), [(INSULATOR, 2e-6), (METAL, 1e-5)])
def test_noise_below_the_tolerance(parameters, bound, tolerance):
    """Errors of 1e-7 eV split the pairs and change the response by as little, and linearly.

    The metal's response is the small rest of opposite contributions, hence more sensitive.
    """
    expected = zone(pt_antiferromagnet(), parameters, DEGENERACY_TOLERANCE)
    split = np.diff(states_at(noisy(1e-7), grid((12, 12, 1))).energy_kn, axis=1)[:, ::2]
    assert 1e-7 < split.max() < 1e-6
    larger = zone(noisy(1e-7), parameters, tolerance)
    smaller = zone(noisy(1e-8), parameters, tolerance)
    for name, tensor in expected.items():
        assert_close(larger[name], tensor, bound)
        change = (larger[name] - tensor) / 1e-7
        assert_close((smaller[name] - tensor) / 1e-8, change, 1e-3)


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_block_sums_with_noise(tolerance):
    """Every band of a pair keeps the sum of the pair."""
    kpt_kc = np.random.default_rng(1).uniform(size=(5, 3))
    response = SpinPolarizability(**INSULATOR)
    expected = response.bands(states_at(pt_antiferromagnet(), kpt_kc))
    states = states_at(noisy(1e-7), kpt_kc, tolerance=tolerance)
    for name, tensor in response.bands(states).items():
        assert_close(tensor, expected[name], 1e-6)


def test_a_tolerance_below_the_noise_is_noticed():
    """The single bands of a split pair have nothing to do with the pair."""
    kpt_kc = np.random.default_rng(1).uniform(size=(5, 3))
    response = SpinPolarizability(**INSULATOR)
    expected = response.bands(states_at(pt_antiferromagnet(), kpt_kc))["upsilon0"]
    states = states_at(noisy(1e-7), kpt_kc, tolerance=1e-13)
    change = np.abs(response.bands(states)["upsilon0"] - expected)
    assert change.max() > 10 * np.abs(expected).max()


@pytest.mark.parametrize("size", [1e-9, 1e-6])
def test_larger_and_smaller_noise(size):
    expected = zone(pt_antiferromagnet(), INSULATOR, DEGENERACY_TOLERANCE)
    for name, tensor in zone(noisy(size, seed=3), INSULATOR, DEGENERACY_TOLERANCE).items():
        assert_close(tensor, expected[name], 10 * size)
