"""Integrands that live on Fermi surfaces so cold that hardly a node hits them."""

import importlib.util
import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import IntegrationError
from w90spin.integrate.driver import Limits, integrate
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import FourierSum
from w90spin.kspace.survey import BandSurvey
from w90spin.model import toys
from w90spin.parallel import Comm

KNOWN = Path(__file__).parents[2] / "benchmarks" / "known_integrals.py"
PAIRS = ZoneSymmetry.of_time_reversal([1])
TEMPERATURES = (5e-2, 5e-3, 1e-3, 1e-4)
WIDTH, DEPTH = 0.03, 1.0


@pytest.fixture(scope="module")
def known():
    spec = importlib.util.spec_from_file_location("known_integrals", KNOWN)
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_integrals"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rashba(known):
    """The model; spin times velocity along contours of constant energy, or on a fine mesh."""
    model = toys.rashba_square(mass=0.5, alpha=0.5)
    exact = {}
    for kT in TEMPERATURES:
        response = known.FermiSurfaceSpin(0.5, kT)
        if kT < 1e-2:
            exact[kT] = known._contours(response)(model)["surface"]
        else:
            exact[kT] = run(model, response, ws.UniformMesh(n=240)).values[0]["surface"]
    return model, exact


def run(model, response, rule, symmetry=None, **options):
    return integrate(FourierSum(model), [response], rule, comm=Comm(), symmetry=symmetry, **options)


def single_band(ham_R, dimension):
    """One orbital on a cubic lattice of 1 Å, from hoppings by lattice vector; H(-R) is added."""
    elements = {
        (0, 0, 0): 0.0,
        **ham_R,
        **{tuple(-c for c in R): np.conj(t) for R, t in ham_R.items()},
    }
    return ws.WannierModel.from_arrays(
        cell=np.eye(3),
        R=np.array(list(elements)),
        ham=np.array(list(elements.values()), dtype=complex)[:, None, None],
        centres=np.zeros((1, 3)),
        periodic=tuple(c < dimension for c in range(3)),
    )


def lattice(hopping, dimension, centre=(0.0, 0.0, 0.0)):
    """2t Σ cos 2π(k - centre)."""
    ham_R = {}
    for c in range(dimension):
        R = tuple(int(c == b) for b in range(3))
        ham_R[R] = hopping * np.exp(-2j * np.pi * centre[c])
    return single_band(ham_R, dimension)


def well(centre):
    """A flat band with a Gaussian well, -DEPTH exp(-|k - centre|²/2 WIDTH²), in two dimensions."""
    reach = range(-28, 29)
    ham_R = {}
    for R in itertools.product(reach, reach):
        size = (
            2.0 * math.pi * WIDTH**2 * math.exp(-2.0 * (math.pi * WIDTH) ** 2 * (R @ np.array(R)))
        )
        ham_R[(*R, 0)] = -DEPTH * size * np.exp(-2j * math.pi * np.dot(R, centre))
    return single_band(ham_R, 2)


def check(found, name, exact, rtol):
    """Converged, below the tolerance, and the error says so."""
    assert found.converged
    true = np.linalg.norm(found.values[0][name] - exact)
    assert true <= np.linalg.norm(found.errors[0][name])
    assert true <= rtol * np.linalg.norm(exact)


@pytest.mark.parametrize("rule", [ws.AdaptiveTree, ws.Iterated, ws.AutoMesh])
@pytest.mark.parametrize("kT", TEMPERATURES)
def test_rashba_electrons_at_every_temperature(known, rashba, kT, rule):
    if rule is ws.AdaptiveTree and kT < 1e-3:
        pytest.skip("costs millions of points")
    model, exact = rashba
    found = run(model, known.FermiSurfaceSpin(0.5, kT), rule(rtol=1e-2), PAIRS)
    check(found, "surface", exact[kT], 1e-2)


@pytest.mark.parametrize(
    "kT", [5e-2, 5e-3, *(pytest.param(kT, marks=pytest.mark.slow) for kT in (1e-3, 1e-4))]
)
def test_three_dimensions_at_every_temperature(known, kT):
    """Density of states of a simple cubic lattice, against its Fourier integral."""
    response = known.ThermalDensity(1.2, kT)
    exact = known.lattice_density(1.2, kT, 0.25, 3)
    rule = ws.Iterated(rtol=3e-2)
    check(run(lattice(0.25, 3), response, rule, PAIRS), "density", exact, 3e-2)


def test_the_tree_in_three_dimensions(known):
    response = known.ThermalDensity(0.37, 2e-2)
    exact = known.lattice_density(0.37, 2e-2, 0.25, 3)
    rule = ws.AdaptiveTree(rtol=1e-2)
    check(run(lattice(0.25, 3), response, rule, PAIRS), "density", exact, 1e-2)


@pytest.mark.parametrize("rule", [ws.AdaptiveTree, ws.Iterated, ws.AutoMesh])
@pytest.mark.parametrize("seed", range(4))
def test_the_bottom_of_a_band_anywhere(known, seed, rule):
    """A pocket 2 meV deep, of a thousandth of the zone, at 0.05 meV."""
    centre = np.random.default_rng(seed).uniform(size=3)
    response = known.ThermalDensity(-3.998, 5e-5)
    exact = known.lattice_density(-3.998, 5e-5, 1.0, 2)
    model = lattice(-1.0 + 0j, 2, centre)
    check(run(model, response, rule(rtol=1e-2)), "density", exact, 1e-2)


