"""Runs a rule over the ranks: hands out its tasks, adds answers in order, checkpoints, stops.

The same bits come out on any number of ranks and after any restart: a task is always evaluated in
the same batches, and rank 0 adds answers in the order of the tasks.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from w90spin.arrays import AnyNumberArray, FloatArray, IntArray
from w90spin.errors import IntegrationError, ResultFileError, W90SpinError
from w90spin.integrate.checkpoint import Checkpoint, deaf_to_signals
from w90spin.integrate.choose import PlannedStrategy
from w90spin.integrate.crew import Crew, UnforeseenError
from w90spin.integrate.integrand import Integrand
from w90spin.integrate.rounds import Answer, Round, State
from w90spin.integrate.rules import Rule
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.continuum import OperatorSource
from w90spin.kspace.survey import BandSurvey
from w90spin.parallel import Comm, one_thread
from w90spin.response.claims import Response
from w90spin.response.promise import refuse_crossing


@dataclass(frozen=True)
class Limits:
    """Where to stop before the tolerance is met.

    Parameters
    ----------
    cost : int, optional
        Largest number of diagonalisations, those before a restart included.
    seconds : float, optional
        Largest wall time of this process: a restart gets as much again.
    """

    cost: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for label, value in (("max_cost", self.cost), ("max_time", self.seconds)):
            if value is not None and not value > 0:
                raise IntegrationError(f"{label} = {value} must be positive.")


@dataclass(frozen=True)
class Progress:
    """Where an integration stands.

    Parameters
    ----------
    label : str
        The mesh or the cells under way.
    done, total : float
        Of the round under way.
    evaluations : int
        k points evaluated in all.
    error, target : float
        Last error relative to its tolerance's reference, and the tolerance; NaN before the first.
    seconds : float
        Since the start.
    rate : float
        Evaluations per second since the start of this process.
    remaining : float
        Estimated seconds to the end of this round.
    """

    label: str
    done: float
    total: float
    evaluations: int
    error: float
    target: float
    seconds: float
    rate: float
    remaining: float


@dataclass(frozen=True, eq=False)
class ZoneIntegral:
    """Integrated tensors with their errors and what they cost.

    Parameters
    ----------
    values, errors : tuple of dict
        Published tensors of each response, ∫ d^dk/(2π)^d of the integrand, and their errors.
    rule : str
        The rule that was used, and why.
    detail : str
        The finest mesh, or the number of cells.
    mesh : 3 ints, or None
        The finest mesh, for rules that use one.
    converged : bool, or None
        Whether the tolerance was met; None where none was asked for.
    relative_error : float
        Largest norm of an error relative to its reference.
    evaluations : int
        k points at which H was diagonalised.
    seconds : float
        Wall time, that before a restart included.
    stopped : str
        Why the rule stopped early; empty if it did not.
    """

    values: tuple[Mapping[str, AnyNumberArray], ...]
    errors: tuple[dict[str, FloatArray], ...]
    rule: str
    detail: str
    mesh: tuple[int, int, int] | None
    converged: bool | None
    relative_error: float
    evaluations: int
    seconds: float
    stopped: str = ""


def integrate(
    fourier: OperatorSource,
    responses: Sequence[Response],
    rule: Rule,
    *,
    comm: Comm,
    symmetry: ZoneSymmetry | None = None,
    tolerance: float = DEGENERACY_TOLERANCE,
    batch: int | None = None,
    limits: Limits | None = None,
    checkpoint: Checkpoint | None = None,
    bands: BandSurvey | None = None,
    report: Callable[[Progress], None] | None = None,
) -> ZoneIntegral:
    """Integrate responses over the Brillouin zone, or the region of a continuum model.

    Parameters
    ----------
    fourier : OperatorSource
        The model's operators.
    responses : sequence of Response
        All are evaluated on the same states.
    rule : Rule
        How, and to which tolerance.
    comm : Comm
        Ranks that share the work.
    symmetry : ZoneSymmetry, optional
        Operations that leave the integral invariant: one point of every star is evaluated.
    tolerance : float
        Degeneracy tolerance. [eV]
    batch : int, optional
        k points evaluated together; by default what fits into a fixed amount of memory.
    limits : Limits, optional
        Where to stop early.
    checkpoint : Checkpoint, optional
        Where to keep what is done, and from where to go on.
    bands : BandSurvey, optional
        A first look at the bands, where there has been one.
    report : callable, optional
        Told of progress on rank 0.

    Returns
    -------
    ZoneIntegral
        The same on every rank.

    Raises
    ------
    W90SpinError
        That of the first task in which one occurred, on every rank.
    """
    integrand = Integrand(fourier, responses, tolerance, batch)

    def work(task: Any, pulse: Callable[[], None]) -> Answer:
        try:
            done: Answer = task(integrand, pulse)
        except IntegrationError as problem:
            if comm.size > 1:
                raise IntegrationError(f"{problem} (Found by rank {comm.rank}.)") from problem
            raise
        return done

    with one_thread():
        crew = Crew(comm, work)
        outcome: ZoneIntegral | W90SpinError | None = None
        try:
            if comm.is_root:
                strategy = PlannedStrategy(integrand, rule, symmetry, bands)
                leader = _Leader(strategy, crew, limits or Limits(), checkpoint, report)
                try:
                    with checkpoint.signals() if checkpoint else nullcontext():
                        outcome = leader.lead()
                except W90SpinError as problem:
                    outcome = problem
                crew.dismiss()
            else:
                with deaf_to_signals() if checkpoint else nullcontext():
                    crew.serve()
        except BaseException as problem:
            if comm.size > 1:
                # The other ranks would wait for this one for ever.
                told = problem.trace if isinstance(problem, UnforeseenError) else None
                comm.fail(told or f"On rank {comm.rank}:\n{traceback.format_exc()}")
            raise
        outcome = comm.bcast(outcome)
    if isinstance(outcome, W90SpinError):
        raise outcome
    if outcome is None:
        raise IntegrationError("Rank 0 ended without a result.")
    return outcome


class _Leader:
    """Rank 0 of one integration: from the rule's rounds to the published tensors."""

    def __init__(
        self,
        strategy: PlannedStrategy,
        crew: Crew,
        limits: Limits,
        checkpoint: Checkpoint | None,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self.strategy = strategy
        self.integrand = strategy.integrand
        self.crew = crew
        self.limits = limits
        self.checkpoint = checkpoint
        self.report = report
        self.evaluations = self.evaluations_before = 0
        self.seconds_before = 0.0
        self.began = time.perf_counter()
        self.error = float("nan")
        self.occupied: dict[int, tuple[IntArray, FloatArray]] = {}

    def lead(self) -> ZoneIntegral:
        """Round after round until the rule is done or a limit is reached."""
        done = _RoundDone()
        saved = None if self.checkpoint is None else self.checkpoint.load()
        if saved is not None:
            self._restore(saved)
            done = _RoundDone.from_state(saved["round"])
        stopped = ""
        while not stopped and (round_ := self.strategy.ask()) is not None:
            if saved is not None:
                _check_fit(saved["round"], round_)
                saved = None
            if self.checkpoint is not None:
                self.checkpoint.watch(partial(self._state, round_, done))
            stopped = self._over_limits(round_, done) or self._run(round_, done)
            if not stopped:
                self.strategy.tell(done.outcome(round_))
                done = _RoundDone()
                self._note_error()
        if stopped and self.checkpoint is not None:
            self.checkpoint.write()  # with a higher limit the run can go on
        return self._integral(stopped)

    def _run(self, round_: Round, done: _RoundDone) -> str:
        """Work one round off; why it was given up, if it was."""
        started = (time.perf_counter(), done.weight)
        self._tell(round_, done, started)
        try:
            for answer in self.crew.run(round_.tasks, done.n_tasks, self._pulse):
                self._check_promises(answer)
                done.add(answer, round_)
                self.evaluations += self.integrand.images * answer.evaluations
                self._tell(round_, done, started)
                self._pulse()
                if done.n_tasks < len(round_.tasks) and self._cost_is_reached():
                    return self._cost_words()
        except _StoppedError as stop:
            return stop.reason
        return ""

    def _pulse(self) -> None:
        """Between pieces of work: write a checkpoint, end the run, if it is time to."""
        if self.checkpoint is not None:
            self.checkpoint.pulse()
            self.checkpoint.leave_if_told()
        reason = self._out_of_time()
        if reason:
            raise _StoppedError(reason)

    def _over_limits(self, round_: Round, done: _RoundDone) -> str:
        """Why a round shall not begin, or go on after a restart."""
        most = self.limits.cost
        # Counted from the beginning of the round: a restart must not change the decision.
        images = self.integrand.images
        expected = self.evaluations + images * (round_.cost - done.evaluations)
        if most is not None and expected > most and self._has_result():
            return self._cost_words()
        return self._cost_words() if self._cost_is_reached() else self._out_of_time()

    def _cost_is_reached(self) -> bool:
        """Whether a round turned out to cost more than was expected of it."""
        most = self.limits.cost
        return most is not None and self.evaluations >= most and self._has_result()

    def _cost_words(self) -> str:
        return f"max_cost = {self.limits.cost} diagonalisations would be exceeded"

    def _out_of_time(self) -> str:
        most = self.limits.seconds
        if most is None or time.perf_counter() - self.began < most or not self._has_result():
            return ""
        return f"max_time = {most:g} s is over"

    def _has_result(self) -> bool:
        """Whether there is an estimate to return; no limit ends a run before."""
        return self.strategy.estimate() is not None

    def _check_promises(self, answer: Answer) -> None:
        """Bands below a Fermi level of an insulator are as many in every task."""
        for r, below_f in enumerate(answer.occupied):
            if below_f is not None:
                first_f, first_kpt_c = self.occupied.setdefault(r, (below_f, answer.kpt_c))
                refuse_crossing(
                    self.integrand.responses[r].levels,
                    np.stack([first_f, below_f]),
                    np.stack([first_kpt_c, answer.kpt_c]),
                )

    def _state(self, round_: Round, done: _RoundDone) -> State:
        promises = {
            str(r): {"below": below_f, "kpt": kpt_c}
            for r, (below_f, kpt_c) in self.occupied.items()
        }
        return {
            "rule": self.strategy.state(),
            "round": {**done.state(), "label": round_.label, "of": len(round_.tasks)},
            "evaluations": self.evaluations,
            "seconds": self._seconds(),
            "promises": promises,
        }

    def _restore(self, saved: Mapping[str, Any]) -> None:
        self.strategy.restore(saved["rule"])
        self.evaluations = self.evaluations_before = int(saved["evaluations"])
        self.seconds_before = float(saved["seconds"])
        self.occupied = {
            int(r): (promise["below"], promise["kpt"])
            for r, promise in saved["promises"].items()
            if isinstance(promise, Mapping) and "below" in promise
        }
        self._note_error()

    def _note_error(self) -> None:
        estimate, tolerance = self.strategy.estimate(), self.strategy.tolerance
        if estimate is not None and tolerance is not None:
            self.error = tolerance.relative(estimate.error_x, estimate.value_x)

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.began

    def _tell(self, round_: Round, done: _RoundDone, started: tuple[float, float]) -> None:
        if self.report is None:
            return
        now = time.perf_counter()
        since, before = started
        fresh = done.weight - before
        remaining = (
            (now - since) / fresh * (round_.total - done.weight) if fresh > 0.0 else math.nan
        )
        self.report(
            Progress(
                label=round_.label,
                done=done.weight,
                total=round_.total,
                evaluations=self.evaluations,
                error=self.error,
                target=self.strategy.target,
                seconds=self._seconds(),
                rate=(self.evaluations - self.evaluations_before) / max(now - self.began, 1e-9),
                remaining=remaining,
            )
        )

    def _integral(self, stopped: str) -> ZoneIntegral:
        estimate, tolerance = self.strategy.estimate(), self.strategy.tolerance
        if estimate is None or tolerance is None:
            raise IntegrationError("The rule ended without an estimate.")
        scale = 1.0 / self.integrand.fourier.model.measure
        converged: bool | None = None
        if tolerance.rtol > 0.0 or tolerance.atol > 0.0:
            excess_s = tolerance.excess(estimate.error_x, estimate.value_x)
            converged = bool(excess_s.max(initial=0.0) <= 1.0)
        return ZoneIntegral(
            values=self.integrand.published(scale * estimate.value_x),
            errors=self.integrand.published_errors(scale * estimate.error_x),
            rule=self.strategy.reason,
            detail=estimate.detail,
            mesh=estimate.n_c,
            converged=converged,
            relative_error=tolerance.relative(estimate.error_x, estimate.value_x),
            evaluations=self.evaluations,
            seconds=self._seconds(),
            stopped=stopped,
        )


class _StoppedError(Exception):
    """A limit is reached amid a round.

    Parameters
    ----------
    reason : str
        Which.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def _check_fit(saved: Mapping[str, Any], round_: Round) -> None:
    """Answers are counted by the number of their task: tasks must be cut as they were."""
    was, now = (str(saved["label"]), int(saved["of"])), (round_.label, len(round_.tasks))
    if was != now:
        raise ResultFileError(
            f"The checkpoint was written in the middle of '{was[0]}' in {was[1]} parts, but the "
            f"run is now at '{now[0]}' in {now[1]}: another version of w90spin wrote it. Remove "
            "it to begin anew."
        )


@dataclass
class _RoundDone:
    """What of a round is done: the answers of its first tasks, in their order."""

    n_tasks: int = 0
    weight: float = 0.0
    evaluations: int = 0
    total: FloatArray | None = None
    each: list[FloatArray] = field(default_factory=list)

    def add(self, answer: Answer, round_: Round) -> None:
        """The answer of the next task."""
        if round_.combine == "each":
            self.each.append(answer.value)
        elif self.total is None:
            self.total = answer.value.copy()
        else:
            self.total += answer.value
        self.n_tasks += 1
        self.weight += answer.weight
        self.evaluations += answer.evaluations

    def outcome(self, round_: Round) -> FloatArray | list[FloatArray]:
        """What the rule is told at the end of the round."""
        if round_.combine == "each":
            return self.each
        if self.total is None:
            raise IntegrationError("A round without tasks has no sum.")
        return self.total

    def state(self) -> State:
        """For a checkpoint."""
        state: State = {
            "n_tasks": self.n_tasks,
            "weight": self.weight,
            "evaluations": self.evaluations,
        }
        if self.total is not None:
            state["total"] = self.total
        if self.each:
            state["each"] = np.concatenate(self.each)
            state["rows"] = np.array([len(value) for value in self.each])
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> _RoundDone:
        """Go on from a checkpoint."""
        total = state.get("total")
        each: list[FloatArray] = []
        if "each" in state:
            each = np.split(np.asarray(state["each"]), np.cumsum(state["rows"])[:-1])
        return cls(
            n_tasks=int(state["n_tasks"]),
            weight=float(state["weight"]),
            evaluations=int(state["evaluations"]),
            total=None if total is None else np.array(total),
            each=each,
        )
