"""Small lattice models with known symmetry, for tests and first tries."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.model.spin import PAULI_sij
from w90spin.model.wannier import WannierModel

ONE_ij: ComplexArray = np.eye(2, dtype=np.complex128)


def pt_antiferromagnet() -> WannierModel:
    """Two-sublattice antiferromagnet with PT, which exchanges the sublattices.

    P and T are broken one by one.  Every band is doubly degenerate; the gap is 0.72 eV.

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down on a 4 Å square lattice, A and B at different heights.
    """
    sx, sy, sz = PAULI_sij
    _, _, tau_z = PAULI_sij
    tau_x, tau_plus = PAULI_sij[0], np.array([[0, 1], [0, 0]])
    exchange = np.kron(tau_z, np.sin(0.5) * sx + np.cos(0.5) * sz)
    neighbour = -0.5 * np.kron(tau_plus, ONE_ij)
    one = np.kron(ONE_ij, ONE_ij)
    hoppings = {
        (0, 0, 0): 0.55 * exchange - 0.5 * np.kron(tau_x, ONE_ij),
        (-1, 0, 0): neighbour,
        (0, -1, 0): neighbour,
        (-1, -1, 0): neighbour,
        (1, 0, 0): -0.03 * one + np.kron(tau_z, 0.25 * sy / 2j),
        (0, 1, 0): -0.03 * one - np.kron(tau_z, 0.25 * sx / 2j),
        (1, 1, 0): 0.03 * one + np.kron(tau_z, (0.06 * sz + 0.04 * sx) / 2j),
        (1, -1, 0): np.kron(tau_z, 0.05 * sy / 2j),
    }
    return _two_sublattices(
        "PT antiferromagnet",
        hoppings,
        cell_ca=np.diag([4.0, 4.0, 16.0]),
        centres_xa=np.array([[-1.0, -1.0, -0.6], [1.0, 1.0, 0.6]]),
    )


def tt_antiferromagnet() -> WannierModel:
    """Two-sublattice antiferromagnet with tT: time reversal times half a translation.

    Inversion and time reversal are broken.  Bands touch at isolated k: use a shifted mesh.

    Returns
    -------
    WannierModel
        Basis A up, A down, B up, B down in an 8 Å x 4 Å cell, B half a cell along x from A.
    """
    sx, sy, sz = PAULI_sij
    tau_plus, tau_minus = np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]])
    hop_x = -0.4 * ONE_ij - 0.22 * sy / 2j + 0.07 * sz / 2j
    hop_y = -0.32 * ONE_ij + 0.22 * sx / 2j + 0.05 * sz / 2j
    hop_xy = -0.05 * ONE_ij + 0.04 * sx / 2j + 0.06 * sy / 2j
    hop_2x = -0.04 * ONE_ij + 0.03 * sz / 2j
    inside = np.kron(tau_plus, hop_x)
    hoppings = {
        (0, 0, 0): 0.5 * np.kron(PAULI_sij[2], 0.6 * sz + 0.5 * sx + 0.35 * sy)
        + inside
        + inside.conj().T,
        (1, 0, 0): np.kron(tau_minus, hop_x) + np.kron(ONE_ij, hop_2x),
        (0, 1, 0): np.kron(ONE_ij, hop_y) + np.kron(tau_plus, hop_xy),
        (1, 1, 0): np.kron(tau_minus, hop_xy),
    }
    return _two_sublattices(
        "tT antiferromagnet",
        hoppings,
        cell_ca=np.diag([8.0, 4.0, 16.0]),
        centres_xa=np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]]),
    )


def _two_sublattices(
    name: str,
    hoppings: Mapping[tuple[int, int, int], ComplexArray],
    *,
    cell_ca: FloatArray,
    centres_xa: FloatArray,
) -> WannierModel:
    """Model in x-y from hoppings H(R); H(-R) = H(R)^† is added for every R that is not home."""
    total: dict[tuple[int, int, int], ComplexArray] = {}
    for R, hop in hoppings.items():
        total[R] = total.get(R, 0) + hop
        if R != (0, 0, 0):
            minus = (-R[0], -R[1], -R[2])
            total[minus] = total.get(minus, 0) + hop.conj().T
    R_Rc = np.array(list(total))
    spin_Rijs = np.zeros((len(R_Rc), 4, 4, 3), dtype=np.complex128)
    home = list(total).index((0, 0, 0))
    spin_Rijs[home] = np.stack([np.kron(ONE_ij, pauli) for pauli in PAULI_sij], axis=-1)
    return WannierModel.from_arrays(
        cell_ca,
        R_Rc,
        np.stack(list(total.values())),
        spin=spin_Rijs,
        centres=np.repeat(centres_xa, 2, axis=0),
        periodic=(True, True, False),
        name=name,
        spin_pairs=[[0, 1], [2, 3]],
    )
