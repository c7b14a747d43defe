"""Every point of a mesh counts exactly once, and zone integrals are plain means over it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import STEADY, assert_close, grid, random_model, states_at

import w90spin as ws
from w90spin.integrate import AdaptiveTree, Iterated, PeriodicMesh, UniformMesh, tree
from w90spin.integrate.driver import integrate
from w90spin.integrate.mesh import Mesh, coarser_meshes, mapping_operations
from w90spin.integrate.periodic import PeriodicStrategy
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition
from w90spin.model.toys import pt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability

MIRROR = np.stack([np.eye(3), -np.eye(3)]).astype(int)


def coverage(m, batch):
    """How often each point (i, j, k) of the mesh is counted, by all blocks together."""
    count = np.zeros(m.n_c, dtype=int)
    n_c, shift_c = np.array(m.n_c), np.array(m.shift_c)
    seen = np.zeros(m.n_c, dtype=int)
    for block in m.blocks(batch):
        for unit in block.units():
            kpt_kc = unit.lines.kpt_kc
            assert len(kpt_kc) == unit.weight_mk.shape[1] <= batch
            index_kc = kpt_kc * n_c - shift_c
            np.testing.assert_allclose(index_kc, np.rint(index_kc), atol=1e-9)
            for index_c, weight in zip(
                np.rint(index_kc).astype(int), unit.weight_mk[0], strict=True
            ):
                star = {
                    tuple((np.rint(K @ (index_c + shift_c) - shift_c)).astype(int) % n_c)
                    for K in m.kpt_rotation_gcc
                }
                assert weight == len(star)
                seen[tuple(index_c)] += 1
                for image in star:
                    count[image] += 1
    assert seen.max() == 1
    assert count.sum() == m.n_new
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
    m = Mesh(n_c, shift_c, direction, kpt_rotation_gcc=MIRROR if pair else MIRROR[:1])
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
    rotations = MIRROR if pair else MIRROR[:1]
    m = Mesh(n_c, (0.0, 0.0, 0.0), direction, only_new=True, kpt_rotation_gcc=rotations)
    expected = np.ones(n_c, dtype=int)
    expected[tuple(slice(None, None, 2 if n > 1 else 1) for n in n_c)] = 0
    np.testing.assert_array_equal(coverage(m, batch), expected)


FOURFOLD = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
SIXFOLD = np.array([[1, -1, 0], [1, 0, 0], [0, 0, 1]])
CYCLE = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def group_of(*generators):
    found = [np.eye(3, dtype=int)]
    for matrix in found:
        for generator in generators:
            product = generator @ matrix
            if not any(np.array_equal(product, known) for known in found):
                found.append(product)
    return np.array(found)


@pytest.mark.parametrize(
    ("generators", "order", "n_c", "shift_c"),
    [
        ((FOURFOLD,), 4, (6, 6, 1), (0.0, 0.0, 0.0)),
        ((FOURFOLD,), 4, (5, 5, 3), (0.5, 0.5, 0.0)),
        ((SIXFOLD,), 6, (6, 6, 2), (0.0, 0.0, 0.5)),
        ((SIXFOLD, -np.eye(3, dtype=int)), 12, (8, 8, 3), (0.0, 0.0, 0.0)),
        ((CYCLE, FOURFOLD), 24, (6, 6, 6), (0.0, 0.0, 0.0)),
        ((CYCLE, FOURFOLD, -np.eye(3, dtype=int)), 48, (4, 4, 4), (0.5, 0.5, 0.5)),
    ],
)
@pytest.mark.parametrize("only_new", [False, True])
def test_one_point_of_every_star(generators, order, n_c, shift_c, only_new):
    if only_new and (any(shift_c) or any(n % 2 and n > 1 for n in n_c)):
        pytest.skip("meshes that do not nest")
    rotations = group_of(*generators)
    assert len(rotations) == order
    assert mapping_operations(rotations, n_c, shift_c) == list(range(order))
    m = Mesh(n_c, shift_c, 1, only_new=only_new, kpt_rotation_gcc=rotations)
    expected = np.ones(n_c, dtype=int)
    if only_new:
        expected[tuple(slice(None, None, 2 if n > 1 else 1) for n in n_c)] = 0
    np.testing.assert_array_equal(coverage(m, 7), expected)


def test_operations_that_do_not_map_the_mesh_are_left_out():
    rotations = group_of(SIXFOLD)
    assert len(mapping_operations(rotations, (6, 6, 1), (0.0, 0.0, 0.0))) == 6
    assert len(mapping_operations(rotations, (6, 4, 1), (0.0, 0.0, 0.0))) == 2
    assert len(mapping_operations(rotations, (6, 6, 1), (0.5, 0.0, 0.0))) == 2


@pytest.mark.parametrize(
    ("n_c", "shift_c", "divisors"),
    [
        ((12, 12, 1), (0.0, 0.0, 0.0), (2, 3)),
        ((12, 6, 1), (0.0, 0.0, 0.0), (2, 3)),
        ((15, 15, 1), (0.5, 0.5, 0.0), (3, 5)),
        ((15, 15, 1), (0.0, 0.0, 0.0), (3, 5)),
        ((9, 12, 15), (0.0, 0.5, 0.0), (3,)),
        ((8, 8, 8), (0.0, 0.0, 0.0), (2,)),
        ((8, 8, 8), (0.5, 0.0, 0.0), ()),
        ((7, 6, 1), (0.0, 0.0, 0.0), ()),
    ],
)
@pytest.mark.parametrize("pair", [False, True])
def test_coarser_meshes_among_the_points(n_c, shift_c, divisors, pair):
    """Their sums, from the weights, are the sums over meshes with n / divisor points."""
    assert coarser_meshes(n_c, shift_c, (2, 3, 5))[:2] == divisors
    rotations = MIRROR if pair else MIRROR[:1]
    m = Mesh(n_c, shift_c, 0, divisors, kpt_rotation_gcc=rotations)
    sums = 0.0
    for block in m.blocks(5):
        for unit in block.units():
            sums = sums + unit.weight_mk @ _even(unit.lines.kpt_kc)
    for total, divisor in zip(sums, (1, *divisors), strict=True):
        counts = tuple(n // divisor if n > 1 else 1 for n in n_c)
        assert total == pytest.approx(_even(grid(counts, shift_c)).sum(), abs=1e-9)


def _even(kpt_kc):
    """A function that is even in k and no trigonometric polynomial."""
    x, y, z = np.cos(2 * np.pi * kpt_kc.T)
    return np.exp(x + 0.5 * y * z) / (3.0 + y + x * z)


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
    """Value from explicit points; without coarser meshes inside, error from one with half."""
    rng = np.random.default_rng(sum(reach))
    model = random_model(rng, 4, reach=reach)
    response = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=0.0, kT=0.1, eta=0.2)
    integral = integrate(FourierSum(model), [response], UniformMesh(n=n, shift=shift), comm=Comm())

    def mean(counts):
        states = states_at(model, grid(counts, shift))
        raw = {name: x.mean(axis=0) / model.measure for name, x in response(states).items()}
        return raw, response.publish(raw)

    wanted = (n, n, n) if isinstance(n, int) else n
    counts = tuple(c if r else 1 for c, r in zip(wanted, reach, strict=True))
    raw, value = mean(counts)
    assert integral.mesh == counts
    assert integral.converged is None
    for name, tensor in value.items():
        assert_close(integral.values[0][name], tensor, 1e-12)
    if not coarser_meshes(counts, shift, (2, 3, 5)):
        coarse, _ = mean(tuple(max(1, c // 2) for c in counts))
        change = np.abs(raw["upsilon1_even"] - coarse["upsilon1_even"])
        change += np.abs(raw["upsilon1_odd"] - coarse["upsilon1_odd"])
        scale = np.abs(value["upsilon1"]).max()
        assert_close(integral.errors[0]["upsilon1"], change, 1e-11, scale)


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
    assert together.evaluations == 64 + 36  # the mesh and the first look


SUBLATTICES = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
PT = {"omega_w": [0.0, 0.5], "mu_f": 0.06, "parts": SUBLATTICES}


@pytest.fixture(scope="module")
def dense():
    fourier = FourierSum(pt_antiferromagnet())
    mesh_ = UniformMesh(n=96)
    return integrate(fourier, [SpinPolarizability(**PT)], mesh_, comm=Comm()).values[0]


def distance(value, exact):
    return np.linalg.norm(value - exact) / np.linalg.norm(exact)


RULES = [
    *(PeriodicMesh(rtol=rtol, start=6) for rtol in (1e-2, 1e-4, 1e-6, 1e-9)),
    *(AdaptiveTree(rtol=rtol) for rtol in (1e-2, 1e-4)),
    *(Iterated(rtol=rtol) for rtol in (1e-2, 1e-4, 1e-6)),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_reported_errors_bound_the_true_ones(dense, rule):
    """Against a dense mesh, for every rule."""
    fourier = FourierSum(pt_antiferromagnet())
    integral = integrate(fourier, [SpinPolarizability(**PT)], rule, comm=Comm())
    assert integral.converged
    assert integral.relative_error <= rule.rtol
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        value, exact, error = integral.values[0][name], dense[name], integral.errors[0][name]
        assert distance(value, exact) <= rule.rtol
        assert np.linalg.norm(value - exact) <= np.linalg.norm(error) + 1e-13


def test_points_of_nested_meshes_count_once(monkeypatch):
    """A doubled mesh reuses what is known, and comes to the same as one done afresh."""
    fourier = FourierSum(pt_antiferromagnet())

    def doubled(self, mean_mx, excess_s):
        return (2 * self.n_c[0], 2 * self.n_c[1], 1), True

    monkeypatch.setattr(PeriodicStrategy, "_next", doubled)
    rule = PeriodicMesh(rtol=1e-6, start=12)
    integral = integrate(fourier, [SpinPolarizability(**PT)], rule, comm=Comm())
    n = integral.mesh[0]
    assert n >= 48
    assert integral.evaluations == 6**2 + n**2  # the first look, and every point of the last mesh
    fixed = integrate(fourier, [SpinPolarizability(**PT)], UniformMesh(n=n), comm=Comm())
    for name, tensor in fixed.values[0].items():
        assert_close(integral.values[0][name], tensor, 1e-12)


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
    mesh_ = PeriodicMesh(rtol=1e-12, start=6, max_points=150)
    integral = integrate(fourier, [response], mesh_, comm=Comm())
    assert not integral.converged
    assert integral.mesh == (12, 12, 1)
    assert integral.relative_error > 1e-12
    fixed = integrate(fourier, [response], UniformMesh(n=12), comm=Comm())
    for name, tensor in fixed.values[0].items():
        assert_close(integral.values[0][name], tensor, 1e-12, max(np.abs(tensor).max(), 1e-3))


@pytest.mark.parametrize("rule", [AdaptiveTree, Iterated])
def test_adaptive_rules_give_up_too(rule):
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(**PT)
    integral = integrate(fourier, [response], rule(rtol=1e-12, max_points=500), comm=Comm())
    assert integral.converged is False
    assert integral.relative_error > 1e-12


def test_cells_that_hardly_matter_are_closed_where_memory_ends(dense, monkeypatch, tmp_path):
    """The bound on rank 0's memory costs points, not accuracy, and survives a restart."""
    model = pt_antiferromagnet()
    response = SpinPolarizability(**PT)
    rule = AdaptiveTree(rtol=1e-4)
    plain = ws.compute(model, [response], mesh=rule)
    monkeypatch.setattr(tree, "MOST_BYTES", 45_000)
    closed = ws.compute(model, [response], mesh=rule)
    assert closed.provenance["diagonalisations"] != plain.provenance["diagonalisations"]
    assert closed.converged
    for name in ("upsilon0", "upsilon1"):
        assert distance(closed[name].values, dense[name]) <= 1e-4
    path = tmp_path / "run.ckpt.h5"
    half = closed.provenance["diagonalisations"] // 2
    with pytest.warns(ws.W90SpinWarning, match="max_cost"):
        ws.compute(
            model, [response], mesh=rule, checkpoint=path, checkpoint_every=0.0, max_cost=half
        )
    resumed = ws.compute(model, [response], mesh=rule, checkpoint=path)
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        assert resumed[name].values.tobytes() == closed[name].values.tobytes()
        assert resumed[name].errors.tobytes() == closed[name].errors.tobytes()
    assert resumed.provenance["diagonalisations"] == closed.provenance["diagonalisations"]


def test_absolute_tolerance():
    fourier = FourierSum(pt_antiferromagnet())
    response = SpinPolarizability(**PT)
    loose = integrate(fourier, [response], PeriodicMesh(rtol=0.0, atol=1e-3, start=6), comm=Comm())
    tight = integrate(fourier, [response], PeriodicMesh(rtol=0.0, atol=1e-7, start=6), comm=Comm())
    assert loose.converged
    assert tight.converged
    assert loose.evaluations < tight.evaluations
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        assert np.linalg.norm(tight.errors[0][name], axis=(-2, -1)).max() <= 1e-7


def test_shifted_meshes_agree_when_converged(dense):
    fourier = FourierSum(pt_antiferromagnet())
    for shift in ((0.5, 0.5, 0.0), (0.0, 0.5, 0.0)):
        integral = integrate(
            fourier, [SpinPolarizability(**PT)], PeriodicMesh(rtol=1e-8, shift=shift), comm=Comm()
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
    mesh_ = PeriodicMesh(rtol=1e-6, start=6, max_points=20_000)
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
    integral = integrate(fourier, [response], PeriodicMesh(rtol=1e-6, start=6), comm=Comm())
    assert integral.converged
    assert integral.mesh == (6, 6, 1)
