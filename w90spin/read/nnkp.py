"""``seedname.nnkp``: what Wannier90 asks of the first-principles code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import FileFormatError
from w90spin.read.blocks import Blocks, Line, read_blocks
from w90spin.read.checks import cell_problem
from w90spin.read.text import TextFile

_REMEDY = "Write it again with 'wannier90.x -pp seedname'."


@dataclass(frozen=True, eq=False)
class Projection:
    """A trial orbital.

    Parameters
    ----------
    site_c : float array (c)
        Its centre, reduced.
    l, mr : int
        Angular momentum and component in Wannier90's numbering (negative l: hybrids).
    radial : int
        Radial function, 1 to 3.
    z_axis_a, x_axis_a : float arrays (a)
        Axes of the orbital.
    zona : float
        Its inverse radius. [1/Å]
    spin : int
        +1 up, -1 down along ``spin_axis_a``; 0 where there are no spinors.
    spin_axis_a : float array (a)
        Quantisation axis.
    """

    site_c: FloatArray
    l: int  # noqa: E741 (the quantum number's name)
    mr: int
    radial: int
    z_axis_a: FloatArray
    x_axis_a: FloatArray
    zona: float
    spin: int
    spin_axis_a: FloatArray


@dataclass(frozen=True, eq=False)
class NnkpFile:
    """Content of ``seedname.nnkp``.

    Parameters
    ----------
    path : path
        The file.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    kpt_kc : float array (k, c)
        k points, reduced.
    projections : tuple of Projection
        Trial orbitals, in the order of the Wannier functions; empty with ``auto_projections``.
    spinor : bool
        Whether they are spinors.
    neighbour_kb : int array (k, b)
        Which k point k + b is, from 0, up to a reciprocal lattice vector.
    G_kbc : int array (k, b, c)
        That vector: k + b = k[neighbour] + G.
    exclude_bands : int array (excluded)
        Bands of the first-principles run to leave out, from 1.
    """

    path: Path
    cell_ca: FloatArray
    kpt_kc: FloatArray
    projections: tuple[Projection, ...]
    spinor: bool
    neighbour_kb: IntArray
    G_kbc: IntArray
    exclude_bands: IntArray


def read_nnkp(path: str | Path) -> NnkpFile:
    """Read ``seedname.nnkp``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    NnkpFile
        Its content; all counts as announced, each k point with all its neighbours.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        blocks = read_blocks(file, "")
        cell_ca: FloatArray = np.array(
            [
                _numbers(file, line, 3, "a lattice vector")
                for line in _block(file, blocks, "real_lattice", 3)
            ]
        )
        if problem := cell_problem(cell_ca):
            raise file.value_error(problem)
        kpt_kc: FloatArray = np.array(
            [_numbers(file, line, 3, "a k point") for line in _counted(file, blocks, "kpoints", 1)]
        )
        if not len(kpt_kc):
            raise FileFormatError(file.path, "kpoints", "there are no k points.", _REMEDY)
        spinor = "spinor_projections" in blocks.inside
        projections: tuple[Projection, ...] = ()
        if spinor:
            lines = _counted(file, blocks, "spinor_projections", 3)
            projections = tuple(
                _projection(file, lines[x : x + 3]) for x in range(0, len(lines), 3)
            )
        elif "projections" in blocks.inside:
            lines = _counted(file, blocks, "projections", 2)
            projections = tuple(
                _projection(file, lines[x : x + 2]) for x in range(0, len(lines), 2)
            )
        neighbour_kb, G_kbc = _neighbours(file, blocks, len(kpt_kc))
        exclude_bands = np.array(
            [
                _integers(file, line, line.words, 1, "a band")[0]
                for line in _counted(file, blocks, "exclude_bands", 1)
            ],
            dtype=np.int64,
        )
        if (exclude_bands < 1).any() or len(np.unique(exclude_bands)) != len(exclude_bands):
            raise file.value_error("the excluded bands are not positive or not distinct.")
    return NnkpFile(
        file.path, cell_ca, kpt_kc, projections, spinor, neighbour_kb, G_kbc, exclude_bands
    )


