"""Lattice of a model: direct and reciprocal vectors, and the volume of the periodic directions."""

from __future__ import annotations

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import ModelError


def reciprocal_lattice(cell_ca: FloatArray) -> FloatArray:
    """Reciprocal vectors b_c with a_c . b_c' = 2π δ_cc'.

    Parameters
    ----------
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]

    Returns
    -------
    float array (c, a)
        Reciprocal vectors in rows. [1/Å]
    """
    recip_ca: FloatArray = np.asarray(2.0 * np.pi * np.linalg.inv(cell_ca).T, dtype=np.float64)
    return recip_ca


def cell_measure(cell_ca: FloatArray, periodic: tuple[bool, bool, bool]) -> float:
    """Length, area or volume spanned by the periodic lattice vectors.

    Parameters
    ----------
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    periodic : 3 bools
        Which lattice directions the crystal repeats along.

    Returns
    -------
    float
        Å to the power of the number of periodic directions; 1 for none.

    Raises
    ------
    ModelError
        If the vectors are linearly dependent.
    """
    rows_ca = cell_ca[np.array(periodic)]
    measure = float(np.sqrt(max(np.linalg.det(rows_ca @ rows_ca.T), 0.0)))
    scale = float(np.prod(np.linalg.norm(rows_ca, axis=1)))
    if not measure > 1e-9 * scale:
        raise ModelError(
            f"The periodic lattice vectors {rows_ca.tolist()} Å are linearly dependent; a "
            f"{len(rows_ca)}-dimensional crystal needs independent ones. Check the cell."
        )
    return measure


def find_vectors(R_Rc: IntArray, wanted_qc: IntArray) -> IntArray:
    """Index in a list of lattice vectors of each wanted one, -1 where it is missing.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Distinct lattice vectors.
    wanted_qc : int array (q, c)
        Those to look for.

    Returns
    -------
    int array (q)
        Indices.
    """
    reach = int(max(np.abs(R_Rc).max(initial=0), np.abs(wanted_qc).max(initial=0)))
    key_R, key_q = _keys(R_Rc, reach), _keys(wanted_qc, reach)
    order = np.argsort(key_R)
    slot_q = np.minimum(np.searchsorted(key_R[order], key_q), len(key_R) - 1)
    index_q: IntArray = np.where(key_R[order][slot_q] == key_q, order[slot_q], -1)
    return index_q


def distinct_vectors(vector_pc: IntArray) -> IntArray:
    """Each lattice vector of a long list once, sorted.

    Parameters
    ----------
    vector_pc : int array (p, c)
        Lattice vectors.

    Returns
    -------
    int array (R, c)

    Examples
    --------
    >>> distinct_vectors(np.array([[1, 0, 0], [0, 0, 2], [1, 0, 0]])).tolist()
    [[0, 0, 2], [1, 0, 0]]
    """
    _, first = np.unique(_keys(vector_pc, int(np.abs(vector_pc).max(initial=0))), return_index=True)
    distinct: IntArray = vector_pc[first]
    return distinct


def _keys(vector_pc: IntArray, reach: int) -> IntArray:
    """One integer for each lattice vector, in lexicographic order."""
    base = 2 * reach + 1
    keys: IntArray = (vector_pc + reach) @ np.array([base * base, base, 1])
    return keys
