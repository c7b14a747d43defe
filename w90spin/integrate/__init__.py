"""Zone integrals: meshes, convergence, symmetry of the integral, and the driver over ranks."""

from w90spin.integrate.mesh import AutoMesh, UniformMesh

__all__ = ["AutoMesh", "UniformMesh"]
