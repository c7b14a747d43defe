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
from w90spin.results.result import Tensor

AXIAL: Mapping[str, bool] = MappingProxyType({"spin": True, "field": False})
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

    def __str__(self) -> str:
        line = (
            f"{self.group}: {self.tensor} may have {'; '.join(self.allowed) or 'no component'}; "
            f"{_sizes(self.largest, self.forbidden)}"
        )
        if self.allowed_parts:
            line += (
                f"; of the parts {'; '.join(self.allowed_parts)}; "
                f"{_sizes(self.largest_part, self.forbidden_part)}"
            )
        return line


def symmetry_form(
    model: WannierModel,
    tensor: Tensor,
    parts: Partition | None = None,
    *,
    time_reversal: int = +1,
    group: MagneticGroup | None = None,
) -> SymmetryForm | None:
    """Compare a tensor of definite parity under time reversal with its allowed form.

    Parameters
    ----------
    model : WannierModel
        The model.
    tensor : Tensor
        With component axes "spin" (axial) and "field" (polar) last.
    parts : Partition, optional
        The parts of its axis "part", to compare them as well.
    time_reversal : int
        Parity of the tensor: +1 if it stays where time reversal is a symmetry.
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
    axial = tuple(AXIAL[name] for name in tensor.axis_names if name in AXIAL)
    total = tensor.total().values.real
    form = TensorForm(group, axial, time_reversal)
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
        form = TensorForm.of_parts(model, group, axial, time_reversal, parts)
    except ModelError:
        return found
    values = np.moveaxis(tensor.values.real, tensor.axis_names.index("part"), -1 - len(axial))
    return replace(
        found,
        allowed_parts=form.relations(),
        largest_part=float(np.abs(values).max()),
        forbidden_part=form.forbidden(values),
    )


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
