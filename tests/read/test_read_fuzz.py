"""Whatever happens to the bytes: the reader reads, or refuses with an InputFileError."""

import dataclasses
import datetime
import gzip
import io
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import read_samples as sample
from hypothesis import given, settings
from hypothesis import strategies as st

from w90spin import read
from w90spin.errors import InputFileError

CHK = sample.Checkpoint()
# Files with counts: what is read from a damaged one still has the shape of the undamaged.
COUNTED = {
    "hr": (read.read_hr, sample.hr_text().encode()),
    "hr.gz": (read.read_hr, gzip.compress(sample.hr_text().encode(), mtime=0)),
    "tb": (read.read_tb, sample.tb_text().encode()),
    "chk": (read.read_chk, sample.records(CHK.items())),
    "chk.fmt": (read.read_chk, CHK.text().encode()),
    "spn": (read.read_spn, sample.records(sample.spn_items())),
    "spn formatted": (read.read_spn, sample.spn_text().encode()),
    "amn": (read.read_amn, sample.amn_text().encode()),
    "mmn": (read.read_mmn, sample.mmn_text().encode()),
    "r": (read.read_rmn, sample.rmn_text().encode()),
    "uHu": (read.read_uxu, sample.records(sample.xxu_items("uHu"))),
    "uHu formatted": (read.read_uxu, sample.xxu_text("uHu").encode()),
    "sHu": (read.read_sxu, sample.records(sample.xxu_items("sHu"), "<i8")),
    "sHu formatted": (read.read_sxu, sample.xxu_text("sHu").encode()),
}
FREE = {
    "wsvec": (read.read_wsvec, sample.wsvec_text().encode()),
    "centres": (read.read_centres, sample.CENTRES_TEXT.encode()),
    "eig": (read.read_eig, sample.eig_text().encode()),
    "win": (read.read_win, sample.WIN_TEXT.encode()),
    "nnkp": (read.read_nnkp, sample.NNKP_TEXT.encode()),
    "wout": (read.read_wout, sample.WOUT_TEXT.encode()),
}
# Small files as the programs wrote them.
BI = Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi"
REAL = {
    "bi.eig": (read.read_eig, Path(f"{BI}.eig").read_bytes()),
    "bi.win": (read.read_win, Path(f"{BI}.win").read_bytes()),
    "bi.nnkp": (read.read_nnkp, Path(f"{BI}.nnkp").read_bytes()),
    "bi.wout": (read.read_wout, Path(f"{BI}.wout").read_bytes()),
    "bi_centres.xyz": (read.read_centres, Path(f"{BI}_centres.xyz").read_bytes()),
}
SAMPLES = Path(__file__).parent / "samples"
COUNTED |= {
    "small.chk.fmt": (read.read_chk, (SAMPLES / "small.chk.fmt").read_bytes()),
    "small.spn.fmt": (read.read_spn, (SAMPLES / "small.spn.fmt").read_bytes()),
}
FREE |= REAL


def _spin_archive():
    file = io.BytesIO()
    np.savez(file, R=sample.R_Rc, sigma=sample.POS_Raij)
    return file.getvalue()


FREE["spin_R"] = (read.read_spin_r, _spin_archive())
READERS = sorted({r for r, _ in (COUNTED | FREE).values()}, key=lambda reader: reader.__name__)
BUFFERS = 12e6  # bytes; the readers take 4 MiB at a time
NO_HANG = datetime.timedelta(seconds=20)


@st.composite
def damaged(draw, content):
    """A few bytes exchanged, put in, left out, moved; or the end cut off."""
    content = bytearray(content)
    telling = st.sampled_from(list(b"0123456789+-.eE* \n\0\xff9n"))
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        place = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(["exchange", "insert", "delete", "cut", "repeat", "swap"])):
            case "exchange":
                content[place] = draw(telling | st.integers(0, 255))
            case "insert":
                content[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del content[place : place + draw(st.integers(1, 40))]
            case "cut":
                del content[place:]
            case "repeat":
                content[place:place] = content[place : place + draw(st.integers(1, 200))]
            case "swap":
                lines = bytes(content).split(b"\n")
                a = draw(st.integers(0, len(lines) - 1))
                b = draw(st.integers(0, len(lines) - 1))
                lines[a], lines[b] = lines[b], lines[a]
                content = bytearray(b"\n".join(lines))
    return bytes(content)


def _read(reader, content, folder):
    path = Path(folder) / "file"
    path.write_bytes(content)
    return reader(path)


def _shapes(content):
    return {
        field.name: value.shape
        for field in dataclasses.fields(content)
        if isinstance(value := getattr(content, field.name), np.ndarray)
    }


def _all_finite(content):
    return all(
        np.isfinite(value).all()
        for field in dataclasses.fields(content)
        if isinstance(value := getattr(content, field.name), np.ndarray)
    )


@pytest.mark.parametrize("name", COUNTED)
@settings(max_examples=120, deadline=NO_HANG)
@given(data=st.data())
def test_same_shape_or_refusal(name, data):
    reader, good = COUNTED[name]
    with tempfile.TemporaryDirectory() as folder:
        expected = _shapes(_read(reader, good, folder))
        content = data.draw(damaged(good))
        try:
            found = _read(reader, content, folder)
        except InputFileError as error:
            assert error.path == Path(folder) / "file"  # noqa: PT017
            return
        shapes = _shapes(found)
        # The excluded bands are a list of their own; nothing else tells how many there are.
        shapes.pop("exclude_bands", None)
        expected.pop("exclude_bands", None)
        assert shapes == expected
        assert _all_finite(found)


@pytest.mark.parametrize("name", FREE)
@settings(max_examples=120, deadline=NO_HANG)
@given(data=st.data())
def test_reading_or_refusal(name, data):
    reader, good = FREE[name]
    with tempfile.TemporaryDirectory() as folder:
        content = data.draw(damaged(good))
        try:
            found = _read(reader, content, folder)
        except InputFileError as error:
            assert error.path == Path(folder) / "file"  # noqa: PT017
            return
        assert _all_finite(found)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@settings(max_examples=40, deadline=NO_HANG)
@given(content=st.binary(max_size=300))
def test_any_bytes(reader, content):
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = _read(reader, content, folder)
        except InputFileError:
            return
        assert dataclasses.is_dataclass(found)


@pytest.mark.parametrize("name", COUNTED | FREE)
@settings(max_examples=25, deadline=NO_HANG)
@given(data=st.data())
def test_memory_stays_in_proportion_to_the_file(name, data):
    """Counts of up to ten digits and false marks among them."""
    reader, good = (COUNTED | FREE)[name]
    digits = [place for place, byte in enumerate(good[:400]) if chr(byte).isdigit()]
    with tempfile.TemporaryDirectory() as folder:
        content = data.draw(damaged(good))
        if digits and data.draw(st.booleans()):
            place = data.draw(st.sampled_from(digits))
            content = good[:place] + b"1000000000"[: data.draw(st.integers(2, 10))] + good[place:]
        tracemalloc.start()
        try:
            _read(reader, content, folder)
        except InputFileError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        unpacked = max(len(content), len(sample.hr_text()))  # one sample is compressed
        assert peak < 4 * unpacked + BUFFERS
