"""An isolated flat band."""

from __future__ import annotations

import numpy as np

from w90spin.arrays import ComplexArray
from w90spin.model.toys.hoppings import SX, SY, SZ, Hoppings, ONE_ij, kron, square_cell
from w90spin.model.wannier import WannierModel


def flat_band(
    *, t: float = 0.5, soc: float = 0.1, rashba: float = 0.0, a: float = 4.0
) -> WannierModel:
    r"""Lieb lattice with spin-orbit coupling: a flat band between two dispersive ones.

    .. math::

        H = \begin{pmatrix} 0 & t(1 + e^{-ix}) & t(1 + e^{-iy}) \\
            \cdot & 0 & -i\lambda\sigma_z (1 - e^{ix})(1 - e^{-iy}) \\
            \cdot & \cdot & 0 \end{pmatrix}

    Parameters
    ----------
    t : float
        Hopping between the corner and the edges of the square. [eV]
    soc : float
        Intrinsic spin-orbit coupling λ between the edges. [eV]
    rashba : float
        Rashba coupling: ⟨i|H|j⟩ between corner and edge contains i rashba (σ × d̂)_z with d̂ from i
        to j. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Basis corner, edge along x, edge along y, each up and down.

    Notes
    -----
    Time reversal is kept.  Without ``rashba`` inversion is too, every band is doubly degenerate,
    the flat one is at 0 for all k, and

    .. math::

        E = 0, \pm 2\sqrt{t^2 (\cos^2\tfrac x2 + \cos^2\tfrac y2)
            + 4\lambda^2 \sin^2\tfrac x2 \sin^2\tfrac y2},

    with the gap min(4\|λ\|, 2\|t\|) on either side; the spin Chern number of the lower pair is
    sgn λ.  ``rashba`` gives the middle bands a width.

    References
    ----------
    C. Weeks, M. Franz, Phys. Rev. B 82, 085310 (2010),
    https://doi.org/10.1103/PhysRevB.82.085310
    """
    terms = Hoppings(6)
    # The edge in the same cell lies at +a/2, that of the cell before at -a/2.
    for edge, before, cross_ij in ((1, (-1, 0, 0), -SY), (2, (0, -1, 0), SX)):
        corner_ij = _element(0, edge)
        terms.hop((0, 0, 0), kron(corner_ij, t * ONE_ij + 1j * rashba * cross_ij))
        terms.hop(before, kron(corner_ij, t * ONE_ij - 1j * rashba * cross_ij))
    for R, sign in (((0, 0, 0), 1), ((1, 0, 0), -1), ((0, -1, 0), -1), ((1, -1, 0), 1)):
        terms.hop(R, kron(_element(1, 2), -1j * sign * soc * SZ))
    sites_xa = np.array([[0.0, 0.0, 0.0], [a / 2, 0.0, 0.0], [0.0, a / 2, 0.0]])
    return terms.spinors("Lieb lattice", square_cell(a), sites_xa)


def _element(i: int, j: int) -> ComplexArray:
    """|i⟩⟨j| among the three sites."""
    matrix = np.zeros((3, 3), dtype=np.complex128)
    matrix[i, j] = 1
    return matrix
