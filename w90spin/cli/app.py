"""The commands of ``w90spin``."""

from __future__ import annotations

import json
import signal
import sys
import threading
import tomllib
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from rich.console import Console

from w90spin.cli.derived import Derived, check, derive, shown
from w90spin.cli.job import Job, PictureSection, read_job, response_section, spin_currents
from w90spin.cli.progress import ProgressReport
from w90spin.cli.response_sections import SECTIONS, ResponseSection
from w90spin.cli.sections import hint
from w90spin.cli.tables import (
    form_lines,
    provenance_lines,
    response_lines,
    spin_table,
    tensor_table,
)
from w90spin.compute import compute, distinct_names
from w90spin.derive import (
    Pulse,
    is_quoted_unit,
    symmetry_forms,
    with_relaxation_time,
)
from w90spin.errors import (
    InterruptedRunError,
    JobError,
    ResponseError,
    W90SpinError,
    W90SpinWarning,
)
from w90spin.files import check_writable, remove_orphans
from w90spin.inspection import model_report
from w90spin.integrate.checkpoint import remove_checkpoint
from w90spin.model.continuum import AnyModel, ContinuumModel
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.load import Source, SpinSource, load_model
from w90spin.model.spin_current import CURRENTS
from w90spin.model.toys.named import named_toy
from w90spin.model.wannier import WannierModel, share_model
from w90spin.parallel import Comm, told_by_root, world
from w90spin.response import RESPONSES, Response
from w90spin.results import BandPath, KMap, ResponseResult, Result, Tensor, load_result
from w90spin.results.component import choose_component
from w90spin.sample import band_path, fermi_surface, has_bands, zone_map
from w90spin.storage import is_hdf5

TERMINATED = 128 + 15
"""Exit code after SIGTERM, as shells give it."""

PLAIN_WIDTH = 120
"""Columns of tables that do not go to a terminal."""

TOY = "toy:"
"""What a seedname begins with that is the name of a toy."""

