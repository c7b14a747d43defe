"""Files as streams of bytes and lines: compression, line numbers, and clear refusals.

A reader opens its file with :class:`TextFile` (or ``fortran.RecordFile``) and takes lines, counts
and tables from it.  Whatever goes wrong below, from a missing file to a cut-short ``.xz``, leaves
as an :class:`~w90spin.errors.InputFileError` with the file, the line and the remedy.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import os
import stat
import zlib
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, NoReturn, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import FileFormatError, FileMissingError, FileValueError, InputFileError
from w90spin.read.numbers import (
    BadLine,
    parse_integer,
    parse_ragged_integers,
    parse_real,
    parse_rows,
)

_Number = TypeVar("_Number", bound=np.generic)

COMPRESSIONS = (".gz", ".bz2", ".xz")

_CHUNK = 4 << 20  # bytes read at a time
_LONGEST_LINE = 16 << 20  # bytes; beyond, this is no text
_DECOMPRESSION_ERRORS = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
_ERRORS_FROM_INSIDE = (
    *_DECOMPRESSION_ERRORS,
    OSError,
    MemoryError,
    ValueError,
    OverflowError,
)


def find_file(base: str | Path, suffix: str) -> Path | None:
    """First of ``base + suffix`` and its compressed forms that exists.

    Parameters
    ----------
    base : str or path
        Seedname, with its folder.
    suffix : str
        What follows it: ``"_hr.dat"``, ``".chk"``.

    Returns
    -------
    path or None
        The file, plain before ``.gz``, ``.bz2``, ``.xz``.

    Examples
    --------
    >>> find_file("no/such/seedname", "_hr.dat") is None
    True
    """
    for compression in ("", *COMPRESSIONS):
        path = Path(f"{base}{suffix}{compression}")
        if os.path.lexists(path):  # a link to nowhere is refused when read
            return path
    return None


class ByteStream:
    """The decompressed bytes of a file, front to back.

    Parameters
    ----------
    path : str or path
        The file; ``.gz``, ``.bz2`` and ``.xz`` are recognised by their first bytes.
    remedy : str
        What writes the file again.
    """

    def __init__(self, path: str | Path, remedy: str) -> None:
        self.path = Path(path)
        self.remedy = remedy
        self.size: int | None = None  # None where only reading to the end would tell
        self.n_read = 0
        self._raw, self._stream = self._open()
        self._ahead = b""

    def _open(self) -> tuple[IO[bytes], IO[bytes]]:
        try:
            raw = open(self.path, "rb")  # noqa: SIM115 (closed by close)
        except FileNotFoundError:
            problem = "there is no such file."
            if self.path.is_symlink():
                problem = f"this is a link to {os.readlink(self.path)}, which is not there."
            raise FileMissingError(self.path, "", problem, self.remedy) from None
        except IsADirectoryError:
            raise FileMissingError(
                self.path, "", "this is a directory, a file is expected.", "Name the file in it."
            ) from None
        except PermissionError:
            raise FileMissingError(
                self.path, "", "the file may not be read (permission denied).", "Run chmod u+r."
            ) from None
        except (OSError, ValueError) as error:
            raise FileMissingError(
                self.path, "", f"the file cannot be opened ({error}).", "Check its name."
            ) from error
        try:
            head = raw.peek(10)[:10]
            stream: IO[bytes]
            if head[:2] == b"\x1f\x8b":
                stream = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
            elif head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
                stream = bz2.BZ2File(raw)
            elif head[:6] == b"\xfd7zXZ\x00":
                stream = lzma.LZMAFile(raw)  # noqa: SIM115 (closed by close)
            else:
                stream = raw
                status = os.fstat(raw.fileno())
                self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
        except OSError as error:
            raw.close()
            raise FileMissingError(
                self.path, "", f"the file cannot be read ({error}).", self.remedy
            ) from error
        return raw, stream

    @property
    def left(self) -> int | None:
        """Bytes not yet handed out; None where only reading to the end would tell."""
        return None if self.size is None else max(self.size - self.n_read, 0)

    def read(self, n_bytes: int) -> bytes:
        """Next ``n_bytes`` bytes, fewer only at the end of the file."""
        pieces = [self._ahead[:n_bytes]]
        self._ahead = self._ahead[n_bytes:]
        n_got = len(pieces[0])
        while n_got < n_bytes:
            piece = self._read_some(min(n_bytes - n_got, _CHUNK))
            if not piece:
                break
            pieces.append(piece)
            n_got += len(piece)
        self.n_read += n_got
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    def peek(self, n_bytes: int) -> bytes:
        """Next bytes without taking them."""
        data = self.read(n_bytes)
        self.n_read -= len(data)
        self._ahead = data + self._ahead
        return data

    def _read_some(self, n_bytes: int) -> bytes:
        try:
            return self._stream.read(n_bytes)
        except (*_DECOMPRESSION_ERRORS, OSError) as error:
            if getattr(error, "errno", None) is None:  # bz2 reports damage as a bare OSError
                raise FileFormatError(
                    self.path,
                    f"after {self.n_read} decompressed bytes",
                    f"the compressed data is damaged or cut short ({error}).",
                    f"Copy the file again. {self.remedy}",
                ) from error
            raise FileMissingError(
                self.path, "", f"reading failed ({error}).", "Check the disk and try again."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()

    def raise_from_inside(self, error: BaseException | None, where: str) -> None:
        """Turn an error of Python or numpy, met while reading, into one of the package."""
        if isinstance(error, InputFileError) or not isinstance(error, _ERRORS_FROM_INSIDE):
            return
        if isinstance(error, MemoryError):
            raise FileFormatError(
                self.path,
                where,
                "the memory does not suffice for what its header announces.",
                "If the header is right, use a machine with more memory.",
            ) from error
        raise FileFormatError(
            self.path, where, f"cannot be read ({type(error).__name__}: {error}).", self.remedy
        ) from error


class Table(NamedTuple):
    """Rows of numbers: ``value_cr`` (column, row) and the file's line of each row, from 1."""

    value_cr: FloatArray
    line_r: IntArray


