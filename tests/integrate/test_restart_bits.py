"""A run that is interrupted after any task goes on to the same bits."""

import os
import signal
import warnings
from ast import literal_eval

import pytest
from small_zones import CASES, bits, model, responses, rule, small_run

import w90spin as ws
from w90spin.errors import InterruptedRunError, W90SpinWarning
from w90spin.integrate import checkpoint as checkpoint_module

pytestmark = pytest.mark.filterwarnings("ignore:Not converged")
MOST_RESTARTS = 400


class Fall(Exception):
    """What a report raises in place of a crash."""


@pytest.fixture(autouse=True)
def at_every_pulse(monkeypatch):
    """Checkpoints as often as can be, which is not what long runs should do."""
    monkeypatch.setattr(checkpoint_module, "LARGEST_SHARE", float("inf"))


def falling(how, after):
    """A report that ends the run when it is called for the ``after``-th time."""
    calls = [0]

    def report(progress):
        calls[0] += 1
        if calls[0] == after and how == "exception":
            raise Fall
        if calls[0] == after:
            os.kill(os.getpid(), signal.SIGTERM)

    return report


@pytest.fixture(scope="module")
def whole():
    """Results of runs that nobody interrupts."""
    known = {}

    def get(case):
        if case not in known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", W90SpinWarning)
                known[case] = bits(small_run(*case))
        return known[case]

    return get


@pytest.mark.parametrize(
    ("case", "how"),
    [(case, "SIGTERM") for case in CASES] + [(case, "exception") for case in CASES if case[1] < 3],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]}-{value[1]}d",
)
def test_interrupted_after_every_task(whole, tmp_path, case, how):
    """One process does one task, or two: every gap between tasks, and rounds, is a restart."""
    path = tmp_path / "run.h5"
    # The report is called at the beginning of the process and after each task; what an exception
    # there interrupts is kept only up to the task before.
    after = 3 if how == "exception" else 2
    result, restarts = None, 0
    while result is None and restarts < MOST_RESTARTS:
        report = falling(how, after)
        try:
            result = small_run(*case, checkpoint=path, checkpoint_every=0.0, report=report)
        except (Fall, InterruptedRunError):
            assert path.exists()
            restarts += 1
    assert restarts > 1
    assert bits(result) == whole(case)
    left = {file.name for file in tmp_path.iterdir()}
    assert left <= {"run.h5", "run.h5.previous"}


@pytest.mark.parametrize("case", [("periodic", 2), ("tree", 2), ("iterated", 2)])
def test_a_run_that_a_limit_stopped_goes_on_with_a_higher_one(whole, tmp_path, case):
    path = tmp_path / "run.h5"
    # Reached amid the rounds, at the beginning of one that would exceed it.
    full = literal_eval(whole(case)[0])[1]
    result = small_run(*case, checkpoint=path, max_cost=int(0.8 * full))
    assert result.provenance["stopped"]
    assert result.provenance["diagonalisations"] < full
    again = small_run(*case, checkpoint=path, max_cost=int(0.8 * full))
    assert bits(again) == bits(result)
    assert bits(small_run(*case, checkpoint=path)) == whole(case)


@pytest.mark.parametrize("case", [("periodic", 2), ("tree", 2), ("iterated", 2)])
def test_out_of_time_ends_with_the_first_estimate_and_goes_on_later(whole, tmp_path, case):
    path = tmp_path / "run.h5"
    errors = []
    with pytest.warns(W90SpinWarning, match=r"Not converged: max_time = 1e-06 s is over"):
        result = small_run(
            *case,
            checkpoint=path,
            max_time=1e-6,
            report=lambda progress: errors.append(progress.error),
        )
    assert all(error != error for error in errors)  # no round began once an error was known
    assert result.provenance["stopped"] == "max_time = 1e-06 s is over"
    assert result.provenance["converged"] is False
    assert result.provenance["relative_error"] > 0.0
    assert bits(small_run(*case, checkpoint=path)) == whole(case)


def test_sigterm_and_limits_end_a_task_midway(tmp_path, monkeypatch):
    """Tasks of some rules take minutes, of which queues give few."""
    original, batches = ws.SpinPolarizability.__call__, [0]

    def call(self, states):
        batches[0] += 1
        if batches[0] == 40:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, states)

    zone = model(3)
    monkeypatch.setattr(ws.SpinPolarizability, "__call__", call)
    options = {"mesh": rule("iterated", 3), "batch": 30}
    path = tmp_path / "run.h5"
    with pytest.raises(InterruptedRunError, match=r"kept in .*run\.h5; start the same run again"):
        ws.compute(zone, responses(zone)[1:], checkpoint=path, **options)
    assert batches[0] <= 41
    assert path.exists()


def test_sigusr1_writes_and_the_run_goes_on(whole, tmp_path):
    path = tmp_path / "run.h5"
    seen = []

    def report(progress):
        seen.append(path.exists())
        if len(seen) == 4:
            os.kill(os.getpid(), signal.SIGUSR1)

    result = small_run("tree", 2, checkpoint=path, report=report)
    assert not any(seen[:4])
    assert seen[-1]
    assert bits(result) == whole(("tree", 2))


def test_signals_are_given_back(tmp_path):
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    small_run("uniform", 1, checkpoint=tmp_path / "run.h5")
    assert [signal.getsignal(number) for number in numbers] == before
