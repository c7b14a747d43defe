"""``seedname.chk``: Wannier90's checkpoint with the rotations to Wannier functions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import InputFileError
from w90spin.read.checks import LARGEST_COORDINATE, cell_problem
from w90spin.read.fortran import RecordFile, is_record_file
from w90spin.read.text import TextFile

_REMEDY = "Wannier90 writes it at the end of its run (w90chk2chk.x makes the .chk.fmt of it)."
_UNITARY_LIMIT = 1e-6
_MESH_LIMIT = 0.01  # of a mesh step
_MOST_NEIGHBOURS = 1000


@dataclass(frozen=True, eq=False)
class ChkFile:
    """Content of ``seedname.chk`` or ``seedname.chk.fmt``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    n_bands : int
        Number of Bloch bands, without the excluded ones.
    exclude_bands : int array (excluded)
        Bands of the first-principles run left out, from 1.
    cell_ca, recip_ca : float arrays (c, a)
        Lattice vectors [Å] and reciprocal ones, with 2π [1/Å], in rows.
    n_kpts : int
        Number of k points.
    mp_grid : 3 ints
        The mesh.
    kpt_kc : float array (k, c)
        The k points, reduced.
    n_neighbours : int
        Number of vectors b.
    n_wann : int
        Number of Wannier functions.
    checkpoint : str
        ``"postwann"`` after a finished run, ``"postdis"`` after disentanglement only.
    have_disentangled : bool
        Whether bands were disentangled.
    omega_invariant : float
        Invariant spread; 0 without disentanglement. [Å²]
    window_kn : bool array (k, n)
        Bands inside the outer window.
    n_window_k : int array (k)
        How many.
    u_opt_kni : complex array (k, n, i), or None
        Optimal subspace, as stored: the row counts only the bands inside the window of that k
        point, so that the first ``n_window_k`` rows are used and row 0 is the first band where
        ``window_kn`` is true. None without disentanglement, where it is the identity.
    u_kij : complex array (k, i, j)
        Rotation inside the subspace; ``|w_jk> = sum_ni |psi_nk> u_opt_kni u_kij``.
    overlap_kbij : complex array (k, b, i, j)
        Overlaps ``<w_ik|w_j,k+b>`` of the periodic parts after these rotations.
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    spreads_i : float array (i)
        Their spreads. [Å²]
    """

    path: Path
    header: str
    n_bands: int
    exclude_bands: IntArray
    cell_ca: FloatArray
    recip_ca: FloatArray
    n_kpts: int
    mp_grid: tuple[int, int, int]
    kpt_kc: FloatArray
    n_neighbours: int
    n_wann: int
    checkpoint: str
    have_disentangled: bool
    omega_invariant: float
    window_kn: BoolArray
    n_window_k: IntArray
    u_opt_kni: ComplexArray | None
    u_kij: ComplexArray
    overlap_kbij: ComplexArray
    centres_ia: FloatArray
    spreads_i: FloatArray


def read_chk(path: str | Path) -> ChkFile:
    """Read a checkpoint; whether it is unformatted or text shows in its first bytes.

    Parameters
    ----------
    path : str or path
        ``seedname.chk`` or ``seedname.chk.fmt``, plain or compressed.

    Returns
    -------
    ChkFile
        Its content; the mesh complete, the rotations unitary within 1e-6.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    if is_record_file(path, _REMEDY):
        with RecordFile(path, _REMEDY) as records:
            return _read(records.path, _Records(records))
    with TextFile(path, _REMEDY) as text:
        return _read(text.path, _Lines(text))


class _Source(Protocol):
    """The checkpoint's items in their order, from either kind of file."""

    def text(self, what: str) -> str: ...

    def flag(self, what: str) -> bool: ...

    def integers(self, n_rows: int, n_cols: int, what: str) -> IntArray: ...

    def logicals(self, n: int, what: str) -> BoolArray: ...

    def reals(self, n_rows: int, n_cols: int, what: str) -> FloatArray: ...

    def announce(self, n_numbers: int, what: str) -> None: ...

    def value_error(self, problem: str) -> InputFileError: ...

    def end(self) -> None: ...


class _Records:
    """Unformatted: an item is a record, whatever its shape."""

    def __init__(self, file: RecordFile) -> None:
        self._file = file
        self.text = file.text
        self.logicals = file.logicals
        self.end = file.end

    def flag(self, what: str) -> bool:
        return bool(self._file.logicals(1, what)[0])

    def integers(self, n_rows: int, n_cols: int, what: str) -> IntArray:
        return self._file.integers(n_rows * n_cols, what).reshape(n_rows, n_cols)

    def reals(self, n_rows: int, n_cols: int, what: str) -> FloatArray:
        return self._file.reals(n_rows * n_cols, what).reshape(n_rows, n_cols)

    def announce(self, n_numbers: int, what: str) -> None:
        """Nothing: each record's own mark is compared before it is read."""

    def value_error(self, problem: str) -> InputFileError:
        return self._file.value_error(problem)


