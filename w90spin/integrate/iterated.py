"""Adaptive one-dimensional integrals inside one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.integrate.cubature import line_rule
from w90spin.integrate.integrand import Integrand, Values
from w90spin.integrate.rounds import Answer, Estimate, Round, State, Tolerance, answer
from w90spin.integrate.surface import LEAST_STATES, NO_POCKETS, Pockets, Steps, Surfaces
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import KLines

FIRST_PANELS = 4
"""Panels that a line begins with."""

MARKED_SHARE = 0.7
"""Part of a line's error that the panels split at once carry."""

SAFETY = 2.0
"""Factor on the error of a panel."""

SPREAD_FACTOR = 1.25
"""Standard deviations of a sum of errors with random signs."""

TRUSTED_POWER = 2.5
"""Power of the fall-off of polynomial shares that is trusted; analytic integrands have 3."""

LEAST_FALL = 0.02
"""Fastest fall-off that is believed."""

DEEPEST = 26
"""How often a panel is halved at most."""

LEAST_SHARE = 0.3
"""Part of a slot's error that its smallest components get."""

LOOSENED = 0.3
"""Part of the tolerance that the first estimate gives to which that of the first look is raised."""

LEAST_BUDGET = 500
"""Evaluations that a task may always make."""

MOST_PANELS = 2000
"""Panels of one line, at most."""

HIDING_PARTS = 1 << 14
"""Panels of the outer directions are no further halved for what may hide in them: where bands turn
round jumps from one extremum to another, which looks the same at any size."""

RISE = 0.5
"""Part of its rise that the integral of an integrand which begins between two nodes may lack."""

MOST_PASSES = 4
"""How often all is done anew because the tolerance turns out smaller than first thought."""


