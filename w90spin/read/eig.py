"""``seedname.eig``: band energies on the mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.read.output import new_file, refuse_not_finite
from w90spin.read.text import TextFile

_REMEDY = "pw2wannier90 writes it with write_eig = .true., other codes' interfaces likewise."


@dataclass(frozen=True, eq=False)
class EigFile:
    """Content of ``seedname.eig``.

    Parameters
    ----------
    path : path
        The file.
    energy_kn : float array (k, n)
        Band energies. [eV]
    """

    path: Path
    energy_kn: FloatArray


def read_eig(path: str | Path) -> EigFile:
    """Read ``seedname.eig``.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.

    Returns
    -------
    EigFile
        Its content; every band at every k point once and in order.

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If the file is not all that.
    """
    with TextFile(path, _REMEDY) as file:
        table = file.table(None, 3, "'band k energy'")
        band_r, kpt_r, energy_r = table.value_cr
        if not len(energy_r):
            raise file.format_error("expected rows 'band k energy', found none.")
        # The first line tells how long the first k point's list is: until k changes.
        others = np.flatnonzero(kpt_r != 1)
        n_bands = int(others[0]) if len(others) else len(kpt_r)
        row_r = np.arange(len(energy_r))
        expected_band_r = row_r % max(n_bands, 1) + 1
        expected_kpt_r = row_r // max(n_bands, 1) + 1
        wrong_r = (band_r != expected_band_r) | (kpt_r != expected_kpt_r)
        if wrong_r.any():
            row = int(np.argmax(wrong_r))
            raise file.value_error(
                f"expected the row 'band k' = '{expected_band_r[row]} {expected_kpt_r[row]}', found"
                f" '{band_r[row]:g} {kpt_r[row]:g}'. Rows are swapped, missing or repeated.",
                int(table.line_r[row]),
            )
        if len(energy_r) % n_bands:
            raise file.format_error(
                f"the file ends after {len(energy_r) % n_bands} of {n_bands} bands of k point"
                f" {len(energy_r) // n_bands + 1}. It is cut short."
            )
    return EigFile(file.path, energy_r.reshape(-1, n_bands).copy())


def write_eig(eig: EigFile, path: str | Path) -> Path:
    """Write ``seedname.eig`` as pw2wannier90 does, with twelve decimals.

    Parameters
    ----------
    eig : EigFile
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
    refuse_not_finite(path, "the energy", eig.energy_kn)
    with new_file(path) as file:
        for k, energy_n in enumerate(eig.energy_kn.tolist()):
            lines = (f" {n + 1:4d} {k + 1:4d} {x:17.12f}\n" for n, x in enumerate(energy_n))
            file.write("".join(lines).encode())
    return Path(path)
