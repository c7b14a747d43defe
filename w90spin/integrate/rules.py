"""What a user asks of the zone integral: the rule and its tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from w90spin.errors import IntegrationError


@dataclass(frozen=True, kw_only=True)
class UniformMesh:
    """Trapezoidal rule on one mesh, its error from the coarser meshes among its points.

    Parameters
    ----------
    n : int or 3 ints
        Points along each periodic lattice direction; one number serves all of them.  Multiples of
        6 have the best error estimate; a number that 2 and 3 do not divide costs a second mesh.
    shift : 3 floats
        0 or 0.5: offset from Γ in units of the spacing.
    """

    n: int | tuple[int, int, int]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _check_counts(self.n, "UniformMesh(n=...)")
        _check_shift(self.shift)


@dataclass(frozen=True, kw_only=True)
class PeriodicMesh:
    """Trapezoidal rule on finer and finer meshes until the error meets the tolerance.

    It converges exponentially for a smooth integrand: gapped, thermally smeared or broadened.

    Parameters
    ----------
    rtol : float
        Tolerance relative to each tensor.
    atol : float
        Absolute tolerance in the unit of the integrated tensors; the larger of the two counts.
    start : int or 3 ints, optional
        First mesh; by default from the gap, temperature or broadening and the band velocity.
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
        _check_tolerance(self.rtol, self.atol, self.max_points, "PeriodicMesh")
        if self.start is not None:
            _check_counts(self.start, "PeriodicMesh(start=...)")
        _check_shift(self.shift)


@dataclass(frozen=True, kw_only=True)
class AdaptiveTree:
    """Cells that are split where the error is, until their sum meets the tolerance.

    Each cell has a cubature of degree 7 with an embedded one of degree 5 (Genz and Malik; in one
    dimension Gauss and Kronrod with 15 and 7 points).  For integrands with sharp features: Fermi
    surfaces at low temperature, near resonances.

    Parameters
    ----------
    rtol, atol : float
        Tolerances, as in :class:`PeriodicMesh`.
    max_points : int
        Where to give up.
    """

    rtol: float = 1e-3
    atol: float = 0.0
    max_points: int = 1_000_000

    def __post_init__(self) -> None:
        _check_tolerance(self.rtol, self.atol, self.max_points, "AdaptiveTree")


@dataclass(frozen=True, kw_only=True)
class Iterated:
    """One-dimensional adaptive integrals inside one another (Gauss-Kronrod, 15 points).

    The cost grows like a power of the logarithm of the sharpest feature's width: for metals at
    T = 0 and for narrow broadenings, above all in three dimensions.

    Parameters
    ----------
    rtol, atol : float
        Tolerances, as in :class:`PeriodicMesh`.
    max_points : int
        Where to give up.
    """

    rtol: float = 1e-3
    atol: float = 0.0
    max_points: int = 10_000_000

    def __post_init__(self) -> None:
        _check_tolerance(self.rtol, self.atol, self.max_points, "Iterated")


@dataclass(frozen=True, kw_only=True)
class AutoMesh:
    """The rule that suits the integrand: :class:`PeriodicMesh`, :class:`AdaptiveTree` or
    :class:`Iterated`.

    The choice and its reason are reported with the result.

    Parameters
    ----------
    rtol, atol : float
        Tolerances, as in :class:`PeriodicMesh`.
    max_points : int
        Where to give up.
    """

    rtol: float = 1e-4
    atol: float = 0.0
    max_points: int = 1_000_000

    def __post_init__(self) -> None:
        _check_tolerance(self.rtol, self.atol, self.max_points, "AutoMesh")


Rule = UniformMesh | PeriodicMesh | AdaptiveTree | Iterated | AutoMesh


def _check_tolerance(rtol: float, atol: float, max_points: int, label: str) -> None:
    numbers = all(
        isinstance(x, Real) and not isinstance(x, bool) and 0.0 <= x < math.inf
        for x in (rtol, atol)
    )
    if not numbers or not rtol + atol > 0.0:
        raise IntegrationError(
            f"{label} needs finite rtol > 0 or atol > 0; rtol = {rtol!r}, atol = {atol!r}."
        )
    if not isinstance(max_points, Integral) or isinstance(max_points, bool) or max_points < 1:
        raise IntegrationError(f"{label}: max_points = {max_points!r} must be a positive integer.")


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
