r"""k·p models: H(k) of one valley, cut off at some \|k\| or not at all."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import MissingOperatorError, ModelError
from w90spin.model.spin import PAULI_sij
from w90spin.model.wannier import WannierModel

HERMITICITY = 1e-8
"""Largest accepted violation of H = H^†, relative to the largest element."""

DERIVATIVE = 1e-5
"""Largest accepted difference of dH/dk from finite differences, relative to its largest element."""

DEFAULT_SCALE = 0.1
"""Scale of k where a model does not tell one. [1/Å]"""

PICTURE_SCALES = 5.0
"""How far pictures of a model without cutoff reach, in units of its scale."""

PROBES = 16
"""Points at which a function is looked at when a model is made of it."""

LATTICE_HEIGHT = 16.0
"""Length of lattice vectors along which a regularised model does not repeat. [Å]"""

Powers = tuple[int, int, int]
KFunction = Callable[[FloatArray], tuple[ComplexArray, ComplexArray]]
"""From Cartesian k (k, a) [1/Å] to H (k, i, j) [eV] and dH/dk_a (k, a, i, j) [eV Å]."""

Cutoff = float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Polynomial:
    r"""H(k) = Σ_x k_x^p k_y^q k_z^r M_x.

    Parameters
    ----------
    power_xa : int array (x, a)
        Powers of the Cartesian components of k.
    matrix_xij : complex array (x, i, j)
        Their matrices. [eV Å^(p+q+r)]
    """

    power_xa: IntArray
    matrix_xij: ComplexArray

    def __call__(self, kpt_ka: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """H (k, i, j) [eV] and its derivatives (k, a, i, j) [eV Å] at Cartesian k [1/Å]."""
        n_k, (n_x, n) = len(kpt_ka), self.matrix_xij.shape[:2]
        power_xa = self.power_xa
        factor_kxa = kpt_ka[:, None, :] ** power_xa
        # p k^(p-1); the power of a factor p = 0 does not matter, but must not be negative.
        slope_kxa = power_xa * kpt_ka[:, None, :] ** np.maximum(power_xa - 1, 0)
        rows = [factor_kxa.prod(axis=2)]
        for a in range(3):
            others = [b for b in range(3) if b != a]
            rows.append(slope_kxa[:, :, a] * factor_kxa[:, :, others].prod(axis=2))
        flat = np.stack(rows, axis=1).reshape(-1, n_x) @ self.matrix_xij.reshape(n_x, -1)
        found_kyij: ComplexArray = flat.reshape(n_k, 4, n, n)
        return found_kyij[:, 0], found_kyij[:, 1:]


@dataclass(frozen=True, eq=False)
class ContinuumModel:
    r"""A Hamiltonian H(k) of Cartesian k in one, two or three dimensions, without a lattice.

    Responses are integrated as :math:`\int d^dk/(2\pi)^d` over the region inside the cutoff.
    Wherever a crystal has reduced coordinates, this has Cartesian ones in 1/Å.  Make one with
    :meth:`from_polynomial`, :meth:`from_function` or the toys; the constructor itself checks
    nothing.

    Parameters
    ----------
    name : str
        What reports and results call the model.
    dimension : int
        d: k runs along the first d Cartesian axes.
    function : callable
        H and dH/dk; a :class:`Polynomial` where the coefficients are known.
    n_wann : int
        Number of basis functions, spin counted.
    spin_sij : complex array (s, i, j), or None
        Pauli matrices, the same at every k.
    pos_aij : complex array (a, i, j)
        Position matrices between basis functions, the same at every k. [Å]
    cutoff : float or tuple of float
        Radius of the ball, disc or interval \|k\| < K, which may be infinite; or the half-lengths
        of a box. [1/Å]
    scale : float
        Where H(k) changes its character: what the points of an infinite region are laid out by,
        and how far pictures reach. [1/Å]
    spin_source : str
        Where the spin operator comes from.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    name: str
    dimension: int
    function: KFunction
    n_wann: int
    spin_sij: ComplexArray | None
    pos_aij: ComplexArray
    cutoff: Cutoff
    scale: float
    spin_source: str
    notes: tuple[str, ...] = ()

    @classmethod
    def from_polynomial(
        cls,
        terms: Mapping[Powers, ArrayLike],
        *,
        dimension: int,
        spin: ArrayLike | None = None,
        pos: ArrayLike | None = None,
        cutoff: float | Sequence[float] = math.inf,
        scale: float | None = None,
        name: str = "k·p model",
    ) -> ContinuumModel:
        r"""Model from the coefficients of a polynomial in k.

        Parameters
        ----------
        terms : mapping of (p, q, r) to complex array (n, n)
            Hermitian matrices of :math:`k_x^p k_y^q k_z^r`. [eV Å^(p+q+r)]
        dimension : int
            1, 2 or 3: k runs along the first axes.
        spin : complex array (3, n, n), optional
            Pauli matrices of the basis; 2J for states of spin j counts all their angular momentum.
        pos : complex array (3, n, n), optional
            Position matrices; none means that all basis functions are at the origin. [Å]
        cutoff : float or d floats
            K of \|k\| < K, or half-lengths of a box. [1/Å]
        scale : float, optional
            Where H(k) changes its character; by default where terms of different powers are as
            large as one another. [1/Å]
        name : str
            What reports and results call the model.

        Returns
        -------
        ContinuumModel

        Raises
        ------
        ModelError
            If shapes disagree, a matrix is not Hermitian, a power is negative or of a direction
            beyond the dimension, or the cutoff or scale is not positive.

        Examples
        --------
        >>> import numpy as np
        >>> line = ContinuumModel.from_polynomial({(2, 0, 0): np.eye(1)}, dimension=1, cutoff=0.5)
        >>> line.lattice(a=2.0).n_wann
        1
        """
        _check_dimension(dimension)
        if not isinstance(terms, Mapping) or not terms:
            raise ModelError("terms must map at least one (p, q, r) to a matrix.")
        n = len(np.atleast_1d(np.asarray(next(iter(terms.values())))))
        for powers, matrix in terms.items():
            _check_powers(powers, dimension)
            _check_hermitian(_matrices(matrix, (n, n), f"The matrix of {powers}"), f"{powers}")
        polynomial = Polynomial(
            np.array(list(terms), dtype=np.int64),
            np.array([np.asarray(matrix) for matrix in terms.values()], dtype=np.complex128),
        )
        return _checked(
            cls, name, dimension, polynomial, n, spin, pos, cutoff,
            _natural_scale(polynomial) if scale is None else scale,
        )  # fmt: skip

    @classmethod
    def from_function(
        cls,
        function: KFunction,
        *,
        dimension: int,
        spin: ArrayLike | None = None,
        pos: ArrayLike | None = None,
        cutoff: float | Sequence[float] = math.inf,
        scale: float | None = None,
        name: str = "k·p model",
    ) -> ContinuumModel:
        r"""Model from a function that gives H(k) and its derivatives at many k at once.

        Parameters
        ----------
        function : callable
            From Cartesian k (k, 3) [1/Å] to H (k, n, n) [eV] and dH/dk_a (k, 3, n, n) [eV Å],
            zero along axes beyond the dimension.
        dimension : int
            1, 2 or 3: k runs along the first axes.
        spin : complex array (3, n, n), optional
            Pauli matrices of the basis.
        pos : complex array (3, n, n), optional
            Position matrices; none means that all basis functions are at the origin. [Å]
        cutoff : float or d floats
            K of \|k\| < K, or half-lengths of a box. [1/Å]
        scale : float, optional
            Where H(k) changes its character; needed where the cutoff is infinite. [1/Å]
        name : str
            What reports and results call the model.

        Returns
        -------
        ContinuumModel

        Raises
        ------
        ModelError
            As :meth:`from_polynomial`, and if the function's derivatives are not those of its H.
        """
        _check_dimension(dimension)
        if scale is None:
            reach = np.max(np.atleast_1d(np.asarray(cutoff, dtype=np.float64)))
            if not np.isfinite(reach):
                raise ModelError(
                    f"Model '{name}' has no cutoff, and of a function nobody can tell where it "
                    "changes its character. Give scale (in 1/Å), or a finite cutoff."
                )
            scale = float(reach) / PICTURE_SCALES
        return _checked(
            cls, name, dimension, function, _probe(function, dimension, scale, name), spin, pos,
            cutoff, scale,
        )  # fmt: skip

    def lattice(self, a: float) -> WannierModel:
        r"""Lattice regularisation: k_i → sin(k_i a)/a and k_i² → 2(1 - cos k_i a)/a².

        Products of different directions are products of these.

        Parameters
        ----------
        a : float
            Constant of the chain, square or simple cubic lattice. [Å]

        Returns
        -------
        WannierModel
            Equal to this one up to corrections of relative order (ka)².

        Raises
        ------
        ModelError
            If a direction has a power higher than 2, H(k) is not a polynomial, or ``a`` is not
            positive.
        """
        if not isinstance(self.function, Polynomial):
            raise ModelError(
                f"Model '{self.name}' is a function of k, and only polynomials can be put on a "
                "lattice. Build it with ContinuumModel.from_polynomial."
            )
        if not (math.isfinite(a) and a > 0.0):
            raise ModelError(f"a = {a} must be a positive length in Å.")
        hoppings: dict[Powers, ComplexArray] = {(0, 0, 0): np.zeros((self.n_wann,) * 2, complex)}
        for power_a, matrix_ij in zip(
            self.function.power_xa.tolist(), self.function.matrix_xij, strict=True
        ):
            if max(power_a) > 2:
                raise ModelError(
                    f"The term {_monomial(power_a)} of model '{self.name}' has no lattice form: "
                    "only k → sin(ka)/a and k² → 2(1 - cos ka)/a² are defined, and their products "
                    "along different directions. Leave the term out, or integrate the continuum."
                )
            for steps in itertools.product(*(_substitutes(power, a).items() for power in power_a)):
                R = (steps[0][0], steps[1][0], steps[2][0])
                weight = math.prod(weight for _, weight in steps)
                hoppings[R] = hoppings.get(R, 0.0) + weight * matrix_ij
        home = list(hoppings).index((0, 0, 0))
        shape = (len(hoppings), self.n_wann, self.n_wann, 3)
        pos_Rija, spin_Rijs = np.zeros(shape, complex), np.zeros(shape, complex)
        pos_Rija[home] = np.moveaxis(self.pos_aij, 0, -1)
        if self.spin_sij is not None:
            spin_Rijs[home] = np.moveaxis(self.spin_sij, 0, -1)
        along = self.periodic
        model = WannierModel.from_arrays(
            np.diag([a if repeats else LATTICE_HEIGHT for repeats in along]),
            list(hoppings),
            np.stack(list(hoppings.values())),
            pos=pos_Rija,
            spin=None if self.spin_sij is None else spin_Rijs,
            periodic=along,
            name=f"{self.name}, on a lattice of {a:g} Å",
            spin_pairs=self._spin_pairs,
        )
        return replace(model, spin_source=self.spin_source, notes=self.notes)

    @property
    def _spin_pairs(self) -> list[tuple[int, int]] | None:
        """Basis functions (up, down) of one orbital, where they are pure spinors in this order."""
        pairs = [(i, i + 1) for i in range(0, self.n_wann - 1, 2)]
        if self.spin_sij is None or 2 * len(pairs) != self.n_wann:
            return None
        pure_sij = np.kron(np.eye(len(pairs)), PAULI_sij)
        return pairs if np.array_equal(self.spin_sij, pure_sij) else None

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Along which axes k runs, as in a crystal those that it repeats along."""
        return (True, self.dimension > 1, self.dimension > 2)

    @property
    def measure(self) -> float:
        """1: integrals over k are not means over a zone, so that no cell divides them."""
        return 1.0

    @property
    def recip_ca(self) -> FloatArray:
        """Unit vectors: k has Cartesian coordinates. [1/Å]"""
        return np.eye(3)

    @property
    def extent(self) -> float:
        """How far pictures reach by default. [1/Å]"""
        reach = max(self.cutoff) if isinstance(self.cutoff, tuple) else self.cutoff
        return reach if math.isfinite(reach) else PICTURE_SCALES * self.scale

    @property
    def region(self) -> str:
        """The region of k in words."""
        if isinstance(self.cutoff, tuple):
            pairs = zip("xyz", self.cutoff, strict=False)
            return ", ".join(f"|k_{axis}| < {half:g} 1/Å" for axis, half in pairs)
        return f"|k| < {self.cutoff:g} 1/Å" if math.isfinite(self.cutoff) else "all k"

    def needs_spin(self, user: str) -> ComplexArray:
        """Spin matrices, or an error that says how to get them.

        Parameters
        ----------
        user : str
            What needs them.

        Returns
        -------
        complex array (s, i, j)
            Pauli matrices.

        Raises
        ------
        MissingOperatorError
            If the model carries none.
        """
        if self.spin_sij is None:
            raise MissingOperatorError(
                f"Model '{self.name}' carries no spin operator, which {user} needs. Give spin= "
                "when building it: three matrices, the Pauli matrices of its basis."
            )
        return self.spin_sij

    def within(self, cutoff: float | Sequence[float]) -> ContinuumModel:
        """The same model with another cutoff. [1/Å]"""
        return replace(self, cutoff=_cutoff(cutoff, self.dimension))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of H and its derivatives at a few points, position and spin: two models with
        the same one give the same numbers.
        """
        digest = hashlib.sha256()
        digest.update(repr((self.dimension, self.cutoff, self.scale)).encode())
        ham_kij, dham_kaij = self.function(_probe_points(self.dimension, self.scale))
        for array in (ham_kij, dham_kaij, self.pos_aij, self.spin_sij):
            if array is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


