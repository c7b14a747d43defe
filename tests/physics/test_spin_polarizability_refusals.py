"""What cannot be right is refused, with the value and the remedy; what is right stays finite."""

import numpy as np
import pytest
from reference import (
    assert_close,
    grid,
    kubo_connection,
    mid_gap,
    operators_at,
    random_model,
    random_parts,
    states_at,
)

from w90spin.errors import (
    IntegrationError,
    MissingOperatorError,
    ModelError,
    NotInsulatorError,
    PartitionError,
    ResonanceError,
    ResponseError,
    W90SpinError,
)
from w90spin.integrate import AdaptiveTree, Iterated, PeriodicMesh, UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum, WannierMatrices
from w90spin.kspace.states import BlochStates
from w90spin.model.toys import pt_antiferromagnet, tt_antiferromagnet
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability


def smallest_transition(model, kpt_kc):
    energy_kn = states_at(model, kpt_kc).energy_kn
    direct_k = energy_kn[:, 2] - energy_kn[:, 1]
    return int(np.argmin(direct_k)), float(direct_k.min())


def test_resonance_names_the_place_and_the_energy():
    model = pt_antiferromagnet()
    kpt_kc = np.random.default_rng(0).uniform(size=(6, 3))
    k, gap = smallest_transition(model, kpt_kc)
    states = states_at(model, kpt_kc)
    with pytest.raises(ResonanceError, match="eta > 0") as caught:
        SpinPolarizability(omega_w=[0.1, gap + 0.05], mu_f=0.06)(states)
    message = str(caught.value)
    assert f"{gap:.6g} eV" in message
    assert f"{gap + 0.05:.6g} eV" in message
    assert ", ".join(f"{x:.5f}" for x in kpt_kc[k]) in message


def test_resonance_starts_exactly_at_the_smallest_transition():
    model = pt_antiferromagnet()
    kpt_kc = np.random.default_rng(1).uniform(size=(6, 3))
    _, gap = smallest_transition(model, kpt_kc)
    states = states_at(model, kpt_kc)
    below = SpinPolarizability(omega_w=gap - 1e-6, mu_f=0.06)(states)
    assert all(np.isfinite(tensor).all() for tensor in below.values())
    with pytest.raises(ResonanceError):
        SpinPolarizability(omega_w=gap + 1e-9, mu_f=0.06)(states)
    with_width = SpinPolarizability(omega_w=gap, mu_f=0.06, eta=0.01)(states)
    assert all(np.isfinite(tensor).all() for tensor in with_width.values())


def test_only_transitions_between_different_occupations_resonate():
    """Two empty bands may be as close as they like to the photon energy."""
    rng = np.random.default_rng(2)
    model = random_model(rng, 6, gap=2.0)
    kpt_kc = rng.uniform(size=(4, 3))
    mu, gap = mid_gap(model, kpt_kc)
    states = states_at(model, kpt_kc)
    inside = np.diff(states.energy_kn, axis=1).min()
    w = 0.5 * (inside + gap)
    assert inside < w < gap
    response = SpinPolarizability(omega_w=w, mu_f=mu)
    chi = response.publish(response(states))["chi"]
    for k, kpt_c in enumerate(kpt_kc):
        expected = kubo_connection(operators_at(model, kpt_c), mu, 0.0, w)
        assert_close(chi[k, 0, 0, 0, 0], expected, 1e-9)
    # Thermal electrons among the empty bands make the same frequency resonant.
    with pytest.raises(ResonanceError, match="kT = 0"):
        SpinPolarizability(omega_w=w, mu_f=mu, kT=0.3)(states)


@pytest.mark.parametrize("batch", [None, 1, 5])
def test_resonance_in_a_zone_integral(batch):
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=1.5, mu_f=0.06)
    with pytest.raises(ResonanceError, match=r"1\.5 eV"):
        integrate(fourier, [response], UniformMesh(n=8), comm=Comm(), batch=batch)


def test_exact_resonance_of_single_bands():
    ham = np.diag([0.0, 0.5, 2.0]).astype(complex)[None]
    rng = np.random.default_rng(3)
    op = rng.normal(size=(2, 1, 3, 3, 3)) + 1j * rng.normal(size=(2, 1, 3, 3, 3))
    op = op + op.swapaxes(-1, -2).conj()
    states = BlochStates(np.zeros((1, 3)), WannierMatrices(ham, op[0], op[0], op[1]))
    with pytest.raises(ResonanceError, match="eta"):
        SpinPolarizability(omega_w=0.5, mu_f=1.0).bands(states)
    finite = SpinPolarizability(omega_w=0.5, mu_f=1.0, eta=0.01).bands(states)
    assert all(np.isfinite(tensor).all() for tensor in finite.values())


