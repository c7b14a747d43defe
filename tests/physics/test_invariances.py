"""Periodicity in k, layout and batches of k, rotations of the crystal, units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    STEADY,
    assert_close,
    grid,
    mid_gap,
    operators_at,
    random_model,
    random_parts,
    rebuilt,
    states_at,
)
from scipy.spatial.transform import Rotation

from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum, KLines, KPoints
from w90spin.kspace.states import solve
from w90spin.model.toys import pt_antiferromagnet, tt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability

BROAD = {"omega_w": [0.0, 0.6], "mu_f": [0.0, 0.4], "kT": [0.02, 0.2], "eta": 0.1}


@given(seed=st.integers(0, 10**6), G=st.tuples(*[st.integers(-3, 3)] * 3))
@STEADY
def test_reciprocal_lattice_vectors(seed, G):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, reach=(1, 1, 1))
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(parts=random_parts(rng, 6), **BROAD)
    expected = response(states_at(model, kpt_kc))
    for name, tensor in response(states_at(model, kpt_kc + np.array(G))).items():
        assert_close(tensor, expected[name], 1e-9)


@pytest.mark.parametrize("direction", [0, 1, 2])
@pytest.mark.parametrize("reach", [(1, 2, 1), (1, 1, 0), (0, 0, 2), (0, 0, 0), (2, 0, 1)])
def test_lines_and_points(reach, direction):
    """The same matrices, whether the points are given one by one or as lines."""
    rng = np.random.default_rng(sum(reach) + direction)
    model = random_model(rng, 4, reach=reach)
    fourier = FourierSum(model, direction)
    lines = KLines(rng.uniform(size=(3, 3)), rng.uniform(size=5), direction)
    on_lines, at_points = fourier(lines), fourier(KPoints(lines.kpt_kc))
    assert lines.kpt_kc.shape == (15, 3)
    for name in ("ham_kij", "pos_kaij", "spin_ksij"):
        assert_close(getattr(on_lines, name), getattr(at_points, name), 1e-13)
    np.testing.assert_allclose(
        on_lines.dham_kaij, at_points.dham_kaij, rtol=0, atol=1e-12 * np.abs(model.ham_Rij).max()
    )
    assert_close(fourier.hamiltonian(lines.kpt_kc), at_points.ham_kij, 1e-13)
    for k in (0, 7):
        ops = operators_at(model, lines.kpt_kc[k])
        for name, matrix in (("ham_kij", ops.ham), ("pos_kaij", ops.pos), ("spin_ksij", ops.spin)):
            assert_close(getattr(at_points, name)[k], matrix, 1e-13)


@pytest.mark.parametrize("direction", [0, 1, 2])
def test_direction_of_the_lines_in_a_zone_integral(direction):
    rng = np.random.default_rng(6)
    model = random_model(rng, 4, reach=(1, 1, 1))
    response = SpinPolarizability(omega_w=0.5, mu_f=0.0, eta=0.2)
    mesh = UniformMesh(n=(4, 6, 5), shift=(0.5, 0.0, 0.5))
    value = integrate(FourierSum(model, direction), [response], mesh, comm=Comm()).values[0]
    direct = response(states_at(model, grid((4, 6, 5), mesh.shift)))
    mean = response.publish({name: x.mean(axis=0) / model.measure for name, x in direct.items()})
    for name, tensor in mean.items():
        assert_close(value[name], tensor, 1e-12)


@pytest.mark.parametrize("make", [pt_antiferromagnet, tt_antiferromagnet])
@pytest.mark.parametrize("batch", [1, 3, 7, 50, 10_000])
def test_size_of_the_batch(make, batch):
    fourier = FourierSum(make())
    response = SpinPolarizability(omega_w=[0.0, 0.4], mu_f=0.1, kT=0.05, eta=0.1)
    mesh = UniformMesh(n=(8, 7, 1), shift=(0.5, 0.5, 0.0))
    expected = integrate(fourier, [response], mesh, comm=Comm()).values[0]
    value = integrate(fourier, [response], mesh, comm=Comm(), batch=batch).values[0]
    for name, tensor in expected.items():
        assert_close(value[name], tensor, 1e-12)


def test_points_do_not_see_each_other():
    """At T = 0 each k has its own occupied bands, whatever else is in the batch."""
    rng = np.random.default_rng(7)
    model = random_model(rng, 6)
    kpt_kc = rng.uniform(size=(12, 3))
    response = SpinPolarizability(omega_w=[0.0, 0.6], mu_f=[-0.5, 0.2], eta=0.1)
    together = response(states_at(model, kpt_kc))
    filled_k = (states_at(model, kpt_kc).energy_kn < 0.2).sum(axis=1)
    assert len(set(filled_k.tolist())) > 1
    for k, kpt_c in enumerate(kpt_kc):
        for name, tensor in response(states_at(model, [kpt_c])).items():
            np.testing.assert_allclose(together[name][k], tensor[0], rtol=1e-10, atol=1e-12)


def test_each_parameter_by_itself():
    """A list of omega, mu and kT is the collection of runs with one value each."""
    rng = np.random.default_rng(8)
    states = states_at(random_model(rng, 6), rng.uniform(size=(4, 3)))
    omega, mu, kT = [0.0, 0.3, 1.1], [-0.8, 0.1], [0.0, 0.05, 0.3]
    together = SpinPolarizability(omega_w=omega, mu_f=mu, kT=kT, eta=0.1)
    tensors = together.publish(together(states))
    for t in range(3):
        for f in range(2):
            for w in range(3):
                one = SpinPolarizability(omega_w=omega[w], mu_f=mu[f], kT=kT[t], eta=0.1)
                single = one.publish(one(states))
                for name, tensor in tensors.items():
                    same = tensor[:, :, t, f]
                    if name != "upsilon0":
                        same = same[:, :, w]
                        single[name] = single[name][:, :, :, :, 0]
                    assert_close(same, single[name][:, :, 0, 0], 1e-11)


def rotated(model, rotation):
    """Crystal turned in space: cell, positions, and spins, which are axial."""
    axial = np.linalg.det(rotation) * rotation
    return rebuilt(
        model,
        cell=model.cell_ca @ rotation.T,
        pos=np.einsum("ab,Rbij->Raij", rotation, model.pos_Raij),
        spin=np.einsum("st,Rtij->Rsij", axial, model.spin_Rsij),
    )


@given(seed=st.integers(0, 10**6), mirror=st.booleans())
@STEADY
def test_rotating_the_crystal(seed, mirror):
    """Y -> det(O) O Y O^T for proper and improper rotations."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6)
    rotation = Rotation.random(random_state=rng).as_matrix() * (-1 if mirror else 1)
    axial = np.linalg.det(rotation) * rotation
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(parts=random_parts(rng, 6), **BROAD)
    before, states = states_at(model, kpt_kc), states_at(rotated(model, rotation), kpt_kc)
    for tensors, expected in (
        (response(states), response(before)),
        (response.bands(states), response.bands(before)),
    ):
        for name, tensor in expected.items():
            turned = np.einsum("st,...tb,ab->...sa", axial, tensor, rotation)
            assert_close(tensors[name], turned, 1e-9)


