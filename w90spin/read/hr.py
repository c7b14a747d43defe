"""``seedname_hr.dat``: the Hamiltonian on lattice vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.read.checks import refuse_bad_lattice_vectors, refuse_non_hermitian
from w90spin.read.text import Table, TextFile

_REMEDY = "Wannier90 writes it with write_hr = .true. in the .win file."
_COLUMNS = "'R1 R2 R3 i j Re Im'"
_ROWS_AT_A_TIME = 200_000


@dataclass(frozen=True, eq=False)
class HrFile:
    """Content of ``seedname_hr.dat``.

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
    degeneracy_R : int array (R)
        In how many Wigner-Seitz cells of the mesh's supercell each R lies on the border.
    ham_Rij : complex array (R, i, j)
        ``<0i|H|Rj>``, not divided by the degeneracy. [eV]
    """

    path: Path
    header: str
    n_wann: int
    R_Rc: IntArray
    degeneracy_R: IntArray
    ham_Rij: ComplexArray


def read_hr(path: str | Path) -> HrFile:
    """Read ``seedname_hr.dat``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    HrFile
        Its content; complete, finite, each R with -R, Hermitian within 0.01 eV.

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
            n_R + 7 * n_R * n_wann**2,
            f"{n_wann} Wannier functions and {n_R} lattice vectors",
        )
        degeneracy_R = file.integer_list(n_R, "the degeneracies of the lattice vectors")
        per_table = max(1, _ROWS_AT_A_TIME // n_wann**2)
        vectors: list[IntArray] = []
        blocks: list[ComplexArray] = []
        for begin in range(0, n_R, per_table):
            n_blocks = min(per_table, n_R - begin)
            table = file.table(n_blocks * n_wann**2, 7, _COLUMNS)
            vectors.append(_verified_lattice_vectors(file, table, n_wann))
            blocks.append(blocks_from_columns(table.value_cr[5:], n_wann))
        file.end()
        R_Rc = np.concatenate(vectors)
        ham_Rij: ComplexArray = np.concatenate(blocks)
        del blocks
        refuse_bad_lattice_vectors(file.path, R_Rc, degeneracy_R, _REMEDY)
        refuse_non_hermitian(file.path, R_Rc, degeneracy_R, ham_Rij, _REMEDY)
    return HrFile(file.path, header, n_wann, R_Rc, degeneracy_R, ham_Rij)


def blocks_from_columns(value_cr: FloatArray, n_wann: int) -> ComplexArray:
    """Matrices (R, i, j) from the columns Re and Im, whose rows run over R, j, i."""
    n_R = value_cr.shape[1] // n_wann**2
    op_Rij = np.empty((n_R, n_wann, n_wann), dtype=np.complex128)
    op_Rij.real = value_cr[0].reshape(n_R, n_wann, n_wann).swapaxes(1, 2)
    op_Rij.imag = value_cr[1].reshape(n_R, n_wann, n_wann).swapaxes(1, 2)
    return op_Rij


def _verified_lattice_vectors(file: TextFile, table: Table, n_wann: int) -> IntArray:
    """R of each block of rows, when all index columns are as Wannier90 writes them."""
    index_cRr = table.value_cr[:5].reshape(5, -1, n_wann**2)
    expected_cRr = np.empty_like(index_cRr)
    expected_cRr[:3] = np.rint(index_cRr[:3, :, :1])
    expected_cRr[3] = np.tile(np.arange(1, n_wann + 1), n_wann)  # i runs fastest
    expected_cRr[4] = np.repeat(np.arange(1, n_wann + 1), n_wann)
    wrong_Rr = (index_cRr != expected_cRr).any(axis=0)
    if wrong_Rr.any():
        row = int(np.argmax(wrong_Rr))
        found, expected = (
            " ".join(f"{x:g}" for x in index_cr.reshape(5, -1)[:, row])
            for index_cr in (index_cRr, expected_cRr)
        )
        raise file.value_error(
            f"expected the row 'R1 R2 R3 i j' = '{expected}', found '{found}'."
            " Rows are swapped, missing or repeated.",
            int(table.line_r[row]),
        )
    if (np.abs(expected_cRr[:3, :, 0]) > 1e6).any():
        raise file.value_error(
            "a lattice vector has components above a million.", int(table.line_r[0])
        )
    R_Rc: IntArray = expected_cRr[:3, :, 0].T.astype(np.int64)
    return R_Rc
