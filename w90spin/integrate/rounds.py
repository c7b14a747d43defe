"""What rules and the driver say to each other: tasks in rounds, answers, estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.integrate.integrand import Integrand, Values

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""No error is given smaller than this part of the moduli that were added up."""

NOISE_FLOOR = 1e-4
"""Relative tolerances count from the tensor or from this part of the moduli that it adds up,
whichever is larger: digits lost to cancellation beyond it are not pursued."""

State = dict[str, Any]
"""Arrays, numbers and strings from which a rule goes on."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a task.

    Parameters
    ----------
    value : float array
        What the task computes.
    evaluations : int
        k points at which H was diagonalised.
    weight : float
        Share of the round's total that is done.
    occupied : tuple of int array (f), or None
        As in :class:`Values`, of the task's first point.
    kpt_c : float array (c)
        That point.
    """

    value: FloatArray
    evaluations: int
    weight: float
    occupied: tuple[IntArray | None, ...]
    kpt_c: FloatArray


class Task(Protocol):
    """Work that one rank does at a stretch; travels from rank to rank."""

    def __call__(self, integrand: Integrand, pulse: Callable[[], None]) -> Answer:
        """Do it, calling ``pulse`` between batches of k."""
        ...


@dataclass(frozen=True, eq=False)
class Round:
    """Tasks between two decisions.

    Parameters
    ----------
    tasks : sequence of Task
        In the order in which their answers count.
    combine : "sum" or "each"
        Whether the rule is told the sum of the values or the list of them.
    label : str
        What is under way, for the progress report.
    total : float
        What the weights of all answers add up to.
    cost : int
        Evaluations to expect.
    """

    tasks: Sequence[Task]
    combine: Literal["sum", "each"]
    label: str
    total: float
    cost: int


@dataclass(frozen=True, eq=False)
class Estimate:
    """Mean over the zone as known so far.

    Parameters
    ----------
    value_x : float array (x)
        Mean of the integrand over the zone.
    error_x : float array (x)
        Its error.
    detail : str
        Mesh or number of cells, for reports.
    n_c : 3 ints, or None
        The mesh, for rules that use one.
    """

    value_x: FloatArray
    error_x: FloatArray
    detail: str
    n_c: tuple[int, int, int] | None = None


class Strategy(Protocol):
    """A rule at work: asks for rounds, is told their outcome, never sees ranks or files."""

    def ask(self) -> Round | None:
        """The next round, or None when the rule is done."""
        ...

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """Outcome of the round that was asked for last: a sum or a list."""
        ...

    def estimate(self) -> Estimate | None:
        """What is known so far; None before the first round is done."""
        ...

    def state(self) -> State:
        """All that was told so far, for a checkpoint."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        ...


@dataclass(frozen=True, eq=False)
class Tolerance:
    """When an error is small enough.

    Parameters
    ----------
    integrand : Integrand
        Whose slots these are.
    rtol : float
        Relative to the norm of each slot.
    atol : float
        Absolute, as a mean over the zone.
    moduli_s : float array (slot)
        Typical size over the zone of the moduli that each slot adds up.
    """

    integrand: Integrand
    rtol: float
    atol: float
    moduli_s: FloatArray

    def excess(self, error_x: FloatArray, value_x: FloatArray) -> FloatArray:
        """Error over tolerance of every slot; at most 1 where it is met."""
        error_s = self.integrand.norm(error_x)
        allowed_s = self.allowed(value_x)
        return np.divide(
            error_s, allowed_s, out=np.where(error_s > 0.0, np.inf, 0.0), where=allowed_s > 0.0
        )

    def allowed(self, value_x: FloatArray) -> FloatArray:
        """Largest error of every slot that is small enough; infinite for those not chased."""
        allowed_s = np.maximum(self.atol, self.rtol * self.reference(value_x))
        return np.where(self.integrand.chased_s, allowed_s, np.inf)

    def reference(self, value_x: FloatArray) -> FloatArray:
        """What relative errors refer to."""
        reference_s: FloatArray = np.maximum(
            self.integrand.norm(value_x), NOISE_FLOOR * self.moduli_s
        )
        return reference_s

    def relative(self, error_x: FloatArray, value_x: FloatArray) -> float:
        """Largest relative error of a slot that is chased."""
        error_s, reference_s = self.integrand.norm(error_x), self.reference(value_x)
        nothing_s = np.where(np.isinf(error_s) & self.integrand.chased_s, np.inf, 0.0)
        counts_s = self.integrand.chased_s & (reference_s > 0.0)
        ratio_s = np.divide(error_s, reference_s, out=nothing_s, where=counts_s)
        return float(ratio_s.max(initial=0.0))

    def at_least_rounding(self, error_x: FloatArray) -> FloatArray:
        """Errors, none smaller than what rounding leaves."""
        floor_x = ROUNDING * self.moduli_s[self.integrand.slot_x]
        error: FloatArray = np.maximum(error_x, floor_x)
        return error


def answer(value: FloatArray, evaluations: int, weight: float, first: Values | None) -> Answer:
    """Answer with the promise of the first values, if there are any."""
    if first is None:
        return Answer(value, evaluations, weight, (), np.zeros(3))
    return Answer(value, evaluations, weight, first.occupied, first.kpt_c)
