"""Results as tables on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from rich.table import Table

from w90spin.cli.response_sections import SECTIONS
from w90spin.derive import (
    InducedSpin,
    SymmetryForm,
    can_be_in,
    check_lines,
    in_unit,
    quoted_units,
)
from w90spin.response import RESPONSES
from w90spin.response.catalogue import example_of, parameters_of
from w90spin.results import ResponseResult, Result, Tensor
from w90spin.results.component import Piece, component_axes, pieces
from w90spin.units import CONVENTIONS, SPIN_AXES, thz_from_ev

ROWS = 13
"""Frequencies in the table of the induced spin."""

NEGLIGIBLE = 1e-3
"""Components smaller than this share of the largest are counted, not shown."""

NEARLY = 1.5
"""Factor within which a relative error found again in a result is the one that was told."""


def provenance_lines(result: Result) -> list[str]:
    """What was integrated, how well, at what cost, and in which conventions.

    Parameters
    ----------
    result : Result
        The result.

    Returns
    -------
    list of str
    """
    about = result.provenance
    lines = [f"at mu = {mu} eV: {words}" for mu, words in about["gaps"].items()]
    lines.append(f"symmetry: {about['symmetry']}")
    verdict = {True: "converged", False: "NOT CONVERGED", None: "one mesh, no tolerance asked for"}[
        about["converged"]
    ]
    worst = _worst_words(result) if about["converged"] is False else ""
    lines.append(
        f"{verdict}: relative error {about['relative_error']:.1e}{worst} with {about['detail']}; "
        f"{about['diagonalisations']} diagonalisations in {about['seconds']:.1f} s on "
        f"{about['ranks']} rank(s)"
    )
    lines.append(f"rule: {about['rule']}")
    if about["stopped"]:
        lines.append(f"stopped early: {about['stopped']}")
    if "region" in about:
        lines.append(f"integrated over {about['region']}")
    if about.get("thickness") is not None:
        lines.append(f"thickness {about['thickness']:.3f} Å: {about['thickness_reason']}")
    lines += check_lines(result)
    lines += [f"convention, {name}: {text}" for name, text in CONVENTIONS.items()]
    return lines


def _worst_words(result: Result) -> str:
    """Which tensor has the relative error of the result, and at which Fermi level."""
    largest, words = 0.0, ""
    for response in result.responses.values():
        for tensor in response.tensors.values():
            n_others = len(tensor.axes) - len(component_axes(tensor))
            cartesian = tuple(range(n_others, len(tensor.axes)))
            size = np.sqrt((np.abs(tensor.values) ** 2).sum(axis=cartesian))
            error = np.sqrt((tensor.errors**2).sum(axis=cartesian))
            ratio = np.divide(error, size, out=np.zeros_like(error), where=size > 0.0)
            # Larger ones are those of tensors that are rounding noise, which nobody chases.
            ratio[~(ratio <= NEARLY * result.provenance["relative_error"])] = 0.0
            if ratio.max(initial=0.0) > largest:
                largest = float(ratio.max())
                words = f" of {response.name}/{tensor.name}"
                if "mu" in tensor.axis_names:
                    place = np.unravel_index(int(ratio.argmax()), ratio.shape)
                    m = place[tensor.axis_names.index("mu")]
                    words += f" at mu = {tensor.axis('mu').values[m]:g} eV"
    near = largest * NEARLY >= result.provenance["relative_error"]
    return words if near else ""


def place_words(response: ResponseResult) -> str:
    """At which Fermi level, temperature, broadening and relaxation time a table stands.

    Parameters
    ----------
    response : ResponseResult
        What the table shows.

    Returns
    -------
    str
        E.g. "μ = 0.5 eV, kT = 0.05 eV, first of 3 Fermi levels; η = 0.1 eV, τ = 50 fs".
    """
    about = response.parameters
    first, several = [], []
    for key, symbol, what in (("mu_f", "μ", "Fermi levels"), ("kT", "kT", "temperatures")):
        values = np.atleast_1d(np.asarray(about.get(key, ()), dtype=np.float64))
        if values.size:
            first.append(f"{symbol} = {values[0]:g} eV")
        if values.size > 1:
            several.append(f"{values.size} {what}")
    if several:
        first.append(f"first of {' and '.join(several)}")
    more = []
    if "eta" in about:
        more.append(f"η = {about['eta']:g} eV")
    tau_s = about.get("tau_s")
    if isinstance(tau_s, float):
        more.append(f"τ = {1e15 * tau_s:g} fs")
    return "; ".join(filter(None, (", ".join(first), ", ".join(more))))


def tensor_table(
    result: Result,
    response: ResponseResult,
    *,
    everything: bool = False,
    units: Sequence[str] = (),
) -> Table:
    """Integrated tensors at the first and last photon energy, first temperature and Fermi level.

    Tensors of rank 0 to 2 have a row for each of their first components; those of higher rank a
    row for each component that is not negligible, and a line that counts the others.

    Parameters
    ----------
    result : Result
        The result.
    response : ResponseResult
        The one of its responses to show.
    everything : bool
        Show all components of all tensors.
    units : sequence of str
        Units in which to quote what can be had in them, instead of the usual ones.

    Returns
    -------
    rich.table.Table
    """
    table = Table(title=f"{response.name} ({response.title})")
    columns = ("tensor", "part", "ħω (eV)", "component", *SPIN_AXES, "largest error", "unit")
    shown = list(pieces(response.tensors.values()))
    if any(len(component_axes(piece.tensor)) > 2 for piece in shown):
        columns = ("tensor", "part", "ħω (eV)", "component", "value", "error", "unit", "quoted", "")
    for heading in columns:
        left = heading in ("tensor", "part", "component", "unit", "")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    matrices = "value" not in columns
    reversed_away = result.provenance["time_reversal_used"]
    for piece in shown:
        symbol = f"{piece.part} {piece.tensor.symbol}".strip()
        if reversed_away and not piece.tensor.values.any():
            cells = [symbol, *[""] * 3, *(3 * ["0"] if matrices else ["0"]), "", "by time reversal"]
            table.add_row(*cells)
            continue
        rows = (
            _matrix_rows(piece, symbol, units)
            if matrices
            else _component_rows(piece, symbol, everything, units)
        )
        for cells in rows:
            table.add_row(*cells)
    if matrices:
        _name_components(table, shown)
    table.title = f"{table.title}\n{place_words(response)}".rstrip()
    return table


def _name_components(table: Table, shown: Sequence[Piece]) -> None:
    """Say in the title what rows and columns are."""
    axes = {component_axes(piece.tensor) for piece in shown}
    for names in sorted(axes, key=len, reverse=True)[:1]:
        if len(names) == 2:
            table.title = f"{table.title} ({names[0]} component: rows; {names[1]}: columns)"
        elif len(names) == 1:
            table.title = f"{table.title} ({names[0]} component: columns)"


def _matrix_rows(piece: Piece, symbol: str, units: Sequence[str]) -> Iterator[list[str]]:
    """Rows of a tensor of rank 0, 1 or 2, one for each of its first components; then as quoted."""
    tensor = piece.tensor
    axes = component_axes(tensor)
    quoted = _quoted(tensor, units)
    for part, place, omega in _places(piece):
        head = [symbol, part, omega]
        for factor, unit in filter(None, ((1.0, tensor.unit), quoted)):
            values = factor * piece.values[place].reshape(-1, 3 if axes else 1)
            errors = abs(factor) * tensor.errors[place].reshape(values.shape)
            for x, row in enumerate(values):
                yield [
                    *head,
                    SPIN_AXES[x] if len(axes) == 2 else "",
                    *(f"{value:.5e}" for value in row),
                    *[""] * (3 - len(row)),
                    f"{errors[x].max():.1e}",
                    unit if x == 0 else "",
                ]
                head = ["", "", ""]


def _component_rows(
    piece: Piece, symbol: str, everything: bool, units: Sequence[str]
) -> Iterator[list[str]]:
    """Rows of a tensor, one for each component that is not negligible."""
    tensor = piece.tensor
    quoted = _quoted(tensor, units)
    for part, place, omega in _places(piece):
        values, errors = piece.values[place], tensor.errors[place]
        size = np.abs(values)
        visible = size > NEGLIGIBLE * size.max(initial=0.0)
        if everything:
            visible = np.ones(values.shape, dtype=bool)
        head = [symbol, part, omega]
        for at in np.argwhere(visible):
            where = tuple(int(x) for x in at)
            cells = [
                *head,
                "".join(SPIN_AXES[x] for x in where),
                f"{values[where]:.5e}",
                f"{errors[where]:.1e}",
                tensor.unit,
            ]
            if quoted is not None:
                cells += [f"{quoted[0] * values[where]:.5e}", quoted[1]]
            yield cells
            head = ["", "", ""]
        left_out = int((~visible).sum())
        if left_out:
            largest = float(size[~visible].max())
            words = f"{left_out} more" if visible.any() else f"all {left_out}"
            yield [*head, words, f"≤ {largest:.1e}", f"{errors[~visible].max():.1e}", tensor.unit]


def _places(piece: Piece) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """Every part at two photon energies: its name, its place in the tensor, and ħω in words."""
    others = [axis for axis in piece.tensor.axes if axis.values != SPIN_AXES]
    names = [axis.name for axis in others]
    parts = others[names.index("part")].values if "part" in names else ("",)
    omega_w = others[names.index("omega")].values if "omega" in names else (0.0,)
    for w in sorted({0, len(omega_w) - 1}):
        for q, part in enumerate(parts):
            here = {"part": q, "omega": w}
            place = tuple(here.get(name, 0) for name in names)
            # Half of a complex number that vanishes at this photon energy says nothing.
            if not piece.part or np.any(piece.values[place]) or not np.any(piece.values):
                yield str(part), place, f"{omega_w[w]:.4f}"


def _quoted(tensor: Tensor, units: Sequence[str]) -> tuple[float, str] | None:
    """Factor and unit in which experimenters quote a tensor."""
    if not quoted_units(tensor):
        return None
    unit = next((unit for unit in units if can_be_in(tensor, unit)), None)
    one = replace(tensor, values=np.ones_like(tensor.values), errors=np.zeros_like(tensor.errors))
    there = in_unit(one, unit)
    return float(there.values.flat[0].real), there.unit


def form_lines(forms: Sequence[SymmetryForm]) -> list[str]:
    """What symmetry allows, once for all tensors of the same form, and how well it is obeyed.

    Parameters
    ----------
    forms : sequence of SymmetryForm
        Of the tensors of one response.

    Returns
    -------
    list of str
    """
    alike: dict[tuple[str, str], list[SymmetryForm]] = {}
    there = [form for form in forms if max(form.largest, form.largest_part) > 0.0]
    for form in there or forms[:1]:
        alike.setdefault((form.group, form.allowed_words), []).append(form)
    lines = []
    for (group, words), members in alike.items():
        symbols = ", ".join(form.tensor for form in members)
        lines.append(f"{group}: {symbols} {words}; {members[0].size_words}")
        lines += [f"{form.tensor} likewise: {form.size_words}" for form in members[1:]]
    return lines


_WORDS_OF_JOBS = {
    "omega": "Photon energies ħω of the field. [eV]",
    "frequency_thz": "The same as omega, as a frequency. [THz]",
    "tau": "Relaxation time at which to give the response too. [fs]",
}
"""Keys of jobs that responses call otherwise, or lack."""


def _plain(text: str) -> str:
    """A docstring's words without its markup."""
    text = re.sub(r":math:`([^`]*)`", lambda found: _plain_formula(found[1]), text)
    text = re.sub(r":\w+:`~?(?:[^`]*\.)?([^`.]*)`", r"\1", text)
    return text.replace("``", "")


