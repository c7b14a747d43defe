"""Degenerate bands as blocks."""

from __future__ import annotations

import numpy as np

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray

DEGENERACY_TOLERANCE = 1e-4
"""Bands closer than this are one block. [eV]  It must exceed the numerical splitting of bands that
symmetry makes degenerate: 1e-5 eV for an `_hr.dat` with its six decimals."""


def degenerate_blocks(energy_kn: FloatArray, tolerance: float) -> IntArray:
    """Label of each band's block: neighbours in energy closer than the tolerance share one.

    Parameters
    ----------
    energy_kn : float array (k, n)
        Band energies, ascending. [eV]
    tolerance : float
        Largest splitting inside a block, from each band to the next. [eV]

    Returns
    -------
    int array (k, n)
        0, 1, 2, ... from the lowest block up.

    Examples
    --------
    >>> import numpy as np
    >>> degenerate_blocks(np.array([[0.0, 1e-9, 0.3, 0.4]]), 1e-4).tolist()
    [[0, 0, 1, 2]]
    """
    new_kn = np.diff(energy_kn, axis=1, prepend=energy_kn[:, :1]) > tolerance
    blocks: IntArray = np.cumsum(new_kn, axis=1)
    return blocks


def same_block(block_kn: IntArray) -> BoolArray:
    """Whether two bands belong to one block.

    Parameters
    ----------
    block_kn : int array (k, n)
        Labels from :func:`degenerate_blocks`.

    Returns
    -------
    bool array (k, n, m)
    """
    same_knm: BoolArray = block_kn[:, :, None] == block_kn[:, None, :]
    return same_knm


def largest_in_blocks(op_knm: ComplexArray, block_kn: IntArray) -> FloatArray:
    """Largest mean of an operator over a state of a block, given at every band of that block.

    Parameters
    ----------
    op_knm : complex array (k, n, m)
        Hermitian operator between bands.
    block_kn : int array (k, n)
        Labels from :func:`degenerate_blocks`.

    Returns
    -------
    float array (k, n)
        Largest eigenvalue of the operator within the block: gauge invariant.
    """
    same_knm = same_block(block_kn)
    # Far apart, the blocks' eigenvalues come out of one diagonalisation in the order of bands.
    apart = 2.0 * float(np.abs(op_knm).sum(axis=-1).max(initial=0.0)) + 1.0
    shift_kn = apart * block_kn
    shifted_knm = np.where(same_knm, op_knm, 0.0) + shift_kn[:, :, None] * np.eye(block_kn.shape[1])
    value_kn = np.linalg.eigvalsh(shifted_knm) - shift_kn
    largest: FloatArray = np.where(same_knm, value_kn[:, None, :], -np.inf).max(axis=2)
    return largest


def block_sums(value_kxn: FloatArray, block_kn: IntArray) -> FloatArray:
    """Sum over the bands of a block, given at every band of that block.

    Parameters
    ----------
    value_kxn : float array (k, x, n)
        Values of single bands, which inside a block depend on the gauge.
    block_kn : int array (k, n)
        Labels from :func:`degenerate_blocks`.

    Returns
    -------
    float array (k, x, n)
        Gauge-invariant sums.
    """
    same_knm = same_block(block_kn)
    sums: FloatArray = value_kxn @ same_knm.astype(np.float64)
    return sums
