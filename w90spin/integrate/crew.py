"""Hands tasks to ranks as they become free, and gives their answers back in the order of the tasks.

Rank 0 leads: it decides what is to be done, and computes too unless the crew is large.  Which rank
answers a task, and when, leaves no trace in what the leader sees.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from w90spin.errors import InterruptedRunError, W90SpinError
from w90spin.parallel import Comm, Mailbox

TASKS_AHEAD = 2
"""Tasks that a rank holds, so that it need not wait for the leader."""

ORDER_AHEAD = 16
"""Tasks per rank that may be answered before an earlier one, which bounds the leader's memory."""

LEADER_ONLY_LEADS_FROM = 64
"""Number of ranks from which on rank 0 computes nothing itself."""

NAP = 2e-4
"""Pause between looks at an empty mailbox. [s]"""

PATIENCE = 5.0
"""How long after an error the tasks before it are waited for: the first one's error counts. [s]"""

Work = Callable[[Any, Callable[[], None]], Any]
"""Answers a task; calls its second argument now and then, so that messages move."""


class UnforeseenError(Exception):
    """Another rank failed with an exception that is not the package's own.

    Parameters
    ----------
    trace : str
        Its traceback.
    """

    def __init__(self, trace: str) -> None:
        self.trace = trace
        super().__init__(trace)


class Crew:
    """All ranks of a run; one leads with :meth:`run`, the others :meth:`serve`.

    Parameters
    ----------
    comm : Comm
        The ranks.
    work : callable
        Answers a task on any rank, given (task, pulse).
    """

    def __init__(self, comm: Comm, work: Work) -> None:
        self._comm = comm
        self._work = work
        self._mail: Mailbox | None = comm.mailbox() if comm.size > 1 else None
        self._desk = _Desk(comm.size)
        self._batch = 0

    def run(
        self, tasks: Sequence[Any], first: int = 0, pulse: Callable[[], None] | None = None
    ) -> Iterator[Any]:
        """Answers of the tasks from number ``first`` on, in order; on the leader only.

        Parameters
        ----------
        tasks : sequence
            What :attr:`work` takes.
        first : int
            How many of them are done already.
        pulse : callable, optional
            Called between pieces of the leader's own work and while it waits; what it raises ends
            the run.

        Yields
        ------
        object
            What work returned.

        Raises
        ------
        W90SpinError
            That of the first task, in their order, that could not be done; of those known after
            :data:`PATIENCE`, if a task before it takes longer.
        UnforeseenError
            If another rank failed with an exception that is not the package's own.
        """
        between = pulse or _nothing
        if self._mail is None:
            for task in tasks[first:]:
                yield self._work(task, between)
            return
        self._batch += 1
        answers: dict[int, Any] = {}
        given = due = first
        end = len(tasks)
        deadline = float("inf")
        leader_works = self._comm.size < LEADER_ONLY_LEADS_FROM
        window = ORDER_AHEAD * self._comm.size

        def note(index: int, answer: Any) -> None:
            nonlocal end, deadline
            answers[index] = answer
            if isinstance(answer, W90SpinError):
                end = min(end, index + 1)  # what comes later can change nothing
                deadline = min(deadline, time.monotonic() + PATIENCE)

        def exchange() -> None:
            nonlocal given
            for rank, (batch, index, answer) in self._mailbox.arrived():
                self._desk.returned(rank)
                if isinstance(answer, UnforeseenError):
                    raise answer
                if batch == self._batch:
                    note(index, answer)
            while given < min(end, due + window):
                # Towards the end nobody gets a second task while others have none.
                ahead = TASKS_AHEAD if end - given >= self._comm.size else 1
                free = self._desk.take(ahead)
                if free is None:
                    break
                self._mailbox.send(free, (self._batch, given, tasks[given]))
                given += 1

        def beat() -> None:
            exchange()
            between()

        while due < end:
            exchange()
            if due not in answers and time.monotonic() > deadline:
                due = min(n for n, known in answers.items() if isinstance(known, W90SpinError))
            if due in answers:
                answer = answers.pop(due)
                if isinstance(answer, W90SpinError):
                    raise answer
                due += 1
                yield answer
            elif leader_works and given < min(end, due + window):
                index, given = given, given + 1
                try:
                    note(index, self._work(tasks[index], beat))
                except InterruptedRunError:
                    raise
                except W90SpinError as problem:
                    note(index, problem)
            else:
                between()
                time.sleep(NAP)

    def serve(self) -> None:
        """Answer tasks until the leader dismisses the crew; on all ranks but the leader."""
        waiting: list[tuple[int, int, Any]] = []
        leaving = False

        def collect() -> None:
            nonlocal leaving
            for _, message in self._mailbox.arrived():
                if message is None:
                    leaving = True
                else:
                    waiting.append(message)

        def beat() -> None:
            collect()
            if leaving:
                raise _DismissedError

        while True:
            collect()
            if leaving:
                break
            if not waiting:
                time.sleep(NAP)
                continue
            batch, index, task = waiting.pop(0)
            answer: Any
            try:
                answer = self._work(task, beat)
            except _DismissedError:
                break
            except W90SpinError as problem:
                answer = problem
            except Exception:
                # One rank tells it and ends all: others may fail at the same moment.
                answer = UnforeseenError(f"On rank {self._comm.rank}:\n{traceback.format_exc()}")
            self._mailbox.send(0, (batch, index, answer))
        self._mailbox.send(0, None)
        self._mailbox.close()

    def dismiss(self) -> None:
        """Let all ranks leave :meth:`serve`, from amid a task if need be; on the leader only."""
        if self._mail is None:
            return
        staying = set(range(1, self._comm.size))
        for rank in staying:
            self._mail.send(rank, None)
        while staying:
            staying -= {rank for rank, message in self._mail.arrived() if message is None}
            time.sleep(NAP)
        self._mail.close()

    @property
    def _mailbox(self) -> Mailbox:
        if self._mail is None:
            raise ValueError("a serial run has nobody to write to")
        return self._mail


@dataclass(eq=False)
class _Desk:
    """How many tasks every rank but the leader holds.

    Parameters
    ----------
    size : int
        Number of ranks.
    """

    size: int

    def __post_init__(self) -> None:
        self._held = [0] * self.size
        # Ranks by the number of tasks that they hold, first come first; a step costs the same on
        # any number of ranks.
        self._with: list[dict[int, None]] = [{} for _ in range(TASKS_AHEAD + 1)]
        self._with[0] = dict.fromkeys(range(1, self.size))

    def take(self, most: int) -> int | None:
        """A rank with the fewest tasks, fewer than ``most``, which gets one now."""
        for held in range(most):
            if self._with[held]:
                rank = next(iter(self._with[held]))
                self._move(rank, +1)
                return rank
        return None

    def returned(self, rank: int) -> None:
        """A rank answered a task."""
        self._move(rank, -1)

    def _move(self, rank: int, step: int) -> None:
        del self._with[self._held[rank]][rank]
        self._held[rank] += step
        self._with[self._held[rank]][rank] = None


class _DismissedError(BaseException):
    """Nobody waits for the answer to this task any more."""


def _nothing() -> None:
    """Pulse of those who have nothing else to do."""
