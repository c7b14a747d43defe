"""Where bands cross given energies along the rays of a region, and coordinates fitted to that.

Occupations have steps at the Fermi level.  A rule that only looks at nodes cannot see a step
between the last node of a cell and the cell's edge, and where the Fermi surface is round, it then
misses the same on every ray.  In fitted coordinates steps lie on edges of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.kspace.continuum import KRegion

GRID = 48
"""About how many points along a ray bands are looked at first."""

NARROWINGS = 2
"""How often the extrema of bands between those points are looked for."""

MOST_STEPS = 60
"""Steps towards a crossing, at most."""

CLOSE = 1e-10
"""How well crossings are known, and how far apart they are to count as two, in the coordinate from
0 to 1."""

TRIAL_RAYS = {1: 1, 2: 12, 3: 6}
"""Rays in each angle, by dimension, on which it is looked whether there are crossings at all."""

MOST_RAYS = 100_000
"""Rays that are remembered."""

COLD = 2e-4
"""Up to this temperature occupations are steps. [eV]"""

MOST_WARM_LEVELS = 2
"""Up to so many warm Fermi levels rays are cut at their thermal widths."""

THERMAL_WIDTHS = (-16.0, -4.0, 0.0, 4.0, 16.0)
"""Where the occupation changes its character around a Fermi level, in units of kT."""


class FittedRegion:
    """A region in coordinates of which the first passes a crossing at an edge of cells.

    Along every ray the crossings, and further points behind the last, cut the first coordinate of
    the region into 2^n pieces, which become equally long: adaptive rules halve their cells until
    the edges lie there.  The same points of k with the same weights come out for a ray whatever
    other rays are asked for with it.

    Parameters
    ----------
    region : KRegion
        The region.
    hamiltonian : callable
        From Cartesian k (k, a) [1/Å] to H (k, i, j). [eV]
    energies : sequence of float
        What crossings of bands are looked for with. [eV]
    """

    def __init__(
        self,
        region: KRegion,
        hamiltonian: Callable[[FloatArray], ComplexArray],
        energies: Sequence[float],
    ) -> None:
        self.region = region
        self.hamiltonian = hamiltonian
        self.energy_f = np.array(sorted(set(energies)))
        self.images = region.images
        self._known: dict[bytes, FloatArray] = {}
        n = TRIAL_RAYS[region.dimension]
        # Off the axes, along which bands may be special.
        axes = [(np.arange(n) + 0.4) / n if c < region.dimension else np.zeros(1) for c in (1, 2)]
        trial_rc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        self.pieces = max(len(self.edges(rest_c)) - 1 for rest_c in trial_rc)
        """Most pieces of some rays in all directions."""

    def __call__(self, unit_kc: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points of the region and what they weigh, as :class:`KRegion` gives them."""
        placed_kc = unit_kc.copy()
        stretch_k = np.empty(len(unit_kc))
        rays, ray_k = np.unique(unit_kc[:, 1:], axis=0, return_inverse=True)
        for ray, rest_c in enumerate(rays):
            at = np.flatnonzero(ray_k.reshape(-1) == ray)
            edge_e = self.edges(rest_c)
            n_pieces = len(edge_e) - 1
            piece_k = np.clip((unit_kc[at, 0] * n_pieces).astype(np.int64), 0, n_pieces - 1)
            share_k = unit_kc[at, 0] * n_pieces - piece_k
            low_k, high_k = edge_e[piece_k], edge_e[piece_k + 1]
            # Shares are of k itself up to the last piece, not of t = k/(k0 + k), in which a large
            # Fermi ball would lie in the last corner.
            bend_k = np.zeros(len(at))
            if self.region.infinite:
                bounded_k = high_k < 1.0
                rest_k = np.where(bounded_k, 1.0 - high_k, 1.0)
                bend_k = np.where(bounded_k, (high_k - low_k) / rest_k, 0.0)
            down_k = 1.0 + bend_k * share_k
            placed_kc[at, 0] = low_k + (high_k - low_k) * (1.0 + bend_k) * share_k / down_k
            stretch_k[at] = n_pieces * (high_k - low_k) * (1.0 + bend_k) / down_k**2
        kpt_ka, weight_k = self.region(placed_kc)
        return kpt_ka, weight_k * stretch_k

    def edges(self, rest_c: FloatArray) -> FloatArray:
        """Edges of the 2^n pieces of a ray.

        Parameters
        ----------
        rest_c : float array (2)
            Second and third coordinate of the ray.

        Returns
        -------
        float array (2^n + 1)
            First coordinates of the region, from 0 to 1.
        """
        key = rest_c.tobytes()
        if key not in self._known:
            if len(self._known) >= MOST_RAYS:
                self._known.clear()
            self._known[key] = self._fitted(rest_c)
        return self._known[key]

    def _fitted(self, rest_c: FloatArray) -> FloatArray:
        crossing_x = self._crossings(rest_c)
        inner = [x for x in crossing_x if CLOSE < x < 1.0 - CLOSE]
        apart = [x for x, before in zip(inner, [0.0, *inner], strict=False) if x - before > CLOSE]
        n_pieces = 1 << len(apart).bit_length()
        last = apart[-1] if apart else 0.0
        behind = np.linspace(last, 1.0, n_pieces - len(apart) + 1)[1:]
        return np.array([0.0, *apart, *behind])

    def _crossings(self, rest_c: FloatArray) -> FloatArray:
        """First coordinates at which a band has one of the energies, ascending."""
        along_t = self.region.along(GRID)
        band_tn = self._bands(along_t, rest_c)
        for _ in range(NARROWINGS):
            more_t = np.setdiff1d(_extrema(along_t, band_tn), along_t)
            if not len(more_t):
                break
            along_t = np.concatenate([along_t, more_t])
            band_tn = np.concatenate([band_tn, self._bands(more_t, rest_c)])
            order_t = np.argsort(along_t)
            along_t, band_tn = along_t[order_t], band_tn[order_t]
        above_tnf = band_tn[:, :, None] > self.energy_f
        t_x, n_x, f_x = np.nonzero(above_tnf[1:] != above_tnf[:-1])
        if not len(t_x):
            return np.zeros(0)
        energy_x, row_x = self.energy_f[f_x], np.arange(len(t_x))

        def away(place_x: FloatArray) -> FloatArray:
            away_x: FloatArray = self._bands(place_x, rest_c)[row_x, n_x] - energy_x
            return away_x

        ends = (along_t[t_x], along_t[t_x + 1])
        return np.sort(
            _roots(away, ends, (band_tn[t_x, n_x] - energy_x, band_tn[t_x + 1, n_x] - energy_x))
        )

    def _bands(self, along_t: FloatArray, rest_c: FloatArray) -> FloatArray:
        """Bands of all images of points on a ray, shape (t, image · n). [eV]"""
        unit_kc = np.concatenate([along_t[:, None], np.tile(rest_c, (len(along_t), 1))], axis=1)
        energy_kn = np.linalg.eigvalsh(self.hamiltonian(self.region(unit_kc)[0]))
        band_tn: FloatArray = energy_kn.astype(np.float64, copy=False).reshape(len(along_t), -1)
        return band_tn


