"""The package's own model file, `.w90.h5`: mapped into memory, not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from w90spin.errors import ModelError, ResultFileError
from w90spin.model.orbitals import Orbital, as_vector
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.model.wannier import Structure, WannierModel
from w90spin.storage import ATTRIBUTES, read_format, write_tree

SUFFIX = ".w90.h5"
FORMAT = "w90spin-model"
FORMAT_VERSION = 1

ORBITAL_FIELDS = ("site_c", "l", "mr", "spin", "z_axis_a", "x_axis_a", "radial", "zona")
"""Datasets of the group "orbitals", one row for each Wannier function."""


def save_model(model: WannierModel, path: Path | str) -> Path:
    """Write a model, atomically.

    Parameters
    ----------
    model : WannierModel
        The model.
    path : path
        Where; its name must end in `.w90.h5`, by which :func:`w90spin.load_model` knows it.

    Returns
    -------
    Path

    Raises
    ------
    ResultFileError
        If the name ends otherwise or the file cannot be written.
    """
    if not isinstance(model, WannierModel):
        raise ModelError(
            f"{path}: a model file holds a WannierModel, not a {type(model).__name__}. Of a k·p "
            "model save the lattice form, model.lattice(a)."
        )
    path = Path(path)
    if not path.name.endswith(SUFFIX):
        raise ResultFileError(f"{path}: the name of a model file ends in {SUFFIX}.")
    tree: dict[str, Any] = {
        ATTRIBUTES: {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": model.name,
            "periodic": [int(repeats) for repeats in model.periodic],
            "spin_source": model.spin_source,
            "sha256": model.fingerprint,
            "hermiticity": json.dumps(dict(model.hermiticity)),
            "inputs": json.dumps(dict(model.inputs)),
            "notes": json.dumps(model.notes),
            "frozen_window": json.dumps(model.frozen_window),
            "spin_quality": json.dumps(dict(model.spin_quality)),
        },
        "cell": model.cell_ca,
        "cell@": {"unit": "Å", "axes": ["c", "a"]},
        "R": model.R_Rc,
        "R@": {"axes": ["R", "c"]},
        "hamiltonian": model.ham_Rij,
        "hamiltonian@": {"unit": "eV", "axes": ["R", "i", "j"]},
        "position": model.pos_Raij,
        "position@": {"unit": "Å", "axes": ["R", "a", "i", "j"]},
        "centres": model.centres_ia,
        "centres@": {"unit": "Å", "axes": ["i", "a"]},
    }
    if model.spin_Rsij is not None:
        tree["spin"] = model.spin_Rsij
        tree["spin@"] = {"unit": "", "axes": ["R", "s", "i", "j"], "description": "Pauli matrices"}
    if model.spin_current:
        tree["spin_current"] = {
            current: _spin_current_tree(operators)
            for current, operators in model.spin_current.items()
        }
    if model.spin_pairs is not None:
        tree["spin_pairs"] = model.spin_pairs
    if model.structure is not None:
        tree["atoms"] = {
            "symbols": list(model.structure.symbols),
            "positions": model.structure.positions_xa,
            "positions@": {"unit": "Å", "axes": ["x", "a"]},
        }
        if model.structure.moments_xa is not None:
            tree["atoms"]["moments"] = model.structure.moments_xa
            tree["atoms"]["moments@"] = {"unit": "μ_B", "axes": ["x", "a"]}
    if model.orbitals is not None:
        tree["orbitals"] = {
            name: np.array([getattr(orbital, name) for orbital in model.orbitals])
            for name in ORBITAL_FIELDS
        }
    return write_tree(path, tree, packed=False)


def _spin_current_tree(operators: SpinCurrentOperators) -> dict[str, Any]:
    axes, both = ["R", "s", "i", "j"], ["R", "s", "a", "i", "j"]
    return {
        ATTRIBUTES: {"source": operators.source, "from_centres": operators.from_centres},
        "spin_ham": operators.spin_ham_Rsij,
        "spin_ham@": {"unit": "eV", "axes": axes, "description": "<0i|sigma H|Rj>"},
        "spin_pos": operators.spin_pos_Rsaij,
        "spin_pos@": {"unit": "Å", "axes": both, "description": "<0i|sigma (r-R)|Rj>"},
        "spin_ham_pos": operators.spin_ham_pos_Rsaij,
        "spin_ham_pos@": {"unit": "eV Å", "axes": both, "description": "<0i|sigma H (r-R)|Rj>"},
    }


def read_model(path: Path | str, *, verify: bool = False) -> WannierModel:
    """Read a model file.

    Parameters
    ----------
    path : path
        Written by :func:`save_model`.
    verify : bool
        Also compare the SHA-256 of the operators with the one stored.

    Returns
    -------
    WannierModel
        Its operators are read only and lie in the file until they are used: the file may be
        replaced or removed meanwhile, but not changed in place.

    Raises
    ------
    ResultFileError
        If it is missing, damaged, not a model file, or of a newer format.
    """
    path = Path(path)
    tree = read_format(path, FORMAT, FORMAT_VERSION, "save_model", mapped=True)
    about = tree[ATTRIBUTES]
    try:
        periodic = [bool(flag) for flag in about["periodic"]]
        atoms, window = tree.get("atoms"), json.loads(about["frozen_window"])
        orbitals = tree.get("orbitals")
        model = WannierModel(
            name=str(about["name"]),
            cell_ca=tree["cell"],
            periodic=(periodic[0], periodic[1], periodic[2]),
            R_Rc=tree["R"],
            ham_Rij=tree["hamiltonian"],
            pos_Raij=tree["position"],
            spin_Rsij=tree.get("spin"),
            centres_ia=tree["centres"],
            spin_source=str(about["spin_source"]),
            spin_pairs=tree.get("spin_pairs"),
            structure=None
            if atoms is None
            else Structure(
                tuple(str(s) for s in atoms["symbols"]), atoms["positions"], atoms.get("moments")
            ),
            hermiticity=json.loads(about["hermiticity"]),
            inputs=json.loads(about["inputs"]),
            notes=tuple(json.loads(about["notes"])),
            frozen_window=None if window is None else (float(window[0]), float(window[1])),
            spin_quality=json.loads(about.get("spin_quality", "{}")),
            spin_current={
                current: SpinCurrentOperators(
                    spin_ham_Rsij=group["spin_ham"],
                    spin_pos_Rsaij=group["spin_pos"],
                    spin_ham_pos_Rsaij=group["spin_ham_pos"],
                    source=str(group[ATTRIBUTES]["source"]),
                    from_centres=bool(group[ATTRIBUTES].get("from_centres", True)),
                )
                for current, group in tree.get("spin_current", {}).items()
                if not current.endswith(ATTRIBUTES)
            },
            orbitals=None if orbitals is None else _orbitals(orbitals),
        )
        _check(model)
    except (KeyError, TypeError, ValueError, ModelError) as problem:
        raise ResultFileError(
            f"{path} says that it is a model of w90spin, but lacks or garbles {problem}. It was "
            "edited or damaged; write it again with save_model."
        ) from problem
    if verify and model.fingerprint != about["sha256"]:
        raise ResultFileError(
            f"{path}: the operators do not have the stored checksum. The file was edited or "
            "damaged; write it again with save_model."
        )
    return model


def _orbitals(group: dict[str, Any]) -> tuple[Orbital, ...]:
    columns = [group[name] for name in ORBITAL_FIELDS]
    return tuple(
        Orbital(
            site_c=as_vector(site_c),
            l=int(momentum),
            mr=int(mr),
            spin=int(spin),
            z_axis_a=as_vector(z_axis_a),
            x_axis_a=as_vector(x_axis_a),
            radial=int(radial),
            zona=float(zona),
        )
        for site_c, momentum, mr, spin, z_axis_a, x_axis_a, radial, zona in zip(
            *columns, strict=True
        )
    )


def _check(model: WannierModel) -> None:
    if model.orbitals is not None and len(model.orbitals) != model.n_wann:
        raise ModelError(f"'orbitals' ({len(model.orbitals)} instead of {model.n_wann})")
    n_R, n = len(model.R_Rc), model.n_wann
    shapes = {
        "cell": (model.cell_ca, (3, 3)),
        "R": (model.R_Rc, (n_R, 3)),
        "hamiltonian": (model.ham_Rij, (n_R, n, n)),
        "position": (model.pos_Raij, (n_R, 3, n, n)),
        "spin": (model.spin_Rsij, (n_R, 3, n, n)),
        "centres": (model.centres_ia, (n, 3)),
    }
    for current, operators in model.spin_current.items():
        shapes |= {
            f"{current}/spin_ham": (operators.spin_ham_Rsij, (n_R, 3, n, n)),
            f"{current}/spin_pos": (operators.spin_pos_Rsaij, (n_R, 3, 3, n, n)),
            f"{current}/spin_ham_pos": (operators.spin_ham_pos_Rsaij, (n_R, 3, 3, n, n)),
        }
    for name, (array, shape) in shapes.items():
        if array is None:
            continue
        if array.shape != shape:
            raise ModelError(f"'{name}' (shape {array.shape} instead of {shape})")
        # Sums of squares run at the speed of memory and cannot cancel; beyond 1e154 they overflow.
        flat = array.ravel()
        if not (np.isfinite(np.vdot(flat, flat)) or np.isfinite(array).all()):
            raise ModelError(f"'{name}' (numbers that are not finite)")