app = typer.Typer(
    name="w90spin",
    help="Spin responses of real materials from Wannier functions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ResultFile = Annotated[Path, typer.Argument(help="Result file of 'w90spin run'.")]
SeedName = Annotated[
    str,
    typer.Argument(
        help="Folder and seedname, as in data/bi-monolayer/bi; or one file: _tb.dat, _hr.dat, "
        ".chk, .amn, a model file (.w90.h5) or one of TBmodels; or a toy, as in toy:rashba_kp."
    ),
]
Folder = Annotated[Path, typer.Option("--output", "-o", help="Folder for the figures.")]
Level = Annotated[float, typer.Option("--mu", help="Fermi level in eV, absolute.")]
Photon = Annotated[float | None, typer.Option("--frequency", help="Frequency of the field in THz.")]
ResponseName = Annotated[
    str | None, typer.Option("--response", help="A response by its name in 'w90spin list'.")
]
TensorName = Annotated[str | None, typer.Option("--tensor", help="A tensor of the response.")]
ComponentName = Annotated[
    str | None,
    typer.Option(
        "--component",
        help="Letters in the order of the axes, as in xyz, or by name, as in flow=x,spin=z; the "
        "largest where that leaves a choice.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another key of the response, as in kT=0.01; may be repeated."),
]
Format = Annotated[list[str], typer.Option("--format", help="png, pdf or svg; may be repeated.")]


@app.command()
def run(
    job: Annotated[Path, typer.Argument(help="Job file (TOML).")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Result file, instead of the job's.")
    ] = None,
    max_cost: Annotated[
        int | None,
        typer.Option(help="Stop before this many diagonalisations with the best result so far."),
    ] = None,
    max_time: Annotated[
        float | None,
        typer.Option(help="The same after this many seconds, as soon as there is a result."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every component, also those that vanish.")
    ] = False,
) -> None:
    """Compute what a job file asks for; also under mpirun.

    A long run keeps what it has done in a checkpoint beside the result; started again after it was
    killed, it goes on from there.  SIGTERM and Ctrl-C write the checkpoint and end the run with
    exit code 143, SIGUSR1 only writes it.
    """
    _ignore_requests_for_checkpoints()
    comm = world()
    console = _console(comm)
    plan = read_job(job)
    folder = job.parent
    target = check_writable(output if output is not None else folder / plan.output.file)
    if comm.is_root:
        remove_orphans(target)  # of a run that was killed while it wrote the result
    table = None if plan.output.table is None else check_writable(folder / plan.output.table)
    checkpoint = plan.output.checkpoint_beside(target)
    if job.resolve() in (target.resolve(), table and table.resolve()) or target == table:
        raise JobError(
            f"{job}: the result ({target}) and the table ({table}) must be two files, and neither "
            "the job itself. Change [output]."
        )

    model = _load_once(plan, folder, comm)
    missed = () if plan.model.toy is not None else plan.currents
    about = model_report(model, currents=missed)
    console.print(str(about), highlight=False, soft_wrap=True)
    responses = [section.response(model) for section in plan.response]
    pulse = None if plan.pulse is None else plan.pulse.pulse(folder, plan.field)
    if plan.model.toy is not None:
        _refuse_without_spin(plan.model.toy, model, responses)
    check(plan, model, responses, pulse)
    # Cheap, so that what is wrong with them is told now.
    pictures = _pictures(plan, model, responses, comm)
    with ProgressReport(console) as report:
        result = compute(
            model,
            responses,
            mesh=plan.mesh.mesh(),
            symmetry=plan.mesh.symmetry,
            symmetry_tolerance=plan.mesh.tolerance(),
            comm=comm,
            degeneracy=plan.mesh.degeneracy,
            checkpoint=checkpoint,
            max_cost=max_cost,
            max_time=max_time,
            report=report,
        )
    result = replace(
        result,
        responses=_at_relaxation_times(result, plan),
        provenance={**result.provenance, "show": shown(plan)},
        kmap=pictures[0],
        path=pictures[1],
    )
    if comm.is_root:
        derived = derive(result, shown(plan), pulse=pulse)
        result = replace(result, derived=derived.records())
        console.print("\n".join(provenance_lines(result)), highlight=False, soft_wrap=True)
        for response, asked in zip(result.responses.values(), responses, strict=True):
            forms = []
            if isinstance(model, WannierModel):
                forms = symmetry_forms(model, asked, response)
            for line in form_lines(forms):
                console.print(f"{response.name}: {line}", highlight=False, soft_wrap=True)
            console.print(
                tensor_table(result, response, everything=everything, units=plan.output.units)
            )
        if derived.induced is not None:
            console.print(spin_table(derived.induced, plan.field.spin))
        for line in derived.lines():
            console.print(line, highlight=False, soft_wrap=True)
        result.save(target)
        console.print(f"Result: {target}", highlight=False, soft_wrap=True)
        if checkpoint is not None and not result.provenance["stopped"]:
            remove_checkpoint(checkpoint)
        elif checkpoint is not None:
            console.print(
                f"Checkpoint: {checkpoint}; the same run with a higher limit goes on from there.",
                highlight=False,
                soft_wrap=True,
            )
        if table is not None:
            result.to_csv(table)
            console.print(f"Table: {table}", highlight=False, soft_wrap=True)
    comm.barrier()


@app.command()
def plot(
    result: ResultFile,
    output: Folder = Path(),
    response: ResponseName = None,
    tensor: TensorName = None,
    component: ComponentName = None,
    versus: Annotated[str | None, typer.Option(help="Curves only against mu, omega or kT.")] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="Unit of curves, as in '(hbar/2e) S/cm'; may be repeated."),
    ] = None,
    field: Annotated[float | None, typer.Option(help="Field strength in V/m.")] = None,
    direction: Annotated[
        str | None, typer.Option(help="Field direction x, y, z, circular+ or circular-.")
    ] = None,
    spin: Annotated[str | None, typer.Option(help="Spin component x, y or z.")] = None,
    thickness: Annotated[float | None, typer.Option(help="Thickness of the slab in Å.")] = None,
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Draw everything that a result file holds, with the data beside each figure."""
    from w90spin.plot import Choice, Pictures, plot_all

    loaded = load_result(result)
    show = loaded.provenance.get("show", {})
    units = [*(unit or []), *show.get("units", [])]
    if unknown := [word for word in units if not is_quoted_unit(word)]:
        raise JobError(f"--unit '{unknown[0]}' is not a unit that responses are quoted in.")
    derived = derive(
        loaded,
        show,
        pulse=_stored_pulse(loaded),
        field=field,
        direction=direction,
        thickness=thickness,
    )
    if response is not None or tensor is not None:
        derived = Derived(None)
        loaded = _only(loaded, response, tensor)
    asked = {"tensor": tensor} if tensor is not None else {}
    if component is not None:
        asked["component"] = component
    neel = show.get("neel") or {}
    gaps = [gap for gap in loaded.provenance.get("direct_gaps_eV", {}).values() if gap]
    anisotropy = neel.get("anisotropy_field")
    drawn = plot_all(
        loaded,
        output,
        induced=derived.induced,
        derived=Pictures(
            by_angle=derived.by_angle,
            angle_index=derived.angle_index,
            neel=derived.neel,
            anisotropy_field=None if anisotropy is None else float(np.max(anisotropy)),
            edge=gaps[0] if gaps else None,
            spin_pulse=derived.spin_pulse,
            field_pulse=derived.field_pulse,
            dynamics=derived.dynamics,
        ),
        spin=spin or show.get("spin"),
        curves=Choice(response=response, **asked),
        kmap=Choice(**{**({} if spin or direction else show.get("map", {})), **asked}),
        bands=Choice(**{**({} if spin or direction else show.get("bands", {})), **asked}),
        versus=versus,
        units=units,
        window=show.get("window"),
        formats=formats,
    )
    if not drawn:
        asked_for = " ".join(word for word in (response, tensor) if word is not None)
        raise JobError(
            f"{result}: there is nothing to draw{f' of {asked_for}' if asked_for else ''}. Curves "
            "need several Fermi levels, photon energies or temperatures and values that are not "
            "all zero; maps and bands are drawn where the job has [map] and [bands]."
        )
    for path in drawn:
        typer.echo(path)


@app.command()
def inspect(
    seedname: SeedName,
    mu: Annotated[float | None, typer.Option("--mu", help="Fermi level in eV.")] = None,
    source: Annotated[Source, typer.Option(help="Where H and r come from.")] = "auto",
    spin: Annotated[SpinSource, typer.Option(help="Where the spin operator comes from.")] = "auto",
    spin_order: Annotated[
        Literal["interlaced", "block"] | None, typer.Option(help="Order of the spin components.")
    ] = None,
    window: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="For projections alone: window in eV as LOW HIGH SMEARING; inf is read."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    path: Annotated[
        str | None, typer.Option("--plot", help="Also draw bands along this path, as in GXSYG.")
    ] = None,
    output: Folder = Path(),
) -> None:
    """Report what a set of files is, how good it is, and what it can be used for.

    The exit code is 0 only if some response of the spin can be computed.
    """
    model = _model(seedname, source=source, spin=spin, spin_order=spin_order, window=window)
    no_files = seedname.startswith(TOY) or is_hdf5(seedname)
    report = model_report(
        model,
        mu,
        files=None if no_files else FilesOfSeed.named(seedname),
        currents=() if seedname.startswith(TOY) else CURRENTS,
    )
    typer.echo(json.dumps(report.to_dict(), indent=1) if as_json else str(report))
    if path is not None:
        from w90spin.plot import plot_all

        lines = band_path(model, path, mu=0.0 if mu is None else mu)
        for figure in plot_all(Result(responses={}, provenance={}, path=lines), output):
            typer.echo(figure, err=as_json)
    if not report.facts["usable_for_spin"]:
        raise typer.Exit(2)


@app.command()
def bands(
    seedname: SeedName,
    path: Annotated[str, typer.Option("--path", help="Special points, as in GXSYG.")],
    mu: Level = 0.0,
    response: ResponseName = None,
    tensor: TensorName = None,
    component: ComponentName = None,
    frequency: Photon = None,
    settings: Settings = None,
    spin: Annotated[str, typer.Option(help="Spin component x, y or z for the colour.")] = "z",
    n: Annotated[int, typer.Option("-n", help="Points along the path.")] = 240,
    output: Folder = Path(),
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Bands along a path, coloured by spin, and by a response of each band if one is named."""
    from w90spin.plot import Choice, plot_all

    section = None
    if response is not None:
        section = _asked(response, mu, frequency, settings)
    model = _model(seedname, section)
    asked = None if section is None else _response(section, seedname, model)
    lines = band_path(model, path, asked, mu=mu, n=n)
    _refuse_without_bands(section, lines.tensors)
    drawn = Result(responses={}, provenance={}, path=lines)
    choice = Choice(tensor=tensor, component=component)
    eta = getattr(section, "eta", None)
    for figure in plot_all(drawn, output, spin=spin, bands=choice, formats=formats, eta=eta):
        typer.echo(figure)


@app.command()
def kmap(
    seedname: SeedName,
    mu: Level,
    response: ResponseName = "spin_polarizability",
    tensor: TensorName = None,
    component: ComponentName = None,
    frequency: Photon = None,
    eta: Annotated[float | None, typer.Option(help="Broadening in eV.")] = None,
    kT: Annotated[float | None, typer.Option("--kT", help="Temperature in eV.")] = None,
    settings: Settings = None,
    n: Annotated[int, typer.Option("-n", help="Points along each direction.")] = 101,
    output: Folder = Path(),
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Map of a response over the zone, summed over bands with their occupations."""
    from w90spin.plot import Choice, plot_all

    section = _asked(str(response), mu, frequency, settings, eta=eta, kT=kT)
    model = _model(seedname, section)
    asked = _response(section, seedname, model)
    drawn = zone_map(model, asked, n=n)
    choice = Choice(tensor=tensor, component=component)
    result = Result(responses={}, provenance={}, kmap=drawn)
    eta = getattr(section, "eta", None)
    for figure in plot_all(result, output, kmap=choice, formats=formats, eta=eta):
        typer.echo(figure)


@app.command("fermi-surface")
def fermi_surface_file(
    seedname: SeedName,
    mu: Level,
    response: ResponseName = None,
    colour: Annotated[
        str | None,
        typer.Option(help="spin_x, ..., velocity_x, ..., speed, or a tensor of the response."),
    ] = None,
    component: ComponentName = None,
    part: Annotated[str | None, typer.Option(help="Part of the cell, by its name.")] = None,
    imaginary: Annotated[
        bool, typer.Option(help="Of a complex tensor the imaginary part.")
    ] = False,
    frequency: Photon = None,
    settings: Settings = None,
    n: Annotated[int, typer.Option("-n", help="Points along each direction.")] = 48,
    window: Annotated[
        float, typer.Option(help="Also take bands that come within so many eV of mu.")
    ] = 0.0,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "fermi_surface.frmsf"
    ),
) -> None:
    """Fermi surface on a mesh, with a colour, as a file for FermiSurfer."""
    target = check_writable(output)
    section = None if response is None else _asked(response, mu, frequency, settings)
    model = _model(seedname, section)
    asked = None if section is None else _response(section, seedname, model)
    surface = fermi_surface(model, mu, asked, n=n, window=window)
    _refuse_without_bands(section, surface.tensors)
    name = colour or next(iter((*surface.tensors, *surface.colours)))
    values = surface.colour(name, component, part=part, imaginary=imaginary)
    surface.save_frmsf(target, values)
    shown = ", ".join(str(band) for band in surface.band_n)
    typer.echo(
        f"{target}: band(s) {shown} around mu = {mu:g} eV, coloured by {name} from "
        f"{values.min():.4g} to {values.max():.4g}"
    )


@app.command("list")
def list_responses(
    name: Annotated[str | None, typer.Argument(help="Only this response.")] = None,
) -> None:
    """Name the responses that jobs can ask for, with what they need, take and give."""
    if name is not None and name not in RESPONSES:
        raise JobError(f"There is no response '{name}'. {hint(name, RESPONSES)}")
    for known in RESPONSES if name is None else [name]:
        typer.echo("\n".join(response_lines(known)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; every error of the package is one message and exit code 2.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    warnings.simplefilter("always", W90SpinWarning)
    try:
        app(args=arguments)
    except W90SpinError as problem:
        comm = _safe_world()
        code = TERMINATED if isinstance(problem, InterruptedRunError) else 2
        if comm is None or comm.is_root:
            print(f"error: {problem}", file=sys.stderr, flush=True)
        if comm is not None and not comm.leave_together():
            # Alone on one rank this would leave the others waiting for ever.
            if not comm.is_root:
                print(f"error: {problem}", file=sys.stderr, flush=True)
            comm.abort(code)
        sys.exit(code)
    except Exception as problem:
        # Alone on one rank this would leave the others waiting for ever.
        comm = _safe_world()
        if comm is not None and comm.size > 1 and not told_by_root(problem):
            comm.fail(f"On rank {comm.rank}:\n{traceback.format_exc()}")
        raise


def _ignore_requests_for_checkpoints() -> None:
    """Before and after the integral SIGUSR1 shall do nothing, where it would end the process."""
    on_main_thread = threading.current_thread() is threading.main_thread()
    if on_main_thread and hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def _model(seedname: str, section: ResponseSection | None = None, **options: Any) -> AnyModel:
    """Model of a seedname, with what its response needs, or toy of a name."""
    if seedname.startswith(TOY):
        return named_toy(seedname.removeprefix(TOY))
    currents = spin_currents([] if section is None else [section])
    if currents and not is_hdf5(seedname):
        options["spin_current"] = currents
    return load_model(seedname, **options)


def _response(section: ResponseSection, seedname: str, model: AnyModel) -> Response:
    """The response of a section, which the model of a seedname must be able to give."""
    response = section.response(model)
    if seedname.startswith(TOY):
        _refuse_without_spin(seedname.removeprefix(TOY), model, [response])
    return response


def _refuse_without_spin(toy: str, model: AnyModel, responses: Sequence[Response]) -> None:
    """Where there are no files, no words of files help."""
    lacking = model.spin_sij is None if isinstance(model, ContinuumModel) else (
        model.spin_Rsij is None
    )  # fmt: skip
    needy = [asked.claims.name for asked in responses if "spin" in asked.claims.needs]
    if lacking and needy:
        raise JobError(
            f"The toy '{toy}' has no spin, which {needy[0]} needs. Take a toy with spin, such as "
            "kane_mele or rashba_square, or a response of the charge, such as anomalous_hall."
        )


def _load_once(plan: Job, folder: Path, comm: Comm) -> AnyModel:
    """Rank 0 reads the files; what it got, or why it failed, goes to all."""
    if plan.model.toy is not None:
        return plan.model.load(folder)
    loaded: AnyModel | W90SpinError | None = None
    if comm.is_root:
        try:
            loaded = plan.model.load(folder, plan.currents)
        except W90SpinError as problem:
            loaded = problem
    failure = comm.bcast(loaded if isinstance(loaded, W90SpinError) else None)
    if failure is not None:
        raise failure
    return share_model(loaded if isinstance(loaded, WannierModel) else None, comm)


def _pictures(
    plan: Job, model: AnyModel, responses: Sequence[Response], comm: Comm
) -> tuple[KMap | None, BandPath | None]:
    """The map and the bands that the job asks for."""
    drawn_map = drawn_path = None
    if plan.map is not None:
        index = plan.section_of(plan.map, "map") or 0
        drawn_map = zone_map(
            model,
            _at_frequency(plan, plan.map, index, model),
            n=plan.map.n,
            plane=plan.map.plane,
            offset=plan.map.offset,
            reach=plan.map.reach,
            bands=plan.map.bands,
            comm=comm,
            tolerance=plan.mesh.degeneracy,
        )
        if plan.map.tensor is not None:
            _check_tensor("map", plan.map.tensor, drawn_map.tensors)
        drawn_map = replace(drawn_map, response=_names(plan)[index])
    if plan.bands is not None:
        given = plan.section_of(plan.bands, "bands")
        index = given or 0
        if given is None:
            # The first whose bands have a share: those of Fermi surfaces have none.
            there = (i for i, r in enumerate(responses) if has_bands(model, r, comm=comm))
            index = next(there, 0)
        drawn_path = band_path(
            model,
            plan.bands.path,
            _at_frequency(plan, plan.bands, index, model),
            mu=plan.response[index].fermi_level,
            n=plan.bands.n,
            comm=comm,
            tolerance=plan.mesh.degeneracy,
        )
        if given is not None:
            _refuse_without_bands(plan.response[index], drawn_path.tensors)
        if plan.bands.tensor is not None:
            _check_tensor("bands", plan.bands.tensor, drawn_path.tensors)
        drawn_path = replace(drawn_path, response=_names(plan)[index])
    for where, picture, tensors in (
        ("map", plan.map, {} if drawn_map is None else drawn_map.tensors),
        ("bands", plan.bands, {} if drawn_path is None else drawn_path.tensors),
    ):
        wanted = None if picture is None else picture.chosen_component
        if picture is not None and wanted is not None and tensors:
            chosen = tensors[picture.tensor or next(iter(tensors))]
            try:
                choose_component(chosen, wanted)
            except ResponseError as problem:
                raise JobError(f"[{where}] {problem}") from None
    return drawn_map, drawn_path


def _at_frequency(plan: Job, picture: PictureSection, index: int, model: AnyModel) -> Response:
    """The response of a picture, at its frequency if it depends on one: 0 unless told."""
    section, omega = plan.response[index], picture.photon_energy
    if omega is None and section.has_frequency:
        omega = 0.0
    return section.response(model, omega_w=None if omega is None else np.array([omega]))


def _names(plan: Job) -> list[str]:
    return distinct_names([section.name for section in plan.response])


def _check_tensor(where: str, name: str, tensors: Mapping[str, Tensor]) -> None:
    if name not in tensors:
        raise JobError(f"[{where}] tensor = '{name}' is not there. {hint(name, tensors)}")


def _refuse_without_bands(section: ResponseSection | None, tensors: Mapping[str, Tensor]) -> None:
    if section is not None and not tensors:
        raise JobError(
            f"Single bands have no share in {section.name}: it lives at the Fermi surface. "
            "Map it over the zone instead, or name another response."
        )


def _at_relaxation_times(result: Result, plan: Job) -> dict[str, ResponseResult]:
    """Responses, with their values at a relaxation time where the job gives one."""
    found = dict(result.responses)
    for name, section in zip(_names(plan), plan.response, strict=True):
        if section.tau_s is not None:
            found[name] = with_relaxation_time(
                found[name], section.tau_s, section.photon_energies()
            )
    return found


def _asked(
    name: str,
    mu: float,
    frequency: float | None,
    settings: Sequence[str] | None,
    **more: float | None,
) -> ResponseSection:
    """Response that options describe."""
    keys: dict[str, Any] = {"name": name}
    known = SECTIONS[name].model_fields if name in SECTIONS else {}
    if "mu" in known:
        keys["mu"] = mu
    if frequency is not None:
        keys["frequency_thz"] = frequency
    keys |= {key: value for key, value in more.items() if value is not None}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise JobError(f"--set {setting}: write KEY=VALUE, as in --set current=ryoo2019.")
        keys[key.strip()] = _toml_value(value.strip())
    if "frequency_thz" in known and "tau" not in known and "omega" not in keys:
        keys.setdefault("frequency_thz", 0.0)
    return response_section("On the command line", keys)


def _toml_value(text: str) -> Any:
    """Value as in a job file; words need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _only(result: Result, response: str | None, tensor: str | None) -> Result:
    """Result without maps and bands of other responses or tensors."""
    kmap, path = result.kmap, result.path
    if kmap is not None and (
        response not in (None, kmap.response) or (tensor is not None and tensor not in kmap.tensors)
    ):
        kmap = None
    if path is not None and (
        response not in (None, path.response) or (tensor is not None and tensor not in path.tensors)
    ):
        path = None
    return replace(result, kmap=kmap, path=path)


def _stored_pulse(result: Result) -> Pulse | None:
    """The pulse whose course is in a result file."""
    if "pulse" not in result.derived:
        return None
    stored = result.derived["pulse"]["electric_field"]
    return Pulse(np.array(stored.axis("time").values), np.asarray(stored.values))


def _console(comm: Comm) -> Console:
    # Under a launcher a rank's standard output can pass for a terminal; standard error does not.
    plain = comm.size > 1 or not sys.stderr.isatty()
    return Console(
        quiet=not comm.is_root,
        force_terminal=False if plain else None,
        width=PLAIN_WIDTH if plain else None,
    )


def _safe_world() -> Comm | None:
    try:
        return world()
    except W90SpinError:
        return None


def _speaks() -> bool:
    comm = _safe_world()
    return comm is None or comm.is_root


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    if _speaks():
        print(f"warning: {message}", file=sys.stderr)
