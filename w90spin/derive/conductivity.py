r"""Responses in the units in which experiments and other codes quote them.

With :math:`e^2/\hbar = 2.434135 \times 10^{-4}` S, spin in ħ and the code's lengths in Å, one unit
:math:`|e|` of a spin conductivity is that many (ħ/e) S in two dimensions and, per Å,
:math:`2.434135 \times 10^4` (ħ/e) S/cm in three; a charge conductivity has the same numbers without
the ħ/e.  Signs stay: that of the spin flux per field, as postw90 has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from w90spin.errors import ResponseError
from w90spin.results.component import component_axes
from w90spin.results.result import Tensor
from w90spin.units import (
    ANGSTROM_PER_NM,
    CONDUCTANCE,
    G_FACTOR,
    VOLT_PER_METRE,
)

_PER_CM = 1e8  # 1/Å [1/cm]
_SPIN = VOLT_PER_METRE * G_FACTOR  # ⟨σ⟩ per V/m for one ħ per V/Å


@dataclass(frozen=True)
class _Quoted:
    """A unit and how many of it one unit of the code is, for tensors with these components.

    ``words`` say so where the meaning changes too.
    """

    unit: str
    factor: float
    axes: tuple[str, ...]
    words: str = ""


_SPIN_CURRENT = ("flow", "field", "spin")
_CURRENT = ("current", "field")


def _quoted(dimension: int) -> dict[str, tuple[_Quoted, ...]]:
    """Units by the code's own, for densities over 1, 2 or 3 dimensions."""
    per_nm = ANGSTROM_PER_NM**dimension
    nm = {1: "nm", 2: "nm²", 3: "nm³"}[dimension]
    power = {1: "Å⁻¹ ", 2: "Å⁻² ", 3: "Å⁻³ "}[dimension]
    density = {1: "", 2: "Å⁻¹ ", 3: "Å⁻² "}[dimension]
    table: dict[str, tuple[_Quoted, ...]] = {
        f"{density}eV⁻¹": (
            _Quoted(f"μ_B/{nm} per V/m", _SPIN * per_nm, ("spin", "field"), "counts ⟨σ⟩ = 2⟨S⟩"),
        ),
        f"{power}ħ": (
            _Quoted(f"μ_B/{nm}", -G_FACTOR * per_nm, ("spin",), "magnetic moment, -2⟨S⟩"),
        ),
    }
    if dimension == 2:
        table["|e|"] = (
            _Quoted("(ħ/e) S", CONDUCTANCE, _SPIN_CURRENT),
            _Quoted("(ħ/2e) S", 2.0 * CONDUCTANCE, _SPIN_CURRENT),
            _Quoted("e/2π", 2.0 * np.pi, _SPIN_CURRENT),
            _Quoted("e/4π", 4.0 * np.pi, _SPIN_CURRENT),
            _Quoted("e/8π", 8.0 * np.pi, _SPIN_CURRENT),
        )
        table["e²/ħ"] = (
            _Quoted("e²/h", 2.0 * np.pi, _CURRENT),
            _Quoted("S", CONDUCTANCE, _CURRENT),
        )
    if dimension == 3:
        per_cm = CONDUCTANCE * _PER_CM
        table["Å⁻¹ |e|"] = (
            _Quoted("(ħ/e) S/cm", per_cm, _SPIN_CURRENT),
            _Quoted("(ħ/2e) S/cm", 2.0 * per_cm, _SPIN_CURRENT),
            _Quoted("(ħ/2e) S/m", 200.0 * per_cm, _SPIN_CURRENT),
        )
        table["Å⁻¹ e²/ħ"] = (_Quoted("S/cm", per_cm, _CURRENT),)
    return table


UNITS: Mapping[str, tuple[_Quoted, ...]] = MappingProxyType(
    {code: quoted for dimension in (1, 2, 3) for code, quoted in _quoted(dimension).items()}
)
"""What each unit of the code can be converted to; the first is what tables show."""


def quoted_units(tensor: Tensor) -> tuple[str, ...]:
    """Units that :func:`in_unit` can convert a tensor to, the usual one first.

    Parameters
    ----------
    tensor : Tensor
        Any tensor, in the code's units.

    Returns
    -------
    tuple of str
        Empty where only the code's unit is in use.
    """
    return tuple(quoted.unit for quoted in _known(tensor))


