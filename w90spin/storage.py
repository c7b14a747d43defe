"""The only door to HDF5: trees of arrays and attributes, written atomically."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from w90spin.errors import ResultFileError
from w90spin.files import atomic

ATTRIBUTES = "@"
"""Key under which a tree keeps the attributes of its group."""

PACKED_SIZE = 4096
"""Arrays with more elements are compressed."""

MAPPED_SIZE = 1 << 16
"""Arrays of more bytes are mapped where that is asked for; smaller ones are read."""

ALIGNMENT = 64
"""Arrays begin at multiples of this in a file that is not packed, as in memory. [bytes]"""


def write_tree(path: Path | str, tree: Mapping[str, Any], *, packed: bool = True) -> Path:
    """Write nested mappings as HDF5 groups: the file appears complete or not at all.

    Parameters
    ----------
    path : path
        Where; an existing file is replaced.
    tree : mapping
        Values are mappings (groups), arrays, or lists of strings (datasets).  The key "@" holds a
        mapping of attributes for the group; a dataset "x" takes those under "x@".
    packed : bool
        Compress large arrays; without it they are read back at the speed of the disk.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    ResultFileError
        If the folder is missing or not writable, or the disk is full.
    """
    image = _image(tree, packed)
    with atomic(path) as new:
        new.write_bytes(image)
    return Path(path)


def read_tree(path: Path | str, *, mapped: bool = False) -> dict[str, Any]:
    """Read an HDF5 file into nested dictionaries, attributes under "@" and "name@".

    Parameters
    ----------
    path : path
        The file.
    mapped : bool
        Large arrays that lie in the file as in memory are not copied but mapped, read only: their
        pages are read when they are first used.  They stay valid when the file is removed or
        replaced, not when it is changed in place.

    Returns
    -------
    dict

    Raises
    ------
    ResultFileError
        If the file is missing or not HDF5.
    """
    path = Path(path)
    if not path.is_file():
        raise ResultFileError(f"{path} is not there. Write it with 'w90spin run'.")
    try:
        with h5py.File(path, "r") as file:
            return _read_group(file, _Mapped(file) if mapped else None)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as problem:
        raise ResultFileError(
            f"{path} is not a readable HDF5 file ({problem}). It may be cut short or damaged; "
            "write it again with 'w90spin run'."
        ) from problem


def is_hdf5(path: Path | str) -> bool:
    """Whether there is an HDF5 file of this name.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    bool
    """
    return os.path.isfile(path) and bool(h5py.is_hdf5(path))


def format_name(path: Path | str) -> str | None:
    """Of which format an HDF5 file says it is.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    str or None
        "w90spin-result" and the like; None if it says nothing.

    Raises
    ------
    ResultFileError
        If it cannot be opened.
    """
    try:
        with h5py.File(path, "r") as file:
            name = file.attrs.get("format")
    except (OSError, RuntimeError, KeyError, ValueError) as problem:
        raise ResultFileError(
            f"{path} is not a readable HDF5 file ({problem}). It may be cut short or damaged; "
            "write it again."
        ) from problem
    return name if isinstance(name, str) else None


def read_format(
    path: Path | str, name: str, newest: int, writer: str, *, mapped: bool = False
) -> dict[str, Any]:
    """Read a file that says of which format it is.

    Parameters
    ----------
    path : path
        The file.
    name : str
        Its format: "w90spin-result" and the like.
    newest : int
        Newest version of the format that can be read.
    writer : str
        What writes such files.
    mapped : bool
        As of :func:`read_tree`.

    Returns
    -------
    dict
        As of :func:`read_tree`.

    Raises
    ------
    ResultFileError
        If it is missing, not HDF5, of another format, or of a newer version.
    """
    tree = read_tree(path, mapped=mapped)
    about = tree[ATTRIBUTES]
    if about.get("format") != name:
        raise ResultFileError(
            f"{path} is an HDF5 file, but not a {name} file (its 'format' attribute is "
            f"{about.get('format')!r}). Give one that {writer} wrote."
        )
    version = about.get("format_version")
    if not isinstance(version, int) or version > newest:
        raise ResultFileError(
            f"{path} has version {version} of the format {name}; this w90spin reads up to "
            f"{newest}. Update w90spin: pip install --upgrade w90spin."
        )
    return tree


def _image(tree: Mapping[str, Any], packed: bool) -> bytes:
    """The file's bytes, made in memory: HDF5 does not survive a full disk."""
    # This version of the format has checksums, with which damage is found and not followed.
    options: dict[str, Any] = {"driver": "core", "backing_store": False, "block_size": 1 << 20}
    if not packed:
        options |= {"alignment_threshold": MAPPED_SIZE, "alignment_interval": ALIGNMENT}
    with h5py.File("tree", "w", libver=("v108", "v108"), **options) as file:
        _write_group(file, tree, packed)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _write_group(group: Any, tree: Mapping[str, Any], packed: bool) -> None:
    for key, value in tree.items():
        if key == ATTRIBUTES:
            _write_attributes(group, value)
        elif key.endswith(ATTRIBUTES):
            continue
        elif isinstance(value, Mapping):
            _write_group(group.create_group(key, track_order=True), value, packed)
        else:
            array = np.asarray(value)
            if array.dtype.kind == "U":
                array = np.asarray(value, dtype=h5py.string_dtype())
            filters: dict[str, Any] = {}
            if packed and array.size > PACKED_SIZE:
                filters = {"compression": "gzip", "shuffle": True}
            dataset = group.create_dataset(key, data=array, track_times=False, **filters)
            _write_attributes(dataset, tree.get(key + ATTRIBUTES, {}))


