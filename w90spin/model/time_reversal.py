r"""How far a model is from time-reversal symmetry, measured on its operators in R space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w90spin.arrays import BoolArray
from w90spin.model.partition import Partition
from w90spin.model.spin import reversal_violation
from w90spin.model.wannier import WannierModel

TOLERANCE_HAM = 1e-4
"""Largest violation in H(R) up to which time reversal is used to halve the mesh. [eV]"""
TOLERANCE_POS = 1e-3
"""The same for r(R). [Å]"""
TOLERANCE_SPIN = 1e-3
"""The same for the Pauli matrices."""


@dataclass(frozen=True)
class TimeReversal:
    """Largest violation of time reversal in each operator.

    Parameters
    ----------
    ham : float
        In H(R). [eV]
    pos : float
        In r(R). [Å]
    spin : float
        In the Pauli matrices; 0 without spin.
    """

    ham: float
    pos: float
    spin: float

    @property
    def holds(self) -> bool:
        """Whether every violation is within its tolerance."""
        return (
            self.ham <= TOLERANCE_HAM and self.pos <= TOLERANCE_POS and self.spin <= TOLERANCE_SPIN
        )

    def __str__(self) -> str:
        return f"{self.ham:.1e} eV in H, {self.pos:.1e} Å in r, {self.spin:.1e} in sigma"


def time_reversal_violation(model: WannierModel) -> TimeReversal | None:
    r"""Measure :math:`O(R) = \pm (i\sigma_y) O(R)^* (i\sigma_y)^\dagger`, minus for the spin.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    TimeReversal, or None
        None if the pairs of spin components are not known, so that the operation is not either.
    """
    if model.spin_pairs is None:
        return None
    pairs, spin_Rsij = model.spin_pairs, model.spin_Rsij
    return TimeReversal(
        ham=reversal_violation(pairs, model.ham_Rij, 1.0),
        pos=reversal_violation(pairs, model.pos_Raij, 1.0),
        spin=0.0 if spin_Rsij is None else reversal_violation(pairs, spin_Rsij, -1.0),
    )


def respects_time_reversal(model: WannierModel, parts: Partition | None) -> bool:
    """Whether time reversal leaves each part as it is."""
    if parts is None:
        return True
    if model.spin_pairs is None:
        return False
    if parts.projector_Rlij is not None:
        return reversal_violation(model.spin_pairs, parts.projector_Rlij, 1.0) <= TOLERANCE_SPIN
    up, down = model.spin_pairs.T
    same: BoolArray = np.isclose(parts.weights_li[:, up], parts.weights_li[:, down], atol=1e-12)
    return bool(same.all())
