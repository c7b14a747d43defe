"""Job files: TOML, checked key by key, into the package's own objects."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from w90spin.cli.field_sections import FieldSection, NeelSection, PulseSection
from w90spin.cli.response_sections import (
    SECTIONS,
    AnyResponseSection,
    PartsTable,
    ResponseSection,
)
from w90spin.cli.sections import Grid, Section, hint
from w90spin.compute import distinct_names
from w90spin.derive import is_quoted_unit
from w90spin.errors import JobError
from w90spin.integrate import AdaptiveTree, AutoMesh, Iterated, PeriodicMesh, Rule, UniformMesh
from w90spin.integrate.symmetry import SymmetryTolerance
from w90spin.model.continuum import AnyModel
from w90spin.model.load import PositionFormula, Source, SpinSource, load_model
from w90spin.model.spin_current import CURRENTS, Current
from w90spin.model.symmetrise import NamedOperation, symmetrised
from w90spin.model.time_reversal import TOLERANCE_HAM, TOLERANCE_POS, TOLERANCE_SPIN
from w90spin.model.toys.named import named_toy
from w90spin.model.wannier import WannierModel
from w90spin.results.component import ComponentChoice
from w90spin.storage import is_hdf5
from w90spin.units import ev_from_thz

CHECKPOINT_SUFFIX = ".ckpt.h5"

Size = Annotated[float, Field(ge=0.0)]


KPathTable = str | list[tuple[str, list[float]]]

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
    spin_current: list[Current] | None = None

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

    def load(self, folder: Path, currents: Sequence[Current] = ()) -> AnyModel:
        """The model; the seedname counts from the folder of the job.

        ``currents`` are spin currents whose operators are built from files unless the section
        says which.
        """
        if self.toy is not None:
            return named_toy(self.toy, self.parameters, lattice=self.lattice)
        model = self._read(folder, currents)
        if self.moments is not None:
            model = model.with_moments(self.moments)
        if self.symmetrise:
            named = self.symmetrise if isinstance(self.symmetrise, str) else None
            model, report = symmetrised(model, named)
            model = replace(model, notes=(*model.notes, str(report).replace("\n", "; ")))
        return model

    def _read(self, folder: Path, currents: Sequence[Current]) -> WannierModel:
        path = folder / str(self.seedname)
        if self.spin_current is not None:
            currents = self.spin_current
        elif is_hdf5(path):
            currents = ()
        return load_model(
            path,
            source=self.source,
            spin=self.spin,
            spin_order=self.spin_order,
            periodic=self.periodic,
            minimal_distance=self.minimal_distance,
            position=self.position,
            window=self.window,
            spin_current=currents,
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


Letter = Literal["x", "y", "z"]


class PictureSection(Section):
    """Which tensor of which response, which component, at which frequency."""

    response: str | None = None
    tensor: str | None = None
    component: str | dict[str, Letter] | None = None
    flow: Letter | None = None
    current: Letter | None = None
    spin: Letter | None = None
    field: Letter | None = None
    omega: float | None = None
    frequency_thz: float | None = None

    @model_validator(mode="after")
    def _said_once(self) -> PictureSection:
        if self.omega is not None and self.frequency_thz is not None:
            raise ValueError("give either omega (photon energy in eV) or frequency_thz")
        if self.component is not None and self._by_axis:
            raise ValueError(f"give either component or {', '.join(self._by_axis)}")
        return self

    @property
    def _by_axis(self) -> dict[str, str]:
        axes = ("flow", "current", "spin", "field")
        return {axis: getattr(self, axis) for axis in axes if getattr(self, axis) is not None}

    @property
    def chosen_component(self) -> ComponentChoice | None:
        """What was said about the component."""
        return self.component if self.component is not None else self._by_axis or None

    @property
    def photon_energy(self) -> float | None:
        """ħω, if one was given. [eV]"""
        return self.omega if self.frequency_thz is None else ev_from_thz(self.frequency_thz)


class MapSection(PictureSection):
    """[map]: a response over a plane of the zone."""

    n: Annotated[int, Field(ge=2)] = 101
    plane: tuple[int, int] | None = None
    offset: float = 0.0
    reach: Annotated[float, Field(gt=0.0)] | None = None
    bands: bool = False


class BandsSection(PictureSection):
    """[bands]: bands along a path, with a response of each."""

    path: KPathTable
    n: Annotated[int, Field(ge=2)] = 240
    window: tuple[float, float] | None = None


class OutputSection(Section):
    """[output]: files to write, counted from the folder of the job."""

    file: str = "result.h5"
    table: str | None = None
    checkpoint: str | bool = True
    units: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _units_in_use(self) -> OutputSection:
        for unit in self.units:
            if not is_quoted_unit(unit):
                raise ValueError(f"'{unit}' is not a unit that responses are quoted in")
        return self

    def checkpoint_beside(self, result: Path) -> Path | None:
        """Where long runs keep what is done, or None if they shall not."""
        if isinstance(self.checkpoint, str):
            return result.parent / self.checkpoint
        return result.with_name(result.stem + CHECKPOINT_SUFFIX) if self.checkpoint else None


def spin_currents(sections: Sequence[ResponseSection]) -> tuple[Current, ...]:
    """Spin currents with operators of their own that responses ask for.

    Parameters
    ----------
    sections : sequence of ResponseSection
        The responses.

    Returns
    -------
    tuple of str
    """
    asked = {getattr(section, "current", None) for section in sections}
    return tuple(current for current in CURRENTS if current in asked)


class Job(Section):
    """A whole job file."""

    model: ModelSection
    response: Annotated[list[AnyResponseSection], Field(min_length=1)]
    mesh: MeshSection = MeshSection()
    map: MapSection | None = None
    bands: BandsSection | None = None
    field: FieldSection = FieldSection()
    neel: NeelSection | None = None
    pulse: PulseSection | None = None
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _neel_has_parts(self) -> Job:
        polarisability = next((r for r in self.response if r.name == "spin_polarizability"), None)
        if self.neel is not None and getattr(polarisability, "parts", None) is None:
            raise ValueError(
                "[neel] needs the magnetic sublattices: give parts in the [[response]] "
                "spin_polarizability"
            )
        return self

    @property
    def currents(self) -> tuple[Current, ...]:
        """Spin currents that the responses ask for, of those with operators of their own."""
        return spin_currents(self.response)

    @model_validator(mode="after")
    def _symmetrised_models_have_no_products(self) -> Job:
        if self.model.symmetrise and self.currents:
            raise ValueError(
                f"symmetrise imposes the group on H, r and spin, not on the operators of current = "
                f"'{self.currents[0]}'; drop symmetrise, or take current = 'simple'"
            )
        return self

    def with_pulse(self, folder: Path) -> Job:
        """The job with the pulse's frequencies where a response asks for them."""
        if self.pulse is None:
            return self
        omega = self.pulse.pulse(folder, self.field).photon_energies().tolist()
        filled = {"omega": omega, "frequency_thz": None}
        responses = [
            section.model_copy(update=filled) if section.follows_pulse else section
            for section in self.response
        ]
        return self.model_copy(update={"response": responses})

    def section_of(self, picture: PictureSection, where: str) -> int | None:
        """Index of the response that a picture names, or None if it names none.

        Parameters
        ----------
        picture : PictureSection
            [map] or [bands].
        where : str
            Its name, for the message.

        Returns
        -------
        int or None

        Raises
        ------
        JobError
            If the job has no such response.
        """
        names = distinct_names([section.name for section in self.response])
        if picture.response is None:
            return None
        if picture.response not in names:
            raise JobError(
                f"[{where}] response = '{picture.response}' is not among those of this job. "
                f"{hint(picture.response, names)}"
            )
        return names.index(picture.response)


