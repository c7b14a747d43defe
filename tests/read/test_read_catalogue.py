"""A catalogue of bad input, made from the bismuth monolayer's files and the small samples.

Each entry is one damaged file.  It must be refused with an InputFileError that names the file, the
place in it, what is wrong and what to do; harmless changes of text must be read.  The number of
entries stands in the name of the test `test_size_of_the_catalogue`.
"""

import bz2
import codecs
import functools
import gzip
import lzma
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import read_samples as sample
from numpy.testing import assert_array_equal

from w90spin import read
from w90spin.errors import FileFormatError, FileMissingError, FileValueError, InputFileError

BI = Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi"
CHECKPOINT = sample.Checkpoint()
F, V, M = FileFormatError, FileValueError, FileMissingError


# -- the sound files ---------------------------------------------------------------------------


@functools.cache
def bi(suffix):
    """Content of one of the monolayer's files."""
    path = read.find_file(BI, suffix)
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


SMALL = {
    "_hr.dat": sample.hr_text,
    "_tb.dat": sample.tb_text,
    "_r.dat": sample.rmn_text,
    "_wsvec.dat": sample.wsvec_text,
    "_centres.xyz": lambda: sample.CENTRES_TEXT,
    ".eig": sample.eig_text,
    ".amn": sample.amn_text,
    ".mmn": sample.mmn_text,
    ".spn.fmt": sample.spn_text,
    ".chk.fmt": CHECKPOINT.text,
    ".uHu.fmt": lambda: sample.xxu_text("uHu"),
    ".sHu.fmt": lambda: sample.xxu_text("sHu"),
    ".win": lambda: sample.WIN_TEXT,
    ".nnkp": lambda: sample.NNKP_TEXT,
    ".wout": lambda: sample.WOUT_TEXT,
    ".spn": lambda: sample.records(sample.spn_items()),
    ".chk": lambda: sample.records(CHECKPOINT.items()),
    ".uIu": lambda: sample.records(sample.xxu_items("uIu")),
    ".sIu": lambda: sample.records(sample.xxu_items("sIu")),
}
READERS = {
    "_hr.dat": read.read_hr,
    "_tb.dat": read.read_tb,
    "_r.dat": read.read_rmn,
    "_wsvec.dat": read.read_wsvec,
    "_centres.xyz": read.read_centres,
    ".eig": read.read_eig,
    ".amn": read.read_amn,
    ".mmn": read.read_mmn,
    ".spn": read.read_spn,
    ".chk": read.read_chk,
    ".uHu": read.read_uxu,
    ".uIu": read.read_uxu,
    ".sHu": read.read_sxu,
    ".sIu": read.read_sxu,
    ".win": read.read_win,
    ".nnkp": read.read_nnkp,
    ".wout": read.read_wout,
}
RECORDS = (".spn", ".chk", ".uIu", ".sIu")
TEXTS = tuple(suffix for suffix in SMALL if suffix not in RECORDS)


def _reader(suffix):
    return READERS[suffix.removesuffix(".fmt")]


def small(suffix):
    content = SMALL[suffix]()
    return content.encode() if isinstance(content, str) else content


# -- damages -----------------------------------------------------------------------------------


def lines(content, begin=0, end=None):
    return b"".join(content.splitlines(keepends=True)[begin:end])


def set_line(content, number, new):
    """Line ``number``, from 1, exchanged; None leaves it out."""
    every = content.splitlines(keepends=True)
    every[number - 1 : number] = [] if new is None else [new.encode() + b"\n"]
    return b"".join(every)


def set_word(content, number, position, word):
    """One word of line ``number``, from 1, exchanged."""
    words = content.splitlines()[number - 1].split()
    words[position] = word.encode()
    return set_line(content, number, b" ".join(words).decode())


def swap_lines(content, a, b):
    every = content.splitlines(keepends=True)
    every[a - 1], every[b - 1] = every[b - 1], every[a - 1]
    return b"".join(every)


def cut_in_line(content, number):
    """The file ends after the first number of line ``number``."""
    kept = lines(content, 0, number)
    return lines(content, 0, number - 1) + b" " + kept.splitlines()[-1].split()[0]


def xor(content, place, mask=0x40):
    content = bytearray(content)
    content[place] ^= mask
    return bytes(content)


