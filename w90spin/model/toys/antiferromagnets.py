"""Two magnetic sublattices: antiferromagnets with PT and with tT, altermagnet, ferrimagnet."""

from __future__ import annotations

import numpy as np

from w90spin.model.toys.hoppings import (
    SX,
    SY,
    SZ,
    Hoppings,
    ONE_ij,
    RAISE_ij,
    X,
    Y,
    exchange_field,
    kron,
    square_cell,
)
from w90spin.model.wannier import WannierModel


def pt_antiferromagnet() -> WannierModel:
    """Two-sublattice antiferromagnet with PT, which exchanges the sublattices.

    P and T are broken one by one.  Every band is doubly degenerate; the gap is 0.72 eV.

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down on a 4 Å square lattice, A and B at different heights.
    """
    neighbour = -0.5 * kron(RAISE_ij, ONE_ij)
    one = kron(ONE_ij, ONE_ij)
    terms = Hoppings(4)
    terms.onsite(0.55 * kron(SZ, np.sin(0.5) * SX + np.cos(0.5) * SZ))
    for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (-1, -1, 0)):
        terms.hop(R, neighbour)
    terms.cosine(X, -0.06 * one)
    terms.cosine(Y, -0.06 * one)
    terms.cosine((1, 1, 0), 0.06 * one)
    terms.sine(X, kron(SZ, 0.25 * SY))
    terms.sine(Y, -kron(SZ, 0.25 * SX))
    terms.sine((1, 1, 0), kron(SZ, 0.06 * SZ + 0.04 * SX))
    terms.sine((1, -1, 0), kron(SZ, 0.05 * SY))
    sites_xa = np.array([[-1.0, -1.0, -0.6], [1.0, 1.0, 0.6]])
    return terms.spinors("PT antiferromagnet", square_cell(4.0), sites_xa)


def tt_antiferromagnet() -> WannierModel:
    """Two-sublattice antiferromagnet with tT: time reversal times half a translation.

    Inversion and time reversal are broken.  Bands touch at isolated k: use a shifted mesh.

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down in an 8 Å x 4 Å cell, B half a cell along x from A.
    """
    lower_ij = RAISE_ij.T
    hop_x = -0.4 * ONE_ij - 0.22 * SY / 2j + 0.07 * SZ / 2j
    hop_y = -0.32 * ONE_ij + 0.22 * SX / 2j + 0.05 * SZ / 2j
    hop_xy = -0.05 * ONE_ij + 0.04 * SX / 2j + 0.06 * SY / 2j
    hop_2x = -0.04 * ONE_ij + 0.03 * SZ / 2j
    terms = Hoppings(4)
    terms.onsite(0.5 * kron(SZ, 0.6 * SZ + 0.5 * SX + 0.35 * SY))
    terms.hop((0, 0, 0), kron(RAISE_ij, hop_x))
    terms.hop(X, kron(lower_ij, hop_x) + kron(ONE_ij, hop_2x))
    terms.hop(Y, kron(ONE_ij, hop_y) + kron(RAISE_ij, hop_xy))
    terms.hop((1, 1, 0), kron(lower_ij, hop_xy))
    sites_xa = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    return terms.spinors("tT antiferromagnet", np.diag([8.0, 4.0, 16.0]), sites_xa)


