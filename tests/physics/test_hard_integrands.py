"""Integrands on which a rule can go astray: it ends, and its error bounds the true one."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import w90spin as ws
from w90spin.integrate import iterated
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum
from w90spin.model import toys
from w90spin.parallel import Comm

KNOWN = Path(__file__).parents[2] / "benchmarks" / "known_integrals.py"
TENSORS = ("upsilon0", "upsilon1", "upsilon2")


def uniform(model, response, n):
    return ws.compute(model, [response], mesh=ws.UniformMesh(n=n), symmetry="none")


def covers(found, exact):
    """Of the tensors' norms: the true error is below the reported one, and below rtol."""
    for name in TENSORS:
        true = np.linalg.norm(found[name].values - exact[name].values)
        assert true <= np.linalg.norm(found[name].errors) + 1e-14
        assert true <= found.provenance["relative_error"] * np.linalg.norm(exact[name].values)


def test_thermal_carriers_beside_a_gap_set_the_mesh():
    """One dimension, kT = 1 meV, mu just below the conduction band: a spike in k."""
    model = toys.random_model(2, 1, 4, gap=0.4, bandwidth=2.0)
    energy_kn = np.linalg.eigvalsh(
        FourierSum(model).hamiltonian(np.linspace(0, 1, 4000)[:, None] * [1.0, 0.0, 0.0])
    )
    mu = energy_kn[:, model.n_wann // 2].min() - 0.002
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=mu, kT=0.001)
    exact = uniform(model, response, 30_000)
    for rtol in (1e-3, 1e-5):
        found = ws.compute(model, [response], mesh=ws.AutoMesh(rtol=rtol), symmetry="none")
        assert found.converged
        assert "thermal carriers" in found.provenance["rule"]
        covers(found, exact)


def test_a_step_inside_a_hot_spot_ends():
    """Half a Dirac cone filled at T = 0, where the first look sees nothing of it."""
    model = toys.dirac_lattice(gap=0.1, zeta=0.05)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.1)
    found = ws.compute(model, [response])
    assert found.converged
    assert found.provenance["rule"].startswith("Iterated")
    other = ws.compute(model, [response], mesh=ws.AdaptiveTree(rtol=1e-3))
    size = np.linalg.norm(other["upsilon1"].values)
    assert np.linalg.norm(found["upsilon1"].values - other["upsilon1"].values) <= 2e-3 * size


def test_iterated_lines_keep_to_their_number_of_points():
    model = toys.weyl_pair(k0=0.3)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.1, eta=0.02)
    rule = ws.Iterated(rtol=1e-6, max_points=5000)
    found = integrate(FourierSum(model), [response], rule, comm=Comm())
    assert found.converged is False
    assert found.evaluations < 6 * 5000  # each of the tasks may finish what it began


def test_a_gap_on_a_point_of_the_first_look_does_not_blur_the_tolerance():
    """Moduli taken at the spot itself would allow a hundred times the error asked for."""
    model = toys.qwz(m=-0.00025, v=2.0, wilson=0.5)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    rough = ws.compute(model, [response], mesh=ws.AdaptiveTree(rtol=1e-2))
    fine = ws.compute(model, [response], mesh=ws.AdaptiveTree(rtol=1e-5))
    assert rough.converged
    for name in TENSORS:
        size = np.linalg.norm(fine[name].values)
        assert np.linalg.norm(rough[name].values - fine[name].values) <= 1e-2 * size


@pytest.fixture(scope="module")
def surfaces():
    spec = importlib.util.spec_from_file_location("known_integrals", KNOWN)
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_integrals"] = module
    spec.loader.exec_module(module)
    return [case for case in module.surface_cases() if "5 meV" in case.name]


@pytest.mark.parametrize("which", [0, 1])
def test_a_fermi_surface_is_followed_by_the_tree(surfaces, which):
    """Against integrals along contours of constant energy; cells between nodes see nothing."""
    case = surfaces[which]
    model = case.model()
    exact = case.exact(model)
    rule = ws.AdaptiveTree(rtol=1e-2)
    found = integrate(FourierSum(model), [case.response(model)], rule, comm=Comm())
    assert found.converged
    for name, tensor in exact.items():
        true = np.linalg.norm(found.values[0][name] - tensor)
        assert true <= 1e-2 * np.linalg.norm(tensor)
        assert true <= np.linalg.norm(found.errors[0][name])


def test_panels_that_cannot_be_halved_drag_no_others_along():
    """What the smallest panels carry is lost; halving the rest for it would never end."""
    error_xs = np.array([[1e9], [1e-6]])
    none_xs = np.zeros((2, 1))
    parts_x = np.array([1 << iterated.DEEPEST, 2])
    seen_x, nothing = np.zeros(2, dtype=bool), np.zeros((2, 0))
    line = iterated._Panels(
        np.zeros(2, dtype=int),
        parts_x,
        none_xs,
        error_xs,
        none_xs,
        seen_x,
        nothing,
        nothing[:, :, None],
        nothing,
        nothing[:, :, None],
        nothing[:, :, None],
    )
    assert line.own_error()[0] > 1e-3
    assert len(line.marked(np.array([1e-3]))) == 0
    assert line.marked(np.array([1e-9])).tolist() == [1]
