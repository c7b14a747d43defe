"""The frozen Wannier model: H(R), r(R) and spin(R) on one list of lattice vectors."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import MissingOperatorError, ModelError, W90SpinWarning
from w90spin.model.lattice import cell_measure, find_vectors, reciprocal_lattice
from w90spin.model.orbitals import Orbital, checked_orbitals
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.parallel import Comm
from w90spin.read.checks import cell_problem

HERMITICITY_TOLERANCE = {"ham": 1e-3, "spin": 1e-3, "pos": np.inf}
"""Largest accepted violation of O(-R) = O(R)^† [eV, 1, Å]; what is accepted is symmetrised.

Wannier90's own r(R) is Hermitian only up to the finite-difference error of its mesh, so that of
``pos`` is reported and never refused."""


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms of one cell.

    Parameters
    ----------
    symbols : tuple of str (x)
        Chemical symbols.
    positions_xa : float array (x, a)
        Cartesian positions. [Å]
    moments_xa : float array (x, a), or None
        Magnetic moments, Cartesian; None where they are not known. [μ_B]
    """

    symbols: tuple[str, ...]
    positions_xa: FloatArray
    moments_xa: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.moments_xa is not None and np.shape(self.moments_xa) != (len(self.symbols), 3):
            raise ModelError(
                f"Magnetic moments have shape {np.shape(self.moments_xa)}; one vector for each "
                f"atom, ({len(self.symbols)}, 3), is needed; a collinear moment m is (0, 0, m)."
            )


