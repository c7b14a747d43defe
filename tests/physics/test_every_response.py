"""What must hold for every response, whatever it is: one battery, driven by the claims."""

import re

import numpy as np
import pytest
from reference import (
    SIGMA,
    assert_close,
    mid_gap,
    random_model,
    random_parts,
    rebuilt,
)
from scipy.spatial.transform import Rotation

from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve
from w90spin.model.partition import Partition
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.model.toys import pt_antiferromagnet
from w90spin.response import (
    RESPONSES,
    AnomalousHall,
    Edelstein,
    MagneticSpinHall,
    ProperSpinHall,
    SpinGeometry,
    SpinHall,
    SpinMoment,
    SpinPolarizability,
    ZeemanGeometry,
)
from w90spin.response.claims import extras_needed

LEVELS = {"mu_f": [0.0, 0.4], "kT": [0.05, 0.2]}
DYNAMIC = {"omega_w": [0.0, 0.3, 0.6], "eta": 0.1}
CASES = {
    "spin_polarizability": (SpinPolarizability, {**LEVELS, **DYNAMIC}),
    "spin_hall": (SpinHall, {**LEVELS, **DYNAMIC}),
    "spin_hall many levels": (SpinHall, {"mu_f": [-0.5, 0.0, 0.4], "kT": 0.0, "omega_w": 0.0}),
    "edelstein": (Edelstein, LEVELS),
    "magnetic_spin_hall": (MagneticSpinHall, LEVELS),
    "anomalous_hall": (AnomalousHall, {**LEVELS, **DYNAMIC}),
    "spin_moment": (SpinMoment, LEVELS),
    "proper_spin_hall": (ProperSpinHall, {**LEVELS, "near": 0.5}),
    "spin_geometry": (SpinGeometry, LEVELS),
    "zeeman_geometry": (ZeemanGeometry, LEVELS),
    "zeeman_geometry many levels": (ZeemanGeometry, {"mu_f": np.linspace(-0.5, 0.5, 11)}),
}
EVERY = pytest.mark.parametrize("name", CASES)


def made(name, parts=None, scale=1.0):
    """The response; energies times ``scale``; parts if it takes them."""
    kind, parameters = CASES[name]
    scaled = {key: scale * np.asarray(value) for key, value in parameters.items()}
    if parts is not None:
        scaled["parts"] = parts
    return kind(**scaled)


def at(model, kpt_kc, response, **options):
    fourier = FourierSum(model, extras=extras_needed([response]))
    return solve(fourier, KPoints(np.asarray(kpt_kc, dtype=float)), **options)


def values(model, kpt_kc, response, **options):
    return response(at(model, kpt_kc, response, **options))


def assert_same(found, expected, rtol):
    """Tensors by name, relative to the largest of all: some vanish by symmetry."""
    scale = max(np.abs(value).max() for value in expected.values())
    assert set(found) == set(expected)
    for key, value in found.items():
        assert_close(value, expected[key], rtol, scale)


def size_of(value):
    """Scale of a tensor; what must vanish everywhere is compared with 1."""
    return np.abs(value).max() or 1.0


def test_no_response_is_left_out():
    assert {name.split()[0] for name in CASES} == set(RESPONSES)


@EVERY
def test_shapes_names_and_numbers(name):
    rng = np.random.default_rng(1)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(4, 3))
    response = made(name, random_parts(rng, 6))
    found = values(model, kpt_kc, response)
    assert {claim.name for claim in response.claims.raw} == set(found)
    for claim in response.claims.raw:
        assert found[claim.name].shape == (4, *claim.shape)
        assert np.isfinite(found[claim.name]).all()
    published = response.publish(found)
    assert {claim.name for claim in response.claims.published} == set(published)
    for claim in response.claims.published:
        assert published[claim.name].shape == (4, *[len(axis.values) for axis in claim.axes])


@EVERY
def test_publishing_is_linear(name):
    rng = np.random.default_rng(2)
    response = made(name)
    one, other = (
        {claim.name: rng.normal(size=claim.shape) for claim in response.claims.raw}
        for _ in range(2)
    )
    both = response.publish({key: one[key] - 2.5 * other[key] for key in one})
    alone, rest = response.publish(one), response.publish(other)
    assert_same(both, {key: alone[key] - 2.5 * rest[key] for key in alone}, 1e-13)


@EVERY
def test_points_alone_and_together(name):
    rng = np.random.default_rng(3)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(5, 3))
    response = made(name, random_parts(rng, 6))
    together = values(model, kpt_kc, response)
    for k in range(5):
        for key, value in values(model, kpt_kc[k : k + 1], response).items():
            assert_close(value[0], together[key][k], 1e-11, size_of(together[key]))


