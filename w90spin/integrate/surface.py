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
        peak_kfn = 1.0 / np.cosh(0.5 * np.clip(x_kfn, -100.0, 100.0)) ** 2
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

    def unresolved_turns(self, turn_xpm: FloatArray) -> BoolArray:
        """Panels between whose nodes a part of the Fermi surface may begin or end, shape (x, f)."""
        count_xpf, higher_xpf, lower_xpf = np.split(turn_xpm, 3, axis=2)
        nearest_xpf = np.minimum(higher_xpf, lower_xpf)
        seen_xf = nearest_xpf.max(axis=1) <= WIDTHS * self.width_f
        missed_xf = count_xpf.min(axis=1) != count_xpf.max(axis=1)
        for distance_xpf in (higher_xpf, lower_xpf):
            least_xf = distance_xpf.min(axis=1)
            missed_xf |= least_xf < MARGIN * (distance_xpf.max(axis=1) - least_xf)
        unresolved_xf: BoolArray = missed_xf & ~seen_xf
        return unresolved_xf

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
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                found_s = moduli_s * (unresolved_f[f] / density_f[f])
            known_s = (moduli_s > 0.0) & np.isfinite(found_s)
            lost_s = np.where(mine_s, np.maximum(lost_s, np.where(known_s, found_s, np.inf)), lost_s)
        return lost_s


@dataclass(frozen=True, eq=False)
class Pockets:
    """Small closed parts of Fermi surfaces that a rule's first nodes may all miss.

    Parameters
    ----------
    kpt_qc : float array (q, c)
        Extrema of bands on the other side of a Fermi level than the band around them.
    size_qc : float array (q, c)
        How far from there the band comes back to the level along each direction.
    """

    kpt_qc: FloatArray
    size_qc: FloatArray

    def in_cells(self, cell_xc: IntArray, directions: tuple[int, ...]) -> FloatArray:
        """How many times longer than a pocket the cells around one are, shape (x, c); 0 without.

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
            inside_x = (np.floor(kpt_c % 1.0 * cell_xc[:, 1]) == cell_xc[:, 0]).all(axis=1)
            times_xc = inside_x[:, None] / (cell_xc[:, 1] * size_c)
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
            at_x = np.floor(kpt_c[direction] % 1.0 * parts_x) == number_x
            at_x &= size_c[direction] * parts_x < 1.0
            for c in outer:
                away_x = np.abs((origin_xc[:, c] - kpt_c[c] + 0.5) % 1.0 - 0.5)
                at_x &= away_x <= size_c[c]
            longer_x |= at_x
        return longer_x


NO_POCKETS = Pockets(np.zeros((0, 3)), np.zeros((0, 3)))
"""None at all."""
