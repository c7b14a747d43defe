"""Thickness of a slab from its atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from ase.data.vdw_alvarez import vdw_radii

from w90spin.model.wannier import WannierModel


@dataclass(frozen=True)
class Thickness:
    """Thickness of a slab and where it comes from.

    Parameters
    ----------
    value : float
        [Å]
    reason : str
        How it was found, one sentence.
    """

    value: float
    reason: str


def slab_thickness(model: WannierModel) -> Thickness | None:
    """Extent of the atoms along the normal plus the van der Waals radii of the outermost.

    Parameters
    ----------
    model : WannierModel
        A model with two periodic directions.

    Returns
    -------
    Thickness, or None
        None for other dimensions, without atoms, or for elements without a radius (Alvarez,
        Dalton Trans. 42, 8617 (2013), as tabulated by ASE).
    """
    if model.dimension != 2 or model.structure is None:
        return None
    axis = model.periodic.index(False)
    normal_a = model.recip_ca[axis] / np.linalg.norm(model.recip_ca[axis])
    height_x = model.structure.positions_xa @ normal_a
    symbols = model.structure.symbols
    if not all(symbol in atomic_numbers for symbol in symbols):
        return None
    radius_x = np.array([vdw_radii[atomic_numbers[symbol]] for symbol in symbols])
    if not np.isfinite(radius_x).all():
        return None
    # The open direction is periodic in the calculation: unwrap at the widest empty height.
    period = abs(float(model.cell_ca[axis] @ normal_a))
    height_x = height_x % period
    order = np.argsort(height_x, kind="stable")
    gaps_x = np.diff(height_x[order], append=height_x[order[0]] + period)
    bottom = height_x[order[(int(np.argmax(gaps_x)) + 1) % len(order)]]
    height_x = (height_x - bottom) % period
    value = float((height_x + radius_x).max() - (height_x - radius_x).min())
    top, low = symbols[int(np.argmax(height_x))], symbols[int(np.argmin(height_x))]
    reason = (
        f"{height_x.max():.3f} Å between the outermost atoms plus van der Waals radii "
        f"{vdw_radii[atomic_numbers[low]]:.2f} ({low}) and "
        f"{vdw_radii[atomic_numbers[top]]:.2f} Å ({top})"
    )
    return Thickness(value, reason)
