"""Regular meshes of k points, cut into deterministic units of work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.errors import IntegrationError
from w90spin.kspace.fourier import KLines

LINES_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class UniformMesh:
    """Trapezoidal rule on one mesh, with the mesh of half as many points for the error.

    Parameters
    ----------
    n : int or 3 ints
        Points along each periodic lattice direction; one number serves all of them.  Even numbers
        are cheapest: the points of the half mesh are then among those of the mesh.
    shift : 3 floats
        0 or 0.5: offset from Γ in units of the spacing.
    """

    n: int | tuple[int, int, int]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _check_counts(self.n, "UniformMesh(n=...)")
        _check_shift(self.shift)


@dataclass(frozen=True, kw_only=True)
class AutoMesh:
    """Trapezoidal rule on meshes that double until two in a row agree.

    The periodic trapezoidal rule converges exponentially for a gapped integrand.

    Parameters
    ----------
    rtol : float
        Tolerance relative to each tensor.
    atol : float
        Absolute tolerance in the unit of the integrated tensors; the larger of the two counts.
    start : int or 3 ints, optional
        First mesh; by default fine enough for the longest hopping of the model.
    shift : 3 floats
        0 or 0.5: offset from Γ in units of the spacing.
    max_points : int
        Where to give up; the result is then returned with its error and marked as not converged.
    """

    rtol: float = 1e-4
    atol: float = 0.0
    start: int | tuple[int, int, int] | None = None
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    max_points: int = 1_000_000

    def __post_init__(self) -> None:
        if not (self.rtol >= 0.0 and self.atol >= 0.0 and self.rtol + self.atol > 0.0):
            raise IntegrationError(
                f"AutoMesh needs rtol > 0 or atol > 0; rtol = {self.rtol}, atol = {self.atol}."
            )
        if self.start is not None:
            _check_counts(self.start, "AutoMesh(start=...)")
        _check_shift(self.shift)


def mesh_counts(
    n: int | tuple[int, int, int], periodic: tuple[bool, bool, bool]
) -> tuple[int, int, int]:
    """Points along each lattice direction, 1 along non-periodic ones."""
    wanted = n if isinstance(n, tuple | list) else (n, n, n)
    counts = [int(m) if repeats else 1 for m, repeats in zip(wanted, periodic, strict=True)]
    return (counts[0], counts[1], counts[2])


@dataclass(frozen=True, eq=False)
class WorkUnit:
    """Points that are always evaluated together.

    Parameters
    ----------
    lines : KLines
        The points.
    weight_k : float array (k)
        How many mesh points each stands for.
    """

    lines: KLines
    weight_k: FloatArray


@dataclass(frozen=True)
class Mesh:
    """One regular mesh k_c = (i_c + shift_c) / n_c.

    Parameters
    ----------
    n_c : 3 ints
        Points along each lattice direction.
    shift_c : 3 floats
        0 or 0.5.
    direction : int
        Lattice direction of the lines.
    only_new : bool
        Leave out the points of the mesh with half as many points in each direction.
    pair : bool
        Of each pair k, -k take one, with double weight.
    """

    n_c: tuple[int, int, int]
    shift_c: tuple[float, float, float]
    direction: int
    only_new: bool = False
    pair: bool = False

    @property
    def n_points(self) -> int:
        """Points of the whole mesh."""
        return math.prod(self.n_c)

    @property
    def n_evaluated(self) -> int:
        """Points that :meth:`units` contains."""
        return sum(self._line_counts())

    def units(self, batch: int) -> Iterator[WorkUnit]:
        """Cut the mesh into units of about ``batch`` points, in a fixed order.

        Parameters
        ----------
        batch : int
            Largest number of points in a unit.

        Yields
        ------
        WorkUnit
        """
        for start in range(0, self._n_lines, LINES_AT_ONCE):
            outer_lc = self._outer(np.arange(start, min(start + LINES_AT_ONCE, self._n_lines)))
            kind_l = self._kinds(outer_lc)
            for kind in range(1, 7):
                lines_lc = outer_lc[kind_l == kind]
                if len(lines_lc):
                    yield from self._cut(lines_lc, kind, batch)

    # A line is of one of these kinds: which of its points are taken, and how often each counts.
    #   1: all, once      2: all, twice (its mirror image is skipped)     3: all, own mirror image
    #   4-6: the same with the odd points only.     0: skipped.

    def _kinds(self, outer_lc: IntArray) -> IntArray:
        kind_l = np.ones(len(outer_lc), dtype=np.int64)
        if self.pair:
            mirror_lc = self._mirror(outer_lc)
            code_l, mirror_l = self._code(outer_lc), self._code(mirror_lc)
            kind_l = np.where(code_l < mirror_l, 2, np.where(code_l == mirror_l, 3, 0))
        if self.only_new:
            refined = np.array(self.n_c) > 1
            refined[self.direction] = False
            coarse_l = np.all((outer_lc % 2 == 0) | ~refined, axis=1)
            if self.n_c[self.direction] == 1:
                return np.where(coarse_l, 0, kind_l)
            kind_l = np.where(coarse_l & (kind_l > 0), kind_l + 3, kind_l)
        return kind_l

    def _along(self, kind: int) -> tuple[IntArray, FloatArray]:
        """Indices and weights of the points of a line of this kind."""
        n = self.n_c[self.direction]
        along_j = np.arange(n)
        weight_j = np.full(n, 2.0 if kind in (2, 5) else 1.0)
        if kind in (3, 6):
            twice_shift = round(2 * self.shift_c[self.direction])
            mirror_j = (-along_j - twice_shift) % n
            weight_j = np.where(along_j < mirror_j, 2.0, np.where(along_j == mirror_j, 1.0, 0.0))
        keep_j: BoolArray = weight_j > 0.0
        if kind > 3:
            keep_j &= along_j % 2 == 1
        return along_j[keep_j], weight_j[keep_j]

    def _cut(self, lines_lc: IntArray, kind: int, batch: int) -> Iterator[WorkUnit]:
        along_j, weight_j = self._along(kind)
        if not len(along_j):
            return
        n_c, shift_c = np.array(self.n_c), np.array(self.shift_c)
        origin_lc = (lines_lc + shift_c) / n_c
        kpt_j = (along_j + self.shift_c[self.direction]) / self.n_c[self.direction]
        lines_each = max(1, batch // len(along_j))
        for first in range(0, len(origin_lc), lines_each):
            chunk_lc = origin_lc[first : first + lines_each]
            for begin in range(0, len(along_j), batch):
                part = slice(begin, begin + batch)
                yield WorkUnit(
                    KLines(chunk_lc, kpt_j[part], self.direction),
                    np.tile(weight_j[part], len(chunk_lc)),
                )

    def _line_counts(self) -> Iterator[int]:
        per_kind = [0] + [len(self._along(kind)[0]) for kind in range(1, 7)]
        for start in range(0, self._n_lines, LINES_AT_ONCE):
            outer_lc = self._outer(np.arange(start, min(start + LINES_AT_ONCE, self._n_lines)))
            lines_of = np.bincount(self._kinds(outer_lc), minlength=len(per_kind))
            yield int(lines_of @ np.array(per_kind))

    @property
    def _outer_counts(self) -> tuple[int, int, int]:
        counts = list(self.n_c)
        counts[self.direction] = 1
        return (counts[0], counts[1], counts[2])

    @property
    def _n_lines(self) -> int:
        return math.prod(self._outer_counts)

    def _outer(self, flat_l: IntArray) -> IntArray:
        return np.stack(np.unravel_index(flat_l, self._outer_counts), axis=1)

    def _code(self, outer_lc: IntArray) -> IntArray:
        return np.asarray(np.ravel_multi_index(tuple(outer_lc.T), self._outer_counts))

    def _mirror(self, outer_lc: IntArray) -> IntArray:
        twice_shift_c = np.rint(2 * np.array(self.shift_c)).astype(np.int64)
        mirror_lc: IntArray = (-outer_lc - twice_shift_c) % np.array(self._outer_counts)
        return mirror_lc


def _check_counts(n: int | tuple[int, int, int], label: str) -> None:
    counts = tuple(n) if isinstance(n, tuple | list) else (n,)
    single = not isinstance(n, tuple | list)
    whole = all(isinstance(m, Integral) and not isinstance(m, bool) and m >= 1 for m in counts)
    if not whole or len(counts) != (1 if single else 3):
        raise IntegrationError(f"{label} = {n} must be one positive integer or three of them.")


def _check_shift(shift: tuple[float, float, float]) -> None:
    if not isinstance(shift, tuple | list) or len(shift) != 3 or set(shift) - {0.0, 0.5}:
        raise IntegrationError(
            f"shift = {shift} must be three numbers, each 0 or 0.5 in units of the mesh spacing."
        )
