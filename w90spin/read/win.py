"""``seedname.win``: Wannier90's input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import constants

from w90spin.arrays import FloatArray
from w90spin.errors import FileFormatError, FileValueError
from w90spin.read.blocks import Blocks, Line, read_blocks
from w90spin.read.checks import LARGEST_COORDINATE, cell_problem
from w90spin.read.text import TextFile

_REMEDY = "Correct the .win file."
_BOHR: float = constants.physical_constants["Bohr radius"][0] * 1e10  # Å
UNITS = {"ang": 1.0, "angstrom": 1.0, "bohr": _BOHR}
_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\s*[=:]\s*|\s+)(.*)")
_TRUE = frozenset({".true.", "true", "t", ".t."})
_FALSE = frozenset({".false.", "false", "f", ".f."})
_LARGEST_BAND = 100_000


@dataclass(frozen=True, eq=False)
class WinFile:
    """Content of ``seedname.win``.

    Parameters
    ----------
    path : path
        The file.
    keywords : dict
        Values as written, by keyword in lower case, without comments.
    blocks : dict
        Lines of each block, by its name in lower case, without comments and blank lines.
    cell_ca : float array (c, a), or None
        Lattice vectors in rows; None without ``unit_cell_cart``. [Å]
    symbols : tuple of str
        Names of the atoms as written.
    positions_xa : float array (atom, a), or None
        Cartesian positions of the atoms, from ``atoms_cart`` or ``atoms_frac``. [Å]
    kpt_kc : float array (k, c), or None
        k points of the mesh, reduced.
    mp_grid : 3 ints, or None
        The mesh.
    """

    path: Path
    keywords: dict[str, str]
    blocks: dict[str, tuple[str, ...]]
    cell_ca: FloatArray | None
    symbols: tuple[str, ...]
    positions_xa: FloatArray | None
    kpt_kc: FloatArray | None
    mp_grid: tuple[int, int, int] | None

    @property
    def n_wann(self) -> int:
        """Number of Wannier functions, ``num_wann``."""
        value = self._integer("num_wann")
        if value is None:
            raise FileFormatError(
                self.path, "", "there is no keyword num_wann.", "Add num_wann to the .win file."
            )
        return value

    @property
    def n_bands(self) -> int:
        """Number of Bloch bands, ``num_bands``; without it that of Wannier functions."""
        value = self._integer("num_bands")
        return self.n_wann if value is None else value

    @property
    def spinors(self) -> bool:
        """Whether the Wannier functions are spinors; without the keyword they are not."""
        word = self.keywords.get("spinors", ".false.").lower()
        if word not in _TRUE | _FALSE:
            raise FileFormatError(
                self.path, "spinors", f"expected .true. or .false., found '{word}'.", _REMEDY
            )
        return word in _TRUE

    @property
    def exclude_bands(self) -> tuple[int, ...]:
        """Bands of the first-principles run left out, from 1, sorted.

        Examples
        --------
        ``exclude_bands = 1-3, 7`` gives ``(1, 2, 3, 7)``.
        """
        text = self.keywords.get("exclude_bands", "")
        bands: set[int] = set()
        for piece in re.sub(r"\s*-\s*", "-", text).replace(",", " ").replace(";", " ").split():
            match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", piece)
            first = int(match[1]) if match else 0
            last = int(match[2] or first) if match else 0
            if not 1 <= first <= last <= _LARGEST_BAND:
                raise FileFormatError(
                    self.path,
                    "exclude_bands",
                    f"expected bands and ranges such as '1-3, 7', found '{_printable(piece)}'.",
                    _REMEDY,
                )
            bands.update(range(first, last + 1))
        return tuple(sorted(bands))

    def _integer(self, name: str) -> int | None:
        text = self.keywords.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"[+]?[0-9]{1,9}", text) or int(text) < 1:
            raise FileFormatError(
                self.path, name, f"expected a number from 1, found '{_printable(text)}'.", _REMEDY
            )
        return int(text)


def read_win(path: str | Path) -> WinFile:
    """Read ``seedname.win``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    WinFile
        Its keywords and blocks, and cell, atoms and mesh as numbers.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If a keyword or block comes twice, or does not hold what it should.
    """
    with TextFile(path, _REMEDY) as file:
        blocks = read_blocks(file, "!#")
        keywords: dict[str, str] = {}
        for line in blocks.outside:
            match = _KEYWORD.fullmatch(line.text)
            name = match[1].lower() if match else ""
            if match is None or not match[2]:
                raise file.format_error(
                    f"expected 'keyword = value', found '{_printable(line.text)}'.", line.number
                )
            if name in keywords:
                raise file.format_error(f"the keyword {name} comes twice.", line.number)
            keywords[name] = match[2].strip()
        cell_ca = _cell(file, blocks)
        symbols, positions_xa = _atoms(file, blocks, cell_ca)
        kpt_kc = _kpoints(file, blocks)
        mp_grid = _mesh(file.path, keywords)
        if kpt_kc is not None and mp_grid is not None and len(kpt_kc) != np.prod(mp_grid):
            raise FileValueError(
                file.path,
                "kpoints",
                f"{len(kpt_kc)} k points are listed, a mesh {mp_grid} has {np.prod(mp_grid)}.",
                _REMEDY,
            )
        win = WinFile(
            file.path,
            keywords,
            {name: tuple(line.text for line in lines) for name, lines in blocks.inside.items()},
            cell_ca,
            symbols,
            positions_xa,
            kpt_kc,
            mp_grid,
        )
        _ = win.spinors, win.exclude_bands  # refuse now what would be refused later
        for name in ("num_wann", "num_bands"):
            win._integer(name)
    return win


def _split_unit(lines: list[Line]) -> tuple[float, list[Line]]:
    """The block's length unit in Å, and its lines without the one that names it."""
    if lines and lines[0].text.lower() in UNITS:
        return UNITS[lines[0].text.lower()], lines[1:]
    return 1.0, lines


