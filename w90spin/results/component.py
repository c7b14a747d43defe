"""Components of tensors of any rank, chosen by the names of their Cartesian axes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.errors import ResponseError
from w90spin.results.result import Tensor
from w90spin.units import SPIN_AXES

ComponentChoice = str | Mapping[str, str]
"""Letters in the order of the axes, "xyz", or by name: "flow=x,spin=z" or a mapping."""


def component_axes(tensor: Tensor) -> tuple[str, ...]:
    """Names of the Cartesian axes of a tensor, in order: those with the coordinates x, y, z.

    Parameters
    ----------
    tensor : Tensor
        Any tensor.

    Returns
    -------
    tuple of str
        E.g. ("flow", "field", "spin"); empty for a scalar.
    """
    return tuple(axis.name for axis in tensor.axes if axis.values == SPIN_AXES)


def choose_component(tensor: Tensor, wanted: ComponentChoice | None = None) -> dict[str, str]:
    """One component: what was asked for, and the largest where that leaves a choice.

    Parameters
    ----------
    tensor : Tensor
        Any tensor.
    wanted : str or mapping, optional
        ``"xyz"``, one letter for each Cartesian axis; or some axes by name, as
        ``"flow=x,spin=z"`` or ``{"flow": "x", "spin": "z"}``.

    Returns
    -------
    dict of str to str
        Letter on each Cartesian axis, in their order.

    Raises
    ------
    ResponseError
        If the tensor has no such axis or component.
    """
    axes = component_axes(tensor)
    fixed = _parsed(tensor.name, axes, wanted)
    places = tuple(tensor.axis_names.index(name) for name in axes)
    size = np.nan_to_num(np.abs(tensor.values))
    size = np.moveaxis(size, places, range(-len(axes), 0)) if axes else size
    size_x = size.reshape(-1, *len(axes) * (3,)).max(axis=0, initial=0.0)
    for place, name in enumerate(axes):
        if name in fixed:
            here = np.array(SPIN_AXES) == fixed[name]
            size_x = np.where(here.reshape(-1, *(len(axes) - place - 1) * (1,)), size_x, -1.0)
    best = np.unravel_index(int(np.argmax(size_x)), size_x.shape)
    return {name: SPIN_AXES[int(x)] for name, x in zip(axes, best, strict=True)}


def fits(tensor: Tensor, wanted: ComponentChoice | None) -> bool:
    """Whether a tensor has the axes that a choice of component speaks of.

    Parameters
    ----------
    tensor : Tensor
        Any tensor.
    wanted : str, mapping or None
        As for :func:`choose_component`.

    Returns
    -------
    bool
    """
    try:
        _parsed(tensor.name, component_axes(tensor), wanted)
    except ResponseError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Piece:
    """A real tensor, or the real or imaginary part of a complex one.

    Parameters
    ----------
    tensor : Tensor
        The tensor.
    part : "", "Re" or "Im"
        Empty for a real one.
    """

    tensor: Tensor
    part: str

    @property
    def values(self) -> FloatArray:
        """Its values."""
        values = self.tensor.values.imag if self.part == "Im" else self.tensor.values.real
        return np.asarray(values, dtype=np.float64)


def pieces(tensors: Iterable[Tensor]) -> Iterator[Piece]:
    """Everything that tensors of one response have to show, each number once.

    Complex tensors that have the axes of a real one repeat it and are left out, of others the
    parts that vanish everywhere or equal one before.

    Parameters
    ----------
    tensors : iterable of Tensor
        Of one response.

    Yields
    ------
    Piece
    """
    found = list(tensors)
    real = [tensor for tensor in found if not np.iscomplexobj(tensor.values)]
    known_axes = {tensor.axis_names for tensor in real}
    shown = [Piece(tensor, "") for tensor in real]
    for tensor in found:
        if not np.iscomplexobj(tensor.values) or tensor.axis_names in known_axes:
            continue
        for part in ("Re", "Im"):
            piece = Piece(tensor, part)
            known = any(
                np.array_equal(piece.values, other.values, equal_nan=True) for other in shown
            )
            if np.any(piece.values) and not known:
                shown.append(piece)
    yield from shown or [Piece(tensor, "Re") for tensor in found[:1]]


def _parsed(owner: str, axes: tuple[str, ...], wanted: ComponentChoice | None) -> Mapping[str, str]:
    """Letters by axis, as far as they were given."""
    if wanted is None or wanted == "":
        return {}
    having = f"{owner} has the Cartesian axes {', '.join(axes)}" if axes else f"{owner} is a scalar"
    if isinstance(wanted, str) and "=" not in wanted:
        if len(wanted) != len(axes) or not set(wanted) <= set(SPIN_AXES):
            example = "".join(SPIN_AXES[place % 3] for place in range(len(axes)))
            say = f"give {len(axes)} of the letters x, y, z, as in '{example}'" if axes else (
                "it has no component to choose"
            )  # fmt: skip
            raise ResponseError(f"component = '{wanted}', but {having}: {say}.")
        return dict(zip(axes, wanted, strict=True))
    if isinstance(wanted, str):
        pairs = [word.partition("=") for word in wanted.split(",")]
        named = {name.strip(): letter.strip() for name, _, letter in pairs}
    else:
        named = dict(wanted)
    for name, letter in named.items():
        if name not in axes:
            near = difflib.get_close_matches(name, axes, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise ResponseError(f"component: there is no axis '{name}'; {having}.{hint}")
        if letter not in SPIN_AXES:
            raise ResponseError(
                f"component: {name} = '{letter}' is not among the components of {owner}: "
                f"{', '.join(SPIN_AXES)}. Give one of these."
            )
    return named
