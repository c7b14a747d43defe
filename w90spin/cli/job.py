"""Job files: TOML, checked key by key, into the package's own objects."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from w90spin.arrays import FloatArray
from w90spin.cli.field_sections import FieldSection, NeelSection, PulseSection
from w90spin.cli.sections import Section
from w90spin.errors import JobError
from w90spin.integrate import AdaptiveTree, AutoMesh, Iterated, PeriodicMesh, Rule, UniformMesh
from w90spin.integrate.symmetry import SymmetryTolerance
from w90spin.model.continuum import AnyModel
from w90spin.model.load import PositionFormula, Source, SpinSource, load_model
from w90spin.model.partition import Partition, partition
from w90spin.model.symmetrise import NamedOperation, symmetrised
from w90spin.model.time_reversal import TOLERANCE_HAM, TOLERANCE_POS, TOLERANCE_SPIN
from w90spin.model.toys.named import named_toy
from w90spin.model.wannier import WannierModel
from w90spin.response import SpinPolarizability
from w90spin.units import ev_from_thz

CHECKPOINT_SUFFIX = ".ckpt.h5"

Size = Annotated[float, Field(ge=0.0)]


class Grid(Section):
    """Equally spaced numbers, both ends included."""

    start: float
    stop: float
    num: Annotated[int, Field(ge=1)]

    def values(self) -> FloatArray:
        """The numbers."""
        return np.linspace(self.start, self.stop, self.num)


Numbers = float | list[float] | Grid
KPathTable = str | list[tuple[str, list[float]]]


def _numbers(given: Numbers) -> FloatArray:
    if isinstance(given, Grid):
        return given.values()
    return np.atleast_1d(np.asarray(given, dtype=np.float64))


_Edge = Annotated[float, Field(allow_inf_nan=True)]
Parameter = bool | int | _Edge | str | list[float]
"""A parameter of a toy; cutoffs may be inf."""


class ModelSection(Section):
    """[model]: which files, and what to take from them; or which toy."""

    seedname: str | None = None
    toy: str | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    lattice: Annotated[float, Field(gt=0.0)] | None = None
    source: Source = "auto"
    spin: SpinSource = "auto"
    spin_order: Literal["interlaced", "block"] | list[tuple[int, int]] | None = None
    periodic: tuple[bool, bool, bool] | None = None
    minimal_distance: bool = True
    position: PositionFormula = "wannier90"
    window: tuple[_Edge, _Edge, float] | None = None
    moments: list[float] | list[tuple[float, float, float]] | None = None
    symmetrise: bool | NamedOperation = False

    @model_validator(mode="after")
    def _files_or_toy(self) -> ModelSection:
        if (self.seedname is None) == (self.toy is None):
            raise ValueError("give either seedname (files) or toy (a model by name)")
        of_toys = {"toy", "parameters", "lattice"}
        strange = self.model_fields_set & of_toys
        kind = "a seedname"
        if self.toy is not None:
            strange, kind = self.model_fields_set - of_toys, "a toy"
        if strange:
            raise ValueError(f"{' and '.join(sorted(strange))} cannot be said of {kind}")
        return self

    def load(self, folder: Path) -> AnyModel:
        """The model; the seedname counts from the folder of the job."""
        if self.toy is not None:
            return named_toy(self.toy, self.parameters, lattice=self.lattice)
        model = self._read(folder)
        if self.moments is not None:
            model = model.with_moments(self.moments)
        if self.symmetrise:
            named = self.symmetrise if isinstance(self.symmetrise, str) else None
            model, report = symmetrised(model, named)
            model = replace(model, notes=(*model.notes, str(report).replace("\n", "; ")))
        return model

    def _read(self, folder: Path) -> WannierModel:
        return load_model(
            folder / str(self.seedname),
            source=self.source,
            spin=self.spin,
            spin_order=self.spin_order,
            periodic=self.periodic,
            minimal_distance=self.minimal_distance,
            position=self.position,
            window=self.window,
        )


class MeshSection(Section):
    """[mesh]: how to integrate."""

    rule: Literal["auto", "periodic", "tree", "iterated", "uniform"] = "auto"
    n: int | tuple[int, int, int] | None = None
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rtol: Annotated[float, Field(ge=0.0)] = 1e-4
    atol: Annotated[float, Field(ge=0.0)] = 0.0
    max_points: Annotated[int, Field(ge=1)] = 1_000_000
    symmetry: Literal["auto", "none"] = "auto"
    symmetry_tolerance: tuple[Size, Size, Size] = (TOLERANCE_HAM, TOLERANCE_POS, TOLERANCE_SPIN)
    degeneracy: Annotated[float, Field(gt=0.0, le=0.05)] = 1e-4

    @model_validator(mode="after")
    def _only_meshes_have_points(self) -> MeshSection:
        if self.rule == "uniform" and self.n is None:
            raise ValueError('rule = "uniform" needs n, the number of points per direction')
        given = self.model_fields_set & {"n", "shift"}
        if given and self.rule not in ("uniform", "periodic"):
            raise ValueError(
                f'{" and ".join(sorted(given))} belong to rule = "periodic" or "uniform"; '
                f'rule = "{self.rule}" finds its own points'
            )
        return self

    def tolerance(self) -> SymmetryTolerance:
        """Largest violations of operations that are made use of."""
        return SymmetryTolerance(*self.symmetry_tolerance)

    def mesh(self) -> Rule:
        """The rule."""
        if self.rule == "uniform" and self.n is not None:
            return UniformMesh(n=self.n, shift=self.shift)
        rtol, atol, most = self.rtol, self.atol, self.max_points
        if self.rule == "periodic":
            return PeriodicMesh(
                rtol=rtol, atol=atol, start=self.n, shift=self.shift, max_points=most
            )
        if self.rule == "tree":
            return AdaptiveTree(rtol=rtol, atol=atol, max_points=most)
        if self.rule == "iterated":
            return Iterated(rtol=rtol, atol=atol, max_points=most)
        return AutoMesh(rtol=rtol, atol=atol, max_points=most)


class PartsTable(Section):
    """How to divide the cell, with options."""

    by: Literal["layer", "atom", "species", "sublattice"]
    axis: Literal[0, 1, 2] | None = None
    gap: Annotated[float, Field(gt=0.0)] | None = None
    moments: list[float] | list[tuple[float, float, float]] | None = None


class SpinPolarizabilitySection(Section):
    """[[response]] with name = "spin_polarizability"."""

    name: Literal["spin_polarizability"]
    mu: Numbers
    omega: Numbers | None = None
    frequency_thz: Numbers | Literal["pulse"] | None = None
    kT: Numbers = 0.0
    eta: Annotated[float, Field(ge=0.0)] = 0.0
    insulator: bool = False
    parts: Literal["layer", "atom", "species"] | PartsTable | dict[str, list[int]] | None = None

    @model_validator(mode="after")
    def _one_kind_of_frequency(self) -> SpinPolarizabilitySection:
        if (self.omega is None) == (self.frequency_thz is None):
            raise ValueError("give either omega (photon energies in eV) or frequency_thz")
        return self

    def response(self, model: AnyModel, *, omega_w: FloatArray | None = None) -> SpinPolarizability:
        """The response, with the model's parts; at other frequencies if given."""
        parts: Partition | None = None
        if isinstance(self.parts, PartsTable):
            table = self.parts
            parts = partition(
                model, table.by, axis=table.axis, gap=table.gap, moments=table.moments
            )
        elif self.parts is not None:
            parts = partition(model, self.parts)
        return SpinPolarizability(
            omega_w=self.photon_energies() if omega_w is None else omega_w,
            mu_f=_numbers(self.mu),
            kT=_numbers(self.kT),
            eta=self.eta,
            insulator=self.insulator,
            parts=parts,
        )

    def photon_energies(self) -> FloatArray:
        """Photon energies ħω. [eV]"""
        if self.frequency_thz == "pulse":
            raise JobError('frequency_thz = "pulse" needs a section [pulse]. Add it.')
        if self.frequency_thz is not None:
            return np.array([ev_from_thz(nu) for nu in _numbers(self.frequency_thz)])
        return _numbers(self.omega if self.omega is not None else 0.0)

    @property
    def fermi_level(self) -> float:
        """First Fermi level. [eV]"""
        return float(_numbers(self.mu)[0])


