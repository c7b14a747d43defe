r"""k·p models: continuum forms of the lattice toys, with a cutoff or without.

Here k is Cartesian, in 1/Å.  :meth:`~w90spin.model.continuum.ContinuumModel.lattice` puts each of
them on a lattice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray
from w90spin.errors import ModelError
from w90spin.model.continuum import ContinuumModel, Powers
from w90spin.model.spin import PAULI_sij
from w90spin.model.toys.angular_momentum import THREE_HALVES_aij
from w90spin.model.toys.hoppings import SX, SY, SZ, ONE_ij, exchange_field, kron
from w90spin.units import HBAR2_OVER_2M

Terms = dict[Powers, ComplexArray]

NONE: Powers = (0, 0, 0)
KX, KY, KZ = (1, 0, 0), (0, 1, 0), (0, 0, 1)
KX2, KY2, KZ2 = (2, 0, 0), (0, 2, 0), (0, 0, 2)


def electron_gas_kp(
    *,
    mass: float = 1.0,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.0),
    dimension: int = 2,
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Free electrons, in an exchange field: the 2DEG.

    .. math::

        H = \frac{\hbar^2 k^2}{2m} + \mathbf J\cdot\boldsymbol\sigma

    Parameters
    ----------
    mass : float
        Effective mass. [electron masses]
    exchange : 3 floats
        Exchange field **J**. [eV]
    dimension : int
        1, 2 or 3.
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis up, down.

    Notes
    -----
    In two dimensions each spin has the density of states m/2πħ² above its band edge ±\|**J**\|.
    The spin is conserved: all interband responses vanish.
    """
    terms = _kinetic(mass, dimension)
    terms[NONE] = exchange_field(exchange)
    return _spinors("free electrons, k·p", dimension, terms, cutoff)


def dirac_kp(
    *,
    v: float = 3.3,
    mass: float = 0.15,
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Gapped Dirac electrons on the surface of a topological insulator.

    .. math::

        H = v (k_y\sigma_x - k_x\sigma_y) + \Delta\,\sigma_z

    Parameters
    ----------
    v : float
        Velocity. [eV Å]
    mass : float
        Δ, half the gap. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis up, down; bands ±(v²k² + Δ²)^½.

    Notes
    -----
    With the Fermi level in the gap, ζ = ω/2Δ < 1 and :math:`S_0 = q/8\pi v`, the spin
    polarisability without cutoff is, for v, Δ > 0,

    .. math::

        \Upsilon^{(0)}_{xx} &= S_0 \\
        \Upsilon^{(1)}_{yx} &= -\frac{S_0}{\omega}
            \left[\tfrac12(1 + \zeta^{-2})\,\mathrm{artanh}\,\zeta - \tfrac1{2\zeta}\right] \\
        \Upsilon^{(2)}_{xx} &= -\frac{S_0}{\omega^2}
            \left[\frac{\mathrm{artanh}\,\zeta}{\zeta} - 1\right]

    References
    ----------
    X. Feng et al., arXiv:2409.09669, Eqs. (11)-(13).
    """
    terms: Terms = {NONE: mass * SZ, KX: -v * SY, KY: v * SX}
    return _spinors("gapped Dirac surface, k·p", 2, terms, cutoff)


def rashba_kp(
    *,
    mass: float = 0.5,
    alpha: float = 0.5,
    beta: float = 0.0,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.0),
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Two-dimensional electrons with Rashba and linear Dresselhaus coupling.

    .. math::

        H = \frac{\hbar^2 k^2}{2m} + \alpha (k_y\sigma_x - k_x\sigma_y)
            + \beta (k_x\sigma_x - k_y\sigma_y) + \mathbf J\cdot\boldsymbol\sigma

    Parameters
    ----------
    mass : float
        Effective mass. [electron masses]
    alpha, beta : float
        Rashba and Dresselhaus coupling. [eV Å]
    exchange : 3 floats
        Exchange field **J**. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis up, down; on a lattice it is :func:`rashba_square`.

    Notes
    -----
    With α alone and the Fermi level above the crossing at k = 0, :math:`\alpha(k_- - k_+) =
    2m\alpha^2/\hbar^2` whatever μ, whence the spin Hall conductivity e/8π, and the Edelstein
    effect of size αN₀/2 with N₀ = m/2πħ².

    References
    ----------
    J. Sinova et al., Phys. Rev. Lett. 92, 126603 (2004),
    https://doi.org/10.1103/PhysRevLett.92.126603
    """
    terms = _kinetic(mass, 2)
    terms[KX] = beta * SX - alpha * SY
    terms[KY] = alpha * SX - beta * SY
    terms[NONE] = exchange_field(exchange)
    return _spinors("Rashba electrons, k·p", 2, terms, cutoff)


def dresselhaus_kp(
    *,
    mass: float = 0.067,
    gamma: float = 27.6,
    kz2: float = 3.9e-4,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.0),
    cutoff: float | Sequence[float] = 0.2,
) -> ContinuumModel:
    r"""Electrons in a (001) quantum well of a zincblende semiconductor.

    .. math::

        H = \frac{\hbar^2 k^2}{2m} + \gamma\left[k_x (k_y^2 - q)\,\sigma_x
            + k_y (q - k_x^2)\,\sigma_y\right] + \mathbf J\cdot\boldsymbol\sigma,
        \qquad q = \langle k_z^2\rangle

    Parameters
    ----------
    mass : float
        Effective mass. [electron masses]
    gamma : float
        Dresselhaus coefficient of the bulk; the default is that of GaAs. [eV Å³]
    kz2 : float
        q of the lowest subband: (π/w)² in a deep well of width w. [1/Å²]
    exchange : 3 floats
        Exchange field **J**. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`; below ħ²/2mγ, beyond which the k³ of the
        coupling outweighs the kinetic energy and the lower band falls without end. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis up, down.

    Notes
    -----
    To first order in k this is :func:`rashba_kp` with β = -γq.  The bands are
    ħ²k²/2m ± γ[k_x²(k_y² - q)² + k_y²(k_x² - q)²]^½; they touch at k = 0 and where
    k_x² = k_y² = q.

    References
    ----------
    G. Dresselhaus, Phys. Rev. 100, 580 (1955), https://doi.org/10.1103/PhysRev.100.580;
    R. Winkler, Spin-Orbit Coupling Effects in Two-Dimensional Electron and Hole Systems (2003),
    https://doi.org/10.1007/b13586, Table 6.3 (γ).
    """
    terms = _kinetic(mass, 2)
    terms[KX], terms[KY] = -gamma * kz2 * SX, gamma * kz2 * SY
    terms[1, 2, 0], terms[2, 1, 0] = gamma * SX, -gamma * SY
    terms[NONE] = exchange_field(exchange)
    return _spinors("Dresselhaus electrons, k·p", 2, terms, cutoff)


