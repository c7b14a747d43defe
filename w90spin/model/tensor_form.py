r"""The form that a magnetic group gives to a tensor, part by part of the cell.

.. math::

    T'_{g(l),\,ab\ldots} = \eta_g\, [\det(g)]\, g_{aa'}\, [\det(g)]\, g_{bb'} \cdots
        T_{l,\,a'b'\ldots}

with a determinant for every axial index, :math:`\eta_g` the parity of T if g reverses time and 1
if not, and g(l) the part that the operation takes part l to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from w90spin.arrays import AnyNumberArray, BoolArray, FloatArray, IntArray
from w90spin.errors import PartitionError
from w90spin.model.operations import MagneticGroup
from w90spin.model.partition import Partition
from w90spin.model.symmetrise import part_permutation
from w90spin.model.wannier import WannierModel
from w90spin.units import SPIN_AXES

_ZERO = 1e-9
"""Elements of a projection on invariant tensors below which they vanish."""


@dataclass(frozen=True, eq=False)
class TensorForm:
    """How a tensor transforms under a group, and what that leaves of it.

    Parameters
    ----------
    group : MagneticGroup
        The group.
    axial : tuple of bool
        For each component axis, in order, whether it is axial (spin, magnetic field) or polar
        (position, velocity, electric field).
    time_reversal : int
        +1 if the tensor keeps its sign when time is reversed, -1 if it changes: the sign of all
        its axes together with that of the response.
    part_gl : int array (g, l), or None
        Part that each operation takes each part to; None for tensors without parts.
    names : tuple of str (l)
        Names of the parts; empty without.

    Examples
    --------
    Inversion with time reversal forbids a spin response to a field that keeps its sign under time
    reversal, and makes two parts that it exchanges opposite:

    >>> from w90spin.model.operations import SymmetryOperation
    >>> PT = SymmetryOperation(-np.eye(3), np.zeros(3), True, np.eye(3))
    >>> group = MagneticGroup.generated_by([PT])
    >>> TensorForm(group, (True, False), +1).relations()
    ()
    >>> form = TensorForm(group, (True, False), +1, np.array([[0, 1], [1, 0]]), ("A", "B"))
    >>> form.relations()[0]
    'xx(A) = -xx(B)'
    """

    group: MagneticGroup
    axial: tuple[bool, ...]
    time_reversal: int
    part_gl: IntArray | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of_parts(
        cls,
        model: WannierModel,
        group: MagneticGroup,
        axial: tuple[bool, ...],
        time_reversal: int,
        parts: Partition,
    ) -> TensorForm:
        """Form of a tensor with parts.

        Parameters
        ----------
        model : WannierModel
            The model of the parts.
        group : MagneticGroup
            The group.
        axial : tuple of bool
            For each component axis whether it is axial.
        time_reversal : int
            Parity of the tensor.
        parts : Partition
            The parts.

        Returns
        -------
        TensorForm

        Raises
        ------
        PartitionError
            If an operation does not take parts to parts.
        """
        rows = []
        for operation in group:
            part_l = part_permutation(parts, operation, model)
            if part_l is None:
                raise PartitionError(
                    f"Operation {operation} does not take the parts {', '.join(parts.names)} to "
                    "parts, so that symmetry gives no form for them. Take a partition that the "
                    "group respects, such as 'layer' or 'atom', or a smaller group."
                )
            rows.append(part_l)
        return cls(group, axial, time_reversal, np.array(rows), parts.names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Trailing axes of the tensor: parts, where there are some, then components."""
        components = (3,) * len(self.axial)
        return components if self.part_gl is None else (self.part_gl.shape[1], *components)

    def turned(self, tensor: AnyNumberArray, index: int) -> AnyNumberArray:
        """Tensor after one operation.

        Parameters
        ----------
        tensor : array (..., *shape)
            The tensor.
        index : int
            Which operation of the group.

        Returns
        -------
        array (..., *shape)
        """
        operation = self.group.operations[index]
        turned: Any = tensor
        for place, axial in enumerate(self.axial):
            axis = tensor.ndim - len(self.axial) + place
            matrix_aa = operation.axis_matrix(axial=axial)
            product = np.tensordot(turned, matrix_aa, axes=(axis, 1))
            turned = np.moveaxis(product, -1, axis)
        if operation.time_reversal and self.time_reversal < 0:
            turned = -turned
        if self.part_gl is not None:
            source_l = np.argsort(self.part_gl[index])
            turned = np.take(turned, source_l, axis=tensor.ndim - len(self.shape))
        result: AnyNumberArray = turned
        return result

    def invariant(self, tensor: AnyNumberArray) -> AnyNumberArray:
        """Part of a tensor that the group leaves unchanged, shape (..., *shape)."""
        total = sum(self.turned(tensor, index) for index in range(len(self.group)))
        return np.asarray(total) / len(self.group)

    def forbidden(self, tensor: AnyNumberArray) -> float:
        """Largest element of what the group does not leave unchanged, in the tensor's unit."""
        return float(np.abs(tensor - self.invariant(tensor)).max(initial=0.0))

    @cached_property
    def _projection_xy(self) -> FloatArray:
        size = int(np.prod(self.shape))
        units = np.eye(size).reshape(size, *self.shape)
        projection: FloatArray = self.invariant(units).real.reshape(size, size).T
        return projection

    def allowed(self) -> BoolArray:
        """Components that may be finite, with the shape of the tensor."""
        allowed: BoolArray = np.abs(self._projection_xy).max(axis=1).reshape(self.shape) > _ZERO
        return allowed

    def relations(self) -> tuple[str, ...]:
        """Allowed components in words, one string for each independent one.

        Returns
        -------
        tuple of str
            Such as ``"xy = -yx"`` or, with parts, ``"xy(A) = -xy(B)"``; components that several
            independent ones make up follow, as in ``"xxxx = xxyy + 2 xyxy"``.
        """
        basis, pivots = _echelon(self._projection_xy)
        mixed = (np.abs(basis) > _ZERO).sum(axis=0) > 1
        lines = []
        for row, pivot in zip(basis, pivots, strict=True):
            alike = np.flatnonzero(
                (np.abs(row) > _ZERO) & ~mixed & (np.arange(len(row)) != pivot)
            ).tolist()
            terms = [self._label(pivot)]
            # t[c] = row[c] t[pivot]: written for the pivot, each with the inverse factor.
            terms += [_term(1.0 / row[c], self._label(c), first=True) for c in alike if c != pivot]
            lines.append(" = ".join(terms))
        for c in np.flatnonzero(mixed).tolist():
            words = ""
            for row, pivot in zip(basis, pivots, strict=True):
                if abs(row[c]) > _ZERO:
                    words += _term(row[c], self._label(pivot), first=not words)
            lines.append(f"{self._label(c)} = {words}")
        return tuple(lines)

    def _label(self, flat: int) -> str:
        index = np.unravel_index(flat, self.shape)
        letters = "".join(SPIN_AXES[int(a)] for a in index[len(index) - len(self.axial) :])
        return letters if self.part_gl is None else f"{letters}({self.names[int(index[0])]})"


def _echelon(projection_xy: FloatArray) -> tuple[FloatArray, Sequence[int]]:
    """Reduced row echelon form of the rows, and their first columns."""
    rows = projection_xy.copy()
    pivots: list[int] = []
    for column in range(rows.shape[1]):
        done = len(pivots)
        if done == len(rows):
            break
        best = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[best, column]) < _ZERO:
            continue
        rows[[done, best]] = rows[[best, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        pivots.append(column)
    return rows[: len(pivots)], pivots


def _term(factor: float, label: str, *, first: bool) -> str:
    sign = "-" if factor < 0 else ""
    if not first:
        sign = " - " if factor < 0 else " + "
    size = "" if abs(abs(factor) - 1.0) < _ZERO else f"{abs(factor):.6g} "
    return f"{sign}{size}{label}"
