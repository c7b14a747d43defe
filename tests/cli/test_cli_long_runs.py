"""Limits, signals and checkpoints of ``w90spin run``."""

import os
import signal

import numpy as np
import pytest
from cli_jobs import call, write_job

import w90spin as ws
from w90spin.integrate.driver import _Leader

TREE = 'rule = "tree"\nrtol = 1e-3\nmax_points = 1500\n'


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--max-time", "0.001"), "max_time = 0.001 s is over"),
        (("--max-cost", "400"), "max_cost = 400 diagonalisations would be exceeded"),
    ],
)
def test_a_limit_gives_the_best_result_so_far_and_the_way_to_go_on(tmp_path, capsys, option, words):
    job = write_job(tmp_path, mesh=TREE)
    assert call("run", job, *option) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith(f"warning: Not converged: {words}")
    assert f"stopped early: {words}" in printed.out
    assert "NOT CONVERGED" in printed.out
    first = ws.load_result(tmp_path / "result.h5")
    assert first.provenance["stopped"] == words
    assert first.converged is False
    assert first.provenance["relative_error"] > 1e-3
    assert np.any(first["upsilon1"].errors > 0.0)
    assert files(tmp_path) == ["job.toml", "result.ckpt.h5", "result.h5"]
    assert "result.ckpt.h5; the same run with a higher limit" in printed.out

    assert call("run", job) == 0
    assert files(tmp_path) == ["job.toml", "result.h5"]
    gone_on = ws.load_result(tmp_path / "result.h5")
    assert call("run", job) == 0
    at_once = ws.load_result(tmp_path / "result.h5")
    assert gone_on["upsilon1"].values.tobytes() == at_once["upsilon1"].values.tobytes()
    assert gone_on.provenance["diagonalisations"] == at_once.provenance["diagonalisations"]
    assert gone_on.provenance["stopped"] == ""


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGTERM, "Terminated"), (signal.SIGINT, "Interrupted")]
)
def test_a_run_told_to_end_can_be_started_again(tmp_path, capsys, monkeypatch, number, word):
    job = write_job(tmp_path, mesh=TREE)
    tell, told = _Leader._tell, []

    def telling(self, *arguments):
        told.append(arguments)
        if len(told) == 5:
            os.kill(os.getpid(), number)
        tell(self, *arguments)

    monkeypatch.setattr(_Leader, "_tell", telling)
    assert call("run", job) == 128 + signal.SIGTERM
    printed = capsys.readouterr()
    assert printed.err.count(f"error: {word}. What was done is kept in") == 1
    assert files(tmp_path) == ["job.toml", "result.ckpt.h5"]
    assert call("run", job) == 0
    assert files(tmp_path) == ["job.toml", "result.h5"]


def test_sigusr1_never_ends_a_run(tmp_path, monkeypatch):
    """Before the integral, after it, and without a checkpoint."""
    from w90spin.cli import app

    before = signal.getsignal(signal.SIGUSR1)
    for name in ("_pictures", "derive"):
        original = getattr(app, name)

        def called(*arguments, original=original, **options):
            os.kill(os.getpid(), signal.SIGUSR1)
            return original(*arguments, **options)

        monkeypatch.setattr(app, name, called)
    try:
        assert call("run", write_job(tmp_path, output="checkpoint = false\n")) == 0
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert files(tmp_path) == ["job.toml", "result.h5"]


def test_what_a_crash_left_of_a_result_is_removed(tmp_path):
    (tmp_path / ".result.h5.abc123.part").write_bytes(b"half")
    assert call("run", write_job(tmp_path)) == 0
    assert files(tmp_path) == ["job.toml", "result.h5"]


def test_a_checkpoint_of_another_job_is_refused(tmp_path, capsys):
    assert call("run", write_job(tmp_path, mesh=TREE), "--max-cost", "400") == 0
    capsys.readouterr()
    other = write_job(tmp_path, mesh=TREE.replace("1e-3", "1e-4"))
    assert call("run", other) == 2
    assert "result.ckpt.h5 is the checkpoint of another run" in capsys.readouterr().err
