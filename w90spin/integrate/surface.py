"""Bands through Fermi levels, for integrands that live there alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.response.claims import Response

WIDTHS = 16.0
"""Peaks' widths that a band may cover between the outermost nodes of a cell or panel: the nodes are
then so close that one of them sees the peak, and error estimates do the rest."""

MARGIN = 0.5
"""How far beyond the nodes' energies a band may reach in a cell, in units of their spread."""

STEP_WIDTHS = 4.0
"""Peaks' widths that a band may cover between neighbouring nodes of a panel."""

BETWEEN, BEYOND = 0.5, 0.25
"""How much further a curve may go between nodes, and between the last one and the end of a panel,
in units of its step to the next node: a cusp half-way, a slope that goes on."""

LEAST_SEEN = 1e-6
"""Part of the states that must be seen before they tell anything of the rest."""

MESH_WIDTHS = 10.0
"""Peaks' widths between neighbouring points of a mesh from which its sum means nothing."""

TAIL_WIDTHS = 12.0
"""Distance from a level, in widths of its peak, up to which the peak counts."""

POCKET_SIZES = 4.0
"""Sizes of a pocket that a panel may be long: two of its nodes then lie inside."""

LEAST_STATES = 1e-6
"""States per energy that a cell or panel may miss, at least, if it may miss any. [1/eV]"""

COLD = 1e-3
"""Temperature up to which the edge of a Fermi sea is looked at as a step. [eV]"""

