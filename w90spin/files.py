"""Files that appear under their name when complete, or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from w90spin.errors import ResultFileError


@contextmanager
def atomic(path: Path | str) -> Iterator[Path]:
    """Name of a temporary file in the same folder, moved to its place at the end.

    Parameters
    ----------
    path : path
        Where; an existing file is replaced.

    Yields
    ------
    Path
        An empty file, to be written to.  It is removed if anything goes wrong.

    Raises
    ------
    ResultFileError
        If the folder is missing or may not be written to, or the disk is full.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as problem:
        raise ResultFileError(
            f"{path} cannot be written: {problem.strerror or problem}. Give a file in a folder "
            "that exists, may be written to, and has room."
        ) from problem
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_orphans(path: Path | str) -> None:
    """Remove temporary files that :func:`atomic` left because the process was killed.

    Parameters
    ----------
    path : path
        The file that they were to become.  Nobody may be writing it now.
    """
    path = Path(path)
    for orphan in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        orphan.unlink(missing_ok=True)


def check_writable(path: Path | str) -> Path:
    """Raise now what :func:`atomic` would raise after a long run.

    Parameters
    ----------
    path : path
        Where a file shall be written later.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    ResultFileError
        If it cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise ResultFileError(f"{path} is a folder; give the name of a file in it.")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        # Another rank that sweeps up after killed runs may have been faster.
        Path(name).unlink(missing_ok=True)
    except OSError as problem:
        raise ResultFileError(
            f"{path} cannot be written: {problem.strerror or problem}. Give a file in a folder "
            "that exists and may be written to."
        ) from problem
    return path
