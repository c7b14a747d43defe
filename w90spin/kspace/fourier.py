r"""Fourier sums O(k) = Σ_R exp(ik·R) O(R) of all operators of a model, batch by batch.

Two layouts of k share the same operators: arbitrary points, one matrix product over all R; and
parallel lines, where the sum over the R off the line is done once per line and only that along
the line once per point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import MissingOperatorError
from w90spin.model.spin_current import CURRENTS, Current
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm

Extra = Literal["qiao2018", "ryoo2019", "curl", "dspin"]
EXTRAS: dict[Extra, int] = {"qiao2018": 21, "ryoo2019": 21, "curl": 3, "dspin": 9}
"""What can be summed beyond H, r and spin, with the number of its matrices."""


def kpt_text(kpt_c: FloatArray) -> str:
    """Coordinates for messages."""
    return "(" + ", ".join(f"{x:.5f}" for x in np.round(kpt_c, 5) + 0.0) + ")"


@dataclass(frozen=True, eq=False)
class KPoints:
    """Arbitrary k points.

    Parameters
    ----------
    kpt_kc : float array (k, c)
        Reduced coordinates.
    """

    kpt_kc: FloatArray


@dataclass(frozen=True, eq=False)
class KLines:
    """Points on parallel lines, as many on each.

    Parameters
    ----------
    origin_lc : float array (l, c)
        Reduced coordinates of the lines; that along the line is not used.
    along_j : float array (j) or (l, j)
        Reduced coordinate along the line: the same on all lines, or for each its own.
    direction : int
        Lattice direction c of the lines.
    """

    origin_lc: FloatArray
    along_j: FloatArray
    direction: int

    @property
    def kpt_kc(self) -> FloatArray:
        """Reduced coordinates of all points, line by line, shape (l·j, c)."""
        kpt_ljc = np.repeat(self.origin_lc[:, None, :], self.along_j.shape[-1], axis=1)
        kpt_ljc[:, :, self.direction] = self.along_j
        return kpt_ljc.reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class SpinProducts:
    r"""Spin times energy and position in the Wannier gauge at a batch of k.

    Sums of :class:`~w90spin.model.spin_current.SpinCurrentOperators`, in their names.

    Parameters
    ----------
    spin_ham_ksij : complex array (k, s, i, j)
        Z. [eV]
    spin_pos_ksaij : complex array (k, s, a, i, j)
        X. [Å]
    spin_ham_pos_ksaij : complex array (k, s, a, i, j)
        Y. [eV Å]
    centres_ia : float array (i, a)
        Wannier centres; zero for a gauge without them. [Å]
    """

    spin_ham_ksij: ComplexArray
    spin_pos_ksaij: ComplexArray
    spin_ham_pos_ksaij: ComplexArray
    centres_ia: FloatArray


@dataclass(frozen=True, eq=False)
class WannierMatrices:
    """Operators in the Wannier gauge at a batch of k.

    Parameters
    ----------
    ham_kij : complex array (k, i, j)
        H(k). [eV]
    dham_kaij : complex array (k, a, i, j)
        Bare derivative of H(k) along Cartesian a. [eV Å]
    pos_kaij : complex array (k, a, i, j)
        A_W,a(k) = Σ_R exp(ik·R) ⟨0i|r_a|Rj⟩. [Å]
    spin_ksij : complex array (k, s, i, j), or None
        Pauli matrices.
    products : mapping
        Spin times energy and position, by the name of the spin current that needs them.
    curl_kcij : complex array (k, c, i, j), or None
        Curl ∂_a A_b - ∂_b A_a of A_W along Cartesian c, (a, b, c) cyclic, where it was asked for.
        [Å²]
    dspin_ksaij : complex array (k, s, a, i, j), or None
        Bare derivative of the Pauli matrices along Cartesian a, where it was asked for. [Å]
    """

    ham_kij: ComplexArray
    dham_kaij: ComplexArray
    pos_kaij: ComplexArray
    spin_ksij: ComplexArray | None
    products: Mapping[str, SpinProducts] = field(default_factory=dict)
    curl_kcij: ComplexArray | None = None
    dspin_ksaij: ComplexArray | None = None


class FourierSum:
    """All operators of a model, laid out for fast sums over R.

    Parameters
    ----------
    model : WannierModel
        The model.
    direction : int, optional
        Lattice direction of the lines in :class:`KLines`; by default the last periodic one.
    comm : Comm, optional
        Ranks that build this together: those of a node hold the operators once.
    extras : sequence of str
        What else to sum: "qiao2018" and "ryoo2019", the products of spin, energy and position of
        these spin currents; "curl" of r; "dspin", the derivative of the spin.

    Raises
    ------
    MissingOperatorError
        If the model lacks those products.
    """

    region: None = None
    """The zone, in reduced coordinates."""

    def __init__(
        self,
        model: WannierModel,
        direction: int | None = None,
        comm: Comm | None = None,
        extras: Sequence[Extra] = (),
    ) -> None:
        self.model = model
        self.extras = tuple(extras)
        periodic = [c for c in range(3) if model.periodic[c]]
        if direction is None:
            direction = periodic[-1] if periodic else 2
        self.direction = direction
        self._outer = [c for c in range(3) if c != direction]
        self._derived = periodic

        # A dense box (R off the line) x (R along the line), so that both sums are matrix products.
        along_R = model.R_Rc[:, direction]
        self._along_r: IntArray = np.unique(along_R)
        outer_qc, outer_R = np.unique(model.R_Rc[:, self._outer], axis=0, return_inverse=True)
        self._outer_qc: IntArray = outer_qc
        slot_R = (outer_R.reshape(-1), np.searchsorted(self._along_r, along_R))
        n_q, n_r, n = len(outer_qc), len(self._along_r), model.n_wann

        def fill_ham(box_qrij: ComplexArray) -> None:
            box_qrij[slot_R] = model.ham_Rij

        def fill_other(box_qroij: ComplexArray) -> None:
            box_qroij[slot_R[0], slot_R[1], :3] = model.pos_Raij
            if model.spin_Rsij is not None:
                box_qroij[slot_R[0], slot_R[1], 3:6] = model.spin_Rsij
            for name in self.extras:
                at = self._extra_at[name]
                for row, op_Rij in zip(range(at.start, at.stop), _extra(model, name), strict=True):
                    box_qroij[slot_R[0], slot_R[1], row] = op_Rij

        ranks = comm or Comm()
        self._n_other = 3 if model.spin_Rsij is None else 6
        self._extra_at: dict[Extra, slice] = {}
        for name in self.extras:
            self._extra_at[name] = slice(self._n_other, self._n_other + EXTRAS[name])
            self._n_other += EXTRAS[name]
        ham_qrij, self._release_ham = ranks.on_node((n_q, n_r, n, n), fill_ham)
        other_qroij, self._release_other = ranks.on_node(
            (n_q, n_r, self._n_other, n, n), fill_other
        )
        self._ham_qrx = ham_qrij.reshape(n_q, n_r, -1)
        self._other_qrx = other_qroij.reshape(n_q, n_r, -1)
        box_Rc = np.empty((n_q, n_r, 3), dtype=np.int64)
        box_Rc[:, :, self._outer] = outer_qc[:, None]
        box_Rc[:, :, direction] = self._along_r
        self._box_Rc = box_Rc.reshape(-1, 3)

    def close(self) -> None:
        """Give memory shared between ranks back; all of them call this, and use it no more."""
        self._release_ham()
        self._release_other()

    @property
    def bytes_per_point(self) -> int:
        """Memory that one k point takes in :meth:`__call__`. [bytes]"""
        matrices = 1 + 3 + len(self._derived) + self._n_other
        return 16 * matrices * self.model.n_wann**2

    def __call__(self, batch: KPoints | KLines) -> WannierMatrices:
        """Sum over R at every point of a batch.

        Parameters
        ----------
        batch : KPoints or KLines
            Where.

        Returns
        -------
        WannierMatrices
        """
        if isinstance(batch, KPoints):
            return self._at_points(batch.kpt_kc)
        return self._on_lines(batch)

    def hamiltonian(self, kpt_kc: FloatArray) -> ComplexArray:
        """H(k) alone, at arbitrary points.

        Parameters
        ----------
        kpt_kc : float array (k, c)
            Reduced coordinates.

        Returns
        -------
        complex array (k, i, j)
            [eV]
        """
        n_k, n = len(kpt_kc), self.model.n_wann
        ham_kx: ComplexArray = self._phases(kpt_kc) @ self._ham_qrx.reshape(-1, n * n)
        return ham_kx.reshape(n_k, n, n)

    def _phases(self, kpt_kc: FloatArray) -> ComplexArray:
        phase_kR: ComplexArray = np.exp(2j * np.pi * (kpt_kc @ self._box_Rc.T))
        return phase_kR

    def _at_points(self, kpt_kc: FloatArray) -> WannierMatrices:
        n_k = len(kpt_kc)
        phase_kR = self._phases(kpt_kc)
        rows = [phase_kR, *(1j * self._box_Rc[:, c] * phase_kR for c in self._derived)]
        n_R, n_y = len(self._box_Rc), len(rows)
        ham_ykx = (np.concatenate(rows) @ self._ham_qrx.reshape(n_R, -1)).reshape(n_y, n_k, -1)
        return self._assemble(ham_ykx, phase_kR @ self._other_qrx.reshape(n_R, -1))

    def _on_lines(self, batch: KLines) -> WannierMatrices:
        if batch.direction != self.direction:
            raise ValueError(f"lines run along {batch.direction}, the sums along {self.direction}")
        n_l, n_j = len(batch.origin_lc), batch.along_j.shape[-1]
        box_q, n_r = self._ham_qrx.shape[:2]
        outer_lq = np.exp(2j * np.pi * (batch.origin_lc[:, self._outer] @ self._outer_qc.T))
        along_jr = np.exp(2j * np.pi * batch.along_j[..., None] * self._along_r)

        rows = [outer_lq]
        for position, c in enumerate(self._outer):
            if c in self._derived:
                rows.append(1j * self._outer_qc[:, position] * outer_lq)
        partial_ylrx = np.concatenate(rows) @ self._ham_qrx.reshape(box_q, -1)
        partial_ylrx = partial_ylrx.reshape(len(rows), n_l, n_r, -1)
        ham_yljx = np.matmul(along_jr, partial_ylrx)
        if self.direction in self._derived:
            along_derivative = np.matmul(1j * self._along_r * along_jr, partial_ylrx[:1])
            # Rows stand as 1, outer derivatives, derivative along: order them as _derived.
            at = 1 + self._derived.index(self.direction)
            ham_yljx = np.concatenate([ham_yljx[:at], along_derivative, ham_yljx[at:]])
        other_lrx = (outer_lq @ self._other_qrx.reshape(box_q, -1)).reshape(n_l, n_r, -1)
        other_ljx = np.matmul(along_jr, other_lrx)
        return self._assemble(
            ham_yljx.reshape(len(ham_yljx), n_l * n_j, -1), other_ljx.reshape(n_l * n_j, -1)
        )

    def _assemble(self, ham_ykx: ComplexArray, other_kx: ComplexArray) -> WannierMatrices:
        n_k, n = len(other_kx), self.model.n_wann
        cell_ya = self.model.cell_ca[self._derived].astype(np.complex128)
        dham_kaij = np.matmul(cell_ya.T, ham_ykx[1:].transpose(1, 0, 2)).reshape(n_k, 3, n, n)
        other_koij = other_kx.reshape(n_k, -1, n, n)
        has_spin = self.model.spin_Rsij is not None
        extra = {name: other_koij[:, at] for name, at in self._extra_at.items()}
        return WannierMatrices(
            ham_kij=ham_ykx[0].reshape(n_k, n, n),
            dham_kaij=dham_kaij,
            pos_kaij=other_koij[:, :3],
            spin_ksij=other_koij[:, 3:6] if has_spin else None,
            products={name: self._products(name, extra) for name in CURRENTS if name in extra},
            curl_kcij=extra.get("curl"),
            dspin_ksaij=extra["dspin"].reshape(n_k, 3, 3, n, n) if "dspin" in extra else None,
        )

    def _products(self, current: Current, extra: Mapping[Extra, ComplexArray]) -> SpinProducts:
        op_koij = extra[current]
        n_k, _, n, _ = op_koij.shape
        # Only Qiao's form knows a gauge without centres; elsewhere they are to drop out.
        plain = current == "qiao2018" and not self.model.spin_current[current].from_centres
        return SpinProducts(
            spin_ham_ksij=op_koij[:, :3],
            spin_pos_ksaij=op_koij[:, 3:12].reshape(n_k, 3, 3, n, n),
            spin_ham_pos_ksaij=op_koij[:, 12:].reshape(n_k, 3, 3, n, n),
            centres_ia=(0.0 if plain else 1.0) * self.model.centres_ia,
        )


def _extra(model: WannierModel, name: Extra) -> Iterator[ComplexArray]:
    """Matrices (R, i, j) of an extra, one after the other."""
    length_aR = (model.R_Rc @ np.where(np.array(model.periodic)[:, None], model.cell_ca, 0.0)).T
    slope_aR = 1j * length_aR[:, :, None, None]
    if name == "curl":
        for a, b in ((1, 2), (2, 0), (0, 1)):
            yield slope_aR[a] * model.pos_Raij[:, b] - slope_aR[b] * model.pos_Raij[:, a]
    elif name == "dspin":
        spin_Rsij = model.needs_spin("its derivative")
        for s, a in np.ndindex(3, 3):
            yield slope_aR[a] * spin_Rsij[:, s]
    else:
        for op_Rxij in model.needs_spin_current(name, "the spin current").operators:
            flat_Rxij = op_Rxij.reshape(len(op_Rxij), -1, model.n_wann, model.n_wann)
            yield from flat_Rxij.swapaxes(0, 1)


def require_spin(matrices: WannierMatrices) -> ComplexArray:
    """Spin matrices of a batch, or an error.

    Raises
    ------
    MissingOperatorError
        If the model carries none.
    """
    if matrices.spin_ksij is None:
        raise MissingOperatorError(
            "The model carries no spin operator. Put write_spn = .true. in the pw2wannier90 input, "
            "run it again and rebuild the model."
        )
    return matrices.spin_ksij
