"""Job files for short runs, and the command line called in this process."""

from pathlib import Path

import pytest

from w90spin.cli import main

DATA = Path(__file__).parents[2] / "data" / "bi-monolayer"
MU = 1.42245  # eV, mid-gap

MODEL = f'seedname = "{DATA.as_posix()}/bi"\nsource = "hr"\nspin = "projections"\n'
RESPONSE = f'name = "spin_polarizability"\nmu = {MU}\nfrequency_thz = [10.0, 50.0]\n'
MESH = 'rule = "uniform"\nn = 6\n'
SECTIONS = {"model": MODEL, "[response]": RESPONSE, "mesh": MESH}


def job_text(top="", **changed):
    """Job with some sections added, replaced, or left out (None); "response" is [[response]]."""
    sections = dict(SECTIONS)
    for name, text in changed.items():
        sections["[response]" if name == "response" else name] = text
    return top + "".join(
        f"[{name}]\n{text}\n" for name, text in sections.items() if text is not None
    )


def write_job(folder, top="", **changed):
    path = folder / "job.toml"
    path.write_text(job_text(top, **changed), encoding="utf-8")
    return path


def call(*arguments):
    """Exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return 0 if left.value.code is None else left.value.code
