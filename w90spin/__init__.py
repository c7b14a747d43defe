"""w90spin: spin responses of real materials from Wannier functions.

>>> import w90spin as ws
>>> model = ws.toys.pt_antiferromagnet()
>>> res = ws.compute(model, [ws.SpinPolarizability(omega_w=[0.0, 0.1], mu_f=0.0)])
>>> res["upsilon1"].values.shape  # part, kT, mu, omega, spin, field
(1, 1, 1, 2, 3, 3)
"""

from importlib.metadata import PackageNotFoundError, version

from w90spin.compute import compute
from w90spin.derive import (
    EdelsteinSpin,
    FieldPulse,
    InducedSpin,
    NeelDynamics,
    NeelField,
    ProperReport,
    Pulse,
    SpinPulse,
    TorqueEfficiency,
    at_relaxation_time,
    edelstein_spin,
    in_unit,
    induced_spin,
    neel_dynamics,
    neel_field,
    proper_report,
    pulsed_field,
    pulsed_spin,
    resonance_frequency,
    torque_efficiency,
)
from w90spin.errors import W90SpinError, W90SpinWarning
from w90spin.inspection import model_report
from w90spin.integrate import AdaptiveTree, AutoMesh, Iterated, PeriodicMesh, UniformMesh
from w90spin.integrate.symmetry import SymmetryTolerance
from w90spin.model import toys
from w90spin.model.berri import berri_symmetrised, from_system, to_system
from w90spin.model.closest import load_closest
from w90spin.model.continuum import ContinuumModel
from w90spin.model.file import save_model
from w90spin.model.load import load_model
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.orbitals import Orbital, spinor_orbitals
from w90spin.model.partition import Partition, load_projected_partition, partition
from w90spin.model.pythtb import from_pythtb, to_pythtb
from w90spin.model.symmetrise import measure_symmetry, part_permutation, symmetrised
from w90spin.model.symmetry import magnetic_group
from w90spin.model.tbmodels import from_tbmodels, to_tbmodels
from w90spin.model.tensor_form import TensorForm
from w90spin.model.wannier import Structure, WannierModel
from w90spin.response import (
    AnomalousHall,
    Edelstein,
    MagneticSpinHall,
    ProperSpinHall,
    SpinGeometry,
    SpinHall,
    SpinMoment,
    SpinPolarizability,
    ZeemanGeometry,
)
from w90spin.results import (
    BandPath,
    FermiSurface,
    KMap,
    QuantumGeometry,
    Result,
    Tensor,
    load_result,
)
from w90spin.sample import band_path, fermi_surface, quantum_geometry_at, zone_map
from w90spin.scan import DegeneracyScan, degeneracy_scan
from w90spin.units import ev_from_thz, thz_from_ev

try:
    __version__ = version("w90spin")
except PackageNotFoundError:
    __version__ = "0+unknown"

__all__ = [
    "AdaptiveTree",
    "AnomalousHall",
    "AutoMesh",
    "BandPath",
    "ContinuumModel",
    "DegeneracyScan",
    "Edelstein",
    "EdelsteinSpin",
    "FermiSurface",
    "FieldPulse",
    "InducedSpin",
    "Iterated",
    "KMap",
    "MagneticGroup",
    "MagneticSpinHall",
    "NeelDynamics",
    "NeelField",
    "Orbital",
    "Partition",
    "PeriodicMesh",
    "ProperReport",
    "ProperSpinHall",
    "Pulse",
    "QuantumGeometry",
    "Result",
    "SpinGeometry",
    "SpinHall",
    "SpinMoment",
    "SpinPolarizability",
    "SpinPulse",
    "Structure",
    "SymmetryOperation",
    "SymmetryTolerance",
    "Tensor",
    "TensorForm",
    "TorqueEfficiency",
    "UniformMesh",
    "W90SpinError",
    "W90SpinWarning",
    "WannierModel",
    "ZeemanGeometry",
    "__version__",
    "at_relaxation_time",
    "band_path",
    "berri_symmetrised",
    "compute",
    "degeneracy_scan",
    "edelstein_spin",
    "ev_from_thz",
    "fermi_surface",
    "from_pythtb",
    "from_system",
    "from_tbmodels",
    "in_unit",
    "induced_spin",
    "load_closest",
    "load_model",
    "load_projected_partition",
    "load_result",
    "magnetic_group",
    "measure_symmetry",
    "model_report",
    "neel_dynamics",
    "neel_field",
    "part_permutation",
    "partition",
    "proper_report",
    "pulsed_field",
    "pulsed_spin",
    "quantum_geometry_at",
    "resonance_frequency",
    "save_model",
    "spinor_orbitals",
    "symmetrised",
    "thz_from_ev",
    "to_pythtb",
    "to_system",
    "to_tbmodels",
    "torque_efficiency",
    "toys",
    "zone_map",
]
