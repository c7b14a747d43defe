r"""k·p models of semiconductors on a lattice: k → sin(ka)/a, k² → 2(1 - cos ka)/a².

Below :math:`p_c = \sin(x_c)/a` and :math:`q_c = 2(1 - \cos x_c)/a^2`.
"""

from __future__ import annotations

import numpy as np

from w90spin.arrays import ComplexArray
from w90spin.model.spin import PAULI_sij
from w90spin.model.toys.angular_momentum import THREE_HALVES_aij
from w90spin.model.toys.hoppings import (
    SX,
    SY,
    SZ,
    Hoppings,
    ONE_ij,
    Vector,
    X,
    Y,
    Z,
    exchange_field,
    kron,
    square_cell,
)
from w90spin.model.wannier import WannierModel
from w90spin.units import HBAR2_OVER_2M

ONE4_ij = kron(ONE_ij, ONE_ij)


def bhz(
    *,
    A: float = 3.65,
    B: float = -68.6,
    D: float = -51.2,
    M: float = -0.01,
    delta: float = 0.0,
    a: float = 6.46,
) -> WannierModel:
    r"""Bernevig, Hughes and Zhang's model of a HgTe quantum well.

    .. math::

        H = -D q + (M - B q)\,\tau_z + A (p_x\,\tau_x\sigma_z - p_y\,\tau_y)
            + \delta\,\tau_y\sigma_y, \qquad q = q_x + q_y

    Parameters
    ----------
    A : float
        Coupling of the electron and hole subbands. [eV Å]
    B, D : float
        Curvature of the mass and of the mean energy. [eV Å²]
    M : float
        Mass at Γ; the bands are inverted when M/B > 0. [eV]
    delta : float
        Coupling of opposite spins by the lack of inversion in the bulk. [eV]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Basis E up, E down, H up, H down.  The pseudo-spin of the subbands stands for the spin.

    Notes
    -----
    Time reversal is iσ_y K.  With p² = p_x² + p_y²,

    .. math::

        E = -D q \pm \sqrt{(M - B q)^2 + (A p \pm \delta)^2}.

    With ``delta = 0`` all bands are pairs, 2\|M\| apart at Γ, and spin up is
    :func:`w90spin.model.toys.qwz` with m = M, w = -2B/a² and y mirrored.  With B < 0 the spin
    Chern number (C↑ - C↓)/2 is +1 for 0 < M/B < 4/a², -1 for 4/a² < M/B < 8/a² and 0 otherwise.

    References
    ----------
    B. A. Bernevig, T. L. Hughes, S.-C. Zhang, Science 314, 1757 (2006),
    https://doi.org/10.1126/science.1133734; M. König et al., J. Phys. Soc. Jpn. 77, 031007
    (2008), https://doi.org/10.1143/JPSJ.77.031007 (parameters of a 7 nm well, ``delta``).
    """
    tau_x, tau_y, tau_z = PAULI_sij
    terms = Hoppings(4)
    terms.onsite(M * kron(tau_z, ONE_ij) + delta * kron(tau_y, SY))
    for R in (X, Y):
        _squared(terms, R, a, -D * ONE4_ij - B * kron(tau_z, ONE_ij))
    terms.sine(X, A / a * kron(tau_x, SZ))
    terms.sine(Y, -A / a * kron(tau_y, ONE_ij))
    return terms.spinors("BHZ", square_cell(a), np.zeros((2, 3)))


def bi2se3(
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
    a: float = 4.14,
) -> WannierModel:
    r"""Four-band model of bulk Bi₂Se₃, a strong topological insulator.

    .. math::

        H = \epsilon - M\tau_z + A_0(p_x\,\tau_x\sigma_x + p_y\,\tau_x\sigma_y)
            + B_0 p_z\,\tau_x\sigma_z + \mathbf J\cdot\boldsymbol\sigma,

    .. math::

        \epsilon = C_0 + C_1 q_z + C_2 (q_x + q_y), \qquad M = M_0 + M_1 q_z + M_2 (q_x + q_y)

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
    a : float
        Lattice constant of the cubic cell. [Å]

    Returns
    -------
    WannierModel
        Basis orbital 1 up, down, orbital 2 up, down.

    Notes
    -----
    Without exchange E = ε ± [M² + A0²(p_x² + p_y²) + B0² p_z²]^½, each twice; time reversal is
    iσ_y K and inversion τ_z.  M0 < 0 with positive M1, M2 inverts the bands at Γ alone.  The
    smallest distance of the bands at one k is on the k_x and k_y axes:

    .. math::

        2\sqrt{M_0^2 - \frac{(2 M_0 M_2 + A_0^2)^2}{4 M_2^2 - A_0^2 a^2}}

    (0.47 eV) where 2 M0 M2 + A0² < 0 < 2 M0 M1 + B0², as here.

    References
    ----------
    C.-X. Liu et al., Phys. Rev. B 82, 045122 (2010), https://doi.org/10.1103/PhysRevB.82.045122
    """
    tau_x, _, tau_z = PAULI_sij
    terms = Hoppings(4)
    terms.onsite(C0 * ONE4_ij - M0 * kron(tau_z, ONE_ij))
    terms.onsite(kron(ONE_ij, exchange_field(exchange)))
    for R, C, M in ((X, C2, M2), (Y, C2, M2), (Z, C1, M1)):
        _squared(terms, R, a, C * ONE4_ij - M * kron(tau_z, ONE_ij))
    for R, velocity, spin_ij in ((X, A0, SX), (Y, A0, SY), (Z, B0, SZ)):
        terms.sine(R, velocity / a * kron(tau_x, spin_ij))
    periodic = (True, True, True)
    return terms.spinors("Bi2Se3", np.diag([a, a, a]), np.zeros((2, 3)), periodic)


