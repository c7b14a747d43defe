"""Zone integrals: rules, their errors, symmetry of the integral, and the driver over ranks."""

from w90spin.integrate.rules import (
    AdaptiveTree,
    AutoMesh,
    Iterated,
    PeriodicMesh,
    Rule,
    UniformMesh,
)

__all__ = ["AdaptiveTree", "AutoMesh", "Iterated", "PeriodicMesh", "Rule", "UniformMesh"]
