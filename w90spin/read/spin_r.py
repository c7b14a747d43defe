"""``seedname_spin_R.npz``: Pauli matrices on lattice vectors, as other programs save them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w90spin.arrays import ComplexArray, IntArray
from w90spin.errors import FileFormatError, FileMissingError, FileValueError

_REMEDY = "Save it with numpy.savez(path, R=..., sigma=...)."


@dataclass(frozen=True, eq=False)
class SpinRFile:
    """Content of ``seedname_spin_R.npz``.

    Parameters
    ----------
    path : path
        The file.
    R_Rc : int array (R, c)
        Lattice vectors.
    spin_Rsij : complex array (R, s, i, j)
        ``<0i|sigma_s|Rj>``.
    """

    path: Path
    R_Rc: IntArray
    spin_Rsij: ComplexArray


def read_spin_r(path: str | Path) -> SpinRFile:
    """Read ``seedname_spin_R.npz``: arrays "R" (R, 3) and "sigma" (R, 3, n, n).

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    SpinRFile

    Raises
    ------
    FileMissingError, FileFormatError, FileValueError
        If it is missing, no such archive, or its arrays are not of these shapes and finite.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("R", "sigma")}
    except (FileNotFoundError, IsADirectoryError, PermissionError) as problem:
        raise FileMissingError(path, "", f"cannot be read: {problem.strerror}.", _REMEDY) from None
    except KeyError as problem:
        raise FileFormatError(path, "", f"has no array {problem}.", _REMEDY) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as problem:
        raise FileFormatError(path, "", f"is no .npz archive ({problem}).", _REMEDY) from None
    R_Rc, sigma = arrays["R"], arrays["sigma"]
    n_R, n = len(R_Rc), sigma.shape[-1] if sigma.ndim else 0
    if R_Rc.shape != (n_R, 3) or sigma.shape != (n_R, 3, n, n) or R_Rc.dtype.kind not in "iu":
        raise FileFormatError(
            path,
            "",
            f"R has shape {R_Rc.shape} and type {R_Rc.dtype}, sigma {sigma.shape}; integers (R, 3) "
            "and (R, 3, n, n) are needed.",
            _REMEDY,
        )
    if not np.isfinite(sigma).all():
        where = tuple(int(index) for index in np.argwhere(~np.isfinite(sigma))[0])
        raise FileValueError(path, f"sigma{list(where)}", "is not a finite number.", _REMEDY)
    return SpinRFile(path, R_Rc.astype(np.int64), sigma.astype(np.complex128))
