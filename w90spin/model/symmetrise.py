r"""How far a model is from the symmetry of its crystal, and its part that has it.

Seen through an operation, an operator between Wannier functions becomes

.. math::

    [g O g^{-1}](W\mathbf R + \mathbf T_y - \mathbf T_x)
        = D_{x}\, \left[\eta\, O_{xy}(\mathbf R)\right]^{(*)} D_{y}^\dagger

for functions of the sites x and y, with :math:`\eta` the matrix that turns its components:
one for H, :math:`\pm\det(g)\,g` for the spin, :math:`g` for the position counted from the sites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError, PartitionError
from w90spin.model.action import OrbitalAction, SitedOrbitals, sited_orbitals
from w90spin.model.lattice import distinct_vectors, find_vectors
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.partition import Partition
from w90spin.model.symmetry import magnetic_group
from w90spin.model.time_reversal import TOLERANCE_HAM, TOLERANCE_POS, TOLERANCE_SPIN
from w90spin.model.wannier import WannierModel

NamedOperation = Literal["PT", "TR"]
"""Inversion with time reversal; time reversal alone."""

BAND_MESH = {0: 1, 1: 48, 2: 12, 3: 6}
"""Points along each periodic direction, by their number, at which bands are compared."""

_SHIFT = 0.137
"""Their offset, which keeps them off points and lines of symmetry."""

CLEARLY_HAM, CLEARLY_SPIN = 1e-2, 5e-2
"""Violations [eV, 1] up to which a model clearly has an operation, if not to the last digit."""

SAME_PART = 1e-3
"""Elements of projectors on parts that differ by less are the same."""

_MEASURED = ("ham", "pos", "spin", "misfit")


@dataclass(frozen=True)
class Violation:
    """Largest violation of one operation in each operator.

    Parameters
    ----------
    operation : SymmetryOperation
        The operation.
    ham : float
        In H(R). [eV]
    pos : float
        In r(R), counted from the sites. [Å]
    spin : float
        In the Pauli matrices; 0 without spin.
    misfit : float
        Largest distance between where a site lands and the site there. [Å]
    refused : str
        Why the operation cannot act on the Wannier functions; empty if it can.
    """

    operation: SymmetryOperation
    ham: float
    pos: float
    spin: float
    misfit: float = 0.0
    refused: str = ""

    @property
    def holds(self) -> bool:
        """Whether every violation is within the tolerances of ``model/time_reversal.py``."""
        return (
            not self.refused
            and self.ham <= TOLERANCE_HAM
            and self.pos <= TOLERANCE_POS
            and self.spin <= TOLERANCE_SPIN
        )

    @property
    def clearly_holds(self) -> bool:
        """Whether H and the spin have the operation, if not to the last digit; r left aside."""
        return not self.refused and self.ham <= CLEARLY_HAM and self.spin <= CLEARLY_SPIN


@dataclass(frozen=True)
class SymmetryReport:
    """How far a model is from each operation of a group.

    Parameters
    ----------
    group : MagneticGroup
        The group.
    violations : tuple of Violation (g)
        One for each operation, in its order.
    """

    group: MagneticGroup
    violations: tuple[Violation, ...]

    @property
    def worst(self) -> Violation:
        """Largest violation in each operator over the operations that can act."""
        return self._worst([violation for violation in self.violations if not violation.refused])

    def _worst(self, violations: Sequence[Violation]) -> Violation:
        ham, pos, spin, misfit = (
            max((float(getattr(v, name)) for v in violations), default=0.0) for name in _MEASURED
        )
        return Violation(self.group.operations[0], ham, pos, spin, misfit)

    @property
    def holds(self) -> bool:
        """Whether the model has every operation within the tolerances."""
        return all(violation.holds for violation in self.violations)

    def subgroup(
        self,
        *,
        ham: float = TOLERANCE_HAM,
        pos: float = TOLERANCE_POS,
        spin: float = TOLERANCE_SPIN,
    ) -> MagneticGroup:
        """Operations that the model has within tolerances.

        Parameters
        ----------
        ham, pos, spin : float
            Largest violations of H(R) [eV], r(R) [Å] and the Pauli matrices.

        Returns
        -------
        MagneticGroup

        Raises
        ------
        ModelError
            If they are no group, as where the tolerances cut through a range of violations.
        """
        keep_g = [
            not v.refused and v.ham <= ham and v.pos <= pos and v.spin <= spin
            for v in self.violations
        ]
        name = self.group.name
        return self.group.subgroup(keep_g, name if all(keep_g) else f"subgroup of {name}")

    def summary(self) -> str:
        """One line: the group and the worst violations."""
        clear = [violation for violation in self.violations if violation.clearly_holds]
        n_refused = sum(bool(violation.refused) for violation in self.violations)
        n_broken = len(self.violations) - len(clear) - n_refused
        words = f"{self.group}; "
        if n_refused:
            words += f"{n_refused} cannot act on the Wannier functions; "
        if n_broken:
            words += f"{n_broken} clearly broken by the model (magnetic moments?); the others have "
        worst = self._worst(clear)
        return (
            f"{words}largest violation {worst.ham:.1e} eV in H, {worst.pos:.1e} Å in r, "
            f"{worst.spin:.1e} in sigma"
        )

    def __str__(self) -> str:
        width = max(len(str(v.operation)) for v in self.violations)
        lines = [self.summary(), f"  {'operation':{width}}  kind   H [eV]   r [Å]    sigma"]
        for v in self.violations:
            numbers = v.refused or f"{v.ham:.1e}  {v.pos:.1e}  {v.spin:.1e}"
            lines.append(f"  {v.operation!s:{width}}  {v.operation.symbol:5}  {numbers}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The numbers as a plain dictionary, fit for JSON."""
        return {
            "group": self.group.name,
            "n_operations": len(self.group),
            "worst": {name: getattr(self.worst, name) for name in _MEASURED},
            "operations": [
                {
                    "operation": str(v.operation),
                    "kind": v.operation.symbol,
                    "time_reversal": v.operation.time_reversal,
                    "refused": v.refused,
                }
                | {name: getattr(v, name) for name in _MEASURED if not v.refused}
                for v in self.violations
            ],
        }