class _Asked(Section):
    """A response that the command line describes."""

    response: list[AnyResponseSection]


def response_section(owner: str, keys: dict[str, Any]) -> ResponseSection:
    """Section of one response that does not come from a job file.

    Parameters
    ----------
    owner : str
        Who asks, for messages.
    keys : dict
        As in [[response]].

    Returns
    -------
    ResponseSection

    Raises
    ------
    JobError
        If a key is unknown, missing or impossible.
    """
    table = {"response": [keys]}
    try:
        return _Asked.model_validate(table).response[0]
    except ValidationError as problem:
        raise JobError(_explain(owner, table, problem)) from None


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
        raise JobError(_explain(path, table, problem)) from None


def _explain(path: Path | str, table: dict[str, Any], problem: ValidationError) -> str:
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
        known = _known_keys(table, error["loc"][:-1])
        key = str(error["loc"][-1])
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        known_words = f"Known keys: {', '.join(sorted(known))}."
        nearest = f"Did you mean '{near[0]}'?" if near else known_words
        return f"{path}: unknown key '{place}'. {nearest}"
    if error["type"] == "list_type" and error["loc"] == ("response",):
        return f"{path}: [response] must be a list of tables: write [[response]]."
    if error["type"] == "missing":
        return f"{path}: the key '{place}' is missing. Add it."
    message = error["msg"].removeprefix("Value error, ")
    got = "" if isinstance(error["input"], dict) else f" (got {error['input']!r})"
    return f"{path}: '{place or 'job'}': {message}{got}."


def _all_fields() -> set[str]:
    """Every key there is; other words in a location are pydantic's names for members of unions."""
    sections: list[type[Section]] = [Job, Grid, PartsTable, *_SECTIONS.values(), *SECTIONS.values()]
    return {name for section in sections for name in section.model_fields}


def _known_keys(table: dict[str, Any], location: Sequence[int | str]) -> list[str]:
    """Keys of the section at a place of the job."""
    if not location:
        return list(Job.model_fields)
    for inner in (Grid, PartsTable):
        if location[-1] == inner.__name__:
            return list(inner.model_fields)
    if location[0] == "response":
        name = table["response"][location[1]]["name"]
        return list(SECTIONS[name].model_fields)
    section = _SECTIONS.get(str(location[0]))
    return list(section.model_fields) if section else []


_SECTIONS: dict[str, type[Section]] = {
    "model": ModelSection,
    "mesh": MeshSection,
    "map": MapSection,
    "bands": BandsSection,
    "field": FieldSection,
    "neel": NeelSection,
    "pulse": PulseSection,
    "output": OutputSection,
}