@dataclass(frozen=True, eq=False)
class _Panels:
    """Panels of one line: [number, number + 1] / parts, with mean and errors.

    For integrands that live on Fermi surfaces also: whether the nodes may miss one; the states per
    energy that are unresolved and those that are seen; bands at the nodes, or where inside of them
    bands turn round.  For cold Fermi seas: how many steps they have inside, and the integrand and
    the bands, or the number of steps further in, at their outermost nodes.
    """

    number_x: IntArray
    parts_x: IntArray
    mean_xy: FloatArray
    error_xs: FloatArray
    inner_xs: FloatArray
    blind_x: BoolArray
    states_xf: FloatArray
    trace_xpm: FloatArray
    step_xl: FloatArray
    end_xey: FloatArray
    end_xem: FloatArray

    def mean(self) -> FloatArray:
        mean_y: FloatArray = (self.mean_xy / self.parts_x[:, None]).sum(axis=0)
        return mean_y

    def states(self) -> FloatArray:
        """States per energy that are unresolved and those that are seen, shape (2 f)."""
        missed_f, seen_f = np.split((self.states_xf / self.parts_x[:, None]).sum(axis=0), 2)
        blind = float((self.blind_x / self.parts_x).sum())
        return np.concatenate([missed_f + blind * seen_f, seen_f])

    def surface(self, surfaces: Surfaces, steps: Steps, of_bands: bool) -> FloatArray:
        """States per energy, where bands turn round, and the number of steps, of the whole line,
        shape (5 f + l).
        """
        if not len(surfaces):
            return np.concatenate([self.states(), self.n_steps(steps, of_bands)])
        node_xp = _nodes(self.number_x, self.parts_x)
        trace_pm = self.trace_xpm[np.argsort(self.number_x / self.parts_x)].reshape(
            node_xp.size, -1
        )
        turns = surfaces.turns_of_bands if of_bands else surfaces.turns_of_turns
        return np.concatenate([self.states(), turns(trace_pm), self.n_steps(steps, of_bands)])

    def error(self) -> FloatArray:
        error_s: FloatArray = self.own_error() + self._added(self.inner_xs)
        return error_s

    def own_error(self) -> FloatArray:
        return self._added(self.error_xs)

    def _added(self, error_xs: FloatArray) -> FloatArray:
        """Error of a sum over panels, as if the signs were random."""
        added_s: FloatArray = SPREAD_FACTOR * np.sqrt(
            ((error_xs / self.parts_x[:, None]) ** 2).sum(axis=0)
        )
        return added_s

    def with_steps(self, integrand: Integrand, of_bands: bool) -> _Panels:
        """With the errors of steps between the outermost nodes of neighbouring panels, which no
        node shows: the jump there, times how far they are from the ends.
        """
        if not len(integrand.steps):
            return self
        order_x, next_x, hidden_xl = self._between(integrand.steps, of_bands)
        hidden_xs = integrand.steps.of_slots(hidden_xl > 0.0, integrand.response_s)
        jump_xs = integrand.norm(self.end_xey[next_x, 0] - self.end_xey[order_x, 1])
        beyond = 0.5 * (1.0 - float(line_rule().node_p.max()))
        lost_xs = beyond * np.where(hidden_xs, jump_xs, 0.0)
        error_xs = self.error_xs.copy()
        error_xs[order_x] += lost_xs
        error_xs[next_x] += lost_xs
        return replace(self, error_xs=error_xs)

    def n_steps(self, steps: Steps, of_bands: bool) -> FloatArray:
        """Number of steps along the whole line, shape (l)."""
        if not len(steps):
            return np.zeros(0)
        n_l: FloatArray = self.step_xl.sum(axis=0) + self._between(steps, of_bands)[2].sum(axis=0)
        return n_l

    def _between(self, steps: Steps, of_bands: bool) -> tuple[IntArray, IntArray, FloatArray]:
        """Panels in order, the next ones, and the steps between their nodes, shape (x, l)."""
        order_x = np.argsort(self.number_x / self.parts_x)
        next_x = np.roll(order_x, -1)
        here_xm, there_xm = self.end_xem[order_x, 1], self.end_xem[next_x, 0]
        if of_bands:
            return order_x, next_x, steps.through(here_xm, there_xm)
        return order_x, next_x, np.asarray(here_xm != there_xm, dtype=np.float64)

    def marked(self, allowed_s: FloatArray) -> IntArray:
        """Panels to halve: the fewest that carry most of what exceeds the tolerance."""
        may_x = self.parts_x < 1 << DEEPEST
        blind_x = np.flatnonzero(self.blind_x & may_x)
        if len(blind_x) and len(may_x) <= MOST_PANELS:
            return blind_x
        # What panels that may not be halved any more carry is lost: others cannot make up for it.
        open_s = self._added(self.error_xs * may_x[:, None]) > allowed_s
        if not open_s.any() or len(may_x) > MOST_PANELS:
            return np.zeros(0, dtype=np.int64)
        error_xs = self.error_xs[:, open_s] / self.parts_x[:, None]
        # Nothing may be allowed where nothing has been seen yet: shares stay finite.
        least_s = np.finfo(np.float64).eps * error_xs.max(axis=0)
        share_x = (error_xs / np.maximum(allowed_s[open_s], least_s)).max(axis=1)
        share_x = np.where(may_x, share_x, 0.0)
        if not share_x.any():
            return np.zeros(0, dtype=np.int64)
        order_x = np.lexsort([self.number_x, self.parts_x, -share_x])
        carried_x = np.cumsum(share_x[order_x])
        n_marked = 1 + int(np.searchsorted(carried_x, MARKED_SHARE * carried_x[-1]))
        return np.sort(order_x[:n_marked])

    def without(self, marked_x: IntArray) -> _Panels:
        keep_x = np.ones(len(self.number_x), dtype=bool)
        keep_x[marked_x] = False
        return _Panels(*(getattr(self, name)[keep_x] for name in _PANEL_ARRAYS))

    def joined(self, other: _Panels) -> _Panels:
        return _Panels(
            *(np.concatenate([getattr(self, n), getattr(other, n)]) for n in _PANEL_ARRAYS)
        )


_PANEL_ARRAYS = (
    "number_x",
    "parts_x",
    "mean_xy",
    "error_xs",
    "inner_xs",
    "blind_x",
    "states_xf",
    "trace_xpm",
    "step_xl",
    "end_xey",
    "end_xem",
)


