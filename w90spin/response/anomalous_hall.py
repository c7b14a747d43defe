"""Interband charge conductivity: anomalous Hall effect and its optical continuation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray, ComplexArray, FloatArray, IntArray
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.response.interband import (
    Transitions,
    allowed_transitions,
    band_kubo,
    complex_halves,
    kubo_integrands,
    kubo_moduli,
    pair_sizes,
    sums_that_differ_from_zero,
)
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.promise import bands_below
from w90spin.units import SPIN_AXES

_HALVES = {
    "odd_re": "re_direct",
    "odd_im": "im_direct",
    "even_re": "re_cross",
    "even_im": "im_cross",
}
"""Raw tensors by their sums over pairs: time reversal turns the sign of Re Z of a current."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AnomalousHall(AtLevels):
    r"""Charge current of an electric field, interband: static and at frequencies.

    As :class:`~w90spin.response.SpinHall`, with the charge current :math:`q V_a` in place of the
    spin current: :math:`Z = (V_a)_{lh} (A_b)_{hl}`,

    .. math::

        \sigma_{ab}(z) = q^2 \int_k \sum_{l<h} F \left[ \frac{Z}{\Delta - z}
            + \frac{Z^*}{\Delta + z} \right]

    At ω = 0 it is the intrinsic anomalous Hall conductivity,
    :math:`\sigma_{ab} = -q^2 \int_k \sum_n f_n \Omega^{ab}_n` with the Berry curvature
    :math:`\Omega^{ab}_n = i \sum_{m \neq n} (A^a_{nm} A^b_{mn} - A^b_{nm} A^a_{mn})
    + (U^\dagger F_{ab} U)_{nn}`.  The last term is the curvature of the Wannier space as a whole,
    :math:`F_{ab} = \partial_a A_b - \partial_b A_a - i[A_a, A_b]` of the position matrices: it
    stands for the transitions to bands that were left out, at all frequencies as at 0.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    omega_w : float or float array (w)
        Photon energies ħω of the field. [eV]
    eta : float
        Broadening. [eV] At 0 ħω must stay below every transition.
    parts : Partition, optional
        Layers, atoms or groups to resolve the current by: :math:`\tfrac12\{P_l, V_a\}`.
    insulator : bool
        Promise that no Fermi level crosses a band; a broken promise is an error.

    Raises
    ------
    ResponseError
        For parameters that cannot be: negative ω, kT or η, empty lists.

    Notes
    -----
    Index order: current, field.  In units of e²/ħ.  The part even under time reversal is the
    symmetric one (absorption and dispersion), the odd one the Hall and Kerr part.

    References
    ----------
    X. Wang et al., Phys. Rev. B 74, 195118 (2006), doi:10.1103/PhysRevB.74.195118
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset()}

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    omega_w: ArrayLike = 0.0
    eta: float = 0.0
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "anomalous_hall", ("mu_f", "kT", "omega_w"), ("eta",))

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), self.eta, float(self._omega_w.max()))

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("omega", tuple(self._omega_w.tolist()), "eV", "photon energy of the field"),
            Axis("current", SPIN_AXES, "", "Cartesian component of the current"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
        )
        there = sums_that_differ_from_zero(self._omega_w, self.eta)
        names = [name for name, half in _HALVES.items() if half in there]
        raw = tuple(
            TensorClaim(
                f"sigma_{name}", axes, +1 if name.startswith("even") else -1, ("polar", "polar")
            )
            for name in names
        )
        published = tuple(
            PublishedTensor(name, symbol, axes, "e²/ħ", 2, words)
            for name, symbol, words in (
                ("sigma", "σ", "complex current per field E exp(-iωt)"),
                ("sigma_even", "σ⁺", "its part that is even under time reversal"),
                ("sigma_odd", "σ⁻", "its part that is odd under time reversal"),
            )
        )
        return Claims(
            name="anomalous_hall",
            title="Anomalous Hall and interband optical conductivity",
            needs=self.needs[""],
            raw=raw,
            published=published,
            reference="X. Wang et al., Phys. Rev. B 74, 195118 (2006)",
            extras=frozenset({"curl"}),
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of every raw tensor.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, omega, current, field)
            [Å² e²/ħ]

        Raises
        ------
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        ResonanceError
            If η = 0 and ħω reaches a transition energy.
        """
        pairs = self._pairs(states)
        n_k = len(states.energy_kn)
        found = {tensor.name: np.zeros((n_k, *tensor.shape)) for tensor in self.claims.raw}
        if pairs is not None:
            sums = kubo_integrands(_products(*pairs[:2]), pairs[2], self._omega_w, self.eta)
            for tensor in self.claims.raw:
                half = sums[_HALVES[tensor.name.removeprefix("sigma_")]]
                found[tensor.name] = half.reshape(n_k, *tensor.shape)
        occupation_ktfn = fermi(states.energy_kn, self._mu_f, self._kT_t)
        rest_kqtfab = np.einsum(
            "ktfn,kqnab->kqtfab", occupation_ktfn, states.space_curvature(self.parts), optimize=True
        )
        found["sigma_odd_re"] -= rest_kqtfab[:, :, :, :, None]
        return found

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up, shape (k, part, kT, mu, omega)."""
        pairs = self._pairs(states)
        n_k = len(states.energy_kn)
        found = {tensor.name: np.zeros((n_k, *tensor.shape[:-2])) for tensor in self.claims.raw}
        if pairs is not None:
            n_parts = pairs[0].shape[1]
            moduli = kubo_moduli(pair_sizes(*pairs), n_parts, pairs[2], self._omega_w, self.eta)
            for name in found:
                found[name] = moduli[_HALVES[name.removeprefix("sigma_")]]
        occupation_ktfn = fermi(states.energy_kn, self._mu_f, self._kT_t)
        size_kn = np.linalg.norm(states.space_curvature(self.parts), axis=(3, 4)).max(axis=1)
        rest_ktf = np.einsum("ktfn,kn->ktf", occupation_ktfn, size_kn)
        found["sigma_odd_re"] = found["sigma_odd_re"] + rest_ktf[:, None, :, :, None]
        return found

    def bands(self, states: BlochStates) -> dict[str, AnyNumberArray]:
        """Conductivity of single bands, summed over degenerate blocks.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of complex arrays (k, n, part, omega, current, field)
            "sigma", "sigma_even", "sigma_odd". [Å² e²/ħ]

        Raises
        ------
        ResonanceError
            If η = 0 and ħω meets a transition energy exactly.
        """
        everything = slice(0, states.n_bands)
        factors = self._factors(states, everything, everything)
        sums = band_kubo(_products(*factors), states, self._omega_w, self.eta)
        n_k, n, n_q, n_w, _ = sums["re_direct"].shape
        raw = {
            f"sigma_{name}": sums[half].reshape(n_k, n, n_q, n_w, 3, 3)
            for name, half in _HALVES.items()
            if half in sums
        }
        rest_knqab = states.space_curvature(self.parts).swapaxes(1, 2)
        rest_kxn = np.moveaxis(rest_knqab.reshape(n_k, n, 9 * n_q), 1, 2)
        rest_knx = block_sums(rest_kxn, states.block_kn).swapaxes(1, 2)
        raw["sigma_odd_re"] -= rest_knx.reshape(n_k, n, n_q, 1, 3, 3)
        return self.publish(raw)

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same."""
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, AnyNumberArray]:
        """Complex conductivities from the raw halves."""
        return complex_halves(raw, "sigma")

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "omega_w": self._omega_w.tolist(),
            "eta": self.eta,
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _pairs(self, states: BlochStates) -> tuple[ComplexArray, ComplexArray, Transitions] | None:
        """Velocities and conjugate connections between pairs of bands, and the pairs."""
        found = allowed_transitions(
            states, self._mu_f, self._kT_t, self.scales, insulator=self.insulator
        )
        if found is None:
            return None
        return (*self._factors(states, found.lower, found.upper), found)

    def _factors(
        self, states: BlochStates, rows: slice, cols: slice
    ) -> tuple[ComplexArray, ComplexArray]:
        """V (k, part, current, l, h) and A* (k, field, l, h)."""
        if self.parts is None:
            velocity_kqalh = states.velocity_between(rows, cols)[:, None]
        else:
            velocity_kqalh = states.shares_between(states.velocity_kanm, rows, cols, self.parts)
        return velocity_kqalh, states.connection_between(rows, cols).conj()


def _products(velocity_kqalh: ComplexArray, connection_kblh: ComplexArray) -> ComplexArray:
    """Z (k, part, current·field, l, h)."""
    z_kqablh = velocity_kqalh[:, :, :, None] * connection_kblh[:, None, None]
    return z_kqablh.reshape(*z_kqablh.shape[:2], 9, *z_kqablh.shape[-2:])
