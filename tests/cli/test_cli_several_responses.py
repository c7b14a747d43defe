"""Two responses in one job, and files that a job would write over."""

import pytest
from cli_jobs import DATA

import w90spin as ws
from w90spin.cli import main

JOB = """
[model]
seedname = "{seed}"

[[response]]
name = "spin_polarizability"
mu = 1.42245
omega = 0.1

[[response]]
name = "spin_polarizability"
mu = 1.42245
omega = [0.1, 0.3]
eta = 0.05

[mesh]
rule = "uniform"
n = 4
"""


def test_each_response_has_its_table_and_its_tensors(tmp_path, capsys):
    job = tmp_path / "job.toml"
    job.write_text(JOB.format(seed=DATA.as_posix() + "/bi"))
    main_exit(["run", str(job)], 0)
    printed = capsys.readouterr().out
    assert "spin_polarizability (" in printed
    assert "spin_polarizability_2 (" in printed
    result = ws.load_result(tmp_path / "result.h5")
    assert result["spin_polarizability/upsilon1"].values.shape[3] == 1
    assert result["spin_polarizability_2/upsilon1"].values.shape[3] == 2
    with pytest.raises(KeyError, match="spin_polarizability_2/upsilon1"):
        result["upsilon1"]


def test_a_job_is_not_written_over(tmp_path, capsys):
    job = tmp_path / "job.toml"
    text = JOB.format(seed=DATA.as_posix() + "/bi") + '[output]\nfile = "job.toml"\n'
    job.write_text(text)
    main_exit(["run", str(job)], 2)
    assert "neither the job itself" in capsys.readouterr().err
    assert job.read_text() == text


def main_exit(words: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as leave:
        main(words)
    assert (leave.value.code or 0) == code
