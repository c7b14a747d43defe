"""``.uHu``, ``.uIu``, ``.sHu``, ``.sIu``: matrices between Bloch states at neighbouring k points.

What the spin-current operators need beyond ``.mmn`` and ``.spn``.  In all four, u is the periodic
part of a Bloch state, b runs over the neighbours of k in the order of ``.nnkp``, and each matrix
is stored with its left state running slowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray
from w90spin.errors import FileValueError
from w90spin.read.fortran import RecordFile, is_record_file
from w90spin.read.text import TextFile

_REMEDY = (
    "pw2wannier90 writes it with write_uHu, write_uIu, write_sHu or write_sIu = .true."
    " (and uHu_formatted and the like for text)."
)
_MOST_NEIGHBOURS = 1000
_HERMITIAN_LIMIT = 1e-3  # of the largest element; far above rounding, far below a wrong order


@dataclass(frozen=True, eq=False)
class UxuFile:
    """Content of ``seedname.uHu`` or ``seedname.uIu``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    matrix_kbpnm : complex array (k, b, p, n, m)
        ``<u_n,k+b|X|u_m,k+p>`` with neighbours b and p, where X is H(k) [eV] in ``.uHu`` and 1 in
        ``.uIu``; which of them, only the file's name says.
    """

    path: Path
    header: str
    matrix_kbpnm: ComplexArray


@dataclass(frozen=True, eq=False)
class SxuFile:
    """Content of ``seedname.sHu`` or ``seedname.sIu``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    matrix_kbsnm : complex array (k, b, s, n, m)
        ``<u_nk|sigma_s X|u_m,k+b>`` with Pauli matrices (not halved), where X is H(k) [eV] in
        ``.sHu`` and 1 in ``.sIu``; which of them, only the file's name says.
    """

    path: Path
    header: str
    matrix_kbsnm: ComplexArray


def read_uxu(path: str | Path) -> UxuFile:
    """Read ``seedname.uHu`` or ``seedname.uIu``, unformatted or text.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    UxuFile
        Its content; complete and finite, Hermitian under exchange of the two states.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.

    Notes
    -----
    In the file the first neighbour, b, runs faster than the second, p.
    """
    header, matrix_kxynm = _read(path, None)
    matrix_kbpnm = matrix_kxynm.swapaxes(1, 2)
    _refuse_not_hermitian(Path(path), matrix_kbpnm)
    return UxuFile(Path(path), header, np.ascontiguousarray(matrix_kbpnm))


def read_sxu(path: str | Path) -> SxuFile:
    """Read ``seedname.sHu`` or ``seedname.sIu``, unformatted or text.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    SxuFile
        Its content; complete and finite.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    header, matrix_kbsnm = _read(path, 3)
    return SxuFile(Path(path), header, matrix_kbsnm)


def _read(path: str | Path, n_inner: int | None) -> tuple[str, ComplexArray]:
    """Header and matrices (k, b, x, n, m); x runs over ``n_inner``, or once more over b."""
    sizes: list[int]
    if is_record_file(path, _REMEDY):
        with RecordFile(path, _REMEDY) as records:
            header = records.text("the header").strip()
            sizes = records.integers(3, "the numbers of bands, k points and neighbours").tolist()
            n_bands, n_kpts, n_b = _verified_sizes(records, sizes)
            inner = n_b if n_inner is None else n_inner
            matrices = [
                records.complexes(n_bands**2, what).reshape(n_bands, n_bands)
                for what in _names(n_kpts, n_b, inner)
            ]
            records.end()
    else:
        with TextFile(path, _REMEDY) as text:
            header = text.line("a header line").strip()
            sizes = text.integers(3, "the numbers of bands, k points and neighbours")
            n_bands, n_kpts, n_b = _verified_sizes(text, sizes)
            inner = n_b if n_inner is None else n_inner
            text.refuse_if_too_short(
                2 * n_kpts * n_b * inner * n_bands**2,
                f"{n_bands} bands, {n_kpts} k points and {n_b} neighbours",
            )
            matrices = []
            for what in _names(n_kpts, n_b, inner):
                real_x, imag_x = text.table(n_bands**2, 2, f"'Re Im' of {what}").value_cr
                matrices.append((real_x + 1j * imag_x).reshape(n_bands, n_bands))
            text.end()
    matrix_xnm: ComplexArray = np.array(matrices)
    return header, matrix_xnm.reshape(n_kpts, n_b, inner, n_bands, n_bands)


def _verified_sizes(file: RecordFile | TextFile, sizes: list[int]) -> list[int]:
    if min(sizes) < 1 or sizes[2] > _MOST_NEIGHBOURS:
        raise file.value_error(
            "expected numbers of bands, k points and neighbours from 1 (and of neighbours up to"
            f" {_MOST_NEIGHBOURS}), found {sizes}."
        )
    return sizes


def _names(n_kpts: int, n_b: int, n_inner: int) -> Iterator[str]:
    """What each matrix is, in the order of the file."""
    return (
        f"matrix {b + 1}, {x + 1} of k point {k + 1}"
        for k in range(n_kpts)
        for b in range(n_b)
        for x in range(n_inner)
    )


def _refuse_not_hermitian(path: Path, matrix_kbpnm: ComplexArray) -> None:
    for k, matrix_bpnm in enumerate(matrix_kbpnm):  # one k point at a time, to spare memory
        with np.errstate(over="ignore"):  # an overflow is refused like any violation
            apart_bpnm = np.abs(matrix_bpnm - matrix_bpnm.transpose(1, 0, 3, 2).conj())
            largest = float(np.abs(matrix_bpnm).max())
        if not apart_bpnm.max() <= _HERMITIAN_LIMIT * largest < np.inf:
            b, p, n, m = (int(x) for x in np.unravel_index(np.argmax(apart_bpnm), apart_bpnm.shape))
            raise FileValueError(
                path,
                f"k point {k + 1}, neighbours {b + 1} and {p + 1}, bands {n + 1} and {m + 1}",
                "expected the element and that with the states exchanged to be conjugate, found"
                f" them to differ by {apart_bpnm[b, p, n, m]:.3g}, the largest element being"
                f" {largest:.3g}. Numbers were changed, or the file is none of .uHu and .uIu.",
                _REMEDY,
            )