AnyModel = WannierModel | ContinuumModel
"""What responses can be computed for."""


def _substitutes(power: int, a: float) -> dict[int, complex]:
    """Fourier coefficients, by lattice vector, of what stands for k^power on a lattice."""
    if power == 0:
        return {0: 1.0}
    if power == 1:
        return {1: -0.5j / a, -1: 0.5j / a}
    return {0: 2.0 / a**2, 1: -1.0 / a**2, -1: -1.0 / a**2}


def _monomial(power_a: Sequence[int]) -> str:
    factors = [
        f"k_{axis}" + (f"^{power}" if power > 1 else "")
        for axis, power in zip("xyz", power_a, strict=True)
        if power
    ]
    return " ".join(factors)


def _checked(
    cls: type[ContinuumModel],
    name: str,
    dimension: int,
    function: KFunction,
    n: int,
    spin: ArrayLike | None,
    pos: ArrayLike | None,
    cutoff: float | Sequence[float],
    scale: float,
) -> ContinuumModel:
    if not (isinstance(scale, int | float) and math.isfinite(scale) and scale > 0.0):
        raise ModelError(f"scale = {scale!r} must be a positive number in 1/Å.")
    spin_sij = None
    if spin is not None:
        spin_sij = _matrices(spin, (3, n, n), "spin")
        _check_hermitian(spin_sij, "spin")
    pos_aij = np.zeros((3, n, n), dtype=np.complex128)
    if pos is not None:
        pos_aij = _matrices(pos, (3, n, n), "pos")
        _check_hermitian(pos_aij, "pos")
    return cls(
        name=name,
        dimension=dimension,
        function=function,
        n_wann=n,
        spin_sij=spin_sij,
        pos_aij=pos_aij,
        cutoff=_cutoff(cutoff, dimension),
        scale=float(scale),
        spin_source="none" if spin is None else "given matrices, the same at every k",
    )