@pytest.mark.parametrize("batch", [None, 7, 1])
@pytest.mark.parametrize(
    "mesh",
    [
        UniformMesh(n=8),
        PeriodicMesh(start=6, max_points=300),
        AdaptiveTree(max_points=300),
        Iterated(max_points=300),
    ],
)
def test_a_broken_promise_of_an_insulator(mesh, batch):
    """However the zone is cut into units."""
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=0.0, mu_f=1.0, insulator=True)
    with pytest.raises(NotInsulatorError, match="mu = 1 eV"):
        integrate(fourier, [response], mesh, comm=Comm(), batch=batch)


def test_a_broken_promise_of_an_insulator_in_one_batch():
    states = states_at(tt_antiferromagnet(), grid((6, 6, 1), (0.5, 0.5, 0.0)))
    with pytest.raises(NotInsulatorError, match=r"mu = 0\.1 eV"):
        SpinPolarizability(omega_w=0.0, mu_f=[5.0, 0.1], eta=0.1, insulator=True)(states)


def test_a_kept_promise_of_an_insulator():
    fourier = FourierSum(pt_antiferromagnet())
    mesh = UniformMesh(n=8)
    plain = SpinPolarizability(omega_w=0.2, mu_f=0.06)
    promised = SpinPolarizability(omega_w=0.2, mu_f=0.06, insulator=True)
    expected = integrate(fourier, [plain], mesh, comm=Comm()).values[0]
    value = integrate(fourier, [promised], mesh, comm=Comm()).values[0]
    for name, tensor in expected.items():
        np.testing.assert_array_equal(value[name], tensor)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"omega_w": -0.1}, "omega_w"),
        ({"omega_w": [0.1, -0.1]}, "omega_w"),
        ({"omega_w": np.nan}, "omega_w"),
        ({"omega_w": []}, "omega_w"),
        ({"omega_w": "fast"}, "spin_polarizability"),
        ({"kT": -0.01}, "kT"),
        ({"kT": np.inf}, "kT"),
        ({"eta": -0.01}, "eta"),
        ({"eta": np.nan}, "eta"),
        ({"eta": np.inf}, "eta"),
        ({"mu_f": []}, "mu_f"),
        ({"mu_f": np.nan}, "mu_f"),
        ({"mu_f": [[0.0]]}, "mu_f"),
    ],
)
def test_parameters_that_cannot_be(bad, word):
    with pytest.raises(ResponseError, match=word):
        SpinPolarizability(**{"omega_w": 0.1, "mu_f": 0.0, **bad})


def without_spin():
    return WannierModel.from_arrays(
        np.diag([2.0, 9.0, 9.0]),
        [[-1, 0, 0], [0, 0, 0], [1, 0, 0]],
        np.stack([np.zeros((2, 2)), np.diag([-1.0, 1.0]), np.zeros((2, 2))]),
        centres=np.zeros((2, 3)),
        periodic=(True, False, False),
    )


@pytest.mark.parametrize("mu", [0.0, -5.0, 5.0])
def test_missing_spin(mu):
    """Also where no band is occupied, or none empty."""
    response = SpinPolarizability(omega_w=0.1, mu_f=mu)
    with pytest.raises(MissingOperatorError, match="spin"):
        response(states_at(without_spin(), [[0.1, 0, 0]]))
    with pytest.raises(MissingOperatorError, match="spin"):
        integrate(FourierSum(without_spin()), [response], UniformMesh(n=4), comm=Comm())


@pytest.mark.parametrize("n_wann", [4, 1])
def test_parts_of_another_model(n_wann):
    rng = np.random.default_rng(4)
    states = states_at(random_model(rng, 6), [[0.1, 0.2, 0.3]])
    parts = random_parts(rng, n_wann)
    with pytest.raises(W90SpinError, match="Wannier functions"):
        SpinPolarizability(omega_w=0.1, mu_f=0.0, eta=0.1, parts=parts)(states)


def test_parts_must_sum_to_one():
    rng = np.random.default_rng(5)
    parts = random_parts(rng, 4)
    with pytest.raises(PartitionError, match="sum to one"):
        type(parts)(parts.names, 0.9 * parts.weights_li)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("operator", ["ham", "pos", "spin"])
