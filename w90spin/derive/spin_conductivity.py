"""Spin Hall conductivities in the units of the literature."""

from __future__ import annotations

import math
from dataclasses import replace

from w90spin.errors import ResponseError
from w90spin.results.result import Tensor
from w90spin.units import E2_OVER_HBAR

_IN_TWO_DIMENSIONS = {
    "(ħ/e) S": E2_OVER_HBAR,
    "(ħ/2e) S": 2.0 * E2_OVER_HBAR,
    "e/2π": 2.0 * math.pi,
    "e/4π": 4.0 * math.pi,
    "e/8π": 8.0 * math.pi,
}
_IN_THREE_DIMENSIONS = {
    "(ħ/e) S/cm": E2_OVER_HBAR * 1e8,
    "(ħ/2e) S/m": 2.0 * E2_OVER_HBAR * 1e10,
}
UNITS: dict[str, dict[str, float]] = {"|e|": _IN_TWO_DIMENSIONS, "Å⁻¹ |e|": _IN_THREE_DIMENSIONS}
"""Factors by the unit of the tensor and the one that is wanted."""


def spin_conductivity(tensor: Tensor, unit: str | None = None) -> Tensor:
    """Spin current per electric field in another unit.

    Parameters
    ----------
    tensor : Tensor
        Of ``SpinHall``, ``MagneticSpinHall`` without τ, or ``ProperSpinHall``: spin in ħ, charge
        in |e|.
    unit : str, optional
        In three dimensions "(ħ/e) S/cm", which it is without one, or "(ħ/2e) S/m", also written
        (ħ/2e)/(Ω m); in two "(ħ/e) S", which it is without one, "(ħ/2e) S", "e/2π", "e/4π", which
        is (e²/h)(ħ/2e), or "e/8π".

    Returns
    -------
    Tensor
        With values, errors and unit changed; the sign is that of the flow of spin per field.

    Raises
    ------
    ResponseError
        If the tensor is no spin conductivity, or the unit is not one of its dimension.

    Examples
    --------
    The quantum e/2π of a spin Hall insulator:

    >>> import w90spin as ws
    >>> response = ws.ProperSpinHall(mu_f=0.0)
    >>> result = ws.compute(ws.toys.kane_mele(rashba=0.0), [response])
    >>> quantum = spin_conductivity(result["conventional"], "e/2π")
    >>> round(float(quantum.values[0, 0, 0, 0, 1, 2]), 3)  # flow x, field y, spin z
    -1.0
    """
    factors = UNITS.get(tensor.unit)
    if factors is None or "flow" not in tensor.axis_names:
        raise ResponseError(
            f"{tensor.name} in '{tensor.unit}' is no spin conductivity of two or three dimensions."
        )
    unit = next(iter(factors)) if unit is None else unit
    if unit not in factors:
        raise ResponseError(f"unit = '{unit}' must be one of {', '.join(map(repr, factors))}.")
    factor = factors[unit]
    return replace(tensor, values=factor * tensor.values, errors=factor * tensor.errors, unit=unit)
