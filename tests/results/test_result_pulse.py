"""Pulses: derivatives of a Gaussian, the Liouville equation, and a long wave."""

import numpy as np
import pytest
from result_samples import polarizability
from scipy.integrate import solve_ivp

import w90spin as ws
from w90spin.errors import ResponseError

HBAR = 6.582119569e-4  # eV ps
PULSE = ws.Pulse.gaussian(amplitude=2e7, frequency_thz=2.0, fwhm_ps=0.8, direction="x", phase=0.7)


def test_a_gaussian_by_hand():
    t = PULSE.time_t
    wave_t = 2e7 * np.exp(-4 * np.log(2) * (t / 0.8) ** 2) * np.cos(4 * np.pi * t - 0.7)
    assert np.allclose(PULSE.field_tb[:, 0], wave_t, atol=1e-3)
    assert not PULSE.field_tb[:, 1:].any()
    # Half the height of a Gaussian's spectrum is (4 ln 2)/(2π w) away.
    size_w = np.abs(PULSE.spectrum_wb[:, 0])
    nu_w = PULSE.omega_w / 4.135667696e-3
    assert nu_w[size_w.argmax()] == pytest.approx(2.0, abs=0.1)
    half = 4 * np.log(2) / (2 * np.pi * 0.8)
    at_half = np.interp(2.0 + half, nu_w, size_w) / size_w.max()
    assert at_half == pytest.approx(0.5, abs=0.01)
    energies = PULSE.photon_energies(1e-6)
    assert PULSE.share_outside(energies[0], energies[-1]) < 1e-6
    assert PULSE.share_outside(energies[2], energies[-3]) > 1e-6


def test_circular_pulses_turn():
    pulse = ws.Pulse.gaussian(
        amplitude=1.0, frequency_thz=1.0, fwhm_ps=3.0, direction=[1.0, 1j, 0.0]
    )
    middle = len(pulse.time_t) // 2
    assert np.allclose(pulse.field_tb[middle], [2**-0.5, 0, 0])
    quarter = middle + 6  # of 24 steps a period: e^{-iωt} (1, i) turns from x to y
    assert pulse.field_tb[quarter, 1] > 0.65
    assert abs(pulse.field_tb[quarter, 0]) < 1e-12


def test_constant_upsilon_differentiates_the_field():
    """Υ⁽⁰⁾E + Υ⁽¹⁾ħ∂E/∂t + Υ⁽²⁾ħ²∂²E/∂t² with the derivatives of the Gaussian written out."""
    rng = np.random.default_rng(3)
    up = [rng.normal(size=(2, 3, 3)) for _ in range(3)]
    omega = tuple(PULSE.photon_energies(1e-12))
    wide = [up[0], up[1][:, None], up[2][:, None]]
    wide = [wide[0], *(np.repeat(value, len(omega), axis=1) for value in wide[1:])]
    spin = ws.pulsed_spin(polarizability(wide, omega=omega, parts=("A", "B")), PULSE, lost=1e-11)
    t, w, c = PULSE.time_t, 4 * np.pi, 4 * np.log(2) / 0.8**2
    z_t = 2e7 * 1e-10 * np.exp(-c * t**2 - 1j * (w * t - 0.7))
    slope_t = -2 * c * t - 1j * w
    derivatives = [z_t, HBAR * slope_t * z_t, HBAR**2 * (slope_t**2 - 2 * c) * z_t]
    for order in range(3):
        expected = 2.0 * 100 * np.einsum("qs,t->qts", up[order][:, :, 0], derivatives[order].real)
        found = spin.delta[order, :, 0, 0]
        assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def two_levels(gap=0.03):
    """Two flat levels whose dipole and spin do not commute."""
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    u, _ = np.linalg.qr(matrix)
    ham = u @ np.diag([-gap / 2, gap / 2]) @ u.conj().T
    pos = np.zeros((1, 2, 2, 3), complex)
    for a in range(3):
        matrix = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        pos[0, :, :, a] = matrix + matrix.conj().T
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    model = ws.WannierModel.from_arrays(
        cell=np.diag([4.0, 5.0, 20.0]),
        R=np.zeros((1, 3), int),
        ham=ham[None],
        pos=pos,
        spin=np.moveaxis(pauli, 0, -1)[None],
        periodic=(True, True, False),
    )
    return model, ham, np.moveaxis(pos[0], -1, 0), pauli


