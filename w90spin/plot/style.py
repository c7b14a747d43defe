"""The house style: sizes, colours, labels, and figures saved with their data."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis as DrawnAxis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from w90spin.arrays import FloatArray
from w90spin.files import atomic
from w90spin.plot.component import PlotError

COLUMN = 3.4  # width of one journal column [inch]
DPI = 300
MARGIN = 0.05  # between text and the edge of a figure [inch]
SMALLEST_FONT = 5.0
FORMATS = ("png", "pdf", "svg")

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which stay apart for colour-blind eyes."""

STYLE: Any = {  # matplotlib 3.11 types the names of its settings one by one, 3.8 does not
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 8.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=PALETTE),
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "legend.fontsize": 8.0,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "lines.linewidth": 1.4,
    "lines.markersize": 4.0,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150.0,
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "w90spin",  # the same picture is the same file
}

ZONE_COLOURS: Colormap = mpl.colormaps["RdBu_r"].with_extremes(bad="0.6")
# A white middle is right on an area and invisible on a line.
LINE_COLOURS: Colormap = LinearSegmentedColormap.from_list(
    "w90spin_lines", ["#0047ab", "#5b8fd0", "#bdbdbd", "#e07b4f", "#b22200"]
).with_extremes(bad="0.2")

Scale = Literal["auto", "linear", "log"]
"""Of colours."""

FAR = 5e3
"""Upper end of logarithmic colours over the median from which on they are taken."""

TAIL = 100.0
"""Logarithmic colours end at so many times that percentile."""

MOST_DECADES = 6
"""Decades on each side of the linear middle of logarithmic colours."""

HOT = 2.0
"""Largest value over a high percentile from which on the largest no longer sets the colours."""

_EXTEND = {
    (False, False): "neither",
    (True, True): "both",
    (True, False): "min",
    (False, True): "max",
}