@EVERY
def test_reciprocal_lattice_vectors_and_parts(name):
    """Periodic in k; the parts sum to the whole."""
    rng = np.random.default_rng(4)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(3, 3))
    whole, shares = made(name), made(name, random_parts(rng, 6))
    expected = values(model, kpt_kc, whole)
    for key, value in values(model, kpt_kc + np.array([2, -1, 3]), shares).items():
        whole_part = value.sum(axis=1, keepdims=True)
        assert_close(whole_part, expected[key], 1e-9, size_of(expected[key]))


@EVERY
def test_gauge_of_the_wannier_functions(name):
    """Another orthonormal set of orbitals spans the same space."""
    rng = np.random.default_rng(5)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 0)), rng.uniform(size=(3, 3))
    u, _ = np.linalg.qr(rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6)))

    def turned(op):
        return u.conj().T @ op @ u

    other = rebuilt(
        model,
        ham=turned(model.ham_Rij),
        pos=turned(model.pos_Raij),
        spin=turned(model.spin_Rsij),
    )
    response = made(name)
    expected = values(model, kpt_kc, response)
    for key, value in values(other, kpt_kc, response).items():
        assert_close(value, expected[key], 1e-9, size_of(expected[key]))


@EVERY
def test_gauge_of_degenerate_bands(name):
    """Any mixing inside the pairs of a PT-symmetric antiferromagnet."""
    model, rng = pt_antiferromagnet(), np.random.default_rng(6)
    parts = Partition(("A", "B"), np.repeat(np.eye(2), 2, axis=1))
    response = made(name, parts)
    kpt_kc = rng.uniform(size=(4, 3))
    states, mixed = (at(model, kpt_kc, response) for _ in range(2))
    assert (states.block_kn == [0, 0, 1, 1]).all()
    expected = response(states)
    for k in range(4):
        for pair in (slice(0, 2), slice(2, 4)):
            turn, _ = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
            mixed.vectors_kin[k, :, pair] = mixed.vectors_kin[k, :, pair] @ turn
    assert_same(response(mixed), expected, 1e-10)
    if response.bands(states):
        assert_same(response.bands(mixed), response.bands(states), 1e-9)


@EVERY
def test_time_reversal(name):
    rng = np.random.default_rng(7)
    model, kpt_kc = random_model(rng, 8, time_reversal=True), rng.uniform(size=(3, 3))
    weight_p = rng.uniform(size=4).repeat(2)
    response = made(name, Partition(("a", "b"), np.array([weight_p, 1 - weight_p])))
    here, there = values(model, kpt_kc, response), values(model, -kpt_kc, response)
    for claim in response.claims.raw:
        expected = claim.time_reversal * here[claim.name]
        assert_close(there[claim.name], expected, 1e-8, size_of(expected))


@EVERY
@pytest.mark.parametrize("improper", [False, True])
def test_turned_crystal(name, improper):
    """Components are axial or polar as claimed: a rotation, and one with an inversion."""
    rng = np.random.default_rng(8)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(3, 3))
    turn = Rotation.random(random_state=3).as_matrix()
    polar = -turn if improper else turn
    other = rebuilt(
        model,
        cell=model.cell_ca @ turn.T,
        R=-model.R_Rc if improper else model.R_Rc,
        pos=np.einsum("ab,Rbij->Raij", polar, model.pos_Raij),
        spin=np.einsum("st,Rtij->Rsij", turn, model.spin_Rsij),
    )
    response = made(name)
    expected = values(model, kpt_kc, response)
    found = values(other, -kpt_kc if improper else kpt_kc, response)
    for claim in response.claims.raw:
        tensor = expected[claim.name]
        for step, kind in enumerate(claim.components, start=1):
            at_axis = tensor.ndim - len(claim.components) + step - 1
            matrix = turn if kind == "axial" else polar
            tensor = np.moveaxis(np.tensordot(matrix, tensor, axes=(1, at_axis)), 0, at_axis)
        assert_close(found[claim.name], tensor, 1e-9, size_of(tensor))


def powers_of_ev(unit):
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    found = re.search(r"eV([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)", unit)
    return 0 if found is None else int(found[1].translate(digits) or 1)


@EVERY
def test_units(name):
    """Energies times 3, lengths times 2: tensors follow their units."""
    rng = np.random.default_rng(9)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(3, 3))
    other = rebuilt(model, cell=2 * model.cell_ca, ham=3 * model.ham_Rij, pos=2 * model.pos_Raij)
    response, scaled = made(name), made(name, scale=3.0)
    before = response.publish(values(model, kpt_kc, response))
    after = scaled.publish(values(other, kpt_kc, scaled))
    factors = {
        claim.name: 2.0**claim.length_power * 3.0 ** powers_of_ev(claim.unit)
        for claim in response.claims.published
    }
    assert_same(after, {key: factor * before[key] for key, factor in factors.items()}, 1e-9)


