"""Results into what an experimenter quotes."""

from w90spin.derive.induced_spin import InducedSpin, induced_spin
from w90spin.derive.symmetry_form import SymmetryForm, symmetry_form

__all__ = ["InducedSpin", "SymmetryForm", "induced_spin", "symmetry_form"]