def add_to_element(content, row_start, amount):
    """Add to the real part of the first row that begins with these words."""
    start = content.index(row_start)
    end = content.index(b"\n", start)
    words = content[start:end].split()
    words[-2] = f"{float(words[-2]) + amount:.8f}".encode()
    return content[:start] + b" ".join(words) + content[end:]


def records_of(content):
    """Contents of the records of a file with marks of four bytes, little endian."""
    records, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "little")
        records.append(content[at + 4 : at + 4 + length])
        at += length + 8
    return records


def set_number(content, record, number, value):
    """One real number of a record, both counted from 0."""
    records = records_of(content)
    reals = np.frombuffer(records[record], "<f8").copy()
    reals[number] = value
    records[record] = reals.tobytes()
    return sample.records(records)


def set_sizes(content, *sizes):
    """The second record's integers exchanged."""
    header, _, *rest = records_of(content)
    return sample.records([header, np.array(sizes, "<i4").tobytes(), *rest])


def cut_in_record(content, record, n_bytes):
    """The file ends ``n_bytes`` into a record's content, its first mark included."""
    records = records_of(content)
    return sample.records(records[:record]) + sample.records(records[record : record + 1])[:n_bytes]


HUGE = "1000000000"
HR_1 = b"   -3   -3    0    1    1"  # the first row of the monolayer's H(R)
HOME = b"    0    0    0    2    1"

