"""Nearly free electrons on a square lattice, with the spin-orbit couplings of two dimensions."""

from __future__ import annotations

import numpy as np

from w90spin.model.toys.hoppings import SX, SY, Hoppings, ONE_ij, X, Y, exchange_field, square_cell
from w90spin.model.wannier import WannierModel
from w90spin.units import HBAR2_OVER_2M


def square_lattice(*, mass: float = 1.0, a: float = 4.0) -> WannierModel:
    r"""One band of nearly free electrons, twice for spin.

    .. math::

        H = \frac{\hbar^2}{2 m a^2} (4 - 2\cos x - 2\cos y)

    Parameters
    ----------
    mass : float
        Effective mass at Γ. [electron masses]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        One orbital with spin; the band starts at 0.
    """
    terms = _square(mass, a)
    return terms.spinors("nearly free electrons", square_cell(a), np.zeros((1, 3)))


def rashba_square(
    *,
    mass: float = 0.5,
    alpha: float = 0.5,
    beta: float = 0.0,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.0),
    a: float = 4.0,
) -> WannierModel:
    r"""Nearly free electrons with Rashba and Dresselhaus coupling in an exchange field.

    .. math::

        H = \frac{\hbar^2}{2 m a^2} (4 - 2\cos x - 2\cos y)
            + \frac{\alpha}{a} (\sin y\,\sigma_x - \sin x\,\sigma_y)
            + \frac{\beta}{a} (\sin x\,\sigma_x - \sin y\,\sigma_y)
            + \mathbf J\cdot\boldsymbol\sigma

    Parameters
    ----------
    mass : float
        Effective mass without spin-orbit coupling. [electron masses]
    alpha : float
        Rashba coupling α. [eV Å]
    beta : float
        Dresselhaus coupling β. [eV Å]
    exchange : 3 floats
        Exchange field **J**. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        One orbital with spin.

    Notes
    -----
    E = ε ± |h| with h the coefficients of σ; without exchange the bands touch at Γ, X, Y and M.
    α and β keep time reversal, an exchange field breaks it; along z it parts the bands by 2\|J_z\|
    at these points.
    """
    terms = _square(mass, a)
    terms.sine(Y, alpha / a * SX - beta / a * SY)
    terms.sine(X, beta / a * SX - alpha / a * SY)
    terms.onsite(exchange_field(exchange))
    return terms.spinors("Rashba electrons", square_cell(a), np.zeros((1, 3)))


def _square(mass: float, a: float) -> Hoppings:
    """Kinetic energy on the square lattice, ħ²k²/2m for small k."""
    t = HBAR2_OVER_2M / (mass * a**2)
    terms = Hoppings(2)
    terms.onsite(4 * t * ONE_ij)
    for R in (X, Y):
        terms.cosine(R, -2 * t * ONE_ij)
    return terms
