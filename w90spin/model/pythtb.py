r"""PythTB models to ours and back.

Both count a hopping as :math:`\langle\mathbf 0i|H|\mathbf Rj\rangle`.  PythTB puts the orbital
positions into the phase, :math:`e^{i\mathbf k\cdot(\mathbf R+\mathbf t_j-\mathbf t_i)}`, a model
into the position operator: the same bands, and the same interband quantities.  A spinful PythTB
orbital is two neighbouring states, up then down.  PythTB is imported only to make one of its
models; reading one asks only for its attributes.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import ModelError, W90SpinWarning
from w90spin.model.spin import atomic_spin
from w90spin.model.wannier import WannierModel

LOSS = 1e-6
"""What a PythTB or TBmodels model cannot hold is named in a warning above this. [Å, eV, 1]"""


def from_pythtb(tb: Any, *, name: str = "PythTB model") -> WannierModel:
    """Build a model from a PythTB one.

    Parameters
    ----------
    tb : pythtb.TBModel or pythtb.tb_model
        The model, of PythTB 2 or 1.8; every parameter has its value.  Its numbers count as eV and
        Å.
    name : str
        What reports and results call the model.

    Returns
    -------
    WannierModel
        With the orbital positions as centres and position operator; one- and two-dimensional
        lattices lie along x and in the x-y plane of a cell with orthogonal further vectors.  A
        spinful model has the Pauli matrices as spin operator and its orbitals as pairs.

    Raises
    ------
    ModelError
        If the object is no PythTB model, has open parameters, or has more than three dimensions.

    Examples
    --------
    ::

        tb = pythtb.TBModel(pythtb.Lattice([[2.0]], [[0.0], [0.4]], [0]), spinful=True)
        tb.set_hop(-1.0, 0, 1, [0])
        tb.set_hop(-0.8, 1, 0, [1])
        model = from_pythtb(tb)  # 4 Wannier functions, 1 periodic direction
    """
    content = _read(tb)
    n_spin = 2 if content.spinful else 1
    n_states = n_spin * len(content.orbital_ic)
    cell_ca = embed_lattice(content.lattice_ca)
    periodic_c = np.isin(np.arange(3), content.periodic_dirs)
    home = (0, 0, 0)
    ham: dict[tuple[int, ...], ComplexArray] = {home: np.zeros((n_states, n_states), complex)}
    for i, energy in enumerate(content.onsite):
        block = slice(n_spin * i, n_spin * (i + 1))
        ham[home][block, block] += energy
    for amplitude, i, j, R in content.hoppings:
        # Components along open directions may be there (PythTB 1.8) and do nothing.
        R_c = np.where(periodic_c, _padded(R), 0)
        rows, cols = (slice(n_spin * x, n_spin * (x + 1)) for x in (i, j))
        block_ss = np.asarray(amplitude, dtype=np.complex128).reshape(n_spin, n_spin)
        for vector_c, row, col, value in (
            (R_c, rows, cols, block_ss),
            (-R_c, cols, rows, block_ss.conj().T),
        ):
            key = tuple(vector_c.tolist())
            if key not in ham:
                ham[key] = np.zeros((n_states, n_states), dtype=np.complex128)
            ham[key][row, col] += value
    centres_ia = content.orbital_ic @ cell_ca[: content.orbital_ic.shape[1]]
    model = WannierModel.from_arrays(
        cell_ca,
        list(ham),
        np.array(list(ham.values())),
        centres=np.repeat(centres_ia, n_spin, axis=0),
        periodic=(bool(periodic_c[0]), bool(periodic_c[1]), bool(periodic_c[2])),
        name=name,
    )
    notes = ["From PythTB: lengths count as Å, energies as eV; the position operator is diagonal."]
    if not content.diagonal_position:
        notes.append(
            "PythTB read this model from Wannier90, whose position matrix it leaves out; load the "
            "Wannier90 files themselves for interband quantities."
        )
    if not content.spinful:
        return replace(model, notes=(*model.notes, *notes))
    pairs = np.arange(n_states).reshape(-1, 2)
    at_home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    return replace(
        model,
        spin_Rsij=atomic_spin(pairs, at_home, len(model.R_Rc)),
        spin_source="spin components of PythTB",
        spin_pairs=pairs,
        notes=(*model.notes, *notes),
    )


def to_pythtb(model: WannierModel, *, spinful: bool | None = None, smallest: float = 0.0) -> Any:
    """PythTB model with the hoppings of a model.

    Parameters
    ----------
    model : WannierModel
        The model.
    spinful : bool, optional
        Two spin components per orbital, state 2p + s being Wannier function
        ``model.spin_pairs[p, s]``; without them every Wannier function is an orbital.  By default
        spinful where the model has a spin operator and knows the pairs.
    smallest : float
        Hoppings (spinful: 2x2 blocks) with no larger element are left out. [eV]

    Returns
    -------
    pythtb.TBModel, or pythtb.tb_model
        The latter with PythTB 1.8.  Three-dimensional in real space; lengths in Å, energies in eV.

    Warns
    -----
    W90SpinWarning
        If something does not fit in: the position matrix beyond its diagonal, a spin operator
        that is not Pauli matrices, two different centres of one orbital.  It says how large.

    Raises
    ------
    ModelError
        If PythTB is not installed, the lattice vectors are left-handed, or pairs are asked for
        and not known.
    """
    if spinful is None:
        spinful = model.spin_Rsij is not None and model.spin_pairs is not None
    if spinful and model.spin_pairs is None:
        raise ModelError(
            f"Model '{model.name}' does not know which Wannier functions are spin components of "
            "one orbital (spin_pairs), which spinful = True needs. Load it with spin_order=, or "
            "take spinful = False."
        )
    if np.linalg.det(model.cell_ca) < 0.0:
        raise ModelError(
            f"The lattice vectors of model '{model.name}' are left-handed, which PythTB refuses. "
            "Swap two of them in the input of the calculation."
        )
    pythtb = import_package("pythtb", "making one of its models")
    n_spin = 2 if spinful else 1
    pairs = model.spin_pairs if spinful else None
    order_i = np.arange(model.n_wann) if pairs is None else pairs.ravel()
    n_orbitals = model.n_wann // n_spin
    ham_Ripjq = model.ham_Rij[:, order_i][:, :, order_i].reshape(
        -1, n_orbitals, n_spin, n_orbitals, n_spin
    )
    blocks_Rijpq = ham_Ripjq.transpose(0, 1, 3, 2, 4)
    position_ia, losses = diagonal_position(model)
    site_isa = position_ia[order_i].reshape(n_orbitals, n_spin, 3)
    orbital_ic = site_isa.mean(axis=1) @ np.linalg.inv(model.cell_ca)
    apart = float(np.abs(site_isa - site_isa.mean(axis=1, keepdims=True)).max())
    if apart > LOSS:
        losses.append(
            f"distances of the centres of up and down from their mean, up to {apart:.2g} Å"
        )
    losses += _spin_losses(model, pairs)

    home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    diagonal = np.arange(n_orbitals)
    onsite = blocks_Rijpq[home][diagonal, diagonal]
    tb = _empty(pythtb, model, orbital_ic, spinful)
    tb.set_onsite(list(onsite) if spinful else onsite[:, 0, 0].real.tolist())
    # PythTB adds the adjoint itself: one of R and -R, and at home the upper triangle.
    forward_R = np.array([tuple(R_c) > (0, 0, 0) for R_c in model.R_Rc.tolist()])
    size_Rij = np.abs(blocks_Rijpq).max(axis=(-2, -1))
    wanted_Rij = (size_Rij > smallest) & forward_R[:, None, None]
    wanted_Rij[home] = np.triu(size_Rij[home] > smallest, 1)
    for index, i, j in np.argwhere(wanted_Rij).tolist():
        block_pq = blocks_Rijpq[index, i, j]
        # Each hopping comes once, so that PythTB 1.8 need not look for its adjoint.
        tb.set_hop(
            block_pq if spinful else complex(block_pq[0, 0]),
            i,
            j,
            model.R_Rc[index].tolist() if model.dimension else None,
            allow_conjugate_pair=True,
        )
    left_out_Rij = (size_Rij <= smallest) & (size_Rij > 0.0)
    left_out_Rij[home, diagonal, diagonal] = False
    if left_out_Rij.any():
        losses.append(f"hoppings up to {size_Rij[left_out_Rij].max():.2g} eV, as asked")
    warn_of_losses("PythTB", model, losses)
    return tb


def embed_lattice(lattice_ca: ArrayLike) -> FloatArray:
    """Three lattice vectors from fewer in fewer dimensions.

    Parameters
    ----------
    lattice_ca : float array (c, a)
        One to three vectors in as many dimensions, or none. [Å]

    Returns
    -------
    float array (3, 3)
        Further vectors are orthogonal and as long as the longest given.

    Examples
    --------
    >>> embed_lattice([[2.0, 0.0], [1.0, 1.0]]).tolist()
    [[2.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    """
    given_ca = np.asarray(lattice_ca, dtype=np.float64)
    dimension = len(given_ca)
    if dimension > 3:
        raise ModelError(f"The lattice has {dimension} dimensions; a model has at most 3.")
    longest = np.linalg.norm(given_ca, axis=1).max() if dimension else 1.0
    cell_ca: FloatArray = longest * np.eye(3)
    cell_ca[:dimension, :dimension] = given_ca.reshape(dimension, dimension)
    return cell_ca


def diagonal_position(model: WannierModel) -> tuple[FloatArray, list[str]]:
    """Diagonal of the position operator at home, and how large the rest is.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    position_ia : float array (i, a)
        [Å]
    losses : list of str
        What is lost without the rest, in words; empty if nothing.
    """
    rest_Raij = model.pos_Raij.copy()
    home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    diagonal = np.arange(model.n_wann)
    position_ia: FloatArray = rest_Raij[home][:, diagonal, diagonal].real.T
    rest_Raij[home][:, diagonal, diagonal] = 0.0
    largest = float(np.abs(rest_Raij).max(initial=0.0))
    if largest <= LOSS:
        return position_ia, []
    return position_ia, [f"position matrix beyond its diagonal, up to {largest:.2g} Å"]


def warn_of_losses(package: str, model: WannierModel, losses: list[str]) -> None:
    """Warn of what another package's model cannot hold.

    Parameters
    ----------
    package : str
        Its name.
    model : WannierModel
        The model.
    losses : list of str
        What is lost, in words; no warning if empty.
    """
    if losses:
        warnings.warn(
            f"{package} has no place for all of model '{model.name}'. Left out: "
            f"{'; '.join(losses)}. Compute with the model itself what depends on them.",
            W90SpinWarning,
            stacklevel=3,
        )


def import_package(package: str, purpose: str) -> ModuleType:
    """Import an optional package, or say how to get it.

    Parameters
    ----------
    package : str
        Its name.
    purpose : str
        What needs it.

    Returns
    -------
    module

    Raises
    ------
    ModelError
        If it cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as problem:
        raise ModelError(
            f"{package} cannot be imported ({problem}), which {purpose} needs. Install it: "
            f"pip install {package}."
        ) from problem


@dataclass(frozen=True, eq=False)
class _Content:
    """What a PythTB model says, whatever its version."""

    lattice_ca: FloatArray
    orbital_ic: FloatArray
    periodic_dirs: list[int]
    spinful: bool
    onsite: list[Any]
    hoppings: list[tuple[Any, int, int, Any]]
    diagonal_position: bool


def _read(tb: Any) -> _Content:
    if hasattr(tb, "lattice") and hasattr(tb, "hoppings"):
        names = sorted({name for entry in tb.parameters for name in entry["names"]})
        if names:
            raise ModelError(
                f"The PythTB model depends on {', '.join(names)}, of no value yet. Give "
                "tb.with_parameters(...) instead of tb."
            )
        return _Content(
            lattice_ca=np.asarray(tb.lattice.lat_vecs, dtype=np.float64),
            orbital_ic=np.asarray(tb.lattice.orb_vecs, dtype=np.float64),
            periodic_dirs=[int(axis) for axis in tb.lattice.periodic_dirs],
            spinful=bool(tb.spinful),
            onsite=list(tb.onsite),
            hoppings=[
                (
                    hop["amplitude"],
                    hop["from_orbital"],
                    hop["to_orbital"],
                    hop.get("lattice_vector", ()),
                )
                for hop in tb.hoppings
            ],
            diagonal_position=bool(tb.assume_position_operator_diagonal),
        )
    if hasattr(tb, "_hoppings") and hasattr(tb, "_site_energies"):
        return _Content(
            lattice_ca=np.asarray(tb._lat, dtype=np.float64),
            orbital_ic=np.asarray(tb._orb, dtype=np.float64),
            periodic_dirs=[int(axis) for axis in tb._per],
            spinful=tb._nspin == 2,
            onsite=list(tb._site_energies),
            hoppings=[(*hop[:3], hop[3] if len(hop) > 3 else ()) for hop in tb._hoppings],
            diagonal_position=bool(getattr(tb, "_assume_position_operator_diagonal", True)),
        )
    raise ModelError(
        f"A {type(tb).__name__} is not a tight-binding model of PythTB. Give a pythtb.TBModel, or "
        "a pythtb.tb_model of version 1.8."
    )


def _padded(R: Any) -> IntArray:
    R_c = np.zeros(3, dtype=np.int64)
    R_c[: len(R)] = R
    return R_c


def _empty(pythtb: ModuleType, model: WannierModel, orbital_ic: FloatArray, spinful: bool) -> Any:
    """A PythTB model without hoppings: of version 2 where there is one."""
    periodic_dirs = [axis for axis in range(3) if model.periodic[axis]]
    if hasattr(pythtb, "TBModel"):
        lattice = pythtb.Lattice(model.cell_ca.copy(), orbital_ic, periodic_dirs)
        return pythtb.TBModel(lattice, spinful=spinful)
    n_spin = 2 if spinful else 1
    return pythtb.tb_model(
        len(periodic_dirs), 3, model.cell_ca, orbital_ic, per=periodic_dirs, nspin=n_spin
    )


def _spin_losses(model: WannierModel, pairs: IntArray | None) -> list[str]:
    if model.spin_Rsij is None:
        return []
    if pairs is None:
        return [f"spin operator ({model.spin_source})"]
    home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    pure_Rsij = atomic_spin(pairs, home, len(model.R_Rc))
    largest = float(np.abs(model.spin_Rsij - pure_Rsij).max())
    if largest <= LOSS:
        return []
    return [
        f"difference of the spin operator ({model.spin_source}) from Pauli matrices, up to "
        f"{largest:.2g}"
    ]
