"""Results as tables on a terminal."""

from __future__ import annotations

from typing import Literal

import numpy as np
from rich.table import Table

from w90spin.derive import InducedSpin, check_lines
from w90spin.results import ResponseResult, Result
from w90spin.units import CONVENTIONS, SPIN_AXES, thz_from_ev

ROWS = 13
"""Frequencies in the table of the induced spin."""


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
    lines.append(
        f"{verdict}: relative error {about['relative_error']:.1e} with {about['detail']}; "
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


def tensor_table(result: Result, response: ResponseResult) -> Table:
    """Integrated tensors at the highest frequency, first temperature and Fermi level.

    Parameters
    ----------
    result : Result
        The result.
    response : ResponseResult
        The one of its responses to show.

    Returns
    -------
    rich.table.Table
    """
    table = Table(title=f"{response.name} (spin component: rows; field component: columns)")
    for heading in ("tensor", "part", "ħω (eV)", "spin", *SPIN_AXES, "largest error", "unit"):
        justify: Literal["left", "right"] = "left" if heading in ("tensor", "part") else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    reversed_away = result.provenance["time_reversal_used"]
    for tensor in response.tensors.values():
        if np.iscomplexobj(tensor.values):
            continue
        if reversed_away and not tensor.values.any():
            table.add_row(tensor.symbol, "", "", "", *3 * ["0"], "", "by time reversal")
            continue
        dynamic = "omega" in tensor.axis_names
        where = (0, 0, -1) if dynamic else (0, 0)
        omega = f"{float(tensor.axis('omega').values[-1]):.4f}" if dynamic else "0"
        for part, name in enumerate(tensor.axis("part").values):
            values, errors = tensor.values[(part, *where)], tensor.errors[(part, *where)]
            for row, spin in enumerate(SPIN_AXES):
                table.add_row(
                    tensor.symbol if row == 0 else "",
                    str(name) if row == 0 else "",
                    omega if row == 0 else "",
                    spin,
                    *(f"{value:.5e}" for value in values[row]),
                    f"{errors[row].max():.1e}",
                    tensor.unit if row == 0 else "",
                )
    return table


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