# name: (suffix of the file, content, error, pattern of its place)
CATALOGUE = {
    # _hr.dat of the monolayer: lines 1-3 head, 4-7 degeneracies, then 49 blocks of 1024 rows
    "hr ends after the header": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 1), F, "line 1"),
    "hr ends after one count": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 2), F, "line 2"),
    "hr ends after the counts": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 3), F, "line 3"),
    "hr ends in the degeneracies": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 5), F, "line"),
    "hr ends after the degeneracies": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 7), F, "line"),
    "hr ends in a block": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, 40000), F, "line 40000"),
    "hr ends between blocks": (
        "_hr.dat",
        lambda: lines(bi("_hr.dat"), 0, 7 + 30 * 1024),
        F,
        f"line {7 + 30 * 1024}",
    ),
    "hr ends in a line": ("_hr.dat", lambda: cut_in_line(bi("_hr.dat"), 30000), F, "line"),
    "hr last line missing": ("_hr.dat", lambda: lines(bi("_hr.dat"), 0, -1), F, "line 50182"),
    "hr row missing": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 5000, None), V, "line 5000"),
    "hr row twice": (
        "_hr.dat",
        lambda: lines(bi("_hr.dat"), 0, 5000) + lines(bi("_hr.dat"), 4999),
        V,
        "line 5001",
    ),
    "hr rows swapped": ("_hr.dat", lambda: swap_lines(bi("_hr.dat"), 900, 901), V, "line 900"),
    "hr rows of two blocks swapped": (
        "_hr.dat",
        lambda: swap_lines(bi("_hr.dat"), 108, 108 + 1024),
        V,
        "line 108",
    ),
    "hr block missing": (
        "_hr.dat",
        lambda: (
            bi("_hr.dat")
            .replace(b" 49\n", b" 48\n", 1)
            .replace(b"1    1    1    1\n", b"1 1 1\n", 1)
        )[: -1024 * 50],
        (F, V),
        "line|R =",
    ),
    "hr R twice": (
        "_hr.dat",
        lambda: re.sub(rb"(?m)^   -3   -2    0", b"   -3   -3    0", bi("_hr.dat")),
        V,
        r"R = \(-3, -3, 0\)",
    ),
    "hr R without -R": (
        "_hr.dat",
        lambda: re.sub(rb"(?m)^   -3   -3    0", b"   -3   -3    1", bi("_hr.dat")),
        V,
        r"R = \(-3, -3, 1\)",
    ),
    "hr no R = 0": (
        "_hr.dat",
        lambda: re.sub(rb"(?m)^    0    0    0", b"    0    0    9", bi("_hr.dat")),
        V,
        r"R = \(0, 0, 0\)",
    ),
    "hr NaN": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 5, "NaN"), V, "line 777"),
    "hr Infinity": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 6, "-Inf"), V, "line 777"),
    "hr beyond all numbers": (
        "_hr.dat",
        lambda: set_word(bi("_hr.dat"), 9, 6, "1e999"),
        V,
        "line 9",
    ),
    "hr stars": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 5, 12 * "*"), F, "line 777"),
    "hr stars for an index": (
        "_hr.dat",
        lambda: set_word(bi("_hr.dat"), 777, 3, "*****"),
        F,
        "line 777",
    ),
    "hr two points": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 5, "0.1.2"), F, "line 777"),
    "hr comma": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 5, "0,125"), F, "line 777"),
    "hr letter O for zero": (
        "_hr.dat",
        lambda: set_word(bi("_hr.dat"), 777, 5, "O.125"),
        F,
        "line 777",
    ),
    "hr not ASCII": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 777, 5, "0.١٢"), F, "line 777"),
    "hr number missing": (
        "_hr.dat",
        lambda: set_line(bi("_hr.dat"), 777, "-3 -3 0 2 25 0.1"),
        F,
        "line 777",
    ),
    "hr numbers run together": (
        "_hr.dat",
        lambda: set_line(bi("_hr.dat"), 777, "   -3   -3    0    2   25-12345.678901 0.000000"),
        F,
        "line 777",
    ),
    "hr fractional index": (
        "_hr.dat",
        lambda: set_word(bi("_hr.dat"), 777, 2, "0.5"),
        V,
        "line 777",
    ),
    "hr not Hermitian by 1e-3 eV": (
        "_hr.dat",
        lambda: add_to_element(bi("_hr.dat"), HR_1, 1e-3),
        V,
        r"R = \(-3, -3, 0\), i = 1, j = 1",
    ),
    "hr not Hermitian by 99 eV": (
        "_hr.dat",
        lambda: add_to_element(bi("_hr.dat"), HOME, 99.0),
        V,
        r"R = \(0, 0, 0\)",
    ),
    "hr sign of one imaginary part": (
        "_hr.dat",
        lambda: (
            re.sub(
                rb"(?m)^(    0    0    0    1    3 .*)0\.000000$", rb"\g<1>0.500000", bi("_hr.dat")
            )
            if re.search(rb"(?m)^    0    0    0    1    3 .*0\.000000$", bi("_hr.dat"))
            else set_word(bi("_hr.dat"), 7 + 24 * 1024 + 65, 6, "0.5")
        ),
        V,
        r"R = \(0, 0, 0\)",
    ),
    "hr one function more": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 2, "33"), V, "line 40"),
    "hr one function less": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 2, "31"), V, "line"),
    "hr one R more": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 3, "50"), F, "line"),
    "hr one R less": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 3, "48"), F, "line 7"),
    "hr no functions": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 2, "0"), V, "line 2"),
    "hr negative count": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 3, "-49"), V, "line 3"),
    "hr 1e9 functions": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 2, HUGE), F, "line 3"),
    "hr 1e9 lattice vectors": ("_hr.dat", lambda: set_line(bi("_hr.dat"), 3, HUGE), F, "line 3"),
    "hr degeneracy zero": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 4, 0, "0"), V, r"R = \("),
    "hr degeneracy of one R": ("_hr.dat", lambda: set_word(bi("_hr.dat"), 4, 0, "2"), V, r"R = \("),
    "hr is a _tb.dat": ("_hr.dat", lambda: bi("_tb.dat"), F, "line 2"),
    "hr is a .chk": ("_hr.dat", lambda: bi(".chk"), F, ""),
    # _tb.dat: lines 1-10 head, then blocks of a blank line, R, 1024 rows
    "tb ends in the cell": ("_tb.dat", lambda: lines(bi("_tb.dat"), 0, 3), F, "line 3"),
    "tb ends after H(R)": ("_tb.dat", lambda: lines(bi("_tb.dat"), 0, 10 + 49 * 1026), F, "line"),
    "tb ends in r(R)": ("_tb.dat", lambda: lines(bi("_tb.dat"), 0, 70000), F, "line 70000"),
    "tb ends in a line": ("_tb.dat", lambda: cut_in_line(bi("_tb.dat"), 70000), F, "line"),
    "tb last line missing": ("_tb.dat", lambda: lines(bi("_tb.dat"), 0, -1), F, "line"),
    "tb R line missing": ("_tb.dat", lambda: set_line(bi("_tb.dat"), 12, None), F, "line 12"),
    "tb rows swapped": ("_tb.dat", lambda: swap_lines(bi("_tb.dat"), 20, 21), V, "line 20"),
    "tb row of H missing": ("_tb.dat", lambda: set_line(bi("_tb.dat"), 20, None), (F, V), "line"),
    "tb other R in r(R)": (
        "_tb.dat",
        lambda: set_line(bi("_tb.dat"), 10 + 49 * 1026 + 2, "  -3   -2    0"),
        V,
        f"line {10 + 49 * 1026 + 2}",
    ),
    "tb NaN in r(R)": (
        "_tb.dat",
        lambda: set_word(bi("_tb.dat"), 70000, 4, "nan"),
        V,
        "line 70000",
    ),
    "tb not Hermitian by 1e-3 eV": (
        "_tb.dat",
        lambda: set_word(bi("_tb.dat"), 13, 2, "0.56493522E-03"),
        V,
        r"R = \(-3, -3, 0\), i = 1, j = 1",
    ),
    "tb cell flat": ("_tb.dat", lambda: set_line(bi("_tb.dat"), 4, "1.0 1.0 0.0"), V, "line 4"),
    "tb 1e9 functions": ("_tb.dat", lambda: set_line(bi("_tb.dat"), 5, HUGE), F, "line 6"),
    "tb is an _hr.dat": ("_tb.dat", lambda: bi("_hr.dat"), F, "line 2"),
    # _r.dat
    "r last line missing": ("_r.dat", lambda: lines(small("_r.dat"), 0, -1), F, "line"),
    "r rows swapped": ("_r.dat", lambda: swap_lines(small("_r.dat"), 5, 6), V, "line 5"),
    "r R twice": (
        "_r.dat",
        lambda: small("_r.dat").replace(b"\n    1    0", b"\n   -1    0"),
        V,
        r"R = \(-1, 0, 0\)",
    ),
    "r R without -R": (
        "_r.dat",
        lambda: small("_r.dat").replace(b"\n    1    0", b"\n    2    0"),
        V,
        r"R = \(-1, 0, 0\)",
    ),
    "r without the number of R": (
        "_r.dat",
        lambda: set_line(small("_r.dat"), 3, None),
        F,
        "line 3",
    ),
    "r is an _hr.dat": ("_r.dat", lambda: small("_hr.dat"), F, "line"),
    # _wsvec.dat: line 1 head, then entries of at least three lines
    "wsvec ends after the header": (
        "_wsvec.dat",
        lambda: lines(bi("_wsvec.dat"), 0, 1),
        F,
        "line 1",
    ),
    "wsvec ends in an entry": ("_wsvec.dat", lambda: lines(bi("_wsvec.dat"), 0, 3), F, "line"),
    "wsvec last line missing": ("_wsvec.dat", lambda: lines(bi("_wsvec.dat"), 0, -1), F, "line"),
    "wsvec last entry missing": ("_wsvec.dat", lambda: lines(bi("_wsvec.dat"), 0, -3), F, "line"),
    "wsvec without flag": (
        "_wsvec.dat",
        lambda: set_line(bi("_wsvec.dat"), 1, "## head"),
        F,
        "line 1",
    ),
    "wsvec flag against the entries": (
        "_wsvec.dat",
        lambda: bi("_wsvec.dat").replace(b".true.", b".false.", 1),
        V,
        "line 1",
    ),
    "wsvec applied flag unreadable": (
        "_wsvec.dat",
        lambda: set_line(
            small("_wsvec.dat"), 1, "## use_ws_distance=.true. write_ndegen_applied=perhaps"
        ),
        F,
        "line 1",
    ),
    "wsvec count too large": (
        "_wsvec.dat",
        lambda: set_line(bi("_wsvec.dat"), 3, "2"),
        F,
        "line 3",
    ),
    "wsvec 1e9 translations": (
        "_wsvec.dat",
        lambda: set_line(bi("_wsvec.dat"), 3, HUGE),
        F,
        "line 3",
    ),
    "wsvec entry order": (
        "_wsvec.dat",
        lambda: set_line(bi("_wsvec.dat"), 2, "   -3   -3    0    1    2"),
        V,
        "line 2",
    ),
    # _centres.xyz
    "centres last line missing": (
        "_centres.xyz",
        lambda: lines(bi("_centres.xyz"), 0, -1),
        F,
        "line",
    ),
    "centres one line more": (
        "_centres.xyz",
        lambda: bi("_centres.xyz") + b"Bi 0.0 0.0 0.0\n",
        F,
        "line 39",
    ),
    "centres stars": (
        "_centres.xyz",
        lambda: set_word(bi("_centres.xyz"), 5, 2, "*****"),
        F,
        "line 5",
    ),
    "centres NaN": ("_centres.xyz", lambda: set_word(bi("_centres.xyz"), 5, 2, "NaN"), V, "line 5"),
    # .eig
    "eig last line missing": (".eig", lambda: lines(bi(".eig"), 0, -1), F, "line"),
    "eig rows swapped": (".eig", lambda: swap_lines(bi(".eig"), 7, 8), V, "line 7"),
    "eig k point missing": (
        ".eig",
        lambda: lines(bi(".eig"), 0, 48) + lines(bi(".eig"), 96),
        V,
        "line 49",
    ),
    "eig Infinity": (".eig", lambda: set_word(bi(".eig"), 50, 2, "Infinity"), V, "line 50"),
    "eig not ASCII": (".eig", lambda: "é".encode() + bi(".eig"), F, "line 1"),
    "amn absurd number": (".amn", lambda: set_word(bi(".amn"), 99, 4, "1.0e30"), V, "line 99"),
    "mmn absurd number": (".mmn", lambda: set_word(bi(".mmn"), 99, 1, "-7.0e5"), V, "line"),
    # .amn, .mmn
    "amn last line missing": (".amn", lambda: lines(bi(".amn"), 0, -1), F, "line"),
    "amn row twice": (".amn", lambda: set_line(bi(".amn"), 4, "1 1 1 0.1 0.1"), V, "line 3"),
    "amn k point out of range": (".amn", lambda: set_word(bi(".amn"), 99, 2, "50"), V, "line 99"),
    "amn NaN": (".amn", lambda: set_word(bi(".amn"), 99, 4, "NaN"), V, "line 99"),
    "amn 1e9 bands": (".amn", lambda: set_line(bi(".amn"), 2, f"{HUGE} 49 32"), F, "line 2"),
    "mmn ends after a block": (".mmn", lambda: lines(bi(".mmn"), 0, 2 + 2305), F, "line 2"),
    "mmn last line missing": (".mmn", lambda: lines(small(".mmn"), 0, -1), F, "line"),
    "mmn neighbour twice": (".mmn", lambda: set_line(small(".mmn"), 13, "1 2 0 0 0"), V, "line 13"),
    "mmn stars": (".mmn", lambda: set_word(small(".mmn"), 5, 0, 18 * "*"), F, "line 5"),
    "mmn 1e9 neighbours": (".mmn", lambda: set_line(small(".mmn"), 2, f"3 2 {HUGE}"), F, "line 2"),
    # .spn: records 1 header, 2 sizes, then one a k point
    "spn ends in the header": (".spn", lambda: bi(".spn")[:30], F, "record 1"),
    "spn ends after the header": (".spn", lambda: cut_in_record(bi(".spn"), 1, 0), F, "record 2"),
    "spn ends in the sizes": (".spn", lambda: cut_in_record(bi(".spn"), 1, 7), F, "record 2"),
    "spn ends between k points": (".spn", lambda: cut_in_record(bi(".spn"), 9, 0), F, "record 10"),
    "spn ends in a k point": (".spn", lambda: cut_in_record(bi(".spn"), 9, 1000), F, "record 10"),
    "spn ends before the last mark": (".spn", lambda: bi(".spn")[:-4], F, "record 51"),
    "spn one band more": (
        ".spn",
        lambda: set_sizes(bi(".spn"), 49, 49),
        F,
        "record 3",
    ),
    "spn one k point less": (
        ".spn",
        lambda: set_sizes(bi(".spn"), 48, 48),
        F,
        "record 50",
    ),
    "spn absurd number": (
        ".spn",
        lambda: bi(".spn")[:20_000] + struct.pack("<d", 1e300) + bi(".spn")[20_008:],
        V,
        "record 3",
    ),
    "spn 1e9 bands": (
        ".spn",
        lambda: set_sizes(bi(".spn"), 10**9, 49),
        F,
        "record 3",
    ),
    "spn NaN": (".spn", lambda: set_number(bi(".spn"), 10, 77, np.nan), V, "record 11"),
    "spn Infinity": (".spn", lambda: set_number(bi(".spn"), 10, 77, np.inf), V, "record 11"),
    "spn diagonal not real": (".spn", lambda: set_number(bi(".spn"), 10, 1, 0.5), V, "record 11"),
    "spn mark of a record": (".spn", lambda: xor(bi(".spn"), 68 + 1), F, "record 2"),
    "spn mark of the first record": (".spn", lambda: xor(bi(".spn"), 1), F, "record 1"),
    "spn numbers big endian, marks little": (
        ".spn",
        lambda: sample.records(sample.spn_items(">"), "<i4"),
        (F, V),
        "record",
    ),
    "chk numbers little endian, marks big": (
        ".chk",
        lambda: sample.records(records_of(bi(".chk")), ">i4"),
        F,
        "record 2",
    ),
    "spn marks of 8 and of 4 bytes": (
        ".spn",
        lambda: (
            sample.records(sample.spn_items()[:2], "<i8")
            + sample.records(sample.spn_items()[2:], "<i4")
        ),
        F,
        "record 3",
    ),
    "spn is a .chk": (".spn", lambda: bi(".chk"), F, "record 2"),
    "spn is text": (".spn", lambda: bi("_hr.dat"), F, "line 2"),
    "spn.fmt last line missing": (".spn.fmt", lambda: lines(small(".spn.fmt"), 0, -1), F, "line"),
    "spn.fmt row missing": (
        ".spn.fmt",
        lambda: set_line(small(".spn.fmt"), 9, None),
        (F, V),
        "line",
    ),
    # .chk: 17 records before the rotations
    "chk ends after the bands": (".chk", lambda: cut_in_record(bi(".chk"), 2, 0), F, "record 3"),
    "chk ends in the k points": (".chk", lambda: cut_in_record(bi(".chk"), 8, 50), F, "record 9"),
    "chk ends in the rotations": (
        ".chk",
        lambda: cut_in_record(bi(".chk"), 17, 5000),
        F,
        "record 18",
    ),
    "chk ends before the spreads": (
        ".chk",
        lambda: cut_in_record(bi(".chk"), 20, 0),
        F,
        "record 21",
    ),
    "chk bytes after the end": (".chk", lambda: bi(".chk") + b"\0\0\0\0", F, "record 21"),
    "chk k point off the mesh": (".chk", lambda: set_number(bi(".chk"), 8, 4, 0.3), V, "record 9"),
    "chk k point twice": (".chk", lambda: set_number(bi(".chk"), 8, 4, 0.0), V, "record 9"),
    "chk cell against reciprocal": (
        ".chk",
        lambda: set_number(bi(".chk"), 4, 0, 9.0),
        V,
        "record 6",
    ),
    "chk rotation not unitary": (
        ".chk",
        lambda: set_number(bi(".chk"), 17, 0, 0.9),
        V,
        "record 18",
    ),
    "chk subspace not orthonormal": (
        ".chk",
        lambda: set_number(bi(".chk"), 16, 0, 0.9),
        V,
        "record 17",
    ),
    "chk NaN in the overlaps": (
        ".chk",
        lambda: set_number(bi(".chk"), 18, 7, np.nan),
        V,
        "record 19",
    ),
    "chk is a .spn": (".chk", lambda: bi(".spn"), F, "record 3"),
    "chk.fmt last line missing": (".chk.fmt", lambda: lines(small(".chk.fmt"), 0, -1), F, "line"),
    "chk.fmt integer beyond all": (
        ".chk.fmt",
        lambda: small(".chk.fmt").replace(b"\n1\n1\n1\n", b"\n1\n1.0E+300\n1\n", 1),
        F,
        "line",
    ),
    "chk.fmt flag of two": (
        ".chk.fmt",
        lambda: small(".chk.fmt").replace(b"\n1\n1\n1\n", b"\n1\n2\n1\n", 1),
        F,
        "line",
    ),
    "chk.fmt 1e9 bands": (".chk.fmt", lambda: set_line(small(".chk.fmt"), 2, HUGE), (F, V), "line"),
    # .uHu and its kin
    "uHu text last line missing": (".uHu.fmt", lambda: lines(small(".uHu.fmt"), 0, -1), F, "line"),
    "uHu text NaN": (".uHu.fmt", lambda: set_word(small(".uHu.fmt"), 7, 1, "NaN"), V, "line 7"),
    "uHu not Hermitian": (
        ".uHu.fmt",
        lambda: set_word(small(".uHu.fmt"), 7, 1, "9.0"),
        V,
        "k point 1",
    ),
    "uHu without neighbours": (
        ".uHu.fmt",
        lambda: set_line(small(".uHu.fmt"), 2, "3 2 0"),
        V,
        "line 2",
    ),
    "uIu last record missing": (".uIu", lambda: cut_in_record(small(".uIu"), 9, 0), F, "record 10"),
    "uIu is a .sIu": (".uIu", lambda: small(".sIu"), F, "record 10"),
    "sIu is a .uIu": (".sIu", lambda: small(".uIu"), F, "record 11"),
    "sIu record cut": (".sIu", lambda: small(".sIu")[:-20], F, "record 14"),
    "sHu text one number more": (
        ".sHu.fmt",
        lambda: small(".sHu.fmt") + b"0.0 0.0\n",
        F,
        "line 111",
    ),
    # .win, .nnkp, .wout
    "win ends in a block": (
        ".win",
        lambda: bi(".win")[: bi(".win").index(b"end kpoints")],
        F,
        "line",
    ),
    "win k point missing": (
        ".win",
        lambda: re.sub(rb"(begin kpoints\n)[^\n]*\n", rb"\1", bi(".win")),
        V,
        "kpoints",
    ),
    "win without value": (
        ".win",
        lambda: bi(".win").replace(b"num_wann = 32", b"num_wann ="),
        F,
        "line",
    ),
    "win keyword twice": (".win", lambda: bi(".win") + b"num_wann = 32\n", F, "line"),
    "nnkp ends in a block": (".nnkp", lambda: lines(bi(".nnkp"), 0, 100), F, "line 100"),
    "nnkp one k point more": (
        ".nnkp",
        lambda: re.sub(rb"(begin kpoints\n)\s*49", rb"\g<1> 50", bi(".nnkp")),
        F,
        "line",
    ),
    "wout without final state": (
        ".wout",
        lambda: bi(".wout")[: bi(".wout").index(b"Final State")],
        F,
        "line",
    ),
    "wout stars for a spread": (
        ".wout",
        lambda: re.sub(
            rb"(Final State\n(?:[^\n]*\n){3}[^)]*\))[^\n]*", rb"\1 ************", bi(".wout")
        ),
        F,
        "line",
    ),
}