def _write_attributes(target: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        if isinstance(value, (list, tuple)) and value and all(isinstance(v, str) for v in value):
            target.attrs.create(key, list(value), dtype=h5py.string_dtype())
        else:
            target.attrs[key] = value


class _Mapped:
    """Arrays of an open file as views of its pages."""

    def __init__(self, file: Any) -> None:
        # The handle of HDF5 itself: the name may meanwhile belong to another file.
        handle = file.id.get_vfd_handle()
        self.size = os.fstat(handle).st_size
        try:
            self.pages: mmap.mmap | None = mmap.mmap(handle, self.size, access=mmap.ACCESS_READ)
        except OSError:
            self.pages = None  # Some network file systems map nothing: all is read then.

    def view(self, dataset: Any) -> np.ndarray[Any, Any] | None:
        """The array, or None if it is small, chunked, packed or elsewhere."""
        offset = dataset.id.get_offset()
        if (
            self.pages is None
            or offset is None
            or dataset.nbytes < MAPPED_SIZE
            or dataset.dtype.kind not in "fciu"
            or dataset.id.get_storage_size() != dataset.nbytes
            or offset % dataset.dtype.alignment
        ):
            return None
        if offset + dataset.nbytes > self.size:
            # A touch beyond the end of a mapped file would end the process.
            raise OSError(
                f"'{dataset.name}' ends at byte {offset + dataset.nbytes}, the file at {self.size}"
            )
        return np.ndarray(dataset.shape, dataset.dtype, self.pages, offset)


def _read_group(group: Any, mapped: _Mapped | None) -> dict[str, Any]:
    tree: dict[str, Any] = {ATTRIBUTES: _attributes(group)}
    for key, item in group.items():
        if item is None:  # HDF5 found what it points to damaged
            raise KeyError(f"'{key}' cannot be opened")
        if isinstance(item, h5py.Group):
            tree[key] = _read_group(item, mapped)
            continue
        value = None if mapped is None else mapped.view(item)
        if value is None:
            value = item[()]
        if h5py.check_string_dtype(item.dtype) is not None:
            value = item.asstr()[()]
        tree[key] = value
        tree[key + ATTRIBUTES] = _attributes(item)
    return tree


def _attributes(target: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in target.attrs.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            value = [v.decode() if isinstance(v, bytes) else str(v) for v in value.ravel()]
        elif isinstance(value, np.generic):
            value = value.item()
        found[key] = value
    return found
