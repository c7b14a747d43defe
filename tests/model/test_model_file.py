"""The package's own model file: what is saved comes back, and damage is refused."""

import struct
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import MissingOperatorError, ResultFileError
from w90spin.model.file import read_model, save_model
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.storage import read_tree, write_tree


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


@pytest.fixture
def with_currents(bi_tb):
    """Random operators of both spin currents: no relation between them that could hide a mix-up."""
    rng = np.random.default_rng(5)
    n_R, n = len(bi_tb.R_Rc), bi_tb.n_wann

    def random(*axes):
        return rng.normal(size=(n_R, *axes, n, n)) + 1j * rng.normal(size=(n_R, *axes, n, n))

    return replace(
        bi_tb,
        spin_current={
            current: SpinCurrentOperators(random(3), random(3, 3), random(3, 3), f"from {current}")
            for current in ("qiao2018", "ryoo2019")
        },
    )


def test_operators_of_spin_currents_come_back(with_currents, bi_tb, tmp_path):
    loaded = read_model(save_model(with_currents, tmp_path / "bi.w90.h5"), verify=True)
    assert list(loaded.spin_current) == ["qiao2018", "ryoo2019"]
    for current, operators in with_currents.spin_current.items():
        found = loaded.needs_spin_current(current, "this test")
        assert found.source == f"from {current}"
        for one, other in zip(found.operators, operators.operators, strict=True):
            assert np.array_equal(one, other)
    assert loaded.fingerprint == with_currents.fingerprint != bi_tb.fingerprint


def test_damaged_operators_of_spin_currents_are_refused(with_currents, tmp_path):
    file = save_model(with_currents, tmp_path / "bi.w90.h5")
    with h5py.File(file, "a") as tree:
        tree["spin_current/ryoo2019/spin_pos"][0, 1, 2, 3, 4] = np.nan
    with pytest.raises(ResultFileError, match=r"'ryoo2019/spin_pos' .*not finite"):
        ws.load_model(file)
    with h5py.File(file, "a") as tree:
        del tree["spin_current/ryoo2019/spin_pos"]
    with pytest.raises(ResultFileError, match="lacks or garbles 'spin_pos'"):
        ws.load_model(file)


def test_another_spin_has_no_operators_of_the_old_one(with_currents):
    assert with_currents.spin_current
    turned = with_currents.with_spin(-with_currents.spin_Rsij, source="turned")
    with pytest.raises(MissingOperatorError, match=r"'ryoo2019'.*load_model"):
        turned.needs_spin_current("ryoo2019", "this test")


def test_operators_are_mapped_and_outlive_their_file(bi_tb, file):
    """No copy in memory, and neither replacing nor removing the file changes a loaded model."""
    loaded = ws.load_model(file)
    for operator in (loaded.ham_Rij, loaded.pos_Raij, loaded.spin_Rsij):
        assert not operator.flags.writeable
        assert not operator.flags.owndata
    other = ws.WannierModel.from_arrays(
        np.eye(3), [[0, 0, 0]], [[[1.0]]], centres=[[0.0, 0.0, 0.0]]
    )
    save_model(other, file)
    assert np.array_equal(loaded.ham_Rij, bi_tb.ham_Rij)
    file.unlink()
    assert loaded.fingerprint == bi_tb.fingerprint


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["<c16", ">c16", "<f8", ">f4", "<i8"])
def test_a_mapped_array_is_the_array_read(tmp_path, packed, kind):
    array = np.random.default_rng(0).normal(size=(90, 100), scale=1e3).astype(kind)
    path = write_tree(tmp_path / "x.h5", {"small": array[:2], "large": array}, packed=packed)
    read, mapped = read_tree(path), read_tree(path, mapped=True)
    for name in ("small", "large"):
        assert read[name].dtype == mapped[name].dtype == array.dtype
        assert np.array_equal(mapped[name], read[name])
    assert np.array_equal(mapped["large"], array)


def test_a_model_file_cut_anywhere_is_refused(file, tmp_path):
    data = file.read_bytes()
    cut = tmp_path / "cut.w90.h5"
    for length in (0, 1, 100, 4096, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(ResultFileError, match=r"cut\.w90\.h5"):
            ws.load_model(cut)


def test_an_array_beyond_the_end_of_the_file_is_not_touched(tmp_path):
    """A file that HDF5 itself believes: its stored length was cut too."""
    path = tmp_path / "x.h5"
    with h5py.File(path, "w", libver="earliest") as tree:
        tree["large"] = np.ones(100_000)
        offset = tree["large"].id.get_offset()
    data = bytearray(path.read_bytes()[: offset + 8_000])
    struct.pack_into("<Q", data, 40, len(data))  # end of file, in a superblock without checksum
    path.write_bytes(data)
    with pytest.raises(ResultFileError, match=r"not a readable HDF5 file.*large"):
        read_tree(path, mapped=True)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, complex(0.0, np.nan)])
def test_no_number_that_is_none_passes(file, wrong):
    with h5py.File(file, "a") as tree:
        tree["spin"][-1, 2, 31, 31] = wrong
        tree["spin"][0, 0, 0, 0] = -wrong
    with pytest.raises(ResultFileError, match=r"'spin'.*not finite"):
        ws.load_model(file)


def test_large_numbers_are_numbers(tmp_path):
    """Their squares overflow."""
    model = ws.WannierModel.from_arrays(
        np.eye(3), [[0, 0, 0]], [[[1e200]]], centres=[[0.0, 0.0, 0.0]]
    )
    assert ws.load_model(save_model(model, tmp_path / "x.w90.h5")).ham_Rij[0, 0, 0] == 1e200
