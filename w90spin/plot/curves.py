"""Tensors against the Fermi level, the frequency or the temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from w90spin.arrays import FloatArray
from w90spin.plot.component import PlotError, pick_component
from w90spin.plot.style import (
    PALETTE,
    house_axes,
    house_style,
    say_in_axes,
    set_quantity,
    set_ticks,
    set_title,
)
from w90spin.results.component import ComponentChoice
from w90spin.results.result import Tensor
from w90spin.units import thz_from_ev

HEIGHT = 2.6  # of a figure [inch]
RUNNING = ("mu", "omega", "kT")
"""Axes that a curve can run along."""

VISIBLE_ERROR = 0.004
"""Errors below this share of the largest value are thinner than the line."""

FEW_POINTS = 12
"""Up to so many points each is marked."""

FEW_LINES = 3
"""Legends of more lines stand beside the picture, where they hide nothing."""

MOST_ERROR = 10.0
"""Error bands are shown up to so many times the largest value, which then is still a line."""

TERAHERTZ = 0.25
"""Photon energies up to this are told as frequencies. [eV]"""


@dataclass(frozen=True, eq=False)
class _Line:
    name: str
    column: str
    part: int
    imaginary: bool
    values: FloatArray
    errors: FloatArray


@dataclass(frozen=True, eq=False)
class _Curves:
    label: str
    unit: str
    context: tuple[str, ...]
    x: FloatArray
    x_label: str
    column: str
    lines: tuple[_Line, ...]


def plot_curves(
    tensor: Tensor,
    versus: str | None = None,
    *,
    component: ComponentChoice | None = None,
    kT_index: int = 0,
    mu_index: int = 0,
    omega_index: int = 0,
    context: Sequence[str] = (),
    axes: Axes | None = None,
) -> Axes:
    """Draw one component against an axis of the tensor: a line a part, errors as bands.

    Of a complex tensor the real part is a full line, the imaginary part a dashed one.

    Parameters
    ----------
    tensor : Tensor
        Of a result, in any unit.
    versus : "mu", "omega" or "kT", optional
        What the curve runs along; by default the longest of these axes.
    component : str or mapping, optional
        One letter for each Cartesian axis of the tensor, as in ``"xyz"``, or by name, as in
        ``"flow=x,spin=z"``; the largest where that leaves a choice.
    kT_index, mu_index, omega_index : int
        Which entry of the other axes; negative ones count from the end.
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
        If the tensor has no such axis or component.
    """
    curves = _pick(tensor, versus, component, kT_index, mu_index, omega_index)
    all_values = np.concatenate([line.values for line in curves.lines])
    largest = float(np.abs(all_values[np.isfinite(all_values)]).max(initial=0.0))
    with house_style():
        axes = house_axes(axes, HEIGHT)
        axes.axhline(0.0, color="0.6", linewidth=0.6, zorder=1)
        few = curves.x.size <= FEW_POINTS
        several = len({line.part for line in curves.lines}) > 1
        for index, line in enumerate(curves.lines):
            # Parts that mirror each other may coincide; dashes keep both in sight.
            dashes = (
                (0, (4, 2)) if line.imaginary else ("-", (0, (6, 1.5)), (0, (1, 1)))[line.part % 3]
            )
            colour = PALETTE[(line.part if several else index) % len(PALETTE)]
            axes.plot(
                curves.x, line.values, marker="o" if few else None, linestyle=dashes, color=colour,
                label=line.name,
            )  # fmt: skip
            error = np.where(np.isfinite(line.errors), line.errors, np.nan)  # unknown: no band
            if float(np.nan_to_num(error).max(initial=0.0)) > VISIBLE_ERROR * largest:
                axes.fill_between(
                    curves.x, line.values - error, line.values + error,
                    color=colour, alpha=0.25, linewidth=0.0,
                )  # fmt: skip
        axes.set_xlabel(curves.x_label)
        first, last = float(curves.x[0]), float(curves.x[-1])
        around = 0.0 if last > first else 0.1 * abs(first) or 1.0
        axes.set_xlim(first - around, last + around)
        set_ticks(axes.xaxis)
        axes.tick_params(labelsize=8.0)
        if largest == 0.0:
            axes.set_ylim(-1.0, 1.0)
        else:
            low, high = axes.get_ylim()
            reach = MOST_ERROR * largest
            axes.set_ylim(max(low, -reach), min(high, reach))
            if low < -reach or high > reach:
                axes.annotate(
                    "errors leave the picture", (0.02, 0.02), xycoords="axes fraction",
                    fontsize=7.0, color="0.3",
                )  # fmt: skip
        unit = curves.unit.replace("μ_B", r"$\mu_\mathrm{B}$")
        set_quantity(axes.yaxis, curves.label, unit, largest)
        if len(curves.lines) > 1:
            if len(curves.lines) <= FEW_LINES:
                axes.legend(handlelength=2.5)
            else:
                axes.legend(
                    loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=2.0, fontsize=7.0,
                    frameon=False,
                )  # fmt: skip
        say_in_axes(axes, all_values)
        set_title(axes, [*curves.context, *context])
    return axes


def tabulate_curves(
    tensor: Tensor,
    versus: str | None = None,
    *,
    component: ComponentChoice | None = None,
    kT_index: int = 0,
    mu_index: int = 0,
    omega_index: int = 0,
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_curves` draws for the same arguments.

    Parameters
    ----------
    tensor : Tensor
        Of a result.
    versus : "mu", "omega" or "kT", optional
        What the curve runs along.
    component : str or mapping, optional
        Which component.
    kT_index, mu_index, omega_index : int
        Which entry of the other axes.

    Returns
    -------
    mapping of str to float array
        Columns by name and unit.

    Raises
    ------
    PlotError
        If the tensor has no such axis or component.
    """
    curves = _pick(tensor, versus, component, kT_index, mu_index, omega_index)
    columns = {curves.column: curves.x}
    for line in curves.lines:
        unit = f" [{curves.unit}]" if curves.unit else ""
        columns[f"{line.column}{unit}"] = line.values
        columns[f"error of {line.column}{unit}"] = line.errors
    return columns


