"""Models without any symmetry but those asked for."""

from __future__ import annotations

import itertools

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.lattice import find_vectors
from w90spin.model.spin import PAULI_sij
from w90spin.model.toys.hoppings import ONE_ij, kron
from w90spin.model.wannier import WannierModel

TURN_ij: ComplexArray = 1j * PAULI_sij[1]
"""Time reversal of a spinor is this times complex conjugation."""


def random_model(
    n_orbitals: int = 2,
    dimension: int = 2,
    seed: int = 0,
    *,
    reach: int = 1,
    decay: float = 3.0,
    bandwidth: float = 4.0,
    gap: float | None = None,
    spin: bool = True,
    time_reversal: bool = False,
    position: float = 0.3,
    a: float = 4.0,
) -> WannierModel:
    r"""Random Hermitian H(R) and r(R) in a random cell: the general case.

    Parameters
    ----------
    n_orbitals : int
        Orbitals in the cell; twice as many Wannier functions with spin.
    dimension : int
        Number of periodic directions: 1, 2 or 3.
    seed : int
        The same seed gives the same model.
    reach : int
        Largest component of R.
    decay : float
        H(R) and r(R) fall as exp(-\|R\|/decay). [Å]
    bandwidth : float
        All bands together are at most so wide; with ``gap`` those below and those above it. [eV]
    gap : float, optional
        Puts half of the orbitals (rounded down) at least so far below the others, at all k, with
        0 eV in the middle. [eV]
    spin : bool
        Whether the orbitals are pure spinors, mixed at random by H.
    time_reversal : bool
        Whether H and r are made to keep it.
    position : float
        Root mean square of r(R) between different functions, before decay. [Å]
    a : float
        Length of the lattice vectors before they are distorted by up to a seventh. [Å]

    Returns
    -------
    WannierModel
        Basis orbital by orbital, up before down; both spins of an orbital have the same r.

    Raises
    ------
    ModelError
        If there is no such model.

    Notes
    -----
    H(R) is scaled so that :math:`\sum_R \lVert H(R)\rVert_2` is half the bandwidth; the orbitals
    of the two groups are then shifted by ∓(gap + bandwidth)/2.  Both bounds follow from
    Weyl's inequality and hold at every k.

    Examples
    --------
    >>> model = random_model(n_orbitals=3, dimension=3, seed=1)
    >>> model.n_wann, len(model.R_Rc)
    (6, 27)
    """
    _check(n_orbitals, dimension, reach, decay, bandwidth, gap)
    rng = np.random.default_rng(seed)
    cell_ca = np.diag([a, a, a]) + 0.0
    cell_ca[:dimension, :dimension] += rng.uniform(-a / 7, a / 7, size=(dimension, dimension))
    steps = [range(-reach, reach + 1)] * dimension + [range(1)] * (3 - dimension)
    R_Rc = np.array(list(itertools.product(*steps)), dtype=np.int64)
    fall_R = np.exp(-np.linalg.norm(R_Rc @ cell_ca, axis=1) / decay)
    home = int(find_vectors(R_Rc, np.zeros((1, 3), dtype=np.int64))[0])
    n_spin = 2 if spin else 1
    n_wann = n_spin * n_orbitals

    ham_Rij = _hermitian(rng, R_Rc, (n_wann, n_wann), fall_R)
    if time_reversal:
        turn_ij = kron(np.eye(n_orbitals), TURN_ij) if spin else np.eye(n_wann)
        ham_Rij = (ham_Rij + turn_ij @ ham_Rij.conj() @ turn_ij.T) / 2
    bound = float(np.linalg.norm(ham_Rij, ord=2, axis=(1, 2)).sum())
    ham_Rij *= bandwidth / 2 / bound
    if gap is not None:
        below_x = np.arange(n_orbitals) < n_orbitals // 2
        level_x = np.where(below_x, -1, 1) * (gap + bandwidth) / 2
        ham_Rij[home] += np.diag(np.repeat(level_x, n_spin))

    pos_Raij = position * _hermitian(rng, R_Rc, (3, n_orbitals, n_orbitals), fall_R)
    if time_reversal:
        pos_Raij.imag = 0
    pos_Raij[home, :, range(n_orbitals), range(n_orbitals)] = rng.uniform(
        -a / 2, a / 2, size=(n_orbitals, 3)
    )
    spin_Rijs = None
    if spin:
        spin_Rijs = np.zeros((len(R_Rc), n_wann, n_wann, 3), dtype=np.complex128)
        spin_Rijs[home] = np.moveaxis(kron(np.eye(n_orbitals), PAULI_sij), 0, -1)
    return WannierModel.from_arrays(
        cell_ca,
        R_Rc,
        ham_Rij,
        pos=np.moveaxis(kron(pos_Raij, ONE_ij) if spin else pos_Raij, 1, -1),
        spin=spin_Rijs,
        periodic=(dimension > 0, dimension > 1, dimension > 2),
        name=f"random {seed}",
        spin_pairs=np.arange(n_wann).reshape(-1, 2) if spin else None,
    )


def _hermitian(
    rng: np.random.Generator, R_Rc: IntArray, shape: tuple[int, ...], size_R: FloatArray
) -> ComplexArray:
    """Complex normal O(R) with O(-R) = O(R)^†, on a list of R closed under R -> -R."""
    op = rng.normal(size=(len(R_Rc), *shape)) + 1j * rng.normal(size=(len(R_Rc), *shape))
    minus = op[find_vectors(R_Rc, -R_Rc)].swapaxes(-1, -2).conj()
    size = size_R.reshape(-1, *[1] * len(shape))
    return np.asarray((op + minus) / 2 * size, dtype=np.complex128)


def _check(
    n_orbitals: int, dimension: int, reach: int, decay: float, bandwidth: float, gap: float | None
) -> None:
    if dimension not in (1, 2, 3):
        raise ModelError(f"random_model in {dimension} dimensions: take 1, 2 or 3.")
    if n_orbitals < 1 or reach < 0 or not decay > 0 or not bandwidth > 0:
        raise ModelError(
            f"random_model with n_orbitals = {n_orbitals}, reach = {reach}, decay = {decay} and "
            f"bandwidth = {bandwidth}: at least one orbital, a reach of 0 or more and a positive "
            "decay and bandwidth are needed."
        )
    if gap is not None and (n_orbitals < 2 or not gap > 0):
        raise ModelError(
            f"random_model with gap = {gap} and n_orbitals = {n_orbitals}: a positive gap between "
            "at least two orbitals is needed."
        )
