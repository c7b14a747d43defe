"""How well an integrated tensor has the form that the crystal's symmetry allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from w90spin.errors import ModelError
from w90spin.model.operations import MagneticGroup
from w90spin.model.partition import Partition
from w90spin.model.symmetrise import model_group
from w90spin.model.symmetry import magnetic_group
from w90spin.model.tensor_form import TensorForm
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.response.character import MIXED, axial_axes, parities
from w90spin.response.claims import Response
from w90spin.results.component import component_axes
from w90spin.results.result import ResponseResult, Tensor

AXIAL: Mapping[str, bool] = MappingProxyType(
    {"spin": True, "field": False, "flow": False, "current": False}
)
"""Component axes of results: whether they are axial or polar."""


@dataclass(frozen=True)
class SymmetryForm:
    """Allowed components of a tensor and the size of the rest.

    Parameters
    ----------
    tensor : str
        Symbol of the tensor.
    group : str
        Magnetic group.
    allowed : tuple of str
        Independent components that may be finite and those that equal them: "xy = -yx" is spin x,
        field y and its opposite.
    largest : float
        Largest component of the sum over parts, in the tensor's unit.
    forbidden : float
        Largest component of what the group does not leave invariant.
    allowed_parts : tuple of str
        The same for the parts; empty without, or where the group does not take parts to parts.
    largest_part, forbidden_part : float
        The same for the parts.
    """

    tensor: str
    group: str
    allowed: tuple[str, ...]
    largest: float
    forbidden: float
    allowed_parts: tuple[str, ...] = ()
    largest_part: float = 0.0
    forbidden_part: float = 0.0

    @property
    def allowed_words(self) -> str:
        """What may be finite."""
        words = f"may have {'; '.join(self.allowed) or 'no component'}"
        if self.allowed_parts:
            words += f"; of the parts {'; '.join(self.allowed_parts)}"
        return words

    @property
    def size_words(self) -> str:
        """How large the tensor is, and what of it is forbidden."""
        words = _sizes(self.largest, self.forbidden)
        if self.allowed_parts:
            words += f"; of the parts {_sizes(self.largest_part, self.forbidden_part)}"
        return words

    def __str__(self) -> str:
        return f"{self.group}: {self.tensor} {self.allowed_words}; {self.size_words}"


def symmetry_form(
    model: WannierModel,
    tensor: Tensor,
    parts: Partition | None = None,
    *,
    time_reversal: int = +1,
    axial: Mapping[str, bool] = AXIAL,
    group: MagneticGroup | None = None,
) -> SymmetryForm | None:
    """Compare a tensor with its allowed form.

    Parameters
    ----------
    model : WannierModel
        The model.
    tensor : Tensor
        With its Cartesian axes last.
    parts : Partition, optional
        The parts of its axis "part", to compare them as well.
    time_reversal : int
        Parity of the tensor: +1 if it stays where time reversal is a symmetry, -1 if it vanishes
        there, 0 if it has parts of both, which only operations without time reversal restrict.
    axial : mapping of str to bool
        Whether each of its Cartesian axes is axial or polar.
    group : MagneticGroup, optional
        By default what the atoms, their moments and the model's Wannier functions tell.

    Returns
    -------
    SymmetryForm, or None
        None where the group is not known.
    """
    if group is None:
        group = _known_group(model)
    if group is None:
        return None
    if time_reversal == MIXED:
        keep_g = [not operation.time_reversal for operation in group]
        group = group.subgroup(keep_g, f"{group.name} without time reversal")
    parity = time_reversal or +1
    kinds = tuple(axial[name] for name in component_axes(tensor))
    total = tensor.total().values
    form = TensorForm(group, kinds, parity)
    found = SymmetryForm(
        tensor=tensor.symbol,
        group=str(group),
        allowed=form.relations(),
        largest=float(np.abs(total).max()),
        forbidden=form.forbidden(total),
    )
    if parts is None or len(parts.names) < 2:
        return found
    try:
        form = TensorForm.of_parts(model, group, kinds, parity, parts)
    except ModelError:
        return found
    values = np.moveaxis(tensor.values, tensor.axis_names.index("part"), -1 - len(kinds))
    return replace(
        found,
        allowed_parts=form.relations(),
        largest_part=float(np.abs(values).max()),
        forbidden_part=form.forbidden(values),
    )


def symmetry_forms(
    model: WannierModel,
    response: Response,
    result: ResponseResult,
    *,
    group: MagneticGroup | None = None,
) -> list[SymmetryForm]:
    """Compare the tensors of a response with the forms that the model's symmetry allows.

    Parameters
    ----------
    model : WannierModel
        The model.
    response : Response
        What was computed.
    result : ResponseResult
        What came out.
    group : MagneticGroup, optional
        By default what the atoms, their moments and the model's Wannier functions tell.

    Returns
    -------
    list of SymmetryForm
        Of all tensors with Cartesian axes; those of both parities under time reversal are left out
        where others of the response are of one.  Empty where the group is not known.
    """
    if group is None:
        group = _known_group(model)
    if group is None:
        return []
    parity, axial = parities(response), axial_axes(response)
    tensors = [
        tensor
        for name in parity
        if (tensor := result.tensors[name])
        and component_axes(tensor)
        and "part" in tensor.axis_names
        and set(component_axes(tensor)) <= set(axial)
    ]
    definite: list[Tensor] = []
    for tensor in tensors:
        known = any(np.array_equal(tensor.values, other.values) for other in definite)
        if parity[tensor.name] != MIXED and (not known or not tensor.values.any()):
            definite.append(tensor)
    found = [
        symmetry_form(
            model,
            tensor,
            response.parts,
            time_reversal=parity[tensor.name],
            axial=axial,
            group=group,
        )
        for tensor in definite or tensors
    ]
    return [form for form in found if form is not None]


def _known_group(model: WannierModel) -> MagneticGroup | None:
    group = model_group(model)
    if group is not None:
        return group
    # Without orbitals, what holds of the atoms alone: they are non-magnetic if time reversal is.
    violation = time_reversal_violation(model)
    return magnetic_group(model) if violation is not None and violation.holds else None


def _sizes(largest: float, forbidden: float) -> str:
    share = forbidden / largest if largest > 0.0 else 0.0
    return (
        f"largest component {largest:.3e}, largest forbidden part {forbidden:.1e} "
        f"({100 * share:.3g} %)"
    )
