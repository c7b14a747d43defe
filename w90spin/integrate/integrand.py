"""All tensors of all responses as one long vector at every k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w90spin.arrays import AnyNumberArray, BoolArray, FloatArray, IntArray
from w90spin.errors import IntegrationError
from w90spin.integrate.surface import Steps, Surfaces
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.continuum import KRegion, OperatorSource
from w90spin.kspace.fourier import KLines, KPoints
from w90spin.kspace.rays import FittedRegion, fitted, thermal_energies
from w90spin.kspace.states import BlochStates, solve
from w90spin.response.claims import Response, TensorClaim

BATCH_BYTES = 8_000_000
"""Memory that the operators of one batch of k may take: about a core's share of the cache.
[bytes]"""

FEWEST_POINTS = 12
"""Points of a batch however large the model: every batch reads all operators once."""


@dataclass(frozen=True, eq=False)
class Values:
    """Integrand at a batch of k.

    Parameters
    ----------
    value_kx : float array (k, x)
        Every component of every raw tensor.
    occupied : tuple of int array (f), or None
        For each response that promised it to be the same everywhere, the number of bands below
        each Fermi level, at the first k.
    kpt_c : float array (c)
        That k.
    energy_kn : float array (k, n)
        Band energies. [eV]
    """

    value_kx: FloatArray
    occupied: tuple[IntArray | None, ...]
    kpt_c: FloatArray
    energy_kn: FloatArray


class Integrand:
    """Responses of a model as a function of k.

    Parameters
    ----------
    fourier : OperatorSource
        The model's operators; where there is no zone, the points asked for are those of the unit
        cube that its region of k is mapped from, and the integrand has the map's weight.
    responses : sequence of Response
        All are evaluated on the same states.
    tolerance : float
        Degeneracy tolerance. [eV]
    batch : int, optional
        k points evaluated together; by default what fits into a fixed amount of memory.

    Notes
    -----
    A slot is one tensor at one value of every axis but the components: errors and tolerances
    belong to slots, by the norm over components.
    """

    def __init__(
        self,
        fourier: OperatorSource,
        responses: Sequence[Response],
        tolerance: float,
        batch: int | None = None,
    ) -> None:
        self.fourier = fourier
        self.responses = responses
        self.tolerance = tolerance
        self.region: KRegion | FittedRegion | None = None
        if fourier.region is not None:
            energies = [
                energy
                for response in responses
                for energy in thermal_energies(
                    response.levels,
                    response.scales.kT,
                    surface=response.scales.surface > 0.0,
                )
            ]
            self.region = fitted(fourier.region, fourier.hamiltonian, energies)
        self.images = 1 if self.region is None else self.region.images
        self.pieces = self.region.pieces if isinstance(self.region, FittedRegion) else 1
        per_point = fourier.bytes_per_point * self.images
        self.batch = batch or max(FEWEST_POINTS, BATCH_BYTES // per_point)
        # In a region, rays are cut where bands cross the levels: nothing is left to be followed.
        self.surfaces = Surfaces.of(responses if self.region is None else [])
        self.steps = Steps.of(responses if self.region is None else [])
        self.claims: list[tuple[int, TensorClaim]] = [
            (r, claim) for r, response in enumerate(responses) for claim in response.claims.raw
        ]
        starts, chased, start = [], [], 0
        for _, claim in self.claims:
            per_slot = int(np.prod(claim.shape[len(claim.shape) - len(claim.components) :]))
            size = int(np.prod(claim.shape))
            starts.append(np.arange(start, start + size, per_slot))
            chased.append(np.full(len(starts[-1]), claim.chased))
            start += size
        self.size = start
        self._slot_start: IntArray = np.concatenate(starts)
        self.chased_s: BoolArray = np.concatenate(chased)
        self.slot_x: IntArray = np.repeat(
            np.arange(len(self._slot_start)), np.diff(np.append(self._slot_start, start))
        )

    @property
    def response_s(self) -> IntArray:
        """Number of the response that a slot belongs to, shape (slot)."""
        sizes = [int(np.prod(claim.shape)) for _, claim in self.claims]
        of_x = np.repeat([r for r, _ in self.claims], sizes)
        response_s: IntArray = of_x[self._slot_start]
        return response_s

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return len(self._slot_start)

    def __call__(self, points: KPoints | KLines) -> Values:
        """Evaluate every raw tensor at a batch of k.

        Parameters
        ----------
        points : KPoints or KLines
            Where.

        Returns
        -------
        Values

        Raises
        ------
        IntegrationError
            If a diagonalisation fails or a number is not finite.
        W90SpinError
            That of a response.
        """
        points, weight_k = self._placed(points)
        return self._at_nodes(self._values(self._states(points)), weight_k)

    def with_moduli(self, points: KPoints | KLines) -> tuple[Values, FloatArray]:
        """The same, and the sum of the moduli that each slot adds up, shape (k, slot)."""
        points, weight_k = self._placed(points)
        states = self._states(points)
        n_k = len(states.energy_kn)
        moduli = []
        for response in self.responses:
            size = response.magnitude(states)
            moduli += [size[claim.name].reshape(n_k, -1) for claim in response.claims.raw]
        values = self._at_nodes(self._values(states), weight_k)
        return values, self._weighted(np.concatenate(moduli, axis=1), weight_k)

    def norm(self, vector: FloatArray) -> FloatArray:
        """Norm over the components of every slot, shape (..., slot)."""
        squares: FloatArray = np.add.reduceat(vector**2, self._slot_start, axis=-1)
        return np.sqrt(squares)

    def tensors(self, vector: FloatArray) -> list[dict[str, FloatArray]]:
        """Cut vectors (..., x) into the raw tensors (..., *axes) of each response."""
        found: list[dict[str, FloatArray]] = [{} for _ in self.responses]
        start = 0
        for r, claim in self.claims:
            stop = start + int(np.prod(claim.shape))
            found[r][claim.name] = vector[..., start:stop].reshape(*vector.shape[:-1], *claim.shape)
            start = stop
        return found

    def invariant(self, symmetry: ZoneSymmetry, vector: FloatArray) -> FloatArray:
        """Sums over the whole zone from sums over one point of every star, shape (..., x)."""
        tensors = self.tensors(vector)
        return np.concatenate(
            [
                symmetry.invariant(claim, r, tensors[r][claim.name]).reshape(*vector.shape[:-1], -1)
                for r, claim in self.claims
            ],
            axis=-1,
        )

    def allowed(self, symmetry: ZoneSymmetry | None) -> BoolArray:
        """Components that the symmetry does not force to vanish, shape (x)."""
        if symmetry is None:
            return np.ones(self.size, dtype=bool)
        probe_nx = np.random.default_rng(0).uniform(1.0, 2.0, size=(3, self.size))
        reached_x: BoolArray = np.abs(self.invariant(symmetry, probe_nx)).max(axis=0) > 1e-9
        return reached_x

    def published(self, vector: FloatArray) -> tuple[Mapping[str, AnyNumberArray], ...]:
        """Published tensors from raw ones."""
        return tuple(
            response.publish(tensors)
            for response, tensors in zip(self.responses, self.tensors(vector), strict=True)
        )

    def published_errors(self, error_x: FloatArray) -> tuple[dict[str, FloatArray], ...]:
        """Errors of published tensors: those of the raw ones add up, signs unknown."""
        published: list[dict[str, FloatArray]] = []
        for response, tensors in zip(self.responses, self.tensors(error_x), strict=True):
            total: dict[str, FloatArray] = {}
            for name in tensors:
                alone: Mapping[str, FloatArray] = {
                    other: error if other == name else np.zeros_like(error)
                    for other, error in tensors.items()
                }
                for key, value in response.publish(alone).items():
                    total[key] = total.get(key, 0.0) + np.abs(value)
            published.append(total)
        return tuple(published)

    def _placed(self, points: KPoints | KLines) -> tuple[KPoints | KLines, FloatArray | None]:
        """Points in the coordinates of the operators, with their images, and their weights."""
        if self.region is None:
            return points, None
        kpt_ka, weight_k = self.region(points.kpt_kc)
        return KPoints(kpt_ka), weight_k

    def _weighted(self, value_kx: FloatArray, weight_k: FloatArray | None) -> FloatArray:
        """Sum over the images of every point, with its weight."""
        if weight_k is None:
            return value_kx
        image_kgx = value_kx.reshape(len(weight_k), self.images, -1)
        weighted_kx: FloatArray = weight_k[:, None] * image_kgx.sum(axis=1)
        return weighted_kx

    def _at_nodes(self, values: Values, weight_k: FloatArray | None) -> Values:
        """Values of all images of each node, summed with its weight, and all their bands."""
        if weight_k is None:
            return values
        return replace(
            values,
            value_kx=self._weighted(values.value_kx, weight_k),
            energy_kn=values.energy_kn.reshape(len(weight_k), -1),
        )

    def _states(self, points: KPoints | KLines) -> BlochStates:
        try:
            return solve(self.fourier, points, self.tolerance)
        except np.linalg.LinAlgError as problem:
            raise IntegrationError(
                f"The diagonalisation failed at k = {self._first_failure(points).tolist()}: "
                f"{problem}. Check the model's matrices for huge or bad elements."
            ) from problem

    def _first_failure(self, points: KPoints | KLines) -> FloatArray:
        """The first k at which the diagonalisation fails, or that of the batch if none does."""
        kpt_kc: FloatArray = points.kpt_kc
        failed = 0
        for k in range(len(kpt_kc)):
            try:
                solve(self.fourier, KPoints(kpt_kc[k : k + 1]), self.tolerance)
            except np.linalg.LinAlgError:
                failed = k
                break
        first_c: FloatArray = kpt_kc[failed]
        return first_c

    def _values(self, states: BlochStates) -> Values:
        n_k = len(states.energy_kn)
        columns: list[FloatArray] = []
        promises: list[IntArray | None] = []
        for response in self.responses:
            found = response(states)
            for claim in response.claims.raw:
                flat_kx = found[claim.name].reshape(n_k, -1)
                if not np.isfinite(flat_kx).all():
                    k = int(np.argmin(np.isfinite(flat_kx).all(axis=1)))
                    raise IntegrationError(
                        f"{response.claims.name}: '{claim.name}' is not finite at k = "
                        f"{states.kpt_kc[k].tolist()}. Check the model at this point, or report "
                        "it with the model."
                    )
                columns.append(flat_kx)
            below_kf = response.occupied_bands(states)
            promises.append(None if below_kf is None else below_kf[0])
        return Values(
            np.concatenate(columns, axis=1), tuple(promises), states.kpt_kc[0], states.energy_kn
        )
