"""Effective magnetic fields that an induced spin density exerts on the sublattices of a magnet."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy import constants

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.derive.induced_spin import InducedSpin, peak_length
from w90spin.errors import ResponseError
from w90spin.units import ANGSTROM_PER_NM, MU_B, SPIN_AXES, thz_from_ev

ForParts = ArrayLike | Mapping[str, float]
"""A number for all parts, one for each in their order, or one by the name of each."""

EXCHANGE = 1.0
"""Exchange J_ex between the induced spin and the local moments, as the literature takes it. [eV]"""
MAGNETIZATION = 20.7
"""Magnetisation of one sublattice of MnBi2Te4, arXiv:2409.09669. [μ_B/nm³]"""


class CountedSpin(Protocol):
    """What of a spin density says how it counts."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the cell."""

    @property
    def dimension(self) -> int:
        """Number of periodic directions."""

    @property
    def thickness(self) -> float | None:
        """Thickness of a slab. [Å]"""

    @property
    def measure(self) -> float | None:
        """Length, area or volume of the cell. [Å^d]"""


@dataclass(frozen=True, eq=False)
class NeelField:
    r"""Effective magnetic fields, order by order in the time derivative.

    :math:`\mathbf B_l(t) = \mathrm{Re}\sum_i \mathbf B_l^{(i)} e^{-i\omega t}` on sublattice l.

    Parameters
    ----------
    field : complex array (order, part, kT, mu, omega, axis)
        Field on the moments of each part, by order of the time derivative. [T]
    errors : float array, same shape
        Estimated absolute errors, those of J_ex and of the magnetisation left out. [T]
    omega_w : float array (w)
        Photon energies. [eV]
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]
    parts : tuple of str
        Sublattices.
    signs_q : float array (part)
        Direction of each sublattice's moment, +1 or -1.
    exchange_q : float array (part)
        J_ex. [eV]
    magnetization_q : float array (part)
        Moments per length, area or volume, the same as the induced spin counts. [μ_B/nm^d]
    dimension : int
        Number d of periodic directions.
    electric_field : float
        Amplitude of the electric field. [V/m]
    field_direction : str
        Its direction in words.
    """

    field: ComplexArray
    errors: FloatArray
    omega_w: FloatArray
    kT_t: FloatArray
    mu_f: FloatArray
    parts: tuple[str, ...]
    signs_q: FloatArray
    exchange_q: FloatArray
    magnetization_q: FloatArray
    dimension: int
    electric_field: float
    field_direction: str

    @property
    def frequency_thz(self) -> FloatArray:
        """Frequencies ν. [THz]"""
        return np.array([thz_from_ev(omega) for omega in self.omega_w])

    @property
    def total(self) -> ComplexArray:
        """Sum of the three orders, axes (part, kT, mu, omega, axis). [T]"""
        summed: ComplexArray = self.field.sum(axis=0)
        return summed

    @property
    def uniform(self) -> ComplexArray:
        """Mean over the sublattices, axes (order, kT, mu, omega, axis). [T]"""
        mean: ComplexArray = self.field.mean(axis=1)
        return mean

    @property
    def uniform_errors(self) -> FloatArray:
        """Errors of :attr:`uniform`, added without regard to signs. [T]"""
        mean: FloatArray = self.errors.mean(axis=1)
        return mean

    @property
    def staggered(self) -> ComplexArray:
        """Mean with the signs of the moments, axes as :attr:`uniform`. [T]

        For two sublattices ½(B_A - B_B): the Néel field.
        """
        mean: ComplexArray = np.einsum("q,iq...->i...", self.signs_q, self.field) / len(self.parts)
        return mean

    @property
    def staggered_errors(self) -> FloatArray:
        """Errors of :attr:`staggered`, added without regard to signs. [T]"""
        return self.uniform_errors

    @property
    def amplitude(self) -> FloatArray:
        """Amplitude of each component of :attr:`total`. [T]"""
        return np.abs(self.total)

    @property
    def phase(self) -> FloatArray:
        """Phase φ of each component of :attr:`total`, which runs as cos(ωt - φ). [rad]"""
        return np.angle(self.total)

    @property
    def peak(self) -> FloatArray:
        """Largest length over a period on each sublattice, axes (part, kT, mu, omega). [T]"""
        return peak_length(self.total)


@dataclass(frozen=True, eq=False)
class TorqueEfficiency:
    r"""Torque per electric field, in units of :math:`\hbar/2e`.

    Parameters
    ----------
    values : complex array (order, part, kT, mu, omega, axis)
        :math:`\xi_l = (2e/\hbar) M_l\, \hat{\mathbf m}_l \times \mathbf B_l / E`.
        [1/(Ω m^{d-1})], the literature's 1/(Ω m) in a film.
    errors : float array, same shape
        Estimated absolute errors.
    omega_w : float array (w)
        Photon energies. [eV]
    parts : tuple of str
        Sublattices.
    unit : str
        Unit of values and errors.
    """

    values: ComplexArray
    errors: FloatArray
    omega_w: FloatArray
    parts: tuple[str, ...]
    unit: str


