"""``seedname_spin_R.npz``: Pauli matrices on lattice vectors, as other programs save them."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from w90spin.arrays import ComplexArray, IntArray
from w90spin.errors import FileFormatError, FileMissingError, FileValueError

_PIECE = 4 << 20  # bytes read at a time, so that a false header costs no memory
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
        arrays = _load(path, ("R", "sigma"))
    except (FileNotFoundError, IsADirectoryError, PermissionError) as problem:
        raise FileMissingError(path, "", f"cannot be read: {problem.strerror}.", _REMEDY) from None
    except KeyError as problem:
        raise FileFormatError(path, "", f"has no array {problem}.", _REMEDY) from None
    except (
        *(OSError, ValueError, EOFError, MemoryError, NotImplementedError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, SyntaxError),
    ) as problem:
        raise FileFormatError(path, "", f"is no .npz archive ({problem}).", _REMEDY) from None
    R_Rc, sigma = arrays["R"], arrays["sigma"]
    n_R, n = len(R_Rc) if R_Rc.ndim else 0, sigma.shape[-1] if sigma.ndim else 0
    if (
        R_Rc.shape != (n_R, 3)
        or sigma.shape != (n_R, 3, n, n)
        or R_Rc.dtype.kind not in "iu"
        or sigma.dtype.kind not in "fc"
    ):
        raise FileFormatError(
            path,
            "",
            f"R has shape {R_Rc.shape} and type {R_Rc.dtype}, sigma {sigma.shape} "
            f"and {sigma.dtype}; integers (R, 3) and numbers (R, 3, n, n) are needed.",
            _REMEDY,
        )
    if not np.isfinite(sigma).all():
        where = tuple(int(index) for index in np.argwhere(~np.isfinite(sigma))[0])
        raise FileValueError(path, f"sigma{list(where)}", "is not a finite number.", _REMEDY)
    return SpinRFile(path, R_Rc.astype(np.int64), sigma.astype(np.complex128))


def _load(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays of an archive, each compared with the length of its data before it is read."""
    with open(path, "rb") as raw, zipfile.ZipFile(raw) as archive:
        arrays: dict[str, NDArray[Any]] = {}
        for name in names:
            try:
                entry = archive.getinfo(f"{name}.npy")
            except KeyError:
                raise KeyError(name) from None
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                if version == (1, 0):
                    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
                else:
                    shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(file)
                if dtype.hasobject:
                    raise ValueError(f"{name} holds Python objects")
                n_bytes = math.prod(shape) * dtype.itemsize
                content = bytearray()
                while piece := file.read(min(_PIECE, n_bytes - len(content))):
                    content += piece
                if len(content) != n_bytes:
                    raise ValueError(f"{name} announces {n_bytes} bytes, {len(content)} are there")
            order: Literal["F", "C"] = "F" if fortran_order else "C"
            arrays[name] = np.frombuffer(content, dtype).reshape(shape, order=order)
    return arrays
