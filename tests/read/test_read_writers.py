"""What is written is read back, to the digits of the format; it appears whole or not at all."""

import dataclasses
import re

import numpy as np
import pytest
import read_samples as sample
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from w90spin import read
from w90spin.errors import ResultFileError
from w90spin.read import output

PATH = "not used"
HR = read.HrFile(PATH, "by hand", 2, sample.R_Rc, sample.DEGENERACY_R, sample.HAM_Rij)
TB = read.TbFile(
    PATH,
    "by hand",
    sample.CELL_CA,
    2,
    sample.R_Rc,
    sample.DEGENERACY_R,
    sample.HAM_Rij,
    sample.POS_Raij,
)
EIG = read.EigFile(PATH, sample.ENERGY_KN)
AMN = read.AmnFile(PATH, "by hand", sample.AMN_KNI)
MMN = read.MmnFile(PATH, "by hand", sample.MMN_KBMN, sample.NEIGHBOUR_KB, sample.G_KBC)
SPN = read.SpnFile(PATH, "by hand", sample.SPIN_KSNM)


def _write_formatted_spn(spn, path):
    return read.write_spn(spn, path, formatted=True)


WRITERS = {  # content, writer, reader, largest error of the last digit
    "hr": (HR, read.write_hr, read.read_hr, 0.5e-6),
    "tb": (TB, read.write_tb, read.read_tb, 0.5e-8),
    "eig": (EIG, read.write_eig, read.read_eig, 0.5e-12),
    "amn": (AMN, read.write_amn, read.read_amn, 0.5e-12),
    "mmn": (MMN, read.write_mmn, read.read_mmn, 0.5e-12),
    "spn": (SPN, read.write_spn, read.read_spn, 0.0),
    "spn formatted": (SPN, _write_formatted_spn, read.read_spn, 0.0),
}


def _assert_same(found, expected, tolerance=0.0):
    for field in dataclasses.fields(expected):
        value = getattr(expected, field.name)
        if isinstance(value, np.ndarray):
            assert_allclose(getattr(found, field.name), value, rtol=0, atol=1.42 * tolerance)
        elif field.name != "path":
            assert getattr(found, field.name) == value


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("name", WRITERS)
def test_read_back(tmp_path, name, suffix):
    content, write, reader, _ = WRITERS[name]
    path = tmp_path / f"file{suffix}"
    assert write(content, path) == path
    found = reader(path)
    assert found.path == path
    _assert_same(found, content)
    magic = {"": b"", ".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ"}[suffix]
    assert path.read_bytes().startswith(magic)
    assert [other.name for other in tmp_path.iterdir()] == [path.name]
    write(content, tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["hr", "tb", "eig", "spn"])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([1e-9, 1.0, 1e4, 123456.0]))
def test_any_numbers_to_the_digits_of_the_format(tmp_path_factory, name, seed, size):
    content, write, reader, tolerance = WRITERS[name]
    if name == "spn":
        size = min(size, 1.0)  # Pauli matrices are no larger, and the reader knows
    rng = np.random.default_rng(seed)
    changes = {}
    for field in dataclasses.fields(content):
        value = getattr(content, field.name)
        if field.name in ("ham_Rij", "pos_Raij", "energy_kn", "spin_ksnm"):
            changes[field.name] = value * size * rng.uniform(0.5, 1)  # keeps it Hermitian
    content = dataclasses.replace(content, **changes)
    path = tmp_path_factory.mktemp("any") / "file"
    write(content, path)
    largest = max(np.abs(value).max() for value in changes.values())
    relative = 10 * largest if name == "tb" else 1.0  # nine significant digits
    _assert_same(reader(path), content, tolerance * relative + 1e-16 * largest)


def test_numbers_wider_than_their_columns_stay_apart(tmp_path):
    ham_Rij = sample.HAM_Rij.copy()
    ham_Rij[1] = -1e7 * np.eye(2)
    R_Rc = 12345 * sample.R_Rc
    wide = dataclasses.replace(HR, ham_Rij=ham_Rij, R_Rc=R_Rc, degeneracy_R=[20000, 1, 20000])
    wide = dataclasses.replace(wide, degeneracy_R=np.array(wide.degeneracy_R))
    read.write_hr(wide, tmp_path / "wide_hr.dat")
    _assert_same(read.read_hr(tmp_path / "wide_hr.dat"), wide)


def test_columns_are_those_of_wannier90(tmp_path):
    read.write_hr(HR, tmp_path / "s_hr.dat")
    assert (tmp_path / "s_hr.dat").read_text().splitlines()[1:] == sample.hr_text().splitlines()[1:]
    read.write_eig(EIG, tmp_path / "s.eig")
    assert (tmp_path / "s.eig").read_text() == sample.eig_text()
    read.write_amn(AMN, tmp_path / "s.amn")
    assert (tmp_path / "s.amn").read_text().splitlines()[1:] == sample.amn_text().splitlines()[1:]
    read.write_mmn(MMN, tmp_path / "s.mmn")
    assert (tmp_path / "s.mmn").read_text().splitlines()[1:] == sample.mmn_text().splitlines()[1:]
    read.write_spn(dataclasses.replace(SPN, header="Created on a day"), tmp_path / "s.spn")
    assert (tmp_path / "s.spn").read_bytes() == sample.records(sample.spn_items())


@pytest.mark.parametrize("header", ["two\nlines", "", "schön", "Ω of another script", "x" * 200])
@pytest.mark.parametrize("name", [name for name in WRITERS if name != "eig"])
def test_any_header(tmp_path, name, header):
    content, write, reader, _ = WRITERS[name]
    path = tmp_path / "file"
    write(dataclasses.replace(content, header=header), path)
    found = reader(path)
    assert "\n" not in found.header
    _assert_same(found, dataclasses.replace(content, header=found.header))


@pytest.mark.parametrize("name", WRITERS)
def test_not_finite(tmp_path, name):
    content, write, _, _ = WRITERS[name]
    for field in dataclasses.fields(content):
        value = getattr(content, field.name)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            spoilt = value.copy()
            spoilt.flat[-1] = np.nan
            with pytest.raises(ResultFileError, match="not finite"):
                write(dataclasses.replace(content, **{field.name: spoilt}), tmp_path / "file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_no_folder(tmp_path, name):
    content, write, _, _ = WRITERS[name]
    with pytest.raises(ResultFileError, match=r"file cannot be written: No such file"):
        write(content, tmp_path / "nowhere" / "file")


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, suffix):
    path = tmp_path / f"file{suffix}"
    path.write_text("before")

    def fail():
        with output.new_file(path) as file:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")

    with pytest.raises(ResultFileError, match="No space left"):
        fail()
    assert path.read_text() == "before"
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


def test_long_records_are_cut_as_gfortran_does(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_RECORD_PIECE", 100)
    path = tmp_path / "s.spn"
    read.write_spn(dataclasses.replace(SPN, header="Created on a day"), path)
    assert path.read_bytes() == sample.records(sample.spn_items(), piece=100)
    assert_array_equal(read.read_spn(path).spin_ksnm, sample.SPIN_KSNM)


def test_every_writer_is_here():
    written = {writer.__name__ for _, writer, _, _ in WRITERS.values()}
    offered = {name for name in read.__all__ if re.match("write_", name)}
    assert offered <= written
