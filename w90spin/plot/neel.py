"""Effective fields against frequency, and the Néel vector in time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from w90spin.arrays import FloatArray
from w90spin.derive import NeelDynamics, NeelField
from w90spin.derive.induced_spin import peak_length
from w90spin.plot.component import PlotError, check_index, field_text, number_text, place_text
from w90spin.plot.style import (
    COLUMN,
    PALETTE,
    house_axes,
    house_style,
    say_in_axes,
    set_quantity,
    set_ticks,
    set_title,
)
from w90spin.response.claims import Axis
from w90spin.units import SPIN_AXES, THZ_TO_EV

HEIGHT = 2.6  # of the picture of fields [inch]
HEADROOM = 1.5  # over the largest field, for the legend
TRAJECTORY_HEIGHT = 4.4  # of that of the dynamics [inch]
SMALL_TILT = 15.0
"""Largest tilt up to which the change of the Néel vector is drawn instead of itself. [°]"""


def plot_neel_field(
    neel: NeelField,
    *,
    order: int | None = None,
    anisotropy_field: float | None = None,
    edge: float | None = None,
    kT_index: int = 0,
    mu_index: int = 0,
    axes: Axes | None = None,
) -> Axes:
    """Draw the peak of the staggered and of the uniform field against frequency.

    Parameters
    ----------
    neel : NeelField
        From :func:`w90spin.neel_field`.
    order : int, optional
        Response to E, dE/dt or d²E/dt² alone; all three together if left out.
    anisotropy_field : float, optional
        Drawn as a line, to compare with. [T]
    edge : float, optional
        Gap, marked by a line across. [eV]
    kT_index, mu_index : int
        Which temperature and Fermi level.
    axes : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes

    Raises
    ------
    PlotError
        If there is no such order, temperature or level, or no frequency.
    """
    table = tabulate_neel_field(neel, order=order, kT_index=kT_index, mu_index=mu_index)
    frequency_w, staggered_w, staggered_error_w, uniform_w, uniform_error_w = table.values()
    largest = max(float(staggered_w.max()), float(uniform_w.max()))
    with house_style():
        axes = house_axes(axes, HEIGHT)
        for value_w, error_w, name, style in (
            (staggered_w, staggered_error_w, "staggered", "-"),
            (uniform_w, uniform_error_w, "uniform", (0, (4, 2))),
        ):
            (line,) = axes.plot(frequency_w, value_w, linestyle=style, label=name)
            axes.fill_between(
                frequency_w,
                np.maximum(value_w - error_w, 0.0),
                value_w + error_w,
                color=line.get_color(),
                alpha=0.25,
                linewidth=0.0,
            )
        if anisotropy_field is not None:
            axes.axhline(
                anisotropy_field,
                color="0.35",
                linewidth=1.0,
                linestyle=(0, (1, 1)),
                label=f"anisotropy field {number_text(anisotropy_field)} T",
            )
            largest = max(largest, anisotropy_field)
        mark_edge(axes, edge, frequency_w)
        axes.set_xlabel("Frequency (THz)")
        set_ticks(axes.xaxis)
        axes.tick_params(labelsize=8.0)
        axes.set_ylim(0.0, HEADROOM * largest or 1.0)
        set_quantity(axes.yaxis, "Peak of $B$", "T", largest)
        say_in_axes(axes, np.concatenate([staggered_w, uniform_w]))
        axes.legend(loc="upper left", handlelength=2.5)
        set_title(
            axes,
            [
                field_text(neel.electric_field, neel.field_direction),
                f"$J_\\mathrm{{ex}}$ = {of_each(neel.exchange_q)} eV",
                place_text("mu", float(neel.mu_f[mu_index])),
            ],
        )
    return axes


def tabulate_neel_field(
    neel: NeelField, *, order: int | None = None, kT_index: int = 0, mu_index: int = 0
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_neel_field` draws for the same arguments.

    Parameters
    ----------
    neel : NeelField
        From :func:`w90spin.neel_field`.
    order : int, optional
        0, 1 or 2; all three together if left out.
    kT_index, mu_index : int
        Which temperature and Fermi level.

    Returns
    -------
    mapping of str to float array (w)
        Columns by name and unit.

    Raises
    ------
    PlotError
        If there is no such order, temperature or level, or no frequency.
    """
    if order not in (None, 0, 1, 2):
        raise PlotError(f"order = {order!r} is none of 0, 1, 2: the derivatives of the field.")
    frequency_w = neel.frequency_thz
    if frequency_w.size == 0:
        raise PlotError("The field has no frequency. Compute the response for a list of omega_w.")
    t = check_index(kT_index, Axis("kT", tuple(neel.kT_t.tolist()), "eV"), "the field")
    f = check_index(mu_index, Axis("mu", tuple(neel.mu_f.tolist()), "eV"), "the field")
    rank_w = np.argsort(frequency_w, kind="stable")
    columns = {"frequency [THz]": frequency_w[rank_w]}
    orders = slice(None) if order is None else slice(order, order + 1)
    for name, field, errors in (
        ("staggered", neel.staggered, neel.staggered_errors),
        ("uniform", neel.uniform, neel.uniform_errors),
    ):
        columns[f"peak of {name} B [T]"] = peak_length(field[orders, t, f].sum(axis=0))[rank_w]
        columns[f"error {name} [T]"] = np.linalg.norm(errors[orders, t, f].sum(axis=0), axis=-1)[
            rank_w
        ]
    return columns


