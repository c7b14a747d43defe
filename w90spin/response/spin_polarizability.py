"""Dynamic anomalous spin polarisability (DASP)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ResonanceError
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import require_spin
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import (
    Axis,
    Claims,
    EnergyScales,
    PublishedTensor,
    TensorClaim,
)
from w90spin.response.interband import Transitions, allowed_transitions, contract, pair_sizes
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.promise import bands_below
from w90spin.units import CHARGE, SPIN_AXES


@dataclass(frozen=True, eq=False, kw_only=True)
class SpinPolarizability(AtLevels):
    r"""Spin density induced by an electric field and by its time derivatives.

    For :math:`\mathbf E(t) = \mathbf E \cos\omega t` the interband response is

    .. math::

        \Delta S_a(t) = \sum_b \left[ \Upsilon^{(0)}_{ab} E_b + \Upsilon^{(1)}_{ab} \dot E_b
            + \Upsilon^{(2)}_{ab} \ddot E_b \right]

    with, for the band pairs l < h (l lower in energy) outside each other's degenerate block,
    :math:`\Delta = \epsilon_h - \epsilon_l`, :math:`F = f_l - f_h`, :math:`\hbar = 1`,
    :math:`Z^{ab} = (S_a)_{lh} (A_b)_{hl}`, and :math:`S = \sigma/2`:

    .. math::

        \Upsilon^{(0)} &= +2q \int_k \sum_{l<h} F\, \mathrm{Re} Z / \Delta \\
        \Upsilon^{(1)} &= -2q \int_k \sum_{l<h} F\, \mathrm{Im} Z / (\Delta^2 - \omega^2) \\
        \Upsilon^{(2)} &= -2q \int_k \sum_{l<h} F\, \mathrm{Re} Z / [\Delta (\Delta^2 - \omega^2)]

    The Kubo response :math:`\chi(z) = q \int_k \sum_{l<h} F [Z/(\Delta - z) + Z^*/(\Delta + z)]`,
    :math:`z = \omega + i\eta`, obeys :math:`\chi = \Upsilon^{(0)} - \omega^2 \Upsilon^{(2)}
    - i \omega \Upsilon^{(1)}`.  With broadening (``eta`` > 0) the three names keep that meaning:
    :math:`\Upsilon^{(0)} = \chi(i\eta)`, :math:`\Upsilon^{(1)} = -\mathrm{Im}\chi/\omega`,
    :math:`\Upsilon^{(2)} = [\chi(i\eta) - \mathrm{Re}\chi]/\omega^2`.

    Parameters
    ----------
    omega_w : float or float array (w)
        Photon energies ħω of the field. [eV]
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    eta : float
        Broadening. [eV] At 0 the formulas hold only while ħω stays below every transition between
        states of different occupation; beyond that an error is raised.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by.
    insulator : bool
        Promise that no Fermi level crosses a band; a broken promise is an error.

    Raises
    ------
    ResponseError
        For parameters that cannot be: negative ω, kT or η, empty lists.

    Notes
    -----
    Interband part only: the τ-linear Edelstein response of a Fermi surface is another response.
    Electrons carry q = -|e|.  S is in units of ħ, so that the moment in μ_B is -2S.

    References
    ----------
    X. Feng et al., arXiv:2409.09669, Eqs. (2), (6)-(8).
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset({"spin"})}

    omega_w: ArrayLike
    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    eta: float = 0.0
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "spin_polarizability", ("omega_w", "mu_f", "kT"), ("eta",))

    @property
    def highest_omega(self) -> float:
        """Largest photon energy. [eV]"""
        return float(self._omega_w.max())

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), self.eta, self.highest_omega)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        head = occupation_axes(self.parts, self._kT_t, self._mu_f)
        omega = Axis("omega", tuple(self._omega_w.tolist()), "eV", "photon energy of the field")
        tail = (
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
        )
        static, dynamic = (*head, *tail), (*head, omega, *tail)
        raw = [
            TensorClaim("upsilon0_odd", static, -1),
            TensorClaim("upsilon1_even", dynamic, +1),
            TensorClaim("upsilon2_odd", dynamic, -1),
        ]
        if self.eta > 0.0:
            raw += [
                TensorClaim("upsilon0_even", static, +1),
                TensorClaim("upsilon1_odd", dynamic, -1),
                TensorClaim("upsilon2_even", dynamic, +1),
            ]
        published = (
            PublishedTensor("upsilon0", "Υ⁽⁰⁾", static, "eV⁻¹", 1, "spin density per field"),
            PublishedTensor("upsilon1", "Υ⁽¹⁾", dynamic, "eV⁻²", 1, "spin density per ħ dE/dt"),
            PublishedTensor("upsilon2", "Υ⁽²⁾", dynamic, "eV⁻³", 1, "spin density per ħ² d²E/dt²"),
            PublishedTensor(
                "chi", "χ", dynamic, "eV⁻¹", 1, "complex spin density per field E exp(-iωt)"
            ),
        )
        return Claims(
            name="spin_polarizability",
            title="Dynamic anomalous spin polarisability",
            needs=self.needs[""],
            raw=tuple(raw),
            published=published,
            reference="X. Feng et al., arXiv:2409.09669",
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of every raw tensor.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, [omega,] spin, field)
            Υ⁽ⁱ⁾ per k. [Å/eV^(i+1)]

        Raises
        ------
        MissingOperatorError
            If the model carries no spin.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        ResonanceError
            If η = 0 and ħω reaches a transition energy.
        """
        pairs = self._pairs(states)
        if pairs is None:
            n_k = len(states.energy_kn)
            return {tensor.name: np.zeros((n_k, *tensor.shape)) for tensor in self.claims.raw}
        spin_kqslh, connection_kblh, found = pairs
        gap_klh, weight_ktflh = found.gap_klh, found.weight_ktflh
        z_kqsblh = spin_kqslh[:, :, :, None] * connection_kblh[:, None, None]
        even_kxp = _weighted(z_kqsblh.imag, weight_ktflh)
        odd_kxp = _weighted(z_kqsblh.real, weight_ktflh)
        shape = (len(gap_klh), z_kqsblh.shape[1], *weight_ktflh.shape[1:3])
        tensors = {}
        for name, kernel_kwp in self._kernels(gap_klh).items():
            source_kxp = even_kxp if name.endswith("even") else odd_kxp
            value_kxw = contract(kernel_kwp, source_kxp).reshape(*shape, 3, 3, -1)
            static = name.startswith("upsilon0")
            tensors[name] = value_kxw[..., 0] if static else np.moveaxis(value_kxw, -1, -3)
        return tensors

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up: below it, digits are cancellation.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, [omega])
            Norm over spin and field components of every pair of bands, summed over pairs; for
            every part the largest of all parts.
        """
        pairs = self._pairs(states)
        if pairs is None:
            n_k = len(states.energy_kn)
            return {tensor.name: np.zeros((n_k, *tensor.shape[:-2])) for tensor in self.claims.raw}
        spin_kqslh, connection_kblh, found = pairs
        gap_klh, weight_ktflh = found.gap_klh, found.weight_ktflh
        size_klh = pair_sizes(spin_kqslh, connection_kblh, found)
        size_kqlh = np.repeat(size_klh[:, None], spin_kqslh.shape[1], axis=1)
        source_kxp = _weighted(size_kqlh[:, :, None, None], weight_ktflh)
        shape = (len(gap_klh), spin_kqslh.shape[1], *weight_ktflh.shape[1:3], -1)
        sizes = {}
        for name, kernel_kwp in self._kernels(gap_klh).items():
            value = contract(np.abs(kernel_kwp), source_kxp).reshape(shape)
            sizes[name] = value[..., 0] if name.startswith("upsilon0") else value
        return sizes

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same at all k.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        int array (k, f), or None
            None without the promise of an insulator.
        """
        return bands_below(states, self._mu_f) if self.insulator else None

    def _pairs(self, states: BlochStates) -> tuple[ComplexArray, ComplexArray, Transitions] | None:
        """S (k, part, s, l, h) and A* (k, b, l, h) between pairs of bands l < h, and the pairs.

        None where no band is occupied below an empty one.
        """
        require_spin(states.wannier)
        found = allowed_transitions(
            states, self._mu_f, self._kT_t, self.scales, insulator=self.insulator
        )
        if found is None:
            return None
        spin_kqslh = 0.5 * states.spin_between(found.lower, found.upper, self.parts)
        return spin_kqslh, states.connection_between(found.lower, found.upper).conj(), found

    def bands(self, states: BlochStates) -> dict[str, FloatArray]:
        r"""Υ of single bands, summed over degenerate blocks.

        Every band of a block carries the sum over that block,
        :math:`\sum_{n \in B} \Upsilon_n`, in which all bands m outside the block take part,
        occupied or not.  Independent of occupations; ``mu_f`` and ``kT`` are not used.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, n, part, [omega,] spin, field)
            "upsilon0" [Å/eV], "upsilon1" [Å/eV²], "upsilon2" [Å/eV³].

        Raises
        ------
        ResonanceError
            If η = 0 and ħω meets a transition energy exactly.
        """
        everything = slice(0, states.n_bands)
        gap_knm = states.energy_kn[:, None, :] - states.energy_kn[:, :, None]
        apart_knm = states.block_kn[:, :, None] != states.block_kn[:, None, :]
        spin_kqsnm = 0.5 * states.spin_between(everything, everything, self.parts)
        connection_kbnm = states.connection_between(everything, everything)
        z_kqsbnm = spin_kqsnm[:, :, :, None] * connection_kbnm[:, None, None].conj()
        n_k, n_q, n = len(gap_knm), z_kqsbnm.shape[1], states.n_bands
        with np.errstate(divide="ignore", invalid="ignore"):
            kernels = self._kernels(np.where(apart_knm, gap_knm, np.inf).reshape(n_k * n, 1, n))
        if not all(np.isfinite(kernel).all() for kernel in kernels.values()):
            raise ResonanceError(
                "A photon energy equals a transition energy between two bands exactly; give "
                "eta > 0 or another omega_w."
            )
        z_knxm = np.moveaxis(z_kqsbnm, -2, 1).reshape(n_k * n, -1, n)
        sums: dict[str, FloatArray] = {}
        for name, kernel_kwp in kernels.items():
            source_kxp = z_knxm.imag if name.endswith("even") else z_knxm.real
            value_kxn = contract(kernel_kwp, source_kxp).reshape(n_k, n, -1).swapaxes(1, 2)
            block_kxw = block_sums(value_kxn, states.block_kn).swapaxes(1, 2)
            block = np.moveaxis(block_kxw.reshape(n_k, n, n_q, 3, 3, -1), -1, -3)
            if name.startswith("upsilon0"):
                block = block[..., 0, :, :]
            published = name.split("_")[0]
            sums[published] = sums[published] + block if published in sums else block
        return sums

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        r"""Υ⁽⁰⁾, Υ⁽¹⁾, Υ⁽²⁾ and :math:`\chi = Υ^{(0)} - ω^2 Υ^{(2)} - iω Υ^{(1)}`.

        Parameters
        ----------
        raw : mapping of float arrays
            Raw tensors, with any leading axes before those of the claims.

        Returns
        -------
        dict of arrays
            Published tensors.
        """
        tensors: dict[str, FloatArray] = {}
        for order in ("upsilon0", "upsilon1", "upsilon2"):
            halves = [
                raw[f"{order}_{parity}"] for parity in ("even", "odd") if f"{order}_{parity}" in raw
            ]
            tensors[order] = np.sum(halves, axis=0)
        omega_wsb = self._omega_w[:, None, None]
        chi = (
            tensors["upsilon0"][..., None, :, :]
            - omega_wsb**2 * tensors["upsilon2"]
            - 1j * omega_wsb * tensors["upsilon1"]
        )
        return {**tensors, "chi": chi}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "omega_w": self._omega_w.tolist(),
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "eta": self.eta,
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _kernels(self, gap_klh: FloatArray) -> dict[str, FloatArray]:
        """Coefficients q·K(Δ, ω) of Re Z ("odd") and Im Z ("even"), shape (k, w, pairs)."""
        gap_kp = gap_klh.reshape(len(gap_klh), 1, -1)
        omega_wp = self._omega_w[:, None]
        if self.eta == 0.0:
            inverse_kp = 1.0 / gap_kp
            resonant_kwp = 1.0 / (gap_kp**2 - omega_wp**2)
            return {
                "upsilon0_odd": 2.0 * CHARGE * inverse_kp,
                "upsilon1_even": -2.0 * CHARGE * resonant_kwp,
                "upsilon2_odd": -2.0 * CHARGE * inverse_kp * resonant_kwp,
            }
        # χ(z) - χ(iη) taken apart pair by pair, so that nothing is divided by ω and ω = 0 is
        # no special case.  P and N are the resonant and the antiresonant term.
        z_wp = omega_wp + 1j * self.eta
        p0_kp, n0_kp = 1.0 / (gap_kp - 1j * self.eta), 1.0 / (gap_kp + 1j * self.eta)
        p_kwp, n_kwp = p0_kp / (gap_kp - z_wp), n0_kp / (gap_kp + z_wp)
        return {
            "upsilon0_odd": CHARGE * (p0_kp + n0_kp).real,
            "upsilon0_even": -CHARGE * (p0_kp - n0_kp).imag,
            "upsilon1_odd": -CHARGE * (p_kwp - n_kwp).imag,
            "upsilon1_even": -CHARGE * (p_kwp + n_kwp).real,
            "upsilon2_odd": -CHARGE * (p0_kp * p_kwp + n0_kp * n_kwp).real,
            "upsilon2_even": CHARGE * (p0_kp * p_kwp - n0_kp * n_kwp).imag,
        }


def _weighted(z_kqsblh: FloatArray, weight_ktflh: FloatArray) -> FloatArray:
    """F·Z for every part, temperature, level and component, shape (k, q·t·f·s·b, pairs)."""
    n_k = len(z_kqsblh)
    n_p = z_kqsblh.shape[-1] * z_kqsblh.shape[-2]
    z_kqxp = z_kqsblh.reshape(n_k, z_kqsblh.shape[1], 1, -1, n_p)
    weight_kyp = weight_ktflh.reshape(n_k, 1, -1, 1, n_p)
    product: FloatArray = (weight_kyp * z_kqxp).reshape(n_k, -1, n_p)
    return product
