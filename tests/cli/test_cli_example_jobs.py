"""The examples' job files are valid, and their files are there."""

from pathlib import Path

import pytest

import w90spin as ws
from w90spin.cli.job import read_job

JOBS = sorted((Path(__file__).parents[2] / "examples").glob("*/job.toml"))


@pytest.mark.parametrize("file", JOBS, ids=lambda file: file.parent.name)
def test_jobs_of_the_examples(file):
    job = read_job(file)
    if job.model.toy is not None:
        job.response[0].response(job.model.load(file.parent))
        return
    model = ws.load_model(file.parent / job.model.seedname)
    atoms = len(model.structure.symbols)
    assert job.model.moments is None or len(job.model.moments) == atoms
    response = job.response[0].response(model)
    assert response.insulator
    assert job.field.strength == 1e7


def test_there_are_three():
    assert len(JOBS) == 3