class _Lines:
    """Formatted: an item is a number of lines."""

    def __init__(self, file: TextFile) -> None:
        self._file = file
        self.end = file.end
        self.announce = file.refuse_if_too_short

    def text(self, what: str) -> str:
        return " ".join(self._file.words(what))

    def flag(self, what: str) -> bool:
        return bool(self.logicals(1, what)[0])

    def integers(self, n_rows: int, n_cols: int, what: str) -> IntArray:
        table = self._file.table(n_rows, n_cols, what)
        wrong_cr = np.abs(table.value_cr) > 2**31
        values: IntArray = np.where(wrong_cr, 0, np.rint(table.value_cr)).astype(np.int64)
        wrong_cr |= values != table.value_cr
        if wrong_cr.any():
            row = int(np.argmax(wrong_cr.any(axis=0)))
            raise self._file.format_error(
                f"{what}: expected integers, found {table.value_cr[:, row].tolist()}.",
                int(table.line_r[row]),
            )
        return np.ascontiguousarray(values.T)

    def logicals(self, n: int, what: str) -> BoolArray:
        values = self.integers(n, 1, what)[:, 0]
        if ((values != 0) & (values != 1)).any():
            raise self._file.format_error(f"{what}: expected 0 or 1 in each line.")
        flags: BoolArray = values == 1
        return flags

    def reals(self, n_rows: int, n_cols: int, what: str) -> FloatArray:
        return np.ascontiguousarray(self._file.table(n_rows, n_cols, what).value_cr.T)

    def value_error(self, problem: str) -> InputFileError:
        return self._file.value_error(problem)


class _Subspace(NamedTuple):
    """What disentanglement chose; fields as in :class:`ChkFile`."""

    omega_invariant: float
    window_kn: BoolArray
    n_window_k: IntArray
    u_opt_kni: ComplexArray | None


def _read(path: Path, source: _Source) -> ChkFile:
    header = source.text("the header").strip()
    n_bands = _count(source, "the number of bands", 1)
    n_exclude = _count(source, "the number of excluded bands", 0)
    exclude_bands = source.integers(n_exclude, 1, "the excluded bands")[:, 0]
    if (exclude_bands < 1).any() or len(np.unique(exclude_bands)) != n_exclude:
        raise source.value_error("the excluded bands are not positive or not distinct.")
    # Fortran writes the matrix (vector, axis) column by column.
    cell_ca = source.reals(1, 9, "the lattice vectors").reshape(3, 3).T.copy()
    recip_ca = source.reals(1, 9, "the reciprocal lattice vectors").reshape(3, 3).T.copy()
    if problem := cell_problem(cell_ca):
        raise source.value_error(problem)
    recip_problem = np.abs(recip_ca).max() > LARGEST_COORDINATE
    if recip_problem or np.abs(cell_ca @ recip_ca.T - 2 * np.pi * np.eye(3)).max() > 1e-4:
        raise source.value_error(
            "the products of lattice and reciprocal lattice vectors are not 2π or 0."
        )
    n_kpts = _count(source, "the number of k points", 1)
    mp_grid = tuple(source.integers(1, 3, "the mesh")[0].tolist())
    if min(mp_grid) < 1 or mp_grid[0] * mp_grid[1] * mp_grid[2] != n_kpts:
        raise source.value_error(f"a mesh {mp_grid} has not {n_kpts} k points.")
    kpt_kc = source.reals(n_kpts, 3, "the k points")
    _refuse_incomplete_mesh(source, kpt_kc, mp_grid)
    n_neighbours = _count(source, "the number of neighbours", 1)
    n_wann = _count(source, "the number of Wannier functions", 1)
    if n_wann > n_bands or n_neighbours > _MOST_NEIGHBOURS:
        raise source.value_error(
            f"{n_wann} Wannier functions of {n_bands} bands with {n_neighbours} neighbours of each"
            " k point cannot be."
        )
    checkpoint = source.text("the checkpoint's name").strip()
    have_disentangled = source.flag("whether disentangled")
    n_rotation = n_kpts * n_wann**2
    source.announce(
        2 * n_rotation * (1 + n_neighbours) + 4 * n_wann,
        f"{n_wann} Wannier functions, {n_kpts} k points and {n_neighbours} neighbours",
    )

    if not have_disentangled and n_wann != n_bands:
        raise source.value_error(
            f"{n_wann} Wannier functions of {n_bands} bands without disentanglement cannot be."
        )
    subspace = _read_subspace(source, n_kpts, n_bands, n_wann) if have_disentangled else None
    u_kji = _complexes(source, n_rotation, "the rotations").reshape(n_kpts, n_wann, n_wann)
    u_kij = np.ascontiguousarray(u_kji.swapaxes(1, 2))
    _refuse_not_orthonormal(source, u_kij, "the rotation")
    overlap_kbji = _complexes(source, n_rotation * n_neighbours, "the overlaps").reshape(
        n_kpts, n_neighbours, n_wann, n_wann
    )
    overlap_kbij = np.ascontiguousarray(overlap_kbji.swapaxes(2, 3))
    centres_ia = source.reals(n_wann, 3, "the Wannier centres")
    spreads_i = source.reals(n_wann, 1, "the spreads")[:, 0].copy()
    source.end()
    if subspace is None:
        subspace = _Subspace(
            0.0,
            np.ones((n_kpts, n_bands), dtype=np.bool_),
            np.full(n_kpts, n_bands, dtype=np.int64),
            None,
        )
    return ChkFile(
        path=path,
        header=header,
        n_bands=n_bands,
        exclude_bands=exclude_bands,
        cell_ca=cell_ca,
        recip_ca=recip_ca,
        n_kpts=n_kpts,
        mp_grid=mp_grid,
        kpt_kc=kpt_kc,
        n_neighbours=n_neighbours,
        n_wann=n_wann,
        checkpoint=checkpoint,
        have_disentangled=have_disentangled,
        omega_invariant=subspace.omega_invariant,
        window_kn=subspace.window_kn,
        n_window_k=subspace.n_window_k,
        u_opt_kni=subspace.u_opt_kni,
        u_kij=u_kij,
        overlap_kbij=overlap_kbij,
        centres_ia=centres_ia,
        spreads_i=spreads_i,
    )


