"""What symmetry does to points of the zone and to integrated tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.response.claims import TensorClaim


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