def test_rotating_a_zone_integral():
    rng = np.random.default_rng(9)
    model = random_model(rng, 4)
    rotation = Rotation.random(random_state=rng).as_matrix()
    response = SpinPolarizability(omega_w=0.5, mu_f=0.0, eta=0.2)
    mesh = UniformMesh(n=6)
    before = integrate(FourierSum(model), [response], mesh, comm=Comm()).values[0]
    after = integrate(FourierSum(rotated(model, rotation)), [response], mesh, comm=Comm()).values[0]
    for name, tensor in before.items():
        turned = np.einsum("st,...tb,ab->...sa", rotation, tensor, rotation)
        assert_close(after[name], turned, 1e-9)


@given(seed=st.integers(0, 10**6), s=st.floats(0.2, 5.0), eta=st.sampled_from([0.0, 0.15]))
@STEADY
def test_unit_of_energy(seed, s, eta):
    """H, mu, kT, omega and eta times s: Y(i) times s^-(i+1)."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, gap=1.5)
    kpt_kc = rng.uniform(size=(3, 3))
    mu, gap = mid_gap(model, kpt_kc)
    w, kT = 0.4 * gap, 0.05 if eta else 0.0
    one = SpinPolarizability(omega_w=w, mu_f=mu, kT=kT, eta=eta)
    other = SpinPolarizability(omega_w=s * w, mu_f=s * mu, kT=s * kT, eta=s * eta)
    expected = one.publish(one(states_at(model, kpt_kc)))
    scaled = states_at(rebuilt(model, ham=s * model.ham_Rij), kpt_kc)
    for name, tensor in other.publish(other(scaled)).items():
        power = {"upsilon0": 1, "upsilon1": 2, "upsilon2": 3, "chi": 1}[name]
        assert_close(tensor, expected[name] / s**power, 1e-9)


@pytest.mark.parametrize("reach", [(1, 0, 0), (1, 1, 0), (1, 1, 1)])
def test_unit_of_length(reach):
    """Cell and positions times s: per k times s, integrated times s^(1-d)."""
    rng = np.random.default_rng(10)
    model = random_model(rng, 4, reach=reach)
    s = 1.7
    larger = rebuilt(model, cell=s * model.cell_ca, pos=s * model.pos_Raij)
    response = SpinPolarizability(omega_w=0.5, mu_f=0.0, eta=0.2)
    kpt_kc = rng.uniform(size=(3, 3))
    before, after = response(states_at(model, kpt_kc)), response(states_at(larger, kpt_kc))
    for name, tensor in before.items():
        assert_close(after[name], s * tensor, 1e-11)
    mesh = UniformMesh(n=4)
    before = integrate(FourierSum(model), [response], mesh, comm=Comm()).values[0]
    after = integrate(FourierSum(larger), [response], mesh, comm=Comm()).values[0]
    for name, tensor in before.items():
        assert_close(after[name], s ** (1 - sum(reach)) * tensor, 1e-11)


def test_energy_zero():
    rng = np.random.default_rng(11)
    model = random_model(rng, 6)
    kpt_kc = rng.uniform(size=(3, 3))
    ham = model.ham_Rij.copy()
    ham[(model.R_Rc == 0).all(axis=1)] += 7.5 * np.eye(6)
    before = SpinPolarizability(omega_w=0.6, mu_f=0.1, kT=0.05, eta=0.1)
    after = SpinPolarizability(omega_w=0.6, mu_f=7.6, kT=0.05, eta=0.1)
    expected = before(states_at(model, kpt_kc))
    for name, tensor in after(states_at(rebuilt(model, ham=ham), kpt_kc)).items():
        assert_close(tensor, expected[name], 1e-10)


def test_larger_cell():
    """A chain in a cell of two: half as many k, the same response per length."""
    rng = np.random.default_rng(12)
    model = random_model(rng, 4, reach=(1, 0, 0))
    R = np.array([[x, 0, 0] for x in (-1, 0, 1)])
    wide = {"ham": (), "pos": (3,), "spin": (3,)}
    operators = {"ham": model.ham_Rij, "pos": model.pos_Raij, "spin": model.spin_Rsij}
    for name, axes in wide.items():
        total = np.zeros((3, *axes, 8, 8), dtype=complex)
        for (hop, _, _), op in zip(model.R_Rc, operators[name], strict=True):
            for cell in range(2):
                to = cell + hop
                block = (..., slice(4 * cell, 4 * cell + 4), slice(4 * (to % 2), 4 * (to % 2) + 4))
                total[to // 2 + 1][block] += op
        operators[name] = total
    for cell in range(2):
        for i in range(4):
            operators["pos"][1, :, 4 * cell + i, 4 * cell + i] += cell * model.cell_ca[0]
    doubled = rebuilt(model, R=R, cell=model.cell_ca * np.array([[2], [1], [1]]), **operators)
    response = SpinPolarizability(omega_w=[0.0, 0.6], mu_f=0.0, kT=0.1, eta=0.15)
    one = integrate(FourierSum(model), [response], UniformMesh(n=12), comm=Comm())
    two = integrate(FourierSum(doubled), [response], UniformMesh(n=6), comm=Comm())
    for name, tensor in one.values[0].items():
        assert_close(two.values[0][name], tensor, 1e-10)


def test_solving_twice_gives_the_same_bits():
    rng = np.random.default_rng(13)
    model = random_model(rng, 6)
    kpt_kc = rng.uniform(size=(4, 3))
    response = SpinPolarizability(**BROAD)
    first = response(solve(FourierSum(model), KPoints(kpt_kc)))
    for name, tensor in response(solve(FourierSum(model), KPoints(kpt_kc))).items():
        np.testing.assert_array_equal(tensor, first[name])
