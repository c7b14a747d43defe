"""Density matrices driven by a field in time, without linear response theory.

i d rho/dt = [H(k(t)) - q E(t).A(k(t)), rho],   k(t) = k + q int E dt,   E(t) = E exp(eta t) cos wt

from the filled bands in the far past.  The spin linear in E must be
Re[chi(w + i eta) exp(-iwt)] exp(eta t) E.
"""

import numpy as np
import pytest
from reference import CHARGE, assert_close, grid, mid_gap, part_spin, random_model, random_parts

from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability


class Driven:
    """Points that arrive at the k of a mesh at given times, at +E and -E, in the Wannier gauge.

    Axes t (time of arrival), x (sign of the field), k.
    """

    def __init__(self, model, kpt_kc, field_a, w, eta, arrival_t):
        self.model, self.w, self.eta = model, w, eta
        self.arrival_t = arrival_t
        self.kpt_ka = 2 * np.pi * kpt_kc @ np.linalg.inv(model.cell_ca).T  # Cartesian
        self.place_Ra = model.R_Rc @ model.cell_ca
        self.field_xa = np.stack([field_a, -np.asarray(field_a)])
        n_R = len(model.R_Rc)
        self.ham_Ry = model.ham_Rij.reshape(n_R, -1)
        self.pos_xRy = np.einsum("xa,Raij->xRij", self.field_xa, model.pos_Raij)
        self.pos_xRy = self.pos_xRy.reshape(2, n_R, -1)

    def impulse(self, t):
        """Integral of exp(eta t) cos wt from the far past."""
        z = self.eta + 1j * self.w
        return (np.exp(z * t) / z).real

    def phases(self, t):
        ahead_t = CHARGE * (self.impulse(t) - self.impulse(self.arrival_t))
        kpt_txka = self.kpt_ka + ahead_t[:, None, None, None] * self.field_xa[:, None]
        return np.exp(1j * kpt_txka @ self.place_Ra.T)

    def hamiltonian(self, t):
        n = self.model.n_wann
        phase = self.phases(t)
        size = np.exp(self.eta * t) * np.cos(self.w * t)
        ham = phase @ self.ham_Ry - CHARGE * size * (phase @ self.pos_xRy)
        return ham.reshape(*phase.shape[:-1], n, n)

    def slope(self, t, rho):
        ham = self.hamiltonian(t)
        return -1j * (ham @ rho - rho @ ham)

    def spins(self, t, rho_xkij, weights_li):
        """Spin (part, s) averaged over k; half the difference between +E and -E."""
        at_stop = self.phases(t)[int(np.argmin(np.abs(self.arrival_t - t)))]
        spin_xksij = np.einsum("xkR,Rsij->xksij", at_stop, self.model.spin_Rsij)
        total = np.zeros((len(weights_li), 3))
        for part, weight_i in enumerate(weights_li):
            for x, sign in enumerate((1, -1)):
                for spin_sij, rho_ij in zip(spin_xksij[x], rho_xkij[x], strict=True):
                    local = part_spin(spin_sij, weight_i)
                    total[part] += sign * np.einsum("sij,ji->s", local, rho_ij).real
        return total / (2 * len(self.kpt_ka))

    def run(self, n_below, start, dt, weights_li):
        """Fourth-order Runge-Kutta from the filled bands at the start, (time, part, s)."""
        _, u = np.linalg.eigh(self.hamiltonian(start))
        rho = u[..., :n_below] @ u[..., :n_below].conj().swapaxes(-1, -2)
        t, seen = start, []
        for index, stop in enumerate(self.arrival_t):
            steps = max(1, round((stop - t) / dt))
            h = (stop - t) / steps
            for _ in range(steps):
                k1 = self.slope(t, rho)
                k2 = self.slope(t + h / 2, rho + h / 2 * k1)
                k3 = self.slope(t + h / 2, rho + h / 2 * k2)
                k4 = self.slope(t + h, rho + h * k3)
                rho = rho + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
                t += h
            seen.append(self.spins(t, rho[index], weights_li))
        return np.array(seen)


@pytest.mark.parametrize(
    ("seed", "reach", "n_c", "field_a", "w"),
    [
        (0, (1, 1, 0), (2, 3, 1), (0.7, -0.4, 0.6), 0.35),
        (1, (1, 0, 1), (2, 1, 2), (-0.5, 0.8, 0.3), 1.1),
    ],
)
def test_spin_of_a_driven_insulator(seed, reach, n_c, field_a, w):
    """Periodic and open directions, k-dependent spin, r(R), fractional parts, off resonance."""
    eta, amplitude = 0.2, 1e-4
    rng = np.random.default_rng(seed)
    model = random_model(rng, 4, reach=reach, gap=0.9, hopping=0.25)
    parts = random_parts(rng, 4, n_parts=2)
    shift = (0.5, 0.0, 0.0)
    kpt_kc = grid(n_c, shift)
    mu, gap = mid_gap(model, grid((12, 12, 12)))
    assert gap > 0.2
    arrival_t = np.linspace(-4.0, 0.0, 6)
    driven = Driven(model, kpt_kc, amplitude * np.array(field_a), w, eta, arrival_t)
    density = driven.run(2, -75.0, 0.05, parts.weights_li) / model.measure

    response = SpinPolarizability(omega_w=w, mu_f=mu, eta=eta, parts=parts)
    integral = integrate(
        FourierSum(model), [response], UniformMesh(n=n_c, shift=shift), comm=Comm()
    )
    chi_qsb = integral.values[0]["chi"][:, 0, 0, 0]
    wave_t = np.exp((eta - 1j * w) * arrival_t)
    expected = amplitude * np.einsum("t,qsb,b->tqs", wave_t, chi_qsb, field_a).real
    assert_close(density, expected, 1e-5)