def _check_dimension(dimension: int) -> None:
    if dimension not in (1, 2, 3):
        raise ModelError(f"dimension = {dimension!r} must be 1, 2 or 3.")


def _check_powers(powers: Any, dimension: int) -> None:
    whole = (
        isinstance(powers, tuple)
        and len(powers) == 3
        and all(isinstance(power, int) and power >= 0 for power in powers)
    )
    if not whole:
        raise ModelError(
            f"The key {powers!r} must be three powers (p, q, r) of k_x, k_y and k_z, integers "
            "from 0 up."
        )
    if any(powers[dimension:]):
        raise ModelError(
            f"The term {_monomial(powers)} needs more than the {dimension} dimension(s) of the "
            "model. Raise dimension or leave it out."
        )


def _matrices(values: ArrayLike, shape: tuple[int, ...], label: str) -> ComplexArray:
    array = np.array(values, dtype=np.complex128)
    if array.shape != shape:
        raise ModelError(f"{label} has shape {array.shape}; {shape} is needed.")
    if not np.isfinite(array).all():
        raise ModelError(f"{label} holds a number that is not finite.")
    return array


def _check_hermitian(op_xij: ComplexArray, label: str) -> None:
    violation = float(np.abs(op_xij - op_xij.conj().swapaxes(-1, -2)).max(initial=0.0))
    if violation > HERMITICITY * max(float(np.abs(op_xij).max(initial=0.0)), 1.0):
        raise ModelError(
            f"{label}: the matrix differs from its adjoint by {violation:.3g}. Add the Hermitian "
            "conjugate of what you gave."
        )