def _panels(
    integrand: Integrand,
    number_x: IntArray,
    parts_x: IntArray,
    value_xpy: FloatArray,
    inner_xps: FloatArray,
    surface_xpm: FloatArray,
    blind_x: BoolArray,
    of_bands: bool,
) -> _Panels:
    r"""Kronrod's mean over panels and its error.

    With :math:`E_1 > E_2 > E_3` the shares of polynomials of degrees 1-2, 3-4 and 5-6 in the
    integrand, and :math:`r = \max(E_2/E_1, E_3/E_2)` how fast they fall off, the error is taken
    as :math:`2 E_3 r^{2.5}`.  A rule of degree 10 leaves about :math:`E_3 r^3` of an analytic
    integrand, and about :math:`E_3` of one with a step, where r is close to 1.

    References
    ----------
    J. Berntsen, T. O. Espelid, ACM Trans. Math. Softw. 17, 233 (1991): error estimates from
    sequences of null rules.
    """
    rule = line_rule()
    mean_xy = np.einsum("p,xpy->xy", rule.weight_p, value_xpy)
    share_exy = np.einsum("edp,xpy->edxy", rule.null_edp, value_xpy)
    size_exs = np.sqrt((integrand.norm(share_exy) ** 2).sum(axis=1))
    fall_exs = np.divide(
        size_exs[1:], size_exs[:-1], out=np.ones_like(size_exs[1:]), where=size_exs[:-1] > 0.0
    )
    fall_xs = np.clip(fall_exs.max(axis=0), LEAST_FALL, 1.0)
    error_xs = SAFETY * size_exs[2] * fall_xs**TRUSTED_POWER
    inner_xs: FloatArray = np.sqrt(np.einsum("p,xps->xs", rule.weight_p**2, inner_xps**2))
    n_levels = len(integrand.surfaces)
    states_xpf, trace_xpm = np.split(surface_xpm, [2 * n_levels], axis=2)
    states_xf = np.einsum("p,xpf->xf", rule.weight_p, states_xpf)
    if n_levels:
        if of_bands:
            unresolved_xf = integrand.surfaces.unresolved_between(trace_xpm)
        else:
            turn_xpm = trace_xpm[:, :, : 3 * n_levels]
            turns_xf = integrand.surfaces.hides(turn_xpm) & (parts_x < HIDING_PARTS)[:, None]
            turns_xf |= integrand.surfaces.begins(turn_xpm)
            unresolved_xf = np.where(turns_xf, LEAST_STATES, 0.0)
        around_xf = LEAST_STATES * blind_x[:, None]
        blind_x = blind_x | np.asarray((unresolved_xf > 0.0).any(axis=1))
        states_xf[:, :n_levels] += np.maximum(unresolved_xf, around_xf)
    steps = integrand.steps
    step_xpl = np.zeros((len(number_x), len(rule.node_p) - 1, len(steps)))
    step_xpm, ends = trace_xpm, [0, -1] if len(steps) else []
    if of_bands and len(steps):
        step_xpl = steps.through(step_xpm[:, :-1], step_xpm[:, 1:])
        blind_x = blind_x | steps.hide_between(step_xpm, integrand.tolerance)
    elif len(steps):
        step_xpm = trace_xpm[:, :, 3 * n_levels :]
        step_xpl = np.asarray(np.diff(step_xpm, axis=1) != 0.0, dtype=np.float64)
        # Where a part of the sea begins, the integrand rises like a root.
        begins_xps = steps.of_slots(step_xpl > 0.0, integrand.response_s)
        rise_xps = np.where(begins_xps, integrand.norm(np.diff(value_xpy, axis=1)), 0.0)
        error_xs = error_xs + RISE * 0.5 * np.einsum("p,xps->xs", np.diff(rule.node_p), rise_xps)
    if not (of_bands and n_levels):
        trace_xpm = trace_xpm[:, :, : 3 * n_levels]
    return _Panels(
        number_x,
        parts_x,
        mean_xy,
        error_xs,
        inner_xs,
        blind_x,
        states_xf,
        trace_xpm,
        step_xpl.sum(axis=1),
        value_xpy[:, ends],
        step_xpm[:, ends],
    )


def _halves(number_x: IntArray, parts_x: IntArray) -> tuple[IntArray, IntArray]:
    doubled_x = 2 * number_x.repeat(2) + np.tile([0, 1], len(number_x))
    return doubled_x, 2 * parts_x.repeat(2)


def _nodes(number_x: IntArray, parts_x: IntArray) -> FloatArray:
    node_p = 0.5 * (1.0 + line_rule().node_p)
    node_xp: FloatArray = (number_x[:, None] + node_p) / parts_x[:, None]
    return node_xp


