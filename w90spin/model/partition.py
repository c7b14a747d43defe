"""Parts of a cell: layers, atoms, species, magnetic sublattices or named groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import PartitionError
from w90spin.model.checkpoint import bloch_to_wannier, mesh_points, to_lattice
from w90spin.model.continuum import AnyModel, ContinuumModel
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.lattice import find_vectors
from w90spin.model.wannier import Structure, WannierModel
from w90spin.model.wigner_seitz import minimal_images, wigner_seitz_vectors
from w90spin.read import AmnFile, ChkFile, read_amn, read_chk

SMALLEST_GAP = 0.5
"""Empty heights up to this never separate layers. [Å]"""

BOND_STRETCH = 1.2
"""Atoms nearer than this times the sum of their covalent radii are bonded."""

SUM_TOLERANCE = 1e-10
"""The projectors of a partition sum to one within this."""

SAME_DIRECTION = np.radians(5.0)
"""Moments at a smaller angle point the same way. [rad]"""

SMALLEST_OVERLAP = 1e-3
"""Smallest singular value of trial orbitals in the Wannier space that can be orthonormalised."""


@dataclass(frozen=True, eq=False)
class Partition:
    """Projectors P_l that sum to one.

    Parameters
    ----------
    names : tuple of str (l)
        Names of the parts.
    weights_li : float array (l, i)
        Diagonal of each projector in the Wannier basis at R = 0, between 0 and 1.
    R_Rc : int array (R, c), or None
        Lattice vectors of projectors that are not diagonal in the Wannier basis.
    projector_Rlij : complex array (R, l, i, j), or None
        Their matrices; None for projectors that are diagonal, with ``weights_li``.
    cell_ca : float array (c, a), or None
        Lattice vectors in rows; only derivatives of such projectors need them. [Å]

    Raises
    ------
    PartitionError
        If names and weights do not match, a weight is outside [0, 1], or the sum is not one.
    """

    names: tuple[str, ...]
    weights_li: FloatArray
    R_Rc: IntArray | None = None
    projector_Rlij: ComplexArray | None = None
    cell_ca: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.weights_li.ndim != 2 or len(self.names) != len(self.weights_li):
            raise PartitionError(
                f"{len(self.names)} names for weights of shape {self.weights_li.shape}; one row "
                "of weights per part is needed."
            )
        if len(set(self.names)) != len(self.names):
            raise PartitionError(f"Parts share a name: {list(self.names)}.")
        if not np.isfinite(self.weights_li).all():
            raise PartitionError("A weight is not a finite number.")
        slack = SUM_TOLERANCE
        if (self.weights_li < -slack).any() or (self.weights_li > 1.0 + slack).any():
            raise PartitionError("Weights of a part must lie between 0 and 1.")
        sum_i = self.weights_li.sum(axis=0)
        if not np.allclose(sum_i, 1.0, rtol=0.0, atol=slack):
            worst = int(np.argmax(np.abs(sum_i - 1.0)))
            raise PartitionError(
                f"The parts do not sum to one: Wannier function {worst + 1} is counted "
                f"{sum_i[worst]:g} times. Put every Wannier function into exactly one part."
            )
        if self.projector_Rlij is not None and self.R_Rc is not None:
            sum_Rij = self.projector_Rlij.sum(axis=1)
            home_R = np.all(self.R_Rc == 0, axis=1)
            sum_Rij[home_R] -= np.eye(sum_Rij.shape[-1])
            if np.abs(sum_Rij).max() > slack:
                raise PartitionError(
                    f"The projectors do not sum to one: largest deviation "
                    f"{np.abs(sum_Rij).max():.1e}."
                )

    def project(self, op_kxij: ComplexArray, kpt_kc: FloatArray) -> ComplexArray:
        r"""Share of an operator on each part, :math:`\tfrac12\{P_l, O\}`.

        Parameters
        ----------
        op_kxij : complex array (k, x, i, j)
            Operators in the Wannier gauge.
        kpt_kc : float array (k, c)
            Reduced coordinates.

        Returns
        -------
        complex array (k, l, x, i, j)
            They sum over l to the operators.

        Raises
        ------
        PartitionError
            If the partition is of another number of Wannier functions.
        """
        if self.weights_li.shape[1] != op_kxij.shape[-1]:
            raise PartitionError(
                f"The partition is of {self.weights_li.shape[1]} Wannier functions, the model has "
                f"{op_kxij.shape[-1]} Wannier functions. Make it with partition(model, ...)."
            )
        if self.projector_Rlij is None or self.R_Rc is None:
            mean_lij = 0.5 * (self.weights_li[:, :, None] + self.weights_li[:, None, :])
            shares: ComplexArray = mean_lij[:, None] * op_kxij[:, None]
            return shares
        phase_kR = np.exp(2j * np.pi * (kpt_kc @ self.R_Rc.T))
        projector_klij = np.tensordot(phase_kR, self.projector_Rlij, axes=1)[:, :, None]
        op_kyij = op_kxij[:, None]
        half: ComplexArray = 0.5 * (projector_klij @ op_kyij + op_kyij @ projector_klij)
        return half

    def project_slope(
        self, op_kxij: ComplexArray, slope_kxaij: ComplexArray, kpt_kc: FloatArray
    ) -> ComplexArray:
        r"""Bare derivative along Cartesian a of :meth:`project`, :math:`\partial_a\{P_l, O\}/2`.

        Parameters
        ----------
        op_kxij : complex array (k, x, i, j)
            Operators in the Wannier gauge.
        slope_kxaij : complex array (k, x, a, i, j)
            Their bare derivatives. [Å times the operator's unit]
        kpt_kc : float array (k, c)
            Reduced coordinates.

        Returns
        -------
        complex array (k, l, x, a, i, j)

        Raises
        ------
        PartitionError
            If the partition is of another number of Wannier functions, or has projectors that
            depend on k and does not know the cell.
        """
        n_k, n_x, n_a, n, _ = slope_kxaij.shape
        flat = self.project(slope_kxaij.reshape(n_k, -1, n, n), kpt_kc)
        slope_klxaij = flat.reshape(n_k, -1, n_x, n_a, n, n)
        if self.projector_Rlij is None or self.R_Rc is None:
            return slope_klxaij
        if self.cell_ca is None:
            raise PartitionError(
                "The projectors depend on k, and without the cell nobody can tell their "
                "derivatives. Give Partition(..., cell_ca=model.cell_ca)."
            )
        phase_kR = np.exp(2j * np.pi * (kpt_kc @ self.R_Rc.T))
        phase_kaR = 1j * (self.R_Rc @ self.cell_ca).T * phase_kR[:, None]
        turning_kalij = np.tensordot(phase_kaR, self.projector_Rlij, axes=1)
        turning = turning_kalij.swapaxes(1, 2)[:, :, None]
        op = op_kxij[:, None, :, None]
        whole: ComplexArray = slope_klxaij + 0.5 * (turning @ op + op @ turning)
        return whole

    def difference(self, other: Partition) -> tuple[float, float]:
        """How far the projectors of two partitions into the same parts are apart.

        Parameters
        ----------
        other : Partition
            With the same names.

        Returns
        -------
        largest, rms : float
            Of the elements of P_l(R) - P'_l(R), rms over those of the home cell.

        Raises
        ------
        PartitionError
            If names or numbers of Wannier functions differ.
        """
        if self.names != other.names or self.weights_li.shape != other.weights_li.shape:
            raise PartitionError(
                f"Parts {list(self.names)} and {list(other.names)} cannot be compared."
            )
        mine, theirs = self._by_vector(), other._by_vector()
        zero = np.zeros_like(mine[0, 0, 0])
        apart = [mine.get(R, zero) - theirs.get(R, zero) for R in mine.keys() | theirs.keys()]
        home = mine[0, 0, 0] - theirs[0, 0, 0]
        return max(float(np.abs(x).max()) for x in apart), float(
            np.sqrt((np.abs(home) ** 2).mean())
        )

    def _by_vector(self) -> dict[tuple[int, int, int], ComplexArray]:
        """Projectors (l, i, j) by lattice vector."""
        if self.projector_Rlij is None or self.R_Rc is None:
            diagonal = np.zeros((*self.weights_li.shape, self.weights_li.shape[1]), dtype=complex)
            index = np.arange(self.weights_li.shape[1])
            diagonal[:, index, index] = self.weights_li
            return {(0, 0, 0): diagonal}
        return {
            (int(R[0]), int(R[1]), int(R[2])): projector
            for R, projector in zip(self.R_Rc, self.projector_Rlij, strict=True)
        }

    def __str__(self) -> str:
        sizes = ", ".join(
            f"{name}: {weight:.4g}"
            for name, weight in zip(self.names, self.weights_li.sum(axis=1), strict=True)
        )
        kind = "diagonal" if self.projector_Rlij is None else "not diagonal"
        return (
            f"{len(self.names)} parts, projectors {kind} in the Wannier basis, that sum to one "
            f"(Wannier functions in each: {sizes})"
        )


def partition(
    model: AnyModel,
    by: str | Mapping[str, Sequence[int]],
    *,
    axis: int | None = None,
    gap: float | None = None,
    moments: ArrayLike | None = None,
) -> Partition:
    """Divide the Wannier functions of a model.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model; a k·p model has no atoms, and only a mapping divides it.
    by : "layer", "atom", "species", "sublattice", or mapping of name to Wannier functions
        "layer": groups of bonded atoms (nearer than 1.2 times the sum of their covalent radii),
        named A, B, ... from the bottom up; with ``gap``, or without atoms, clusters of Wannier
        centres along ``axis``.  "atom" and "species": nearest atom, across periodic boundaries.
        "sublattice": atoms whose moments point the same way, named "up" and "down" where there are
        two opposite directions and A, B, C, ... in the order of the atoms otherwise; atoms without
        a moment go to the nearest one with.  A mapping lists Wannier functions, counted from 1 as
        in Wannier90's files; all must be named.
    axis : int, optional
        Lattice direction of stacking for layers; by default the only non-periodic one.
    gap : float, optional
        Smallest empty height between two layers. [Å] Without it and without atoms the layers are
        split where gaps are clearly wider than the others.
    moments : float array (x) or (x, a), optional
        Magnetic moments of the atoms, along one axis or as vectors, for sublattices; by default
        those of the model.

    Returns
    -------
    Partition

    Raises
    ------
    PartitionError
        If the model has no atoms, the stacking direction is unclear, moments are missing, or the
        groups are not a partition.
    """
    if isinstance(by, Mapping):
        return _named(model, by)
    if isinstance(model, ContinuumModel):
        raise PartitionError(
            f"by = '{by}' needs atoms, and k·p model '{model.name}' has none. Name its parts: "
            '{"A": [1, 2], "B": [3, 4]}, basis functions counted from 1.'
        )
    if by == "layer":
        return _layers(model, axis, gap)
    if by in ("atom", "species"):
        return _by_atom(model, species=by == "species")
    if by == "sublattice":
        return _sublattices(model, moments)
    raise PartitionError(
        f"by = '{by}' is unknown; 'layer', 'atom', 'species', 'sublattice' or a mapping of name to "
        "Wannier functions is needed."
    )


def load_projected_partition(seedname: str | Path, parts: Partition) -> Partition:
    """Partition by the trial orbitals of a Wannierisation instead of its Wannier functions.

    Parameters
    ----------
    seedname : path
        Folder and seedname of the `.chk` and `.amn`.
    parts : Partition
        Weights of the trial orbitals, which stand in the order of the Wannier functions: what
        :func:`partition` gives.

    Returns
    -------
    Partition
        See :func:`projected_partition`; ``parts.difference`` tells how far the two are apart.

    Raises
    ------
    FileMissingError
        If a file is not there.
    PartitionError
        If the files do not fit.
    """
    files = FilesOfSeed.named(seedname)
    chk, amn = read_chk(files.take(".chk")), read_amn(files.take(".amn"))
    return projected_partition(parts, chk, amn)


def projected_partition(parts: Partition, chk: ChkFile, amn: AmnFile) -> Partition:
    r"""Partition by trial orbitals instead of Wannier functions.

    With A the overlaps of Bloch states and trial orbitals and V the Bloch-to-Wannier matrix,
    :math:`B = V^\dagger A` is orthonormalised after Löwdin, :math:`Q = B (B^\dagger B)^{-1/2}`, and
    :math:`P_l = Q w_l Q^\dagger` with the weights of the given parts, now of trial orbitals.

    Parameters
    ----------
    parts : Partition
        Weights of the trial orbitals, which stand in the order of the Wannier functions.
    chk : ChkFile
        The checkpoint.
    amn : AmnFile
        Projections of the same run.

    Returns
    -------
    Partition
        Not diagonal in the Wannier basis, unless the Wannier functions are the trial orbitals.

    Raises
    ------
    PartitionError
        If the numbers of bands, k points or orbitals differ, or the trial orbitals do not span the
        Wannier functions.
    """
    if amn.amn_kni.shape != (chk.n_kpts, chk.n_bands, chk.n_wann):
        raise PartitionError(
            f"{amn.path} has (k points, bands, trial orbitals) = {amn.amn_kni.shape}; "
            f"{chk.path} needs {(chk.n_kpts, chk.n_bands, chk.n_wann)}. Partition by trial "
            "orbitals needs one of them for every Wannier function, from the same run."
        )
    inside_kij = bloch_to_wannier(chk).conj().swapaxes(1, 2) @ amn.amn_kni
    left_kij, size_ki, right_kij = np.linalg.svd(inside_kij)
    if size_ki.min() < SMALLEST_OVERLAP:
        raise PartitionError(
            f"{amn.path}: the trial orbitals do not span the Wannier functions (smallest singular "
            f"value {size_ki.min():.1e}). Partition by Wannier centres instead."
        )
    orbital_kij = left_kij @ right_kij
    projector_klij = np.einsum(
        "kin,ln,kjn->klij", orbital_kij, parts.weights_li, orbital_kij.conj(), optimize=True
    )
    R_Rc, degeneracy_R = wigner_seitz_vectors(chk.cell_ca, chk.mp_grid)
    grid = chk.mp_grid
    periodic = (grid[0] > 1, grid[1] > 1, grid[2] > 1)
    images = minimal_images(chk.cell_ca, grid, R_Rc, chk.centres_ia, periodic)
    projector_Rlij = images.move(to_lattice(projector_klij, mesh_points(chk), R_Rc), degeneracy_R)
    R_Rc = images.image_Rc
    opposite_R = find_vectors(R_Rc, -R_Rc)
    adjoint = projector_Rlij[opposite_R].swapaxes(-1, -2).conj()
    projector_Rlij = np.multiply(0.5, projector_Rlij + adjoint)
    home = int(np.flatnonzero(np.all(R_Rc == 0, axis=1))[0])
    return Partition(
        names=parts.names,
        weights_li=np.einsum("lii->li", projector_Rlij[home]).real.copy(),
        R_Rc=R_Rc,
        projector_Rlij=projector_Rlij,
        cell_ca=chk.cell_ca,
    )


def _named(model: AnyModel, groups: Mapping[str, Sequence[int]]) -> Partition:
    weights_li = np.zeros((len(groups), model.n_wann))
    for part, (name, members) in enumerate(groups.items()):
        for member in members:
            if not isinstance(member, Integral) or not 1 <= member <= model.n_wann:
                raise PartitionError(
                    f"Part '{name}' names Wannier function {member}; the model has 1 to "
                    f"{model.n_wann}."
                )
            weights_li[part, member - 1] += 1.0
    return Partition(tuple(groups), weights_li)


def _layers(model: WannierModel, axis: int | None, gap: float | None) -> Partition:
    if axis is None:
        open_axes = [c for c in range(3) if not model.periodic[c]]
        if len(open_axes) != 1:
            raise PartitionError(
                f"Layers need one stacking direction, and the model is non-periodic along "
                f"{len(open_axes)} lattice directions. Give axis=0, 1 or 2."
            )
        axis = open_axes[0]
    if axis not in (0, 1, 2):
        raise PartitionError(f"axis = {axis} must be 0, 1 or 2.")
    normal_a = model.recip_ca[axis] / np.linalg.norm(model.recip_ca[axis])
    height_i = model.centres_ia @ normal_a
    if model.periodic[axis]:
        # Start above the widest empty height, so that no layer is cut by the cell's boundary.
        period = float(model.cell_ca[axis] @ normal_a)
        height_i = height_i % period
        ordered = np.sort(height_i)
        widest = int(np.argmax(np.diff(ordered, append=ordered[0] + period)))
        bottom = ordered[(widest + 1) % len(ordered)]
        height_i = (height_i - bottom) % period
    elements = model.structure is not None and set(model.structure.symbols) <= set(atomic_numbers)
    if gap is None and elements:
        nearest_i, symbols = _nearest_atoms(model)
        label_i = _bonded(model, symbols)[nearest_i]
    else:
        label_i = _separated(height_i, gap)
    present = np.unique(label_i)
    mean_l = np.array([height_i[label_i == label].mean() for label in present])
    rank = {int(label): rank for rank, label in enumerate(present[np.argsort(mean_l)])}
    rank_i = np.array([rank[int(label)] for label in label_i])
    names = tuple(_letters(index) for index in range(len(rank)))
    return Partition(names, _one_hot(rank_i, len(names)))


def _bonded(model: WannierModel, symbols: tuple[str, ...]) -> IntArray:
    """Connected component of every atom, where bonds join atoms nearer than covalent radii say."""
    assert model.structure is not None
    radius_x = covalent_radii[[atomic_numbers[symbol] for symbol in symbols]]
    positions_xa = model.structure.positions_xa
    bonded_xy = _periodic_distances(model, positions_xa, positions_xa) < BOND_STRETCH * (
        radius_x[:, None] + radius_x
    )
    labels: IntArray = connected_components(bonded_xy, directed=False)[1].astype(np.int64)
    return labels


def _separated(height_i: FloatArray, gap: float | None) -> IntArray:
    """Cluster of every height; without a gap, clusters split where gaps are clearly wider."""
    if gap is not None and not gap > 0.0:
        raise PartitionError(f"gap = {gap} Å must be positive.")
    order = np.argsort(height_i, kind="stable")
    gaps = np.diff(height_i[order])
    if gap is None:
        wide = np.sort(np.append(gaps[gaps > SMALLEST_GAP], SMALLEST_GAP))[::-1]
        if len(wide) == 1:
            gap = SMALLEST_GAP
        else:
            step = int(np.argmax(wide[:-1] / wide[1:]))
            gap = float(np.sqrt(wide[step] * wide[step + 1]))
    label_i = np.empty(len(height_i), dtype=np.int64)
    label_i[order] = np.concatenate([[0], np.cumsum(gaps > gap)])
    return label_i


def _by_atom(model: WannierModel, *, species: bool) -> Partition:
    nearest_i, symbols = _nearest_atoms(model)
    if species:
        names = tuple(dict.fromkeys(symbols))
        label_i = np.array([names.index(symbols[x]) for x in nearest_i])
    else:
        names = tuple(f"{symbol}{x + 1}" for x, symbol in enumerate(symbols))
        label_i = nearest_i
    return Partition(names, _one_hot(label_i, len(names)))


def _sublattices(model: WannierModel, moments: ArrayLike | None) -> Partition:
    nearest_i, symbols = _nearest_atoms(model)
    assert model.structure is not None
    positions_xa = model.structure.positions_xa
    moments_xa = _given_moments(model.structure, moments)
    size_x = np.linalg.norm(moments_xa, axis=1)
    magnetic = np.flatnonzero(size_x > 0.0)
    # Atoms whose moments point the same way, in the order in which they come.
    axis_la = np.zeros((0, 3))
    label_x = np.empty(len(symbols), dtype=np.int64)
    for x in magnetic:
        along_a = moments_xa[x] / size_x[x]
        same_l = np.flatnonzero(axis_la @ along_a > np.cos(SAME_DIRECTION))
        if same_l.size == 0:
            axis_la = np.concatenate([axis_la, along_a[None]])
        label_x[x] = same_l[0] if same_l.size else len(axis_la) - 1
    if len(axis_la) < 2:
        raise PartitionError(
            f"moments = {np.asarray(moments_xa).tolist()} have one direction only; sublattices "
            "need two or more."
        )
    names = tuple(_letters(index) for index in range(len(axis_la)))
    if len(axis_la) == 2 and axis_la[0] @ axis_la[1] < -np.cos(SAME_DIRECTION):
        # Up is what points along z, or along y or x where it lies in the plane.
        leading = next(a for a in (2, 1, 0) if abs(axis_la[0, a]) > np.sin(SAME_DIRECTION))
        if axis_la[0, leading] < 0.0:
            label_x = 1 - label_x
        names = ("up", "down")
    apart_xy = _periodic_distances(model, positions_xa, positions_xa[magnetic])
    owner_x = np.where(size_x > 0.0, np.arange(len(symbols)), magnetic[np.argmin(apart_xy, axis=1)])
    return Partition(names, _one_hot(label_x[owner_x[nearest_i]], len(names)))


def _given_moments(structure: Structure, moments: ArrayLike | None) -> FloatArray:
    """Moments of the atoms as vectors, shape (x, a): those given, or else the structure's."""
    symbols = structure.symbols
    try:
        given = np.asarray(structure.moments_xa if moments is None else moments, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.shape not in ((len(symbols),), (len(symbols), 3)):
        raise PartitionError(
            f"Magnetic sublattices need one moment for each of the {len(symbols)} atoms "
            f"({', '.join(symbols)}); give moments=[...], numbers along one axis or vectors, 0 for "
            "those without, or model.with_moments(...)."
        )
    if not np.isfinite(given).all():
        raise PartitionError(f"moments = {given.tolist()} must be finite numbers.")
    return given if given.ndim == 2 else given[:, None] * np.array([0.0, 0.0, 1.0])


def _nearest_atoms(model: WannierModel) -> tuple[IntArray, tuple[str, ...]]:
    """Nearest atom of every Wannier function, and the atoms' symbols."""
    if model.structure is None:
        raise PartitionError(
            "The model carries no atoms, which a partition by atom needs. Keep the .win or "
            "_centres.xyz beside the other files, or give atoms=."
        )
    distance_ix = _periodic_distances(model, model.centres_ia, model.structure.positions_xa)
    return np.argmin(distance_ix, axis=1), model.structure.symbols


def _periodic_distances(model: WannierModel, from_ia: FloatArray, to_xa: FloatArray) -> FloatArray:
    """Distances to the nearest periodic image, shape (i, x). [Å]"""
    reduced_ixc = (from_ia[:, None, :] - to_xa) @ np.linalg.inv(model.cell_ca)
    wrap_c = np.array(model.periodic)
    reduced_ixc -= np.where(wrap_c, np.rint(reduced_ixc), 0.0)
    # The rounded image is not always the nearest in a skewed cell: look at its neighbours too.
    steps = [(-1, 0, 1) if periodic else (0,) for periodic in model.periodic]
    image_mc = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    apart_ixma = (reduced_ixc[:, :, None] + image_mc) @ model.cell_ca
    distance_ix: FloatArray = np.linalg.norm(apart_ixma, axis=-1).min(axis=2)
    return distance_ix


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
