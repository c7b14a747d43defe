"""How far the definitions of a proper spin Hall conductivity can be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from w90spin.arrays import BoolArray, FloatArray
from w90spin.errors import DoubtfulResultWarning, ResponseError
from w90spin.kspace.continuum import OperatorSource
from w90spin.kspace.fourier import KPoints, require_spin
from w90spin.kspace.states import solve
from w90spin.results.result import ResponseResult, Result, Tensor

POINTS = 6
"""Points along each direction where a model is compared with a complete basis."""

LARGEST_TORQUE = 1e-3
"""Net torque, relative to the moduli behind it, above which no proper spin current exists."""

SMALLEST_MODULI = 1e-6
"""Moduli behind the torque below which the spin is conserved, and they are rounding. [Å¹⁻ᵈ |e|]"""

LARGEST_SHARE = 0.05
"""Share of near-degenerate bands, or of what the model leaves out, above which a warning comes."""

LARGEST_STRADDLING = 1e-6
"""Occupation that averaging inside blocks may move without a word. [per cell, or Å⁻ᵈ]"""

NEAR = ("liu2023_printed", "band_transport")
CURRENTS = ("conventional", "liu2023_printed", "band_transport", "c6")


@dataclass(frozen=True, eq=False)
class ProperReport:
    """Checks of a proper spin Hall conductivity, all at every part, temperature and Fermi level.

    Ratios are of norms over Cartesian components; NaN where there is nothing to compare with.

    Parameters
    ----------
    parts : tuple of str (q)
        Parts of the cell.
    kT_t, mu_f : float arrays
        Temperatures and Fermi levels. [eV]
    torque_qtf : float array (q, t, f)
        Net torque over the moduli behind it, those of the whole cell; 0 where these are rounding.
    torque_outside_qtf : float array (q, t, f), or None
        That part of it that comes from outside the model.
    curvature_outside_qtf : float array (q, t, f), or None
        What the curvature of the Wannier functions would add to ``band_transport``, over it.
    near_qtf : dict of float arrays (q, t, f)
        Share of pairs of near-degenerate bands in ``liu2023_printed`` and ``band_transport``.
    regrouped_qtf : dict of float arrays (q, t, f)
        How much they change when near-degenerate bands are blocks, over the larger of both values.
    filled_q : float array (q)
        Norm of ``liu2023_printed`` with all bands filled, a constant inside every other value.
    symmetric_qtf : float array (q, t, f)
        Part of the conventional conductivity that is symmetric in flow and field, over all of it;
        no other definition has one.
    apart_qtf : float array (q, t, f)
        Largest difference of two definitions over the largest of them; 0 where spin is conserved.
    straddling_qtf : float array (q, t, f)
        Occupation that averaging inside blocks moves. [as in the result]
    outside : mapping of str to float
        What :func:`largest_outside` found of the model; empty without.
    unit : str
        Of ``filled_q``.
    warnings : tuple of str
        What the user must know, one sentence each.
    """

    parts: tuple[str, ...]
    kT_t: FloatArray
    mu_f: FloatArray
    torque_qtf: FloatArray
    torque_outside_qtf: FloatArray | None
    curvature_outside_qtf: FloatArray | None
    near_qtf: dict[str, FloatArray]
    regrouped_qtf: dict[str, FloatArray]
    filled_q: FloatArray
    symmetric_qtf: FloatArray
    apart_qtf: FloatArray
    straddling_qtf: FloatArray
    outside: Mapping[str, float]
    unit: str
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """The largest of every check, and the warnings."""
        lines = [
            f"definitions differ by up to {_most(self.apart_qtf)} of the largest",
            f"net torque {_most(self.torque_qtf)} of the moduli behind it",
        ]
        if self.torque_outside_qtf is not None and self.curvature_outside_qtf is not None:
            lines.append(
                f"from outside the model: torque {_most(self.torque_outside_qtf)} of these moduli, "
                f"curvature {_most(self.curvature_outside_qtf)} of band_transport"
            )
        if self.outside:
            lines.append(
                f"largest |D S| {self.outside['spin_slope']:.2g} Å and |F| "
                f"{self.outside['curvature']:.2g} Å² of the Wannier functions, both 0 in a "
                "complete basis"
            )
        filled = ", ".join(
            f"{part} {value:.3e}" for part, value in zip(self.parts, self.filled_q, strict=True)
        )
        lines += [
            f"share of near-degenerate bands: {_listed(self.near_qtf)}",
            f"change when they are blocks: {_listed(self.regrouped_qtf)}",
            f"liu2023_printed with all bands filled: {filled} {self.unit}",
            f"symmetric part of the conventional conductivity: {_most(self.symmetric_qtf)}",
            *(f"warning: {words}" for words in self.warnings),
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Everything as plain lists, numbers and strings, fit for JSON; NaN as None."""

        def plain(array: FloatArray | None) -> object:
            if array is None:
                return None
            return np.where(np.isfinite(array), array.astype(object), None).tolist()  # type: ignore[call-overload]

        return {
            "parts": list(self.parts),
            "kT": self.kT_t.tolist(),
            "mu": self.mu_f.tolist(),
            "net_torque": plain(self.torque_qtf),
            "net_torque_outside": plain(self.torque_outside_qtf),
            "curvature_outside": plain(self.curvature_outside_qtf),
            "near_degenerate": {name: plain(share) for name, share in self.near_qtf.items()},
            "regrouped": {name: plain(share) for name, share in self.regrouped_qtf.items()},
            "all_bands_filled": plain(self.filled_q),
            "symmetric_conventional": plain(self.symmetric_qtf),
            "largest_difference": plain(self.apart_qtf),
            "straddling": plain(self.straddling_qtf),
            "largest_outside": dict(self.outside),
            "warnings": list(self.warnings),
        }


