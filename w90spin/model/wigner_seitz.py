"""Lattice vectors of a Wannierisation: the Wigner-Seitz list and minimal distances.

Operators known on an ab-initio mesh fix O(R) only up to vectors of the Born-von Karman supercell.
Wannier90 takes the R inside its Wigner-Seitz cell; with minimal distances every matrix element
(i, j) is moved to the images R + T for which Wannier function j in cell R + T is nearest to i in
the home cell, and shared equally where several are (J. Phys. Condens. Matter 32, 165902, Sec. 4.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.lattice import distinct_vectors, find_vectors

SEARCH = 2
"""Supercells looked at in each direction, as in Wannier90."""

LARGEST_SEARCH = 4
"""Supercells looked at where the cell is so oblique that those do not suffice."""

DISTANCE_TOLERANCE = 1e-5
"""Distances that differ by less are equal, as in Wannier90. [Å]"""


@dataclass(frozen=True, eq=False)
class ImageList:
    """Where the elements O_ij(R) of a Wigner-Seitz list go.

    Parameters
    ----------
    image_Rc : int array (q, c)
        New lattice vectors, sorted.
    source_p : int array (p)
        Index of R in the old list.
    i_p, j_p : int array (p)
        Wannier functions.
    target_p : int array (p)
        Index of the new lattice vector.
    share_p : float array (p)
        1/(number of images); not yet divided by the degeneracy of R.
    """

    image_Rc: IntArray
    source_p: IntArray
    i_p: IntArray
    j_p: IntArray
    target_p: IntArray
    share_p: FloatArray

    def move(self, op_Rxij: ComplexArray, degeneracy_R: IntArray) -> ComplexArray:
        """Operator on the new lattice vectors.

        Parameters
        ----------
        op_Rxij : complex array (R, x, i, j)
            Operator on the old ones, as in the file: not divided by the degeneracies.
        degeneracy_R : int array (R)
            Degeneracies of the old lattice vectors.

        Returns
        -------
        complex array (q, x, i, j)
        """
        n_x, n = op_Rxij.shape[1], op_Rxij.shape[-1]
        moved = np.zeros((len(self.image_Rc), n * n, n_x), dtype=np.complex128)
        pair_p = self.i_p * n + self.j_p
        share_p = self.share_p / degeneracy_R[self.source_p]
        taken_px = op_Rxij[self.source_p, :, self.i_p, self.j_p] * share_p[:, None]
        np.add.at(moved, (self.target_p, pair_p), taken_px)
        return np.ascontiguousarray(moved.transpose(0, 2, 1)).reshape(-1, n_x, n, n)


def wigner_seitz_vectors(
    cell_ca: FloatArray, mp_grid: tuple[int, int, int]
) -> tuple[IntArray, IntArray]:
    """Lattice vectors in the Wigner-Seitz cell of the Born-von Karman supercell.

    Parameters
    ----------
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    mp_grid : 3 ints
        Ab-initio mesh.

    Returns
    -------
    R_Rc : int array (R, c)
        Lattice vectors; their inverse degeneracies add up to the number of k points.
    degeneracy_R : int array (R)
        How many supercells each is equally near to.

    Raises
    ------
    ModelError
        If the cell is too oblique for the search.

    Examples
    --------
    >>> import numpy as np
    >>> R_Rc, degeneracy_R = wigner_seitz_vectors(np.eye(3), (2, 1, 1))
    >>> R_Rc[:, 0].tolist(), degeneracy_R.tolist()
    ([-1, 0, 1], [2, 1, 2])
    """
    for search in range(SEARCH, LARGEST_SEARCH + 1):
        R_Rc, degeneracy_R = _wigner_seitz_within(cell_ca, np.array(mp_grid), search)
        if abs((1.0 / degeneracy_R).sum() - math.prod(mp_grid)) < 1e-6:
            return R_Rc, degeneracy_R
    raise ModelError(
        f"The Wigner-Seitz cell of the {'x'.join(map(str, mp_grid))} supercell was not found: the "
        f"lattice vectors {cell_ca.tolist()} Å are too oblique. Use a reduced cell (Niggli, as ASE "
        "gives it)."
    )


def _wigner_seitz_within(
    cell_ca: FloatArray, grid_c: IntArray, search: int
) -> tuple[IntArray, IntArray]:
    """Lattice vectors and degeneracies, looking at so many supercells in each direction."""
    candidate_xc = _box(search * grid_c)
    shift_mc = _box(np.array([search + 1] * 3)) * grid_c
    distance_xm = cdist(candidate_xc @ cell_ca, shift_mc @ cell_ca)
    home = int(np.flatnonzero(np.all(shift_mc == 0, axis=1))[0])
    nearest_x = distance_xm.min(axis=1)
    inside_x = distance_xm[:, home] - nearest_x < DISTANCE_TOLERANCE
    degeneracy_x = (distance_xm - nearest_x[:, None] < DISTANCE_TOLERANCE).sum(axis=1)
    return candidate_xc[inside_x], degeneracy_x[inside_x]


def minimal_images(
    cell_ca: FloatArray,
    mp_grid: tuple[int, int, int],
    R_Rc: IntArray,
    centres_ia: FloatArray,
    periodic: tuple[bool, bool, bool] = (True, True, True),
) -> ImageList:
    """Nearest images of every element of a Wigner-Seitz list.

    Parameters
    ----------
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    mp_grid : 3 ints
        Ab-initio mesh.
    R_Rc : int array (R, c)
        The list.
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    periodic : 3 bools
        Directions along which there are images.

    Returns
    -------
    ImageList
    """
    # Few distinct centres carry many functions; distances are needed once per pair of centres.
    site_xa, site_i = np.unique(np.round(centres_ia, 6), axis=0, return_inverse=True)
    site_i = site_i.reshape(-1)
    members = [np.flatnonzero(site_i == x) for x in range(len(site_xa))]
    shift_mc = _box(SEARCH * np.array(periodic, dtype=np.int64)) * np.array(mp_grid)
    n_x = len(site_xa)
    between_pa = (site_xa[None, :, :] - site_xa[:, None, :]).reshape(-1, 3)
    found: list[IntArray] = []
    for source, R_c in enumerate(R_Rc):
        distance_pm = cdist(between_pa, -((R_c + shift_mc) @ cell_ca))
        nearest_pm = distance_pm - distance_pm.min(axis=1, keepdims=True) < DISTANCE_TOLERANCE
        p_s, m_s = np.nonzero(nearest_pm)
        found.append(np.column_stack([np.full(len(p_s), source), p_s // n_x, p_s % n_x, m_s]))
    site_rows = np.concatenate(found)
    count_Rxy = np.zeros((len(R_Rc), len(site_xa), len(site_xa)), dtype=np.int64)
    np.add.at(count_Rxy, tuple(site_rows[:, :3].T), 1)

    size_x = np.array([len(member) for member in members])
    order = np.argsort(site_i, kind="stable")
    first_x = np.concatenate([[0], np.cumsum(size_x)[:-1]])
    source_s, x_s, y_s, m_s = site_rows.T
    n_pairs_s = size_x[x_s] * size_x[y_s]
    row_p = np.repeat(np.arange(len(site_rows)), n_pairs_s)
    within_p = np.arange(len(row_p)) - np.repeat(np.cumsum(n_pairs_s) - n_pairs_s, n_pairs_s)
    i_p = order[first_x[x_s[row_p]] + within_p // size_x[y_s[row_p]]]
    j_p = order[first_x[y_s[row_p]] + within_p % size_x[y_s[row_p]]]
    vector_pc = R_Rc[source_s[row_p]] + shift_mc[m_s[row_p]]
    share_p = 1.0 / count_Rxy[source_s, x_s, y_s][row_p]
    return image_list(source_s[row_p], i_p, j_p, vector_pc, share_p)


def image_list(
    source_p: IntArray, i_p: IntArray, j_p: IntArray, vector_pc: IntArray, share_p: FloatArray
) -> ImageList:
    """Collect the new lattice vectors and refer to them by index.

    Parameters
    ----------
    source_p, i_p, j_p : int array (p)
        Old R and Wannier functions of every image.
    vector_pc : int array (p, c)
        New lattice vector of every image.
    share_p : float array (p)
        1/(number of images of that element).

    Returns
    -------
    ImageList
    """
    image_Rc = distinct_vectors(vector_pc)
    return ImageList(image_Rc, source_p, i_p, j_p, find_vectors(image_Rc, vector_pc), share_p)


def _box(reach_c: IntArray) -> IntArray:
    """All integer vectors with |x_c| <= reach_c, sorted."""
    axes = [np.arange(-reach, reach + 1) for reach in reach_c]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
