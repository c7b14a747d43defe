"""Toy models: H(k) against closed forms, gaps, symmetries, Chern numbers, nodes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

import w90spin as ws
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.model import toys
from w90spin.units import HBAR2_OVER_2M

SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
TURN = np.array([[0, 1], [-1, 0]])  # i sigma_y
CORNER = np.array([1 / 3, -1 / 3, 0])  # of the hexagonal zone, where f = 0

ON_A_LATTICE = [name for name in toys.__all__ if not name.endswith("_kp")]
SPINLESS = {"haldane"}
NOT_PURE = {"luttinger"}


def hamiltonian(model, kpt_kc):
    return FourierSum(model).hamiltonian(np.asarray(kpt_kc, dtype=float))


def bands(model, kpt_kc):
    return np.linalg.eigvalsh(hamiltonian(model, kpt_kc))


def somewhere(model, n_k=40, seed=0):
    """Random k, zero along directions that are not periodic."""
    return np.random.default_rng(seed).uniform(-1, 1, size=(n_k, 3)) * np.array(model.periodic)


def mesh(model, n):
    axes = [np.arange(n) / n if repeats else [0.0] for repeats in model.periodic]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def phases(kpt_kc):
    return 2 * np.pi * kpt_kc.T


def assert_bands(model, *energies):
    """Closed forms of all bands, each a function of the phases x, y, z."""
    kpt_kc = somewhere(model)
    expected = np.sort(np.stack([energy(*phases(kpt_kc)) for energy in energies], axis=1), axis=1)
    assert expected.shape[1] == model.n_wann
    np.testing.assert_allclose(bands(model, kpt_kc), expected, rtol=0, atol=1e-12)


def direct_gap(model, n_below, kpt_kc):
    energy_kn = bands(model, kpt_kc)
    return (energy_kn[:, n_below] - energy_kn[:, n_below - 1]).min()


def chern(frame_xyin):
    """Chern number by links (Fukui, Hatsugai, Suzuki), curvature of A = i<u|du>."""

    def link(axis):
        overlap = frame_xyin.conj().swapaxes(-1, -2) @ np.roll(frame_xyin, -1, axis=axis)
        det = np.linalg.det(overlap)
        return det / np.abs(det)

    x, y = link(0), link(1)
    flux = -np.angle(x * np.roll(y, -1, axis=0) / np.roll(x, -1, axis=1) / y)
    total = flux.sum() / (2 * np.pi)
    assert abs(total - round(total)) < 1e-9
    return round(total)


def lower_frames(model, n_below, n=24, kz=0.0):
    kpt_kc = np.stack(np.meshgrid(np.arange(n) / n, np.arange(n) / n, [kz], indexing="ij"), -1)
    _, frame_kin = np.linalg.eigh(hamiltonian(model, kpt_kc.reshape(-1, 3)))
    return frame_kin[..., :n_below].reshape(n, n, model.n_wann, n_below)


def spin_chern(model, n_below, n=24):
    """(C_up - C_down)/2 of the eigenstates of the projected sigma_z (Prodan)."""
    frame = lower_frames(model, n_below, n)
    spin_z = np.kron(np.eye(model.n_wann // 2), SIGMA[2])
    value, mix = np.linalg.eigh(frame.conj().swapaxes(-1, -2) @ spin_z @ frame)
    half = n_below // 2
    assert value[..., half].min() > value[..., half - 1].max()
    down, up = frame @ mix[..., :half], frame @ mix[..., half:]
    assert chern(up) == -chern(down)
    return chern(up)


def spin_hall(model, n_below, n, *, flow, field, spin):
    """Conventional spin Hall integral ∫ f X of an insulator: spin in ħ/2, j = {V, σ}/2."""
    centred = mesh(model, n) + np.array(model.periodic) / (2 * n)
    matrices = FourierSum(model)(KPoints(centred))
    ham, pos = matrices.ham_kij[:, None], matrices.pos_kaij
    energy_kn, u = np.linalg.eigh(matrices.ham_kij)
    u = u[:, None]
    velocity = u.conj().swapaxes(2, 3) @ (matrices.dham_kaij - 1j * (pos @ ham - ham @ pos)) @ u
    sigma = (u.conj().swapaxes(2, 3) @ matrices.spin_ksij @ u)[:, spin]
    current = (velocity[:, flow] @ sigma + sigma @ velocity[:, flow]) / 2
    product = (current * velocity[:, field].swapaxes(1, 2))[:, :n_below, n_below:]
    step = energy_kn[:, None, n_below:] - energy_kn[:, :n_below, None]
    return -2 * (product.imag / step**2).sum() / (len(centred) * model.measure)


# ---- what holds for all ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ON_A_LATTICE)
def test_operators_of_every_toy(name):
    model = getattr(toys, name)()
    assert model.hermiticity["ham"] < 1e-14
    kpt_kc = somewhere(model, 3)
    ham = hamiltonian(model, kpt_kc)
    assert np.abs(ham - ham.conj().swapaxes(1, 2)).max() < 1e-13
    home = np.flatnonzero((model.R_Rc == 0).all(axis=1))[0]
    np.testing.assert_array_equal(np.einsum("aii->ia", model.pos_Raij[home]), model.centres_ia)
    if name in SPINLESS:
        assert model.spin_Rsij is None
        assert model.spin_pairs is None
        return
    assert not np.delete(model.spin_Rsij, home, axis=0).any()
    if name in NOT_PURE:
        assert model.spin_pairs is None
        return
    n_orbitals = model.n_wann // 2
    for s in range(3):
        np.testing.assert_array_equal(
            model.spin_Rsij[home, s], np.kron(np.eye(n_orbitals), SIGMA[s])
        )
    assert model.spin_pairs.tolist() == [[2 * p, 2 * p + 1] for p in range(n_orbitals)]
    np.testing.assert_array_equal(model.centres_ia[::2], model.centres_ia[1::2])


@pytest.mark.parametrize(
    ("model", "lengths"),
    [
        pytest.param(toys.haldane(t2=0, m=0, a=3.0), {np.sqrt(3.0)}, id="haldane"),
        pytest.param(toys.altermagnet(a=3.0), {3 / np.sqrt(2)}, id="altermagnet"),
        pytest.param(toys.flat_band(soc=0, a=3.0), {1.5}, id="flat_band"),
        pytest.param(toys.flat_band(a=3.0), {1.5, 3 / np.sqrt(2)}, id="flat_band, soc"),
        pytest.param(toys.pt_antiferromagnet(), {np.sqrt(8 + 1.2**2)}, id="PT"),
    ],
)
def test_hoppings_between_sites_lead_to_the_nearest(model, lengths):
    R, i, j = np.nonzero(np.abs(model.ham_Rij) > 1e-12)
    bond = model.R_Rc[R] @ model.cell_ca + model.centres_ia[j] - model.centres_ia[i]
    n_spin = 1 if model.spin_Rsij is None else 2
    between = i // n_spin != j // n_spin
    found = np.linalg.norm(bond[between], axis=1)
    assert set(np.round(found, 9)) == set(np.round(list(lengths), 9))


def reversal(model):
    """Theta without the conjugation."""
    if model.n_wann == 4 and model.spin_pairs is None:
        return np.fliplr(np.diag([1, -1, 1, -1]))  # of j = 3/2: (-1)^(3/2 - m) |-m>
    return np.kron(np.eye(model.n_wann // 2), TURN)


REVERSIBLE = {
    "kane_mele": toys.kane_mele(),
    "bhz": toys.bhz(delta=0.3),
    "bi2se3": toys.bi2se3(),
    "luttinger": toys.luttinger(strain=0.1),
    "flat_band": toys.flat_band(rashba=0.2),
    "square_lattice": toys.square_lattice(),
    "rashba_square": toys.rashba_square(beta=0.2),
    "random": toys.random_model(3, 3, time_reversal=True),
}
IRREVERSIBLE = {
    "qwz": toys.qwz(),
    "dirac_lattice": toys.dirac_lattice(gap=0.4, zeta=0.1),
    "bi2se3": toys.bi2se3(exchange=(0.1, 0.0, 0.2)),
    "rashba_square": toys.rashba_square(exchange=(0.0, 0.1, 0.1)),
    "weyl_pair": toys.weyl_pair(),
    "nodal_line": toys.nodal_line(gap=0.0),
    "altermagnet": toys.altermagnet(),
    "random": toys.random_model(3, 3),
}


def broken_reversal(model):
    kpt_kc, theta = somewhere(model), reversal(model)
    reversed_ = theta @ hamiltonian(model, -kpt_kc).conj() @ theta.T
    return np.abs(reversed_ - hamiltonian(model, kpt_kc)).max()


@pytest.mark.parametrize("name", REVERSIBLE)
def test_time_reversal_and_kramers_pairs(name):
    model = REVERSIBLE[name]
    assert broken_reversal(model) < 1e-12
    for spin_ij in model.spin_Rsij[len(model.R_Rc) // 2]:  # R = 0, the middle of the sorted list
        theta = reversal(model)
        np.testing.assert_allclose(theta @ spin_ij.conj() @ theta.T, -spin_ij, rtol=0, atol=1e-15)
    invariant = list(itertools.product([0, 0.5], repeat=3))
    energy_kn = bands(model, invariant * np.array(model.periodic))
    np.testing.assert_allclose(energy_kn[:, ::2], energy_kn[:, 1::2], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", IRREVERSIBLE)
def test_time_reversal_is_broken(name):
    assert broken_reversal(IRREVERSIBLE[name]) > 0.05


PAIRED = {
    "kane_mele": (toys.kane_mele(m=0, rashba=0), toys.kane_mele()),
    "bhz": (toys.bhz(), toys.bhz(delta=0.1)),
    "bi2se3": (toys.bi2se3(), toys.bi2se3(exchange=(0.1, 0.0, 0.0))),
    "flat_band": (toys.flat_band(), toys.flat_band(rashba=0.1)),
    "altermagnet": (toys.altermagnet(td=0), toys.altermagnet()),
}


@pytest.mark.parametrize("name", PAIRED)
def test_pt_pairs_all_bands_and_its_loss_parts_them(name):
    for model, paired in zip(PAIRED[name], (True, False), strict=True):
        energy_kn = bands(model, somewhere(model))
        apart = np.abs(energy_kn[:, ::2] - energy_kn[:, 1::2]).max()
        assert apart < 1e-12 if paired else apart > 0.03


# ---- Dirac electrons ---------------------------------------------------------------------------


def test_qwz_bands():
    m, v, w, a = -0.2, 1.7, 0.35, 3.5

    def energy(x, y, z):
        mass = m + w * (2 - np.cos(x) - np.cos(y))
        return np.sqrt((v / a) ** 2 * (np.sin(x) ** 2 + np.sin(y) ** 2) + mass**2)

    model = toys.qwz(m=m, v=v, wilson=w, a=a)
    assert_bands(model, energy, lambda *x: -energy(*x))
    at_x = hamiltonian(model, [[0.5, 0, 0]])[0]
    np.testing.assert_allclose(at_x, (m + 2 * w) * SIGMA[2], rtol=0, atol=1e-14)
    along_x = hamiltonian(model, [[1e-6 * a / (2 * np.pi), 0, 0]])[0]
    assert along_x[1, 0] == pytest.approx(1e-6 * v)
    assert direct_gap(model, 1, mesh(model, 40)) == pytest.approx(2 * 0.2)


@pytest.mark.parametrize(
    ("m", "expected"), [(0.3, 0), (-0.3, -1), (-0.9, -1), (-1.1, 1), (-1.7, 1), (-2.3, 0)]
)
def test_qwz_chern_number(m, expected):
    model = toys.qwz(m=m, wilson=0.5)
    assert chern(lower_frames(model, 1)) == expected
    masses = [m, m + 1, m + 1, m + 2]  # at Gamma, X, Y, M; a vortex of charge +, -, -, +
    assert expected == np.dot(np.sign(masses), [1, -1, -1, 1]) / 2
    assert direct_gap(model, 1, mesh(model, 40)) == pytest.approx(2 * np.abs(masses).min())


@pytest.mark.parametrize(("gap", "zeta"), [(0.1, 0.2), (1e-3, 1e-3), (1e-5, 1e-6)])
def test_dirac_lattice_gap_bandwidth_and_surface(gap, zeta):
    model = toys.dirac_lattice(gap=gap, zeta=zeta, a=5.0)
    energy_kn = bands(model, mesh(model, 30))
    width = gap / zeta
    assert np.ptp(energy_kn) == pytest.approx(width, rel=1e-9)
    assert (energy_kn[:, 1] - energy_kn[:, 0]).min() == pytest.approx(gap, abs=1e-14 * width)
    v = 5.0 * gap / 8 * (1 / zeta - 1)
    kpt_ka = 1e-4 * np.random.default_rng(0).uniform(-1, 1, size=(10, 3)) * [1, 1, 0]
    kx, ky, _ = kpt_ka.T[:, :, None, None]
    surface = v * (ky * SIGMA[0] - kx * SIGMA[1]) + gap / 2 * SIGMA[2]
    ham = hamiltonian(model, kpt_ka @ model.cell_ca.T / (2 * np.pi))
    np.testing.assert_allclose(ham, surface, rtol=0, atol=1e-7 * v)
    assert chern(lower_frames(toys.dirac_lattice(gap=0.1, zeta=0.2), 1)) == 0


def test_dirac_lattice_bands():
    t = 0.4 / 8 * (1 / 0.1 - 1)

    def energy(x, y, z):
        mass = 0.2 + t * (2 - np.cos(x) - np.cos(y))
        return np.sqrt(t**2 * (np.sin(x) ** 2 + np.sin(y) ** 2) + mass**2)

    assert_bands(toys.dirac_lattice(gap=0.4, zeta=0.1), energy, lambda *x: -energy(*x))


# ---- electron gas ------------------------------------------------------------------------------


def test_free_electrons():
    assert pytest.approx(3.80998, abs=1e-5) == HBAR2_OVER_2M
    t = HBAR2_OVER_2M / (0.3 * 3.0**2)

    def energy(x, y, z):
        return 2 * t * (2 - np.cos(x) - np.cos(y))

    model = toys.square_lattice(mass=0.3, a=3.0)
    assert_bands(model, energy, energy)
    k = 1e-3
    small = bands(model, [[k * 3.0 / (2 * np.pi), 0, 0]])
    np.testing.assert_allclose(small, HBAR2_OVER_2M * k**2 / 0.3, rtol=1e-5)


def test_rashba_bands_and_spin():
    alpha, beta, a, exchange = 0.4, 0.15, 3.7, np.array([0.05, -0.02, 0.1])
    t = HBAR2_OVER_2M / (0.4 * a**2)

    def branch(sign):
        def energy(x, y, z):
            field = (
                np.array(
                    [
                        alpha * np.sin(y) + beta * np.sin(x),
                        -alpha * np.sin(x) - beta * np.sin(y),
                        0 * x,
                    ]
                )
                / a
                + exchange[:, None]
            )
            return 2 * t * (2 - np.cos(x) - np.cos(y)) + sign * np.linalg.norm(field, axis=0)

        return energy

    model = toys.rashba_square(mass=0.4, alpha=alpha, beta=beta, exchange=tuple(exchange), a=a)
    assert_bands(model, branch(1), branch(-1))
    # sigma x k: along +x the lower band has its spin along +y.
    _, u = np.linalg.eigh(hamiltonian(toys.rashba_square(), [[0.1, 0, 0]])[0])
    assert np.vdot(u[:, 0], SIGMA[1] @ u[:, 0]).real == pytest.approx(1)
    split = np.diff(bands(toys.rashba_square(exchange=(0, 0, -0.1)), [[0.5, 0.5, 0]]))
    assert split == pytest.approx(0.2)


# ---- honeycomb ---------------------------------------------------------------------------------


def honeycomb_hamiltonian(model, kpt_c, *, t, soc, rashba, m):
    """Kane and Mele's H from the places of the atoms, as the paper writes it.

    Its phases hold the places, exp[ik.(R + tau_j - tau_i)].
    """
    cells = list(itertools.product((-2, -1, 0, 1, 2), repeat=2))
    places = model.centres_ia[::2]
    kpt_a = 2 * np.pi * np.linalg.inv(model.cell_ca) @ kpt_c
    sites = [(x, places[x] + np.array([*R, 0]) @ model.cell_ca) for R in cells for x in (0, 1)]
    bond = np.linalg.norm(places[1] - places[0])
    ham = np.zeros((4, 4), complex)

    def neighbours(here, there):
        return abs(np.linalg.norm(here - there) - bond) < 1e-6

    for i in (0, 1):
        here = places[i]
        ham[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] += (m, -m)[i] * np.eye(2)
        for j, there in sites:
            phase = np.exp(1j * kpt_a @ (there - here))
            hop = np.zeros((2, 2), complex)
            if neighbours(here, there):
                d = (there - here) / bond
                hop = t * np.eye(2) + 1j * rashba * (SIGMA[0] * d[1] - SIGMA[1] * d[0])
            elif i == j:
                for _, between in sites:
                    if np.linalg.norm(there - here) > 1e-6 and (
                        neighbours(here, between) and neighbours(between, there)
                    ):
                        turn = np.cross(between - there, here - between)[2]
                        hop = 1j * soc * np.sign(turn) * SIGMA[2]
            ham[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += phase * hop
    return ham


def test_kane_mele_from_places():
    given_ = {"t": 1.1, "soc": 0.07, "rashba": 0.13, "m": 0.17}
    model = toys.kane_mele(**given_, a=3.1)
    kpt_kc = somewhere(model, 5)
    expected = [honeycomb_hamiltonian(model, kpt_c, **given_) for kpt_c in kpt_kc]
    phase_ki = np.exp(2j * np.pi * kpt_kc @ np.linalg.inv(model.cell_ca).T @ model.centres_ia.T)
    ham = phase_ki.conj()[:, :, None] * hamiltonian(model, kpt_kc) * phase_ki[:, None]
    np.testing.assert_allclose(ham, expected, rtol=0, atol=1e-12)


def f(x, y):
    return np.abs(1 + np.exp(-1j * x) + np.exp(-1j * y))


def g(x, y):
    return np.sin(x) - np.sin(y) + np.sin(y - x)


def test_kane_mele_closed_forms():
    def branch(sign, spin):
        return lambda x, y, z: sign * np.hypot(1.2 * f(x, y), 0.1 - spin * 2 * 0.06 * g(x, y))

    model = toys.kane_mele(t=1.2, soc=0.06, rashba=0, m=0.1)
    assert_bands(model, *(branch(*s) for s in itertools.product((1, -1), repeat=2)))
    corner = 3 * np.sqrt(3) * 0.06
    for kpt_c in (CORNER, -CORNER):
        energy = bands(toys.kane_mele(soc=0.06, rashba=0.02, m=0), [kpt_c])[0]
        expected = np.sort([-corner, -corner, corner + 0.06, corner - 0.06])
        np.testing.assert_allclose(energy, expected, rtol=0, atol=1e-12)
        energy = bands(toys.kane_mele(soc=0.06, rashba=2 * np.sqrt(3) * 0.06, m=0), [kpt_c])[0]
        assert energy[2] - energy[1] < 1e-12
        energy = bands(model, [kpt_c])[0]
        assert energy[2] - energy[1] == pytest.approx(2 * (corner - 0.1))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rashba": 0.0}, -1),
        ({"rashba": 0.0, "soc": -0.06}, 1),
        ({"rashba": 0.0, "m": 0.4}, 0),
        ({"rashba": 0.05}, -1),
        ({"rashba": 0.05, "soc": -0.06}, 1),
        ({"rashba": 0.05, "m": -0.4}, 0),
    ],
)
def test_kane_mele_spin_chern_number(changes, expected):
    assert spin_chern(toys.kane_mele(**changes), 2) == expected


@pytest.mark.parametrize(
    ("rashba", "expected"), [(0.0, -2.0), (0.0025, -2.0001), (0.01, -2.0017), (0.05, -2.0436)]
)
def test_kane_mele_spin_hall_conductivity(rashba, expected):
    """Numbers of an independent calculation in units of the lattice; e²/h times ħ/2e."""
    model = toys.kane_mele(t=1.0, soc=0.06, m=0.1, rashba=rashba)
    found = 2 * np.pi * spin_hall(model, 2, 100, flow=0, field=1, spin=2)
    assert found == pytest.approx(expected, abs=6e-5)


def test_haldane_bands():
    t, t2, phi, m = 0.9, 0.12, 0.7, 0.2

    def branch(sign):
        def energy(x, y, z):
            mean = 2 * t2 * np.cos(phi) * (np.cos(x) + np.cos(y) + np.cos(y - x))
            return mean + sign * np.hypot(t * f(x, y), m - 2 * t2 * np.sin(phi) * g(x, y))

        return energy

    model = toys.haldane(t=t, t2=t2, phi=phi, m=m)
    assert_bands(model, branch(1), branch(-1))
    edge = 3 * np.sqrt(3) * t2 * np.sin(phi)
    split = np.diff(bands(model, [CORNER, -CORNER]))[:, 0]
    np.testing.assert_allclose(np.sort(split), 2 * np.array([edge - m, edge + m]), rtol=1e-12)


@pytest.mark.parametrize("phi", [0.4, np.pi / 2, -0.4, -2.5])
@pytest.mark.parametrize("ratio", [-1.2, -0.8, 0.0, 0.8, 1.2])
def test_haldane_chern_number(phi, ratio):
    edge = 3 * np.sqrt(3) * 0.1 * np.sin(phi)
    expected = -np.sign(phi) if abs(ratio) < 1 else 0
    assert chern(lower_frames(toys.haldane(t2=0.1, phi=phi, m=ratio * edge), 1, 30)) == expected


def test_spin_up_of_kane_mele_is_haldane():
    kpt_kc = somewhere(toys.haldane())
    both = hamiltonian(toys.kane_mele(soc=0.1, rashba=0, m=0.3), kpt_kc)
    for spin, phi in ((0, np.pi / 2), (1, -np.pi / 2)):
        one = hamiltonian(toys.haldane(t2=0.1, phi=phi, m=0.3), kpt_kc)
        np.testing.assert_allclose(both[:, spin::2, spin::2], one, rtol=0, atol=1e-13)


# ---- semiconductors ----------------------------------------------------------------------------


def lattice_k(a, *x_c):
    """sin(ka)/a and 2(1 - cos ka)/a^2 along each direction."""
    return np.sin(x_c) / a, 2 * (1 - np.cos(x_c)) / a**2


def test_bhz_bands():
    A, B, D, M, delta, a = 3.65, -68.6, -51.2, -0.01, 0.016, 6.0

    def branch(sign, spin):
        def energy(x, y, z):
            p_c, q_c = lattice_k(a, x, y)
            q = q_c.sum(axis=0)
            root = np.hypot(M - B * q, A * np.linalg.norm(p_c, axis=0) + spin * delta)
            return -D * q + sign * root

        return energy

    model = toys.bhz(A=A, B=B, D=D, M=M, delta=delta, a=a)
    assert_bands(model, *(branch(*s) for s in itertools.product((1, -1), repeat=2)))
    at_gamma = M * np.kron(SIGMA[2], np.eye(2)) + delta * np.kron(SIGMA[1], SIGMA[1])
    np.testing.assert_allclose(hamiltonian(model, [[0, 0, 0]])[0], at_gamma, rtol=0, atol=1e-13)
    assert direct_gap(toys.bhz(M=-0.01), 2, mesh(model, 40)) == pytest.approx(0.02)


@pytest.mark.parametrize("delta", [0.0, 0.1])
@pytest.mark.parametrize(("M", "expected"), [(-1.0, 1), (1.0, 0), (-7.5, -1), (-14.0, 0)])
def test_bhz_spin_chern_number(M, expected, delta):
    # Masses M, M + 6.575 (twice), M + 13.15 eV at Gamma, X and Y, M.
    assert spin_chern(toys.bhz(M=M, delta=delta), 2) == expected


def bi2se3_energy(sign, a):
    def energy(x, y, z):
        (px, py, pz), (qx, qy, qz) = lattice_k(a, x, y, z)
        mass = -0.28 + 6.86 * qz + 44.5 * (qx + qy)
        root = np.sqrt(mass**2 + 3.33**2 * (px**2 + py**2) + 2.26**2 * pz**2)
        return -0.0083 + 5.74 * qz + 30.4 * (qx + qy) + sign * root

    return energy


def test_bi2se3_bands_and_gap():
    a = 2.0
    model = toys.bi2se3(a=a)
    assert_bands(model, *(bi2se3_energy(sign, a) for sign in (1, 1, -1, -1)))
    edge = bands(toys.bi2se3(), [[0, 0, 0]])[0]
    np.testing.assert_allclose(edge[[0, 2]], [-0.2883, 0.2717], rtol=0, atol=1e-12)

    model = toys.bi2se3()
    start = mesh(model, 30)
    energy_kn = bands(model, start)
    start = start[np.argmin(energy_kn[:, 2] - energy_kn[:, 1])]
    found = minimize(lambda k: direct_gap(model, 2, [k]), start, method="Nelder-Mead", tol=1e-10)
    slope = 2 * -0.28 * 44.5 + 3.33**2
    exact = 2 * np.sqrt(0.28**2 - slope**2 / (4 * 44.5**2 - (3.33 * 4.14) ** 2))
    assert found.fun == pytest.approx(exact, abs=1e-8)
    assert energy_kn[:, 2].min() - energy_kn[:, 1].max() > 0.26  # an insulator


def test_bi2se3_is_a_strong_topological_insulator():
    def parities(model):
        corners = np.array(list(itertools.product([0, 0.5], repeat=3)))
        _, u = np.linalg.eigh(hamiltonian(model, corners))
        lower = u[..., :2]
        value = np.linalg.eigvalsh(
            lower.conj().swapaxes(1, 2) @ np.kron(SIGMA[2], np.eye(2)) @ lower
        )
        np.testing.assert_allclose(value[:, 0], value[:, 1])
        np.testing.assert_allclose(np.abs(value), 1)
        return value[:, 0]

    assert np.prod(parities(toys.bi2se3())) == pytest.approx(-1)
    assert np.prod(parities(toys.bi2se3(M0=0.28))) == pytest.approx(1)


def test_bi2se3_spin_hall_conductivity():
    """Number of an independent calculation, in (ħ/2e)/(Ω m)."""
    found = 2.43413e6 * spin_hall(toys.bi2se3(), 2, 40, flow=2, field=0, spin=1)
    assert found == pytest.approx(-5513, rel=1e-3)


def test_bi2se3_exchange_field():
    at_gamma = bands(toys.bi2se3(exchange=(0.03, 0.0, 0.04)), [[0, 0, 0]])[0]
    expected = -0.0083 + np.array([-0.33, -0.23, 0.23, 0.33])
    np.testing.assert_allclose(at_gamma, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("strain", [0.0, 0.15])
def test_luttinger_bands(strain):
    g1, g2, g3, a = 6.0, 1.7, 2.4, 5.0
    c = HBAR2_OVER_2M

    def branch(sign):
        def energy(x, y, z):
            (px, py, pz), (qx, qy, qz) = lattice_k(a, x, y, z)
            root = np.sqrt(
                (c * g2 * (2 * qz - qx - qy) + strain) ** 2
                + 3 * (c * g2 * (qx - qy)) ** 2
                + 12 * (c * g3) ** 2 * ((px * py) ** 2 + (py * pz) ** 2 + (pz * px) ** 2)
            )
            return -c * g1 * (qx + qy + qz) + sign * root

        return energy

    model = toys.luttinger(gamma1=g1, gamma2=g2, gamma3=g3, strain=strain, a=a)
    assert_bands(model, *(branch(sign) for sign in (1, 1, -1, -1)))


def test_luttinger_masses_and_heavy_holes():
    model = toys.luttinger()
    k = 1e-3
    for direction, warping in (([0, 0, 1], 2.10), ([1, 1, 1], 2.90)):
        kpt_a = k * np.array(direction) / np.linalg.norm(direction)
        energy = bands(model, [kpt_a @ model.cell_ca.T / (2 * np.pi)])[0]
        heavy_light = -HBAR2_OVER_2M * k**2 * (6.85 + 2 * warping * np.array([-1, 1]))
        np.testing.assert_allclose(energy, np.sort(heavy_light.repeat(2)), rtol=1e-4)
    # Along z the heavy holes are m = +-3/2; strain lifts them.
    along_z = hamiltonian(model, [[0, 0, 0.05]])[0]
    assert np.abs(along_z - np.diag(np.diag(along_z))).max() < 1e-13
    assert along_z[0, 0].real > along_z[1, 1].real
    np.testing.assert_allclose(
        hamiltonian(toys.luttinger(strain=0.1), [[0, 0, 0]])[0],
        np.diag([0.1, -0.1, -0.1, 0.1]),
        rtol=0,
        atol=1e-13,
    )


def test_luttinger_spin_is_that_of_the_electron_in_p_states():
    # |3/2, m> from l = 1 (m_l = 1, 0, -1) and s = 1/2 by Clebsch-Gordan coefficients.
    third, two_thirds = np.sqrt(1 / 3), np.sqrt(2 / 3)
    states = np.zeros((6, 4))  # rows (m_l, spin), columns m
    states[0, 0] = 1
    states[1, 1], states[2, 1] = third, two_thirds
    states[3, 2], states[4, 2] = two_thirds, third
    states[5, 3] = 1
    model = toys.luttinger()
    home = np.flatnonzero((model.R_Rc == 0).all(axis=1))[0]
    for s in range(3):
        expected = states.T @ np.kron(np.eye(3), SIGMA[s]) @ states
        np.testing.assert_allclose(model.spin_Rsij[home, s], expected, rtol=0, atol=1e-15)


# ---- semimetals --------------------------------------------------------------------------------

WEYL = {"k0": 0.35, "v": 1.5, "tz": 0.4, "wilson": 0.6, "a": 3.0}


def test_weyl_bands():
    def energy(x, y, z):
        mass = 0.4 * (np.cos(0.35 * 3.0) - np.cos(z)) + 0.6 * (2 - np.cos(x) - np.cos(y))
        return np.sqrt(0.5**2 * (np.sin(x) ** 2 + np.sin(y) ** 2) + mass**2)

    assert_bands(toys.weyl_pair(**WEYL), energy, lambda *x: -energy(*x))


def test_weyl_nodes_are_two_and_linear():
    model = toys.weyl_pair(**WEYL)
    node_c = np.array([0, 0, 0.35 * 3.0 / (2 * np.pi)])
    for node in (node_c, -node_c):
        assert np.abs(bands(model, [node])).max() < 1e-14
        for axis, speed in enumerate([1.5, 1.5, 0.4 * 3.0 * np.sin(0.35 * 3.0)]):
            step = np.zeros(3)
            step[axis] = 1e-5 * 3.0 / (2 * np.pi)
            upper = bands(model, [node + step, node - step])[:, 1]
            np.testing.assert_allclose(upper, 1e-5 * speed, rtol=1e-4)
    kpt_kc = mesh(model, 32)
    upper = bands(model, kpt_kc)[:, 1]
    wrapped = kpt_kc - np.rint(kpt_kc)
    wrapped[:, 2] = np.abs(wrapped[:, 2])
    away = np.linalg.norm(wrapped - node_c, axis=1) > 0.08
    assert upper[away].min() > 0.1


def test_weyl_hall_conductivity():
    model = toys.weyl_pair(**WEYL)
    node = 0.35 * 3.0 / (2 * np.pi)
    assert chern(lower_frames(model, 1, kz=0.9 * node)) == -1
    assert chern(lower_frames(model, 1, kz=1.1 * node)) == 0
    n = 60
    layers = [chern(lower_frames(model, 1, kz=(i + 0.5) / n)) for i in range(n)]
    hall = -np.sum(layers) / (n * 3.0)  # sigma_xy in e^2/h per length: -int C dk_z/2pi
    assert hall == pytest.approx(2 * 0.35 / (2 * np.pi), abs=1.01 / (n * 3.0))


def test_weyl_chirality():
    model = toys.weyl_pair(**WEYL)
    for sign in (1, -1):
        node = np.array([0, 0, sign * 0.35 * 3.0 / (2 * np.pi)])
        step = 1e-5 * np.eye(3)
        slope_kij = hamiltonian(model, node + step) - hamiltonian(model, node - step)
        assert np.sign(np.linalg.det(np.einsum("sij,kji->sk", SIGMA, slope_kij).real)) == sign
        # The lower band's flux out of the node: above less below.
        layers = [chern(lower_frames(model, 1, kz=node[2] + d)) for d in (0.05, -0.05)]
        assert layers[0] - layers[1] == sign


def test_weyl_inversion():
    model = toys.weyl_pair(**WEYL)
    kpt_kc = somewhere(model)
    inverted = SIGMA[2] @ hamiltonian(model, -kpt_kc) @ SIGMA[2]
    np.testing.assert_allclose(inverted, hamiltonian(model, kpt_kc), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "changes", [{"k0": 1.2}, {"k0": 0.0}, {"k0": 0.7, "wilson": 0.300}, {"tz": -0.4}]
)
def test_weyl_refuses_other_nodes(changes):
    with pytest.raises(ws.errors.ModelError, match="weyl_pair"):
        toys.weyl_pair(**{**WEYL, **changes})


def test_weyl_allows_all_but_other_nodes():
    # A node would come to X at tz (1 - cos k0 a) = 2 wilson, here 0.602.
    model = toys.weyl_pair(**{**WEYL, "k0": 0.7, "wilson": 0.302})
    assert bands(model, [[0.5, 0, 0]])[0, 1] == pytest.approx(0.604 - 0.4 * (1 - np.cos(2.1)))
    assert chern(lower_frames(model, 1, 40, kz=0.17)) == -1


def test_nodal_line_bands():
    def energy(x, y, z):
        mass = 0.8 * (2 + np.cos(0.4 * 3.0) - np.cos(x) - np.cos(y) - np.cos(z))
        return np.sqrt(mass**2 + (1.2 / 3.0 * np.sin(z)) ** 2 + 0.025**2)

    model = toys.nodal_line(k0=0.4, gap=0.05, t=0.8, v=1.2, a=3.0)
    assert_bands(model, energy, lambda *x: -energy(*x))
    assert direct_gap(model, 1, somewhere(model, 2000)) > 0.05
    assert hamiltonian(model, [[0, 0, 0]])[0, 1, 0] == pytest.approx(0.025j)


def test_nodal_ring():
    closed, opened = toys.nodal_line(k0=0.4, gap=0.0), toys.nodal_line(k0=0.4, gap=0.03)
    assert np.abs(bands(closed, [[4.0 * 0.4 / (2 * np.pi), 0, 0]])).max() < 1e-15
    for angle in np.linspace(0, 2 * np.pi, 9):
        ray = np.array([np.cos(angle), np.sin(angle), 0]) * 4.0 / (2 * np.pi)
        # σ_z is negative inside the ring and positive outside.
        radius = brentq(lambda k, ray: hamiltonian(closed, [k * ray])[0, 0, 0].real, 0.1, 0.7, ray)
        assert np.abs(bands(closed, [radius * ray])).max() < 1e-9
        np.testing.assert_allclose(np.diff(bands(opened, [radius * ray])), 0.03, rtol=1e-9)
        x, y = 4.0 * radius * np.cos(angle), 4.0 * radius * np.sin(angle)
        assert np.cos(x) + np.cos(y) == pytest.approx(1 + np.cos(4.0 * 0.4))
    # The mirror z -> -z protects the ring; the gap breaks it.
    kpt_kc = somewhere(closed)
    for model, broken in ((closed, 0.0), (opened, 0.03)):
        mirrored = SIGMA[2] @ hamiltonian(model, kpt_kc * [1, 1, -1]) @ SIGMA[2]
        apart = np.abs(mirrored - hamiltonian(model, kpt_kc)).max()
        assert apart == pytest.approx(broken, abs=1e-12)
    with pytest.raises(ws.errors.ModelError, match="nodal_line"):
        toys.nodal_line(k0=0.8, a=4.0)


# ---- flat band, altermagnet --------------------------------------------------------------------


def test_flat_band():
    t, soc = 0.6, 0.15

    def energy(x, y, z):
        hop = t**2 * (np.cos(x / 2) ** 2 + np.cos(y / 2) ** 2)
        return 2 * np.sqrt(hop + 4 * soc**2 * np.sin(x / 2) ** 2 * np.sin(y / 2) ** 2)

    model = toys.flat_band(t=t, soc=soc)
    flat = lambda x, y, z: 0 * x  # noqa: E731
    lower = lambda *x: -energy(*x)  # noqa: E731
    assert_bands(model, energy, energy, flat, flat, lower, lower)
    assert direct_gap(model, 2, mesh(model, 20)) == pytest.approx(4 * soc)
    wide = toys.flat_band(t=t, soc=0.5)
    assert direct_gap(wide, 2, mesh(wide, 20)) == pytest.approx(2 * t)


def test_flat_band_spin_chern_number_and_width():
    for rashba in (0.0, 0.03):
        chirality = [spin_chern(toys.flat_band(soc=soc, rashba=rashba), 2) for soc in (0.1, -0.1)]
        assert chirality == [1, -1]
    for rashba in (0.03, 0.06):
        model = toys.flat_band(rashba=rashba)
        width = np.ptp(bands(model, mesh(model, 24))[:, 2:4])
        # A level moves by at most the norm of what is added, 2√2 rashba.
        assert rashba < width < 4 * np.sqrt(2) * rashba


def test_flat_band_rashba():
    """i rashba (sigma x d)_z along d, as on the honeycomb lattice."""
    model = toys.flat_band(t=0.6, soc=0.0, rashba=0.2)
    kpt_kc = somewhere(model)
    x, y, _ = phases(kpt_kc)[..., None, None]
    ham = hamiltonian(model, kpt_kc)
    along_x = 0.6 * np.eye(2) * (1 + np.exp(-1j * x)) - 0.2j * SIGMA[1] * (1 - np.exp(-1j * x))
    along_y = 0.6 * np.eye(2) * (1 + np.exp(-1j * y)) + 0.2j * SIGMA[0] * (1 - np.exp(-1j * y))
    np.testing.assert_allclose(ham[:, :2, 2:4], along_x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ham[:, :2, 4:], along_y, rtol=0, atol=1e-13)
    assert not ham[:, 2:4, 4:].any()


def test_altermagnet_bands_and_gap():
    t, td, J = 0.25, 0.07, np.array([0.1, 0.2, 0.4])

    def branch(sign, spin):
        def energy(x, y, z):
            between = 4 * t * np.cos(x / 2) * np.cos(y / 2)
            within = 2 * td * (np.cos(x) - np.cos(y)) + spin * np.linalg.norm(J)
            return sign * np.hypot(between, within)

        return energy

    model = toys.altermagnet(t=t, td=td, exchange=tuple(J))
    assert_bands(model, *(branch(*s) for s in itertools.product((1, -1), repeat=2)))
    assert direct_gap(model, 2, mesh(model, 40)) == pytest.approx(2 * (np.linalg.norm(J) - 4 * td))


def test_altermagnet_spins_exchange_under_a_quarter_turn():
    model = toys.altermagnet()
    kpt_kc = somewhere(model)
    turned_kc = np.stack([-kpt_kc[:, 1], kpt_kc[:, 0], kpt_kc[:, 2]], axis=1)
    here, there = hamiltonian(model, kpt_kc), hamiltonian(model, turned_kc)
    up, down = (np.linalg.eigvalsh(ham[:, s::2, s::2]) for ham, s in ((here, 0), (there, 1)))
    np.testing.assert_allclose(up, down, rtol=0, atol=1e-12)
    diagonal = np.array([[0.2, 0.2, 0], [0.3, -0.3, 0]])
    pairs = bands(model, diagonal)
    np.testing.assert_allclose(pairs[:, ::2], pairs[:, 1::2], rtol=0, atol=1e-12)


def test_altermagnet_rashba():
    kpt_kc = somewhere(toys.altermagnet())
    x, y, _ = phases(kpt_kc)[..., None, None]
    added = hamiltonian(toys.altermagnet(rashba=0.3, a=5.0), kpt_kc) - hamiltonian(
        toys.altermagnet(a=5.0), kpt_kc
    )
    field = 0.06 * (np.sin(y) * SIGMA[0] - np.sin(x) * SIGMA[1])
    expected = np.kron(np.eye(2), field)
    np.testing.assert_allclose(added, expected, rtol=0, atol=1e-13)


# ---- random ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    n_orbitals=st.integers(2, 4),
    dimension=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    gap=st.floats(0.01, 2.0),
    spin=st.booleans(),
    time_reversal=st.booleans(),
)
def test_random_gap_and_bandwidth(n_orbitals, dimension, seed, gap, spin, time_reversal):
    model = toys.random_model(
        n_orbitals, dimension, seed, gap=gap, bandwidth=1.5, spin=spin, time_reversal=time_reversal
    )
    assert model.dimension == dimension
    n_below = (2 if spin else 1) * (n_orbitals // 2)
    energy_kn = bands(model, somewhere(model))
    below, above = energy_kn[:, :n_below], energy_kn[:, n_below:]
    assert below.max() <= -gap / 2
    assert above.min() >= gap / 2
    assert np.abs(energy_kn).max() <= gap / 2 + 1.5
    if time_reversal:
        np.testing.assert_allclose(bands(model, -somewhere(model)), energy_kn, rtol=0, atol=1e-12)
    free = toys.random_model(n_orbitals, dimension, seed, bandwidth=1.5, spin=spin)
    assert np.abs(bands(free, somewhere(free))).max() <= 0.75


def test_random_operators():
    model = toys.random_model(3, 3, seed=4, reach=2, decay=1.5)
    assert len(model.R_Rc) == 5**3
    same = toys.random_model(3, 3, seed=4, reach=2, decay=1.5)
    assert model.fingerprint == same.fingerprint
    assert model.fingerprint != toys.random_model(3, 3, seed=5, reach=2, decay=1.5).fingerprint
    assert model.hermiticity["pos"] == 0
    for op_Rxij in (model.ham_Rij[:, None], model.pos_Raij):
        away = (model.R_Rc != 0).any(axis=1)
        assert np.abs(op_Rxij[away].imag).max() > 1e-3
    # Position leaves spin alone: [r, sigma] = 0 for pure spinors.
    assert not model.pos_Raij[:, :, ::2, 1::2].any()
    np.testing.assert_array_equal(model.pos_Raij[:, :, ::2, ::2], model.pos_Raij[:, :, 1::2, 1::2])
    # From R to 2R the hoppings lose about exp(-|R|/decay).
    size_R = np.linalg.norm(model.ham_Rij, axis=(1, 2))
    length_R = np.linalg.norm(model.R_Rc @ model.cell_ca, axis=1)
    slope, _ = np.polyfit(length_R, np.log(size_R), 1)
    assert slope == pytest.approx(-1 / 1.5, rel=0.05)
    assert np.ptp(model.cell_ca - np.diag(np.diag(model.cell_ca))) > 0.1
    square = toys.random_model(30, 1, reach=0, position=0.2, spin=False).pos_Raij[0]
    between = square[:, ~np.eye(30, dtype=bool)]
    assert np.sqrt((np.abs(between) ** 2).mean()) == pytest.approx(0.2, rel=0.1)
    real = toys.random_model(3, 2, time_reversal=True)
    assert not real.pos_Raij.imag.any()


@pytest.mark.parametrize(
    "changes",
    [
        {"dimension": 0},
        {"dimension": 4},
        {"n_orbitals": 0},
        {"reach": -1},
        {"decay": 0.0},
        {"bandwidth": -1.0},
        {"gap": 0.0},
        {"gap": 0.1, "n_orbitals": 1},
    ],
)
def test_random_refuses(changes):
    with pytest.raises(ws.errors.ModelError, match="random_model"):
        toys.random_model(**changes)


@pytest.mark.parametrize(("gap", "zeta"), [(0.0, 0.1), (0.1, 0.0), (0.1, 1.0)])
def test_dirac_lattice_refuses(gap, zeta):
    with pytest.raises(ws.errors.ModelError, match="dirac_lattice"):
        toys.dirac_lattice(gap=gap, zeta=zeta)
