"""Regular meshes of k points, cut into deterministic blocks and units of work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.kspace.fourier import KLines

MOST_BLOCKS = 16384
"""Blocks that a mesh is cut into at most: bounds the messages to rank 0."""

FEWEST_BLOCKS = 16
"""Blocks that a mesh is cut into where it can be, so that ranks have something to share."""

NO_SYMMETRY: IntArray = np.eye(3, dtype=np.int64)[None]


@dataclass(frozen=True, eq=False)
class WorkUnit:
    """Points that are always evaluated together.

    Parameters
    ----------
    lines : KLines
        The points.
    weight_mk : float array (m, k)
        How many points each stands for: of the mesh (m = 0) and of its coarser meshes.
    """

    lines: KLines
    weight_mk: FloatArray


@dataclass(frozen=True, eq=False)
class Mesh:
    """One regular mesh k_c = (i_c + shift_c) / n_c, and coarser ones among its points.

    Parameters
    ----------
    n_c : 3 ints
        Points along each lattice direction.
    shift_c : 3 floats
        0 or 0.5.
    direction : int
        Lattice direction of the lines.
    divisors : tuple of int
        Coarser meshes with n_c / divisor points whose sums are wanted too.
    only_new : bool
        Leave out the points of the mesh with half as many points in each direction.
    kpt_rotation_gcc : int array (g, c, c)
        Group of operations k' = K k that map the mesh onto itself; of every star one point is
        taken.
    """

    n_c: tuple[int, int, int]
    shift_c: tuple[float, float, float]
    direction: int
    divisors: tuple[int, ...] = ()
    only_new: bool = False
    kpt_rotation_gcc: IntArray = field(default_factory=lambda: NO_SYMMETRY)

    @property
    def n_points(self) -> int:
        """Points of the whole mesh."""
        return math.prod(self.n_c)

    @property
    def n_new(self) -> int:
        """Points that the weights of all units add up to."""
        if not self.only_new:
            return self.n_points
        return self.n_points - math.prod(n // 2 if n > 1 else 1 for n in self.n_c)

    def blocks(self, batch: int) -> list[MeshBlock]:
        """Cut the mesh into blocks that one rank works on.

        Parameters
        ----------
        batch : int
            Largest number of points in a unit.

        Returns
        -------
        list of MeshBlock
        """
        n_segments = self._n_lines * math.ceil(self.n_c[self.direction] / batch)
        points_each = min(batch, self.n_c[self.direction])
        shrinking = len(self.kpt_rotation_gcc)
        wanted = max(1, batch * shrinking // points_each)
        size = max(math.ceil(n_segments / MOST_BLOCKS), min(wanted, n_segments // FEWEST_BLOCKS), 1)
        return [
            MeshBlock(self, batch, start, min(start + size, n_segments))
            for start in range(0, n_segments, size)
        ]

    def units(self, batch: int, start: int, stop: int) -> Iterator[WorkUnit]:
        """Units of the segments of lines from ``start`` to ``stop``.

        Parameters
        ----------
        batch : int
            Largest number of points in a unit.
        start, stop : int
            Numbers of segments, which have at most ``batch`` points each.

        Yields
        ------
        WorkUnit
        """
        n_j = self.n_c[self.direction]
        per_line = math.ceil(n_j / batch)
        for segment in range(per_line):
            line_l = np.arange(start, stop)
            line_l = line_l[line_l % per_line == segment] // per_line
            along_j = np.arange(segment * batch, min((segment + 1) * batch, n_j))
            if len(line_l):
                yield from self._cut(line_l, along_j, batch)

    def _cut(self, line_l: IntArray, along_j: IntArray, batch: int) -> Iterator[WorkUnit]:
        index_ljc = self._indices(line_l, along_j)
        weight_lj = self._stars(index_ljc)
        n_c, shift_c = np.array(self.n_c), np.array(self.shift_c)
        member_mlj = np.stack([self._member(index_ljc, divisor) for divisor in (1, *self.divisors)])
        if self.only_new:
            weight_lj = np.where(self._member(index_ljc, 2), 0, weight_lj)
        # Lines that need the same points with the same weights are done together.
        pattern_mlj = weight_lj * member_mlj
        patterns, group_l = np.unique(
            pattern_mlj.transpose(1, 0, 2).reshape(len(line_l), -1), axis=0, return_inverse=True
        )
        for group, pattern in enumerate(patterns):
            weight_mj = pattern.reshape(len(member_mlj), -1).astype(np.float64)
            keep_j: BoolArray = weight_mj[0] > 0
            if not keep_j.any():
                continue
            weight_mj = weight_mj[:, keep_j]
            kpt_j = (along_j[keep_j] + shift_c[self.direction]) / n_c[self.direction]
            origin_lc = (index_ljc[group_l.reshape(-1) == group, 0] + shift_c) / n_c
            lines_each = max(1, batch // len(kpt_j))
            for first in range(0, len(origin_lc), lines_each):
                chunk_lc = origin_lc[first : first + lines_each]
                yield WorkUnit(
                    KLines(chunk_lc, kpt_j, self.direction), np.tile(weight_mj, len(chunk_lc))
                )

    def _indices(self, line_l: IntArray, along_j: IntArray) -> IntArray:
        index_lc = np.stack(np.unravel_index(line_l, self._outer_counts), axis=1)
        index_ljc = np.repeat(index_lc[:, None, :], len(along_j), axis=1)
        index_ljc[:, :, self.direction] = along_j
        return index_ljc.astype(np.int64)

    def _stars(self, index_ljc: IntArray) -> IntArray:
        """Size of the star of every point that represents its star, 0 for the others."""
        if len(self.kpt_rotation_gcc) == 1:
            return np.ones(index_ljc.shape[:2], dtype=np.int64)
        n_c = np.array(self.n_c)
        twice_shift_c = _twice(self.shift_c)
        twice_ljc = 2 * index_ljc + twice_shift_c
        code_lj = self._code(index_ljc)
        lowest_lj, fixed_lj = code_lj.copy(), np.zeros_like(code_lj)
        for matrix_cc in mesh_matrices(self.kpt_rotation_gcc, self.n_c):
            image_ljc = (twice_ljc @ matrix_cc.T - twice_shift_c) // 2 % n_c
            image_lj = self._code(image_ljc)
            np.minimum(lowest_lj, image_lj, out=lowest_lj)
            fixed_lj += image_lj == code_lj
        star_lj: IntArray = np.where(
            lowest_lj == code_lj, len(self.kpt_rotation_gcc) // np.maximum(fixed_lj, 1), 0
        )
        return star_lj

    def _member(self, index_ljc: IntArray, divisor: int) -> BoolArray:
        """Which points belong to the mesh with n_c / divisor points."""
        several_c = np.array(self.n_c) > 1
        offset_c = (divisor - 1) * _twice(self.shift_c) // 2
        member_lj: BoolArray = np.all(((index_ljc - offset_c) % divisor == 0) | ~several_c, axis=-1)
        return member_lj

    def _code(self, index_ljc: IntArray) -> IntArray:
        code_lj: IntArray = np.ravel_multi_index(tuple(np.moveaxis(index_ljc, -1, 0)), self.n_c)
        return code_lj

    @property
    def _outer_counts(self) -> tuple[int, int, int]:
        counts = list(self.n_c)
        counts[self.direction] = 1
        return (counts[0], counts[1], counts[2])

    @property
    def _n_lines(self) -> int:
        return math.prod(self._outer_counts)


@dataclass(frozen=True, eq=False)
class MeshBlock:
    """Part of a mesh that one rank works on.

    Parameters
    ----------
    mesh : Mesh
        The mesh.
    batch : int
        Largest number of points in a unit.
    start, stop : int
        Its segments of lines.
    """

    mesh: Mesh
    batch: int
    start: int
    stop: int

    def units(self) -> Iterator[WorkUnit]:
        """Units of work."""
        return self.mesh.units(self.batch, self.start, self.stop)


def mesh_counts(
    n: int | tuple[int, int, int], periodic: tuple[bool, bool, bool]
) -> tuple[int, int, int]:
    """Points along each lattice direction, 1 along non-periodic ones."""
    wanted = n if isinstance(n, tuple | list) else (n, n, n)
    counts = [int(m) if repeats else 1 for m, repeats in zip(wanted, periodic, strict=True)]
    return (counts[0], counts[1], counts[2])


def coarser_meshes(
    n_c: tuple[int, int, int], shift_c: tuple[float, float, float], wanted: Sequence[int]
) -> tuple[int, ...]:
    """Those divisors for which the mesh with n_c / divisor points lies on this one.

    Parameters
    ----------
    n_c : 3 ints
        Points along each lattice direction.
    shift_c : 3 floats
        0 or 0.5.
    wanted : sequence of int
        Divisors to try.

    Returns
    -------
    tuple of int
    """
    several = [(n, s) for n, s in zip(n_c, shift_c, strict=True) if n > 1]
    return tuple(
        divisor
        for divisor in wanted
        if several
        and all(n % divisor == 0 and n > divisor for n, _ in several)
        and all(divisor % 2 == 1 or s == 0.0 for _, s in several)
    )


def mesh_matrices(kpt_rotation_gcc: IntArray, n_c: tuple[int, int, int]) -> IntArray:
    """Operations on twice the mesh indices, (i + shift)·2: M_ab = K_ab n_a / n_b.

    Parameters
    ----------
    kpt_rotation_gcc : int array (g, c, c)
        Operations that map the mesh onto itself.
    n_c : 3 ints
        Points along each lattice direction.

    Returns
    -------
    int array (g, c, c)
    """
    n = np.array(n_c)
    matrix_gcc: IntArray = kpt_rotation_gcc * n[:, None] // n
    return matrix_gcc


def mapping_operations(
    kpt_rotation_gcc: IntArray, n_c: tuple[int, int, int], shift_c: tuple[float, float, float]
) -> list[int]:
    """Operations that map a mesh onto itself; they form a group.

    Parameters
    ----------
    kpt_rotation_gcc : int array (g, c, c)
        A group of operations.
    n_c : 3 ints
        Points along each lattice direction.
    shift_c : 3 floats
        0 or 0.5.

    Returns
    -------
    list of int
        Their numbers.
    """
    n = np.array(n_c)
    twice_c = _twice(shift_c)
    keep = []
    for g, rotation_cc in enumerate(kpt_rotation_gcc):
        scaled_cc = rotation_cc * n[:, None]
        if np.any(scaled_cc % n):
            continue
        if np.any((scaled_cc // n @ twice_c - twice_c) % 2):
            continue
        keep.append(g)
    return keep


def _twice(shift_c: tuple[float, float, float]) -> IntArray:
    twice_c: IntArray = np.rint(2 * np.array(shift_c)).astype(np.int64)
    return twice_c