def neel_field(
    induced: InducedSpin,
    *,
    exchange: ForParts = EXCHANGE,
    magnetization: ForParts | None = None,
    moment: ForParts | None = None,
    thickness: float | None = None,
    signs: ForParts | None = None,
) -> NeelField:
    r"""Effective field on the local moments of every sublattice.

    .. math::

        \mathbf B_l = -\frac{J_{ex}}{\mu_B} \frac{\Delta \mathbf S_l}{M_l}

    from :math:`H = J_{ex}\, \boldsymbol\sigma \cdot \hat{\mathbf m}` of carriers with the local
    moments :math:`\hat{\mathbf m}`; ΔS counts ⟨σ⟩ and M is the magnetisation of the sublattice.

    Parameters
    ----------
    induced : InducedSpin
        Spin density on each part: the response of a run with ``parts``.
    exchange : float, sequence of float (part), or mapping of part to float
        :math:`J_{ex}`, positive where moments of carriers and local moments want to be parallel.
        [eV]
    magnetization : float, sequence or mapping, optional
        Magnetisation of one sublattice, 20.7 by default. [μ_B/nm³]
    moment : float, sequence or mapping, optional
        Instead of it the moment of one sublattice in a cell, which needs no thickness. [μ_B]
    thickness : float, optional
        Height over which a slab's `magnetization` counts, by default that of the induced spin. [Å]
        The literature counts it over the one layer that is the sublattice.
    signs : sequence or mapping, optional
        Directions of the moments, 1 or -1, for the staggered field; by default they alternate.

    Returns
    -------
    NeelField

    Raises
    ------
    ResponseError
        If an input is not a finite number, not positive, or not one for each part; or a slab has
        no thickness and a wire no moment.

    Notes
    -----
    The field acts on magnetic moments, as in :math:`\dot{\mathbf m} = -\gamma \mathbf m \times
    \mathbf B`; the moment of the induced spins is -ΔS, whence the sign.

    Examples
    --------
    An induced moment of 2e-3 μ_B/nm³ on one of 20.7 μ_B/nm³ makes 1.67 T with 1 eV:

    >>> from w90spin.units import MU_B
    >>> round(1.0 / MU_B * 2e-3 / 20.7, 2)
    1.67
    """
    exchange_q = exchange_of_parts(induced.parts, exchange)
    density_q = density_of_moments(induced, magnetization, moment, thickness)
    signs_q = signs_of_parts(induced.parts, signs)
    factor_q = (exchange_q / MU_B / density_q)[:, None, None, None, None]
    return NeelField(
        field=-factor_q * induced.delta,
        errors=np.abs(factor_q) * induced.errors,
        omega_w=induced.omega_w,
        kT_t=induced.kT_t,
        mu_f=induced.mu_f,
        parts=induced.parts,
        signs_q=signs_q,
        exchange_q=exchange_q,
        magnetization_q=density_q,
        dimension=induced.dimension,
        electric_field=induced.field,
        field_direction=induced.field_direction,
    )


def torque_efficiency(neel: NeelField, moments: str | ArrayLike = "z") -> TorqueEfficiency:
    r"""Torque that an electric field exerts on every sublattice, per field.

    .. math::

        \boldsymbol\xi_l = \frac{2e}{\hbar} \frac{M_l\, \hat{\mathbf m}_l \times \mathbf B_l}{E}
            = -\frac{2e}{\hbar} J_{ex} \frac{\hat{\mathbf m}_l \times \Delta\mathbf S_l}{\mu_B E}

    It does not depend on the magnetisation.

    Parameters
    ----------
    neel : NeelField
        Effective fields.
    moments : "x", "y", "z" or float array (part, axis)
        Axis of the moments, whose signs are those of `neel`; or the direction of each.

    Returns
    -------
    TorqueEfficiency

    Raises
    ------
    ResponseError
        If the directions are not one non-zero vector for each part.
    """
    if isinstance(moments, str) and moments in SPIN_AXES:
        direction_qa = neel.signs_q[:, None] * np.eye(3)[SPIN_AXES.index(moments)]
    else:
        try:
            direction_qa = np.array(moments, dtype=np.float64)
        except ValueError:
            direction_qa = np.zeros(0)
    length_q = np.linalg.norm(direction_qa, axis=-1, keepdims=True)
    expected = (len(neel.parts), 3)
    if direction_qa.shape != expected or not np.isfinite(length_q).all() or not length_q.all():
        raise ResponseError(
            f"moments = {moments!r} must be x, y, z or a vector for each of the parts "
            f"{', '.join(neel.parts)}."
        )
    direction_qa = direction_qa / length_q
    bohr = constants.physical_constants["Bohr magneton"][0]
    per_nm_to_si = 1e9**neel.dimension
    scale_q = (
        (2.0 * constants.e / constants.hbar)
        * (neel.magnetization_q * per_nm_to_si * bohr)
        / neel.electric_field
    )
    cross_qac = np.einsum("q,abc,qb->qac", scale_q, _levi_civita(), direction_qa)
    return TorqueEfficiency(
        values=np.einsum("qac,iqtfwc->iqtfwa", cross_qac, neel.field),
        errors=np.einsum("qac,iqtfwc->iqtfwa", np.abs(cross_qac), neel.errors),
        omega_w=neel.omega_w,
        parts=neel.parts,
        unit={1: "1/Ω", 2: "1/(Ω m)", 3: "1/(Ω m²)"}[neel.dimension],
    )


