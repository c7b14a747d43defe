"""Against Wannier90's own programs: what they write is read, and what is written they read."""

import dataclasses
import lzma
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import read_samples as sample
from numpy.testing import assert_allclose, assert_array_equal

from w90spin import read

BI = Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi"
SAMPLES = Path(__file__).parent / "samples"
CHECKPOINT = sample.Checkpoint()


def _needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


def _run(folder, *command):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)


def _unpack(suffix, folder):
    with lzma.open(f"{BI}{suffix}.xz") as source, open(folder / f"bi{suffix}", "wb") as copy:
        shutil.copyfileobj(source, copy)


def _assert_same_arrays(found, expected, tolerance=0.0):
    for field in dataclasses.fields(expected):
        value = getattr(expected, field.name)
        if isinstance(value, np.ndarray):
            assert_allclose(getattr(found, field.name), value, rtol=0, atol=tolerance)
        elif field.name != "path":
            assert getattr(found, field.name) == value


def test_formatted_checkpoint_of_w90chk2chk(tmp_path):
    path = tmp_path / "small.chk"
    path.write_bytes(sample.records(CHECKPOINT.items()))
    _assert_same_arrays(read.read_chk(SAMPLES / "small.chk.fmt"), read.read_chk(path), 1e-12)


def test_formatted_spin_of_w90spn2spn():
    spn = read.read_spn(SAMPLES / "small.spn.fmt")
    assert_allclose(spn.spin_ksnm, sample.SPIN_KSNM, rtol=0, atol=1e-15)


@_needs("w90chk2chk.x")
def test_checkpoint_and_what_w90chk2chk_makes_of_it(tmp_path):
    _unpack(".chk", tmp_path)
    _run(tmp_path, "w90chk2chk.x", "-export", "bi")
    _assert_same_arrays(
        read.read_chk(tmp_path / "bi.chk.fmt"), read.read_chk(tmp_path / "bi.chk"), 1e-15
    )


@_needs("w90spn2spn.x")
def test_spin_and_what_w90spn2spn_makes_of_it(tmp_path):
    _unpack(".spn", tmp_path)
    _run(tmp_path, "w90spn2spn.x", "-export", "bi")
    formatted = read.read_spn(tmp_path / "bi.spn.fmt")
    _assert_same_arrays(formatted, read.read_spn(tmp_path / "bi.spn"))


@_needs("w90spn2spn.x")
def test_w90spn2spn_reads_what_is_written(tmp_path):
    spn = read.read_spn(SAMPLES / "small.spn.fmt")
    read.write_spn(spn, tmp_path / "a.spn")
    _run(tmp_path, "w90spn2spn.x", "-export", "a")
    assert_array_equal(read.read_spn(tmp_path / "a.spn.fmt").spin_ksnm, spn.spin_ksnm)
    read.write_spn(spn, tmp_path / "b.spn.fmt", formatted=True)
    _run(tmp_path, "w90spn2spn.x", "-import", "b")
    assert (tmp_path / "b.spn").read_bytes() == (tmp_path / "a.spn").read_bytes()


@_needs("wannier90.x")
def test_files_of_a_run_without_minimal_distances(tmp_path):
    """_r.dat is the position matrix of _tb.dat; _wsvec.dat then has one zero shift a pair."""
    for suffix in (".chk", ".mmn"):
        _unpack(suffix, tmp_path)
    shutil.copy(f"{BI}.eig", tmp_path)
    kept = [
        line
        for line in Path(f"{BI}.win").read_text().splitlines()
        if not line.startswith(("write_", "use_ws_distance", "bands_plot"))
    ]
    wanted = ["restart = plot", "use_ws_distance = .false."]
    wanted += [f"write_{kind} = .true." for kind in ("hr", "tb", "rmn")]
    (tmp_path / "bi.win").write_text("\n".join([*kept, *wanted]) + "\n")
    _run(tmp_path, "wannier90.x", "bi")

    rmn = read.read_rmn(tmp_path / "bi_r.dat")
    tb = read.read_tb(tmp_path / "bi_tb.dat")
    assert_array_equal(rmn.R_Rc, tb.R_Rc)
    assert_allclose(rmn.pos_Raij, tb.pos_Raij, atol=8e-7)
    assert_allclose(read.read_hr(tmp_path / "bi_hr.dat").ham_Rij, tb.ham_Rij, atol=8e-7)
    wsvec = read.read_wsvec(tmp_path / "bi_wsvec.dat")
    assert (wsvec.use_ws_distance, wsvec.applied) == (False, False)
    assert_array_equal(wsvec.R_Rc, tb.R_Rc)
    assert (wsvec.count_Rij == 1).all()
    assert not wsvec.shift_pc.any()
