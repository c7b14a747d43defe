"""Spin Hall conductivity in several definitions: closed forms, identities, other routes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    CHARGE,
    SIGMA,
    STEADY,
    assert_close,
    grid,
    occupation,
    occupation_slope,
    operators_at,
    random_model,
    random_parts,
    rebuilt,
)
from scipy.spatial.transform import Rotation
from scipy.stats import unitary_group

from w90spin.errors import (
    MissingOperatorError,
    NotInsulatorError,
    PartitionError,
    ResponseError,
)
from w90spin.kspace.fourier import FourierSum, KLines, KPoints, WannierMatrices
from w90spin.kspace.states import BlochStates, solve
from w90spin.model.partition import Partition
from w90spin.model.toys import bi2se3, kane_mele, luttinger, pt_antiferromagnet
from w90spin.model.wannier import WannierModel
from w90spin.response.proper_spin_hall import DEFINITIONS, ProperSpinHall

SPIN_CONDUCTIVITY = ("conventional", "liu2023_printed", "band_transport")


def states_at(model, kpt_kc):
    """Bloch states, with all that the response needs of operators."""
    return solve(FourierSum(model, extras=("curl", "dspin")), KPoints(np.asarray(kpt_kc)))


def at_points(response, states):
    """Published tensors at every k."""
    return response.publish(response(states))


def zone_mean(response, model, n_c, shift=(0.5, 0.5, 0.5)):
    """Published tensors integrated over a mesh, without the package's integration."""
    raw = response(states_at(model, grid(n_c, shift)))
    return response.publish({name: x.mean(axis=0) / model.measure for name, x in raw.items()})


# -- every piece from its own trace ---------------------------------------------------------------


def pieces(ops, mu, kT, tolerance, weight_i=None):
    """C6, C7, both final forms and the torque of one k, as traces of explicit density matrices."""
    energy, u = np.linalg.eigh(ops.ham)
    n = len(energy)
    group = np.zeros(n, dtype=int)
    for i in range(1, n):
        group[i] = group[i - 1] + (energy[i] - energy[i - 1] > tolerance)
    f = occupation(energy, mu, kT)
    f = np.array([f[group == g].mean() for g in group])
    energy = np.array([energy[group == g].mean() for g in group])
    weight = np.ones(n) if weight_i is None else weight_i
    S = [u.conj().T @ (np.diag(weight) @ s + s @ np.diag(weight)) @ u / 4 for s in ops.spin]
    V = [u.conj().T @ v @ u for v in ops.covariant]
    same = group[:, None] == group
    gap = np.where(same, 1.0, energy[:, None] - energy)
    R = [np.where(same, 0, -1j * v / gap) for v in V]
    names = ("conventional", "liu2023_printed", "band_transport", "c6", "c7")
    found = {name: np.zeros((3, 3, 3)) for name in names}
    found["torque"] = np.zeros((3, 3))
    for b in range(3):
        rho = np.where(same, 0, R[b] * (f[:, None] - f[None, :]) / gap)
        for s in range(3):
            inside, between = np.where(same, S[s], 0), np.where(same, 0, S[s])
            torque = 1j * (np.diag(energy) @ S[s] - S[s] @ np.diag(energy))
            found["torque"][b, s] = np.trace(torque @ rho).real
            for a in range(3):
                flow = (V[a] @ rho + rho @ V[a]) / 2
                found["c6"][a, b, s] = np.trace(inside @ flow).real
                found["c7"][a, b, s] = np.trace(between @ flow).real
                found["conventional"][a, b, s] = np.trace(S[s] @ flow).real
                F = np.diag(f)
                printed = R[a] @ inside @ R[b] - R[b] @ inside @ R[a]
                transport = inside @ (R[a] @ R[b] - R[b] @ R[a])
                found["liu2023_printed"][a, b, s] = np.trace(F @ (1j * printed)).real
                found["band_transport"][a, b, s] = np.trace(F @ (1j * transport)).real
    return found


def test_charge_of_the_reference():
    """ħ dk/dt = -eE and the sign of the density matrix belong together."""
    assert CHARGE == -1.0


@given(seed=st.integers(0, 10**6), kT=st.sampled_from([0.0, 0.03, 0.4]))
@STEADY
def test_traces_of_density_matrices(seed, kT):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, reach=(1, 1, 1))
    kpt_c = rng.uniform(size=3)
    parts = random_parts(rng, 6, 2)
    mu = rng.uniform(-0.4, 0.4)
    actual = at_points(ProperSpinHall(mu_f=mu, kT=kT, parts=parts), states_at(model, kpt_c[None]))
    for q, weight_i in enumerate(parts.weights_li):
        expected = pieces(operators_at(model, kpt_c), mu, kT, 1e-4, weight_i)
        for name, value in expected.items():
            scale = max(np.abs(x).max() for x in expected.values())
            assert np.abs(actual[name][0, q, 0, 0] - value).max() < 1e-11 * max(scale, 1.0)


