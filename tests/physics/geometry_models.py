"""Random models of chosen symmetry, and the quantum geometry of their bands written slowly.

As in reference.py nothing here uses the package's Fourier sums, band matrices or kernels.
"""

from itertools import pairwise

import numpy as np
from reference import bloch_sum, operators_at, random_hermitian, random_model, rebuilt

from w90spin.model.partition import Partition

TURN = np.array([[0, 1], [-1, 0]])  # i sigma_y


def minus(model, op_Rij):
    """O(-R)."""
    at_R = [np.flatnonzero((model.R_Rc == -R).all(axis=1))[0] for R in model.R_Rc]
    return op_Rij[at_R]


def with_symmetry(model, *, inversion, time_reversal):
    """Mean of a model and its image; inversion exchanges the halves of the Wannier functions.

    Inversion is M, time reversal M K with K the complex conjugation, both i sigma_y K alone.
    """
    n = model.n_wann
    turn = np.kron(np.eye(n // 2), TURN if time_reversal else np.eye(2))
    swap = np.kron(np.array([[0, 1], [1, 0]]), np.eye(n // 2)) if inversion else np.eye(n)
    image = swap @ turn

    def half(op_Rij, sign):
        # Inversion takes k to -k, which is O(-R); so does complex conjugation without it.
        other_Rij = op_Rij.conj() if time_reversal else op_Rij
        if inversion:
            other_Rij = minus(model, other_Rij)
        return 0.5 * (op_Rij + sign * image @ other_Rij @ image.T)

    return rebuilt(
        model,
        ham=half(model.ham_Rij, 1),
        pos=half(model.pos_Raij, -1 if inversion else 1),
        spin=half(model.spin_Rsij, -1 if time_reversal else 1),
    )


def random_with(rng, *, inversion=False, time_reversal=False, n_wann=8, **options):
    model = random_model(rng, n_wann, **options)
    return with_symmetry(model, inversion=inversion, time_reversal=time_reversal)


def halves(model):
    """The parts that inversion exchanges."""
    first = np.repeat([1.0, 0.0], model.n_wann // 2)
    return Partition(("A", "B"), np.array([first, 1.0 - first]))


def doubled_model(rng, n_levels=3, **options):
    """Every level twofold, without a symmetry that would restrict r(R) or the spin.

    H(R) = U (h(R) x 1) U^dagger with a random unitary U; all else is random.
    """
    model = random_model(rng, 2 * n_levels, **options)
    decay_R = np.exp(-1.2 * np.abs(model.R_Rc).sum(axis=1).astype(float))
    level_Rij = random_hermitian(rng, model.R_Rc, (n_levels, n_levels), decay_R)
    random = rng.normal(size=(2, 2 * n_levels, 2 * n_levels))
    unitary, _ = np.linalg.qr(random[0] + 1j * random[1])
    ham_Rij = np.array([unitary @ np.kron(h, np.eye(2)) @ unitary.conj().T for h in level_Rij])
    return rebuilt(model, ham=ham_Rij)


def spin_current(covariant_a, spin_s, weight_i=None):
    """J[a, s] = (1/4) {D_a H, sigma_s}, of a part with (1/2) {P, sigma_s}."""
    if weight_i is not None:
        projector = np.diag(weight_i)
        spin_s = [(projector @ s + s @ projector) / 2 for s in spin_s]
    return np.array([[(v @ s + s @ v) / 4 for s in spin_s] for v in covariant_a])


def pauli(spin_s, weight_i=None):
    """sigma, of a part (1/2) {P, sigma}."""
    if weight_i is None:
        return spin_s
    projector = np.diag(weight_i)
    return np.array([(projector @ s + s @ projector) / 2 for s in spin_s])


def projectors(ham, sizes):
    """Energies and projectors of levels with these numbers of bands, from below."""
    energy, u = np.linalg.eigh(ham)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    spans = [slice(a, b) for a, b in pairwise(edges)]
    return (
        np.array([energy[span].mean() for span in spans]),
        [u[:, span] @ u[:, span].conj().T for span in spans],
    )


def tensors_of_levels(model, kpt_c, sizes, weight_i=None):
    """Energies, spin QGT [B, C, a, b, c] and Zeeman QGT [B, C, a, b] from projectors alone.

    T_BC = Tr[P_B J P_C V] / (e_B - e_C)^2,   Tz_BC = -i Tr[P_B V P_C sigma] / (e_B - e_C)
    """
    ops = operators_at(model, kpt_c)
    energy, levels = projectors(ops.ham, sizes)
    current = spin_current(ops.covariant, ops.spin, weight_i)
    sigma = pauli(ops.spin, weight_i)
    n = len(sizes)
    spin = np.zeros((n, n, 3, 3, 3), dtype=complex)
    zeeman = np.zeros((n, n, 3, 3), dtype=complex)
    for one in range(n):
        for other in range(n):
            if one == other:
                continue
            gap = energy[one] - energy[other]
            for a in range(3):
                v = levels[one] @ ops.covariant[a] @ levels[other]
                for c in range(3):
                    zeeman[one, other, a, c] = -1j * np.trace(v @ sigma[c]) / gap
                    j = levels[one] @ current[a, c] @ levels[other]
                    for b in range(3):
                        spin[one, other, a, b, c] = np.trace(j @ ops.covariant[b]) / gap**2
    return energy, spin, zeeman


def derivatives(model, kpt_c, weight_i=None):
    """D_b sigma_s [b, s] and D_b J_as [b, a, s] in the Wannier gauge, term by term.

    D_b O = d_b O - i [A_b, O],   d_b D_a H = d_b d_a H - i [d_b A_a, H] - i [A_a, d_b H]
    """
    ops = operators_at(model, kpt_c)
    place_Ra = model.R_Rc @ model.cell_ca

    def slope(op_Rij, b):
        return bloch_sum(model, 1j * place_Ra[:, b, None, None] * op_Rij, kpt_c)

    def commutator(one, other):
        return one @ other - other @ one

    dham = np.array([slope(model.ham_Rij, a) for a in range(3)])
    dspin = np.empty((3, 3, *ops.ham.shape), dtype=complex)
    dcurrent = np.empty((3, 3, 3, *ops.ham.shape), dtype=complex)
    sigma = pauli(ops.spin, weight_i)
    current = spin_current(ops.covariant, ops.spin, weight_i)
    for b in range(3):
        bare = pauli(np.array([slope(model.spin_Rsij[:, s], b) for s in range(3)]), weight_i)
        for s in range(3):
            dspin[b, s] = bare[s] - 1j * commutator(ops.pos[b], sigma[s])
        for a in range(3):
            second = slope(1j * place_Ra[:, a, None, None] * model.ham_Rij, b)
            second = second - 1j * commutator(slope(model.pos_Raij[:, a], b), ops.ham)
            second = second - 1j * commutator(ops.pos[a], dham[b])
            for s in range(3):
                product = second @ sigma[s] + sigma[s] @ second
                product = product + ops.covariant[a] @ bare[s] + bare[s] @ ops.covariant[a]
                rest = commutator(ops.pos[b], current[a, s])
                dcurrent[b, a, s] = product / 4 - 1j * rest
    return dspin, dcurrent


def slopes_of_levels(model, kpt_c, sizes, weight_i=None, h=4e-4):
    """Finite differences of Tr_B sigma_s [b, B, s] and Tr_B J_as [b, B, a, s] along Cartesian b."""

    def traces(at_c):
        ops = operators_at(model, at_c)
        _, levels = projectors(ops.ham, sizes)
        current = spin_current(ops.covariant, ops.spin, weight_i)
        sigma = pauli(ops.spin, weight_i)
        return (
            np.array([[np.trace(p @ s).real for s in sigma] for p in levels]),
            np.array([[[np.trace(p @ j).real for j in row] for row in current] for p in levels]),
        )

    found = []
    for b in range(3):
        step_c = model.cell_ca[:, b] * h / (2 * np.pi)  # k.a_c = 2 pi kappa_c
        ahead, behind = traces(kpt_c + step_c), traces(kpt_c - step_c)
        far, back = traces(kpt_c + 2 * step_c), traces(kpt_c - 2 * step_c)
        found.append(
            [
                (8 * (p - m) - (pp - mm)) / (12 * h)
                for p, m, pp, mm in zip(ahead, behind, far, back, strict=True)
            ]
        )
    return np.array([x[0] for x in found]), np.array([x[1] for x in found])


def level_rows(sizes):
    """First band of every level."""
    return np.concatenate([[0], np.cumsum(sizes)[:-1]])
