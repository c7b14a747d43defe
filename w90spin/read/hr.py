"""``seedname_hr.dat``: the Hamiltonian on lattice vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.read.checks import refuse_bad_lattice_vectors, refuse_non_hermitian
from w90spin.read.output import header_line, integer_lines, new_file, refuse_not_finite
from w90spin.read.text import Table, TextFile, joined

_REMEDY = "Wannier90 writes it with write_hr = .true. in the .win file."
_COLUMNS = "'R1 R2 R3 i j Re Im'"
_ROWS_AT_A_TIME = 50_000


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
        Its content; complete, finite, each R with -R, Hermitian within 0.1 meV.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.

    Notes
    -----
    Wannier90 lets i run fastest in each R.  Files by other hands may let j; the indices stand in
    each row, so that both are read.  One order must hold throughout: a row out of it is damage.
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
        j_first = False
        for begin in range(0, n_R, per_table):
            n_blocks = min(per_table, n_R - begin)
            table = file.table(n_blocks * n_wann**2, 7, _COLUMNS)
            if begin == 0:
                j_first = _is_j_first(table, n_wann)
            vectors.append(verified_lattice_vectors(file, table, n_wann, j_first))
            block_Rij = blocks_from_columns(table.value_cr[5:], n_wann)
            blocks.append(block_Rij.swapaxes(1, 2) if j_first else block_Rij)
        file.end()
        R_Rc = np.concatenate(vectors)
        ham_Rij = joined(blocks)
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


def write_hr(hr: HrFile, path: str | Path) -> Path:
    """Write ``seedname_hr.dat`` as Wannier90 does, with six decimals.

    Parameters
    ----------
    hr : HrFile
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
    refuse_not_finite(path, "H(R)", hr.ham_Rij)
    n_wann = hr.n_wann
    # A blank before each number keeps columns apart that outgrow Wannier90's widths.
    rows = "".join(
        f"@{i + 1:5d} {j + 1:4d} %11.6f %11.6f\n" for j in range(n_wann) for i in range(n_wann)
    )
    with new_file(path) as file:
        file.write(header_line(hr.header))
        file.write(f"{n_wann:12d}\n{len(hr.R_Rc):12d}\n".encode())
        file.write(integer_lines(hr.degeneracy_R, 15))
        for R_c, ham_ij in zip(hr.R_Rc.tolist(), hr.ham_Rij, strict=True):
            columns = rows.replace("@", "".join(f" {x:4d}" for x in R_c))
            file.write((columns % tuple(columns_from_block(ham_ij[None]))).encode())
    return Path(path)


def columns_from_block(op_aij: ComplexArray) -> list[float]:
    """Re and Im of each component of a, row after row, in the order of the rows of one R."""
    value_jia = np.ascontiguousarray(op_aij.T, dtype=np.complex128)  # j, i, a: i before j
    values: list[float] = value_jia.view(np.float64).ravel().tolist()
    return values


def _is_j_first(table: Table, n_wann: int) -> bool:
    """Whether j runs fastest in all rows."""
    i_Rxy, j_Rxy = table.value_cr[3:5].reshape(2, -1, n_wann, n_wann)
    order = np.arange(1, n_wann + 1)
    return bool(n_wann > 1 and (j_Rxy == order).all() and (i_Rxy == order[:, None]).all())


def verified_lattice_vectors(
    file: TextFile, table: Table, n_wann: int, j_first: bool = False
) -> IntArray:
    """R of each block of rows, when all index columns are in one order throughout."""
    index_cRr = table.value_cr[:5].reshape(5, -1, n_wann**2)
    expected_cRr = np.empty_like(index_cRr)
    expected_cRr[:3] = np.rint(index_cRr[:3, :, :1])
    fast, slow = (4, 3) if j_first else (3, 4)
    expected_cRr[fast] = np.tile(np.arange(1, n_wann + 1), n_wann)
    expected_cRr[slow] = np.repeat(np.arange(1, n_wann + 1), n_wann)
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
