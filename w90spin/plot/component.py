"""One component of a labelled tensor, with the words that a picture of it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.errors import ResponseError, W90SpinError
from w90spin.response.claims import Axis
from w90spin.results.component import ComponentChoice, choose_component
from w90spin.results.result import Tensor
from w90spin.units import SPIN_AXES, thz_from_ev

_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻", "0123456789()+-", strict=True))
_SHOWN_CHOICES = 12
_TITLE_ORDER = ("omega", "mu", "kT", "part")


class PlotError(W90SpinError):
    """A picture was asked for that the result, or the installation, cannot give."""


@dataclass(frozen=True, eq=False)
class Component:
    """Values of one component and how to name them.

    Parameters
    ----------
    values : float array
        One dimension for each axis that was kept.
    label : str
        Symbol with its indices, in matplotlib's mathtext.
    column : str
        The same for the head of a table, e.g. "upsilon1_zy".
    unit : str
        Unit of the values.
    context : tuple of str
        Where the other axes stand: "ħω = 0.2068 eV (50 THz)", "μ = 1.422 eV", ...
    errors : float array, or None
        Estimated errors of the values.
    """

    values: FloatArray
    label: str
    column: str
    unit: str
    context: tuple[str, ...]
    errors: FloatArray | None = None


def pick_component(
    tensor: Tensor,
    keep: tuple[str, ...],
    wanted: Mapping[str, int],
    *,
    component: ComponentChoice | None = None,
    imaginary: bool = False,
) -> Component:
    """Cut a tensor down to the axes that a picture shows.

    Parameters
    ----------
    tensor : Tensor
        The tensor.
    keep : tuple of str
        Axes that stay, in the order of the tensor.
    wanted : mapping of str to int
        Index on the other axes.  Axes that the tensor lacks are passed over; an axis of one entry
        need not be named.
    component : str or mapping, optional
        Which component, as in ``"xyz"`` or ``{"flow": "x"}``; the largest where that leaves a
        choice.
    imaginary : bool
        Of complex values take the imaginary part instead of the real one.

    Returns
    -------
    Component

    Raises
    ------
    PlotError
        If an axis is missing, left open, or has no such entry.
    """
    for name in keep:
        if name not in tensor.axis_names:
            raise PlotError(
                f"{tensor.name} has the axes {', '.join(tensor.axis_names)}, but this picture "
                f"needs '{name}'. Choose another tensor."
            )
    try:
        letters = choose_component(tensor, component)
    except ResponseError as problem:
        raise PlotError(str(problem)) from None
    indices: list[int | slice] = []
    places: dict[str, str] = {}
    for axis in tensor.axes:
        if axis.name in keep:
            indices.append(slice(None))
            continue
        if axis.name in letters:
            indices.append(SPIN_AXES.index(letters[axis.name]))
            continue
        index = _index(tensor.name, axis, wanted)
        indices.append(index)
        places[axis.name] = _place(axis, index)
    values = np.asarray(tensor.values[tuple(indices)])
    subscript = "".join(letters.values())
    label = symbol_text(tensor.symbol, _indices(letters))
    column = f"{tensor.name}_{subscript}".rstrip("_")
    if np.iscomplexobj(values):
        values = values.imag if imaginary else values.real
        label = ("Im " if imaginary else "Re ") + label
        column = ("Im " if imaginary else "Re ") + column
    return Component(
        values=np.asarray(values, dtype=np.float64),
        label=label,
        column=column,
        unit=tensor.unit,
        context=tuple(places[name] for name in _TITLE_ORDER if places.get(name)),
        errors=np.asarray(tensor.errors[tuple(indices)], dtype=np.float64),
    )


def find_tensor(tensors: Mapping[str, Tensor], name: str, owner: str) -> Tensor:
    """Tensor of this name.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        What there is.
    name : str
        What is wanted.
    owner : str
        Whose tensors they are, for the message.

    Returns
    -------
    Tensor

    Raises
    ------
    PlotError
        If there is none.
    """
    if name not in tensors:
        known = ", ".join(tensors) or "no tensor at all"
        raise PlotError(f"'{name}' is not in {owner}, which has {known}. Name one of these.")
    return tensors[name]


def check_index(index: int, axis: Axis, owner: str) -> int:
    """Index on an axis, negative ones counted from the end.

    Parameters
    ----------
    index : int
        What was asked for.
    axis : Axis
        The axis.
    owner : str
        What has this axis, for the message.

    Returns
    -------
    int
        Between 0 and the length of the axis.

    Raises
    ------
    PlotError
        If the axis is shorter.
    """
    n = len(axis.values)
    if not -n <= index < n:
        raise PlotError(
            f"{axis.name}_index = {index}, but {owner} has only {n} {axis.name}: "
            f"{_choices(axis)}. Give an index from 0 to {n - 1}."
        )
    return index % n


def place_text(name: str, value: float) -> str:
    """Coordinate in words: "μ = 1.422 eV".

    Parameters
    ----------
    name : str
        "omega", "mu", "kT", "eta" or "tau"; others are written as they are.
    value : float
        In eV; "tau" in s.

    Returns
    -------
    str
    """
    if name == "omega" and value == 0.0:
        return "ħω = 0"
    if name == "omega":
        return f"ħω = {number_text(value)} eV ({number_text(thz_from_ev(value))} THz)"
    if name == "mu":
        return f"μ = {number_text(value)} eV"
    if name == "kT":
        return f"kT = {number_text(1e3 * value)} meV"
    if name == "eta":
        return f"η = {number_text(1e3 * value)} meV"
    if name == "tau":
        return f"τ = {number_text(1e15 * value)} fs"
    return f"{name} = {number_text(value)}"


def field_text(strength: float, direction: str) -> str:
    """Electric field in a title.

    Parameters
    ----------
    strength : float
        Amplitude. [V/m]
    direction : str
        "x", "y", "z", the components, or a circular polarisation.

    Returns
    -------
    str
    """
    between = ", " if direction.startswith("circular") else " along "
    return f"E = {number_text(strength)} V/m{between}{direction}"


def number_text(value: float) -> str:
    """Four digits, large and small powers of ten in mathtext: "0.2068", "$10^{7}$"."""
    if value == 0 or 1e-3 <= abs(value) < 1e5 or not np.isfinite(value):
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.3e}".split("e")
    shown = f"{float(mantissa):g}".replace("-", "−")
    factor = {"1": "", "−1": "−"}.get(shown, rf"{shown}$\times$")
    return rf"{factor}$10^{{{int(exponent)}}}$"


def symbol_text(symbol: str, subscript: str) -> str:
    """Symbol in mathtext.

    Parameters
    ----------
    symbol : str
        As in results: "Υ⁽¹⁾".
    subscript : str
        Indices: "zy".

    Returns
    -------
    str

    Examples
    --------
    >>> symbol_text("Υ⁽¹⁾", "zy")
    '$Υ^{(1)}_{zy}$'
    >>> symbol_text("χ/τ", "zy")
    '$χ_{zy}/τ$'
    """
    raised = re.sub(
        f"[{''.join(_RAISED)}]+",
        lambda found: "^{" + "".join(_RAISED[letter] for letter in found[0]) + "}",
        symbol,
    )
    barred = re.sub(r"(.)\u0304", r"\\bar{\1}", raised)
    what, slash, rest = barred.partition("/")
    indices = f"_{{{subscript}}}" if subscript else ""
    return f"${what}{indices}{slash}{rest}$"


def _indices(letters: Mapping[str, str]) -> str:
    """Letters as indices: the spin of a spin current stands apart, "xy;z"."""
    if "flow" not in letters or "spin" not in letters:
        return "".join(letters.values())
    return "".join(x for axis, x in letters.items() if axis != "spin") + ";" + letters["spin"]


def _index(owner: str, axis: Axis, wanted: Mapping[str, int]) -> int:
    if axis.name not in wanted:
        if len(axis.values) == 1:
            return 0
        raise PlotError(
            f"{owner} has {len(axis.values)} entries on its axis '{axis.name}' "
            f"({_choices(axis)}), of which this picture can show one, but cannot choose."
        )
    return check_index(wanted[axis.name], axis, owner)


def _choices(axis: Axis) -> str:
    shown = [str(value) for value in axis.values[:_SHOWN_CHOICES]]
    more = ["..."] if len(axis.values) > _SHOWN_CHOICES else []
    return ", ".join([*shown, *more]) + (f" {axis.unit}" if axis.unit else "")


def _place(axis: Axis, index: int) -> str:
    value = axis.values[index]
    if axis.name == "part":
        return "" if axis.values == ("total",) else f"part {value}"
    return value if isinstance(value, str) else place_text(axis.name, value)
