"""``seedname_wsvec.dat``: which translations bring a Wannier function nearest to another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from w90spin.arrays import IntArray
from w90spin.errors import FileValueError
from w90spin.read.checks import refuse_bad_lattice_vectors
from w90spin.read.text import RaggedLines, TextFile

_REMEDY = "Wannier90 writes it along with _hr.dat and _tb.dat."
_MOST_EQUAL = 64  # translations of one matrix element; Wannier90 itself stops at 8


@dataclass(frozen=True, eq=False)
class WsvecFile:
    """Content of ``seedname_wsvec.dat``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    use_ws_distance : bool
        What the header says; False: all counts are 1 and all shifts 0.
    applied : bool
        Whether the header says ``write_ndegen_applied=.true.``: the files of H(R) and r(R) of the
        same run stand on the translated lattice vectors already, divided by all degeneracies,
        and the translations below are not to be applied again.
    R_Rc : int array (R, c)
        Lattice vectors.
    n_wann : int
        Number of Wannier functions.
    count_Rij : int array (R, i, j)
        How many equally near images of ``|Rj>`` share the matrix element with ``<0i|``.
    shift_pc : int array (p, c)
        Their translations T, to be added to R, in C order of (R, i, j): row p belongs to entry
        ``np.repeat(np.arange(count_Rij.size), count_Rij.ravel())[p]``.
    """

    path: Path
    header: str
    use_ws_distance: bool
    applied: bool
    R_Rc: IntArray
    n_wann: int
    count_Rij: IntArray
    shift_pc: IntArray


def read_wsvec(path: str | Path) -> WsvecFile:
    """Read ``seedname_wsvec.dat``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    WsvecFile
        Its content; every (R, i, j) once and in order, no translation twice.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        use_ws_distance = _header_flag(file, header, "use_ws_distance")
        applied = "write_ndegen_applied" in header and _header_flag(
            file, header, "write_ndegen_applied"
        )
        lines = file.ragged_integers()
        if not len(lines.count_l):
            raise file.format_error("the file ends here, expected a line 'R1 R2 R3 i j'.")
        # An entry is a line 'R1 R2 R3 i j', a line with a count, and that many lines of three.
        first_l = np.cumsum(lines.count_l, dtype=np.int64) - lines.count_l
        header_e = _entry_lines(file, lines)
        index_ex = lines.value_x[first_l[header_e][:, None] + np.arange(5)]
        count_e: IntArray = lines.value_x[first_l[header_e] + 5].astype(np.int64)
        _refuse_wrong_counts(file, lines, header_e, count_e)
        n_wann, R_Rc = _verified_order(file, lines, header_e, index_ex)
        begin_p = first_l[lines.count_l == 3]
        del first_l
        shift_pc = np.empty((len(begin_p), 3), dtype=np.int64)
        for c in range(3):
            shift_pc[:, c] = lines.value_x[begin_p + c]
        _refuse_repeated_shifts(file, index_ex, count_e, shift_pc)
        if not use_ws_distance and ((count_e != 1).any() or shift_pc.any()):
            raise file.value_error(
                "the header says use_ws_distance=.false., the lines below give translations."
                " The header or the lines were changed.",
                1,
            )
    return WsvecFile(
        file.path,
        header,
        use_ws_distance,
        applied,
        R_Rc,
        n_wann,
        count_e.reshape(-1, n_wann, n_wann),
        shift_pc,
    )


def _header_flag(file: TextFile, header: str, name: str) -> bool:
    compact = header.lower().replace(" ", "")
    for word, flag in ((f"{name}=.true.", True), (f"{name}=.false.", False)):
        if word in compact:
            return flag
    raise file.format_error(f"expected a first line with '{name}=.true.' or '.false.', found none.")


