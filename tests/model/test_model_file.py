"""The package's own model file: what is saved comes back, and damage is refused."""

from dataclasses import fields

import h5py
import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import ResultFileError
from w90spin.model.file import read_model, save_model


@pytest.fixture
def file(bi_tb, tmp_path):
    return save_model(bi_tb, tmp_path / "bi.w90.h5")


def test_everything_comes_back(bi_tb, file):
    loaded = ws.load_model(file)
    for field in fields(bi_tb):
        one, other = getattr(loaded, field.name), getattr(bi_tb, field.name)
        if field.name == "structure":
            assert one.symbols == other.symbols
            assert np.array_equal(one.positions_xa, other.positions_xa)
        elif isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
        else:
            assert one == other, field.name
    assert loaded.fingerprint == bi_tb.fingerprint


def test_a_bare_model_comes_back(tmp_path):
    model = ws.WannierModel.from_arrays(
        np.eye(3), [[0, 0, 0]], [[[1.0]]], centres=[[0.0, 0.0, 0.5]], periodic=(True, False, True)
    )
    loaded = ws.load_model(save_model(model, tmp_path / "one.w90.h5"))
    assert loaded.spin_Rsij is None
    assert loaded.spin_pairs is None
    assert loaded.structure is None
    assert loaded.periodic == (True, False, True)
    assert loaded.fingerprint == model.fingerprint


def test_the_name_must_say_what_it_is(bi_tb, tmp_path):
    with pytest.raises(ResultFileError, match=r"ends in \.w90\.h5"):
        save_model(bi_tb, tmp_path / "bi.h5")


def test_a_changed_number_is_found_on_request(file):
    with h5py.File(file, "a") as tree:
        tree["hamiltonian"][0, 0, 0] += 1e-9
    assert read_model(file).n_wann == 32
    with pytest.raises(ResultFileError, match="checksum"):
        read_model(file, verify=True)


@pytest.mark.parametrize("lost", ["hamiltonian", "R", "centres", "atoms/positions"])
def test_a_file_that_lost_a_part_is_refused(file, lost):
    with h5py.File(file, "a") as tree:
        del tree[lost]
    with pytest.raises(ResultFileError, match=f"lacks or garbles '{lost.split('/')[-1]}'"):
        ws.load_model(file)


def test_nan_and_wrong_shapes_are_refused(file):
    with h5py.File(file, "a") as tree:
        tree["position"][3, 1, 2, 2] = np.nan
    with pytest.raises(ResultFileError, match=r"'position'.*not finite"):
        ws.load_model(file)
    with h5py.File(file, "a") as tree:
        del tree["position"]
        tree["position"] = np.zeros((79, 2, 32, 32), complex)
    with pytest.raises(ResultFileError, match=r"'position' .shape"):
        ws.load_model(file)


def test_other_and_newer_files_are_refused(file, tmp_path):
    with h5py.File(file, "a") as tree:
        tree.attrs["format_version"] = 99
    with pytest.raises(ResultFileError, match=r"version 99.*Update"):
        ws.load_model(file)
    with h5py.File(file, "a") as tree:
        tree.attrs["format"] = "w90spin-result"
    with pytest.raises(ResultFileError, match="not a w90spin-model file"):
        ws.load_model(file)
    with pytest.raises(ResultFileError, match=r"nothing\.w90\.h5 is not there"):
        ws.load_model(tmp_path / "nothing.w90.h5")
