r"""Operators of k·p models at a batch of k, and the map of their region of k onto the unit cube."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.errors import IntegrationError, MissingOperatorError
from w90spin.kspace.fourier import EXTRAS, Extra, FourierSum, KLines, KPoints, WannierMatrices
from w90spin.model.continuum import AnyModel, ContinuumModel
from w90spin.model.spin_current import CURRENTS
from w90spin.parallel import Comm

NEXT_TO_INFINITY = 1e-8
"""How near to 1 the first coordinate of an infinite region may come before an integral over it is
given up as divergent."""

LAST_DECADE = -4.0
"""How far towards infinity bands are looked at, in powers of ten beyond equal steps."""

_QUARTER_aa = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
IMAGES = {
    0: np.eye(3)[None],
    1: np.array([np.eye(3), np.diag([-1.0, 1.0, 1.0])]),
    2: np.array([np.linalg.matrix_power(_QUARTER_aa, g) for g in range(4)]),
    3: np.array([np.diag(signs) for signs in itertools.product((1.0, -1.0), repeat=3)]),
}
"""Images of a point of a folded region by its dimension; 0 stands for none but itself."""


@dataclass(frozen=True)
class KRegion:
    r"""The region inside a cutoff as the image of the unit cube, smooth in its coordinates.

    Balls have the coordinates radius, (1 + cos θ)/2 in three dimensions, and angle φ/2π; without
    a cutoff the radius is :math:`k = k_0 t/(1 - t)`, with the scale k0 of the model, so that an
    integrand that falls off like an inverse power of k is smooth up to t = 1.  Boxes have their
    own axes.

    Parameters
    ----------
    dimension : int
        d.
    cutoff : float or tuple of float
        Radius, which may be infinite, or half-lengths of a box. [1/Å]
    scale : float
        k0. [1/Å]
    folded : bool
        Map the cube onto one part of a ball, a half, quarter or octant, and give each point with
        its images in the others: ±k, k turned by right angles, or k with all signs.  What cancels
        between them need not fall off fast by itself: an integral over all k is that over
        spheres, one after the other.
    """

    dimension: int
    cutoff: float | tuple[float, ...]
    scale: float
    folded: bool = False

    def __call__(self, unit_kc: FloatArray) -> tuple[FloatArray, FloatArray]:
        r"""Points of the region and what they weigh.

        Parameters
        ----------
        unit_kc : float array (k, c)
            Points of the unit cube, of which the first d coordinates count.

        Returns
        -------
        kpt_ka : float array (k · images, a)
            Cartesian k, the images of a point after one another. [1/Å]
        weight_k : float array (k)
            Jacobian over :math:`(2\pi)^d`, for each of the images. [1/Å^d]

        Raises
        ------
        IntegrationError
            If a point is at infinity.
        """
        n_k, d = len(unit_kc), self.dimension
        per_volume = (2.0 * math.pi) ** -d
        place_ka = np.zeros((n_k, 3))
        if isinstance(self.cutoff, tuple):
            half_a = np.array(self.cutoff)
            place_ka[:, :d] = half_a * (2.0 * unit_kc[:, :d] - 1.0)
            return place_ka, np.full(n_k, per_volume * np.prod(2.0 * half_a))
        if d == 1 and not self.folded:
            place_ka[:, 0], slope_k = self._signed(2.0 * unit_kc[:, 0] - 1.0)
            return place_ka, 2.0 * per_volume * slope_k
        radius_k, slope_k = self._radius(unit_kc[:, 0])
        place_ka[:, 0] = 1.0
        if d > 1:
            cos_k = np.zeros(n_k)
            if d == 3:
                cos_k = unit_kc[:, 1] if self.folded else 2.0 * unit_kc[:, 1] - 1.0
            sin_k = np.sqrt(np.maximum(1.0 - cos_k**2, 0.0))
            phi_k = (0.5 if self.folded else 2.0) * math.pi * unit_kc[:, d - 1]
            place_ka = np.stack([sin_k * np.cos(phi_k), sin_k * np.sin(phi_k), cos_k], axis=1)
        place_ka *= radius_k[:, None]
        image_gaa = IMAGES[d] if self.folded else IMAGES[0]
        kpt_ka = np.einsum("gab,kb->kga", image_gaa, place_ka).reshape(-1, 3)
        sphere = {1: 2.0, 2: 2.0 * math.pi, 3: 4.0 * math.pi}[d]
        return kpt_ka, per_volume * sphere / self.images * radius_k ** (d - 1) * slope_k

    @property
    def images(self) -> int:
        """Number of k points that a point of the cube stands for."""
        return len(IMAGES[self.dimension]) if self.folded else 1

    @property
    def infinite(self) -> bool:
        """Whether there is no cutoff."""
        return isinstance(self.cutoff, float) and math.isinf(self.cutoff)

    @property
    def unfolded(self) -> KRegion:
        """The same with one k point for each point of the cube."""
        return replace(self, folded=False)

    def along(self, n: int) -> FloatArray:
        """First coordinates at which bands are looked at: all of a region, and towards k = ∞.

        Parameters
        ----------
        n : int
            Number of those that are equally far apart.

        Returns
        -------
        float array (x)
            Ascending; without a cutoff the last ones approach 1 geometrically, but leave it out.
        """
        if not self.infinite:
            return np.linspace(0.0, 1.0, n, dtype=np.float64)
        tail_x = 10.0 ** np.arange(LAST_DECADE, 0.0, 0.25) / n
        if self.dimension == 1 and not self.folded:
            return np.concatenate([tail_x, np.arange(1, n) / n, 1.0 - tail_x[::-1]])
        return np.concatenate([np.arange(n) / n, 1.0 - tail_x[::-1]])

    def _radius(self, t_k: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Radius and its derivative with the first coordinate."""
        if isinstance(self.cutoff, float) and not self.infinite:
            return self.cutoff * t_k, np.full(len(t_k), self.cutoff)
        rest_k = 1.0 - t_k
        if (rest_k < NEXT_TO_INFINITY).any():
            raise IntegrationError(
                "The integral over all k does not converge: the integrand falls off too slowly "
                "towards large k. Give the model a cutoff, and say it with the number; or take "
                "its lattice form."
            )
        return self.scale * t_k / rest_k, self.scale / rest_k**2

    def _signed(self, x_k: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Signed k on a line from x between -1 and 1, and its derivative."""
        if isinstance(self.cutoff, float) and not self.infinite:
            return self.cutoff * x_k, np.full(len(x_k), self.cutoff)
        rest_k = 1.0 - x_k**2
        return self.scale * x_k / rest_k, self.scale * (1.0 + x_k**2) / rest_k**2


class ContinuumOperators:
    """Operators of a k·p model at Cartesian k.

    Parameters
    ----------
    model : ContinuumModel
        The model.
    extras : sequence of str
        What else is needed: "curl" and "dspin", which are zero, as position and spin are the same
        at every k.

    Raises
    ------
    MissingOperatorError
        For products of spin, energy and position, which belong to Wannier functions of a crystal.
    """

    def __init__(self, model: ContinuumModel, extras: Sequence[Extra] = ()) -> None:
        for name in extras:
            if name in CURRENTS:
                raise MissingOperatorError(
                    f"k·p model '{model.name}' has no operators for the spin current '{name}', "
                    "which are those of a crystal's Wannier functions. Take current = 'simple'."
                )
        self.model = model
        self.extras = tuple(extras)
        infinite = not isinstance(model.cutoff, tuple) and math.isinf(model.cutoff)
        self.region = KRegion(model.dimension, model.cutoff, model.scale, folded=infinite)
        # Innermost the radius: Fermi surfaces and edges cross it, along angles little happens.
        self.direction = 0

    def close(self) -> None:
        """Nothing is held."""

    @property
    def bytes_per_point(self) -> int:
        """Memory that one k point takes in :meth:`__call__`. [bytes]"""
        matrices = 1 + 3 + 3 + (0 if self.model.spin_sij is None else 3)
        matrices += sum(EXTRAS[name] for name in self.extras)
        return 16 * matrices * self.model.n_wann**2

    def __call__(self, batch: KPoints | KLines) -> WannierMatrices:
        """Operators at every point of a batch.

        Parameters
        ----------
        batch : KPoints or KLines
            Where, in Cartesian coordinates. [1/Å]

        Returns
        -------
        WannierMatrices
        """
        model = self.model
        ham_kij, dham_kaij = model.function(batch.kpt_kc)
        shape = dham_kaij.shape
        spin_ksij = None
        if model.spin_sij is not None:
            spin_ksij = np.broadcast_to(model.spin_sij, shape)
        n_k, _, n, _ = shape
        return WannierMatrices(
            ham_kij=np.asarray(ham_kij, dtype=np.complex128),
            dham_kaij=np.asarray(dham_kaij, dtype=np.complex128),
            pos_kaij=np.broadcast_to(model.pos_aij, shape),
            spin_ksij=spin_ksij,
            curl_kcij=np.zeros(shape, np.complex128) if "curl" in self.extras else None,
            dspin_ksaij=(
                np.zeros((n_k, 3, 3, n, n), np.complex128) if "dspin" in self.extras else None
            ),
        )

    def hamiltonian(self, kpt_kc: FloatArray) -> ComplexArray:
        """H(k) alone.

        Parameters
        ----------
        kpt_kc : float array (k, a)
            Cartesian k. [1/Å]

        Returns
        -------
        complex array (k, i, j)
            [eV]
        """
        return np.asarray(self.model.function(kpt_kc)[0], dtype=np.complex128)


class OperatorSource(Protocol):
    """Operators of a model at a batch of k: :class:`FourierSum` or :class:`ContinuumOperators`."""

    direction: int
    """Coordinate of the lines in :class:`KLines`, innermost in iterated integrals."""

    @property
    def model(self) -> AnyModel:
        """The model."""
        ...

    @property
    def extras(self) -> tuple[Extra, ...]:
        """What is given beyond H, r and spin."""
        ...

    @property
    def region(self) -> KRegion | None:
        """Region of k that is integrated over; None for a zone, in reduced coordinates."""
        ...

    @property
    def bytes_per_point(self) -> int:
        """Memory that one k point takes. [bytes]"""
        ...

    def __call__(self, batch: KPoints | KLines) -> WannierMatrices:
        """Operators at every point, in reduced or, for a continuum, Cartesian coordinates."""
        ...

    def hamiltonian(self, kpt_kc: FloatArray) -> ComplexArray:
        """H(k) alone, shape (k, i, j). [eV]"""
        ...

    def close(self) -> None:
        """Give memory back; the source is used no more."""
        ...


def operators_of(
    model: AnyModel, comm: Comm | None = None, extras: Sequence[Extra] = ()
) -> OperatorSource:
    """What gives a model's operators at k.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    comm : Comm, optional
        Ranks that build this together.
    extras : sequence of str
        What is needed beyond H, r and spin.

    Returns
    -------
    FourierSum or ContinuumOperators

    Raises
    ------
    MissingOperatorError
        If the model lacks one of them.
    """
    if isinstance(model, ContinuumModel):
        return ContinuumOperators(model, extras)
    return FourierSum(model, comm=comm, extras=extras)