class MapSection(Section):
    """[map]: the first response over a plane of the zone, at one frequency."""

    frequency_thz: float
    n: Annotated[int, Field(ge=2)] = 101
    plane: tuple[int, int] | None = None
    offset: float = 0.0
    reach: Annotated[float, Field(gt=0.0)] | None = None
    bands: bool = False
    spin: Literal["x", "y", "z"] = "z"
    field: Literal["x", "y", "z"] = "x"


class BandsSection(Section):
    """[bands]: bands along a path, with the first response at one frequency."""

    path: KPathTable
    frequency_thz: float = 0.0
    n: Annotated[int, Field(ge=2)] = 240
    window: tuple[float, float] | None = None


class OutputSection(Section):
    """[output]: files to write, counted from the folder of the job."""

    file: str = "result.h5"
    table: str | None = None
    checkpoint: str | bool = True

    def checkpoint_beside(self, result: Path) -> Path | None:
        """Where long runs keep what is done, or None if they shall not."""
        if isinstance(self.checkpoint, str):
            return result.parent / self.checkpoint
        return result.with_name(result.stem + CHECKPOINT_SUFFIX) if self.checkpoint else None


class Job(Section):
    """A whole job file."""

    model: ModelSection
    response: Annotated[list[SpinPolarizabilitySection], Field(min_length=1)]
    mesh: MeshSection = MeshSection()
    map: MapSection | None = None
    bands: BandsSection | None = None
    field: FieldSection = FieldSection()
    neel: NeelSection | None = None
    pulse: PulseSection | None = None
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _neel_has_parts(self) -> Job:
        if self.neel is not None and self.response[0].parts is None:
            raise ValueError(
                "[neel] needs the magnetic sublattices: give parts in the first [[response]]"
            )
        return self

    def with_pulse(self, folder: Path) -> Job:
        """The job with the pulse's frequencies where a response asks for them."""
        if self.pulse is None:
            return self
        omega = self.pulse.pulse(folder, self.field).photon_energies().tolist()
        filled = {"omega": omega, "frequency_thz": None}
        responses = [
            section.model_copy(update=filled) if section.frequency_thz == "pulse" else section
            for section in self.response
        ]
        return self.model_copy(update={"response": responses})


