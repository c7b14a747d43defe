r"""Text to numbers, a few million a second.

Three ways, each falling back on the next; all give the same numbers to the last bit:

- *fixed width*: Fortran writes every row of a table with the same columns, so a table is a matrix
  of characters, and one column of digits is one numpy operation;
- *free format*: ``numpy.fromstring`` on the whole text, with the numbers counted line by line;
- *one by one*: the plain version, which accepts what the others do not know (an exponent without
  its letter, ``0.123-104``) and names the line and the reason where a number is wrong.

The decimal point and exponents follow Fortran: ``1.0``, ``.5``, ``2.``, ``1E-3``, ``1d-3``.
"""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from w90spin.arrays import FloatArray, IntArray

ByteArray = NDArray[np.uint8]

_NUMBER = re.compile(
    rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?"
    rb"|[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)[+-][0-9]{3}"
)
_NO_LETTER = re.compile(rb"(\.[0-9]*)([+-][0-9]{3})(?![0-9.])")
_LETTER_E = bytes.maketrans(b"dD", b"EE")
_IN_REALS = b"0123456789+-.eE \t\n"
_IN_INTEGERS = b"0123456789+- \t\n"
_POWER_OF_TEN = np.array([float(f"1e{p}") for p in range(23)])  # these, and no others, are exact
_FEWEST_FIXED_ROWS = 300  # below, the many small numpy calls cost more than they save
_LARGEST_INTEGER = 2**31 - 1  # Fortran's default integer


class BadLine(Exception):
    """A line that does not hold the numbers it should.

    Parameters
    ----------
    line : int
        Which line of the text, from 0.
    problem : str
        What was expected and what was found.
    false_value : bool
        The number is well formed but cannot be true (NaN, infinite).
    """

    def __init__(self, line: int, problem: str, false_value: bool = False) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem
        self.false_value = false_value


class Rows(NamedTuple):
    """Numbers of a table: ``value_cr`` (column, row) and the line of each row, from 0."""

    value_cr: FloatArray
    line_r: IntArray


class Ragged(NamedTuple):
    """Integers of lines of different length: all ``value_x``, and how many per line."""

    value_x: NDArray[np.int32]
    count_l: NDArray[np.int32]


def parse_rows(text: bytes, n_cols: int, what: str) -> Rows:
    """Numbers of a table with the same number of columns in each row; blank lines are skipped.

    Parameters
    ----------
    text : bytes
        Whole lines, each ended by a newline.
    n_cols : int
        Numbers in a row.
    what : str
        The columns' names, for the message.

    Returns
    -------
    Rows
        Values (column, row), and the line in ``text`` of each row.

    Raises
    ------
    BadLine
        If a line has not ``n_cols`` finite numbers.
    """
    rows = _parse_fixed_width(text, n_cols)
    if rows is None:
        rows = _parse_free_format(text.translate(_LETTER_E), n_cols)
    if rows is None:
        rows = _parse_one_by_one(text, n_cols, what)
    return rows


def parse_ragged_integers(text: bytes) -> Ragged:
    """Integers of lines with any number of them.

    Parameters
    ----------
    text : bytes
        Whole lines, each ended by a newline.

    Returns
    -------
    Ragged
        All integers in file order, and the number of them in each line (blank lines: 0).

    Raises
    ------
    BadLine
        If something is not an integer of at most 31 bits.
    """
    if not text.translate(None, _IN_INTEGERS):
        count_l = _numbers_per_line(text)
        value_x = _from_string(text, np.int64)
        if (
            value_x is not None
            and len(value_x) == count_l.sum()
            and (value_x.size == 0 or np.abs(value_x).max() <= _LARGEST_INTEGER)
        ):
            return Ragged(value_x.astype(np.int32), count_l)
    values: list[int] = []
    counts: list[int] = []
    for line, content in enumerate(text.split(b"\n")[:-1]):
        tokens = content.split()
        values.extend(parse_integer(token, line) for token in tokens)
        counts.append(len(tokens))
    return Ragged(np.array(values, dtype=np.int32), np.array(counts, dtype=np.int32))


def parse_real(token: bytes, line: int) -> float:
    """One finite number as Fortran writes it; `BadLine` otherwise."""
    if _NUMBER.fullmatch(token):
        plain = token.translate(_LETTER_E)
        if b"E" not in plain and b"e" not in plain:
            plain = _NO_LETTER.sub(rb"\1E\2", plain)
        value = float(plain)
        if np.isfinite(value):
            return value
        raise BadLine(
            line, f"expected a number below 1.8e308, found {_quote(token)}.", false_value=True
        )
    if re.fullmatch(rb"[+-]?(nan(\(.*\))?|inf(inity)?)", token, re.IGNORECASE):
        raise BadLine(line, f"expected a finite number, found {_quote(token)}.", false_value=True)
    if b"*" in token:
        raise BadLine(
            line,
            f"expected a number, found {_quote(token)}: it was too wide for its Fortran field.",
        )
    raise BadLine(line, f"expected a number, found {_quote(token)}.")


