"""Massive Dirac electrons on a square lattice, with real spin."""

from __future__ import annotations

import numpy as np

from w90spin.errors import ModelError
from w90spin.model.toys.hoppings import SX, SY, SZ, Hoppings, X, Y, square_cell
from w90spin.model.wannier import WannierModel


def qwz(*, m: float = -0.3, v: float = 2.0, wilson: float = 0.5, a: float = 4.0) -> WannierModel:
    r"""Qi-Wu-Zhang model: massive Dirac electrons, a Chern insulator for some masses.

    .. math::

        H = \frac{v}{a}(\sin x\,\sigma_x + \sin y\,\sigma_y)
            + [m + w (2 - \cos x - \cos y)]\,\sigma_z

    Parameters
    ----------
    m : float
        Mass at Γ. [eV]
    v : float
        Velocity there. [eV Å]
    wilson : float
        w, which makes the masses at X, Y and M others: m + 2w and m + 4w. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        One orbital; σ is its spin.

    Notes
    -----
    E = ±|d| with d the coefficients of σ.  For \|w\| ≤ \|v\|/a the gap is
    2 min(\|m\|, \|m + 2w\|, \|m + 4w\|).  With w > 0 the lower band has the Chern number -1 for
    -2w < m < 0, +1 for -4w < m < -2w, 0 otherwise (curvature i∂×⟨u|∂u⟩, that is σ_xy = -C e²/h).

    References
    ----------
    X.-L. Qi, Y.-S. Wu, S.-C. Zhang, Phys. Rev. B 74, 085308 (2006),
    https://doi.org/10.1103/PhysRevB.74.085308

    Examples
    --------
    >>> model = qwz(m=-0.3)
    >>> model.n_wann, model.dimension
    (2, 2)
    """
    terms = Hoppings(2)
    terms.sine(X, v / a * SX)
    terms.sine(Y, v / a * SY)
    terms.onsite((m + 2 * wilson) * SZ)
    for R in (X, Y):
        terms.cosine(R, -wilson * SZ)
    return terms.spinors("Qi-Wu-Zhang", square_cell(a), np.zeros((1, 3)))


def dirac_lattice(*, gap: float = 0.01, zeta: float = 1e-3, a: float = 4.0) -> WannierModel:
    r"""Gapped Dirac surface on a lattice, with one sharp spot in the zone.

    .. math::

        H = t (\sin y\,\sigma_x - \sin x\,\sigma_y)
            + \left[\tfrac12\Delta + t (2 - \cos x - \cos y)\right] \sigma_z,
        \qquad t = \frac{\Delta}{8}\left(\frac1\zeta - 1\right)

    Parameters
    ----------
    gap : float
        Δ, at Γ. [eV]
    zeta : float
        Gap over bandwidth, from the bottom of the lower to the top of the upper band; smaller is
        sharper.
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        One orbital; σ is its spin.

    Raises
    ------
    ModelError
        If the gap is not positive or ``zeta`` not between 0 and 1.

    Notes
    -----
    Around Γ this is the surface v(k_y σ_x - k_x σ_y) + (Δ/2) σ_z with v = ta.  E = ±|d| lies
    between Δ/2 (at Γ) and Δ/2ζ (at M).  No Chern number: take :func:`qwz` for that.
    """
    if not gap > 0 or not 0 < zeta < 1:
        raise ModelError(
            f"dirac_lattice with gap = {gap} and zeta = {zeta}: the gap must be positive and zeta, "
            "the gap over the bandwidth, between 0 and 1."
        )
    t = gap / 8 * (1 / zeta - 1)
    terms = Hoppings(2)
    terms.sine(Y, t * SX)
    terms.sine(X, -t * SY)
    terms.onsite((gap / 2 + 2 * t) * SZ)
    for R in (X, Y):
        terms.cosine(R, -t * SZ)
    return terms.spinors("gapped Dirac surface", square_cell(a), np.zeros((1, 3)))
