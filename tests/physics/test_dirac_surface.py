"""Gapped Dirac surface and other two-level models: closed forms at each k and integrated.

The derivation is in tests/analytic.md.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import CHARGE, SIGMA, STEADY, assert_close, random_model, rebuilt, states_at
from scipy.constants import e as ELEMENTARY_CHARGE
from scipy.constants import hbar as HBAR

from w90spin.kspace.fourier import WannierMatrices
from w90spin.kspace.states import BlochStates
from w90spin.response import SpinPolarizability


def dirac_states(v, gap, kx_k, ky_k):
    """H = v (ky sigma_x - kx sigma_y) + gap sigma_z."""
    n_k = len(kx_k)
    direction_akd = np.zeros((3, 3))
    direction_akd[0, 1], direction_akd[1, 0] = -v, v
    d_kd = np.stack([v * ky_k, -v * kx_k, np.full(n_k, gap)], axis=1)
    matrices = WannierMatrices(
        ham_kij=np.einsum("kd,dij->kij", d_kd, SIGMA),
        dham_kaij=np.tile(np.einsum("ad,dij->aij", direction_akd, SIGMA), (n_k, 1, 1, 1)),
        pos_kaij=np.zeros((n_k, 3, 2, 2), dtype=complex),
        spin_ksij=np.tile(SIGMA, (n_k, 1, 1, 1)),
    )
    return BlochStates(np.stack([kx_k, ky_k, 0 * kx_k], axis=1), matrices)


def dirac_tensors(q, v, gap, kx, ky, w):
    """Closed forms, rows spin x, y, z and columns field x, y (hbar = 1)."""
    eps = np.sqrt(v**2 * (kx**2 + ky**2) + gap**2)
    d = (gap / v) ** 2
    resonance = 4 * eps**2 - w**2
    y0 = q * v / (4 * eps**3) * np.array([[gap, 0], [0, gap], [-v * ky, v * kx]])
    y1_inplane = q * v**3 / (2 * eps**3 * resonance)
    y1 = np.empty((3, 2))
    y1[:2] = y1_inplane * np.array([[-kx * ky, kx**2 + d], [-(ky**2 + d), kx * ky]])
    y1[2] = -q * v**2 * gap / (2 * eps**3 * resonance) * np.array([kx, ky])
    y2 = np.empty((3, 2))
    y2[:2] = -q * v * gap / (4 * eps**3 * resonance) * np.eye(2)
    y2[2] = q * v**2 / (4 * eps**3 * resonance) * np.array([ky, -kx])
    return y0, y1, y2


@given(
    v=st.floats(0.3, 6.0),
    gap=st.floats(0.02, 1.0),
    sign=st.sampled_from([-1.0, 1.0]),
    polar=st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 6.3)),
    fraction=st.floats(0.0, 0.98),
)
@STEADY
def test_every_element_at_every_k(v, gap, sign, polar, fraction):
    scaled, angle = polar
    kx, ky = scaled * gap / v * np.cos(angle), scaled * gap / v * np.sin(angle)
    w = fraction * 2 * np.hypot(v * np.hypot(kx, ky), gap)
    states = dirac_states(v, sign * gap, np.array([kx]), np.array([ky]))
    response = SpinPolarizability(omega_w=w, mu_f=0.0)
    published = response.publish(response(states))
    y0, y1, y2 = dirac_tensors(CHARGE, v, sign * gap, kx, ky, w)
    assert_close(published["upsilon0"][0, 0, 0, 0][:, :2], y0, 1e-10)
    assert_close(published["upsilon1"][0, 0, 0, 0, 0][:, :2], y1, 1e-10)
    assert_close(published["upsilon2"][0, 0, 0, 0, 0][:, :2], y2, 1e-10)
    assert_close(published["chi"][0, 0, 0, 0, 0][:, :2], y0 - w**2 * y2 - 1j * w * y1, 1e-10)
    assert not published["upsilon0"][..., 2].any()  # flat: no field along z


@given(v=st.floats(0.3, 6.0), gap=st.floats(0.02, 1.0), k=st.floats(0.0, 3.0))
@STEADY
def test_the_two_bands_are_opposite(v, gap, k):
    states = dirac_states(v, gap, np.array([k * gap / v]), np.array([0.3 * gap / v]))
    bands = SpinPolarizability(omega_w=0.5 * gap, mu_f=0.0).bands(states)
    expected = dirac_tensors(CHARGE, v, gap, k * gap / v, 0.3 * gap / v, 0.5 * gap)
    for name, tensor in zip(("upsilon0", "upsilon1", "upsilon2"), expected, strict=True):
        value_nsb = bands[name].reshape(2, 3, 3)[..., :2]
        assert_close(value_nsb[0], tensor, 1e-10)
        assert_close(value_nsb[1], -tensor, 1e-10)


def test_numbers_at_the_dirac_point():
    v = 5e5 * HBAR / ELEMENTARY_CHARGE * 1e10  # eV Å
    states = dirac_states(v, 0.15, np.zeros(1), np.zeros(1))
    response = SpinPolarizability(omega_w=0.15, mu_f=0.0)
    tensors = response.publish(response(states))
    assert tensors["upsilon0"].ravel()[0] == pytest.approx(-36.5673, abs=5e-5)
    assert tensors["upsilon1"][0, 0, 0, 0, 0][0, 1] == pytest.approx(-162.5215, abs=5e-4)
    assert tensors["upsilon2"].ravel()[0] == pytest.approx(541.738, abs=5e-3)


def plane_integral(v, gap, response, n_radial=160, n_angle=16):
    """Integral over the whole plane: k = (gap/v) tan(theta), Gauss in theta, trapezoid in angle."""
    node, weight = np.polynomial.legendre.leggauss(n_radial)
    theta, weight = np.pi / 4 * (node + 1), np.pi / 4 * weight
    k = gap / v * np.tan(theta)
    measure = weight * k * gap / v / np.cos(theta) ** 2 / n_angle / (2 * np.pi)
    angle = 2 * np.pi * (np.arange(n_angle) + 0.3) / n_angle
    kx, ky = np.outer(k, np.cos(angle)).ravel(), np.outer(k, np.sin(angle)).ravel()
    raw = response(dirac_states(v, gap, kx, ky))
    total = {name: np.tensordot(measure.repeat(n_angle), x, axes=1) for name, x in raw.items()}
    return response.publish(total)


ZETA = np.array([0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(("v", "gap"), [(3.291, 0.15), (0.7, -0.4), (-2.0, 0.05)])
def test_integrated_response_against_frequency(v, gap):
    w = 2 * abs(gap) * ZETA
    tensors = plane_integral(v, gap, SpinPolarizability(omega_w=w, mu_f=0.0))
    s0 = CHARGE / (8 * np.pi * v) * np.sign(gap)  # E = 1
    d0 = tensors["upsilon0"][0, 0, 0, 0, 0]
    d1 = -w * tensors["upsilon1"][0, 0, 0, :, 1, 0] * np.sign(gap)  # coefficient of sin(wt)
    d2 = -(w**2) * tensors["upsilon2"][0, 0, 0, :, 0, 0]  # coefficient of cos(wt)
    np.testing.assert_allclose(d0, s0, rtol=1e-9)
    expected_d1 = s0 * ((1 + ZETA**-2) / 2 * np.arctanh(ZETA) - 1 / (2 * ZETA))
    np.testing.assert_allclose(d1, expected_d1, rtol=1e-8)
    np.testing.assert_allclose(d2, s0 * (np.arctanh(ZETA) / ZETA - 1), rtol=1e-8)
    # E along y follows by the rotation about z; the spin along z averages out.
    chi = tensors["chi"][0, 0, 0]
    assert_close(chi[:, 1, 1], chi[:, 0, 0], 1e-10)
    assert_close(chi[:, 0, 1], -chi[:, 1, 0], 1e-10)
    assert np.abs(chi[:, 2, :2]).max() < 1e-12 * abs(s0)


def test_low_frequency_limits():
    v, gap, zeta = 2.0, 0.3, 1e-3
    w = 2 * gap * zeta
    tensors = plane_integral(v, gap, SpinPolarizability(omega_w=w, mu_f=0.0))
    s0 = CHARGE / (8 * np.pi * v)
    d1 = -w * tensors["upsilon1"][0, 0, 0, 0, 1, 0]
    d2 = -(w**2) * tensors["upsilon2"][0, 0, 0, 0, 0, 0]
    assert d1 == pytest.approx(2 / 3 * zeta * s0, rel=1e-5)
    assert d2 == pytest.approx(zeta**2 / 3 * s0, rel=1e-5)


def test_si_numbers():
    """v = 5e5 m/s, E = 1e4 V/m: spin densities in hbar/m² and the moment in mu_B/nm²."""
    v = 5e5 * HBAR / ELEMENTARY_CHARGE * 1e10
    field = 1e4 * 1e-10  # V/Å
    gap = 0.15
    tensors = plane_integral(v, gap, SpinPolarizability(omega_w=gap, mu_f=0.0))
    per_m2 = 1e20 * field
    d0 = tensors["upsilon0"][0, 0, 0, 0, 0] * per_m2
    d1 = -gap * tensors["upsilon1"][0, 0, 0, 0, 1, 0] * per_m2
    d2 = -(gap**2) * tensors["upsilon2"][0, 0, 0, 0, 0, 0] * per_m2
    assert d0 == pytest.approx(-1.2090e12, abs=5e7)
    assert d1 == pytest.approx(-4.5128e11, abs=5e6)
    assert d2 == pytest.approx(-1.1922e11, abs=5e6)
    assert -2 * d0 * 1e-18 == pytest.approx(2.418e-6, abs=5e-10)


@pytest.mark.parametrize("seed", range(4))
def test_any_two_level_lattice_model(seed):
    """H = d0 + d.sigma: Y0 = q/(4 d^3) d x d_b d, Y2 = -Y0/(4d^2 - w^2), Y1 from d_b(d/|d|)."""
    rng = np.random.default_rng(seed)
    base = random_model(rng, 2, reach=(1, 1, 1), hopping=0.4, position=0.0)
    spin = np.zeros_like(base.spin_Rsij)
    home = int(np.flatnonzero((base.R_Rc == 0).all(axis=1))[0])
    spin[home] = SIGMA
    model = rebuilt(base, pos=np.zeros_like(base.pos_Raij), spin=spin)
    kpt_kc = rng.uniform(size=(6, 3))
    phase_kR = np.exp(2j * np.pi * kpt_kc @ model.R_Rc.T)
    place_Ra = model.R_Rc @ model.cell_ca
    h_Rd = np.einsum("Rij,dji->Rd", model.ham_Rij, SIGMA) / 2
    h_R = np.einsum("Rii->R", model.ham_Rij) / 2
    states = states_at(model, kpt_kc)
    for k in range(len(kpt_kc)):
        d = (phase_kR[k] @ h_Rd).real
        slope_ad = np.einsum("R,Ra,Rd->ad", 1j * phase_kR[k], place_Ra, h_Rd).real
        size = np.linalg.norm(d)
        centre = (phase_kR[k] @ h_R).real
        w = 1.3 * size
        one = BlochStates(kpt_kc[k : k + 1], _one(states.wannier, k))
        response = SpinPolarizability(omega_w=w, mu_f=centre)
        tensors = response.publish(response(one))
        y0 = CHARGE / (4 * size**3) * np.cross(d, slope_ad).T
        transverse_ad = slope_ad - np.outer(slope_ad @ d, d) / size**2
        y1 = CHARGE / (2 * size * (4 * size**2 - w**2)) * transverse_ad.T
        assert_close(tensors["upsilon0"].reshape(3, 3), y0, 1e-10)
        assert_close(tensors["upsilon1"].reshape(3, 3), y1, 1e-10)
        assert_close(tensors["upsilon2"].reshape(3, 3), -y0 / (4 * size**2 - w**2), 1e-10)


def _one(matrices, k):
    at = slice(k, k + 1)
    return WannierMatrices(
        matrices.ham_kij[at], matrices.dham_kaij[at], matrices.pos_kaij[at], matrices.spin_ksij[at]
    )
