"""Two-level models, Rashba electrons, gapped Dirac electrons, Kane and Mele: tests/analytic.md."""

import numpy as np
import pytest
from reference import SIGMA, assert_close, states_at
from test_dirac_surface import dirac_states

import w90spin as ws
from w90spin.integrate import PeriodicMesh
from w90spin.kspace.fourier import WannierMatrices
from w90spin.kspace.states import BlochStates
from w90spin.model import toys
from w90spin.response import SpinGeometry, ZeemanGeometry
from w90spin.response.quantum_geometry import spin_qgt, zeeman_qgt


def two_levels(level_k, slope_ka, d_kd, slope_kad):
    """H = d0 + d.sigma with the derivatives of both."""
    n_k = len(level_k)
    matrices = WannierMatrices(
        ham_kij=level_k[:, None, None] * np.eye(2) + np.einsum("kd,dij->kij", d_kd, SIGMA),
        dham_kaij=slope_ka[..., None, None] * np.eye(2)
        + np.einsum("kad,dij->kaij", slope_kad, SIGMA),
        pos_kaij=np.zeros((n_k, 3, 2, 2), dtype=complex),
        spin_ksij=np.tile(SIGMA, (n_k, 1, 1, 1)),
    )
    return BlochStates(np.zeros((n_k, 3)), matrices)


def closed_forms(slope_a, d_d, slope_ad):
    """Spin metric, spin curvature, Zeeman metric and curvature of lower and upper level."""
    length = np.linalg.norm(d_d)
    n_d = d_d / length
    across_bc = slope_ad - np.outer(slope_ad @ n_d, n_d)
    turned_bc = np.cross(slope_ad, n_d)
    return (
        np.einsum("a,bc->abc", slope_a, across_bc) / (8 * length**2),
        np.einsum("a,bc->abc", slope_a, turned_bc) / (4 * length**2),
        -turned_bc / (2 * length),
        -across_bc / length,
    )


@pytest.mark.parametrize("seed", range(4))
def test_any_two_levels(seed):
    rng = np.random.default_rng(seed)
    level_k, slope_ka = rng.normal(size=3), rng.normal(size=(3, 3))
    d_kd, slope_kad = rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    states = two_levels(level_k, slope_ka, d_kd, slope_kad)
    spin, zeeman = spin_qgt(states)[:, 0, 1, 0], zeeman_qgt(states)[:, 0, 1, 0]
    for k in range(3):
        forms = closed_forms(slope_ka[k], d_kd[k], slope_kad[k])
        found = (spin[k].real, -2 * spin[k].imag, zeeman[k].real, -2 * zeeman[k].imag)
        for value, form in zip(found, forms, strict=True):
            assert_close(value, form, 1e-10)


def rashba_states(c, alpha, kx_k, ky_k):
    """H = c k² + alpha (sigma_x ky - sigma_y kx)."""
    nothing_k = np.zeros_like(kx_k)
    slope_kad = np.zeros((len(kx_k), 3, 3))
    slope_kad[:, 0, 1], slope_kad[:, 1, 0] = -alpha, alpha
    return two_levels(
        c * (kx_k**2 + ky_k**2),
        2 * c * np.stack([kx_k, ky_k, nothing_k], axis=1),
        alpha * np.stack([ky_k, -kx_k, nothing_k], axis=1),
        slope_kad,
    )


def annulus(inner, outer, n_radial=24, n_angle=16):
    """Points and weights of the integral over d²k/(2 pi)² between two radii."""
    x, weight = np.polynomial.legendre.leggauss(n_radial)
    k = inner + (outer - inner) * (x + 1) / 2
    angle = 2 * np.pi * (np.arange(n_angle) + 0.5) / n_angle
    weight_k = np.repeat(weight * (outer - inner) / 2 * k, n_angle) / (2 * np.pi * n_angle)
    return np.outer(k, np.cos(angle)).ravel(), np.outer(k, np.sin(angle)).ravel(), weight_k


@pytest.mark.parametrize(("c", "alpha", "mu"), [(3.8, 0.5, 0.4), (7.0, -1.3, 0.1), (1.0, 2.0, 3.0)])
def test_rashba_electrons(c, alpha, mu):
    """Both bands occupied: Omega^{xy;z} = -1/8pi whatever c, alpha and mu; Zeeman alpha/4pi c."""
    root = np.sqrt(alpha**2 + 4 * c * mu)
    inner, outer = (root - abs(alpha)) / (2 * c), (root + abs(alpha)) / (2 * c)
    kx_k, ky_k, weight_k = annulus(inner, outer)
    states = rashba_states(c, alpha, kx_k, ky_k)

    def integral(response):
        return {
            name: np.einsum("k,k...->...", weight_k, tensor)[0, 0, 0]
            for name, tensor in response(states).items()
        }

    spin, zeeman = integral(SpinGeometry(mu_f=mu)), integral(ZeemanGeometry(mu_f=mu))
    curvature = np.zeros((3, 3, 3))
    curvature[0, 1, 2], curvature[1, 0, 2] = -1 / (8 * np.pi), 1 / (8 * np.pi)
    assert_close(spin["spin_curvature"], curvature, 1e-10)
    np.testing.assert_allclose(spin["spin_metric"], 0.0, atol=1e-12)
    of_zeeman = np.zeros((3, 3))
    of_zeeman[0, 1], of_zeeman[1, 0] = alpha / (4 * np.pi * c), -alpha / (4 * np.pi * c)
    assert_close(zeeman["zeeman_curvature"], of_zeeman, 1e-10)
    np.testing.assert_allclose(zeeman["zeeman_metric"], 0.0, atol=1e-12)


