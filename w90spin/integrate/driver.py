"""Runs the units of a mesh over the ranks, adds them in order, and decides when to stop.

The same bits come out on any number of ranks: a unit is always evaluated as one batch, and rank 0
adds the units in the order of the mesh.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import IntegrationError, W90SpinError
from w90spin.integrate.mesh import AutoMesh, Mesh, UniformMesh, WorkUnit, mesh_counts
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.fourier import FourierSum
from w90spin.kspace.states import solve
from w90spin.parallel import Comm, one_thread
from w90spin.response.claims import Response
from w90spin.response.promise import refuse_crossing

BATCH_BYTES = 8_000_000
"""Memory that the operators of one unit of work may take: about a core's share of the cache.
[bytes]"""

UNITS_PER_ROUND = 8
"""Units that a rank computes between two collections on rank 0."""

NOISE_FLOOR = 1e-6
"""Relative tolerances count from the tensor or from this part of the moduli that it adds up,
whichever is larger: digits lost to cancellation beyond it are not pursued."""


@dataclass(frozen=True)
class Progress:
    """Where an integration stands.

    Parameters
    ----------
    mesh : 3 ints
        The mesh under way.
    done, total : int
        k points evaluated of this mesh, and to evaluate.
    evaluations : int
        k points evaluated in all.
    error, target : float
        Last error relative to its tolerance's reference, and the tolerance; NaN before the first.
    seconds : float
        Since the start.
    """

    mesh: tuple[int, int, int]
    done: int
    total: int
    evaluations: int
    error: float
    target: float
    seconds: float


@dataclass(frozen=True, eq=False)
class ZoneIntegral:
    """Integrated tensors with their errors and what they cost.

    Parameters
    ----------
    values, errors : tuple of dict
        Published tensors of each response, ∫ d^dk/(2π)^d of the integrand, and |difference| to
        the mesh with half as many points in each direction.
    mesh : 3 ints
        The finest mesh.
    converged : bool, or None
        Whether the tolerance was met; None where none was asked for.
    relative_error : float
        Largest norm of an error relative to its reference.
    evaluations : int
        k points at which H was diagonalised.
    seconds : float
        Wall time.
    """

    values: tuple[dict[str, FloatArray], ...]
    errors: tuple[dict[str, FloatArray], ...]
    mesh: tuple[int, int, int]
    converged: bool | None
    relative_error: float
    evaluations: int
    seconds: float


def integrate(
    fourier: FourierSum,
    responses: Sequence[Response],
    mesh: UniformMesh | AutoMesh,
    *,
    comm: Comm,
    time_reversal: bool = False,
    tolerance: float = DEGENERACY_TOLERANCE,
    batch: int | None = None,
    report: Callable[[Progress], None] | None = None,
) -> ZoneIntegral:
    """Integrate responses over the Brillouin zone.

    Parameters
    ----------
    fourier : FourierSum
        The model's operators.
    responses : sequence of Response
        All are evaluated on the same states.
    mesh : UniformMesh or AutoMesh
        The rule.
    comm : Comm
        Ranks that share the work.
    time_reversal : bool
        The model has time reversal: evaluate one of k and -k, and set integrals of odd integrands
        to zero.
    tolerance : float
        Degeneracy tolerance. [eV]
    batch : int, optional
        k points in a unit of work; by default what fits into a fixed amount of memory.
    report : callable, optional
        Told of progress on rank 0.

    Returns
    -------
    ZoneIntegral
        The same on every rank.

    Raises
    ------
    W90SpinError
        That of the first unit in which one occurred, on every rank.
    """
    run = _Run(fourier, responses, comm, time_reversal, tolerance, batch, report)
    with one_thread():
        if isinstance(mesh, UniformMesh):
            return run.uniform(mesh)
        return run.until_converged(mesh)


def default_start(fourier: FourierSum) -> tuple[int, int, int]:
    """First mesh of AutoMesh: resolves exp(ik·R) for the longest hopping, at least 8 points."""
    reach_c = np.abs(fourier.model.R_Rc).max(axis=0)
    counts = [max(8, 2 * int(reach) + 2) for reach in reach_c]
    return mesh_counts((counts[0], counts[1], counts[2]), fourier.model.periodic)


@dataclass(frozen=True, eq=False)
class _UnitSum:
    """Weighted sum over the points of a unit, and what was promised to be the same everywhere."""

    value_x: FloatArray
    occupied: tuple[IntArray | None, ...]
    kpt_c: FloatArray


class _Run:
    """One integration: the units of every mesh, over ranks, into sums."""

    def __init__(
        self,
        fourier: FourierSum,
        responses: Sequence[Response],
        comm: Comm,
        time_reversal: bool,
        tolerance: float,
        batch: int | None,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self.fourier = fourier
        self.responses = responses
        self.comm = comm
        self.time_reversal = time_reversal
        self.tolerance = tolerance
        self.batch = batch or max(1, BATCH_BYTES // fourier.bytes_per_point)
        self.report = report
        self.evaluations = 0
        self.began = time.perf_counter()
        self.relative_error = float("nan")
        self.target = float("nan")
        shapes = [tensor.shape for r in responses for tensor in r.claims.raw]
        self.size = sum(int(np.prod(shape)) for shape in shapes)
        self.floor_size = sum(int(np.prod(shape[:-2])) for shape in shapes)
        self.floor = np.zeros(self.floor_size)
        self.occupied: dict[int, tuple[IntArray, FloatArray]] = {}

    def uniform(self, mesh: UniformMesh) -> ZoneIntegral:
        n_c = mesh_counts(mesh.n, self.fourier.model.periodic)
        half_c = _halved(n_c)
        nested = _nested(n_c, half_c, mesh.shift)
        coarse = self.first(half_c, mesh.shift)
        fine = (
            self.refined(coarse, n_c, mesh.shift)
            if nested
            else self.total(self.mesh(n_c, mesh.shift))
        )
        self.relative_error = self.compare(fine, n_c, coarse, half_c, 1.0, 0.0)[1]
        return self.integral(fine, n_c, coarse, half_c, converged=None)

    def until_converged(self, mesh: AutoMesh) -> ZoneIntegral:
        periodic = self.fourier.model.periodic
        n_c = (
            default_start(self.fourier) if mesh.start is None else mesh_counts(mesh.start, periodic)
        )
        self.target = mesh.rtol
        coarse = self.first(n_c, mesh.shift)
        while True:
            finer_c = _doubled(n_c, periodic)
            nested = _nested(finer_c, n_c, mesh.shift)
            fine = (
                self.refined(coarse, finer_c, mesh.shift)
                if nested
                else self.total(self.mesh(finer_c, mesh.shift))
            )
            converged, self.relative_error = self.compare(
                fine, finer_c, coarse, n_c, mesh.rtol, mesh.atol
            )
            next_points = int(np.prod(_doubled(finer_c, periodic)))
            if converged or next_points > mesh.max_points or finer_c == n_c:
                return self.integral(fine, finer_c, coarse, n_c, converged=converged)
            coarse, n_c = fine, finer_c

    def mesh(
        self,
        n_c: tuple[int, int, int],
        shift: tuple[float, float, float],
        *,
        only_new: bool = False,
    ) -> Mesh:
        return Mesh(n_c, shift, self.fourier.direction, only_new=only_new, pair=self.time_reversal)

    def refined(
        self, coarse: FloatArray, n_c: tuple[int, int, int], shift: tuple[float, float, float]
    ) -> FloatArray:
        return coarse + self.total(self.mesh(n_c, shift, only_new=True))

    def first(self, n_c: tuple[int, int, int], shift: tuple[float, float, float]) -> FloatArray:
        """Sum over the first mesh, which also gives the noise floor of every raw tensor."""
        mesh = self.mesh(n_c, shift)
        both_x = self.total(mesh, with_moduli=True)
        scale = NOISE_FLOOR / self.fourier.model.measure / mesh.n_points
        self.floor = both_x[self.size :] * scale
        return both_x[: self.size]

    def total(self, mesh: Mesh, *, with_moduli: bool = False) -> FloatArray:
        """Sum over the units of a mesh, added in order; the same on every rank."""
        units = enumerate(mesh.units(self.batch))
        value_x = np.zeros(self.size + (self.floor_size if with_moduli else 0))
        done, n_evaluated = 0, mesh.n_evaluated
        self._tell(mesh, done, n_evaluated)
        while chunk := list(itertools.islice(units, UNITS_PER_ROUND * self.comm.size)):
            mine: dict[int, _UnitSum | W90SpinError] = {}
            for index, unit in chunk:
                if index % self.comm.size == self.comm.rank:
                    mine[index] = self.attempt(unit, with_moduli)
            self.settle(mine)
            gathered = self.comm.gather(mine)
            if gathered is not None:
                parts = {index: part for rank in gathered for index, part in rank.items()}
                for index, _ in chunk:
                    value_x += parts[index].value_x
            count = sum(len(unit.weight_k) for _, unit in chunk)
            done += count
            self.evaluations += count
            self._tell(mesh, done, n_evaluated)
        total_x: FloatArray = self.comm.bcast(value_x)
        return total_x

    def attempt(self, unit: WorkUnit, with_moduli: bool) -> _UnitSum | W90SpinError:
        """Sum over one unit, or the reason why there is none."""
        try:
            return self.evaluate(unit, with_moduli)
        except W90SpinError as problem:
            return problem
        except np.linalg.LinAlgError as problem:
            kpt_kc = unit.lines.kpt_kc
            return IntegrationError(
                f"The diagonalisation failed among the k points from {kpt_kc[0].tolist()} to "
                f"{kpt_kc[-1].tolist()}: {problem}. Check the model's matrices for huge or bad "
                "elements."
            )

    def settle(self, mine: Mapping[int, _UnitSum | W90SpinError]) -> None:
        """Raise, on every rank, the error of the first unit that has one."""
        problems: list[tuple[int, W90SpinError]] = []
        counts: list[tuple[int, tuple[IntArray | None, ...], FloatArray]] = []
        for index, part in mine.items():
            if isinstance(part, W90SpinError):
                problems.append((index, part))
            elif any(below_f is not None for below_f in part.occupied):
                counts.append((index, part.occupied, part.kpt_c))
        everyone = self.comm.allgather((problems[:1], counts))
        failed = [pair for their_problems, _ in everyone for pair in their_problems]
        if failed:
            raise min(failed, key=lambda pair: pair[0])[1]
        gathered = [entry for _, their_counts in everyone for entry in their_counts]
        for _, occupied, kpt_c in sorted(gathered, key=lambda entry: entry[0]):
            for r, below_f in enumerate(occupied):
                if below_f is not None:
                    first_f, first_kpt_c = self.occupied.setdefault(r, (below_f, kpt_c))
                    refuse_crossing(
                        self.responses[r].levels,
                        np.stack([first_f, below_f]),
                        np.stack([first_kpt_c, kpt_c]),
                    )

    def evaluate(self, unit: WorkUnit, with_moduli: bool) -> _UnitSum:
        """Weighted sums over the points of one unit: values, and moduli behind them if asked."""
        states = solve(self.fourier, unit.lines, self.tolerance)
        values: list[FloatArray] = []
        moduli: list[FloatArray] = []
        promises: list[IntArray | None] = []
        for response in self.responses:
            found = response(states)
            for tensor in response.claims.raw:
                flat_kx = found[tensor.name].reshape(len(unit.weight_k), -1)
                if not np.isfinite(flat_kx).all():
                    k = int(np.argmin(np.isfinite(flat_kx).all(axis=1)))
                    raise IntegrationError(
                        f"{response.claims.name}: '{tensor.name}' is not finite at k = "
                        f"{states.kpt_kc[k].tolist()}. Check the model at this point, or report "
                        "it with the model."
                    )
                vanishes = self.time_reversal and tensor.time_reversal < 0
                values.append(unit.weight_k @ (np.zeros_like(flat_kx) if vanishes else flat_kx))
            if with_moduli:
                size = response.magnitude(states)
                for tensor in response.claims.raw:
                    flat_kx = size[tensor.name].reshape(len(unit.weight_k), -1)
                    moduli.append(unit.weight_k @ flat_kx)
            below_kf = response.occupied_bands(states)
            promises.append(None if below_kf is None else below_kf[0])
        return _UnitSum(np.concatenate(values + moduli), tuple(promises), states.kpt_kc[0])

    def compare(
        self,
        fine: FloatArray,
        fine_c: tuple[int, int, int],
        coarse: FloatArray,
        coarse_c: tuple[int, int, int],
        rtol: float,
        atol: float,
    ) -> tuple[bool, float]:
        """Whether two meshes agree, tensor by tensor, and the largest relative difference.

        Norms run over the last two axes, the components; every ω, μ, temperature and part must
        meet the tolerance by itself.
        """
        scale = 1.0 / self.fourier.model.measure
        fine_parts = self.raw(fine * (scale / np.prod(fine_c)))
        coarse_parts = self.raw(coarse * (scale / np.prod(coarse_c)))
        worst, converged, start = 0.0, True, 0
        for value, other in zip(
            itertools.chain.from_iterable(parts.values() for parts in fine_parts),
            itertools.chain.from_iterable(parts.values() for parts in coarse_parts),
            strict=True,
        ):
            error, size = _norm(value - other), _norm(value)
            floor = self.floor[start : start + size.size].reshape(size.shape)
            start += size.size
            reference = np.maximum(size, floor)
            converged &= bool(np.all(error <= np.maximum(atol, rtol * reference)))
            ratio = np.divide(error, reference, out=np.zeros_like(error), where=reference > 0.0)
            worst = max(worst, float(ratio.max()))
        return converged, worst

    def raw(self, flat: FloatArray) -> list[dict[str, FloatArray]]:
        """The flat array cut into the raw tensors of each response."""
        parts, start = [], 0
        for response in self.responses:
            tensors: dict[str, FloatArray] = {}
            for tensor in response.claims.raw:
                stop = start + int(np.prod(tensor.shape))
                tensors[tensor.name] = flat[start:stop].reshape(tensor.shape)
                start = stop
            parts.append(tensors)
        return parts

    def integral(
        self,
        fine: FloatArray,
        fine_c: tuple[int, int, int],
        coarse: FloatArray,
        coarse_c: tuple[int, int, int],
        *,
        converged: bool | None,
    ) -> ZoneIntegral:
        scale = 1.0 / self.fourier.model.measure
        values = self.published(fine * (scale / np.prod(fine_c)))
        others = self.published(coarse * (scale / np.prod(coarse_c)))
        errors = tuple(
            {name: np.abs(value[name] - other[name]) for name in value}
            for value, other in zip(values, others, strict=True)
        )
        return ZoneIntegral(
            values=values,
            errors=errors,
            mesh=fine_c,
            converged=converged,
            relative_error=self.relative_error,
            evaluations=self.evaluations,
            seconds=time.perf_counter() - self.began,
        )

    def published(self, flat: FloatArray) -> tuple[dict[str, FloatArray], ...]:
        raw: list[dict[str, FloatArray]] = self.raw(flat)
        return tuple(
            response.publish(tensors) for response, tensors in zip(self.responses, raw, strict=True)
        )

    def _tell(self, mesh: Mesh, done: int, total: int) -> None:
        if self.report is not None and self.comm.is_root:
            self.report(
                Progress(
                    mesh=mesh.n_c,
                    done=done,
                    total=total,
                    evaluations=self.evaluations,
                    error=self.relative_error,
                    target=self.target,
                    seconds=time.perf_counter() - self.began,
                )
            )


def _norm(tensor: FloatArray) -> FloatArray:
    norm: FloatArray = np.atleast_1d(np.sqrt((tensor**2).sum(axis=(-2, -1))))
    return norm


def _halved(n_c: tuple[int, int, int]) -> tuple[int, int, int]:
    return (max(1, n_c[0] // 2), max(1, n_c[1] // 2), max(1, n_c[2] // 2))


def _doubled(n_c: tuple[int, int, int], periodic: tuple[bool, bool, bool]) -> tuple[int, int, int]:
    doubled = [2 * n if repeats else n for n, repeats in zip(n_c, periodic, strict=True)]
    return (doubled[0], doubled[1], doubled[2])


def _nested(
    fine_c: tuple[int, int, int],
    coarse_c: tuple[int, int, int],
    shift: tuple[float, float, float],
) -> bool:
    """Whether the coarse mesh is exactly every other point of the fine one."""
    return all(
        fine == coarse == 1 or (fine == 2 * coarse and s == 0.0)
        for fine, coarse, s in zip(fine_c, coarse_c, shift, strict=True)
    )
