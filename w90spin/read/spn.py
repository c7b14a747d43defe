"""``seedname.spn``: Pauli matrices between Bloch states, unformatted or formatted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray
from w90spin.read.checks import LARGEST_ELEMENT
from w90spin.read.fortran import RecordFile, is_record_file
from w90spin.read.output import header_line, new_file, refuse_not_finite, write_record
from w90spin.read.text import TextFile

_REMEDY = "pw2wannier90 writes it with write_spn = .true. (and spn_formatted for text)."
_HEADER_LENGTH = 60  # characters, in unformatted files
_REAL_LIMIT = 1e-6  # imaginary part of a diagonal element that is still rounding


@dataclass(frozen=True, eq=False)
class SpnFile:
    """Content of ``seedname.spn``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    spin_ksnm : complex array (k, s, n, m)
        ``<psi_nk|sigma_s|psi_mk>``, Pauli matrices (not halved), Hermitian in n and m.
    """

    path: Path
    header: str
    spin_ksnm: ComplexArray


def read_spn(path: str | Path) -> SpnFile:
    """Read ``seedname.spn``; whether it is unformatted or text shows in its first bytes.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    SpnFile
        Its content, unpacked.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If it is cut short or damaged, or a diagonal element is not real.

    Notes
    -----
    The file holds, for each k point, the elements with n ≤ m: m runs over the columns, inside it
    n over the rows, innermost the three components.  Values beyond ±1, which ultrasoft
    pseudopotentials and PAW may give, are returned as they are.
    """
    if is_record_file(path, _REMEDY):
        return _read_unformatted(path)
    return _read_formatted(path)


def _read_unformatted(path: str | Path) -> SpnFile:
    with RecordFile(path, _REMEDY) as file:
        header = file.text("the header").strip()
        sizes = file.integers(2, "the numbers of bands and k points").tolist()
        n_bands, n_kpts = sizes
        if min(sizes) < 1:
            raise file.value_error(f"the numbers of bands and k points are {sizes}.")
        n_packed = n_bands * (n_bands + 1) // 2
        spins: list[ComplexArray] = []
        for k in range(n_kpts):
            packed_x = file.complexes(3 * n_packed, f"spin matrices of k point {k + 1}")
            try:
                spins.append(_unpack(packed_x, n_bands))
            except BadElement as wrong:
                raise file.value_error(f"k point {k + 1}: {wrong}") from None
        file.end()
        return SpnFile(file.path, header, np.array(spins))


def _read_formatted(path: str | Path) -> SpnFile:
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        n_bands, n_kpts = sizes = file.integers(2, "the numbers of bands and k points")
        if min(sizes) < 1:
            raise file.value_error(f"the numbers of bands and k points are {sizes}.")
        n_packed = n_bands * (n_bands + 1) // 2
        file.refuse_if_too_short(6 * n_kpts * n_packed, f"{n_bands} bands and {n_kpts} k points")
        spins: list[ComplexArray] = []
        for k in range(n_kpts):
            table = file.table(3 * n_packed, 2, "'Re Im' of a spin matrix element")
            packed_x = table.value_cr[0] + 1j * table.value_cr[1]
            try:
                spins.append(_unpack(packed_x, n_bands))
            except BadElement as wrong:
                raise file.value_error(
                    f"k point {k + 1}: {wrong}", int(table.line_r[wrong.element])
                ) from None
        file.end()
        return SpnFile(file.path, header, np.array(spins))


class BadElement(Exception):
    """An element that no Hermitian matrix of spins has, and its place in the packed triangle."""

    def __init__(self, element: int, problem: str) -> None:
        super().__init__(problem)
        self.element = element


def _unpack(packed_x: ComplexArray, n_bands: int) -> ComplexArray:
    """Hermitian matrices (s, n, m) from the packed upper triangle."""
    # tril_indices walks the rows of a lower triangle, that is the columns m of the upper one.
    m_x, n_x = np.tril_indices(n_bands)
    upper_sx = packed_x.reshape(-1, 3).T
    diagonal_x = np.flatnonzero(m_x == n_x)
    wrong_sx = np.abs(upper_sx[:, diagonal_x].imag) > _REAL_LIMIT
    if wrong_sx.any():
        s, band = (int(x) for x in np.argwhere(wrong_sx)[0])
        element = int(diagonal_x[band])
        raise BadElement(
            3 * element + s,
            f"the diagonal spin matrix element of band {band + 1} is "
            f"{complex(upper_sx[s, element]):.6g}, it must be real.",
        )
    largest = int(np.argmax(np.abs(packed_x)))
    if abs(packed_x[largest]) > LARGEST_ELEMENT:
        raise BadElement(
            largest,
            f"an element of size {abs(packed_x[largest]):.3g}, where Pauli matrices between "
            "normalised states have at most 1.",
        )
    spin_snm = np.empty((3, n_bands, n_bands), dtype=np.complex128)
    spin_snm[:, m_x, n_x] = upper_sx.conj()
    spin_snm[:, n_x, m_x] = upper_sx
    spin_snm[:, np.arange(n_bands), np.arange(n_bands)] = upper_sx[:, diagonal_x].real
    return spin_snm


def write_spn(spn: SpnFile, path: str | Path, *, formatted: bool = False) -> Path:
    """Write ``seedname.spn`` as pw2wannier90 does; every digit is kept.

    Parameters
    ----------
    spn : SpnFile
        The content; its ``path`` is not used, and of the matrices only the upper triangle.
    path : str or path
        Where; compressed if it ends in ``.gz``, ``.bz2`` or ``.xz``.
    formatted : bool
        Text instead of unformatted records; postw90 then asks for ``spn_formatted = .true.``.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    ResultFileError
        If it cannot be written, or a number is not finite.
    """
    refuse_not_finite(path, "the spin", spn.spin_ksnm)
    n_kpts, _, n_bands, _ = spn.spin_ksnm.shape
    m_x, n_x = np.tril_indices(n_bands)
    rows = 3 * len(n_x) * " %25.16E %25.16E\n"
    with new_file(path) as file:
        if formatted:
            file.write(header_line(spn.header))
            file.write(f"{n_bands:12d}{n_kpts:12d}\n".encode())
        else:
            header = header_line(spn.header).strip()[:_HEADER_LENGTH]
            write_record(file, header.ljust(_HEADER_LENGTH))
            write_record(file, np.array([n_bands, n_kpts], "<i4").tobytes())
        for spin_snm in spn.spin_ksnm:
            upper_xs = np.ascontiguousarray(spin_snm[:, n_x, m_x].T, dtype="<c16")
            if formatted:
                values = upper_xs.astype(np.complex128).view(np.float64).ravel().tolist()
                file.write((rows % tuple(values)).encode())
            else:
                write_record(file, upper_xs.tobytes())
    return Path(path)
