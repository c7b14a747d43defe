"""The kernel against Kubo formulas summed by hand over all pairs of bands."""

import numpy as np
import pytest
from reference import (
    CHARGE,
    assert_close,
    kubo_connection,
    kubo_velocity,
    mid_gap,
    operators_at,
    random_model,
    random_parts,
    states_at,
)

from w90spin.response import SpinPolarizability

OMEGA = np.array([0.0, 0.07, 0.4, 1.9])
MU = np.array([-0.6, 0.05, 0.7])
KT = np.array([0.02, 0.3])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("eta", [0.03, 0.5])
def test_broadened_chi_at_every_k(seed, eta):
    """Equal to the form with connections and to that with velocities, for every kT, mu, omega."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6 + 2 * (seed % 2), reach=(1, 1, seed % 2))
    kpt_kc = rng.uniform(-1, 1, size=(3, 3))
    response = SpinPolarizability(omega_w=OMEGA, mu_f=MU, kT=KT, eta=eta)
    chi = response.publish(response(states_at(model, kpt_kc)))["chi"]
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        for t, kT in enumerate(KT):
            for f, mu in enumerate(MU):
                for w, omega in enumerate(OMEGA):
                    z = omega + 1j * eta
                    expected = kubo_connection(ops, mu, kT, z)
                    same = kubo_velocity(ops, mu, kT, z, diagonal=False)
                    assert_close(same, expected, 1e-10)
                    assert_close(chi[k, 0, t, f, w], expected, 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_parts_at_every_k(seed):
    rng = np.random.default_rng(50 + seed)
    model = random_model(rng, 6)
    parts = random_parts(rng, 6)
    kpt_kc = rng.uniform(size=(2, 3))
    response = SpinPolarizability(omega_w=0.4, mu_f=0.05, kT=0.1, eta=0.05, parts=parts)
    chi = response.publish(response(states_at(model, kpt_kc)))["chi"]
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        for part, weight_i in enumerate(parts.weights_li):
            expected = kubo_connection(ops, 0.05, 0.1, 0.4 + 0.05j, weight_i)
            assert_close(chi[k, part, 0, 0, 0], expected, 1e-9)


def test_the_two_forms_differ_by_the_fermi_surface_part():
    """The pairs n = m of the velocity form are the tau-linear part, which chi leaves out."""
    rng = np.random.default_rng(3)
    ops = operators_at(random_model(rng, 6), rng.uniform(size=3))
    mu, kT, z = 0.05, 0.2, 0.4 + 0.05j
    energy, u = np.linalg.eigh(ops.ham)
    edelstein = np.zeros((3, 3), dtype=complex)
    for n in range(6):
        x = (energy[n] - mu) / kT
        slope = -1 / (4 * kT * np.cosh(x / 2) ** 2)
        s = np.array([u[:, n].conj() @ o @ u[:, n] for o in ops.spin]).real / 2
        v = np.array([u[:, n].conj() @ o @ u[:, n] for o in ops.covariant]).real
        edelstein += -1j * CHARGE / z * slope * np.outer(s, v)
    whole = kubo_velocity(ops, mu, kT, z, diagonal=True)
    assert_close(whole - kubo_connection(ops, mu, kT, z), edelstein, 1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_clean_limit_is_the_kubo_response_at_real_frequency(seed):
    """chi = Y0 - w² Y2 - i w Y1 with the published band sums, and the limit of a tiny eta."""
    rng = np.random.default_rng(20 + seed)
    model = random_model(rng, 6, gap=1.5)
    kpt_kc = rng.uniform(size=(4, 3))
    mu, gap = mid_gap(model, kpt_kc)
    omega = gap * np.array([0.0, 0.1, 0.6, 0.95])
    clean = SpinPolarizability(omega_w=omega, mu_f=mu)
    tensors = clean.publish(clean(states_at(model, kpt_kc)))
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        for w, z in enumerate(omega):
            expected = kubo_connection(ops, mu, 0.0, z)
            assert_close(tensors["chi"][k, 0, 0, 0, w], expected, 1e-9)
            almost = kubo_connection(ops, mu, 0.0, z + 1e-9j)
            assert_close(tensors["chi"][k, 0, 0, 0, w], almost, 1e-6)
        static = kubo_connection(ops, mu, 0.0, 0.0)
        assert_close(tensors["upsilon0"][k, 0, 0, 0], static.real, 1e-9)
        for w in range(1, len(omega)):
            chi = kubo_connection(ops, mu, 0.0, omega[w])
            assert_close(tensors["upsilon1"][k, 0, 0, 0, w], -chi.imag / omega[w], 1e-8)
            second = (static - chi).real / omega[w] ** 2
            assert_close(tensors["upsilon2"][k, 0, 0, 0, w], second, 1e-8)


@pytest.mark.parametrize("eta", [0.02, 0.3])
def test_meaning_of_the_names_with_broadening(eta):
    """Y0 = chi(i eta), Y1 = -Im chi/w, Y2 = [chi(i eta) - Re chi]/w²."""
    rng = np.random.default_rng(31)
    model = random_model(rng, 6)
    kpt_kc = rng.uniform(size=(3, 3))
    omega = np.array([0.05, 0.8, 2.5])
    response = SpinPolarizability(omega_w=omega, mu_f=0.1, kT=0.05, eta=eta)
    tensors = response.publish(response(states_at(model, kpt_kc)))
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        static = kubo_connection(ops, 0.1, 0.05, 1j * eta)
        assert np.abs(static.imag).max() < 1e-9 * np.abs(static.real).max()
        assert_close(tensors["upsilon0"][k, 0, 0, 0], static.real, 1e-9)
        for w in range(len(omega)):
            chi = kubo_connection(ops, 0.1, 0.05, omega[w] + 1j * eta)
            assert_close(tensors["upsilon1"][k, 0, 0, 0, w], -chi.imag / omega[w], 1e-8)
            second = (static - chi).real / omega[w] ** 2
            assert_close(tensors["upsilon2"][k, 0, 0, 0, w], second, 1e-8)


def test_zero_frequency_with_broadening_is_the_limit():
    """At w = 0 the names are derivatives of chi(w + i eta), here by central differences."""
    rng = np.random.default_rng(32)
    model = random_model(rng, 6)
    kpt_c = rng.uniform(size=3)
    eta, h = 0.2, 1e-3
    response = SpinPolarizability(omega_w=0.0, mu_f=0.1, kT=0.05, eta=eta)
    tensors = response.publish(response(states_at(model, [kpt_c])))
    ops = operators_at(model, kpt_c)
    plus, here, minus = (kubo_connection(ops, 0.1, 0.05, w + 1j * eta) for w in (h, 0.0, -h))
    first = -(plus.imag - minus.imag) / (2 * h)
    second = -(plus.real - 2 * here.real + minus.real) / (2 * h**2)
    assert_close(tensors["upsilon1"].reshape(3, 3), first, 1e-4)
    assert_close(tensors["upsilon2"].reshape(3, 3), second, 1e-4)
    assert_close(tensors["chi"].reshape(3, 3), here, 1e-9)


def test_small_eta_joins_the_clean_limit():
    rng = np.random.default_rng(33)
    model = random_model(rng, 6, gap=1.5)
    kpt_kc = rng.uniform(size=(4, 3))
    mu, gap = mid_gap(model, kpt_kc)
    omega = gap * np.array([0.0, 0.5])
    states = states_at(model, kpt_kc)
    clean = SpinPolarizability(omega_w=omega, mu_f=mu)
    broad = SpinPolarizability(omega_w=omega, mu_f=mu, eta=1e-7)
    expected, actual = clean.publish(clean(states)), broad.publish(broad(states))
    for name, tensor in expected.items():
        assert_close(actual[name], tensor, 1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.1])
def test_bands_sum_to_the_integrand(eta):
    """sum_n f_n Y_n = Y: pairs of bands that are both occupied cancel, at any temperature."""
    rng = np.random.default_rng(34)
    model = random_model(rng, 6)
    states = states_at(model, rng.uniform(size=(4, 3)))
    kT = 0.3
    omega = 0.4 * np.diff(states.energy_kn, axis=1).min()
    response = SpinPolarizability(omega_w=omega, mu_f=0.1, kT=kT, eta=eta)
    published, bands = response.publish(response(states)), response.bands(states)
    f_kn = 1 / (1 + np.exp((states.energy_kn - 0.1) / kT))
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        total = np.einsum("kn,kn...->k...", f_kn, bands[name])
        assert_close(total.reshape(4, -1), published[name].reshape(4, -1), 1e-8)


def test_velocity_is_the_slope_of_the_bands():
    """Diagonal of the covariant velocity against finite differences of eigenvalues."""
    rng = np.random.default_rng(35)
    model = random_model(rng, 6, reach=(1, 1, 1))
    kpt_c = rng.uniform(size=3)
    velocity_anm = states_at(model, [kpt_c]).velocity_kanm[0]
    h = 1e-4
    slope = np.empty((3, 6))
    for a in range(3):
        step_c = model.cell_ca[:, a] * h / (2 * np.pi)  # k.a_c = 2 pi kappa_c
        up, down = states_at(model, [kpt_c + step_c]), states_at(model, [kpt_c - step_c])
        slope[a] = (up.energy_kn - down.energy_kn)[0] / (2 * h)
    assert_close(np.einsum("ann->an", velocity_anm).real, slope, 1e-6)


def test_velocity_between_bands_is_the_covariant_derivative():
    """U^dagger (d_a H - i[A_a, H]) U, also for a rectangle of bands."""
    rng = np.random.default_rng(36)
    model = random_model(rng, 6, reach=(1, 1, 1))
    kpt_c = rng.uniform(size=3)
    states, ops = states_at(model, [kpt_c]), operators_at(model, kpt_c)
    u = states.vectors_kin[0]
    expected = np.array([u.conj().T @ v @ u for v in ops.covariant])
    assert_close(states.velocity_kanm[0], expected, 1e-12)
    rectangle = states.velocity_between(slice(1, 3), slice(2, 6))[0]
    assert_close(rectangle, expected[:, 1:3, 2:6], 1e-12)
