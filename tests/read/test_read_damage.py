"""Damaged files are refused: by class, with the file, the place and what to do."""

import gzip
import io
import lzma
import os
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
import read_samples as sample

from w90spin import read
from w90spin.errors import FileFormatError, FileMissingError, FileValueError, InputFileError

CHK = sample.Checkpoint()
GOOD = {
    read.read_hr: sample.hr_text(),
    read.read_tb: sample.tb_text(),
    read.read_wsvec: sample.wsvec_text(),
    read.read_centres: sample.CENTRES_TEXT,
    read.read_eig: sample.eig_text(),
    read.read_amn: sample.amn_text(),
    read.read_mmn: sample.mmn_text(),
    read.read_spn: sample.spn_text(),
    read.read_chk: CHK.text(),
    read.read_win: sample.WIN_TEXT,
    read.read_nnkp: sample.NNKP_TEXT,
    read.read_wout: sample.WOUT_TEXT,
    read.read_rmn: sample.rmn_text(),
    read.read_uxu: sample.xxu_text("uHu"),
    read.read_sxu: sample.xxu_text("sHu"),
}
RECORDS = {
    read.read_chk: sample.records(CHK.items()),
    read.read_spn: sample.records(sample.spn_items()),
    read.read_uxu: sample.records(sample.xxu_items("uHu")),
    read.read_sxu: sample.records(sample.xxu_items("sHu")),
}
READERS = list(GOOD)
WITH_COUNTS = [reader for reader in READERS if reader not in (read.read_eig, read.read_win)]


def _name(reader):
    return reader.__name__


def _refusal(path, reader):
    with pytest.raises(InputFileError) as caught:
        reader(path)
    error = caught.value
    message = str(error)
    assert message.startswith(str(path))
    assert error.remedy
    assert message.isascii() or re.search("[åÅμπσ†²]", message)
    return error


def _refuse(tmp_path, reader, content, kind, place, *words):
    path = tmp_path / "damaged.dat"
    path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
    error = _refusal(path, reader)
    assert type(error) is kind, error
    assert place in error.where, error
    for word in words:
        assert word in str(error), error


# -- what can befall any file ----------------------------------------------------------------


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_missing(tmp_path, reader):
    error = _refusal(tmp_path / "nothing.dat", reader)
    assert type(error) is FileMissingError
    assert "no such file" in str(error)


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_directory(tmp_path, reader):
    error = _refusal(tmp_path, reader)
    assert type(error) is FileMissingError
    assert "directory" in str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_permission_denied(tmp_path):
    path = tmp_path / "locked_hr.dat"
    path.write_text(sample.hr_text())
    path.chmod(0)
    assert "permission" in str(_refusal(path, read.read_hr))