def _block(file: TextFile, blocks: Blocks, name: str, n_lines: int | None = None) -> list[Line]:
    lines = blocks.inside.get(name)
    if lines is None:
        raise FileFormatError(file.path, name, f"there is no block '{name}'.", _REMEDY)
    if n_lines is not None and len(lines) != n_lines:
        raise FileFormatError(
            file.path, name, f"expected {n_lines} lines in it, found {len(lines)}.", _REMEDY
        )
    return lines


def _counted(file: TextFile, blocks: Blocks, name: str, lines_each: int) -> list[Line]:
    """Lines of a block after its first, which says how many items they make."""
    lines = _block(file, blocks, name)
    if not lines:
        raise FileFormatError(file.path, name, "expected a count in it, found nothing.", _REMEDY)
    (count,) = _integers(file, lines[0], lines[0].words, 1, "a count")
    if count < 0 or len(lines) - 1 != count * lines_each:
        raise file.format_error(
            f"the block '{name}' announces {count} items of {lines_each} lines, found"
            f" {len(lines) - 1} lines.",
            lines[0].number,
        )
    return lines[1:]


def _integers(file: TextFile, line: Line, words: list[str], n: int, what: str) -> list[int]:
    file.line_no = line.number  # the lines were read before; messages name the one at hand
    if len(words) != n:
        raise file.format_error(f"expected {n} integers, {what}, found {len(words)}.")
    return [file.integer(word, what) for word in words]


def _numbers(file: TextFile, line: Line, n: int, what: str) -> list[float]:
    file.line_no = line.number
    if len(line.words) != n:
        raise file.format_error(f"expected {n} numbers, {what}, found {len(line.words)}.")
    return [file.real(word, what) for word in line.words]


def _projection(file: TextFile, lines: list[Line]) -> Projection:
    centre = lines[0].words
    quantum_numbers = _integers(file, lines[0], centre[3:], 3, "'l mr radial' after the centre")
    site_c = np.array([file.real(word, "a centre") for word in centre[:3]])
    frame_x = np.array(_numbers(file, lines[1], 7, "z axis, x axis and zona"))
    spin, spin_axis_a = 0, np.array([0.0, 0.0, 1.0])
    if len(lines) == 3:
        words = lines[2].words
        (spin,) = _integers(file, lines[2], words[:1], 1, "a spin")
        if spin not in (-1, 1) or len(words) != 4:
            raise file.format_error("expected a spin 1 or -1 and its axis.")
        spin_axis_a = np.array([file.real(word, "a spin axis") for word in words[1:]])
    l, mr, radial = quantum_numbers  # noqa: E741
    return Projection(
        site_c, l, mr, radial, frame_x[:3], frame_x[3:6], float(frame_x[6]), spin, spin_axis_a
    )


def _neighbours(file: TextFile, blocks: Blocks, n_kpts: int) -> tuple[IntArray, IntArray]:
    lines = _block(file, blocks, "nnkpts")
    if not lines:
        raise FileFormatError(file.path, "nnkpts", "expected a count, found nothing.", _REMEDY)
    (n_b,) = _integers(file, lines[0], lines[0].words, 1, "the number of neighbours")
    if n_b < 1 or len(lines) - 1 != n_kpts * n_b:
        raise file.format_error(
            f"{n_b} neighbours of {n_kpts} k points are announced, found {len(lines) - 1} lines."
        )
    links = []
    for row, line in enumerate(lines[1:]):
        link = _integers(file, line, line.words, 5, "'k k+b G1 G2 G3'")
        if link[0] != row // n_b + 1 or not 1 <= link[1] <= n_kpts:
            raise file.value_error(
                f"expected a neighbour of k point {row // n_b + 1} of {n_kpts}, found {link}."
            )
        links.append(link)
    link_kbx = np.array(links, dtype=np.int64).reshape(n_kpts, n_b, 5)
    return link_kbx[:, :, 1] - 1, link_kbx[:, :, 2:]
