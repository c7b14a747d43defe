"""Spin density that a real field induces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.errors import ResponseError
from w90spin.results.result import ResponseResult, Result
from w90spin.units import ANGSTROM_PER_NM, G_FACTOR, SPIN_AXES, VOLT_PER_METRE, thz_from_ev

CIRCULAR: Mapping[str, tuple[complex, complex, complex]] = MappingProxyType(
    {"circular+": (1.0, 1j, 0.0), "circular-": (1.0, -1j, 0.0)}
)
"""Fields that turn about z: from x to y, and from x to -y."""


@dataclass(frozen=True, eq=False)
class InducedSpin:
    r"""Amplitudes of the induced spin density, order by order in the time derivative.

    :math:`\Delta S(t) = \mathrm{Re} \sum_i \Delta^{(i)} e^{-i\omega t}` for the field
    :math:`\mathbf E(t) = E\, \mathrm{Re}[\hat{\mathbf e} e^{-i\omega t}]`.

    Parameters
    ----------
    delta : complex array (order, part, kT, mu, omega, spin)
        :math:`\Delta^{(i)} S` of ⟨σ⟩, that is in units of μ_B. [μ_B/nm^d]  The magnetic moment of
        electrons is the opposite.
    errors : float array, same shape
        Estimated absolute errors. [μ_B/nm^d]
    omega_w : float array (w)
        Photon energies. [eV]
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]
    parts : tuple of str
        Parts of the cell.
    dimension : int
        Number d of periodic directions.
    thickness : float, or None
        By which a slab's density per area is divided to get one per volume; for a wire its cross
        section is not guessed. [Å]
    field : float
        Amplitude E. [V/m]
    direction : complex array (b)
        Unit vector ê.
    measure : float, or None
        Length, area or volume of the cell along its periodic directions. [Å^d]
    """

    delta: ComplexArray
    errors: FloatArray
    omega_w: FloatArray
    kT_t: FloatArray
    mu_f: FloatArray
    parts: tuple[str, ...]
    dimension: int
    thickness: float | None
    field: float
    direction: ComplexArray
    measure: float | None = None

    @property
    def frequency_thz(self) -> FloatArray:
        """Frequencies ν. [THz]"""
        return np.array([thz_from_ev(omega) for omega in self.omega_w])

    @property
    def total(self) -> ComplexArray:
        """Sum of the three orders, axes (part, kT, mu, omega, spin). [μ_B/nm^d]"""
        summed: ComplexArray = self.delta.sum(axis=0)
        return summed

    @property
    def amplitude(self) -> FloatArray:
        """Amplitude of each component of :attr:`total`. [μ_B/nm^d]"""
        return np.abs(self.total)

    @property
    def phase(self) -> FloatArray:
        """Phase φ of each component of :attr:`total`, which runs as cos(ωt - φ). [rad]"""
        return np.angle(self.total)

    @property
    def peak(self) -> FloatArray:
        """Largest length of the vector over a period, axes (part, kT, mu, omega). [μ_B/nm^d]"""
        return peak_length(self.total)

    @cached_property
    def delta_volume(self) -> ComplexArray | None:
        """The same as ``delta`` per volume, where that is defined. [μ_B/nm³]"""
        return None if self._per_volume is None else self.delta * self._per_volume

    @cached_property
    def errors_volume(self) -> FloatArray | None:
        """The same as ``errors`` per volume, where that is defined. [μ_B/nm³]"""
        return None if self._per_volume is None else self.errors * self._per_volume

    @property
    def field_direction(self) -> str:
        """Direction in words: "x", "y", "z", "circular+", "circular-" or the components."""
        for name in (*SPIN_AXES, *CIRCULAR):
            if np.allclose(self.direction, unit_vector(name)):
                return name
        return "(" + ", ".join(f"{component:.3g}" for component in self.direction) + ")"

    @property
    def _per_volume(self) -> float | None:
        if self.dimension == 3:
            return 1.0
        if self.dimension == 2 and self.thickness is not None:
            return ANGSTROM_PER_NM / self.thickness
        return None


def peak_length(vector_xs: ComplexArray) -> FloatArray:
    r"""Largest length over a period of the real vector :math:`\mathrm{Re}[v e^{-i\omega t}]`.

    .. math::

        \max_t |\mathrm{Re}\, v e^{-i\omega t}|^2 = \tfrac12 (|v|^2 + |v \cdot v|)

    Parameters
    ----------
    vector_xs : complex array (..., s)
        Vectors on the last axis.

    Returns
    -------
    float array (...)
        Long half axis of the ellipse that the vector draws.
    """
    squared_x = np.sum(np.abs(vector_xs) ** 2, axis=-1)
    longest: FloatArray = np.sqrt(0.5 * (squared_x + np.abs(np.sum(vector_xs**2, axis=-1))))
    return longest


def induced_spin(
    result: Result,
    *,
    field: float,
    direction: str | Sequence[complex] = "x",
    thickness: float | None = None,
) -> InducedSpin:
    r"""Spin density induced by a field of given strength and direction.

    .. math::

        \Delta^{(i)} S_a = (-i\omega)^i \sum_b \Upsilon^{(i)}_{ab} E_b

    Parameters
    ----------
    result : Result
        Of a run with ``SpinPolarizability``.
    field : float
        Amplitude of the electric field. [V/m]
    direction : "x", "y", "z", "circular+", "circular-" or 3 numbers
        Direction of the field, complex for elliptical polarisation; it is normalised.  A circular
        field has components of the amplitude over √2 and turns about z, + from x to y.
    thickness : float, optional
        Thickness of a slab for the density per volume. [Å] By default that in the result: extent
        of the atoms plus the van der Waals radii of the outermost.

    Returns
    -------
    InducedSpin

    Raises
    ------
    ResponseError
        If the result has no spin polarisability, or field, direction or thickness make no sense.

    Examples
    --------
    ``induced_spin(res, field=1e7, direction="x").delta[1, 0, 0, 0, :, 2]`` is Δ⁽¹⁾S_z(ω).
    """
    response = polarizability_of(result)
    if not np.isfinite(field) or field <= 0.0:
        raise ResponseError(f"field = {field} V/m must be a positive number.")
    direction_b = unit_vector(direction)
    upsilon1 = response["upsilon1"]
    omega_w = np.array(upsilon1.axis("omega").values, dtype=np.float64)

    density = field * density_per_field(result)
    deltas, errors = [], []
    for order in range(3):
        tensor = response[f"upsilon{order}"]
        # The static tensor has no ω axis: it is the same at every ω.
        values = tensor.values.reshape(*tensor.values.shape[:3], -1, 3, 3)
        uncertain = tensor.errors.reshape(values.shape)
        if order == 0:
            values = values.repeat(len(omega_w), axis=3)
            uncertain = uncertain.repeat(len(omega_w), axis=3)
        factor_w = density * (-1j * omega_w) ** order
        deltas.append(np.einsum("w,qtfwsb,b->qtfws", factor_w, values, direction_b))
        errors.append(
            np.einsum("w,qtfwsb,b->qtfws", np.abs(factor_w), uncertain, np.abs(direction_b))
        )
    return InducedSpin(
        delta=np.stack(deltas),
        errors=np.stack(errors),
        omega_w=omega_w,
        kT_t=np.array(upsilon1.axis("kT").values, dtype=np.float64),
        mu_f=np.array(upsilon1.axis("mu").values, dtype=np.float64),
        parts=tuple(str(part) for part in upsilon1.axis("part").values),
        dimension=int(result.provenance["dimension"]),
        thickness=slab_thickness(result, thickness),
        field=float(field),
        direction=direction_b,
        measure=cell_size(result),
    )


def polarizability_of(result: Result) -> ResponseResult:
    """Spin polarisability of a result.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    ResponseResult

    Raises
    ------
    ResponseError
        If the result has none.
    """
    if "spin_polarizability" not in result.responses:
        raise ResponseError(
            f"The result holds {list(result.responses)}, not spin_polarizability, from which the "
            "induced spin follows. Add it to the job."
        )
    return result.responses["spin_polarizability"]


def density_per_field(result: Result) -> float:
    """Density of ⟨σ⟩ in μ_B/nm^d that one code unit of Υ makes in a field of 1 V/m."""
    per_nm = ANGSTROM_PER_NM ** int(result.provenance["dimension"])
    return VOLT_PER_METRE * G_FACTOR * per_nm


def slab_thickness(result: Result, given: float | None) -> float | None:
    """Thickness that was given, or else that of the result, if it has one. [Å]

    Raises
    ------
    ResponseError
        If what was given is not a positive number.
    """
    if given is None:
        stored = result.provenance.get("thickness")
        return None if stored is None else float(stored)
    if not np.isfinite(given) or given <= 0.0:
        raise ResponseError(f"thickness = {given} Å must be a positive number.")
    return given


def cell_size(result: Result) -> float | None:
    """Length, area or volume of the cell along its periodic directions. [Å^d]"""
    stored = result.provenance.get("measure_angstrom_d")
    return None if stored is None else float(stored)


def unit_vector(direction: str | Sequence[complex]) -> ComplexArray:
    """Unit vector along "x", "y", "z" or three numbers, or that of a circular field.

    Raises
    ------
    ResponseError
        If it is none of these, or zero.
    """
    if isinstance(direction, str) and direction in SPIN_AXES:
        along_b: ComplexArray = np.eye(3, dtype=np.complex128)[SPIN_AXES.index(direction)]
        return along_b
    try:
        given = CIRCULAR.get(direction, ()) if isinstance(direction, str) else direction
        vector = np.asarray(given, dtype=np.complex128)
    except (TypeError, ValueError):
        vector = np.zeros(0, dtype=np.complex128)
    length = np.linalg.norm(vector)
    if vector.shape != (3,) or not np.isfinite(length) or length == 0.0:
        raise ResponseError(
            f"direction = {direction!r} must be x, y, z, {', '.join(CIRCULAR)} or three numbers, "
            "not all 0."
        )
    unit: ComplexArray = vector / length
    return unit
