"""A first look at the bands: is μ in a gap, how wide is it, and where is it smallest?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from w90spin.arrays import FloatArray, IntArray
from w90spin.kspace.continuum import OperatorSource

SURVEY_POINTS = 600
"""About how many k points the first look takes in all."""

REFINED_STARTS = 3
"""From how many of the best mesh points the extrema are refined."""


@dataclass(frozen=True, eq=False)
class GapSurvey:
    """What a coarse mesh and a local search say of one Fermi level.

    Parameters
    ----------
    mu : float
        Fermi level. [eV]
    n_occupied : int, or None
        Bands below μ, None if their number varies over the zone (a metal).
    valence_top, conduction_bottom : float
        Highest energy below and lowest above μ; NaN if there are no such bands. [eV]
    crossing_kpt_c : float array (c), or None
        For a metal, a point with another number of bands below μ than at Γ; for a continuum model
        points are Cartesian. [1/Å]
    direct_gap : float
        Smallest direct gap between bands n_occupied and n_occupied + 1; for a metal, smallest
        transition across μ on the mesh; NaN without bands on one side. [eV]
    direct_kpt_c : float array (c), or None
        Where.
    """

    mu: float
    n_occupied: int | None
    valence_top: float
    conduction_bottom: float
    crossing_kpt_c: FloatArray | None
    direct_gap: float
    direct_kpt_c: FloatArray | None

    @property
    def indirect_gap(self) -> float:
        """Conduction bottom minus valence top. [eV]"""
        return self.conduction_bottom - self.valence_top


class BandSurvey:
    """Energies on a coarse mesh, asked about one Fermi level after the other.

    Parameters
    ----------
    fourier : OperatorSource
        The model's operators.

    Notes
    -----
    The mesh is one of reduced coordinates; where there is no zone, one of the unit cube that the
    region of k is mapped from.
    """

    def __init__(self, fourier: OperatorSource) -> None:
        self.fourier = fourier
        model = fourier.model
        per_axis = max(2, math.ceil(SURVEY_POINTS ** (1.0 / max(1, model.dimension))))
        self.per_axis = per_axis
        axes = [np.arange(per_axis) / per_axis if p else np.zeros(1) for p in model.periodic]
        self._low_c, self._high_c = np.full(3, -np.inf), np.full(3, np.inf)
        self.region = None if fourier.region is None else fourier.region.unfolded
        if self.region is not None:
            axes = [
                np.linspace(0.0, 1.0, len(axis)) if p else axis
                for axis, p in zip(axes, model.periodic, strict=True)
            ]
            axes[0] = self.region.along(per_axis)
            self._low_c, self._high_c = (np.array([axis[i] for axis in axes]) for i in (0, -1))
        self.kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        batches = np.array_split(self.kpt_kc, max(1, len(self.kpt_kc) // 32))
        self.energy_kn = np.concatenate([self._energies(batch_kc) for batch_kc in batches])

    def at(self, mu: float) -> GapSurvey:
        """Look at one Fermi level.

        Parameters
        ----------
        mu : float
            Fermi level. [eV]

        Returns
        -------
        GapSurvey
        """
        below_k = (self.energy_kn < mu).sum(axis=1)
        n_occupied, n_bands = int(below_k[0]), self.energy_kn.shape[1]
        valence_top = conduction_bottom = math.nan
        crossing = np.flatnonzero(below_k != n_occupied)
        crossing_kpt_c = self.kpt_kc[crossing[0]] if crossing.size else None
        if crossing_kpt_c is None and n_occupied > 0:
            top_c, negative = self._lowest(lambda energy_n: -energy_n[n_occupied - 1])
            valence_top = -negative
            if valence_top >= mu:
                crossing_kpt_c = top_c
        if crossing_kpt_c is None and n_occupied < n_bands:
            bottom_c, conduction_bottom = self._lowest(lambda energy_n: energy_n[n_occupied])
            if conduction_bottom <= mu:
                crossing_kpt_c = bottom_c
        if crossing_kpt_c is not None:
            below, above = self.energy_kn < mu, self.energy_kn >= mu
            across_k = np.where(above, self.energy_kn, math.inf).min(axis=1) - np.where(
                below, self.energy_kn, -math.inf
            ).max(axis=1)
            return GapSurvey(
                mu=mu,
                n_occupied=None,
                valence_top=float(self.energy_kn[below].max(initial=-math.inf)),
                conduction_bottom=float(self.energy_kn[above].min(initial=math.inf)),
                crossing_kpt_c=self._named(crossing_kpt_c),
                direct_gap=float(across_k.min()),
                direct_kpt_c=self._named(self.kpt_kc[int(np.argmin(across_k))]),
            )
        direct_c, direct_gap = None, math.nan
        if 0 < n_occupied < n_bands:
            direct_c, direct_gap = self._lowest(
                lambda energy_n: energy_n[n_occupied] - energy_n[n_occupied - 1]
            )
        return GapSurvey(
            mu=mu,
            n_occupied=n_occupied,
            valence_top=valence_top,
            conduction_bottom=conduction_bottom,
            crossing_kpt_c=None,
            direct_gap=direct_gap,
            direct_kpt_c=None if direct_c is None else self._named(direct_c),
        )

    def slopes(self, mu: float) -> FloatArray:
        """Largest slope, over the mesh, of the bands next to a Fermi level or crossing it.

        Parameters
        ----------
        mu : float
            Fermi level. [eV]

        Returns
        -------
        float array (c)
            |∂ε/∂k_c| for reduced k, from differences between neighbours; 0 for regions of k. [eV]
        """
        if self.region is not None:  # no mesh is made that would depend on them
            return np.zeros(3)
        below_k = (self.energy_kn < mu).sum(axis=1)
        first, last = max(int(below_k.min()) - 1, 0), int(below_k.max())
        near_kn = self.energy_kn[:, first : last + 1]
        periodic = self.fourier.model.periodic
        shape = [self.per_axis if repeats else 1 for repeats in periodic]
        near_cn = near_kn.reshape(*shape, -1)
        slope_c = np.zeros(3)
        for c in np.flatnonzero(periodic):
            step = np.abs(np.roll(near_cn, -1, axis=c) - near_cn)
            slope_c[c] = self.per_axis * float(step.max(initial=0.0))
        return slope_c

    def _lowest(self, quantity: Callable[[FloatArray], float]) -> tuple[FloatArray, float]:
        """Lowest value over the zone: mesh first, then a local search from the best points."""
        value_k = np.array([quantity(energy_n) for energy_n in self.energy_kn])
        best_c, best = self.kpt_kc[int(np.argmin(value_k))], float(value_k.min())
        free = np.flatnonzero(self.fourier.model.periodic)
        if not free.size:
            return best_c, best
        step = 1.0 / round(len(self.kpt_kc) ** (1.0 / free.size))
        for start in np.argsort(value_k, kind="stable")[:REFINED_STARTS]:
            origin_c = self.kpt_kc[start]

            def local(shift_x: FloatArray, origin_c: FloatArray = origin_c) -> float:
                kpt_c = self._moved(origin_c, free, step * shift_x)
                return float(quantity(self._energies(kpt_c[None])[0]))

            simplex = np.vstack([np.zeros(free.size), 0.5 * np.eye(free.size)])
            found = minimize(
                local,
                np.zeros(free.size),
                method="Nelder-Mead",
                options={"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-7, "maxiter": 120},
            )
            if found.fun < best:
                best, best_c = float(found.fun), self._moved(origin_c, free, step * found.x)
        return best_c, best

    def _moved(self, kpt_c: FloatArray, free: IntArray, shift_x: FloatArray) -> FloatArray:
        """A point that is moved along some directions, not beyond the ends of a region."""
        moved_c = kpt_c.copy()
        moved_c[free] += shift_x
        return np.clip(moved_c, self._low_c, self._high_c)

    def _named(self, kpt_c: FloatArray) -> FloatArray:
        """What a point is called: reduced coordinates from 0 to 1, or Cartesian k [1/Å]."""
        if self.region is None:
            folded_c: FloatArray = kpt_c % 1.0
            return folded_c
        kpt_a: FloatArray = self.region(kpt_c[None])[0][0]
        return kpt_a

    def _energies(self, kpt_kc: FloatArray) -> FloatArray:
        if self.region is not None:
            kpt_kc = self.region(kpt_kc)[0]
        energies = np.linalg.eigvalsh(self.fourier.hamiltonian(kpt_kc))
        energy_kn: FloatArray = energies.astype(np.float64, copy=False)
        return energy_kn
