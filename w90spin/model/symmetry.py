"""The only door to spglib: crystal symmetry from the atoms, and what it leaves of a tensor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import spglib
from ase.data import atomic_numbers

from w90spin.arrays import BoolArray, FloatArray
from w90spin.model.wannier import WannierModel

POSITION_TOLERANCE = 1e-3
"""Atoms that an operation brings this close to each other are the same. [Å]"""


@dataclass(frozen=True, eq=False)
class PointGroup:
    """Point group of the atoms, magnetic moments left aside.

    Parameters
    ----------
    symbol : str
        Hermann-Mauguin symbol of the point group.
    space_group : str
        International symbol and number of the space group.
    rotation_gaa : float array (g, a, a)
        Orthogonal matrices that turn Cartesian vectors.
    """

    symbol: str
    space_group: str
    rotation_gaa: FloatArray

    def invariant_spin_field(self, tensor_ab: FloatArray) -> FloatArray:
        r"""Part of a spin-field tensor that the group leaves unchanged.

        .. math::

            \bar T = \frac{1}{|G|} \sum_g \det(g)\, g\, T\, g^T

        A spin is an axial vector, a field a polar one.

        Parameters
        ----------
        tensor_ab : float array (..., s, b)
            Tensors with the spin and field component last.

        Returns
        -------
        float array (..., s, b)
        """
        determinant_g = np.linalg.det(self.rotation_gaa)
        invariant: FloatArray = np.einsum(
            "g,gsc,...cd,gbd->...sb",
            determinant_g / len(determinant_g),
            self.rotation_gaa,
            tensor_ab,
            self.rotation_gaa,
        )
        return invariant

    def allowed_spin_field(self) -> BoolArray:
        """Components of a spin-field tensor that the group allows, shape (s, b)."""
        unit_xab = np.eye(9).reshape(9, 3, 3)
        reached_ab = np.abs(self.invariant_spin_field(unit_xab)).sum(axis=0)
        allowed: BoolArray = reached_ab > 1e-6
        return allowed


def point_group(model: WannierModel) -> PointGroup | None:
    """Point group of a model's atoms.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    PointGroup, or None
        None without atoms, for names that are no elements, or where spglib finds no group.
    """
    structure = model.structure
    if structure is None or not all(symbol in atomic_numbers for symbol in structure.symbols):
        return None
    reduced_xc = structure.positions_xa @ np.linalg.inv(model.cell_ca)
    numbers = [atomic_numbers[symbol] for symbol in structure.symbols]
    with warnings.catch_warnings():
        # It warns of its change from None to exceptions; both are dealt with here.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = spglib.get_symmetry_dataset(
                (model.cell_ca.tolist(), reduced_xc.tolist(), numbers), symprec=POSITION_TOLERANCE
            )
        except spglib.SpglibError:
            return None
    if found is None:
        return None
    to_cartesian = model.cell_ca.T
    rotations = np.unique(found.rotations, axis=0)
    rotation_gaa = to_cartesian @ rotations @ np.linalg.inv(to_cartesian)
    keeps_open = [
        not np.any(rotation[[not p for p in model.periodic]][:, list(model.periodic)])
        for rotation in rotations
    ]
    return PointGroup(
        symbol=found.pointgroup,
        space_group=f"{found.international} ({found.number})",
        rotation_gaa=rotation_gaa[keeps_open],
    )
