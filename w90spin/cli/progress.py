"""Progress of an integration: a live bar on a terminal, dated plain lines elsewhere."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from w90spin.integrate.driver import Progress

SECONDS_BETWEEN_LINES = 10.0
"""Least time between two lines of a log."""

SHARE_BETWEEN_LINES = 0.01
"""The same as a part of the time gone by, so that a log of days stays short."""

MOST_SECONDS_BETWEEN_LINES = 600.0
"""However long the run, somebody who looks shall see it move."""


class ProgressReport:
    """Callable that shows what the driver tells.

    A log gets a line at the beginning, one now and then, and one at the end.

    Parameters
    ----------
    console : Console
        Where to.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._label = ""
        self._began = time.monotonic()
        self._last = -math.inf
        self._untold: Progress | None = None

    def __enter__(self) -> ProgressReport:
        if self.console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[state]}"),
                console=self.console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._untold is not None:
            self._print(self._untold)

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        if self._bar is not None:
            state = _state(progress)
            if self._task is None or progress.label != self._label:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(progress.label, total=progress.total, state=state)
            self._bar.update(self._task, completed=progress.done, state=state)
        else:
            now = time.monotonic()
            pause = max(SECONDS_BETWEEN_LINES, SHARE_BETWEEN_LINES * (now - self._began))
            if now - self._last >= min(pause, MOST_SECONDS_BETWEEN_LINES):
                self._last = now
                self._print(progress)
            else:
                self._untold = progress
        self._label = progress.label

    def _print(self, progress: Progress) -> None:
        """One dated line."""
        self._untold = None
        stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        share = 100.0 * progress.done / max(progress.total, 1.0)
        self.console.print(
            f"{stamp}  {progress.label}: {share:.0f} %, {_state(progress)}",
            highlight=False,
            soft_wrap=True,
        )


def _state(progress: Progress) -> str:
    """Cost so far, rate, error and time to go, in one line."""
    words = [f"{progress.evaluations} k", f"{progress.rate:.0f} k/s"]
    if not math.isnan(progress.error):
        target = f" of {progress.target:.0e}" if progress.target > 0.0 else ""
        words.append(f"error {progress.error:.1e}{target}")
    if math.isfinite(progress.remaining) and progress.remaining >= 1.0:
        words.append(f"{timedelta(seconds=round(progress.remaining))} to go")
    return ", ".join(words)
