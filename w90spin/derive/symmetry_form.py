"""How well an integrated tensor has the form that the crystal's symmetry allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w90spin.model.symmetry import point_group
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.results.result import Tensor
from w90spin.units import SPIN_AXES


@dataclass(frozen=True)
class SymmetryForm:
    """Allowed components of a spin-field tensor and the size of the rest.

    Parameters
    ----------
    tensor : str
        Symbol of the tensor.
    group : str
        Point group and space group of the atoms.
    allowed : tuple of str
        Components that may be finite: "zx" is spin z, field x.
    largest : float
        Largest component, in the tensor's unit.
    forbidden : float
        Largest component of what the group does not leave invariant.
    """

    tensor: str
    group: str
    allowed: tuple[str, ...]
    largest: float
    forbidden: float

    def __str__(self) -> str:
        components = ", ".join(f"{self.tensor}_{pair}" for pair in self.allowed) or "nothing"
        share = self.forbidden / self.largest if self.largest > 0.0 else 0.0
        return (
            f"{self.group} and time reversal allow {components}; largest component "
            f"{self.largest:.3e}, largest forbidden part {self.forbidden:.1e} ({100 * share:.2g} %)"
        )


def symmetry_form(model: WannierModel, tensor: Tensor) -> SymmetryForm | None:
    """Compare the sum over parts of a time-reversal even tensor with its allowed form.

    Parameters
    ----------
    model : WannierModel
        The model; its atoms give the point group.
    tensor : Tensor
        With axes "spin" and "field" last.

    Returns
    -------
    SymmetryForm, or None
        None without atoms, or where time reversal is broken or untested: the magnetic group is
        then not known from the atoms.
    """
    group = point_group(model)
    violation = time_reversal_violation(model)
    if group is None or violation is None or not violation.holds:
        return None
    total = tensor.total().values.real
    allowed_sb = group.allowed_spin_field()
    return SymmetryForm(
        tensor=tensor.symbol,
        group=f"{group.symbol} ({group.space_group})",
        allowed=tuple(SPIN_AXES[s] + SPIN_AXES[b] for s, b in np.argwhere(allowed_sb)),
        largest=float(np.abs(total).max()),
        forbidden=float(np.abs(total - group.invariant_spin_field(total)).max()),
    )
