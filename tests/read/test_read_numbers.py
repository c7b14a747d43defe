"""The three ways from text to numbers agree to the last bit, on good text and on bad."""

import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from w90spin.errors import InputFileError
from w90spin.read import numbers
from w90spin.read.numbers import BadLine, parse_rows
from w90spin.read.text import TextFile

N_ROWS = 400


def _plainly(text, n_cols):
    return numbers._parse_one_by_one(text, n_cols, "numbers")


def _outcome(parse, *arguments):
    try:
        value_cr, line_r = parse(*arguments)
    except BadLine as bad:
        return "bad line", bad.line, bad.problem, bad.false_value
    return value_cr.tobytes(), value_cr.shape, line_r.tolist()


def _three_digits(x):
    mantissa, exponent = f"{x:12.8E}".split("E")
    return f"{mantissa.rjust(12)}E{int(exponent):+04d}"


FLOATING = ("tb", "three-digit exponent", "D", "17 digits", "free")
FORMATS = {
    "hr": lambda i, x, y: f"{i % 7 - 3:5d}{i % 92 + 1:5d}{x:12.6f}{y:12.6f}\n",
    "tb": lambda i, x, y: f"{i % 7 - 3:5d}{i % 92 + 1:5d}{x:16.8E}{y:16.8E}\n",
    "three-digit exponent": lambda i, x, y: (
        f"{i:5d}{i:5d}  {_three_digits(x)}  {_three_digits(y)}\n"
    ),
    "D": lambda i, x, y: f"{i:5d}{i:5d}{x:16.8E}{y:16.8E}\n".replace("E", "D"),
    "eig": lambda i, x, y: f"{i:5d}{i:5d}{x:18.12f}{y:18.12f}\n",
    "17 digits": lambda i, x, y: f"{i:5d}{i:5d}{x:26.16e}{y:26.16E}\n",
    "no zero before the point": lambda i, x, y: (
        f"{i:5d}{i:5d}  {f'{x % 1:.6f}'[1:]}  {f'{y % 1:.6f}'[1:]}\n"
    ),
    "free": lambda i, x, y: f"{i} {i % 92} {x:.7f} {y!r}\n",
    "trailing blanks": lambda i, x, y: f"{i:5d}{i:5d}{x:12.6f}{y:12.6f}   \n",
    "tabs": lambda i, x, y: f"{i:5d}\t{i:5d}\t{x:12.6f}\t{y:12.6f}\n",
}


def _table(name, scale=3.0, spread=0):
    rng = np.random.default_rng(5)
    x_r = scale * rng.normal(size=(2, N_ROWS)) * 10.0 ** rng.uniform(-spread, spread, (2, N_ROWS))
    return "".join(FORMATS[name](i, *x_r[:, i].tolist()) for i in range(N_ROWS)).encode()


@pytest.mark.parametrize(
    ("name", "spread"), [(name, 0) for name in FORMATS] + [(name, 30) for name in FLOATING]
)
def test_all_ways_give_the_decimal_rounded_once(name, spread):
    text = _table(name, spread=spread)
    expected_cr = np.array(
        [
            [float(word.replace("D", "E")) for word in line.split()]
            for line in text.decode().splitlines()
        ]
    ).T
    for way in (parse_rows, numbers._parse_one_by_one):
        rows = way(text, 4, "numbers")
        assert rows.value_cr.tobytes() == expected_cr.tobytes()
        assert_array_equal(rows.line_r, np.arange(N_ROWS))
    free = numbers._parse_free_format(text.replace(b"D", b"E"), 4)
    assert free.value_cr.tobytes() == expected_cr.tobytes()


@pytest.mark.parametrize("name", ["hr", "tb", "D", "eig", "17 digits", "three-digit exponent"])
def test_fortran_tables_take_the_fast_way(name):
    assert numbers._parse_fixed_width(_table(name), 4) is not None


BYTES = st.sampled_from(list(b"0123456789+-.eEdD \n\t*nNx\xe9"))


@pytest.mark.parametrize("name", ["hr", "tb", "free"])
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_changed_bytes_mean_the_same_in_every_way(name, data):
    content = bytearray(_table(name))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 2))
        content[place] = data.draw(BYTES)
    text = bytes(content)
    assert _outcome(parse_rows, text, 4, "numbers") == _outcome(_plainly, text, 4)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 3))
