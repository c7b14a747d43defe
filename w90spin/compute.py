"""Read, build, integrate, results: the whole of a run on one page."""

from __future__ import annotations

import hashlib
import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from w90spin.derive.proper_spin_hall import checked, largest_outside
from w90spin.errors import (
    IntegrationError,
    ModelError,
    NotInsulatorError,
    ResonanceError,
    ResponseError,
    W90SpinWarning,
)
from w90spin.inspection import gap_words
from w90spin.integrate import AutoMesh, PeriodicMesh, Rule, UniformMesh
from w90spin.integrate.checkpoint import SECONDS_BETWEEN, Checkpoint
from w90spin.integrate.driver import Limits, Progress, ZoneIntegral, integrate
from w90spin.integrate.symmetry import (
    FoundSymmetry,
    SymmetryTolerance,
    ZoneSymmetry,
    zone_symmetry,
)
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.continuum import operators_of
from w90spin.kspace.fourier import kpt_text
from w90spin.kspace.survey import BandSurvey, GapSurvey
from w90spin.model.continuum import AnyModel, ContinuumModel
from w90spin.model.operations import MagneticGroup
from w90spin.model.spin_current import CURRENTS
from w90spin.model.thickness import slab_thickness
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm, one_thread, world
from w90spin.response import Response
from w90spin.response.claims import extras_needed
from w90spin.response.parameters import check_response
from w90spin.results.result import ResponseResult, Result, Tensor
from w90spin.units import CONVENTIONS

LARGEST_DEGENERACY = 0.05
"""Largest degeneracy tolerance that makes sense. [eV]"""


