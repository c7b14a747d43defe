"""What is derived from a result as labelled tensors, to be kept in its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from w90spin.arrays import AnyNumberArray, FloatArray
from w90spin.derive.neel_field import NeelField, TorqueEfficiency
from w90spin.derive.pulse import FieldPulse, SpinPulse
from w90spin.derive.switching import NeelDynamics
from w90spin.response.claims import Axis
from w90spin.results.result import ResponseResult, Tensor
from w90spin.units import SPIN_AXES

REFERENCE = "X. Feng et al., arXiv:2409.09669"

_ORDER = Axis("order", (0, 1, 2), "", "order of the field's time derivative")
_AXIS = Axis("axis", SPIN_AXES, "", "Cartesian component")
_DENSITY = {1: "μ_B/nm", 2: "μ_B/nm²", 3: "μ_B/nm³"}


def neel_record(neel: NeelField, torque: TorqueEfficiency) -> ResponseResult:
    """Effective fields and torques as tensors.

    Parameters
    ----------
    neel : NeelField
        The fields.
    torque : TorqueEfficiency
        The torques.

    Returns
    -------
    ResponseResult
        Tensors "field", "staggered", "uniform" and "torque_efficiency", with the inputs among the
        parameters.
    """
    part = Axis("part", neel.parts, "", "sublattice")
    where = (
        Axis("kT", tuple(neel.kT_t.tolist()), "eV", "temperature of the occupations"),
        Axis("mu", tuple(neel.mu_f.tolist()), "eV", "Fermi level"),
        Axis("omega", tuple(neel.omega_w.tolist()), "eV", "photon energy"),
        _AXIS,
    )
    mean = "mean of the effective fields over the sublattices"
    return ResponseResult(
        name="neel_field",
        title="Effective magnetic fields on the sublattices",
        reference=REFERENCE,
        parameters={
            "exchange_eV": neel.exchange_q.tolist(),
            f"magnetization_μ_B/nm^{neel.dimension}": neel.magnetization_q.tolist(),
            "signs": neel.signs_q.tolist(),
            "electric_field_V/m": neel.electric_field,
            "field_direction": neel.field_direction,
        },
        tensors=_named(
            _tensor(
                "field", "B", (neel.field, neel.errors), (_ORDER, part, *where), "T",
                "amplitude of the effective field on the moments of each sublattice",
            ),
            _tensor(
                "staggered", "B_N", (neel.staggered, neel.staggered_errors), (_ORDER, *where), "T",
                f"{mean} with the signs of the moments",
            ),
            _tensor(
                "uniform", "B_u", (neel.uniform, neel.uniform_errors), (_ORDER, *where), "T", mean,
            ),
            _tensor(
                "torque_efficiency", "ξ", (torque.values, torque.errors), (_ORDER, part, *where),
                torque.unit, "torque on each sublattice per electric field, in units of ħ/2e",
            ),
        ),
    )  # fmt: skip


def pulse_record(
    spin: SpinPulse, field: FieldPulse | None = None, dynamics: NeelDynamics | None = None
) -> ResponseResult:
    """Spin density, effective fields and dynamics in the course of a pulse as tensors.

    Parameters
    ----------
    spin : SpinPulse
        The spin density.
    field : FieldPulse, optional
        Effective fields.
    dynamics : NeelDynamics, optional
        Motion of the moments, on its own axis of time; errors, which are not known, are NaN.

    Returns
    -------
    ResponseResult
        Tensors "electric_field", "spin", and of what is given "field" and "moments".
    """
    time = Axis("time", tuple(spin.time_t.tolist()), "ps", "time")
    part = Axis("part", spin.parts, "", "part of the cell")
    electric_tb = spin.pulse.field_tb
    head = (
        Axis("kT", tuple(spin.kT_t.tolist()), "eV", "temperature of the occupations"),
        Axis("mu", tuple(spin.mu_f.tolist()), "eV", "Fermi level"),
    )
    spin_errors = np.broadcast_to(spin.errors[..., None, :], spin.delta.shape)
    tensors = [
        _tensor(
            "electric_field", "E", (electric_tb, np.zeros(electric_tb.shape)), (time, _AXIS), "V/m",
            "electric field",
        ),
        _tensor(
            "spin", "ΔS", (spin.delta, spin_errors), (_ORDER, part, *head, time, _AXIS),
            _DENSITY[spin.dimension], "density of ⟨σ⟩",
        ),
    ]  # fmt: skip
    parameters: dict[str, object] = {}
    if field is not None:
        errors = np.broadcast_to(field.errors_qa, field.field_tqa.shape)
        tensors.append(
            _tensor(
                "field", "B", (field.field_tqa, errors), (time, part, _AXIS), "T",
                "effective field on the moments of each sublattice",
            )
        )  # fmt: skip
    if dynamics is not None:
        parameters = {
            "exchange_field_T": dynamics.exchange_field_q.tolist(),
            "anisotropy_field_T": dynamics.anisotropy_field_q.tolist(),
            "damping": dynamics.damping_q.tolist(),
            "g_factor": dynamics.g_factor_q.tolist(),
            "easy_axis": dynamics.easy_axis_a.tolist(),
            "switched": dynamics.switched,
        }
        unknown = np.full(dynamics.moments_tqa.shape, np.nan)
        all_times = Axis("time", tuple(dynamics.time_t.tolist()), "ps", "time")
        tensors.append(
            _tensor(
                "moments", "m", (dynamics.moments_tqa, unknown), (all_times, part, _AXIS), "",
                "unit vectors along the moments",
            )
        )  # fmt: skip
    return ResponseResult(
        name="pulse",
        title="Spin density and effective fields in the course of a pulse",
        reference=REFERENCE,
        parameters=parameters,
        tensors=_named(*tensors),
    )


def _tensor(
    name: str,
    symbol: str,
    numbers: tuple[AnyNumberArray, FloatArray],
    axes: Sequence[Axis],
    unit: str,
    description: str,
) -> Tensor:
    return Tensor(name, symbol, *numbers, tuple(axes), unit, description)


def _named(*tensors: Tensor) -> Mapping[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors}
