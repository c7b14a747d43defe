r"""Operations of magnetic space groups and the groups that they form.

An operation :math:`\{W|w\}`, with or without time reversal, takes the reduced coordinates x of a
point to :math:`W x + w`, and the reduced coordinates k of a Bloch state to :math:`\pm W^{-T} k`,
minus with time reversal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
import scipy.linalg

from w90spin.arrays import BoolArray, FloatArray, IntArray
from w90spin.errors import ModelError

STRAIN_TOLERANCE = 1e-3
"""Relative change of lengths up to which an operation counts as one of the lattice."""

TRANSLATION_TOLERANCE = 1e-3
"""Translations that differ by less, in units of the cell, are the same."""

LARGEST_GROUP = 4 * 192
"""Operations beyond which generators make no crystallographic group in a sensible cell."""


@dataclass(frozen=True, eq=False)
class SymmetryOperation:
    r"""A rotation, proper or not, a translation, and perhaps time reversal.

    Parameters
    ----------
    rotation_cc : int array (c, c)
        Matrix W that turns reduced coordinates.
    translation_c : float array (c)
        Translation w, reduced.
    time_reversal : bool
        Whether time is reversed as well: the operation is then antiunitary.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]

    Raises
    ------
    ModelError
        If W is no integer matrix of determinant ±1 or changes lengths.

    Examples
    --------
    Inversion with time reversal:

    >>> PT = SymmetryOperation(-np.eye(3), np.zeros(3), True, np.diag([4.0, 4.0, 16.0]))
    >>> print(PT, PT.symbol)
    -x,-y,-z,-1 -1'
    >>> PT.kpt_rotation_cc.tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """

    rotation_cc: IntArray
    translation_c: FloatArray
    time_reversal: bool
    cell_ca: FloatArray

    def __post_init__(self) -> None:
        given = np.asarray(self.rotation_cc, dtype=np.float64)
        shift_c = np.array(self.translation_c, dtype=np.float64)
        if given.shape != (3, 3) or shift_c.shape != (3,):
            raise ModelError(
                f"An operation has a rotation of shape {given.shape} and a translation of shape "
                f"{shift_c.shape}; (3, 3) and (3,) are needed, in reduced coordinates."
            )
        if not (np.isfinite(given).all() and np.isfinite(shift_c).all()):
            raise ModelError("The rotation or translation of an operation is not finite.")
        rotation_cc = np.rint(given).astype(np.int64)
        if np.abs(rotation_cc - given).max() > 1e-6 or abs(_determinant(rotation_cc)) != 1:
            raise ModelError(
                f"The rotation {given.tolist()} is not an integer matrix of determinant 1 or -1. "
                "Give it in reduced coordinates, as spglib does, not as a Cartesian matrix."
            )
        object.__setattr__(self, "rotation_cc", rotation_cc)
        object.__setattr__(self, "translation_c", shift_c)
        object.__setattr__(self, "time_reversal", bool(self.time_reversal))
        turn_aa = self._linear_map()
        strain = float(np.abs(turn_aa.T @ turn_aa - np.eye(3)).max())
        if strain > STRAIN_TOLERANCE:
            raise ModelError(
                f"The operation {self} changes lengths (its Cartesian matrix is off orthogonality "
                f"by {strain:.2g}), so that it is no symmetry of this lattice. Check the cell and "
                "that the rotation is in reduced coordinates."
            )

    def _linear_map(self) -> FloatArray:
        turn_aa: FloatArray = self.cell_ca.T @ self.rotation_cc @ np.linalg.inv(self.cell_ca.T)
        return turn_aa

    @cached_property
    def cartesian_aa(self) -> FloatArray:
        """Orthogonal matrix that turns Cartesian vectors, shape (a, a)."""
        # The nearest orthogonal matrix, so that a cell known to some digits makes no strain.
        left, _, right = np.linalg.svd(self._linear_map())
        orthogonal: FloatArray = left @ right
        return orthogonal

    @cached_property
    def kpt_rotation_cc(self) -> IntArray:
        """Integer matrix K, shape (c, c): a state at k goes to K k, reduced coordinates."""
        turn_cc: IntArray = np.rint(np.linalg.inv(self.rotation_cc).T).astype(np.int64)
        return -turn_cc if self.time_reversal else turn_cc

    @property
    def determinant(self) -> int:
        """1 for proper, -1 for improper rotations."""
        return _determinant(self.rotation_cc)

    def axis_matrix(self, *, axial: bool) -> FloatArray:
        """Matrix that turns a polar or axial vector, time reversal left aside, shape (a, a)."""
        return self.determinant * self.cartesian_aa if axial else self.cartesian_aa

    @property
    def symbol(self) -> str:
        """Kind of the rotation after Hermann and Mauguin, with a prime for time reversal."""
        proper = self.determinant * self.rotation_cc
        order = {3: 1, -1: 2, 0: 3, 1: 4, 2: 6}[int(np.trace(proper))]
        word = str(order) if self.determinant == 1 else "m" if order == 2 else f"-{order}"
        return word + ("'" if self.time_reversal else "")

    def after(self, first: SymmetryOperation) -> SymmetryOperation:
        """Product of two operations: another one first, then the one at hand."""
        return replace(
            self,
            rotation_cc=self.rotation_cc @ first.rotation_cc,
            translation_c=self.rotation_cc @ first.translation_c + self.translation_c,
            time_reversal=self.time_reversal != first.time_reversal,
        )

    def plain(self, *, time_reversal: bool) -> SymmetryOperation:
        """Identity or time reversal of the same lattice."""
        return SymmetryOperation(
            np.eye(3, dtype=np.int64), np.zeros(3), time_reversal, self.cell_ca
        )

    def inverse(self) -> SymmetryOperation:
        """The operation that undoes this one."""
        back_cc = np.rint(np.linalg.inv(self.rotation_cc)).astype(np.int64)
        return replace(self, rotation_cc=back_cc, translation_c=-back_cc @ self.translation_c)

    def same_as(self, other: SymmetryOperation) -> bool:
        """Whether the two differ by a lattice vector at most."""
        apart_c = self.translation_c - other.translation_c
        return (
            self.time_reversal == other.time_reversal
            and np.array_equal(self.rotation_cc, other.rotation_cc)
            and bool(np.abs(apart_c - np.rint(apart_c)).max() < TRANSLATION_TOLERANCE)
        )

    def __str__(self) -> str:
        rows = zip(self.rotation_cc, self.translation_c, strict=True)
        return ",".join(_coordinate(row_c, shift) for row_c, shift in rows) + (
            ",-1" if self.time_reversal else ",+1"
        )


@dataclass(frozen=True, eq=False)
class MagneticGroup:
    """A magnetic space group: its operations up to lattice vectors.

    Parameters
    ----------
    operations : sequence of SymmetryOperation (g)
        Closed under products; :meth:`generated_by` closes a list.
    name : str
        What reports call it.

    Raises
    ------
    ModelError
        If an operation stands twice, the cells differ, or a product of two operations is missing.

    Notes
    -----
    The operations are given the cell nearest to theirs that the rotations leave unchanged exactly,
    so that Cartesian matrices multiply like the operations to the last bits.
    """

    operations: Sequence[SymmetryOperation]
    name: str = "given by hand"
    _table: dict[bytes, list[int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        operations = tuple(self.operations)
        if not operations:
            raise ModelError("A group needs one operation at least, the identity.")
        if any(np.abs(g.cell_ca - operations[0].cell_ca).max() > 1e-6 for g in operations):
            raise ModelError("The operations of a group are of different cells.")
        cell_ca = _undistorted(operations)
        operations = tuple(replace(g, cell_ca=cell_ca) for g in operations)
        table: dict[bytes, list[int]] = {}
        for index, g in enumerate(operations):
            table.setdefault(_key(g), []).append(index)
        object.__setattr__(self, "operations", operations)
        object.__setattr__(self, "_table", table)
        for index, g in enumerate(operations):
            if self.index(g) != index:
                raise ModelError(f"The operation {g} stands more than once in the group.")
        missing = _missing_product(operations)
        if missing is not None:
            g, h = missing
            raise ModelError(
                f"The operations are no group: {g} after {h} gives {g.after(h)}, which is not "
                f"among the {len(operations)} given. Add what is missing, or take "
                "MagneticGroup.generated_by(operations), which does."
            )

    @classmethod
    def generated_by(
        cls, operations: Sequence[SymmetryOperation], name: str | None = None
    ) -> MagneticGroup:
        """Smallest group that holds some operations.

        Parameters
        ----------
        operations : sequence of SymmetryOperation
            Generators; the identity need not be among them.
        name : str, optional
            What reports call it; by default the generators.

        Returns
        -------
        MagneticGroup

        Raises
        ------
        ModelError
            If there is no generator or they make no finite group.

        Examples
        --------
        >>> PT = SymmetryOperation(-np.eye(3), np.zeros(3), True, np.eye(3))
        >>> print(MagneticGroup.generated_by([PT]))
        generated by -x,-y,-z,-1: 2 operations, 1 with time reversal
        """
        if not operations:
            raise ModelError("A group needs one generator at least.")
        one = operations[0].plain(time_reversal=False)
        found = [one]
        keys: dict[bytes, list[SymmetryOperation]] = {_key(one): [one]}
        for known in found:  # grows while it is walked through
            for generator in operations:
                new = generator.after(known)
                alike = keys.setdefault(_key(new), [])
                if any(new.same_as(other) for other in alike):
                    continue
                found.append(new)
                alike.append(new)
                if len(found) > LARGEST_GROUP:
                    raise ModelError(
                        f"The operations {', '.join(map(str, operations))} generate more than "
                        f"{LARGEST_GROUP} operations: their translations do not fit into the cell. "
                        "Give fractions such as 1/2 to four digits or better."
                    )
        words = name or f"generated by {'; '.join(map(str, operations))}"
        return cls([_reduced(g) for g in found], words)

    def index(self, operation: SymmetryOperation) -> int:
        """Index of the operation that differs by a lattice vector at most, -1 without one."""
        for index in self._table.get(_key(operation), []):
            if self.operations[index].same_as(operation):
                return index
        return -1

    @property
    def unitary(self) -> bool:
        """Whether no operation reverses time."""
        return not any(g.time_reversal for g in self.operations)

    @property
    def grey(self) -> bool:
        """Whether time reversal itself, without translation, is an operation."""
        return self.index(self.operations[0].plain(time_reversal=True)) >= 0

    def subgroup(self, keep_g: BoolArray | Sequence[bool], name: str) -> MagneticGroup:
        """Group of some of the operations.

        Parameters
        ----------
        keep_g : bool array (g)
            Which.
        name : str
            What reports call it.

        Returns
        -------
        MagneticGroup

        Raises
        ------
        ModelError
            If they are no group.
        """
        kept = [g for g, keep in zip(self.operations, keep_g, strict=True) if keep]
        return MagneticGroup(kept, name)

    def __len__(self) -> int:
        return len(self.operations)

    def __iter__(self) -> Iterator[SymmetryOperation]:
        return iter(self.operations)

    def __str__(self) -> str:
        n_reversed = sum(g.time_reversal for g in self.operations)
        plural = "" if len(self) == 1 else "s"
        return f"{self.name}: {len(self)} operation{plural}, {n_reversed} with time reversal"


def _missing_product(
    operations: Sequence[SymmetryOperation],
) -> tuple[SymmetryOperation, SymmetryOperation] | None:
    """Two operations whose product is not among them, if there are."""
    rotation_gcc = np.stack([g.rotation_cc for g in operations])
    shift_gc = np.stack([g.translation_c for g in operations])
    reverse_g = np.array([g.time_reversal for g in operations])
    for g in operations:
        apart_hgc = (shift_gc @ g.rotation_cc.T + g.translation_c)[:, None] - shift_gc
        same_hg = (
            ((g.rotation_cc @ rotation_gcc)[:, None] == rotation_gcc).all(axis=(2, 3))
            & ((reverse_g != g.time_reversal)[:, None] == reverse_g)
            & (np.abs(apart_hgc - np.rint(apart_hgc)).max(axis=2) < TRANSLATION_TOLERANCE)
        )
        lost = np.flatnonzero(~same_hg.any(axis=1))
        if lost.size:
            return g, operations[int(lost[0])]
    return None


def _undistorted(operations: Sequence[SymmetryOperation]) -> FloatArray:
    """Nearest cell whose metric all rotations leave unchanged, lattice vectors in rows. [Å]"""
    columns = operations[0].cell_ca.T
    metric_cc = columns.T @ columns
    mean_cc = np.mean([g.rotation_cc.T @ metric_cc @ g.rotation_cc for g in operations], axis=0)
    back = np.linalg.inv(columns)
    stretch_aa = scipy.linalg.sqrtm(back.T @ mean_cc @ back).real
    undistorted: FloatArray = (stretch_aa @ columns).T
    return undistorted


def _key(operation: SymmetryOperation) -> bytes:
    return operation.rotation_cc.tobytes() + bytes([operation.time_reversal])


def _reduced(operation: SymmetryOperation) -> SymmetryOperation:
    """The same operation with a translation between 0 and 1."""
    shift_c = operation.translation_c - np.floor(operation.translation_c + TRANSLATION_TOLERANCE)
    return replace(operation, translation_c=shift_c)


def _determinant(rotation_cc: IntArray) -> int:
    return round(float(np.linalg.det(rotation_cc)))


def _coordinate(row_c: IntArray, shift: float) -> str:
    words = ""
    for count, letter in zip(row_c.tolist(), "xyz", strict=True):
        if count:
            size = "" if abs(count) == 1 else str(abs(count))
            words += ("-" if count < 0 else "+" if words else "") + size + letter
    fraction = Fraction(shift).limit_denominator(12)
    if abs(float(fraction) - shift) < TRANSLATION_TOLERANCE:
        text = str(fraction) if fraction else ""
    else:
        text = f"{shift:.4f}"
    if text and not text.startswith("-"):
        text = f"+{text}"
    return words + text