def altermagnet(
    *,
    t: float = 0.3,
    td: float = 0.08,
    exchange: tuple[float, float, float] = (0.0, 0.0, 0.5),
    rashba: float = 0.0,
    a: float = 4.0,
) -> WannierModel:
    r"""Compensated d-wave altermagnet of two sublattices.

    .. math::

        H = t (1 + e^{-ix})(1 + e^{-iy})\,\tau_+ + \mathrm{h.c.}
            + 2 t_d (\cos x - \cos y)\,\tau_z + \mathbf J\cdot\boldsymbol\sigma\,\tau_z
            + \frac{\alpha}{a} (\sin y\,\sigma_x - \sin x\,\sigma_y)

    Parameters
    ----------
    t : float
        Hopping between the sublattices. [eV]
    td : float
        Hopping within a sublattice, of opposite sign along x and y and on A and B. [eV]
    exchange : 3 floats
        Exchange field **J** on A, opposite on B. [eV]
    rashba : float
        Rashba coupling α. [eV Å]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down; A at the corner, B at the centre of the square.

    Notes
    -----
    A rotation by 90° together with time reversal exchanges the spins, so that bands split by spin
    as cos x - cos y and there is no net moment.  Without ``rashba``, for s = ±1 along **J**,

    .. math::

        E = \pm\sqrt{16 t^2 \cos^2(x/2)\cos^2(y/2) + [2 t_d(\cos x - \cos y) + s J]^2}

    and for J > 4\|td\| the gap is 2(J - 4\|td\|), at X and Y.

    References
    ----------
    L. Šmejkal, J. Sinova, T. Jungwirth, Phys. Rev. X 12, 040501 (2022),
    https://doi.org/10.1103/PhysRevX.12.040501
    """
    terms = Hoppings(4)
    for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (-1, -1, 0)):
        terms.hop(R, t * kron(RAISE_ij, ONE_ij))
    terms.cosine(X, 2 * td * kron(SZ, ONE_ij))
    terms.cosine(Y, -2 * td * kron(SZ, ONE_ij))
    terms.onsite(kron(SZ, exchange_field(exchange)))
    terms.sine(Y, rashba / a * kron(ONE_ij, SX))
    terms.sine(X, -rashba / a * kron(ONE_ij, SY))
    sites_xa = np.array([[0.0, 0.0, 0.0], [a / 2, a / 2, 0.0]])
    return terms.spinors("d-wave altermagnet", square_cell(a), sites_xa)


def ferrimagnet(
    *,
    t: float = 0.4,
    offset: float = 0.2,
    exchange: tuple[float, float] = (0.8, 0.5),
    rashba: float = 0.4,
    a: float = 4.0,
) -> WannierModel:
    r"""Two unequal sublattices with opposite exchange fields.

    .. math::

        H = t (1 + e^{-ix})(1 + e^{-iy})\,\tau_+ + \mathrm{h.c.} + \delta\,\tau_z
            + J_A\,\sigma_z P_A - J_B\,\sigma_z P_B
            + \frac{\alpha}{a} (\sin y\,\sigma_x - \sin x\,\sigma_y)

    Parameters
    ----------
    t : float
        Hopping between the sublattices. [eV]
    offset : float
        Energy δ of A, opposite on B. [eV]
    exchange : 2 floats
        Exchange fields J_A and J_B, along z on A and along -z on B. [eV]
    rashba : float
        Rashba coupling α. [eV Å]
    a : float
        Lattice constant. [Å]

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down; A at the corner, B at the centre of the square.

    Notes
    -----
    With δ = 0 and J_A = J_B it is an antiferromagnet with tT.  Without ``rashba``, for s = ±1 of
    σ_z,

    .. math::

        E = \tfrac s2 (J_A - J_B) \pm \sqrt{16 t^2 \cos^2(x/2)\cos^2(y/2)
            + [\delta + \tfrac s2 (J_A + J_B)]^2}
    """
    terms = Hoppings(4)
    for R in ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (-1, -1, 0)):
        terms.hop(R, t * kron(RAISE_ij, ONE_ij))
    terms.onsite(offset * kron(SZ, ONE_ij))
    terms.onsite(kron(np.diag([exchange[0], -exchange[1]]), SZ))
    terms.sine(Y, rashba / a * kron(ONE_ij, SX))
    terms.sine(X, -rashba / a * kron(ONE_ij, SY))
    sites_xa = np.array([[0.0, 0.0, 0.0], [a / 2, a / 2, 0.0]])
    return terms.spinors("ferrimagnet", square_cell(a), sites_xa)
