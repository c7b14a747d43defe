"""Spin Hall, magnetic spin Hall, Edelstein and anomalous Hall responses, each a second time."""

import numpy as np
import pytest
from reference import (
    CHARGE,
    assert_close,
    grid,
    mid_gap,
    occupation,
    occupation_slope,
    operators_at,
    part_spin,
    random_model,
    random_parts,
    states_at,
)
from test_real_time import Driven

import w90spin as ws
from w90spin.errors import NotInsulatorError, ResonanceError, ResponseError
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve
from w90spin.model import toys

OMEGA = np.array([0.0, 0.07, 0.4, 1.9])
MU = np.array([-0.6, 0.05, 0.7])
KT = np.array([0.02, 0.3])


def spin_currents(ops, weight_i=None):
    """J^{a;c} = {V_a, S_c}/2 of a part, flow and spin in one row, (9, i, j)."""
    spin = part_spin(ops.spin, weight_i)
    return np.array([(v @ s + s @ v) / 2 for v in ops.covariant for s in spin])


def kubo(ops, observables, mu, kT, z):
    """Interband response of any observables to a field along b: double loop over bands.

    chi_xb = q sum_{n != m} (f_m - f_n) O^x_mn A^b_nm / (eps_nm - z)
    """
    energy, u = np.linalg.eigh(ops.ham)
    f = occupation(energy, mu, kT)
    chi = np.zeros((len(observables), 3), dtype=complex)
    for n in range(len(energy)):
        for m in range(len(energy)):
            if n == m:
                continue
            eps = energy[n] - energy[m]
            for b in range(3):
                connection = -1j * (u[:, n].conj() @ ops.covariant[b] @ u[:, m]) / eps
                for x, observable in enumerate(observables):
                    o = u[:, m].conj() @ observable @ u[:, n]
                    chi[x, b] += CHARGE * (f[m] - f[n]) * o * connection / (eps - z)
    return chi


def surface(ops, observables, mu, kT):
    """-q sum_n f'_n O_nn v_nb."""
    energy, u = np.linalg.eigh(ops.ham)
    chi = np.zeros((len(observables), 3))
    for n in range(len(energy)):
        slope = occupation_slope(energy[n], mu, kT)
        for x, observable in enumerate(observables):
            o = (u[:, n].conj() @ observable @ u[:, n]).real
            for b in range(3):
                v = (u[:, n].conj() @ ops.covariant[b] @ u[:, n]).real
                chi[x, b] += -CHARGE * slope * o * v
    return chi


def by_flow_field_spin(chi_xb):
    """(flow·spin, field) -> flow, field, spin."""
    return chi_xb.reshape(3, 3, 3).swapaxes(1, 2)


def published(response, model, kpt_kc, **options):
    fourier = FourierSum(model, extras=sorted(response.claims.extras))
    states = solve(fourier, KPoints(np.asarray(kpt_kc, dtype=float)), **options)
    return response.publish(response(states))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("eta", [0.03, 0.5])
def test_spin_hall_at_every_k(seed, eta):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, reach=(1, 1, seed % 2))
    kpt_kc, parts = rng.uniform(-1, 1, size=(2, 3)), random_parts(rng, 6, n_parts=2)
    response = ws.SpinHall(omega_w=OMEGA, mu_f=MU, kT=KT, eta=eta, parts=parts)
    sigma = published(response, model, kpt_kc)["sigma"]
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        for q, weight_i in enumerate(parts.weights_li):
            for t, f, w in np.ndindex(2, 3, 4):
                z = OMEGA[w] + 1j * eta
                expected = kubo(ops, spin_currents(ops, weight_i), MU[f], KT[t], z)
                assert_close(sigma[k, q, t, f, w], by_flow_field_spin(expected), 1e-9)