def in_unit(tensor: Tensor, unit: str | None = None, *, thickness: float | None = None) -> Tensor:
    """The same tensor in a unit that experimenters quote.

    Parameters
    ----------
    tensor : Tensor
        In the code's units, as in a result.
    unit : str, optional
        One of :func:`quoted_units`, by default the first; "hbar", "pi", "^2" and "mu_B" may stand
        for ħ, π, ² and μ_B.
    thickness : float, optional
        By which the values of a slab are divided first, so that those per area become those per
        volume. [Å]

    Returns
    -------
    Tensor
        With errors converted as well.

    Raises
    ------
    ResponseError
        If the tensor cannot be had in this unit.

    Examples
    --------
    A quantised spin Hall conductivity, 1/(2π) in the code's units:

    >>> from w90spin.response.claims import Axis
    >>> axes = tuple(Axis(name, ("x", "y", "z")) for name in ("flow", "field", "spin"))
    >>> value = np.full((3, 3, 3), 0.5 / np.pi)
    >>> sigma = Tensor("sigma", "σ", value, 0.01 * value, axes, "|e|", "")
    >>> in_unit(sigma, "e/2pi").values[0, 1, 2].round(12)
    np.float64(1.0)
    """
    if thickness is not None:
        tensor = _per_thickness(tensor, thickness)
    known = _known(tensor)
    chosen = known[0] if unit is None and known else None
    if unit is not None:
        chosen = next((quoted for quoted in known if _plain(quoted.unit) == _plain(unit)), None)
    if chosen is None:
        can = ", ".join(quoted.unit for quoted in known)
        remedy = f"it can be had in {can}" if can else "there is no other unit for it"
        raise ResponseError(
            f"{tensor.name} [{tensor.unit or '1'}] cannot be converted to "
            f"{unit or 'a unit of experimenters'}: {remedy}."
        )
    words = f"{tensor.description}; {chosen.words}" if chosen.words else tensor.description
    return replace(
        tensor,
        values=chosen.factor * tensor.values,
        errors=abs(chosen.factor) * tensor.errors,
        unit=chosen.unit,
        description=words,
    )


def can_be_in(tensor: Tensor, unit: str) -> bool:
    """Whether :func:`in_unit` can convert a tensor to a unit."""
    return any(_plain(known) == _plain(unit) for known in quoted_units(tensor))


def is_quoted_unit(unit: str) -> bool:
    """Whether any tensor can be had in a unit."""
    return any(_plain(q.unit) == _plain(unit) for quoted in UNITS.values() for q in quoted)


def _known(tensor: Tensor) -> tuple[_Quoted, ...]:
    # A torque per field has the unit of a spin conductivity in one dimension more.
    axes = component_axes(tensor)
    return tuple(quoted for quoted in UNITS.get(tensor.unit, ()) if quoted.axes == axes)


def _per_thickness(tensor: Tensor, thickness: float) -> Tensor:
    if not np.isfinite(thickness) or thickness <= 0.0:
        raise ResponseError(f"thickness = {thickness} Å must be a positive number.")
    words = tensor.unit.split()
    powers = {"": "Å⁻¹", "Å⁻¹": "Å⁻²", "Å⁻²": "Å⁻³"}
    power = words.pop(0) if words and words[0].startswith("Å") else ""
    if power not in powers:
        raise ResponseError(
            f"{tensor.name} [{tensor.unit}] is not per area, so that a thickness means nothing."
        )
    return replace(
        tensor,
        values=tensor.values / thickness,
        errors=tensor.errors / thickness,
        unit=" ".join([powers[power], *words]),
        description=f"{tensor.description}; of a slab of {thickness:g} Å",
    )


def _plain(unit: str) -> str:
    """Unit without blanks and brackets, spelt in one way."""
    spellings = {"hbar": "ħ", "mu_B": "μ_B", "muB": "μ_B", "pi": "π", "^2": "²", "^3": "³"}
    for given, ours in spellings.items():
        unit = unit.replace(given, ours)
    return "".join(letter for letter in unit if letter not in " ()*")
