"""Spin density and effective fields in the course of a pulse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.interpolate import CubicSpline, make_interp_spline

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.derive.induced_spin import (
    cell_size,
    density_per_field,
    polarizability_of,
    slab_thickness,
    unit_vector,
)
from w90spin.derive.neel_field import (
    EXCHANGE,
    ForParts,
    density_of_moments,
    exchange_of_parts,
    signs_of_parts,
)
from w90spin.errors import ResponseError
from w90spin.results.result import ResponseResult, Result
from w90spin.units import MU_B, THZ_TO_EV

LOST = 1e-6
"""Share of a pulse's energy that may lie outside the frequencies that were computed."""
REST = 1e-3
"""Share of its largest field that a pulse may have left at its ends."""
COARSE = 1e-2
"""Share of a pulse's energy that may lie at frequencies with fewer than 4 time steps a period."""
STEPS_A_PERIOD = 4
UNEVEN = 1e-6
"""Relative difference of time steps that still counts as rounding."""


@dataclass(frozen=True, eq=False)
class Pulse:
    """Electric field in time.

    Parameters
    ----------
    time_t : float array (t)
        Equally spaced times. [ps]
    field_tb : float array (t, b)
        Field, zero at both ends. [V/m]

    Raises
    ------
    ResponseError
        If times are not equally spaced, or the field is not finite, zero everywhere, not zero at
        the ends, or sampled too coarsely.
    """

    time_t: FloatArray
    field_tb: FloatArray

    def __post_init__(self) -> None:
        time_t = np.array(self.time_t, dtype=np.float64)
        field_tb = np.array(self.field_tb, dtype=np.float64)
        if time_t.ndim != 1 or time_t.size < 4 or field_tb.shape != (time_t.size, 3):
            raise ResponseError(
                f"A pulse of shape {field_tb.shape} at times of shape {time_t.shape} must have at "
                "least 4 times, and a field of three components at each."
            )
        step_t = np.diff(time_t)
        step = (time_t[-1] - time_t[0]) / (time_t.size - 1)
        if not np.isfinite(time_t).all() or not np.abs(step_t - step).max() < UNEVEN * step:
            raise ResponseError(
                "The times of a pulse must increase in equal steps; interpolate it first."
            )
        size_t = np.abs(field_tb).max(axis=1)
        largest = float(size_t.max())
        if not np.isfinite(largest) or largest == 0.0:
            raise ResponseError("The field of a pulse must be finite, and not zero everywhere.")
        ends = max(float(size_t[0]), float(size_t[-1]))
        if ends > REST * largest:
            raise ResponseError(
                f"At its ends the pulse still has {100 * ends / largest:.2g} % of its largest "
                "field, so that it is not a whole pulse. Take a longer piece of it, or let it "
                "fade to zero."
            )
        object.__setattr__(self, "time_t", time_t)
        object.__setattr__(self, "field_tb", field_tb)
        fast = self.share_outside(0.0, THZ_TO_EV / (STEPS_A_PERIOD * step))
        if fast > COARSE:
            raise ResponseError(
                f"{100 * fast:.2g} % of the pulse's energy lies at frequencies with fewer than "
                f"{STEPS_A_PERIOD} of its time steps of {step:.3g} ps in a period: it is sampled "
                "too coarsely, or noisy. Give it in finer steps, or filter the noise."
            )

    @classmethod
    def gaussian(
        cls,
        *,
        amplitude: float,
        frequency_thz: float,
        fwhm_ps: float,
        direction: str | Sequence[complex] = "x",
        phase: float = 0.0,
        step_ps: float | None = None,
    ) -> Pulse:
        r"""Wave in a Gaussian envelope around t = 0.

        .. math::

            \mathbf E(t) = E\, e^{-4 \ln 2\, t^2/w^2}\,
                \mathrm{Re}[\hat{\mathbf e} e^{-i(2\pi\nu t - \varphi)}]

        Parameters
        ----------
        amplitude : float
            E. [V/m]
        frequency_thz : float
            ν. [THz]
        fwhm_ps : float
            Full width w at half maximum of the field's envelope; that of the intensity is
            smaller by √2. [ps]
        direction : "x", "y", "z", "circular+", "circular-" or 3 numbers
            ê, complex for elliptical polarisation; it is normalised.
        phase : float
            φ: 0 has a crest of the wave at the middle of the pulse, π/2 a zero. [rad]
        step_ps : float, optional
            Time step; by default 24 a period, and 48 a width if that is less. [ps]

        Returns
        -------
        Pulse
            From -3 w to 3 w.
        """
        given = {"amplitude": amplitude, "fwhm_ps": fwhm_ps, "frequency_thz": frequency_thz}
        if step_ps is None and min(given.values()) > 0.0:
            step_ps = min(1.0 / (24.0 * frequency_thz), fwhm_ps / 48.0)
        for name, value in {**given, "step_ps": step_ps}.items():
            if value is None or not np.isfinite(value) or value <= 0.0:
                raise ResponseError(f"{name} = {value} of a pulse must be a positive number.")
        assert step_ps is not None
        if step_ps > 1.0 / (STEPS_A_PERIOD * frequency_thz):
            raise ResponseError(
                f"step_ps = {step_ps:g} ps is too coarse for {frequency_thz:g} THz, whose period "
                f"is {1.0 / frequency_thz:.3g} ps: give at least {STEPS_A_PERIOD} steps a period, "
                "or leave step_ps out."
            )
        steps = int(np.ceil(3.0 * fwhm_ps / step_ps))
        time_t: FloatArray = step_ps * np.arange(-steps, steps + 1, dtype=np.float64)
        wave_t = np.exp(-1j * (2.0 * np.pi * frequency_thz * time_t - phase))
        wave_t *= amplitude * np.exp(-4.0 * np.log(2.0) * (time_t / fwhm_ps) ** 2)
        return cls(time_t, (wave_t[:, None] * unit_vector(direction)).real)

    @property
    def step(self) -> float:
        """Time step. [ps]"""
        return float(self.time_t[-1] - self.time_t[0]) / (self.time_t.size - 1)

    @cached_property
    def omega_w(self) -> FloatArray:
        """Photon energies of the discrete Fourier transform, zero padding included. [eV]"""
        frequency_w = rfftfreq(self._length, self.step)
        photon_w: FloatArray = frequency_w * THZ_TO_EV
        return photon_w

    @cached_property
    def spectrum_wb(self) -> ComplexArray:
        """Discrete Fourier transform of the field, with numpy's sign e^{-iωt}. [V/m]"""
        transformed: ComplexArray = rfft(self.field_tb, n=self._length, axis=0)
        return transformed

    def photon_energies(self, lost: float = LOST) -> FloatArray:
        """Photon energies that make up the pulse, to be computed for an exact response.

        Parameters
        ----------
        lost : float
            Share of the pulse's energy that is left out, half of it on either side.

        Returns
        -------
        float array (w)
            Neighbouring members of :attr:`omega_w`. [eV]
        """
        energy_w = self._energy()
        below_w = np.cumsum(energy_w)
        above_w = np.cumsum(energy_w[::-1])[::-1]
        total = below_w[-1]
        inside_w: BoolArray = (below_w > 0.5 * lost * total) & (above_w > 0.5 * lost * total)
        photon_w: FloatArray = self.omega_w[inside_w]
        return photon_w

    def share_outside(self, low: float, high: float) -> float:
        """Share of the pulse's energy at photon energies outside [low, high]. [eV]"""
        energy_w = self._energy()
        return float(energy_w[~_inside(self.omega_w, low, high)].sum() / energy_w.sum())

    @property
    def _length(self) -> int:
        # As long again in zeros keeps the response to the end of a pulse out of its beginning.
        return int(next_fast_len(2 * self.time_t.size, real=True))

    def _energy(self) -> FloatArray:
        energy_w: FloatArray = np.sum(np.abs(self.spectrum_wb) ** 2, axis=1)
        return energy_w


