"""``seedname_tb.dat``: cell, Hamiltonian and position matrix on lattice vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.read.checks import cell_problem, refuse_bad_lattice_vectors, refuse_non_hermitian
from w90spin.read.hr import blocks_from_columns, columns_from_block
from w90spin.read.output import header_line, integer_lines, new_file, refuse_not_finite
from w90spin.read.text import TextFile, joined

_REMEDY = "Wannier90 writes it with write_tb = .true. in the .win file."
_HAM_COLUMNS = "'i j Re Im' of H(R)"
_POS_COLUMNS = "'i j Re(x) Im(x) Re(y) Im(y) Re(z) Im(z)' of r(R)"


@dataclass(frozen=True, eq=False)
class TbFile:
    """Content of ``seedname_tb.dat``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    n_wann : int
        Number of Wannier functions.
    R_Rc : int array (R, c)
        Lattice vectors.
    degeneracy_R : int array (R)
        In how many Wigner-Seitz cells of the mesh's supercell each R lies on the border.
    ham_Rij : complex array (R, i, j)
        ``<0i|H|Rj>``, not divided by the degeneracy. [eV]
    pos_Raij : complex array (R, a, i, j)
        ``<0i|r_a|Rj>``, not divided by the degeneracy; Hermitian only up to the error of
        Wannier90's finite differences. [Å]
    """

    path: Path
    header: str
    cell_ca: FloatArray
    n_wann: int
    R_Rc: IntArray
    degeneracy_R: IntArray
    ham_Rij: ComplexArray
    pos_Raij: ComplexArray


def read_tb(path: str | Path) -> TbFile:
    """Read ``seedname_tb.dat``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    TbFile
        Its content; complete, finite, each R with -R, H Hermitian within 0.1 meV.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        cell_ca = _read_cell(file)
        n_wann = file.count("the number of Wannier functions")
        n_R = file.count("the number of lattice vectors")
        file.refuse_if_too_short(
            n_R + n_R * (6 + 12 * n_wann**2),
            f"{n_wann} Wannier functions and {n_R} lattice vectors",
        )
        degeneracy_R = file.integer_list(n_R, "the degeneracies of the lattice vectors")
        vectors: list[list[int]] = []
        ham_blocks: list[ComplexArray] = []
        for _ in range(n_R):
            vectors.append(_read_lattice_vector(file))
            value_cr = _read_block(file, 4, n_wann, _HAM_COLUMNS)
            ham_blocks.append(blocks_from_columns(value_cr, n_wann))
        R_Rc = np.array(vectors, dtype=np.int64)
        refuse_bad_lattice_vectors(file.path, R_Rc, degeneracy_R, _REMEDY)
        ham_Rij = joined(ham_blocks)
        refuse_non_hermitian(file.path, R_Rc, degeneracy_R, ham_Rij, _REMEDY)
        pos_Raij = np.empty((n_R, 3, n_wann, n_wann), dtype=np.complex128)
        for index, expected in enumerate(vectors):
            found = _read_lattice_vector(file)
            if found != expected:
                raise file.value_error(
                    f"the block of r(R) is for R = {tuple(found)}, expected the order of the"
                    f" blocks of H(R), R = {tuple(expected)}."
                )
            value_cr = _read_block(file, 8, n_wann, _POS_COLUMNS)
            for a in range(3):
                pos_Raij[index, a] = blocks_from_columns(value_cr[2 * a : 2 * a + 2], n_wann)[0]
        file.end()
    return TbFile(file.path, header, cell_ca, n_wann, R_Rc, degeneracy_R, ham_Rij, pos_Raij)


def write_tb(tb: TbFile, path: str | Path) -> Path:
    """Write ``seedname_tb.dat`` in Wannier90's form, with nine significant digits.

    Parameters
    ----------
    tb : TbFile
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
    refuse_not_finite(path, "the cell, H(R) or r(R)", tb.cell_ca, tb.ham_Rij, tb.pos_Raij)
    indices = [f" {i + 1:4d} {j + 1:4d}  " for j in range(tb.n_wann) for i in range(tb.n_wann)]
    ham_rows = "".join(f"{index}{2 * ' %15.8E'}\n" for index in indices)
    pos_rows = "".join(f"{index}{6 * ' %15.8E'}\n" for index in indices)
    vectors = ["".join(f" {x:4d}" for x in R_c) for R_c in tb.R_Rc.tolist()]
    with new_file(path) as file:
        file.write(header_line(tb.header))
        for vector in tb.cell_ca.tolist():
            file.write(("".join(f"  {x:23.16E}" for x in vector) + "\n").encode())
        file.write(f"{tb.n_wann:12d}\n{len(tb.R_Rc):12d}\n".encode())
        file.write(integer_lines(tb.degeneracy_R, 15))
        for vector, ham_ij in zip(vectors, tb.ham_Rij, strict=True):
            values = columns_from_block(ham_ij[None])
            file.write(f"\n{vector}\n{ham_rows % tuple(values)}".encode())
        for vector, pos_aij in zip(vectors, tb.pos_Raij, strict=True):
            file.write(f"\n{vector}\n{pos_rows % tuple(columns_from_block(pos_aij))}".encode())
    return Path(path)


def _read_cell(file: TextFile) -> FloatArray:
    """Three lines with the lattice vectors, which must be independent. [Å]"""
    cell_ca: FloatArray = np.array(
        [file.reals(3, "a lattice vector in Å") for _ in range(3)], dtype=np.float64
    )
    if problem := cell_problem(cell_ca):
        raise file.value_error(problem)
    return cell_ca


def _read_lattice_vector(file: TextFile) -> list[int]:
    R_c = file.integers(3, "a lattice vector 'R1 R2 R3'")
    if max(map(abs, R_c)) > 1_000_000:
        raise file.value_error(f"the lattice vector {R_c} has components above a million.")
    return R_c


def _read_block(file: TextFile, n_cols: int, n_wann: int, what: str) -> FloatArray:
    """Columns after 'i j' of one R, when these two are as Wannier90 writes them."""
    table = file.table(n_wann**2, n_cols, what)
    index_cji = table.value_cr[:2].reshape(2, n_wann, n_wann)
    order_i = np.arange(1, n_wann + 1)
    wrong_ji = (index_cji[0] != order_i) | (index_cji[1] != order_i[:, None])  # i runs fastest
    if wrong_ji.any():
        row = int(np.argmax(wrong_ji))
        raise file.value_error(
            f"expected the row 'i j' = '{row % n_wann + 1} {row // n_wann + 1}', found"
            f" '{table.value_cr[0, row]:g} {table.value_cr[1, row]:g}'."
            " Rows are swapped, missing or repeated.",
            int(table.line_r[row]),
        )
    return table.value_cr[2:]
