r"""What Wannier functions are: real harmonics and hybrids in Wannier90's numbering, with spin.

A harmonic of angular momentum l is written as a symmetric traceless tensor of rank l,
:math:`Y(\mathbf n) = c_{ab\ldots} n_a n_b \cdots`, which turns with its indices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import FileFormatError, ModelError
from w90spin.read import NnkpFile, Projection, WinFile, win_projections

N_HARMONICS = 16
"""Real harmonics up to l = 3: s, pz px py, five d, seven f, in Wannier90's order."""

_POLYNOMIALS: Mapping[int, tuple[Mapping[str, float], ...]] = {
    0: ({"": 1},),
    1: ({"z": 1}, {"x": 1}, {"y": 1}),
    2: (
        {"zz": 2, "xx": -1, "yy": -1},
        {"xz": 1},
        {"yz": 1},
        {"xx": 1, "yy": -1},
        {"xy": 1},
    ),
    3: (
        {"zzz": 2, "xxz": -3, "yyz": -3},
        {"xzz": 4, "xxx": -1, "xyy": -1},
        {"yzz": 4, "xxy": -1, "yyy": -1},
        {"xxz": 1, "yyz": -1},
        {"xyz": 1},
        {"xxx": 1, "xyy": -3},
        {"xxy": 3, "yyy": -1},
    ),
}

S, PZ, PX, PY, DZ2, DX2Y2 = 0, 1, 2, 3, 4, 7
_2, _3, _6, _12 = (1.0 / math.sqrt(n) for n in (2, 3, 6, 12))

_HYBRIDS: Mapping[int, tuple[Mapping[int, float], ...]] = {
    -1: ({S: _2, PX: _2}, {S: _2, PX: -_2}),
    -2: (
        {S: _3, PX: -_6, PY: _2},
        {S: _3, PX: -_6, PY: -_2},
        {S: _3, PX: 2 * _6},
    ),
    -3: (
        {S: 0.5, PX: 0.5, PY: 0.5, PZ: 0.5},
        {S: 0.5, PX: 0.5, PY: -0.5, PZ: -0.5},
        {S: 0.5, PX: -0.5, PY: 0.5, PZ: -0.5},
        {S: 0.5, PX: -0.5, PY: -0.5, PZ: 0.5},
    ),
    -4: (
        {S: _3, PX: -_6, PY: _2},
        {S: _3, PX: -_6, PY: -_2},
        {S: _3, PX: 2 * _6},
        {PZ: _2, DZ2: _2},
        {PZ: -_2, DZ2: _2},
    ),
    -5: (
        {S: _6, PX: -_2, DZ2: -_12, DX2Y2: 0.5},
        {S: _6, PX: _2, DZ2: -_12, DX2Y2: 0.5},
        {S: _6, PY: -_2, DZ2: -_12, DX2Y2: -0.5},
        {S: _6, PY: _2, DZ2: -_12, DX2Y2: -0.5},
        {S: _6, PZ: -_2, DZ2: _3},
        {S: _6, PZ: _2, DZ2: _3},
    ),
}
"""Wannier90 user guide, table 3.2: coefficients of the harmonics by number of the hybrid."""

