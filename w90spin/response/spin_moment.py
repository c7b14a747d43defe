"""Spin of the ground state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray, FloatArray, IntArray
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.response.parameters import AtLevels, occupation_axes, settle
from w90spin.response.promise import bands_below, refuse_broken_promise
from w90spin.units import SPIN_AXES


@dataclass(frozen=True, eq=False, kw_only=True)
class SpinMoment(AtLevels):
    r"""Spin density of the occupied states.

    .. math::

        \langle S_a \rangle = \int_k \sum_n f_n (S_a)_{nn}, \qquad S = \sigma/2

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
    In ħ per length to the number of periodic directions; times the volume (area, length) of the
    cell and -2 it is the spin moment of the cell in μ_B.
    """

    needs: ClassVar[Mapping[str, frozenset[str]]] = {"": frozenset({"spin"})}

    mu_f: ArrayLike
    kT: ArrayLike = 0.0
    parts: Partition | None = None
    insulator: bool = False

    def __post_init__(self) -> None:
        settle(self, "spin_moment", ("mu_f", "kT"))

    @property
    def scales(self) -> EnergyScales:
        """Energies that decide how fine a mesh must be."""
        return EnergyScales(float(self._kT_t.min()), 0.0, 0.0)

    @cached_property
    def claims(self) -> Claims:
        """What the house must know of this response."""
        axes = (
            *occupation_axes(self.parts, self._kT_t, self._mu_f),
            Axis("spin", SPIN_AXES, "", "Cartesian component of the spin"),
        )
        return Claims(
            name="spin_moment",
            title="Spin density of the ground state",
            needs=self.needs[""],
            raw=(TensorClaim("spin", axes, -1, ("axial",)),),
            published=(PublishedTensor("spin", "⟨S⟩", axes, "ħ", 0, "spin density"),),
            reference="",
        )

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        """Integrand.

        Parameters
        ----------
        states : BlochStates
            Batch of k points.

        Returns
        -------
        dict of float arrays (k, part, kT, mu, spin)
            "spin" [ħ]

        Raises
        ------
        MissingOperatorError
            If the model carries no spin.
        NotInsulatorError
            If an insulator was promised and a Fermi level crosses a band.
        """
        if self.insulator:
            refuse_broken_promise(states, self._mu_f)
        occupation_ktfn = fermi(states.energy_kn, self._mu_f, self._kT_t)
        spin = np.einsum("kqsn,ktfn->kqtfs", self._spins(states), occupation_ktfn, optimize=True)
        return {"spin": spin}

    def magnitude(self, states: BlochStates) -> dict[str, FloatArray]:
        """Occupied electrons: the sum of the lengths of their spins, shape (k, part, kT, mu)."""
        occupation_ktf = fermi(states.energy_kn, self._mu_f, self._kT_t).sum(axis=-1)
        n_parts = len(self.parts.names) if self.parts else 1
        return {"spin": 0.5 * np.repeat(occupation_ktf[:, None], n_parts, axis=1)}

    def bands(self, states: BlochStates) -> dict[str, AnyNumberArray]:
        """Spin of single bands, summed over degenerate blocks, shape (k, n, part, spin). [ħ]"""
        spin_kqsn = self._spins(states)
        n_k, n_q, _, n = spin_kqsn.shape
        summed_kxn = block_sums(spin_kqsn.reshape(n_k, -1, n), states.block_kn)
        return {"spin": np.moveaxis(summed_kxn.reshape(n_k, n_q, 3, n), -1, 1)}

    def occupied_bands(self, states: BlochStates) -> IntArray | None:
        """Bands below each Fermi level, shape (k, f), if they are promised to be the same."""
        return bands_below(states, self._mu_f) if self.insulator else None

    def publish(self, raw: Mapping[str, FloatArray]) -> dict[str, AnyNumberArray]:
        """The raw tensor as it is."""
        return {"spin": raw["spin"]}

    def parameters(self) -> dict[str, object]:
        """Physical parameters for the result file."""
        return {
            "mu_f": self._mu_f.tolist(),
            "kT": self._kT_t.tolist(),
            "insulator": self.insulator,
            "parts": list(self.parts.names) if self.parts else [],
        }

    def _spins(self, states: BlochStates) -> FloatArray:
        everything = slice(0, states.n_bands)
        spin_kqsnm = states.spin_between(everything, everything, self.parts)
        diagonal: FloatArray = 0.5 * np.einsum("kqsnn->kqsn", spin_kqsnm).real
        return diagonal
