"""``seedname.amn``: projections of the Bloch states on the trial orbitals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, IntArray
from w90spin.read.checks import LARGEST_ELEMENT
from w90spin.read.output import header_line, new_file, refuse_not_finite
from w90spin.read.text import TextFile

_REMEDY = "pw2wannier90 writes it with write_amn = .true., other codes' interfaces likewise."


@dataclass(frozen=True, eq=False)
class AmnFile:
    """Content of ``seedname.amn``.

    Parameters
    ----------
    path : path
        The file.
    header : str
        Its first line.
    amn_kni : complex array (k, n, i)
        ``<psi_nk|g_i>`` of Bloch state n and trial orbital i.
    """

    path: Path
    header: str
    amn_kni: ComplexArray


def read_amn(path: str | Path) -> AmnFile:
    """Read ``seedname.amn``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    AmnFile
        Its content; each (n, i, k) once, in any order, as Wannier90 accepts it.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        header = file.line("a header line").strip()
        n_bands, n_kpts, n_wann = sizes = file.integers(
            3, "the numbers of bands, k points and trial orbitals"
        )
        if min(sizes) < 1:
            raise file.value_error(f"the numbers of bands, k points and orbitals are {sizes}.")
        n_rows = n_bands * n_kpts * n_wann
        file.refuse_if_too_short(
            5 * n_rows, f"{n_bands} bands, {n_kpts} k points and {n_wann} orbitals"
        )
        table = file.table(n_rows, 5, "'n i k Re Im'")
        file.end()
        band_r, orbital_r, kpt_r, real_r, imag_r = table.value_cr
        for index_r, size, name in (
            (band_r, n_bands, "band n"),
            (orbital_r, n_wann, "orbital i"),
            (kpt_r, n_kpts, "k point"),
        ):
            wrong_r = (index_r < 1) | (index_r > size) | (index_r != np.rint(index_r))
            if wrong_r.any():
                row = int(np.argmax(wrong_r))
                raise file.value_error(
                    f"expected a {name} from 1 to {size}, found {index_r[row]:g}.",
                    int(table.line_r[row]),
                )
        place_r: IntArray = (
            ((kpt_r - 1) * n_bands + (band_r - 1)) * n_wann + (orbital_r - 1)
        ).astype(np.int64)
        size_r = np.hypot(real_r, imag_r)
        if size_r.max() > LARGEST_ELEMENT:
            row = int(np.argmax(size_r))
            raise file.value_error(
                f"a projection of size {size_r[row]:.3g}; between normalised states it is at "
                "most 1.",
                int(table.line_r[row]),
            )
        times_x = np.bincount(place_r, minlength=n_rows)
        if (times_x != 1).any():
            row = int(np.argmax(times_x[place_r] > 1))
            raise file.value_error(
                f"the row 'n i k' = '{band_r[row]:g} {orbital_r[row]:g} {kpt_r[row]:g}' comes more"
                " than once, another one is missing.",
                int(table.line_r[row]),
            )
        amn_kni = np.empty(n_rows, dtype=np.complex128)
        amn_kni.real[place_r] = real_r
        amn_kni.imag[place_r] = imag_r
    return AmnFile(file.path, header, amn_kni.reshape(n_kpts, n_bands, n_wann))


def write_amn(amn: AmnFile, path: str | Path) -> Path:
    """Write ``seedname.amn`` as pw2wannier90 does, with twelve decimals.

    Parameters
    ----------
    amn : AmnFile
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
    refuse_not_finite(path, "the projection", amn.amn_kni)
    n_kpts, n_bands, n_wann = amn.amn_kni.shape
    with new_file(path) as file:
        file.write(header_line(amn.header))
        file.write(f"{n_bands:12d}{n_kpts:12d}{n_wann:12d}\n".encode())
        for k, amn_ni in enumerate(amn.amn_kni):
            rows = (
                f" {n + 1:4d} {i + 1:4d} {k + 1:4d} {x.real:17.12f} {x.imag:17.12f}\n"
                for i, amn_n in enumerate(amn_ni.T.tolist())
                for n, x in enumerate(amn_n)
            )
            file.write("".join(rows).encode())
    return Path(path)
