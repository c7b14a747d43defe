"""The only door to spglib: crystal symmetry from the atoms and their magnetic moments."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import spglib
from ase.data import atomic_numbers

from w90spin.arrays import FloatArray
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.wannier import WannierModel

POSITION_TOLERANCE = 1e-3
"""Atoms that an operation brings this close to each other are the same. [Å]"""

MOMENT_TOLERANCE = 1e-2
"""Moments that an operation brings this close to each other are the same. [μ_B]"""


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


def magnetic_group(model: WannierModel) -> MagneticGroup | None:
    """Magnetic space group of a model's atoms and their magnetic moments.

    Parameters
    ----------
    model : WannierModel
        The model.  Atoms without known moments are taken as non-magnetic, which makes the group
        grey: each operation once with and once without time reversal.

    Returns
    -------
    MagneticGroup, or None
        None without atoms, for names that are no elements, or where spglib finds no group.

    Notes
    -----
    Operations that mix periodic and open directions, or need the crystal to repeat along an open
    one, are left out; the name is still that of the three-dimensional arrangement.  Spin-orbit
    coupling is assumed: moments turn with the lattice.
    """
    structure = model.structure
    if structure is None or not all(symbol in atomic_numbers for symbol in structure.symbols):
        return None
    reduced_xc = structure.positions_xa @ np.linalg.inv(model.cell_ca)
    numbers = [atomic_numbers[symbol] for symbol in structure.symbols]
    moments_xa = structure.moments_xa
    if moments_xa is None:
        moments_xa = np.zeros_like(structure.positions_xa)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = spglib.get_magnetic_symmetry_dataset(
                (model.cell_ca.tolist(), reduced_xc.tolist(), numbers, moments_xa.tolist()),
                is_axial=True,
                symprec=POSITION_TOLERANCE,
                mag_symprec=MOMENT_TOLERANCE,
            )
            if found is None:
                return None
            kind = spglib.get_magnetic_spacegroup_type(found.uni_number)
            parent = spglib.get_spacegroup_type(found.hall_number)
        except spglib.SpglibError:
            return None
    operations = [
        SymmetryOperation(rotation_cc, translation_c, bool(reversed_), model.cell_ca)
        for rotation_cc, translation_c, reversed_ in zip(
            found.rotations, found.translations, found.time_reversals, strict=True
        )
    ]
    heights_xc = reduced_xc.copy()
    for axis in range(3):
        if not model.periodic[axis]:
            heights_xc[:, axis] = _joined(reduced_xc[:, axis])
    kept = [
        g for g in operations if _keeps_open_directions(g, model.periodic, reduced_xc, heights_xc)
    ]
    family = "" if parent is None else f" ({parent.international_short})"
    number = "" if kind is None else f"BNS {kind.bns_number}, UNI {found.uni_number}, "
    words = {1: "no time reversal", 2: "grey", 3: "black-white", 4: "black-white lattice"}
    return MagneticGroup(kept, f"{number}{words[found.msg_type]}{family}")


def _joined(height_x: FloatArray) -> FloatArray:
    """Reduced heights of a slab that the cell's boundary may cut, as one piece."""
    wrapped_x = height_x % 1.0
    ordered = np.sort(wrapped_x)
    gaps = np.diff(ordered, append=ordered[0] + 1.0)
    bottom = ordered[(int(np.argmax(gaps)) + 1) % len(ordered)]
    # Just below the lowest atom, so that rounding does not send it to the top.
    start = bottom - 0.5 * gaps.max()
    joined: FloatArray = (wrapped_x - start) % 1.0 + start
    return joined


def _keeps_open_directions(
    operation: SymmetryOperation,
    periodic: tuple[bool, bool, bool],
    reduced_xc: FloatArray,
    heights_xc: FloatArray,
) -> bool:
    """Whether the operation is one of a slab, chain or molecule and not of its stack."""
    open_c, repeats_c = ~np.array(periodic), np.array(periodic)
    if not open_c.any():
        return True
    turn_cc = operation.rotation_cc
    if turn_cc[open_c][:, repeats_c].any() or turn_cc[repeats_c][:, open_c].any():
        return False
    moved_xc = reduced_xc @ turn_cc.T + operation.translation_c
    apart_xyc = moved_xc[:, None] - reduced_xc
    apart_xyc -= np.rint(apart_xyc)
    target_x = np.argmin(np.abs(apart_xyc).sum(axis=2), axis=1)
    whole_xc = heights_xc @ turn_cc.T + operation.translation_c - heights_xc[target_x]
    cells_xc = np.rint(whole_xc[:, open_c])
    return bool(np.all(cells_xc == cells_xc[0]))
