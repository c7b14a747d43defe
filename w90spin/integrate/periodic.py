"""Trapezoidal rule on periodic meshes, with an error from the coarser meshes among its points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.integrate.integrand import Integrand, Values
from w90spin.integrate.mesh import (
    NO_SYMMETRY,
    Mesh,
    MeshBlock,
    coarser_meshes,
    mapping_operations,
)
from w90spin.integrate.rounds import Answer, Estimate, Round, State, Tolerance, answer
from w90spin.integrate.surface import LeastMesh
from w90spin.integrate.symmetry import ZoneSymmetry

DIVISORS = (2, 3, 5)
"""Coarser meshes n / divisor to look for: the two finest, p and q, and n / (p q) tell the error."""

MESH_STEP = 6
"""Meshes are multiples of this, so that they have two coarser ones."""

SHIFTED_STEP = 15
"""The same for meshes off Γ, whose coarser meshes have odd divisors."""

SAFETY = 3.0
"""Factor on the extrapolated error."""

CAUTION, STEADY = 0.5, 0.7
"""How far from algebraic (0) towards exponential convergence (1) an error is extrapolated: in any
case, and where three meshes show no slowing down."""

LEAST_RATIO = 0.005
"""Smallest ratio of two differences that the extrapolation trusts."""

GOAL = 0.5
"""Part of the tolerance that the next mesh aims at."""


@dataclass(frozen=True, eq=False)
class SumOverBlock:
    """Weighted sums of the integrand over one block of a mesh.

    Parameters
    ----------
    block : MeshBlock
        The points.
    moduli : bool
        Also the sums of the square roots of the moduli behind every slot.
    """

    block: MeshBlock
    moduli: bool = False

    def __call__(self, integrand: Integrand, pulse: Callable[[], None]) -> Answer:
        """Sums of shape (m, x [+ slot]): over the mesh and over its coarser ones."""
        width = integrand.size + (integrand.n_slots if self.moduli else 0)
        sum_mx = np.zeros((1 + len(self.block.mesh.divisors), width))
        evaluations, weight = 0, 0.0
        first: Values | None = None
        for unit in self.block.units():
            if self.moduli:
                values, moduli_ks = integrand.with_moduli(unit.lines)
                value_kx = np.concatenate([values.value_kx, np.sqrt(moduli_ks)], axis=1)
            else:
                values = integrand(unit.lines)
                value_kx = values.value_kx
            first = first or values
            sum_mx += unit.weight_mk @ value_kx
            evaluations += unit.weight_mk.shape[1]
            weight += float(unit.weight_mk[0].sum())
            pulse()
        return answer(sum_mx, evaluations, weight, first)


def mesh_symmetry(
    symmetry: ZoneSymmetry | None,
    n_c: tuple[int, int, int],
    shift: tuple[float, float, float],
) -> ZoneSymmetry | None:
    """Those operations that map a mesh onto itself."""
    if symmetry is None:
        return None
    return symmetry.subset(mapping_operations(symmetry.kpt_rotation_gcc, n_c, shift))


def mesh_round(
    integrand: Integrand, mesh: Mesh, symmetry: ZoneSymmetry | None, *, moduli: bool = False
) -> Round:
    """Round that sums over a mesh."""
    tasks = [SumOverBlock(block, moduli) for block in mesh.blocks(integrand.batch)]
    order = 1 if symmetry is None else max(1, len(symmetry) // 2)
    label = "x".join(map(str, mesh.n_c)) + " mesh"
    return Round(tasks, "sum", label, mesh.n_new, math.ceil(mesh.n_new / order))


def mesh_error(
    tolerance: Tolerance,
    value_x: FloatArray,
    coarse_mx: FloatArray,
    divisors: tuple[int, ...],
) -> FloatArray:
    r"""Error of the mean over a mesh from the means over coarser meshes among its points.

    With the differences :math:`d_m = |I_{N/m} - I_N|` of the two finest, p < q, and of
    :math:`N/pq`, the error is extrapolated as :math:`3 d_p \rho^x`.  The ratio ρ is the larger of
    :math:`d_p/d_q` and :math:`d_q/d_{pq}`: the three meshes are equally far apart, so that both are
    the same where convergence is exponential, and luck in one of them is not trusted.  For
    algebraic convergence x = ln p / ln(q/p) is exact, for exponential x = (1 - 1/p)/(1/p - 1/q);
    the mean of the two is used.

    Parameters
    ----------
    tolerance : Tolerance
        Knows the slots and their rounding.
    value_x : float array (x)
        Mean over the mesh.
    coarse_mx : float array (m, x)
        Means over the coarser ones.
    divisors : tuple of int
        (p, q, p q); with p alone its difference is the error, without the last ρ is 1.

    Returns
    -------
    float array (x)
    """
    if not len(coarse_mx):  # a single point: there is nothing to integrate over
        return tolerance.at_least_rounding(np.zeros_like(value_x))
    difference_mx = np.abs(coarse_mx - value_x)
    if len(divisors) < 2:
        return tolerance.at_least_rounding(difference_mx[0])
    norm_ms = tolerance.integrand.norm(difference_mx)
    ratio_s = np.ones_like(norm_ms[0])
    agreement_s = np.zeros_like(ratio_s)
    if len(divisors) > 2:
        late_s, early_s = _ratio(norm_ms[0], norm_ms[1]), _ratio(norm_ms[1], norm_ms[2])
        ratio_s = np.maximum(late_s, early_s)
        agreement_s = _agreement(late_s, early_s)
    ratio_s = np.clip(ratio_s, LEAST_RATIO, 1.0)
    fall_s = ratio_s ** _exponent(divisors, agreement_s)
    slot_x = tolerance.integrand.slot_x
    fine_x = np.maximum(difference_mx[0], ratio_s[slot_x] * difference_mx[1])
    return tolerance.at_least_rounding(SAFETY * fine_x * fall_s[slot_x])


def _ratio(fine_s: FloatArray, coarse_s: FloatArray) -> FloatArray:
    ratio_s: FloatArray = np.divide(
        fine_s, coarse_s, out=np.ones_like(fine_s), where=coarse_s > 0.0
    )
    return ratio_s


def _divisors(n_c: tuple[int, int, int], shift: tuple[float, float, float]) -> tuple[int, ...]:
    """Divisors p, q and p q of the coarser meshes that give the error."""
    finest = coarser_meshes(n_c, shift, DIVISORS)[:2]
    if len(finest) < 2:
        return finest
    return finest + coarser_meshes(n_c, shift, (finest[0] * finest[1],))


def _agreement(late_s: FloatArray, early_s: FloatArray) -> FloatArray:
    """1 where convergence does not slow down, less as it does, 0 where there is none."""
    late_log_s = np.log(np.clip(late_s, LEAST_RATIO**2, 1.0))
    early_log_s = np.log(np.clip(early_s, LEAST_RATIO**2, 1.0))
    agreement_s = np.divide(
        late_log_s, early_log_s, out=np.zeros_like(late_log_s), where=early_log_s < 0.0
    )
    return np.clip(agreement_s, 0.0, 1.0)


def _exponent(divisors: tuple[int, ...], agreement_s: FloatArray) -> FloatArray:
    """How the ratio of differences is taken to the error of the mesh."""
    p, q = divisors[:2]
    algebraic = math.log(p) / math.log(q / p)
    exponential = (1.0 - 1.0 / p) / (1.0 / p - 1.0 / q)
    way_s = np.maximum(CAUTION, STEADY * agreement_s)
    exponent_s: FloatArray = algebraic + way_s * (exponential - algebraic)
    return exponent_s


class UniformStrategy:
    """One mesh; a second, coarser one where none lies among its points.

    Parameters
    ----------
    integrand : Integrand
        What is integrated.
    symmetry : ZoneSymmetry, or None
        Leaves the integral invariant.
    tolerance : Tolerance
        Knows the slots.
    n_c : 3 ints
        The mesh.
    shift : 3 floats
        0 or 0.5.
    least : LeastMesh, optional
        Below which errors mean nothing.
    """

    def __init__(
        self,
        integrand: Integrand,
        symmetry: ZoneSymmetry | None,
        tolerance: Tolerance,
        n_c: tuple[int, int, int],
        shift: tuple[float, float, float],
        least: LeastMesh | None = None,
    ) -> None:
        self.integrand = integrand
        self.symmetry = symmetry
        self.tolerance = tolerance
        self.shift = shift
        self.least = least
        divisors = _divisors(n_c, shift)
        half_c = (max(1, n_c[0] // 2), max(1, n_c[1] // 2), max(1, n_c[2] // 2))
        self.meshes = [n_c] if divisors or half_c == n_c else [n_c, half_c]
        self.divisors = divisors
        self.means: list[FloatArray] = []

    def ask(self) -> Round | None:
        """The mesh, then perhaps the coarser one."""
        if len(self.means) == len(self.meshes):
            return None
        n_c = self.meshes[len(self.means)]
        divisors = self.divisors if not self.means else ()
        symmetry, mesh = _mesh(self.integrand, self.symmetry, n_c, self.shift, divisors)
        return mesh_round(self.integrand, mesh, symmetry)

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """Sums over the mesh that was asked for."""
        n_c = self.meshes[len(self.means)]
        divisors = self.divisors if not self.means else ()
        self.means.append(
            _means(self.integrand, self.symmetry, np.asarray(outcome), n_c, self.shift, divisors)
        )

    def estimate(self) -> Estimate | None:
        """Mean over the mesh, once all is done."""
        if len(self.means) < len(self.meshes):
            return None
        mean_mx = np.concatenate(self.means)
        error_x = mesh_error(self.tolerance, mean_mx[0], mean_mx[1:], self.divisors)
        n_c = self.meshes[0]
        error_x = _at_least(self.least, n_c, mean_mx[0], error_x, self.integrand)
        return Estimate(mean_mx[0], error_x, "x".join(map(str, n_c)) + " mesh", n_c)

    def state(self) -> State:
        """The means over the meshes done."""
        return {f"mean_{number}": mean for number, mean in enumerate(self.means)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.means = [np.atleast_2d(state[f"mean_{m}"]) for m in range(_count(state, "mean_"))]


class PeriodicStrategy:
    """Meshes that grow until the error meets the tolerance.

    Parameters
    ----------
    integrand : Integrand
        What is integrated.
    symmetry : ZoneSymmetry, or None
        Leaves the integral invariant.
    tolerance : Tolerance
        When to stop.
    start_c : 3 ints
        First mesh.
    shift : 3 floats
        0 or 0.5.
    max_points : int
        No mesh gets more points.
    least : LeastMesh, optional
        Below which errors mean nothing.
    """

    def __init__(
        self,
        integrand: Integrand,
        symmetry: ZoneSymmetry | None,
        tolerance: Tolerance,
        start_c: tuple[int, int, int],
        shift: tuple[float, float, float],
        max_points: int,
        least: LeastMesh | None = None,
    ) -> None:
        self.integrand = integrand
        self.symmetry = symmetry
        self.tolerance = tolerance
        self.shift = shift
        self.least = least
        self.max_points = max_points
        self.step = SHIFTED_STEP if any(shift) else MESH_STEP
        self.n_c = self._rounded(_alike(start_c, symmetry), 1.0)
        self.nested = False
        self.done_c: tuple[int, int, int] | None = None
        self.sum_mx = np.zeros((0, integrand.size))
        self.known: Estimate | None = None

    def ask(self) -> Round | None:
        """The next mesh, or only what is new in it."""
        if self.finished:
            return None
        symmetry, mesh = _mesh(
            self.integrand, self.symmetry, self.n_c, self.shift, self.divisors, self.nested
        )
        return mesh_round(self.integrand, mesh, symmetry)

    def tell(self, outcome: FloatArray | list[FloatArray]) -> None:
        """Sums over the mesh; decides on the next one."""
        sum_mx = np.asarray(outcome)
        if self.nested:
            # The sums over the former mesh complete those over the points that are new.
            sum_mx = sum_mx.copy()
            sum_mx[0] += self.sum_mx[0]
            former = {divisor: m for m, divisor in enumerate((1, *self.divisors))}
            for m, divisor in enumerate(self.divisors, start=1):
                if divisor % 2 == 0:  # a mesh of which no point is new
                    sum_mx[m] = self.sum_mx[former[divisor // 2]]
                else:
                    sum_mx[m] += self.sum_mx[m]
        self.sum_mx = sum_mx
        self._settle()

    def estimate(self) -> Estimate | None:
        """Mean over the last mesh."""
        return self.known

    def state(self) -> State:
        """The last mesh and its sums."""
        return {"n_c": np.array(self.done_c or self.n_c), "sum_mx": self.sum_mx}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        if len(state["sum_mx"]):
            n_c = [int(n) for n in state["n_c"]]
            self.n_c = (n_c[0], n_c[1], n_c[2])
            self.sum_mx = np.asarray(state["sum_mx"])
            self._settle()

    @property
    def finished(self) -> bool:
        """Whether the tolerance is met, or a finer mesh would be too large."""
        return self.done_c == self.n_c

    @property
    def divisors(self) -> tuple[int, ...]:
        """Coarser meshes among the points of the present one."""
        return _divisors(self.n_c, self.shift)

    def _settle(self) -> None:
        """Estimate from the sums at hand, and the next mesh."""
        mean_mx = _means(
            self.integrand, self.symmetry, self.sum_mx, self.n_c, self.shift, self.divisors
        )
        value_x = mean_mx[0]
        error_x = mesh_error(self.tolerance, value_x, mean_mx[1:], self.divisors)
        error_x = _at_least(self.least, self.n_c, value_x, error_x, self.integrand)
        label = "x".join(map(str, self.n_c)) + " mesh"
        self.known = Estimate(value_x, error_x, label, self.n_c)
        excess_s = self.tolerance.excess(error_x, value_x)
        self.done_c = self.n_c
        if excess_s.max(initial=0.0) <= 1.0 or max(self.n_c) == 1:
            return
        next_c, nested = self._next(mean_mx, excess_s)
        if math.prod(next_c) > self.max_points:
            next_c, nested = self._largest(), False
        if math.prod(next_c) > math.prod(self.n_c):
            self.n_c, self.nested = next_c, nested

    def _largest(self) -> tuple[int, int, int]:
        """The finest mesh of the same proportions that may be had."""
        dimension = sum(n > 1 for n in self.n_c)
        factor = (self.max_points / math.prod(self.n_c)) ** (1.0 / dimension)
        down = [self.step * int(n * factor / self.step) if n > 1 else 1 for n in self.n_c]
        return (down[0], down[1], down[2])

    def _next(self, mean_mx: FloatArray, excess_s: FloatArray) -> tuple[tuple[int, int, int], bool]:
        """The mesh that should do, if that is cheaper than the doubled one, else the latter."""
        slot = int(np.argmax(excess_s))
        norm_ms = self.integrand.norm(np.abs(mean_mx[1:] - mean_mx[0]))[:, slot]
        dimension = sum(n > 1 for n in self.n_c)
        doubled = (1 << dimension) - (0 if any(self.shift) else 1)
        p, q = self.divisors[:2]
        if 0.0 < norm_ms[0] < norm_ms[1] and np.isfinite(excess_s[slot]):
            apart = 1.0 / p - 1.0 / q
            late = norm_ms[:1] / norm_ms[1:2]
            ratio, agreement = float(late[0]), np.zeros(1)
            if len(norm_ms) > 2 and norm_ms[2] > norm_ms[1]:
                early = norm_ms[1:2] / norm_ms[2:3]
                ratio, agreement = max(ratio, float(early[0])), _agreement(late, early)
            # The error given is that of the mesh with N / p points, extrapolated part of the way.
            exponent = float(_exponent(self.divisors, agreement)[0])
            rate = -math.log(ratio) / apart * (1.0 / p + exponent * apart)
            factor = 1.0 + math.log(excess_s[slot] / GOAL) / rate
            next_c = self._rounded(self.n_c, factor)
            if math.prod(next_c) < doubled * math.prod(self.n_c) and next_c != self.n_c:
                return next_c, False
        double_c = [2 * n if n > 1 else 1 for n in self.n_c]
        return (double_c[0], double_c[1], double_c[2]), not any(self.shift)

    def _rounded(self, n_c: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
        up = [self.step * math.ceil(n * factor / self.step - 1e-9) if n > 1 else 1 for n in n_c]
        return (up[0], up[1], up[2])


def _at_least(
    least: LeastMesh | None,
    n_c: tuple[int, int, int],
    value_x: FloatArray,
    error_x: FloatArray,
    integrand: Integrand,
) -> FloatArray:
    """Errors, none smaller than what a mesh may miss of Fermi surfaces."""
    if least is None:
        return error_x
    floor_s = least.error(n_c, integrand.norm(value_x))
    larger_x: FloatArray = np.maximum(error_x, floor_s[integrand.slot_x])
    return larger_x


def _alike(n_c: tuple[int, int, int], symmetry: ZoneSymmetry | None) -> tuple[int, int, int]:
    """As many points along directions that an operation mixes, so that it maps the mesh."""
    if symmetry is None:
        return n_c
    linked_cc = (symmetry.kpt_rotation_gcc != 0).any(axis=0).astype(np.int64)
    reached_cc = np.linalg.matrix_power(linked_cc + linked_cc.T + np.eye(3, dtype=np.int64), 3) > 0
    most = [int(max(n for n, linked in zip(n_c, row, strict=True) if linked)) for row in reached_cc]
    return (most[0], most[1], most[2])


def _mesh(
    integrand: Integrand,
    symmetry: ZoneSymmetry | None,
    n_c: tuple[int, int, int],
    shift: tuple[float, float, float],
    divisors: tuple[int, ...],
    nested: bool = False,
) -> tuple[ZoneSymmetry | None, Mesh]:
    usable = mesh_symmetry(symmetry, n_c, shift)
    rotations = NO_SYMMETRY if usable is None else usable.kpt_rotation_gcc
    return usable, Mesh(n_c, shift, integrand.fourier.direction, divisors, nested, rotations)


def _means(
    integrand: Integrand,
    symmetry: ZoneSymmetry | None,
    sum_mx: FloatArray,
    n_c: tuple[int, int, int],
    shift: tuple[float, float, float],
    divisors: tuple[int, ...],
) -> FloatArray:
    """Means over a mesh and its coarser ones, from sums over one point of every star."""
    usable = mesh_symmetry(symmetry, n_c, shift)
    if usable is not None:
        sum_mx = integrand.invariant(usable, sum_mx)
    dimension = sum(n > 1 for n in n_c)
    points_m = np.array([math.prod(n_c) / d**dimension for d in (1, *divisors)])
    mean_mx: FloatArray = sum_mx / points_m[:, None]
    return mean_mx


def _count(state: Mapping[str, Any], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in state)
