"""Toys by their names, as job files and the command line call them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from w90spin.errors import ModelError
from w90spin.model.continuum import AnyModel, ContinuumModel
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

TOYS: dict[str, Callable[..., AnyModel]] = {
    toy.__name__: toy
    for toy in (
        altermagnet,
        bhz,
        bhz_kp,
        bi2se3,
        bi2se3_kp,
        dirac_kp,
        dirac_lattice,
        dresselhaus_kp,
        electron_gas_kp,
        ferrimagnet,
        flat_band,
        haldane,
        hole_gas_kp,
        kane_mele,
        luttinger,
        luttinger_kp,
        nodal_line,
        pt_antiferromagnet,
        qwz,
        random_model,
        rashba_kp,
        rashba_square,
        square_lattice,
        tt_antiferromagnet,
        weyl_pair,
    )
}
"""All toys by name."""


def named_toy(
    name: str, parameters: Mapping[str, Any] | None = None, *, lattice: float | None = None
) -> AnyModel:
    """Toy of a name.

    Parameters
    ----------
    name : str
        One of :data:`TOYS`.
    parameters : mapping, optional
        Arguments of the toy; the others have their defaults.
    lattice : float, optional
        Put a k·p toy on a lattice of this constant. [Å]

    Returns
    -------
    WannierModel or ContinuumModel

    Raises
    ------
    ModelError
        For an unknown toy or parameter, naming the nearest known one; for a lattice constant of a
        toy that has its lattice already.
    """
    toy = TOYS.get(name)
    if toy is None:
        raise ModelError(f"There is no toy '{name}'. {_nearest(name, TOYS)}")
    known = inspect.signature(toy).parameters
    for key in parameters or {}:
        if key not in known:
            raise ModelError(f"The toy {name} has no parameter '{key}'. {_nearest(key, known)}")
    try:
        model = toy(**(parameters or {}))
    except (TypeError, ValueError) as problem:
        raise ModelError(
            f"The toy {name} cannot be made of {dict(parameters or {})}: {problem}. See "
            f"w90spin.toys.{name}."
        ) from problem
    if lattice is None:
        return model
    if not isinstance(model, ContinuumModel):
        raise ModelError(
            f"The toy {name} is on a lattice already; its constant is the parameter a. Leave "
            "lattice out."
        )
    return model.lattice(lattice)


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(known)}." if known else "It has none."
