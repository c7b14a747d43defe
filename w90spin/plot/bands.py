"""Bands along a path, coloured by their spin or by a response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.plot.component import (
    Component,
    PlotError,
    check_index,
    find_tensor,
    pick_component,
    place_text,
)
from w90spin.plot.style import (
    LINE_COLOURS,
    PALETTE,
    Colours,
    Scale,
    add_colour_bar,
    house_axes,
    house_style,
    say_in_axes,
    set_ticks,
    set_title,
    symmetric_colours,
)
from w90spin.response.claims import Axis
from w90spin.results.component import ComponentChoice
from w90spin.results.result import BandPath
from w90spin.units import SPIN_AXES

HEIGHT = 2.8  # of a figure [inch]
HOT_PERCENT = 95.0
"""Between bands that almost touch a response is larger by orders; lines need the rest visible."""

SAME_PLACE = 1e-9  # [1/Å]
_GAMMA = ("g", "gamma", r"\gamma", r"$\gamma$", "gm")

_DIRECTIONS = [f"{kind}_{s}" for kind in ("spin", "part_spin") for s in SPIN_AXES]
"""Columns of mean spins, which lie between -1 and 1."""


@dataclass(frozen=True, eq=False)
class _Drawn:
    band_n: IntArray
    energy_kn: FloatArray
    window: tuple[float, float]
    colour: Component | None


def plot_bands(
    path: BandPath,
    *,
    colour: str | None = "spin_z",
    component: ComponentChoice | None = None,
    part_index: int = 0,
    omega_index: int = 0,
    imaginary: bool = False,
    window: tuple[float, float] | None = None,
    scale: Scale = "auto",
    context: Sequence[str] = (),
    axes: Axes | None = None,
) -> Axes:
    """Draw bands relative to the Fermi level.

    A coloured line changes colour halfway between k points, so that each point keeps its own
    value.  Degenerate bands carry the value of their block.

    Parameters
    ----------
    path : BandPath
        The bands.
    colour : str, optional
        "spin_x", "spin_y", "spin_z", or a tensor such as "upsilon1"; of paths with parts also
        "weight" and "part_spin_x", ..., on the part of `part_index`; None for plain lines.
    component : str or mapping, optional
        Of the tensor: one letter for each of its Cartesian axes, as in ``"xyz"``, or by name, as
        in ``"flow=x,spin=z"``; the largest where that leaves a choice.
    part_index, omega_index : int
        Which entry of the tensor's other axes; negative ones count from the end.
    imaginary : bool
        Of a complex tensor draw the imaginary part.
    window : pair of float, optional
        Lowest and highest E - μ; all bands if left out. [eV]
    scale : "auto", "linear" or "log"
        Of the colours of a tensor, as for :func:`~w90spin.plot.plot_kmap`.
    context : sequence of str
        More for the title, such as "η = 10 meV".
    axes : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes

    Raises
    ------
    PlotError
        If the component does not exist, or no band lies in the window.
    """
    drawn = _pick(path, colour, component, part_index, omega_index, imaginary, window)
    joined_k = _joined(path)
    with house_style():
        axes = house_axes(axes, HEIGHT)
        axes.axhline(0.0, color="0.4", linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
        if drawn.colour is None:
            _draw_plain(axes, path.distance_k, drawn.energy_kn, joined_k)
        else:
            lines, value_x = _coloured_lines(
                path.distance_k, drawn.energy_kn, drawn.colour.values, joined_k
            )
            if drawn.colour.column.split()[0] in _DIRECTIONS:
                colours = Colours(Normalize(-1.0, 1.0), 1.0, "neither")
            elif drawn.colour.column.startswith("weight"):
                colours = Colours(Normalize(0.0, 1.0), 1.0, "neither")
            else:
                low, high = drawn.window
                inside_kn = (drawn.energy_kn >= low) & (drawn.energy_kn <= high)
                colours = symmetric_colours(drawn.colour.values[inside_kn], HOT_PERCENT, scale)
            collection = LineCollection(
                list(lines), cmap=LINE_COLOURS, norm=colours.norm, linewidth=1.2,
                capstyle="butt", joinstyle="round", zorder=2,
            )  # fmt: skip
            collection.set_array(value_x)
            axes.add_collection(collection)
            add_colour_bar(axes, collection, drawn.colour.label, drawn.colour.unit, colours)
            say_in_axes(axes, drawn.colour.values)
        axes.set_xlim(path.distance_k[0], path.distance_k[-1])
        axes.set_ylim(*drawn.window)
        axes.set_ylabel("$E - μ$ (eV)")
        set_ticks(axes.yaxis, 8)
        axes.tick_params(labelsize=8.0)
        _label_path(axes, path)
        pieces = drawn.colour.context if drawn.colour is not None else ()
        set_title(axes, [*pieces, *context, place_text("mu", path.mu)])
    return axes


def tabulate_bands(
    path: BandPath,
    *,
    colour: str | None = "spin_z",
    component: ComponentChoice | None = None,
    part_index: int = 0,
    omega_index: int = 0,
    imaginary: bool = False,
    window: tuple[float, float] | None = None,
) -> Mapping[str, FloatArray | IntArray]:
    """Collect the numbers that :func:`plot_bands` draws for the same arguments.

    Parameters
    ----------
    path : BandPath
        The bands.
    colour : str, optional
        What colours the lines.
    component : str or mapping, optional
        Component of the tensor.
    part_index, omega_index : int
        Which entry of the tensor's other axes.
    imaginary : bool
        Of a complex tensor take the imaginary part.
    window : pair of float, optional
        Lowest and highest E - μ; bands that never come in are left out. [eV]

    Returns
    -------
    mapping of str to array
        Columns by name and unit, one row per band and k point, band by band; bands count from 1.

    Raises
    ------
    PlotError
        If the component does not exist, or no band lies in the window.
    """
    drawn = _pick(path, colour, component, part_index, omega_index, imaginary, window)
    n_k, n_bands = drawn.energy_kn.shape
    columns: dict[str, FloatArray | IntArray] = {
        "band": np.repeat(drawn.band_n + 1, n_k),
        "distance [1/Å]": np.tile(path.distance_k, n_bands),
    }
    for c in range(3):
        heading = f"k_{'xyz'[c]} [1/Å]" if path.cartesian else f"reduced k_{c + 1}"
        columns[heading] = np.tile(path.kpt_kc[:, c], n_bands)
    columns["E - μ [eV]"] = drawn.energy_kn.T.ravel()
    if drawn.colour is not None:
        head = (
            f"{drawn.colour.column} [{drawn.colour.unit}]"
            if drawn.colour.unit
            else (drawn.colour.column)
        )
        columns[head] = drawn.colour.values.T.ravel()
    return columns


def _pick(
    path: BandPath,
    colour: str | None,
    choice: ComponentChoice | None,
    part_index: int,
    omega_index: int,
    imaginary: bool,
    window: tuple[float, float] | None,
) -> _Drawn:
    energy_kn = path.energy_kn - path.mu
    if energy_kn.size == 0 or not np.isfinite(energy_kn).any():
        raise PlotError("The path holds no bands, so that there is nothing to draw.")
    lowest, highest = float(np.nanmin(energy_kn)), float(np.nanmax(energy_kn))
    if window is None:
        margin = 0.03 * (highest - lowest) or 1.0
        window = (lowest - margin, highest + margin)
    low, high = (float(edge) for edge in window)
    if not low < high:
        raise PlotError(f"window = ({low:g}, {high:g}) eV must run from low to high.")
    with np.errstate(invalid="ignore"):
        band_n = np.flatnonzero(
            (np.nanmin(energy_kn, axis=0) <= high) & (np.nanmax(energy_kn, axis=0) >= low)
        )
    if band_n.size == 0:
        raise PlotError(
            f"No band lies in the window from {low:g} to {high:g} eV: relative to mu = "
            f"{path.mu:g} eV they run from {lowest:.4g} to {highest:.4g} eV. Widen the window."
        )
    component = None
    if colour is not None:
        component = _colour(path, colour, choice, part_index, omega_index, imaginary)
        component = Component(
            component.values[:, band_n],
            component.label,
            component.column,
            component.unit,
            component.context,
        )
    return _Drawn(band_n, energy_kn[:, band_n], (low, high), component)


def _colour(
    path: BandPath,
    colour: str,
    choice: ComponentChoice | None,
    part_index: int,
    omega_index: int,
    imaginary: bool,
) -> Component:
    spins = [f"spin_{s}" for s in SPIN_AXES]
    if colour in spins:
        s = spins.index(colour)
        label = rf"$\langle\sigma_{SPIN_AXES[s]}\rangle$"
        return Component(path.spin_kns[..., s], label, colour, "", ())
    part_spins = [f"part_{name}" for name in spins]
    if path.weight_knq is not None and path.part_spin_knqs is not None:
        part_axis = Axis("part", path.parts)
        if colour in ("weight", *part_spins):
            q = check_index(part_index, part_axis, "the path")
            part, context = path.parts[q], (f"part {path.parts[q]}",)
            if colour == "weight":
                return Component(
                    path.weight_knq[..., q], f"Weight on {part}", f"weight {part}", "", context
                )
            s = part_spins.index(colour)
            label = rf"$\langle\sigma_{SPIN_AXES[s]}\rangle$ on {part}"
            return Component(path.part_spin_knqs[..., q, s], label, f"{colour} {part}", "", context)
    if colour not in path.tensors:
        known = [*spins, *(["weight", *part_spins] if path.parts else []), *path.tensors]
        raise PlotError(
            f"colour = '{colour}' is none of {', '.join(known)}. Give one of "
            "these, or None for plain lines."
        )
    wanted = {"part": part_index, "omega": omega_index}
    found = find_tensor(path.tensors, colour, "the path")
    return pick_component(found, ("k", "band"), wanted, component=choice, imaginary=imaginary)


def _joined(path: BandPath) -> BoolArray:
    """Whether the line goes on from each k point to the next: not where the path jumps."""
    moved_k = np.abs(np.diff(path.kpt_kc, axis=0)).max(axis=1, initial=0.0) > SAME_PLACE
    joined: BoolArray = ~((np.diff(path.distance_k) < SAME_PLACE) & moved_k)
    return joined


def _draw_plain(
    axes: Axes, distance_k: FloatArray, energy_kn: FloatArray, joined_k: BoolArray
) -> None:
    breaks = np.flatnonzero(~joined_k) + 1
    distance_k = np.insert(distance_k, breaks, np.nan)
    energy_kn = np.insert(energy_kn, breaks, np.nan, axis=0)
    axes.plot(distance_k, energy_kn, color=PALETTE[0], linewidth=1.0, zorder=2)


def _coloured_lines(
    distance_k: FloatArray, energy_kn: FloatArray, value_kn: FloatArray, joined_k: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """For every point the line from halfway before it to halfway behind it, and its value."""
    n_k, n_bands = energy_kn.shape
    x_kn = np.broadcast_to(distance_k[:, None], (n_k, n_bands))
    point_knp = np.stack([x_kn, energy_kn], axis=-1)
    middle_knp = 0.5 * (point_knp[1:] + point_knp[:-1])
    before_knp, behind_knp = point_knp.copy(), point_knp.copy()
    before_knp[1:][joined_k] = middle_knp[joined_k]
    behind_knp[:-1][joined_k] = middle_knp[joined_k]
    line_xp = np.stack([before_knp, point_knp, behind_knp], axis=2).reshape(-1, 3, 2)
    value_x = value_kn.ravel()
    # The largest values are drawn last, on top of bands that cross them.
    rank_x = np.argsort(np.nan_to_num(np.abs(value_x)), kind="stable")
    return line_xp[rank_x], value_x[rank_x]


def _label_path(axes: Axes, path: BandPath) -> None:
    names: dict[float, str] = {}
    for position, label in zip(path.label_positions.tolist(), path.labels, strict=True):
        shown = "Γ" if label.lower() in _GAMMA else label
        here = next((x for x in names if abs(x - position) < SAME_PLACE), position)
        if here in names and names[here] != shown:
            names[here] += f"|{shown}"
        else:
            names[here] = shown
    first, last = path.distance_k[0], path.distance_k[-1]
    for position in names:
        if first + SAME_PLACE < position < last - SAME_PLACE:
            axes.axvline(position, color="0.7", linewidth=0.7, zorder=0)
    axes.set_xticks(list(names), list(names.values()))
    axes.tick_params(axis="x", length=0)
    if not names:
        axes.set_xlabel("Path (1/Å)")
