"""Induced spin against the frequency of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from w90spin.arrays import FloatArray
from w90spin.derive import InducedSpin
from w90spin.plot.component import PlotError, check_index, field_text, number_text, place_text
from w90spin.plot.style import (
    house_axes,
    house_style,
    say_in_axes,
    set_quantity,
    set_ticks,
    set_title,
)
from w90spin.response.claims import Axis
from w90spin.units import SPIN_AXES

HEIGHT = 2.6  # of a figure [inch]
ORDERS = (0, 1, 2)
VISIBLE_ERROR = 0.004
"""Errors below this share of the largest amplitude are thinner than the line."""
FEW_POINTS = 12
"""Up to so many frequencies each is marked."""

_DENSITY = {1: "nm", 2: "nm²", 3: "nm³"}
_RAISED = {0: "⁽⁰⁾", 1: "⁽¹⁾", 2: "⁽²⁾"}


@dataclass(frozen=True, eq=False)
class _Lines:
    frequency_w: FloatArray
    amplitude_qw: FloatArray
    error_qw: FloatArray
    volume_qw: FloatArray | None
    volume_error_qw: FloatArray | None
    kT: float
    mu: float


def plot_induced_spin(
    induced: InducedSpin,
    *,
    order: int = 1,
    spin: str = "z",
    kT_index: int = 0,
    mu_index: int = 0,
    axes: Axes | None = None,
) -> Axes:
    r"""Draw the amplitude :math:`|\Delta^{(i)} S_a|` against frequency, one line a part.

    The left scale is per length, area or volume as the model is periodic in one, two or three
    directions; a slab of known thickness gets a right scale per volume.

    Parameters
    ----------
    induced : InducedSpin
        From :func:`w90spin.derive.induced_spin`.
    order : int
        0, 1 or 2: the response to E, dE/dt or d²E/dt².
    spin : str
        "x", "y" or "z".
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
        If the component does not exist, or there is no frequency.
    """
    lines = _pick(induced, order, spin, kT_index, mu_index)
    label = rf"$|\Delta^{{({order})}}S_{{{spin}}}|$"
    largest = _largest(lines.amplitude_qw)
    with house_style():
        axes = house_axes(axes, HEIGHT)
        few = lines.frequency_w.size <= FEW_POINTS
        for q, part in enumerate(induced.parts):
            amplitude_w, error_w = lines.amplitude_qw[q], lines.error_qw[q]
            (line,) = axes.plot(
                lines.frequency_w,
                amplitude_w,
                marker="o" if few else None,
                # Parts that mirror each other have the same amplitude; dashes keep both in sight.
                linestyle=("-", (0, (4, 2)), (0, (1, 1)))[q % 3],
                label=part,
            )
            error_w = np.where(np.isfinite(error_w), error_w, np.nan)  # unknown: no band
            if _largest(error_w) > VISIBLE_ERROR * largest:
                axes.fill_between(
                    lines.frequency_w,
                    np.maximum(amplitude_w - error_w, 0.0),
                    amplitude_w + error_w,
                    color=line.get_color(),
                    alpha=0.25,
                    linewidth=0.0,
                )
        axes.set_xlabel("Frequency (THz)")
        set_ticks(axes.xaxis)
        axes.tick_params(labelsize=8.0)
        _set_limits(axes, lines, largest)
        set_quantity(axes.yaxis, label, _unit(induced.dimension), largest)
        _add_volume_axis(axes, lines, label, largest)
        if len(induced.parts) > 1:
            axes.legend(ncols=1 if len(induced.parts) <= 6 else 2, handlelength=2.5)
        say_in_axes(axes, lines.amplitude_qw)
        pieces = [
            field_text(induced.field, induced.field_direction),
            place_text("mu", lines.mu),
            place_text("kT", lines.kT),
        ]
        if lines.volume_qw is not None and induced.thickness is not None:
            pieces.append(f"thickness {number_text(induced.thickness)} Å")
        set_title(axes, pieces)
    return axes


def tabulate_induced_spin(
    induced: InducedSpin,
    *,
    order: int = 1,
    spin: str = "z",
    kT_index: int = 0,
    mu_index: int = 0,
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_induced_spin` draws for the same arguments.

    Parameters
    ----------
    induced : InducedSpin
        From :func:`w90spin.derive.induced_spin`.
    order : int
        0, 1 or 2.
    spin : str
        "x", "y" or "z".
    kT_index, mu_index : int
        Which temperature and Fermi level.

    Returns
    -------
    mapping of str to float array (w)
        Columns by name and unit.

    Raises
    ------
    PlotError
        If the component does not exist, or there is no frequency.
    """
    lines = _pick(induced, order, spin, kT_index, mu_index)
    head = f"|Δ{_RAISED[order]}S_{spin}|"
    columns = {"frequency [THz]": lines.frequency_w}
    for q, part in enumerate(induced.parts):
        unit = f"[μ_B/{_DENSITY[induced.dimension]}]"
        columns[f"{head} {part} {unit}"] = lines.amplitude_qw[q]
        columns[f"error {part} {unit}"] = lines.error_qw[q]
        if lines.volume_qw is not None:
            columns[f"{head} {part} [μ_B/nm³]"] = lines.volume_qw[q]
        if lines.volume_error_qw is not None:
            columns[f"error {part} [μ_B/nm³]"] = lines.volume_error_qw[q]
    return columns