def test_permission_denied_by_the_system(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(FileMissingError, match=r"hr\.dat: the file may not be read \(permission"):
        read.read_hr(tmp_path / "locked_hr.dat")


@pytest.mark.parametrize(
    "packed", [b"", gzip.compress(b""), lzma.compress(b"")], ids=["plain", "gzip", "xz"]
)
@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_empty(tmp_path, reader, packed):
    _refuse(tmp_path, reader, packed, FileFormatError, "", "the file is empty")


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_binary_data(tmp_path, reader):
    content = bytes(np.random.default_rng(3).integers(0, 256, 5000, dtype=np.uint8))
    path = tmp_path / "binary.dat"
    path.write_bytes(content)
    assert isinstance(_refusal(path, reader), FileFormatError)


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_null_bytes_in_text(tmp_path, reader):
    text = GOOD[reader].encode("latin-1")
    content = text[: len(text) // 2] + bytes(16) + text[len(text) // 2 + 16 :]
    _refuse(tmp_path, reader, content, FileFormatError, "", "binary data")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_compressed_data_cut_short(tmp_path, reader, keep, pack):
    content = pack(RECORDS.get(reader, GOOD[reader].encode("latin-1")))
    cut = content[: int(keep * len(content))]
    _refuse(tmp_path, reader, cut, FileFormatError, "", "damaged or cut short")


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_compressed_data_changed(tmp_path, reader):
    content = bytearray(gzip.compress(GOOD[reader].encode("latin-1")))
    content[-5] ^= 0xFF  # in the check sum
    _refuse(tmp_path, reader, bytes(content), FileFormatError, "", "damaged or cut short")


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("reader", WITH_COUNTS, ids=_name)
def test_text_cut_short(tmp_path, reader, keep):
    text = GOOD[reader]
    path = tmp_path / "cut.dat"
    path.write_text(text[: int(keep * len(text))], encoding="latin-1")
    assert isinstance(_refusal(path, reader), FileFormatError)


@pytest.mark.parametrize("reader", WITH_COUNTS, ids=_name)
def test_last_line_missing(tmp_path, reader):
    text = "".join(GOOD[reader].splitlines(keepends=True)[:-1])
    path = tmp_path / "cut.dat"
    path.write_text(text, encoding="latin-1")
    assert isinstance(_refusal(path, reader), FileFormatError)


@pytest.mark.parametrize("reader", WITH_COUNTS, ids=_name)
def test_last_line_cut(tmp_path, reader):
    """Half of the last line is gone, in the middle of its numbers."""
    if reader is read.read_wout:
        pytest.skip("its last line, the sums, is not used")
    text = GOOD[reader].rstrip("\n")
    last = text.rfind("\n") + 1
    words = text[last:].split()
    path = tmp_path / "cut.dat"
    path.write_text(text[:last] + " ".join(words[: len(words) // 2]), encoding="latin-1")
    if len(words) > 1:
        assert isinstance(_refusal(path, reader), FileFormatError)


GARBAGE_TOLERANT = (read.read_wout, read.read_nnkp)  # text around their blocks is free


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_garbage_after_the_end(tmp_path, reader):
    if reader in GARBAGE_TOLERANT:
        pytest.skip("free text may follow")
    path = tmp_path / "longer.dat"
    path.write_text(GOOD[reader] + "  1 2 3 4 5 6 7 8 9 10 11 12\n", encoding="latin-1")
    error = _refusal(path, reader)
    assert f"line {GOOD[reader].count(chr(10)) + 1}" in error.where, error


@pytest.mark.parametrize("reader", [read.read_hr, read.read_tb, read.read_eig, read.read_amn])
@pytest.mark.parametrize("word", ["NaN", "-inf", "Infinity", "1e999", "nan(0x1)"])
def test_not_finite(tmp_path, reader, word):
    lines = GOOD[reader].splitlines()
    lines[-2] = " ".join([*lines[-2].split()[:-1], word])
    place = f"line {len(lines) - 1}"
    _refuse(tmp_path, reader, "\n".join(lines), FileValueError, place, word)


SOME_NUMBER = {
    read.read_hr: "0.250000",
    read.read_tb: " 2.50000000E-01",
    read.read_wsvec: "    2    0    0",
    read.read_centres: "0.50000000",
    read.read_eig: "0.250000000000",
    read.read_amn: f"{sample.AMN_KNI[0, 1, 0].real:.12f}",
    read.read_mmn: f"{sample.MMN_KBMN[0, 0, 1, 0].imag:.12f}",
    read.read_spn: f"{sample.SPIN_KSNM[1, 0, 0, 0].real:.16e}",
    read.read_win: "0.125",
    read.read_nnkp: "2.50",
    read.read_wout: "-2.000000",
    read.read_rmn: f"{sample.POS_Raij[0, 0, 0, 1].real:.6f}",
    read.read_uxu: f"{sample.UXU_KBPNM[0, 1, 0, 1, 1].imag:.10E}",
    read.read_sxu: f"{sample.SXU_KBSNM[0, 1, 0, 1, 1].imag:.10E}",
}


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_stars(tmp_path, reader):
    """A number too wide for its Fortran field."""
    number = SOME_NUMBER.get(reader) or next(w for w in GOOD[reader].split() if "." in w)
    assert number in GOOD[reader]
    line = GOOD[reader][: GOOD[reader].index(number)].count("\n") + 1
    stars = "*" * len(number.strip())
    content = GOOD[reader].replace(number, f" {stars} ", 1)
    _refuse(tmp_path, reader, content, FileFormatError, f"line {line}", stars)


@pytest.mark.parametrize("bad", ["1.2.3", "--1", "1e", "0x10", "1_000", "١", "1,0", "1+", "."])
def test_words_that_are_no_numbers(tmp_path, bad):
    lines = sample.hr_text().splitlines()
    lines[7] = " ".join([*lines[7].split()[:-1], bad])
    path = tmp_path / "word_hr.dat"
    path.write_text("\n".join(lines), encoding="utf-8")
    error = _refusal(path, read.read_hr)
    assert type(error) is FileFormatError
    assert error.where == "line 8"
    assert str(error).isascii()


# -- counts that cannot be -------------------------------------------------------------------

HUGE = "1000000000"
HUGE_COUNTS = [
    (read.read_hr, "\n           2\n", f"\n {HUGE}\n", "line 3"),
    (read.read_hr, "\n           3\n", f"\n {HUGE}\n", "line 3"),
    (read.read_tb, "\n           2\n", f"\n {HUGE}\n", "line 6"),
    (read.read_tb, "\n           3\n", f"\n {HUGE}\n", "line 6"),
    (read.read_centres, "     3\n", f"     {HUGE}\n", "line 1"),
    (read.read_amn, "           3           2", f" {HUGE}           2", "line 2"),
    (read.read_amn, "           3           2", f"   3  {HUGE}", "line 2"),
    (read.read_mmn, "           3           2", f" {HUGE}           2", "line 2"),
    (read.read_mmn, "           3           2", f"   3   {HUGE}", "line 2"),
    (read.read_spn, "    3    2\n", f"    {HUGE}    2\n", "line 2"),
    (read.read_spn, "    3    2\n", f"    3    {HUGE}\n", "line 2"),
    (read.read_chk, "\n3\n3\n1\n", f"\n{HUGE}\n3\n1\n", "line"),
    (read.read_chk, "\n3\n3\n1\n", f"\n3\n{HUGE}\n1\n", "line"),
    (read.read_chk, "\n2\n2 1 1\n", f"\n{HUGE}\n{HUGE} 1 1\n", "line"),
    (read.read_nnkp, "kpoints\n     2", f"kpoints\n     {HUGE}", "line 18"),
    (read.read_nnkp, "nnkpts\n   2", f"nnkpts\n   {HUGE}", "line 32"),
    (read.read_wsvec, "\n    2\n", f"\n {HUGE}\n", "line 6"),
    (read.read_wsvec, "   -1    0    0    1    1", f"   -1    0    0    1 {HUGE}", "line"),
    (read.read_rmn, "\n           2\n", f"\n {HUGE}\n", "line 3"),
    (read.read_rmn, "\n           3\n", f"\n {HUGE}\n", "line 3"),
    (read.read_uxu, "           3           2", f" {HUGE}           2", "line 2"),
    (read.read_uxu, "           3           2", f"   3   {HUGE}", "line 2"),
    (read.read_uxu, "           2           2", f"   2   {HUGE}", "line 2"),
    (read.read_sxu, "           3           2", f" {HUGE}           2", "line 2"),
    (read.read_sxu, "           3           2", f"   3   {HUGE}", "line 2"),
]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", range(len(HUGE_COUNTS)))
def test_absurd_counts_are_refused_before_anything_is_allocated(tmp_path, case, packed):
    reader, old, new, place = HUGE_COUNTS[case]
    assert old in GOOD[reader]
    text = GOOD[reader].replace(old, new, 1)
    path = tmp_path / "huge.dat"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    reader_error = None
    tracemalloc.start()
    try:
        reader_error = _refusal(path, reader)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6
    assert place.split()[0] in reader_error.where
    if not packed:
        assert place in reader_error.where


@pytest.mark.parametrize(
    "wrong", ["0", "-2", "1", "3", "2.0", "two", "2 2", "99999999999999999999"]
)
@pytest.mark.parametrize("reader", [read.read_hr, read.read_tb])
def test_wrong_number_of_wannier_functions(tmp_path, reader, wrong):
    text = GOOD[reader].replace("\n           2\n", f"\n {wrong}\n", 1)
    path = tmp_path / "wrong.dat"
    path.write_text(text)
    assert _refusal(path, reader).where.startswith("line")


@pytest.mark.parametrize("wrong", ["0", "-3", "1", "2", "4", "three"])
@pytest.mark.parametrize("reader", [read.read_hr, read.read_tb])
def test_wrong_number_of_lattice_vectors(tmp_path, reader, wrong):
    text = GOOD[reader].replace("\n           3\n", f"\n {wrong}\n", 1)
    path = tmp_path / "wrong.dat"
    path.write_text(text)
    assert _refusal(path, reader).where.startswith("line")


def _swap(lines, a, b):
    lines = list(lines)
    lines[a], lines[b] = lines[b], lines[a]
    return lines


def _set(lines, number, content):
    return [*lines[:number], content, *lines[number + 1 :]]


def _hr(change):
    return lambda: "\n".join(change(sample.hr_text().splitlines())) + "\n"


def _tb(change):
    return lambda: "\n".join(change(sample.tb_text().splitlines())) + "\n"


def _text(reader, old, new, count=1):
    def build():
        assert old in GOOD[reader], (reader, old)
        return GOOD[reader].replace(old, new, count)

    return build


def _asymmetric_ham():
    ham_Rij = sample.HAM_Rij.copy()
    ham_Rij[2, 0, 1] = 99.0
    return sample.hr_text(ham_Rij)


def _vectors(*vectors):
    return lambda: sample.hr_text(vectors_Rc=np.array(vectors))


def _chk(**changes):
    def build():
        checkpoint = sample.Checkpoint()
        for name, change in changes.items():
            setattr(checkpoint, name, change(getattr(checkpoint, name)))
        return sample.records(checkpoint.items())

    return build


def _damage(array, index, value):
    array = array.copy()
    array[index] = value
    return array


def _item(reader, number, content):
    """One record of an unformatted file exchanged."""
    items = CHK.items() if reader is read.read_chk else sample.spn_items()

    def build():
        return sample.records([*items[:number], content, *items[number + 1 :]])

    return build


def _bytes(reader, change):
    return lambda: change(bytearray(RECORDS[reader]))


def _xor(content, place, value=0x40):
    content[place] ^= value
    return bytes(content)


INTS = np.dtype("<i4")
V, F = FileValueError, FileFormatError
CASES = {
    # _hr.dat: lines 1-4 are the head, 5-8 R = -1, 9-12 R = 0, 13-16 R = 1
    "hr swapped rows": (read.read_hr, _hr(lambda t: _swap(t, 5, 6)), V, "line 6", "swapped"),
    "hr row twice": (read.read_hr, _hr(lambda t: _set(t, 6, t[5])), V, "line 7", "repeated"),
    "hr row missing": (read.read_hr, _hr(lambda t: t[:6] + t[7:]), F, "line", "cut short"),
    "hr R changes inside a block": (
        read.read_hr,
        _hr(lambda t: _set(t, 6, t[6].replace("-1", "-2", 1))),
        V,
        "line 7",
        "-1 0 0 1 2",
    ),
    "hr six numbers": (
        read.read_hr,
        _hr(lambda t: _set(t, 11, t[11].rsplit(None, 1)[0])),
        F,
        "line 12",
        "expected 7 numbers 'R1 R2 R3 i j Re Im', found 6. The file is cut short or edited.",
        "write_hr = .true.",
    ),
    "hr eight numbers": (read.read_hr, _hr(lambda t: _set(t, 11, t[11] + " 1")), F, "line 12"),
    "hr fractional index": (
        read.read_hr,
        _hr(lambda t: _set(t, 4, t[4].replace("-1", "-1.5", 1))),
        V,
        "line 5",
    ),
    "hr R twice": (read.read_hr, _vectors([0, 0, 0], [1, 0, 0], [1, 0, 0]), V, "R = (1, 0, 0)"),
    "hr R without -R": (
        read.read_hr,
        _vectors([-1, 0, 0], [0, 0, 0], [1, 1, 0]),
        V,
        "R = (-1, 0, 0)",
        "R = (1, 0, 0)",
    ),
    "hr no R = 0": (read.read_hr, _vectors([-1, 0, 0], [0, 2, 0], [1, 0, 0]), V, "R = (0, 0, 0)"),
    "hr R beyond reason": (
        read.read_hr,
        _vectors([-9999999, 0, 0], [0, 0, 0], [9999999, 0, 0]),
        V,
        "line",
    ),
    "hr not Hermitian by 99 eV": (
        read.read_hr,
        _asymmetric_ham,
        V,
        "R = (-1, 0, 0), i = 2, j = 1",
        "not Hermitian",
    ),
    "hr overflowing": (
        read.read_hr,
        _text(read.read_hr, "0.250000    0.000000\n", "1e308 1e308\n"),
        V,
        "R = (-1, 0, 0), i = 1, j = 1",
    ),
    "hr degeneracy zero": (
        read.read_hr,
        _text(read.read_hr, "    2    1    2", "    0    1    0"),
        V,
        "R = (-1, 0, 0)",
        "degeneracy",
    ),
    "hr degeneracies unequal": (
        read.read_hr,
        _text(read.read_hr, "    2    1    2", "    2    1    3"),
        V,
        "R = (-1, 0, 0)",
        "degeneracy",
    ),
    "hr degeneracy missing": (
        read.read_hr,
        _text(read.read_hr, "    2    1    2", "    2    1"),
        F,
        "line 5",
    ),
    "hr degeneracy too many": (
        read.read_hr,
        _text(read.read_hr, "    2    1    2", "    2    1    2    1"),
        F,
        "line 4",
        "expected 3 integers",
    ),
    # _tb.dat: lines 1-7 are the head, then blocks of a blank line, R and 4 rows
    "tb swapped rows": (read.read_tb, _tb(lambda t: _swap(t, 9, 10)), V, "line 10", "swapped"),
    "tb cell dependent": (
        read.read_tb,
        _text(read.read_tb, "12.0000000000000", "0.0000000000000"),
        V,
        "line 4",
        "linearly dependent",
    ),
    "tb cell enormous": (
        read.read_tb,
        _text(read.read_tb, "12.0000000000000", "1e300"),
        V,
        "line 4",
        "longer than",
    ),
    "tb not Hermitian": (
        read.read_tb,
        _text(read.read_tb, " 2.50000000E-01", " 9.50000000E+01"),
        V,
        "R = (-1, 0, 0), i = 1, j = 1",
    ),
    "tb other R in r": (
        read.read_tb,
        _tb(lambda t: _set(t, 26, "    0    0    0")),
        V,
        "line 27",
        "r(R)",
    ),
    "tb without r": (read.read_tb, _tb(lambda t: t[:25]), F, "line 25", "R1 R2 R3"),
    # others
    "wsvec entry order": (
        read.read_wsvec,
        _text(read.read_wsvec, "   -1    0    0    1    2", "   -1    0    0    2    1"),
        V,
        "line 5",
    ),
    "wsvec R twice": (
        read.read_wsvec,
        _text(read.read_wsvec, "\n    1    0    0", "\n   -1    0    0", -1),
        V,
        "R = (-1, 0, 0)",
    ),
    "wsvec last R missing": (
        read.read_wsvec,
        lambda: sample.wsvec_text().split("\n    1    0    0    1    1")[0],
        V,
        "R = (-1, 0, 0)",
        "there is no R = (1, 0, 0)",
    ),
    "wsvec shift twice": (
        read.read_wsvec,
        _text(read.read_wsvec, "    2    0    0\n", "    0    0    0\n"),
        V,
        "[-1, 0, 0, 1, 2]",
        "twice",
    ),
    "wsvec count zero": (
        read.read_wsvec,
        _text(read.read_wsvec, "\n    1\n", "\n    0\n"),
        F,
        "line 3",
    ),
    "wsvec shift missing": (
        read.read_wsvec,
        _text(read.read_wsvec, "\n    2    0    0\n", "\n"),
        F,
        "line 6",
        "the count is 2, 1 translations follow",
    ),
    "wsvec two in a line": (
        read.read_wsvec,
        _text(read.read_wsvec, "    2    0    0\n", "    2    0\n"),
        F,
        "line 8",
    ),
    "wsvec real number": (
        read.read_wsvec,
        _text(read.read_wsvec, "    2    0    0\n", "   2.    0    0\n"),
        F,
        "line 8",
        "expected an integer",
    ),
    "wsvec header": (read.read_wsvec, _text(read.read_wsvec, "use_ws", "use ws"), F, "line 1"),
    "wsvec header contradicts": (
        read.read_wsvec,
        _text(read.read_wsvec, ".true.", ".false."),
        V,
        "line 1",
    ),
    "centres without X": (read.read_centres, _text(read.read_centres, "X", "He", -1), F, "line"),
    "centres X after atoms": (
        read.read_centres,
        _text(read.read_centres, "X          0.12500000", "Bi         0.12500000"),
        F,
        "line 4",
    ),
    "centres no symbol": (read.read_centres, _text(read.read_centres, "Bi ", "83 "), F, "line 5"),
    "eig order": (
        read.read_eig,
        _text(read.read_eig, "    2    1", "    3    1"),
        V,
        "line 2",
        "expected the row 'band k' = '2 1'",
    ),
    "eig k point incomplete": (
        read.read_eig,
        lambda: "".join(sample.eig_text().splitlines(keepends=True)[:-1]),
        F,
        "line 5",
        "2 of 3 bands",
    ),
    "eig begins at k = 2": (read.read_eig, lambda: "1 2 0.5\n", V, "line 1"),
    "eig blank": (read.read_eig, lambda: "\n\n", F, "line 2", "found none"),
    "amn twice": (
        read.read_amn,
        _text(read.read_amn, "    2    1    1", "    1    1    1"),
        V,
        "line 3",
        "more than once",
    ),
    "amn out of range": (
        read.read_amn,
        _text(read.read_amn, "    2    1    1", "    4    1    1"),
        V,
        "line 4",
        "band n from 1 to 3",
    ),
    "amn counts negative": (
        read.read_amn,
        _text(read.read_amn, "           3           2", "          -3          -2"),
        V,
        "line 2",
    ),
    "mmn k out of range": (
        read.read_mmn,
        _text(read.read_mmn, "    1    2    0    0    0", "    1    3    0    0    0"),
        V,
        "line 3",
    ),
    "mmn neighbour twice": (
        read.read_mmn,
        _text(read.read_mmn, "    1    2   -1    0    0", "    1    2    0    0    0"),
        V,
        "line 13",
    ),
    "mmn too many neighbours": (
        read.read_mmn,
        _text(read.read_mmn, "    2    1    0    0    0", "    1    1    0    0    0"),
        V,
        "line 23",
    ),
    "spn complex diagonal": (
        read.read_spn,
        lambda: sample.spn_text().replace("0.0000000000000000e+00\n", "0.5\n", 1),
        V,
        "line 3",
        "must be real",
    ),
    "spn record complex diagonal": (
        read.read_spn,
        _item(read.read_spn, 3, np.full(18, 0.1j).tobytes()),
        V,
        "record 4",
        "must be real",
    ),
    "spn record NaN": (
        read.read_spn,
        _item(read.read_spn, 2, np.full(36, np.nan).tobytes()),
        V,
        "record 3",
        "nan",
    ),
    "spn record of wrong length": (
        read.read_spn,
        _item(read.read_spn, 3, bytes(16 * 17)),
        F,
        "record 4",
        "expected 288 bytes",
        "272",
    ),
    "spn record absurd counts": (
        read.read_spn,
        _item(read.read_spn, 1, np.array([2**30, 2], INTS).tobytes()),
        F,
        "record 3",
    ),
    "spn record missing": (
        read.read_spn,
        lambda: sample.records(sample.spn_items()[:-1]),
        F,
        "record 4",
        "cut short",
    ),
    "spn mark after": (
        read.read_spn,
        _bytes(read.read_spn, lambda b: _xor(b, -2)),
        F,
        "record 4",
        "marks before and after",
    ),
    "spn first mark": (
        read.read_spn,
        _bytes(read.read_spn, lambda b: _xor(b, 0)),
        F,
        "record 1",
        "length marks",
    ),
    "spn bytes after the end": (
        read.read_spn,
        _bytes(read.read_spn, lambda b: bytes(b) + b"more"),
        F,
        "record 4",
        "end of the file",
    ),
    "chk cut in a record": (
        read.read_chk,
        _bytes(read.read_chk, lambda b: bytes(b[: len(b) // 2])),
        F,
        "record",
        "cut short",
    ),
    "chk cut in a mark": (
        read.read_chk,
        _bytes(read.read_chk, lambda b: bytes(b[:-2])),
        F,
        "record 21",
        "cut short",
    ),
    "chk mark": (
        read.read_chk,
        _bytes(read.read_chk, lambda b: _xor(b, 41 + 2)),
        F,
        "record 2",
        "the number of bands: expected 4 or 8 bytes",
    ),
    "chk negative mark": (
        read.read_chk,
        _bytes(read.read_chk, lambda b: bytes(b[:41]) + b"\xfc\xff\xff\xff" + bytes(b[45:])),
        F,
        "record 2",
    ),
    "chk no bands": (read.read_chk, _item(read.read_chk, 1, bytes(4)), V, "record 2"),
    "chk many excluded": (
        read.read_chk,
        _item(read.read_chk, 2, np.array(2**30, INTS).tobytes()),
        F,
        "record 4",
    ),
    "chk excluded twice": (read.read_chk, _chk(exclude=lambda _: [1, 1]), V, "record 4"),
    "chk reciprocal": (read.read_chk, _chk(recip_ca=lambda r: 2 * r), V, "record 6"),
    "chk mesh": (
        read.read_chk,
        _item(read.read_chk, 7, np.array([3, 1, 1], INTS).tobytes()),
        V,
        "record 8",
        "mesh (3, 1, 1) has not 2 k points",
    ),
    "chk k point twice": (
        read.read_chk,
        _item(read.read_chk, 8, np.zeros(6).tobytes()),
        V,
        "record 9",
        "k point 2, [0.0, 0.0, 0.0], comes twice",
    ),
    "chk k point off the mesh": (
        read.read_chk,
        _item(read.read_chk, 8, np.array([0, 0, 0, 0.3, 0, 0]).tobytes()),
        V,
        "record 9",
        "not on the mesh",
    ),
    "chk more Wannier functions than bands": (
        read.read_chk,
        _item(read.read_chk, 10, np.array(4, INTS).tobytes()),
        V,
        "record 11",
    ),
    "chk absurd neighbours": (
        read.read_chk,
        _item(read.read_chk, 9, np.array(2**30, INTS).tobytes()),
        V,
        "record 11",
    ),
    "chk not disentangled but fewer": (
        read.read_chk,
        _item(read.read_chk, 12, bytes(4)),
        V,
        "record 13",
    ),
    "chk window": (
        read.read_chk,
        _chk(window_kn=lambda w: ~w),
        V,
        "record 16",
        "bands in the window",
    ),
    "chk subspace": (
        read.read_chk,
        _chk(u_opt_kni=lambda u: 1.001 * u),
        V,
        "record 17",
        "not orthonormal",
    ),
    "chk rotation": (
        read.read_chk,
        _chk(u_kij=lambda u: _damage(u, (1, 0, 0), 0.1)),
        V,
        "record 18",
        "k point 2",
    ),
    "chk rotation enormous": (
        read.read_chk,
        _chk(u_kij=lambda u: _damage(u, (1, 0, 0), 1e300)),
        V,
        "record 18",
    ),
    "chk NaN": (
        read.read_chk,
        _chk(overlap_kbij=lambda m: _damage(m, (0, 0, 0, 1), np.nan)),
        V,
        "record 19",
        "nan",
    ),
    "chk.fmt rotation": (
        read.read_chk,
        lambda: sample.Checkpoint().text().replace("\n1\n1\n1\n", "\n1\n2\n1\n", 1),
        F,
        "line",
        "0 or 1",
    ),
    "win keyword twice": (
        read.read_win,
        _text(read.read_win, "spinors", "num_wann = 3\nspinors"),
        F,
        "line 4",
        "comes twice",
    ),
    "win keyword without value": (
        read.read_win,
        _text(read.read_win, "num_wann = 2", "num_wann ="),
        F,
        "line 2",
    ),
    "win block twice": (
        read.read_win,
        lambda: sample.WIN_TEXT + "begin kpoints\n0 0 0\nend kpoints\n",
        F,
        "line",
        "'kpoints' comes twice",
    ),
    "win block not ended": (
        read.read_win,
        _text(read.read_win, "end kpoints", ""),
        F,
        "line",
        "'kpoints' begun in line 25",
    ),
    "win block ended by another": (
        read.read_win,
        _text(read.read_win, "end atoms_frac", "end atoms_cart"),
        F,
        "line 19",
    ),
    "win end without begin": (read.read_win, lambda: "num_wann=1\nend atoms\n", F, "line 2"),
    "win begin inside": (
        read.read_win,
        _text(read.read_win, "End Unit_Cell_Cart", "begin x"),
        F,
        "line 14",
    ),
    "win spinors": (read.read_win, _text(read.read_win, ".TRUE.", "maybe"), F, "spinors"),
    "win num_wann": (read.read_win, _text(read.read_win, "num_wann = 2", "num_wann = x"), F, "num"),
    "win exclude_bands": (
        read.read_win,
        _text(read.read_win, "1-2, 5", "2-1, 5"),
        F,
        "exclude_bands",
    ),
    "win exclude_bands absurd": (
        read.read_win,
        _text(read.read_win, "1-2, 5", "1-999999999"),
        F,
        "exclude_bands",
    ),
    "win mesh": (read.read_win, _text(read.read_win, "2 1 1", "2 1"), F, "mp_grid"),
    "win mesh zero": (read.read_win, _text(read.read_win, "2 1 1", "2 0 1"), V, "mp_grid"),
    "win mesh against k points": (
        read.read_win,
        _text(read.read_win, "2 1 1", "3 1 1"),
        V,
        "kpoints",
    ),
    "win cell of two vectors": (
        read.read_win,
        _text(read.read_win, "1.0 4.0 0.0\n", ""),
        F,
        "line 12",
        "3 lattice vectors",
    ),
    "win cell dependent": (
        read.read_win,
        _text(read.read_win, "1.0 4.0 0.0", "6.0 0.0 0.0"),
        V,
        "line 13",
    ),
    "win coordinate": (
        read.read_win,
        _text(read.read_win, "Bi 0.5 0.25", "Bi 0.5 x"),
        F,
        "line 17",
    ),
    "win coordinate enormous": (
        read.read_win,
        _text(read.read_win, "Bi 0.5 0.25", "Bi 0.5 1e300"),
        V,
        "line 17",
    ),
    "win atoms without a cell": (
        read.read_win,
        lambda: "num_wann 1\nbegin atoms_frac\nH 0 0 0\nend atoms_frac\n",
        F,
        "atoms_frac",
    ),
    "win both kinds of atoms": (
        read.read_win,
        lambda: sample.WIN_TEXT + "begin atoms_cart\nH 0 0 0\nend atoms_cart\n",
        F,
        "atoms_frac",
    ),
    "nnkp no cell": (
        read.read_nnkp,
        _text(read.read_nnkp, "real_lattice", "lattice", -1),
        F,
        "real_lattice",
    ),
    "nnkp count": (
        read.read_nnkp,
        _text(read.read_nnkp, "kpoints\n     2", "kpoints\n     3"),
        F,
        "line 18",
    ),
    "nnkp spin": (
        read.read_nnkp,
        lambda: re.sub("(?s)begin projections.*end projections", SPINOR, sample.NNKP_TEXT),
        F,
        "line",
        "spin 1 or -1",
    ),
    "nnkp neighbour": (
        read.read_nnkp,
        _text(read.read_nnkp, "     1     2     -1", "     2     2     -1"),
        V,
        "line 34",
    ),
    "nnkp excluded": (
        read.read_nnkp,
        _text(read.read_nnkp, "   1\n   5\n", "   5\n   5\n"),
        V,
        "line",
    ),
    "wout unfinished": (
        read.read_wout,
        lambda: sample.WOUT_TEXT.split(" Final")[0],
        F,
        "line",
        "Final State",
    ),
    "wout without cell": (
        read.read_wout,
        _text(read.read_wout, "a_2", "b_2"),
        F,
        "",
        "Lattice Vectors",
    ),
    "wout function missing": (
        read.read_wout,
        lambda: re.sub("(Final State\n).*\n", r"\1", sample.WOUT_TEXT),
        F,
        "line 11",
        "expected Wannier function 1",
    ),
    "wout NaN": (read.read_wout, _text(read.read_wout, "-2.000000", "      NaN"), V, "line 12"),
}
SPINOR = """begin spinor_projections
     1
   0.10000    0.20000    0.30000     0  1  1
    0.0000000  0.0000000  1.0000000   1.0000000  0.0000000  0.0000000    1.00
    2   0.0000000  0.0000000  1.0000000
end spinor_projections"""


@pytest.mark.parametrize("case", CASES)
def test_damage(tmp_path, case):
    reader, build, kind, place, *words = CASES[case]
    _refuse(tmp_path, reader, build(), kind, place, *words)


@pytest.mark.parametrize("reader", READERS, ids=_name)
def test_the_undamaged_files_are_read(tmp_path, reader):
    path = tmp_path / "good.dat"
    path.write_text(GOOD[reader], encoding="latin-1")
    reader(path)


def test_win_without_num_wann(tmp_path):
    path = tmp_path / "s.win"
    path.write_text("num_bands = 3\n")
    win = read.read_win(path)
    with pytest.raises(FileFormatError, match="num_wann"):
        _ = win.n_wann


@pytest.mark.parametrize("reader", [read.read_hr, read.read_tb], ids=_name)
@pytest.mark.parametrize("violation", [1e-3, 2e-4])
def test_violations_of_hermiticity_above_a_tenth_of_a_milli_ev_are_refused(
    tmp_path, reader, violation
):
    text = GOOD[reader]
    old = "0.250000" if reader is read.read_hr else "2.50000000E-01"
    new = f"{0.25 + 2 * violation:{'.6f' if reader is read.read_hr else '.8E'}}"  # deg. 2
    _refuse(
        tmp_path,
        reader,
        text.replace(old, new, 1),
        FileValueError,
        "R = (-1, 0, 0), i = 1, j = 1",
        f"differ by {violation:g} eV (more than 0.0001 eV)",
        "mean of itself and the adjoint",
    )


def test_rounding_is_no_violation_of_hermiticity(tmp_path):
    ham_Rij = sample.HAM_Rij.copy()
    ham_Rij[2, 0, 1] += 2e-6
    path = tmp_path / "s_hr.dat"
    path.write_text(sample.hr_text(ham_Rij))
    hr = read.read_hr(path)
    assert read.hermiticity_violation(hr.R_Rc, hr.ham_Rij) == pytest.approx(2e-6)


def _archive(**entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def _npy(array, shape=None):
    file = io.BytesIO()
    np.save(file, array)
    old, new = str(array.shape).encode(), str(shape or array.shape).encode()
    return file.getvalue().replace(old, new.ljust(len(old)), 1)


SPIN = np.zeros((3, 3, 2, 2), complex)
SPIN_ARCHIVES = {
    "1e8 numbers": _archive(R=_npy(sample.R_Rc), sigma=_npy(SPIN, (10**8,))),
    "negative shape": _archive(R=_npy(sample.R_Rc), sigma=_npy(SPIN, (-1, 3, 2, 2))),
    "cut short": _archive(R=_npy(sample.R_Rc), sigma=_npy(SPIN)[:-5]),
    "no sigma": _archive(R=_npy(sample.R_Rc)),
    "other shape": _archive(R=_npy(sample.R_Rc), sigma=_npy(SPIN[:2])),
    "R not integer": _archive(R=_npy(1.0 * sample.R_Rc), sigma=_npy(SPIN)),
    "words": _archive(R=_npy(sample.R_Rc), sigma=_npy(np.full((3, 3, 2, 2), "up"))),
    "NaN": _archive(R=_npy(sample.R_Rc), sigma=_npy(SPIN + np.nan)),
    "a single array": _npy(SPIN),
    "empty": b"",
}


@pytest.mark.parametrize("case", SPIN_ARCHIVES)
def test_spin_on_lattice_vectors(tmp_path, case):
    path = tmp_path / "seed_spin_R.npz"
    path.write_bytes(SPIN_ARCHIVES[case])
    tracemalloc.start()
    try:
        error = _refusal(path, read.read_spin_r)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, FileFormatError | FileValueError)
    assert peak < 12e6


def test_spin_on_lattice_vectors_is_read(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "s.npz", R=sample.R_Rc, sigma=np.asfortranarray(sample.POS_Raij))
        spin = read.read_spin_r(tmp_path / "s.npz")
        assert (spin.R_Rc == sample.R_Rc).all()
        assert (spin.spin_Rsij == sample.POS_Raij).all()
