"""Which rule suits an integrand, and how fine its first mesh must be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.integrate.integrand import Integrand
from w90spin.integrate.iterated import IteratedStrategy
from w90spin.integrate.mesh import NO_SYMMETRY, Mesh, mesh_counts
from w90spin.integrate.periodic import (
    PeriodicStrategy,
    UniformStrategy,
    mesh_round,
    mesh_symmetry,
)
from w90spin.integrate.rounds import Estimate, Round, State, Strategy, Tolerance
from w90spin.integrate.rules import (
    AdaptiveTree,
    AutoMesh,
    Iterated,
    PeriodicMesh,
    Rule,
    UniformMesh,
)
from w90spin.integrate.surface import MESH_WIDTHS, NO_POCKETS, LeastMesh, Pockets
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.integrate.tree import TreeStrategy, cell_symmetry
from w90spin.kspace.fourier import KPoints
from w90spin.kspace.survey import BandSurvey, GapSurvey
from w90spin.response.claims import Response

SCOUT_POINTS = 6
"""Points along each direction of the first look at an integrand, which gives its magnitude."""

SCOUT_IN_PIECE = 2
"""The same along the first coordinate of a region, for each piece between Fermi surfaces."""

SCOUT_SHIFT = 0.5
"""Their offset in units of the spacing."""

MOST_IN_SEA = 24
"""Points inside of a Fermi sea that give the magnitude if the first look sees none."""

FIRST_PART = 0.5
"""Part of the predicted number of points, in each direction, that the first mesh gets."""

FEWEST_POINTS = 12
"""Points along each direction of the first mesh, at least."""

FINEST_PERIODIC = {0: math.inf, 1: 1000.0, 2: 75.0, 3: 50.0}
"""Predicted points along a direction up to which one mesh is the cheapest rule, by dimension, where
all rules gain as much by symmetry."""

FINEST_METAL = 25.0
"""The same for metals: small gaps may hide anywhere near their Fermi surface."""

MANY_LEVELS = 8
"""From so many Fermi levels on a single mesh serves all of them best."""


@dataclass(frozen=True)
class Sharpness:
    """How sharp the sharpest feature of an integrand is.

    Parameters
    ----------
    energy : float
        Its width in energy, 0 for a step. [eV]
    reason : str
        What makes it so.
    points_c : float array (c)
        Mesh points that the trapezoidal rule needs along each direction.
    metal : bool
        Whether a Fermi level crosses a band.
    """

    energy: float
    reason: str
    points_c: FloatArray
    metal: bool = False


class PlannedStrategy:
    """A first look that gives the integrand's magnitude, then the rule that was asked for.

    Parameters
    ----------
    integrand : Integrand
        What is integrated.
    rule : Rule
        What the user asked for.
    symmetry : ZoneSymmetry, or None
        Leaves the integral invariant.
    bands : BandSurvey, or None
        A first look at the bands, where there has been one.
    """

    def __init__(
        self,
        integrand: Integrand,
        rule: Rule,
        symmetry: ZoneSymmetry | None,
        bands: BandSurvey | None,
    ) -> None:
        self.integrand = integrand
        self.rule = rule
        self.symmetry = symmetry
        self.bands = bands
        self.reason = ""
        self.target = 0.0 if isinstance(rule, UniformMesh) else rule.rtol
        self.tolerance: Tolerance | None = None
        self.chosen: Strategy | None = None
        self._scouted_x: FloatArray | None = None

    def ask(self) -> Round | None:
        """The first look, then the rule's rounds."""
        if self.chosen is not None:
            return self.chosen.ask()
        symmetry, mesh = self._scout()
        return mesh_round(self.integrand, mesh, symmetry, moduli=True)

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """Outcome of the round asked for last."""
        if self.chosen is not None:
            self.chosen.tell(outcome)
        else:
            self._begin(np.asarray(outcome)[0])

    def estimate(self) -> Estimate | None:
        """The rule's estimate; the first look is none."""
        return None if self.chosen is None else self.chosen.estimate()

    def state(self) -> State:
        """The first look and the state of the rule."""
        if self.chosen is None or self._scouted_x is None:
            return {}
        return {"scouted": self._scouted_x, "chosen": self.chosen.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        if "scouted" in state:
            self._begin(np.asarray(state["scouted"]))
            if self.chosen is not None:
                self.chosen.restore(state["chosen"])

    def _scout(self) -> tuple[ZoneSymmetry | None, Mesh]:
        model = self.integrand.fourier.model
        n_c = mesh_counts(SCOUT_POINTS, model.periodic)
        if self.integrand.pieces > 1:
            n_c = (max(n_c[0], SCOUT_IN_PIECE * self.integrand.pieces), *n_c[1:])
        # Off Γ and the zone boundary, where gaps like to be smallest.
        shift = (SCOUT_SHIFT, SCOUT_SHIFT, SCOUT_SHIFT)
        symmetry = mesh_symmetry(self.symmetry, n_c, shift)
        rotations = NO_SYMMETRY if symmetry is None else symmetry.kpt_rotation_gcc
        mesh = Mesh(n_c, shift, self.integrand.fourier.direction, kpt_rotation_gcc=rotations)
        return symmetry, mesh

    def _begin(self, scouted_x: FloatArray) -> None:
        """Choose the rule, given the sums of the first look."""
        self._scouted_x = scouted_x
        symmetry, mesh = self._scout()
        mean_x = scouted_x[: self.integrand.size] / mesh.n_points
        if symmetry is not None:
            mean_x = self.integrand.invariant(symmetry, mean_x)
        # The square of the mean root: a spot that the first look happens to hit counts for less.
        moduli_s = (scouted_x[self.integrand.size :] / mesh.n_points) ** 2
        if not moduli_s.all():
            moduli_s = np.where(moduli_s > 0.0, moduli_s, self._moduli_in_seas())
        rule, model = self.rule, self.integrand.fourier.model
        rtol = 0.0 if isinstance(rule, UniformMesh) else rule.rtol
        atol = 0.0 if isinstance(rule, UniformMesh) else rule.atol * model.measure
        self.tolerance = Tolerance(self.integrand, rtol, atol, moduli_s)
        self.reason = f"{type(rule).__name__}, as asked for"
        sharpness: Sharpness | None = None
        if isinstance(rule, AutoMesh):
            sharpness = self._sharpness(rule.rtol)
            if self.integrand.fourier.region is not None:
                rule, self.reason = _suitable_in_region(rule, sharpness, model.dimension)
            else:
                rule, self.reason = _suitable(
                    rule,
                    sharpness,
                    self._n_levels,
                    model.dimension,
                    self._gain_of_meshes(),
                    on_surface=all(r.scales.surface > 0.0 for r in self.integrand.responses),
                )
        self.chosen = self._strategy(rule, mean_x, sharpness)

    def _strategy(self, rule: Rule, mean_x: FloatArray, sharpness: Sharpness | None) -> Strategy:
        if self.tolerance is None:
            raise ValueError("the first look comes first")
        model = self.integrand.fourier.model
        common = (self.integrand, self.symmetry, self.tolerance)
        if isinstance(rule, UniformMesh):
            n_c = mesh_counts(rule.n, model.periodic)
            return UniformStrategy(*common, n_c, rule.shift, self._least_mesh())
        if isinstance(rule, AdaptiveTree) and model.dimension:
            most = rule.max_points // self.integrand.images
            return TreeStrategy(*common, most, self._pockets())
        if isinstance(rule, Iterated) and model.dimension:
            most = rule.max_points // self.integrand.images
            return IteratedStrategy(*common, mean_x, most, self._pockets())
        if isinstance(rule, PeriodicMesh) and rule.start is not None:
            start_c = mesh_counts(rule.start, model.periodic)
        else:
            sharpness = sharpness or self._sharpness(rule.rtol)
            start_c = _first_mesh(sharpness, model.periodic, rule.max_points)
        shift = rule.shift if isinstance(rule, PeriodicMesh) else (0.0, 0.0, 0.0)
        return PeriodicStrategy(*common, start_c, shift, rule.max_points, self._least_mesh())

    def _moduli_in_seas(self) -> FloatArray:
        """Size of the moduli where some bands are filled and some are not, by the survey of bands:
        the first look may have missed a small sea.
        """
        moduli_s = np.zeros(self.integrand.n_slots)
        for level in np.unique(self.integrand.steps.level_l):
            survey = self._survey()
            below_k = (survey.energy_kn < level).sum(axis=1)
            within_k = np.flatnonzero((below_k > 0) & (below_k < survey.energy_kn.shape[1]))
            if len(within_k):
                some_k = within_k[:: 1 + len(within_k) // MOST_IN_SEA]
                found_ks = self.integrand.with_moduli(KPoints(survey.kpt_kc[some_k]))[1]
                part = len(within_k) / len(below_k)
                moduli_s = np.maximum(moduli_s, (part * np.sqrt(found_ks).mean(axis=0)) ** 2)
        return moduli_s

    def _pockets(self) -> Pockets:
        """Fermi surfaces that first nodes may miss, where integrands live there or jump there."""
        surfaces, steps = self.integrand.surfaces, self.integrand.steps
        levels = np.unique(np.concatenate([surfaces.level_f, steps.level_l]))
        if not len(levels):
            return NO_POCKETS
        survey = self._survey()
        found = [pocket for mu in levels for pocket in survey.pockets(mu)]
        if not found:
            return NO_POCKETS
        return Pockets(
            np.stack([pocket.kpt_c for pocket in found]),
            np.stack([pocket.size_c for pocket in found]),
        )

    def _least_mesh(self) -> LeastMesh | None:
        """Meshes that may miss Fermi surfaces, for integrands that live there alone."""
        surfaces = self.integrand.surfaces
        points_c, slot_s = np.zeros(3), np.zeros(self.integrand.n_slots, dtype=bool)
        for mu, width, r in zip(
            surfaces.level_f, surfaces.width_f, surfaces.response_f, strict=True
        ):
            if self._survey().at(mu).n_occupied is None:
                slot_s |= self.integrand.response_s == r
                needed_c = self._survey().slopes(mu) / (MESH_WIDTHS * width)
                points_c = np.maximum(points_c, needed_c)
        # What symmetry forbids is zero on every mesh.
        allowed_x = self.integrand.allowed(self.symmetry)
        slot_s &= self.integrand.norm(allowed_x.astype(np.float64)) > 0.0
        return LeastMesh(points_c, slot_s) if slot_s.any() else None

    def _survey(self) -> BandSurvey:
        if self.bands is None:
            self.bands = BandSurvey(self.integrand.fourier)
        return self.bands

    @property
    def _n_levels(self) -> int:
        return max(len(response.levels) for response in self.integrand.responses)

    def _gain_of_meshes(self) -> float:
        """How many more points a mesh saves by symmetry than a tree of cells does."""
        if self.symmetry is None:
            return 1.0
        periodic = np.flatnonzero(self.integrand.fourier.model.periodic)
        cells = cell_symmetry(self.symmetry, tuple(int(c) for c in periodic))
        orders = []
        for group in (self.symmetry, cells):
            kept_gcc = group.kpt_rotation_gcc[:, periodic][:, :, periodic] if group else np.eye(1)
            orders.append(len(np.unique(kept_gcc, axis=0)))
        return orders[0] / orders[1]

    def _sharpness(self, rtol: float) -> Sharpness:
        """The sharpest feature of all responses at all their Fermi levels."""
        bands = self._survey()
        digits = math.log(1.0 / min(max(rtol, 1e-14), 0.1))
        sharpest = Sharpness(math.inf, "nothing", np.ones(3))
        metal = False
        surveys: dict[float, GapSurvey] = {}
        for response in self.integrand.responses:
            for mu in response.levels:
                survey = surveys.setdefault(mu, bands.at(mu))
                metal |= survey.n_occupied is None
                energy, reason = _width(response, survey, digits)
                slope_c = bands.slopes(mu)
                with np.errstate(divide="ignore", invalid="ignore"):
                    points_c = digits / (2.0 * math.pi) * slope_c / energy
                points_c = np.where(slope_c > 0.0, points_c, 1.0)
                if points_c.max() > sharpest.points_c.max() or energy < sharpest.energy:
                    sharpest = Sharpness(energy, reason, points_c)
        return replace(sharpest, metal=metal)


def _width(response: Response, survey: GapSurvey, digits: float) -> tuple[float, str]:
    """Width in energy of a response's sharpest feature at one Fermi level.

    ``digits`` is the logarithm of one over the tolerance: thermal carriers that are fewer do not
    count.
    """
    scales = response.scales
    features: list[tuple[float, str]] = []
    edges = (survey.mu - survey.valence_top, survey.conduction_bottom - survey.mu)
    near = min((edge for edge in edges if math.isfinite(edge)), default=math.inf)
    if survey.n_occupied is None:
        if scales.kT == 0.0:
            return 0.0, f"a Fermi surface at mu = {survey.mu:g} eV and T = 0"
        features.append((math.pi * scales.kT, f"a Fermi surface at kT = {scales.kT:g} eV"))
        if math.isfinite(survey.direct_gap) and survey.direct_gap > 0.0:
            gap = survey.direct_gap
            features.append((0.5 * gap, f"a gap of {gap:.3g} eV beside a Fermi surface"))
    elif scales.kT > 0.0 and near < (digits + 3.0) * scales.kT:
        features.append((math.pi * scales.kT, f"thermal carriers at kT = {scales.kT:g} eV"))
    if survey.n_occupied is not None and math.isfinite(survey.direct_gap):
        to_resonance = survey.direct_gap - scales.omega
        if scales.eta > 0.0 and to_resonance < scales.eta:
            features.append((0.5 * scales.eta, f"a broadening of {scales.eta:g} eV above the gap"))
        elif to_resonance <= 0.0:
            return 0.0, "transitions in resonance"
        else:
            # Where Δ(k) = ω next to the smallest gap, if Δ² grows like k².
            width = 0.5 * math.sqrt(to_resonance * (survey.direct_gap + scales.omega))
            taken = f", {scales.omega:.3g} eV of it taken by the photon" if scales.omega else ""
            features.append((width, f"a direct gap of {survey.direct_gap:.3g} eV{taken}"))
    elif scales.eta > 0.0 and survey.n_occupied is None:
        features.append((0.5 * scales.eta, f"a broadening of {scales.eta:g} eV"))
    return min(features, default=(math.inf, "no transitions"))


def _suitable(
    rule: AutoMesh,
    sharpness: Sharpness,
    n_levels: int,
    dimension: int,
    gain: float,
    *,
    on_surface: bool,
) -> tuple[Rule, str]:
    """The rule that suits, and why.

    ``gain`` is what symmetry saves a mesh beyond the others; ``on_surface`` tells whether all there
    is lies on Fermi surfaces.
    """
    periodic = PeriodicMesh(rtol=rule.rtol, atol=rule.atol, max_points=rule.max_points)
    needed = float(sharpness.points_c.max())
    why = f"the sharpest feature is {sharpness.reason}"
    if math.isfinite(needed):
        why += f", for which a mesh needs about {needed:.0f} points per direction"
    finest = min(FINEST_PERIODIC[dimension], FINEST_METAL if sharpness.metal else math.inf)
    if needed <= finest * gain ** (1.0 / max(1, dimension)):
        return periodic, f"PeriodicMesh: {why}"
    if n_levels >= MANY_LEVELS:
        return periodic, f"PeriodicMesh: one mesh serves all {n_levels} Fermi levels"
    if dimension > 1 and (sharpness.energy == 0.0 or on_surface):
        iterated = Iterated(rtol=rule.rtol, atol=rule.atol, max_points=rule.max_points)
        return iterated, f"Iterated: {why}"
    tree = AdaptiveTree(rtol=rule.rtol, atol=rule.atol, max_points=rule.max_points)
    return tree, f"AdaptiveTree: {why}"


def _suitable_in_region(rule: AutoMesh, sharpness: Sharpness, dimension: int) -> tuple[Rule, str]:
    """The same where no mesh repeats: a region of k with a cutoff, or none."""
    why = f"k runs over a region, not a zone; the sharpest feature is {sharpness.reason}"
    # The radius, innermost, is fitted to Fermi surfaces; in three dimensions lines inside planes
    # cost more than the cells that are left to split.
    if dimension == 2 and sharpness.metal:
        iterated = Iterated(rtol=rule.rtol, atol=rule.atol, max_points=rule.max_points)
        return iterated, f"Iterated: {why}"
    tree = AdaptiveTree(rtol=rule.rtol, atol=rule.atol, max_points=rule.max_points)
    return tree, f"AdaptiveTree: {why}"


def _first_mesh(
    sharpness: Sharpness, periodic: tuple[bool, bool, bool], max_points: int
) -> tuple[int, int, int]:
    dimension = max(1, sum(periodic))
    most = max(FEWEST_POINTS, math.floor(0.5 * max_points ** (1.0 / dimension)))
    points_c = np.clip(FIRST_PART * sharpness.points_c, FEWEST_POINTS, most)
    counts = [math.ceil(n) if p else 1 for n, p in zip(points_c, periodic, strict=True)]
    return (counts[0], counts[1], counts[2])