def _plain_formula(tex: str) -> str:
    return tex.replace(r"\tfrac12", "½").replace(r"\{", "{").replace(r"\}", "}")


def response_lines(name: str) -> list[str]:
    """What a response needs, takes and gives.

    Parameters
    ----------
    name : str
        One of ``RESPONSES``.

    Returns
    -------
    list of str
    """
    response, section = RESPONSES[name], SECTIONS[name]
    claims = example_of(response).claims
    lines = [f"{name}: {(response.__doc__ or claims.title).splitlines()[0]}"]
    for variant, operators in response.needs.items():
        needs = ", ".join(sorted(operators)) or "nothing beyond H and r"
        lines.append(f"  needs{f' ({variant})' if variant else ''}: {needs}")
    parameters = {item.name: item for item in parameters_of(response)}
    words = {"mu" if key == "mu_f" else key: item.words for key, item in parameters.items()}
    words |= _WORDS_OF_JOBS
    omega = parameters.get("omega_w")
    for key, info in section.model_fields.items():
        if key == "name":
            continue
        default = "needed" if info.is_required() else f"default {info.default!r}"
        if info.default is None:
            default = "optional"
        if key in ("omega", "frequency_thz"):
            default = "optional, with tau"
            if omega is not None:
                default = "needed, or frequency_thz" if omega.needed else "default 0.0"
                default = default if key == "omega" else "instead of omega"
        lines.append(f"  {key} ({default}): {_plain(words[key])}")
    for tensor in claims.published:
        units = {d: tensor.unit_in(d) or "1" for d in (2, 3)}
        axes = ", ".join(axis.name for axis in tensor.axes if axis.values == SPIN_AXES) or "scalar"
        lines.append(
            f"  gives {tensor.name} {tensor.symbol} [{axes}]: {tensor.description}; "
            f"{units[2]} in 2D, {units[3]} in 3D"
        )
    return lines