def _numbers(file: TextFile, line: Line, words: list[str], n: int, what: str) -> list[float]:
    if len(words) != n:
        raise file.format_error(
            f"expected {n} numbers, {what}, found '{_printable(line.text)}'.", line.number
        )
    file.line_no = line.number  # the lines were read before; messages name the one at hand
    values = [file.real(word, what) for word in words]
    if max(map(abs, values)) > LARGEST_COORDINATE:
        raise file.value_error(f"{what} has numbers above {LARGEST_COORDINATE:g}.")
    return values


def _cell(file: TextFile, blocks: Blocks) -> FloatArray | None:
    if "unit_cell_cart" not in blocks.inside:
        return None
    unit, lines = _split_unit(blocks.inside["unit_cell_cart"])
    if len(lines) != 3:
        raise file.format_error(
            f"expected 3 lattice vectors in the block unit_cell_cart, found {len(lines)}.",
            lines[-1].number if lines else None,
        )
    cell_ca: FloatArray = unit * np.array(
        [_numbers(file, line, line.words, 3, "a lattice vector") for line in lines]
    )
    if problem := cell_problem(cell_ca):
        raise file.value_error(problem)
    return cell_ca


def _atoms(
    file: TextFile, blocks: Blocks, cell_ca: FloatArray | None
) -> tuple[tuple[str, ...], FloatArray | None]:
    names = [name for name in ("atoms_cart", "atoms_frac") if name in blocks.inside]
    if not names:
        return (), None
    if len(names) == 2:
        raise FileFormatError(file.path, "atoms_frac", "atoms_cart is there as well.", _REMEDY)
    unit, lines = _split_unit(blocks.inside[names[0]])
    symbols = tuple(line.words[0] for line in lines)
    rows = [_numbers(file, line, line.words[1:], 3, "'symbol x y z'") for line in lines]
    positions_xa: FloatArray = np.array(rows, dtype=np.float64).reshape(-1, 3)
    if names[0] == "atoms_cart":
        return symbols, unit * positions_xa
    if cell_ca is None:
        raise FileFormatError(
            file.path, "atoms_frac", "there is no block unit_cell_cart to place them in.", _REMEDY
        )
    return symbols, positions_xa @ cell_ca


def _kpoints(file: TextFile, blocks: Blocks) -> FloatArray | None:
    if "kpoints" not in blocks.inside:
        return None
    lines = blocks.inside["kpoints"]
    if not lines:
        raise FileFormatError(file.path, "kpoints", "the block is empty.", _REMEDY)
    rows = []
    for line in lines:
        words = line.words
        rows.append(_numbers(file, line, words[:3] if len(words) == 4 else words, 3, "a k point"))
    return np.array(rows)


def _mesh(path: Path, keywords: dict[str, str]) -> tuple[int, int, int] | None:
    if "mp_grid" not in keywords:
        return None
    words = keywords["mp_grid"].replace(",", " ").split()
    if len(words) != 3 or not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise FileFormatError(
            path,
            "mp_grid",
            f"expected 3 integers, found '{_printable(keywords['mp_grid'])}'.",
            _REMEDY,
        )
    n1, n2, n3 = (int(word) for word in words)
    if min(n1, n2, n3) < 1:
        raise FileValueError(path, "mp_grid", f"the mesh is {(n1, n2, n3)}.", _REMEDY)
    return n1, n2, n3


def _printable(text: str) -> str:
    return text[:60].encode("ascii", "backslashreplace").decode("ascii")
