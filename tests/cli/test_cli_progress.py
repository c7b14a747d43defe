"""Progress: a bar on a terminal; in a log few lines, however long the run and short its rounds."""

import io
import re

import pytest
from rich.console import Console

from w90spin.cli import progress as progress_module
from w90spin.cli.progress import ProgressReport
from w90spin.integrate.driver import Progress


def step(label="40 cells", done=10.0, total=40.0, error=2e-3, remaining=75.0):
    return Progress(label, done, total, 12345, error, 1e-4, 9.0, 1371.7, remaining)


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def log():
    return Console(file=io.StringIO(), width=120, force_terminal=False)


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end(clock):
    """Rounds of a tenth of a second, each with its own label, for two minutes."""
    console = log()
    with ProgressReport(console) as report:
        for tenth in range(1200):
            report(step(f"{tenth} cells", 40.0))
            clock[0] += 0.1
    lines = console.file.getvalue().splitlines()
    assert 12 <= len(lines) <= 14
    assert "  0 cells: 100 %" in lines[0]
    assert "  1199 cells: 100 %" in lines[-1]


def test_a_log_of_a_week_has_some_hundred_lines(clock):
    console = log()
    with ProgressReport(console) as report:
        for _ in range(7 * 24 * 3600 // 5):
            report(step())
            clock[0] += 5.0
    assert len(console.file.getvalue().splitlines()) < 1500


def test_a_line_says_what_was_done_how_well_and_how_long_it_takes(clock):
    console = log()
    with ProgressReport(console) as report:
        report(step())
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  40 cells: 25 %, 12345 k, 1372 k/s, "
        r"error 2\.0e-03 of 1e-04, 0:01:15 to go\n",
        console.file.getvalue(),
    )


def test_nothing_is_told_twice(clock):
    console = log()
    with ProgressReport(console) as report:
        report(step(done=40.0))
    assert console.file.getvalue().count("\n") == 1


def test_the_last_state_is_told_after_an_error_too(clock):
    console = log()

    def fail():
        with ProgressReport(console) as report:
            report(step(done=1.0))
            report(step(done=20.0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert "50 %" in console.file.getvalue().splitlines()[-1]


def test_a_terminal_has_a_bar_with_the_same_words():
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with ProgressReport(console) as report:
        report(step())
        report._bar.refresh()
        report(step("80 cells", 20.0, 80.0))
        report._bar.refresh()
    shown = console.file.getvalue()
    for words in ("40 cells", "80 cells", "25 %", "12345 k", "error 2.0e-03 of 1e-04", "to go"):
        assert words in shown
    assert len(report._bar.tasks) == 1