def _cutoff(cutoff: float | Sequence[float], dimension: int) -> Cutoff:
    if np.ndim(cutoff) == 0:
        radius = float(np.asarray(cutoff))
        if not radius > 0.0:
            raise ModelError(f"cutoff = {cutoff!r} must be positive, in 1/Å; math.inf is allowed.")
        return radius
    halves = tuple(float(half) for half in np.asarray(cutoff).ravel())
    if len(halves) != dimension or not all(math.isfinite(h) and h > 0.0 for h in halves):
        raise ModelError(
            f"cutoff = {cutoff!r} must be one radius, or {dimension} finite positive half-lengths "
            "of a box, in 1/Å."
        )
    return halves


def _natural_scale(polynomial: Polynomial) -> float:
    """Where terms of neighbouring degrees are as large as one another: their geometric mean."""
    degree_x = polynomial.power_xa.sum(axis=1)
    n = polynomial.matrix_xij.shape[1]
    trace_x = np.trace(polynomial.matrix_xij, axis1=1, axis2=2) / n
    # A shift of all energies has no scale.
    shift_xij = np.where(degree_x == 0, trace_x, 0.0)[:, None, None] * np.eye(n)
    size_x = np.linalg.norm(polynomial.matrix_xij - shift_xij, axis=(1, 2))
    sizes = {
        int(degree): float(size_x[degree_x == degree].max())
        for degree in np.unique(degree_x)
        if size_x[degree_x == degree].max() > 0.0
    }
    logs = [
        (math.log(sizes[low]) - math.log(sizes[high])) / (high - low)
        for low, high in itertools.pairwise(sorted(sizes))
    ]
    return math.exp(sum(logs) / len(logs)) if logs else DEFAULT_SCALE