@pytest.mark.parametrize("omega", [0.0, 0.3])
def test_clean_limit_and_its_halves(omega):
    """Curvature with cos, metric with sin, below the gap: the formulas of Xiang et al."""
    rng = np.random.default_rng(4)
    model = random_model(rng, 6, gap=1.0)
    kpt_kc = rng.uniform(size=(2, 3))
    mu, gap = mid_gap(model, kpt_kc)
    assert gap > 0.5
    found = published(ws.SpinHall(mu_f=mu, omega_w=omega), model, kpt_kc)
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        energy, u = np.linalg.eigh(ops.ham)
        currents = spin_currents(ops)
        even, odd = np.zeros((9, 3)), np.zeros((9, 3))
        for n in np.flatnonzero(energy < mu):
            for m in range(6):
                if m == n:
                    continue
                eps = energy[n] - energy[m]
                for x, b in np.ndindex(9, 3):
                    j = u[:, n].conj() @ currents[x] @ u[:, m]
                    v = u[:, m].conj() @ ops.covariant[b] @ u[:, n]
                    curvature, metric = -2 * (j * v).imag / eps**2, (j * v).real / eps**2
                    even[x, b] += -CHARGE * curvature * eps**2 / (eps**2 - omega**2)
                    odd[x, b] += 2 * CHARGE * metric * eps * omega / (eps**2 - omega**2)
        assert_close(found["sigma_even"][k, 0, 0, 0, 0], by_flow_field_spin(even), 1e-10)
        scale = np.abs(even).max()
        odd = 1j * by_flow_field_spin(odd)
        assert_close(found["sigma_odd"][k, 0, 0, 0, 0], odd, 1e-10, scale)
        if omega:
            assert np.abs(odd).max() > 1e-2 * scale


@pytest.mark.parametrize("seed", range(2))
def test_fermi_surface_responses_at_every_k(seed):
    rng = np.random.default_rng(10 + seed)
    model = random_model(rng, 6, reach=(1, 1, seed))
    kpt_kc, parts = rng.uniform(size=(3, 3)), random_parts(rng, 6, n_parts=2)
    common = {"mu_f": MU, "kT": KT, "parts": parts}
    chi = published(ws.Edelstein(**common), model, kpt_kc)["chi_tau"]
    sigma = published(ws.MagneticSpinHall(**common), model, kpt_kc)["sigma_tau"]
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        for q, weight_i in enumerate(parts.weights_li):
            for t, f in np.ndindex(2, 3):
                expected = surface(ops, part_spin(ops.spin, weight_i), MU[f], KT[t])
                assert_close(chi[k, q, t, f], expected, 1e-9, np.abs(chi).max())
                expected = surface(ops, spin_currents(ops, weight_i), MU[f], KT[t])
                expected = by_flow_field_spin(expected)
                assert_close(sigma[k, q, t, f], expected, 1e-9, np.abs(sigma).max())


def test_fermi_surface_is_what_the_velocity_form_has_more():
    """chi of uniform relaxation = interband + (coefficient)/(eta - i omega), degenerate pairs too.

    F_nm = (f_n - f_m)/eps_nm or f': chi = i q sum_nm F_nm O_mn V_nm/(eps_nm - z).
    """
    model, kpt_c, mu, kT, z = toys.pt_antiferromagnet(), (0.13, 0.37, 0.0), -0.6, 0.1, 0.3 + 0.05j
    ops = operators_at(model, kpt_c)
    energy, u = np.linalg.eigh(ops.ham)
    f = occupation(energy, mu, kT)
    weight_i = np.array([1.0, 1.0, 0.0, 0.0])
    currents = np.array([u.conj().T @ o @ u for o in spin_currents(ops, weight_i)])
    velocity = np.array([u.conj().T @ o @ u for o in ops.covariant])
    whole = np.zeros((9, 3), dtype=complex)
    for n, m in np.ndindex(4, 4):
        eps = energy[n] - energy[m]
        near = abs(eps) < 1e-6
        slope = occupation_slope(energy[n], mu, kT) if near else (f[n] - f[m]) / eps
        for x, b in np.ndindex(9, 3):
            whole[x, b] += (
                1j * CHARGE * slope * currents[x, m, n] * velocity[b, n, m]
                / ((0.0 if near else eps) - z)
            )  # fmt: skip
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    interband = ws.SpinHall(mu_f=mu, kT=kT, omega_w=z.real, eta=z.imag, parts=parts)
    drude = ws.MagneticSpinHall(mu_f=mu, kT=kT, parts=parts)
    sigma = published(interband, model, [kpt_c])["sigma"][0, 0, 0, 0, 0]
    tau = published(drude, model, [kpt_c])["sigma_tau"][0, 0, 0, 0]
    assert np.abs(tau).max() > 0.01
    assert_close(sigma + tau / (z.imag - 1j * z.real), by_flow_field_spin(whole), 1e-8)


