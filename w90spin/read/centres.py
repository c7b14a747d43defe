"""``seedname_centres.xyz``: centres of the Wannier functions, and the atoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.read.text import TextFile

_REMEDY = "Wannier90 writes it with write_xyz = .true. in the .win file."
_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*")


@dataclass(frozen=True, eq=False)
class CentresFile:
    """Content of ``seedname_centres.xyz``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its second line.
    centres_ia : float array (i, a)
        Centres of the Wannier functions, in the order of the Hamiltonian. [Å]
    symbols : tuple of str
        Chemical symbols of the atoms.
    positions_xa : float array (atom, a)
        Positions of the atoms. [Å]
    """

    path: Path
    header: str
    centres_ia: FloatArray
    symbols: tuple[str, ...]
    positions_xa: FloatArray


def read_centres(path: str | Path) -> CentresFile:
    """Read ``seedname_centres.xyz``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    CentresFile
        Its content: the lines ``X`` are Wannier centres, the others atoms.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the counts or numbers are wrong, or there is no centre.
    """
    with TextFile(path, _REMEDY) as file:
        n_lines = file.count("the number of centres and atoms")
        file.refuse_if_too_short(4 * n_lines, f"{n_lines} centres and atoms")
        header = file.line("a comment line").strip()
        centres: list[list[float]] = []
        positions: list[list[float]] = []
        symbols: list[str] = []
        for _ in range(n_lines):
            words = file.words(f"{n_lines} lines 'symbol x y z'")
            if len(words) != 4:
                raise file.format_error(
                    f"expected 'symbol x y z', found {len(words)} words."
                    " The file is cut short or edited."
                )
            position = [file.real(word, "a coordinate in Å") for word in words[1:]]
            if words[0] == "X":
                if symbols:
                    raise file.format_error("a Wannier centre 'X' after the atoms.")
                centres.append(position)
            else:
                if not _SYMBOL.fullmatch(words[0]):
                    raise file.format_error("expected a chemical symbol at the line's beginning.")
                symbols.append(words[0])
                positions.append(position)
        file.end()
        if not centres:
            raise file.format_error("expected lines 'X x y z' with Wannier centres, found none.")
    return CentresFile(
        file.path,
        header,
        np.array(centres),
        tuple(symbols),
        np.array(positions, dtype=np.float64).reshape(-1, 3),
    )