def compute(
    model: AnyModel,
    responses: Sequence[Response],
    *,
    mesh: Rule | None = None,
    symmetry: Literal["auto", "none"] | MagneticGroup = "auto",
    symmetry_tolerance: SymmetryTolerance | None = None,
    comm: Any = None,
    degeneracy: float = DEGENERACY_TOLERANCE,
    batch: int | None = None,
    checkpoint: Path | str | None = None,
    checkpoint_every: float = SECONDS_BETWEEN,
    max_cost: int | None = None,
    max_time: float | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Result:
    """Integrate responses of a model over the Brillouin zone, or over the region of a k·p model.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    responses : sequence of responses
        Evaluated together on the same Bloch states.
    mesh : AutoMesh, PeriodicMesh, AdaptiveTree, Iterated or UniformMesh, optional
        The rule; by default ``AutoMesh()``, which chooses one and stops at a relative error of
        1e-4.
    symmetry : "auto", "none" or MagneticGroup
        "auto" takes the magnetic group of the atoms and their moments where the model knows its
        orbitals, else time reversal.  Violations are measured on H(R), r(R) and the spin, and are
        in the result; one point of every star is evaluated under those operations that the model
        has.
    symmetry_tolerance : SymmetryTolerance, optional
        Largest violations of operations that are made use of.
    comm : mpi4py communicator, optional
        By default MPI's world under ``mpirun``, else a serial run.
    degeneracy : float
        Bands closer than this are one degenerate block. [eV]
    batch : int, optional
        k points evaluated together.
    checkpoint : path, optional
        File that keeps what is done; a run that finds its own goes on from there, to the same
        bits, on any number of ranks.  SIGUSR1 writes it at once, SIGTERM and SIGINT write it and
        end the run.  It stays after the run: remove it when the result is saved.
    checkpoint_every : float
        Time between two checkpoints. [s]
    max_cost : int, optional
        Largest number of diagonalisations, those before a restart included; the best result so far
        is then returned, marked as not converged.  The checkpoint, if there is one, is written: the
        same run with a higher limit goes on from there.
    max_time : float, optional
        The same for the wall time, which begins anew with a restart.  There is a result as soon as
        the first error estimate is known, even if that takes longer. [s]
    report : callable, optional
        Told of progress, on rank 0.

    Returns
    -------
    Result
        The same on every rank, to the last bit on any number of them.

    Raises
    ------
    MissingOperatorError
        If the model lacks an operator that a response needs.
    NotInsulatorError
        If an insulator was promised and a Fermi level crosses a band.
    ResonanceError
        If η = 0 and ħω reaches a transition energy.
    IntegrationError
        If an integrand is not finite.
    InterruptedRunError
        After SIGTERM or SIGINT, when the checkpoint is written.
    ResultFileError
        If the checkpoint is of another run, or damaged.
    """
    mesh = AutoMesh() if mesh is None else mesh
    ranks = world(comm)
    with one_thread(), ranks.together():
        _check_arguments(model, responses, mesh, symmetry, degeneracy, batch)
        if isinstance(model, ContinuumModel):
            _check_continuum(model, mesh, symmetry)
        limits = Limits(max_cost, max_time)
        return _compute(
            model,
            responses,
            mesh,
            symmetry,
            symmetry_tolerance,
            ranks,
            degeneracy,
            batch,
            limits,
            (checkpoint, checkpoint_every),
            report,
        )


def _compute(
    model: AnyModel,
    responses: Sequence[Response],
    mesh: Rule,
    symmetry: str | MagneticGroup,
    tolerances: SymmetryTolerance | None,
    ranks: Comm,
    degeneracy: float,
    batch: int | None,
    limits: Limits,
    keep: tuple[Path | str | None, float],
    report: Callable[[Progress], None] | None,
) -> Result:
    for response in responses:
        if "spin" in response.claims.needs:
            model.needs_spin(response.claims.name)
    fourier = operators_of(model, ranks, extras_needed(responses))
    bands = BandSurvey(fourier) if ranks.is_root and _strict(responses) else None
    surveys = _survey(bands, responses, ranks)
    _warn_outside_window(model, responses)
    found = FoundSymmetry(None, "not used")
    products = [extra for extra in fourier.extras if extra in CURRENTS]
    if isinstance(model, ContinuumModel):
        found = FoundSymmetry(None, "none is looked for in a k·p model")
    elif products:
        found = FoundSymmetry(None, f"not used: not measured on the operators of {products[0]}")
    elif symmetry != "none" and ranks.is_root:
        group = symmetry if isinstance(symmetry, MagneticGroup) else None
        found = zone_symmetry(model, responses, group, tolerances)
    found = ranks.bcast(found)
    keeper: Checkpoint | None = None
    if keep[0] is not None:
        asked = (mesh, symmetry != "none", degeneracy, batch)
        keeper = Checkpoint(keep[0], _job(model, responses, found.zone, asked), keep[1])
    integral = integrate(
        fourier,
        responses,
        mesh,
        comm=ranks,
        symmetry=found.zone,
        tolerance=degeneracy,
        batch=batch,
        limits=limits,
        checkpoint=keeper,
        bands=bands,
        report=report,
    )
    outside = largest_outside(fourier) if {"curl", "dspin"} <= set(fourier.extras) else None
    fourier.close()
    if integral.converged is False:
        limit = integral.stopped or "max_points is reached"
        warnings.warn(
            f"Not converged: {limit}, and with {integral.detail} the relative error is still "
            f"{integral.relative_error:.1e}. Raise the limit, give a broadening or temperature, "
            "or accept the error given with every number.",
            W90SpinWarning,
            stacklevel=4,
        )
    about: dict[str, Any] = {
        **_provenance(model, integral, mesh, ranks),
        "symmetry": found.words,
        "symmetry_operations": found.operations,
        "symmetry_order": 1 if found.zone is None else len(found.zone),
        "time_reversal_used": found.zone is not None and found.zone.reverses_time,
        "degeneracy_tolerance_eV": degeneracy,
        "gaps": {str(mu): gap_words(survey) for mu, survey in surveys.items()},
        "direct_gaps_eV": {
            str(mu): None
            if survey.n_occupied is None or survey.direct_kpt_c is None
            else survey.direct_gap
            for mu, survey in surveys.items()
        },
    }
    if outside is not None:
        about["largest_outside"] = outside
    named = distinct_names([response.claims.name for response in responses])
    result = Result(
        responses={
            name: _labelled(name, response, values, errors, model.dimension)
            for name, response, values, errors in zip(
                named, responses, integral.values, integral.errors, strict=True
            )
        },
        provenance=about,
    )
    return checked(result)


def _check_arguments(
    model: AnyModel,
    responses: Sequence[Response],
    mesh: Rule,
    symmetry: str | MagneticGroup,
    degeneracy: float,
    batch: int | None,
) -> None:
    """Refuse at once what would go wrong later, or silently."""
    if not isinstance(model, WannierModel | ContinuumModel):
        raise ModelError(
            f"compute needs a model, not {model!r}; load_model(seedname) makes one of files."
        )
    if isinstance(responses, str) or not isinstance(responses, Sequence) or not responses:
        raise ResponseError("compute needs a list of at least one response: [response].")
    for response in responses:
        check_response(response, model.n_wann)
    if not isinstance(mesh, Rule):
        raise IntegrationError(
            f"mesh = {mesh!r} must be an AutoMesh, PeriodicMesh, AdaptiveTree, Iterated or "
            "UniformMesh."
        )
    if not isinstance(symmetry, MagneticGroup) and symmetry not in ("auto", "none"):
        raise IntegrationError(f"symmetry = '{symmetry}' must be 'auto', 'none' or a group.")
    if not 0.0 < degeneracy <= LARGEST_DEGENERACY:
        raise IntegrationError(
            f"degeneracy = {degeneracy} eV must be positive and at most {LARGEST_DEGENERACY} eV: "
            "it is for bands that symmetry makes degenerate, not for near ones."
        )
    if batch is not None and batch < 1:
        raise IntegrationError(f"batch = {batch} must be at least 1.")


def _check_continuum(model: ContinuumModel, mesh: Rule, symmetry: str | MagneticGroup) -> None:
    """Refuse what needs a lattice."""
    if isinstance(mesh, PeriodicMesh | UniformMesh):
        raise IntegrationError(
            f"{type(mesh).__name__} is for zones that repeat; model '{model.name}' is a continuum, "
            f"integrated over {model.region}. Take AutoMesh, AdaptiveTree or Iterated, or its "
            "lattice form, model.lattice(a)."
        )
    if isinstance(symmetry, MagneticGroup):
        raise IntegrationError(
            f"Model '{model.name}' is a continuum without atoms, on which a magnetic group could "
            "act. Leave symmetry out."
        )


def _strict(responses: Sequence[Response]) -> list[Response]:
    """Responses that exist only where the bands keep a promise."""
    return [r for r in responses if r.insulator or r.scales.resonant]


def _survey(
    bands: BandSurvey | None, responses: Sequence[Response], ranks: Comm
) -> dict[float, GapSurvey]:
    """Gaps at the Fermi levels; refuse at once what would fail after hours."""
    strict = _strict(responses)
    levels = sorted({mu for response in strict for mu in response.levels})
    if not levels:
        return {}
    surveys: dict[float, GapSurvey] = ranks.bcast(
        None if bands is None else {mu: bands.at(mu) for mu in levels}
    )
    for response in strict:
        for mu in response.levels:
            survey = surveys[mu]
            if response.insulator and survey.n_occupied is None:
                raise NotInsulatorError(
                    f"An insulator was promised, but mu = {mu:g} eV crosses a band: "
                    f"{gap_words(survey)}. Move mu into the gap, or drop insulator = true."
                )
            if (
                response.scales.resonant
                and survey.direct_kpt_c is not None
                and response.scales.omega >= survey.direct_gap
            ):
                raise ResonanceError(
                    f"omega_w reaches {response.scales.omega:.6g} eV, but the smallest direct "
                    f"gap across mu = {mu:g} eV is {survey.direct_gap:.6g} eV at k = "
                    f"{kpt_text(survey.direct_kpt_c)}, where the response without broadening "
                    "diverges. Give eta > 0 (a broadening in eV), or stay below the gap."
                )
    return surveys


def _warn_outside_window(model: AnyModel, responses: Sequence[Response]) -> None:
    if isinstance(model, ContinuumModel) or model.frozen_window is None:
        return
    low, high = model.frozen_window
    for mu in sorted({mu for response in responses for mu in response.levels}):
        if not low <= mu <= high:
            warnings.warn(
                f"mu = {mu:g} eV lies outside the frozen window [{low:.4g}, {high:.4g}] eV, where "
                "the model does not follow the ab-initio bands. Check the energy zero, or repeat "
                "the Wannierisation with a larger dis_froz_max.",
                W90SpinWarning,
                stacklevel=5,
            )


def _labelled(
    name: str,
    response: Response,
    values: Mapping[str, Any],
    errors: Mapping[str, Any],
    dimension: int,
) -> ResponseResult:
    claims = response.claims
    tensors = {
        claim.name: Tensor(
            claim.name,
            claim.symbol,
            values[claim.name],
            errors[claim.name],
            claim.axes,
            claim.unit_in(dimension),
            claim.description,
        )
        for claim in claims.published
    }
    return ResponseResult(name, claims.title, claims.reference, response.parameters(), tensors)


def _job(
    model: AnyModel,
    responses: Sequence[Response],
    zone: ZoneSymmetry | None,
    asked: tuple[object, ...],
) -> str:
    """Fingerprint of a run: equal ones can go on from each other's checkpoints."""
    digest = hashlib.sha256(repr((model.fingerprint, _versions()["w90spin"], *asked)).encode())
    if zone is not None:
        action = (zone.kpt_rotation_gcc, zone.cartesian_gaa.round(6), zone.time_reversal_g)
        digest.update(repr([array.tolist() for array in (*action, *zone.part_rgq)]).encode())
    for response in responses:
        digest.update(repr((response.claims.name, response.parameters())).encode())
        if response.parts is not None:
            for array in (response.parts.weights_li, response.parts.projector_Rlij):
                if array is not None:
                    digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names by which results keep responses apart: "spin_hall", "spin_hall_2", ...

    Parameters
    ----------
    names : sequence of str
        Names of responses, in order.

    Returns
    -------
    list of str
    """
    distinct: list[str] = []
    for name in names:
        own, repeat = name, 2
        while own in distinct:
            own, repeat = f"{name}_{repeat}", repeat + 1
        distinct.append(own)
    return distinct


def _provenance(model: AnyModel, integral: ZoneIntegral, mesh: Rule, ranks: Comm) -> dict[str, Any]:
    return {
        **_about_model(model),
        "mesh": None if integral.mesh is None else list(integral.mesh),
        "asked_for": repr(mesh),
        "rule": integral.rule,
        "detail": integral.detail,
        "stopped": integral.stopped,
        "converged": integral.converged,
        "relative_error": integral.relative_error,
        "diagonalisations": integral.evaluations,
        "seconds": integral.seconds,
        "ranks": ranks.size,
        "conventions": CONVENTIONS,
        "versions": _versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _about_model(model: AnyModel) -> dict[str, Any]:
    about = {
        "model": model.name,
        "model_sha256": model.fingerprint,
        "n_wann": model.n_wann,
        "dimension": model.dimension,
        "periodic": list(model.periodic),
        "spin_source": model.spin_source,
        "notes": list(model.notes),
    }
    if isinstance(model, ContinuumModel):
        return {**about, "region": model.region}
    thickness = slab_thickness(model)
    return {
        **about,
        "cell_angstrom": model.cell_ca.tolist(),
        "measure_angstrom_d": model.measure,
        "hermiticity_violation": dict(model.hermiticity),
        "inputs": dict(model.inputs),
        "thickness": None if thickness is None else thickness.value,
        "thickness_reason": None if thickness is None else thickness.reason,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("w90spin", "numpy", "scipy", "h5py", "ase"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
