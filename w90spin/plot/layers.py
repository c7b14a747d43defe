"""Induced spins of the parts with their signs: against frequency, and against the field's angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from w90spin.arrays import FloatArray
from w90spin.derive import InducedSpin
from w90spin.plot.component import PlotError, field_text, number_text, place_text
from w90spin.plot.neel import mark_edge
from w90spin.plot.style import (
    PALETTE,
    house_axes,
    house_style,
    say_in_axes,
    set_quantity,
    set_ticks,
    set_title,
)
from w90spin.units import SPIN_AXES

HEIGHT = 2.6  # against frequency [inch]
ANGLE_HEIGHT = 3.4  # against angle [inch]
ARROW = 0.22  # length of arrows, in radii of the circle of fields
RING = 0.72  # radius of the ring of a part over that of the one before

_DENSITY = {1: "nm", 2: "nm²", 3: "nm³"}
_WAVE = ("cos", "sin", "cos")
_RAISED = ("⁽⁰⁾", "⁽¹⁾", "⁽²⁾")


def plot_signed_spin(
    induced: InducedSpin,
    *,
    order: int = 1,
    spin: str = "y",
    edge: float | None = None,
    axes: Axes | None = None,
) -> Axes:
    r"""Draw the induced spin of every part with its sign against frequency.

    For a real field E cos ωt: the coefficient of cos ωt for orders 0 and 2, of sin ωt for 1.

    Parameters
    ----------
    induced : InducedSpin
        From :func:`w90spin.induced_spin` for a linear field; first temperature and Fermi level.
    order : int
        0, 1 or 2.
    spin : str
        "x", "y" or "z".
    edge : float, optional
        Gap, marked by a line across. [eV]
    axes : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes

    Raises
    ------
    PlotError
        If the component does not exist, or there is no frequency.
    """
    table = tabulate_signed_spin(induced, order=order, spin=spin)
    frequency_w, *columns = table.values()
    value_qw, error_qw = np.array(columns[0::2]), np.array(columns[1::2])
    largest = float(np.abs(value_qw).max())
    with house_style():
        axes = house_axes(axes, HEIGHT)
        axes.axhline(0.0, color="0.7", linewidth=0.7, zorder=0)
        for q, part in enumerate(induced.parts):
            (line,) = axes.plot(frequency_w, value_qw[q], label=part)
            axes.fill_between(
                frequency_w,
                value_qw[q] - error_qw[q],
                value_qw[q] + error_qw[q],
                color=line.get_color(),
                alpha=0.25,
                linewidth=0.0,
            )
        mark_edge(axes, edge, frequency_w, 0.4)
        axes.set_ylim(-1.15 * largest or -1.0, 1.15 * largest or 1.0)
        axes.set_xlabel("Frequency (THz)")
        set_ticks(axes.xaxis)
        axes.tick_params(labelsize=8.0)
        label = rf"$\Delta^{{({order})}}S_{{{spin}}}\,/\,\{_WAVE[order]}\,\omega t$"
        unit = rf"$\mu_\mathrm{{B}}$/{_DENSITY[induced.dimension]}"
        set_quantity(axes.yaxis, label, unit, largest)
        say_in_axes(axes, value_qw)
        if len(induced.parts) > 1:
            axes.legend(loc="upper left", handlelength=2.0)
        set_title(
            axes,
            [
                field_text(induced.field, induced.field_direction),
                place_text("mu", float(induced.mu_f[0])),
                place_text("kT", float(induced.kT_t[0])),
            ],
        )
    return axes


def tabulate_signed_spin(
    induced: InducedSpin, *, order: int = 1, spin: str = "y"
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_signed_spin` draws for the same arguments.

    Parameters
    ----------
    induced : InducedSpin
        From :func:`w90spin.induced_spin`.
    order : int
        0, 1 or 2.
    spin : str
        "x", "y" or "z".

    Returns
    -------
    mapping of str to float array (w)
        Columns by name and unit: for every part the value and its error.

    Raises
    ------
    PlotError
        If the component does not exist, or there is no frequency.
    """
    if order not in (0, 1, 2) or spin not in SPIN_AXES:
        raise PlotError(f"order = {order!r} and spin = {spin!r} must be of 0, 1, 2 and x, y, z.")
    if induced.omega_w.size == 0:
        raise PlotError("The spin has no frequency. Compute the response for a list of omega_w.")
    frequency_w = induced.frequency_thz
    rank_w = np.argsort(frequency_w, kind="stable")
    s = SPIN_AXES.index(spin)
    delta_qw = induced.delta[order, :, 0, 0, :, s][:, rank_w]
    value_qw = delta_qw.imag if order == 1 else delta_qw.real
    error_qw = induced.errors[order, :, 0, 0, :, s][:, rank_w]
    unit = f"[μ_B/{_DENSITY[induced.dimension]}]"
    columns = {"frequency [THz]": frequency_w[rank_w]}
    for q, part in enumerate(induced.parts):
        columns[f"Δ{_RAISED[order]}S_{spin}/{_WAVE[order]} ωt {part} {unit}"] = value_qw[q]
        columns[f"error {part} {unit}"] = error_qw[q]
    return columns