def luttinger(
    *,
    gamma1: float = 6.85,
    gamma2: float = 2.10,
    gamma3: float = 2.90,
    strain: float = 0.0,
    a: float = 5.65,
) -> WannierModel:
    r"""Heavy and light holes of a cubic semiconductor: Luttinger's Hamiltonian of j = 3/2.

    .. math::

        H = -\frac{\hbar^2}{2m_e}\Big[\big(\gamma_1 + \tfrac52\gamma_2\big)\sum_i q_i
            - 2\gamma_2 \sum_i q_i J_i^2
            - 2\gamma_3 \sum_{i<j} p_i p_j (J_i J_j + J_j J_i)\Big]
            + s\big(J_z^2 - \tfrac54\big)

    Parameters
    ----------
    gamma1, gamma2, gamma3 : float
        Luttinger parameters; the defaults are those of GaAs.
    strain : float
        s: raises the heavy-hole pair by s and lowers the light-hole pair by s at Γ. [eV]
    a : float
        Lattice constant of the cubic cell. [Å]

    Returns
    -------
    WannierModel
        Basis m = 3/2, 1/2, -1/2, -3/2; electron energies, with the band edge of the holes at 0.

    Notes
    -----
    The spin is that of the electron in these states, σ = 2J/3; it is not pure, and there are no
    spin pairs.  Time reversal and inversion make all bands pairs,

    .. math::

        E = -c\gamma_1 \sum_i q_i \pm \big\{[c\gamma_2(2q_z - q_x - q_y) + s]^2
            + 3c^2\gamma_2^2(q_x - q_y)^2
            + 12c^2\gamma_3^2(p_x^2p_y^2 + p_y^2p_z^2 + p_z^2p_x^2)\big\}^{1/2}

    with c = ħ²/2m_e.  All four bands meet at Γ and at (π, π, π); strain parts them there, but the
    pairs still touch elsewhere.

    References
    ----------
    J. M. Luttinger, Phys. Rev. 102, 1030 (1956), https://doi.org/10.1103/PhysRev.102.1030
    """
    J_aij = THREE_HALVES_aij
    terms = Hoppings(4)
    terms.onsite(strain * (J_aij[2] @ J_aij[2] - 1.25 * ONE4_ij))
    for R, J_ij in zip((X, Y, Z), J_aij, strict=True):
        mean = (gamma1 + 2.5 * gamma2) * ONE4_ij
        _squared(terms, R, a, -HBAR2_OVER_2M * (mean - 2 * gamma2 * J_ij @ J_ij))
    pairs: tuple[tuple[int, int, Vector, Vector], ...] = (
        (0, 1, (1, -1, 0), (1, 1, 0)),
        (1, 2, (0, 1, -1), (0, 1, 1)),
        (2, 0, (1, 0, -1), (1, 0, 1)),
    )
    for i, j, difference, total in pairs:
        mixed = J_aij[i] @ J_aij[j] + J_aij[j] @ J_aij[i]
        # sin x sin y = [cos(x - y) - cos(x + y)]/2
        half = HBAR2_OVER_2M * gamma3 * mixed / a**2
        terms.cosine(difference, half)
        terms.cosine(total, -half)
    cell_ca, periodic = np.diag([a, a, a]), (True, True, True)
    return terms.model("Luttinger", cell_ca, np.zeros((4, 3)), periodic, 2 * J_aij / 3)


def _squared(terms: Hoppings, R: Vector, a: float, matrix: ComplexArray) -> None:
    """Add q = 2(1 - cos k·R)/a² times a matrix."""
    terms.onsite(2 * matrix / a**2)
    terms.cosine(R, -2 * matrix / a**2)