def _read_subspace(source: _Source, n_kpts: int, n_bands: int, n_wann: int) -> _Subspace:
    omega_invariant = float(source.reals(1, 1, "the invariant spread")[0, 0])
    window_kn = source.logicals(n_kpts * n_bands, "the bands in the window").reshape(
        n_kpts, n_bands
    )
    n_window_k = source.integers(n_kpts, 1, "the numbers of bands in the window")[:, 0].copy()
    _refuse_wrong_window(source, window_kn, n_window_k, n_wann)
    u_opt_kin = _complexes(source, n_kpts * n_wann * n_bands, "the optimal subspace").reshape(
        n_kpts, n_wann, n_bands
    )
    u_opt_kni = np.ascontiguousarray(u_opt_kin.swapaxes(1, 2))
    used_kn = np.arange(n_bands) < n_window_k[:, None]  # the rows are compacted
    _refuse_not_orthonormal(
        source, np.where(used_kn[:, :, None], u_opt_kni, 0.0), "the optimal subspace"
    )
    return _Subspace(omega_invariant, window_kn, n_window_k, u_opt_kni)


def _count(source: _Source, what: str, least: int) -> int:
    value = int(source.integers(1, 1, what)[0, 0])
    if value < least:
        raise source.value_error(f"{what} is {value}, expected at least {least}.")
    return value


def _complexes(source: _Source, n: int, what: str) -> ComplexArray:
    return source.reals(n, 2, what).reshape(-1).view(np.complex128)


def _refuse_incomplete_mesh(
    source: _Source, kpt_kc: FloatArray, mp_grid: tuple[int, int, int]
) -> None:
    """Each point of the mesh must be there once; the mesh may be shifted as a whole."""
    if np.abs(kpt_kc).max() > LARGEST_COORDINATE:
        raise source.value_error("a k point has reduced coordinates above a million.")
    step_kc = (kpt_kc - kpt_kc[0]) * mp_grid
    if np.abs(step_kc - np.rint(step_kc)).max() > _MESH_LIMIT:
        k = int(np.argmax(np.abs(step_kc - np.rint(step_kc)).max(axis=1)))
        raise source.value_error(
            f"k point {k + 1}, {kpt_kc[k].tolist()}, is not on the mesh {mp_grid}."
        )
    point_kc = np.rint(step_kc).astype(np.int64) % np.array(mp_grid)
    points, first = np.unique(point_kc, axis=0, return_index=True)
    if len(points) != len(kpt_kc):
        k = int(np.setdiff1d(np.arange(len(kpt_kc)), first)[0])
        raise source.value_error(
            f"k point {k + 1}, {kpt_kc[k].tolist()}, comes twice on the mesh {mp_grid},"
            " another one is missing."
        )


def _refuse_wrong_window(
    source: _Source, window_kn: BoolArray, n_window_k: IntArray, n_wann: int
) -> None:
    wrong_k = (window_kn.sum(axis=1) != n_window_k) | (n_window_k < n_wann)
    if wrong_k.any():
        k = int(np.argmax(wrong_k))
        raise source.value_error(
            f"k point {k + 1}: {n_window_k[k]} bands in the window are announced,"
            f" {window_kn[k].sum()} are marked, {n_wann} Wannier functions need as many."
        )


def _refuse_not_orthonormal(source: _Source, u_kni: ComplexArray, what: str) -> None:
    if np.abs(u_kni.view(np.float64)).max() > 2.0:  # so that the products below cannot overflow
        raise source.value_error(f"{what} has elements above 1. The file is damaged.")
    gram_kij = u_kni.conj().swapaxes(1, 2) @ u_kni
    error_k = np.abs(gram_kij - np.eye(u_kni.shape[2])).max(axis=(1, 2))
    k = int(np.argmax(error_k))
    if not error_k[k] <= _UNITARY_LIMIT:
        raise source.value_error(
            f"{what} at k point {k + 1} is not orthonormal: U†U differs from 1 by"
            f" {error_k[k]:.3g} (more than {_UNITARY_LIMIT:g}). The file is damaged."
        )