# The same for every file: ended in the middle, packed and cut, of the other kind, empty.
for _suffix in SMALL:
    CATALOGUE[f"{_suffix} empty"] = (_suffix, bytes, F, "")
    CATALOGUE[f"{_suffix} cut off"] = (
        _suffix,
        lambda suffix=_suffix: small(suffix)[: int(0.58 * len(small(suffix)))],
        (F, V),
        "line|record|kpoints|block|Lattice|",
    )
    CATALOGUE[f"{_suffix} packed and cut short"] = (
        _suffix,
        lambda suffix=_suffix: gzip.compress(small(suffix))[:-40],
        F,
        "",
    )
for _suffix in TEXTS:
    CATALOGUE[f"{_suffix} of noise"] = (
        _suffix,
        lambda: np.random.default_rng(3).bytes(3000),
        F,
        "",
    )
    CATALOGUE[f"{_suffix} with lines of old Macs"] = (
        _suffix,
        lambda suffix=_suffix: small(suffix).replace(b"\n", b"\r"),
        F,
        "",
    )
    CATALOGUE[f"{_suffix} in UTF-16"] = (
        _suffix,
        lambda suffix=_suffix: small(suffix).decode().encode("utf-16"),
        F,
        "",
    )
for _suffix in RECORDS:
    CATALOGUE[f"{_suffix} of noise"] = (
        _suffix,
        lambda: b"\1" + np.random.default_rng(3).bytes(3000),
        F,
        "",
    )
    CATALOGUE[f"{_suffix} opened as text and saved"] = (  # what is not UTF-8 becomes U+FFFD
        _suffix,
        lambda suffix=_suffix: small(suffix).decode("utf-8", "replace").encode(),
        (F, V),
        "",
    )


