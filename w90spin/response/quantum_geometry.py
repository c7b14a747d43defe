"""Quantum geometry of spin: the spin and the Zeeman quantum geometric tensor (QGT)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ResponseError
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import require_spin
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.response.interband import Transitions, pair_sizes, transitions
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.promise import bands_below, refuse_broken_promise
from w90spin.response.spin_hall import FORMS, SpinCurrentForm
from w90spin.units import SPIN_AXES

_REFERENCE = "L. Xiang, H. Jin and J. Wang, arXiv:2406.02257"

_Kinds = tuple[Literal["axial", "polar"], ...]
_SPIN_KINDS: _Kinds = ("polar", "polar", "axial")
_ZEEMAN_KINDS: _Kinds = ("polar", "axial")


def spin_qgt(
    states: BlochStates, current: SpinCurrentForm = "simple", parts: Partition | None = None
) -> ComplexArray:
    r"""Spin quantum geometric tensor of every pair of degenerate blocks.

    .. math::

        T^{ab;c}_{nm} = \frac{(J_{a;c})_{nm} (V_b)_{mn}}{(\epsilon_n - \epsilon_m)^2}
            = g^{ab;c}_{nm} - \tfrac{i}{2} \Omega^{ab;c}_{nm},
        \qquad T_{BB'} = \sum_{n \in B} \sum_{m \in B'} T_{nm}

    with the spin current :math:`J_{a;c} = \tfrac14 \{V_a, \sigma_c\}`.  Its real part is the spin
    quantum metric, -2 times its imaginary part the spin Berry curvature.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    current : "simple", "qiao2018" or "ryoo2019"
        How spin and velocity are multiplied, as in :class:`~w90spin.response.SpinHall`.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin current by; without it one part, the total.

    Returns
    -------
    complex array (k, n, m, part, flow, field, spin)
        At every pair of bands the sum over the blocks that they are in, the only gauge-invariant
        number there is; zero where both are in one block. [Å²]

    Raises
    ------
    ResponseError
        If there is no such current.
    MissingOperatorError
        If the model lacks an operator of the spin current.

    Notes
    -----
    The order of bands matters: T_mn is the complex conjugate of T_nm, so that the metric is the
    same and the curvature opposite.
    """
    _refuse_unknown(current, "spin_qgt")
    everything = slice(0, states.n_bands)
    return _block_pairs(*_spin_factors(states, everything, everything, current, parts), states)


def zeeman_qgt(states: BlochStates, parts: Partition | None = None) -> ComplexArray:
    r"""Zeeman quantum geometric tensor of every pair of degenerate blocks.

    .. math::

        \bar T^{ab}_{nm} = (A_a)_{nm} (\sigma_b)_{mn}
            = \bar g^{ab}_{nm} - \tfrac{i}{2} \bar\Omega^{ab}_{nm},
        \qquad \bar T_{BB'} = \sum_{n \in B} \sum_{m \in B'} \bar T_{nm}

    Its real part is the Zeeman quantum metric, -2 times its imaginary part the Zeeman Berry
    curvature.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by; without it one part, the total.

    Returns
    -------
    complex array (k, n, m, part, field, spin)
        As :func:`spin_qgt`; of Pauli matrices. [Å]

    Raises
    ------
    MissingOperatorError
        If the model carries no spin.
    """
    everything = slice(0, states.n_bands)
    return _block_pairs(*_zeeman_factors(states, everything, everything, parts), states)


@dataclass(frozen=True, eq=False, kw_only=True)
class SpinGeometry(AtLevels):
    r"""Spin Berry curvature and spin quantum metric, of bands and of the Fermi sea.

    With the spin current :math:`J_{a;c} = \tfrac14\{V_a, \sigma_c\}` and for two bands n, m outside
    each other's degenerate block

    .. math::

        \Omega^{ab;c}_{nm} = -2\, \mathrm{Im} \frac{(J_{a;c})_{nm} (V_b)_{mn}}
            {(\epsilon_n - \epsilon_m)^2}, \qquad
        g^{ab;c}_{nm} = \mathrm{Re} \frac{(J_{a;c})_{nm} (V_b)_{mn}}{(\epsilon_n - \epsilon_m)^2}

    Exchanging n and m turns the sign of the curvature and leaves the metric.  The sums over the
    Fermi sea run over pairs l below h with :math:`F = f_l - f_h`,

    .. math::

        \Omega^{ab;c} = \int_k \sum_{l<h} F\, \Omega^{ab;c}_{lh}
            = \int_k \sum_n f_n \sum_m \Omega^{ab;c}_{nm}, \qquad
        g^{ab;c} = \int_k \sum_{l<h} F\, g^{ab;c}_{lh}

    so that pairs of equal occupation, among them both occupied, count in neither: in the curvature
    they cancel, in the metric they are left out.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    current : "simple", "qiao2018" or "ryoo2019"
        How spin and velocity are multiplied, as in :class:`~w90spin.response.SpinHall`.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin current by.
    insulator : bool
        Promise that no Fermi level crosses a band; a broken promise is an error.

    Raises
    ------
    ResponseError
        For parameters that cannot be: negative kT, empty lists, an unknown current.

    Notes
    -----
    Index order: flow, field, spin.  The spin is S = σ/2 in units of ħ.  The static interband spin
    Hall conductivity is -q times the curvature; :func:`spin_qgt` gives every pair of bands.

    References
    ----------
    L. Xiang, H. Jin and J. Wang, arXiv:2406.02257, Eq. (2).
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        f"current = '{form}'": frozenset({"spin"} if form == "simple" else {"spin", form})
        for form in FORMS
    }

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    current: SpinCurrentForm = "simple"
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "spin_geometry", ("mu_f", "kT"))
        _refuse_unknown(self.current, "spin_geometry")

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), 0.0, 0.0)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("flow", SPIN_AXES, "", "Cartesian direction of the flow"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
        )
        return Claims(
            name="spin_geometry",
            title=f"Spin quantum geometry ({self.current} spin current)",
            needs=self.needs[f"current = '{self.current}'"],
            raw=(
                TensorClaim("spin_curvature", axes, +1, _SPIN_KINDS),
                TensorClaim("spin_metric", axes, -1, _SPIN_KINDS),
            ),
            published=(
                PublishedTensor("spin_curvature", "Ω", axes, "", 2, "spin Berry curvature"),
                PublishedTensor("spin_metric", "g", axes, "", 2, "spin quantum metric"),
            ),
            reference=_REFERENCE,
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of both tensors.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, flow, field, spin)
            "spin_curvature", "spin_metric". [Å²]

        Raises
        ------
        MissingOperatorError
            If the model lacks an operator of the spin current.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        """
        found = self._transitions(states)
        if found is None:
            return _nothing(self.claims, len(states.energy_kn))
        return _halves(_in_order(_sea_sum(*self._factors(states, found), found)), "spin")

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up, shape (k, part, kT, mu)."""
        found = self._transitions(states)
        if found is None:
            return _nothing(self.claims, len(states.energy_kn), components=3)
        return _moduli(*self._factors(states, found), found, "spin")

    def bands(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum over all other bands, occupied or not, and over the degenerate block.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, n, part, flow, field, spin)
            "spin_curvature", "spin_metric". [Å²]  Times the occupations and summed over bands the
            curvatures are that of the Fermi sea; the metrics are not, as they count pairs of
            occupied bands twice.
        """
        everything = slice(0, states.n_bands)
        factors = _spin_factors(states, everything, everything, self.current, self.parts)
        return _halves(_in_order(_band_sum(*factors, states)), "spin")

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same."""
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """The raw tensors as they are."""
        return {name: raw[name] for name in ("spin_curvature", "spin_metric")}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "current": self.current,
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _transitions(self, states: BlochStates) -> Transitions | None:
        require_spin(states.wannier)
        if self.insulator:
            refuse_broken_promise(states, self._mu_f)
        return transitions(states, self._mu_f, self._kT_t)

    def _factors(
        self, states: BlochStates, found: Transitions
    ) -> tuple[ComplexArray, ComplexArray]:
        return _spin_factors(states, found.lower, found.upper, self.current, self.parts)


