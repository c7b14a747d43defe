"""Responses from perturbed projectors: no band sums, no Berry connections."""

import numpy as np
import pytest
from reference import (
    CHARGE,
    assert_close,
    bloch_sum,
    mid_gap,
    operators_at,
    random_model,
    random_parts,
    rebuilt,
    states_at,
)

from w90spin.integrate import PeriodicMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability


def filled(ham, n_below):
    _, u = np.linalg.eigh(ham)
    return u[:, :n_below] @ u[:, :n_below].conj().T


@pytest.mark.parametrize("seed", range(3))
def test_liouville_equation_with_a_finite_difference_in_k(seed):
    """(-iz + i[H, .]) rho1 = -q D_b rho0, with D_b rho0 by differences of the projector."""
    rng = np.random.default_rng(seed)
    n, n_below = 6, 2
    model = random_model(rng, n, reach=(1, 1, 1), gap=1.2)
    kpt_c = rng.uniform(size=3)
    mu, gap = mid_gap(model, [kpt_c])
    ops = operators_at(model, kpt_c)
    one = np.eye(n)
    h = 1e-3

    def rho0(step_a):
        moved_c = kpt_c + model.cell_ca @ step_a / (2 * np.pi)
        return filled(bloch_sum(model, model.ham_Rij, moved_c), n_below)

    rho_b = []
    for b in range(3):
        near = (rho0(h * one[b, :3]) - rho0(-h * one[b, :3])) / (2 * h)
        far = (rho0(2 * h * one[b, :3]) - rho0(-2 * h * one[b, :3])) / (4 * h)
        bare = (4 * near - far) / 3
        rho_b.append(bare - 1j * (ops.pos[b] @ rho0(np.zeros(3)) - rho0(np.zeros(3)) @ ops.pos[b]))
    liouville = np.kron(ops.ham, one) - np.kron(one, ops.ham.T)

    for omega, eta in ((0.0, 0.0), (0.6 * gap, 0.0), (0.6 * gap, 0.1), (2.5 * gap, 0.2)):
        z = omega + 1j * eta
        response = SpinPolarizability(omega_w=omega, mu_f=mu, eta=eta)
        chi = response.publish(response(states_at(model, [kpt_c])))["chi"].reshape(3, 3)
        expected = np.empty((3, 3), dtype=complex)
        for b in range(3):
            system = 1j * (liouville - z * np.eye(n * n))
            rho1 = np.linalg.lstsq(system, -CHARGE * rho_b[b].ravel(), rcond=1e-12)[0]
            expected[:, b] = [np.trace(s @ rho1.reshape(n, n)) / 2 for s in ops.spin]
        assert_close(chi, expected, 1e-8)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_spin_in_the_middle_of_a_long_open_chain(axis):
    """A finite chain with the potential -q E x, all in real space, against the zone integral.

    Static response of the cell in the middle, part by part.  Its distance from the ends enters
    exponentially.
    """
    rng = np.random.default_rng(8)
    reach = tuple(int(c == axis) for c in range(3))
    model = random_model(rng, 4, reach=reach, gap=1.0, hopping=0.25)
    parts = random_parts(rng, 4, n_parts=2)
    n, n_cells, middle = 4, 41, 20
    mu, gap = mid_gap(model, [[x * r for r in reach] for x in np.linspace(0, 1, 60)])
    assert gap > 0.5

    def open_chain(op_Rij, shift=0.0):
        total = np.zeros((n_cells, n, n_cells, n), dtype=complex)
        for R, op in zip(model.R_Rc[:, axis], op_Rij, strict=True):
            for cell in range(n_cells):
                if 0 <= cell + R < n_cells:
                    total[cell, :, cell + R] += op
        for cell in range(n_cells):
            total[cell, :, cell] += (cell - middle) * shift * np.eye(n)
        return total.reshape(n_cells * n, n_cells * n)

    ham = open_chain(model.ham_Rij)
    pos = [open_chain(model.pos_Raij[:, b], model.cell_ca[axis, b]) for b in range(3)]
    spin = [open_chain(model.spin_Rsij[:, s]) for s in range(3)]
    rows = slice(middle * n, (middle + 1) * n)
    field = 1e-4
    expected = np.zeros((2, 3, 3))
    for b in range(3):
        # The lower half is filled whatever the ends do.
        change = filled(ham - CHARGE * field * pos[b], n_cells * n // 2)
        change -= filled(ham + CHARGE * field * pos[b], n_cells * n // 2)
        for part, weight_i in enumerate(parts.weights_li):
            for s in range(3):
                local = np.diag(weight_i) @ (spin[s] @ change)[rows, rows] / 2
                expected[part, s, b] = np.trace(local).real / (2 * field)
    expected /= model.measure

    response = SpinPolarizability(omega_w=0.0, mu_f=mu, parts=parts)
    integral = integrate(FourierSum(model), [response], PeriodicMesh(rtol=1e-9), comm=Comm())
    assert integral.converged
    assert_close(integral.values[0]["upsilon0"][:, 0, 0], expected, 1e-6)


def test_a_molecule_in_a_field():
    """No periodic direction: second-order perturbation theory by finite differences."""
    rng = np.random.default_rng(9)
    model = random_model(rng, 6, reach=(0, 0, 0), gap=1.0)
    assert model.dimension == 0
    ham, pos, spin = model.ham_Rij[0], model.pos_Raij[0], model.spin_Rsij[0]
    mu, _ = mid_gap(model, [[0, 0, 0]])
    field = 1e-4
    expected = np.empty((3, 3))
    for b in range(3):
        change = filled(ham - CHARGE * field * pos[b], 2) - filled(ham + CHARGE * field * pos[b], 2)
        expected[:, b] = [np.trace(s @ change).real / 4 / field for s in spin]
    response = SpinPolarizability(omega_w=0.0, mu_f=mu)
    tensors = response.publish(response(states_at(model, [[0.3, 0.2, 0.1]])))
    assert_close(tensors["upsilon0"].reshape(3, 3), expected, 1e-6)


def test_a_chain_cut_into_molecules():
    """Without hopping between cells k does not matter and the molecule's response remains."""
    rng = np.random.default_rng(10)
    molecule = random_model(rng, 4, reach=(0, 0, 0), gap=1.0)
    R = np.array([[-1, 0, 0], [0, 0, 0], [1, 0, 0]])

    def padded(op):
        return np.concatenate([0 * op, op, 0 * op])

    base = random_model(rng, 4, reach=(1, 0, 0))
    crystal = rebuilt(
        base,
        R=R,
        ham=padded(molecule.ham_Rij),
        pos=padded(molecule.pos_Raij),
        spin=padded(molecule.spin_Rsij),
    )
    mu, _ = mid_gap(molecule, [[0, 0, 0]])
    response = SpinPolarizability(omega_w=0.3, mu_f=mu, eta=0.1)
    expected = response.publish(response(states_at(molecule, [[0, 0, 0]])))["chi"]
    actual = response.publish(response(states_at(crystal, [[0.1, 0, 0], [0.37, 0, 0]])))["chi"]
    assert_close(actual, np.repeat(expected, 2, axis=0), 1e-10)