@pytest.mark.parametrize("exact", [True, False])
def test_pulse_against_the_liouville_equation(exact):
    """Density matrix of two levels in time, where nothing depends on k and the spin is local."""
    model, ham, pos_aij, pauli = two_levels()
    pulse = ws.Pulse.gaussian(
        amplitude=1e3, frequency_thz=1.5, fwhm_ps=0.9, direction=[0.6, 0.8j, 0.3]
    )
    omega = pulse.photon_energies(1e-9) if exact else np.linspace(0.0, 0.018, 40)
    response = ws.SpinPolarizability(omega_w=omega, mu_f=0.0, insulator=True)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=1))
    spin = ws.pulsed_spin(result, pulse, lost=1e-8)

    _, u = np.linalg.eigh(ham)
    start = np.outer(u[:, 0], u[:, 0].conj())

    unit = np.array([0.6, 0.8j, 0.3]) / np.linalg.norm([0.6, 0.8, 0.3])

    def slope(t, rho):
        rho = rho.reshape(2, 2)
        z = 1e3 * np.exp(-4 * np.log(2) * (t / 0.9) ** 2 - 3j * np.pi * t)
        h = ham + np.einsum("a,aij->ij", (z * unit).real * 1e-10, pos_aij)
        return ((h @ rho - rho @ h) / (1j * HBAR)).ravel()

    steps = solve_ivp(
        slope, pulse.time_t[[0, -1]], start.ravel(), t_eval=pulse.time_t, method="DOP853",
        rtol=1e-12, atol=1e-14,
    )  # fmt: skip
    rho_tij = steps.y.T.reshape(-1, 2, 2)
    sigma_ts = np.einsum("sij,tji->ts", pauli, rho_tij - start).real / (0.4 * 0.5)  # per nm²
    found_ts = spin.total[0, 0, 0]
    size = np.abs(sigma_ts).max()
    assert size > 0.0
    assert np.abs(found_ts - sigma_ts).max() < 2e-5 * size


def test_a_long_wave_is_the_monochromatic_answer():
    """In the middle of a long pulse ΔS(t) = Re[Δ e^{-iωt}], for spin and effective field."""
    model, *_ = two_levels()
    pulse = ws.Pulse.gaussian(amplitude=1e7, frequency_thz=3.0, fwhm_ps=40.0, direction="y")
    omega = np.append(np.linspace(0.0, 0.02, 31), ws.ev_from_thz(3.0))
    parts = ws.partition(model, {"A": [1], "B": [2]})
    response = ws.SpinPolarizability(omega_w=omega, mu_f=0.0, insulator=True, parts=parts)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=1))
    induced = ws.induced_spin(result, field=1e7, direction="y")
    spin = ws.pulsed_spin(result, pulse)
    near_t = np.abs(pulse.time_t) < 0.2
    wave_t = np.exp(-6j * np.pi * pulse.time_t[near_t])
    expected = np.einsum("t,iqs->iqts", wave_t, induced.delta[:, :, 0, 0, -1]).real
    found = spin.delta[:, :, 0, 0][:, :, near_t]
    for order in range(3):
        size = np.abs(expected[order]).max()
        assert np.abs(found[order] - expected[order]).max() < 1e-3 * size
    neel = ws.neel_field(induced, moment=[3.0, 2.0])
    field = ws.pulsed_field(spin, moment=[3.0, 2.0])
    wave = np.einsum("t,qs->tqs", wave_t, neel.total[:, 0, 0, -1]).real
    assert np.abs(field.field_tqa[near_t] - wave).max() < 1e-3 * np.abs(wave).max()
    assert np.allclose(field.staggered_ta + field.uniform_ta, field.field_tqa[:, 0])
    opposite = ws.pulsed_field(spin, moment={"B": 2.0, "A": 3.0}, signs={"A": -1, "B": 1})
    assert np.array_equal(opposite.field_tqa, field.field_tqa)
    assert np.array_equal(opposite.staggered_ta, -field.staggered_ta)


