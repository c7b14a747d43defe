"""Progress of an integration: a live bar on a terminal, dated plain lines elsewhere."""

from __future__ import annotations

import math
import time
from datetime import datetime
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
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
        self._task: int | None = None
        self._mesh: tuple[int, int, int] | None = None
        self._last = -math.inf

    def __enter__(self) -> ProgressReport:
        if self.console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("k points"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[error]}"),
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
        error = "" if math.isnan(progress.error) else f"error {progress.error:.1e}"
        if not math.isnan(progress.target) and error:
            error += f", target {progress.target:.1e}"
        mesh = "x".join(map(str, progress.mesh)) + " mesh"
        if self._bar is not None:
            if self._task is None or progress.mesh != self._mesh:
                if self._task is not None:
                    self._bar.remove_task(self._task)  # type: ignore[arg-type]
                self._task = self._bar.add_task(mesh, total=progress.total, error=error)
            self._bar.update(self._task, completed=progress.done, error=error)  # type: ignore[arg-type]
        else:
            now = time.monotonic()
            finished = progress.done == progress.total
            if finished or now - self._last > SECONDS_BETWEEN_LINES:
                self._last = now
                rate = progress.evaluations / progress.seconds if progress.seconds > 0.0 else 0.0
                stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
                self.console.print(
                    f"{stamp}  {mesh}: {progress.done} of {progress.total} k points, "
                    f"{rate:.0f} k/s{', ' + error if error else ''}",
                    highlight=False,
                    soft_wrap=True,
                )
        self._mesh = progress.mesh
