r"""Small lattice models with known symmetry and closed forms, for tests and first tries.

Everywhere :math:`x_c = \mathbf k\cdot\mathbf a_c` (or x, y, z in orthogonal cells) is the phase
along lattice vector c, σ is the spin and τ the orbital or sublattice; basis functions come
orbital by orbital, up before down.  Energies are in eV, lengths in Å.  Toys that end in ``_kp``
are continuum models.  ``docs/toys.md`` has the list with what is known of each.
"""

from w90spin.model.toys.antiferromagnets import (
    altermagnet,
    ferrimagnet,
    pt_antiferromagnet,
    tt_antiferromagnet,
)
from w90spin.model.toys.dirac import dirac_lattice, qwz
from w90spin.model.toys.electron_gas import rashba_square, square_lattice
from w90spin.model.toys.flat import flat_band
from w90spin.model.toys.hole_gas import hole_gas_kp
from w90spin.model.toys.honeycomb import haldane, kane_mele
from w90spin.model.toys.kp import (
    bhz_kp,
    bi2se3_kp,
    dirac_kp,
    dresselhaus_kp,
    electron_gas_kp,
    luttinger_kp,
    rashba_kp,
)
from w90spin.model.toys.random_hoppings import random_model
from w90spin.model.toys.semiconductors import bhz, bi2se3, luttinger
from w90spin.model.toys.semimetals import nodal_line, weyl_pair

__all__ = [
    "altermagnet",
    "bhz",
    "bhz_kp",
    "bi2se3",
    "bi2se3_kp",
    "dirac_kp",
    "dirac_lattice",
    "dresselhaus_kp",
    "electron_gas_kp",
    "ferrimagnet",
    "flat_band",
    "haldane",
    "hole_gas_kp",
    "kane_mele",
    "luttinger",
    "luttinger_kp",
    "nodal_line",
    "pt_antiferromagnet",
    "qwz",
    "random_model",
    "rashba_kp",
    "rashba_square",
    "square_lattice",
    "tt_antiferromagnet",
    "weyl_pair",
]
