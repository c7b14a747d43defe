"""Three-dimensional semimetals of two bands: a pair of Weyl points, a nodal line."""

from __future__ import annotations

import numpy as np

from w90spin.errors import ModelError
from w90spin.model.toys.hoppings import SX, SY, SZ, Hoppings, X, Y, Z
from w90spin.model.wannier import WannierModel

EVERYWHERE = (True, True, True)


def weyl_pair(
    *, k0: float = 0.3, v: float = 2.0, tz: float = 0.5, wilson: float = 0.5, a: float = 4.0
) -> WannierModel:
    r"""Magnetic Weyl semimetal with two nodes, at (0, 0, ±k0).

    .. math::

        H = \frac va (\sin x\,\sigma_x + \sin y\,\sigma_y)
            + [t_z(\cos k_0 a - \cos z) + w(2 - \cos x - \cos y)]\,\sigma_z

    Parameters
    ----------
    k0 : float
        Distance of the nodes from Γ. [1/Å]
    v : float
        Velocity in the plane; that along z is :math:`t_z a\sin k_0 a`. [eV Å]
    tz : float
        Hopping along z. [eV]
    wilson : float
        w, which keeps the other zone faces gapped. [eV]
    a : float
        Lattice constant of the cubic cell. [Å]

    Returns
    -------
    WannierModel
        One orbital; σ is its spin.

    Raises
    ------
    ModelError
        If k0 is not inside the zone or there would be more nodes.

    Notes
    -----
    E = ±|d| with d the coefficients of σ; both nodes are at 0 eV.  At fixed k_z this is
    :func:`qwz` with mass t_z(cos k0 a - cos z): its Chern number is -1 between the nodes and 0
    beyond them, so that at mu = 0

    .. math::

        \sigma_{xy} = +\frac{e^2}{h}\,\frac{2 k_0}{2\pi}.

    The node at +k0 has the chirality sgn det ∂d_i/∂k_j = +1, that at -k0 the opposite.  Inversion
    (σ_z) is kept, time reversal broken.
    """
    _in_zone("weyl_pair", k0, a)
    if min(tz, wilson) <= 0 or tz * (1 - np.cos(k0 * a)) >= 2 * wilson:
        raise ModelError(
            f"weyl_pair with tz = {tz} and wilson = {wilson}: both must be positive and "
            f"tz (1 - cos k0 a) = {tz * (1 - np.cos(k0 * a)):.3g} eV less than 2 wilson, or there "
            "are more than two nodes. Raise wilson."
        )
    terms = Hoppings(2)
    terms.sine(X, v / a * SX)
    terms.sine(Y, v / a * SY)
    terms.onsite((tz * np.cos(k0 * a) + 2 * wilson) * SZ)
    terms.cosine(Z, -tz * SZ)
    for R in (X, Y):
        terms.cosine(R, -wilson * SZ)
    return terms.spinors("Weyl pair", np.diag([a, a, a]), np.zeros((1, 3)), EVERYWHERE)


def nodal_line(
    *, k0: float = 0.3, gap: float = 0.01, t: float = 1.0, v: float = 2.0, a: float = 4.0
) -> WannierModel:
    r"""Nodal ring in the plane k_z = 0, opened by a small gap all along.

    .. math::

        H = t(2 + \cos k_0 a - \cos x - \cos y - \cos z)\,\sigma_z
            + \frac va \sin z\,\sigma_x + \tfrac12\Delta\,\sigma_y

    Parameters
    ----------
    k0 : float
        Where the ring crosses the k_x and k_y axes. [1/Å]
    gap : float
        Δ; 0 for a closed ring. [eV]
    t : float
        Hopping. [eV]
    v : float
        Velocity across the plane of the ring. [eV Å]
    a : float
        Lattice constant of the cubic cell. [Å]

    Returns
    -------
    WannierModel
        One orbital; σ is its spin.

    Raises
    ------
    ModelError
        If k0 is not inside the zone.

    Notes
    -----
    E = ±|d| with d the coefficients of σ.  The gap is Δ exactly, on the ring
    cos x + cos y = 1 + cos k0 a of k_z = 0, and nowhere else.  Without Δ the mirror z → -z, which
    is σ_z, protects the ring.
    """
    _in_zone("nodal_line", k0, a)
    terms = Hoppings(2)
    terms.onsite(t * (2 + np.cos(k0 * a)) * SZ + gap / 2 * SY)
    for R in (X, Y, Z):
        terms.cosine(R, -t * SZ)
    terms.sine(Z, v / a * SX)
    return terms.spinors("nodal line", np.diag([a, a, a]), np.zeros((1, 3)), EVERYWHERE)


def _in_zone(name: str, k0: float, a: float) -> None:
    if not 0 < k0 < np.pi / a:
        raise ModelError(
            f"{name} with k0 = {k0} 1/Å: it must be between 0 and the zone's face at "
            f"pi/a = {np.pi / a:.4g} 1/Å."
        )