@EVERY
def test_origin(name):
    """Where the origin lies, and in which cell the Wannier functions are, does not matter."""
    rng = np.random.default_rng(10)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(3, 3))
    home = (model.R_Rc == 0).all(axis=1)
    pos = model.pos_Raij.copy()
    pos[home] += np.array([0.7, -1.1, 2.3])[:, None, None] * np.eye(6)
    response = made(name)
    expected = values(model, kpt_kc, response)
    for key, value in values(rebuilt(model, pos=pos), kpt_kc, response).items():
        assert_close(value, expected[key], 1e-9, size_of(expected[key]))


@EVERY
def test_magnitude_is_above_the_value(name):
    rng = np.random.default_rng(11)
    model, kpt_kc = random_model(rng, 6, reach=(1, 1, 1)), rng.uniform(size=(6, 3))
    response = made(name, random_parts(rng, 6))
    states = at(model, kpt_kc, response)
    found, moduli = response(states), response.magnitude(states)
    for claim in response.claims.raw:
        axes = tuple(range(-len(claim.components), 0))
        norm = np.sqrt((found[claim.name] ** 2).sum(axis=axes))
        assert moduli[claim.name].shape == norm.shape
        assert (norm <= moduli[claim.name] * (1 + 1e-9)).all()
        assert (moduli[claim.name] > 0).any()


@EVERY
def test_bands_sum_to_the_whole(name):
    """Bands times their occupations, in an insulator at T = 0."""
    rng = np.random.default_rng(12)
    model = random_model(rng, 8, gap=1.5)
    kpt_kc = rng.uniform(size=(3, 3))
    mu, gap = mid_gap(model, kpt_kc)
    assert gap > 1.0
    kind, _ = CASES[name]
    if kind in (Edelstein, MagneticSpinHall):
        assert made(name).bands(at(model, kpt_kc, made(name))) == {}
        return
    parameters = {"omega_w": [0.0, 0.4], "eta": 0.1} if hasattr(kind, "omega_w") else {}
    parameters = parameters if "omega_w" in kind.__dataclass_fields__ else {}
    if kind is SpinPolarizability or kind in (SpinHall, AnomalousHall):
        parameters = {"omega_w": [0.0, 0.4], "eta": 0.1}
    response = kind(mu_f=mu, **parameters)
    states = at(model, kpt_kc, response)
    whole = response.publish(response(states))
    size_kn = block_sums(np.ones((3, 1, 8)), states.block_kn)[:, 0]
    for key, value in response.bands(states).items():
        if key.endswith("_metric"):
            continue  # symmetric in a pair of bands: both occupied, it counts in bands alone
        below = (states.energy_kn < mu) / size_kn
        summed = np.einsum("kn,kn...->k...", below, value)
        assert_close(summed, whole[key][:, :, 0, 0], 1e-9)


@pytest.mark.parametrize("current", ["qiao2018", "ryoo2019"])
def test_spin_currents_of_a_complete_basis_agree(current):
    """Where the Wannier functions span everything the products are those of the matrices."""
    rng = np.random.default_rng(13)
    model = complete_model(rng, current)
    kpt_kc = rng.uniform(size=(3, 3))
    for kind in (SpinHall, MagneticSpinHall, SpinGeometry):
        simple = values(model, kpt_kc, kind(mu_f=0.1, kT=0.1))
        full = values(model, kpt_kc, kind(mu_f=0.1, kT=0.1, current=current))
        for key, value in full.items():
            if np.abs(simple[key]).max() > 0:
                assert_close(value, simple[key], 1e-9)


def complete_model(rng, current):
    """Orbitals at their centres with H, spin and r of a closed space, and its products.

    sigma H, sigma (r - R) and sigma H (r - R) are matrix products over all cells:
    <0i|sigma H|Rj> = sum_R'l <0i|sigma|R'l><R'l|H|Rj>.
    """
    base = random_model(rng, 4, reach=(1, 1, 0))
    spin = np.zeros_like(base.spin_Rsij)
    home = int(np.flatnonzero((base.R_Rc == 0).all(axis=1))[0])
    spin[home] = np.array([np.kron(np.eye(2), pauli) for pauli in SIGMA])
    pos = np.zeros_like(base.pos_Raij)
    pos[home] = base.centres_ia.T[:, :, None] * np.eye(4)
    model = rebuilt(base, pos=pos, spin=spin)
    # Spin and position are of the home cell: the products stay on the list of R.
    spin_ham = spin[home] @ model.ham_Rij[:, None]
    spin_pos = np.zeros((len(model.R_Rc), 3, 3, 4, 4), dtype=complex)
    spin_pos[home] = spin[home][:, None] @ pos[home]
    spin_ham_pos = spin_ham[:, :, None] @ pos[home]
    operators = SpinCurrentOperators(spin_ham, spin_pos, spin_ham_pos, "products")
    return type(model)(**{**vars(model), "spin_current": {current: operators}})
