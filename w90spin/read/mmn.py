"""``seedname.mmn``: overlaps between Bloch states at neighbouring k points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, IntArray
from w90spin.read.checks import LARGEST_ELEMENT
from w90spin.read.output import header_line, new_file, refuse_not_finite
from w90spin.read.text import TextFile

_REMEDY = "pw2wannier90 writes it with write_mmn = .true., other codes' interfaces likewise."


@dataclass(frozen=True, eq=False)
class MmnFile:
    """Content of ``seedname.mmn``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    overlap_kbmn : complex array (k, b, m, n)
        ``<u_mk|u_n,k+b>``.
    neighbour_kb : int array (k, b)
        Which k point of the mesh k + b is, from 0, up to a reciprocal lattice vector.
    G_kbc : int array (k, b, c)
        That vector: k + b = k[neighbour] + G.
    """

    path: Path
    header: str
    overlap_kbmn: ComplexArray
    neighbour_kb: IntArray
    G_kbc: IntArray


def read_mmn(path: str | Path) -> MmnFile:
    """Read ``seedname.mmn``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    MmnFile
        Its content; the blocks of a k point in the file's order, the k points sorted.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If blocks are missing or repeated, or numbers are not finite.
    """
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        n_bands, n_kpts, n_b = sizes = file.integers(
            3, "the numbers of bands, k points and neighbours"
        )
        if min(sizes) < 1:
            raise file.value_error(f"the numbers of bands, k points and neighbours are {sizes}.")
        file.refuse_if_too_short(
            n_kpts * n_b * (5 + 2 * n_bands**2),
            f"{n_bands} bands, {n_kpts} k points and {n_b} neighbours",
        )
        blocks: dict[tuple[int, int], ComplexArray] = {}
        links: dict[tuple[int, int], list[int]] = {}
        seen: set[tuple[int, ...]] = set()
        n_found: dict[int, int] = {}
        for _ in range(n_kpts * n_b):
            link = file.integers(5, "a line 'k k+b G1 G2 G3'")
            if not (1 <= link[0] <= n_kpts and 1 <= link[1] <= n_kpts):
                raise file.value_error(
                    f"expected two k points from 1 to {n_kpts}, found {link[0]} and {link[1]}."
                )
            b = n_found.get(link[0], 0)
            if b == n_b or tuple(link) in seen:
                raise file.value_error(
                    f"k point {link[0]} has this neighbour twice or more than {n_b} of them;"
                    " another k point lacks one."
                )
            n_found[link[0]] = b + 1
            seen.add(tuple(link))
            links[link[0] - 1, b] = link[1:]
            real_r, imag_r = file.table(n_bands**2, 2, "'Re Im' of an overlap").value_cr
            largest = float(np.hypot(real_r, imag_r).max())
            if largest > LARGEST_ELEMENT:
                raise file.value_error(
                    f"an overlap of size {largest:.3g} between k points {link[0]} and {link[1]} "
                    "ends here or above; between normalised states it is at most 1."
                )
            overlap_nm = (real_r + 1j * imag_r).reshape(n_bands, n_bands)  # m runs fastest
            blocks[link[0] - 1, b] = overlap_nm.T
        file.end()
        order = [(k, b) for k in range(n_kpts) for b in range(n_b)]
        overlap_kbmn = np.empty((n_kpts, n_b, n_bands, n_bands), dtype=np.complex128)
        for k, b in order:
            overlap_kbmn[k, b] = blocks.pop((k, b))
        link_kbx = np.array([links[key] for key in order], dtype=np.int64).reshape(n_kpts, n_b, 4)
    return MmnFile(file.path, header, overlap_kbmn, link_kbx[..., 0] - 1, link_kbx[..., 1:])


def write_mmn(mmn: MmnFile, path: str | Path) -> Path:
    """Write ``seedname.mmn`` as pw2wannier90 does, with twelve decimals.

    Parameters
    ----------
    mmn : MmnFile
        The content; its ``path`` is not used.
    path : str or path
        Where; compressed if it ends in ``.gz``, ``.bz2`` or ``.xz``.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    ResultFileError
        If it cannot be written, or a number is not finite.
    """
    refuse_not_finite(path, "the overlap", mmn.overlap_kbmn)
    n_kpts, n_b, n_bands = mmn.overlap_kbmn.shape[:3]
    rows = n_bands**2 * " %17.12f %17.12f\n"
    with new_file(path) as file:
        file.write(header_line(mmn.header))
        file.write(f"{n_bands:12d}{n_kpts:12d}{n_b:12d}\n".encode())
        for k, b in np.ndindex(n_kpts, n_b):
            link = (k + 1, int(mmn.neighbour_kb[k, b]) + 1, *mmn.G_kbc[k, b].tolist())
            overlap_nm = np.ascontiguousarray(mmn.overlap_kbmn[k, b].T, dtype=np.complex128)
            values = tuple(overlap_nm.view(np.float64).ravel().tolist())  # m runs fastest
            file.write(("".join(f" {x:4d}" for x in link) + "\n" + rows % values).encode())
    return Path(path)
