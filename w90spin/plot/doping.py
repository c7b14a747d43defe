"""Spins of the parts against the Fermi level: intrinsic and of the Edelstein effect."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from w90spin.arrays import FloatArray
from w90spin.derive import EdelsteinSpin, InducedSpin
from w90spin.plot.component import PlotError, field_text, number_text, place_text
from w90spin.plot.style import COLUMN, house_style, set_quantity, set_ticks
from w90spin.units import SPIN_AXES

HEIGHT = 4.4  # [inch]

_DENSITY = {1: "nm", 2: "nm²", 3: "nm³"}


def plot_doping(
    induced: InducedSpin,
    edelstein: EdelsteinSpin,
    *,
    spin: str = "y",
    reference: float = 0.0,
    figure: Figure | None = None,
) -> Figure:
    """Draw the spin of every part against the Fermi level, intrinsic above and Edelstein below.

    The intrinsic one is the response to dE/dt, the coefficient of sin ωt, at the last frequency;
    that of the Edelstein effect runs with the field, the coefficient of cos ωt, at its first one.

    Parameters
    ----------
    induced : InducedSpin
        From :func:`w90spin.induced_spin`, at several Fermi levels; first temperature.
    edelstein : EdelsteinSpin
        From :func:`w90spin.edelstein_spin`, for the same field, parts and levels.
    spin : str
        "x", "y" or "z".
    reference : float
        Energy from which Fermi levels count. [eV]
    figure : Figure, optional
        Where to draw; a new one if left out.

    Returns
    -------
    Figure

    Raises
    ------
    PlotError
        If the two are not of the same levels, parts and field, or the component does not exist.
    """
    table = tabulate_doping(induced, edelstein, spin=spin, reference=reference)
    level_f, *columns = table.values()
    n_parts = len(induced.parts)
    with house_style():
        if figure is None:
            figure = Figure(figsize=(COLUMN, HEIGHT), layout="constrained")
        rows = figure.subplots(2, 1, sharex=True)
        unit = rf"$\mu_\mathrm{{B}}$/{_DENSITY[induced.dimension]}"
        for row, (axes, label) in enumerate(
            zip(
                rows,
                (rf"$\Delta^{{(1)}}S_{spin}\,/\,\sin\,\omega t$", rf"Edelstein $S_{spin}$"),
                strict=True,
            )
        ):
            axes.axhline(0.0, color="0.7", linewidth=0.7, zorder=0)
            pairs = columns[2 * n_parts * row : 2 * n_parts * (row + 1)]
            for part, value_f, error_f in zip(induced.parts, pairs[::2], pairs[1::2], strict=True):
                axes.errorbar(level_f, value_f, yerr=error_f, marker="o", capsize=2.0, label=part)
            largest = max(float(np.abs(value_f).max()) for value_f in pairs[::2])
            set_quantity(axes.yaxis, label, unit, largest)
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axes.tick_params(labelsize=8.0)
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=n_parts)
        rows[1].set_xlabel(_level_name(reference) + " (eV)")
        set_ticks(rows[1].xaxis)
        figure.align_ylabels()
        figure.suptitle(
            f"{field_text(induced.field, induced.field_direction)}, "
            f"{place_text('kT', float(induced.kT_t[0]))}\n"
            f"above: {number_text(induced.frequency_thz[-1])} THz; below: "
            f"{number_text(edelstein.frequency_thz[0])} THz, "
            f"τ = {number_text(edelstein.tau_fs)} fs",
            fontsize=8.0,
        )
    return figure


def tabulate_doping(
    induced: InducedSpin, edelstein: EdelsteinSpin, *, spin: str = "y", reference: float = 0.0
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_doping` draws for the same arguments.

    Parameters
    ----------
    induced : InducedSpin
        The intrinsic response.
    edelstein : EdelsteinSpin
        That of the Fermi surface.
    spin : str
        "x", "y" or "z".
    reference : float
        Energy from which Fermi levels count. [eV]

    Returns
    -------
    mapping of str to float array (f)
        Columns by name and unit, by ascending level.

    Raises
    ------
    PlotError
        If the two are not of the same levels, parts and field, or the component does not exist.
    """
    same = (
        np.array_equal(induced.mu_f, edelstein.mu_f)
        and induced.parts == edelstein.parts
        and induced.field == edelstein.field
        and np.allclose(induced.direction, edelstein.direction)
    )
    if not same:
        raise PlotError("Both responses must be of the same Fermi levels, parts and field.")
    if spin not in SPIN_AXES:
        raise PlotError(f"spin = {spin!r} must be x, y or z.")
    s = SPIN_AXES.index(spin)
    rank_f = np.argsort(induced.mu_f, kind="stable")
    columns: dict[str, FloatArray] = {
        f"{_level_name(reference)} [eV]": induced.mu_f[rank_f] - reference
    }
    unit = f"[μ_B/{_DENSITY[induced.dimension]}]"
    for name, value_qf, error_qf in (
        (
            f"Δ⁽¹⁾S_{spin}/sin ωt",
            induced.delta[1, :, 0, :, -1, s].imag,
            induced.errors[1, :, 0, :, -1, s],
        ),
        (
            f"Edelstein S_{spin}",
            edelstein.delta[:, 0, :, 0, s].real,
            edelstein.errors[:, 0, :, 0, s],
        ),
    ):
        for q, part in enumerate(induced.parts):
            columns[f"{name} {part} {unit}"] = value_qf[q][rank_f]
            columns[f"error of {name} {part} {unit}"] = error_qf[q][rank_f]
    return columns


def _level_name(reference: float) -> str:
    """What the Fermi level is called that counts from a reference."""
    return "Fermi level" if reference == 0.0 else f"Fermi level − {reference:.4g} eV"
