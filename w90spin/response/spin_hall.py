"""Conventional spin Hall conductivity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import ResponseError
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
from w90spin.units import CHARGE, SPIN_AXES

SpinCurrentForm = Literal["simple", "qiao2018", "ryoo2019"]
FORMS: tuple[SpinCurrentForm, ...] = get_args(SpinCurrentForm)

_HALVES = {
    "even_re": "re_direct",
    "even_im": "im_direct",
    "odd_re": "re_cross",
    "odd_im": "im_cross",
}
"""Raw tensors by their sums over pairs: time reversal leaves Re Z of a spin current as it is."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SpinHall(AtLevels):
    r"""Spin current of an electric field: every component, static and at frequencies.

    The current of spin c along a in the field E exp(-iωt) along b is
    :math:`J_{a;c} = \sum_b \sigma_{ab;c}(\omega) E_b`, interband, with
    :math:`z = \hbar\omega + i\eta` and for the band pairs l < h (l lower in energy) outside each
    other's degenerate block :math:`\Delta = \epsilon_h - \epsilon_l`, :math:`F = f_l - f_h`,
    :math:`J_{a;c} = \tfrac14\{V_a, \sigma_c\}`, :math:`Z = (J_{a;c})_{lh} (A_b)_{hl}`:

    .. math::

        \sigma_{ab;c}(z) = q \int_k \sum_{l<h} F \left[ \frac{Z}{\Delta - z}
            + \frac{Z^*}{\Delta + z} \right]

    Without broadening this is, with the spin Berry curvature
    :math:`\Omega_{lh} = -2\,\mathrm{Im}[J_{lh} V_{hl}]/\Delta^2` and the spin quantum metric
    :math:`g_{lh} = \mathrm{Re}[J_{lh} V_{hl}]/\Delta^2`,

    .. math::

        \mathrm{Re}\,\sigma &= -q \int_k \sum_{l<h} F\, \Omega_{lh}
            \frac{\Delta^2}{\Delta^2 - \omega^2} \\
        \mathrm{Im}\,\sigma &= -2q \int_k \sum_{l<h} F\, g_{lh}
            \frac{\omega \Delta}{\Delta^2 - \omega^2}

    The first is even under time reversal (the spin Hall effect, at ω = 0 the intrinsic one), the
    second odd (the displacement spin Hall current, in magnets).

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations; 0 fills states below μ. [eV]
    omega_w : float or float array (w)
        Photon energies ħω of the field. [eV]
    eta : float
        Broadening. [eV] At 0 the formulas hold only while ħω stays below every transition between
        states of different occupation; beyond that an error is raised.
    current : "simple", "qiao2018" or "ryoo2019"
        How spin and velocity are multiplied: within the Wannier space, or with matrix elements of
        the full Hilbert space in the form of one of those papers.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin current by.
    insulator : bool
        Promise that no Fermi level crosses a band; a broken promise is an error.

    Raises
    ------
    ResponseError
        For parameters that cannot be: negative ω, kT or η, empty lists, an unknown current.

    Notes
    -----
    Index order: flow, field, spin.  The spin is S = σ/2 in units of ħ and the current counts
    angular momentum, without a factor of charge: with electrons, q = -|e|, this is the sign and
    the normalisation (ħ/e) S/cm of postw90.  Interband part only: that of a Fermi surface which
    is linear in τ is :class:`~w90spin.response.fermi_surface.MagneticSpinHall`.

    References
    ----------
    J. Qiao et al., Phys. Rev. B 98, 214402 (2018), doi:10.1103/PhysRevB.98.214402; L. Xiang,
    H. Jin and J. Wang, arXiv:2406.02257, Eqs. (6), (7).
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        f"current = '{form}'": frozenset({"spin"} if form == "simple" else {"spin", form})
        for form in FORMS
    }

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    omega_w: ArrayLike = 0.0
    eta: float = 0.0
    current: SpinCurrentForm = "simple"
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "spin_hall", ("mu_f", "kT", "omega_w"), ("eta",))
        if self.current not in FORMS:
            raise ResponseError(
                f"spin_hall: current = {self.current!r} must be one of {', '.join(FORMS)}."
            )

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
            Axis("flow", SPIN_AXES, "", "Cartesian direction of the flow"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
        )
        there = sums_that_differ_from_zero(self._omega_w, self.eta)
        names = [name for name, half in _HALVES.items() if half in there]
        raw = tuple(
            TensorClaim(
                f"sigma_{name}",
                axes,
                +1 if name.startswith("even") else -1,
                ("polar", "polar", "axial"),
            )
            for name in names
        )
        published = tuple(
            PublishedTensor(name, symbol, axes, "|e|", 2, words)
            for name, symbol, words in (
                ("sigma", "σ", "complex spin current per field E exp(-iωt)"),
                ("sigma_even", "σ⁺", "its part that is even under time reversal"),
                ("sigma_odd", "σ⁻", "its part that is odd under time reversal"),
            )
        )
        return Claims(
            name="spin_hall",
            title=f"Spin Hall conductivity ({self.current} spin current)",
            needs=self.needs[f"current = '{self.current}'"],
            raw=raw,
            published=published,
            reference="J. Qiao et al., Phys. Rev. B 98, 214402 (2018); arXiv:2406.02257",
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand of every raw tensor.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, omega, flow, field, spin)
            [Å² |e|]

        Raises
        ------
        MissingOperatorError
            If the model lacks an operator of the spin current.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        ResonanceError
            If η = 0 and ħω reaches a transition energy.
        """
        pairs = self._pairs(states)
        n_k = len(states.energy_kn)
        if pairs is None:
            return {tensor.name: np.zeros((n_k, *tensor.shape)) for tensor in self.claims.raw}
        current_kqxlh, connection_kblh, found = pairs
        sums = kubo_integrands(
            _products(current_kqxlh, connection_kblh), found, self._omega_w, self.eta
        )
        return {
            tensor.name: CHARGE
            * sums[_HALVES[tensor.name.removeprefix("sigma_")]].reshape(n_k, *tensor.shape)
            for tensor in self.claims.raw
        }

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of what the integrand adds up: below it, digits are cancellation.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, omega)
            Norm over the components of every pair of bands, summed over pairs.
        """
        pairs = self._pairs(states)
        if pairs is None:
            n_k = len(states.energy_kn)
            return {tensor.name: np.zeros((n_k, *tensor.shape[:-3])) for tensor in self.claims.raw}
        current_kqxlh, connection_kblh, found = pairs
        size_klh = pair_sizes(current_kqxlh, connection_kblh, found)
        n_parts = current_kqxlh.shape[1]
        moduli = kubo_moduli(size_klh, n_parts, found, self._omega_w, self.eta)
        return {
            tensor.name: moduli[_HALVES[tensor.name.removeprefix("sigma_")]]
            for tensor in self.claims.raw
        }

    def bands(self, states: BlochStates) -> dict[str, AnyNumberArray]:
        """Conductivity of single bands, summed over degenerate blocks.

        All bands outside the block take part, occupied or not; ``mu_f`` and ``kT`` are not used.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of complex arrays (k, n, part, omega, flow, field, spin)
            "sigma", "sigma_even", "sigma_odd". [Å² |e|]

        Raises
        ------
        ResonanceError
            If η = 0 and ħω meets a transition energy exactly.
        """
        everything = slice(0, states.n_bands)
        factors = self._factors(states, everything, everything)
        sums = band_kubo(_products(*factors), states, self._omega_w, self.eta)
        n_k, n, n_q, n_w, _ = sums["re_direct"].shape
        return self.publish(
            {
                f"sigma_{name}": CHARGE * sums[half].reshape(n_k, n, n_q, n_w, 3, 3, 3)
                for name, half in _HALVES.items()
                if half in sums
            }
        )

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same."""
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, AnyNumberArray]:
        """Complex conductivities from the raw halves.

        Parameters
        ----------
        raw : mapping of float arrays
            Raw tensors, with any leading axes before those of the claims.

        Returns
        -------
        dict of complex arrays
            Published tensors.
        """
        return complex_halves(raw, "sigma")

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "omega_w": self._omega_w.tolist(),
            "eta": self.eta,
            "current": self.current,
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _pairs(self, states: BlochStates) -> tuple[ComplexArray, ComplexArray, Transitions] | None:
        """Spin currents and conjugate connections between pairs of bands, and the pairs."""
        found = allowed_transitions(
            states, self._mu_f, self._kT_t, self.scales, insulator=self.insulator
        )
        if found is None:
            return None
        return (*self._factors(states, found.lower, found.upper), found)

    def _factors(
        self, states: BlochStates, rows: slice, cols: slice
    ) -> tuple[ComplexArray, ComplexArray]:
        """J (k, part, flow·spin, l, h) and A* (k, field, l, h)."""
        current_kqaslh = states.spin_current_between(rows, cols, self.current, self.parts)
        n_k, n_q = current_kqaslh.shape[:2]
        current_kqxlh = current_kqaslh.reshape(n_k, n_q, 9, *current_kqaslh.shape[-2:])
        return current_kqxlh, states.connection_between(rows, cols).conj()


def _products(current_kqxlh: ComplexArray, connection_kblh: ComplexArray) -> ComplexArray:
    """Z (k, part, flow·field·spin, l, h)."""
    n_k, n_q, _, n_l, n_h = current_kqxlh.shape
    current_kqaslh = current_kqxlh.reshape(n_k, n_q, 3, 3, n_l, n_h)
    z = current_kqaslh[:, :, :, None] * connection_kblh[:, None, None, :, None]
    return z.reshape(n_k, n_q, 27, n_l, n_h)