@dataclass(frozen=True, eq=False)
class WannierModel:
    r"""Operators of a periodic Hamiltonian in a Wannier basis.

    .. math::

        O(\mathbf k) = \sum_{\mathbf R} e^{i\mathbf k\cdot\mathbf R}
            \langle \mathbf 0 i | O | \mathbf R j \rangle

    Make one with :meth:`from_arrays`, :func:`w90spin.load_model` or the toys in
    :mod:`w90spin.model.toys`; the constructor itself checks nothing.

    Parameters
    ----------
    name : str
        What reports and results call the model.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    periodic : 3 bools
        Which lattice directions the crystal repeats along.
    R_Rc : int array (R, c)
        Lattice vectors in units of the cell, sorted; -R is there with every R.
    ham_Rij : complex array (R, i, j)
        :math:`\langle 0i|H|Rj\rangle`. [eV]
    pos_Raij : complex array (R, a, i, j)
        :math:`\langle 0i|r_a|Rj\rangle`, Wannier centres on the diagonal at R = 0. [Å]
    spin_Rsij : complex array (R, s, i, j), or None
        :math:`\langle 0i|\sigma_s|Rj\rangle`, Pauli matrices.
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    spin_source : str
        Where the spin operator comes from.
    spin_pairs : int array (p, 2), or None
        Wannier functions (up, down) that share an orbital, if known.
    structure : Structure, or None
        Atoms, where known.
    orbitals : tuple of Orbital (i), or None
        What the Wannier functions are: site, angular momentum, axes, spin; where known.
    hermiticity : mapping
        Violation of O(-R) = O(R)^† of "ham" [eV], "pos" [Å], "spin" before symmetrisation.
    inputs : mapping
        Name and SHA-256 of every file that went in.
    notes : tuple of str
        What the builder found and the user should know, one sentence each.
    frozen_window : pair of float, or None
        Energies between which the bands are the ab-initio ones, where known. [eV]
    spin_current : mapping of str to SpinCurrentOperators
        What the spin currents "qiao2018" and "ryoo2019" need beyond the above, where known.
    spin_quality : mapping of str to float
        Numbers of :class:`~w90spin.model.spin_quality.SpinQuality`, for spin from a `.spn`.
    """

    name: str
    cell_ca: FloatArray
    periodic: tuple[bool, bool, bool]
    R_Rc: IntArray
    ham_Rij: ComplexArray
    pos_Raij: ComplexArray
    spin_Rsij: ComplexArray | None
    centres_ia: FloatArray
    spin_source: str = "none"
    spin_pairs: IntArray | None = None
    structure: Structure | None = None
    hermiticity: Mapping[str, float] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    frozen_window: tuple[float, float] | None = None
    spin_current: Mapping[str, SpinCurrentOperators] = field(default_factory=dict)
    spin_quality: Mapping[str, float] = field(default_factory=dict)
    orbitals: tuple[Orbital, ...] | None = None

    @classmethod
    def from_arrays(
        cls,
        cell: ArrayLike,
        R: ArrayLike,
        ham: ArrayLike,
        pos: ArrayLike | None = None,
        spin: ArrayLike | None = None,
        centres: ArrayLike | None = None,
        periodic: tuple[bool, bool, bool] = (True, True, True),
        atoms: Structure | Any | None = None,
        *,
        name: str = "model",
        spin_pairs: ArrayLike | None = None,
        orbitals: Sequence[Orbital] | None = None,
    ) -> WannierModel:
        r"""Build a model from arrays, checking and symmetrising them.

        Parameters
        ----------
        cell : float array (3, 3)
            Lattice vectors in rows. [Å]
        R : int array (R, 3)
            Lattice vectors.
        ham : complex array (R, n, n)
            :math:`\langle 0i|H|Rj\rangle`. [eV]
        pos : complex array (R, n, n, 3), optional
            :math:`\langle 0i|\mathbf r|Rj\rangle`. [Å] Without it the centres are the position.
        spin : complex array (R, n, n, 3), optional
            Pauli matrices :math:`\langle 0i|\boldsymbol\sigma|Rj\rangle`.
        centres : float array (n, 3), optional
            Wannier centres. [Å] Without them the diagonal of ``pos`` at R = 0.
        periodic : 3 bools
            Which lattice directions the crystal repeats along.
        atoms : Structure or ase.Atoms, optional
            Atoms of the cell; of ``ase.Atoms`` also the initial magnetic moments, those of a
            collinear magnet along z.
        name : str
            What reports and results call the model.
        spin_pairs : int array (p, 2), optional
            Wannier functions (up, down) that share an orbital.
        orbitals : sequence of Orbital (n), optional
            What the functions are, which crystal symmetry needs.

        Returns
        -------
        WannierModel

        Raises
        ------
        ModelError
            If shapes disagree, an R stands twice, a number is not finite, hoppings leave the
            cell along a non-periodic direction, or H or the spin is not Hermitian.

        Examples
        --------
        A chain with nearest-neighbour hopping:

        >>> import numpy as np
        >>> chain = WannierModel.from_arrays(
        ...     np.diag([2.0, 9.0, 9.0]),
        ...     [[-1, 0, 0], [0, 0, 0], [1, 0, 0]],
        ...     np.array([-1.0, 0.0, -1.0]).reshape(3, 1, 1),
        ...     centres=[[0.0, 0.0, 0.0]],
        ...     periodic=(True, False, False),
        ... )
        >>> chain.n_wann, chain.dimension
        (1, 1)
        """
        if not isinstance(periodic, tuple | list) or len(periodic) != 3:
            raise ModelError(f"periodic = {periodic!r} must be three truth values.")
        periodic = (bool(periodic[0]), bool(periodic[1]), bool(periodic[2]))
        cell_ca = _array(cell, (3, 3), "cell").real.copy()
        R_Rc = np.array(R)
        if R_Rc.ndim != 2 or R_Rc.shape[1] != 3 or not np.array_equal(R_Rc, np.rint(R_Rc.real)):
            raise ModelError(
                f"R has shape {R_Rc.shape} and type {R_Rc.dtype}; lattice vectors are integers of "
                "shape (number of R, 3), in units of the cell vectors."
            )
        R_Rc = R_Rc.astype(np.int64)
        ham_shape = np.shape(ham)
        if len(ham_shape) != 3 or ham_shape[1] != ham_shape[2]:
            raise ModelError(f"ham has shape {ham_shape}; (number of R, n, n) is needed.")
        n_R, n_wann = len(R_Rc), ham_shape[1]
        ham_Rij = _array(ham, (n_R, n_wann, n_wann), "ham")
        cell_measure(cell_ca, periodic)
        if problem := cell_problem(cell_ca):
            raise ModelError(f"{problem[0].upper()}{problem[1:]} Check the cell.")

        order = np.lexsort(R_Rc.T[::-1])
        R_Rc = R_Rc[order]
        repeated = np.flatnonzero(np.all(R_Rc[1:] == R_Rc[:-1], axis=1))
        if repeated.size:
            raise ModelError(
                f"R = {tuple(R_Rc[repeated[0]].tolist())} stands more than once in the list of "
                "lattice vectors; which matrix holds is unknown. Give each R once."
            )
        leaving = np.any((R_Rc != 0) & ~np.array(periodic), axis=1)
        ham_Rij = ham_Rij[order]
        if leaving.any():
            size = float(np.abs(ham_Rij[leaving]).max())
            raise ModelError(
                f"R = {tuple(R_Rc[leaving][0].tolist())} leaves the cell along a direction said to "
                f"be non-periodic (largest such hopping {size:.3g} eV). Make that direction "
                "periodic or drop these R."
            )

        centres_ia = (
            None if centres is None else _array(centres, (n_wann, 3), "centres").real.copy()
        )
        home = np.flatnonzero(np.all(R_Rc == 0, axis=1))
        if not home.size:
            raise ModelError("R = (0, 0, 0) is missing from the list of lattice vectors.")
        notes: list[str] = []
        if pos is not None:
            pos_Raij = _array(pos, (n_R, n_wann, n_wann, 3), "pos")[order].transpose(0, 3, 1, 2)
            diagonal_ia = np.einsum("aii->ia", pos_Raij[home[0]]).real
            if centres_ia is None:
                centres_ia = diagonal_ia.copy()
            else:
                apart = float(np.abs(diagonal_ia - centres_ia).max())
                if apart > 0.05:
                    notes.append(
                        f"Wannier centres and the diagonal of r(R=0) differ by up to {apart:.3g} Å."
                    )
        else:
            if centres_ia is None:
                warnings.warn(
                    "Neither pos nor centres are given: all orbitals are placed at the cell's "
                    "origin, which changes interband quantities at order one unless there is one "
                    "site per cell. Give centres= or pos=.",
                    W90SpinWarning,
                    stacklevel=2,
                )
                centres_ia = np.zeros((n_wann, 3))
            pos_Raij = np.zeros((n_R, 3, n_wann, n_wann), dtype=np.complex128)
            pos_Raij[home[0], :, range(n_wann), range(n_wann)] = centres_ia
        spin_Rsij = None
        if spin is not None:
            spin_Rsij = _array(spin, (n_R, n_wann, n_wann, 3), "spin")[order].transpose(0, 3, 1, 2)

        hermiticity = {"ham": hermiticity_violation(R_Rc, ham_Rij)}
        hermiticity["pos"] = hermiticity_violation(R_Rc, pos_Raij)
        if spin_Rsij is not None:
            hermiticity["spin"] = hermiticity_violation(R_Rc, spin_Rsij)
        for operator, violation in hermiticity.items():
            if violation > HERMITICITY_TOLERANCE[operator]:
                raise ModelError(
                    f"The {operator} matrices violate O(-R) = O(R)^† by {violation:.3g}, more than "
                    f"{HERMITICITY_TOLERANCE[operator]:g}. An R may lack its -R, or rows and "
                    "columns are swapped; check the order <0i|O|Rj>."
                )
        R_closed_Rc, ham_Rij = symmetrise_hermitian(R_Rc, ham_Rij)
        _, pos_Raij = symmetrise_hermitian(R_Rc, pos_Raij)
        if spin_Rsij is not None:
            _, spin_Rsij = symmetrise_hermitian(R_Rc, spin_Rsij)
        return cls(
            name=name,
            cell_ca=cell_ca,
            periodic=periodic,
            R_Rc=R_closed_Rc,
            ham_Rij=ham_Rij,
            pos_Raij=pos_Raij,
            spin_Rsij=spin_Rsij,
            centres_ia=centres_ia,
            spin_source="none" if spin is None else "given array",
            spin_pairs=None if spin_pairs is None else _pairs(spin_pairs, n_wann),
            structure=_structure(atoms),
            orbitals=None if orbitals is None else checked_orbitals(orbitals, n_wann),
            hermiticity=hermiticity,
            notes=tuple(notes),
        )

    @property
    def n_wann(self) -> int:
        """Number of Wannier functions (spinor components counted)."""
        return int(self.ham_Rij.shape[1])

    @property
    def dimension(self) -> int:
        """Number d of periodic directions."""
        return sum(self.periodic)

    @property
    def measure(self) -> float:
        """Volume, area or length of the cell along its periodic directions. [Å^d]"""
        return cell_measure(self.cell_ca, self.periodic)

    @cached_property
    def recip_ca(self) -> FloatArray:
        """Reciprocal vectors in rows. [1/Å]"""
        return reciprocal_lattice(self.cell_ca)

    def needs_spin(self, user: str) -> ComplexArray:
        """Spin matrices, or an error that says how to get them.

        Parameters
        ----------
        user : str
            What needs them.

        Returns
        -------
        complex array (R, s, i, j)
            Pauli matrices.

        Raises
        ------
        MissingOperatorError
            If the model carries none.
        """
        if self.spin_Rsij is None:
            raise MissingOperatorError(
                f"Model '{self.name}' carries no spin operator, which {user} needs. Put "
                "write_spn = .true. in the pw2wannier90 input (VASP: LWRITE_SPN = .TRUE.), run it "
                "again and keep the .spn beside the .chk and .eig (both .spn and .chk are needed); "
                "or, if the projections were atomic spinors, take pure spinors in their order with "
                "spin = 'projections'."
            )
        return self.spin_Rsij

    def needs_spin_current(self, current: str, user: str) -> SpinCurrentOperators:
        """Operators of one spin current, or an error that says how to get them.

        Parameters
        ----------
        current : "qiao2018" or "ryoo2019"
            Which of them.
        user : str
            What needs them.

        Returns
        -------
        SpinCurrentOperators

        Raises
        ------
        MissingOperatorError
            If the model carries none.
        """
        if current not in self.spin_current:
            raise MissingOperatorError(
                f"Model '{self.name}' carries no operators for the spin current {current!r}, which "
                f"{user} needs. Load it with load_model(seedname, "
                f"spin_current={current!r}) from .chk, .eig, .mmn and .spn."
            )
        return self.spin_current[current]

    def with_spin(
        self, spin_Rsij: ComplexArray, *, source: str, spin_pairs: IntArray | None = None
    ) -> WannierModel:
        """Model with another spin operator on the same lattice vectors.

        Parameters
        ----------
        spin_Rsij : complex array (R, s, i, j)
            Pauli matrices.
        source : str
            Where they come from.
        spin_pairs : int array (p, 2), optional
            Wannier functions (up, down) that share an orbital.

        Returns
        -------
        WannierModel
            Without what belongs to the old spin: operators of spin currents, quality numbers.
        """
        return replace(
            self,
            spin_current={},
            spin_quality={},
            spin_Rsij=spin_Rsij,
            spin_source=source,
            spin_pairs=self.spin_pairs if spin_pairs is None else spin_pairs,
        )

    def with_moments(self, moments: ArrayLike) -> WannierModel:
        """Model whose atoms have magnetic moments.

        Parameters
        ----------
        moments : float array (x, 3) or (x)
            Moment of each atom, Cartesian, or along z. [μ_B]

        Returns
        -------
        WannierModel

        Raises
        ------
        ModelError
            If the model has no atoms or another number of them.
        """
        if self.structure is None:
            raise ModelError(
                f"Model '{self.name}' has no atoms to give magnetic moments to. Give atoms= when "
                "building it."
            )
        return replace(self, structure=replace(self.structure, moments_xa=_moments(moments)))

    def with_orbitals(self, orbitals: Sequence[Orbital]) -> WannierModel:
        """Model that knows what its Wannier functions are.

        Parameters
        ----------
        orbitals : sequence of Orbital (i)
            One for each Wannier function, in order.

        Returns
        -------
        WannierModel

        Raises
        ------
        ModelError
            If their number is another, or some have spin and some do not.
        """
        return replace(self, orbitals=checked_orbitals(orbitals, self.n_wann))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the operators: two models with the same one give the same numbers."""
        digest = hashlib.sha256()
        digest.update(repr((self.periodic, self.n_wann)).encode())
        for array in (self.cell_ca, self.R_Rc, self.ham_Rij, self.pos_Raij, self.spin_Rsij):
            if array is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
        for current in sorted(self.spin_current):
            operators = self.spin_current[current]
            digest.update(f"{current} {operators.from_centres}".encode())
            for array in operators.operators:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def share_model(model: WannierModel | None, comm: Comm) -> WannierModel:
    """Rank 0's model on every rank, its operators once per node.

    Parameters
    ----------
    model : WannierModel
        On rank 0; None elsewhere.
    comm : Comm
        The ranks.

    Returns
    -------
    WannierModel
    """
    if comm.size == 1 and model is not None:
        return model
    empty = np.zeros((0, 0, 0), dtype=np.complex128)
    shell: WannierModel = comm.bcast(
        None
        if model is None
        else replace(
            model,
            ham_Rij=empty,
            pos_Raij=empty,
            spin_Rsij=None,
            spin_current={
                current: operators.map(lambda _: empty)
                for current, operators in model.spin_current.items()
            },
        )
    )
    has_spin = comm.bcast(model is not None and model.spin_Rsij is not None)
    return replace(
        shell,
        ham_Rij=comm.share(None if model is None else model.ham_Rij),
        pos_Raij=comm.share(None if model is None else model.pos_Raij),
        spin_Rsij=comm.share(None if model is None else model.spin_Rsij) if has_spin else None,
        spin_current={
            # All ranks share the same arrays in the same order; only rank 0 has content for them.
            current: operators.map(lambda op: comm.share(None if model is None else op))
            for current, operators in (shell if model is None else model).spin_current.items()
        },
    )


def hermiticity_violation(R_Rc: IntArray, op_Rij: ComplexArray) -> float:
    """Largest element of O(R) - O(-R)^†; an R without its -R counts in full.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors.
    op_Rij : complex array (R, ..., i, j)
        An operator.

    Returns
    -------
    float
        In the operator's unit.
    """
    partner_R = minus_R(R_Rc)
    paired = partner_R >= 0
    violation = 0.0
    if paired.any():
        adjoint = op_Rij[partner_R[paired]].swapaxes(-1, -2).conj()
        violation = float(np.abs(op_Rij[paired] - adjoint).max())
    if not paired.all():
        violation = max(violation, float(np.abs(op_Rij[~paired]).max()))
    return violation


def symmetrise_hermitian(R_Rc: IntArray, op_Rij: ComplexArray) -> tuple[IntArray, ComplexArray]:
    """Hermitian part [O(R) + O(-R)^†]/2, on the list of R closed under R -> -R.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors.
    op_Rij : complex array (R, ..., i, j)
        An operator.

    Returns
    -------
    R_closed_Rc : int array
        Sorted lattice vectors with every -R.
    hermitian_Rij : complex array
        The operator on them.
    """
    closed_Rc: IntArray = np.unique(np.concatenate([R_Rc, -R_Rc]), axis=0)
    op_closed = np.zeros((len(closed_Rc), *op_Rij.shape[1:]), dtype=np.complex128)
    op_closed[find_vectors(closed_Rc, R_Rc)] = op_Rij
    adjoint = op_closed[minus_R(closed_Rc)].swapaxes(-1, -2).conj()
    hermitian: ComplexArray = np.multiply(0.5, op_closed + adjoint)
    return closed_Rc, hermitian


def minus_R(R_Rc: IntArray) -> IntArray:
    """Index of -R for every R, -1 where it is missing."""
    return find_vectors(R_Rc, -R_Rc)


def _array(values: ArrayLike, shape: tuple[int, ...], label: str) -> ComplexArray:
    array = np.array(values, dtype=np.complex128)
    if array.shape != shape:
        raise ModelError(f"{label} has shape {array.shape}; {shape} is needed.")
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        raise ModelError(f"{label}{where.tolist()} is not a finite number.")
    return array


def _pairs(spin_pairs: ArrayLike, n_wann: int) -> IntArray:
    pairs = np.array(spin_pairs, dtype=np.int64)
    if pairs.shape != (n_wann // 2, 2) or not np.array_equal(np.sort(pairs, None), range(n_wann)):
        raise ModelError(
            f"spin_pairs has shape {pairs.shape}; pairs that use each of the {n_wann} Wannier "
            "functions once, counted from 0, are needed."
        )
    return pairs


def _structure(atoms: Any) -> Structure | None:
    if atoms is None or isinstance(atoms, Structure):
        return atoms
    return Structure(
        tuple(atoms.get_chemical_symbols()),
        np.array(atoms.positions, dtype=float),
        _moments(atoms.get_initial_magnetic_moments()) if atoms.has("initial_magmoms") else None,
    )


def _moments(moments: ArrayLike) -> FloatArray:
    """Magnetic moments as vectors; one number for each atom is a moment along z, as in ASE."""
    moments_xa = np.array(moments, dtype=np.float64)
    if moments_xa.ndim == 1:
        moments_xa = moments_xa[:, None] * np.array([0.0, 0.0, 1.0])
    return moments_xa