def exchange_of_parts(parts: tuple[str, ...], exchange: ForParts) -> FloatArray:
    """J_ex of each part. [eV]

    Raises
    ------
    ResponseError
        If it is not a finite number, or one for each part.
    """
    values = for_parts(parts, "exchange", exchange)
    if values.shape not in ((), (len(parts),)) or not np.isfinite(values).all():
        raise ResponseError(
            f"exchange = {exchange!r} eV must be a finite number, or one for each of the parts "
            f"{', '.join(parts)}."
        )
    return np.broadcast_to(values, (len(parts),)).copy()


def signs_of_parts(parts: tuple[str, ...], signs: ForParts | None) -> FloatArray:
    """Directions of the moments; by default they alternate.

    Raises
    ------
    ResponseError
        If they are not 1 or -1 for each part.
    """
    default = [(-1.0) ** q for q in range(len(parts))]
    values = for_parts(parts, "signs", default if signs is None else signs)
    if values.shape != (len(parts),) or not (np.abs(values) == 1.0).all():
        raise ResponseError(
            f"signs = {signs!r} must be 1 or -1 for each of the parts {', '.join(parts)}."
        )
    return values


def for_parts(parts: tuple[str, ...], name: str, given: ForParts) -> FloatArray:
    """Numbers for the parts in their order, unchecked: NaN for what holds none.

    Parameters
    ----------
    parts : tuple of str
        Names of the parts.
    name : str
        What the numbers are, for messages.
    given : number, numbers, or mapping of part to number
        What the user gave.

    Returns
    -------
    float array

    Raises
    ------
    ResponseError
        If a mapping has other names than the parts.
    """
    if isinstance(given, Mapping):
        for part in given:
            if part not in parts:
                near = difflib.get_close_matches(str(part), parts, n=1, cutoff=0.5)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise ResponseError(
                    f"{name} names the part '{part}'; the parts are {', '.join(parts)}.{hint}"
                )
        missing = [part for part in parts if part not in given]
        if missing:
            raise ResponseError(f"{name} lacks a number for {', '.join(missing)}; add it.")
        given = [given[part] for part in parts]
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError):
        return np.full(1, np.nan)


def density_of_moments(
    spin: CountedSpin,
    magnetization: ForParts | None,
    moment: ForParts | None,
    thickness: float | None,
) -> FloatArray:
    """Magnetisation of each part in the units in which a spin density counts.

    Parameters
    ----------
    spin : InducedSpin or SpinPulse
        Parts, dimension, thickness and size of the cell.
    magnetization, moment, thickness
        As for :func:`neel_field`.

    Returns
    -------
    float array (part)
        [μ_B/nm^d]

    Raises
    ------
    ResponseError
        As :func:`neel_field`.
    """
    if moment is not None:
        if magnetization is not None or thickness is not None:
            raise ResponseError(
                "moment needs neither magnetization nor thickness; give only one of them."
            )
        if spin.measure is None:
            raise ResponseError(
                "The result does not hold the size of its cell, which moment counts in; give "
                "magnetization."
            )
        cell = spin.measure / ANGSTROM_PER_NM**spin.dimension
        return _one_for_each(spin.parts, "moment", moment, "μ_B") / cell
    per_volume_q = _one_for_each(
        spin.parts,
        "magnetization",
        MAGNETIZATION if magnetization is None else magnetization,
        "μ_B/nm³",
    )
    if spin.dimension == 3:
        return per_volume_q
    height = spin.thickness if thickness is None else thickness
    if spin.dimension != 2 or height is None:
        raise ResponseError(
            "A magnetization per volume needs the thickness of a slab, and a wire has no volume; "
            "give thickness, or moment in a cell."
        )
    if not np.isfinite(height) or height <= 0.0:
        raise ResponseError(f"thickness = {height} Å must be a positive number.")
    return per_volume_q * height / ANGSTROM_PER_NM


def _one_for_each(parts: tuple[str, ...], name: str, given: ForParts, unit: str) -> FloatArray:
    values = for_parts(parts, name, given)
    if values.shape not in ((), (len(parts),)) or not (np.isfinite(values) & (values > 0)).all():
        raise ResponseError(
            f"{name} = {given!r} {unit} must be a positive number, or one for each of the parts "
            f"{', '.join(parts)}."
        )
    return np.broadcast_to(values, (len(parts),)).copy()


def _levi_civita() -> FloatArray:
    sign_abc = np.zeros((3, 3, 3))
    for a in range(3):
        sign_abc[a, (a + 1) % 3, (a + 2) % 3] = 1.0
        sign_abc[a, (a + 2) % 3, (a + 1) % 3] = -1.0
    return sign_abc
