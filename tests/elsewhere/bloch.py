"""Bloch sums written out term by term, in both phase conventions."""

import itertools

import numpy as np


def ham_ours(model, kpt_c):
    """Phases with lattice vectors only."""
    ham_ij = np.zeros((model.n_wann, model.n_wann), dtype=complex)
    for R_c, ham_Rij in zip(model.R_Rc, model.ham_Rij, strict=True):
        ham_ij += np.exp(2j * np.pi * np.dot(kpt_c, R_c)) * ham_Rij
    return ham_ij


def ham_with_positions(terms, position_ic, kpt_c):
    """Convention I: sum of t exp(2πi k.(R + t_j - t_i)) for terms (t, i, j, R), adjoints added.

    Terms with i == j at home are taken as they are; t may be a block of spin components.
    """
    n_spin = np.shape(terms[0][0])[0] if np.ndim(terms[0][0]) else 1
    n = len(position_ic)
    ham = np.zeros((n, n_spin, n, n_spin), dtype=complex)
    for t, i, j, R in terms:
        block = np.asarray(t, dtype=complex).reshape(n_spin, n_spin)
        phase = np.exp(2j * np.pi * np.dot(kpt_c, np.array(R) + position_ic[j] - position_ic[i]))
        ham[i, :, j, :] += phase * block
        if i != j or np.any(R):
            ham[j, :, i, :] += np.conj(phase) * block.conj().T
    return ham.reshape(n * n_spin, n * n_spin)


def random_terms(n_orbitals, n_spin, reach, seed):
    """On-site terms and hoppings, each with only one of R and -R."""
    rng = np.random.default_rng(seed)

    def block(hermitian):
        value = rng.normal(size=(n_spin, n_spin)) + 1j * rng.normal(size=(n_spin, n_spin))
        value = value + value.conj().T if hermitian else value
        return value if n_spin == 2 else complex(value[0, 0])

    home = (0,) * len(reach)
    terms = [(block(True), i, i, home) for i in range(n_orbitals)]
    for R in itertools.product(*(range(-r, r + 1) for r in reach)):
        for i, j in itertools.product(range(n_orbitals), repeat=2):
            if R > home or (i < j and not any(R)):  # noqa: SIM300
                terms.append((block(False), i, j, R))
    return terms


def velocity(ham, kpt_c, cell_ca, axis, step=1e-5):
    """|<n|dH/dk|m>| of a Hamiltonian whose phases hold the positions, by differences. [eV Å]"""
    shift_c = step * cell_ca[:, axis] / (2.0 * np.pi)
    _, u = np.linalg.eigh(ham(kpt_c))
    slope = (ham(kpt_c + shift_c) - ham(kpt_c - shift_c)) / (2.0 * step)
    return np.abs(u.conj().T @ slope @ u)


def velocity_ours(model, kpt_c, axis):
    """|<n|∂H - i[A, H]|m>| of a model. [eV Å]"""
    phase_R = np.exp(2j * np.pi * model.R_Rc @ kpt_c)
    R_R = (model.R_Rc @ model.cell_ca)[:, axis]
    ham = np.einsum("R,Rij->ij", phase_R, model.ham_Rij)
    slope = np.einsum("R,R,Rij->ij", phase_R, 1j * R_R, model.ham_Rij)
    pos = np.einsum("R,Rij->ij", phase_R, model.pos_Raij[:, axis])
    _, u = np.linalg.eigh(ham)
    return np.abs(u.conj().T @ (slope - 1j * (pos @ ham - ham @ pos)) @ u)
