"""Hands tasks to ranks as they become free, and gives their answers back in the order of the tasks.

Rank 0 leads: it decides what is to be done, and computes too unless the crew is large.  Which rank
answers a task, and when, leaves no trace in what the leader sees.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from w90spin.errors import W90SpinError
from w90spin.parallel import Comm, Mailbox

TASKS_AHEAD = 2
"""Tasks that a rank holds, so that it need not wait for the leader."""

ORDER_AHEAD = 16
"""Tasks per rank that may be answered before an earlier one, which bounds the leader's memory."""

LEADER_ONLY_LEADS_FROM = 64
"""Number of ranks from which on rank 0 computes nothing itself."""

NAP = 2e-4
"""Pause between looks at an empty mailbox. [s]"""

Work = Callable[[Any, Callable[[], None]], Any]
"""Answers a task; calls its second argument now and then, so that messages move."""


class Crew:
    """All ranks of a run; one leads with :meth:`run`, the others :meth:`serve`.

    Parameters
    ----------
    comm : Comm
        The ranks.
    work : callable
        Answers a task on any rank, given (task, pulse).
    pulse : callable, optional
        Called by the leader between pieces of its own work.
    """

    def __init__(self, comm: Comm, work: Work, pulse: Callable[[], None] | None = None) -> None:
        self._comm = comm
        self._work = work
        self._pulse = pulse or _nothing
        self._mail: Mailbox | None = comm.mailbox() if comm.size > 1 else None
        self._held = dict.fromkeys(range(1, comm.size), 0)
        self._batch = 0

    def run(self, tasks: Sequence[Any], first: int = 0) -> Iterator[Any]:
        """Answers of the tasks from number ``first`` on, in order; on the leader only.

        Parameters
        ----------
        tasks : sequence
            What :attr:`work` takes.
        first : int
            How many of them are done already.

        Yields
        ------
        object
            What work returned.

        Raises
        ------
        W90SpinError
            That of the first task, in their order, that could not be done.
        """
        if self._mail is None:
            for task in tasks[first:]:
                yield self._work(task, self._pulse)
            return
        self._batch += 1
        answers: dict[int, Any] = {}
        given = due = first
        leader_works = self._comm.size < LEADER_ONLY_LEADS_FROM
        window = ORDER_AHEAD * self._comm.size

        def exchange() -> None:
            nonlocal given
            for rank, message in self._mailbox.arrived():
                batch, index, answer = message
                self._held[rank] -= 1
                if batch == self._batch:
                    answers[index] = answer
            for _ in range(TASKS_AHEAD):
                for rank, held in self._held.items():
                    if held < TASKS_AHEAD and given < min(len(tasks), due + window):
                        self._mailbox.send(rank, (self._batch, given, tasks[given]))
                        self._held[rank] += 1
                        given += 1

        def pulse() -> None:
            exchange()
            self._pulse()

        while due < len(tasks):
            exchange()
            if due in answers:
                answer = answers.pop(due)
                if isinstance(answer, W90SpinError):
                    raise answer
                due += 1
                yield answer
            elif leader_works and given < min(len(tasks), due + window):
                index, given = given, given + 1
                try:
                    answers[index] = self._work(tasks[index], pulse)
                except W90SpinError as problem:
                    answers[index] = problem
            else:
                self._pulse()
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

        while not leaving:
            collect()
            if leaving:
                break
            if not waiting:
                time.sleep(NAP)
                continue
            batch, index, task = waiting.pop(0)
            try:
                answer = self._work(task, collect)
            except W90SpinError as problem:
                answer = problem
            self._mailbox.send(0, (batch, index, answer))
        self._mailbox.send(0, None)
        self._mailbox.close()

    def dismiss(self) -> None:
        """Let all ranks leave :meth:`serve`; on the leader only."""
        if self._mail is None:
            return
        staying = set(self._held)
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


def _nothing() -> None:
    """Pulse of those who have nothing else to do."""
