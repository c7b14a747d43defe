"""Lattice models put together from hoppings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.spin import PAULI_sij
from w90spin.model.wannier import WannierModel

ONE_ij: ComplexArray = np.eye(2, dtype=np.complex128)
SX, SY, SZ = PAULI_sij


def exchange_field(exchange: Sequence[float]) -> ComplexArray:
    """Exchange field times the Pauli matrices, shape (i, j). [eV]

    Parameters
    ----------
    exchange : 3 floats
        Along x, y, z. [eV]

    Returns
    -------
    complex array (i, j)

    Raises
    ------
    ModelError
        If it is no vector.
    """
    field_s = np.asarray(exchange)
    if field_s.shape != (3,) or not np.issubdtype(field_s.dtype, np.number):
        raise ModelError(f"exchange = {exchange!r} must be three numbers in eV, along x, y and z.")
    field_ij: ComplexArray = np.einsum("s,sij->ij", field_s, PAULI_sij)
    return field_ij


RAISE_ij: ComplexArray = np.array([[0, 1], [0, 0]], dtype=np.complex128)
"""τ₊: the first of two orbitals from the second."""

IN_PLANE = (True, True, False)
SLAB_HEIGHT = 16.0
"""Length of the lattice vector that a two-dimensional model does not repeat along. [Å]"""

X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
"""Lattice vectors of the nearest cells."""

Vector = tuple[int, int, int]


class Hoppings:
    """H(R) in the making; with every H(R) its adjoint at -R.

    Parameters
    ----------
    n_wann : int
        Number of basis functions, spin counted.
    """

    def __init__(self, n_wann: int) -> None:
        self.n_wann = n_wann
        self._ham: dict[Vector, ComplexArray] = {(0, 0, 0): self._zeros()}

    def onsite(self, matrix: ComplexArray) -> None:
        """Add a Hermitian matrix at R = 0."""
        self._add((0, 0, 0), matrix)

    def hop(self, R: Vector, matrix: ComplexArray) -> None:
        """Add ⟨0i|H|Rj⟩ and its adjoint at -R, both at home for R = 0."""
        self._add(R, matrix)
        self._add((-R[0], -R[1], -R[2]), matrix.conj().T)

    def cosine(self, R: Vector, matrix: ComplexArray) -> None:
        """Add cos(k·R) times a Hermitian matrix to H(k)."""
        self.hop(R, matrix / 2)

    def sine(self, R: Vector, matrix: ComplexArray) -> None:
        """Add sin(k·R) times a Hermitian matrix to H(k)."""
        self.hop(R, matrix / 2j)

    def spinors(
        self,
        name: str,
        cell_ca: FloatArray,
        sites_xa: FloatArray,
        periodic: tuple[bool, bool, bool] = IN_PLANE,
    ) -> WannierModel:
        """Model of pure spinors, two to a site (up, down).

        Parameters
        ----------
        name : str
            What reports call it.
        cell_ca : float array (c, a)
            Lattice vectors in rows. [Å]
        sites_xa : float array (x, a)
            Centres of the orbitals; half as many as basis functions. [Å]
        periodic : 3 bools
            Which lattice directions it repeats along.

        Returns
        -------
        WannierModel
        """
        pairs_pi = np.arange(self.n_wann).reshape(-1, 2)
        spin_sij = kron(np.eye(len(pairs_pi)), PAULI_sij)
        centres_ia = np.repeat(sites_xa, 2, axis=0)
        return self.model(name, cell_ca, centres_ia, periodic, spin_sij, pairs_pi)

    def model(
        self,
        name: str,
        cell_ca: FloatArray,
        centres_ia: FloatArray,
        periodic: tuple[bool, bool, bool] = IN_PLANE,
        spin_sij: ComplexArray | None = None,
        spin_pairs: IntArray | None = None,
    ) -> WannierModel:
        """Model with a given spin at R = 0, or none.

        Parameters
        ----------
        name : str
            What reports call it.
        cell_ca : float array (c, a)
            Lattice vectors in rows. [Å]
        centres_ia : float array (i, a)
            Wannier centres. [Å]
        periodic : 3 bools
            Which lattice directions it repeats along.
        spin_sij : complex array (s, i, j), optional
            Pauli matrices at R = 0.
        spin_pairs : int array (p, 2), optional
            Basis functions (up, down) of one orbital.

        Returns
        -------
        WannierModel
        """
        R_Rc = np.array(list(self._ham), dtype=np.int64)
        spin_Rijs = None
        if spin_sij is not None:
            spin_Rijs = np.zeros((len(R_Rc), self.n_wann, self.n_wann, 3), dtype=np.complex128)
            spin_Rijs[list(self._ham).index((0, 0, 0))] = np.moveaxis(spin_sij, 0, -1)
        return WannierModel.from_arrays(
            cell_ca,
            R_Rc,
            np.stack(list(self._ham.values())),
            spin=spin_Rijs,
            centres=centres_ia,
            periodic=periodic,
            name=name,
            spin_pairs=spin_pairs,
        )

    def _add(self, R: Vector, matrix: ComplexArray) -> None:
        self._ham[R] = self._ham.get(R, self._zeros()) + matrix

    def _zeros(self) -> ComplexArray:
        return np.zeros((self.n_wann, self.n_wann), dtype=np.complex128)


def kron(orbital_ij: ComplexArray | FloatArray, spin_ij: ComplexArray) -> ComplexArray:
    """τ ⊗ σ: a matrix among orbitals times one of spin, or a stack of these."""
    return np.asarray(np.kron(orbital_ij, spin_ij), dtype=np.complex128)


def square_cell(a: float) -> FloatArray:
    """Square lattice in the plane with lattice constant a. [Å]"""
    return np.diag([a, a, SLAB_HEIGHT])
