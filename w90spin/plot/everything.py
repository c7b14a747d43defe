"""All pictures of a result at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from w90spin.derive import FieldPulse, InducedSpin, NeelDynamics, NeelField, SpinPulse
from w90spin.plot import bands, layers, neel, spectrum, zone_map
from w90spin.plot.bands import plot_bands, tabulate_bands
from w90spin.plot.component import PlotError
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
from w90spin.plot.style import COLUMN, house_style, root_figure, save_figure, trim_height
from w90spin.plot.zone_map import plot_kmap, tabulate_kmap
from w90spin.results.result import BandPath, Result, Tensor
from w90spin.units import SPIN_AXES

FALLBACK = ("z", "x")  # component of a result that has none
LEADING = "upsilon1"  # its largest component is drawn, where there are several tensors


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is derived from a result and drawn beside it.

    Parameters
    ----------
    by_angle : sequence of InducedSpin
        For fields all around the plane.
    angle_index : int
        At which photon energy.
    neel : NeelField, optional
        Effective fields.
    anisotropy_field : float, optional
        Drawn with them. [T]
    edge : float, optional
        Gap. [eV]
    spin_pulse : SpinPulse, optional
        Spin density in the course of a pulse.
    field_pulse : FieldPulse, optional
        Its effective fields.
    dynamics : NeelDynamics, optional
        Moments that they move.
    """

    by_angle: Sequence[InducedSpin] = ()
    angle_index: int = -1
    neel: NeelField | None = None
    anisotropy_field: float | None = None
    edge: float | None = None
    spin_pulse: SpinPulse | None = None
    field_pulse: FieldPulse | None = None
    dynamics: NeelDynamics | None = None