def _entry_lines(file: TextFile, lines: RaggedLines) -> IntArray:
    """Lines that begin an entry, when all lines follow the pattern 5, 1, 3, 3 ..."""
    is_header_l = lines.count_l == 5
    is_count_l = lines.count_l == 1
    after_header_l = np.concatenate([[False], is_header_l[:-1]])
    wrong_l = (is_count_l != after_header_l) | ~(is_header_l | is_count_l | (lines.count_l == 3))
    wrong_l[0] |= not is_header_l[0]
    if wrong_l.any():
        bad = int(np.argmax(wrong_l))
        expected = "1 integer, a count," if bad and is_header_l[bad - 1] else "'R1 R2 R3 i j' or T"
        raise file.format_error(
            f"expected {expected} found {lines.count_l[bad]} integers."
            " The file is cut short or edited.",
            int(lines.line_l[bad]),
        )
    if is_header_l[-1]:
        raise file.format_error("the file ends after 'R1 R2 R3 i j'. It is cut short.")
    return np.flatnonzero(is_header_l)


def _refuse_wrong_counts(
    file: TextFile, lines: RaggedLines, header_e: IntArray, count_e: IntArray
) -> None:
    found_e = np.diff(header_e, append=len(lines.count_l)) - 2
    wrong_e = (found_e != count_e) | (count_e < 1) | (count_e > _MOST_EQUAL)
    if wrong_e.any():
        bad = int(np.argmax(wrong_e))
        raise file.format_error(
            f"the count is {count_e[bad]}, {found_e[bad]} translations follow."
            " The file is cut short or edited.",
            int(lines.line_l[header_e[bad] + 1]),
        )


def _verified_order(
    file: TextFile, lines: RaggedLines, header_e: IntArray, index_ex: NDArray[np.int32]
) -> tuple[int, IntArray]:
    """Number of Wannier functions and the lattice vectors, when R, i, j run in C order."""
    n_wann = int(index_ex[:, 4].max())
    n_entries = len(index_ex)
    if n_wann < 1 or n_entries % n_wann**2:
        raise file.format_error(
            f"{n_entries} entries 'R1 R2 R3 i j' with j up to {n_wann} make no full set of"
            " matrices. The file is cut short or edited."
        )
    expected_Rex = index_ex.reshape(-1, n_wann**2, 5).copy()
    expected_Rex[:, :, :3] = expected_Rex[:, :1, :3]
    expected_Rex[:, :, 3] = np.repeat(np.arange(1, n_wann + 1), n_wann)
    expected_Rex[:, :, 4] = np.tile(np.arange(1, n_wann + 1), n_wann)  # j runs fastest
    expected_ex = expected_Rex.reshape(-1, 5)
    wrong_e = (index_ex != expected_ex).any(axis=1)
    if wrong_e.any():
        bad = int(np.argmax(wrong_e))
        raise file.value_error(
            f"expected 'R1 R2 R3 i j' = {expected_ex[bad].tolist()}, found"
            f" {index_ex[bad].tolist()}. Entries are swapped, missing or repeated.",
            int(lines.line_l[header_e[bad]]),
        )
    R_Rc: IntArray = expected_Rex[:, 0, :3].astype(np.int64)
    single_R = np.ones(len(R_Rc), dtype=np.int64)
    refuse_bad_lattice_vectors(file.path, R_Rc, single_R, _REMEDY)
    return n_wann, R_Rc


def _refuse_repeated_shifts(
    file: TextFile, index_ex: NDArray[np.int32], count_e: IntArray, shift_pc: IntArray
) -> None:
    """Refuse an entry that lists one translation twice, compared at each distance in the list."""
    entry_p = np.repeat(np.arange(len(count_e)), count_e)
    for lag in range(1, int(count_e.max())):
        same_p = (entry_p[lag:] == entry_p[:-lag]) & (shift_pc[lag:] == shift_pc[:-lag]).all(axis=1)
        if same_p.any():
            bad = int(np.argmax(same_p))
            raise FileValueError(
                file.path,
                f"'R1 R2 R3 i j' = {index_ex[entry_p[bad]].tolist()}",
                f"the translation {shift_pc[bad].tolist()} comes twice.",
                _REMEDY,
            )
