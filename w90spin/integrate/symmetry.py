"""What symmetry does to points of the zone and to integrated tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.operations import MagneticGroup
from w90spin.model.partition import Partition
from w90spin.model.symmetrise import measure_symmetry, part_permutation
from w90spin.model.symmetry import magnetic_group
from w90spin.model.time_reversal import (
    TOLERANCE_HAM,
    TOLERANCE_POS,
    TOLERANCE_SPIN,
    respects_time_reversal,
    time_reversal_violation,
)
from w90spin.model.wannier import WannierModel
from w90spin.response.claims import TensorClaim


class SupportsParts(Protocol):
    """What of a response its symmetry depends on."""

    @property
    def parts(self) -> Partition | None:
        """Parts of the cell, if it is resolved by them."""
        ...


@dataclass(frozen=True)
class SymmetryTolerance:
    """Largest violations of an operation that is made use of.

    Parameters
    ----------
    ham : float
        In H(R). [eV]
    pos : float
        In r(R). [Å]
    spin : float
        In the Pauli matrices.
    """

    ham: float = TOLERANCE_HAM
    pos: float = TOLERANCE_POS
    spin: float = TOLERANCE_SPIN


@dataclass(frozen=True, eq=False)
class FoundSymmetry:
    """Symmetry of a zone integral, and in words what it rests on.

    Parameters
    ----------
    zone : ZoneSymmetry, or None
        Operations to make use of.
    words : str
        Group, violations, and what is used.
    operations : dict
        Violations of every operation, fit for JSON; empty where they were not measured.
    """

    zone: ZoneSymmetry | None
    words: str
    operations: dict[str, Any] = field(default_factory=dict)


def zone_symmetry(
    model: WannierModel,
    responses: Sequence[SupportsParts],
    group: MagneticGroup | None = None,
    tolerance: SymmetryTolerance | None = None,
) -> FoundSymmetry:
    """Operations that a model and its parts have, within tolerances.

    Parameters
    ----------
    model : WannierModel
        The model.
    responses : sequence
        Their parts must be taken to parts.
    group : MagneticGroup, optional
        By default that of the atoms and their moments.
    tolerance : SymmetryTolerance, optional
        Largest violations.

    Returns
    -------
    FoundSymmetry
        From the magnetic group where the model knows its orbitals, else from time reversal alone.
    """
    tolerance = tolerance or SymmetryTolerance()
    if model.orbitals is not None and (group := group or magnetic_group(model)) is not None:
        report = measure_symmetry(model, group)
        try:
            kept = report.subgroup(ham=tolerance.ham, pos=tolerance.pos, spin=tolerance.spin)
        except ModelError:
            words = f"{report.summary()}; those within tolerances are no group, none is used"
            return FoundSymmetry(None, words, report.to_dict())
        zone = _of_operations(model, responses, kept)
        used = f"{len(zone)} of {len(group)} operations used, which violate"
        worst = [
            violation
            for violation in report.violations
            if not violation.refused
            and violation.ham <= tolerance.ham
            and violation.pos <= tolerance.pos
            and violation.spin <= tolerance.spin
        ]
        sizes = [max(getattr(v, name) for v in worst) for name in ("ham", "pos", "spin")]
        words = (
            f"{group}; {used} at most {sizes[0]:.1e} eV, {sizes[1]:.1e} Å, "
            f"{sizes[2]:.1e} (tolerances {tolerance.ham:g} eV, {tolerance.pos:g} Å, "
            f"{tolerance.spin:g})"
        )
        return FoundSymmetry(zone if len(zone) > 1 else None, words, report.to_dict())
    violation = time_reversal_violation(model)
    if violation is None:
        return FoundSymmetry(None, "unknown: neither orbitals nor pairs of spin components")
    holds = (
        violation.ham <= tolerance.ham
        and violation.pos <= tolerance.pos
        and violation.spin <= tolerance.spin
        and all(respects_time_reversal(model, response.parts) for response in responses)
    )
    pair = ZoneSymmetry.of_time_reversal([_n_parts(r) for r in responses]) if holds else None
    return FoundSymmetry(pair, f"time reversal, {'used' if holds else 'not used'}: {violation}")


def _n_parts(response: SupportsParts) -> int:
    return len(response.parts.names) if response.parts else 1


def _of_operations(
    model: WannierModel, responses: Sequence[SupportsParts], group: MagneticGroup
) -> ZoneSymmetry:
    """Those operations that take the parts of every response to parts."""
    kept, permutations = [], []
    for operation in group:
        targets = [
            np.zeros(1, dtype=np.int64)
            if response.parts is None
            else part_permutation(response.parts, operation, model)
            for response in responses
        ]
        if not any(target is None for target in targets):
            kept.append(operation)
            permutations.append(targets)
    return ZoneSymmetry(
        kpt_rotation_gcc=np.array([operation.kpt_rotation_cc for operation in kept]),
        cartesian_gaa=np.array([operation.cartesian_aa for operation in kept]),
        time_reversal_g=np.array([int(operation.time_reversal) for operation in kept]),
        part_rgq=tuple(np.array(of_response) for of_response in zip(*permutations, strict=True)),
    )


@dataclass(frozen=True, eq=False)
class ZoneSymmetry:
    r"""A group of operations under which every integrand is covariant.

    .. math::

        f(K_g \mathbf k) = \theta_g \, (g \cdot f)(\mathbf k)

    where :math:`g \cdot f` turns the components, axial or polar, and permutes the parts, and
    :math:`\theta_g` is the parity of the integrand under time reversal if g contains it, else 1.

    Parameters
    ----------
    kpt_rotation_gcc : int array (g, c, c)
        :math:`K_g` in reduced coordinates, k' = K k, the sign of time reversal included.
    cartesian_gaa : float array (g, a, a)
        Orthogonal matrices that turn Cartesian vectors, without that sign.
    time_reversal_g : bool array (g)
        Which operations contain time reversal.
    part_rgq : tuple of int arrays (g, q)
        For every response, the part to which an operation brings part q.
    """

    kpt_rotation_gcc: IntArray
    cartesian_gaa: FloatArray
    time_reversal_g: IntArray
    part_rgq: tuple[IntArray, ...]

    @classmethod
    def of_time_reversal(cls, n_parts_r: Sequence[int]) -> ZoneSymmetry:
        """The group of the identity and time reversal, which leaves every part in place."""
        one = np.eye(3)
        return cls(
            kpt_rotation_gcc=np.stack([one, -one]).astype(np.int64),
            cartesian_gaa=np.stack([one, one]),
            time_reversal_g=np.array([0, 1]),
            part_rgq=tuple(np.tile(np.arange(n), (2, 1)) for n in n_parts_r),
        )

    @property
    def reverses_time(self) -> bool:
        """Whether time reversal alone, or with a translation, is among the operations."""
        plain_g = np.abs(self.cartesian_gaa - np.eye(3)).max(axis=(1, 2)) < 1e-6
        return bool(np.any(plain_g & (self.time_reversal_g == 1)))

    def __len__(self) -> int:
        return len(self.time_reversal_g)

    def subset(self, keep_g: Sequence[int]) -> ZoneSymmetry:
        """The same with some of the operations only; they must form a group."""
        chosen = list(keep_g)
        return ZoneSymmetry(
            self.kpt_rotation_gcc[chosen],
            self.cartesian_gaa[chosen],
            self.time_reversal_g[chosen],
            tuple(part_gq[chosen] for part_gq in self.part_rgq),
        )

    def invariant(self, claim: TensorClaim, response: int, tensor: FloatArray) -> FloatArray:
        """Mean of what the operations make of an integrated tensor.

        Parameters
        ----------
        claim : TensorClaim
            What the tensor is.
        response : int
            Number of the response that it belongs to.
        tensor : float array (..., *claim.shape)
            Sums over one point of every star, with the weight of the star.

        Returns
        -------
        float array (..., *claim.shape)
            The sum over the whole zone.
        """
        part_gq = self.part_rgq[response]
        n_components = len(claim.components)
        part_axis = tensor.ndim - len(claim.axes)
        total = np.zeros_like(tensor)
        for g in range(len(self)):
            turned = tensor
            sign = claim.time_reversal if self.time_reversal_g[g] else 1
            for number, kind in enumerate(claim.components):
                matrix = self.cartesian_gaa[g]
                if kind == "axial":
                    matrix = round(float(np.linalg.det(matrix))) * matrix
                axis = tensor.ndim - n_components + number
                turned = np.moveaxis(np.tensordot(matrix, turned, axes=(1, axis)), 0, axis)
            target: list[Any] = [slice(None)] * tensor.ndim
            target[part_axis] = part_gq[g]
            total[tuple(target)] += sign * turned
        invariant: FloatArray = total / len(self)
        return invariant
