"""Spin density of the Edelstein effect that a real field induces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.derive.induced_spin import (
    cell_size,
    density_per_field,
    slab_thickness,
    unit_vector,
)
from w90spin.errors import ResponseError
from w90spin.results.result import Result
from w90spin.units import HBAR_EV_FS, thz_from_ev

RELAXATION_TIME = 100.0
"""Relaxation time τ, a guess for a clean doped semiconductor; never computed here. [fs]"""


@dataclass(frozen=True, eq=False)
class EdelsteinSpin:
    r"""Amplitudes of the spin density that a current induces.

    :math:`\Delta S(t) = \mathrm{Re}[\Delta\, e^{-i\omega t}]` for the field
    :math:`\mathbf E(t) = E\, \mathrm{Re}[\hat{\mathbf e} e^{-i\omega t}]`.

    Parameters
    ----------
    delta : complex array (part, kT, mu, omega, spin)
        Density of ⟨σ⟩. [μ_B/nm^d]
    errors : float array, same shape
        Estimated absolute errors of the integrals; τ counts as exact. [μ_B/nm^d]
    omega_w : float array (w)
        Photon energies. [eV]
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]
    parts : tuple of str
        Parts of the cell.
    dimension : int
        Number d of periodic directions.
    thickness : float, or None
        Thickness of a slab. [Å]
    field : float
        Amplitude E. [V/m]
    direction : complex array (b)
        Unit vector ê.
    tau_fs : float
        Relaxation time. [fs]
    measure : float, or None
        Length, area or volume of the cell. [Å^d]
    """

    delta: ComplexArray
    errors: FloatArray
    omega_w: FloatArray
    kT_t: FloatArray
    mu_f: FloatArray
    parts: tuple[str, ...]
    dimension: int
    thickness: float | None
    field: float
    direction: ComplexArray
    tau_fs: float
    measure: float | None = None

    @property
    def frequency_thz(self) -> FloatArray:
        """Frequencies ν. [THz]"""
        return np.array([thz_from_ev(omega) for omega in self.omega_w])


def edelstein_spin(
    result: Result,
    *,
    field: float,
    direction: str | Sequence[complex] = "x",
    tau_fs: float = RELAXATION_TIME,
    omega_w: ArrayLike = 0.0,
    thickness: float | None = None,
) -> EdelsteinSpin:
    r"""Spin density of the Edelstein effect in a field of given strength and direction.

    .. math::

        \Delta S_a = \frac{\tau}{1 - i\omega\tau} \sum_b \frac{\chi_{ab}}{\tau} E_b

    Parameters
    ----------
    result : Result
        Of a run with ``Edelstein``.
    field : float
        Amplitude of the electric field. [V/m]
    direction : "x", "y", "z", "circular+", "circular-" or 3 numbers
        Direction of the field; it is normalised.
    tau_fs : float
        Relaxation time τ, the same for all states. [fs]
    omega_w : float or float array (w)
        Photon energies of the field, 0 for a steady one. [eV]
    thickness : float, optional
        Thickness of a slab, by default that in the result. [Å]

    Returns
    -------
    EdelsteinSpin

    Raises
    ------
    ResponseError
        If the result has no Edelstein effect, or an input makes no sense.
    """
    if "edelstein" not in result.responses:
        raise ResponseError(
            f"The result holds {list(result.responses)}, not edelstein. Add it to the run."
        )
    for name, value, unit in (("field", field, "V/m"), ("tau_fs", tau_fs, "fs")):
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not np.isfinite(value) or value <= 0.0:
            raise ResponseError(f"{name} = {value!r} {unit} must be a positive number.")
    frequencies_w = np.atleast_1d(np.asarray(omega_w, dtype=np.float64))
    if frequencies_w.ndim != 1 or not (np.isfinite(frequencies_w) & (frequencies_w >= 0)).all():
        raise ResponseError(f"omega_w = {omega_w!r} must be photon energies in eV, not below 0.")
    direction_b = unit_vector(direction)
    tensor = result.responses["edelstein"]["chi_tau"]
    tau = tau_fs / HBAR_EV_FS
    factor_w = field * density_per_field(result) * tau / (1.0 - 1j * frequencies_w * tau)
    return EdelsteinSpin(
        delta=np.einsum("w,qtfsb,b->qtfws", factor_w, tensor.values, direction_b),
        errors=np.einsum("w,qtfsb,b->qtfws", np.abs(factor_w), tensor.errors, np.abs(direction_b)),
        omega_w=frequencies_w,
        kT_t=np.array(tensor.axis("kT").values, dtype=np.float64),
        mu_f=np.array(tensor.axis("mu").values, dtype=np.float64),
        parts=tuple(str(part) for part in tensor.axis("part").values),
        dimension=int(result.provenance["dimension"]),
        thickness=slab_thickness(result, thickness),
        field=float(field),
        direction=direction_b,
        tau_fs=float(tau_fs),
        measure=cell_size(result),
    )