@pytest.mark.parametrize("rule", [ws.AdaptiveTree, ws.Iterated])
@pytest.mark.parametrize("seed", range(4))
def test_a_well_in_a_flat_band_anywhere(known, seed, rule):
    """The band shows the first nodes nothing of it: the survey of extrema does."""
    centre = np.random.default_rng(seed).uniform(size=2)
    mu, kT = -0.99 * DEPTH, 1e-3 * DEPTH
    # States below E: π r² with r² = 2 WIDTH² ln(DEPTH/|E|).
    exact = 2.0 * math.pi * WIDTH**2 / -mu * (1.0 + (math.pi * kT / mu) ** 2 / 3.0)
    model = well(centre)
    pockets = BandSurvey(FourierSum(model)).pockets(mu)
    assert any(np.allclose(p.kpt_c[:2], centre, atol=1e-3) for p in pockets)
    check(run(model, known.ThermalDensity(mu, kT), rule(rtol=1e-2)), "density", exact, 1e-2)


def test_an_insulator_has_no_surface(known):
    found = run(lattice(0.25, 2), known.ThermalDensity(5.0, 1e-3), ws.AdaptiveTree(rtol=1e-2))
    assert found.converged
    assert found.values[0]["density"].max() < 1e-100


@pytest.mark.parametrize("rule", [ws.UniformMesh(n=12), ws.AdaptiveTree(rtol=1e-2, max_points=600)])
def test_a_surface_that_all_points_miss_is_refused(known, rule):
    centre = np.array([0.123, 0.456, 0.0])
    with pytest.raises(IntegrationError, match="no point met the Fermi surface"):
        run(lattice(-1.0 + 0j, 2, centre), known.ThermalDensity(-3.998, 5e-5), rule)


def test_a_coarse_mesh_says_that_it_knows_nothing(known):
    """Points hit the surface here and there: the sum is off by as much as it is large."""
    response = known.ThermalDensity(0.37, 1e-4)
    exact = known.lattice_density(0.37, 1e-4, 0.25, 2)
    found = run(lattice(0.25, 2), response, ws.UniformMesh(n=240))
    true = abs(float(found.values[0]["density"][0]) - exact)
    assert true > 0.1 * exact
    assert true <= found.errors[0]["density"][0]


@pytest.mark.parametrize("rule", [ws.AdaptiveTree, ws.Iterated])
@pytest.mark.parametrize("max_points", [5_000, 50_000])
def test_too_few_points_are_not_taken_for_enough(known, rashba, rule, max_points):
    """What is unresolved is part of the error."""
    model, exact = rashba
    rule = rule(rtol=1e-4, max_points=max_points)
    found = run(model, known.FermiSurfaceSpin(0.5, 1e-4), rule, PAIRS)
    assert found.converged is False
    true = np.linalg.norm(found.values[0]["surface"] - exact[1e-4])
    assert true <= np.linalg.norm(found.errors[0]["surface"])


def test_a_limit_waits_until_something_is_known(known):
    response = known.ThermalDensity(-3.998, 5e-5)
    exact = known.lattice_density(-3.998, 5e-5, 1.0, 2)
    model = lattice(-1.0 + 0j, 2, (0.123, 0.456, 0.0))
    found = run(model, response, ws.AdaptiveTree(rtol=1e-6), limits=Limits(cost=10))
    assert found.stopped
    true = abs(float(found.values[0]["density"][0]) - exact)
    assert true <= found.errors[0]["density"][0]


@pytest.mark.parametrize("rule", [ws.AdaptiveTree, ws.Iterated])
def test_a_run_goes_on_where_it_was_stopped(tmp_path, rule):
    """To the same bits, with what is known of the surface."""
    model = toys.rashba_square(mass=0.5, alpha=0.5)
    response = ws.Edelstein(mu_f=[0.4, 0.5], kT=2e-3)
    options = {"mesh": rule(rtol=3e-2), "checkpoint": tmp_path / "run.ckpt.h5"}
    for cost in (3_000, 9_000, 30_000):
        with pytest.warns(ws.W90SpinWarning, match="max_cost"):
            stopped = ws.compute(model, [response], **options, max_cost=cost)
        assert stopped.provenance["stopped"]
    resumed = ws.compute(model, [response], **options)
    whole = ws.compute(model, [response], mesh=rule(rtol=3e-2))
    assert resumed.converged
    for name in ("values", "errors"):
        found, other = getattr(resumed["chi_tau"], name), getattr(whole["chi_tau"], name)
        assert np.array_equal(found, other)


@pytest.mark.parametrize("mesh", [ws.UniformMesh(n=8), ws.PeriodicMesh(rtol=1e-2)])
def test_what_time_reversal_forbids_is_zero_on_a_coarse_mesh(mesh):
    """No Fermi surface was missed there: the other response of the run must not be lost."""
    model = ws.toys.bhz()
    responses = [ws.MagneticSpinHall(mu_f=0.1, kT=0.1), ws.SpinHall(mu_f=0.1, kT=0.1)]
    result = ws.compute(model, responses, mesh=mesh)
    assert result.provenance["time_reversal_used"]
    assert not result["sigma_tau"].values.any()
    assert np.abs(result["spin_hall/sigma_even"].values).max() > 1e-3
