"""The same response at several degeneracy tolerances."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from w90spin.arrays import FloatArray
from w90spin.compute import compute
from w90spin.errors import DoubtfulResultWarning, ResponseError
from w90spin.model.continuum import AnyModel
from w90spin.response import ProperSpinHall
from w90spin.results import Result

TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
"""Degeneracy tolerances of a scan. [eV]"""

Place = tuple[int, int, int, int, int, int]


@dataclass(frozen=True, eq=False)
class DegeneracyScan:
    """Definitions of the spin Hall conductivity at several degeneracy tolerances.

    Parameters
    ----------
    tolerances : tuple of float (d)
        Degeneracy tolerances. [eV]
    results : tuple of Result (d)
        One for each.
    definitions : tuple of str
        Tensors that are compared.
    """

    tolerances: tuple[float, ...]
    results: tuple[Result, ...]
    definitions: tuple[str, ...]

    def values(self, definition: str) -> FloatArray:
        """Values of a definition, shape (d, part, kT, mu, flow, field, spin)."""
        return np.array([result[definition].values for result in self.results])

    def spread(self, definition: str) -> FloatArray:
        """Largest change between two tolerances, relative to the largest of all definitions.

        Of norms over components, shape (part, kT, mu); 0 where all vanish.
        """
        values = self.values(definition)
        apart = np.max([_norm(values - value) for value in values], axis=(0, 1))
        largest = np.max([_norm(self.values(name)) for name in self.definitions], axis=(0, 1))
        spread: FloatArray = np.divide(
            apart, largest, out=np.zeros_like(largest), where=largest > 0.0
        )
        return spread

    def largest(self) -> Place:
        """Place of the largest component of the conventional conductivity."""
        values = self.values("conventional")
        place = np.unravel_index(int(np.argmax(np.abs(values))), values.shape)[1:]
        q, t, f, a, b, s = (int(index) for index in place)
        return q, t, f, a, b, s

    def table(self, place: Place | None = None) -> str:
        """One line for each tolerance, and the spread of this component.

        Parameters
        ----------
        place : six int, optional
            Part, temperature, Fermi level, flow, field and spin; by default that of the largest
            component of the conventional conductivity.

        Returns
        -------
        str
        """
        place = self.largest() if place is None else place
        tensor = self.results[0]["conventional"]
        names = [
            f"{axis.name} {axis.values[index]}"
            for axis, index in zip(tensor.axes, place, strict=True)
            if len(axis.values) > 1
        ]
        lines = [
            f"{', '.join(names)} [{tensor.unit}]",
            "  ".join([f"{'tolerance (eV)':>15}", *(f"{name:>16}" for name in self.definitions)]),
        ]
        values_dx = np.array([self.values(name)[:, *place] for name in self.definitions]).T
        for tolerance, value_x in zip(self.tolerances, values_dx, strict=True):
            lines.append("  ".join([f"{tolerance:15.0e}", *(f"{v:16.6e}" for v in value_x)]))
        spread_x = np.ptp(values_dx, axis=0)
        lines.append("  ".join([f"{'spread':>15}", *(f"{v:16.2e}" for v in spread_x)]))
        return "\n".join(lines)


def degeneracy_scan(
    model: AnyModel,
    response: ProperSpinHall,
    tolerances: Sequence[float] = TOLERANCES,
    **options: Any,
) -> DegeneracyScan:
    """Compute the definitions of the spin Hall conductivity at several degeneracy tolerances.

    What changes between them comes from bands that nearly touch, and is no property of the model
    without its splittings.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    response : ProperSpinHall
        The response.
    tolerances : sequence of float
        Degeneracy tolerances. [eV]
    **options
        As those of :func:`~w90spin.compute.compute`, but ``degeneracy`` and ``checkpoint``.

    Returns
    -------
    DegeneracyScan

    Raises
    ------
    ResponseError
        For fewer than two tolerances, or one of the two options.
    W90SpinError
        Those of ``compute``.
    """
    if len(tolerances) < 2:
        raise ResponseError("A scan needs at least two degeneracy tolerances.")
    if bad := {"degeneracy", "checkpoint"} & options.keys():
        raise ResponseError(
            f"A scan takes no {' nor '.join(sorted(bad))}: each of its runs has its own tolerance."
        )
    with warnings.catch_warnings():
        # The scan is made because of what these would say once for every tolerance.
        warnings.simplefilter("ignore", DoubtfulResultWarning)
        results = tuple(
            compute(model, [response], degeneracy=tolerance, **options) for tolerance in tolerances
        )
    definitions = ("conventional", "liu2023_printed", "band_transport", "c6")
    return DegeneracyScan(tuple(tolerances), results, definitions)


def _norm(values: FloatArray) -> FloatArray:
    norm: FloatArray = np.sqrt((values**2).sum(axis=(-3, -2, -1)))
    return norm
