r"""Haldane's and Kane and Mele's models on the honeycomb lattice.

Both have :math:`\mathbf a_{1,2} = a(\pm\tfrac12, \tfrac{\sqrt3}2)`, A at the origin and B at
:math:`(0, a/\sqrt3)`, neighbours of A in the cells 0, -a₁ and -a₂, and second neighbours a₁, -a₂
and a₂ - a₁ that one reaches from A by turning left.
"""

from __future__ import annotations

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.model.toys.hoppings import SLAB_HEIGHT, SX, SY, SZ, Hoppings, ONE_ij, RAISE_ij, kron
from w90spin.model.wannier import WannierModel

NEIGHBOURS = ((0, 0, 0), (-1, 0, 0), (0, -1, 0))
SECOND_NEIGHBOURS = ((1, 0, 0), (0, -1, 0), (-1, 1, 0))


def haldane(
    *, t: float = 1.0, t2: float = 0.1, phi: float = np.pi / 2, m: float = 0.0, a: float = 2.46
) -> WannierModel:
    r"""Haldane's Chern insulator, without spin.

    .. math::

        H = t f \tau_+ + \mathrm{h.c.} + m\tau_z
            + 2 t_2 \cos\varphi\; p - 2 t_2\sin\varphi\; g\,\tau_z,

    .. math::

        f = 1 + e^{-ix_1} + e^{-ix_2},\quad
        p = \cos x_1 + \cos x_2 + \cos(x_2 - x_1),\quad
        g = \sin x_1 - \sin x_2 + \sin(x_2 - x_1)

    Parameters
    ----------
    t : float
        Hopping between neighbours. [eV]
    t2 : float
        Size of the hopping between second neighbours. [eV]
    phi : float
        Its phase: :math:`\langle A0|H|AR\rangle = t_2 e^{i\varphi}` for R = a₁, -a₂, a₂ - a₁ and
        the conjugate on B. [radian]
    m : float
        Potential, +m on A and -m on B. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Orbitals A, B; no spin.

    Notes
    -----
    E = 2 t₂ p cos φ ± [t²|f|² + (m - 2 t₂ g sin φ)²]^½.  At the two corners of the zone the bands
    are 2\|m ± 3√3 t₂ sin φ\| apart.  The Chern number of the lower band is -sgn(t₂ sin φ) for
    \|m\| < 3√3 \|t₂ sin φ\|, else 0 (curvature i∂×⟨u|∂u⟩, that is σ_xy = -C e²/h).

    References
    ----------
    F. D. M. Haldane, Phys. Rev. Lett. 61, 2015 (1988),
    https://doi.org/10.1103/PhysRevLett.61.2015
    """
    turn_ij = np.cos(phi) * ONE_ij + 1j * np.sin(phi) * SZ
    terms = Hoppings(2)
    for R in NEIGHBOURS:
        terms.hop(R, t * RAISE_ij)
    for R in SECOND_NEIGHBOURS:
        terms.hop(R, t2 * turn_ij)
    terms.onsite(m * SZ)
    return terms.model("Haldane", _cell(a), _sites(a))


def kane_mele(
    *, t: float = 1.0, soc: float = 0.06, rashba: float = 0.05, m: float = 0.1, a: float = 2.46
) -> WannierModel:
    r"""Kane and Mele's spin Hall insulator.

    .. math::

        H = t \sum_{\langle ij\rangle} c_i^\dagger c_j
            + i\lambda \sum_{\langle\langle ij\rangle\rangle} \nu_{ij} c_i^\dagger \sigma_z c_j
            + i\lambda_R \sum_{\langle ij\rangle}
              c_i^\dagger (\boldsymbol\sigma\times\hat{\mathbf d}_{ij})_z c_j
            + m \sum_i \xi_i c_i^\dagger c_i

    with ν = sgn (d₁ × d₂)_z of the two bonds from j to i, and d̂ from i to j.

    Parameters
    ----------
    t : float
        Hopping between neighbours. [eV]
    soc : float
        Intrinsic spin-orbit coupling λ. [eV]
    rashba : float
        Rashba coupling λ_R. [eV]
    m : float
        Potential, +m on A and -m on B. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down.

    Notes
    -----
    Time reversal is kept.  Without Rashba coupling spin up is Haldane's model with t₂ = λ and
    φ = π/2, spin down with φ = -π/2:

    .. math::

        E = \pm\sqrt{t^2 |f|^2 + (m \mp 2\lambda g)^2},

    with 2\|m ± 3√3λ\| between the bands of either spin at the corners of the zone.  For
    \|m\| < 3√3\|λ\| the spin Chern number (C↑ - C↓)/2 is -sgn λ and the spin Hall conductivity
    :math:`\sigma^z_{xy} = -(|e|/2\pi)\,\mathrm{sgn}\,\lambda`, else both are 0.  With Rashba
    coupling and m = 0, at the corners,

    .. math::

        E = -\Lambda, -\Lambda, \Lambda \pm 3\lambda_R, \qquad \Lambda = 3\sqrt3\,\lambda,

    so that the gap closes at λ_R = 2√3 λ.

    References
    ----------
    C. L. Kane, E. J. Mele, Phys. Rev. Lett. 95, 146802 (2005),
    https://doi.org/10.1103/PhysRevLett.95.146802
    """
    terms = Hoppings(4)
    sites_xa = _sites(a)
    for R in NEIGHBOURS:
        bond_a = np.array(R) @ _cell(a) + sites_xa[1]
        d_x, d_y, _ = bond_a / np.linalg.norm(bond_a)
        hop = t * ONE_ij + 1j * rashba * (SX * d_y - SY * d_x)
        terms.hop(R, kron(RAISE_ij, hop))
    for R in SECOND_NEIGHBOURS:
        terms.hop(R, 1j * soc * kron(SZ, SZ))
    terms.onsite(m * kron(SZ, ONE_ij))
    return terms.spinors("Kane-Mele", _cell(a), sites_xa)


def _cell(a: float) -> FloatArray:
    half, height = a / 2, a * np.sqrt(3) / 2
    return np.array([[half, height, 0.0], [-half, height, 0.0], [0.0, 0.0, SLAB_HEIGHT]])


def _sites(a: float) -> FloatArray:
    return np.array([[0.0, 0.0, 0.0], [0.0, a / np.sqrt(3), 0.0]])
