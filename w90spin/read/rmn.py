"""``seedname_r.dat``: the position matrix on lattice vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, IntArray
from w90spin.read.checks import refuse_bad_lattice_vectors
from w90spin.read.hr import blocks_from_columns, verified_lattice_vectors
from w90spin.read.text import TextFile, joined

_REMEDY = "Wannier90 3 writes it with write_rmn = .true. in the .win file."
_COLUMNS = "'R1 R2 R3 i j Re(x) Im(x) Re(y) Im(y) Re(z) Im(z)'"
_ROWS_AT_A_TIME = 50_000


@dataclass(frozen=True, eq=False)
class RmnFile:
    """Content of ``seedname_r.dat``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    n_wann : int
        Number of Wannier functions.
    R_Rc : int array (R, c)
        Lattice vectors.
    pos_Raij : complex array (R, a, i, j)
        ``<0i|r_a|Rj>``, not divided by the degeneracies, which are not in this file but in
        ``_hr.dat``; Hermitian only up to the error of Wannier90's finite differences. [Å]
    """

    path: Path
    header: str
    n_wann: int
    R_Rc: IntArray
    pos_Raij: ComplexArray


def read_rmn(path: str | Path) -> RmnFile:
    """Read ``seedname_r.dat``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    RmnFile
        Its content; complete, finite, each R once and with -R.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        n_wann = file.count("the number of Wannier functions")
        n_R = file.count("the number of lattice vectors")
        file.refuse_if_too_short(
            11 * n_R * n_wann**2, f"{n_wann} Wannier functions and {n_R} lattice vectors"
        )
        per_table = max(1, _ROWS_AT_A_TIME // n_wann**2)
        vectors: list[IntArray] = []
        blocks: list[ComplexArray] = []
        for begin in range(0, n_R, per_table):
            n_blocks = min(per_table, n_R - begin)
            table = file.table(n_blocks * n_wann**2, 11, _COLUMNS)
            vectors.append(verified_lattice_vectors(file, table, n_wann))
            block_Raij = np.empty((n_blocks, 3, n_wann, n_wann), dtype=np.complex128)
            for a in range(3):
                columns_cr = table.value_cr[5 + 2 * a : 7 + 2 * a]
                block_Raij[:, a] = blocks_from_columns(columns_cr, n_wann)
            blocks.append(block_Raij)
        file.end()
        R_Rc = np.concatenate(vectors)
        refuse_bad_lattice_vectors(file.path, R_Rc, np.ones(n_R, dtype=np.int64), _REMEDY)
        pos_Raij = joined(blocks)
    return RmnFile(file.path, header, n_wann, R_Rc, pos_Raij)
