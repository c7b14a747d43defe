"""Pairs of bands between which a field makes transitions, and sums over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from w90spin.arrays import AnyNumberArray, ComplexArray, FloatArray
from w90spin.errors import ResonanceError
from w90spin.kspace.blocks import block_sums
from w90spin.kspace.fourier import kpt_text
from w90spin.kspace.occupations import fermi
from w90spin.kspace.states import BlochStates
from w90spin.response.claims import EnergyScales
from w90spin.response.promise import refuse_broken_promise

NEGLIGIBLE_OCCUPATION = 1e-12
"""Occupations this near to 0 or 1 are, and pairs whose occupations differ by less are left out."""


MANY_LEVELS = 8
"""From so many occupations on, far pairs of bands are summed band by band."""

FAR = 0.05
"""Bands at least this far apart are far pairs. [eV]"""


FORBIDDEN = 1e-4
"""Products of matrix elements below this share of their usual size count as that."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """Pairs of bands l below h, outside each other's degenerate block, at a batch of k.

    Only bands that are occupied (l) and empty (h) somewhere in the batch.

    Parameters
    ----------
    lower, upper : slice
        Ranges of the bands l and h.
    gap_klh : float array (k, l, h)
        ε_h - ε_l; inf for pairs inside a block or of equal occupation. [eV]
    occupation_ktfn : float array (k, t, f, n)
        Occupations of all bands at every temperature and Fermi level.
    """

    lower: slice
    upper: slice
    gap_klh: FloatArray
    occupation_ktfn: FloatArray

    @cached_property
    def weight_ktflh(self) -> FloatArray:
        """Differences f_l - f_h; 0 for pairs without a gap, shape (k, t, f, l, h)."""
        lower_ktfl = self.occupation_ktfn[..., self.lower]
        weight_ktflh = lower_ktfl[..., None] - self.occupation_ktfn[..., None, self.upper]
        weight_ktflh *= np.isfinite(self.gap_klh)[:, None, None]
        return weight_ktflh

    def refuse_resonance(self, states: BlochStates, omega: float, thermal: bool) -> None:
        """Refuse photon energies that reach a transition, where there is no broadening.

        Parameters
        ----------
        states : BlochStates
            The batch.
        omega : float
            Highest photon energy. [eV]
        thermal : bool
            Whether there are thermal carriers.

        Raises
        ------
        ResonanceError
            If it reaches the smallest gap.
        """
        smallest_k = self.gap_klh.min(axis=(1, 2))
        k = int(np.argmin(smallest_k))
        if smallest_k[k] > omega:
            return
        carriers = (
            " At kT > 0 the transitions of thermal carriers count too; kT = 0 leaves them out."
            if thermal
            else ""
        )
        raise ResonanceError(
            f"omega_w reaches {omega:.6g} eV, but at k = {kpt_text(states.kpt_kc[k])} states "
            f"of different occupation are only {smallest_k[k]:.6g} eV apart, and the response "
            "without broadening diverges there. Give eta > 0 (a broadening in eV), or stay "
            f"below the gap.{carriers}"
        )


def transitions(states: BlochStates, mu_f: FloatArray, kT_t: FloatArray) -> Transitions | None:
    """Pairs of bands of different occupation.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    mu_f : float array (f)
        Fermi levels. [eV]
    kT_t : float array (t)
        Temperatures. [eV]

    Returns
    -------
    Transitions, or None
        None where there are none in the whole batch.
    """
    occupation_ktfn = fermi(states.energy_kn, mu_f, kT_t)
    lower, upper = active_bands(occupation_ktfn)
    if lower.stop <= lower.start or upper.stop <= upper.start:
        return None
    gap_klh = states.energy_kn[:, None, upper] - states.energy_kn[:, lower, None]
    apart_klh = states.block_kn[:, lower, None] < states.block_kn[:, None, upper]
    occupation_ktfn = np.where(occupation_ktfn < NEGLIGIBLE_OCCUPATION, 0.0, occupation_ktfn)
    occupation_ktfn = np.where(1.0 - occupation_ktfn < NEGLIGIBLE_OCCUPATION, 1.0, occupation_ktfn)
    # Lower bands are never less occupied; they differ most at one of the levels.
    largest_klh = np.zeros(gap_klh.shape)
    for t, f in np.ndindex(occupation_ktfn.shape[1:3]):
        occupation_kn = occupation_ktfn[:, t, f]
        np.maximum(
            largest_klh,
            occupation_kn[:, lower, None] - occupation_kn[:, None, upper],
            out=largest_klh,
        )
    differ_klh = apart_klh & (largest_klh > NEGLIGIBLE_OCCUPATION)
    return Transitions(lower, upper, np.where(differ_klh, gap_klh, np.inf), occupation_ktfn)


def allowed_transitions(
    states: BlochStates,
    mu_f: FloatArray,
    kT_t: FloatArray,
    scales: EnergyScales,
    *,
    insulator: bool,
) -> Transitions | None:
    """The same, refused where a promise is broken or a photon energy reaches one of them.

    Parameters
    ----------
    states, mu_f, kT_t
        As there.
    scales : EnergyScales
        Broadening and highest photon energy.
    insulator : bool
        Promise that no Fermi level crosses a band.

    Returns
    -------
    Transitions, or None

    Raises
    ------
    NotInsulatorError
        If an insulator was promised and a Fermi level crosses a band.
    ResonanceError
        If η = 0 and ħω reaches a transition energy.
    """
    if insulator:
        refuse_broken_promise(states, mu_f)
    found = transitions(states, mu_f, kT_t)
    if found is not None and scales.eta == 0.0:
        found.refuse_resonance(states, scales.omega, bool(np.any(kT_t > 0.0)))
    return found


SUMS = ("re_direct", "im_direct", "re_cross", "im_cross")
"""Real and imaginary part of what Re Z and what Im Z give to a Kubo response."""


def sums_that_differ_from_zero(omega_w: FloatArray, eta: float) -> tuple[str, ...]:
    """Those of :data:`SUMS` that do not vanish for all pairs of bands.

    Parameters
    ----------
    omega_w : float array (w)
        Photon energies. [eV]
    eta : float
        Broadening. [eV]

    Returns
    -------
    tuple of str
        At ω = 0 all is real, at η = 0 Re Z gives a real and Im Z an imaginary part.
    """
    broad, dynamic = eta > 0.0, bool(np.any(omega_w > 0.0))
    there = {
        "re_direct": True,
        "im_direct": broad and dynamic,
        "re_cross": broad,
        "im_cross": dynamic,
    }
    return tuple(name for name in SUMS if there[name])


def kubo_kernels(gap_kp: FloatArray, omega_w: FloatArray, eta: float) -> dict[str, FloatArray]:
    r"""Coefficients of Re Z and Im Z in a Kubo response.

    For :math:`z = \omega + i\eta` and a pair of bands Δ apart,

    .. math::

        \frac{Z}{\Delta - z} + \frac{Z^*}{\Delta + z} = D\, \mathrm{Re} Z + C\, \mathrm{Im} Z,
        \qquad
        D = \frac{1}{\Delta - z} + \frac{1}{\Delta + z}, \quad
        C = \frac{i}{\Delta - z} - \frac{i}{\Delta + z}

    Parameters
    ----------
    gap_kp : float array (k, p)
        Δ. [eV]
    omega_w : float array (w)
        Photon energies. [eV]
    eta : float
        Broadening. [eV]

    Returns
    -------
    dict of float arrays (k, w, p)
        Real and imaginary part of D, "re_direct" and "im_direct", and of C, "re_cross" and
        "im_cross"; those that vanish are left out. [1/eV]
    """
    z_wp = omega_w[:, None] + 1j * eta
    if eta == 0.0:
        resonant_kwp = 1.0 / (gap_kp[:, None] - z_wp.real)
        antiresonant_kwp = 1.0 / (gap_kp[:, None] + z_wp.real)
        kernels = {
            "re_direct": resonant_kwp + antiresonant_kwp,
            "im_cross": resonant_kwp - antiresonant_kwp,
        }
    else:
        p_kwp, n_kwp = 1.0 / (gap_kp[:, None] - z_wp), 1.0 / (gap_kp[:, None] + z_wp)
        kernels = {
            "re_direct": (p_kwp + n_kwp).real,
            "im_direct": (p_kwp + n_kwp).imag,
            "re_cross": (n_kwp - p_kwp).imag,
            "im_cross": (p_kwp - n_kwp).real,
        }
    return {name: kernels[name] for name in sums_that_differ_from_zero(omega_w, eta)}


def kubo_integrands(
    z_kqxlh: ComplexArray, found: Transitions, omega_w: FloatArray, eta: float
) -> dict[str, FloatArray]:
    r"""Kubo response of every pair of bands, summed: F [D Re Z + C Im Z].

    Parameters
    ----------
    z_kqxlh : complex array (k, q, x, l, h)
        Z = O_lh A*_lh of every part and component.
    found : Transitions
        Pairs of bands.
    omega_w : float array (w)
        Photon energies. [eV]
    eta : float
        Broadening. [eV]

    Returns
    -------
    dict of float arrays (k, q, t, f, w, x)
        By the names of :data:`SUMS`; those that vanish are left out. [unit of Z per eV]
    """
    n_k, n_q, n_x, n_l, n_h = z_kqxlh.shape
    n_t, n_f = found.occupation_ktfn.shape[1:3]
    z_kxlh = z_kqxlh.reshape(n_k, n_q * n_x, n_l, n_h)
    scan = n_t * n_f >= MANY_LEVELS and (eta >= FAR or not np.any(omega_w > 0.0))
    kernels = kubo_kernels(found.gap_klh.reshape(n_k, -1), omega_w, eta)
    halves = {
        "direct": np.ascontiguousarray(z_kxlh.real),
        "cross": np.ascontiguousarray(z_kxlh.imag),
    }
    sums = {}
    for name, kernel_kwp in kernels.items():
        half_kxlh = halves[name[3:]]
        if scan:
            kernel_kwlh = kernel_kwp.reshape(n_k, -1, n_l, n_h)
            value_kywx = _scan_sum(half_kxlh, kernel_kwlh, found)
        else:
            weight_kyp = found.weight_ktflh.reshape(n_k, n_t * n_f, -1)
            value_kywx = _pair_sum(half_kxlh.reshape(n_k, n_q * n_x, -1), weight_kyp, kernel_kwp)
        value = value_kywx.reshape(n_k, n_t, n_f, -1, n_q, n_x)
        sums[name] = np.moveaxis(value, 4, 1)
    return sums


def pair_sizes(
    left_kqxlh: ComplexArray, right_kylh: ComplexArray, found: Transitions
) -> FloatArray:
    """Size of the products of two operators between pairs of bands.

    Parameters
    ----------
    left_kqxlh : complex array (k, q, x, l, h)
        Of every part and component.
    right_kylh : complex array (k, y, l, h)
        Of every component.
    found : Transitions
        Pairs of bands.

    Returns
    -------
    float array (k, l, h)
        Norm over components, the largest of all parts, and at least :data:`FORBIDDEN` of what the
        operators have on the mean between such pairs: where a selection rule leaves nothing but
        rounding, errors must not be measured by that.
    """
    left_klh = np.sqrt((np.abs(left_kqxlh) ** 2).sum(axis=2)).max(axis=1)
    right_klh = np.sqrt((np.abs(right_kylh) ** 2).sum(axis=1))
    there_klh = np.isfinite(found.gap_klh)
    count_k = np.maximum(there_klh.sum(axis=(1, 2)), 1)
    mean_k = np.sqrt(
        (there_klh * left_klh**2).sum(axis=(1, 2)) * (there_klh * right_klh**2).sum(axis=(1, 2))
    )
    least_k = FORBIDDEN * mean_k / count_k
    sizes: FloatArray = np.maximum(left_klh * right_klh, least_k[:, None, None])
    return sizes


def kubo_moduli(
    size_klh: FloatArray, n_parts: int, found: Transitions, omega_w: FloatArray, eta: float
) -> dict[str, FloatArray]:
    """Moduli that :func:`kubo_integrands` adds up: sizes of Z, summed over pairs.

    Parameters
    ----------
    size_klh : float array (k, l, h)
        From :func:`pair_sizes`.
    n_parts : int
        Number of parts: all get the same.
    found, omega_w, eta
        As there.

    Returns
    -------
    dict of float arrays (k, q, t, f, w)
        By the same names.
    """
    n_k = len(size_klh)
    n_t, n_f = found.occupation_ktfn.shape[1:3]
    size_kxp = size_klh.reshape(n_k, 1, -1)
    weight_kyp = found.weight_ktflh.reshape(n_k, n_t * n_f, -1)
    kernels = kubo_kernels(found.gap_klh.reshape(n_k, -1), omega_w, eta)
    moduli = {}
    for name, kernel_kwp in kernels.items():
        value = _pair_sum(size_kxp, weight_kyp, np.abs(kernel_kwp))
        value_ktfw = value.reshape(n_k, n_t, n_f, -1)
        moduli[name] = np.repeat(value_ktfw[:, None], n_parts, axis=1)
    return moduli


def band_kubo(
    z_kqxnm: ComplexArray, states: BlochStates, omega_w: FloatArray, eta: float
) -> dict[str, FloatArray]:
    """Share of every band in a Kubo response, summed over its degenerate block.

    Parameters
    ----------
    z_kqxnm : complex array (k, q, x, n, m)
        Z of all pairs of bands.
    states : BlochStates
        Batch of k points.
    omega_w : float array (w)
        Photon energies. [eV]
    eta : float
        Broadening. [eV]

    Returns
    -------
    dict of float arrays (k, n, q, w, x)
        As of :func:`kubo_integrands`: times the occupations and summed over n they are the whole.

    Raises
    ------
    ResonanceError
        If η = 0 and ħω meets a transition energy exactly.
    """
    n_k, n_q, n_x, n, _ = z_kqxnm.shape
    gap_knm = states.energy_kn[:, None, :] - states.energy_kn[:, :, None]
    apart_knm = states.block_kn[:, :, None] != states.block_kn[:, None, :]
    gap_knm = np.where(apart_knm, gap_knm, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        kernels = kubo_kernels(gap_knm.reshape(n_k * n, n), omega_w, eta)
    if not all(np.isfinite(kernel).all() for kernel in kernels.values()):
        raise ResonanceError(
            "A photon energy equals a transition energy between two bands exactly; give "
            "eta > 0 or another omega_w."
        )
    z_kyxm = np.moveaxis(z_kqxnm, 3, 1).reshape(n_k * n, n_q * n_x, n)
    sums = {}
    for name, kernel_kwm in kernels.items():
        z_part = z_kyxm.real if name.endswith("direct") else z_kyxm.imag
        value_kxn = contract(kernel_kwm, z_part).reshape(n_k, n, -1).swapaxes(1, 2)
        value = block_sums(value_kxn, states.block_kn).swapaxes(1, 2)
        sums[name] = value.reshape(n_k, n, n_q, n_x, -1).swapaxes(-1, -2)
    return sums


def _pair_sum(z_kxp: FloatArray, weight_kyp: FloatArray, kernel_kwp: FloatArray) -> FloatArray:
    """Σ_p weight·kernel·Z for every component, occupation and frequency, shape (k, y, w, x)."""
    n_k, n_x, n_p = z_kxp.shape
    n_y, n_w = weight_kyp.shape[1], kernel_kwp.shape[1]
    # The shorter axis is multiplied out, the longer one summed as a matrix product.
    if n_w <= n_y:
        rows_kzp = (kernel_kwp[:, :, None] * z_kxp[:, None]).reshape(n_k, -1, n_p)
        return (weight_kyp @ rows_kzp.swapaxes(1, 2)).reshape(n_k, n_y, n_w, n_x)
    rows_kzp = (weight_kyp[:, :, None] * z_kxp[:, None]).reshape(n_k, -1, n_p)
    value_kwyx = (kernel_kwp @ rows_kzp.swapaxes(1, 2)).reshape(n_k, n_w, n_y, n_x)
    return value_kwyx.swapaxes(1, 2)


def complex_halves(raw: Mapping[str, FloatArray], name: str) -> dict[str, AnyNumberArray]:
    """Complex response from raw real and imaginary parts, by parity under time reversal.

    Parameters
    ----------
    raw : mapping of float arrays
        "{name}_even_re", "{name}_even_im", "{name}_odd_re", "{name}_odd_im"; those that vanish may
        be missing.
    name : str
        Of the response.

    Returns
    -------
    dict of complex arrays
        "{name}", "{name}_even", "{name}_odd".
    """
    shape = next(iter(raw.values())).shape
    halves = {parity: np.zeros(shape, dtype=np.complex128) for parity in ("even", "odd")}
    for parity, half in halves.items():
        for unit, part in ((1.0, "re"), (1j, "im")):
            if f"{name}_{parity}_{part}" in raw:
                half += unit * raw[f"{name}_{parity}_{part}"]
    even, odd = halves["even"], halves["odd"]
    return {name: even + odd, f"{name}_even": even, f"{name}_odd": odd}


def _scan_sum(z_kxlh: FloatArray, kernel_kwlh: FloatArray, found: Transitions) -> FloatArray:
    """The same for many levels: far pairs band by band, only near ones pair by pair.

    Σ_lh (f_l - f_h) X_lh is Σ_l f_l Σ_h X_lh - Σ_h f_h Σ_l X_lh, which costs little but leaves of
    two equally occupied bands the rounding of X: where bands are near to each other that is large.
    """
    n_k, n_x, n_l, n_h = z_kxlh.shape
    n_w = kernel_kwlh.shape[1]
    occupation_kyn = found.occupation_ktfn.reshape(n_k, -1, found.occupation_ktfn.shape[-1])
    term_kzlh = (kernel_kwlh[:, :, None] * z_kxlh[:, None]).reshape(n_k, n_w * n_x, n_l, n_h)
    near_klh = found.gap_klh < FAR
    near_kp = near_klh.reshape(n_k, -1)
    count_k = near_kp.sum(axis=1)
    most = int(count_k.max(initial=0))
    # Near pairs of every k, padded to the same number with pairs that get no weight.
    first_kp = np.argsort(~near_kp, axis=1, kind="stable")[:, :most]
    padded_kp = np.arange(most) >= count_k[:, None]
    near_kzp = np.take_along_axis(term_kzlh.reshape(n_k, n_w * n_x, -1), first_kp[:, None], axis=2)
    lower_kp, upper_kp = np.divmod(first_kp, n_h)
    lower_kyn, upper_kyn = occupation_kyn[..., found.lower], occupation_kyn[..., found.upper]
    weight_kyp = np.take_along_axis(lower_kyn, lower_kp[:, None], axis=2) - np.take_along_axis(
        upper_kyn, upper_kp[:, None], axis=2
    )
    weight_kyp[np.broadcast_to(padded_kp[:, None], weight_kyp.shape)] = 0.0
    far_kzlh = np.where(near_klh[:, None], 0.0, term_kzlh)
    value_kyz: FloatArray = (
        lower_kyn @ far_kzlh.sum(axis=3).swapaxes(1, 2)
        - upper_kyn @ far_kzlh.sum(axis=2).swapaxes(1, 2)
        + weight_kyp @ near_kzp.swapaxes(1, 2)
    )
    return value_kyz.reshape(n_k, -1, n_w, n_x)


def contract(kernel_kwp: FloatArray, source_kxp: FloatArray) -> FloatArray:
    """Sum over pairs of bands, shape (k, x, w)."""
    value_kxw: FloatArray = source_kxp @ kernel_kwp.swapaxes(1, 2)
    return value_kxw


def active_bands(occupation_ktfn: FloatArray) -> tuple[slice, slice]:
    """Bands that are occupied anywhere in the batch, and bands that are empty anywhere.

    Parameters
    ----------
    occupation_ktfn : float array (k, t, f, n)
        Occupations, falling with n.

    Returns
    -------
    lower, upper : slice
        Ranges of bands, which may be empty.
    """
    n_bands = occupation_ktfn.shape[-1]
    occupied_n = (occupation_ktfn > NEGLIGIBLE_OCCUPATION).any(axis=(0, 1, 2))
    empty_n = (1.0 - occupation_ktfn > NEGLIGIBLE_OCCUPATION).any(axis=(0, 1, 2))
    top = int(np.flatnonzero(occupied_n).max(initial=-1)) + 1
    bottom = int(np.flatnonzero(empty_n).min(initial=n_bands))
    return slice(0, top), slice(bottom, n_bands)
