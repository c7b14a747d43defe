"""One response a file: parameters, claims, and the integrand at a batch of Bloch states.

A response never sees weights, meshes, ranks or files.
"""

from w90spin.response.anomalous_hall import AnomalousHall
from w90spin.response.claims import Claims, Response, TensorClaim
from w90spin.response.fermi_surface import Edelstein, MagneticSpinHall
from w90spin.response.proper_spin_hall import ProperSpinHall
from w90spin.response.quantum_geometry import SpinGeometry, ZeemanGeometry
from w90spin.response.spin_hall import SpinHall
from w90spin.response.spin_moment import SpinMoment
from w90spin.response.spin_polarizability import SpinPolarizability

RESPONSES: dict[str, type[Response]] = {
    "spin_polarizability": SpinPolarizability,
    "spin_hall": SpinHall,
    "edelstein": Edelstein,
    "magnetic_spin_hall": MagneticSpinHall,
    "anomalous_hall": AnomalousHall,
    "spin_moment": SpinMoment,
    "spin_geometry": SpinGeometry,
    "zeeman_geometry": ZeemanGeometry,
    "proper_spin_hall": ProperSpinHall,
}
"""Every response by the name that job files use."""

__all__ = [
    "RESPONSES",
    "AnomalousHall",
    "Claims",
    "Edelstein",
    "MagneticSpinHall",
    "ProperSpinHall",
    "Response",
    "SpinGeometry",
    "SpinHall",
    "SpinMoment",
    "SpinPolarizability",
    "TensorClaim",
    "ZeemanGeometry",
]
