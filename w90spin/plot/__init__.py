"""Results in, matplotlib axes out.  Nothing is computed here, and only here is matplotlib used."""

from w90spin.plot.component import PlotError

try:
    import matplotlib as _matplotlib  # noqa: F401
except ImportError as _problem:
    raise PlotError(
        "Pictures need matplotlib, which is not installed: pip install 'w90spin[plot]'."
    ) from _problem

from w90spin.plot.bands import plot_bands, tabulate_bands
from w90spin.plot.curves import plot_curves, tabulate_curves
from w90spin.plot.doping import plot_doping, tabulate_doping
from w90spin.plot.everything import Choice, Pictures, plot_all
from w90spin.plot.layers import (
    plot_signed_spin,
    plot_spin_by_angle,
    tabulate_signed_spin,
    tabulate_spin_by_angle,
)
from w90spin.plot.neel import (
    plot_neel_field,
    plot_trajectory,
    tabulate_neel_field,
    tabulate_trajectory,
)
from w90spin.plot.pulse import plot_pulse, tabulate_pulse
from w90spin.plot.spectrum import plot_induced_spin, tabulate_induced_spin
from w90spin.plot.style import house_style, save_figure
from w90spin.plot.zone_map import plot_kmap, tabulate_kmap

__all__ = [
    "Choice",
    "Pictures",
    "PlotError",
    "house_style",
    "plot_all",
    "plot_bands",
    "plot_curves",
    "plot_doping",
    "plot_induced_spin",
    "plot_kmap",
    "plot_neel_field",
    "plot_pulse",
    "plot_signed_spin",
    "plot_spin_by_angle",
    "plot_trajectory",
    "save_figure",
    "tabulate_bands",
    "tabulate_curves",
    "tabulate_doping",
    "tabulate_induced_spin",
    "tabulate_kmap",
    "tabulate_neel_field",
    "tabulate_pulse",
    "tabulate_signed_spin",
    "tabulate_spin_by_angle",
    "tabulate_trajectory",
]
