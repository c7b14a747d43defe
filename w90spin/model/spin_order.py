r"""Order of the spin components from the magnetic symmetry of H(R), where time reversal is broken.

An antiferromagnet has time reversal together with inversion (PT) or with a translation (tT) of its
atoms, moments left aside.  What these do to the Wannier functions follows from the projections and
the order of the spin components, and only with the right order does H(R) have them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from w90spin.arrays import IntArray
from w90spin.errors import ModelError
from w90spin.model.action import SitedOrbitals, sited_orbitals
from w90spin.model.operations import SymmetryOperation
from w90spin.model.orbitals import Orbital, projected_orbitals, spinor_orbitals
from w90spin.model.spin import candidate_pairs, pairs_from_order, the_one_that_holds
from w90spin.model.symmetrise import CLEARLY_HAM, hamiltonian_violation
from w90spin.model.symmetry import magnetic_group
from w90spin.model.wannier import WannierModel
from w90spin.read import NnkpFile, WinFile

OrderTest = Callable[[Mapping[str, IntArray]], IntArray]
"""From orders told elsewhere, by where from, to the pairs (up, down) that one argument gives."""

PAIRED = 1e-3
"""Bands nearer than this at every k count as a pair. [eV]"""

PT, TRANSLATED = "PT of H(R)", "time reversal with a translation of H(R)"

_N_POINTS = 12
_ELEMENT = re.compile(r"[A-Z][a-z]?")


def pair_splitting(model: WannierModel) -> float | None:
    """Largest splitting of pairs of bands at points of no symmetry, if all come in pairs.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    float, or None
        None if some band has no partner within :data:`PAIRED`. [eV]
    """
    if model.n_wann % 2:
        return None
    # Points without any symmetry of their own, the same in every run.
    kpt_kc = np.random.default_rng(0).uniform(size=(_N_POINTS, 3))
    phase_kR = np.exp(2j * np.pi * (kpt_kc @ model.R_Rc.T))
    energy_kn = np.linalg.eigvalsh(np.tensordot(phase_kR, model.ham_Rij, axes=1))
    splitting = float(np.diff(energy_kn, axis=1)[:, ::2].max())
    return splitting if splitting < PAIRED else None


def order_tests(
    model: WannierModel, win: WinFile | None, nnkp: NnkpFile | None
) -> dict[str, OrderTest]:
    """Symmetries of an antiferromagnet that may tell the order of the spin components.

    Parameters
    ----------
    model : WannierModel
        H(R), centres and atoms; spin is not looked at.
    win : WinFile, or None
        Input of the Wannierisation.
    nnkp : NnkpFile, or None
        Its neighbour list.

    Returns
    -------
    dict of str to OrderTest
        By the symmetry's name: PT if the atoms have inversion and all bands are doubly degenerate,
        tT if a translation shorter than the lattice's leaves the atoms as they are.  Empty if
        neither is so, or atoms or projections are not known.  A test raises
        :class:`~w90spin.errors.SpinOrderError` where not just one order has the symmetry.
    """
    if model.structure is None or model.n_wann % 2:
        return {}
    orbitals = projected_orbitals(
        win, nnkp, model.n_wann, pairs_from_order("interlaced", model.n_wann)
    )
    if orbitals is None:
        return {}
    # Mn1 and Mn2 are often one element with opposite moments.
    matches = [_ELEMENT.match(symbol.capitalize()) for symbol in model.structure.symbols]
    symbols = tuple("" if match is None else match[0] for match in matches)
    group = magnetic_group(
        replace(model, structure=replace(model.structure, symbols=symbols, moments_xa=None))
    )
    if group is None:
        return {}
    sited = sited_orbitals(replace(model, orbitals=orbitals, spin_Rsij=None))
    one_cc = np.eye(3, dtype=np.int64)
    reversing = [g for g in group if g.time_reversal and _acts(sited, g)]
    inversions = [g for g in reversing if np.array_equal(g.rotation_cc, -one_cc)]
    translations = [
        g for g in reversing if np.array_equal(g.rotation_cc, one_cc) and g.translation_c.any()
    ]
    if inversions and pair_splitting(model) is None:
        inversions = []
    spatial = [replace(orbital, spin=0) for orbital in orbitals if orbital.spin == 1]
    return {
        name: partial(_pairs_from_symmetry, model, spatial, operations, name)
        for name, operations in ((PT, inversions), (TRANSLATED, translations))
        if operations
    }


def _acts(sited: SitedOrbitals, operation: SymmetryOperation) -> bool:
    """Whether the orbitals have a place for what an operation makes of them."""
    try:
        sited.action(operation)
    except ModelError:
        return False
    return True


def _pairs_from_symmetry(
    model: WannierModel,
    orbitals: Sequence[Orbital],
    operations: Sequence[SymmetryOperation],
    name: str,
    told: Mapping[str, IntArray],
) -> IntArray:
    """The order of the spin components with which H(R) has one of the operations."""
    candidates = candidate_pairs(model.n_wann, told)
    violations = {}
    for order, pairs in candidates.items():
        spinors = model.with_orbitals(spinor_orbitals(orbitals, pairs))
        violations[order] = min(hamiltonian_violation(spinors, g) for g in operations)
    return the_one_that_holds(candidates, violations, CLEARLY_HAM, name)
