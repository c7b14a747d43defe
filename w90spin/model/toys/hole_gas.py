r"""Holes of a semiconductor in an asymmetric quantum well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from w90spin.arrays import ComplexArray
from w90spin.errors import ModelError
from w90spin.model.continuum import ContinuumModel, Powers
from w90spin.model.toys.angular_momentum import THREE_HALVES_aij
from w90spin.model.toys.kp import luttinger_terms
from w90spin.units import HBAR2_OVER_2M, VOLT_PER_METRE

LUTTINGER_PARAMETERS = {
    "GaAs": (6.85, 2.10, 2.90),
    "InAs": (20.40, 8.30, 9.10),
    "InSb": (37.10, 16.50, 17.70),
    "Ge": (13.38, 4.24, 5.69),
}
"""γ1, γ2, γ3 after R. Winkler, Spin-Orbit Coupling Effects in Two-Dimensional Electron and Hole
Systems (2003), Table D.1; H. Liu et al., Table I, print 5.24 and 4.69 for γ2 and γ3 of Ge."""

STEEPEST = 60.0
"""Largest |β| of envelopes that is looked for."""

HEAVY_m = np.array([True, False, False, True])


@dataclass(frozen=True)
class Subband:
    r"""Lowest state of holes in a well, :math:`\sin(\pi x)\, e^{-\beta x}` at x = z/w + 1/2.

    Parameters
    ----------
    beta : float
        β; negative where the field pushes holes towards large z.
    energy : float
        Kinetic and potential energy. [eV]
    """

    beta: float
    energy: float


def hole_gas_kp(
    *,
    material: str = "GaAs",
    width: float = 250.0,
    gate: float = 1e6,
    exchange: float = 0.0,
    gammas: tuple[float, float, float] | None = None,
    spin: str = "total",
    hole_energies: bool = False,
    cutoff: float | Sequence[float] = math.inf,
) -> ContinuumModel:
    r"""Two-dimensional hole gas: the lowest heavy and light holes of a (001) quantum well.

    .. math::

        \tilde H_{mm'} = \langle \phi_m | H_L(k_x, k_y, -i\partial_z) - e F z | \phi_{m'} \rangle
            + J \,\mathrm{sgn}(m)\,\delta_{mm'}

    with Luttinger's H_L in hole energies and the envelopes of heavy and light holes v

    .. math::

        \phi_v \propto \sin[\pi(z/w + \tfrac12)] \exp[-\beta_v(z/w + \tfrac12)]

    whose β minimise the energies of the two subbands at k = 0 (Bastard's variational states).

    Parameters
    ----------
    material : "GaAs", "InAs", "InSb" or "Ge"
        Whose Luttinger parameters to take.
    width : float
        w, between infinite walls. [Å]
    gate : float
        F. [V/m]
    exchange : float
        J, along z: parts the pairs at k = 0. [eV]
    gammas : 3 floats, optional
        Luttinger parameters, instead of those of the material.
    spin : "total" or "electron"
        "total": σ = 2J, all angular momentum counts as spin.  "electron": σ = 2J/3, the spin of
        the electron in states of j = 3/2.
    hole_energies : bool
        H as above.  By default it is -H, the energies of electrons, in which the bands fall from
        k = 0 and μ < 0 makes holes; responses of carriers of charge -e to hole energies, as in the
        literature below, have the opposite sign.
    cutoff : float or floats
        As in :meth:`ContinuumModel.from_polynomial`. [1/Å]

    Returns
    -------
    ContinuumModel
        Basis m = 3/2, 1/2, -1/2, -3/2; the heavy-hole edge without exchange is at 0.

    Raises
    ------
    ModelError
        For an unknown material or spin, or a width that is not positive.

    Notes
    -----
    With :math:`c = \hbar^2/2m_e` the subbands start at
    :math:`c(\gamma_1 \mp 2\gamma_2)(\pi^2 + \beta^2)/w^2 - eF\langle z\rangle`.  Heavy and light
    holes mix through :math:`\langle h|l\rangle` (order k²) and
    :math:`\langle h|\partial_z|l\rangle = (\beta_h - \beta_l)\langle h|l\rangle/2w` (order k, zero
    without a gate), which together make the Rashba splitting, of order k³ in the heavy-hole band.
    GaAs at 1 MV/m: β_h = -3.4356, β_l = -1.1529, subbands 7.12 meV apart.

    References
    ----------
    H. Liu, J. H. Cullen, D. Culcer, Phys. Rev. B 108, 195434 (2023),
    https://doi.org/10.1103/PhysRevB.108.195434, Sec. IV; G. Bastard et al., Phys. Rev. B 28, 3241
    (1983), https://doi.org/10.1103/PhysRevB.28.3241 (envelopes).
    """
    if gammas is None:
        if material not in LUTTINGER_PARAMETERS:
            raise ModelError(
                f"material = '{material}' is unknown; {', '.join(LUTTINGER_PARAMETERS)} have "
                "Luttinger parameters here. Give gammas."
            )
        gammas = LUTTINGER_PARAMETERS[material]
    if not width > 0.0:
        raise ModelError(f"width = {width} Å must be positive.")
    if spin not in ("total", "electron"):
        raise ModelError(f"spin = '{spin}' must be 'total' (2J) or 'electron' (2J/3).")
    heavy, light = subbands(gammas, width, gate)
    overlap_qmm = _along_z(heavy, light, width)
    edge_m = np.where(HEAVY_m, 0.0, light.energy - heavy.energy)
    sign_m = np.sign(np.diag(THREE_HALVES_aij[2]).real)
    terms: dict[Powers, ComplexArray] = {
        (0, 0, 0): np.diag(edge_m + exchange * sign_m).astype(np.complex128)
    }
    for (p, q, r), matrix in luttinger_terms(*gammas).items():
        if r < 2:  # k_z² is in the energies of the subbands
            terms[p, q, 0] = terms.get((p, q, 0), 0.0) + matrix * overlap_qmm[r]
    if not hole_energies:
        terms = {powers: -matrix for powers, matrix in terms.items()}
    share = 2.0 if spin == "total" else 2.0 / 3.0
    return ContinuumModel.from_polynomial(
        terms,
        dimension=2,
        spin=share * THREE_HALVES_aij,
        cutoff=cutoff,
        name=f"two-dimensional holes in {material}, k·p",
    )


def subbands(
    gammas: tuple[float, float, float], width: float, gate: float
) -> tuple[Subband, Subband]:
    """Lowest heavy and light holes of a well with a field across.

    Parameters
    ----------
    gammas : 3 floats
        Luttinger parameters.
    width : float
        Width of the well. [Å]
    gate : float
        Field. [V/m]

    Returns
    -------
    heavy, light : Subband
    """
    drop = gate * VOLT_PER_METRE * width

    def lowest(inverse_mass: float) -> Subband:
        kinetic = HBAR2_OVER_2M * inverse_mass / width**2

        def energy(beta: float) -> float:
            return kinetic * (math.pi**2 + beta**2) - drop * (_mean_place(beta) - 0.5)

        found = minimize_scalar(
            energy, bounds=(-STEEPEST, STEEPEST), method="bounded", options={"xatol": 1e-10}
        )
        # Where the well is symmetric, so are the states, to the last bit.
        beta = float(found.x) if drop else 0.0
        return Subband(beta, energy(beta))

    return lowest(gammas[0] - 2.0 * gammas[1]), lowest(gammas[0] + 2.0 * gammas[1])


def _along_z(heavy: Subband, light: Subband, width: float) -> tuple[ComplexArray, ComplexArray]:
    """⟨φ_m|φ_m'⟩ and ⟨φ_m|-i∂_z|φ_m'⟩ between heavy (m = ±3/2) and light holes. [1, 1/Å]"""
    overlap = _norm(heavy.beta + light.beta) / math.sqrt(
        _norm(2.0 * heavy.beta) * _norm(2.0 * light.beta)
    )
    slope = 0.5 * (heavy.beta - light.beta) / width * overlap  # ⟨h|∂_z|l⟩ = -⟨l|∂_z|h⟩
    mixed_mm = HEAVY_m[:, None] != HEAVY_m
    heavy_first_mm = np.where(HEAVY_m[:, None], 1.0, -1.0)
    return (
        np.where(mixed_mm, overlap, 1.0).astype(np.complex128),
        np.where(mixed_mm, -1j * slope * heavy_first_mm, 0.0),
    )


def _norm(b: float) -> float:
    """Integral of sin²(πx) exp(-bx) from 0 to 1."""
    if b == 0.0:
        return 0.5
    return -math.expm1(-b) / b * 2.0 * math.pi**2 / (b**2 + 4.0 * math.pi**2)


def _mean_place(beta: float) -> float:
    """⟨x⟩ of the density sin²(πx) exp(-2βx)."""
    b = 2.0 * beta
    thermal = 0.5 - b / 12.0 if abs(b) < 1e-4 else 1.0 / b - 1.0 / math.expm1(b)
    return thermal + 2.0 * b / (b**2 + 4.0 * math.pi**2)