def test_frequencies_that_do_not_cover_the_pulse_are_refused():
    model, *_ = two_levels()
    response = ws.SpinPolarizability(omega_w=np.linspace(0.0, 0.006, 9), mu_f=0.0)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=1))
    with pytest.raises(ResponseError, match=r"pulse's energy lies outside.*photon_energies"):
        ws.pulsed_spin(result, PULSE)
    spin = ws.pulsed_spin(result, PULSE, lost=1.0)
    assert spin.errors.max() > 0.1 * np.abs(spin.delta).max()
    few = ws.SpinPolarizability(omega_w=[0.0, 0.01], mu_f=0.0)
    with pytest.raises(ResponseError, match="has 2 frequencies"):
        ws.pulsed_spin(ws.compute(model, [few], mesh=ws.UniformMesh(n=1)), PULSE)
    with pytest.raises(ResponseError, match="exchange = inf"):
        ws.pulsed_field(spin, moment=1.0, exchange=np.inf)


@pytest.mark.parametrize(
    ("time", "field", "words"),
    [
        (np.arange(3.0), np.zeros((3, 3)), "at least 4 times"),
        (np.arange(5.0), np.zeros((5, 2)), "three components"),
        (np.arange(5.0) ** 2, np.zeros((5, 3)), "equal steps"),
        (np.arange(5.0)[::-1], np.zeros((5, 3)), "equal steps"),
        (np.arange(5.0), np.zeros((5, 3)), "not zero everywhere"),
        (np.arange(5.0), np.full((5, 3), np.nan), "must be finite"),
        (np.arange(5.0), np.ones((5, 3)), "not a whole pulse"),
        (np.arange(12.0), np.outer([0, 0, 0] + [1, -1] * 3 + [0, 0, 0], [1, 0, 0]), "too coarsely"),
    ],
)
def test_what_is_no_pulse_is_refused(time, field, words):
    with pytest.raises(ResponseError, match=words):
        ws.Pulse(time, field)


@pytest.mark.parametrize("name", ["amplitude", "frequency_thz", "fwhm_ps", "step_ps"])
def test_impossible_gaussians_are_refused(name):
    good = {"amplitude": 1.0, "frequency_thz": 1.0, "fwhm_ps": 1.0}
    with pytest.raises(ResponseError, match=f"{name} = -1"):
        ws.Pulse.gaussian(**{**good, name: -1.0})


def test_coarse_steps_of_a_gaussian_are_refused():
    """A step of 0.45 ps would make 0.2 THz of 2 THz."""
    with pytest.raises(ResponseError, match=r"too coarse for 2 THz, whose period is 0\.5 ps"):
        ws.Pulse.gaussian(amplitude=1.0, frequency_thz=2.0, fwhm_ps=4.0, step_ps=0.45)


def test_fields_of_a_level_that_is_not_there():
    model, *_ = two_levels()
    response = ws.SpinPolarizability(omega_w=np.linspace(0.0, 0.018, 9), mu_f=0.0, insulator=True)
    spin = ws.pulsed_spin(ws.compute(model, [response], mesh=ws.UniformMesh(n=1)), PULSE)
    with pytest.raises(ResponseError, match="mu_index = 1 must be of 1 temperatures"):
        ws.pulsed_field(spin, moment=1.0, mu_index=1)
    with pytest.raises(ResponseError, match="1 or -1 for each of the parts total"):
        ws.pulsed_field(spin, moment=1.0, signs=[1, -1])