def read_job(path: Path) -> Job:
    """Read and check a job file.

    Parameters
    ----------
    path : path
        TOML file.

    Returns
    -------
    Job

    Raises
    ------
    JobError
        If it is missing, not TOML, or has an unknown or impossible key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise JobError(f"{path}: cannot be read: {problem.strerror}. Give a job file.") from None
    except UnicodeDecodeError as problem:
        raise JobError(f"{path}: not a text file ({problem.reason}). Give a job file.") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise JobError(f"{path}: not valid TOML: {problem}.") from None
    try:
        return Job.model_validate(table).with_pulse(path.parent)
    except ValidationError as problem:
        raise JobError(_explain(path, problem)) from None


def _explain(path: Path, problem: ValidationError) -> str:
    """The first complaint in words, with the nearest known key."""
    # A union reports each of its members; the innermost complaint names the real key.
    errors = sorted(
        problem.errors(),
        key=lambda error: (
            error["type"] != "extra_forbidden",
            error["type"] != "missing" or "Grid" not in error["loc"],
        ),
    )
    error = errors[0]
    named = error["type"] in ("extra_forbidden", "missing")
    where = [
        step
        for position, step in enumerate(error["loc"], start=1)
        if isinstance(step, int)
        or step in _all_fields()
        or (named and position == len(error["loc"]))
    ]
    place = ".".join(str(step + 1) if isinstance(step, int) else step for step in where)
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        key = str(error["loc"][-1])
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known keys: {', '.join(sorted(known))}."
        return f"{path}: unknown key '{place}'. {hint}"
    if error["type"] == "list_type" and error["loc"] == ("response",):
        return f"{path}: [response] must be a list of tables: write [[response]]."
    if error["type"] == "missing":
        return f"{path}: the key '{place}' is missing. Add it."
    message = error["msg"].removeprefix("Value error, ")
    got = "" if isinstance(error["input"], dict) else f" (got {error['input']!r})"
    return f"{path}: '{place or 'job'}': {message}{got}."


def _all_fields() -> set[str]:
    """Every key there is; other words in a location are pydantic's names for members of unions."""
    sections: list[type[Section]] = [Job, Grid, PartsTable, *_SECTIONS.values()]
    return {name for section in sections for name in section.model_fields}


def _known_keys(location: Sequence[int | str]) -> list[str]:
    if not location:
        return list(Job.model_fields)
    section = _SECTIONS.get(str(location[0]))
    for inner in (Grid, PartsTable):
        if location[-1] == inner.__name__:
            return list(inner.model_fields)
    return list(section.model_fields) if section else []


_SECTIONS: dict[str, type[Section]] = {
    "model": ModelSection,
    "mesh": MeshSection,
    "response": SpinPolarizabilitySection,
    "map": MapSection,
    "bands": BandsSection,
    "field": FieldSection,
    "neel": NeelSection,
    "pulse": PulseSection,
    "output": OutputSection,
}
