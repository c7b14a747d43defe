"""Globally adaptive tree of cells: those with the largest errors are split."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.integrate.cubature import Cubature, gauss_kronrod, genz_malik
from w90spin.integrate.integrand import Integrand, Values
from w90spin.integrate.rounds import Answer, Estimate, Round, State, Tolerance, answer
from w90spin.integrate.surface import LEAST_STATES, NO_POCKETS, Pockets
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import KPoints

FIRST_CELLS = {1: 8, 2: 8, 3: 4}
"""Cells along each direction at the start, by dimension."""

MARKED_SHARE = 0.6
"""Part of the total error that the cells split in one round carry."""


RELIANCE_FACTORS = (3.0, 2.0)
"""Factor on how much smaller the rule's error is found than the difference of the two rules: of few
cells and of many."""

LEAST_RELIANCE = 0.003
"""No error is taken for a smaller part of that difference."""

SPREAD_FACTORS = (3.0, 2.0)
"""Standard deviations of a sum of cell errors with random signs: of few cells and of many."""

FEW_CELLS = 128
"""Up to so many cells are few; beyond, what they have shown counts for more."""

ALIKE = {1: 0.0, 2: 0.0, 3: 1.0}
"""Part of the errors of cells along Fermi surfaces that add with one sign, by dimension: symmetries
relate many of them, and all are cut off at the same width."""

NEARBY = 1e-9
"""How far outside a cell its neighbours are looked for, in reduced coordinates."""

MOST_BYTES = 400_000_000
"""Memory that cells may take on rank 0; beyond it those with the smallest errors are closed."""

UNRESOLVED_SHARE = 0.25
"""Part of the tolerance that Fermi surfaces between the nodes may come to."""

CLOSED_SHARE = 0.02
"""Part of the total error that the cells closed at once carry at most."""


@dataclass(frozen=True, eq=False)
class IntegrateCells:
    """Rule and error over a few cells.

    Parameters
    ----------
    cell_xc : int array (cell, 2, c)
        Number of the cell along each direction, and into how many the zone is cut there.
    directions : tuple of int
        Lattice directions that the cells extend along.
    """

    cell_xc: IntArray
    directions: tuple[int, ...]

    def __call__(self, integrand: Integrand, pulse: Callable[[], None]) -> Answer:
        """Mean over each cell, signed error, roughness along each direction, states at each level
        that may be missed and that are seen: shape (cell, 2 x + c + 2 f).
        """
        cubature = _cubature(len(self.directions))
        n_cells, n_nodes = len(self.cell_xc), len(cubature.weight_p)
        low, parts = self.cell_xc[:, 0], self.cell_xc[:, 1]
        kpt_xpc = np.zeros((n_cells, n_nodes, 3))
        for at, c in enumerate(self.directions):
            kpt_xpc[:, :, c] = (
                low[:, at, None] + 0.5 * (1.0 + cubature.node_pc[None, :, at])
            ) / parts[:, at, None]
        kpt_kc = kpt_xpc.reshape(-1, 3)
        value_kx = np.empty((len(kpt_kc), integrand.size))
        surfaces = integrand.surfaces
        energies = []
        first: Values | None = None
        for start in range(0, len(kpt_kc), integrand.batch):
            values = integrand(KPoints(kpt_kc[start : start + integrand.batch]))
            value_kx[start : start + integrand.batch] = values.value_kx
            if len(surfaces):
                energies.append(values.energy_kn)
            first = first or values
            pulse()
        value_xpy = value_kx.reshape(n_cells, n_nodes, -1)
        mean = np.einsum("p,xpy->xy", cubature.weight_p, value_xpy)
        error = np.einsum("p,xpy->xy", cubature.difference_p, value_xpy)
        fourth_cxs = np.stack(
            [
                integrand.norm(np.einsum("p,xpy->xy", fourth_p, value_xpy))
                for fourth_p in cubature.fourth_cp
            ]
        )
        # Along which direction is the integrand roughest, all slots on one scale?
        scale_s = np.maximum(np.abs(fourth_cxs).max(axis=(0, 1)), np.finfo(np.float64).tiny)
        rough_xc = (fourth_cxs / scale_s).max(axis=2).T
        columns = [mean, error, rough_xc]
        if len(surfaces):
            energy_kn = np.concatenate(energies)
            energy_xpn = energy_kn.reshape(n_cells, n_nodes, -1)
            missed_xfn = surfaces.unresolved(energy_xpn)
            missed_xn: BoolArray = np.asarray(missed_xfn.any(axis=1))
            steep_xc = _steepness(energy_xpn, missed_xn)
            columns[2] = np.where(missed_xn.any(axis=1, keepdims=True), steep_xc, rough_xc)
            density_kf = surfaces.density(energy_kn)
            seen_xf = density_kf.reshape(n_cells, n_nodes, -1).mean(axis=1)
            columns += [missed_xfn.sum(axis=2), seen_xf]
        outcome = np.concatenate(columns, axis=1)
        return answer(outcome, len(kpt_kc), n_cells, first)


class TreeStrategy:
    """Splits the cells with the largest errors until the total error meets the tolerance.

    Parameters
    ----------
    integrand : Integrand
        What is integrated.
    symmetry : ZoneSymmetry, or None
        Leaves the integral invariant; operations that map cells onto cells are made use of.
    tolerance : Tolerance
        When to stop.
    max_points : int
        Evaluations at which to give up.
    pockets : Pockets
        Where the first cells may miss a Fermi surface.

    Notes
    -----
    Cells that a band crosses a Fermi level in, unseen by the nodes, are split before all others if
    the integrand lives on the Fermi surface.

    The error of a cell is the difference of its two rules, which is that of the lower one.  When a
    cell is split, the difference to the sum of its parts shows how much smaller the error of the
    better rule is; the mean of that ratio over the last rounds scales the total error.  Errors of
    cells are added with their signs, and as if their signs were random: the larger one counts.
    """

    def __init__(
        self,
        integrand: Integrand,
        symmetry: ZoneSymmetry | None,
        tolerance: Tolerance,
        max_points: int,
        pockets: Pockets = NO_POCKETS,
    ) -> None:
        self.integrand = integrand
        self.tolerance = tolerance
        self.max_points = max_points
        self.pockets = pockets
        periodic = integrand.fourier.model.periodic
        self.directions = tuple(c for c in range(3) if periodic[c])
        self.symmetry = symmetry
        self.of_cells = cell_symmetry(symmetry, self.directions)
        self.allowed_x = integrand.allowed(symmetry)
        self.cell_xc, self.multiplicity_x = self._first_cells()
        self.value_xy = np.zeros((0, integrand.size))
        self.error_xy = np.zeros((0, integrand.size))
        self.rough_xc = np.zeros((0, len(self.directions)))
        self.states_xf = np.zeros((0, 2 * len(integrand.surfaces)))
        self.parent_x: IntArray = np.zeros(0, dtype=np.int64)
        self.asked_xc = self.cell_xc
        self.evaluated = 0
        # Value, signed error and squared error of cells that are closed: never split, not kept.
        self.closed_ny = np.zeros((3, integrand.size))
        self.n_closed = 0
        on_surface_s = np.isin(integrand.response_s, integrand.surfaces.response_f)
        self.alike_y = ALIKE[len(self.directions)] * on_surface_s[integrand.slot_x]
        self.true_s = np.zeros(integrand.n_slots)
        self.said_s = np.zeros(integrand.n_slots)
        self.known: Estimate | None = None

    def ask(self) -> Round | None:
        """The first cells, then the parts of those that are split."""
        if not len(self.asked_xc):
            return None
        n_nodes = len(_cubature(len(self.directions)).weight_p)
        each = max(1, self.integrand.batch // n_nodes)
        tasks = [
            IntegrateCells(self.asked_xc[start : start + each], self.directions)
            for start in range(0, len(self.asked_xc), each)
        ]
        n_cells = len(self.value_xy) + len(self.asked_xc) // 2 if len(self.value_xy) else 0
        label = f"{n_cells or len(self.asked_xc)} cells"
        cost = n_nodes * len(self.asked_xc)
        return Round(tasks, "each", label, len(self.asked_xc), cost)

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """What the cells asked for came to; marks those to split next."""
        rows = np.concatenate(outcome)
        size, d = self.integrand.size, len(self.directions)
        value_xy, error_xy, rough_xc, states_xf = np.split(
            rows, [size, 2 * size, 2 * size + d], axis=1
        )
        error_xy = error_xy * self.allowed_x
        self.evaluated += len(rows) * len(_cubature(len(self.directions)).weight_p)
        if len(self.value_xy):
            self._learn(value_xy)
            keep_x = np.ones(len(self.value_xy), dtype=bool)
            keep_x[self.parent_x] = False
            multiplicity_x = np.repeat(self.multiplicity_x[self.parent_x], 2)
            self.multiplicity_x = np.concatenate([self.multiplicity_x[keep_x], multiplicity_x])
            self.cell_xc = np.concatenate([self.cell_xc[keep_x], self.asked_xc])
            value_xy = np.concatenate([self.value_xy[keep_x], value_xy])
            error_xy = np.concatenate([self.error_xy[keep_x], error_xy])
            rough_xc = np.concatenate([self.rough_xc[keep_x], rough_xc])
            states_xf = np.concatenate([self.states_xf[keep_x], states_xf])
        self.value_xy, self.error_xy, self.rough_xc = value_xy, error_xy, rough_xc
        self.states_xf = states_xf
        self._settle()

    def estimate(self) -> Estimate | None:
        """Sum over all cells."""
        return self.known

    def state(self) -> State:
        """All cells with their integrals, and which parts of them come next."""
        if self.known is None:
            return {}
        return {
            "known": np.stack([self.known.value_x, self.known.error_x]),
            "detail": self.known.detail,
            "asked": self.asked_xc,
            "parent": self.parent_x,
            "cell": self.cell_xc,
            "multiplicity": self.multiplicity_x,
            "value": self.value_xy,
            "error": self.error_xy,
            "rough": self.rough_xc,
            "states": self.states_xf,
            "evaluated": self.evaluated,
            "closed": self.closed_ny,
            "n_closed": self.n_closed,
            "true": self.true_s,
            "said": self.said_s,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        if "known" not in state:
            return
        value_y, error_y = np.asarray(state["known"])
        self.known = Estimate(value_y, error_y, str(state["detail"]))
        self.asked_xc, self.parent_x = np.asarray(state["asked"]), np.asarray(state["parent"])
        self.cell_xc = np.asarray(state["cell"])
        self.multiplicity_x = np.asarray(state["multiplicity"])
        self.value_xy = np.asarray(state["value"])
        self.error_xy = np.asarray(state["error"])
        self.rough_xc = np.asarray(state["rough"])
        self.states_xf = np.asarray(state["states"])
        self.evaluated = int(state["evaluated"])
        self.closed_ny, self.n_closed = np.array(state["closed"]), int(state["n_closed"])
        self.true_s, self.said_s = np.asarray(state["true"]), np.asarray(state["said"])

    def _first_cells(self) -> tuple[IntArray, FloatArray]:
        """One cell of every star, with the size of the star."""
        n, d = FIRST_CELLS[len(self.directions)], len(self.directions)
        index_xc = np.stack(np.unravel_index(np.arange(n**d), (n,) * d), axis=1)
        cell_xc = np.stack([index_xc, np.full_like(index_xc, n)], axis=1).astype(np.int64)
        if self.of_cells is None:
            return cell_xc, np.ones(len(cell_xc))
        code_x = np.arange(n**d)
        lowest_x, fixed_x = code_x.copy(), np.zeros(n**d, dtype=np.int64)
        for rotation_cc in self.of_cells.kpt_rotation_gcc:
            kept_cc = rotation_cc[np.ix_(self.directions, self.directions)]
            # A cell is named by twice its centre, in units of its size.
            image_xc = ((2 * index_xc + 1) @ kept_cc.T - 1) // 2 % n
            image_x = np.ravel_multi_index(tuple(image_xc.T), (n,) * d)
            lowest_x = np.minimum(lowest_x, image_x)
            fixed_x += image_x == code_x
        chosen_x = lowest_x == code_x
        return cell_xc[chosen_x], (len(self.of_cells) / np.maximum(fixed_x, 1))[chosen_x]

    def _volumes(self) -> FloatArray:
        volume_x: FloatArray = self.multiplicity_x / self.cell_xc[:, 1].prod(axis=1)
        return volume_x

    def _learn(self, part_xy: FloatArray) -> None:
        """How much better the sum of the parts shows the rule to be than it said."""
        # Where a Fermi surface is between the nodes, both say nothing.
        volume_x = self._volumes()[self.parent_x, None]
        volume_x = volume_x * ~self._unresolved()[self.parent_x, None]
        better_xy = 0.5 * (part_xy[0::2] + part_xy[1::2])
        norm = self.integrand.norm
        change_xy = (better_xy - self.value_xy[self.parent_x]) * self.allowed_x
        true_s = norm(volume_x * change_xy).sum(axis=0)
        said_s = norm(volume_x * self.error_xy[self.parent_x]).sum(axis=0)
        # Later rounds tell more of the cells that are left.
        self.true_s, self.said_s = 0.5 * self.true_s + true_s, 0.5 * self.said_s + said_s

    def _settle(self) -> None:
        """Total and its error; marks the cells to split."""
        volume_x = self._volumes()
        value_y = self.closed_ny[0] + volume_x @ self.value_xy
        reliance_s = np.divide(
            self.true_s, self.said_s, out=np.ones_like(self.true_s), where=self.said_s > 0.0
        )
        n_cells = len(volume_x) + self.n_closed
        reliance_s = np.clip(_of_cells(RELIANCE_FACTORS, n_cells) * reliance_s, LEAST_RELIANCE, 1.0)
        spread_y = _of_cells(SPREAD_FACTORS, n_cells) * np.sqrt(
            self.closed_ny[2] + volume_x**2 @ self.error_xy**2
        )
        error_y = np.maximum(spread_y, np.abs(self.closed_ny[1] + volume_x @ self.error_xy))
        lost_s = self._lost(volume_x)
        error_y = np.maximum(error_y, self.alike_y * (volume_x @ np.abs(self.error_xy)))
        error_y = reliance_s[self.integrand.slot_x] * error_y + lost_s[self.integrand.slot_x]
        if self.symmetry is not None:
            value_y = self.integrand.invariant(self.symmetry, value_y)
        error_y = self.tolerance.at_least_rounding(error_y)
        self.known = Estimate(value_y, error_y, f"{n_cells} cells")
        excess_s = self.tolerance.excess(error_y, value_y)
        self.asked_xc, self.parent_x = self.cell_xc[:0], self.parent_x[:0]
        around_x = np.flatnonzero(self._around_pockets().any(axis=1))
        if len(around_x):
            self._split(around_x)
            return
        if excess_s.max(initial=0.0) <= 1.0:
            return
        allowed_s = self.tolerance.allowed(value_y)
        if np.any(lost_s > UNRESOLVED_SHARE * allowed_s):
            self._split(np.flatnonzero(self._unresolved()))
        else:
            self._mark(volume_x, allowed_s, excess_s)

    def _unresolved(self) -> BoolArray:
        """Cells with a Fermi surface that their nodes may miss."""
        seen = self.states_xf.shape[1] // 2
        unresolved_x: BoolArray = np.asarray(self.states_xf[:, :seen].any(axis=1))
        return unresolved_x | self._around_pockets().any(axis=1)

    def _around_pockets(self) -> FloatArray:
        return self.pockets.in_cells(self.cell_xc, self.directions)

    def _lost(self, volume_x: FloatArray) -> FloatArray:
        """What every slot may lack of the Fermi surface."""
        if not self.states_xf.size:
            return np.zeros(self.integrand.n_slots)
        missed_f, seen_f = np.split(volume_x @ self.states_xf, 2)
        around = float(volume_x @ self._around_pockets().any(axis=1))
        missed_f = missed_f + around * np.maximum(seen_f + missed_f, LEAST_STATES)
        moduli_s = volume_x @ self.integrand.norm(self.value_xy)
        return self.integrand.surfaces.lost(missed_f, seen_f, moduli_s, self.integrand.response_s)

    def _with_larger_neighbours(self, marked_x: IntArray) -> IntArray:
        """Marked cells, and those larger ones that touch them: what is thin may run on there."""
        parts_xc = self.cell_xc[:, 1]
        centre_mc = (self.cell_xc[marked_x, 0] + 0.5) / parts_xc[marked_x]
        d = centre_mc.shape[1]
        sides = np.array([s for s in itertools.product((-1, 0, 1), repeat=d) if any(s)])
        reach_mc = 0.5 / parts_xc[marked_x] + NEARBY
        probe_pc = (centre_mc[:, None] + sides * reach_mc[:, None]).reshape(-1, d)
        larger_p = np.repeat(parts_xc[marked_x].prod(axis=1), len(sides))
        rotations = np.eye(d, dtype=np.int64)[None]
        if self.of_cells is not None:
            at = np.ix_(range(len(self.of_cells)), self.directions, self.directions)
            rotations = np.unique(self.of_cells.kpt_rotation_gcc[at], axis=0)
        found = [marked_x]
        size_x = np.log2(parts_xc).round().astype(np.int64) @ 64 ** np.arange(d)
        for size in np.unique(size_x):
            of_size_x = np.flatnonzero(size_x == size)
            size_c = parts_xc[of_size_x[0]]
            code_x = np.ravel_multi_index(tuple(self.cell_xc[of_size_x, 0].T), tuple(size_c))
            order = np.argsort(code_x)
            wanted_pc = probe_pc[larger_p > size_c.prod()]
            for rotation_cc in rotations:
                index_pc = np.floor((wanted_pc @ rotation_cc.T % 1.0) * size_c).astype(np.int64)
                code_p = np.ravel_multi_index(tuple((index_pc % size_c).T), tuple(size_c))
                place_p = np.searchsorted(code_x, code_p, sorter=order)
                place_p = np.minimum(place_p, len(order) - 1)
                hit_p = np.flatnonzero(code_x[order[place_p]] == code_p)
                found.append(of_size_x[order[place_p[hit_p]]])
        return np.unique(np.concatenate(found))

    def _close(self, order_x: IntArray, carried_x: FloatArray, marked_x: IntArray) -> IntArray:
        """Close the cells that matter least; new numbers of the marked ones."""
        first = int(np.searchsorted(carried_x, (1.0 - CLOSED_SHARE) * carried_x[-1])) + 1
        closing_x = np.setdiff1d(order_x[first:], marked_x)
        closing_x = closing_x[~self._unresolved()[closing_x]]
        volume_x = self._volumes()[closing_x]
        error_xy = self.error_xy[closing_x]
        self.closed_ny[0] += volume_x @ self.value_xy[closing_x]
        self.closed_ny[1] += volume_x @ error_xy
        self.closed_ny[2] += volume_x**2 @ error_xy**2
        self.n_closed += len(closing_x)
        keep_x = np.ones(len(self.value_xy), dtype=bool)
        keep_x[closing_x] = False
        names = ("cell_xc", "multiplicity_x", "value_xy", "error_xy", "rough_xc", "states_xf")
        for name in names:
            setattr(self, name, getattr(self, name)[keep_x])
        return (np.cumsum(keep_x) - 1)[marked_x]

    def _mark(self, volume_x: FloatArray, allowed_s: FloatArray, excess_s: FloatArray) -> None:
        """The fewest cells that carry most of what exceeds the tolerance."""
        open_s = excess_s > 1.0
        error_xs = volume_x[:, None] * self.integrand.norm(self.error_xy)[:, open_s]
        share_x = (error_xs / np.maximum(allowed_s[open_s], np.finfo(np.float64).tiny)).max(axis=1)
        # Ties are broken by the place of the cell, never by the order of arrival.
        place_x = [*self.cell_xc.reshape(len(share_x), -1).T[::-1], -share_x]
        order_x = np.lexsort(place_x)
        carried_x = np.cumsum(share_x[order_x])
        n_marked = 1 + int(np.searchsorted(carried_x, MARKED_SHARE * carried_x[-1]))
        marked_x = self._with_larger_neighbours(np.sort(order_x[:n_marked]))
        if self._may_split(marked_x) and self._kept_bytes() > MOST_BYTES:
            marked_x = self._close(order_x, carried_x, marked_x)
        self._split(marked_x)

    def _kept_bytes(self) -> int:
        return self.value_xy.nbytes + self.error_xy.nbytes

    def _may_split(self, marked_x: IntArray) -> bool:
        n_nodes = len(_cubature(len(self.directions)).weight_p)
        return self.evaluated + 2 * n_nodes * len(marked_x) <= self.max_points

    def _split(self, marked_x: IntArray) -> None:
        """Ask for the halves of cells, if there are points left for them."""
        if not self._may_split(marked_x):
            return
        halves_x = self.cell_xc[marked_x].repeat(2, axis=0)
        # Where all nodes see nothing, the longest side is cut.
        blind_xc = self.rough_xc[marked_x].max(axis=1, keepdims=True) == 0.0
        length_xc = 1.0 / self.cell_xc[marked_x, 1]
        preference_xc = np.where(blind_xc, length_xc, self.rough_xc[marked_x])
        longer_xc = self._around_pockets()[marked_x]
        around_x = longer_xc.any(axis=1, keepdims=True)
        preference_xc = np.where(around_x, longer_xc, preference_xc)
        along_x = np.argmax(preference_xc, axis=1).repeat(2)
        row_x = np.arange(len(halves_x))
        halves_x[row_x, 1, along_x] *= 2
        halves_x[row_x, 0, along_x] = 2 * halves_x[row_x, 0, along_x] + row_x % 2
        self.asked_xc, self.parent_x = halves_x, marked_x


def _steepness(energy_xpn: FloatArray, of_xn: BoolArray) -> FloatArray:
    """How far some bands reach along each direction of cells, shape (x, c). [eV]"""
    n_nodes = energy_xpn.shape[1]
    d = next(d for d in (1, 2, 3) if len(_cubature(d).weight_p) == n_nodes)
    steep = []
    for c in range(d):
        # In one dimension all nodes are along it.
        along = slice(None) if d == 1 else [0, 1 + 2 * d + 2 * c, 2 + 2 * d + 2 * c]
        steep.append(np.where(of_xn, np.ptp(energy_xpn[:, along], axis=1), 0.0).max(axis=1))
    return np.stack(steep, axis=1)


def _cubature(dimension: int) -> Cubature:
    return gauss_kronrod() if dimension == 1 else genz_malik(dimension)


def cell_symmetry(
    symmetry: ZoneSymmetry | None, directions: tuple[int, ...]
) -> ZoneSymmetry | None:
    """Operations that map cubes of reduced coordinates onto cubes; they form a group.

    Parameters
    ----------
    symmetry : ZoneSymmetry, or None
        A group of operations.
    directions : tuple of int
        Periodic lattice directions.

    Returns
    -------
    ZoneSymmetry, or None
    """
    if symmetry is None or not directions:
        return None
    keep = [
        g
        for g, rotation_cc in enumerate(symmetry.kpt_rotation_gcc)
        if np.all(np.abs(rotation_cc[np.ix_(directions, directions)]).sum(axis=0) == 1)
    ]
    return symmetry.subset(keep)


def _of_cells(factors: tuple[float, float], n_cells: int) -> float:
    """Between a factor for few cells and that for many."""
    few, many = factors
    return many + (few - many) * min(1.0, FEW_CELLS / n_cells)
