"""Keeps what an integration has done, so that it can be killed at any moment."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from w90spin.errors import InterruptedRunError, ResultFileError, W90SpinWarning
from w90spin.files import check_writable, remove_orphans
from w90spin.integrate.rounds import State
from w90spin.storage import ATTRIBUTES, read_format, write_tree

FORMAT = "w90spin-checkpoint"
FORMAT_VERSION = 1

SECONDS_BETWEEN = 30.0
"""Time between two checkpoints."""

LARGEST_SHARE = 0.02
"""Part of the run's time that writing checkpoints may take."""


def previous_checkpoint(path: Path) -> Path:
    """Where the checkpoint before the last is kept."""
    return path.with_name(path.name + ".previous")


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint that has served, the one before it, and what a crash left of others."""
    for file in (path, previous_checkpoint(path), _fresh(path)):
        file.unlink(missing_ok=True)
        remove_orphans(file)


def _fresh(path: Path) -> Path:
    """Name of a new checkpoint until the last one has made room for it."""
    return path.with_name(path.name + ".new")


class Checkpoint:
    """File from which a run goes on after a crash, to the same bits.

    Used by rank 0 only.  SIGUSR1 writes a checkpoint at once; SIGTERM and the first
    SIGINT (Ctrl-C) write one and end the run.

    Parameters
    ----------
    path : path
        The file.  The checkpoint before the last is kept beside it, with ".previous" added.
    job : str
        Fingerprint of the model and of everything that was asked for.
    every : float
        Time between two checkpoints. [s]
    """

    def __init__(self, path: Path | str, job: str, every: float = SECONDS_BETWEEN) -> None:
        self.path = Path(path)
        self.previous = previous_checkpoint(self.path)
        self.fresh = _fresh(self.path)
        self.job = job
        self.every = every
        self._snapshot: Callable[[], State] | None = None
        self._last = time.monotonic()
        self._pause = every
        self._write_now = False
        self._leave = False
        self._by_hand = False
        self._is_mine = False
        self._fails = False

    def load(self) -> dict[str, Any] | None:
        """State to go on from; None where no checkpoint was written yet.

        Returns
        -------
        dict, or None

        Raises
        ------
        ResultFileError
            If there are checkpoints, but none of them can be used, or if none can be written.
        """
        check_writable(self.path)
        # A run that was killed while it wrote left these.
        remove_orphans(self.path)
        remove_orphans(self.fresh)
        self.fresh.unlink(missing_ok=True)
        problems: list[str] = []
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                state = read_checkpoint(path, self.job)
            except ResultFileError as problem:
                problems.append(str(problem))
                continue
            if problems:
                warnings.warn(
                    f"{problems[0]} The checkpoint before it, {path}, is used instead.",
                    W90SpinWarning,
                    stacklevel=2,
                )
            self._is_mine = path == self.path
            return state
        if problems:
            there = " and ".join(str(p) for p in (self.path, self.previous) if p.exists())
            raise ResultFileError(
                f"{' '.join(problems)} Remove {there} to begin anew, or give another name for "
                "the checkpoint."
            )
        return None

    def watch(self, snapshot: Callable[[], State]) -> None:
        """Say how to get the state to keep."""
        self._snapshot = snapshot

    def pulse(self) -> None:
        """Write a checkpoint if it is time, or if a signal asks for one."""
        if self._write_now or time.monotonic() - self._last >= self._pause:
            self.write()

    def leave_if_told(self) -> None:
        """End the run after SIGTERM or the first SIGINT (Ctrl-C).

        Raises
        ------
        InterruptedRunError
            If the signal came.
        """
        if self._leave:
            if self._write_now:
                self.write()
            how = "Interrupted" if self._by_hand else "Terminated"
            if self._fails:
                raise InterruptedRunError(
                    f"{how}, and {self.path} could not be written. Start the same run again: "
                    "it goes on from the last good checkpoint, if there is one."
                )
            raise InterruptedRunError(
                f"{how}. What was done is kept in {self.path}; start the same run again to "
                "go on from there."
            )

    def write(self) -> None:
        """Write a checkpoint; a failure is told and the last one stays as it is."""
        if self._snapshot is None:
            return
        began = time.monotonic()
        self._write_now = False
        tree = {
            ATTRIBUTES: {"format": FORMAT, "format_version": FORMAT_VERSION, "job": self.job},
            "state": _as_tree(self._snapshot()),
        }
        try:
            # Every moment one of the three files is complete and good.
            write_tree(self.fresh, tree, packed=False)
            if self._is_mine and self.path.exists():
                self.path.replace(self.previous)
            self.fresh.replace(self.path)
            self._is_mine, self._fails = True, False
        except (ResultFileError, OSError) as problem:
            if not self._fails:  # told once, not every few seconds
                warnings.warn(
                    f"No checkpoint could be written: {problem} The run goes on and tries again; "
                    "the last good checkpoint stays.",
                    W90SpinWarning,
                    stacklevel=2,
                )
            self._fails = True
        self._last = time.monotonic()
        self._pause = max(self.every, (self._last - began) / LARGEST_SHARE)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Obey SIGTERM, SIGINT and SIGUSR1 inside; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def obey(number: int, _: FrameType | None) -> None:
            if number == signal.SIGINT and self._by_hand:
                raise KeyboardInterrupt  # asked for twice: at once, without a checkpoint
            self._write_now = True
            self._by_hand = self._by_hand or number == signal.SIGINT
            self._leave = self._leave or number in (signal.SIGTERM, signal.SIGINT)

        before = {number: signal.signal(number, obey) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def read_checkpoint(path: Path, job: str) -> dict[str, Any]:
    """State of a run.

    Parameters
    ----------
    path : path
        The file.
    job : str
        Fingerprint of the run.

    Returns
    -------
    dict

    Raises
    ------
    ResultFileError
        If it is damaged, of another version of the format, or of another run.
    """
    tree = read_format(path, FORMAT, FORMAT_VERSION, "a run with a checkpoint")
    if tree[ATTRIBUTES].get("job") != job:
        raise ResultFileError(
            f"{path} is the checkpoint of another run: its model, responses, mesh or symmetry, or "
            "the version of w90spin, are not those of this one."
        )
    state = tree.get("state")
    if not isinstance(state, dict) or not {"rule", "round", "evaluations"} <= set(state):
        raise ResultFileError(f"{path} lacks parts of a checkpoint; it was edited or damaged.")
    return _without_attributes(state)


_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)
)


@contextmanager
def deaf_to_signals() -> Iterator[None]:
    """Leave SIGTERM, SIGINT and SIGUSR1 to rank 0, which tells the others what to do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_tree(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _as_tree(value) if isinstance(value, Mapping) else value
        for name, value in state.items()
    }


def _without_attributes(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_attributes(value) if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if not name.endswith(ATTRIBUTES)
    }
