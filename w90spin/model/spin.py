"""Order of the spin components of Wannier functions, and the spin operator that it implies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import SpinOrderError
from w90spin.read import NnkpFile

PAULI_sij: ComplexArray = np.array(
    [[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128
)

ORDERS = ("interlaced", "block")

SETTLE = (
    "Settle it with spin_order = 'interlaced' (up, down, up, down: Wannier90 3 with spinor "
    "projections, VASP 6), 'block' (all up, then all down: Wannier90 1.2 with VASP 5) or a list of "
    "pairs; or give the .spn."
)

REVERSED_HAMILTONIAN = 1e-3
"""Largest violation of time reversal in H(R) that counts as its presence. [eV]"""

PURE = 0.7
"""Wannier functions whose matrix elements of sigma exceed this count as spinors."""

PAIR_DISTANCE = 0.3
"""Centres of the two spin components of one orbital lie nearer than this. [Å]"""


def pairs_from_order(order: str | IntArray, n_wann: int) -> IntArray:
    """Pairs (up, down) of Wannier functions.

    Parameters
    ----------
    order : "interlaced", "block", or int array (p, 2)
        Up, down, up, down, ...; all up then all down; or the pairs themselves, counted from 0.
    n_wann : int
        Number of Wannier functions.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If the number is odd, the word unknown, or the pairs do not use every function once.
    """
    if n_wann % 2:
        raise SpinOrderError(
            f"{n_wann} Wannier functions cannot be pairs of spin components. The Wannierisation "
            "was without spinors or select_projections broke the pairs; use the .spn instead."
        )
    index_i = np.arange(n_wann)
    if isinstance(order, str):
        if order == "interlaced":
            return index_i.reshape(-1, 2)
        if order == "block":
            return index_i.reshape(2, -1).T.copy()
        raise SpinOrderError(
            f"spin_order = '{order}' is unknown; 'interlaced' (up, down, up, down, ...), 'block' "
            "(all up, then all down) or a list of pairs is needed."
        )
    pairs = np.asarray(order, dtype=np.int64)
    if pairs.shape != (n_wann // 2, 2) or not np.array_equal(np.sort(pairs.ravel()), index_i):
        raise SpinOrderError(
            f"spin_order has shape {pairs.shape}; {n_wann // 2} pairs that use each of the "
            f"{n_wann} Wannier functions once, counted from 0, are needed."
        )
    return pairs


def pairs_from_projections(nnkp: NnkpFile) -> IntArray:
    """Pairs (up, down) from the spinor projections of a .nnkp.

    Parameters
    ----------
    nnkp : NnkpFile
        The neighbour list with its projections.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If the projections are not spinors along z or an orbital lacks one of its components.
    """
    orbitals: dict[tuple[object, ...], dict[int, int]] = {}
    for index, projection in enumerate(nnkp.projections):
        if projection.spin not in (1, -1) or not np.allclose(projection.spin_axis_a, [0, 0, 1]):
            raise SpinOrderError(
                f"{nnkp.path}: projection {index + 1} is not a spinor along +z (spin "
                f"{projection.spin}, axis {projection.spin_axis_a.tolist()}), so the order of the "
                "spin components does not give Pauli matrices. Use the .spn."
            )
        key = (
            tuple(np.round(projection.site_c, 5).tolist()),
            projection.l,
            projection.mr,
            projection.radial,
            tuple(np.round(projection.z_axis_a, 5).tolist()),
            tuple(np.round(projection.x_axis_a, 5).tolist()),
            round(projection.zona, 5),
        )
        spins = orbitals.setdefault(key, {})
        if projection.spin in spins:
            raise SpinOrderError(
                f"{nnkp.path}: projections {spins[projection.spin] + 1} and {index + 1} are the "
                "same spinor. Use the .spn."
            )
        spins[projection.spin] = index
    for spins in orbitals.values():
        if len(spins) != 2:
            only = next(iter(spins.values())) + 1
            raise SpinOrderError(
                f"{nnkp.path}: projection {only} has no partner of opposite spin. Use the .spn."
            )
    return np.array([[spins[1], spins[-1]] for spins in orbitals.values()], dtype=np.int64)


def candidate_pairs(
    n_wann: int, told: Mapping[str, IntArray], *, pairs_alone: bool = False
) -> dict[str, IntArray]:
    """Orders of the spin components worth a test, by what a message calls them.

    Parameters
    ----------
    n_wann : int
        Number of Wannier functions.
    told : mapping of str to int array (p, 2)
        Orders known from elsewhere, by where from.
    pairs_alone : bool
        Whether the test does not see which member of each pair is up; else it does not see an
        exchange of up and down in all pairs at once.  Of orders that it cannot tell apart one is
        kept, the one told.

    Returns
    -------
    dict of str to int array (p, 2)
    """
    names = {"interlaced": "interlaced", "block": "in blocks"}
    found: dict[str, IntArray] = {}
    for name, pairs in (
        *((f"as {name} say", pairs) for name, pairs in told.items()),
        *((names[order], pairs_from_order(order, n_wann)) for order in ORDERS),
    ):
        alike = [k for k, v in found.items() if _looks_alike(v, pairs, pairs_alone=pairs_alone)]
        if not alike:
            found[name] = pairs
        elif name in names.values() and alike[0] not in names.values():
            found = {name if key == alike[0] else key: v for key, v in found.items()}
    return found


def _looks_alike(one: IntArray, other: IntArray, *, pairs_alone: bool) -> bool:
    if pairs_alone:
        return _as_set(np.sort(one, axis=1)) == _as_set(np.sort(other, axis=1))
    return _as_set(one) in (_as_set(other), _as_set(other[:, ::-1]))


def _as_set(pairs: IntArray) -> frozenset[tuple[int, int]]:
    return frozenset((int(up), int(down)) for up, down in pairs)


def pairs_from_centres(
    centres_ia: FloatArray, cell_ca: FloatArray, told: Mapping[str, IntArray] | None = None
) -> IntArray:
    """Pairs (up, down) from which neighbours in the list share a centre.

    Parameters
    ----------
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    told : mapping of str to int array (p, 2), optional
        Orders to ask for besides the usual ones, by where they are known from.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If none of the orders fits, or several do.
    """
    candidates = candidate_pairs(len(centres_ia), told or {}, pairs_alone=True)
    fits = {}
    for name, pairs in candidates.items():
        up_p, down_p = pairs.T
        apart_pc = (centres_ia[up_p] - centres_ia[down_p]) @ np.linalg.inv(cell_ca)
        apart_pc -= np.rint(apart_pc)
        fits[name] = float(np.linalg.norm(apart_pc @ cell_ca, axis=1).max())
    good = [name for name, distance in fits.items() if distance < PAIR_DISTANCE]
    if len(good) != 1:
        words = ", ".join(f"{distance:.2f} Å if {name}" for name, distance in fits.items())
        raise SpinOrderError(
            "The Wannier centres do not tell the order of the spin components: the largest "
            f"distance of partners is {words}. {SETTLE}"
        )
    return candidates[good[0]]


def pairs_from_hamiltonian(
    ham_Rij: ComplexArray, told: Mapping[str, IntArray] | None = None
) -> IntArray:
    """Pairs (up, down) from which order gives H(R) time reversal: for non-magnetic materials.

    Parameters
    ----------
    ham_Rij : complex array (R, i, j)
        Hamiltonian. [eV]
    told : mapping of str to int array (p, 2), optional
        Orders to ask for besides the usual ones, by where they are known from.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If none of the orders does, or several do.
    """
    candidates = candidate_pairs(ham_Rij.shape[-1], told or {})
    violations = {
        name: reversal_violation(pairs, ham_Rij, 1.0) for name, pairs in candidates.items()
    }
    return the_one_that_holds(candidates, violations, REVERSED_HAMILTONIAN, "Time reversal of H(R)")


def the_one_that_holds(
    candidates: Mapping[str, IntArray],
    violations: Mapping[str, float],
    tolerance: float,
    symmetry: str,
) -> IntArray:
    """The one order of the spin components with which H(R) has a symmetry.

    Parameters
    ----------
    candidates : mapping of str to int array (p, 2)
        The orders.
    violations : mapping of str to float
        Largest violation with each of them. [eV]
    tolerance : float
        Up to which the symmetry counts as there. [eV]
    symmetry : str
        What a message calls it.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If there is none, or several.
    """
    good = [name for name, violation in violations.items() if violation < tolerance]
    if len(good) != 1:
        words = ", ".join(f"{violation:.1e} eV if {name}" for name, violation in violations.items())
        raise SpinOrderError(
            f"{symmetry} does not tell the order of the spin components: it is violated by "
            f"{words}. {SETTLE}"
        )
    return candidates[good[0]]


def pairs_from_spin(spin_sij: ComplexArray) -> IntArray:
    """Pairs (up, down) from the spin operator at R = 0, for Wannier functions that are spinors.

    Parameters
    ----------
    spin_sij : complex array (s, i, j)
        Pauli matrices between Wannier functions of the home cell.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If a Wannier function is not a spinor along z with one partner.
    """
    n_wann = spin_sij.shape[-1]
    up = np.flatnonzero(np.einsum("ii->i", spin_sij[2]).real > 0.0)
    raised_ij = 0.5 * np.abs(spin_sij[0] + 1j * spin_sij[1])  # |<i| sigma_+ |j>|
    down = np.argmax(raised_ij[up], axis=1) if up.size else up
    polarised = np.abs(np.einsum("ii->i", spin_sij[2]).real).min(initial=1.0)
    paired = raised_ij[up, down].min(initial=1.0)
    if 2 * up.size != n_wann or len(set(down) | set(up)) != n_wann or min(polarised, paired) < PURE:
        raise SpinOrderError(
            "The Wannier functions are not pairs of spinors along z: the smallest |<i|sigma_z|i>| "
            f"is {polarised:.2f}, the smallest element of sigma_+ between partners {paired:.2f}."
        )
    return np.column_stack([up, down])


def reversal_violation(pairs: IntArray, op_Rxij: ComplexArray, sign: float) -> float:
    r"""Largest element of :math:`O(R) \mp (i\sigma_y) O(R)^* (i\sigma_y)^\dagger`.

    Parameters
    ----------
    pairs : int array (p, 2)
        Wannier functions (up, down) of each orbital.
    op_Rxij : complex array (R, ..., i, j)
        An operator.
    sign : float
        +1 for operators that time reversal leaves unchanged, -1 for the spin.

    Returns
    -------
    float
        In the operator's unit.
    """
    up, down = pairs.T
    turn_ij = np.zeros((pairs.size, pairs.size), dtype=np.complex128)
    turn_ij[up, down], turn_ij[down, up] = 1.0, -1.0
    reversed_Rxij = turn_ij @ op_Rxij.conj() @ turn_ij.T
    return float(np.abs(op_Rxij - sign * reversed_Rxij).max())


def agreed_pairs(evidence: Mapping[str, IntArray]) -> IntArray:
    """Pairs on which all pieces of evidence agree.

    Parameters
    ----------
    evidence : mapping of str to int array (p, 2)
        Pairs by where they are known from; not empty.

    Returns
    -------
    int array (p, 2)

    Raises
    ------
    SpinOrderError
        If two pieces disagree.
    """
    (first, pairs), *others = evidence.items()
    for name, other in others:
        if {tuple(pair) for pair in pairs.tolist()} != {tuple(pair) for pair in other.tolist()}:
            raise SpinOrderError(
                f"The order of the spin components is contradictory: {first} say "
                f"{_words(pairs)}, {name} say {_words(other)}. {SETTLE}"
            )
    return pairs


def _words(pairs: IntArray) -> str:
    for order in ORDERS:
        if np.array_equal(np.sort(pairs, axis=0), np.sort(pairs_from_order(order, pairs.size), 0)):
            return f"'{order}'"
    return f"pairs {(pairs[:3] + 1).tolist()}..."


def atomic_spin(pairs: IntArray, home: int, n_R: int) -> ComplexArray:
    """Pauli matrices of Wannier functions that are pure spinors: σ inside each pair, at R = 0.

    Parameters
    ----------
    pairs : int array (p, 2)
        Wannier functions (up, down) of each orbital.
    home : int
        Index of R = 0.
    n_R : int
        Number of lattice vectors.

    Returns
    -------
    complex array (R, s, i, j)
    """
    n_wann = pairs.size
    spin_Rsij = np.zeros((n_R, 3, n_wann, n_wann), dtype=np.complex128)
    for row in range(2):
        for col in range(2):
            spin_Rsij[home][:, pairs[:, row], pairs[:, col]] = PAULI_sij[:, row, col, None]
    return spin_Rsij
