"""Checks of matrices on lattice vectors, shared by the readers of H(R)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import FileValueError

# eV.  Wannier90 rounds its files at 1e-6 and is Hermitian to that; the margin is for files by hand
# with fewer decimals.  Beyond it a number was changed, and bands would be wrong without a sign.
HERMITIAN_LIMIT = 1e-4

LARGEST_COORDINATE = 1e6  # Å, or reduced; more is damage

LARGEST_ELEMENT = 100.0
"""Overlaps and spins between normalised states are at most 1; pseudo wave functions add some."""

_BATCH = 1 << 17  # matrix elements compared at a time


class Violation(NamedTuple):
    """Where a matrix departs most from Hermiticity: by how much, R, row and column."""

    size: float
    index_R: int
    i: int
    j: int


def opposite_index(R_Rc: IntArray) -> IntArray:
    """Index of -R for each R; -1 where it is missing.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors, each once.

    Examples
    --------
    >>> opposite_index(np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0]])).tolist()
    [0, 2, 1, -1]
    """
    index_of = {tuple(R): index for index, R in enumerate(R_Rc.tolist())}
    return np.array(
        [index_of.get((-R[0], -R[1], -R[2]), -1) for R in R_Rc.tolist()], dtype=np.int64
    )


def repeated_index(R_Rc: IntArray) -> int:
    """Index of the first lattice vector that came before; -1 if there is none."""
    seen: set[tuple[int, ...]] = set()
    for index, R in enumerate(R_Rc.tolist()):
        if tuple(R) in seen:
            return index
        seen.add(tuple(R))
    return -1


def worst_violation(
    R_Rc: IntArray, op_Rij: ComplexArray, degeneracy_R: IntArray | None = None
) -> Violation:
    r"""Largest departure from :math:`O_{ij}(R) = O_{ji}(-R)^*`, and where it is.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors; R without -R are left out.
    op_Rij : complex array (R, i, j)
        Operator between Wannier functions.
    degeneracy_R : int array (R), optional
        Degeneracies to divide it by; those of R and -R are equal.

    Returns
    -------
    Violation
        Size in the operator's unit, index of R, i and j, all from 0.
    """
    opposite_R = opposite_index(R_Rc)
    paired = np.flatnonzero(opposite_R >= np.arange(len(R_Rc)))  # each pair once, and R = 0
    n_wann = op_Rij.shape[1]
    per_batch = max(1, _BATCH // max(n_wann**2, 1))
    worst = Violation(0.0, 0, 0, 0)
    for begin in range(0, len(paired), per_batch):
        batch = paired[begin : begin + per_batch]
        with np.errstate(over="ignore"):  # an overflow is the largest violation
            size_Rij = np.abs(op_Rij[batch] - op_Rij[opposite_R[batch]].swapaxes(1, 2).conj())
            if degeneracy_R is not None:
                size_Rij /= degeneracy_R[batch, None, None]
        position = int(np.argmax(size_Rij))
        R, i, j = np.unravel_index(position, size_Rij.shape)
        if size_Rij[R, i, j] > worst.size:
            worst = Violation(float(size_Rij[R, i, j]), int(batch[R]), int(i), int(j))
    return worst


def hermiticity_violation(R_Rc: IntArray, op_Rij: ComplexArray) -> float:
    r"""Largest :math:`|O_{ij}(R) - O_{ji}(-R)^*|` over R, i, j.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors; R without -R are left out.
    op_Rij : complex array (R, i, j)
        Operator between Wannier functions, divided by the degeneracies.

    Returns
    -------
    float
        In the operator's unit.

    Examples
    --------
    >>> R_Rc = np.array([[0, 0, 0]])
    >>> hermiticity_violation(R_Rc, np.array([[[1.0, 1j], [1j, 0.0]]]))
    2.0
    """
    return worst_violation(R_Rc, op_Rij).size


def cell_problem(cell_ca: FloatArray) -> str:
    """What is wrong with lattice vectors in rows [Å]; empty if nothing is.

    Examples
    --------
    >>> cell_problem(np.eye(3))
    ''
    >>> cell_problem(np.ones((3, 3)))[-23:]
    'are linearly dependent.'
    """
    shown = f"the lattice vectors {cell_ca.tolist()} Å"
    if not (np.abs(cell_ca) <= LARGEST_COORDINATE).all():
        return f"{shown} are longer than {LARGEST_COORDINATE:g} Å."
    volume = abs(float(np.linalg.det(cell_ca)))
    if not volume > 1e-9 * float(np.prod(np.linalg.norm(cell_ca, axis=1))):
        return f"{shown} are linearly dependent."
    return ""


def refuse_bad_lattice_vectors(
    path: Path, R_Rc: IntArray, degeneracy_R: IntArray, remedy: str
) -> None:
    """Refuse lattice vectors given twice, without R = 0, without -R, or with degeneracy below 1."""
    repeated = repeated_index(R_Rc)
    if repeated >= 0:
        raise FileValueError(
            path, _name(R_Rc[repeated]), "this lattice vector comes twice.", remedy
        )
    if not (R_Rc == 0).all(axis=1).any():
        raise FileValueError(path, "R = (0, 0, 0)", "this lattice vector is missing.", remedy)
    opposite_R = opposite_index(R_Rc)
    if (opposite_R < 0).any():
        lonely = R_Rc[np.argmax(opposite_R < 0)]
        raise FileValueError(
            path,
            _name(lonely),
            f"there is no {_name(-lonely)}, without which H(k) is not Hermitian.",
            remedy,
        )
    if (degeneracy_R < 1).any():
        bad = int(np.argmax(degeneracy_R < 1))
        raise FileValueError(
            path, _name(R_Rc[bad]), f"its degeneracy is {degeneracy_R[bad]}, below 1.", remedy
        )
    unequal_R = degeneracy_R != degeneracy_R[opposite_R]
    if unequal_R.any():
        bad = int(np.argmax(unequal_R))
        raise FileValueError(
            path,
            _name(R_Rc[bad]),
            f"its degeneracy is {degeneracy_R[bad]}, that of -R is"
            f" {degeneracy_R[opposite_R[bad]]}; they must be equal.",
            remedy,
        )


def refuse_non_hermitian(
    path: Path, R_Rc: IntArray, degeneracy_R: IntArray, ham_Rij: ComplexArray, remedy: str
) -> None:
    """Refuse a Hamiltonian, not yet divided by the degeneracies, that is far from Hermitian."""
    worst = worst_violation(R_Rc, ham_Rij, degeneracy_R)
    if worst.size > HERMITIAN_LIMIT:
        i, j = worst.i + 1, worst.j + 1
        raise FileValueError(
            path,
            f"{_name(R_Rc[worst.index_R])}, i = {i}, j = {j}",
            "expected H_ij(R) equal to the conjugate of H_ji(-R), found them to differ by"
            f" {worst.size:.6g} eV (more than {HERMITIAN_LIMIT:g} eV): the Hamiltonian is not"
            " Hermitian. A number was changed.",
            f"{remedy} If the file is meant so, make H(R) the mean of itself and the adjoint of"
            " H(-R), and write that with write_hr or write_tb.",
        )


def _name(R_c: IntArray) -> str:
    return "R = ({}, {}, {})".format(*(int(x) for x in R_c))