_DATELESS: dict[str, dict[str, Any]] = {
    "png": {"Software": "w90spin"},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside this context, and in the user's again after it."""
    with mpl.rc_context(STYLE):
        yield


def house_axes(axes: Axes | None, height: float) -> Axes:
    """Axes to draw on: the given ones, or those of a new figure one column wide.

    Parameters
    ----------
    axes : Axes or None
        What the user gave.
    height : float
        Height of a new figure. [inch]

    Returns
    -------
    Axes
    """
    if axes is not None:
        return axes
    return plt.subplots(figsize=(COLUMN, height), layout="constrained")[1]


def root_figure(axes: Axes) -> Figure:
    """Figure that holds these axes, also from inside a subfigure.

    Parameters
    ----------
    axes : Axes
        The axes.

    Returns
    -------
    Figure
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise PlotError("These axes were removed from their figure; give axes that have one.")
    return figure


def set_quantity(axis: DrawnAxis, label: str, unit: str, largest: float) -> None:
    """Label an axis with quantity and unit, the common power of ten beside the unit.

    Parameters
    ----------
    axis : matplotlib axis
        E.g. ``axes.yaxis``.
    label : str
        Quantity.
    unit : str
        Its unit, in which the data is drawn.
    largest : float
        Largest absolute value on the axis; it decides on the power.

    Notes
    -----
    Ticks are divided by the power, the data is not.  matplotlib's own "1e-5" stands apart in a
    corner, where a title covers it.
    """
    exponent = 0
    if np.isfinite(largest) and largest > 0 and not 1e-2 <= largest < 1e4:
        exponent = int(np.floor(np.log10(largest)))
    power = rf"$10^{{{exponent}}}$ " if exponent else ""
    scale = f"{power}{unit}".strip()
    axis.set_label_text(with_unit(label, scale))
    set_ticks(axis)
    axis.set_major_formatter(_divided(10.0**exponent))


def with_unit(label: str, unit: str) -> str:
    """Quantity and unit, in brackets that do not double those of the unit.

    Parameters
    ----------
    label, unit : str
        Quantity and unit.

    Returns
    -------
    str

    Examples
    --------
    >>> with_unit("σ", "S/cm"), with_unit("σ", "(ħ/e) S/cm"), with_unit("n", "")
    ('σ (S/cm)', 'σ [(ħ/e) S/cm]', 'n')
    """
    if not unit:
        return label
    return f"{label} [{unit}]" if "(" in unit else f"{label} ({unit})"


def set_ticks(axis: DrawnAxis, most: int = 6) -> None:
    """Round ticks, at most so many steps.

    Parameters
    ----------
    axis : matplotlib axis
        E.g. ``axes.xaxis``.
    most : int
        Steps between ticks.

    Notes
    -----
    matplotlib's default counts ticks by the room there is, and so changes their width while the
    layout makes room for them.
    """
    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))


def set_title(axes: Axes, pieces: Sequence[str]) -> None:
    """Title in pieces, with line breaks between them where it would leave the figure.

    Parameters
    ----------
    axes : Axes
        The axes, with all else drawn.
    pieces : sequence of str
        E.g. "μ = 1.422 eV".
    """
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return
    figure = root_figure(axes)
    figure.draw_without_rendering()  # places the axes
    alone = figure.axes == [axes]
    room = (figure.bbox.x1 if alone else axes.bbox.x1) - axes.bbox.x0 - MARGIN * figure.dpi
    lines = [pieces[0]]
    for piece in pieces[1:]:
        longer = f"{lines[-1]}, {piece}"
        if _title_width(axes, longer) <= room:
            lines[-1] = longer
        else:
            lines.append(piece)
    title = axes.set_title("\n".join(lines), loc="left")
    size = float(title.get_fontsize())
    while title.get_window_extent().width > room and size > SMALLEST_FONT:
        size -= 0.5
        title.set_fontsize(size)


def trim_height(figure: Figure) -> None:
    """Take away the height that axes of equal scales leave empty.

    Parameters
    ----------
    figure : Figure
        The figure, with all drawn.
    """
    figure.draw_without_rendering()
    needed = float(figure.get_tightbbox().height) + 2.0 * MARGIN
    if needed < figure.get_figheight():
        figure.set_figheight(needed)


def colour_limit(values: FloatArray, percent: float) -> tuple[float, str]:
    """Limit of symmetric colours, and the ends that values pass.

    Parameters
    ----------
    values : float array
        What is drawn.
    percent : float
        Percentile of the absolute values that takes over where few values are far larger.

    Returns
    -------
    limit : float
        Colours run from -limit to limit.
    extend : str
        "neither", "min", "max" or "both".
    """
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0))
    if largest == 0.0:
        return 1.0, "neither"
    limit = float(np.percentile(np.abs(finite), percent))
    if limit == 0.0 or largest <= HOT * limit:
        return largest, "neither"
    ends = bool((finite < -limit).any()), bool((finite > limit).any())
    return limit, _EXTEND[ends]


@dataclass(frozen=True, eq=False)
class Colours:
    """How numbers become colours.

    Parameters
    ----------
    norm : matplotlib Normalize
        From numbers to the ends of the colour map.
    limit : float
        Largest number that has a colour of its own.
    extend : str
        Ends with arrows: "neither", "min", "max" or "both".
    """

    norm: Normalize
    limit: float
    extend: str


def symmetric_colours(values: FloatArray, percent: float, scale: Scale) -> Colours:
    """Colours that are symmetric about zero.

    Parameters
    ----------
    values : float array
        What is drawn.
    percent : float
        As for :func:`colour_limit`.
    scale : "auto", "linear" or "log"
        "auto" takes "log" where the values spread over decades.

    Returns
    -------
    Colours

    Raises
    ------
    PlotError
        For another scale.
    """
    if scale not in ("auto", "linear", "log"):
        raise PlotError(f"scale = '{scale}' must be auto, linear or log.")
    limit, extend = colour_limit(values, percent)
    size = np.abs(values[np.isfinite(values)])
    typical = float(np.median(size)) if size.size else 0.0
    largest = float(size.max(initial=0.0))
    top = min(largest, TAIL * limit)  # a few points far beyond that would take all the colours
    if largest == 0.0 or scale == "linear" or (scale == "auto" and top <= FAR * typical):
        return Colours(Normalize(-limit, limit), limit, extend)
    middle = min(max(typical, 10.0**-MOST_DECADES * top), 0.1 * top)
    middle = 10.0 ** np.floor(np.log10(middle))
    ends = bool((values < -top).any()), bool((values > top).any())
    return Colours(SymLogNorm(middle, vmin=-top, vmax=top, base=10), top, _EXTEND[ends])


def add_colour_bar(
    axes: Axes,
    drawn: ScalarMappable,
    label: str,
    unit: str,
    colours: Colours,
    widen: float = 1.0,
) -> Axes:
    """Colour bar as high as the axes.

    Parameters
    ----------
    axes : Axes
        The axes.
    drawn : ScalarMappable
        What the colours are of.
    label, unit : str
        Quantity and unit.
    colours : Colours
        Scale and ends of the bar.
    widen : float
        Factor on the width of the bar, which otherwise is a twentieth of that of the axes.

    Returns
    -------
    Axes
        Those of the bar.
    """
    # As an inset it follows the axes when equal scales shrink them; a bar of its own would not.
    inset = axes.inset_axes((1.0 + 0.04 * widen, 0.0, 0.05 * widen, 1.0))
    bar = root_figure(axes).colorbar(drawn, cax=inset, extend=colours.extend)
    if isinstance(colours.norm, SymLogNorm):
        bar.ax.yaxis.set_label_text(with_unit(label, unit))
        bar.set_ticks(_decades(colours.norm.linthresh, colours.limit))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
        bar.ax.minorticks_off()
    else:
        set_quantity(bar.ax.yaxis, label, unit, colours.limit)
    bar.ax.tick_params(labelsize=8.0, direction="in")
    return bar.ax


def _decades(middle: float, largest: float) -> list[float]:
    """Powers of ten on both sides of zero, at most a handful."""
    low, high = round(np.log10(middle)), int(np.floor(np.log10(largest)))
    step = max(1, -(-(high - low + 1) // 4))
    powers = [10.0**exponent for exponent in range(high, low - 1, -step)]
    return [*(-power for power in powers), 0.0, *reversed(powers)]


def _power_of_ten(value: float, _position: object = None) -> str:
    if value == 0.0:
        return "0"
    sign = "−" if value < 0.0 else ""
    return rf"{sign}$10^{{{round(np.log10(abs(value)))}}}$"


def say_in_axes(axes: Axes, values: FloatArray) -> None:
    """Write into the axes that there is nothing to see, if so.

    Parameters
    ----------
    axes : Axes
        The axes.
    values : float array
        What is drawn.
    """
    finite = np.isfinite(values)
    if finite.any() and (values[finite] != 0).any():
        return
    words = "zero everywhere" if finite.any() else "no finite value"
    axes.text(
        0.5, 0.9, words, transform=axes.transAxes, ha="center", va="top", color="0.3",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2.0},
    )  # fmt: skip


def save_figure(
    figure: Figure,
    path: Path | str,
    table: Mapping[str, ArrayLike],
    formats: Sequence[str] | None = None,
) -> list[Path]:
    """Write a figure, and the numbers in it beside it.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : path
        Where.  The ending ".png", ".pdf" or ".svg" says the format; without one it is PNG.
    table : mapping of str to array
        Columns of equal length; a name holds its unit: "frequency [THz]".
    formats : sequence of str, optional
        Several formats at once; the ending of `path` then does not matter.

    Returns
    -------
    list of Path
        The pictures and, last, the CSV file.

    Raises
    ------
    PlotError
        For an unknown format, columns of unequal length, or a file that cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    # "map_1.5THz" ends in no format: the name is kept whole.
    stem = path.with_suffix("") if ending in FORMATS else path
    if formats is None:
        formats = (ending,) if ending in FORMATS else ("png",)
    for kind in formats:
        if kind not in FORMATS:
            raise PlotError(f"'{kind}' is not a format of pictures; give {', '.join(FORMATS)}.")
    columns = {name: np.ravel(np.asarray(values)) for name, values in table.items()}
    if len({column.size for column in columns.values()}) > 1:
        sizes = ", ".join(f"{name}: {column.size}" for name, column in columns.items())
        raise PlotError(f"The columns of {stem}.csv differ in length ({sizes}); they must not.")

    written = []
    for kind in formats:
        picture = io.BytesIO()
        with house_style():
            figure.savefig(picture, format=kind, dpi=DPI, metadata=_DATELESS[kind])
        written.append(_write(stem.with_name(f"{stem.name}.{kind}"), picture.getvalue()))
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    written.append(_write(stem.with_name(f"{stem.name}.csv"), text.getvalue().encode()))
    return written


def _divided(power: float) -> FuncFormatter:
    def shown(value: float, _position: object) -> str:
        # Rounding keeps 0.30000000000000004 out of the ticks, adding 0.0 the minus before 0.
        return f"{round(value / power, 6) + 0.0:g}".replace("-", "−")

    write: Callable[..., str] = shown
    return FuncFormatter(write)


def _title_width(axes: Axes, text: str) -> float:
    return float(axes.set_title(text, loc="left").get_window_extent().width)


def _write(path: Path, content: bytes) -> Path:
    """Write a file complete or not at all."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)
    return path
