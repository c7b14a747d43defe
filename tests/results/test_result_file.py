"""The result file: what is saved comes back, and what is not a result is refused in words."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from result_samples import MU, OMEGA, XYZ, polarizability, small_run

import w90spin as ws
from w90spin import files, storage
from w90spin.errors import ResultFileError
from w90spin.units import CONVENTIONS


@pytest.fixture(scope="module")
def result():
    return small_run()


@pytest.fixture(scope="module")
def broadened():
    return small_run(eta=0.03)


@pytest.fixture
def file(result, tmp_path):
    return result.save(tmp_path / "result.h5")


def same_tensor(one, other):
    assert one.values.dtype == other.values.dtype
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.errors, other.errors)
    assert one.axes == other.axes
    for name in ("name", "symbol", "unit", "description"):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize("which", ["result", "broadened"])
def test_tensors_come_back_to_the_last_bit(which, request, tmp_path):
    saved = request.getfixturevalue(which)
    loaded = ws.load_result(saved.save(tmp_path / "a.h5"))
    assert [*loaded.responses] == ["spin_polarizability"]
    one, other = loaded.responses["spin_polarizability"], saved.responses["spin_polarizability"]
    assert [*one] == [*other] == ["upsilon0", "upsilon1", "upsilon2", "chi"]
    for name in other:
        same_tensor(one[name], other[name])
        assert np.abs(other[name].values).max() > 0.0
    assert np.abs(other["upsilon1"].errors).max() > 0.0
    assert other["chi"].values.dtype == np.complex128
    assert (one.title, one.reference, one.parameters) == (
        other.title,
        other.reference,
        other.parameters,
    )
    assert one["upsilon0"].axis("part").values == ("A/1", "B β")


def test_provenance_comes_back(result, file):
    loaded = ws.load_result(file)
    assert loaded.provenance == json.loads(json.dumps(result.provenance))
    assert loaded.converged is None  # one mesh: no tolerance was asked for
    assert loaded.source == file
    assert loaded.provenance["model"] == "PT antiferromagnet"
    assert loaded.provenance["model_sha256"] == ws.toys.pt_antiferromagnet().fingerprint


def test_map_comes_back(result, file):
    one, other = ws.load_result(file).kmap, result.kmap
    assert one.response == other.response == "spin_polarizability"
    for name in ("kpt_uvc", "kpt_uva", "recip_ca"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert [*one.tensors] == [*other.tensors]
    for name in other.tensors:
        same_tensor(one.tensors[name], other.tensors[name])


def test_bands_come_back(result, file):
    one, other = ws.load_result(file).path, result.path
    for name in ("kpt_kc", "distance_k", "label_positions", "energy_kn", "block_kn", "spin_kns"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert one.labels == other.labels == ("Γ", "X/2")
    assert one.mu == other.mu == 0.1
    for name in other.tensors:
        same_tensor(one.tensors[name], other.tensors[name])


def test_a_result_without_pictures(result, tmp_path):
    plain = ws.Result(responses=result.responses, provenance=result.provenance)
    loaded = ws.load_result(plain.save(tmp_path / "plain.h5"))
    assert loaded.kmap is None
    assert loaded.path is None


def test_saving_what_was_loaded_changes_nothing(result, file, tmp_path):
    again = ws.load_result(ws.load_result(file).save(tmp_path / "again.h5"))
    assert again.provenance == json.loads(json.dumps(result.provenance))
    same_tensor(again["chi"], result["chi"])
    same_tensor(again.kmap.tensors["upsilon1"], result.kmap.tensors["upsilon1"])


def test_ten_thousand_frequencies(tmp_path):
    """More than the 64 kB that HDF5 allows a fixed attribute."""
    omega = tuple(np.linspace(0.0, 0.3, 10_001).tolist())
    values = [np.zeros((1, 3, 3))] + 2 * [np.zeros((1, 10_001, 3, 3))]
    long = polarizability(values, omega=omega, note="x" * 200_000)
    loaded = ws.load_result(long.save(tmp_path / "long.h5"))
    assert loaded["upsilon1"].axis("omega").values == omega
    assert loaded.provenance["note"] == "x" * 200_000


def test_plain_h5py_reads_what_the_documentation_promises(result, file):
    with h5py.File(file) as tree:
        assert tree.attrs["format"] == "w90spin-result"
        assert tree.attrs["format_version"] == 1
        assert json.loads(tree.attrs["provenance"])["dimension"] == 2
        assert dict(tree["conventions"].attrs) == CONVENTIONS
        response = tree["responses/spin_polarizability"]
        assert {"title", "reference", "parameters"} <= {*response.attrs}
        assert json.loads(response.attrs["parameters"])["mu_f"] == list(MU)
        upsilon1 = response["upsilon1"]
        axes = ["part", "kT", "mu", "omega", "spin", "field"]
        assert upsilon1.attrs["unit"] == "Å⁻¹ eV⁻²"
        assert list(upsilon1.attrs["axes"]) == axes
        assert upsilon1.attrs["symbol"] == "Υ⁽¹⁾"
        for name in ("values", "errors"):
            assert upsilon1[name].dtype == np.float64
            assert upsilon1[name].shape == (2, 2, 2, 3, 3, 3)
            assert upsilon1[name].attrs["unit"] == "Å⁻¹ eV⁻²"
            assert list(upsilon1[name].attrs["axes"]) == axes
        assert np.array_equal(upsilon1["values"][...], result["upsilon1"].values)
        assert upsilon1["axes/omega"][...].tolist() == list(OMEGA)
        assert upsilon1["axes/omega"].attrs["unit"] == "eV"
        assert [part.decode() for part in upsilon1["axes/part"]] == ["A/1", "B β"]
        assert [spin.decode() for spin in upsilon1["axes/spin"]] == list(XYZ)
        assert response["chi/values"].dtype.names == ("r", "i") or (
            response["chi/values"].dtype == np.complex128
        )
        assert tree["kmap"].attrs["response"] == "spin_polarizability"
        assert tree["kmap/kpt_reduced"].shape == (5, 5, 3)
        assert tree["kmap/kpt_cartesian"].attrs["unit"] == "1/Å"
        assert tree["kmap/reciprocal_lattice"].shape == (3, 3)
        assert tree["kmap/tensors/upsilon1/values"].shape == (5, 5, 1, 1, 1, 1, 3, 3)
        assert tree["path"].attrs["mu"] == 0.1
        n_k = len(tree["path/distance"])
        assert tree["path/kpt_reduced"].shape == (n_k, 3)
        assert tree["path/energy"].shape == tree["path/block"].shape == (n_k, 4)
        assert tree["path/spin"].shape == (n_k, 4, 3)
        assert tree["path/energy"].attrs["unit"] == "eV"
        assert [label.decode() for label in tree["path/labels"]] == ["Γ", "X/2"]
        assert len(tree["path/label_positions"]) == 2
        assert tree["path/tensors/upsilon1"].attrs["unit"] == "Å eV⁻²"


def test_hashes_of_the_inputs_stand_in_their_group(result, tmp_path):
    inputs = {"bi_tb.dat.xz": "ab" * 32, "bi.win": "cd" * 32}
    noted = ws.Result(
        responses=result.responses, provenance={**result.provenance, "inputs": inputs}
    )
    with h5py.File(noted.save(tmp_path / "a.h5")) as tree:
        assert dict(tree["inputs"].attrs) == inputs


def test_a_newer_format_is_refused_with_the_way_out(file):
    with h5py.File(file, "a") as tree:
        tree.attrs["format_version"] = 2
    with pytest.raises(
        ResultFileError, match=r"version 2 of the format.* reads up to 1.*[Uu]pdate w90spin"
    ):
        ws.load_result(file)


def test_other_files_are_refused(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as tree:
        tree["x"] = [1.0]
    with pytest.raises(
        ResultFileError, match=r"other\.h5.*not a w90spin-result file.*'w90spin run'"
    ):
        ws.load_result(other)
    text = tmp_path / "text.h5"
    text.write_text("no HDF5\n")
    with pytest.raises(ResultFileError, match=r"text\.h5 is not a readable HDF5 file"):
        ws.load_result(text)
    (tmp_path / "empty.h5").touch()
    with pytest.raises(ResultFileError, match=r"empty\.h5 is not a readable HDF5 file"):
        ws.load_result(tmp_path / "empty.h5")
    with pytest.raises(ResultFileError, match=r"nothing\.h5 is not there"):
        ws.load_result(tmp_path / "nothing.h5")
    with pytest.raises(ResultFileError):
        ws.load_result(tmp_path)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ResultFileError, match=r"result\.h5.*cut short"):
        ws.load_result(file)


@pytest.mark.parametrize(
    "lost",
    [
        "responses",
        "responses/spin_polarizability/upsilon1/axes/omega",
        "responses/spin_polarizability/chi/errors",
        "kmap/kpt_reduced",
        "path/energy",
    ],
)
def test_a_file_that_lost_a_part_is_refused(file, lost):
    with h5py.File(file, "a") as tree:
        del tree[lost]
    with pytest.raises(ResultFileError, match=f"lacks or garbles '{Path(lost).name}'"):
        ws.load_result(file)


def test_a_file_with_garbled_provenance_is_refused(file):
    with h5py.File(file, "a") as tree:
        tree.attrs["provenance"] = "{not JSON"
    with pytest.raises(ResultFileError, match="lacks or garbles"):
        ws.load_result(file)


READ_DAMAGED = """
import sys, numpy as np, w90spin as ws
from pathlib import Path
file = Path(sys.argv[1])
data, rng = file.read_bytes(), np.random.default_rng(1)
for _ in range(40):
    damaged, start = bytearray(data), int(rng.integers(0, len(data) - 64))
    damaged[start : start + 64] = rng.bytes(64)
    file.write_bytes(damaged)
    try:
        ws.load_result(file)
        print("read")
    except ws.W90SpinError:
        print("refused")
    except Exception as problem:
        print("not foreseen:", repr(problem))
