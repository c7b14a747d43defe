r"""TBmodels models and their HDF5 files to ours and back.

TBmodels keeps one of :math:`\mathbf R` and :math:`-\mathbf R`, and half of the matrix at home:

.. math::

    H(\mathbf k) = \sum_{\mathbf R} e^{i\mathbf k\cdot\mathbf R} h(\mathbf R) + \text{h.c.},
    \qquad h_{ij}(\mathbf R) = \langle\mathbf 0i|H|\mathbf Rj\rangle
        \;(\mathbf R \ne 0),\ \tfrac12\langle\mathbf 0i|H|\mathbf 0j\rangle\;(\mathbf R = 0)

That is its convention 2, and ours; its convention 1 puts the positions into the phase.  It has
neither spin nor a position matrix.  Files are read without the package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray
from w90spin.errors import FileFormatError, FileMissingError, ModelError, ResultFileError
from w90spin.model.pythtb import diagonal_position, embed_lattice, import_package, warn_of_losses
from w90spin.model.spin import atomic_spin, pairs_from_order
from w90spin.model.wannier import WannierModel
from w90spin.storage import read_tree

ROUNDING = 1e-9
"""Reduced positions nearer to a whole number are that number."""

_REMEDY = "Write it with Model.to_hdf5_file of TBmodels."


def from_tbmodels(
    source: Any,
    *,
    spin_order: str | Sequence[tuple[int, int]] | None = None,
    periodic: tuple[bool, bool, bool] | None = None,
    name: str | None = None,
) -> WannierModel:
    """Build a model from a TBmodels one.

    Parameters
    ----------
    source : tbmodels.Model, or path
        The model, or its HDF5 file.  Its numbers count as eV and Å.
    spin_order : "interlaced", "block" or pairs, optional
        Order of the spin components, which TBmodels does not know: gives the model the spin
        operator of pure spinors.
    periodic : 3 bools, optional
        Directions along which the crystal repeats; by default those that some hopping goes along.
        For TBmodels itself all are.
    name : str, optional
        What reports and results call the model; by default the name of the file.

    Returns
    -------
    WannierModel
        With the positions as centres and position operator; one- and two-dimensional lattices lie
        along x and in the x-y plane of a cell with orthogonal further vectors.

    Raises
    ------
    FileMissingError, FileFormatError
        If the file is not there or holds no TBmodels model.
    ModelError
        If the object is no TBmodels model, or has no unit cell.
    SpinOrderError
        If the order of the spin components is unknown or does not fit.

    Examples
    --------
    ::

        model = from_tbmodels("model.hdf5", spin_order="interlaced")
    """
    inputs = {}
    if isinstance(source, (str, Path)):
        path = Path(source)
        uc, pos_ic, hop = _read_file(path)
        with path.open("rb") as file:
            inputs[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.name if name is None else name
    else:
        try:
            uc, pos_ic = source.uc, np.array(source.pos, dtype=np.float64)
            hop = {tuple(R): _dense(matrix) for R, matrix in source.hop.items()}
        except (AttributeError, TypeError, ValueError) as problem:
            raise ModelError(
                f"A {type(source).__name__} is not a model of TBmodels ({problem}). Give a "
                "tbmodels.Model or the path of its HDF5 file."
            ) from problem
    if uc is None:
        raise ModelError(
            "The TBmodels model has no unit cell, without which k has no length. Make it with uc=."
        )
    n_wann, dimension = pos_ic.shape
    cell_ca = embed_lattice(uc)
    ham = {(0, 0, 0): np.zeros((n_wann, n_wann), dtype=np.complex128)}
    for R, half_ij in hop.items():
        R_c = tuple(int(x) for x in R) + (0,) * (3 - dimension)
        minus_c = tuple(-x for x in R_c)
        for key, matrix_ij in ((R_c, half_ij), (minus_c, half_ij.conj().T)):
            ham[key] = ham.get(key, 0) + matrix_ij
    R_Rc = np.array(list(ham), dtype=np.int64)
    if periodic is None:
        along_c = np.any(R_Rc != 0, axis=0)
        periodic = (bool(along_c[0]), bool(along_c[1]), bool(along_c[2]))
    pairs = None
    if spin_order is not None:
        order = spin_order if isinstance(spin_order, str) else np.array(spin_order)
        pairs = pairs_from_order(order, n_wann)
    model = WannierModel.from_arrays(
        cell_ca,
        R_Rc,
        np.array(list(ham.values())),
        centres=pos_ic @ cell_ca[:dimension],
        periodic=periodic,
        name="TBmodels model" if name is None else name,
        spin_pairs=pairs,
    )
    notes = [
        "From TBmodels: lengths count as Å, energies as eV; the position operator is diagonal."
    ]
    if n_wann > 1 and not pos_ic.any():
        notes.append(
            "All positions are at the cell's origin, as in TBmodels unless pos is given; interband "
            "quantities depend on them."
        )
    if pairs is None:
        notes.append(
            "No spin operator: TBmodels knows none. Give spin_order = 'interlaced' or 'block' for "
            "that of pure spinors."
        )
    else:
        home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
        model = model.with_spin(
            atomic_spin(pairs, home, len(model.R_Rc)), source="pure spinors, spin_order as given"
        )
    return replace(model, inputs=inputs, notes=(*model.notes, *notes))


def to_tbmodels(model: WannierModel, *, occ: int | None = None) -> Any:
    """TBmodels model with the hoppings of a model.

    Parameters
    ----------
    model : WannierModel
        The model.
    occ : int, optional
        Number of occupied states, which TBmodels keeps.

    Returns
    -------
    tbmodels.Model
        Three-dimensional; lengths in Å, energies in eV.  TBmodels moves orbitals into the home
        cell and their hoppings with them; along open directions, where that would cut a slab in
        two, the model is put into the middle of the cell instead.

    Warns
    -----
    W90SpinWarning
        If there is a spin operator, or a position matrix beyond its diagonal.  It says how large.

    Raises
    ------
    ModelError
        If TBmodels is not installed.
    """
    tbmodels = import_package("tbmodels", "making one of its models")
    position_ia, losses = diagonal_position(model)
    if model.spin_Rsij is not None:
        losses.append(f"spin operator ({model.spin_source})")
    warn_of_losses("TBmodels", model, losses)
    hop = {}
    for R_c, ham_ij in zip(model.R_Rc.tolist(), model.ham_Rij, strict=True):
        if tuple(R_c) >= (0, 0, 0):
            hop[tuple(R_c)] = ham_ij.copy() if any(R_c) else 0.5 * ham_ij
    return tbmodels.Model(
        hop=hop,
        pos=_inside(position_ia @ np.linalg.inv(model.cell_ca), model.periodic),
        uc=model.cell_ca.copy(),
        dim=3,
        occ=occ,
        contains_cc=False,
    )


def _inside(pos_ic: FloatArray, periodic: tuple[bool, bool, bool]) -> FloatArray:
    """Reduced positions, moved as a whole along open directions if they leave the home cell."""
    # TBmodels rounds down: -1e-17 would move an orbital by a cell.
    whole_ic = np.rint(pos_ic)
    pos_ic = np.where(np.abs(pos_ic - whole_ic) < ROUNDING, whole_ic, pos_ic)
    low_c, high_c = pos_ic.min(axis=0), pos_ic.max(axis=0)
    leaves_c = ((low_c < 0.0) | (high_c >= 1.0)) & (high_c - low_c < 1.0) & ~np.array(periodic)
    inside_ic: FloatArray = pos_ic + np.where(leaves_c, 0.5 - 0.5 * (low_c + high_c), 0.0)
    return inside_ic


def _read_file(path: Path) -> tuple[Any, Any, dict[tuple[int, ...], ComplexArray]]:
    """Unit cell, reduced positions and hoppings of an HDF5 file."""
    if not path.is_file():
        raise FileMissingError(path, "", "the file is not there.", _REMEDY)
    try:
        tree = read_tree(path)
    except ResultFileError as problem:
        raise FileFormatError(
            path, "", f"it is not a readable HDF5 file ({problem}).", _REMEDY
        ) from problem
    tag = tree.get("type_tag", "tbmodels.model")  # files of TBmodels 1.2 and before have none
    tree = tree.get("tb_model", tree)
    if tag != "tbmodels.model" or "hop" not in tree:
        raise FileFormatError(
            path, "", f"it holds no TBmodels model (type_tag = {tag!r}).", _REMEDY
        )
    try:
        size, dimension = int(tree["size"]), int(tree["dim"])
        hop = {
            tuple(int(x) for x in group["R"]): _matrix(group, size)
            for key, group in tree["hop"].items()
            if isinstance(group, Mapping) and "R" in group
        }
        # Only a hopping of that size shows that the number may be believed.
        pos_ic = np.array(
            tree["pos"] if "pos" in tree or not hop else np.zeros((size, dimension)),
            dtype=np.float64,
        )
        if pos_ic.shape != (size, dimension):
            raise ValueError(_OTHER_SIZE)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
        raise FileFormatError(path, "hop", f"it lacks or garbles {problem}.", _REMEDY) from problem
    return tree.get("uc"), pos_ic, hop


_OTHER_SIZE = "the hoppings and positions are not those of 'size' orbitals"


def _matrix(group: Mapping[str, Any], size: int) -> ComplexArray:
    """A dense matrix, or one in compressed rows."""
    if "mat" in group:
        matrix_ij = np.array(group["mat"], dtype=np.complex128)
        if matrix_ij.shape != (size, size):
            raise ValueError(_OTHER_SIZE)
        return matrix_ij
    if tuple(int(x) for x in group["shape"]) != (size, size) or len(group["indptr"]) != size + 1:
        raise ValueError(_OTHER_SIZE)
    matrix_ij = np.zeros((size, size), dtype=np.complex128)
    row_p = np.repeat(np.arange(size), np.diff(group["indptr"]))
    np.add.at(matrix_ij, (row_p, np.asarray(group["indices"])), group["data"])
    return matrix_ij


def _dense(matrix: Any) -> ComplexArray:
    return np.array(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.complex128)