@pytest.mark.parametrize("name", CATALOGUE)
def test_refused(tmp_path, name):
    suffix, build, kinds, place = CATALOGUE[name]
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(build())
    with pytest.raises(InputFileError) as caught:
        _reader(suffix)(path)
    error = caught.value
    assert isinstance(error, kinds), error
    assert error.path == path
    assert str(error).startswith(str(path))
    assert re.search(place, error.where), error
    assert len(error.problem) > 15
    assert error.remedy
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("marks big", "the other byte order"), ("old Macs", "carriage returns alone.*tr ")],
)
def test_the_cause_is_named(tmp_path, kind, words):
    names = [name for name in CATALOGUE if kind in name]
    assert names
    for name in names:
        suffix, build, *_ = CATALOGUE[name]
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(build())
        with pytest.raises(InputFileError, match=words):
            _reader(suffix)(path)


@pytest.mark.parametrize("size", [len(CATALOGUE)], ids=[f"{len(CATALOGUE)} damaged files"])
def test_size_of_the_catalogue(size):
    assert size >= 80
    assert len({(entry[0], entry[1]()) for entry in CATALOGUE.values()}) > 0.85 * size


@pytest.mark.parametrize("suffix", SMALL)
def test_folder(tmp_path, suffix):
    with pytest.raises(FileMissingError, match="directory"):
        _reader(suffix)(tmp_path)


