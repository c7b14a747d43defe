"""Trial orbitals of the block ``projections`` in a ``.win``, in Wannier90's order."""

from __future__ import annotations

import re
from typing import NoReturn

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.errors import FileFormatError
from w90spin.read.nnkp import Projection
from w90spin.read.win import UNITS, WinFile

_SHELLS = {"s": 0, "p": 1, "d": 2, "f": 3, "sp": -1, "sp2": -2, "sp3": -3, "sp3d": -4, "sp3d2": -5}
_SINGLE = {
    "pz": (1, 1),
    "px": (1, 2),
    "py": (1, 3),
    "dz2": (2, 1),
    "dxz": (2, 2),
    "dyz": (2, 3),
    "dx2-y2": (2, 4),
    "dxy": (2, 5),
    "fz3": (3, 1),
    "fxz2": (3, 2),
    "fyz2": (3, 3),
    "fz(x2-y2)": (3, 4),
    "fxyz": (3, 5),
    "fx(x2-3y2)": (3, 6),
    "fy(3x2-y2)": (3, 7),
} | {
    f"{name}-{mr}": (l, mr)
    for name, l in _SHELLS.items()  # noqa: E741
    if l < 0
    for mr in range(1, 2 - l)
}
_SPIN = re.compile(r"\(([ud](?:,[ud])?)\)")
_AXIS = re.compile(r"\[([^\]]*)\]")
_REMEDY = "Write the .nnkp with 'wannier90.x -pp seedname' and keep it: it has the same list."


def win_projections(win: WinFile) -> tuple[Projection, ...]:
    """Trial orbitals that Wannier90 makes of a ``.win``.

    Parameters
    ----------
    win : WinFile
        Content of ``seedname.win``.

    Returns
    -------
    tuple of Projection
        Line by line, atom by atom, by l (hybrids first) and mr; with ``spinors = .true.`` each one
        up, then down. Empty without the block.

    Raises
    ------
    FileFormatError
        If a line is not understood, or asks for random orbitals.
    """
    lines = [line.lower() for line in win.blocks.get("projections", ())]
    unit = 1.0
    if lines and lines[0].strip() in UNITS:
        unit = UNITS[lines.pop(0).strip()]
    return tuple(projection for line in lines for projection in _line(win, line, unit))


def _line(win: WinFile, line: str, unit: float) -> list[Projection]:
    text = line.replace(" ", "").replace("\t", "")
    spins: tuple[int, ...] = (1, -1) if win.spinors else (0,)
    spin_axis_a = np.array([0.0, 0.0, 1.0])
    # Names of f orbitals have brackets of their own; those of the spin hold u and d alone.
    if match := _SPIN.search(text):
        words = match[1].split(",")
        spins = tuple(spin for spin, word in ((1, "u"), (-1, "d")) if word in words)
        text = text.replace(match[0], "")
    if match := _AXIS.search(text):
        spin_axis_a = _vector(win, line, match[1])
        text = text.replace(match[0], "")
    site, *fields = text.split(":")
    if not fields:
        _refuse(win, line)
    z_axis_a, x_axis_a = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    radial, zona = 1, 1.0
    for item in fields[1:]:
        name, _, value = item.partition("=")
        if name == "z":
            z_axis_a = _vector(win, line, value)
        elif name == "x":
            x_axis_a = _vector(win, line, value)
        elif name == "r" and value in {"1", "2", "3"}:
            radial = int(value)
        elif name == "zona":
            (zona,) = _numbers(win, line, value, 1)
        elif item:
            _refuse(win, line)
    return [
        Projection(site_c, l, mr, radial, z_axis_a, x_axis_a, zona, spin, spin_axis_a)
        for site_c in _sites(win, line, site, unit)
        for l, mr in _states(win, line, fields[0])  # noqa: E741
        for spin in spins
    ]


def _sites(win: WinFile, line: str, site: str, unit: float) -> list[FloatArray]:
    name, equals, value = site.partition("=")
    if equals and name == "f":
        return [_vector(win, line, value)]
    if win.cell_ca is None or (equals and name != "c"):
        _refuse(win, line)
    back = np.linalg.inv(win.cell_ca)
    if equals:
        return [unit * _vector(win, line, value) @ back]
    if win.positions_xa is None:
        _refuse(win, line)
    sites = [
        position_a @ back
        for symbol, position_a in zip(win.symbols, win.positions_xa, strict=True)
        if symbol.lower() == name
    ]
    return sites or _refuse(win, line)


def _states(win: WinFile, line: str, text: str) -> list[tuple[int, int]]:
    states: set[tuple[int, int]] = set()
    for word in filter(None, text.split(";")):
        if word in _SINGLE:
            states.add(_SINGLE[word])
            continue
        if match := re.fullmatch(r"l=(-?[0-9])(?:,mr=([0-9](?:,[0-9])*))?", word):
            l = int(match[1])  # noqa: E741
            wanted = None if match[2] is None else {int(mr) for mr in match[2].split(",")}
        elif word in _SHELLS:
            l, wanted = _SHELLS[word], None  # noqa: E741
        else:
            _refuse(win, line)
        every = set(range(1, 2 * l + 2 if l >= 0 else 2 - l))
        if not -5 <= l <= 3 or (wanted is not None and not wanted <= every):
            _refuse(win, line)
        states |= {(l, mr) for mr in wanted or every}
    return sorted(states) or _refuse(win, line)


def _vector(win: WinFile, line: str, text: str) -> FloatArray:
    return np.array(_numbers(win, line, text, 3))


def _numbers(win: WinFile, line: str, text: str, n: int) -> list[float]:
    try:
        numbers = [float(word.replace("d", "e")) for word in text.split(",")]
    except ValueError:
        _refuse(win, line)
    if len(numbers) != n or not np.isfinite(numbers).all():
        _refuse(win, line)
    return numbers


def _refuse(win: WinFile, line: str) -> NoReturn:
    shown = line[:60].encode("ascii", "backslashreplace").decode("ascii")
    raise FileFormatError(
        win.path,
        "projections",
        f"expected 'site:orbitals:axes', such as 'Bi:s;p' or 'f=0,0,0:l=1,mr=1', found '{shown}'.",
        _REMEDY,
    )