class _Inner:
    """Integrals over the inner directions at given outer coordinates, on one rank."""

    def __init__(
        self, integrand: Integrand, pulse: Callable[[], None], budget: int, pockets: Pockets
    ) -> None:
        self.integrand = integrand
        self.pulse = pulse
        self.budget = budget
        self.pockets = pockets
        self.evaluations = 0
        self.first: Values | None = None

    def integrals(
        self, origin_lc: FloatArray, directions: tuple[int, ...], allowed_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means over the directions at every origin (l, y), their errors (l, slot), and what is
        known of Fermi surfaces (l, m).
        """
        if not directions:
            value_ly, surface_lm = self._evaluate(origin_lc)
            return value_ly, np.zeros((len(origin_lc), self.integrand.n_slots)), surface_lm
        if len(directions) == 1:
            return self._lines(origin_lc, directions[0], allowed_s)
        found = [self._nested(origin_c, directions, allowed_s) for origin_c in origin_lc]
        means, errors, surfaces = zip(*found, strict=True)
        return np.stack(means), np.stack(errors), np.stack(surfaces)

    def _nested(
        self, origin_c: FloatArray, directions: tuple[int, ...], allowed_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean over two or more directions at one origin."""
        outer = self._outside(directions)

        def panels(number_x: IntArray, parts_x: IntArray) -> _Panels:
            node_xp = _nodes(number_x, parts_x)
            origin_lc = np.tile(origin_c, (node_xp.size, 1))
            origin_lc[:, directions[0]] = node_xp.ravel()
            # Errors of inner integrals average out: they need be no smaller than that of the mean.
            mean_ly, error_ls, surface_lm = self.integrals(origin_lc, directions[1:], allowed_s)
            origin_xc = np.tile(origin_c, (len(number_x), 1))
            return _panels(
                self.integrand,
                number_x,
                parts_x,
                mean_ly.reshape(*node_xp.shape, -1),
                error_ls.reshape(*node_xp.shape, -1),
                surface_lm.reshape(*node_xp.shape, surface_lm.shape[1]),
                self.pockets.in_panels(number_x, parts_x, directions[0], origin_xc, outer),
                of_bands=False,
            )

        number_x = np.arange(FIRST_PANELS)
        line = panels(number_x, np.full(FIRST_PANELS, FIRST_PANELS))
        while self.evaluations < self.budget:
            marked_x = line.with_steps(self.integrand, of_bands=False).marked(allowed_s)
            if not len(marked_x):
                break
            halves = _halves(line.number_x[marked_x], line.parts_x[marked_x])
            line = line.without(marked_x).joined(panels(*halves))
        line = line.with_steps(self.integrand, of_bands=False)
        return line.mean(), line.error(), self._surface(line, of_bands=False)

    def _surface(self, line: _Panels, of_bands: bool) -> FloatArray:
        return line.surface(self.integrand.surfaces, self.integrand.steps, of_bands)

    def _outside(self, directions: tuple[int, ...]) -> tuple[int, ...]:
        """Directions whose coordinates are chosen."""
        periodic = self.integrand.fourier.model.periodic
        return tuple(c for c in range(3) if periodic[c] and c not in directions)

    def _lines(
        self, origin_lc: FloatArray, direction: int, allowed_s: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Means over parallel lines, all refined at once."""
        outer = self._outside((direction,))

        def panels(line_x: IntArray, number_x: IntArray, parts_x: IntArray) -> _Panels:
            node_xp = _nodes(number_x, parts_x)
            origin_xc = origin_lc[line_x]
            value_ky, surface_km = self._on_lines(origin_xc, node_xp, direction)
            return _panels(
                self.integrand,
                number_x,
                parts_x,
                value_ky.reshape(*node_xp.shape, -1),
                np.zeros((*node_xp.shape, self.integrand.n_slots)),
                surface_km.reshape(*node_xp.shape, surface_km.shape[1]),
                self.pockets.in_panels(number_x, parts_x, direction, origin_xc, outer),
                of_bands=True,
            )

        n_lines = len(origin_lc)
        line_x = np.repeat(np.arange(n_lines), FIRST_PANELS)
        number_x = np.tile(np.arange(FIRST_PANELS), n_lines)
        all_panels = panels(line_x, number_x, np.full(len(line_x), FIRST_PANELS))
        active = {
            line: _picked(all_panels, np.flatnonzero(line_x == line)) for line in range(n_lines)
        }
        done: dict[int, _Panels] = {}
        while active:
            asked: list[tuple[int, IntArray, IntArray]] = []
            for line, known in list(active.items()):
                marked_x = known.with_steps(self.integrand, of_bands=True).marked(allowed_s)
                if not len(marked_x) or self.evaluations >= self.budget:
                    done[line] = active.pop(line)
                    continue
                asked.append((line, *_halves(known.number_x[marked_x], known.parts_x[marked_x])))
                active[line] = known.without(marked_x)
            if not asked:
                break
            line_x = np.concatenate([np.full(len(number), line) for line, number, _ in asked])
            new = panels(
                line_x,
                np.concatenate([number for _, number, _ in asked]),
                np.concatenate([parts for _, _, parts in asked]),
            )
            for line, _, _ in asked:
                active[line] = active[line].joined(_picked(new, np.flatnonzero(line_x == line)))
        lines = [done[line].with_steps(self.integrand, of_bands=True) for line in range(n_lines)]
        return (
            np.stack([line.mean() for line in lines]),
            np.stack([line.error() for line in lines]),
            np.stack([self._surface(line, of_bands=True) for line in lines]),
        )

    def _on_lines(
        self, origin_xc: FloatArray, node_xp: FloatArray, direction: int
    ) -> tuple[FloatArray, FloatArray]:
        """Integrand at nodes on lines, in batches, and all bands; with Fermi levels to follow
        before them the states missed (none) and those seen.
        """
        n_x, n_p = node_xp.shape
        batch, surfaces = self.integrand.batch, self.integrand.surfaces
        values, known = [], []
        for start in range(0, n_x, max(1, batch // n_p)):
            part = slice(start, start + max(1, batch // n_p))
            for begin in range(0, n_p, batch):
                nodes = node_xp[part, begin : begin + batch]
                found = self.integrand(KLines(origin_xc[part], nodes, direction))
                self.first = self.first or found
                self.evaluations += nodes.size
                values.append(found.value_kx)
                seen_kf = surfaces.density(found.energy_kn)
                known.append(
                    np.concatenate([np.zeros_like(seen_kf), seen_kf, found.energy_kn], axis=1)
                )
                self.pulse()
        return np.concatenate(values), np.concatenate(known)

    def _evaluate(self, kpt_kc: FloatArray) -> tuple[FloatArray, FloatArray]:
        direction = self.integrand.fourier.direction
        return self._on_lines(kpt_kc, kpt_kc[:, direction, None], direction)


def _picked(panels: _Panels, rows: IntArray) -> _Panels:
    return _Panels(*(getattr(panels, name)[rows] for name in _PANEL_ARRAYS))


@dataclass(frozen=True, eq=False)
class IntegrateInside:
    """Integrals over all directions but the outermost, at some of its coordinates.

    Parameters
    ----------
    outer_l : float array (l)
        Reduced coordinates along the outermost direction.
    directions : tuple of int
        Lattice directions, outermost first.
    allowed_s : float array (slot)
        Largest errors; infinite for slots that the symmetry forces to vanish.
    budget : int
        Evaluations after which nothing is refined any more; the error then tells.
    pockets : Pockets
        Where nodes may miss a Fermi surface.
    """

    outer_l: FloatArray
    directions: tuple[int, ...]
    allowed_s: FloatArray
    budget: int
    pockets: Pockets = NO_POCKETS

    def __call__(self, integrand: Integrand, pulse: Callable[[], None]) -> Answer:
        """Means, errors, Fermi surfaces and evaluations, shape (l, x + slot + m + 1)."""
        inner = _Inner(integrand, pulse, self.budget, self.pockets)
        origin_lc = np.zeros((len(self.outer_l), 3))
        origin_lc[:, self.directions[0]] = self.outer_l
        found = inner.integrals(origin_lc, self.directions[1:], self.allowed_s)
        cost_l = np.full((len(origin_lc), 1), inner.evaluations / len(origin_lc))
        rows = np.concatenate([*found, cost_l], axis=1)
        return answer(rows, inner.evaluations, len(rows), inner.first)


class IteratedStrategy:
    """Adaptive integral over the outermost direction, of adaptive integrals over the others.

    Parameters
    ----------
    integrand : Integrand
        What is integrated.
    symmetry : ZoneSymmetry, or None
        Leaves the integral invariant; one operation that turns the outermost direction round
        halves the work.
    tolerance : Tolerance
        When to stop.
    guess_x : float array (x)
        Rough mean over the zone, from which the first tolerances are taken.
    max_points : int
        Evaluations at which to give up.
    pockets : Pockets
        Where nodes may miss a Fermi surface.
    """

    def __init__(
        self,
        integrand: Integrand,
        symmetry: ZoneSymmetry | None,
        tolerance: Tolerance,
        guess_x: FloatArray,
        max_points: int,
        pockets: Pockets = NO_POCKETS,
    ) -> None:
        self.integrand = integrand
        self.pockets = pockets
        self.symmetry = symmetry
        self.tolerance = tolerance
        self.max_points = max_points
        fourier = integrand.fourier
        others = [c for c in range(3) if fourier.model.periodic[c] and c != fourier.direction]
        self.directions = (*others, fourier.direction)
        self.halved = symmetry is not None and _turns_round(symmetry, self.directions[0])
        self.vanishing_s = integrand.norm(integrand.allowed(symmetry).astype(np.float64)) == 0.0
        self.allowed_s = self._allowed(guess_x)
        self.passes = 1
        if len(integrand.surfaces):
            # The first look has hardly met them: a pass that only follows them tells their size.
            self.allowed_s = np.full_like(self.allowed_s, np.inf)
            self.passes = 0
        # Where it has seen nothing, lines are not refined for no error at all.
        self.allowed_s = np.where(self.allowed_s > 0.0, self.allowed_s, np.inf)
        self.line: _Panels | None = None
        self.marked_x: IntArray = np.zeros(0, dtype=np.int64)
        self.asked = self._first_panels()
        self.known: Estimate | None = None
        self.evaluated = 0

    def ask(self) -> Round | None:
        """Nodes of the panels that are new."""
        number_x, parts_x = self.asked
        if not len(number_x):
            return None
        node_l = _nodes(number_x, parts_x).ravel()
        # Where the inside is one line, those of a panel are refined together.
        each = len(line_rule().node_p) if len(self.directions) <= 2 else 1
        n_tasks = -(-len(node_l) // each)
        budget = max(self.max_points - self.evaluated, 0) // n_tasks + LEAST_BUDGET
        tasks = [
            IntegrateInside(
                node_l[start : start + each], self.directions, self.allowed_s, budget, self.pockets
            )
            for start in range(0, len(node_l), each)
        ]
        label = f"{len(node_l)} outer nodes, pass {self.passes}"
        return Round(tasks, "each", label, len(node_l), len(node_l))

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """Means and errors at the nodes; decides which panels to halve."""
        rows = np.concatenate(outcome)
        number_x, parts_x = self.asked
        self.evaluated += round(float(rows[:, -1].sum()))
        size = self.integrand.size
        value_ly, inner_ls, surface_lm = np.split(
            rows[:, :-1], [size, size + self.integrand.n_slots], axis=1
        )
        shape = (len(number_x), len(line_rule().node_p), -1)
        outer = self.directions[0]
        new = _panels(
            self.integrand,
            number_x,
            parts_x,
            value_ly.reshape(shape),
            inner_ls.reshape(shape),
            surface_lm.reshape(*shape[:2], surface_lm.shape[1]),
            self.pockets.in_panels(number_x, parts_x, outer, np.zeros((len(number_x), 3)), ()),
            of_bands=len(self.directions) == 1,
        )
        self.line = new if self.line is None else self.line.without(self.marked_x).joined(new)
        self._settle()

    def estimate(self) -> Estimate | None:
        """Sum over the panels."""
        return self.known

    def state(self) -> State:
        """All panels."""
        state: State = {"allowed": self.allowed_s, "passes": self.passes}
        state["evaluated"] = self.evaluated
        if self.known is not None:  # a new pass begins with the estimate of the former one
            state["known"] = np.stack([self.known.value_x, self.known.error_x])
            state["detail"] = self.known.detail
        if self.line is not None:
            state.update({name: getattr(self.line, name) for name in _PANEL_ARRAYS})
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.allowed_s, self.passes = np.asarray(state["allowed"]), int(state["passes"])
        self.evaluated = int(state["evaluated"])
        if "known" in state:
            value_y, error_y = np.asarray(state["known"])
            self.known = Estimate(value_y, error_y, str(state["detail"]))
        if "number_x" in state:
            self.line = _Panels(*(np.asarray(state[name]) for name in _PANEL_ARRAYS))
            self._settle()
        else:
            self.asked = self._first_panels()

    def _allowed(self, value_y: FloatArray) -> FloatArray:
        """Largest errors; nothing is asked of what vanishes by symmetry."""
        return np.where(self.vanishing_s, np.inf, self.tolerance.allowed(value_y))

    def _first_panels(self) -> tuple[IntArray, IntArray]:
        """Panels of [0, 1/2] where the other half is its image, else of [0, 1]."""
        n_panels = FIRST_PANELS if self.passes else 1
        return np.arange(n_panels), np.full(n_panels, 2 * n_panels if self.halved else n_panels)

    def _settle(self) -> None:
        if self.line is None:
            return
        twice = 2.0 if self.halved else 1.0
        value_y = twice * self.line.mean()
        if self.symmetry is not None:
            value_y = self.integrand.invariant(self.symmetry, value_y)
        line = self.line.with_steps(self.integrand, of_bands=len(self.directions) == 1)
        error_s = np.where(self.vanishing_s, 0.0, twice * line.error() + self._lost())
        error_y = self._by_component(error_s, value_y)
        self.known = Estimate(
            value_y, error_y, f"{_nodes(self.line.number_x, self.line.parts_x).size} outer nodes"
        )
        self.asked = (np.zeros(0, dtype=np.int64),) * 2
        if self.evaluated >= self.max_points:
            return
        allowed_s = self._allowed(value_y)
        if self.passes == 0:
            self._begin_anew(allowed_s)
            return
        if self.passes == 1:  # the first look may have asked for far too much
            self.allowed_s = np.maximum(self.allowed_s, LOOSENED * allowed_s)
        allowed_s = np.minimum(self.allowed_s, allowed_s)
        self.marked_x = line.marked(0.5 * allowed_s / twice)
        if len(self.marked_x):
            marked_x = self.marked_x
            self.asked = _halves(self.line.number_x[marked_x], self.line.parts_x[marked_x])
        elif np.any(self.tolerance.excess(error_y, value_y) > 1.0) and self.passes < MOST_PASSES:
            self._begin_anew(0.5 * allowed_s)

    def _begin_anew(self, allowed_s: FloatArray) -> None:
        self.allowed_s = np.where(allowed_s > 0.0, allowed_s, np.inf)
        self.passes += 1
        self.line = None
        self.marked_x = np.zeros(0, dtype=np.int64)
        self.asked = self._first_panels()

    def _lost(self) -> FloatArray:
        """What every slot may lack of the Fermi surface."""
        if self.line is None or not len(self.integrand.surfaces):
            return np.zeros(self.integrand.n_slots)
        missed_f, seen_f = np.split(self.line.states(), 2)
        size_xs = self.integrand.norm(self.line.mean_xy) / self.line.parts_x[:, None]
        moduli_s = size_xs.sum(axis=0) * (2.0 if self.halved else 1.0)
        return self.integrand.surfaces.lost(missed_f, seen_f, moduli_s, self.integrand.response_s)

    def _by_component(self, error_s: FloatArray, value_y: FloatArray) -> FloatArray:
        """Errors of components from that of their slot, by their size in it."""
        norm_s = self.integrand.norm(value_y)[self.integrand.slot_x]
        share_y = np.divide(np.abs(value_y), norm_s, out=np.ones_like(norm_s), where=norm_s > 0.0)
        error_y = np.clip(share_y, LEAST_SHARE, 1.0) * error_s[self.integrand.slot_x]
        return self.tolerance.at_least_rounding(error_y)


def _turns_round(symmetry: ZoneSymmetry, outer: int) -> bool:
    """Whether an operation maps one half of the outermost direction onto the other."""
    row = np.zeros(3, dtype=np.int64)
    row[outer] = -1
    return any(np.array_equal(rotation[outer], row) for rotation in symmetry.kpt_rotation_gcc)
