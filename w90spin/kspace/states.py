"""Bloch states at a batch of k points, with the matrices that responses ask for."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE, degenerate_blocks
from w90spin.kspace.continuum import OperatorSource
from w90spin.kspace.fourier import KLines, KPoints, WannierMatrices, require_spin
from w90spin.model.partition import Partition


class BlochStates:
    r"""Eigenstates of H(k) and lazily rotated operators.

    Bands ascend in energy.  Matrices in the band basis are :math:`O_{nm} = (U^\dagger O U)_{nm}`;
    a matrix is computed when a response first asks for it.

    Parameters
    ----------
    kpt_kc : float array (k, c)
        Reduced coordinates; of a continuum model Cartesian ones. [1/Å]
    matrices : WannierMatrices
        Operators in the Wannier gauge at these points.
    tolerance : float
        Degeneracy tolerance. [eV]
    """

    def __init__(
        self,
        kpt_kc: FloatArray,
        matrices: WannierMatrices,
        tolerance: float = DEGENERACY_TOLERANCE,
    ) -> None:
        self.kpt_kc = kpt_kc
        self.wannier = matrices
        self.tolerance = tolerance
        self.energy_kn: FloatArray
        self.vectors_kin: ComplexArray
        self.energy_kn, self.vectors_kin = np.linalg.eigh(matrices.ham_kij)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.energy_kn.shape[1])

    @cached_property
    def block_kn(self) -> IntArray:
        """Label of each band's degenerate block, shape (k, n)."""
        return degenerate_blocks(self.energy_kn, self.tolerance)

    @cached_property
    def spin_ksnm(self) -> ComplexArray:
        """Pauli matrices between bands, shape (k, s, n, m)."""
        return self.rotate(require_spin(self.wannier))

    @cached_property
    def velocity_kanm(self) -> ComplexArray:
        r"""Covariant velocity :math:`V_a = U^\dagger (D_a H) U`, shape (k, a, n, m). [eV Å]"""
        return self.velocity_between(slice(None), slice(None))

    def rotate(
        self,
        op_kxij: ComplexArray,
        rows: slice = slice(None),
        cols: slice = slice(None),
    ) -> ComplexArray:
        r"""Elements :math:`(U^\dagger O U)_{nm}` for n in ``rows`` and m in ``cols``.

        Parameters
        ----------
        op_kxij : complex array (k, x, i, j)
            Operators in the Wannier gauge.
        rows, cols : slice
            Ranges of bands.

        Returns
        -------
        complex array (k, x, n, m)
            In the operator's unit.
        """
        n_k, n_x, n, _ = op_kxij.shape
        left_kni = np.ascontiguousarray(self.vectors_kin[:, :, rows].conj().swapaxes(1, 2))
        right_kjm = np.ascontiguousarray(self.vectors_kin[:, :, cols])
        # All operators of a k point in one product: few large ones are faster than many small.
        half_kxim = (op_kxij.reshape(n_k, n_x * n, n) @ right_kjm).reshape(n_k, n_x, n, -1)
        rotated: ComplexArray = left_kni[:, None] @ half_kxim
        return rotated

    def spin_between(
        self, rows: slice, cols: slice, parts: Partition | None = None
    ) -> ComplexArray:
        r"""Spin of each part, :math:`\tfrac12\{P_l, \sigma_s\}`, between two ranges of bands.

        Parameters
        ----------
        rows, cols : slice
            Ranges of bands.
        parts : Partition, optional
            Projectors P_l; without it one part, the total.

        Returns
        -------
        complex array (k, l, s, n, m)
            Pauli matrices.
        """
        spin_ksij = require_spin(self.wannier)
        if parts is None:
            return self.rotate(spin_ksij, rows, cols)[:, None]
        shares_klsij = parts.project(spin_ksij, self.kpt_kc)
        n_k, n_l, n_s, n, _ = shares_klsij.shape
        rotated = self.rotate(shares_klsij.reshape(n_k, -1, n, n), rows, cols)
        return rotated.reshape(n_k, n_l, n_s, *rotated.shape[-2:])

    def velocity_between(self, rows: slice, cols: slice) -> ComplexArray:
        r"""Covariant velocity between two ranges of bands.

        .. math::

            V^a_{nm} = (U^\dagger \partial_a H U)_{nm}
                + i (\epsilon_n - \epsilon_m) (U^\dagger A_{W,a} U)_{nm}

        Parameters
        ----------
        rows, cols : slice
            Ranges of bands n and m.

        Returns
        -------
        complex array (k, a, n, m)
            [eV Å]
        """
        dham_kanm = self.rotate(self.wannier.dham_kaij, rows, cols)
        pos_kanm = self.rotate(self.wannier.pos_kaij, rows, cols)
        energy_knm = self.energy_kn[:, rows, None] - self.energy_kn[:, None, cols]
        return dham_kanm + 1j * energy_knm[:, None] * pos_kanm

    def connection_between(self, rows: slice, cols: slice) -> ComplexArray:
        r"""Interband Berry connection; zero inside degenerate blocks, where it is undefined.

        .. math::

            A^a_{nm} = (U^\dagger A_{W,a} U)_{nm}
                - i (U^\dagger \partial_a H U)_{nm} / (\epsilon_n - \epsilon_m)

        Parameters
        ----------
        rows, cols : slice
            Ranges of bands n and m.

        Returns
        -------
        complex array (k, a, n, m)
            [Å]
        """
        dham_kanm = self.rotate(self.wannier.dham_kaij, rows, cols)
        pos_kanm = self.rotate(self.wannier.pos_kaij, rows, cols)
        energy_knm = self.energy_kn[:, rows, None] - self.energy_kn[:, None, cols]
        apart_knm = self.block_kn[:, rows, None] != self.block_kn[:, None, cols]
        inverse_knm = np.where(apart_knm, 1.0, 0.0) / np.where(apart_knm, energy_knm, 1.0)
        connection: ComplexArray = (
            apart_knm[:, None] * pos_kanm - 1j * inverse_knm[:, None] * dham_kanm
        )
        return connection


def solve(
    fourier: OperatorSource,
    batch: KPoints | KLines,
    tolerance: float = DEGENERACY_TOLERANCE,
) -> BlochStates:
    """Bloch states of a model at a batch of k.

    Parameters
    ----------
    fourier : OperatorSource
        The model's operators.
    batch : KPoints or KLines
        Where.
    tolerance : float
        Degeneracy tolerance. [eV]

    Returns
    -------
    BlochStates
    """
    return BlochStates(batch.kpt_kc, fourier(batch), tolerance)
