"""Read, build, integrate, results: the whole of a run on one page."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from w90spin.errors import (
    IntegrationError,
    NotInsulatorError,
    ResonanceError,
    ResponseError,
    W90SpinWarning,
)
from w90spin.inspection import gap_words
from w90spin.integrate import AutoMesh, UniformMesh
from w90spin.integrate.driver import Progress, ZoneIntegral, integrate
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.fourier import FourierSum, kpt_text
from w90spin.kspace.survey import BandSurvey, GapSurvey
from w90spin.model.thickness import slab_thickness
from w90spin.model.time_reversal import respects_time_reversal, time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm, one_thread, world
from w90spin.response import SpinPolarizability
from w90spin.results.result import ResponseResult, Result, Tensor
from w90spin.units import CONVENTIONS

LARGEST_DEGENERACY = 0.05
"""Largest degeneracy tolerance that makes sense. [eV]"""


def compute(
    model: WannierModel,
    responses: Sequence[SpinPolarizability],
    *,
    mesh: UniformMesh | AutoMesh | None = None,
    symmetry: Literal["auto", "none"] = "auto",
    comm: Any = None,
    degeneracy: float = DEGENERACY_TOLERANCE,
    batch: int | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Result:
    """Integrate responses of a model over the Brillouin zone.

    Parameters
    ----------
    model : WannierModel
        The model.
    responses : sequence of responses
        Evaluated together on the same Bloch states.
    mesh : AutoMesh or UniformMesh, optional
        By default ``AutoMesh()``: meshes double until the relative error is below 1e-4.
    symmetry : "auto" or "none"
        "auto" evaluates one of k and -k if the model has time reversal within the tolerances of
        :mod:`w90spin.model.time_reversal`; the measured violation is in the result.
    comm : mpi4py communicator, optional
        By default MPI's world under ``mpirun``, else a serial run.
    degeneracy : float
        Bands closer than this are one degenerate block. [eV]
    batch : int, optional
        k points in a unit of work.
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
    """
    mesh = AutoMesh() if mesh is None else mesh
    _check_arguments(responses, mesh, symmetry, degeneracy, batch)
    with one_thread():
        return _compute(model, responses, mesh, symmetry, world(comm), degeneracy, batch, report)


def _compute(
    model: WannierModel,
    responses: Sequence[SpinPolarizability],
    mesh: UniformMesh | AutoMesh,
    symmetry: str,
    ranks: Comm,
    degeneracy: float,
    batch: int | None,
    report: Callable[[Progress], None] | None,
) -> Result:
    for response in responses:
        if "spin" in response.claims.needs:
            model.needs_spin(response.claims.name)
    fourier = FourierSum(model, comm=ranks)
    surveys = _survey(fourier, responses, ranks)
    _warn_outside_window(model, responses)
    violation = time_reversal_violation(model)
    halve = (
        symmetry == "auto"
        and violation is not None
        and violation.holds
        and all(respects_time_reversal(model, response.parts) for response in responses)
    )
    integral = integrate(
        fourier,
        responses,
        mesh,
        comm=ranks,
        time_reversal=halve,
        tolerance=degeneracy,
        batch=batch,
        report=report,
    )
    fourier.close()
    if integral.converged is False:
        warnings.warn(
            f"Not converged: on the {'x'.join(map(str, integral.mesh))} mesh the relative error is "
            f"still {integral.relative_error:.1e}. Raise max_points, give a broadening or "
            "temperature, or accept the error given with every number.",
            W90SpinWarning,
            stacklevel=4,
        )
    about: dict[str, Any] = {
        **_provenance(model, integral, mesh, ranks),
        "time_reversal_violation": None if violation is None else str(violation),
        "time_reversal_used": halve,
        "degeneracy_tolerance_eV": degeneracy,
        "gaps": {str(mu): gap_words(survey) for mu, survey in surveys.items()},
    }
    named = _distinct_names(responses)
    return Result(
        responses={
            name: _labelled(name, response, values, errors, model.dimension)
            for (name, response), values, errors in zip(
                named.items(), integral.values, integral.errors, strict=True
            )
        },
        provenance=about,
    )


def _check_arguments(
    responses: Sequence[SpinPolarizability],
    mesh: UniformMesh | AutoMesh,
    symmetry: str,
    degeneracy: float,
    batch: int | None,
) -> None:
    """Refuse at once what would go wrong later, or silently."""
    if not isinstance(responses, Sequence) or not responses:
        raise ResponseError("compute needs a list of at least one response: [response].")
    if not isinstance(mesh, UniformMesh | AutoMesh):
        raise IntegrationError(f"mesh = {mesh!r} must be a UniformMesh or an AutoMesh.")
    if symmetry not in ("auto", "none"):
        raise IntegrationError(f"symmetry = '{symmetry}' must be 'auto' or 'none'.")
    if not 0.0 < degeneracy <= LARGEST_DEGENERACY:
        raise IntegrationError(
            f"degeneracy = {degeneracy} eV must be positive and at most {LARGEST_DEGENERACY} eV: "
            "it is for bands that symmetry makes degenerate, not for near ones."
        )
    if batch is not None and batch < 1:
        raise IntegrationError(f"batch = {batch} must be at least 1.")


def _survey(
    fourier: FourierSum, responses: Sequence[SpinPolarizability], ranks: Comm
) -> dict[float, GapSurvey]:
    """Gaps at the Fermi levels; refuse at once what would fail after hours."""
    strict = [r for r in responses if r.insulator or (r.eta == 0.0 and r.highest_omega > 0.0)]
    levels = sorted({mu for response in strict for mu in response.levels})
    if not levels:
        return {}
    surveys: dict[float, GapSurvey] = ranks.bcast(_look(fourier, levels) if ranks.is_root else None)
    for response in strict:
        for mu in response.levels:
            survey = surveys[mu]
            if response.insulator and survey.n_occupied is None:
                raise NotInsulatorError(
                    f"An insulator was promised, but mu = {mu:g} eV crosses a band: "
                    f"{gap_words(survey)}. Move mu into the gap, or drop insulator = true."
                )
            if (
                response.eta == 0.0
                and response.highest_omega > 0.0
                and survey.direct_kpt_c is not None
                and response.highest_omega >= survey.direct_gap
            ):
                raise ResonanceError(
                    f"omega_w reaches {response.highest_omega:.6g} eV, but the smallest direct "
                    f"gap across mu = {mu:g} eV is {survey.direct_gap:.6g} eV at k = "
                    f"{kpt_text(survey.direct_kpt_c)}, where the response without broadening "
                    "diverges. Give eta > 0 (a broadening in eV), or stay below the gap."
                )
    return surveys


def _warn_outside_window(model: WannierModel, responses: Sequence[SpinPolarizability]) -> None:
    if model.frozen_window is None:
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


def _look(fourier: FourierSum, levels: Sequence[float]) -> dict[float, GapSurvey]:
    bands = BandSurvey(fourier)
    return {mu: bands.at(mu) for mu in levels}


def _labelled(
    name: str,
    response: SpinPolarizability,
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


def _distinct_names(responses: Sequence[SpinPolarizability]) -> dict[str, SpinPolarizability]:
    named: dict[str, SpinPolarizability] = {}
    for response in responses:
        name, repeat = response.claims.name, 2
        while name in named:
            name, repeat = f"{response.claims.name}_{repeat}", repeat + 1
        named[name] = response
    return named


def _provenance(
    model: WannierModel, integral: ZoneIntegral, mesh: UniformMesh | AutoMesh, ranks: Comm
) -> dict[str, Any]:
    thickness = slab_thickness(model)
    return {
        "model": model.name,
        "model_sha256": model.fingerprint,
        "n_wann": model.n_wann,
        "dimension": model.dimension,
        "cell_angstrom": model.cell_ca.tolist(),
        "periodic": list(model.periodic),
        "measure_angstrom_d": model.measure,
        "spin_source": model.spin_source,
        "hermiticity_violation": dict(model.hermiticity),
        "notes": list(model.notes),
        "inputs": dict(model.inputs),
        "thickness": None if thickness is None else thickness.value,
        "thickness_reason": None if thickness is None else thickness.reason,
        "mesh": list(integral.mesh),
        "rule": repr(mesh),
        "converged": integral.converged,
        "relative_error": integral.relative_error,
        "diagonalisations": integral.evaluations,
        "seconds": integral.seconds,
        "ranks": ranks.size,
        "conventions": CONVENTIONS,
        "versions": _versions(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("w90spin", "numpy", "scipy", "h5py", "ase"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
