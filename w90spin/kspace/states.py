"""Bloch states at a batch of k points, with the matrices that responses ask for."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import MissingOperatorError
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE, degenerate_blocks
from w90spin.kspace.continuum import OperatorSource
from w90spin.kspace.fourier import KLines, KPoints, WannierMatrices, require_spin
from w90spin.model.partition import Partition
from w90spin.model.spin_current import Current

_CYCLIC = ((1, 2), (2, 0), (0, 1))
"""Axes a, b of a curl along x, y, z."""


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
        # For all bands the commutator with H costs less than another rotation.
        product_kaij = self.wannier.pos_kaij @ self.wannier.ham_kij[:, None]
        commutator_kaij = product_kaij - product_kaij.conj().swapaxes(-1, -2)
        return self.rotate(self.wannier.dham_kaij - 1j * commutator_kaij)

    def space_curvature(self, parts: Partition | None = None) -> FloatArray:
        r"""Curvature of the Wannier space in each band, shape (k, l, n, a, b). [Å²]

        .. math::

            (U^\dagger F_{ab} U)_{nn}, \qquad
            F_{ab} = \partial_a A_b - \partial_b A_a - i [A_a, A_b]

        Zero in a complete basis; inside a degenerate block only the sum over it has a meaning.

        Parameters
        ----------
        parts : Partition, optional
            Take :math:`\tfrac12\{P_l, F_{ab}\}`; without it one part, the total.

        Raises
        ------
        MissingOperatorError
            If the curl of A was not summed.
        """
        field_kcij = self.space_curvature_kcij
        field_klcij = field_kcij[:, None]
        if parts is not None:
            field_klcij = parts.project(field_kcij, self.kpt_kc)
        field_klcn = np.einsum(
            "kin,klcij,kjn->klcn",
            self.vectors_kin.conj(),
            field_klcij,
            self.vectors_kin,
            optimize=True,
        ).real
        curvature_klnab = np.zeros((*field_klcn.shape[:2], self.n_bands, 3, 3))
        for c, (a, b) in enumerate(_CYCLIC):
            curvature_klnab[..., a, b] = field_klcn[:, :, c]
            curvature_klnab[..., b, a] = -field_klcn[:, :, c]
        return curvature_klnab

    @cached_property
    def space_curvature_kcij(self) -> ComplexArray:
        r"""Curvature of the Wannier space, :math:`F_{ab}` at c with (a, b, c) cyclic. [Å²]

        Raises
        ------
        MissingOperatorError
            If the curl of A was not summed.
        """
        if self.wannier.curl_kcij is None:
            raise MissingOperatorError("The curl of the position matrices was not asked for.")
        pos_kaij = self.wannier.pos_kaij
        product_kcij = pos_kaij[:, [1, 2, 0]] @ pos_kaij[:, [2, 0, 1]]
        # [A_a, A_b] of Hermitian matrices: the product less its adjoint.
        commutator_kcij = product_kcij - product_kcij.conj().swapaxes(-1, -2)
        curvature: ComplexArray = self.wannier.curl_kcij - 1j * commutator_kcij
        return curvature

    def spin_slopes(self, parts: Partition | None = None) -> FloatArray:
        r"""Covariant derivative of the spin of each part in each band.

        .. math::

            (D_a \sigma_s)_{nn}, \qquad D_a \sigma_s = \partial_a \sigma_s - i [A_{W,a}, \sigma_s]

        Parameters
        ----------
        parts : Partition, optional
            Projectors P_l of :math:`\tfrac12\{P_l, \sigma_s\}`; without it one part, the total.

        Returns
        -------
        float array (k, l, s, a, n)
            Of Pauli matrices; inside a degenerate block only the sum over it has a meaning.  Zero
            for the total in a complete basis, where spin and position commute. [Å]

        Raises
        ------
        MissingOperatorError
            If the model carries no spin, or its derivative was not summed.
        """
        spin_ksij, slope_ksaij = require_spin(self.wannier), self.wannier.dspin_ksaij
        if slope_ksaij is None:
            raise MissingOperatorError("The derivative of the spin was not asked for.")
        slope_klsaij = slope_ksaij[:, None]
        if parts is not None:
            slope_klsaij = parts.project_slope(spin_ksij, slope_ksaij, self.kpt_kc)
        half_klsain = slope_klsaij @ self.vectors_kin[:, None, None, None]
        bare = np.einsum("kin,klsain->klsan", self.vectors_kin.conj(), half_klsain).real
        spin_klsnm = self.spin_of_parts(parts)
        pos_kanm = self.rotate(self.wannier.pos_kaij)
        # -i[A, σ]_nn, without a product of matrices.
        turning = 2.0 * np.einsum("kanm,klsmn->klsan", pos_kanm, spin_klsnm).imag
        slopes: FloatArray = bare + turning
        return slopes

    def spin_velocity(self, current: Current) -> ComplexArray:
        r"""Product of spin and velocity from matrix elements of the full Hilbert space.

        In the Wannier gauge, with the matrices X, Y, Z of
        :class:`~w90spin.model.spin_current.SpinCurrentOperators` and the Wannier centres t,

        .. math::

            \sigma_s v_a = \sigma_s \partial_a H - i (X_{sa} H - Y_{sa})
                - i (Z_s - \sigma_s H) t_a \qquad \text{(ryoo2019)}

        The form of Qiao takes :math:`\sigma_s H` for the derivative of the states too, outside
        the frozen window another interpolation of it: between bands it has besides
        :math:`-[(Z_s - \sigma_s \epsilon) D_a]_{nm}` with
        :math:`(D_a)_{jm} = (V_a)_{jm} / (\epsilon_m - \epsilon_j)`,
        :math:`V_a = U^\dagger (\partial_a H - i[t_a, H]) U`.  There postw90 has t = 0, that is
        phases of lattice vectors alone.

        Parameters
        ----------
        current : "qiao2018" or "ryoo2019"
            Whose form.

        Returns
        -------
        complex array (k, a, s, n, m)
            Not Hermitian: the spin stands on the left. [eV Å]

        References
        ----------
        J. Qiao et al., Phys. Rev. B 98, 214402 (2018), Eqs. (23)-(40); J. H. Ryoo et al.,
        Phys. Rev. B 99, 235113 (2019), Eqs. (17), (26)-(29).
        """
        if current not in self.wannier.products:
            raise MissingOperatorError(
                f"The products of spin, energy and position that '{current}' needs are not there."
            )
        products = self.wannier.products[current]
        n_k, n = self.energy_kn.shape
        spin_ksij, ham_kij = require_spin(self.wannier), self.wannier.ham_kij
        t_aj = products.centres_ia.T
        outside_ksij = products.spin_ham_ksij - spin_ksij @ ham_kij[:, None]
        pos_kasij = products.spin_pos_ksaij.swapaxes(1, 2)
        ham_pos_kasij = products.spin_ham_pos_ksaij.swapaxes(1, 2)
        product_kasij = (
            spin_ksij[:, None] @ self.wannier.dham_kaij[:, :, None]
            - 1j * (pos_kasij @ ham_kij[:, None, None] - ham_pos_kasij)
            - 1j * outside_ksij[:, None] * t_aj[:, None, None, :]
        )
        found = self.rotate(product_kasij.reshape(n_k, 9, n, n)).reshape(n_k, 3, 3, n, n)
        if current == "qiao2018":
            apart_aij = t_aj[:, :, None] - t_aj[:, None, :]
            slope_kanm = self.rotate(self.wannier.dham_kaij - 1j * apart_aij * ham_kij[:, None])
            energy_knm = self.energy_kn[:, :, None] - self.energy_kn[:, None, :]
            apart_knm = self.block_kn[:, :, None] != self.block_kn[:, None, :]
            inverse_knm = np.where(apart_knm, -1.0, 0.0) / np.where(apart_knm, energy_knm, 1.0)
            rest_ksnm = self.rotate(outside_ksij)
            found -= rest_ksnm[:, None] @ (slope_kanm * inverse_knm[:, None])[:, :, None]
        return found

    def spin_current_between(
        self,
        rows: slice,
        cols: slice,
        current: Current | Literal["simple"] = "simple",
        parts: Partition | None = None,
    ) -> ComplexArray:
        r"""Conventional spin current between two ranges of bands.

        .. math::

            J_{a;s} = \tfrac14 \{V_a, \sigma_s\}, \qquad
            J_{a;s}^{(l)} = \tfrac14 \{V_a, \tfrac12 \{P_l, \sigma_s\}\}

        "simple" takes the product within the Wannier space, where V is the covariant velocity;
        the others that of the full Hilbert space (:meth:`spin_velocity`), and for parts
        :math:`\tfrac12 \{P_l, J_{a;s}\}`.

        Parameters
        ----------
        rows, cols : slice
            Ranges of bands n and m.
        current : "simple", "qiao2018" or "ryoo2019"
            How spin and velocity are multiplied.
        parts : Partition, optional
            Projectors P_l; without it one part, the total.

        Returns
        -------
        complex array (k, l, a, s, n, m)
            Spin S = σ/2 in units of ħ, times velocity. [eV Å]
        """
        everything = slice(0, self.n_bands)
        if current == "simple":
            velocity_kanm = self.velocity_kanm
            if parts is None:
                spin_klsnm = self.spin_ksnm[:, None]
            else:
                spin_klsnm = self.spin_between(everything, everything, parts)
            return 0.25 * (
                _all_products(velocity_kanm[:, None, :, rows], spin_klsnm[..., cols])
                + _all_products(
                    spin_klsnm[:, :, :, rows], velocity_kanm[:, None, :, :, cols]
                ).swapaxes(2, 3)
            )
        product_kasnm = self.spin_velocity(current)
        whole_kasnm = 0.25 * (product_kasnm + product_kasnm.conj().swapaxes(-1, -2))
        if parts is None:
            return whole_kasnm[:, None, :, :, rows, cols]
        n_k, n = self.energy_kn.shape
        shares_klxnm = self.shares_between(whole_kasnm.reshape(n_k, 9, n, n), rows, cols, parts)
        return shares_klxnm.reshape(n_k, -1, 3, 3, *shares_klxnm.shape[-2:])

    def shares_between(
        self, op_kxnm: ComplexArray, rows: slice, cols: slice, parts: Partition
    ) -> ComplexArray:
        r"""Share of operators on each part, :math:`\tfrac12\{P_l, O\}`, between bands.

        Parameters
        ----------
        op_kxnm : complex array (k, x, n, m)
            Operators between all bands.
        rows, cols : slice
            Ranges of bands.
        parts : Partition
            Projectors P_l.

        Returns
        -------
        complex array (k, l, x, n, m)
            In the operators' unit.
        """
        n_k, n = self.energy_kn.shape
        one_kxij = np.broadcast_to(np.eye(n, dtype=np.complex128), (n_k, 1, n, n))
        projector_klij = parts.project(one_kxij, self.kpt_kc).reshape(n_k, -1, n, n)
        projector_klnm = self.rotate(projector_klij)[:, :, None]
        half: ComplexArray = 0.5 * (
            projector_klnm[..., rows, :] @ op_kxnm[:, None, ..., cols]
            + op_kxnm[:, None, ..., rows, :] @ projector_klnm[..., cols]
        )
        return half

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

    def spin_of_parts(self, parts: Partition | None) -> ComplexArray:
        """Pauli matrices of each part between all bands, shape (k, l, s, n, m)."""
        if parts is None:
            return self.spin_ksnm[:, None]
        return self.spin_between(slice(None), slice(None), parts)

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
                = -i V^a_{nm} / (\epsilon_n - \epsilon_m)

        Parameters
        ----------
        rows, cols : slice
            Ranges of bands n and m.

        Returns
        -------
        complex array (k, a, n, m)
            [Å]
        """
        energy_knm = self.energy_kn[:, rows, None] - self.energy_kn[:, None, cols]
        apart_knm = self.block_kn[:, rows, None] != self.block_kn[:, None, cols]
        inverse_knm = np.where(apart_knm, 1.0, 0.0) / np.where(apart_knm, energy_knm, 1.0)
        connection: ComplexArray
        if "velocity_kanm" in vars(self):
            velocity_kanm = self.velocity_kanm[:, :, rows, cols]
            connection = -1j * inverse_knm[:, None] * velocity_kanm
            return connection
        dham_kanm = self.rotate(self.wannier.dham_kaij, rows, cols)
        pos_kanm = self.rotate(self.wannier.pos_kaij, rows, cols)
        connection = apart_knm[:, None] * pos_kanm - 1j * inverse_knm[:, None] * dham_kanm
        return connection


def _all_products(left_klxnj: ComplexArray, right_klyjm: ComplexArray) -> ComplexArray:
    """Every x times every y as one matrix product, shape (k, l, x, y, n, m)."""
    n_x, n_n, n_j = left_klxnj.shape[2:]
    n_y, n_m = right_klyjm.shape[2], right_klyjm.shape[4]
    left_klzj = left_klxnj.reshape(*left_klxnj.shape[:2], n_x * n_n, n_j)
    right_kljz = right_klyjm.swapaxes(2, 3).reshape(*right_klyjm.shape[:2], n_j, n_y * n_m)
    product_klzz = left_klzj @ right_kljz
    product = product_klzz.reshape(*product_klzz.shape[:2], n_x, n_n, n_y, n_m)
    return product.transpose(0, 1, 2, 4, 3, 5)


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