@dataclass(frozen=True)
class BandChange:
    """How far bands move on a mesh of the zone when a group is imposed.

    Parameters
    ----------
    largest, rms : float
        Over all bands and points. [eV]
    n_kpt : int
        Number of points.
    """

    largest: float
    rms: float
    n_kpt: int

    def __str__(self) -> str:
        return (
            f"bands move by at most {1e3 * self.largest:.2g} meV, rms {1e3 * self.rms:.2g} meV, "
            f"on {self.n_kpt} points of the zone"
        )


@dataclass(frozen=True)
class SymmetrisationReport:
    """What symmetrisation changed.

    Parameters
    ----------
    before, after : SymmetryReport
        Violations of the group.
    bands : BandChange
        How far bands moved.
    """

    before: SymmetryReport
    after: SymmetryReport
    bands: BandChange

    @property
    def band_change(self) -> float:
        """Largest change of a band. [eV]"""
        return self.bands.largest

    def __str__(self) -> str:
        return f"before: {self.before.summary()}\nafter:  {self.after.summary()}\n{self.bands}"

    def to_dict(self) -> dict[str, Any]:
        """The numbers as a plain dictionary, fit for JSON."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "band_change": self.bands.largest,
            "band_change_rms": self.bands.rms,
        }


def measure_symmetry(model: WannierModel, group: MagneticGroup | None = None) -> SymmetryReport:
    r"""Largest element of :math:`O(\mathbf R) - [g O g^{-1}](\mathbf R)` for each operation.

    Parameters
    ----------
    model : WannierModel
        The model; it must know what its Wannier functions are.
    group : MagneticGroup, optional
        By default that of the atoms and their moments.

    Returns
    -------
    SymmetryReport

    Raises
    ------
    ModelError
        If the orbitals or, without a group, the atoms are not known.
    """
    group = _given_or_found(model, group)
    sited = sited_orbitals(model)
    acting: list[OrbitalAction | str] = []
    for operation in group:
        try:
            acting.append(sited.action(operation))
        except ModelError as problem:
            acting.append(str(problem))
    able = [action for action in acting if isinstance(action, OrbitalAction)]
    operators = _Operators.of(model, sited).closed(able)
    violations = []
    for operation, action in zip(group, acting, strict=True):
        if isinstance(action, str):
            violations.append(Violation(operation, np.nan, np.nan, np.nan, np.nan, action))
            continue
        worst = {"spin": 0.0}
        moved = operators.seen_through(action)
        for name, op_Rxij in operators.values.items():
            worst[name] = float(np.abs(op_Rxij - moved(name)).max())
        violations.append(
            Violation(operation, worst["ham"], worst["pos"], worst["spin"], action.misfit)
        )
    return SymmetryReport(group, tuple(violations))


def hamiltonian_violation(model: WannierModel, operation: SymmetryOperation) -> float:
    r"""Largest element of :math:`H(\mathbf R) - [g H g^{-1}](\mathbf R)` for one operation.

    Parameters
    ----------
    model : WannierModel
        The model; it must know what its Wannier functions are.
    operation : SymmetryOperation
        The operation.

    Returns
    -------
    float
        In eV.

    Raises
    ------
    ModelError
        If the orbitals are not known or the operation cannot act on them.
    """
    sited = sited_orbitals(model)
    action = sited.action(operation)
    bare = _Operators(sited, model.R_Rc, {"ham": model.ham_Rij[:, None]})
    operators = bare._counted_from(sited.cell_ic).closed([action])
    return float(np.abs(operators.values["ham"] - operators.seen_through(action)("ham")).max())


def symmetrised(
    model: WannierModel,
    group: MagneticGroup | Sequence[SymmetryOperation] | NamedOperation | None = None,
) -> tuple[WannierModel, SymmetrisationReport]:
    r"""Part of a model that a group leaves unchanged.

    .. math::

        \bar O = \frac1{|G|} \sum_g g\, O\, g^{-1}

    Parameters
    ----------
    model : WannierModel
        The model; it must know what its Wannier functions are.
    group : MagneticGroup, sequence of SymmetryOperation, "PT" or "TR", optional
        By default that of the atoms and their moments.  A sequence generates the group, so that
        one antiunitary operation is enough.  "PT" is inversion with time reversal about the
        centre that the atoms have, "TR" time reversal alone.

    Returns
    -------
    model : WannierModel
        With H, r and spin symmetrised, on a list of lattice vectors closed under the operations;
        without the operators of spin currents, which are not.
    report : SymmetrisationReport
        Violations before and after, and how far bands moved.

    Raises
    ------
    ModelError
        If the orbitals are not known, an operation cannot act on them, no group is given and
        the model clearly breaks that of the atoms, or the atoms have no PT.

    Notes
    -----
    The average over a group of operators that are Hermitian is Hermitian.  Sites keep their
    positions: what is symmetrised of r is its difference from them.

    Examples
    --------
    >>> from w90spin.model import toys
    >>> model = toys.pt_antiferromagnet()
    >>> PT = SymmetryOperation(-np.eye(3), np.zeros(3), True, model.cell_ca)
    >>> same, report = symmetrised(model, [PT])
    >>> report.band_change < 1e-12
    True
    """
    if not isinstance(model, WannierModel):
        raise ModelError(f"Only a WannierModel can be symmetrised, not a {type(model).__name__}.")
    found = group is None
    if isinstance(group, str):
        group = [named_operation(model, group)]
    if group is not None and not isinstance(group, MagneticGroup):
        group = MagneticGroup.generated_by(group)
    group = _given_or_found(model, group)
    before = measure_symmetry(model, group)
    n_broken = sum(not (v.clearly_holds or v.refused) for v in before.violations)
    if found and n_broken:
        raise ModelError(
            f"Model '{model.name}' clearly breaks {n_broken} of the {len(group)} operations of its "
            f"atoms ({group.name}): imposing them would give another material. If it is magnetic, "
            "give model.with_moments(...) or group=measure_symmetry(model).subgroup(); to impose "
            "them all the same, group=magnetic_group(model)."
        )
    sited = sited_orbitals(model)
    acting = [sited.action(operation) for operation in group]
    operators = _Operators.of(model, sited).closed(acting)
    total = {name: np.zeros_like(op_Rxij) for name, op_Rxij in operators.values.items()}
    for action in acting:
        moved = operators.seen_through(action)
        for name, sum_Rxij in total.items():
            sum_Rxij += moved(name)
    new = replace(
        operators, values={name: sum_Rxij / len(group) for name, sum_Rxij in total.items()}
    ).model(model)
    new = replace(new, notes=(*model.notes, f"Symmetrised: {group}."))
    after = measure_symmetry(new, group)
    return new, SymmetrisationReport(before, after, _band_change(model, new))


def named_operation(model: WannierModel, name: NamedOperation) -> SymmetryOperation:
    """Time reversal, or inversion with time reversal about the centre that a model's atoms have.

    Parameters
    ----------
    model : WannierModel
        The model.
    name : "PT" or "TR"
        Which.

    Returns
    -------
    SymmetryOperation

    Raises
    ------
    ModelError
        If the name is another, or the atoms are not known or have no PT.
    """
    plain = SymmetryOperation(np.eye(3, dtype=np.int64), np.zeros(3), True, model.cell_ca)
    if name == "TR":
        return plain
    if name != "PT":
        raise ModelError(f"Operation '{name}' is unknown; 'PT', 'TR' or a group is needed.")
    group = magnetic_group(model)
    for operation in () if group is None else group:
        if operation.time_reversal and np.array_equal(operation.rotation_cc, -np.eye(3)):
            return operation
    reason = "it has no atoms" if group is None else f"the group of its atoms is {group}"
    raise ModelError(
        f"Model '{model.name}' has no inversion with time reversal: {reason}. Check the moments, "
        "or give the operation, with its centre, as SymmetryOperation(...)."
    )


def symmetrising_moves_bands(model: WannierModel, group: MagneticGroup) -> BandChange:
    """How far bands would move if a group were imposed on the Hamiltonian.

    Parameters
    ----------
    model : WannierModel
        The model; it must know what its Wannier functions are.
    group : MagneticGroup
        The group.

    Returns
    -------
    BandChange

    Raises
    ------
    ModelError
        If the orbitals are not known or an operation cannot act on them.
    """
    sited = sited_orbitals(model)
    acting = [sited.action(operation) for operation in group]
    bare = _Operators(sited, model.R_Rc, {"ham": model.ham_Rij[:, None]})
    operators = bare._counted_from(sited.cell_ic).closed(acting)
    ham_Rxij = sum(operators.seen_through(action)("ham") for action in acting) / len(acting)
    mean = replace(operators, values={"ham": np.asarray(ham_Rxij)})._counted_from(-sited.cell_ic)
    return _band_change(model, replace(model, R_Rc=mean.R_Rc, ham_Rij=mean.values["ham"][:, 0]))


def model_group(model: WannierModel) -> MagneticGroup | None:
    """Magnetic group that a model has, as far as can be told.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    MagneticGroup, or None
        Operations of the atoms, with their moments where known, that the model has to within
        10 meV in H and 0.05 in the Pauli matrices; r, which may carry the error of a finite
        difference, is left aside.  None where atoms or orbitals are unknown or the operations that
        are left make no group.
    """
    group = magnetic_group(model)
    if group is None:
        return None
    try:
        return measure_symmetry(model, group).subgroup(
            ham=CLEARLY_HAM, pos=np.inf, spin=CLEARLY_SPIN
        )
    except ModelError:
        return None


def part_permutation(
    parts: Partition, operation: SymmetryOperation, model: WannierModel
) -> IntArray | None:
    """Part that an operation takes each part to.

    Parameters
    ----------
    parts : Partition
        The parts.
    operation : SymmetryOperation
        The operation.
    model : WannierModel
        The model of the parts; it must know what its Wannier functions are.

    Returns
    -------
    int array (l), or None
        None if the operation takes a part to something that is no part.

    Raises
    ------
    ModelError
        If the orbitals are not known or the operation cannot act on them.
    PartitionError
        If the partition is of another number of Wannier functions.
    """
    if parts.weights_li.shape[1] != model.n_wann:
        raise PartitionError(
            f"The partition is of {parts.weights_li.shape[1]} Wannier functions, the model has "
            f"{model.n_wann}. Make it with partition(model, ...)."
        )
    sited = sited_orbitals(model)
    action = sited.action(operation)
    if parts.projector_Rlij is None or parts.R_Rc is None:
        every = np.arange(model.n_wann)
        R_Rc = np.zeros((1, 3), dtype=np.int64)
        projector_Rlij = np.zeros((1, len(parts.names), model.n_wann, model.n_wann), dtype=complex)
        projector_Rlij[0][:, every, every] = parts.weights_li
    else:
        R_Rc, projector_Rlij = parts.R_Rc, parts.projector_Rlij
    bare = _Operators(sited, R_Rc, {"parts": projector_Rlij})
    operators = bare._counted_from(sited.cell_ic).closed([action])
    moved_Rlij, there_Rlij = operators.seen_through(action)("parts"), operators.values["parts"]
    target_l = np.empty(len(parts.names), dtype=np.int64)
    for part in range(len(parts.names)):
        apart_l = np.abs(there_Rlij - moved_Rlij[:, part, None]).max(axis=(0, 2, 3))
        target_l[part] = int(np.argmin(apart_l))
        if apart_l[target_l[part]] > SAME_PART:
            return None
    return target_l if len(set(target_l.tolist())) == len(target_l) else None


def _given_or_found(model: WannierModel, group: MagneticGroup | None) -> MagneticGroup:
    if group is None:
        group = magnetic_group(model)
    if group is None:
        raise ModelError(
            f"The symmetry of model '{model.name}' is not known: it has no atoms, or spglib finds "
            "no group for them. Give group=MagneticGroup.generated_by([SymmetryOperation(...)]), "
            "or atoms= when building the model."
        )
    return group


@dataclass(frozen=True, eq=False)
class _Operators:
    """Operators (R, x, i, j) between functions counted from the cells of their sites.

    Parameters
    ----------
    sited : SitedOrbitals
        The functions.
    R_Rc : int array (R, c)
        Lattice vectors between the cells of the sites.
    values : dict of str to complex array (R, x, i, j)
        "ham", "pos" (from the sites) and, where there is one, "spin"; an operator of another name
        has components that do not turn.
    """

    sited: SitedOrbitals
    R_Rc: IntArray
    values: dict[str, ComplexArray]

    @classmethod
    def of(cls, model: WannierModel, sited: SitedOrbitals) -> _Operators:
        pos_Raij = model.pos_Raij.copy()
        home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
        every = np.arange(model.n_wann)
        pos_Raij[home][:, every, every] -= sited.position_ia.T
        values = {"ham": model.ham_Rij[:, None], "pos": pos_Raij}
        if model.spin_Rsij is not None:
            values["spin"] = model.spin_Rsij
        return cls(sited, model.R_Rc, values)._counted_from(sited.cell_ic)

    def model(self, model: WannierModel) -> WannierModel:
        """Model with these operators."""
        back = self._counted_from(-self.sited.cell_ic)
        home = int(np.flatnonzero(np.all(back.R_Rc == 0, axis=1))[0])
        every = np.arange(model.n_wann)
        pos_Raij = back.values["pos"]
        pos_Raij[home][:, every, every] += self.sited.position_ia.T
        return replace(
            model,
            R_Rc=back.R_Rc,
            ham_Rij=back.values["ham"][:, 0],
            pos_Raij=pos_Raij,
            spin_Rsij=back.values.get("spin"),
            spin_current={},
            centres_ia=np.einsum("aii->ia", pos_Raij[home]).real.copy(),
        )

    def _counted_from(self, cell_ic: IntArray) -> _Operators:
        """The same after every function was called by another cell."""
        if not cell_ic.any():
            return self
        i, j = np.indices((len(cell_ic),) * 2).reshape(2, -1)
        moved_Rpc = self.R_Rc[:, None] + (cell_ic[j] - cell_ic[i])
        R_Rc = distinct_vectors(moved_Rpc.reshape(-1, 3))
        target_Rp = find_vectors(R_Rc, moved_Rpc.reshape(-1, 3)).reshape(len(self.R_Rc), -1)
        values = {}
        for name, op_Rxij in self.values.items():
            moved = np.zeros((len(R_Rc), *op_Rxij.shape[1:]), dtype=np.complex128)
            moved[target_Rp, :, i, j] = op_Rxij[:, :, i, j].transpose(0, 2, 1)
            values[name] = moved
        return replace(self, R_Rc=R_Rc, values=values)

    def closed(self, acting: Sequence[OrbitalAction]) -> _Operators:
        """The same on a list of lattice vectors that the operations do not lead out of."""
        size_Rij = sum(np.abs(op_Rxij).max(axis=1) for op_Rxij in self.values.values())
        R, i, j = np.nonzero(size_Rij)
        shape = (len(self.R_Rc), *(2 * [len(self.sited.site_xc)]))
        used = np.ravel_multi_index((R, self.sited.site_i[i], self.sited.site_i[j]), shape)
        R, x, y = np.unravel_index(np.unique(used), shape)
        vectors = [self.R_Rc]
        for action in acting:
            moved_pc = self.R_Rc[R] @ action.operation.rotation_cc.T
            vectors.append(moved_pc + action.shift_xc[y] - action.shift_xc[x])
        R_Rc = distinct_vectors(np.concatenate(vectors))
        place_R = find_vectors(R_Rc, self.R_Rc)
        values = {}
        for name, op_Rxij in self.values.items():
            values[name] = np.zeros((len(R_Rc), *op_Rxij.shape[1:]), dtype=np.complex128)
            values[name][place_R] = op_Rxij
        return replace(self, R_Rc=R_Rc, values=values)

    @cached_property
    def _padded(self) -> dict[str, ComplexArray]:
        """Components (x, q) of each operator, q = (R, i, j) with a matrix of zeros behind."""
        return {
            name: np.concatenate([op_Rxij, np.zeros_like(op_Rxij[:1])])
            .swapaxes(0, 1)
            .reshape(op_Rxij.shape[1], -1)
            for name, op_Rxij in self.values.items()
        }

    def seen_through(self, action: OrbitalAction) -> Callable[[str], ComplexArray]:
        """Function that gives the operator of a name after an operation."""
        operation = action.operation
        site_i = self.sited.site_i
        # Gathered, not scattered: each new lattice vector finds the one that it came from.
        n_x = len(self.sited.site_xc)
        jump_xyc = action.shift_xc[None, :] - action.shift_xc[:, None]
        new_Rxyc = self.R_Rc[:, None, None] - jump_xyc
        old_qc = new_Rxyc.reshape(-1, 3) @ operation.inverse().rotation_cc.T
        source_Rxy = find_vectors(self.R_Rc, old_qc).reshape(-1, n_x, n_x)
        n = len(site_i)
        # The index -1 of a missing vector finds the zeros at the end.
        source_Rxy[source_Rxy < 0] = len(self.R_Rc)
        element_ij = np.arange(n * n).reshape(n, n)
        source_Rij = source_Rxy[:, site_i[:, None], site_i] * (n * n) + element_ij
        blocks = [
            (self.sited.members[x], self.sited.members[action.target_x[x]]) for x in range(n_x)
        ]
        turns = {
            "pos": operation.axis_matrix(axial=False),
            "spin": operation.axis_matrix(axial=True) * (-1.0 if operation.time_reversal else 1.0),
        }

        def moved(name: str) -> ComplexArray:
            found_xq = np.take(self._padded[name], source_Rij.ravel(), axis=1)
            if name in turns:
                found_xq = turns[name] @ found_xq
            turned = found_xq.reshape(-1, *source_Rij.shape)
            if operation.time_reversal:
                turned = turned.conj()
            for _ in range(2):
                # Columns, then rows as columns of the transposed conjugate.
                turned = _columns(turned, action.matrix_ji, blocks).swapaxes(-1, -2).conj()
            return turned.swapaxes(0, 1)

        return moved


def _columns(
    op_Rxij: ComplexArray, matrix_ji: ComplexArray, blocks: Sequence[tuple[IntArray, IntArray]]
) -> ComplexArray:
    r""":math:`O D^\dagger`, site by site."""
    product = np.empty(op_Rxij.shape, dtype=np.complex128)
    for source, target in blocks:
        # One product with few columns is faster than many small ones.
        taken_qi = op_Rxij[..., _as_slice(source)].reshape(-1, len(source))
        moved_qj = taken_qi @ matrix_ji[np.ix_(target, source)].conj().T
        product[..., _as_slice(target)] = moved_qj.reshape(*op_Rxij.shape[:-1], -1)
    return product


def _as_slice(index_i: IntArray) -> IntArray | slice:
    """Indices that follow each other as a slice, which copies faster."""
    first, last = int(index_i[0]), int(index_i[-1])
    return slice(first, last + 1) if last - first == len(index_i) - 1 else index_i


def _band_change(one: WannierModel, other: WannierModel) -> BandChange:
    n = BAND_MESH[sum(one.periodic)]
    axes = [(np.arange(n) + _SHIFT) / n if repeats else np.zeros(1) for repeats in one.periodic]
    kpt_kc: FloatArray = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    squares: list[FloatArray] = []
    for kpt_c in kpt_kc:
        energy_n, moved_n = (
            np.linalg.eigvalsh(
                np.tensordot(np.exp(2j * np.pi * (m.R_Rc @ kpt_c)), m.ham_Rij, axes=1)
            )
            for m in (one, other)
        )
        squares.append((moved_n - energy_n) ** 2)
    square_x = np.concatenate(squares)
    return BandChange(float(np.sqrt(square_x.max())), float(np.sqrt(square_x.mean())), len(kpt_kc))