@dataclass(frozen=True, eq=False, kw_only=True)
class ZeemanGeometry(AtLevels):
    r"""Zeeman Berry curvature and Zeeman quantum metric, of bands and of the Fermi sea.

    For two bands n, m outside each other's degenerate block, with the interband connection A,

    .. math::

        \bar\Omega^{ab}_{nm} = -2\, \mathrm{Im}[(A_a)_{nm} (\sigma_b)_{mn}], \qquad
        \bar g^{ab}_{nm} = \mathrm{Re}[(A_a)_{nm} (\sigma_b)_{mn}]

    Exchanging n and m turns the sign of the curvature and leaves the metric.  The sums over the
    Fermi sea run over pairs l below h with :math:`F = f_l - f_h`,

    .. math::

        \bar\Omega^{ab} = \int_k \sum_{l<h} F\, \bar\Omega^{ab}_{lh}
            = \int_k \sum_n f_n \sum_m \bar\Omega^{ab}_{nm}, \qquad
        \bar g^{ab} = \int_k \sum_{l<h} F\, \bar g^{ab}_{lh}

    so that pairs of equal occupation, among them both occupied, count in neither: in the curvature
    they cancel, in the metric they are left out.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by.
    insulator : bool
        Promise that no Fermi level crosses a band; a broken promise is an error.

    Raises
    ------
    ResponseError
        For parameters that cannot be: negative kT, empty lists.

    Notes
    -----
    Index order: field, spin, as in the literature; the spin is σ, twice S.  :func:`zeeman_qgt`
    gives every pair of bands.

    References
    ----------
    L. Xiang, H. Jin and J. Wang, arXiv:2406.02257, Eq. (3).
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset({"spin"})}

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "zeeman_geometry", ("mu_f", "kT"))

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), 0.0, 0.0)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
        )
        return Claims(
            name="zeeman_geometry",
            title="Zeeman quantum geometry",
            needs=self.needs[""],
            raw=(
                TensorClaim("zeeman_curvature", axes, +1, _ZEEMAN_KINDS),
                TensorClaim("zeeman_metric", axes, -1, _ZEEMAN_KINDS),
            ),
            published=(
                PublishedTensor("zeeman_curvature", "Ω̄", axes, "", 1, "Zeeman Berry curvature"),
                PublishedTensor("zeeman_metric", "ḡ", axes, "", 1, "Zeeman quantum metric"),
            ),
            reference=_REFERENCE,
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of both tensors.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, field, spin)
            "zeeman_curvature", "zeeman_metric". [Å]

        Raises
        ------
        MissingOperatorError
            If the model carries no spin.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        """
        found = self._transitions(states)
        if found is None:
            return _nothing(self.claims, len(states.energy_kn))
        return _halves(_in_order(_sea_sum(*self._factors(states, found), found)), "zeeman")

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up, shape (k, part, kT, mu)."""
        found = self._transitions(states)
        if found is None:
            return _nothing(self.claims, len(states.energy_kn), components=2)
        return _moduli(*self._factors(states, found), found, "zeeman")

    def bands(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum over all other bands, occupied or not, and over the degenerate block.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, n, part, field, spin)
            "zeeman_curvature", "zeeman_metric". [Å]  Times the occupations and summed over bands
            the curvatures are that of the Fermi sea; the metrics are not, as they count pairs of
            occupied bands twice.
        """
        everything = slice(0, states.n_bands)
        factors = _zeeman_factors(states, everything, everything, self.parts)
        return _halves(_in_order(_band_sum(*factors, states)), "zeeman")

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same."""
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """The raw tensors as they are."""
        return {name: raw[name] for name in ("zeeman_curvature", "zeeman_metric")}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _transitions(self, states: BlochStates) -> Transitions | None:
        require_spin(states.wannier)
        if self.insulator:
            refuse_broken_promise(states, self._mu_f)
        return transitions(states, self._mu_f, self._kT_t)

    def _factors(
        self, states: BlochStates, found: Transitions
    ) -> tuple[ComplexArray, ComplexArray]:
        return _zeeman_factors(states, found.lower, found.upper, self.parts)


# Both tensors are products of two matrix elements, T_nm = L_nm R_nm: L carries the spin, with its
# components x, R the field's direction y.  The functions below know no more of them.


def _spin_factors(
    states: BlochStates,
    rows: slice,
    cols: slice,
    current: SpinCurrentForm,
    parts: Partition | None,
) -> tuple[ComplexArray, ComplexArray]:
    """J_nm (k, q, flow·spin, n, m) and V_mn/(ε_n - ε_m)² (k, field, n, m), 0 inside blocks."""
    require_spin(states.wannier)
    current_kqasnm = states.spin_current_between(rows, cols, current, parts)
    connection_kbnm = states.connection_between(rows, cols)
    energy_knm = states.energy_kn[:, rows, None] - states.energy_kn[:, None, cols]
    apart_knm = states.block_kn[:, rows, None] != states.block_kn[:, None, cols]
    inverse_knm = np.where(apart_knm, 1.0, 0.0) / np.where(apart_knm, energy_knm, 1.0)
    # V_nm = i (ε_n - ε_m) A_nm
    slope_kbnm = (1j * connection_kbnm * inverse_knm[:, None]).conj()
    n_k, n_q = current_kqasnm.shape[:2]
    return current_kqasnm.reshape(n_k, n_q, 9, *current_kqasnm.shape[-2:]), slope_kbnm


def _zeeman_factors(
    states: BlochStates, rows: slice, cols: slice, parts: Partition | None
) -> tuple[ComplexArray, ComplexArray]:
    """Elements σ_mn (k, q, spin, n, m) and A_nm (k, field, n, m), which is 0 inside blocks."""
    return (
        states.spin_between(rows, cols, parts).conj(),
        states.connection_between(rows, cols),
    )


def _sea_sum(
    left_kqxlh: ComplexArray, right_kylh: ComplexArray, found: Transitions
) -> ComplexArray:
    """Σ F T over pairs of bands, shape (k, q, t, f, x, y)."""
    n_k, n_q, n_x = left_kqxlh.shape[:3]
    n_y = right_kylh.shape[1]
    n_t, n_f = found.weight_ktflh.shape[1:3]
    weight_kop = found.weight_ktflh.reshape(n_k, n_t * n_f, -1)
    left_kzp = left_kqxlh.reshape(n_k, n_q * n_x, -1)
    right_kyp = right_kylh.reshape(n_k, n_y, -1)
    # The shorter axis is multiplied out, the longer one summed as a matrix product.
    if n_t * n_f <= n_q * n_x:
        rows_kop = (weight_kop[:, :, None] * right_kyp[:, None]).reshape(n_k, n_t * n_f * n_y, -1)
        sum_kzo = left_kzp @ rows_kop.swapaxes(1, 2)
        value = sum_kzo.reshape(n_k, n_q, n_x, n_t, n_f, n_y)
        return value.transpose(0, 1, 3, 4, 2, 5)
    product_kzp = (left_kzp[:, :, None] * right_kyp[:, None]).reshape(n_k, n_q * n_x * n_y, -1)
    sum_koz = weight_kop @ product_kzp.real.swapaxes(1, 2) + 1j * (
        weight_kop @ product_kzp.imag.swapaxes(1, 2)
    )
    return sum_koz.reshape(n_k, n_t, n_f, n_q, n_x, n_y).transpose(0, 3, 1, 2, 4, 5)


def _moduli(
    left_kqxlh: ComplexArray, right_kylh: ComplexArray, found: Transitions, kind: str
) -> dict[str, FloatArray]:
    """Norms over components of what is summed; for every part the largest of all parts."""
    size_klh = pair_sizes(left_kqxlh, right_kylh, found)
    size_ktf = np.einsum("klh,ktflh->ktf", size_klh, np.abs(found.weight_ktflh), optimize=True)
    size_kqtf = np.repeat(size_ktf[:, None], left_kqxlh.shape[1], axis=1)
    return {f"{kind}_curvature": 2.0 * size_kqtf, f"{kind}_metric": size_kqtf}


def _band_sum(
    left_kqxnm: ComplexArray, right_kynm: ComplexArray, states: BlochStates
) -> ComplexArray:
    """Σ_m T_nm summed over the block of n, shape (k, n, q, x, y)."""
    n_k, n_q, n_x, n, _ = left_kqxnm.shape
    left_knzm = left_kqxnm.reshape(n_k, n_q * n_x, n, n).swapaxes(1, 2)
    value_knzy = left_knzm @ right_kynm.transpose(0, 2, 3, 1)
    value_kxn = np.moveaxis(value_knzy.reshape(n_k, n, -1), 1, 2)
    sums_kxn = block_sums(value_kxn.real, states.block_kn) + 1j * block_sums(
        value_kxn.imag, states.block_kn
    )
    return np.moveaxis(sums_kxn, 2, 1).reshape(n_k, n, n_q, n_x, -1)


def _block_pairs(
    left_kqxnm: ComplexArray, right_kynm: ComplexArray, states: BlochStates
) -> ComplexArray:
    """T_nm summed over both blocks, components in their order, shape (k, n, m, q, ...)."""
    n_k, n = states.energy_kn.shape
    product_kqxynm = left_kqxnm[:, :, :, None] * right_kynm[:, None, None]
    same_knm = (states.block_kn[:, :, None] == states.block_kn[:, None, :]).astype(np.float64)
    product_kznm = product_kqxynm.reshape(n_k, -1, n, n)
    sums_kznm = same_knm[:, None] @ product_kznm @ same_knm[:, None]
    sums_kqxynm = sums_kznm.reshape(product_kqxynm.shape)
    return _in_order(np.moveaxis(sums_kqxynm, (4, 5), (1, 2)))


def _in_order(value: ComplexArray) -> ComplexArray:
    """Components (flow·spin, field) as (flow, field, spin), and (spin, field) as (field, spin)."""
    n_x, n_y = value.shape[-2:]
    split = (3, 3, n_y) if n_x == 9 else (n_x, n_y)
    return value.reshape(*value.shape[:-2], *split).swapaxes(-1, -2)


def _halves(value: ComplexArray, kind: str) -> dict[str, FloatArray]:
    """Berry curvature and metric of T = g - iΩ/2."""
    return {f"{kind}_curvature": -2.0 * value.imag, f"{kind}_metric": value.real}


def _nothing(claims: Claims, n_k: int, components: int = 0) -> dict[str, FloatArray]:
    """Zeros in the shape of the raw tensors without the last axes, their components."""
    return {
        tensor.name: np.zeros((n_k, *tensor.shape[: len(tensor.shape) - components]))
        for tensor in claims.raw
    }


def _refuse_unknown(current: str, name: str) -> None:
    if current not in FORMS:
        raise ResponseError(f"{name}: current = {current!r} must be one of {', '.join(FORMS)}.")
