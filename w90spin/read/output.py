"""Files written whole: beside the place where they belong, then put there, compressed by name."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from w90spin.errors import ResultFileError
from w90spin.files import atomic

_RECORD_PIECE = 2**31 - 9  # bytes; gfortran cuts longer records


@contextmanager
def new_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name when complete, and not at all otherwise.

    Parameters
    ----------
    path : str or path
        Where; an existing file is replaced.  ``.gz``, ``.bz2`` and ``.xz`` are compressed.

    Yields
    ------
    binary file
        To write to.

    Raises
    ------
    ResultFileError
        If the folder is missing or may not be written to, or the disk is full.
    """
    with (
        atomic(path) as temporary,
        temporary.open("wb") as raw,
        _packed(raw, Path(path).suffix) as file,
    ):
        yield file


@contextmanager
def _packed(raw: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".gz":
        # Neither name nor time, so that the same content gives the same bytes.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
            yield file  # type: ignore[misc]
    elif suffix == ".bz2":
        with bz2.BZ2File(raw, "wb") as file:
            yield file
    elif suffix == ".xz":
        with lzma.LZMAFile(raw, "wb") as file:
            yield file
    else:
        yield raw


def header_line(text: str) -> bytes:
    """A file's first line, with its newline: what cannot stand on one line of text is replaced."""
    line = " ".join(text.splitlines()).replace("\0", " ")
    return f" {line.strip()}\n".encode("latin-1", "replace")


def integer_lines(values: NDArray[np.int64], per_line: int) -> bytes:
    """Integers with at least five columns each, so many a line."""
    words = [f" {value:4d}" for value in values.tolist()]
    lines = ("".join(words[x : x + per_line]) for x in range(0, len(words), per_line))
    return "".join(f"{line}\n" for line in lines).encode()


def refuse_not_finite(path: str | Path, what: str, *arrays: NDArray[Any]) -> None:
    """Refuse to write numbers that no reader would accept."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ResultFileError(
            f"{path} is not written: {what} is not finite everywhere. Look where NaN or infinity"
            " comes from."
        )


def write_record(file: IO[bytes], content: bytes) -> None:
    """One record of a Fortran sequential unformatted file, little endian with marks of 4 bytes."""
    pieces = range(0, max(len(content), 1), _RECORD_PIECE)
    for begin in pieces:
        piece = content[begin : begin + _RECORD_PIECE]
        lead = len(piece) if begin == pieces[-1] else -len(piece)
        trail = len(piece) if begin == 0 else -len(piece)
        file.write(np.array(lead, "<i4").tobytes() + piece + np.array(trail, "<i4").tobytes())
