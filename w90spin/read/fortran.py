"""Fortran sequential unformatted files: records between two length marks.

The marks are integers of four bytes (gfortran, ifort) or eight, little or big endian; which, the
first record tells.  gfortran cuts a record above 2 GiB into pieces: the mark before a piece is
negative if another piece follows, the one after it if another came before.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import FileFormatError, FileValueError
from w90spin.read.text import ByteStream

_PIECE = 16 << 20  # bytes allocated at a time, so that a false mark costs no memory
_FIRST_RECORD_MAX = 4096  # bytes; the first record is a header line
_NO_COUNT = 2**24  # more bands or k points than any file has, but 1 to 255 with bytes swapped are
_A_COUNT = 2**16
_FIRST_COUNTS = 2  # the record after the header
_MARKS = ("<i4", ">i4", "<i8", ">i8")


def is_record_file(path: str | Path, remedy: str) -> bool:
    """Whether the (decompressed) file begins with a length mark rather than with text."""
    stream = ByteStream(path, remedy)
    try:
        head = stream.read(8)
        if not head:
            raise FileFormatError(stream.path, "", "the file is empty.", remedy)
        return any(byte < 9 for byte in head)
    finally:
        stream.close()


class RecordFile:
    """Records of a Fortran sequential unformatted file, front to back.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed.
    remedy : str
        What writes the file again; ends every message.
    """

    def __init__(self, path: str | Path, remedy: str) -> None:
        self.path = Path(path)
        self.remedy = remedy
        self.record_no = 0  # of the record handed out last
        self._bytes = ByteStream(path, remedy)
        try:
            self._mark = self._find_mark()
        except BaseException:
            self._bytes.close()
            raise
        self._order = self._mark.str[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bytes.close()
        self._bytes.raise_from_inside(error, f"record {max(self.record_no, 1)}")

    def format_error(self, problem: str, record_no: int | None = None) -> FileFormatError:
        """The error for records that do not follow the format."""
        number = self.record_no if record_no is None else record_no
        return FileFormatError(self.path, f"record {number}", problem, self.remedy)

    def value_error(self, problem: str, record_no: int | None = None) -> FileValueError:
        """The error for numbers that cannot be true."""
        number = self.record_no if record_no is None else record_no
        return FileValueError(self.path, f"record {number}", problem, self.remedy)

    def _find_mark(self) -> np.dtype[np.signedinteger]:
        head = self._bytes.peek(_FIRST_RECORD_MAX + 16)
        if not head:
            raise FileFormatError(self.path, "", "the file is empty.", self.remedy)
        for name in _MARKS:
            mark = np.dtype(name)
            size = mark.itemsize
            if len(head) < size:
                continue
            length = int(np.frombuffer(head, mark, 1)[0])
            if not 0 < length <= _FIRST_RECORD_MAX or len(head) < length + 2 * size:
                continue
            if int(np.frombuffer(head, mark, 1, size + length)[0]) == length:
                return mark
        raise self.format_error(
            "expected a header line between two equal length marks of 4 or 8 bytes, found none."
            " The file is text, damaged or no Fortran unformatted file.",
            record_no=1,
        )

    def _read_mark(self, what: str) -> int:
        data = self._bytes.read(self._mark.itemsize)
        if len(data) < self._mark.itemsize:
            raise self.format_error(f"the file ends where {what} belongs. It is cut short.")
        return int(np.frombuffer(data, self._mark)[0])

    def record(self, n_bytes: int | tuple[int, ...] | None, what: str) -> bytearray:
        """Content of the next record.

        Parameters
        ----------
        n_bytes : int, several or None
            Lengths it may have; None for any.
        what : str
            What it holds, for the message.

        Returns
        -------
        bytearray
            The content, joined over the pieces of a long record.
        """
        self.record_no += 1
        allowed = (n_bytes,) if isinstance(n_bytes, int) else n_bytes
        content = bytearray()
        n_pieces = 0
        more = True
        while more:
            lead = self._read_mark(what)
            more = lead < 0
            length = abs(lead)
            total = len(content) + length
            if allowed is not None and (total > max(allowed) or not (more or total in allowed)):
                expected = " or ".join(str(n) for n in sorted(set(allowed)))
                raise self.format_error(
                    f"{what}: expected {expected} bytes, the record's mark says {total}."
                    " The file is damaged, or its header or writer differs."
                )
            left = self._bytes.left
            if left is not None and length > left:
                raise self.format_error(
                    f"{what}: the record's mark says {length} bytes, the file has {left} left."
                    " It is cut short or damaged."
                )
            while len(content) < total:
                piece = self._bytes.read(min(total - len(content), _PIECE))
                if not piece:
                    raise self.format_error(
                        f"{what}: the record's mark says {total} bytes, the file ends after"
                        f" {len(content)}. It is cut short."
                    )
                content += piece
            trail = self._read_mark(f"the mark after {what}")
            if trail != (length if n_pieces == 0 else -length):
                raise self.format_error(
                    f"{what}: the marks before and after are {lead} and {trail}, expected the"
                    " same length. The file is damaged."
                )
            n_pieces += 1
        return content

    def text(self, what: str) -> str:
        """A record of characters, without the blanks at its end."""
        return self.record(None, what).decode("latin-1").rstrip(" \0")

    def integers(self, n: int, what: str) -> IntArray:
        """A record of ``n`` integers of four or eight bytes."""
        content = self.record((4 * n, 8 * n), what)
        size = len(content) // n if n else 4
        values = np.frombuffer(content, f"{self._order}i{size}")
        if self.record_no == _FIRST_COUNTS:
            self._refuse_other_order(values, what)
        return values.astype(np.int64)

    def _refuse_other_order(self, values: NDArray[np.signedinteger], what: str) -> None:
        """Refuse counts that make sense only in the byte order that the marks are not of."""
        swapped = values.byteswap()
        if values.max(initial=0) >= _NO_COUNT and 0 <= swapped.min() <= swapped.max() < _A_COUNT:
            raise self.format_error(
                f"{what}: found {values[:3].tolist()}, which is {swapped[:3].tolist()} in the other"
                " byte order. The record marks are of one byte order and the numbers of the other,"
                " as after a conversion of the marks alone."
            )

    def logicals(self, n: int, what: str) -> BoolArray:
        """A record of ``n`` logicals; some compilers write true as 1, others as -1."""
        values: BoolArray = self.integers(n, what) != 0
        return values

    def reals(self, n: int, what: str) -> FloatArray:
        """A record of ``n`` finite numbers."""
        content = self.record(8 * n, what)
        values: FloatArray = np.frombuffer(content, f"{self._order}f8").astype(
            np.float64, copy=False
        )
        if not np.isfinite(values).all():
            which = int(np.argmin(np.isfinite(values)))
            raise self.value_error(f"{what}: number {which + 1} of {n} is {values[which]}.")
        return values

    def complexes(self, n: int, what: str) -> ComplexArray:
        """A record of ``n`` finite complex numbers."""
        return self.reals(2 * n, what).view(np.complex128)

    def end(self) -> None:
        """Refuse anything after the last record."""
        rest = self._bytes.read(16)
        if rest:
            raise self.format_error(
                f"expected the end of the file after this record, found {len(rest)} or more"
                " bytes. The header's counts do not fit what follows."
            )
