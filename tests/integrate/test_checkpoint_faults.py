"""Checkpoints on full disks, cut short, of other runs; nothing else may stay behind."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from small_zones import bits, model, responses, rule, small_run

import w90spin as ws
from w90spin.errors import ResultFileError, W90SpinWarning
from w90spin.integrate import checkpoint as checkpoint_module
from w90spin.integrate.checkpoint import Checkpoint
from w90spin.storage import read_tree, write_tree

pytestmark = pytest.mark.filterwarnings("ignore:Not converged")
CASE = ("tree", 2)


class Fall(Exception):
    """What a report raises in place of a crash."""


@pytest.fixture(autouse=True)
def at_every_pulse(monkeypatch):
    monkeypatch.setattr(checkpoint_module, "LARGEST_SHARE", float("inf"))


@pytest.fixture(scope="module")
def whole():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W90SpinWarning)
        return bits(small_run(*CASE))


def run_until(path, call, before=None):
    """The run, ended by an exception at one call of its report."""
    calls = [0]

    def report(progress):
        calls[0] += 1
        if before is not None:
            before(calls[0])
        if calls[0] == call:
            raise Fall

    with pytest.raises(Fall):
        small_run(*CASE, checkpoint=path, checkpoint_every=0.0, report=report)


@pytest.fixture
def interrupted(tmp_path):
    """A run that ended midway, with its last two checkpoints."""
    path = tmp_path / "run.h5"
    run_until(path, 20)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.h5", "run.h5.previous"]
    return path


def test_the_previous_checkpoint_serves_when_the_last_is_cut_short(interrupted, whole):
    content = interrupted.read_bytes()
    interrupted.write_bytes(content[: len(content) // 2])
    with pytest.warns(W90SpinWarning, match=r"run\.h5 is not a readable.*run\.h5\.previous, is us"):
        result = small_run(*CASE, checkpoint=interrupted)
    assert bits(result) == whole


def test_any_cut_is_noticed(interrupted):
    content = interrupted.read_bytes()
    interrupted.with_name("run.h5.previous").unlink()
    for length in [0, 1, 7, *range(100, len(content), 997), len(content) - 1]:
        interrupted.write_bytes(content[:length])
        with pytest.raises(ResultFileError, match=r"run\.h5.*Remove .*run\.h5 to begin anew"):
            small_run(*CASE, checkpoint=interrupted)
    interrupted.write_bytes(content)
    assert Checkpoint(interrupted, read_tree(interrupted)["@"]["job"]).load() is not None


def test_a_refused_checkpoint_never_displaces_the_good_one(interrupted, whole):
    """The run that goes on from the previous one is killed after its first own checkpoint."""
    previous = interrupted.with_name("run.h5.previous")
    kept = previous.read_bytes()
    interrupted.write_bytes(b"damaged")
    with pytest.warns(W90SpinWarning, match="is used instead"):
        run_until(interrupted, 2)
    assert previous.read_bytes() == kept
    interrupted.write_bytes(b"damaged again")
    with pytest.warns(W90SpinWarning, match="is used instead"):
        assert bits(small_run(*CASE, checkpoint=interrupted)) == whole


@pytest.mark.parametrize("moment", ["before the last moves", "between the two moves"])
def test_killed_while_a_checkpoint_takes_its_place(interrupted, whole, moment):
    """SIGKILL between the system calls that put a new checkpoint into place."""
    shutil.copy(interrupted, interrupted.with_name("run.h5.new"))
    interrupted.with_name(".run.h5.new.abcdef.part").write_bytes(b"half a file")
    if moment == "between the two moves":
        interrupted.replace(interrupted.with_name("run.h5.previous"))
    run_until(interrupted, 3)
    left = {file.name for file in interrupted.parent.iterdir()}
    assert left == {"run.h5", "run.h5.previous"}
    assert bits(small_run(*CASE, checkpoint=interrupted)) == whole


@pytest.mark.parametrize("change", ["model", "response", "parts", "rule", "batch"])
def test_a_checkpoint_of_another_run_is_refused(interrupted, change):
    zone, mesh, batch = model(2), rule(*CASE), 100
    asked = responses(zone)
    if change == "model":
        zone = ws.toys.rashba_square(exchange=(0.1, 0.0, 0.3001))
    if change == "response":
        asked = [asked[0], ws.SpinPolarizability(omega_w=0.1, mu_f=0.1, kT=0.3, eta=0.61)]
    if change == "parts":
        parts = ws.partition(zone, by={"a": [2], "b": [1]})
        other = {"omega_w": [0.0, 0.2], "mu_f": [-0.3, 0.3], "kT": 0.2, "eta": 0.5}
        asked = [ws.SpinPolarizability(**other, parts=parts), asked[1]]
    if change == "rule":
        mesh = ws.AdaptiveTree(rtol=1e-5, max_points=1500)
    if change == "batch":
        batch = 99
    content = interrupted.read_bytes()
    with pytest.raises(ResultFileError, match=r"is the checkpoint of another run: its model, resp"):
        ws.compute(zone, asked, mesh=mesh, batch=batch, checkpoint=interrupted)
    assert interrupted.read_bytes() == content


def test_tasks_that_were_cut_otherwise_are_refused(interrupted):
    """As another version would cut them, should it call itself the same."""
    tree = read_tree(interrupted)
    tree["state"]["round"]["of"] += 1
    write_tree(interrupted, tree)
    with pytest.raises(ResultFileError, match="another version of w90spin wrote it"):
        small_run(*CASE, checkpoint=interrupted)


def test_a_newer_format_is_refused(interrupted):
    tree = read_tree(interrupted)
    tree["@"]["format_version"] = 99
    write_tree(interrupted, tree)
    interrupted.with_name("run.h5.previous").unlink()
    with pytest.raises(ResultFileError, match=r"has version 99.*Update w90spin"):
        small_run(*CASE, checkpoint=interrupted)


def test_killed_at_random_moments(tmp_path, whole, monkeypatch):
    """SIGKILL, start anew, until it finishes; and so on.  Ranks are killed in tests/parallel."""
    chance, path = random.Random(12), tmp_path / "run.h5"
    original = ws.SpinPolarizability.__call__

    def slowly(self, states):
        time.sleep(0.005)
        return original(self, states)

    monkeypatch.setattr(ws.SpinPolarizability, "__call__", slowly)
    killed = finished = 0
    while killed < 12 or not finished:
        child = os.fork()
        if not child:
            try:
                found = small_run(*CASE, checkpoint=path, checkpoint_every=0.0)
                (tmp_path / "result").write_text("|".join(bits(found)))
            finally:
                os._exit(0)
        if killed < 12:
            time.sleep(chance.uniform(0.02, 0.3))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        if (tmp_path / "result").exists() and not os.WIFSIGNALED(status):
            finished += 1
            assert (tmp_path / "result").read_text() == "|".join(whole)
            left = {file.name for file in tmp_path.iterdir()}
            assert left <= {"run.h5", "run.h5.previous", "result"}
            for name in left:
                (tmp_path / name).unlink()
    assert killed == 12


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(ResultFileError, match="cannot be written"):
        small_run(*CASE, checkpoint=tmp_path / "nowhere" / "run.h5")


def test_a_disk_that_fills_up_and_has_room_again(tmp_path, whole, monkeypatch):
    path = tmp_path / "run.h5"
    original, full = Path.write_bytes, [False]

    def write_bytes(self, content):
        if full[0] and self.suffix == ".part":
            original(self, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    sizes = {}

    def before(call):
        full[0] = 8 < call < 14
        sizes[call] = path.read_bytes() if path.exists() else b""

    with pytest.warns(W90SpinWarning, match=r"No checkpoint could be written.*No space") as caught:
        run_until(path, 16, before)
    assert len(caught) == 1
    assert sizes[9] == sizes[12]
    assert sizes[16] != sizes[12]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.h5", "run.h5.previous"]
    assert bits(small_run(*CASE, checkpoint=path)) == whole


TINY_DISK = """
import os, signal, sys, warnings
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from small_zones import bits, small_run
from w90spin.integrate import checkpoint
checkpoint.LARGEST_SHARE = float("inf")
path, calls = Path(sys.argv[2]), [0]
def report(progress):
    calls[0] += 1
    if calls[0] == 12 and sys.argv[3] == "tmpfs":
        ballast = open(path.with_name("ballast"), "wb", buffering=0)
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
    if calls[0] == 12 and sys.argv[3] == "limit":
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    if calls[0] == 20:
        os._exit(9)
small_run("tree", 2, checkpoint=path, checkpoint_every=0.0, report=report)
"""


@pytest.mark.parametrize("kind", ["limit", "tmpfs"])
def test_a_disk_that_is_really_full(tmp_path, whole, kind):
    """In a process of its own: HDF5 itself would end with a segmentation fault."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if kind == "tmpfs":
        mounted = shutil.which("mount") and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], capture_output=True
        )
        if not mounted or mounted.returncode != 0:
            pytest.skip("mounting a small disk is not allowed here")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                TINY_DISK,
                str(Path(__file__).parent),
                str(disk / "run.h5"),
                kind,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 9, done.stderr
        assert done.stderr.count("No checkpoint could be written") == 1
        (disk / "ballast").unlink(missing_ok=True)
        state = read_tree(disk / "run.h5")["state"]
        assert state["evaluations"] > 0
        assert bits(small_run(*CASE, checkpoint=disk / "run.h5")) == whole
        assert not list(disk.glob(".*"))
    finally:
        if kind == "tmpfs":
            subprocess.run(["umount", str(disk)], check=True)