@dataclass(frozen=True, eq=False)
class SpinPulse:
    """Spin density in the course of a pulse.

    Parameters
    ----------
    time_t : float array (t)
        Times. [ps]
    delta : float array (order, part, kT, mu, time, spin)
        Density of ⟨σ⟩, by order of the field's time derivative. [μ_B/nm^d]
    errors : float array (order, part, kT, mu, spin)
        What it may be wrong by at any time: errors of the integrals, of the interpolation between
        frequencies, and of what lies outside them, without regard to signs. [μ_B/nm^d]
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]
    parts : tuple of str
        Parts of the cell.
    dimension : int
        Number d of periodic directions.
    thickness : float, or None
        Thickness of a slab. [Å]
    measure : float, or None
        Length, area or volume of the cell. [Å^d]
    pulse : Pulse
        The field.
    """

    time_t: FloatArray
    delta: FloatArray
    errors: FloatArray
    kT_t: FloatArray
    mu_f: FloatArray
    parts: tuple[str, ...]
    dimension: int
    thickness: float | None
    measure: float | None
    pulse: Pulse

    @property
    def total(self) -> FloatArray:
        """Sum of the three orders, axes (part, kT, mu, time, spin). [μ_B/nm^d]"""
        summed: FloatArray = self.delta.sum(axis=0)
        return summed