def mark_edge(
    axes: Axes, edge: float | None, frequency_w: FloatArray, height: float = 0.04
) -> None:
    """Limit the axis of frequencies, and draw a line across at the gap.

    Parameters
    ----------
    axes : Axes
        The axes.
    edge : float, optional
        Gap. [eV]
    frequency_w : float array (w)
        Frequencies that are drawn. [THz]
    height : float
        Where along the line its name stands, in heights of the axes.
    """
    first, last = float(frequency_w.min()), float(frequency_w.max())
    if edge is not None:
        from_edge = edge / THZ_TO_EV
        axes.axvline(from_edge, color="0.35", linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            "gap",
            (from_edge, height),
            xycoords=("data", "axes fraction"),
            xytext=(-3.0, 0.0),
            textcoords="offset points",
            ha="right",
            fontsize=8.0,
            color="0.35",
        )
        last = max(last, 1.03 * from_edge)
    if last > first:
        axes.set_xlim(first, last)


def plot_trajectory(dynamics: NeelDynamics, *, figure: Figure | None = None) -> Figure:
    """Draw the staggered field, the Néel vector and the net moment in time.

    The pulse and what follows it stand side by side, each on its own scale of time.  Of a Néel
    vector that hardly moves its change is drawn.

    Parameters
    ----------
    dynamics : NeelDynamics
        From :func:`w90spin.neel_dynamics`.
    figure : Figure, optional
        Where to draw; a new one if left out.

    Returns
    -------
    Figure
    """
    time_t = dynamics.time_t
    driven_t = np.flatnonzero(dynamics.field_tqa.any(axis=(1, 2)))
    end = float(time_t[driven_t[-1]]) if driven_t.size else float(time_t[-1])
    # Without a long time after the pulse one column shows it all.
    split = driven_t.size > 0 and time_t[-1] - end > end - time_t[0]
    staggered_ta = 0.5 * (dynamics.field_tqa[:, 0] - dynamics.field_tqa[:, 1])
    small = bool(dynamics.tilt_t.max() < SMALL_TILT)
    neel_ta = dynamics.neel_ta - dynamics.neel_ta[0] if small else dynamics.neel_ta
    curves = (
        ("Staggered $B$", "T", staggered_ta),
        ("Change of\nNéel vector" if small else "Néel vector", "", neel_ta),
        ("Net moment", "", dynamics.net_ta),
    )
    with house_style():
        if figure is None:
            figure = Figure(figsize=(COLUMN, TRAJECTORY_HEIGHT), layout="constrained")
        columns = 2 if split else 1
        rows = figure.subplots(3, columns, sharex="col", sharey="row", squeeze=False)
        for row, (label, unit, value_ta) in zip(rows, curves, strict=True):
            for axes in row:
                for a, name in enumerate(SPIN_AXES):
                    axes.plot(
                        time_t, value_ta[:, a], color=PALETTE[a], linewidth=1.0, label=f"${name}$"
                    )
                axes.tick_params(labelsize=8.0)
            largest = float(np.abs(value_ta).max())
            set_quantity(row[0].yaxis, label, unit, largest)
            row[0].yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        rows[0, 0].set_xlim(time_t[0], end if split else time_t[-1])
        if split:
            rows[0, 1].set_xlim(end, time_t[-1])
        for axes in rows[2]:
            axes.set_xlabel("Time (ps)")
            set_ticks(axes.xaxis, 3 if split else 6)
        figure.align_ylabels(rows[:, 0])
        lines = rows[0, 0].get_lines()
        figure.legend(
            lines,
            [str(line.get_label()) for line in lines],
            loc="outside lower center",
            ncols=3,
            handlelength=1.5,
        )
        verdict = {True: "switched", False: "not switched", None: "not settled"}
        figure.suptitle(
            f"{verdict[dynamics.switched]}, $B_E$ = {of_each(dynamics.exchange_field_q)} T, "
            f"$B_K$ = {of_each(dynamics.anisotropy_field_q)} T, α = {of_each(dynamics.damping_q)}",
            fontsize=8.0,
        )
    return figure


def of_each(value_q: FloatArray) -> str:
    """A number, or one for each sublattice where they differ."""
    same = bool((value_q == value_q[0]).all())
    return " | ".join(number_text(float(value)) for value in (value_q[:1] if same else value_q))


def tabulate_trajectory(dynamics: NeelDynamics) -> Mapping[str, FloatArray]:
    """Collect fields and moments in time, as micromagnetic programs can read them.

    Parameters
    ----------
    dynamics : NeelDynamics
        From :func:`w90spin.neel_dynamics`.

    Returns
    -------
    mapping of str to float array (t)
        Columns by name and unit.
    """
    columns = {"time [ps]": dynamics.time_t}
    for q, part in enumerate(dynamics.parts):
        for a, name in enumerate(SPIN_AXES):
            columns[f"B_{name} {part} [T]"] = dynamics.field_tqa[:, q, a]
    for q, part in enumerate(dynamics.parts):
        for a, name in enumerate(SPIN_AXES):
            columns[f"m_{name} {part}"] = dynamics.moments_tqa[:, q, a]
    return columns