def proper_report(result: Result, response: str = "proper_spin_hall") -> ProperReport:
    """Check a proper spin Hall conductivity: torque, truncation, near degeneracies.

    Parameters
    ----------
    result : Result
        Of a run with ``ProperSpinHall``.
    response : str
        Its name in the result.

    Returns
    -------
    ProperReport

    Raises
    ------
    ResponseError
        If the result has no such response.
    """
    found = _tensors(result, response)
    axes = found["conventional"].axes
    parts = tuple(str(name) for name in axes[0].values)
    kT_t, mu_f = (np.array(axis.values, dtype=np.float64) for axis in axes[1:3])
    values = {name: np.asarray(tensor.values, dtype=np.float64) for name, tensor in found.items()}
    norm = {
        name: _norm(values[name], len(tensor.axes) - 3)
        for name, tensor in found.items()
        if _per_level(tensor)
    }
    moduli_tf = values["torque_scale"].sum(axis=0)
    scale_tf = np.where(moduli_tf > SMALLEST_MODULI, moduli_tf, np.inf)
    torque_qtf = _ratio(norm["torque"], scale_tf)
    # What the error leaves of the torque: noise is no torque.
    sure_qtf = _ratio(norm["torque"] - _norm(found["torque"].errors, 2), scale_tf)
    torque_outside = curvature_outside = None
    if "torque_outside" in found:
        torque_outside = _ratio(norm["torque_outside"], scale_tf)
        total_qtf = norm["band_transport"] + _norm(found["band_transport"].errors)
        curvature_outside = _ratio(norm["band_transport_outside"], total_qtf)
    # With the error: what vanishes by symmetry has no shares worth a word.
    size = {name: norm[name] + _norm(found[name].errors) for name in NEAR}
    near = {name: _ratio(norm[f"{name}_near"], size[name]) for name in NEAR}
    regrouped = {}
    for name in NEAR:
        other = f"{name}_regrouped"
        change_qtf = _norm(values[other] - values[name])
        regrouped[name] = _ratio(change_qtf, np.maximum(norm[other], size[name]))
    conventional = values["conventional"]
    symmetric = _norm(0.5 * (conventional + conventional.swapaxes(-3, -2)))
    largest_qtf = np.max([norm[name] for name in CURRENTS], axis=0)
    apart_qtf = np.max(
        [
            _norm(values[one] - values[other])
            for i, one in enumerate(CURRENTS)
            for other in CURRENTS[:i]
        ],
        axis=0,
    )
    straddling = values["straddling"]
    cell = float(result.provenance.get("measure_angstrom_d", 1.0))
    found_doubts: list[str] = []

    def warn(bad_qtf: BoolArray, size_qtf: FloatArray, words: str) -> None:
        """One sentence for all levels where something is bad, with the worst of them."""
        if not bad_qtf.any():
            return
        q, t, f = np.unravel_index(int(np.argmax(np.where(bad_qtf, size_qtf, 0.0))), bad_qtf.shape)
        place = f"mu = {mu_f[f]:g} eV, kT = {kT_t[t]:g} eV"
        place += f", part {parts[q]}" if len(parts) > 1 else ""
        found_doubts.append(words.format(size=f"{100.0 * size_qtf[q, t, f]:.3g} %", place=place))

    warn(
        sure_qtf > LARGEST_TORQUE,
        torque_qtf,
        "there is a net torque, {size} of the moduli behind it at {place}: the torque dipole "
        "depends on the origin, and no proper spin current exists.",
    )
    if torque_outside is not None and curvature_outside is not None:
        warn(
            torque_outside > LARGEST_TORQUE,
            torque_outside,
            "a torque of {size} of the moduli at {place} comes from states outside the Wannier "
            "functions: more of them are needed, or a spin that commutes with the positions.",
        )
        warn(
            curvature_outside > LARGEST_SHARE,
            curvature_outside,
            "curvature from outside the Wannier functions would change band_transport by {size} "
            "at {place}.",
        )
    for name in NEAR:
        warn(
            near[name] > LARGEST_SHARE,
            near[name],
            f"{name} owes {{size}} at {{place}} to pairs of bands that nearly touch. Look at a "
            "scan of the degeneracy tolerance.",
        )
        warn(
            regrouped[name] > LARGEST_SHARE,
            regrouped[name],
            f"{name} changes by {{size}} at {{place}} when near-degenerate bands are taken as one "
            "block: it depends on what splits them, down to the direction. Look at a scan of the "
            "degeneracy tolerance.",
        )
    warn(
        straddling * cell > LARGEST_STRADDLING,
        straddling,
        "the Fermi level lies inside blocks of degenerate bands, which are filled evenly; worst "
        "at {place}.",
    )
    return ProperReport(
        parts=parts,
        kT_t=kT_t,
        mu_f=mu_f,
        torque_qtf=torque_qtf,
        torque_outside_qtf=torque_outside,
        curvature_outside_qtf=curvature_outside,
        near_qtf=near,
        regrouped_qtf=regrouped,
        filled_q=_norm(values["liu2023_printed_filled"]),
        symmetric_qtf=_ratio(symmetric, norm["conventional"]),
        apart_qtf=_ratio(apart_qtf, largest_qtf),
        straddling_qtf=straddling,
        outside=result.provenance.get("largest_outside", {}),
        unit=found["liu2023_printed_filled"].unit,
        warnings=tuple(found_doubts),
    )


