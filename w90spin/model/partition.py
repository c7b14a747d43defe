"""Parts of a cell: layers, atoms or named groups of Wannier functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import PartitionError
from w90spin.model.wannier import WannierModel

LAYER_GAP = 1.0
"""Smallest empty height between two layers. [Å]"""


@dataclass(frozen=True, eq=False)
class Partition:
    """Projectors, diagonal in the Wannier basis, that sum to one.

    Parameters
    ----------
    names : tuple of str (l)
        Names of the parts.
    weights_li : float array (l, i)
        Diagonal of each projector, between 0 and 1.

    Raises
    ------
    PartitionError
        If names and weights do not match, a weight is outside [0, 1], or the sum is not one.
    """

    names: tuple[str, ...]
    weights_li: FloatArray

    def __post_init__(self) -> None:
        if self.weights_li.ndim != 2 or len(self.names) != len(self.weights_li):
            raise PartitionError(
                f"{len(self.names)} names for weights of shape {self.weights_li.shape}; one row "
                "of weights per part is needed."
            )
        if len(set(self.names)) != len(self.names):
            raise PartitionError(f"Parts share a name: {list(self.names)}.")
        if (self.weights_li < -1e-12).any() or (self.weights_li > 1.0 + 1e-12).any():
            raise PartitionError("Weights of a part must lie between 0 and 1.")
        sum_i = self.weights_li.sum(axis=0)
        if not np.allclose(sum_i, 1.0, rtol=0.0, atol=1e-12):
            worst = int(np.argmax(np.abs(sum_i - 1.0)))
            raise PartitionError(
                f"The parts do not sum to one: Wannier function {worst + 1} is counted "
                f"{sum_i[worst]:g} times. Put every Wannier function into exactly one part."
            )


def partition(
    model: WannierModel, by: str | Mapping[str, Sequence[int]], *, axis: int | None = None
) -> Partition:
    """Divide the Wannier functions of a model.

    Parameters
    ----------
    model : WannierModel
        The model.
    by : "layer", "atom", "species", or mapping of name to Wannier functions
        "layer": clusters of centres along ``axis``, separated by more than 1 Å, named A, B, ...
        from the bottom up.  "atom" and "species": nearest atom, across periodic boundaries.  A
        mapping lists Wannier functions, counted from 1 as in Wannier90's files; all must be named.
    axis : int, optional
        Lattice direction of stacking for layers; by default the only non-periodic one.

    Returns
    -------
    Partition

    Raises
    ------
    PartitionError
        If the model has no atoms, the stacking direction is unclear, or the groups are not a
        partition.
    """
    if not isinstance(by, str):
        return _named(model, by)
    if by == "layer":
        return _layers(model, axis)
    if by in ("atom", "species"):
        return _nearest_atoms(model, species=by == "species")
    raise PartitionError(
        f"by = '{by}' is unknown; 'layer', 'atom', 'species' or a mapping of name to Wannier "
        "functions is needed."
    )


def _named(model: WannierModel, groups: Mapping[str, Sequence[int]]) -> Partition:
    weights_li = np.zeros((len(groups), model.n_wann))
    for part, (name, members) in enumerate(groups.items()):
        for member in members:
            if not 1 <= member <= model.n_wann:
                raise PartitionError(
                    f"Part '{name}' names Wannier function {member}; the model has 1 to "
                    f"{model.n_wann}."
                )
            weights_li[part, member - 1] += 1.0
    return Partition(tuple(groups), weights_li)


def _layers(model: WannierModel, axis: int | None) -> Partition:
    if axis is None:
        open_axes = [c for c in range(3) if not model.periodic[c]]
        if len(open_axes) != 1:
            raise PartitionError(
                f"Layers need one stacking direction, and the model is non-periodic along "
                f"{len(open_axes)} lattice directions. Give axis=0, 1 or 2."
            )
        axis = open_axes[0]
    normal_a = model.recip_ca[axis] / np.linalg.norm(model.recip_ca[axis])
    height_i = model.centres_ia @ normal_a
    order = np.argsort(height_i, kind="stable")
    period = float(model.cell_ca[axis] @ normal_a)
    if model.periodic[axis]:
        # Start above the widest empty height, so that no layer is cut by the cell's boundary.
        height_i = height_i % period
        order = np.argsort(height_i, kind="stable")
        gaps = np.diff(height_i[order], append=height_i[order[0]] + period)
        order = np.roll(order, -(int(np.argmax(gaps)) + 1))
        height_i = np.where(height_i < height_i[order[0]], height_i + period, height_i)
    label_i = np.empty(model.n_wann, dtype=np.int64)
    label_i[order] = np.cumsum(np.diff(height_i[order], prepend=height_i[order[0]]) > LAYER_GAP)
    names = tuple(_letters(label) for label in range(int(label_i.max()) + 1))
    return Partition(names, _one_hot(label_i, len(names)))


def _nearest_atoms(model: WannierModel, *, species: bool) -> Partition:
    if model.structure is None:
        raise PartitionError(
            "The model carries no atoms, which a partition by atom needs. Keep the .win or "
            "_centres.xyz beside the other files, or give atoms=."
        )
    symbols, positions_xa = model.structure.symbols, model.structure.positions_xa
    apart_ixa = model.centres_ia[:, None, :] - positions_xa
    reduced_ixc = apart_ixa @ np.linalg.inv(model.cell_ca)
    wrap_c = np.array(model.periodic)
    reduced_ixc -= np.where(wrap_c, np.rint(reduced_ixc), 0.0)
    # The rounded image is not always the nearest in a skewed cell: look at its neighbours too.
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in model.periodic]
    image_mc = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    distance_ixm = np.linalg.norm((reduced_ixc[:, :, None] + image_mc) @ model.cell_ca, axis=-1)
    nearest_i = np.argmin(distance_ixm.min(axis=2), axis=1)
    if species:
        names = tuple(dict.fromkeys(symbols))
        label_i = np.array([names.index(symbols[x]) for x in nearest_i])
    else:
        names = tuple(f"{symbol}{x + 1}" for x, symbol in enumerate(symbols))
        label_i = nearest_i
    return Partition(names, _one_hot(label_i, len(names)))


def _one_hot(label_i: IntArray, n_parts: int) -> FloatArray:
    weights: FloatArray = (np.arange(n_parts)[:, None] == label_i).astype(np.float64)
    return weights


def _letters(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        name = chr(ord("A") + digit) + name
    return name