@example(b"1-2", 2)
@example(b"0.123-104", 1)
@example(b"1.5-2.5", 1)
@example(b".", 1)
@example(b"1e5e5", 1)
@example(b"+-1", 1)
@example(b"12-345", 1)
def test_any_text_means_the_same_in_every_way(text, n_cols):
    text = text.replace(b"\0", b" ") + b"\n"
    assert _outcome(parse_rows, text, n_cols, "numbers") == _outcome(_plainly, text, n_cols)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1", 1.0),
        ("-0.0", -0.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("1D-3", 1e-3),
        ("1.5d+02", 150.0),
        ("0.123-104", 0.123e-104),
        ("-.5+003", -500.0),
        ("1e-400", 0.0),
        ("9007199254740993", 9007199254740992.0),
    ],
)
def test_fortran_words(word, value):
    rows = parse_rows(f"{word}\n".encode(), 1, "a number")
    assert struct.pack("d", rows.value_cr[0, 0]) == struct.pack("d", value)
    many = parse_rows(f"{word}\n".encode() * N_ROWS, 1, "a number")
    assert (many.value_cr == value).all()


@pytest.mark.parametrize(
    "word", ["12-345", "1.5-2.5", "+-1", "1e5e5", ".", "e5", "1e", "0x1", "1_0"]
)
def test_words_that_are_no_numbers(word):
    for repeat in (1, N_ROWS):
        with pytest.raises(BadLine, match="expected a number, found"):
            parse_rows(f"{word}\n".encode() * repeat, 1, "a number")


def test_ragged_integers():
    ragged = numbers.parse_ragged_integers(b"1 2 3\n\n -4\n+5 6\n")
    assert ragged.value_x.tolist() == [1, 2, 3, -4, 5, 6]
    assert ragged.count_l.tolist() == [3, 0, 1, 2]
    for bad in (b"1 2.0\n", b"1 1-2\n", b"3000000000\n", b"99999999999999999999999\n", b"--1\n"):
        with pytest.raises(BadLine):
            numbers.parse_ragged_integers(bad)


@pytest.mark.parametrize("chunk", [7, 64, 1000])
def test_chunks_do_not_show(tmp_path, monkeypatch, chunk):
    """Lines across the border of what is read at a time."""
    monkeypatch.setattr("w90spin.read.text._CHUNK", chunk)
    text = _table("hr").replace(b"\n", b"\r\n").replace(b"\n", b"\n\r\n", 30)
    path = tmp_path / "table"
    path.write_bytes(b"head\n" + text + b"tail")
    with TextFile(path, "") as file:
        assert file.line("a head") == "head"
        first = file.table(100, 4, "numbers")
        second = file.table(N_ROWS - 100, 4, "numbers")
        assert file.line("a tail") == "tail"
        file.end()
    expected = parse_rows(_table("hr"), 4, "numbers")
    value_cr = np.concatenate([first.value_cr, second.value_cr], axis=1)
    assert_array_equal(value_cr, expected.value_cr)
    assert first.line_r[:3].tolist() == [2, 4, 6]
    assert second.line_r[-1] == 1 + N_ROWS + 30


def test_a_line_without_end_is_no_text(tmp_path, monkeypatch):
    monkeypatch.setattr("w90spin.read.text._CHUNK", 100)
    monkeypatch.setattr("w90spin.read.text._LONGEST_LINE", 1000)
    path = tmp_path / "line"
    path.write_bytes(b"1 " * 5000)
    with (
        pytest.raises(InputFileError, match="no text file"),
        TextFile(path, "Write it.") as file,
    ):
        file.line("a line")


@pytest.mark.parametrize(
    "error", [MemoryError(), ValueError("odd"), OverflowError("big"), EOFError()]
)
def test_errors_from_inside_leave_as_the_packages(tmp_path, error):
    path = tmp_path / "file"
    path.write_text("1\n2\n")

    def fail():
        with TextFile(path, "Write it.") as file:
            file.line("a line")
            raise error

    with pytest.raises(InputFileError, match="file, line 1: ") as caught:
        fail()
    assert caught.value.__cause__ is error
