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


class ProgressReport:
    """Callable that shows what the driver tells.

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
        self._last = -math.inf

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

    def __call__(self, progress: Progress) -> None:
        """Show one step."""
        state = _state(progress)
        finished = progress.done >= progress.total
        if self._bar is not None:
            if self._task is None or progress.label != self._label:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(progress.label, total=progress.total, state=state)
            self._bar.update(self._task, completed=progress.done, state=state)
        else:
            now = time.monotonic()
            if finished or now - self._last > SECONDS_BETWEEN_LINES:
                self._last = now
                stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
                share = 100.0 * progress.done / max(progress.total, 1.0)
                self.console.print(
                    f"{stamp}  {progress.label}: {share:.0f} %, {state}",
                    highlight=False,
                    soft_wrap=True,
                )
        self._label = progress.label


def _state(progress: Progress) -> str:
    """Cost so far, rate, error and time to go, in one line."""
    words = [f"{progress.evaluations} k", f"{progress.rate:.0f} k/s"]
    if not math.isnan(progress.error):
        target = f" of {progress.target:.0e}" if progress.target > 0.0 else ""
        words.append(f"error {progress.error:.1e}{target}")
    if math.isfinite(progress.remaining) and progress.remaining >= 1.0:
        words.append(f"{timedelta(seconds=round(progress.remaining))} to go")
    return ", ".join(words)