@pytest.mark.parametrize("packed", ["plain", "gz", "bz2", "xz"])
@pytest.mark.parametrize("name", [name for name in CATALOGUE if "1e9" in name])
def test_false_counts_cost_no_memory(tmp_path, name, packed):
    """Peak below four times the file and the readers' fixed buffers of some 4 MiB."""
    suffix, build, _, _ = CATALOGUE[name]
    pack = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[packed]
    content = build()
    if packed != "plain":
        content = content[:200_000]
    path = tmp_path / "huge"
    path.write_bytes(pack(content))
    tracemalloc.start()
    try:
        with pytest.raises(InputFileError):
            _reader(suffix)(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(content) + 16e6


# -- what is no damage -------------------------------------------------------------------------


def _blank_lines(text):
    head = 2 if text.startswith(b"     3\n Wannier centres") else 1
    return lines(text, 0, head) + lines(text, head).replace(b"\n", b"\n \n\n")


HARMLESS = {
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "D exponents": lambda text: re.sub(rb"(\d)[Ee]([+-]\d\d)\b", rb"\1D\2", text),
    "d exponents": lambda text: re.sub(rb"(\d)[Ee]([+-]\d\d)\b", rb"\1d\2", text),
    "exponents without E": lambda text: re.sub(
        rb"(\d\.\d+)[Ee]([+-])(\d\d)\b", rb"\1\g<2>0\3", text
    ),
    "blank lines": _blank_lines,
    "blanks at the end of lines": lambda text: text.replace(b"\n", b"   \n"),
    "tabs": lambda text: lines(text, 0, 1) + lines(text, 1).replace(b"  ", b" \t"),
    "no newline at the end": lambda text: text.rstrip(b"\n"),
    "byte order mark": lambda text: codecs.BOM_UTF8 + text,
    "blank lines at the end": lambda text: text + b"\n \n\n",
}


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("suffix", TEXTS)
def test_harmless_changes_are_read(tmp_path, suffix, change):
    sound, changed = tmp_path / "sound", tmp_path / "changed"
    sound.write_bytes(small(suffix))
    changed.write_bytes(HARMLESS[change](small(suffix)))
    expected, found = _reader(suffix)(sound), _reader(suffix)(changed)
    for field, value in vars(expected).items():
        if isinstance(value, np.ndarray):
            assert_array_equal(getattr(found, field), value, strict=True)


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("suffix", ["_hr.dat", "_tb.dat"])
def test_harmless_changes_of_large_files(tmp_path, suffix, change):
    if change not in ("CRLF", "D exponents", "tabs"):
        pytest.skip("the small files tell")
    path = tmp_path / "changed"
    path.write_bytes(HARMLESS[change](bi(suffix)))
    expected, found = _reader(suffix)(read.find_file(BI, suffix)), _reader(suffix)(path)
    assert_array_equal(found.ham_Rij, expected.ham_Rij)