def fitted(
    region: KRegion,
    hamiltonian: Callable[[FloatArray], ComplexArray],
    energies: Sequence[float],
) -> KRegion | FittedRegion:
    """A region in fitted coordinates; as it is where no band has one of the energies.

    Parameters
    ----------
    region : KRegion
        The region.
    hamiltonian : callable
        From Cartesian k (k, a) [1/Å] to H (k, i, j). [eV]
    energies : sequence of float
        Where occupations change. [eV]

    Returns
    -------
    KRegion or FittedRegion
    """
    found = FittedRegion(region, hamiltonian, energies)
    return found if found.pieces > 1 else region


def thermal_energies(levels: Sequence[float], kT: float, *, surface: bool) -> list[float]:
    """Energies at which rays are cut: where occupations change their character. [eV]

    Parameters
    ----------
    levels : sequence of float
        Fermi levels. [eV]
    kT : float
        Temperature. [eV]
    surface : bool
        Whether the integrand lives at the Fermi levels alone.

    Returns
    -------
    list of float
        None for many warm levels: their steps are smooth, and a piece for each would cost more.
    """
    if kT == 0.0 or (kT <= COLD and not surface):
        return list(levels)
    if len(levels) > MOST_WARM_LEVELS and not surface:
        return []
    return [mu + width * kT for mu in levels for width in THERMAL_WIDTHS]


def _extrema(along_t: FloatArray, band_tn: FloatArray) -> FloatArray:
    """Where parabolas through neighbouring points have their extrema, for bands that turn there."""
    step_tn = np.diff(band_tn, axis=0)
    left_tn, right_tn = step_tn[:-1], step_tn[1:]
    t_x, n_x = np.nonzero(left_tn * right_tn < 0.0)
    low_x, mid_x, high_x = along_t[t_x], along_t[t_x + 1], along_t[t_x + 2]
    slope_low_x = left_tn[t_x, n_x] / (mid_x - low_x)
    slope_high_x = right_tn[t_x, n_x] / (high_x - mid_x)
    share_x = slope_low_x / (slope_low_x - slope_high_x)
    place_x: FloatArray = 0.5 * (low_x + mid_x) + share_x * 0.5 * (high_x - low_x)
    return place_x


def _roots(
    away: Callable[[FloatArray], FloatArray],
    ends: tuple[FloatArray, FloatArray],
    values: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Zeros between ends at which a function has opposite signs (rule of Illinois)."""
    (low_x, high_x), (at_low_x, at_high_x) = ends, values
    for _ in range(MOST_STEPS):
        rise_x = at_high_x - at_low_x
        safe_x = np.where(rise_x == 0.0, 1.0, rise_x)
        place_x = np.where(rise_x == 0.0, low_x, (low_x * at_high_x - high_x * at_low_x) / safe_x)
        at_place_x = away(place_x)
        same_x = at_place_x * at_high_x > 0.0
        step_x = np.abs(place_x - high_x)
        low_x = np.where(same_x, low_x, high_x)
        at_low_x = np.where(same_x, 0.5 * at_low_x, at_high_x)
        high_x, at_high_x = place_x, at_place_x
        if step_x.max() < 0.1 * CLOSE:
            break
    return high_x