def _pick(induced: InducedSpin, order: int, spin: str, kT_index: int, mu_index: int) -> _Lines:
    if order not in ORDERS:
        raise PlotError(f"order = {order!r} is none of 0, 1, 2: the derivatives of the field.")
    if spin not in SPIN_AXES:
        raise PlotError(f"spin = {spin!r} is none of {', '.join(SPIN_AXES)}. Give one of these.")
    frequency_w = np.asarray(induced.frequency_thz, dtype=np.float64)
    if frequency_w.size == 0:
        raise PlotError(
            "The induced spin has no frequency, so that there is nothing to draw. Compute the "
            "response for a list of omega_w."
        )
    kT_t, mu_f = np.asarray(induced.kT_t), np.asarray(induced.mu_f)
    t = check_index(kT_index, Axis("kT", tuple(kT_t.tolist()), "eV"), "the induced spin")
    f = check_index(mu_index, Axis("mu", tuple(mu_f.tolist()), "eV"), "the induced spin")
    where = (order, slice(None), t, f, slice(None), SPIN_AXES.index(spin))
    three_d = induced.dimension == 3  # there the two densities are one
    volume = None if three_d else induced.delta_volume
    volume_errors = None if three_d else induced.errors_volume
    # Frequencies may come in any order, a line may not.
    rank_w = np.argsort(frequency_w, kind="stable")
    return _Lines(
        frequency_w=frequency_w[rank_w],
        amplitude_qw=np.abs(induced.delta[where])[:, rank_w],
        error_qw=np.asarray(induced.errors[where], dtype=np.float64)[:, rank_w],
        volume_qw=None if volume is None else np.abs(volume[where])[:, rank_w],
        volume_error_qw=None if volume_errors is None else volume_errors[where][:, rank_w],
        kT=float(kT_t[t]),
        mu=float(mu_f[f]),
    )


def _largest(values: FloatArray) -> float:
    return float(values[np.isfinite(values)].max(initial=0.0))


def _unit(dimension: int) -> str:
    return rf"$\mu_\mathrm{{B}}$/{_DENSITY[dimension]}"


def _set_limits(axes: Axes, lines: _Lines, largest: float) -> None:
    first, last = lines.frequency_w[0], lines.frequency_w[-1]
    if last > first:
        axes.set_xlim(first, last)
    else:
        around = 0.1 * abs(first) or 1.0
        axes.set_xlim(first - around, first + around)
    if largest == 0.0:
        axes.set_ylim(0.0, 1.0)
        return
    with_errors = _largest(lines.amplitude_qw + lines.error_qw)
    # An error larger than the value is told by the band leaving the picture.
    axes.set_ylim(0.0, 1.08 * min(max(with_errors, largest), 2.0 * largest))


def _add_volume_axis(axes: Axes, lines: _Lines, label: str, largest: float) -> None:
    if lines.volume_qw is None or largest == 0.0:
        return
    largest_volume = _largest(lines.volume_qw)
    ratio = largest_volume / largest
    if ratio == 0.0:
        return

    def to_volume(density: ArrayLike) -> FloatArray:
        return np.asarray(density, dtype=np.float64) * ratio

    def from_volume(density: ArrayLike) -> FloatArray:
        return np.asarray(density, dtype=np.float64) / ratio

    right = axes.secondary_yaxis("right", functions=(to_volume, from_volume))
    right.tick_params(labelsize=8.0, direction="in")
    set_quantity(right.yaxis, label, _unit(3), largest_volume)
    axes.tick_params(right=False)