def largest_outside(source: OperatorSource) -> dict[str, float]:
    r"""How far a model is from a complete basis: norms that vanish there.

    Parameters
    ----------
    source : OperatorSource
        The model's operators, with "curl" and "dspin".

    Returns
    -------
    dict of float
        "spin_slope": largest norm of :math:`D_a S = \partial_a S - i[A_a, S]` with S = σ/2 [Å], and
        "curvature": of :math:`F_{ab} = \partial_a A_b - \partial_b A_a - i[A_a, A_b]` [Å²], on a
        mesh through the zone, or at points of the region of a k·p model.
    """
    points = np.arange(POINTS) / POINTS
    axes = [points if repeats else np.zeros(1) for repeats in source.model.periodic]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    if source.region is not None:
        kpt_kc = source.region(0.5 / POINTS + kpt_kc)[0]
    slope = curvature = 0.0
    for kpt_c in kpt_kc:
        states = solve(source, KPoints(kpt_c[None]))
        spin_ksij, slope_ksaij = require_spin(states.wannier), states.wannier.dspin_ksaij
        if slope_ksaij is None:
            raise ValueError("the derivative of the spin was not summed")
        A, S = states.wannier.pos_kaij[:, None], spin_ksij[:, :, None]
        covariant = 0.5 * (slope_ksaij - 1j * (A @ S - S @ A))
        slope = max(slope, float(np.linalg.norm(covariant, 2, axis=(-2, -1)).max()))
        field = np.linalg.norm(states.space_curvature_kcij, 2, axis=(-2, -1))
        curvature = max(curvature, float(field.max()))
    return {"spin_slope": slope, "curvature": curvature}


