"""Every point of a mesh counts exactly once, and zone integrals are plain means over it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import STEADY, assert_close, grid, random_model, states_at

from w90spin.integrate import AutoMesh, UniformMesh, mesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.mesh import Mesh
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition
from w90spin.model.toys import pt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability


def coverage(m, batch):
    """How often each point (i, j, k) of the mesh is counted, mirror images included."""
    count = np.zeros(m.n_c, dtype=int)
    n_c, shift_c = np.array(m.n_c), np.array(m.shift_c)
    evaluated = 0
    for unit in m.units(batch):
        kpt_kc = unit.lines.kpt_kc
        assert len(kpt_kc) == len(unit.weight_k) <= batch
        evaluated += len(kpt_kc)
        index_kc = kpt_kc * n_c - shift_c
        np.testing.assert_allclose(index_kc, np.rint(index_kc), atol=1e-9)
        for index_c, weight in zip(np.rint(index_kc).astype(int), unit.weight_k, strict=True):
            mirror_c = (-index_c - np.rint(2 * shift_c).astype(int)) % n_c
            if m.pair and weight == 2.0:
                assert tuple(index_c) != tuple(mirror_c)
                count[tuple(index_c)] += 1
                count[tuple(mirror_c)] += 1
            else:
                assert weight == 1.0
                assert not m.pair or tuple(index_c) == tuple(mirror_c)
                count[tuple(index_c)] += 1
    assert evaluated == m.n_evaluated
    return count


shifts = st.tuples(*[st.sampled_from([0.0, 0.5])] * 3)
THOROUGH = settings(STEADY, max_examples=100)


@given(
    n_c=st.tuples(*[st.integers(1, 7)] * 3),
    shift_c=shifts,
    direction=st.integers(0, 2),
    pair=st.booleans(),
    batch=st.integers(1, 40),
)
@THOROUGH
def test_whole_meshes(n_c, shift_c, direction, pair, batch):
    m = Mesh(n_c, shift_c, direction, pair=pair)
    np.testing.assert_array_equal(coverage(m, batch), 1)


@given(
    half_c=st.tuples(*[st.integers(1, 4)] * 3),
    refine_c=st.tuples(*[st.booleans()] * 3),
    direction=st.integers(0, 2),
    pair=st.booleans(),
    batch=st.integers(1, 40),
)
@THOROUGH
def test_refined_meshes(half_c, refine_c, direction, pair, batch):
    """Only the points that the half mesh does not have; directions of one point stay."""
    assume(any(refine_c))
    n_c = tuple(2 * h if r else 1 for h, r in zip(half_c, refine_c, strict=True))
    m = Mesh(n_c, (0.0, 0.0, 0.0), direction, only_new=True, pair=pair)
    expected = np.ones(n_c, dtype=int)
    expected[tuple(slice(None, None, 2 if n > 1 else 1) for n in n_c)] = 0
    np.testing.assert_array_equal(coverage(m, batch), expected)


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("only_new", [False, True])
def test_many_lines(monkeypatch, pair, only_new):
    """Lines are laid out a few at a time; where the cut falls does not matter."""
    monkeypatch.setattr(mesh, "LINES_AT_ONCE", 3)
    m = Mesh((4, 6, 2), (0.0, 0.0, 0.0), 2, only_new=only_new, pair=pair)
    expected = np.ones(m.n_c, dtype=int)
    if only_new:
        expected[::2, ::2, ::2] = 0
    np.testing.assert_array_equal(coverage(m, 5), expected)


@pytest.mark.parametrize(
    ("reach", "n", "shift"),
    [
        ((1, 1, 0), 7, (0.0, 0.0, 0.0)),
        ((1, 1, 0), 7, (0.5, 0.5, 0.0)),
        ((1, 1, 0), 8, (0.5, 0.0, 0.0)),
        ((1, 1, 0), (1, 9, 5), (0.0, 0.5, 0.5)),
        ((1, 1, 1), (3, 4, 5), (0.5, 0.0, 0.5)),
        ((1, 1, 1), (2, 4, 6), (0.0, 0.0, 0.0)),
        ((0, 1, 1), 6, (0.0, 0.0, 0.5)),
        ((0, 0, 1), 1, (0.0, 0.0, 0.5)),
        ((0, 0, 0), 4, (0.0, 0.0, 0.0)),
    ],
)
def test_uniform_mesh_is_the_mean_over_its_points(reach, n, shift):
    """Value from explicit points; error from the mesh with half as many."""
    rng = np.random.default_rng(sum(reach))
    model = random_model(rng, 4, reach=reach)
    response = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=0.0, kT=0.1, eta=0.2)
    integral = integrate(FourierSum(model), [response], UniformMesh(n=n, shift=shift), comm=Comm())

    def mean(counts):
        states = states_at(model, grid(counts, shift))
        raw = {name: x.mean(axis=0) / model.measure for name, x in response(states).items()}
        return response.publish(raw)

    wanted = (n, n, n) if isinstance(n, int) else n
    counts = tuple(c if r else 1 for c, r in zip(wanted, reach, strict=True))
    value, coarse = mean(counts), mean(tuple(max(1, c // 2) for c in counts))
    assert integral.mesh == counts
    assert integral.converged is None
    for name, tensor in value.items():
        assert_close(integral.values[0][name], tensor, 1e-12)
        scale = np.abs(tensor).max()
        assert_close(integral.errors[0][name], np.abs(tensor - coarse[name]), 1e-11, scale)


def test_several_responses_share_the_states():
    model = pt_antiferromagnet()
    responses = [
        SpinPolarizability(omega_w=0.1, mu_f=0.06),
        SpinPolarizability(omega_w=[0.2, 0.3], mu_f=0.06, eta=0.1),
    ]
    mesh_ = UniformMesh(n=8)
    together = integrate(FourierSum(model), responses, mesh_, comm=Comm())
    for index, response in enumerate(responses):
        alone = integrate(FourierSum(model), [response], mesh_, comm=Comm())
        for name, tensor in alone.values[0].items():
            np.testing.assert_array_equal(together.values[index][name], tensor)
    assert together.evaluations == 64


SUBLATTICES = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
PT = {"omega_w": [0.0, 0.5], "mu_f": 0.06, "parts": SUBLATTICES}


@pytest.fixture(scope="module")
def dense():
    fourier = FourierSum(pt_antiferromagnet())
    mesh_ = UniformMesh(n=96)
    return integrate(fourier, [SpinPolarizability(**PT)], mesh_, comm=Comm()).values[0]


def distance(value, exact):
    return np.linalg.norm(value - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6, 1e-9])
def test_adaptive_error_bounds_the_true_error(dense, rtol):
    """Reported |difference to the half mesh| against the distance to a dense mesh."""
    fourier = FourierSum(pt_antiferromagnet())
    integral = integrate(
        fourier, [SpinPolarizability(**PT)], AutoMesh(rtol=rtol, start=4), comm=Comm()
    )
    assert integral.converged
    assert integral.relative_error <= rtol
    n = integral.mesh[0]
    assert integral.mesh == (n, n, 1)
    assert integral.evaluations == n * n  # every point of the last mesh, once
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        value, exact, error = integral.values[0][name], dense[name], integral.errors[0][name]
        assert distance(value, exact) <= rtol
        assert np.linalg.norm(value - exact) <= np.linalg.norm(error) + 1e-13


def test_convergence_is_exponential(dense):
    """Each doubling squares the error, about."""
    fourier = FourierSum(pt_antiferromagnet())
    error_n = []
    for n in (6, 12, 24, 48):
        integral = integrate(fourier, [SpinPolarizability(**PT)], UniformMesh(n=n), comm=Comm())
        error_n.append(distance(integral.values[0]["upsilon0"], dense["upsilon0"]))
    assert error_n[0] < 0.5
    assert error_n[1] < 2 * error_n[0] ** 1.5
    assert error_n[2] < 2 * error_n[1] ** 1.5
    assert error_n[3] < 2 * error_n[2] ** 1.5
    assert error_n[3] < 1e-7


def test_giving_up_is_said():
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(**PT)
    mesh_ = AutoMesh(rtol=1e-12, start=4, max_points=70)
    integral = integrate(fourier, [response], mesh_, comm=Comm())
    assert not integral.converged
    assert integral.mesh == (8, 8, 1)
    assert integral.relative_error > 1e-12
    fixed = integrate(fourier, [response], UniformMesh(n=8), comm=Comm())
    for name, tensor in fixed.values[0].items():
        assert_close(integral.values[0][name], tensor, 1e-12, max(np.abs(tensor).max(), 1e-3))


def test_absolute_tolerance():
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(**PT)
    loose = integrate(fourier, [response], AutoMesh(rtol=0.0, atol=1e-3, start=4), comm=Comm())
    tight = integrate(fourier, [response], AutoMesh(rtol=0.0, atol=1e-7, start=4), comm=Comm())
    assert loose.converged
    assert tight.converged
    assert loose.evaluations < tight.evaluations
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        assert np.linalg.norm(tight.errors[0][name], axis=(-2, -1)).max() <= 1e-7


def test_shifted_meshes_agree_when_converged(dense):
    fourier = FourierSum(pt_antiferromagnet())
    for shift in ((0.5, 0.5, 0.0), (0.0, 0.5, 0.0)):
        integral = integrate(
            fourier, [SpinPolarizability(**PT)], AutoMesh(rtol=1e-8, shift=shift), comm=Comm()
        )
        assert integral.converged
        assert distance(integral.values[0]["chi"], dense["chi"]) < 1e-8


def test_a_tensor_that_is_zero_at_every_k_does_not_hold_up_the_others(dense):
    """PT forbids the total Y1 at each k: what is left of it is rounding and has no digits.

    The relative tolerance is about Y0 and Y2, and chi: 64 x 64 points are enough for it, and
    another doubling shows that they are.
    """
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=0.06)
    mesh_ = AutoMesh(rtol=1e-6, start=4, max_points=20_000)
    integral = integrate(fourier, [response], mesh_, comm=Comm())
    assert distance(integral.values[0]["chi"], dense["chi"].sum(axis=0)[None]) < 1e-6
    assert np.abs(integral.values[0]["upsilon1"]).max() < 1e-14
    assert integral.converged
    assert integral.relative_error <= 1e-6
    assert max(integral.mesh) <= 128


def test_a_tensor_that_is_zero_on_a_fixed_mesh_has_a_small_error():
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=0.06)
    integral = integrate(fourier, [response], UniformMesh(n=64), comm=Comm())
    assert integral.relative_error < 1e-4


def test_no_occupied_bands_on_a_fixed_mesh():
    """Every tensor is exactly zero: no division of zero by zero, and no error."""
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=0.5, mu_f=-50.0)
    integral = integrate(fourier, [response], UniformMesh(n=4), comm=Comm())
    assert not any(tensor.any() for tensor in integral.values[0].values())
    assert integral.relative_error == 0.0


def test_no_occupied_bands_on_an_adaptive_mesh():
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(omega_w=0.5, mu_f=-50.0)
    integral = integrate(fourier, [response], AutoMesh(rtol=1e-6, start=4), comm=Comm())
    assert integral.converged
    assert integral.mesh == (8, 8, 1)
