"""One response a file: parameters, claims, and the integrand at a batch of Bloch states.

A response never sees weights, meshes, ranks or files.
"""

from w90spin.response.claims import Claims, Response, TensorClaim
from w90spin.response.spin_polarizability import SpinPolarizability

RESPONSES: dict[str, type[Response]] = {"spin_polarizability": SpinPolarizability}
"""Every response by the name that job files use."""

__all__ = ["RESPONSES", "Claims", "Response", "SpinPolarizability", "TensorClaim"]
