"""Results into what an experimenter quotes."""

from w90spin.derive.edelstein import EdelsteinSpin, edelstein_spin
from w90spin.derive.induced_spin import InducedSpin, induced_spin
from w90spin.derive.neel_field import NeelField, TorqueEfficiency, neel_field, torque_efficiency
from w90spin.derive.proper_spin_hall import ProperReport, check_lines, proper_report
from w90spin.derive.pulse import FieldPulse, Pulse, SpinPulse, pulsed_field, pulsed_spin
from w90spin.derive.records import neel_record, pulse_record
from w90spin.derive.spin_conductivity import spin_conductivity
from w90spin.derive.switching import NeelDynamics, neel_dynamics, resonance_frequency
from w90spin.derive.symmetry_form import SymmetryForm, symmetry_form

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
    "check_lines",
    "edelstein_spin",
    "induced_spin",
    "neel_dynamics",
    "neel_field",
    "neel_record",
    "proper_report",
    "pulse_record",
    "pulsed_field",
    "pulsed_spin",
    "resonance_frequency",
    "spin_conductivity",
    "symmetry_form",
    "torque_efficiency",
]