@pytest.mark.parametrize(("v", "gap"), [(3.3, 0.15), (1.0, -0.4)])
def test_gapped_dirac_electrons(v, gap):
    """No spin current between the levels; Zeeman metric and curvature at k and over a disc."""
    kx_k, ky_k, weight_k = annulus(0.0, 8 * abs(gap) / v, n_radial=200)
    states = dirac_states(v, gap, kx_k, ky_k)
    assert np.abs(spin_qgt(states)).max() < 1e-13 * (v / gap) ** 2
    response = ZeemanGeometry(mu_f=0.0)
    found = response(states)
    metric = found["zeeman_metric"][:, 0, 0, 0, :2]
    curvature = found["zeeman_curvature"][:, 0, 0, 0, :2]
    e_k = np.sqrt(v**2 * (kx_k**2 + ky_k**2) + gap**2)
    zero_k = np.zeros_like(kx_k)
    expected = [[zero_k + v * gap, zero_k, -(v**2) * ky_k], [zero_k, zero_k + v * gap, v**2 * kx_k]]
    assert_close(metric, np.moveaxis(np.array(expected) / (2 * e_k**2), -1, 0), 1e-10)
    d = (gap / v) ** 2
    expected = [
        [v**3 * kx_k * ky_k, v**3 * (ky_k**2 + d), v**2 * gap * kx_k],
        [-(v**3) * (kx_k**2 + d), -(v**3) * kx_k * ky_k, v**2 * gap * ky_k],
    ]
    assert_close(curvature, np.moveaxis(np.array(expected) / e_k**3, -1, 0), 1e-10)
    edge = 8 * abs(gap) / v
    energy = np.hypot(v * edge, gap)
    disc = gap / (4 * np.pi * v) * np.log(energy / abs(gap))
    assert_close(np.einsum("k,kab->ab", weight_k, metric)[:, :2], disc * np.eye(2), 1e-8)
    rim = v * edge**2 / (4 * np.pi * energy)
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert_close(np.einsum("k,kab->ab", weight_k, curvature)[:, :2], rim * turn, 1e-8)


@pytest.mark.parametrize(("soc", "m"), [(0.06, 0.1), (-0.06, 0.1), (0.06, 0.5), (-0.06, 0.5)])
def test_spin_chern_number_of_kane_and_mele(soc, m):
    """2 pi Omega^{xy;z} = (C_up - C_down)/2 = -sgn(soc) while |m| < 3 sqrt(3) |soc|."""
    model = toys.kane_mele(soc=soc, m=m, rashba=0.0)
    result = ws.compute(
        model, [SpinGeometry(mu_f=0.0, insulator=True)], mesh=PeriodicMesh(rtol=1e-8)
    )
    curvature = 2 * np.pi * result["spin_curvature"].values[0, 0, 0, :2, :2, 2]
    chern = -np.sign(soc) if abs(m) < 3 * np.sqrt(3) * abs(soc) else 0.0
    np.testing.assert_allclose(curvature, chern * np.array([[0, 1], [-1, 0]]), rtol=0, atol=1e-6)
    assert result["spin_curvature"].unit == ""
    assert result.provenance["converged"]


def test_spin_chern_number_with_rashba_coupling_is_no_integer():
    """Spin is not conserved then, though the insulator is the same."""
    model = toys.kane_mele(m=0.0, rashba=0.1)
    result = ws.compute(model, [SpinGeometry(mu_f=-0.1)], mesh=PeriodicMesh(rtol=1e-6))
    curvature = 2 * np.pi * result["spin_curvature"].values[0, 0, 0, 0, 1, 2]
    assert 1e-3 < abs(curvature + 1.0) < 0.5


def test_zeeman_curvature_of_a_filled_band_vanishes():
    """It is the derivative of the spin, whose integral over a periodic zone is 0; not so at k."""
    model = toys.kane_mele()
    response = ZeemanGeometry(mu_f=0.0)
    at_k = response(states_at(model, [[0.1, 0.2, 0.0]]))["zeeman_curvature"]
    assert np.abs(at_k).max() > 1e-4
    result = ws.compute(model, [response], mesh=PeriodicMesh(rtol=1e-6))
    tensor = result["zeeman_curvature"]
    assert tensor.unit == "Å⁻¹"
    np.testing.assert_allclose(tensor.values, 0.0, atol=1e-9)