class RaggedLines(NamedTuple):
    """Integers of lines of different length, without the blank ones.

    ``value_x`` all of them in file order; ``count_l`` how many in each line; ``line_l`` the
    file's line, from 1.
    """

    value_x: NDArray[np.int32]
    count_l: NDArray[np.int32]
    line_l: NDArray[np.int32]


class TextFile:
    """Lines and numbers of a text file, front to back.

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
        self.line_no = 0  # of the line handed out last
        self._bytes = ByteStream(path, remedy)
        self._text = b""  # whole lines, each with its newline
        self._rest = b""  # the beginning of a line
        self._end_l: IntArray = np.zeros(0, dtype=np.int64)  # where the lines of _text end
        self._next_line = 0
        self._at_end = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bytes.close()
        self._bytes.raise_from_inside(error, self._place(None))

    # -- refusals ---------------------------------------------------------------------------

    def _place(self, line_no: int | None) -> str:
        line_no = self.line_no if line_no is None else line_no
        return f"line {line_no}" if line_no else ""

    def format_error(
        self, problem: str, line_no: int | None = None, remedy: str | None = None
    ) -> FileFormatError:
        """The error for text that does not follow the format, at the last line or ``line_no``."""
        return FileFormatError(
            self.path, self._place(line_no), problem, self.remedy if remedy is None else remedy
        )

    def value_error(
        self, problem: str, line_no: int | None = None, remedy: str | None = None
    ) -> FileValueError:
        """The error for numbers that cannot be true, at the last line or ``line_no``."""
        return FileValueError(
            self.path, self._place(line_no), problem, self.remedy if remedy is None else remedy
        )

    def _raise_bad_line(self, bad: BadLine, first_line_no: int) -> NoReturn:
        line_no = first_line_no + bad.line
        if bad.false_value:
            raise self.value_error(bad.problem, line_no) from None
        raise self.format_error(bad.problem, line_no) from None

    def refuse_if_too_short(self, n_numbers: int, announced: str) -> None:
        """Refuse counts that the rest of the file cannot hold, before anything is allocated.

        Parameters
        ----------
        n_numbers : int
            Numbers still to come, of at least one digit and one space each.
        announced : str
            The counts as the file gives them.
        """
        left = self._bytes.left
        if left is None:  # compressed: a table grows with what is there, never with the header
            return
        left += len(self._text) + len(self._rest)
        if 2 * n_numbers > left + 1:
            raise self.format_error(
                f"{announced} need at least {2 * n_numbers} more bytes, the file has {left}."
                " The file is cut short or its header is wrong."
            )

    # -- lines ------------------------------------------------------------------------------

    def _fill(self) -> bool:
        """Read on until there is a whole line; False at the end of the file."""
        while self._next_line >= len(self._end_l):
            if self._at_end:
                return False
            data = self._bytes.read(_CHUNK)
            if not data:
                self._at_end = True
                if self._bytes.n_read == 0:
                    raise self.format_error("the file is empty.")
                self._refuse_carriage_returns()
                text = self._rest + b"\n" if self._rest else b""
                self._rest = b""
            else:
                if self.line_no == 0 and not self._rest:
                    data = data.removeprefix(codecs.BOM_UTF8)  # Windows editors begin so
                if b"\0" in data:
                    raise self.format_error(
                        "binary data where text is expected.",
                        remedy=f"Name the right file. {self.remedy}",
                    )
                data = self._rest + data
                cut = data.rfind(b"\n") + 1
                text, self._rest = data[:cut], data[cut:]
                if len(self._rest) > _LONGEST_LINE:
                    self._refuse_carriage_returns()
                    raise self.format_error(
                        f"a line of more than {_LONGEST_LINE} characters; this is no text file."
                    )
            self._text = text.replace(b"\r\n", b"\n") if b"\r" in text else text
            self._end_l = np.flatnonzero(np.frombuffer(self._text, dtype=np.uint8) == 10)
            self._next_line = 0
        return True

    def _refuse_carriage_returns(self) -> None:
        """Refuse a file that is one line because its lines end as old Macs ended them."""
        if self.line_no == 0 and b"\r" in self._rest.rstrip():
            raise self.format_error(
                "its lines end in carriage returns alone, as on old Macs.",
                remedy="Convert them: tr '\\r' '\\n' < old > new.",
            )

    def _take(self, n_lines: int) -> bytes:
        """Take lines that are in the buffer."""
        first = self._next_line
        begin = int(self._end_l[first - 1]) + 1 if first else 0
        end = int(self._end_l[first + n_lines - 1]) + 1
        self._next_line += n_lines
        self.line_no += n_lines
        return self._text[begin:end]

    def line_or_none(self) -> str | None:
        """Next line without its newline, blank or not; None at the end of the file."""
        if not self._fill():
            return None
        return self._take(1)[:-1].decode("latin-1")

    def line(self, what: str) -> str:
        """Next line, blank or not."""
        content = self.line_or_none()
        if content is None:
            raise self.format_error(f"the file ends here, expected {what}.")
        return content

    def words(self, what: str) -> list[str]:
        """Words of the next line that is not blank."""
        while True:
            words = self.line(what).split()
            if words:
                return words

    def end(self) -> None:
        """Refuse anything but blank lines in the rest of the file."""
        while (content := self.line_or_none()) is not None:
            if content.strip():
                raise self.format_error(
                    f"expected the end of the file, found '{_shorten(content)}'."
                    " The header's counts do not fit what follows."
                )

    # -- numbers ----------------------------------------------------------------------------

    def integers(self, n: int, what: str) -> list[int]:
        """The ``n`` integers of the next line that is not blank."""
        words = self.words(what)
        if len(words) != n:
            plural = "integer" if n == 1 else "integers"
            raise self.format_error(
                f"expected {n} {plural}, {what}, found '{_shorten(' '.join(words))}'."
            )
        return [self.integer(word, what) for word in words]

    def count(self, what: str, least: int = 1) -> int:
        """The one integer of the next line, at least ``least``; a comment may follow it."""
        words = self.words(what)
        if len(words) > 1 and words[1][0] in "!#":
            words = words[:1]
        if len(words) != 1:
            raise self.format_error(
                f"expected 1 integer, {what}, found '{_shorten(' '.join(words))}'."
            )
        value = self.integer(words[0], what)
        if value < least:
            raise self.value_error(f"{what} is {value}, expected at least {least}.")
        return value

    def integer(self, word: str, what: str) -> int:
        """One word of the last line as an integer."""
        try:
            return parse_integer(word.encode("latin-1"), 0)
        except BadLine as bad:
            raise self._word_error(bad, what) from None

    def real(self, word: str, what: str) -> float:
        """One word of the last line as a number."""
        try:
            return parse_real(word.encode("latin-1"), 0)
        except BadLine as bad:
            raise self._word_error(bad, what) from None

    def _word_error(self, bad: BadLine, what: str) -> InputFileError:
        problem = f"{bad.problem} Here belongs {what}."
        return self.value_error(problem) if bad.false_value else self.format_error(problem)

    def reals(self, n: int, what: str) -> list[float]:
        """The ``n`` numbers of the next line that is not blank."""
        words = self.words(what)
        if len(words) != n:
            plural = "number" if n == 1 else "numbers"
            raise self.format_error(
                f"expected {n} {plural}, {what}, found '{_shorten(' '.join(words))}'."
            )
        return [self.real(word, what) for word in words]

    def integer_list(self, n: int, what: str) -> IntArray:
        """``n`` integers over as many lines as they take."""
        values: list[int] = []
        while len(values) < n:
            words = self.words(f"{n} integers, {what} (found {len(values)} so far)")
            values.extend(self.integer(word, f"{n} integers, {what}") for word in words)
        if len(values) > n:
            raise self.format_error(f"expected {n} integers, {what}, found {len(values)}.")
        return np.array(values, dtype=np.int64)

    def table(self, n_rows: int | None, n_cols: int, what: str) -> Table:
        """The next ``n_rows`` lines that are not blank, with ``n_cols`` numbers each.

        Parameters
        ----------
        n_rows : int or None
            How many; None for all to the end of the file.
        n_cols : int
            Numbers in a row.
        what : str
            The columns, for the message.

        Returns
        -------
        Table
            Values (column, row) and line of each row.
        """
        tables: list[FloatArray] = []
        lines: list[IntArray] = []
        n_got = 0
        while n_rows is None or n_got < n_rows:
            if not self._fill():
                if n_rows is None:
                    break
                raise self.format_error(
                    f"expected {n_rows} rows {what}, the file ends after {n_got} of them."
                    " It is cut short, or lacks rows above."
                )
            n_lines = len(self._end_l) - self._next_line
            if n_rows is not None:
                n_lines = min(n_lines, n_rows - n_got)
            first_line_no = self.line_no + 1
            try:
                rows = parse_rows(self._take(n_lines), n_cols, what)
            except BadLine as bad:
                self._raise_bad_line(bad, first_line_no)
            tables.append(rows.value_cr)
            lines.append(rows.line_r + first_line_no)
            n_got += len(rows.line_r)
        if len(tables) == 1:
            return Table(tables[0], lines[0])
        if not tables:
            return Table(np.zeros((n_cols, 0)), np.zeros(0, dtype=np.int64))
        return Table(np.concatenate(tables, axis=1), np.concatenate(lines))

    def ragged_integers(self) -> RaggedLines:
        """All integers to the end of the file, with the number of them in each line."""
        values: list[NDArray[np.int32]] = []
        counts: list[NDArray[np.int32]] = []
        lines: list[NDArray[np.int32]] = []
        while self._fill():
            first_line_no = self.line_no + 1
            try:
                ragged = parse_ragged_integers(self._take(len(self._end_l) - self._next_line))
            except BadLine as bad:
                self._raise_bad_line(bad, first_line_no)
            line_l = np.flatnonzero(ragged.count_l)
            values.append(ragged.value_x)
            counts.append(ragged.count_l[line_l])
            lines.append((line_l + first_line_no).astype(np.int32))
        if not values:
            nothing = np.zeros(0, dtype=np.int32)
            return RaggedLines(nothing, nothing, nothing)
        return RaggedLines(joined(values), joined(counts), joined(lines))


def joined(pieces: list[NDArray[_Number]]) -> NDArray[_Number]:
    """Arrays one after the other along their first axis; the list is emptied to save memory."""
    first = pieces[0]
    whole = np.empty((sum(map(len, pieces)), *first.shape[1:]), dtype=first.dtype)
    end = len(whole)
    while pieces:
        piece = pieces.pop()
        whole[end - len(piece) : end] = piece
        end -= len(piece)
    return whole


def _shorten(text: str, width: int = 60) -> str:
    """A piece of the file as it can be printed on one line."""
    text = text.strip()
    shown = text if len(text) <= width else f"{text[: width - 3]}..."
    return shown.encode("ascii", "backslashreplace").decode("ascii")
