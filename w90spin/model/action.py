r"""How symmetry operations act on Wannier functions.

An operation takes the orbital i of cell **R** to orbitals of another site,

.. math::

    g\,|\mathbf R i\rangle = \sum_j |W\mathbf R + \mathbf T_{ij},\, j\rangle\, D_{ji}(g),

with :math:`D` the rotation of the real harmonics times that of the spinor, and complex conjugation
on its right if time is reversed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.transform import Rotation

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.operations import SymmetryOperation
from w90spin.model.orbitals import Orbital, as_vector, rotated_harmonics
from w90spin.model.spin import PAULI_sij, atomic_spin
from w90spin.model.wannier import WannierModel

SITE_TOLERANCE = 5e-3
"""An operation takes one site to another if it brings them this close. [Å]"""

UNITARITY_TOLERANCE = 1e-6
"""Orbitals of a site are closed under an operation if D is unitary to this."""

_SAME_CENTRE = 1e-6
_APART = 0.1


@dataclass(frozen=True, eq=False)
class OrbitalAction:
    """What one operation does to the Wannier functions of a model.

    Parameters
    ----------
    operation : SymmetryOperation
        The operation.
    target_x : int array (x)
        Site that each site goes to.
    shift_xc : int array (x, c)
        Cell in which it lands, if it starts in the home cell and rotation and translation are
        those of the operation.
    matrix_ji : complex array (j, i)
        Matrix D, unitary.
    misfit : float
        Largest distance between where a site lands and the site there. [Å]
    """

    operation: SymmetryOperation
    target_x: IntArray
    shift_xc: IntArray
    matrix_ji: ComplexArray
    misfit: float


@dataclass(frozen=True, eq=False)
class SitedOrbitals:
    """Orbitals of a model, sorted by site.

    Parameters
    ----------
    orbitals : tuple of Orbital (i)
        What each Wannier function is.
    site_i : int array (i)
        Site of each.
    site_xc : float array (x, c)
        Reduced positions of the sites.
    cell_ic : int array (i, c)
        Cell in which the Wannier function called "of the home cell" sits, that of its site being
        the home cell.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]
    open_c : bool array (c)
        Directions along which the crystal does not repeat.
    """

    orbitals: tuple[Orbital, ...]
    site_i: IntArray
    site_xc: FloatArray
    cell_ic: IntArray
    cell_ca: FloatArray
    open_c: BoolArray

    @cached_property
    def members(self) -> tuple[IntArray, ...]:
        """Wannier functions of each site."""
        return tuple(np.flatnonzero(self.site_i == x) for x in range(len(self.site_xc)))

    @cached_property
    def position_ia(self) -> FloatArray:
        """Site of every Wannier function, in the cell in which that sits. [Å]"""
        position: FloatArray = (self.site_xc[self.site_i] + self.cell_ic) @ self.cell_ca
        return position

    @cached_property
    def _harmonics_im(self) -> FloatArray:
        return np.array([orbital.harmonics() for orbital in self.orbitals])

    @cached_property
    def _same_shell_ij(self) -> BoolArray:
        shells = [(orbital.radial, round(orbital.zona, 5)) for orbital in self.orbitals]
        numbers = np.array([shells.index(shell) for shell in shells])
        same: BoolArray = numbers[:, None] == numbers
        return same

    @property
    def with_spin(self) -> bool:
        """Whether the orbitals are spinors."""
        return self.orbitals[0].spin != 0

    def action(self, operation: SymmetryOperation) -> OrbitalAction:
        """Permutation, shifts and matrix of one operation.

        Parameters
        ----------
        operation : SymmetryOperation
            The operation.

        Returns
        -------
        OrbitalAction

        Raises
        ------
        ModelError
            If it takes a site where there is none or other orbitals, moves the sites of a slab by
            different cells along an open direction, or mixes open and periodic directions.
        """
        target_x, shift_xc, misfit = self._sites(operation)
        turn_mn = rotated_harmonics(operation.cartesian_aa)
        overlap_ji = self._harmonics_im @ turn_mn @ self._harmonics_im.T
        reached_ji = self.site_i[:, None] == target_x[self.site_i]
        matrix_ji = np.where(reached_ji & self._same_shell_ij, overlap_ji, 0.0).astype(complex)
        if self.with_spin:
            row_i = np.array([(1 - orbital.spin) // 2 for orbital in self.orbitals])
            matrix_ji *= spinor_rotation(operation)[row_i[:, None], row_i]
        violation_i = np.abs(matrix_ji.conj().T @ matrix_ji - np.eye(len(self.site_i))).max(axis=0)
        if violation_i.max() > UNITARITY_TOLERANCE:
            worst = int(np.argmax(violation_i))
            orbital = self.orbitals[worst]
            raise ModelError(
                f"Operation {operation} takes Wannier function {worst + 1} (l = {orbital.l}, mr = "
                f"{orbital.mr}) to an orbital that its new site does not have. The orbitals do not "
                "span this symmetry: leave the operation out, or Wannierise with whole shells."
            )
        return OrbitalAction(operation, target_x, shift_xc, matrix_ji, misfit)

    def _sites(self, operation: SymmetryOperation) -> tuple[IntArray, IntArray, float]:
        open_c = self.open_c
        turn_cc = operation.rotation_cc
        if turn_cc[open_c][:, ~open_c].any() or turn_cc[~open_c][:, open_c].any():
            raise ModelError(f"Operation {operation} mixes periodic and open directions.")
        moved_xc = self.site_xc @ turn_cc.T + operation.translation_c
        apart_xyc = moved_xc[:, None] - self.site_xc
        cells_xyc = np.rint(apart_xyc)
        distance_xy = np.linalg.norm((apart_xyc - cells_xyc) @ self.cell_ca, axis=-1)
        target_x = np.argmin(distance_xy, axis=1)
        every_x = np.arange(len(target_x))
        misfit = float(distance_xy[every_x, target_x].max())
        if misfit > SITE_TOLERANCE or len(set(target_x.tolist())) < len(target_x):
            worst = int(np.argmax(distance_xy[every_x, target_x]))
            raise ModelError(
                f"Operation {operation} takes the site at "
                f"{np.round(self.site_xc[worst], 5).tolist()} (reduced) {misfit:.3g} Å away from "
                "any other. Sites of the orbitals and operations do not belong to one structure; "
                "check origin and sites."
            )
        shift_xc = cells_xyc[every_x, target_x].astype(np.int64)
        if np.any(shift_xc[:, open_c] != shift_xc[0, open_c]):
            raise ModelError(
                f"Operation {operation} moves sites by different cells along an open direction: it "
                "is a symmetry of the stack of slabs and not of one."
            )
        shift_xc[:, open_c] = 0
        return target_x, shift_xc, misfit


def spinor_rotation(operation: SymmetryOperation) -> ComplexArray:
    r"""Matrix on (up, down): rotation about the axis, times :math:`i\sigma_y` if time reverses.

    Parameters
    ----------
    operation : SymmetryOperation
        The operation; inversion does nothing to a spin.

    Returns
    -------
    complex array (2, 2)
        Unitary; its sign is arbitrary.
    """
    x, y, z, w = Rotation.from_matrix(operation.axis_matrix(axial=True)).as_quat()
    turn: ComplexArray = w * np.eye(2) - 1j * np.tensordot([x, y, z], PAULI_sij, axes=1)
    return turn @ (1j * PAULI_sij[1]) if operation.time_reversal else turn


def sited_orbitals(model: WannierModel) -> SitedOrbitals:
    """Orbitals of a model by site.

    Parameters
    ----------
    model : WannierModel
        With ``orbitals``; or a lattice model whose every site carries one pair of spin components,
        diagonal r and pure spin, which is taken as s-like.

    Returns
    -------
    SitedOrbitals

    Raises
    ------
    ModelError
        If the orbitals are not known.
    """
    orbitals = model.orbitals if model.orbitals is not None else _s_pairs(model)
    if orbitals is None:
        raise ModelError(
            f"Model '{model.name}' does not say what its Wannier functions are, which symmetry "
            "operations need. Keep the .win or .nnkp with its projections beside the other files, "
            "or give model.with_orbitals([Orbital(site_c=..., l=..., mr=..., spin=...), ...]), one "
            "for each Wannier function."
        )
    if model.spin_Rsij is not None and not orbitals[0].spin:
        raise ModelError(
            f"The orbitals of model '{model.name}' have no spin, but the model has a spin "
            "operator. Give spinors: spinor_orbitals(orbitals, pairs)."
        )
    back = np.linalg.inv(model.cell_ca)
    given_ic = np.array([orbital.site_c for orbital in orbitals])
    site_xc: list[FloatArray] = []
    site_i = np.zeros(len(orbitals), dtype=np.int64)
    for index, site_c in enumerate(given_ic):
        for x, known_c in enumerate(site_xc):
            apart_c = site_c - known_c
            if np.linalg.norm((apart_c - np.rint(apart_c)) @ model.cell_ca) < SITE_TOLERANCE:
                site_i[index] = x
                break
        else:
            site_i[index] = len(site_xc)
            site_xc.append(site_c)
    sites = np.array(site_xc)
    # A site is taken where its Wannier functions are, so that slabs are not cut at the boundary.
    away_ic = model.centres_ia @ back - sites[site_i]
    for x in range(len(sites)):
        sites[x] += np.rint(np.median(away_ic[site_i == x], axis=0))
    cell_ic = np.rint(model.centres_ia @ back - sites[site_i]).astype(np.int64)
    return SitedOrbitals(orbitals, site_i, sites, cell_ic, model.cell_ca, ~np.array(model.periodic))


def _s_pairs(model: WannierModel) -> tuple[Orbital, ...] | None:
    """One s-like pair of spin components on every site, where that is all that a model can be."""
    pairs = model.spin_pairs
    if pairs is None or model.spin_Rsij is None:
        return None
    home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    off_site_Raij = model.pos_Raij.copy()
    every = np.arange(model.n_wann)
    off_site_Raij[home][:, every, every] = 0.0
    up_pa, down_pa = model.centres_ia[pairs[:, 0]], model.centres_ia[pairs[:, 1]]
    apart_pqc = (up_pa[:, None] - up_pa) @ np.linalg.inv(model.cell_ca)
    distance_pq = np.linalg.norm((apart_pqc - np.rint(apart_pqc)) @ model.cell_ca, axis=-1)
    distance_pq[np.diag_indices(len(pairs))] = np.inf
    if (
        np.abs(off_site_Raij).max() > 0.0
        or np.abs(model.spin_Rsij - atomic_spin(pairs, home, len(model.R_Rc))).max() > 0.0
        or np.abs(up_pa - down_pa).max() > _SAME_CENTRE
        or distance_pq.min() < _APART
    ):
        return None
    site_ic = model.centres_ia @ np.linalg.inv(model.cell_ca)
    spin_i = np.zeros(model.n_wann, dtype=np.int64)
    spin_i[pairs[:, 0]], spin_i[pairs[:, 1]] = 1, -1
    return tuple(
        Orbital(site_c=as_vector(site_c), l=0, mr=1, spin=int(spin))
        for site_c, spin in zip(site_ic, spin_i, strict=True)
    )