def pairs_everywhere(rng, n_wann=6):
    """Random model that inversion times time reversal leaves alone: every band is a pair."""
    model = random_model(rng, n_wann, reach=(1, 1, 1))
    turn = np.kron(np.eye(n_wann // 2), np.array([[0, 1], [-1, 0]]))
    minus = [np.flatnonzero((model.R_Rc == -R).all(axis=1))[0] for R in model.R_Rc]
    home = np.flatnonzero((model.R_Rc == 0).all(axis=1))[0]

    def reversed_at_k(op):
        return turn @ op[minus].conj() @ turn.T

    spin = np.zeros_like(model.spin_Rsij)
    spin[home] = [np.kron(np.eye(n_wann // 2), sigma) for sigma in SIGMA]
    return rebuilt(
        model,
        ham=(model.ham_Rij + reversed_at_k(model.ham_Rij)) / 2,
        pos=(model.pos_Raij - reversed_at_k(model.pos_Raij)) / 2,
        spin=spin,
    )


@pytest.mark.parametrize("kT", [0.0, 0.1])
def test_traces_with_degenerate_pairs(kT):
    """All bands of these are pairs, and C6 is a trace of its own, not the mean of two forms."""
    rng = np.random.default_rng(3)
    for model in (pairs_everywhere(rng), pt_antiferromagnet(), bi2se3(), luttinger(strain=0.1)):
        kpt_kc = rng.uniform(size=(3, 3))
        energy = np.linalg.eigvalsh(operators_at(model, kpt_kc[0]).ham)
        np.testing.assert_allclose(energy[::2], energy[1::2], rtol=0, atol=1e-12)
        mu = (energy[1] + energy[2]) / 2
        actual = at_points(ProperSpinHall(mu_f=mu, kT=kT), states_at(model, kpt_kc))
        expected_k = [pieces(operators_at(model, kpt_c), mu, kT, 1e-4) for kpt_c in kpt_kc]
        scale = max(np.abs(expected["conventional"]).max() for expected in expected_k)
        for k, expected in enumerate(expected_k):
            for name, value in expected.items():
                assert_close(actual[name][k, 0, 0, 0], value, 1e-10, scale)


@pytest.mark.parametrize("make", [lambda rng: random_model(rng, 6), pairs_everywhere])
def test_single_bands_add_up(make):
    """Weighted with the occupations; a band of a block carries the sum over it."""
    rng = np.random.default_rng(5)
    states = states_at(make(rng), rng.uniform(size=(3, 3)))
    response = ProperSpinHall(mu_f=0.1, kT=0.2, parts=random_parts(rng, 6, 2))
    total, bands = at_points(response, states), response.bands(states)
    shared_kn = (states.block_kn[:, :, None] == states.block_kn[:, None]).sum(axis=2)
    weight_kn = occupation(states.energy_kn, 0.1, 0.2) / shared_kn
    assert {*SPIN_CONDUCTIVITY, "c6", "c7", "torque", "torque_outside"} <= bands.keys()
    for name, value in bands.items():
        summed = np.einsum("kn,kn...->k...", weight_kn, value)
        assert_close(summed, total[name][:, :, 0, 0], 1e-10, np.abs(total["c6"]).max())


def test_pieces_add_up():
    rng = np.random.default_rng(4)
    response = ProperSpinHall(mu_f=[-0.2, 0.1], kT=[0.0, 0.2])
    found = at_points(response, states_at(random_model(rng, 6), rng.uniform(size=(4, 3))))
    current = found["c6"] + found["c7"]
    np.testing.assert_allclose(current, found["conventional"], rtol=0, atol=1e-13)
    dipoles = found["tdip1"] + found["tdip2"]
    np.testing.assert_allclose(current + dipoles, found["band_transport"], rtol=0, atol=1e-13)
    printed = found["tdip1"] + found["tdip2_printed"]
    np.testing.assert_allclose(current + printed, found["liu2023_printed"], rtol=0, atol=1e-13)
    for name in ("liu2023_printed", "band_transport"):
        np.testing.assert_array_equal(found[name], -found[name].swapaxes(-3, -2))
    assert np.abs(found["conventional"] + found["conventional"].swapaxes(-3, -2)).max() > 0.01


# -- spin that is conserved -----------------------------------------------------------------------


def conserving(rng, n_orbitals, **options):
    """Up and down blocks of their own, positions between orbitals included."""
    up, down = random_model(rng, n_orbitals, **options), random_model(rng, n_orbitals, **options)
    zero = np.zeros((2, 2))

    def both(of_up, of_down):
        return np.kron(of_up, zero + np.diag([1, 0])) + np.kron(of_down, zero + np.diag([0, 1]))

    spin_Rsij = np.zeros((len(up.R_Rc), 3, 2 * n_orbitals, 2 * n_orbitals), dtype=complex)
    home = np.flatnonzero((up.R_Rc == 0).all(axis=1))[0]
    spin_Rsij[home] = [np.kron(np.eye(n_orbitals), sigma) for sigma in SIGMA]
    pos = both(up.pos_Raij, down.pos_Raij)
    return WannierModel.from_arrays(
        up.cell_ca,
        up.R_Rc,
        both(up.ham_Rij, down.ham_Rij),
        pos=pos.transpose(0, 2, 3, 1),
        spin=spin_Rsij.transpose(0, 2, 3, 1),
        periodic=up.periodic,
    )


@given(seed=st.integers(0, 10**6), mu=st.floats(-0.5, 0.5), kT=st.sampled_from([0.0, 0.05]))
@STEADY
def test_all_definitions_agree_where_the_spin_is_conserved(seed, mu, kT):
    rng = np.random.default_rng(seed)
    model = conserving(rng, 4, reach=(1, 1, 1))
    found = at_points(ProperSpinHall(mu_f=mu, kT=kT), states_at(model, rng.uniform(size=(3, 3))))
    size = max(1.0, np.abs(found["band_transport"]).max())
    for name in ("liu2023_printed", "band_transport", "c6"):
        # Of the three spins z alone is conserved.
        difference = found[name][..., 2] - found["conventional"][..., 2]
        assert np.abs(difference).max() < 1e-10 * size
    assert np.abs(found["torque"][..., 2]).max() < 1e-10 * size


def test_conserved_spin_of_an_insulator():
    """The current of Shi et al. too."""
    model = kane_mele(rashba=0.0)
    found = zone_mean(ProperSpinHall(mu_f=0.0, insulator=True), model, (36, 36, 1))
    for name in (*SPIN_CONDUCTIVITY, "c6", "shi"):
        # -(|e|/2π) sgn λ
        np.testing.assert_allclose(
            found[name].reshape(3, 3, 3)[0, 1, 2], -1 / (2 * np.pi), rtol=2e-4
        )
    assert np.abs(found["c7"]).max() < 1e-12


# -- closed forms ---------------------------------------------------------------------------------


def test_kane_mele_table():
    """(e²/h)(ħ/2e); the numbers of the specification on 300 by 300 points, converged to 1e-4."""
    model = kane_mele(rashba=0.05)
    found = zone_mean(ProperSpinHall(mu_f=0.0, insulator=True), model, (150, 150, 1))
    expected = {
        "conventional": -2.0436,
        "liu2023_printed": 0.5003,
        "band_transport": -2.0658,
        "c6": -0.7827,
        "shi": -1.9488,
    }
    for name, value in expected.items():
        actual = 4 * np.pi * found[name].reshape(3, 3, 3)[0, 1, 2]
        np.testing.assert_allclose(actual, value, atol=6e-4)


def test_no_spin_hall_conductivity_of_the_trivial_insulator():
    found = zone_mean(
        ProperSpinHall(mu_f=0.0, insulator=True), kane_mele(rashba=0.0, m=0.4), (90, 90, 1)
    )
    for name in (*SPIN_CONDUCTIVITY, "c6", "shi"):
        assert np.abs(found[name][..., 2]).max() < 1e-4


def continuum(ham, slopes, spin=SIGMA):
    """Bloch states of a k·p Hamiltonian, given with its derivatives at some k."""
    n_k, n, _ = ham.shape
    none = np.zeros((n_k, 3, n, n), dtype=complex)
    spins = np.broadcast_to(spin, (n_k, 3, n, n)).astype(complex)
    dspin = np.zeros((n_k, 3, 3, n, n), dtype=complex)
    matrices = WannierMatrices(ham, slopes, none, spins, curl_kcij=none, dspin_ksaij=dspin)
    return BlochStates(np.zeros((n_k, 3)), matrices)


@pytest.mark.parametrize(
    ("alpha", "delta", "mu", "transport", "conventional"),
    [(0.2, 0.1, 1.0, 0.07042115, 0.07073553), (0.5, 0.3, 2.0, 0.07225334, 0.07300685)],
)
def test_rashba_and_zeeman(alpha, delta, mu, transport, conventional):
    """k²/2 + α(σ_x k_y - σ_y k_x) + Δσ_z, the whole plane; X_yx, twice ours."""
    node, weight = np.polynomial.legendre.leggauss(400)
    # Filled discs of both bands end where k²/2 ± h = mu; panels end there too.
    h2 = 2 * (mu + alpha**2) + np.array([1, -1]) * 2 * np.sqrt(
        alpha**4 + 2 * mu * alpha**2 + delta**2
    )
    edges = np.sqrt([0.0, *np.sort(h2)])
    total = {"conventional": 0.0, "band_transport": 0.0, "liu2023_printed": 0.0}
    response = ProperSpinHall(mu_f=mu)
    for low, high in itertools.pairwise(edges):
        k = (low + high) / 2 + (high - low) / 2 * node
        angles = 2 * np.pi * np.arange(4) / 4
        for angle in angles:
            kx, ky = k * np.cos(angle), k * np.sin(angle)
            one = np.eye(2)
            ham = (
                (k**2 / 2)[:, None, None] * one
                + alpha * (ky[:, None, None] * SIGMA[0] - kx[:, None, None] * SIGMA[1])
                + delta * SIGMA[2]
            )
            slope = np.zeros((len(k), 3, 2, 2), dtype=complex)
            slope[:, 0] = kx[:, None, None] * one - alpha * SIGMA[1]
            slope[:, 1] = ky[:, None, None] * one + alpha * SIGMA[0]
            found = at_points(response, continuum(ham, slope))
            measure = weight * (high - low) / 2 * k / (2 * np.pi) / len(angles)
            for name in total:
                total[name] += 2 * measure @ found[name][:, 0, 0, 0, 1, 0, 2]
    np.testing.assert_allclose(total["band_transport"], transport, rtol=2e-7)
    np.testing.assert_allclose(total["liu2023_printed"], -transport, rtol=2e-7)
    np.testing.assert_allclose(total["conventional"], conventional, rtol=2e-7)
    closed = sum(
        sign * (1 - delta**2 / (delta**2 + alpha**2 * edge**2)) / (8 * np.pi)
        for sign, edge in ((1, edges[1]), (1, edges[2]))
    )
    np.testing.assert_allclose(total["band_transport"], closed, rtol=1e-7)


@given(seed=st.integers(0, 10**6))
@STEADY
def test_two_bands(seed):
    """A traceless spin of two bands makes the two final forms opposite at every k."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 2, reach=(1, 1, 1))
    spin = model.spin_Rsij.copy()
    spin -= np.trace(spin, axis1=-2, axis2=-1)[..., None, None] * np.eye(2) / 2
    states = states_at(rebuilt(model, spin=spin), rng.uniform(size=(3, 3)))
    found = at_points(ProperSpinHall(mu_f=0.0, kT=0.1), states)
    assert_close(found["liu2023_printed"], -found["band_transport"], 1e-10)


def test_all_bands_filled():
    """The conventional, c6 and finite-q currents vanish, the other two are opposite constants."""
    rng = np.random.default_rng(8)
    states = states_at(random_model(rng, 6), rng.uniform(size=(4, 3)))
    found = at_points(ProperSpinHall(mu_f=50.0, insulator=True), states)
    for name in ("conventional", "c6", "c7", "shi", "torque"):
        assert np.abs(found[name]).max() < 1e-10
    printed = found["liu2023_printed"]
    assert np.abs(printed).max() > 0.1
    np.testing.assert_allclose(found["band_transport"], -printed, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        found["liu2023_printed_filled"], printed[:, :, 0, 0], rtol=0, atol=1e-10
    )


# -- the finite-q form: spin in a magnetic field --------------------------------------------------


def spin_in_field(model, flux, n_cells, n_below, n_k=4):
    """⟨S_z⟩ per area with one flux quantum through ``n_cells`` cells along a₂, diagonalised.

    Hopping from r' to r gains exp(iq ∫ A·dl) along the straight line, q = -1; A = B x̂' with the
    lattice coordinates, so that translations along a₁ need no phase of their own.
    """
    n = model.n_wann
    centre_ic = model.centres_ia @ np.linalg.inv(model.cell_ca)
    total = 0.0
    for k1 in range(n_k):
        for k2 in range(n_k):
            ham = np.zeros((n_cells * n, n_cells * n), dtype=complex)
            for R, hop in zip(model.R_Rc, model.ham_Rij, strict=True):
                for y in range(n_cells):
                    y_to = (y + R[1]) % n_cells
                    wraps = (y + R[1]) // n_cells
                    bloch = 2 * np.pi * ((k1 + 0.5) / n_k * R[0] + (k2 + 0.5) / n_k * wraps)
                    # A along reduced axis 0, -2π·flux·(second coordinate): curl 2π·flux per cell.
                    # ⟨0i|H|Rj⟩: from j at (R + τ_j) to i at τ_i.
                    from_c = centre_ic + np.array([R[0], R[1], 0])
                    step = centre_ic[:, None, 0] - from_c[None, :, 0]
                    height = y + (centre_ic[:, None, 1] + from_c[None, :, 1]) / 2
                    # A = -2π flux height along axis 0; charge -1.
                    phase = np.exp(-1j * (-2 * np.pi * flux * height) * step)
                    # Back into the first n_cells rows: a magnetic translation along a₂.
                    shift = np.exp(
                        1j * 2 * np.pi * flux * n_cells * wraps * (centre_ic[None, :, 0] + R[0])
                    )
                    rows = slice(y * n, (y + 1) * n)
                    cols = slice(y_to * n, (y_to + 1) * n)
                    ham[rows, cols] += hop * phase * shift * np.exp(1j * bloch)
            np.testing.assert_allclose(ham, ham.conj().T, atol=1e-12)
            _, u = np.linalg.eigh(ham)
            filled = u[:, : n_below * n_cells]
            s_z = np.kron(np.eye(n_cells), model.spin_Rsij[model.R_Rc.any(axis=1) == 0][0, 2]) / 2
            total += np.trace(filled.conj().T @ s_z @ filled).real
    return total / (n_k**2 * n_cells * model.measure)


def test_spin_in_a_magnetic_field():
    """d⟨S_z⟩/dB of a spin Hall insulator whose spin is far from conserved."""
    model = kane_mele(soc=0.2, rashba=0.2, m=0.1)
    found = zone_mean(ProperSpinHall(mu_f=0.0, insulator=True), model, (60, 60, 1))
    slopes, cells = [], (16, 24)
    for n_cells in cells:
        field = 2 * np.pi / (n_cells * model.measure)
        up, down = (spin_in_field(model, sign / n_cells, n_cells, 2) for sign in (1, -1))
        slopes.append((up - down) / (2 * field))
    limit = slopes[1] + (slopes[1] - slopes[0]) / ((cells[1] / cells[0]) ** 2 - 1)
    at = (0, 0, 0, 1, 2)
    np.testing.assert_allclose(found["shi"][at], limit, rtol=2e-4)
    for name in (*SPIN_CONDUCTIVITY, "c6"):  # which are something else
        assert abs(found[name].reshape(3, 3, 3)[0, 1, 2] / limit - 1) > 0.1


def test_shi_current_is_a_tensor():
    """In every plane: the same crystal turned, with positions between orbitals."""
    rng = np.random.default_rng(19)
    model = random_model(rng, 6, reach=(1, 1, 1), gap=2.0)
    turn = Rotation.random(random_state=5).as_matrix()
    other = rebuilt(
        model,
        cell=model.cell_ca @ turn.T,
        pos=np.einsum("ab,Rbij->Raij", turn, model.pos_Raij),
        spin=np.einsum("st,Rtij->Rsij", turn, model.spin_Rsij),
    )
    kpt_kc = rng.uniform(size=(4, 3))
    response = ProperSpinHall(mu_f=[0.0, 50.0], insulator=True)
    expected, found = (
        at_points(response, states_at(crystal, kpt_kc))["shi"] for crystal in (model, other)
    )
    assert np.abs(expected[:, :, 0]).min(axis=(0, 1)).max() > 1e-4
    turned = np.einsum("ad,be,sf,kqmdef->kqmabs", turn, turn, turn, expected)
    assert_close(found, turned, 1e-9)


# -- net torque, and what the model leaves out ----------------------------------------------------


def test_net_torque_lives_on_the_fermi_surface():
    """∫ Σ S_nn ∂f/∂k + ∫ Σ f (DS)_nn, for a model without symmetry and without a complete basis."""
    rng = np.random.default_rng(21)
    model, mu, kT = random_model(rng, 4, hopping=0.2), 0.1, 0.3
    kpt_kc = grid((40, 40, 1), (0.5, 0.5, 0.0))
    states = states_at(model, kpt_kc)
    response = ProperSpinHall(mu_f=mu, kT=kT)
    mean = {name: x.mean(axis=0)[0, 0, 0] for name, x in at_points(response, states).items()}
    slope_kn = occupation_slope(states.energy_kn, mu, kT)
    velocity_kbn = np.einsum("kbnn->kbn", states.velocity_kanm).real
    spin_ksn = np.einsum("ksnn->ksn", states.spin_ksnm).real / 2
    surface = np.einsum("kn,kbn,ksn->bs", slope_kn, velocity_kbn, spin_ksn) / len(kpt_kc)
    assert np.abs(mean["torque_outside"]).max() > 1e-3
    assert_close(mean["torque"], surface + mean["torque_outside"], 1e-6)


def test_net_torque_is_below_its_moduli():
    rng = np.random.default_rng(22)
    for model in (random_model(rng, 6), pt_antiferromagnet()):
        found = at_points(
            ProperSpinHall(mu_f=0.05, kT=0.05), states_at(model, rng.uniform(size=(20, 3)))
        )
        size = np.linalg.norm(found["torque"], axis=(-2, -1))
        assert (size <= 2 * found["torque_scale"] * (1 + 1e-10)).all()
        assert (found["torque_scale"] > 0).any()


def test_no_net_torque_with_inversion():
    """Even where the levels cut bands."""
    mu = [-0.6, -0.4, 0.4]
    found = zone_mean(ProperSpinHall(mu_f=mu, kT=0.1), bi2se3(), (8, 8, 8))
    assert np.abs(found["torque"]).max() < 1e-12 * found["torque_scale"].max()


def projected_parts(rng, model):
    """Two complementary projectors of a random gapped model on the same lattice vectors."""
    weights = rng.uniform(size=(2, model.n_wann))
    weights /= weights.sum(axis=0)
    n = model.n_wann
    op = random_model(rng, n, reach=(1, 1, 0)).ham_Rij * 0.1
    home = np.flatnonzero((model.R_Rc == 0).all(axis=1))[0]
    projector_Rlij = np.stack([op, -op], axis=1)
    projector_Rlij[home, 0] += np.diag(weights[0])
    projector_Rlij[home, 1] += np.diag(weights[1])
    return Partition(("A", "B"), weights, model.R_Rc, projector_Rlij, model.cell_ca)


@pytest.mark.parametrize("kind", ["none", "diagonal", "projected"])
def test_derivative_of_the_spin(kind):
    """Against finite differences of the same operators, at points and on lines."""
    rng = np.random.default_rng(23)
    model = random_model(rng, 4)
    parts = {
        "none": None,
        "diagonal": random_parts(rng, 4, 2),
        "projected": projected_parts(rng, model),
    }[kind]
    fourier = FourierSum(model, extras=("dspin", "curl"))
    lines = KLines(rng.uniform(size=(2, 3)), rng.uniform(size=3), fourier.direction)
    kpt_kc = lines.kpt_kc

    def spin_at(shift_c):
        matrices = fourier(KPoints(kpt_kc + shift_c))
        if parts is None:
            return matrices.spin_ksij[:, None]
        return parts.project(matrices.spin_ksij, kpt_kc + shift_c)

    step, slope = 1e-5, 0.0
    for c in (0, 1):  # d/dk_a = Σ_c (a_c)_a / 2π d/dκ_c
        shift_c = step * np.eye(3)[c]
        difference = (spin_at(shift_c) - spin_at(-shift_c)) / (2 * step)
        along_a = model.cell_ca[c][:, None, None] / (2 * np.pi)
        slope = slope + difference[:, :, :, None] * along_a
    A = fourier(KPoints(kpt_kc)).pos_kaij[:, None, None]
    S = spin_at(np.zeros(3))[:, :, :, None]
    covariant = slope - 1j * (A @ S - S @ A)
    for batch in (KPoints(kpt_kc), lines):
        states = solve(fourier, batch)
        u = states.vectors_kin
        expected = np.einsum("kin,klsaij,kjn->klsan", u.conj(), covariant, u).real
        assert_close(states.spin_slopes(parts), expected, 1e-8)


def test_projectors_without_a_cell():
    rng = np.random.default_rng(24)
    model = random_model(rng, 4)
    whole = projected_parts(rng, model)
    parts = Partition(whole.names, whole.weights_li, whole.R_Rc, whole.projector_Rlij)
    states = states_at(model, rng.uniform(size=(2, 3)))
    with pytest.raises(PartitionError, match="cell_ca"):
        ProperSpinHall(mu_f=0.0, parts=parts)(states)
    assert ProperSpinHall(mu_f=0.0, parts=parts, outside=False)(states)


def test_what_was_not_summed_is_missed():
    states = solve(FourierSum(kane_mele()), KPoints(np.zeros((1, 3))))
    with pytest.raises(MissingOperatorError, match="derivative of the spin"):
        ProperSpinHall(mu_f=0.0)(states)
    assert ProperSpinHall(mu_f=0.0).claims.extras == {"curl", "dspin"}
    without = ProperSpinHall(mu_f=0.0, outside=False)
    assert without.claims.extras == frozenset()
    assert "torque_outside" not in without.publish(without(states))


def test_curvature_of_the_wannier_functions():
    """All of the curvature: that of bands and the rest from a model with twice the functions."""
    rng = np.random.default_rng(24)
    large = random_model(rng, 6, position=0.2)
    home = np.flatnonzero((large.R_Rc == 0).all(axis=1))[0]
    # Far above, uncoupled but by positions: the lower half alone has inherited curvature.
    ham = large.ham_Rij.copy()
    ham[:, :4, 4:] = ham[:, 4:, :4] = 0.0
    ham[home, 4:, 4:] += 500.0 * np.eye(2)
    spin = np.zeros_like(large.spin_Rsij)
    spin[home] = [np.kron(np.eye(3), sigma) for sigma in SIGMA]
    # Positions that commute, as in a complete basis: of no curvature themselves.
    pos = np.zeros_like(large.pos_Raij)
    unitary = unitary_group.rvs(6, random_state=rng)
    for a in range(3):
        pos[home, a] = unitary @ np.diag(rng.uniform(-1, 1, size=6)) @ unitary.conj().T
    large = rebuilt(large, ham=ham, pos=pos, spin=spin)
    small = WannierModel.from_arrays(
        large.cell_ca,
        large.R_Rc,
        ham[:, :4, :4],
        pos=pos[:, :, :4, :4].transpose(0, 2, 3, 1),
        spin=spin[:, :, :4, :4].transpose(0, 2, 3, 1),
        periodic=large.periodic,
    )
    kpt_kc = rng.uniform(size=(5, 3))
    response = ProperSpinHall(mu_f=0.0, kT=0.1)
    whole, part = (at_points(response, states_at(model, kpt_kc)) for model in (large, small))
    missing = whole["band_transport"] - part["band_transport"]
    assert np.abs(missing).max() > 0.05
    assert_close(part["band_transport_outside"], missing, 1e-2)
    assert np.abs(whole["band_transport_outside"]).max() < 1e-10


# -- freedom of gauge, parts, degeneracies --------------------------------------------------------


def mixed_blocks(states, rng):
    """The same states with every degenerate block turned by a random unitary."""
    fresh = BlochStates(states.kpt_kc, states.wannier, states.tolerance)
    vectors_kin = fresh.vectors_kin.copy()
    for k, block_n in enumerate(states.block_kn):
        for label in np.unique(block_n):
            members = np.flatnonzero(block_n == label)
            turn = unitary_group.rvs(max(len(members), 2), random_state=rng)
            if len(members) == 1:
                turn = turn[:1, :1] / abs(turn[0, 0])
            vectors_kin[k][:, members] = vectors_kin[k][:, members] @ turn
    fresh.vectors_kin = vectors_kin
    return fresh


@pytest.mark.parametrize("make", [pt_antiferromagnet, bi2se3, luttinger])
def test_mixing_inside_degenerate_pairs(make):
    rng = np.random.default_rng(31)
    model = make()
    parts = random_parts(rng, model.n_wann, 2)
    states = states_at(model, rng.uniform(size=(5, 3)))
    energy_kn = states.energy_kn
    mu = float((energy_kn[0, 1] + energy_kn[0, 2]) / 2)
    assert (states.block_kn[:, -1] == 1).all()  # two pairs
    response = ProperSpinHall(mu_f=mu, kT=0.1, parts=parts)
    expected, mixed = response(states), mixed_blocks(states, rng)
    assert np.abs(mixed.vectors_kin - states.vectors_kin).max() > 0.1
    for name, value in response(mixed).items():
        scale = max(np.abs(expected["conventional"]).max(), np.abs(expected[name]).max())
        assert_close(value, expected[name], 1e-11, scale)


@given(seed=st.integers(0, 10**6))
@STEADY
def test_wannier_functions_that_turn_with_k(seed):
    """W(k)^† O W(k): positions gain iW^†∂W =: K, derivatives a commutator with it."""
    rng = np.random.default_rng(seed)
    n, n_k = 6, 2
    states = states_at(random_model(rng, n), rng.uniform(size=(n_k, 3)))
    old = states.wannier
    W = unitary_group.rvs(n, random_state=rng)
    K = rng.normal(size=(3, n, n)) + 1j * rng.normal(size=(3, n, n))
    K = 0.3 * (K + K.conj().swapaxes(1, 2))

    def turned(op):
        return W.conj().T @ op @ W

    def gain(a, op):  # of the derivative along a
        return 1j * (K[a] @ op - op @ K[a])

    ham, spin, pos = turned(old.ham_kij), turned(old.spin_ksij), turned(old.pos_kaij)
    dham = turned(old.dham_kaij) + np.stack([gain(a, ham) for a in range(3)], axis=1)
    dspin = turned(old.dspin_ksaij) + np.stack([gain(a, spin) for a in range(3)], axis=2)
    # K has no curvature: ∂_a K_b - ∂_b K_a = i[K_a, K_b].
    curl = turned(old.curl_kcij) + np.stack(
        [
            gain(a, pos[:, b]) - gain(b, pos[:, a]) + gain(a, K[b])
            for a, b in ((1, 2), (2, 0), (0, 1))
        ],
        axis=1,
    )
    matrices = WannierMatrices(ham, dham, pos + K, spin, curl_kcij=curl, dspin_ksaij=dspin)
    response = ProperSpinHall(mu_f=[0.0, 0.3], kT=0.1)
    expected = response(states)
    found = response(BlochStates(states.kpt_kc, matrices))
    size = max(np.abs(value).max() for value in expected.values())
    for name, value in expected.items():
        assert_close(found[name], value, 1e-9, size)


def test_parts_sum_to_the_total():
    rng = np.random.default_rng(32)
    model = random_model(rng, 6, gap=2.0)
    states = states_at(model, rng.uniform(size=(4, 3)))
    options = {"mu_f": 0.0, "kT": 0.1, "insulator": True}
    total = at_points(ProperSpinHall(**options), states)
    for parts in (random_parts(rng, 6, 3), projected_parts(rng, model)):
        shares = at_points(ProperSpinHall(parts=parts, **options), states)
        for name, value in total.items():
            scale = np.abs(total["conventional"]).max()
            assert_close(shares[name].sum(axis=1), value[:, 0], 1e-11, scale)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_splitting_below_the_degeneracy_tolerance(axis):
    """A field of 1e-5 eV in any direction changes nothing as long as pairs stay one block."""
    rng = np.random.default_rng(33)
    kpt_kc = rng.uniform(size=(6, 3))
    exchange = 1e-5 * np.eye(3)[axis]
    response = ProperSpinHall(mu_f=0.1, kT=0.05)
    expected = at_points(response, states_at(bi2se3(), kpt_kc))
    found = at_points(response, states_at(bi2se3(exchange=tuple(exchange)), kpt_kc))
    apart = at_points(
        response,
        BlochStates(
            kpt_kc, states_at(bi2se3(exchange=tuple(exchange)), kpt_kc).wannier, tolerance=1e-12
        ),
    )
    for name in SPIN_CONDUCTIVITY:
        assert_close(found[name], expected[name], 1e-3)
    # Filled pairs are all the same to the conventional current, and to no other.
    assert_close(apart["conventional"], expected["conventional"], 1e-3)
    change = np.abs(apart["band_transport"] - expected["band_transport"]).max()
    assert change > 0.05 * np.abs(expected["band_transport"]).max()


def test_a_level_inside_a_block():
    """Partners are filled alike, and how much that moves is told."""
    ham = np.diag([0.0, 6e-5, 1.0]).astype(complex)[None]
    rng = np.random.default_rng(34)
    slope = rng.normal(size=(1, 3, 3, 3)) + 0j
    slope = slope + slope.swapaxes(-1, -2)
    spin = rng.normal(size=(3, 3, 3)) + 0j
    spin = spin + spin.swapaxes(-1, -2)
    found = at_points(ProperSpinHall(mu_f=[3e-5, 0.5]), continuum(ham, slope, spin))
    np.testing.assert_allclose(found["straddling"].ravel(), [1.0, 0.0], atol=1e-12)
    # Half of each of the two is what both are at the higher level.
    np.testing.assert_allclose(
        2 * found["conventional"][..., 0, :, :, :],
        found["conventional"][..., 1, :, :, :],
        rtol=1e-3,
    )


def test_exact_degeneracies_never_divide_by_zero():
    """Not even where the user wants no blocks at all."""
    kpt_kc = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.0, 0.5, 0.0]])
    for model in (bi2se3(), luttinger(), pt_antiferromagnet()):
        for tolerance in (0.0, 1e-4):
            states = BlochStates(kpt_kc, states_at(model, kpt_kc).wannier, tolerance)
            for value in ProperSpinHall(mu_f=[0.0, 0.2], kT=[0.0, 0.1])(states).values():
                assert np.isfinite(value).all()


def test_share_of_near_degenerate_pairs():
    """All of it where every gap is small enough, none where none is; also below kT."""
    rng = np.random.default_rng(35)
    states = states_at(random_model(rng, 6), rng.uniform(size=(3, 3)))
    for near, kT, share in ((100.0, 0.05, 1.0), (1e-9, 0.0, 0.0), (1e-9, 100.0, 1.0)):
        found = at_points(ProperSpinHall(mu_f=0.0, kT=kT, near=near), states)
        for name in ("liu2023_printed", "band_transport"):
            assert_close(found[f"{name}_near"], share * found[name], 1e-12, 1.0)


# -- what is refused ------------------------------------------------------------------------------


def test_the_promise_of_an_insulator():
    model = kane_mele()
    with pytest.raises(NotInsulatorError, match=r"mu = 0\.4 eV crosses a band"):
        ProperSpinHall(mu_f=[0.0, 0.4], insulator=True)(states_at(model, grid((6, 6, 1))))
    without = ProperSpinHall(mu_f=0.0)
    assert "shi" not in without(states_at(model, grid((2, 2, 1))))
    assert {claim.name for claim in without.claims.published} >= set(DEFINITIONS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mu_f": []}, "mu_f"),
        ({"mu_f": 0.0, "kT": -0.1}, "kT"),
        ({"mu_f": 0.0, "near": -1.0}, "near"),
        ({"mu_f": 0.0, "near": float("nan")}, "near"),
        ({"mu_f": 0.0, "parts": "layer"}, "partition"),
    ],
)
def test_parameters_that_cannot_be(options, words):
    with pytest.raises(ResponseError, match=words):
        ProperSpinHall(**options)


def test_magnitudes_have_the_shapes_of_the_claims():
    states = states_at(kane_mele(), grid((3, 3, 1)))
    response = ProperSpinHall(mu_f=[0.0, 0.01], kT=[0.0, 0.1], insulator=True)
    raw, sizes = response(states), response.magnitude(states)
    for claim in response.claims.raw:
        assert raw[claim.name].shape == (9, *claim.shape)
        slots = claim.shape[: len(claim.shape) - len(claim.components)]
        assert sizes[claim.name].shape == (9, *slots)