def running_axes(tensor: Tensor) -> list[str]:
    """Axes with more than one entry that a curve can run along, as they are named.

    Parameters
    ----------
    tensor : Tensor
        Of a result.

    Returns
    -------
    list of str
    """
    return [axis.name for axis in tensor.axes if axis.name in RUNNING and len(axis.values) > 1]


def _pick(
    tensor: Tensor,
    versus: str | None,
    component: ComponentChoice | None,
    kT_index: int,
    mu_index: int,
    omega_index: int,
) -> _Curves:
    along = _along(tensor, versus)
    wanted = {"kT": kT_index, "mu": mu_index, "omega": omega_index}
    x = np.asarray(tensor.axis(along).values, dtype=np.float64)
    rank_x = np.argsort(x, kind="stable")  # values may come in any order, a line may not
    parts = tensor.axis("part").values if "part" in tensor.axis_names else ("",)
    halves = (False, True) if np.iscomplexobj(tensor.values) else (False,)
    lines: list[_Line] = []
    for q, part in enumerate(parts):
        for imaginary in halves:
            found = pick_component(
                tensor,
                (along,),
                {**wanted, "part": q},
                component=component,
                imaginary=imaginary,
            )
            if imaginary and not np.any(found.values):
                continue
            named = [("Im" if imaginary else "Re") if len(halves) > 1 else ""]
            named += [str(part) if len(parts) > 1 else ""]
            lines.append(
                _Line(
                    name=" ".join(filter(None, named)),
                    column=f"{found.column} {named[1]}".strip(),
                    part=q,
                    imaginary=imaginary,
                    values=found.values[rank_x],
                    errors=np.zeros(len(x)) if found.errors is None else found.errors[rank_x],
                )
            )
            if q == 0 and not imaginary:
                first = found
    both = any(line.imaginary for line in lines)
    if not both:  # the label says whose half it is
        lines = [replace(line, name=line.name.removeprefix("Re").strip()) for line in lines]
    scaled, x_label, column = _scaled(along, x)
    return _Curves(
        label=first.label.removeprefix("Re ") if both else first.label,
        unit=first.unit,
        context=tuple(words for words in first.context if not words.startswith("part ")),
        x=scaled[rank_x],
        x_label=x_label,
        column=column,
        lines=tuple(lines),
    )


def _along(tensor: Tensor, versus: str | None) -> str:
    there = [axis for axis in tensor.axes if axis.name in RUNNING]
    if versus is None and there:
        return max(there, key=lambda axis: len(axis.values)).name
    if versus not in [axis.name for axis in there]:
        known = ", ".join(axis.name for axis in there) or "none of mu, omega, kT"
        raise PlotError(
            f"{tensor.name} cannot be drawn against '{versus}': its axes for that are {known}."
        )
    return str(versus)


def _scaled(along: str, x: FloatArray) -> tuple[FloatArray, str, str]:
    """Coordinates as a picture tells them, their label, and the head of their column."""
    if along == "omega" and float(x.max()) <= TERAHERTZ:
        return np.array([thz_from_ev(omega) for omega in x]), "Frequency (THz)", "frequency [THz]"
    if along == "omega":
        return x, "Photon energy ħω (eV)", "ħω [eV]"
    if along == "kT":
        return 1e3 * x, "$kT$ (meV)", "kT [meV]"
    return x, "$μ$ (eV)", "mu [eV]"
