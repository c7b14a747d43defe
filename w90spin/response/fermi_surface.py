"""Responses of the Fermi surface, linear in the relaxation time: spin and spin current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import ResponseError
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import require_spin
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.response.interband import FORBIDDEN
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.spin_hall import FORMS, SpinCurrentForm
from w90spin.units import CHARGE, SPIN_AXES

NEGLIGIBLE_SURFACE = 1e-14
"""Bands whose -kT df/dε is smaller everywhere in a batch are left out."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Edelstein(AtLevels):
    r"""Spin density per electric field and relaxation time (Edelstein effect).

    .. math::

        \chi_{ab} / \tau = -q \int_k \sum_B f'_B\, \mathrm{Tr}_B[S_a V_b]

    with :math:`f' = df/d\epsilon` of the degenerate block B, :math:`S = \sigma/2`.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations, above 0. [eV]
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by.

    Raises
    ------
    ResponseError
        For parameters that cannot be: kT = 0, empty lists.

    Notes
    -----
    Index order: spin, field.  The response in a field of frequency ω is the coefficient times
    τ/(1 - iωτ), τ in ħ/eV: see :func:`~w90spin.derive.relaxation.at_relaxation_time`.  τ is the
    same for all states; corrections of vertices are not included.

    References
    ----------
    L. Xiang, H. Jin and J. Wang, arXiv:2406.02257, Eq. (5) in the form of the Fermi surface.
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset({"spin"})}
    insulator: ClassVar[bool] = False

    mu_f: ArrayLike
    kT: ArrayLike
    parts: Partition | None = None

    def __post_init__(self) -> None:
        settle(self, "edelstein", ("mu_f", "kT"))
        _refuse_zero_temperature("edelstein", self._kT_t)

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        coldest = float(self._kT_t.min())
        return EnergyScales(coldest, 0.0, 0.0, surface=coldest)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
        )
        words = "spin density per field and per relaxation time in ħ/eV"
        return Claims(
            name="edelstein",
            title="Edelstein effect per relaxation time",
            needs=self.needs[""],
            raw=(TensorClaim("chi_tau", axes, +1),),
            published=(PublishedTensor("chi_tau", "χ/τ", axes, "", 1, words),),
            reference="L. Xiang et al., arXiv:2406.02257, Eq. (5)",
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, spin, field)
            "chi_tau" [Å]

        Raises
        ------
        MissingOperatorError
            If the model carries no spin.
        """
        require_spin(states.wannier)
        surface_ktfn = fermi_surface(states, self._mu_f, self._kT_t)
        bands = bands_at_surface(states, surface_ktfn, self._kT_t)
        spin_kqsnm = 0.5 * states.spin_between(bands, bands, self.parts)
        return {"chi_tau": _surface_sum(states, spin_kqsnm, surface_ktfn, bands)}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of the shares of all bands, shape (k, part, kT, mu)."""
        require_spin(states.wannier)
        everything = slice(0, states.n_bands)
        spin_kqsnm = 0.5 * states.spin_between(everything, everything, self.parts)
        return {"chi_tau": _surface_moduli(states, spin_kqsnm, self._mu_f, self._kT_t)}

    def bands(self, states: BlochStates) -> dict[str, AnyNumberArray]:
        """Nothing: bands have a share only at their Fermi surface."""
        return {}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """None: there is nothing without a Fermi surface."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, AnyNumberArray]:
        """The raw tensor as it is."""
        return {"chi_tau": raw["chi_tau"]}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "parts": list(self.parts.names) if self.parts else [],
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class MagneticSpinHall(AtLevels):
    r"""Spin current per electric field and relaxation time (magnetic spin Hall effect).

    .. math::

        \sigma_{ab;c} / \tau = -q \int_k \sum_B f'_B\, \mathrm{Tr}_B[J_{a;c} V_b],
        \qquad J_{a;c} = \tfrac14 \{V_a, \sigma_c\}

    with :math:`f' = df/d\epsilon` of the degenerate block B.  Odd under time reversal: it needs
    magnetic order, and there includes the spin-polarised current of a ferromagnet.

    Parameters
    ----------
    mu_f : float or float array (f)
        Fermi levels, absolute, on the energy zero of the model. [eV]
    kT : float or float array (t)
        Temperatures of the occupations, above 0. [eV]
    current : "simple", "qiao2018" or "ryoo2019"
        How spin and velocity are multiplied, as in :class:`~w90spin.response.SpinHall`.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin current by.

    Raises
    ------
    ResponseError
        For parameters that cannot be: kT = 0, empty lists, an unknown current.

    Notes
    -----
    Index order: flow, field, spin.  The response in a field of frequency ω is the coefficient
    times τ/(1 - iωτ), τ in ħ/eV: see :func:`~w90spin.derive.relaxation.at_relaxation_time`.

    References
    ----------
    L. Xiang, H. Jin and J. Wang, arXiv:2406.02257, Eq. (4) in the form of the Fermi surface: as
    printed it lacks the derivative of the spin current and is finite for insulators.
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        f"current = '{form}'": frozenset({"spin"} if form == "simple" else {"spin", form})
        for form in FORMS
    }
    insulator: ClassVar[bool] = False

    mu_f: ArrayLike
    kT: ArrayLike
    current: SpinCurrentForm = "simple"
    parts: Partition | None = None

    def __post_init__(self) -> None:
        settle(self, "magnetic_spin_hall", ("mu_f", "kT"))
        _refuse_zero_temperature("magnetic_spin_hall", self._kT_t)
        if self.current not in FORMS:
            raise ResponseError(
                f"magnetic_spin_hall: current = {self.current!r} must be one of {', '.join(FORMS)}."
            )

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        coldest = float(self._kT_t.min())
        return EnergyScales(coldest, 0.0, 0.0, surface=coldest)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("flow", SPIN_AXES, "", "Cartesian direction of the flow"),
            Axis("field", SPIN_AXES, "", "Cartesian component of the electric field"),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
        )
        words = "spin current per field and per relaxation time in ħ/eV"
        return Claims(
            name="magnetic_spin_hall",
            title=f"Spin conductivity per relaxation time ({self.current} spin current)",
            needs=self.needs[f"current = '{self.current}'"],
            raw=(TensorClaim("sigma_tau", axes, -1, ("polar", "polar", "axial")),),
            published=(PublishedTensor("sigma_tau", "σ/τ", axes, "eV |e|", 2, words),),
            reference="L. Xiang et al., arXiv:2406.02257, Eq. (4), Fermi-surface form",
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, flow, field, spin)
            "sigma_tau" [eV Å² |e|]

        Raises
        ------
        MissingOperatorError
            If the model lacks an operator of the spin current.
        """
        require_spin(states.wannier)
        surface_ktfn = fermi_surface(states, self._mu_f, self._kT_t)
        bands = bands_at_surface(states, surface_ktfn, self._kT_t)
        found = _surface_sum(states, self._currents(states, bands), surface_ktfn, bands)
        # (flow, spin), field -> flow, field, spin
        return {"sigma_tau": found.reshape(*found.shape[:4], 3, 3, 3).swapaxes(-1, -2)}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Sum of the moduli of the shares of all bands, shape (k, part, kT, mu)."""
        require_spin(states.wannier)
        current_kqxnm = self._currents(states, slice(0, states.n_bands))
        return {"sigma_tau": _surface_moduli(states, current_kqxnm, self._mu_f, self._kT_t)}

    def bands(self, states: BlochStates) -> dict[str, AnyNumberArray]:
        """Nothing: bands have a share only at their Fermi surface."""
        return {}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """None: there is nothing without a Fermi surface."""
        return None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, AnyNumberArray]:
        """The raw tensor as it is."""
        return {"sigma_tau": raw["sigma_tau"]}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "current": self.current,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _currents(self, states: BlochStates, bands: slice) -> ComplexArray:
        """Spin currents, flow and spin as one index x, shape (k, q, x, n, m)."""
        current_kqasnm = states.spin_current_between(bands, bands, self.current, self.parts)
        n_k, n_q = current_kqasnm.shape[:2]
        return current_kqasnm.reshape(n_k, n_q, 9, *current_kqasnm.shape[-2:])


def fermi_surface(states: BlochStates, mu_f: FloatArray, kT_t: FloatArray) -> FloatArray:
    r"""Weight of the Fermi surface, :math:`-df/d\epsilon`, the mean of each degenerate block.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    mu_f, kT_t : float arrays
        Fermi levels and temperatures. [eV]

    Returns
    -------
    float array (k, t, f, n)
        [1/eV]
    """
    occupation_ktfn = fermi(states.energy_kn, mu_f, kT_t)
    surface_ktfn = occupation_ktfn * (1.0 - occupation_ktfn) / kT_t[:, None, None]
    n_k, n = states.energy_kn.shape
    size_kn = block_sums(np.ones((n_k, 1, n)), states.block_kn)
    mean_kxn = block_sums(surface_ktfn.reshape(n_k, -1, n), states.block_kn) / size_kn
    return mean_kxn.reshape(surface_ktfn.shape)


def bands_at_surface(states: BlochStates, surface_ktfn: FloatArray, kT_t: FloatArray) -> slice:
    """Range of bands that are at the Fermi surface somewhere in a batch, whole blocks.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    surface_ktfn : float array (k, t, f, n)
        From :func:`fermi_surface`. [1/eV]
    kT_t : float array (t)
        Temperatures. [eV]

    Returns
    -------
    slice
    """
    at_n = (surface_ktfn * kT_t[:, None, None] > NEGLIGIBLE_SURFACE).any(axis=(0, 1, 2))
    bands = np.flatnonzero(at_n)
    return slice(int(bands[0]), int(bands[-1]) + 1) if len(bands) else slice(0, 0)


def _surface_sum(
    states: BlochStates, op_kqxnm: ComplexArray, surface_ktfn: FloatArray, bands: slice
) -> FloatArray:
    """Q Σ_B (-f'_B) Tr_B[O V_b], shape (k, q, t, f, x, b)."""
    velocity_kbnm = _within_blocks(states, states.velocity_between(bands, bands), bands)
    # Tr_B[O V] = Σ_{n,m in B} O_nm V_mn, real for the whole block.
    share_kqxbn = np.einsum("kqxnm,kbmn->kqxbn", op_kqxnm, velocity_kbnm, optimize=True).real
    found: FloatArray = CHARGE * np.einsum(
        "kqxbn,ktfn->kqtfxb", share_kqxbn, surface_ktfn[..., bands], optimize=True
    )
    return found


def _surface_moduli(
    states: BlochStates, op_kqxnm: ComplexArray, mu_f: FloatArray, kT_t: FloatArray
) -> FloatArray:
    """What :func:`_surface_sum` adds up over all bands, regardless of sign: shape (k, q, t, f).

    The largest of all parts, and :data:`FORBIDDEN` of what the operators have on the bands near the
    level: where a symmetry leaves nothing but rounding, or no point hits the Fermi surface, errors
    must not be measured by that.
    """
    n_k, n_q = op_kqxnm.shape[:2]
    n, block_kn = states.n_bands, states.block_kn
    everything = slice(0, n)
    velocity_kbnm = _within_blocks(states, states.velocity_between(everything, everything))
    share_kqxbn = np.einsum("kqxnm,kbmn->kqxbn", op_kqxnm, velocity_kbnm, optimize=True).real
    size_kn = block_sums(np.ones((n_k, 1, n)), block_kn)[:, 0]
    whole_kxn = block_sums(share_kqxbn.reshape(n_k, -1, n), block_kn)
    norm_kqn = np.sqrt((whole_kxn.reshape(n_k, n_q, -1, n) ** 2).sum(axis=2))
    norm_kn = norm_kqn.max(axis=1) / size_kn
    op_kqn = (np.abs(_within_blocks(states, op_kqxnm)) ** 2).sum(axis=(2, 4))
    op_kn = block_sums(op_kqn, block_kn).max(axis=1)
    velocity_kn = block_sums(
        (np.abs(velocity_kbnm) ** 2).sum(axis=3).sum(axis=1)[:, None], block_kn
    )
    least_kn = FORBIDDEN * np.sqrt(op_kn * velocity_kn[:, 0]) / size_kn
    # A band this far from the level has about one state per so much energy there, if it gets there.
    away_kfn = np.abs(states.energy_kn[:, None, :] - mu_f[:, None])
    reach_ktfn = 1.0 / np.maximum(away_kfn[:, None], 4.0 * kT_t[:, None, None])
    moduli_ktf = np.einsum("kn,ktfn->ktf", norm_kn, fermi_surface(states, mu_f, kT_t))
    moduli_ktf += np.einsum("kn,ktfn->ktf", least_kn, reach_ktfn)
    return np.broadcast_to(moduli_ktf[:, None], (n_k, n_q, *moduli_ktf.shape[1:]))


def _within_blocks(
    states: BlochStates, op_kxnm: ComplexArray, bands: slice = slice(None)
) -> ComplexArray:
    """Matrix elements between bands of the same degenerate block; zero elsewhere."""
    block_kn = states.block_kn[:, bands]
    same_knm = block_kn[:, :, None] == block_kn[:, None, :]
    n_k, n = block_kn.shape
    within: ComplexArray = op_kxnm * same_knm.reshape(n_k, *[1] * (op_kxnm.ndim - 3), n, n)
    return within


def _refuse_zero_temperature(name: str, kT_t: FloatArray) -> None:
    if not (kT_t > 0.0).all():
        raise ResponseError(
            f"{name}: kT = {kT_t.tolist()} must be above 0: the derivative of a step at the Fermi "
            "level cannot be integrated. Give kT in eV, e.g. 0.0259 for 300 K or 0.001 for a sharp "
            "Fermi surface."
        )