def checked(result: Result) -> Result:
    """The result with reports of its proper spin Hall conductivities stored, if it has any.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    Result
        With "checks" in its provenance, by the name of the response.

    Warns
    -----
    DoubtfulResultWarning
        For everything that the reports warn of.
    """
    reports = {
        name: proper_report(result, name)
        for name, response in result.responses.items()
        if _is_proper(response)
    }
    for name, report in reports.items():
        for words in report.warnings:
            warnings.warn(f"{name}: {words}", DoubtfulResultWarning, stacklevel=5)
    if not reports:
        return result
    found = {name: report.to_dict() for name, report in reports.items()}
    return replace(result, provenance={**result.provenance, "checks": found})


def check_lines(result: Result) -> list[str]:
    """Reports of the proper spin Hall conductivities of a result, line by line.

    Parameters
    ----------
    result : Result
        Any result.

    Returns
    -------
    list of str
        Empty where it has none.
    """
    return [
        f"{name}: {line}"
        for name, response in result.responses.items()
        if _is_proper(response)
        for line in str(proper_report(result, name)).splitlines()
    ]


def _is_proper(response: ResponseResult) -> bool:
    return {"torque_scale", "liu2023_printed_regrouped"} <= response.tensors.keys()


def _tensors(result: Result, response: str) -> dict[str, Tensor]:
    """Tensors of the response, or an error that names those that are there."""
    if response not in result.responses or not _is_proper(result.responses[response]):
        raise ResponseError(
            f"The result holds no '{response}' of ProperSpinHall, only "
            f"{', '.join(result.responses) or 'nothing'}. Give the name of one."
        )
    return dict(result.responses[response].tensors)


def _per_level(tensor: Tensor) -> bool:
    """Whether a tensor has components, at every part, temperature and Fermi level."""
    return tensor.axis_names[:3] == ("part", "kT", "mu") and len(tensor.axes) > 3


def _norm(values: FloatArray, n_components: int = 3) -> FloatArray:
    """Norm over Cartesian components, which are the last axes."""
    norm: FloatArray = np.sqrt((values**2).sum(axis=tuple(range(-n_components, 0))))
    return norm


def _ratio(value: FloatArray, scale: FloatArray) -> FloatArray:
    """Value over scale; NaN where both vanish."""
    value, scale = np.broadcast_arrays(value, scale)
    ratio: FloatArray = np.divide(
        value, scale, out=np.where(value == 0.0, np.nan, np.inf), where=scale > 0.0
    )
    return ratio


def _listed(shares: dict[str, FloatArray]) -> str:
    return ", ".join(f"{name} {_most(share)}" for name, share in shares.items())


def _most(ratio: FloatArray) -> str:
    finite = ratio[np.isfinite(ratio)]
    return f"{100.0 * finite.max():.2g} %" if finite.size else "undefined"
