"""Directions along which a slab, wire or molecule does not repeat.

Wannier90 may fold centres into one cell in all directions, so that a slab which crosses the cell's
boundary comes in two pieces.  With a single ab-initio k point along a direction, no matrix element
changes when a Wannier function moves by a lattice vector along it: only its centre does.
"""

from __future__ import annotations

import numpy as np

from w90spin.arrays import FloatArray, IntArray


def unwrapping_shifts(centres_ia: FloatArray, cell_ca: FloatArray, axis: int) -> IntArray:
    """Cells by which to move each Wannier function so that none is cut off by the boundary.

    Parameters
    ----------
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    axis : int
        Open lattice direction.

    Returns
    -------
    int array (i)
        Numbers of cells; the widest empty height along the axis ends up outside, and as few
        functions as possible are moved.

    Examples
    --------
    >>> import numpy as np
    >>> heights = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 9.5], [0.0, 0.0, 2.0]])
    >>> unwrapping_shifts(heights, np.diag([3.0, 3.0, 10.0]), 2).tolist()
    [0, -1, 0]
    """
    reduced_i = (centres_ia @ np.linalg.inv(cell_ca))[:, axis]
    inside_i = reduced_i % 1.0
    ordered = np.sort(inside_i)
    gaps = np.diff(ordered, append=ordered[0] + 1.0)
    bottom = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
    target_i = bottom + (inside_i - bottom) % 1.0
    shift_i = np.rint(target_i - reduced_i).astype(np.int64)
    values, counts = np.unique(shift_i, return_counts=True)
    commonest: IntArray = shift_i - values[int(np.argmax(counts))]
    return commonest
