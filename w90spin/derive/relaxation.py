"""Responses of a Fermi surface at a relaxation time."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray
from w90spin.errors import ResponseError
from w90spin.response.claims import Axis
from w90spin.results.component import component_axes
from w90spin.results.result import ResponseResult, Tensor
from w90spin.units import HBAR_EV_S

NAME_ENDING, SYMBOL_ENDING = "_tau", "/τ"
"""How a tensor per relaxation time is called."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def is_per_relaxation_time(tensor: Tensor) -> bool:
    """Whether a tensor is the coefficient of a relaxation time."""
    return tensor.name.endswith(NAME_ENDING) and tensor.symbol.endswith(SYMBOL_ENDING)


def at_relaxation_time(tensor: Tensor, tau_s: float, omega: ArrayLike = 0.0) -> Tensor:
    r"""Response of a Fermi surface from its coefficient per relaxation time.

    .. math::

        \chi(\omega) = \frac{\chi}{\tau}\, \frac{\tau}{1 - i\omega\tau}

    Parameters
    ----------
    tensor : Tensor
        "chi_tau" of ``Edelstein``, "sigma_tau" of ``MagneticSpinHall``, or another tensor per
        relaxation time in ħ/eV.
    tau_s : float
        Relaxation time τ, the same for all states. [s]
    omega : float or float array (w)
        Photon energies ħω of the field. [eV]

    Returns
    -------
    Tensor
        "chi", "sigma", ...: complex, with an axis "omega" before the components; errors are those
        of the coefficient times \|τ/(1 - iωτ)\|.

    Raises
    ------
    ResponseError
        If the tensor is not per relaxation time, or τ or ω cannot be.

    Examples
    --------
    At ωτ = 1 half of the response lags behind:

    >>> from w90spin.response.claims import Axis
    >>> axes = (Axis("spin", ("x", "y", "z")),)
    >>> chi_tau = Tensor("chi_tau", "χ/τ", np.ones(3), np.zeros(3), axes, "Å⁻¹", "")
    >>> tau_s = 1e-13  # 151.93 ħ/eV
    >>> at = at_relaxation_time(chi_tau, tau_s, [0.0, HBAR_EV_S / tau_s])
    >>> (at.values[:, 0] / at.values[0, 0]).round(12).tolist(), at.unit
    ([(1+0j), (0.5+0.5j)], 'Å⁻¹ eV⁻¹')
    """
    if not is_per_relaxation_time(tensor):
        raise ResponseError(
            f"{tensor.name} is not per relaxation time: its name would end in '{NAME_ENDING}', as "
            "chi_tau of edelstein and sigma_tau of magnetic_spin_hall do."
        )
    if not np.isfinite(tau_s) or tau_s <= 0.0:
        raise ResponseError(f"tau = {tau_s} s must be a positive time in seconds.")
    omega_w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    if omega_w.ndim != 1 or omega_w.size == 0 or not (np.isfinite(omega_w) & (omega_w >= 0)).all():
        raise ResponseError(
            f"omega = {omega!r} must be one photon energy in eV or a list, not below 0."
        )
    tau = tau_s / HBAR_EV_S  # [ħ/eV]
    factor_w = tau / (1.0 - 1j * omega_w * tau)
    place = len(tensor.axes) - len(component_axes(tensor))
    over_w = factor_w.reshape(-1, *(len(tensor.axes) - place) * (1,))
    values: AnyNumberArray = np.expand_dims(tensor.values, place) * over_w
    axis = Axis("omega", tuple(omega_w.tolist()), "eV", "photon energy of the field")
    words = tensor.description.replace(" and per relaxation time in ħ/eV", "")
    return replace(
        tensor,
        name=tensor.name.removesuffix(NAME_ENDING),
        symbol=tensor.symbol.removesuffix(SYMBOL_ENDING),
        values=values,
        errors=np.expand_dims(tensor.errors, place) * np.abs(over_w),
        axes=(*tensor.axes[:place], axis, *tensor.axes[place:]),
        unit=_per_ev(tensor.unit),
        description=f"{words}, at a relaxation time of {1e15 * tau_s:g} fs",
    )


def with_relaxation_time(
    response: ResponseResult, tau_s: float, omega: ArrayLike = 0.0
) -> ResponseResult:
    """A response of a Fermi surface together with its values at a relaxation time.

    Parameters
    ----------
    response : ResponseResult
        With tensors per relaxation time.
    tau_s : float
        Relaxation time. [s]
    omega : float or float array (w)
        Photon energies of the field. [eV]

    Returns
    -------
    ResponseResult

    Raises
    ------
    ResponseError
        As :func:`at_relaxation_time`, or if no tensor is per relaxation time.
    """
    added = [
        at_relaxation_time(tensor, tau_s, omega)
        for tensor in response.tensors.values()
        if is_per_relaxation_time(tensor)
    ]
    if not added:
        raise ResponseError(f"{response.name} has no tensor per relaxation time.")
    return replace(
        response,
        parameters={**response.parameters, "tau_s": tau_s},
        tensors={**response.tensors, **{tensor.name: tensor for tensor in added}},
    )


def _per_ev(unit: str) -> str:
    """Unit divided by eV: lengths come first, then energies, then charges."""
    words = unit.split()
    power = sum(_power_of_ev(word) or 0 for word in words) - 1
    energy = "" if power == 0 else "eV" + (str(power) if power != 1 else "").translate(_RAISED)
    lengths = [word for word in words if word.startswith("Å")]
    others = [word for word in words if word not in lengths and _power_of_ev(word) is None]
    return " ".join(filter(None, [*lengths, energy, *others]))


def _power_of_ev(word: str) -> int | None:
    """2 for "eV²"; None for other units."""
    found = re.fullmatch(r"eV([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)", word)
    return None if found is None else int(found[1].translate(_LOWERED) or "1")