def test_numbers_that_are_none_are_refused(operator, value):
    rng = np.random.default_rng(6)
    model = random_model(rng, 4)
    arrays = {
        "ham": model.ham_Rij.copy(),
        "pos": model.pos_Raij.transpose(0, 2, 3, 1).copy(),
        "spin": model.spin_Rsij.transpose(0, 2, 3, 1).copy(),
    }
    arrays[operator][3, 1, 2] = value
    with pytest.raises(ModelError, match=operator):
        WannierModel.from_arrays(model.cell_ca, model.R_Rc, **arrays)


@pytest.mark.parametrize("where", [{"n": 0}, {"n": (4, -1, 1)}, {"n": 4, "shift": (0.3, 0, 0)}])
def test_meshes_that_cannot_be(where):
    with pytest.raises(IntegrationError):
        UniformMesh(**where)


def test_tolerance_that_cannot_be_met():
    with pytest.raises(IntegrationError):
        PeriodicMesh(rtol=0.0)


@pytest.mark.parametrize("n", [np.int64(4), (np.int64(4), np.int32(4), 1), [4, 4, 1]])
def test_numbers_of_points_from_numpy(n):
    integral = integrate(
        FourierSum(pt_antiferromagnet()),
        [SpinPolarizability(omega_w=0.0, mu_f=0.06)],
        UniformMesh(n=n),
        comm=Comm(),
    )
    assert integral.mesh == (4, 4, 1)


def finite(response, states):
    tensors = {**response(states), **response.bands(states)}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    return tensors


@pytest.mark.parametrize("eta", [0.0, 0.1])
@pytest.mark.parametrize("level_n", [[0, 0, 0, 0], [-1, -1, -1, 1], [0, 0, 1, 1], [0, 1e-9, 1, 1]])
def test_degenerate_bands_are_finite(level_n, eta):
    """mu between, below, above, and exactly at a level; warm and cold."""
    rng = np.random.default_rng(7)
    states = states_at(random_model(rng, 4), rng.uniform(size=(2, 3)))
    matrices = WannierMatrices(
        np.tile(np.diag(np.array(level_n, dtype=complex)), (2, 1, 1)),
        states.wannier.dham_kaij,
        states.wannier.pos_kaij,
        states.wannier.spin_ksij,
    )
    flat = BlochStates(states.kpt_kc, matrices)
    response = SpinPolarizability(
        omega_w=[0.0, 0.3], mu_f=[-3.0, -1.0, 0.0, 0.5, 1.0, 3.0], kT=[0.0, 0.1], eta=eta
    )
    tensors = finite(response, flat)
    if level_n == [0, 0, 0, 0]:
        assert not any(tensor.any() for tensor in tensors.values())


def test_bands_that_touch():
    """The tT antiferromagnet has exact crossings at the corners of its zone."""
    states = states_at(tt_antiferromagnet(), grid((4, 4, 1)))
    assert (np.diff(states.block_kn, axis=1) == 0).any()
    finite(SpinPolarizability(omega_w=[0.0, 0.3], mu_f=0.1, kT=[0.0, 0.05], eta=0.1), states)
    finite(SpinPolarizability(omega_w=0.0, mu_f=0.1, kT=[0.0, 0.05]), states)


@pytest.mark.parametrize("mu", [-50.0, 50.0])
def test_no_occupied_or_no_empty_bands(mu):
    rng = np.random.default_rng(8)
    states = states_at(random_model(rng, 4), rng.uniform(size=(3, 3)))
    response = SpinPolarizability(omega_w=[0.0, 9.0], mu_f=mu, kT=[0.0, 0.05])
    for tensor in response.claims.raw:
        value = response(states)[tensor.name]
        assert value.shape == (3, *tensor.shape)
        assert not value.any()


@pytest.mark.parametrize("eta", [0.0, 0.1])
def test_shapes_are_those_of_the_claims(eta):
    rng = np.random.default_rng(9)
    states = states_at(random_model(rng, 4), rng.uniform(size=(5, 3)))
    response = SpinPolarizability(
        omega_w=[0.0, 0.01],
        mu_f=[-0.1, 0.0, 0.1],
        kT=0.1 * eta,
        eta=eta,
        parts=random_parts(rng, 4),
    )
    raw = response(states)
    assert set(raw) == {tensor.name for tensor in response.claims.raw}
    for tensor in response.claims.raw:
        assert raw[tensor.name].shape == (5, *tensor.shape)
    published = response.publish({name: tensor[0] for name, tensor in raw.items()})
    assert set(published) == {tensor.name for tensor in response.claims.published}
    for tensor in response.claims.published:
        assert published[tensor.name].shape == tuple(len(axis.values) for axis in tensor.axes)
