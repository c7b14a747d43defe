"""``seedname.wout``: Wannier90's log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import constants

from w90spin.arrays import FloatArray
from w90spin.errors import FileFormatError
from w90spin.read.checks import cell_problem
from w90spin.read.text import TextFile

_REMEDY = "Let Wannier90 run to its end; it writes the log again."
_BOHR: float = constants.physical_constants["Bohr radius"][0] * 1e10  # Å
_RELEASE = re.compile(r"Release:\s*(\S+)")
_CELL_TITLE = re.compile(r"Lattice Vectors \((Ang|Bohr)\)")
_CELL_ROW = re.compile(r"\s*a_([123])\s+(\S.*)")
_CENTRE = re.compile(r"\s*WF centre and spread\s*(\S+)\s*\((.*)\)\s*(\S+)\s*")


@dataclass(frozen=True, eq=False)
class WoutFile:
    """Content of ``seedname.wout``.

    Parameters
    ----------
    path : path
        The file.
    version : str
        Wannier90's release; empty where the log does not tell.
    centres_ia : float array (i, a)
        Wannier centres of the final state. [Å]
    spreads_i : float array (i)
        Their spreads. [Å²]
    cell_ca : float array (c, a)
        Lattice vectors in rows, with the six decimals of the log. [Å]
    """

    path: Path
    version: str
    centres_ia: FloatArray
    spreads_i: FloatArray
    cell_ca: FloatArray


def read_wout(path: str | Path) -> WoutFile:
    """Read ``seedname.wout``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    WoutFile
        Its cell and last final state.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the run did not reach its final state.
    """
    version, unit = "", 1.0
    cell: dict[int, list[float]] = {}
    centres: list[list[float]] = []
    in_final_state = finished = False
    with TextFile(path, _REMEDY) as file:
        while (content := file.line_or_none()) is not None:
            if match := _RELEASE.search(content):
                version = match[1]
            elif match := _CELL_TITLE.search(content):
                unit = 1.0 if match[1] == "Ang" else _BOHR
                cell = {}
            elif match := _CELL_ROW.fullmatch(content):
                cell[int(match[1])] = _numbers(file, match[2].split(), 3, "a lattice vector")
            elif content.strip() == "Final State":
                in_final_state, finished, centres = True, False, []
            elif in_final_state and (match := _CENTRE.fullmatch(content)):
                if file.integer(match[1], "a Wannier function") != len(centres) + 1:
                    raise file.format_error(f"expected Wannier function {len(centres) + 1}.")
                words = [*match[2].split(","), match[3]]
                centres.append(_numbers(file, words, 4, "'( x, y, z ) spread'"))
            elif in_final_state and content.strip().startswith("Sum of centres"):
                in_final_state, finished = False, True
            elif in_final_state and content.strip():
                raise file.format_error(
                    "expected 'WF centre and spread' of the final state, found something else."
                )
        if sorted(cell) != [1, 2, 3]:
            raise FileFormatError(
                file.path, "", "there are no 'Lattice Vectors' a_1, a_2, a_3.", _REMEDY
            )
        if not centres or not finished:
            raise file.format_error("the file ends without the centres of the 'Final State'.")
        cell_ca: FloatArray = unit * np.array([cell[c] for c in (1, 2, 3)])
        if problem := cell_problem(cell_ca):
            raise file.value_error(problem, 0)
        centre_ix = np.array(centres)
    return WoutFile(file.path, version, unit * centre_ix[:, :3], unit**2 * centre_ix[:, 3], cell_ca)


def _numbers(file: TextFile, words: list[str], n: int, what: str) -> list[float]:
    if len(words) != n:
        raise file.format_error(f"expected {n} numbers, {what}, found {len(words)}.")
    return [file.real(word.strip(), what) for word in words]
