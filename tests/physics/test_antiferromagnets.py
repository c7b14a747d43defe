"""Antiferromagnets with PT and with tT: Hamiltonian, symmetry, and what symmetry allows.

Under the antiunitary operation that exchanges A and B, what is forbidden in the total is
staggered and what is allowed is uniform.
"""

import numpy as np
import pytest
from reference import CHARGE, SIGMA, assert_close, bloch_sum, grid, operators_at, states_at

from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition, partition
from w90spin.model.toys import pt_antiferromagnet, tt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability

SX, SY, SZ = SIGMA
ONE = np.eye(2)
TURN = np.array([[0, 1], [-1, 0]])  # i sigma_y
SUBLATTICES = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))


def blocks(aa, ab, bb):
    return np.block([[aa, ab], [np.conj(ab).T, bb]])


def pt_hamiltonian(kpt_c):
    """The PT antiferromagnet as sines and cosines of k.a1 and k.a2."""
    x, y = 2 * np.pi * np.array(kpt_c[:2])
    even = -0.06 * (np.cos(x) + np.cos(y)) + 0.06 * np.cos(x + y)
    odd = 0.55 * (np.sin(0.5) * SX + np.cos(0.5) * SZ) + 0.25 * (np.sin(x) * SY - np.sin(y) * SX)
    odd = odd + np.sin(x + y) * (0.06 * SZ + 0.04 * SX) + 0.05 * np.sin(x - y) * SY
    between = -0.5 * (1 + np.exp(-1j * x)) * (1 + np.exp(-1j * y)) * ONE
    return blocks(even * ONE + odd, between, even * ONE - odd)


def tt_hamiltonian(kpt_c):
    x, y = 2 * np.pi * np.array(kpt_c[:2])
    hx = -0.4 * ONE + 0.11j * SY - 0.035j * SZ
    hxy = -0.05 * ONE - 0.02j * SX - 0.03j * SY
    same = (-0.08 * np.cos(x) - 0.64 * np.cos(y)) * ONE
    same = same + 0.03 * np.sin(x) * SZ + np.sin(y) * (0.22 * SX + 0.05 * SZ)
    exchange = 0.5 * (0.6 * SZ + 0.5 * SX + 0.35 * SY)
    between = hx + hx.conj().T * np.exp(-1j * x)
    between = between + hxy * np.exp(1j * y) + hxy.conj().T * np.exp(-1j * (x + y))
    return blocks(same + exchange, between, same - exchange)


def with_places(model, ham, kpt_c):
    """The same H(k) with phases exp[ik.(R + tau_j - tau_i)]."""
    kpt_a = 2 * np.pi * np.linalg.inv(model.cell_ca) @ np.array(kpt_c)
    phase_i = np.exp(1j * model.centres_ia @ kpt_a)
    return phase_i.conj()[:, None] * ham * phase_i


CASES = [
    pytest.param(pt_antiferromagnet, pt_hamiltonian, id="PT"),
    pytest.param(tt_antiferromagnet, tt_hamiltonian, id="tT"),
]


@pytest.mark.parametrize(("make", "formula"), CASES)
def test_hamiltonian_as_a_formula(make, formula):
    model = make()
    for kpt_c in np.random.default_rng(0).uniform(-1, 1, size=(10, 3)):
        ham = bloch_sum(model, model.ham_Rij, kpt_c)
        np.testing.assert_allclose(ham, formula(kpt_c), rtol=0, atol=1e-13)
    ops = operators_at(model, [0.1, 0.2, 0.0])
    for s in range(3):
        np.testing.assert_array_equal(ops.spin[s], np.kron(ONE, SIGMA[s]))
    for a in range(3):
        np.testing.assert_array_equal(ops.pos[a], np.diag(model.centres_ia[:, a]))


def test_pt_holds_and_p_and_t_do_not():
    model = pt_antiferromagnet()
    theta = np.kron(SX, TURN)
    broken_p = broken_t = 0.0
    for kpt_c in np.random.default_rng(1).uniform(size=(10, 3)):
        kpt_c[2] = 0.0
        here = with_places(model, pt_hamiltonian(kpt_c), kpt_c)
        there = with_places(model, pt_hamiltonian(-kpt_c), -kpt_c)
        np.testing.assert_allclose(theta @ here.conj() @ theta.T, here, rtol=0, atol=1e-13)
        inverted = np.kron(SX, ONE) @ there @ np.kron(SX, ONE)
        reversed_ = np.kron(ONE, TURN) @ there.conj() @ np.kron(ONE, TURN).T
        broken_p = max(broken_p, np.abs(inverted - here).max())
        broken_t = max(broken_t, np.abs(reversed_ - here).max())
    assert min(broken_p, broken_t) > 0.3


def test_tt_holds_and_p_and_t_do_not():
    model = tt_antiferromagnet()
    theta = np.kron(SX, TURN)  # the translation by half a cell is a factor exp(-ik.t)
    broken_p = broken_t = 0.0
    for kpt_c in np.random.default_rng(2).uniform(size=(10, 3)):
        kpt_c[2] = 0.0
        here = with_places(model, tt_hamiltonian(kpt_c), kpt_c)
        there = with_places(model, tt_hamiltonian(-kpt_c), -kpt_c)
        np.testing.assert_allclose(theta @ there.conj() @ theta.T, here, rtol=0, atol=1e-13)
        reversed_ = np.kron(ONE, TURN) @ there.conj() @ np.kron(ONE, TURN).T
        broken_t = max(broken_t, np.abs(reversed_ - here).max())
        broken_p = max(broken_p, np.abs(there - here).max())
    assert min(broken_p, broken_t) > 0.3