@dataclass(frozen=True, eq=False)
class FieldPulse:
    """Effective magnetic fields in the course of a pulse.

    Parameters
    ----------
    time_t : float array (t)
        Times. [ps]
    field_tqa : float array (time, part, axis)
        Field on the moments of each sublattice. [T]
    errors_qa : float array (part, axis)
        What it may be wrong by at any time. [T]
    parts : tuple of str
        Sublattices.
    signs_q : float array (part)
        Direction of each sublattice's moment, +1 or -1.
    pulse : Pulse
        The electric field.
    """

    time_t: FloatArray
    field_tqa: FloatArray
    errors_qa: FloatArray
    parts: tuple[str, ...]
    signs_q: FloatArray
    pulse: Pulse

    @property
    def uniform_ta(self) -> FloatArray:
        """Mean over the sublattices. [T]"""
        mean: FloatArray = self.field_tqa.mean(axis=1)
        return mean

    @property
    def staggered_ta(self) -> FloatArray:
        """Mean with the signs of the moments, ½(B_A - B_B) for two sublattices. [T]"""
        mean: FloatArray = np.einsum("q,tqa->ta", self.signs_q, self.field_tqa) / len(self.parts)
        return mean


def pulsed_spin(
    result: Result, pulse: Pulse, *, thickness: float | None = None, lost: float = LOST
) -> SpinPulse:
    r"""Spin density in the course of a pulse, by the frequency response.

    .. math::

        \Delta^{(i)} S_a(t) = \sum_b \int \frac{d\omega}{2\pi}\, (-i\omega)^i
            \Upsilon^{(i)}_{ab}(\omega) E_b(\omega) e^{-i\omega t}

    Parameters
    ----------
    result : Result
        Of a run with ``SpinPolarizability`` at the frequencies of the pulse: best those of
        :meth:`Pulse.photon_energies`, where nothing is interpolated; otherwise several that span
        them, between which Υ(ω²) is a cubic spline.
    pulse : Pulse
        The field.
    thickness : float, optional
        Thickness of a slab, by default that in the result. [Å]
    lost : float
        Share of the pulse's energy that may lie outside the frequencies of the result; it is left
        out and counted as an error.

    Returns
    -------
    SpinPulse

    Raises
    ------
    ResponseError
        If the result has no spin polarisability, fewer than four frequencies, or does not
        cover the pulse.

    Notes
    -----
    Every Υ is an even function of ω, and below the gap smooth.
    """
    response = polarizability_of(result)
    upsilon1 = response["upsilon1"]
    omega_w = np.array(upsilon1.axis("omega").values, dtype=np.float64)
    known_w, rank_w = np.unique(omega_w, return_index=True)
    check_coverage(pulse, omega_w, lost)
    low, high = float(known_w[0]), float(known_w[-1])
    inside_v = _inside(pulse.omega_w, low, high)
    omega_v = pulse.omega_w[inside_v]
    density = density_per_field(result)
    n_times = pulse.time_t.size

    deltas, errors = [], []
    for order in range(3):
        value_xwsb, error_xwsb = _tensor_at_frequencies(response, order, rank_w)
        value_xvsb, doubt_xvsb = _interpolate(known_w, value_xwsb, error_xwsb, omega_v)
        # irfft sums e^{+iωt}, so that it wants the conjugate of (-iω)^i Υ.
        factor_v = density * (1j * omega_v) ** order
        answer_xws = np.zeros((len(value_xvsb), pulse.omega_w.size, 3), dtype=np.complex128)
        answer_xws[:, inside_v] = np.einsum(
            "v,xvsb,vb->xvs", factor_v, value_xvsb, pulse.spectrum_wb[inside_v]
        )
        in_time_xts = irfft(answer_xws, n=pulse._length, axis=1)[:, :n_times]
        head = response["upsilon1"].values.shape[:3]
        deltas.append(in_time_xts.reshape(*head, n_times, 3))
        size_vb = 2.0 / pulse._length * np.abs(pulse.spectrum_wb)
        error_xs = np.einsum("v,xvsb,vb->xs", np.abs(factor_v), doubt_xvsb, size_vb[inside_v])
        ends_xsb = np.abs(value_xwsb[:, [0, -1]]).max(axis=1)
        lost_b = (density * pulse.omega_w**order) @ np.where(inside_v[:, None], 0.0, size_vb)
        error_xs += ends_xsb @ lost_b
        errors.append(error_xs.reshape(*head, 3))
    return SpinPulse(
        time_t=pulse.time_t,
        delta=np.stack(deltas),
        errors=np.stack(errors),
        kT_t=np.array(upsilon1.axis("kT").values, dtype=np.float64),
        mu_f=np.array(upsilon1.axis("mu").values, dtype=np.float64),
        parts=tuple(str(part) for part in upsilon1.axis("part").values),
        dimension=int(result.provenance["dimension"]),
        thickness=slab_thickness(result, thickness),
        measure=cell_size(result),
        pulse=pulse,
    )