class DrivenCurrents(Driven):
    """The spin currents, in place of the spins, that a field in time makes flow."""

    def spins(self, t, rho_xkij, weights_li):
        total = np.zeros((len(weights_li), 9))
        ops_k = [operators_at(self.model, kpt_c) for kpt_c in self.kpt_kc]
        for part, weight_i in enumerate(weights_li):
            for x, sign in enumerate((1, -1)):
                for ops, rho_ij in zip(ops_k, rho_xkij[x], strict=True):
                    currents = spin_currents(ops, weight_i)
                    total[part] += sign * np.einsum("xij,ji->x", currents, rho_ij).real
        return total / (2 * len(self.kpt_kc))


def test_spin_current_of_a_driven_insulator():
    """Density matrices in time: no response theory, no bands."""
    eta, w, amplitude, field_a = 0.2, 0.45, 1e-4, (0.6, -0.5, 0.4)
    rng = np.random.default_rng(2)
    model = random_model(rng, 4, reach=(1, 1, 0), gap=0.9, hopping=0.25)
    parts = random_parts(rng, 4, n_parts=2)
    kpt_kc = grid((2, 2, 1), (0.5, 0.0, 0.0))
    mu, gap = mid_gap(model, grid((12, 12, 1)))
    assert gap > 0.2
    arrival_t = np.linspace(-3.0, 0.0, 4)
    driven = DrivenCurrents(model, kpt_kc, amplitude * np.array(field_a), w, eta, arrival_t)
    driven.kpt_kc = kpt_kc
    seen = driven.run(2, -75.0, 0.05, parts.weights_li)
    response = ws.SpinHall(omega_w=w, mu_f=mu, eta=eta, parts=parts)
    sigma_qabc = published(response, model, kpt_kc)["sigma"][:, :, 0, 0, 0].mean(axis=0)
    wave_t = np.exp((eta - 1j * w) * arrival_t)
    expected = amplitude * np.einsum("t,qabc,b->tqac", wave_t, sigma_qabc, field_a).real
    assert_close(seen.reshape(expected.shape), expected, 1e-5)


# --- closed forms ---


@pytest.mark.parametrize(
    ("lso", "lv", "quanta"), [(0.06, 0.1, -1), (-0.06, 0.1, 1), (0.06, 0.5, 0)]
)
def test_kane_mele_is_quantised(lso, lv, quanta):
    """sigma_xy;z = -sign(lso)/2π inside |lv| < 3√3|lso|, and opposite under exchange of axes."""
    model = toys.kane_mele(soc=lso, rashba=0.0, m=lv)
    result = ws.compute(model, [ws.SpinHall(mu_f=0.0, insulator=True)], mesh=ws.AutoMesh(rtol=1e-6))
    sigma, error = result["sigma"].values[0, 0, 0, 0], result["sigma"].errors[0, 0, 0, 0]
    expected = np.zeros((3, 3, 3))
    expected[0, 1, 2], expected[1, 0, 2] = quanta / (2 * np.pi), -quanta / (2 * np.pi)
    assert np.abs(sigma - expected).max() < 3e-6
    assert (np.abs(sigma - expected) <= np.abs(error) + 1e-12).all()


def test_nothing_linear_in_tau_flows_in_an_insulator():
    """The Fermi-sea form without the derivative of the current would give order one here."""
    model = toys.pt_antiferromagnet()
    response = ws.MagneticSpinHall(mu_f=0.0, kT=0.005)
    found = published(response, model, grid((12, 12, 1)))["sigma_tau"]
    assert np.abs(found.mean(axis=0)).max() < 1e-12


