"""What a job derives from its tensors: induced spin, effective fields, pulses, dynamics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from w90spin.cli.field_sections import (
    Direction,
    FieldSection,
    NeelSection,
    PulseSection,
    complex_direction,
)
from w90spin.cli.job import Job
from w90spin.derive import (
    FieldPulse,
    InducedSpin,
    NeelDynamics,
    NeelField,
    Pulse,
    SpinPulse,
    TorqueEfficiency,
    induced_spin,
    neel_dynamics,
    neel_field,
    neel_record,
    pulse_record,
    pulsed_field,
    pulsed_spin,
    resonance_frequency,
    torque_efficiency,
)
from w90spin.derive.induced_spin import peak_length
from w90spin.derive.pulse import check_coverage
from w90spin.errors import JobError
from w90spin.model.continuum import AnyModel
from w90spin.model.thickness import slab_thickness
from w90spin.model.wannier import WannierModel
from w90spin.response import SpinPolarizability
from w90spin.response.claims import Response
from w90spin.results import ResponseResult, Result
from w90spin.units import thz_from_ev

ANGLES = np.arange(0.0, 360.0, 15.0)
"""Directions of the field in the picture of angles. [°]"""


@dataclass(frozen=True, eq=False)
class Derived:
    """What follows from the tensors of a job.

    Parameters
    ----------
    induced : InducedSpin, or None
        Spin density in the job's field; None, as all else, without a spin polarisability.
    neel : NeelField, optional
        Effective fields.
    torque : TorqueEfficiency, optional
        Torques.
    spin_pulse : SpinPulse, optional
        Spin density in the course of the pulse.
    field_pulse : FieldPulse, optional
        Its effective fields.
    dynamics : NeelDynamics, optional
        Moments that they move.
    by_angle : tuple of InducedSpin
        For fields all around the plane.
    angle_index : int
        At which photon energy.
    """

    induced: InducedSpin | None
    neel: NeelField | None = None
    torque: TorqueEfficiency | None = None
    spin_pulse: SpinPulse | None = None
    field_pulse: FieldPulse | None = None
    dynamics: NeelDynamics | None = None
    by_angle: tuple[InducedSpin, ...] = ()
    angle_index: int = -1

    def records(self) -> dict[str, ResponseResult]:
        """The same as tensors, for the result file."""
        found = {}
        if self.neel is not None and self.torque is not None:
            found["neel_field"] = neel_record(self.neel, self.torque)
        if self.spin_pulse is not None:
            found["pulse"] = pulse_record(self.spin_pulse, self.field_pulse, self.dynamics)
        return found

    def lines(self) -> list[str]:
        """The most important numbers in words."""
        found = []
        if self.neel is not None:
            found += _words_of_fields(self.neel)
        if self.spin_pulse is not None:
            found += _words_of_pulse(self.spin_pulse, self.field_pulse)
        if self.dynamics is not None:
            moved = self.dynamics
            slower = resonance_frequency(
                moved.exchange_field_q, moved.anisotropy_field_q, moved.g_factor_q
            )
            found.append(f"resonance at {slower:.3g} THz. {moved}")
        return found


def derive(
    result: Result,
    show: Mapping[str, Any],
    *,
    pulse: Pulse | None = None,
    field: float | None = None,
    direction: str | None = None,
    thickness: float | None = None,
) -> Derived:
    """Derive what a job asks for.

    Parameters
    ----------
    result : Result
        The tensors.
    show : mapping
        As from :func:`shown`; sections that are missing have their defaults.
    pulse : Pulse, optional
        The pulse of the job.
    field, direction, thickness : optional
        Instead of those of the job.

    Returns
    -------
    Derived
    """
    if "spin_polarizability" not in result.responses:
        return Derived(None)
    told = TypeAdapter(Direction).validate_python(show.get("direction", "x"))
    along = complex_direction(told) if direction is None else direction
    strength = float(show.get("field", FieldSection().strength)) if field is None else field
    height = show.get("thickness") if thickness is None else thickness
    induced = induced_spin(result, field=strength, direction=along, thickness=height)
    by_angle: tuple[InducedSpin, ...] = ()
    angle_index = -1
    if show.get("angles_thz") is not None:
        angle_index = int(np.argmin(np.abs(induced.frequency_thz - show["angles_thz"])))
        by_angle = tuple(
            induced_spin(
                result, field=strength, direction=[np.cos(a), np.sin(a), 0.0], thickness=height
            )
            for a in np.radians(ANGLES)
        )
    neel = torque = spin_pulse = field_pulse = dynamics = None
    if pulse is not None:
        lost = PulseSection.model_validate(show["pulse"]).lost
        spin_pulse = pulsed_spin(result, pulse, thickness=height, lost=lost)
    if show.get("neel") is not None:
        section = NeelSection.model_validate(show["neel"])
        neel = neel_field(induced, **_inputs(section))
        torque = torque_efficiency(neel, _moments(section, neel))
        if spin_pulse is not None:
            field_pulse = pulsed_field(spin_pulse, **_inputs(section))
            if section.has_dynamics:
                dynamics = _dynamics(section, field_pulse)
    return Derived(induced, neel, torque, spin_pulse, field_pulse, dynamics, by_angle, angle_index)


def shown(plan: Job) -> dict[str, object]:
    """What of a job its result file keeps for pictures."""
    return {
        "field": plan.field.strength,
        "direction": plan.field.direction,
        "spin": plan.field.spin if "spin" in plan.field.model_fields_set else None,
        "thickness": plan.field.thickness,
        "window": None if plan.bands is None else plan.bands.window,
        "angles_thz": plan.field.angles_thz,
        "neel": None if plan.neel is None else plan.neel.model_dump(exclude_unset=True),
        "pulse": None if plan.pulse is None else plan.pulse.model_dump(exclude_unset=True),
        "units": list(plan.output.units),
        **{
            where: {"tensor": picture.tensor, "component": picture.chosen_component}
            for where, picture in (("map", plan.map), ("bands", plan.bands))
            if picture is not None
        },
    }


def check(plan: Job, model: AnyModel, responses: Sequence[Response], pulse: Pulse | None) -> None:
    """Refuse before the integral what could not be derived after it.

    Parameters
    ----------
    plan : Job
        The job.
    model : WannierModel or ContinuumModel
        Its model.
    responses : sequence of Response
        Its responses.
    pulse : Pulse, optional
        Its pulse.

    Raises
    ------
    ResponseError, JobError
        As what derives would say.
    """
    asked = next((each for each in responses if isinstance(each, SpinPolarizability)), None)
    if asked is None and (plan.neel is not None or plan.pulse is not None):
        raise JobError("[neel] and [pulse] need a [[response]] spin_polarizability. Add it.")
    if asked is None:
        return
    if pulse is not None and plan.pulse is not None:
        check_coverage(pulse, np.asarray(asked.omega_w, dtype=np.float64), plan.pulse.lost)
    if plan.neel is None:
        return
    parts = ("total",) if asked.parts is None else asked.parts.names
    shape = (len(parts), 1, 1, 1, 3)
    thickness = slab_thickness(model) if isinstance(model, WannierModel) else None
    given = plan.field.thickness
    nothing = InducedSpin(
        delta=np.zeros((3, *shape), dtype=np.complex128),
        errors=np.zeros((3, *shape)),
        omega_w=np.zeros(1),
        kT_t=np.zeros(1),
        mu_f=np.zeros(1),
        parts=parts,
        dimension=model.dimension,
        thickness=given if given is not None or thickness is None else thickness.value,
        field=plan.field.strength,
        direction=np.array([1.0, 0.0, 0.0], dtype=np.complex128),
        measure=model.measure if isinstance(model, WannierModel) else None,
    )
    neel = neel_field(nothing, **_inputs(plan.neel))
    torque_efficiency(neel, _moments(plan.neel, neel))
    if plan.neel.has_dynamics and len(parts) != 2:
        raise JobError(
            f"[neel]: exchange_field asks for the dynamics of two sublattices; there are "
            f"{len(parts)} parts ({', '.join(parts)}). Leave it out, or give two parts."
        )
    if plan.neel.has_dynamics:
        quiet = (np.array([0.0, 1e-3]), np.zeros((2, 2, 3)))
        _dynamics(plan.neel, quiet, after_ps=0.0 if plan.neel.after_ps is not None else None)


def _inputs(section: NeelSection) -> dict[str, Any]:
    names = ("exchange", "moment", "magnetization", "thickness", "signs")
    return {name: getattr(section, name) for name in names}


def _moments(section: NeelSection, neel: NeelField) -> Any:
    if isinstance(section.easy_axis, str):
        return section.easy_axis
    return neel.signs_q[:, None] * np.array(section.easy_axis)


def _dynamics(section: NeelSection, drive: Any, after_ps: float | None = None) -> NeelDynamics:
    assert section.exchange_field is not None
    assert section.anisotropy_field is not None
    return neel_dynamics(
        drive,
        exchange_field=section.exchange_field,
        anisotropy_field=section.anisotropy_field,
        damping=section.damping,
        g_factor=section.g_factor,
        easy_axis=section.easy_axis,
        after_ps=section.after_ps if after_ps is None else after_ps,
    )


def _words_of_fields(neel: NeelField) -> list[str]:
    inputs = ", ".join(
        f"{part}: J_ex {exchange:g} eV, moments {density:.4g} μ_B/nm^{neel.dimension}"
        for part, exchange, density in zip(
            neel.parts, neel.exchange_q, neel.magnetization_q, strict=True
        )
    )
    found = [
        f"effective fields with {inputs}; {neel.electric_field:.3g} V/m, {neel.field_direction}"
    ]
    for w in np.unique([len(neel.omega_w) // 2, len(neel.omega_w) - 1]):
        peaks = []
        for name, field, errors in (
            ("staggered", neel.staggered, neel.staggered_errors),
            ("uniform", neel.uniform, neel.uniform_errors),
        ):
            size = float(peak_length(field.sum(axis=0)[0, 0, w]))
            error = float(np.linalg.norm(errors.sum(axis=0)[0, 0, w]))
            peaks.append(f"{name} {size:.4g} ± {error:.0e} T")
        found.append(f"  at {thz_from_ev(float(neel.omega_w[w])):.3g} THz: {', '.join(peaks)}")
    return found


def _words_of_pulse(spin: SpinPulse, field: FieldPulse | None) -> list[str]:
    error_qs = spin.errors.sum(axis=0)[:, 0, 0]
    pieces = [
        f"ΔS on {part} up to {np.linalg.norm(spin.total[q, 0, 0], axis=-1).max():.3e} ± "
        f"{np.linalg.norm(error_qs[q]):.0e} μ_B/nm^{spin.dimension}"
        for q, part in enumerate(spin.parts)
    ]
    if field is not None:
        for name, value_ta in (("staggered", field.staggered_ta), ("uniform", field.uniform_ta)):
            pieces.append(f"{name} field up to {np.linalg.norm(value_ta, axis=1).max():.3g} T")
    strongest = np.linalg.norm(spin.pulse.field_tb, axis=1).max()
    return [f"pulse up to {strongest:.3g} V/m: {', '.join(pieces)}"]
