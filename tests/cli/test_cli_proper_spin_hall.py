"""The proper spin current from a job file: checks printed, stored and warned of."""

import pytest

import w90spin as ws
from w90spin.cli import main

JOB = """
[model]
toy = "rashba_square"
parameters = { alpha = 0.5 }

[[response]]
name = "proper_spin_hall"
mu = [0.2, 0.3]
kT = 0.05
near = 0.02

[mesh]
rule = "uniform"
n = 24

[output]
file = "rashba.h5"
units = ["e/8pi"]
"""


def test_checks_of_a_gyrotropic_metal(tmp_path, capsys):
    job = tmp_path / "job.toml"
    job.write_text(JOB, "utf-8")
    with pytest.raises(SystemExit) as leave:
        main(["run", str(job)])
    assert not leave.value.code
    said = capsys.readouterr()
    assert "warning: proper_spin_hall: there is a net torque" in said.err
    assert "proper_spin_hall: net torque" in said.out
    assert "e/8π" in said.out
    result = ws.load_result(tmp_path / "rashba.h5")
    checks = result.provenance["checks"]["proper_spin_hall"]
    assert checks["warnings"] == list(ws.proper_report(result).warnings)
    assert result.responses["proper_spin_hall"].parameters["near"] == 0.02


def test_the_catalogue_tells_what_it_gives(capsys):
    with pytest.raises(SystemExit):
        main(["list", "proper_spin_hall"])
    said = capsys.readouterr().out
    for name in ("conventional", "liu2023_printed", "band_transport", "torque", "straddling"):
        assert f"gives {name} " in said
