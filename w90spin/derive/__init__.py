"""Results into what an experimenter quotes."""

from w90spin.derive.induced_spin import InducedSpin, induced_spin

__all__ = ["InducedSpin", "induced_spin"]