def test_sea_and_surface_agree_on_a_lattice():
    """-sum f' J v = sum f d_b J_nn over the zone, the derivative by differences of J_nn."""
    model, kT, mu = toys.altermagnet(), 0.1, 0.2
    n, step = 48, 1e-3
    kpt_kc = grid((n, n, 1), (0.3, 0.2, 0.0))
    recip_ca = model.recip_ca
    tau = published(ws.MagneticSpinHall(mu_f=mu, kT=kT), model, kpt_kc)["sigma_tau"]
    surface_abc = tau[:, 0, 0, 0].mean(axis=0)
    assert np.abs(surface_abc).max() > 0.01
    states = states_at(model, kpt_kc)
    f_kn = occupation(states.energy_kn, mu, kT)
    for b in range(2):
        shift_c = step * np.linalg.solve(recip_ca.T, np.eye(3)[b])
        ahead, behind = (
            np.einsum(
                "kacnn->kacn",
                states_at(model, kpt_kc + sign * shift_c).spin_current_between(
                    slice(0, model.n_wann), slice(0, model.n_wann)
                )[:, 0],
            ).real
            for sign in (1, -1)
        )
        sea_ac = np.einsum("kn,kacn->ac", f_kn, (ahead - behind) / (2 * step)) / n**2
        assert np.abs(CHARGE * sea_ac - surface_abc[:, b]).max() < 1e-4


# --- what is refused ---


def test_what_cannot_be():
    for kind in (ws.SpinHall, ws.AnomalousHall):
        with pytest.raises(ResponseError, match=r"eta = -0\.1 must not be negative"):
            kind(mu_f=0.0, eta=-0.1)
        with pytest.raises(ResponseError, match="omega_w"):
            kind(mu_f=0.0, omega_w=[-1.0])
    with pytest.raises(ResponseError, match="'ryoo' must be one of simple, qiao2018, ryoo2019"):
        ws.SpinHall(mu_f=0.0, current="ryoo")
    with pytest.raises(ResponseError, match="'qiao' must be one of simple, qiao2018, ryoo2019"):
        ws.MagneticSpinHall(mu_f=0.0, kT=0.1, current="qiao")
    for kind in (ws.Edelstein, ws.MagneticSpinHall):
        with pytest.raises(ResponseError, match="must be above 0"):
            kind(mu_f=0.0, kT=0.0)
        with pytest.raises(ResponseError, match="mu_f"):
            kind(mu_f=[], kT=0.1)
    with pytest.raises(ResponseError, match="must be a Partition"):
        ws.SpinHall(mu_f=0.0, parts="layer")
    model = toys.kane_mele(rashba=0.0)
    with pytest.raises(NotInsulatorError, match="crosses a band"):
        ws.compute(model, [ws.SpinHall(mu_f=1.0, insulator=True)])
    with pytest.raises(ResonanceError, match="eta > 0"):
        ws.compute(model, [ws.SpinHall(mu_f=0.0, omega_w=2.0)])
    with pytest.raises(ws.errors.MissingOperatorError, match="qiao2018"):
        ws.compute(model, [ws.SpinHall(mu_f=0.0, current="qiao2018")])


@pytest.mark.parametrize(
    "response",
    [
        ws.SpinPolarizability(omega_w=[0.0, 0.05], mu_f=0.0),
        ws.SpinHall(mu_f=0.0, omega_w=[0.0, 0.05]),
        ws.ZeemanGeometry(mu_f=0.0),
    ],
)
def test_rounding_is_not_resolved(response):
    """Conserved spin leaves no spin between bands of one spin: what is left is rounding."""
    model = toys.kane_mele(rashba=0.0)
    result = ws.compute(model, [response], mesh=ws.AutoMesh(rtol=1e-5), symmetry="none")
    assert result.provenance["converged"]
    assert result.provenance["diagonalisations"] < 20_000


def test_layer_hall_effect():
    """PT leaves no Hall current, but opposite ones on the two sublattices that it exchanges."""
    model = toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    found = published(ws.AnomalousHall(mu_f=-0.6, kT=0.1, parts=parts), model, grid((12, 12, 1)))
    hall_qab = found["sigma_odd"][:, :, 0, 0, 0].real.mean(axis=0)
    assert np.abs(hall_qab[0]).max() > 1e-3
    assert np.abs(hall_qab[0] + hall_qab[1]).max() < 1e-12