_PERPENDICULAR = 1e-5

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Orbital:
    """What one Wannier function is, in Wannier90's numbering.

    Parameters
    ----------
    site_c : 3 floats
        Centre, reduced: that of the atom for atomic orbitals.
    l, mr : int
        Angular momentum and component: l = 0, 1, 2, 3 for s; pz px py; dz2 dxz dyz dx2-y2 dxy;
        seven f; l = -1 to -5 for sp, sp2, sp3, sp3d, sp3d2.
    spin : int
        +1 up, -1 down along +z; 0 without spin.
    z_axis_a, x_axis_a : 3 floats
        Axes of the orbital, Cartesian, perpendicular.
    radial : int
        Radial function, 1 to 3.
    zona : float
        Its inverse radius. [1/Å] Orbitals of other ``radial`` or ``zona`` belong to another shell.

    Raises
    ------
    ModelError
        If there is no such orbital or its axes are not perpendicular.
    """

    site_c: Vector
    l: int  # noqa: E741 (the quantum number's name)
    mr: int
    spin: int = 0
    z_axis_a: Vector = (0.0, 0.0, 1.0)
    x_axis_a: Vector = (1.0, 0.0, 0.0)
    radial: int = 1
    zona: float = 1.0

    def __post_init__(self) -> None:
        for name in ("site_c", "z_axis_a", "x_axis_a"):
            vector = np.array(getattr(self, name), dtype=np.float64)
            if vector.shape != (3,) or not np.isfinite(vector).all():
                raise ModelError(f"{name} = {vector.tolist()} of an orbital must be three numbers.")
            object.__setattr__(self, name, as_vector(vector))
        if not -5 <= self.l <= 3 or not 1 <= self.mr <= _size(self.l):
            raise ModelError(
                f"There is no orbital l = {self.l}, mr = {self.mr}. Wannier90 numbers them l = 0 "
                "to 3 with mr = 1 to 2l + 1, and l = -1 to -5 with mr = 1 to 1 - l for hybrids."
            )
        if self.spin not in (-1, 0, 1):
            raise ModelError(f"spin = {self.spin} of an orbital must be 1, -1, or 0 for none.")
        lengths = np.linalg.norm(self.z_axis_a), np.linalg.norm(self.x_axis_a)
        if min(lengths) < _PERPENDICULAR or abs(np.dot(self.z_axis_a, self.x_axis_a)) > (
            _PERPENDICULAR * lengths[0] * lengths[1]
        ):
            raise ModelError(
                f"The axes z = {self.z_axis_a} and x = {self.x_axis_a} of an orbital are not "
                "perpendicular."
            )

    def harmonics(self) -> FloatArray:
        """Coefficients of the harmonics along the Cartesian axes, length 16."""
        local = np.zeros(N_HARMONICS)
        if self.l >= 0:
            local[self.l**2 + self.mr - 1] = 1.0
        else:
            for harmonic, size in _HYBRIDS[self.l][self.mr - 1].items():
                local[harmonic] = size
        z_axis_a = np.array(self.z_axis_a) / np.linalg.norm(self.z_axis_a)
        x_axis_a = np.array(self.x_axis_a) / np.linalg.norm(self.x_axis_a)
        frame_aa = np.column_stack([x_axis_a, np.cross(z_axis_a, x_axis_a), z_axis_a])
        coefficients: FloatArray = rotated_harmonics(frame_aa) @ local
        return coefficients


def rotated_harmonics(turn_aa: FloatArray) -> FloatArray:
    r"""Matrix of a rotation, proper or not, between real harmonics.

    .. math::

        Y_j(g^{-1}\mathbf n) = \sum_i Y_i(\mathbf n)\, D_{ij}(g)

    Parameters
    ----------
    turn_aa : float array (a, a)
        Orthogonal matrix.

    Returns
    -------
    float array (16, 16)
        Orthogonal, block diagonal in l = 0, 1, 2, 3.

    Examples
    --------
    A quarter turn about z takes px to py:

    >>> turn = rotated_harmonics(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    >>> round(float(turn[3, 2]), 12)
    1.0
    """
    matrix = np.zeros((N_HARMONICS, N_HARMONICS))
    for l, basis in _TENSORS.items():  # noqa: E741
        turned = basis
        for axis in range(1, l + 1):
            turned = np.moveaxis(np.tensordot(turned, turn_aa, axes=(axis, 1)), -1, axis)
        block = slice(l**2, (l + 1) ** 2)
        flat = basis.reshape(2 * l + 1, -1)
        matrix[block, block] = flat @ turned.reshape(2 * l + 1, -1).T
    return matrix


def as_vector(array: FloatArray) -> Vector:
    """Three numbers of an array."""
    x, y, z = array.tolist()
    return float(x), float(y), float(z)


def checked_orbitals(orbitals: Sequence[Orbital], n_wann: int) -> tuple[Orbital, ...]:
    """One orbital for each Wannier function, all with spin or all without.

    Parameters
    ----------
    orbitals : sequence of Orbital (i)
        The orbitals.
    n_wann : int
        Number of Wannier functions.

    Returns
    -------
    tuple of Orbital

    Raises
    ------
    ModelError
        If they are not.
    """
    spins = {abs(orbital.spin) for orbital in orbitals}
    if len(orbitals) != n_wann or len(spins) != 1:
        hint = (
            " Orbitals without spin become spinors with spinor_orbitals(orbitals, spin_order)."
            if 2 * len(orbitals) == n_wann
            else ""
        )
        raise ModelError(
            f"{len(orbitals)} orbitals, some with spin {sorted(spins)}, are given for {n_wann} "
            f"Wannier functions; one for each, all with spin or all without, are needed.{hint}"
        )
    return tuple(orbitals)