"""


def test_damage_in_the_middle_never_ends_in_a_traceback(file):
    """Bytes overwritten at many places: refused in words, or, in a value, read.

    In a process of its own, as the HDF5 library may crash on what it does not check.
    """
    done = subprocess.run(
        [sys.executable, "-c", READ_DAMAGED, str(file)], capture_output=True, text=True, timeout=60
    )
    outcomes = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(outcomes) == 40
    assert {*outcomes} == {"read", "refused"}


def leftovers(folder):
    return [path.name for path in folder.iterdir() if ".part" in path.name]


def break_off(monkeypatch, problem):
    """Let writing fail after some of the file is written."""
    written, calls = storage._write_attributes, iter(range(1000))

    def failing(*arguments):
        if next(calls) == 8:
            raise problem
        written(*arguments)

    monkeypatch.setattr(storage, "_write_attributes", failing)


def test_a_failed_write_leaves_the_old_file_and_no_other(result, file, monkeypatch):
    before = file.read_bytes()

    def full(path, image):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResultFileError, match=r"result\.h5 cannot be written: No space left"):
        result.save(file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["result.h5"]


def test_an_unforeseen_failure_leaves_the_old_file_too(result, file, monkeypatch):
    before = file.read_bytes()
    break_off(monkeypatch, RuntimeError("unforeseen"))
    with pytest.raises(RuntimeError, match="unforeseen"):
        result.save(file)
    assert file.read_bytes() == before
    assert not leftovers(file.parent)


def test_an_existing_file_is_replaced_and_nothing_is_left_over(result, tmp_path):
    target = tmp_path / "result.h5"
    target.write_text("old")
    assert result.save(target) == target
    assert [path.name for path in tmp_path.iterdir()] == ["result.h5"]
    assert ws.load_result(target).converged is None


def test_the_file_is_readable_by_others(result, tmp_path):
    """As the umask has it, not only for the owner, which temporary files are."""
    plain = tmp_path / "plain"
    plain.touch()
    assert result.save(tmp_path / "result.h5").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("save", ["save", "to_csv"])
def test_where_nothing_can_be_written(result, tmp_path, save):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for place in ("missing/result.h5", "file/result.h5", "folder"):
        with pytest.raises(ResultFileError, match=f"{place} cannot be written"):
            getattr(result, save)(tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert not [*(tmp_path / "folder").iterdir()]


def test_check_writable_says_so_before_a_run(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for place in ("missing/result.h5", "file/result.h5", "."):
        with pytest.raises(ResultFileError, match=r"cannot be written|is a folder"):
            files.check_writable(tmp_path / place)
    assert files.check_writable(tmp_path / "result.h5") == tmp_path / "result.h5"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_another_rank_swept_up_is_no_trouble(tmp_path, monkeypatch):
    """Rank 0 removes what killed runs left, the probe of another rank among it."""
    close = os.close

    def swept(handle):
        close(handle)
        for orphan in tmp_path.glob(".result.h5.*.part"):
            orphan.unlink()

    monkeypatch.setattr("os.close", swept)
    assert files.check_writable(tmp_path / "result.h5") == tmp_path / "result.h5"