FAR = 1e6
"""Distance of a turning point where there is none. [eV]"""


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Fermi levels of all responses whose integrands are peaks there and nothing else.

    Such an integrand is zero at every node of a rule as long as no node happens to lie on the Fermi
    surface; the energies of the bands show where it is nevertheless.

    Parameters
    ----------
    level_f : float array (f)
        Fermi levels. [eV]
    width_f : float array (f)
        Widths of the peaks there. [eV]
    response_f : int array (f)
        Number of the response.
    """

    level_f: FloatArray
    width_f: FloatArray
    response_f: IntArray

    @classmethod
    def of(cls, responses: Sequence[Response]) -> Surfaces:
        """Levels of those responses that say so."""
        rows = [
            (level, response.scales.surface, r)
            for r, response in enumerate(responses)
            for level in response.levels
            if response.scales.surface > 0.0
        ]
        levels, widths, numbers = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(levels, dtype=np.float64),
            np.array(widths, dtype=np.float64),
            np.array(numbers, dtype=np.int64),
        )

    def __len__(self) -> int:
        """Number of levels."""
        return len(self.level_f)

    def density(self, energy_kn: FloatArray) -> FloatArray:
        """States per energy at every level, shape (k, f): Σ sech²(x/2)/4w. [1/eV]"""
        x_kfn = (energy_kn[:, None, :] - self.level_f[:, None]) / self.width_f[:, None]
        peak_kfn = 1.0 / np.cosh(0.5 * np.clip(x_kfn, -700.0, 700.0)) ** 2
        density_kf: FloatArray = 0.25 * peak_kfn.sum(axis=2) / self.width_f
        return density_kf

    def unresolved(self, energy_xpn: FloatArray) -> FloatArray:
        """States per energy of bands that may cross a level between nodes, unseen by them.

        Parameters
        ----------
        energy_xpn : float array (x, p, n)
            Bands at the nodes of cells or panels. [eV]

        Returns
        -------
        float array (x, f, n)
            Mean over the cell or panel; 0 where nothing can be missed. [1/eV]
        """
        low_xfn = energy_xpn.min(axis=1)[:, None, :] - self.level_f[:, None]
        high_xfn = energy_xpn.max(axis=1)[:, None, :] - self.level_f[:, None]
        spread_xfn = high_xfn - low_xfn
        reach_xfn = MARGIN * spread_xfn
        missed_xfn = (low_xfn <= reach_xfn) & (high_xfn >= -reach_xfn)
        missed_xfn &= spread_xfn > WIDTHS * self.width_f[:, None]
        density_xfn: FloatArray = np.divide(
            1.0,
            (1.0 + 2.0 * MARGIN) * spread_xfn,
            out=np.zeros_like(spread_xfn),
            where=missed_xfn,
        )
        return density_xfn

    def turns_of_bands(self, energy_pn: FloatArray) -> FloatArray:
        """Crossings along a closed line, and how close to the levels its bands turn round.

        Parameters
        ----------
        energy_pn : float array (p, n)
            Bands at nodes in order. [eV]

        Returns
        -------
        float array (3 f)
            Crossings of every level; lowest turning point above it; distance of the highest one
            below it. [1, eV, eV]
        """
        away_pfn = energy_pn[:, None, :] - self.level_f[:, None]
        above_pfn = away_pfn > 0.0
        count_f = (above_pfn != np.roll(above_pfn, 1, axis=0)).sum(axis=(0, 2))
        step_pfn = away_pfn - np.roll(away_pfn, 1, axis=0)
        turn_pfn = step_pfn * np.roll(step_pfn, -1, axis=0) <= 0.0
        higher_f = np.where(turn_pfn & above_pfn, away_pfn, FAR).min(axis=(0, 2))
        lower_f = np.where(turn_pfn & ~above_pfn, -away_pfn, FAR).min(axis=(0, 2))
        return np.concatenate([count_f, higher_f, lower_f])

    def turns_of_turns(self, turn_pm: FloatArray) -> FloatArray:
        """The same of a plane, from those of lines in order, shape (3 f)."""
        count_pf, *distances = np.split(turn_pm, 3, axis=1)
        new_pf = count_pf != np.roll(count_pf, 1, axis=0)
        beside_pf = new_pf | np.roll(new_pf, -1, axis=0)
        found = [new_pf.sum(axis=0).astype(np.float64)]
        for distance_pf in distances:
            step_pf = distance_pf - np.roll(distance_pf, 1, axis=0)
            turn_pf = (step_pf * np.roll(step_pf, -1, axis=0) <= 0.0) & ~beside_pf
            found.append(np.where(turn_pf, distance_pf, FAR).min(axis=0))
        return np.concatenate(found)

    def unresolved_between(self, energy_xpn: FloatArray) -> FloatArray:
        """States per energy of bands that may cross a level between neighbouring nodes of a panel.

        Parameters
        ----------
        energy_xpn : float array (x, p, n)
            Bands at the nodes of panels, in order. [eV]

        Returns
        -------
        float array (x, f)
            Mean over the panel; 0 where nothing can be missed. [1/eV]
        """
        away_xpfn = energy_xpn[:, :, None, :] - self.level_f[:, None]
        step_xpfn = np.abs(np.diff(away_xpfn, axis=1))
        crossed_xpfn = np.diff(away_xpfn > 0.0, axis=1)
        wide_f = STEP_WIDTHS * self.width_f[:, None]
        missed_xfn = (crossed_xpfn & (step_xpfn > wide_f)).any(axis=1)
        missed_xfn |= _grazes(np.abs(away_xpfn), crossed_xpfn, self.width_f[:, None])
        spread_xfn = np.ptp(energy_xpn, axis=1)[:, None, :]
        states_xfn = np.divide(
            1.0, spread_xfn, out=np.zeros(missed_xfn.shape), where=missed_xfn & (spread_xfn > 0.0)
        )
        states_xf: FloatArray = states_xfn.sum(axis=2)
        return states_xf

    def begins(self, turn_xpm: FloatArray) -> BoolArray:
        """Panels between whose nodes a part of the Fermi surface begins or ends, shape (x, f).

        Parameters
        ----------
        turn_xpm : float array (x, p, 3 f)
            Of lines or planes at the nodes, in order.
        """
        count_xpf, higher_xpf, lower_xpf = np.split(turn_xpm, 3, axis=2)
        nearest_xpf = np.minimum(higher_xpf, lower_xpf)
        # There the integrand rises like one over the root of the distance.
        wide_xpf = nearest_xpf[:, 1:] + nearest_xpf[:, :-1] > STEP_WIDTHS * self.width_f
        begins_xf: BoolArray = ((np.diff(count_xpf, axis=1) != 0.0) & wide_xpf).any(axis=1)
        return begins_xf

    def hides(self, turn_xpm: FloatArray) -> BoolArray:
        """Panels between whose nodes a part of it may lie hidden, shape (x, f)."""
        count_xpf, *distances = np.split(turn_xpm, 3, axis=2)
        changed_xpf = np.diff(count_xpf, axis=1) != 0.0
        hides_xf: BoolArray = np.zeros((len(turn_xpm), len(self)), dtype=bool)
        for distance_xpf in distances:
            none_xpf = distance_xpf >= FAR
            unknown_xpf = changed_xpf | none_xpf[:, 1:] | none_xpf[:, :-1]
            hides_xf |= _grazes(distance_xpf, unknown_xpf, self.width_f)
        return hides_xf

    def lost(
        self, unresolved_f: FloatArray, density_f: FloatArray, moduli_s: FloatArray, of_s: IntArray
    ) -> FloatArray:
        """What every slot may lack, were the unresolved states like those that are resolved.

        Parameters
        ----------
        unresolved_f, density_f : float array (f)
            States per energy at every level that may be missed, and those that are seen. [1/eV]
        moduli_s : float array (slot)
            What the latter come to, regardless of sign.
        of_s : int array (slot)
            Response of every slot.

        Returns
        -------
        float array (slot)
            Infinite where nothing is known.
        """
        lost_s = np.zeros(len(moduli_s))
        for f in np.flatnonzero(unresolved_f > 0.0):
            mine_s = of_s == self.response_f[f]
            if density_f[f] > LEAST_SEEN * unresolved_f[f]:
                found_s = moduli_s * (unresolved_f[f] / density_f[f])
            else:
                found_s = np.full_like(moduli_s, np.inf)
            lost_s = np.where(mine_s, np.maximum(lost_s, found_s), lost_s)
        return lost_s


@dataclass(frozen=True, eq=False)
class Steps:
    """Fermi levels at which integrands of cold Fermi seas jump.

    Parameters
    ----------
    level_l : float array (l)
        Levels. [eV]
    width_l : float array (l)
        Widths of the steps, 0 for sharp ones. [eV]
    response_l : int array (l)
        Number of the response.
    """

    level_l: FloatArray
    width_l: FloatArray
    response_l: IntArray

    @classmethod
    def of(cls, responses: Sequence[Response]) -> Steps:
        """Levels of those responses that are no peaks there, and cold."""
        rows = [
            (level, response.scales.kT, r)
            for r, response in enumerate(responses)
            for level in response.levels
            if response.scales.surface == 0.0 and response.scales.kT <= COLD
        ]
        levels, widths, numbers = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(
            np.array(levels, dtype=np.float64),
            np.array(widths, dtype=np.float64),
            np.array(numbers, dtype=np.int64),
        )

    def __len__(self) -> int:
        """Number of levels."""
        return len(self.level_l)

    def through(self, one_xn: FloatArray, other_xn: FloatArray) -> FloatArray:
        """How many bands go through each level from one k to another, shape (..., l).

        Those that are not steeper than the step is wide do not count.
        """
        steep_xn = np.abs(other_xn - one_xn)
        count = [
            (((one_xn > level) != (other_xn > level)) & (steep_xn > STEP_WIDTHS * width)).sum(-1)
            for level, width in zip(self.level_l, self.width_l, strict=True)
        ]
        return np.stack(count, axis=-1).astype(np.float64)

    def of_slots(self, at_xl: BoolArray, of_s: IntArray) -> BoolArray:
        """Slots of responses with one of some levels, shape (..., slot)."""
        mine_ls = self.response_l[:, None] == of_s
        slots: BoolArray = at_xl.astype(np.int64) @ mine_ls > 0
        return slots

    def hide_between(self, energy_xpn: FloatArray, tolerance: float) -> BoolArray:
        """Whether two steps may lie between neighbouring nodes of panels, so that none shows.

        Parameters
        ----------
        energy_xpn : float array (x, p, n)
            Bands at the nodes, in order. [eV]
        tolerance : float
            Bands of a degenerate block, which step together, are this close. [eV]

        Returns
        -------
        bool array (x)
        """
        hide_x: BoolArray = np.zeros(len(energy_xpn), dtype=bool)
        together_xpn = np.diff(energy_xpn, axis=2) <= tolerance
        together_xpn = together_xpn[:, 1:] & together_xpn[:, :-1]
        for level, width in zip(self.level_l, self.width_l, strict=True):
            away_xpn = energy_xpn - level
            crossed_xpn = np.diff(away_xpn > 0.0, axis=1)
            own_xpn = crossed_xpn & (np.abs(np.diff(away_xpn, axis=1)) > STEP_WIDTHS * width)
            own_xpn[:, :, 1:] &= ~(together_xpn & crossed_xpn[:, :, :-1])
            hide_x |= (own_xpn.sum(axis=2) > 1).any(axis=1)
            hide_x |= _grazes(np.abs(away_xpn), crossed_xpn, width).any(axis=-1)
        return hide_x


@dataclass(frozen=True, eq=False)
class Pockets:
    """Small closed parts of Fermi surfaces that a rule's first nodes may all miss.

    Parameters
    ----------
    kpt_qc : float array (q, c)
        Extrema of bands on the other side of a Fermi level than the band around them.
    size_qc : float array (q, c)
        How far from there the band comes back to the level along each direction, within a factor
        of two.
    """

    kpt_qc: FloatArray
    size_qc: FloatArray

    def __len__(self) -> int:
        """Number of pockets."""
        return len(self.kpt_qc)

    def in_cells(self, cell_xc: IntArray, directions: tuple[int, ...]) -> FloatArray:
        """How many times longer than a pocket the cells that overlap it are, shape (x, c); else 0.

        Parameters
        ----------
        cell_xc : int array (x, 2, c)
            As in :class:`w90spin.integrate.tree.IntegrateCells`.
        directions : tuple of int
            Lattice directions that the cells extend along.
        """
        longer_xc = np.zeros((len(cell_xc), len(directions)))
        at = list(directions)
        for kpt_c, size_c in zip(self.kpt_qc[:, at], self.size_qc[:, at], strict=True):
            length_xc = 1.0 / cell_xc[:, 1]
            away_xc = _apart((cell_xc[:, 0] + 0.5) * length_xc, kpt_c)
            overlap_x = (away_xc <= 0.5 * length_xc + 2.0 * size_c).all(axis=1)
            times_xc = overlap_x[:, None] * length_xc / size_c
            longer_xc = np.maximum(longer_xc, np.where(times_xc > 1.0, times_xc, 0.0))
        return longer_xc

    def in_panels(
        self,
        number_x: IntArray,
        parts_x: IntArray,
        direction: int,
        origin_xc: FloatArray,
        outer: tuple[int, ...],
    ) -> BoolArray:
        """Whether panels are longer than a pocket in them that their line passes through.

        Parameters
        ----------
        number_x, parts_x : int array (x)
            Panels [number, number + 1] / parts.
        direction : int
            Along which they lie.
        origin_xc : float array (x, c)
            Their coordinates along the others.
        outer : tuple of int
            Directions whose coordinates are chosen.
        """
        longer_x: BoolArray = np.zeros(len(number_x), dtype=bool)
        for kpt_c, size_c in zip(self.kpt_qc, self.size_qc, strict=True):
            at_x = 1.0 / parts_x > POCKET_SIZES * size_c[direction]
            away_x = _apart((number_x + 0.5) / parts_x, kpt_c[direction])
            at_x &= away_x <= 0.5 / parts_x + 2.0 * size_c[direction]
            for c in outer:
                at_x &= _apart(origin_xc[:, c], kpt_c[c]) <= 2.0 * size_c[c]
            longer_x |= at_x
        return longer_x


@dataclass(frozen=True, eq=False)
class LeastMesh:
    """Which meshes are too coarse to hit the Fermi surfaces that integrands live on.

    Parameters
    ----------
    points_c : float array (c)
        Points that a mesh needs along each direction for its errors to mean anything.
    slot_s : bool array (slot)
        Slots that this is about.
    """

    points_c: FloatArray
    slot_s: BoolArray

    def error(self, n_c: tuple[int, int, int], size_s: FloatArray) -> FloatArray:
        """Least error of slots of some size on a mesh; nothing is known where all points miss."""
        coarse = bool(np.any(np.array(n_c) < self.points_c))
        unknown_s = np.where(size_s > 0.0, size_s, np.inf)
        error_s: FloatArray = np.where(self.slot_s & coarse, unknown_s, 0.0)
        return error_s


NO_POCKETS = Pockets(np.zeros((0, 3)), np.zeros((0, 3)))
"""None at all."""


def _grazes(distance_xp: FloatArray, crossed_xp: BoolArray, width: FloatArray | float) -> BoolArray:
    """Whether a positive curve may come close to zero between the nodes, shape (x, ...).

    Where it is known to go through zero between two nodes, it is not asked.
    """
    step_xp = np.diff(distance_xp, axis=1)
    zero_x1 = np.zeros_like(step_xp[:, :1])
    down_xp = np.maximum(-step_xp, 0.0)  # towards the next node
    from_left_xp = np.concatenate([zero_x1, down_xp], axis=1)
    from_right_xp = np.concatenate([np.maximum(step_xp, 0.0), zero_x1], axis=1)
    lowest_xp = np.ones_like(distance_xp, dtype=bool)
    lowest_xp[:, 1:] &= (step_xp <= 0.0) & ~crossed_xp
    lowest_xp[:, :-1] &= (step_xp >= 0.0) & ~crossed_xp
    reach_xp = BETWEEN * np.maximum(from_left_xp, from_right_xp)
    for end in (0, -1):
        reach_xp[:, end] *= BEYOND / BETWEEN
    steep_xp = np.maximum(from_left_xp, from_right_xp) > STEP_WIDTHS * width
    close_xp = distance_xp < reach_xp + TAIL_WIDTHS * width
    grazes_x: BoolArray = (lowest_xp & steep_xp & close_xp).any(axis=1)
    return grazes_x


def _apart(kpt_x: FloatArray, other: FloatArray) -> FloatArray:
    """Distance of reduced coordinates from others or their images."""
    apart_x: FloatArray = np.abs((kpt_x - other + 0.5) % 1.0 - 0.5)
    return apart_x
