"""The commands of ``w90spin``."""

from __future__ import annotations

import json
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from rich.console import Console

from w90spin.cli.derived import check, derive, shown
from w90spin.cli.job import Job, read_job
from w90spin.cli.progress import ProgressReport
from w90spin.cli.tables import provenance_lines, spin_table, tensor_table
from w90spin.compute import compute
from w90spin.derive import Pulse, symmetry_form
from w90spin.errors import InterruptedRunError, JobError, W90SpinError, W90SpinWarning
from w90spin.files import check_writable, remove_orphans
from w90spin.inspection import model_report
from w90spin.integrate.checkpoint import remove_checkpoint
from w90spin.model.continuum import AnyModel
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.load import Source, SpinSource, load_model
from w90spin.model.toys.named import named_toy
from w90spin.model.wannier import WannierModel, share_model
from w90spin.parallel import Comm, told_by_root, world
from w90spin.response import RESPONSES, SpinPolarizability
from w90spin.results import BandPath, KMap, Result, load_result
from w90spin.sample import band_path, zone_map
from w90spin.storage import is_hdf5
from w90spin.units import SPIN_AXES, ev_from_thz

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
Photon = Annotated[float, typer.Option("--frequency", help="Frequency of the field in THz.")]
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
    console.print(str(model_report(model)), highlight=False, soft_wrap=True)
    responses = [section.response(model) for section in plan.response]
    pulse = None if plan.pulse is None else plan.pulse.pulse(folder, plan.field)
    check(plan, model, responses, pulse)
    pictures = _pictures(plan, model, comm)  # cheap, so that what is wrong with them is told now
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
        provenance={**result.provenance, "show": shown(plan)},
        kmap=pictures[0],
        path=pictures[1],
    )
    if comm.is_root:
        derived = derive(result, shown(plan), pulse=pulse)
        result = replace(result, derived=derived.records())
        console.print("\n".join(provenance_lines(result)), highlight=False, soft_wrap=True)
        for response, asked in zip(result.responses.values(), responses, strict=True):
            form = None
            if isinstance(model, WannierModel):
                form = symmetry_form(model, response["upsilon1"], asked.parts)
            if form is not None:
                console.print(f"{response.name}: {form}", highlight=False, soft_wrap=True)
            console.print(tensor_table(result, response))
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
    field: Annotated[float | None, typer.Option(help="Field strength in V/m.")] = None,
    direction: Annotated[
        str | None, typer.Option(help="Field direction x, y, z, circular+ or circular-.")
    ] = None,
    spin: Annotated[str | None, typer.Option(help="Spin component x, y or z.")] = None,
    thickness: Annotated[float | None, typer.Option(help="Thickness of the slab in Å.")] = None,
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Draw everything that a result file holds, with the data beside each figure."""
    from w90spin.plot import Pictures, plot_all

    loaded = load_result(result)
    show = loaded.provenance.get("show", {})
    derived = derive(
        loaded,
        show,
        pulse=_stored_pulse(loaded),
        field=field,
        direction=direction,
        thickness=thickness,
    )
    neel = show.get("neel") or {}
    gaps = [gap for gap in loaded.provenance.get("direct_gaps_eV", {}).values() if gap]
    anisotropy = neel.get("anisotropy_field")
    for path in plot_all(
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
        spin=spin or str(show.get("spin", "z")),
        field=direction if direction in SPIN_AXES else str(show.get("map_field", "x")),
        window=show.get("window"),
        formats=formats,
    ):
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
    report = model_report(model, mu, files=None if no_files else FilesOfSeed.named(seedname))
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
    spin: Annotated[str, typer.Option(help="Spin component x, y or z for the colour.")] = "z",
    n: Annotated[int, typer.Option("-n", help="Points along the path.")] = 240,
    output: Folder = Path(),
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Bands along a path, coloured by spin."""
    from w90spin.plot import plot_all

    lines = band_path(_model(seedname), path, mu=mu, n=n)
    drawn = Result(responses={}, provenance={}, path=lines)
    for figure in plot_all(drawn, output, spin=spin, formats=formats):
        typer.echo(figure)


@app.command()
def kmap(
    seedname: SeedName,
    mu: Level,
    frequency: Photon = 0.0,
    eta: Annotated[float, typer.Option(help="Broadening in eV.")] = 0.0,
    spin: Annotated[str, typer.Option(help="Spin component x, y or z.")] = "z",
    field: Annotated[str, typer.Option(help="Field component x, y or z.")] = "x",
    n: Annotated[int, typer.Option("-n", help="Points along each direction.")] = 101,
    output: Folder = Path(),
    formats: Format = ["png"],  # noqa: B006
) -> None:
    """Map of the spin polarisability over the zone, summed over occupied bands."""
    from w90spin.plot import plot_all

    response = SpinPolarizability(omega_w=ev_from_thz(frequency), mu_f=mu, eta=eta)
    drawn = Result(responses={}, provenance={}, kmap=zone_map(_model(seedname), response, n=n))
    for figure in plot_all(drawn, output, spin=spin, field=field, formats=formats):
        typer.echo(figure)


@app.command("list")
def list_responses() -> None:
    """Name the responses that jobs can ask for."""
    for name, response in RESPONSES.items():
        typer.echo(f"{name}: {(response.__doc__ or '').splitlines()[0]}")


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


def _model(seedname: str, **options: Any) -> AnyModel:
    """Model of a seedname, or toy of a name."""
    if seedname.startswith(TOY):
        return named_toy(seedname.removeprefix(TOY))
    return load_model(seedname, **options)


def _load_once(plan: Job, folder: Path, comm: Comm) -> AnyModel:
    """Rank 0 reads the files; what it got, or why it failed, goes to all."""
    if plan.model.toy is not None:
        return plan.model.load(folder)
    loaded: AnyModel | W90SpinError | None = None
    if comm.is_root:
        try:
            loaded = plan.model.load(folder)
        except W90SpinError as problem:
            loaded = problem
    failure = comm.bcast(loaded if isinstance(loaded, W90SpinError) else None)
    if failure is not None:
        raise failure
    return share_model(loaded if isinstance(loaded, WannierModel) else None, comm)


def _pictures(plan: Job, model: AnyModel, comm: Comm) -> tuple[KMap | None, BandPath | None]:
    """The map and the bands that the job asks for."""
    first, level = plan.response[0], plan.response[0].fermi_level
    drawn_map = drawn_path = None
    if plan.map is not None:
        omega = np.array([ev_from_thz(plan.map.frequency_thz)])
        drawn_map = zone_map(
            model,
            first.response(model, omega_w=omega),
            n=plan.map.n,
            plane=plan.map.plane,
            offset=plan.map.offset,
            reach=plan.map.reach,
            bands=plan.map.bands,
            comm=comm,
            tolerance=plan.mesh.degeneracy,
        )
    if plan.bands is not None:
        omega = np.array([ev_from_thz(plan.bands.frequency_thz)])
        drawn_path = band_path(
            model,
            plan.bands.path,
            first.response(model, omega_w=omega),
            mu=level,
            n=plan.bands.n,
            comm=comm,
            tolerance=plan.mesh.degeneracy,
        )
    return drawn_map, drawn_path


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
