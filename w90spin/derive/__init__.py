"""Results into what an experimenter quotes."""

from w90spin.derive.conductivity import can_be_in, in_unit, is_quoted_unit, quoted_units
from w90spin.derive.edelstein import EdelsteinSpin, edelstein_spin
from w90spin.derive.induced_spin import InducedSpin, induced_spin
from w90spin.derive.neel_field import NeelField, TorqueEfficiency, neel_field, torque_efficiency
from w90spin.derive.proper_spin_hall import ProperReport, check_lines, proper_report
from w90spin.derive.pulse import FieldPulse, Pulse, SpinPulse, pulsed_field, pulsed_spin
from w90spin.derive.records import neel_record, pulse_record
from w90spin.derive.relaxation import (
    at_relaxation_time,
    is_per_relaxation_time,
    with_relaxation_time,
)
from w90spin.derive.switching import NeelDynamics, neel_dynamics, resonance_frequency
from w90spin.derive.symmetry_form import SymmetryForm, symmetry_form, symmetry_forms

__all__ = [
    "EdelsteinSpin",
    "FieldPulse",
    "InducedSpin",
    "NeelDynamics",
    "NeelField",
    "ProperReport",
    "Pulse",
    "SpinPulse",
    "SymmetryForm",
    "TorqueEfficiency",
    "at_relaxation_time",
    "can_be_in",
    "check_lines",
    "edelstein_spin",
    "in_unit",
    "induced_spin",
    "is_per_relaxation_time",
    "is_quoted_unit",
    "neel_dynamics",
    "neel_field",
    "neel_record",
    "proper_report",
    "pulse_record",
    "pulsed_field",
    "pulsed_spin",
    "quoted_units",
    "resonance_frequency",
    "symmetry_form",
    "symmetry_forms",
    "torque_efficiency",
    "with_relaxation_time",
]
