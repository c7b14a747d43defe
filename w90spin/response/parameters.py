"""Checks of physical parameters that responses share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import FloatArray
from w90spin.errors import PartitionError, ResponseError
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, as_axis


def settle(response: object, name: str, axes: Sequence[str], scalars: Sequence[str] = ()) -> None:
    """Make a frozen response's parameters float arrays and floats, and refuse impossible ones.

    Parameters
    ----------
    response : object
        With these attributes, and ``parts``.
    name : str
        Of the response, for messages.
    axes : sequence of str
        Parameters that are one number or a list; all but ``mu_f`` must not be negative.
    scalars : sequence of str
        Parameters that are one number, not negative.

    Raises
    ------
    ResponseError
        If one cannot be.
    """
    parts = getattr(response, "parts", None)
    if parts is not None and not isinstance(parts, Partition):
        raise ResponseError(
            f"{name}: parts = {parts!r} must be a Partition; make one with "
            "partition(model, by=...)."
        )
    promise = getattr(response, "insulator", False)
    if not isinstance(promise, bool | np.bool_):
        raise ResponseError(f"{name}: insulator = {promise!r} must be True or False.")
    for label in (*axes, *scalars):
        given = getattr(response, label)
        try:
            value = as_axis(given, label) if label in axes else float(given)
        except (TypeError, ValueError) as problem:
            words = problem if label in axes else f"{label} = {given!r} must be one number."
            raise ResponseError(f"{name}: {words}") from None
        finite = np.all(np.isfinite(value))
        if not finite or (label != "mu_f" and not np.all(np.asarray(value) >= 0.0)):
            raise ResponseError(f"{name}: {label} = {value} must not be negative or infinite.")
        object.__setattr__(response, label, value)


class AtLevels:
    """Parameters that responses of filled states share, as the arrays that :func:`settle` made.

    Abstract: a response has ``mu_f`` and ``kT``, and ``omega_w`` where there is a frequency.
    """

    mu_f: ArrayLike
    kT: ArrayLike
    omega_w: ArrayLike

    @property
    def levels(self) -> list[float]:
        """Fermi levels. [eV]"""
        return [float(mu) for mu in self._mu_f]

    @property
    def _mu_f(self) -> FloatArray:
        return np.asarray(self.mu_f, dtype=np.float64)

    @property
    def _kT_t(self) -> FloatArray:
        return np.asarray(self.kT, dtype=np.float64)

    @property
    def _omega_w(self) -> FloatArray:
        return np.asarray(self.omega_w, dtype=np.float64)


def check_response(response: object, n_wann: int) -> None:
    """Refuse what is no response, or one for the parts of another model.

    Parameters
    ----------
    response : object
        What the user gave.
    n_wann : int
        Number of the model's functions.

    Raises
    ------
    ResponseError
        If it is none.
    PartitionError
        If its parts are of another number of functions.
    """
    if isinstance(response, type) or not hasattr(response, "claims"):
        name = response.__name__ if isinstance(response, type) else repr(response)
        raise ResponseError(f"{name} is no response; make one, as in SpinHall(mu_f=0.0).")
    parts = getattr(response, "parts", None)
    if parts is not None and parts.weights_li.shape[1] != n_wann:
        raise PartitionError(
            f"The parts are of {parts.weights_li.shape[1]} Wannier functions, the model has "
            f"{n_wann} Wannier functions. Make them with partition(model, ...)."
        )


def occupation_axes(
    parts: Partition | None, kT_t: FloatArray, mu_f: FloatArray
) -> tuple[Axis, ...]:
    """Axes that every tensor begins with: part, temperature and Fermi level.

    Parameters
    ----------
    parts : Partition or None
        Parts of the cell; None for the total alone.
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]

    Returns
    -------
    tuple of Axis
    """
    return (
        Axis("part", parts.names if parts else ("total",), "", "part of the cell"),
        Axis("kT", tuple(kT_t.tolist()), "eV", "temperature of the occupations"),
        Axis("mu", tuple(mu_f.tolist()), "eV", "Fermi level"),
    )