def parse_integer(token: bytes, line: int) -> int:
    """One integer of at most 31 bits; `BadLine` otherwise."""
    if re.fullmatch(rb"[+-]?[0-9]{1,40}", token):
        value = int(token)
        if abs(value) <= _LARGEST_INTEGER:
            return value
        raise BadLine(
            line, f"expected an integer below 2147483648, found {_quote(token)}.", false_value=True
        )
    if b"*" in token:
        raise BadLine(
            line,
            f"expected an integer, found {_quote(token)}: it was too wide for its Fortran field.",
        )
    raise BadLine(line, f"expected an integer, found {_quote(token)}.")


def _quote(token: bytes) -> str:
    """The token as it can be printed on one line."""
    shown = token[:40].decode("latin-1").encode("ascii", "backslashreplace").decode("ascii")
    return f"'{shown}{'...' if len(token) > 40 else ''}'"


def _from_string(text: bytes, dtype: type[np.float64 | np.int64]) -> NDArray[np.generic] | None:
    """``numpy.fromstring`` of text; None if it does not read to the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # so it reports unread text
        try:
            return np.fromstring(text, dtype=dtype, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def _numbers_per_line(text: bytes) -> NDArray[np.int32]:
    """How many words each line has."""
    byte_x = np.frombuffer(text, dtype=np.uint8)
    is_space_x = byte_x <= 32
    word_ends = np.flatnonzero(is_space_x[1:] & ~is_space_x[:-1]) + 1
    line_ends = np.flatnonzero(byte_x == 10)
    return np.diff(np.searchsorted(word_ends, line_ends, side="right"), prepend=0).astype(np.int32)


def _parse_free_format(text: bytes, n_cols: int) -> Rows | None:
    """All numbers of the text at once; None if anything is unusual.

    Every word gives at least one number, so as many numbers as words, nothing left over and
    ``n_cols`` words in each line mean that each word was read as one number.
    """
    if text.translate(None, _IN_REALS):
        return None
    count_l = _numbers_per_line(text)
    line_r = np.flatnonzero(count_l)
    if (count_l[line_r] != n_cols).any():
        return None
    value_x = _from_string(text, np.float64)
    if value_x is None or len(value_x) != n_cols * len(line_r):
        repaired = _NO_LETTER.sub(rb"\1E\2", text)
        value_x = _from_string(repaired, np.float64)
        if value_x is None or len(value_x) != n_cols * len(line_r):
            return None
    if not np.isfinite(value_x).all():
        return None
    value_cr: FloatArray = np.ascontiguousarray(value_x.reshape(-1, n_cols).T)
    return Rows(value_cr, line_r)


def _parse_one_by_one(text: bytes, n_cols: int, what: str) -> Rows:
    """The plain version: word by word."""
    values: list[float] = []
    lines: list[int] = []
    for line, content in enumerate(text.split(b"\n")[:-1]):
        tokens = content.split()
        if not tokens:
            continue
        for token in tokens:
            parse_real(token, line)
        if len(tokens) != n_cols:
            numbers = "number" if n_cols == 1 else "numbers"
            raise BadLine(
                line,
                f"expected {n_cols} {numbers} {what}, found {len(tokens)}."
                " The file is cut short or edited.",
            )
        values.extend(parse_real(token, line) for token in tokens)
        lines.append(line)
    value_cr: FloatArray = np.array(values, dtype=np.float64).reshape(-1, n_cols).T.copy()
    return Rows(value_cr, np.array(lines, dtype=np.int64))


def _parse_fixed_width(text: bytes, n_cols: int) -> Rows | None:
    """Table whose columns stand at the same place in every row; None if it is not one."""
    width = text.find(b"\n") + 1
    if width < 2 or len(text) % width or len(text) < _FEWEST_FIXED_ROWS * width:
        return None
    byte_rx = np.frombuffer(text, dtype=np.uint8).reshape(-1, width)
    if (byte_rx[:, -1] != 10).any():
        return None
    fields = [match.span() for match in re.finditer(rb"\S+", text[:width])]
    if len(fields) != n_cols:
        return None
    byte_xr: ByteArray = np.ascontiguousarray(byte_rx[:, :-1].T)
    value_cr = np.empty((n_cols, byte_xr.shape[1]))
    begin = 0
    for c, (_, end) in enumerate(fields):
        # A column belongs to the word that ends it in the first row; one space must part it
        # from the next, or two words could pass for one.
        if end < len(byte_xr) and (byte_xr[end] != 32).any():
            return None
        value_r = _parse_column(byte_xr[begin:end], text[begin:end])
        if value_r is None:
            return None
        value_cr[c] = value_r
        begin = end
    if (byte_xr[begin:] != 32).any():
        return None
    return Rows(value_cr, np.arange(byte_xr.shape[1]))


def _parse_column(byte_xr: ByteArray, pattern: bytes) -> FloatArray | None:
    """One right-justified column of numbers; ``pattern`` is its first row.

    The digits make an integer, exact below 2^53; one division or multiplication by an exact power
    of ten then rounds once, as reading the decimal does.  Numbers outside go to the plain version.
    """
    width = len(pattern)
    letter = max(pattern.find(b"E"), pattern.find(b"D"), pattern.find(b"e"), pattern.find(b"d"))
    exponent_r: IntArray | None = None
    if letter >= 0:
        exponent_r = _parse_exponent(byte_xr[letter:])
        if exponent_r is None:
            return None
    else:
        letter = width
    point = pattern.find(b".", 0, letter)
    if point < 0:
        point = letter
    elif (byte_xr[point] != ord(".")).any():
        return None
    n_decimals = max(letter - point - 1, 0)
    if n_decimals > 22:
        return None

    n_rows = byte_xr.shape[1]
    digits_r = np.zeros(n_rows, dtype=np.int64)
    negative_r = np.zeros(n_rows, dtype=np.bool_)
    begun_r = np.zeros(n_rows, dtype=np.bool_)
    n_digits_r = np.zeros(n_rows, dtype=np.uint8)
    for x in range(letter):
        if x == point:
            continue
        byte_r = byte_xr[x]
        digit_r = byte_r - np.uint8(48)  # anything but a digit wraps to 10 or more
        is_digit_r = digit_r < 10
        if x < point:
            is_space_r = byte_r == 32
            is_minus_r = byte_r == ord("-")
            opening_r = is_space_r | is_minus_r | (byte_r == ord("+"))
            if not (is_digit_r | (opening_r & ~begun_r)).all():
                return None
            negative_r |= is_minus_r
            begun_r |= ~is_space_r
            digit_r *= is_digit_r
        elif not is_digit_r.all():
            return None
        n_digits_r += is_digit_r
        digits_r *= 10
        digits_r += digit_r
    if n_digits_r.min() < 1 or n_digits_r.max() > 18:  # above 18 the integer has overflowed
        return None

    shift_r = np.full(n_rows, -n_decimals, dtype=np.int64)
    if exponent_r is not None:
        shift_r += exponent_r
    value_r: FloatArray = digits_r.astype(np.float64)
    if exponent_r is None:
        value_r /= _POWER_OF_TEN[n_decimals]
        far_r = digits_r > 2**53
    else:
        value_r *= _POWER_OF_TEN[np.clip(shift_r, 0, 22)]
        value_r /= _POWER_OF_TEN[np.clip(-shift_r, 0, 22)]
        far_r = (digits_r > 2**53) | ((np.abs(shift_r) > 22) & (digits_r > 0))
    np.negative(value_r, out=value_r, where=negative_r)
    far = np.flatnonzero(far_r)
    if len(far):
        text_rx = np.full((len(far), width + 1), 32, dtype=np.uint8)
        text_rx[:, :width] = byte_xr[:, far].T
        far_value_r = _from_string(text_rx.tobytes().translate(_LETTER_E), np.float64)
        if far_value_r is None or len(far_value_r) != len(far):
            return None
        value_r[far] = far_value_r
    return value_r if np.isfinite(value_r).all() else None


def _parse_exponent(byte_xr: ByteArray) -> IntArray | None:
    """Letter, sign and two or three digits in every row; None if not so."""
    if len(byte_xr) not in (4, 5):
        return None
    letter_r, sign_r, digit_xr = byte_xr[0], byte_xr[1], byte_xr[2:] - np.uint8(48)
    is_letter_r = (letter_r & np.uint8(0xDE)) == ord("D")  # D E d e, as bits
    if not is_letter_r.all() or not (digit_xr < 10).all():
        return None
    is_minus_r = sign_r == ord("-")
    if not (is_minus_r | (sign_r == ord("+"))).all():
        return None
    exponent_r = np.zeros(byte_xr.shape[1], dtype=np.int64)
    for digit_r in digit_xr:
        exponent_r = 10 * exponent_r + digit_r
    return np.where(is_minus_r, -exponent_r, exponent_r)