def orbitals_from_projections(projections: Sequence[Projection]) -> tuple[Orbital, ...]:
    """Orbitals of Wannier90's projections.

    Parameters
    ----------
    projections : sequence of Projection
        From :func:`w90spin.read.read_nnkp` or :func:`w90spin.read.win_projections`.

    Returns
    -------
    tuple of Orbital

    Raises
    ------
    ModelError
        If there is no such orbital, or a spinor does not point along +z.
    """
    for index, projection in enumerate(projections):
        if projection.spin and not np.allclose(projection.spin_axis_a, [0, 0, 1]):
            raise ModelError(
                f"Projection {index + 1} is a spinor along {projection.spin_axis_a.tolist()}; "
                "orbitals have their spin along +z."
            )
    return tuple(
        Orbital(
            site_c=as_vector(projection.site_c),
            l=projection.l,
            mr=projection.mr,
            spin=projection.spin,
            z_axis_a=as_vector(projection.z_axis_a),
            x_axis_a=as_vector(projection.x_axis_a),
            radial=projection.radial,
            zona=projection.zona,
        )
        for projection in projections
    )


def projected_orbitals(
    win: WinFile | None, nnkp: NnkpFile | None, n_wann: int, pairs: IntArray | None
) -> tuple[Orbital, ...] | None:
    """What the Wannier functions of a run are, from its projections.

    Parameters
    ----------
    win : WinFile, or None
        Input of the Wannierisation.
    nnkp : NnkpFile, or None
        Its neighbour list.
    n_wann : int
        Number of Wannier functions.
    pairs : int array (p, 2), or None
        Wannier functions (up, down) of each orbital, where the projections have no spin.

    Returns
    -------
    tuple of Orbital (i), or None
        None where the projections do not tell: there are none, not all were selected, or some
        were random.
    """
    sources: list[Callable[[], Sequence[Projection]]] = []
    if win is not None and "select_projections" not in win.keywords:
        # The .win has the sites in all their digits, the .nnkp in five.
        sources.append(partial(win_projections, win))
    if nnkp is not None:
        sources.append(lambda: nnkp.projections)
    for source in sources:
        try:
            orbitals = orbitals_from_projections(source())
        except (FileFormatError, ModelError):
            continue
        if len(orbitals) == n_wann:
            return orbitals
        if 2 * len(orbitals) == n_wann and pairs is not None and not orbitals[0].spin:
            return spinor_orbitals(orbitals, pairs)
    return None


def spinor_orbitals(orbitals: Sequence[Orbital], pairs: IntArray) -> tuple[Orbital, ...]:
    """Spinors of orbitals without spin.

    Parameters
    ----------
    orbitals : sequence of Orbital (p)
        Orbitals without spin, in the order in which their up components stand.
    pairs : int array (p, 2)
        Wannier functions (up, down), as :func:`w90spin.model.spin.pairs_from_order` gives them.

    Returns
    -------
    tuple of Orbital (2 p)

    Raises
    ------
    ModelError
        If the numbers differ or an orbital has spin already.

    Examples
    --------
    All up, then all down, as Wannier90 1.2 with VASP 5 orders them:

    >>> px, py = (Orbital(site_c=(0, 0, 0), l=1, mr=mr) for mr in (2, 3))
    >>> spinors = spinor_orbitals([px, py], np.array([[0, 2], [1, 3]]))
    >>> [(orbital.mr, orbital.spin) for orbital in spinors]
    [(2, 1), (3, 1), (2, -1), (3, -1)]
    """
    if len(orbitals) != len(pairs) or any(orbital.spin for orbital in orbitals):
        _refuse_spinors(len(orbitals), len(pairs))
    spinors: dict[int, Orbital] = {}
    for orbital, (up, down) in zip(orbitals, pairs[np.argsort(pairs[:, 0])].tolist(), strict=True):
        spinors[up], spinors[down] = replace(orbital, spin=1), replace(orbital, spin=-1)
    return tuple(spinors[index] for index in range(len(spinors)))


def _refuse_spinors(n_orbitals: int, n_pairs: int) -> NoReturn:
    raise ModelError(
        f"{n_orbitals} orbitals for {n_pairs} pairs of spin components; one orbital without spin "
        "for each pair is needed."
    )


def _size(l: int) -> int:  # noqa: E741
    return 2 * l + 1 if l >= 0 else 1 - l


def _tensor(polynomial: Mapping[str, float]) -> FloatArray:
    """Symmetric tensor of a homogeneous polynomial, of length one."""
    rank = len(next(iter(polynomial)))
    tensor = np.zeros((3,) * rank)
    for letters, size in polynomial.items():
        orders = set(itertools.permutations("xyz".index(letter) for letter in letters))
        for order in orders:
            tensor[order] += size / len(orders)
    normal: FloatArray = tensor / np.linalg.norm(tensor)
    return normal


_TENSORS = {
    l: np.stack([_tensor(polynomial) for polynomial in polynomials])
    for l, polynomials in _POLYNOMIALS.items()  # noqa: E741
}
"""Harmonics (m, a, ...) of each l as tensors of length one."""
