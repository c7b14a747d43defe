"""Fermi seas at T = 0: steps that no node shows, and integrands of which there is nothing."""

import itertools

import numpy as np
import pytest
from scipy.optimize import brentq

import w90spin as ws
from w90spin.integrate.driver import integrate
from w90spin.integrate.integrand import Integrand
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.model import toys
from w90spin.parallel import Comm

RTOL = 1e-3
ANGLES, RADII = 64, 48
NEVER = 300_000
"""Evaluations that nothing should cost: two meshes of PeriodicMesh, which it must begin with."""


def source(model, response):
    return FourierSum(model, extras=sorted(response.claims.extras))


def exact(model, response, mu):
    """Integral in polar coordinates around Γ, cut at the contours: each band of a square lattice
    has one around Γ, or none, and a hole at most.
    """
    fourier = source(model, response)
    integrand = Integrand(fourier, [response], 1e-6)
    edge = np.pi / float(np.linalg.norm(model.cell_ca[0]))
    node_r, weight_r = np.polynomial.legendre.leggauss(RADII)
    total_x = np.zeros(integrand.size)
    for theta in 2.0 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES:
        unit_a = np.array([np.cos(theta), np.sin(theta), 0.0])

        def kpt_kc(radius_k, unit_a=unit_a):
            return np.atleast_1d(radius_k)[:, None] * unit_a @ model.cell_ca.T / (2.0 * np.pi)

        def away_n(radius, kpt_kc=kpt_kc):
            return np.linalg.eigvalsh(fourier.hamiltonian(kpt_kc(radius)))[0] - mu

        scan_k = np.linspace(0.0, edge, 200)
        scan_kn = np.array([away_n(radius) for radius in scan_k])
        found = np.argwhere((scan_kn[1:] > 0.0) != (scan_kn[:-1] > 0.0))
        ends = [
            brentq(lambda r, n=n, f=away_n: f(r)[n], scan_k[k], scan_k[k + 1], xtol=1e-15)
            for k, n in found
        ]
        for low, high in itertools.pairwise(sorted([0.0, *ends])):
            radius_r = 0.5 * (low + high + (high - low) * node_r)
            value_rx = integrand(KPoints(kpt_kc(radius_r))).value_kx
            total_x += 0.5 * (high - low) * (weight_r * radius_r) @ value_rx
    total_x *= 2.0 * np.pi / ANGLES / (2.0 * np.pi) ** 2
    return integrand.tensors(total_x)[0]


def magnetic():
    return toys.rashba_square(mass=0.5, alpha=0.5, exchange=(0.0, 0.0, 0.1))


CASES = {
    "ring": (toys.rashba_square(mass=0.5, alpha=0.5), ws.SpinHall, 0.5),
    "thin ring": (toys.rashba_square(mass=0.5, alpha=0.1), ws.SpinHall, 0.7),
    "sea": (magnetic(), ws.AnomalousHall, 0.6),
    "within the gap of the exchange": (magnetic(), ws.AnomalousHall, 0.0),
    "pocket": (magnetic(), ws.AnomalousHall, -0.0999),
}


@pytest.fixture(scope="module")
def known():
    found = {}

    def get(name):
        if name not in found:
            model, kind, mu = CASES[name]
            found[name] = exact(model, kind(mu_f=mu, kT=0.0), mu)
        return found[name]

    return get


@pytest.mark.parametrize(
    ("name", "rule"),
    [(name, ws.Iterated) for name in CASES]
    + [(name, ws.AdaptiveTree) for name in ("ring", "sea", "pocket")],
)
def test_steps_between_nodes_are_in_the_error(known, name, rule):
    model, kind, mu = CASES[name]
    response = kind(mu_f=mu, kT=0.0)
    found = integrate(source(model, response), [response], rule(rtol=RTOL), comm=Comm())
    published = response.publish(known(name))
    true = max(np.abs(found.values[0][key] - published[key]).max() for key in published)
    said = max(found.errors[0][key].max() for key in published)
    size = max(np.abs(tensor).max() for tensor in published.values())
    assert found.converged
    assert true <= said
    assert true <= RTOL * size
    assert size > 0.0


NOTHING = {
    "below all bands": (toys.rashba_square(), ws.SpinHall(mu_f=-5.0, kT=0.0)),
    "time reversal": (toys.rashba_square(), ws.AnomalousHall(mu_f=0.5, kT=0.0)),
    "surface below all bands": (toys.rashba_square(), ws.Edelstein(mu_f=-5.0, kT=1e-3)),
    "surface in a gap": (toys.kane_mele(m=0.5), ws.Edelstein(mu_f=0.0, kT=1e-3)),
    "no spin-orbit coupling": (toys.rashba_square(alpha=0.0), ws.Edelstein(mu_f=0.5, kT=1e-2)),
    "PT": (toys.pt_antiferromagnet(), ws.Edelstein(mu_f=1.0, kT=1e-2)),
    "PT, cold": (toys.pt_antiferromagnet(), ws.Edelstein(mu_f=1.0, kT=2e-3)),
}


@pytest.mark.parametrize("rule", [ws.AutoMesh, ws.AdaptiveTree, ws.Iterated, ws.PeriodicMesh])
@pytest.mark.parametrize("name", NOTHING)
def test_rules_do_not_look_for_digits_of_nothing(name, rule):
    model, response = NOTHING[name]
    found = integrate(source(model, response), [response], rule(rtol=RTOL), comm=Comm())
    assert found.converged
    assert found.evaluations < NEVER
    for key, tensor in found.values[0].items():
        assert np.abs(tensor).max() <= 1e-15
        assert found.errors[0][key].max() <= 1e-10


def test_a_first_look_that_sees_nothing_asks_for_no_endless_digits():
    """A pocket of 0.1 meV beside the points of the first look."""
    model, kind, mu = CASES["pocket"]
    response = kind(mu_f=mu, kT=0.0)
    with np.errstate(over="raise"):
        found = integrate(source(model, response), [response], ws.Iterated(rtol=0.1), comm=Comm())
    assert found.converged
    assert found.evaluations < NEVER