def plot_all(
    result: Result,
    folder: Path | str,
    *,
    induced: InducedSpin | None = None,
    derived: Pictures | None = None,
    formats: Sequence[str] = ("png",),
    spin: str | None = None,
    field: str | None = None,
    omega_index: int = -1,
    window: tuple[float, float] | None = (-3.0, 3.0),
) -> list[Path]:
    """Draw all that a result has, each picture with its numbers in a CSV file beside it.

    Every real tensor and every part of maps and bands gets its picture, at the first temperature
    and Fermi level; complex tensors repeat the real ones.

    Parameters
    ----------
    result : Result
        The result.
    folder : path
        Where; made if it is not there.
    induced : InducedSpin, optional
        Draw its spectra too: the orders that stand above their errors, or else the largest; with
        several parts and a linear field also the first order with its sign.
    derived : Pictures, optional
        More to draw.
    formats : sequence of str
        Of "png", "pdf", "svg".
    spin, field : str, optional
        Component; the largest of the response if left out, among those of the field of `induced`
        if that is given and along an axis.
    omega_index : int
        Photon energy of maps and bands, the last one if left out.
    window : pair of float, optional
        E - μ of the bands; None, or a window without bands, shows them all. [eV]

    Returns
    -------
    list of Path
        Pictures and tables; empty if there is nothing to draw.

    Raises
    ------
    PlotError
        For an unknown component or format, or a folder that cannot be written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise PlotError(
            f"The folder {folder} cannot be made: {problem.strerror or problem}. Give one that "
            "can be written to."
        ) from problem
    written: list[Path] = []

    @contextmanager
    def picture(name: str, height: float, table: Mapping[str, ArrayLike]) -> Iterator[Axes]:
        with house_style():
            # Not pyplot: nothing shall pop up, nor stay in memory.
            figure = Figure(figsize=(COLUMN, height), layout="constrained")
            yield figure.subplots()
        written.extend(save_figure(figure, folder / _file_name(name), table, formats))

    if induced is not None:
        for order, s in _visible_orders(induced, spin):
            table = tabulate_induced_spin(induced, order=order, spin=s)
            with picture(f"induced_spin_order{order}_{s}", spectrum.HEIGHT, table) as axes:
                plot_induced_spin(induced, order=order, spin=s, axes=axes)
    if derived is not None:
        for name, figure, numbers in _derived(induced, derived, spin):
            written.extend(save_figure(figure, folder / name, numbers, formats))
    spin, field = _largest_component(result, induced, spin, field)
    if result.kmap is not None:
        for name, part, ending in _real_parts(result.kmap.tensors):
            chosen = _Chosen(spin=spin, field=field, part_index=part, omega_index=omega_index)
            table = tabulate_kmap(result.kmap, name, **chosen)
            with picture(f"kmap_{name}_{spin}{field}{ending}", zone_map.HEIGHT, table) as axes:
                trim_height(root_figure(plot_kmap(result.kmap, name, **chosen, axes=axes)))
    if result.path is not None:
        path = result.path
        if window is not None and not _any_band_in(path, window):
            window = None
        # A model without spin has zeros there.
        colour = f"spin_{spin}" if np.any(path.spin_kns) else None
        lines = tabulate_bands(path, colour=colour, window=window)
        with picture(f"bands_{colour}" if colour else "bands", bands.HEIGHT, lines) as axes:
            plot_bands(path, colour=colour, window=window, axes=axes)
        for q, part_name in enumerate(path.parts):
            for name in ("weight", f"part_spin_{spin}"):
                lines = tabulate_bands(path, colour=name, window=window, part_index=q)
                with picture(f"bands_{name}_{part_name}", bands.HEIGHT, lines) as axes:
                    plot_bands(path, colour=name, window=window, part_index=q, axes=axes)
        for name, part, ending in _real_parts(path.tensors):
            chosen = _Chosen(spin=spin, field=field, part_index=part, omega_index=omega_index)
            lines = tabulate_bands(path, colour=name, window=window, **chosen)
            with picture(f"bands_{name}_{spin}{field}{ending}", bands.HEIGHT, lines) as axes:
                plot_bands(path, colour=name, window=window, **chosen, axes=axes)
    return written


def _derived(
    induced: InducedSpin | None, derived: Pictures, spin: str | None
) -> Iterator[tuple[str, Figure, Mapping[str, ArrayLike]]]:
    """Names, figures and tables of what was derived."""

    def blank(height: float) -> Axes:
        with house_style():
            return Figure(figsize=(COLUMN, height), layout="constrained").subplots()

    if induced is not None and len(induced.parts) > 1 and not np.any(induced.direction.imag):
        component = (
            spin or SPIN_AXES[int(np.argmax(np.abs(induced.delta[1]).reshape(-1, 3).max(0)))]
        )
        axes = blank(layers.HEIGHT)
        plot_signed_spin(induced, spin=component, edge=derived.edge, axes=axes)
        table = tabulate_signed_spin(induced, spin=component)
        yield f"part_spin_{component}", root_figure(axes), table
    if derived.by_angle:
        axes = blank(layers.ANGLE_HEIGHT)
        plot_spin_by_angle(derived.by_angle, omega_index=derived.angle_index, axes=axes)
        by_angle = tabulate_spin_by_angle(derived.by_angle, omega_index=derived.angle_index)
        yield "spin_by_angle", root_figure(axes), by_angle
    if derived.neel is not None:
        axes = blank(neel.HEIGHT)
        plot_neel_field(
            derived.neel, anisotropy_field=derived.anisotropy_field, edge=derived.edge, axes=axes
        )
        yield "neel_field", root_figure(axes), tabulate_neel_field(derived.neel)
    if derived.spin_pulse is not None:
        figure = plot_pulse(derived.spin_pulse, derived.field_pulse)
        yield "pulse", figure, tabulate_pulse(derived.spin_pulse, derived.field_pulse)
    if derived.dynamics is not None:
        moved = derived.dynamics
        yield "trajectory", plot_trajectory(moved), tabulate_trajectory(moved)


class _Chosen(TypedDict):
    spin: str
    field: str
    part_index: int
    omega_index: int


def _visible_orders(induced: InducedSpin, spin: str | None) -> Iterator[tuple[int, str]]:
    """Orders to draw, each with its spin component."""
    size_ixs = np.abs(induced.delta).reshape(len(induced.delta), -1, len(SPIN_AXES))
    above_ixs = size_ixs > induced.errors.reshape(size_ixs.shape)
    largest_is = np.nan_to_num(size_ixs).max(axis=1, initial=0.0)
    if not largest_is.any():
        yield 1, spin or FALLBACK[0]
        return
    for order, largest_s in enumerate(largest_is):
        s = spin or SPIN_AXES[int(np.argmax(largest_s))]
        leads = largest_s.max() == largest_is.max()
        if leads or (s in SPIN_AXES and above_ixs[order, :, SPIN_AXES.index(s)].any()):
            yield order, s


def _largest_component(
    result: Result, induced: InducedSpin | None, spin: str | None, field: str | None
) -> tuple[str, str]:
    """Spin and field component to draw, where the user has not said."""
    if field is None and induced is not None and induced.field_direction in SPIN_AXES:
        field = induced.field_direction
    sources = [response.tensors for response in result.responses.values()]
    sources += [drawn.tensors for drawn in (result.kmap, result.path) if drawn is not None]
    usable = [
        tensor
        for tensors in sources
        for tensor in tensors.values()
        if {"spin", "field"} <= set(tensor.axis_names) and tensor.values.size
    ]
    if not usable:
        return spin or FALLBACK[0], field or FALLBACK[1]
    tensor = next((tensor for tensor in usable if tensor.name == LEADING), usable[0])
    spins, fields = tensor.axis("spin").values, tensor.axis("field").values
    ends = tensor.axis_names.index("spin"), tensor.axis_names.index("field")
    size_xsb = np.moveaxis(np.nan_to_num(np.abs(tensor.values)), ends, (-2, -1))
    size_sb = size_xsb.reshape(-1, len(spins), len(fields)).max(axis=0)
    if spin in spins:
        size_sb = np.where(np.array(spins)[:, None] == spin, size_sb, -1.0)
    if field in fields:
        size_sb = np.where(np.array(fields) == field, size_sb, -1.0)
    s, b = np.unravel_index(int(np.argmax(size_sb)), size_sb.shape)
    return spin or str(spins[s]), field or str(fields[b])


def _real_parts(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, int, str]]:
    """Tensor, part, and the part's ending of the file name, for all pictures to draw."""
    real = [tensor for tensor in tensors.values() if not np.iscomplexobj(tensor.values)]
    for tensor in real or tensors.values():
        parts = tensor.axis("part").values if "part" in tensor.axis_names else ("total",)
        for q, part in enumerate(parts):
            yield tensor.name, q, f"_{part}" if len(parts) > 1 else ""


def _any_band_in(path: BandPath, window: tuple[float, float]) -> bool:
    energy_kn = path.energy_kn - path.mu
    low, high = window
    return bool(((energy_kn.min(axis=0) <= high) & (energy_kn.max(axis=0) >= low)).any())


def _file_name(name: str) -> str:
    """Name with everything but letters, digits, "-" and "_" replaced: parts may be called "A/B"."""
    return re.sub(r"[^\w-]+", "-", name)
