"""Electric field, spins and effective fields in the course of a pulse."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from w90spin.arrays import FloatArray
from w90spin.derive import FieldPulse, SpinPulse
from w90spin.plot.component import check_index, number_text, place_text
from w90spin.plot.style import COLUMN, PALETTE, house_style, set_quantity, set_ticks
from w90spin.response.claims import Axis
from w90spin.units import SPIN_AXES

ROW = 1.25  # height of a row [inch]
REST = 0.75  # of title, axis and legends [inch]
VISIBLE = 1e-3  # share of the largest component from which on another one is drawn

STYLES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1)), (0, (4, 1, 1, 1)))  # of parts
WIDE: Mapping[str, float] = MappingProxyType({"linewidth": 2.6, "alpha": 0.45})
NARROW: Mapping[str, float] = MappingProxyType({"linewidth": 1.0})

_Curve = tuple[str, FloatArray, int, int]  # name, values, number of the vector, component
_DENSITY = {1: "nm", 2: "nm²", 3: "nm³"}
_RAISED = {1: "nm", 2: "nm^2", 3: "nm^3"}


def plot_pulse(
    spin: SpinPulse,
    field: FieldPulse | None = None,
    *,
    kT_index: int = 0,
    mu_index: int = 0,
    figure: Figure | None = None,
) -> Figure:
    """Draw the electric field, the spins of the parts, and the effective fields in time.

    Components that stay below a thousandth of the largest are left out.

    Parameters
    ----------
    spin : SpinPulse
        From :func:`w90spin.pulsed_spin`.
    field : FieldPulse, optional
        From :func:`w90spin.pulsed_field`: its staggered and uniform parts.
    kT_index, mu_index : int
        Which temperature and Fermi level of the spin.
    figure : Figure, optional
        Where to draw; a new one if left out.

    Returns
    -------
    Figure

    Raises
    ------
    PlotError
        If there is no such temperature or level.
    """
    t, f = _place(spin, kT_index, mu_index)
    spin_qts = spin.total[:, t, f]
    rows: list[tuple[str, str, list[_Curve]]] = [
        ("$E$", "V/m", _curves({"$E_": spin.pulse.field_tb})),
        (
            r"$\Delta S$",
            rf"$\mu_\mathrm{{B}}/\mathrm{{{_RAISED[spin.dimension]}}}$",
            _curves({f"{part}: $": spin_qts[q] for q, part in enumerate(spin.parts)}),
        ),
    ]
    if field is not None:
        means = {"staggered $": field.staggered_ta, "uniform $": field.uniform_ta}
        rows.append(("$B$", "T", _curves(means)))
    with house_style():
        if figure is None:
            size = (COLUMN, ROW * len(rows) + REST)
            figure = Figure(figsize=size, layout="constrained")
        for axes, (label, unit, curves) in zip(
            figure.subplots(len(rows), 1, sharex=True), rows, strict=True
        ):
            axes.axhline(0.0, color="0.7", linewidth=0.7, zorder=0)
            for name, value_t, n, a in curves:
                # The first stands wide and pale behind the others, which may lie right on it.
                shape = WIDE if n == 0 and len(curves) > 1 else NARROW
                dashes = STYLES[n % len(STYLES)]
                axes.plot(
                    spin.time_t, value_t, color=PALETTE[a], linestyle=dashes, label=name, **shape
                )
            largest = max(float(np.abs(value_t).max()) for _, value_t, _, _ in curves)
            set_quantity(axes.yaxis, label, unit, largest)
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axes.tick_params(labelsize=8.0)
            # Beside the axes nothing can lie over a curve.
            axes.legend(
                loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2, fontsize=7.0
            )
        axes.set_xlim(spin.time_t[0], spin.time_t[-1])
        axes.set_xlabel("Time (ps)")
        set_ticks(axes.xaxis)
        figure.align_ylabels()
        strongest = float(np.linalg.norm(spin.pulse.field_tb, axis=1).max())
        figure.suptitle(
            f"pulse up to {number_text(strongest)} V/m, {place_text('mu', float(spin.mu_f[f]))}",
            fontsize=8.0,
        )
    return figure


def tabulate_pulse(
    spin: SpinPulse, field: FieldPulse | None = None, *, kT_index: int = 0, mu_index: int = 0
) -> Mapping[str, FloatArray]:
    """Collect fields and spins in time: what :func:`plot_pulse` draws, with every component.

    Parameters
    ----------
    spin : SpinPulse
        From :func:`w90spin.pulsed_spin`.
    field : FieldPulse, optional
        From :func:`w90spin.pulsed_field`.
    kT_index, mu_index : int
        Which temperature and Fermi level of the spin.

    Returns
    -------
    mapping of str to float array (t)
        Columns by name and unit; errors are the same at all times.

    Raises
    ------
    PlotError
        If there is no such temperature or level.
    """
    t, f = _place(spin, kT_index, mu_index)
    columns = {"time [ps]": spin.time_t}
    for b, name in enumerate(SPIN_AXES):
        columns[f"E_{name} [V/m]"] = spin.pulse.field_tb[:, b]
    unit = f"[μ_B/{_DENSITY[spin.dimension]}]"
    errors_qs = spin.errors.sum(axis=0)[:, t, f]
    for q, part in enumerate(spin.parts):
        for s, name in enumerate(SPIN_AXES):
            columns[f"ΔS_{name} {part} {unit}"] = spin.total[q, t, f, :, s]
            columns[f"error ΔS_{name} {part} {unit}"] = np.full(len(spin.time_t), errors_qs[q, s])
    if field is not None:
        for q, part in enumerate(field.parts):
            for a, name in enumerate(SPIN_AXES):
                columns[f"B_{name} {part} [T]"] = field.field_tqa[:, q, a]
    return columns


def _place(spin: SpinPulse, kT_index: int, mu_index: int) -> tuple[int, int]:
    return (
        check_index(kT_index, Axis("kT", tuple(spin.kT_t.tolist()), "eV"), "the spin"),
        check_index(mu_index, Axis("mu", tuple(spin.mu_f.tolist()), "eV"), "the spin"),
    )


def _curves(vectors: Mapping[str, FloatArray]) -> list[_Curve]:
    """Visible components of vectors (t, a) by name, or the first where there is none."""
    largest = max(float(np.abs(vector_ta).max()) for vector_ta in vectors.values())
    every = [
        (f"{name}{axis}$", vector_ta[:, a], n, a)
        for n, (name, vector_ta) in enumerate(vectors.items())
        for a, axis in enumerate(SPIN_AXES)
    ]
    return [curve for curve in every if np.abs(curve[1]).max() > VISIBLE * largest] or every[:1]