def check_coverage(pulse: Pulse, omega_w: FloatArray, lost: float = LOST) -> None:
    """Check that frequencies are enough for a pulse.

    Parameters
    ----------
    pulse : Pulse
        The field.
    omega_w : float array (w)
        Photon energies of the response. [eV]
    lost : float
        Share of the pulse's energy that may lie outside them.

    Raises
    ------
    ResponseError
        If they are fewer than four or do not cover the pulse.
    """
    known_w = np.unique(omega_w)
    if known_w.size < 4:
        raise ResponseError(
            f"The response has {known_w.size} frequencies, from which no pulse can be made. "
            'Compute it for omega_w = pulse.photon_energies(), in a job frequency_thz = "pulse".'
        )
    low, high = float(known_w[0]), float(known_w[-1])
    outside = pulse.share_outside(low, high)
    if outside > lost:
        need_w = pulse.photon_energies(lost)
        raise ResponseError(
            f"{100 * outside:.3g} % of the pulse's energy lies outside the frequencies of the "
            f"response, {low:g} to {high:g} eV. Compute it for omega_w = "
            f"pulse.photon_energies(), {need_w[0]:g} to {need_w[-1]:g} eV, or allow lost. "
            'In a job, frequency_thz = "pulse" does it.'
        )


def pulsed_field(
    spin: SpinPulse,
    *,
    exchange: ForParts = EXCHANGE,
    magnetization: ForParts | None = None,
    moment: ForParts | None = None,
    thickness: float | None = None,
    signs: ForParts | None = None,
    kT_index: int = 0,
    mu_index: int = 0,
) -> FieldPulse:
    """Effective field on the moments of every sublattice in the course of a pulse.

    Parameters
    ----------
    spin : SpinPulse
        From :func:`pulsed_spin`.
    exchange, magnetization, moment, thickness, signs
        As for :func:`w90spin.neel_field`, whose formula holds at every time.
    kT_index, mu_index : int
        Which temperature and Fermi level.

    Returns
    -------
    FieldPulse

    Raises
    ------
    ResponseError
        As :func:`w90spin.neel_field`; or there is no such temperature or Fermi level.
    """
    n_t, n_f = len(spin.kT_t), len(spin.mu_f)
    if not (-n_t <= kT_index < n_t and -n_f <= mu_index < n_f):
        raise ResponseError(
            f"kT_index = {kT_index} and mu_index = {mu_index} must be of {n_t} temperatures and "
            f"{n_f} Fermi levels, counted from 0."
        )
    exchange_q = exchange_of_parts(spin.parts, exchange)
    factor_q = exchange_q / MU_B / density_of_moments(spin, magnetization, moment, thickness)
    errors_qs = spin.errors.sum(axis=0)[:, kT_index, mu_index]
    return FieldPulse(
        time_t=spin.time_t,
        field_tqa=-np.einsum("q,qts->tqs", factor_q, spin.total[:, kT_index, mu_index]),
        errors_qa=np.abs(factor_q)[:, None] * errors_qs,
        parts=spin.parts,
        signs_q=signs_of_parts(spin.parts, signs),
        pulse=spin.pulse,
    )