def test_pt_gap_and_pairs():
    model = pt_antiferromagnet()
    energy_kn = states_at(model, grid((48, 48, 1))).energy_kn
    gap = energy_kn[:, 2].min() - energy_kn[:, 1].max()
    assert gap == pytest.approx(0.72, abs=0.01)
    assert np.abs(energy_kn[:, ::2] - energy_kn[:, 1::2]).max() < 1e-12


def test_layers_of_the_pt_model_are_its_sublattices():
    np.testing.assert_array_equal(
        partition(pt_antiferromagnet(), "layer").weights_li, SUBLATTICES.weights_li
    )


PT_METAL = {"mu_f": 0.9, "kT": 0.05, "eta": 0.1}
PT_INSULATOR = {"mu_f": 0.06}


@pytest.mark.parametrize("parameters", [PT_INSULATOR, PT_METAL])
def test_pt_allows_y0_and_y2_and_staggers_y1(parameters):
    model = pt_antiferromagnet()
    mesh = UniformMesh(n=16)
    response = SpinPolarizability(omega_w=[0.0, 0.3], parts=SUBLATTICES, **parameters)
    tensors = integrate(FourierSum(model), [response], mesh, comm=Comm()).values[0]
    raw = response(states_at(model, grid((5, 5, 1), (0.2, 0.4, 0.0))))
    for name in ("upsilon0", "upsilon2"):
        a, b = tensors[name]
        assert np.abs(a).max() > 2e-4
        if "eta" not in parameters:
            assert_close(b, a, 1e-10)
    a, b = tensors["upsilon1"]
    assert np.abs(a).max() > 2e-4
    if "eta" not in parameters:
        assert_close(b, -a, 1e-10)
    # PT leaves k where it is: the rule holds at each k, for every half of broadened tensors.
    for name, tensor in raw.items():
        a, b = tensor[:, 0], tensor[:, 1]
        assert np.abs(a).max() > 1e-3
        assert_close(b, a if name.endswith("odd") else -a, 1e-9)


def test_tt_allows_y1_and_staggers_y0_and_y2():
    """The bands touch, so with broadening; of each tensor the half of the other parity follows."""
    model = tt_antiferromagnet()
    response = SpinPolarizability(omega_w=[0.0, 0.4], mu_f=0.1, kT=0.05, eta=0.1, parts=SUBLATTICES)
    states = states_at(model, grid((16, 16, 1), (0.5, 0.5, 0.0)))
    raw = {name: x.mean(axis=0) / model.measure for name, x in response(states).items()}
    assert set(raw) == {f"upsilon{i}_{half}" for i in range(3) for half in ("even", "odd")}
    for name, (a, b) in raw.items():
        assert np.abs(a).max() > 1e-3
        assert_close(b, a if name.endswith("even") else -a, 1e-10)


def test_tt_at_temperature_without_broadening():
    model = tt_antiferromagnet()
    mesh = UniformMesh(n=12, shift=(0.5, 0.5, 0.0))
    response = SpinPolarizability(omega_w=0.0, mu_f=0.1, kT=0.1, parts=SUBLATTICES)
    tensors = integrate(FourierSum(model), [response], mesh, comm=Comm()).values[0]
    for name, sign in (("upsilon0", -1), ("upsilon1", 1), ("upsilon2", -1)):
        a, b = tensors[name]
        assert np.abs(a).max() > 1e-3
        assert_close(b, sign * a, 1e-10)


@pytest.mark.parametrize("w", [0.0, 0.5])
def test_pt_insulator_from_projectors(w):
    """Two doubly degenerate levels -e, +e: no eigenvectors are needed.

    Z = Tr[P S (1-P) A], A = -i V/2e between the two levels, P = (1 - h/e)/2.
    """
    model = pt_antiferromagnet()
    kpt_kc = np.random.default_rng(3).uniform(size=(5, 3))
    response = SpinPolarizability(omega_w=w, mu_f=0.06, parts=SUBLATTICES)
    tensors = response.publish(response(states_at(model, kpt_kc)))
    for k, kpt_c in enumerate(kpt_kc):
        ops = operators_at(model, kpt_c)
        h = ops.ham - np.trace(ops.ham) / 4 * np.eye(4)
        square = h @ h
        e = np.sqrt(np.trace(square).real / 4)
        np.testing.assert_allclose(square, e**2 * np.eye(4), rtol=0, atol=1e-13)
        below = 0.5 * (np.eye(4) - h / e)
        above = np.eye(4) - below
        for part, weight_i in enumerate(SUBLATTICES.weights_li):
            z = np.empty((3, 3), dtype=complex)
            for s in range(3):
                local = np.diag(weight_i) @ ops.spin[s] / 2
                for b in range(3):
                    connection = -1j * ops.covariant[b] / (2 * e)
                    z[s, b] = np.trace(below @ local @ above @ connection @ below)
            y0 = 2 * CHARGE * z.real / (2 * e)
            y1 = -2 * CHARGE * z.imag / (4 * e**2 - w**2)
            assert_close(tensors["upsilon0"][k, part, 0, 0], y0, 1e-10)
            assert_close(tensors["upsilon1"][k, part, 0, 0, 0], y1, 1e-10)
            assert_close(tensors["upsilon2"][k, part, 0, 0, 0], -y0 / (4 * e**2 - w**2), 1e-10)