def spin_table(induced: InducedSpin, spin: str) -> Table:
    """Amplitude of the first-order induced spin at some of the frequencies.

    Parameters
    ----------
    induced : InducedSpin
        The induced spin.
    spin : "x", "y" or "z"
        Component.

    Returns
    -------
    rich.table.Table
    """
    power = {2: "²", 3: "³"}.get(induced.dimension, "")
    title = (
        f"|Δ⁽¹⁾S_{spin}| for E of {induced.field:.3g} V/m, {induced.field_direction}, "
        f"mu = {induced.mu_f[0]:g} eV"
    )
    table = Table(title=title)
    volume, volume_errors = induced.delta_volume, induced.errors_volume
    both = induced.dimension < 3 and volume is not None
    for heading in ("ν (THz)", "ħω (eV)", "part", f"μ_B/nm{power}", *(["μ_B/nm³"] * both)):
        table.add_column(heading, justify="right", no_wrap=True)
    component = SPIN_AXES.index(spin)
    omega_w = induced.omega_w
    for w in np.unique(np.linspace(0, len(omega_w) - 1, ROWS).round().astype(int)):
        for q, part in enumerate(induced.parts):
            at = (1, q, 0, 0, int(w), component)
            cells = [f"{abs(induced.delta[at]):.4e} ± {induced.errors[at]:.0e}"]
            if both and volume is not None and volume_errors is not None:
                cells.append(f"{abs(volume[at]):.4e} ± {volume_errors[at]:.0e}")
            first = (f"{thz_from_ev(omega_w[w]):.2f}", f"{omega_w[w]:.5f}") if q == 0 else ("", "")
            table.add_row(*first, part, *cells)
    return table