def _inside(omega_w: FloatArray, low: float, high: float) -> BoolArray:
    margin = 1e-9 * high  # frequencies of the pulse itself must not fall to rounding
    inside: BoolArray = (omega_w >= low - margin) & (omega_w <= high + margin)
    return inside


def _tensor_at_frequencies(
    response: ResponseResult, order: int, rank_w: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Values and errors, shape (part·kT·mu, w, s, b), by ascending frequency."""
    tensor = response[f"upsilon{order}"]
    values, errors = tensor.values.real, tensor.errors
    if order == 0:  # the same at every frequency
        n = len(rank_w)
        return (
            values.reshape(-1, 1, 3, 3).repeat(n, axis=1),
            errors.reshape(-1, 1, 3, 3).repeat(n, axis=1),
        )
    shape = (-1, len(tensor.axis("omega").values), 3, 3)
    return values.reshape(shape)[:, rank_w], errors.reshape(shape)[:, rank_w]


def _interpolate(
    known_w: FloatArray, value_xwsb: FloatArray, error_xwsb: FloatArray, omega_v: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Values at other frequencies, and what they may be wrong by."""
    square_w, square_v = known_w**2, omega_v**2
    value_xvsb = CubicSpline(square_w, value_xwsb, axis=1)(square_v)
    doubt_xvsb = make_interp_spline(known_w, error_xwsb, k=1, axis=1)(omega_v)
    nearest_v = np.abs(omega_v[:, None] - known_w).min(axis=1)
    if (nearest_v > 1e-9 * known_w[-1]).any():
        every_second = np.unique(np.append(np.arange(0, known_w.size, 2), known_w.size - 1))
        coarse = CubicSpline(square_w[every_second], value_xwsb[:, every_second], axis=1)
        doubt_xvsb = doubt_xvsb + np.abs(coarse(square_v) - value_xvsb)
    return value_xvsb, doubt_xvsb