def _probe_points(dimension: int, scale: float) -> FloatArray:
    kpt_ka = np.zeros((PROBES, 3))
    generator = np.random.default_rng(0)
    kpt_ka[:, :dimension] = scale * generator.uniform(-1.0, 1.0, size=(PROBES, dimension))
    return kpt_ka


def _probe(function: KFunction, dimension: int, scale: float, name: str) -> int:
    """Number of basis functions of a function, which is looked at at a few points."""
    kpt_ka = _probe_points(dimension, scale)
    try:
        ham_kij, dham_kaij = (np.asarray(array) for array in function(kpt_ka))
    except (TypeError, ValueError) as problem:
        raise ModelError(
            f"The function of model '{name}' must take an array (k, 3) and return H (k, n, n) and "
            f"dH/dk (k, 3, n, n): {problem}."
        ) from problem
    n = ham_kij.shape[-1] if ham_kij.ndim else 0
    _matrices(ham_kij, (PROBES, n, n), f"H(k) of model '{name}'")
    _matrices(dham_kaij, (PROBES, 3, n, n), f"dH/dk of model '{name}'")
    _check_hermitian(ham_kij, f"H(k) of model '{name}'")
    step = 1e-4 * scale
    for a in range(3):
        change_a = step * np.eye(3)[a]
        if a < dimension:
            high, low = function(kpt_ka + change_a)[0], function(kpt_ka - change_a)[0]
            expected_kij = (high - low) / (2.0 * step)
        else:
            expected_kij = np.zeros_like(ham_kij)
        apart = float(np.abs(dham_kaij[:, a] - expected_kij).max())
        size = max(float(np.abs(dham_kaij).max()), float(np.abs(ham_kij).max()) / scale)
        if apart > DERIVATIVE * max(size, 1e-12):
            raise ModelError(
                f"dH/dk_{'xyz'[a]} of model '{name}' differs from finite differences of its H(k) "
                f"by {apart:.3g} eV Å. Correct the derivative; beyond the dimension it is zero."
            )
    return n
