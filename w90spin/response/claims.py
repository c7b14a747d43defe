"""What a response tells the rest of the house about itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from w90spin.arrays import AnyNumberArray, FloatArray, IntArray
from w90spin.kspace.fourier import EXTRAS, Extra
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor.

    Parameters
    ----------
    name : str
        E.g. "omega".
    values : tuple
        Coordinates, numbers or names.
    unit : str
        Unit of the coordinates; empty for names.
    description : str
        One sentence.
    """

    name: str
    values: tuple[float, ...] | tuple[str, ...]
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)
class TensorClaim:
    """One tensor that a response integrates.

    Parameters
    ----------
    name : str
        E.g. "upsilon1_even".
    axes : tuple of Axis
        Axes in order: "part" first, Cartesian components last.
    time_reversal : int
        +1 if the integrand at -k equals that at k in a time-reversal symmetric model, -1 if it is
        opposite, so that the integral vanishes there.
    components : tuple of "axial" or "polar"
        How each of the last axes transforms: spins and magnetic fields are axial vectors, electric
        fields and currents polar ones.
    chased : bool
        Whether the integration goes on until its error meets the tolerance; not so for what only
        tells how far to trust the rest.
    """

    name: str
    axes: tuple[Axis, ...]
    time_reversal: int
    components: tuple[Literal["axial", "polar"], ...] = ("axial", "polar")
    chased: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(len(axis.values) for axis in self.axes)


@dataclass(frozen=True)
class PublishedTensor:
    """One tensor as the user gets it.

    Parameters
    ----------
    name : str
        E.g. "upsilon1".
    symbol : str
        As in the literature.
    axes : tuple of Axis
        Axes in order.
    unit : str
        Unit without its power of Å.
    length_power : int
        Power of Å in that unit, which the zone integral lowers by the number of dimensions.
    description : str
        One sentence.
    """

    name: str
    symbol: str
    axes: tuple[Axis, ...]
    unit: str
    length_power: int
    description: str

    def unit_in(self, dimension: int) -> str:
        """Unit of the zone integral over this many dimensions."""
        return " ".join(filter(None, (_power("Å", self.length_power - dimension), self.unit)))

    @property
    def unit_per_k(self) -> str:
        """Unit at one k."""
        return self.unit_in(0)


@dataclass(frozen=True)
class Claims:
    """What a response is and needs.

    Parameters
    ----------
    name : str
        Name in job files and results.
    title : str
        One line for tables and plots.
    needs : frozenset of str
        Operators that the model must carry, by their names in `w90spin.model.operators`.
    raw : tuple of TensorClaim
        What the integrand returns, each of definite parity under time reversal.
    published : tuple of PublishedTensor
        What the user gets.
    reference : str
        Where the formula is from.
    extras : frozenset of str
        What must be summed over R beyond H, r, spin and the operators in ``needs``, by its name in
        `w90spin.kspace.fourier.EXTRAS`.
    """

    name: str
    title: str
    needs: frozenset[str]
    raw: tuple[TensorClaim, ...]
    published: tuple[PublishedTensor, ...]
    reference: str
    extras: frozenset[Extra] = frozenset()


@dataclass(frozen=True)
class EnergyScales:
    """What makes an integrand smooth or sharp in k, beside the bands. [eV]

    Parameters
    ----------
    kT : float
        Lowest temperature.
    eta : float
        Broadening of transitions; 0 for none.
    omega : float
        Highest photon energy.
    surface : float
        Width of the peak at every Fermi level that is all there is of the integrand: kT for
        -∂f/∂ε, η for Lorentzians; 0 if bands away from the Fermi levels contribute as well.  Rules
        then follow the bands through the levels, as the integrand does not show where to look.
    """

    kT: float
    eta: float
    omega: float
    surface: float = 0.0

    @property
    def resonant(self) -> bool:
        """Whether the formulas hold only below the smallest transition energy."""
        return self.eta == 0.0 and self.omega > 0.0


class Response(Protocol):
    """A response: callable on Bloch states.

    ``needs`` says of the class, before there is an instance, which operators a model must carry:
    by variant, as in ``{"current = 'ryoo2019'": frozenset({"spin", "ryoo2019"})}``, or under ""
    where there is only one.
    """

    needs: ClassVar[Mapping[str, frozenset[str]]]

    @property
    def claims(self) -> Claims:
        """What it is and needs."""
        ...

    @property
    def parts(self) -> Partition | None:
        """Parts of the cell, if it is resolved by them."""
        ...

    @property
    def insulator(self) -> bool:
        """Promise that no Fermi level crosses a band."""
        ...

    @property
    def levels(self) -> list[float]:
        """Fermi levels. [eV]"""
        ...

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        ...

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of every raw tensor, shape (k, *axes)."""
        ...

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Moduli that each raw integrand adds up, shape (k, *axes but those of components)."""
        ...

    def bands(self, states: BlochStates) -> Mapping[str, AnyNumberArray]:
        """Published tensors of single bands, summed over degenerate blocks.

        Shape (k, n, *axes without kT and mu); those that bands have no share in are left out.
        """
        ...

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each level, shape (k, f), if promised to be the same at all k."""
        ...

    def publish(self, raw: Mapping[str, FloatArray]) -> Mapping[str, AnyNumberArray]:
        """Published tensors from raw ones: linear, on arrays with the axes of the claims."""
        ...

    def parameters(self) -> dict[str, object]:
        """Physical parameters, as plain numbers and strings for the result file."""
        ...


def extras_needed(responses: Iterable[Response]) -> tuple[Extra, ...]:
    """What must be summed over R beyond H, r and spin.

    Parameters
    ----------
    responses : iterable of Response
        The responses.

    Returns
    -------
    tuple of str
        In the order of :data:`~w90spin.kspace.fourier.EXTRAS`.
    """
    claims = [response.claims for response in responses]
    needed = frozenset[str]().union(*(claim.needs | claim.extras for claim in claims))
    return tuple(extra for extra in EXTRAS if extra in needed)


def as_axis(value: object, label: str) -> FloatArray:
    """One number or a list of numbers as a float array.

    Parameters
    ----------
    value : float or sequence of float
        What the user gave.
    label : str
        Name of the parameter, for the message.

    Returns
    -------
    float array (x)

    Raises
    ------
    ValueError
        If it is empty or holds something other than finite numbers.
    """
    refusal = f"{label} = {value!r} must be one finite number or a non-empty list of them."
    try:
        given = np.asarray(value)
        array = np.atleast_1d(given.astype(np.float64))
    except (TypeError, ValueError):
        raise ValueError(refusal) from None
    if given.dtype == bool or array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(refusal)
    return array


def _power(unit: str, power: int) -> str:
    if power == 0:
        return ""
    digits = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return unit if power == 1 else unit + digits
