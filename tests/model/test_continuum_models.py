"""k·p models: derivatives, lattice forms, closed forms of the toys, refusals."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import w90spin as ws
from w90spin.errors import ModelError, PartitionError
from w90spin.kspace.continuum import ContinuumOperators, KRegion, operators_of
from w90spin.kspace.fourier import KPoints
from w90spin.kspace.states import solve
from w90spin.model import toys
from w90spin.model.continuum import ContinuumModel, Polynomial
from w90spin.model.toys.hole_gas import LUTTINGER_PARAMETERS, subbands
from w90spin.model.toys.named import TOYS, named_toy
from w90spin.units import HBAR2_OVER_2M

SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
KP = sorted(name for name in toys.__all__ if name.endswith("_kp"))
STEADY = settings(deadline=None, derandomize=True, max_examples=25)


def somewhere(model, n_k=30, reach=0.3, seed=0):
    """Random Cartesian k, zero beyond the dimension."""
    kpt_ka = np.random.default_rng(seed).uniform(-reach, reach, size=(n_k, 3))
    kpt_ka[:, model.dimension :] = 0.0
    return kpt_ka


def bands(model, kpt_ka):
    return np.linalg.eigvalsh(model.function(kpt_ka)[0])


def random_hermitian(rng, n=2):
    matrix = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    return matrix + matrix.conj().T


# ---- H(k) and its derivatives ----------------------------------------------------------------


@given(seed=st.integers(0, 10**6), dimension=st.integers(1, 3))
@STEADY
def test_derivatives_of_any_polynomial(seed, dimension):
    """The sum over monomials by hand, and dH/dk by central differences."""
    rng = np.random.default_rng(seed)
    powers = [(*p, *(0,) * (3 - dimension)) for p in itertools.product(range(4), repeat=dimension)]
    chosen = [powers[i] for i in rng.choice(len(powers), size=min(5, len(powers)), replace=False)]
    terms = {p: random_hermitian(rng) for p in chosen}
    model = ContinuumModel.from_polynomial(terms, dimension=dimension)
    kpt_ka = somewhere(model, 4, 1.0, seed)
    ham_kij, dham_kaij = model.function(kpt_ka)
    expected = sum(
        (kpt_ka[:, 0] ** p * kpt_ka[:, 1] ** q * kpt_ka[:, 2] ** r)[:, None, None] * matrix
        for (p, q, r), matrix in terms.items()
    )
    np.testing.assert_allclose(ham_kij, expected, rtol=0, atol=1e-12)
    step = 1e-4
    for a in range(3):
        shift = step * np.eye(3)[a]
        difference = model.function(kpt_ka + shift)[0] - model.function(kpt_ka - shift)[0]
        if a >= dimension:
            assert not dham_kaij[:, a].any()
        np.testing.assert_allclose(dham_kaij[:, a], difference / (2 * step), atol=1e-5)


@pytest.mark.parametrize("name", KP)
def test_derivatives_of_every_toy(name):
    model = getattr(toys, name)()
    kpt_ka = somewhere(model)
    ham_kij, dham_kaij = model.function(kpt_ka)
    assert np.abs(ham_kij - ham_kij.conj().swapaxes(1, 2)).max() < 1e-12
    for a in range(model.dimension):
        shift = 1e-4 * np.eye(3)[a]
        difference = model.function(kpt_ka + shift)[0] - model.function(kpt_ka - shift)[0]
        np.testing.assert_allclose(dham_kaij[:, a], difference / 2e-4, rtol=1e-6, atol=1e-6)


def test_a_function_is_the_same_model_as_its_polynomial():
    polynomial = toys.rashba_kp(cutoff=0.4)

    def function(kpt_ka):
        kx, ky = kpt_ka[:, 0, None, None], kpt_ka[:, 1, None, None]
        c, one = HBAR2_OVER_2M / 0.5, np.eye(2)
        ham = c * (kx**2 + ky**2) * one + 0.5 * (ky * SIGMA[0] - kx * SIGMA[1])
        dham = [2 * c * kx * one - 0.5 * SIGMA[1], 2 * c * ky * one + 0.5 * SIGMA[0], 0 * ham]
        return ham, np.stack(dham, axis=1)

    model = ContinuumModel.from_function(function, dimension=2, spin=SIGMA, cutoff=0.4)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.1, eta=0.05)
    found = [ws.compute(m, [response])["upsilon1"] for m in (model, polynomial)]
    assert np.abs(found[1].values).max() > 1e-3
    np.testing.assert_allclose(found[0].values, found[1].values, rtol=1e-5, atol=1e-9)


def test_a_constant_position_matters_as_it_does_on_a_lattice():
    """Two layers at heights ±h: a field along z acts through the position alone."""
    rng = np.random.default_rng(5)
    terms = {(0, 0, 0): random_hermitian(rng, 4), (1, 0, 0): random_hermitian(rng, 4)}
    pos = np.zeros((3, 4, 4))
    pos[2] = np.diag([2.0, 2.0, -2.0, -2.0])
    spin = np.kron(np.eye(2), SIGMA)
    model = ContinuumModel.from_polynomial(terms, dimension=2, spin=spin, pos=pos, cutoff=0.5)
    response = ws.SpinPolarizability(omega_w=0.1, mu_f=0.0, eta=0.1)
    kpt_ka = somewhere(model, 5)
    tensors = response(solve(operators_of(model), KPoints(kpt_ka)))
    assert np.abs(tensors["upsilon0_odd"][..., 2]).max() > 1e-3
    # V_z = -i[A_z, H], by hand, at the first point.
    states = solve(operators_of(model), KPoints(kpt_ka[:1]))
    ham, u = model.function(kpt_ka[:1])[0][0], states.vectors_kin[0]
    expected = u.conj().T @ (-1j * (pos[2] @ ham - ham @ pos[2])) @ u
    np.testing.assert_allclose(states.velocity_kanm[0, 2], expected, atol=1e-12)


# ---- lattice forms ---------------------------------------------------------------------------

TWINS = [
    (toys.square_lattice(mass=0.7, a=3.0), toys.electron_gas_kp(mass=0.7).lattice(3.0)),
    (
        toys.rashba_square(beta=0.2, exchange=(0.1, 0.2, 0.3), a=3.0),
        toys.rashba_kp(beta=0.2, exchange=(0.1, 0.2, 0.3)).lattice(3.0),
    ),
    (toys.bhz(delta=0.02), toys.bhz_kp(delta=0.02).lattice(6.46)),
    (toys.bi2se3(exchange=(0.0, 0.1, 0.0)), toys.bi2se3_kp(exchange=(0.0, 0.1, 0.0)).lattice(4.14)),
    (toys.luttinger(strain=0.1, a=5.0), toys.luttinger_kp(strain=0.1).lattice(5.0)),
]


@pytest.mark.parametrize(("written", "made"), TWINS, ids=lambda model: model.name)
def test_lattice_forms_are_the_lattice_toys(written, made):
    """H(k) that was written with sines and cosines: energies and DASP at the same k."""
    kpt_kc = np.random.default_rng(1).uniform(size=(20, 3)) * np.array(written.periodic)
    response = ws.SpinPolarizability(omega_w=0.3, mu_f=0.1, eta=0.2)
    found = []
    for model in (written, made):
        states = solve(operators_of(model), KPoints(kpt_kc))
        found.append((states.energy_kn, *response(states).values()))
    for one, other in zip(*found, strict=True):
        scale = max(np.abs(one).max(), 1.0)
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-12 * scale)
    assert made.spin_pairs is None or made.spin_pairs.tolist() == written.spin_pairs.tolist()
    assert made.periodic == written.periodic


@pytest.mark.parametrize("name", KP)
def test_lattice_forms_approach_the_continuum(name):
    """H and dH/dk at the same Cartesian k, with an error that falls by four as a is halved."""
    model = getattr(toys, name)()
    reach = 2.0 * model.scale
    kpt_ka = somewhere(model, 20, reach)
    exact = model.function(kpt_ka)
    errors = []
    for a in (0.1 / reach, 0.05 / reach):
        lattice = model.lattice(a)
        kpt_kc = kpt_ka @ np.linalg.inv(lattice.recip_ca)
        matrices = operators_of(lattice)(KPoints(kpt_kc))
        errors.append(
            [np.abs(matrices.ham_kij - exact[0]).max(), np.abs(matrices.dham_kaij - exact[1]).max()]
        )
        np.testing.assert_array_equal(matrices.spin_ksij[0], model.spin_sij)
    for coarse, fine, whole in zip(*errors, exact, strict=True):
        assert fine < 1e-2 * np.abs(whole).max()
        assert coarse / fine == pytest.approx(4.0, rel=0.01)


def test_powers_without_a_lattice_form():
    cubic = ContinuumModel.from_polynomial({(1, 3, 0): np.eye(2)}, dimension=2)
    with pytest.raises(ModelError, match=r"k_x k_y\^3 .* has no lattice form"):
        cubic.lattice(1.0)
    model = toys.dirac_kp(cutoff=1.0)
    function = ContinuumModel.from_function(model.function.__call__, dimension=2, cutoff=1.0)
    with pytest.raises(ModelError, match="only polynomials can be put on a lattice"):
        function.lattice(1.0)
    with pytest.raises(ModelError, match="positive length"):
        model.lattice(-1.0)


# ---- closed forms ----------------------------------------------------------------------------


def assert_bands(model, *energies):
    kpt_ka = somewhere(model)
    expected = np.sort(np.stack([energy(*kpt_ka.T) for energy in energies], axis=1), axis=1)
    np.testing.assert_allclose(bands(model, kpt_ka), expected, rtol=0, atol=1e-12)


def split(middle, half):
    return [lambda *k, s=s: middle(*k) + s * half(*k) for s in (1, -1)]


def test_bands_in_two_dimensions():
    c = HBAR2_OVER_2M
    assert_bands(
        toys.electron_gas_kp(mass=0.3, exchange=(0.03, 0.0, 0.04)),
        *split(lambda x, y, z: c / 0.3 * (x**2 + y**2), lambda x, y, z: 0.05),
    )
    assert_bands(
        toys.dirac_kp(v=3.0, mass=0.1),
        *split(lambda x, y, z: 0.0 * x, lambda x, y, z: np.sqrt(9 * (x**2 + y**2) + 0.01)),
    )
    assert_bands(
        toys.rashba_kp(mass=0.5, alpha=0.4, beta=0.3),
        *split(
            lambda x, y, z: c / 0.5 * (x**2 + y**2),
            lambda x, y, z: np.hypot(0.4 * y + 0.3 * x, 0.4 * x + 0.3 * y),
        ),
    )
    assert_bands(
        toys.dresselhaus_kp(mass=0.067, gamma=27.6, kz2=0.01),
        *split(
            lambda x, y, z: c / 0.067 * (x**2 + y**2),
            lambda x, y, z: 27.6 * np.hypot(x * (y**2 - 0.01), y * (x**2 - 0.01)),
        ),
    )


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_electron_gas_in_every_dimension(dimension):
    model = toys.electron_gas_kp(mass=2.0, dimension=dimension)
    kpt_ka = somewhere(model)
    expected = HBAR2_OVER_2M / 2.0 * (kpt_ka**2).sum(axis=1)
    np.testing.assert_allclose(bands(model, kpt_ka)[:, 0], expected, atol=1e-13)


def test_bands_of_bi2se3_and_bhz():
    def mean(x, y, z):
        return -0.0083 + 5.74 * z**2 + 30.4 * (x**2 + y**2)

    def half(x, y, z):
        mass = -0.28 + 6.86 * z**2 + 44.5 * (x**2 + y**2)
        return np.sqrt(mass**2 + 3.33**2 * (x**2 + y**2) + 2.26**2 * z**2)

    assert_bands(toys.bi2se3_kp(), *2 * split(mean, half))
    at_zero = bands(toys.bi2se3_kp(), np.zeros((1, 3)))[0]
    np.testing.assert_allclose(at_zero, [-0.2883, -0.2883, 0.2717, 0.2717], atol=1e-12)
    bhz = [
        (lambda x, y, z, s=s, d=d: 51.2 * (x**2 + y**2) + s * np.hypot(
            -0.01 + 68.6 * (x**2 + y**2), 3.65 * np.hypot(x, y) + d * 0.02
        ))
        for s in (1, -1) for d in (1, -1)
    ]  # fmt: skip
    assert_bands(toys.bhz_kp(delta=0.02), *bhz)


def test_masses_of_heavy_and_light_holes():
    """m/m_e = 1/(γ1 ∓ 2γ2) along [100] and 1/(γ1 ∓ 2γ3) along [111]."""
    model = toys.luttinger_kp()
    k = 0.01
    for direction, gamma in (((1, 0, 0), 2.10), ((1, 1, 1), 2.90)):
        kpt_ka = k * np.array([direction]) / np.linalg.norm(direction)
        expected = [-HBAR2_OVER_2M * k**2 * (6.85 + s * 2 * gamma) for s in (1, 1, -1, -1)]
        np.testing.assert_allclose(bands(model, kpt_ka)[0], expected, rtol=1e-12)


# ---- holes in a well -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "beta_h", "beta_l", "apart"),
    [(1e6, -3.4356, -1.1529, 7.12e-3), (2e6, -5.0034, -2.0745, 10.31e-3)],
)
def test_subbands_of_a_gallium_arsenide_well(gate, beta_h, beta_l, apart):
    heavy, light = subbands(LUTTINGER_PARAMETERS["GaAs"], 250.0, gate)
    assert heavy.beta == pytest.approx(beta_h, abs=6e-5)
    assert light.beta == pytest.approx(beta_l, abs=6e-5)
    assert light.energy - heavy.energy == pytest.approx(apart, abs=6e-6)


def envelope_integrals(beta_h, beta_l, width):
    """⟨h|l⟩, ⟨h|∂_z|l⟩ and ⟨k_z²⟩ of the envelopes on a fine mesh."""
    x = (np.arange(20000) + 0.5) / 20000
    phi = [np.sin(np.pi * x) * np.exp(-beta * x) for beta in (beta_h, beta_l)]
    phi = [p / np.sqrt((p**2).mean()) for p in phi]
    slope = [np.gradient(p, x) for p in phi]
    overlap = (phi[0] * phi[1]).mean()
    mixed = (phi[0] * slope[1]).mean() / width
    return overlap, mixed, [(s**2).mean() / width**2 for s in slope]


def printed_hamiltonian(gammas, width, gate, exchange, kx, ky):
    """Matrix (11) of Liu, Cullen and Culcer between envelopes, basis 3/2, -3/2, 1/2, -1/2."""
    g1, g2, g3 = gammas
    c, (heavy, light) = HBAR2_OVER_2M, subbands(gammas, width, gate)
    overlap, mixed, _ = envelope_integrals(heavy.beta, light.beta, width)
    k2, minus = kx**2 + ky**2, kx - 1j * ky
    ham = np.zeros((4, 4), complex)
    for i, (m, energy) in enumerate([(1, 0.0), (-1, 0.0)] + [(s, None) for s in (1, -1)]):
        if energy is None:
            energy = light.energy - heavy.energy
            ham[i, i] = energy + c * (g1 - g2) * k2 + exchange * m
        else:
            ham[i, i] = c * (g1 + g2) * k2 + exchange * m
    k_z = -1j * mixed  # <h|k_z|l>
    ham[0, 2] = -2 * np.sqrt(3) * c * g3 * minus * k_z
    ham[1, 3] = 2 * np.sqrt(3) * c * g3 * minus.conjugate() * k_z
    mean, half = (g2 + g3) / 2, (g2 - g3) / 2
    ham[0, 3] = -np.sqrt(3) * c * (mean * minus**2 + half * minus.conjugate() ** 2) * overlap
    ham[1, 2] = ham[0, 3].conjugate()
    return ham + np.triu(ham, 1).conj().T


@pytest.mark.parametrize("material", ["GaAs", "Ge"])
def test_holes_in_a_well_against_the_printed_matrix(material):
    gammas = LUTTINGER_PARAMETERS[material]
    model = toys.hole_gas_kp(material=material, gate=2e6, exchange=1e-3, hole_energies=True)
    kpt_ka = somewhere(model, 20, 0.05)
    expected = [
        np.linalg.eigvalsh(printed_hamiltonian(gammas, 250.0, 2e6, 1e-3, kx, ky))
        for kx, ky, _ in kpt_ka
    ]
    np.testing.assert_allclose(bands(model, kpt_ka), expected, rtol=0, atol=1e-8)


def test_symmetries_of_holes_in_a_well():
    """Time reversal: E(k) = E(-k); inversion, without a gate: pairs; electrons are holes upside
    down."""
    biased = toys.hole_gas_kp()
    kpt_ka = somewhere(biased, 10, 0.05)
    np.testing.assert_allclose(bands(biased, kpt_ka), bands(biased, -kpt_ka), atol=1e-13)
    apart = np.diff(bands(biased, kpt_ka), axis=1)
    assert apart[:, ::2].min() > 1e-5
    flat = bands(toys.hole_gas_kp(gate=0.0), kpt_ka)
    np.testing.assert_allclose(flat[:, ::2], flat[:, 1::2], atol=1e-13)
    holes = bands(toys.hole_gas_kp(hole_energies=True), kpt_ka)
    np.testing.assert_allclose(-holes[:, ::-1], bands(biased, kpt_ka), atol=1e-13)
    assert bands(biased, np.zeros((1, 3)))[0, -1] == pytest.approx(0.0, abs=1e-15)
    spin = [toys.hole_gas_kp(spin=which).spin_sij for which in ("total", "electron")]
    np.testing.assert_allclose(spin[0], 3 * spin[1])
    commutator = spin[0][0] @ spin[0][1] - spin[0][1] @ spin[0][0]
    np.testing.assert_allclose(commutator, 2j * spin[0][2], atol=1e-13)


# ---- regions of k ----------------------------------------------------------------------------


def test_every_point_of_a_folded_region_has_its_images():
    rng = np.random.default_rng(0)
    unit_kc = rng.uniform(size=(6, 3))
    for dimension, images in ((1, 2), (2, 4), (3, 8)):
        region = KRegion(dimension, math.inf, 0.3, folded=True)
        kpt_ka, weight_k = region(unit_kc)
        star_kga = kpt_ka.reshape(6, images, 3)
        assert region.images == images
        np.testing.assert_allclose(star_kga.sum(axis=1), 0.0, atol=1e-13)
        assert len(np.unique(star_kga[0].round(12), axis=0)) == images
        np.testing.assert_allclose(np.ptp(np.linalg.norm(star_kga, axis=2), axis=1), 0, atol=1e-12)
        assert (weight_k > 0.0).all()


# ---- fingerprints, notes, refusals -----------------------------------------------------------


def test_fingerprints_tell_models_apart():
    models = [
        toys.rashba_kp(),
        toys.rashba_kp(alpha=0.500001),
        toys.rashba_kp(cutoff=1.0),
        toys.rashba_kp(cutoff=(1.0, 1.0)),
        toys.rashba_kp(exchange=(0, 0, 1e-6)),
        ContinuumModel.from_polynomial(
            {(1, 0, 0): SIGMA[0]}, dimension=2, spin=2 * SIGMA, scale=0.1
        ),
        ContinuumModel.from_polynomial({(1, 0, 0): SIGMA[0]}, dimension=2, spin=SIGMA, scale=0.1),
    ]
    assert len({model.fingerprint for model in models}) == len(models)
    assert toys.rashba_kp().fingerprint == models[0].fingerprint
    assert models[0].within(1.0).fingerprint == models[2].fingerprint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"terms": {}}, "at least one"),
        ({"terms": {(1, 0): np.eye(2)}}, "three powers"),
        ({"terms": {(-1, 0, 0): np.eye(2)}}, "from 0 up"),
        ({"terms": {(0, 0, 1): np.eye(2)}}, "k_z needs more than the 2"),
        ({"terms": {(1, 0, 0): [[0, 1], [0, 0]]}}, "differs from its adjoint by 1"),
        ({"terms": {(1, 0, 0): np.eye(2), (0, 1, 0): np.eye(3)}}, "has shape"),
        ({"terms": {(1, 0, 0): np.full((2, 2), np.nan)}}, "not finite"),
        ({"dimension": 4}, "must be 1, 2 or 3"),
        ({"spin": SIGMA[:2]}, "spin has shape"),
        ({"pos": np.ones((3, 2, 2)) * 1j}, "pos: the matrix differs"),
        ({"cutoff": 0.0}, "cutoff = 0.0 must be positive"),
        ({"cutoff": (1.0, 2.0, 3.0)}, "2 finite positive half-lengths"),
        ({"cutoff": (1.0, math.inf)}, "2 finite positive half-lengths"),
        ({"scale": -1.0}, "scale = -1.0"),
    ],
)
def test_what_is_no_model(change, words):
    given = {"terms": {(1, 0, 0): SIGMA[0]}, "dimension": 2, **change}
    with pytest.raises(ModelError, match=words):
        ContinuumModel.from_polynomial(given.pop("terms"), **given)


def test_what_is_no_function():
    def good(kpt_ka):
        return toys.dirac_kp().function(kpt_ka)

    with pytest.raises(ModelError, match="Give scale"):
        ContinuumModel.from_function(good, dimension=2)
    with pytest.raises(ModelError, match=r"dH/dk_x .* differs from finite differences"):
        ContinuumModel.from_function(
            lambda k: (good(k)[0], 1.01 * good(k)[1]), dimension=2, cutoff=1.0
        )
    with pytest.raises(ModelError, match="beyond the dimension it is zero"):
        ContinuumModel.from_function(good, dimension=1, cutoff=1.0)
    with pytest.raises(ModelError, match="must take an array"):
        ContinuumModel.from_function(lambda k: None, dimension=2, cutoff=1.0)
    with pytest.raises(ModelError, match="has shape"):
        ContinuumModel.from_function(lambda k: (good(k)[0], k), dimension=2, cutoff=1.0)
    with pytest.raises(ModelError, match="differs from its adjoint"):
        ContinuumModel.from_function(
            lambda k: (1j * good(k)[0], 1j * good(k)[1]), dimension=2, cutoff=1.0
        )


def test_what_needs_atoms_or_wannier_functions():
    model = toys.bhz_kp()
    with pytest.raises(PartitionError, match="has none"):
        ws.partition(model, by="layer")
    parts = ws.partition(model, by={"E": [1, 2], "H": [3, 4]})
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0, eta=0.01, parts=parts)
    states = solve(ContinuumOperators(model), KPoints(somewhere(model, 3)))
    whole = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0, eta=0.01)(states)
    for name, value in response(states).items():
        np.testing.assert_allclose(value.sum(axis=1), whole[name][:, 0], atol=1e-10)


# ---- names -----------------------------------------------------------------------------------


def test_every_toy_has_its_name():
    assert sorted(TOYS) == sorted(toys.__all__)
    assert isinstance(named_toy("rashba_kp", {"alpha": 0.1}).function, Polynomial)
    assert named_toy("qwz", {"m": 0.1}).fingerprint == toys.qwz(m=0.1).fingerprint
    lattice = named_toy("dirac_kp", lattice=3.0)
    assert lattice.fingerprint == toys.dirac_kp().lattice(3.0).fingerprint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rashba_pk",), "There is no toy 'rashba_pk'. Did you mean 'rashba_kp'?"),
        (("rashba_kp", {"alhpa": 0.1}), "no parameter 'alhpa'. Did you mean 'alpha'?"),
        (("pt_antiferromagnet", {"t": 0.1}), "no parameter 't'. It has none."),
        (("rashba_kp", {"exchange": "up"}), "exchange = .up. must be three numbers"),
        (("hole_gas_kp", {"material": "Si"}), "GaAs, InAs, InSb, Ge"),
        (("hole_gas_kp", {"spin": "half"}), "'total' .2J. or 'electron'"),
        (("hole_gas_kp", {"width": -1.0}), "must be positive"),
        (("electron_gas_kp", {"mass": 0.0}), "must be positive"),
    ],
)
def test_what_is_no_toy(arguments, words):
    with pytest.raises(ModelError, match=words):
        named_toy(*arguments)
    with pytest.raises(ModelError, match="on a lattice already"):
        named_toy("qwz", lattice=4.0)
