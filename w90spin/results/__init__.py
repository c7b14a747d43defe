"""Labelled tensors with units, errors and provenance; their file and their exports."""

from w90spin.results.fermi_surface import FermiSurface
from w90spin.results.quantum_geometry import QuantumGeometry
from w90spin.results.result import BandPath, KMap, ResponseResult, Result, Tensor, load_result

__all__ = [
    "BandPath",
    "FermiSurface",
    "KMap",
    "QuantumGeometry",
    "ResponseResult",
    "Result",
    "Tensor",
    "load_result",
]
