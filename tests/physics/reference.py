"""The same physics as the package, written a second time and slowly.

Nothing here uses the package's Fourier sums, band matrices or kernels: operators are summed over
R one matrix at a time, responses are explicit double loops over bands.  q = -1, hbar = 1.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from scipy.special import expit

from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve
from w90spin.model.partition import Partition
from w90spin.model.wannier import WannierModel

STEADY = settings(deadline=None, derandomize=True, max_examples=25)

SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])

CHARGE = -1.0


@dataclass
class Operators:
    """Matrices in the Wannier gauge at one k: H, D_a H, A_a, sigma_s."""

    ham: np.ndarray
    covariant: np.ndarray
    pos: np.ndarray
    spin: np.ndarray


def bloch_sum(model, op_Rij, kpt_c):
    """Sum_R exp(ik.R) O(R), term by term."""
    total = np.zeros(op_Rij.shape[1:], dtype=complex)
    for R, op in zip(model.R_Rc, op_Rij, strict=True):
        total += np.exp(2j * np.pi * np.dot(kpt_c, R)) * op
    return total


def operators_at(model, kpt_c):
    ham = bloch_sum(model, model.ham_Rij, kpt_c)
    pos = bloch_sum(model, model.pos_Raij, kpt_c)
    spin = bloch_sum(model, model.spin_Rsij, kpt_c)
    place_Ra = model.R_Rc @ model.cell_ca
    covariant = np.zeros_like(pos)
    for a in range(3):
        bare = bloch_sum(model, 1j * place_Ra[:, a, None, None] * model.ham_Rij, kpt_c)
        covariant[a] = bare - 1j * (pos[a] @ ham - ham @ pos[a])
    return Operators(ham, covariant, pos, spin)


def occupation(energy, mu, kT):
    if kT == 0.0:
        return np.where(energy < mu, 1.0, 0.0)
    return expit(-(energy - mu) / kT)


def occupation_slope(energy, mu, kT):
    x = np.abs(energy - mu) / kT
    return -np.exp(-x) / (1.0 + np.exp(-x)) ** 2 / kT


def part_spin(spin, weight_i=None):
    """S = sigma/2 of a part: half the anticommutator with the diagonal projector."""
    if weight_i is None:
        return spin / 2
    projector = np.diag(weight_i)
    return np.array([(projector @ s + s @ projector) / 4 for s in spin])


def kubo_connection(ops, mu, kT, z, weight_i=None):
    """Interband response from Berry connections.

    chi_ab = q sum_{n != m} (f_m - f_n) S^a_mn A^b_nm / (eps_nm - z)
    """
    energy, u = np.linalg.eigh(ops.ham)
    f = occupation(energy, mu, kT)
    spin = part_spin(ops.spin, weight_i)
    chi = np.zeros((3, 3), dtype=complex)
    for n in range(len(energy)):
        for m in range(len(energy)):
            if n == m:
                continue
            eps = energy[n] - energy[m]
            for b in range(3):
                connection = -1j * (u[:, n].conj() @ ops.covariant[b] @ u[:, m]) / eps
                for a in range(3):
                    s = u[:, m].conj() @ spin[a] @ u[:, n]
                    chi[a, b] += CHARGE * (f[m] - f[n]) * s * connection / (eps - z)
    return chi


def kubo_velocity(ops, mu, kT, z, *, diagonal, weight_i=None):
    """Whole response of uniform relaxation, from velocities; the pairs n = m can be left out.

    chi_ab = i q sum_{n,m} F_nm S^a_mn V^b_nm / (eps_nm - z),   F_nm = (f_n - f_m)/eps_nm or f'
    """
    energy, u = np.linalg.eigh(ops.ham)
    f = occupation(energy, mu, kT)
    spin = part_spin(ops.spin, weight_i)
    chi = np.zeros((3, 3), dtype=complex)
    for n in range(len(energy)):
        for m in range(len(energy)):
            eps = energy[n] - energy[m]
            if n == m and not diagonal:
                continue
            slope = occupation_slope(energy[n], mu, kT) if n == m else (f[n] - f[m]) / eps
            for a in range(3):
                s = u[:, m].conj() @ spin[a] @ u[:, n]
                for b in range(3):
                    v = u[:, n].conj() @ ops.covariant[b] @ u[:, m]
                    chi[a, b] += 1j * CHARGE * slope * s * v / (eps - z)
    return chi


def random_hermitian(rng, R_Rc, shape, scale_R):
    """Random O(R) with O(-R) = O(R)^dagger; shape ends in (i, j)."""
    n_R = len(R_Rc)
    op = rng.normal(size=(n_R, *shape)) + 1j * rng.normal(size=(n_R, *shape))
    op = op * scale_R.reshape(-1, *[1] * len(shape))
    minus = [np.flatnonzero((R_Rc == -R).all(axis=1))[0] for R in R_Rc]
    return 0.5 * (op + op[minus].swapaxes(-1, -2).conj())


def lattice_box(reach):
    axes = [np.arange(-r, r + 1) for r in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def skew_cell(rng, size=4.0):
    """Right-handed cell without any symmetry."""
    return size * (np.eye(3) + 0.15 * rng.normal(size=(3, 3)))


def random_model(
    rng, n_wann=6, *, reach=(1, 1, 0), gap=0.0, time_reversal=False, hopping=0.35, position=0.3
):
    """Model without symmetry: complex hoppings, r(R) and sigma(R) with off-diagonal R != 0 parts.

    Wannier functions 2p, 2p+1 are spin partners.  ``gap`` [eV] lowers the first n//4 pairs and
    raises the others; with ``time_reversal`` all operators respect it.
    """
    R_Rc = lattice_box(reach)
    decay_R = np.exp(-1.2 * np.abs(R_Rc).sum(axis=1).astype(float))
    home = np.flatnonzero((R_Rc == 0).all(axis=1))[0]
    cell = skew_cell(rng)
    ham = random_hermitian(rng, R_Rc, (n_wann, n_wann), hopping * decay_R)
    level_p = np.linspace(-0.4, 0.4, n_wann // 2) + np.where(
        np.arange(n_wann // 2) < n_wann // 4, -gap, gap
    )
    ham[home] += np.diag(level_p.repeat(2))
    pos = random_hermitian(rng, R_Rc, (3, n_wann, n_wann), position * decay_R)
    centre_ia = rng.uniform(-1.5, 1.5, size=(n_wann, 3))
    spin = random_hermitian(rng, R_Rc, (3, n_wann, n_wann), 0.1 * decay_R)
    if time_reversal:
        centre_ia = centre_ia[::2].repeat(2, axis=0)
    for i in range(n_wann):
        pos[home, :, i, i] = centre_ia[i]
    for s in range(3):
        spin[home, s] += np.kron(np.eye(n_wann // 2), SIGMA[s])
    if time_reversal:
        turn = np.kron(np.eye(n_wann // 2), np.array([[0, 1], [-1, 0]]))
        ham = 0.5 * (ham + turn @ ham.conj() @ turn.T)
        pos = 0.5 * (pos + turn @ pos.conj() @ turn.T)
        spin = 0.5 * (spin - turn @ spin.conj() @ turn.T)
    return WannierModel.from_arrays(
        cell,
        R_Rc,
        ham,
        pos=pos.transpose(0, 2, 3, 1),
        spin=spin.transpose(0, 2, 3, 1),
        periodic=tuple(bool(r) for r in reach),
        name="random",
        spin_pairs=np.arange(n_wann).reshape(-1, 2) if time_reversal else None,
    )


def rebuilt(model, **changes):
    """Model with some arrays changed, through the same door as any other model.

    ``ham`` (R, i, j), ``pos`` (R, a, i, j), ``spin`` (R, s, i, j), ``cell``, ``R``.
    """
    pos = changes.get("pos", model.pos_Raij)
    spin = changes.get("spin", model.spin_Rsij)
    return WannierModel.from_arrays(
        changes.get("cell", model.cell_ca),
        changes.get("R", model.R_Rc),
        changes.get("ham", model.ham_Rij),
        pos=pos.transpose(0, 2, 3, 1),
        spin=spin.transpose(0, 2, 3, 1),
        periodic=model.periodic,
        spin_pairs=model.spin_pairs,
    )


def random_parts(rng, n_wann, n_parts=3):
    """Partition with fractional weights."""
    weights_li = rng.uniform(0.05, 1.0, size=(n_parts, n_wann))
    weights_li /= weights_li.sum(axis=0)
    return Partition(tuple("abcdefgh"[:n_parts]), weights_li)


def states_at(model, kpt_kc, **options):
    return solve(FourierSum(model), KPoints(np.asarray(kpt_kc, dtype=float)), **options)


def mid_gap(model, kpt_kc, n_below=None):
    """Middle of the gap above ``n_below`` bands over these k, and its width."""
    n_below = 2 * (model.n_wann // 4) if n_below is None else n_below
    energy = np.array(
        [np.linalg.eigvalsh(bloch_sum(model, model.ham_Rij, kpt_c)) for kpt_c in kpt_kc]
    )
    top, bottom = energy[:, n_below - 1].max(), energy[:, n_below].min()
    return 0.5 * (top + bottom), bottom - top


def grid(n_c, offset_c=(0.0, 0.0, 0.0)):
    """Reduced coordinates (i + offset)/n of a regular mesh."""
    axes = [(np.arange(n) + o) / n for n, o in zip(n_c, offset_c, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def assert_close(actual, expected, rtol, scale=None):
    """Largest difference relative to the largest number expected, which must be more than noise."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    size = np.abs(expected).max() if scale is None else scale
    assert size > 1e-9
    error = np.abs(actual - expected).max() / size
    assert error < rtol, f"relative difference {error:.2e}, allowed {rtol:.0e}"