def plot_spin_by_angle(
    by_angle: Sequence[InducedSpin],
    *,
    order: int = 1,
    omega_index: int = -1,
    parts: Sequence[str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the direction of the in-plane spin for fields all around the plane.

    An arrow stands where the field points; its direction is that of the spin, its length the
    spin's share of the largest.  Every part has its own ring, the first the outermost.

    Parameters
    ----------
    by_angle : sequence of InducedSpin
        For real fields in the xy plane.
    order : int
        0, 1 or 2: coefficient of cos ωt, sin ωt, cos ωt.
    omega_index : int
        Which photon energy.
    parts : sequence of str, optional
        Which parts; all if left out.
    axes : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes

    Raises
    ------
    PlotError
        If there is no field, or it leaves the plane or turns.
    """
    table = tabulate_spin_by_angle(by_angle, order=order, omega_index=omega_index)
    first = by_angle[0]
    angle_x = np.radians(table["angle of the field [°]"])
    shown = first.parts if parts is None else tuple(parts)
    unit = f"[μ_B/{_DENSITY[first.dimension]}]"
    vector_qxs = np.array(
        [[table[f"ΔS_{s} {part} {unit}"] for s in SPIN_AXES[:2]] for part in shown]
    ).swapaxes(1, 2)
    largest = float(np.linalg.norm(vector_qxs, axis=-1).max()) or 1.0
    with house_style():
        axes = house_axes(axes, ANGLE_HEIGHT)
        ring = np.linspace(0.0, 2.0 * np.pi, 241)
        for q, part in enumerate(shown):
            radius = RING**q
            axes.plot(
                radius * np.cos(ring), radius * np.sin(ring), color="0.8", linewidth=0.8, zorder=0
            )
            arrow_xs = ARROW * vector_qxs[q] / largest
            axes.quiver(
                radius * np.cos(angle_x),
                radius * np.sin(angle_x),
                *arrow_xs.T,
                color=PALETTE[q],
                angles="xy",
                scale_units="xy",
                scale=1.0,
                width=0.008,
                label=part,
            )
        axes.set_aspect("equal")
        axes.set_xlim(-1.35, 1.35)
        axes.set_ylim(-1.35, 1.35)
        axes.set_xlabel("Direction of the field along $x$")
        axes.set_ylabel("along $y$")
        set_ticks(axes.xaxis, 4)
        set_ticks(axes.yaxis, 4)
        axes.tick_params(labelsize=8.0)
        axes.legend(loc="center", title="Spin on")
        set_title(
            axes,
            [
                f"longest arrow {number_text(largest)} "
                rf"$\mu_\mathrm{{B}}$/{_DENSITY[first.dimension]}",
                f"E = {number_text(first.field)} V/m",
                place_text("omega", float(first.omega_w[omega_index])),
            ],
        )
    return axes


def tabulate_spin_by_angle(
    by_angle: Sequence[InducedSpin], *, order: int = 1, omega_index: int = -1
) -> Mapping[str, ArrayLike]:
    """Collect the numbers behind :func:`plot_spin_by_angle`, those of all parts.

    Parameters
    ----------
    by_angle : sequence of InducedSpin
        For real fields in the xy plane.
    order : int
        0, 1 or 2.
    omega_index : int
        Which photon energy.

    Returns
    -------
    mapping of str to float array (x)
        Columns by name and unit.

    Raises
    ------
    PlotError
        If there is no field, or it leaves the plane or turns.
    """
    if not by_angle:
        raise PlotError("There is no field to draw the spin for.")
    direction_xb = np.array([induced.direction for induced in by_angle])
    if np.abs(direction_xb.imag).max() > 0.0 or np.abs(direction_xb[:, 2]).max() > 0.0:
        raise PlotError("The fields must be real and lie in the xy plane to have an angle.")
    unit = f"[μ_B/{_DENSITY[by_angle[0].dimension]}]"
    angle_x = np.degrees(np.arctan2(direction_xb[:, 1].real, direction_xb[:, 0].real))
    columns: dict[str, ArrayLike] = {"angle of the field [°]": np.mod(angle_x, 360.0)}
    delta_xqs = np.array([i.delta[order, :, 0, 0, omega_index] for i in by_angle])
    value_xqs = delta_xqs.imag if order == 1 else delta_xqs.real
    error_xqs = np.array([i.errors[order, :, 0, 0, omega_index] for i in by_angle])
    for q, part in enumerate(by_angle[0].parts):
        for s, name in enumerate(SPIN_AXES):
            columns[f"ΔS_{name} {part} {unit}"] = value_xqs[:, q, s]
            columns[f"error ΔS_{name} {part} {unit}"] = error_xqs[:, q, s]
        spin_angle_x = np.degrees(np.arctan2(value_xqs[:, q, 1], value_xqs[:, q, 0]))
        columns[f"angle of the spin {part} [°]"] = np.mod(spin_angle_x, 360.0)
    return columns
