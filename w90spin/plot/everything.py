"""All pictures of a result at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from w90spin.derive import (
    FieldPulse,
    InducedSpin,
    NeelDynamics,
    NeelField,
    SpinPulse,
    can_be_in,
    in_unit,
    quoted_units,
)
from w90spin.derive.relaxation import NAME_ENDING
from w90spin.errors import ResponseError
from w90spin.plot import bands as band
from w90spin.plot import curves as curve
from w90spin.plot import layers, neel, spectrum, zone_map
from w90spin.plot.bands import plot_bands, tabulate_bands
from w90spin.plot.component import PlotError, find_tensor, place_text
from w90spin.plot.curves import RUNNING, plot_curves, running_axes, tabulate_curves
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
from w90spin.results.component import (
    ComponentChoice,
    Piece,
    choose_component,
    component_axes,
    fits,
    pieces,
)
from w90spin.results.result import BandPath, KMap, ResponseResult, Result, Tensor
from w90spin.units import SPIN_AXES

FALLBACK = "z"  # spin component where there is none
LEADING = "upsilon1"  # its largest component gives the spin component of bands

NOTHING = 1e-6  # share of what is added up below which a sum is cancellation


@dataclass(frozen=True)
class Choice:
    """Which tensors and which component to draw.

    Parameters
    ----------
    response, tensor : str, optional
        Names; all if left out.
    component : str or mapping, optional
        As in ``"xyz"`` or ``"flow=x,spin=z"``; the largest where that leaves a choice.
    """

    response: str | None = None
    tensor: str | None = None
    component: ComponentChoice | None = None


EVERYTHING = Choice()


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
    curves: Choice = EVERYTHING,
    kmap: Choice = EVERYTHING,
    bands: Choice = EVERYTHING,
    versus: str | None = None,
    units: Sequence[str] = (),
    omega_index: int = -1,
    window: tuple[float, float] | None = (-3.0, 3.0),
    eta: float | None = None,
) -> list[Path]:
    """Draw all that a result has, each picture with its numbers in a CSV file beside it.

    Every tensor is drawn against each of Fermi level, photon energy and temperature of which it has
    several values, and every tensor and part of maps and bands gets its picture, at the first
    temperature and Fermi level; complex tensors that repeat real ones, and halves of complex
    tensors that vanish or repeat others, do not.

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
    spin : str, optional
        Spin component of the induced spin, of spins per field, and of the colours of bands; the
        largest if left out.
    curves, kmap, bands : Choice
        What to draw of the integrated tensors, of the map and of the bands.  Left to itself the
        component is the largest of each tensor, that of the field of `induced` if that is given
        and along an axis.
    versus : "mu", "omega" or "kT", optional
        The only axis to draw curves against.
    units : sequence of str
        Units for curves of what can be had in them, instead of the usual ones.
    omega_index : int
        Photon energy of maps and bands, the last one if left out.
    window : pair of float, optional
        E - μ of the bands; None, or a window without bands, shows them all. [eV]
    eta : float, optional
        Broadening of the response of maps and bands, where the result does not hold it. [eV]

    Returns
    -------
    list of Path
        Pictures and tables; empty if there is nothing to draw.

    Raises
    ------
    PlotError
        For an unknown tensor, component or format, an axis that nothing runs along, or a folder
        that cannot be written to.
    """
    hints = {"spin": spin, "field": _axis_of_field(induced)}
    integrated = list(_integrated(result, curves, hints))
    if versus is not None:
        _check_versus(versus, result, integrated)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise PlotError(
            f"The folder {folder} cannot be made: {problem.strerror or problem}. Give one that "
            "can be written to."
        ) from problem
    written: list[Path] = []
    taken: set[str] = set()

    @contextmanager
    def picture(name: str, height: float, table: Mapping[str, ArrayLike]) -> Iterator[Axes]:
        with house_style():
            # Not pyplot: nothing shall pop up, nor stay in memory.
            figure = Figure(figsize=(COLUMN, height), layout="constrained")
            yield figure.subplots()
        own = _file_name(name, taken)
        written.extend(save_figure(figure, folder / own, table, formats))

    if induced is not None:
        for order, s in _visible_orders(induced, spin):
            table = tabulate_induced_spin(induced, order=order, spin=s)
            with picture(f"induced_spin_order{order}_{s}", spectrum.HEIGHT, table) as axes:
                plot_induced_spin(induced, order=order, spin=s, axes=axes)
    if derived is not None:
        for name, figure, numbers in _derived(induced, derived, spin):
            own = _file_name(name, taken)
            written.extend(save_figure(figure, folder / own, numbers, formats))
    for shown in integrated:
        tensor = in_usual_unit(shown.tensor, units)
        for axis in running_axes(tensor):
            if versus in (None, axis):
                drawn: _Drawn = {"component": shown.component}
                table = tabulate_curves(tensor, axis, **drawn)
                name = f"{shown.response}_{tensor.name}{shown.letters}_{axis}"
                with picture(name, curve.HEIGHT, table) as axes:
                    more = _set_by(result.responses[shown.response], tensor)
                    plot_curves(tensor, axis, **drawn, context=more, axes=axes)
    if result.kmap is not None:
        source = result.responses.get(result.kmap.response)
        context = _set_by(source, None, eta)
        for shown in _sampled(result.kmap, source, kmap, hints):
            chosen = shown.arguments(omega_index)
            name = shown.tensor.name
            table = tabulate_kmap(result.kmap, name, **chosen)
            with picture(f"kmap_{shown.file_name}", zone_map.HEIGHT, table) as axes:
                plot_kmap(result.kmap, name, **chosen, context=context, axes=axes)
                trim_height(root_figure(axes))
    if result.path is not None:
        path = result.path
        if window is not None and not _any_band_in(path, window):
            window = None
        spin = spin or _leading_spin(result)
        # A model without spin has zeros there.
        colour = f"spin_{spin}" if np.any(path.spin_kns) else None
        lines = tabulate_bands(path, colour=colour, window=window)
        with picture(f"bands_{colour}" if colour else "bands", band.HEIGHT, lines) as axes:
            plot_bands(path, colour=colour, window=window, axes=axes)
        for q, part_name in enumerate(path.parts):
            for name in ("weight", f"part_spin_{spin}"):
                lines = tabulate_bands(path, colour=name, window=window, part_index=q)
                with picture(f"bands_{name}_{part_name}", band.HEIGHT, lines) as axes:
                    plot_bands(path, colour=name, window=window, part_index=q, axes=axes)
        source = result.responses.get(path.response)
        context = _set_by(source, None, eta)
        for shown in _sampled(path, source, bands, hints):
            chosen = shown.arguments(omega_index)
            name = shown.tensor.name
            lines = tabulate_bands(path, colour=name, window=window, **chosen)
            with picture(f"bands_{shown.file_name}", band.HEIGHT, lines) as axes:
                plot_bands(path, colour=name, window=window, **chosen, context=context, axes=axes)
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


_Hints = Mapping[str, str | None]
"""Axes of the induced spin and its field, as far as they are known."""


class _Drawn(TypedDict):
    component: ComponentChoice


class _Sampled(TypedDict):
    component: ComponentChoice
    part_index: int
    omega_index: int
    imaginary: bool


@dataclass(frozen=True, eq=False)
class _Shown:
    """A piece of a tensor, on one part of the cell, and its component."""

    response: str
    tensor: Tensor
    component: ComponentChoice
    letters: str = ""
    part_index: int = 0
    part: str = ""
    half: str = ""

    def arguments(self, omega_index: int) -> _Sampled:
        return {
            "component": self.component,
            "part_index": self.part_index,
            "omega_index": omega_index,
            "imaginary": self.half == "Im",
        }

    @property
    def file_name(self) -> str:
        ends = "".join(f"_{piece}" for piece in (self.half, self.part) if piece)
        return f"{self.response}_{self.tensor.name}{self.letters}{ends}".removeprefix("_")


def _set_by(
    response: ResponseResult | None, tensor: Tensor | None, eta: float | None = None
) -> list[str]:
    """Broadening and relaxation time of a response, as far as a tensor depends on them."""
    about = {} if response is None else response.parameters
    eta = float(str(about.get("eta", eta or 0.0)))
    words = [place_text("eta", eta)] if eta > 0.0 else []
    tau_s = about.get("tau_s")
    if tensor is not None and f"{tensor.name}{NAME_ENDING}" in (response or {}) and tau_s:
        words.append(place_text("tau", float(str(tau_s))))
    return words


def _visible_orders(induced: InducedSpin, spin: str | None) -> Iterator[tuple[int, str]]:
    """Orders to draw, each with its spin component."""
    size_ixs = np.abs(induced.delta).reshape(len(induced.delta), -1, len(SPIN_AXES))
    above_ixs = size_ixs > induced.errors.reshape(size_ixs.shape)
    largest_is = np.nan_to_num(size_ixs).max(axis=1, initial=0.0)
    if not largest_is.any():
        yield 1, spin or FALLBACK
        return
    for order, largest_s in enumerate(largest_is):
        s = spin or SPIN_AXES[int(np.argmax(largest_s))]
        leads = largest_s.max() == largest_is.max()
        if leads or (s in SPIN_AXES and above_ixs[order, :, SPIN_AXES.index(s)].any()):
            yield order, s


def _axis_of_field(induced: InducedSpin | None) -> str | None:
    """Axis along which the field of the induced spin points, if it does."""
    if induced is None or induced.field_direction not in SPIN_AXES:
        return None
    return induced.field_direction


def _integrated(result: Result, choice: Choice, hints: _Hints) -> Iterator[_Shown]:
    """Integrated tensors to draw against their axes."""
    if choice.response is not None and choice.response not in result.responses:
        known = ", ".join(result.responses) or "no response at all"
        raise PlotError(f"'{choice.response}' is not in the result, which has {known}.")
    found = 0
    for response in result.responses.values():
        if choice.response not in (None, response.name):
            continue
        wanted = [tensor for tensor in response.tensors.values() if _wanted(tensor, choice)]
        found += len(wanted)
        for tensor in dict.fromkeys(piece.tensor for piece in pieces(wanted)):
            # What a symmetry makes vanish needs no picture, unless it was asked for.
            if running_axes(tensor) and (np.any(tensor.values) or choice.tensor is not None):
                letters = _component(Piece(tensor, ""), None, choice, hints)
                yield _Shown(response.name, tensor, letters, _letters(letters))
    asked_for = [repr(word) for word in (choice.tensor, choice.component) if word is not None]
    if asked_for and not found and result.responses:
        known = ", ".join(
            dict.fromkeys(
                f"{tensor.name} [{', '.join(component_axes(tensor)) or 'scalar'}]"
                for response in result.responses.values()
                if choice.response in (None, response.name)
                for tensor in response.tensors.values()
            )
        )
        owner = choice.response or "the result"
        raise PlotError(f"{' '.join(asked_for)} is not in {owner}, which has {known}.")


def _check_versus(versus: str, result: Result, integrated: Sequence[_Shown]) -> None:
    """Refuse an axis that no curve can run along."""
    if versus not in RUNNING:
        raise PlotError(f"Curves run along {', '.join(RUNNING)}, not '{versus}'.")
    if any(versus in running_axes(shown.tensor) for shown in integrated):
        return
    tensors = [t for response in result.responses.values() for t in response.tensors.values()]
    there = any(versus in tensor.axis_names for tensor in tensors)
    why = "has more than one value of it" if there else "depends on it"
    raise PlotError(
        f"There is no curve against {versus}: nothing that was asked for {why}. Compute with "
        "several, or leave the axis open."
    )


def _sampled(
    sampled: KMap | BandPath,
    source: ResponseResult | None,
    choice: Choice,
    hints: _Hints,
) -> Iterator[_Shown]:
    """Pieces and parts of the tensors of a map or of bands."""
    tensors = sampled.tensors
    owner = "the map" if isinstance(sampled, KMap) else "the path"
    if not tensors:
        return
    if choice.tensor is not None:
        find_tensor(tensors, choice.tensor, owner)
    shown = list(pieces(tensor for tensor in tensors.values() if _wanted(tensor, choice)))
    if choice.tensor is not None and not shown:
        shown = [Piece(tensors[choice.tensor], "")]  # says what is wrong with the component
    if not shown and choice.component is not None:
        shown = [Piece(next(iter(tensors.values())), "")]
    for piece in shown:
        tensor = piece.tensor
        letters = _component(piece, source, choice, hints)
        parts = tensor.axis("part").values if "part" in tensor.axis_names else ("total",)
        for q, part in enumerate(parts):
            ending = str(part) if len(parts) > 1 else ""
            yield _Shown(
                sampled.response, tensor, letters, _letters(letters), q, ending, piece.part
            )


def _wanted(tensor: Tensor, choice: Choice) -> bool:
    return choice.tensor in (None, tensor.name) and fits(tensor, choice.component)


def _component(
    piece: Piece, source: ResponseResult | None, choice: Choice, hints: _Hints
) -> dict[str, str]:
    """Component to draw: the largest of the tensor, of a map that of its integral."""
    tensor = _half(piece.tensor, piece.part)
    integral = None if source is None else source.tensors.get(tensor.name)
    if integral is not None:
        integral = _half(integral, piece.part)
        # Below its error it may be rounding; so may one whose error is not known.
        if np.any(np.abs(integral.values) > integral.errors):
            tensor = integral
    hint = choice.component is None and component_axes(tensor) == ("spin", "field")
    known = {axis: letter for axis, letter in hints.items() if letter is not None}
    try:
        return choose_component(_summed(tensor), known if hint else choice.component)
    except ResponseError as problem:
        raise PlotError(str(problem)) from None


def _half(tensor: Tensor, part: str) -> Tensor:
    """The real or imaginary part of a complex tensor; any other one as it is."""
    return replace(tensor, values=Piece(tensor, part).values) if part else tensor


def _summed(tensor: Tensor) -> Tensor:
    """Sum over the points of a map: what cancels between them does not lead."""
    if "u" not in tensor.axis_names:
        return tensor
    values = tensor.values.sum(axis=(0, 1), keepdims=True)
    if np.abs(values).max(initial=0.0) < NOTHING * np.abs(tensor.values).sum():
        return tensor
    return replace(tensor, values=values)


def _letters(component: Mapping[str, str]) -> str:
    return "_" + "".join(component.values()) if component else ""


def _leading_spin(result: Result) -> str:
    """Spin component of the largest component of the first tensor that has one."""
    tensors = [t for response in result.responses.values() for t in response.tensors.values()]
    if result.path is not None:
        tensors += result.path.tensors.values()
    for tensor in sorted(tensors, key=lambda tensor: tensor.name != LEADING):
        if "spin" in component_axes(tensor) and np.any(tensor.values):
            return choose_component(tensor)["spin"]
    return FALLBACK


def in_usual_unit(tensor: Tensor, units: Sequence[str] = ()) -> Tensor:
    """Tensor in the first of some units that it can be had in, or else the usual one.

    Parameters
    ----------
    tensor : Tensor
        In the code's units.
    units : sequence of str
        In order of preference.

    Returns
    -------
    Tensor
        As it was where there is no other unit for it.
    """
    if not quoted_units(tensor):
        return tensor
    return in_unit(tensor, next((unit for unit in units if can_be_in(tensor, unit)), None))


def _any_band_in(path: BandPath, window: tuple[float, float]) -> bool:
    energy_kn = path.energy_kn - path.mu
    low, high = window
    return bool(((energy_kn.min(axis=0) <= high) & (energy_kn.max(axis=0) >= low)).any())


def _file_name(name: str, taken: set[str]) -> str:
    """A name that is not taken, of letters, digits, "-" and "_": parts may be called "A/B"."""
    wanted = own = re.sub(r"[^\w-]+", "-", name)
    repeat = 2
    # Some file systems take "A" and "a" for the same.
    while own.casefold() in taken:
        own, repeat = f"{wanted}_{repeat}", repeat + 1
    taken.add(own.casefold())
    return own