def bhz_kp(
    *,
    A: float = 3.65,
    B: float = -68.6,
    D: float = -51.2,
    M: float = -0.01,
    delta: float = 0.0,
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Bernevig, Hughes and Zhang's model of a HgTe quantum well around Γ.

    .. math::

        H = -D k^2 + (M - B k^2)\,\tau_z + A (k_x\,\tau_x\sigma_z - k_y\,\tau_y)
            + \delta\,\tau_y\sigma_y

    Parameters
    ----------
    A : float
        Coupling of the electron and hole subbands. [eV Å]
    B, D : float
        Curvature of the mass and of the mean energy. [eV Å²]
    M : float
        Mass at k = 0. [eV]
    delta : float
        Coupling of opposite spins by the lack of inversion in the bulk. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis E up, E down, H up, H down; on a lattice it is :func:`bhz`, with its references.
    """
    tau_x, tau_y, tau_z = PAULI_sij
    curved = -D * np.eye(4) - B * kron(tau_z, ONE_ij)
    terms: Terms = {
        NONE: M * kron(tau_z, ONE_ij) + delta * kron(tau_y, SY),
        KX: A * kron(tau_x, SZ),
        KY: -A * kron(tau_y, ONE_ij),
        KX2: curved,
        KY2: curved,
    }
    return _spinors("BHZ, k·p", 2, terms, cutoff)


def bi2se3_kp(
    *,
    A0: float = 3.33,
    B0: float = 2.26,
    C0: float = -0.0083,
    C1: float = 5.74,
    C2: float = 30.4,
    M0: float = -0.28,
    M1: float = 6.86,
    M2: float = 44.5,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.0),
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Four-band model of bulk Bi₂Se₃ around Γ.

    .. math::

        H = \epsilon - M\tau_z + A_0(k_x\,\tau_x\sigma_x + k_y\,\tau_x\sigma_y)
            + B_0 k_z\,\tau_x\sigma_z + \mathbf J\cdot\boldsymbol\sigma

    with :math:`\epsilon = C_0 + C_1 k_z^2 + C_2 k_\parallel^2` and
    :math:`M = M_0 + M_1 k_z^2 + M_2 k_\parallel^2`.

    Parameters
    ----------
    A0, B0 : float
        Velocities in the plane and along z. [eV Å]
    C0, M0 : float
        Mean energy and mass at Γ. [eV]
    C1, C2, M1, M2 : float
        Their curvatures along z and in the plane. [eV Å²]
    exchange : 3 floats
        Exchange field **J**. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis orbital 1 up, down, orbital 2 up, down; on a lattice it is :func:`bi2se3`.

    Notes
    -----
    Without exchange E = ε ± [M² + A0² k_∥² + B0² k_z²]^½, each twice; the conduction band starts
    at C0 + \|M0\|.  Responses of the filled valence bands may depend on the cutoff: say it with
    every number.

    References
    ----------
    C.-X. Liu et al., Phys. Rev. B 82, 045122 (2010), https://doi.org/10.1103/PhysRevB.82.045122
    """
    tau_x, _, tau_z = PAULI_sij
    one = np.eye(4)
    in_plane = C2 * one - M2 * kron(tau_z, ONE_ij)
    terms: Terms = {
        NONE: C0 * one - M0 * kron(tau_z, ONE_ij) + kron(ONE_ij, exchange_field(exchange)),
        KX: A0 * kron(tau_x, SX),
        KY: A0 * kron(tau_x, SY),
        KZ: B0 * kron(tau_x, SZ),
        KX2: in_plane,
        KY2: in_plane,
        KZ2: C1 * one - M1 * kron(tau_z, ONE_ij),
    }
    return _spinors("Bi2Se3, k·p", 3, terms, cutoff)


def luttinger_kp(
    *,
    gamma1: float = 6.85,
    gamma2: float = 2.10,
    gamma3: float = 2.90,
    strain: float = 0.0,
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Heavy and light holes of a cubic semiconductor: Luttinger's Hamiltonian of j = 3/2.

    .. math::

        H = -\frac{\hbar^2}{2m_e}\Big[\big(\gamma_1 + \tfrac52\gamma_2\big) k^2
            - 2\gamma_2 \sum_i k_i^2 J_i^2
            - 2\gamma_3 \sum_{i<j} k_i k_j (J_i J_j + J_j J_i)\Big]
            + s\big(J_z^2 - \tfrac54\big)

    Parameters
    ----------
    gamma1, gamma2, gamma3 : float
        Luttinger parameters; the defaults are those of GaAs.
    strain : float
        s: raises the heavy-hole pair by s and lowers the light-hole pair by s at Γ. [eV]
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis m = 3/2, 1/2, -1/2, -3/2, σ = 2J/3; electron energies.  On a lattice it is
        :func:`luttinger`, with its references.
    """
    terms = {powers: -matrix for powers, matrix in luttinger_terms(gamma1, gamma2, gamma3).items()}
    J_z = THREE_HALVES_aij[2]
    terms[NONE] = strain * (J_z @ J_z - 1.25 * np.eye(4))
    return ContinuumModel.from_polynomial(
        terms,
        dimension=3,
        spin=2.0 * THREE_HALVES_aij / 3.0,
        cutoff=cutoff,
        name="Luttinger, k·p",
    )


def luttinger_terms(gamma1: float, gamma2: float, gamma3: float) -> Terms:
    """Luttinger's Hamiltonian in hole energies, by powers of k. [eV Å²]"""
    J_aij = THREE_HALVES_aij
    terms: Terms = {}
    for a, powers in enumerate((KX2, KY2, KZ2)):
        mean = (gamma1 + 2.5 * gamma2) * np.eye(4)
        terms[powers] = HBAR2_OVER_2M * (mean - 2.0 * gamma2 * J_aij[a] @ J_aij[a])
    for a, b, powers in ((0, 1, (1, 1, 0)), (1, 2, (0, 1, 1)), (0, 2, (1, 0, 1))):
        mixed = J_aij[a] @ J_aij[b] + J_aij[b] @ J_aij[a]
        terms[powers] = -2.0 * HBAR2_OVER_2M * gamma3 * mixed
    return terms


def _kinetic(mass: float, dimension: int) -> Terms:
    """ħ²k²/2m of spinors."""
    if not mass > 0.0:
        raise ModelError(f"mass = {mass} must be positive.")
    return dict.fromkeys((KX2, KY2, KZ2)[: max(dimension, 0)], HBAR2_OVER_2M / mass * ONE_ij)


def _spinors(
    name: str, dimension: int, terms: Terms, cutoff: float | Sequence[float]
) -> ContinuumModel:
    """Model of pure spinors, orbital by orbital, up before down."""
    n_orbitals = len(terms[NONE]) // 2
    spin_sij: ArrayLike = kron(np.eye(n_orbitals), PAULI_sij)
    return ContinuumModel.from_polynomial(
        terms, dimension=dimension, spin=spin_sij, cutoff=cutoff, name=name
    )
