"""Partitions with options in a job, pictures of `inspect`, and resonances of metals."""

import json

import pytest
from cli_jobs import DATA

import w90spin as ws
from w90spin.cli import main

JOB = f"""
[model]
seedname = "{DATA.as_posix()}/bi"

[[response]]
name = "spin_polarizability"
mu = MU
omega = [0.0, 0.2]
parts = PARTS

[mesh]
rule = "uniform"
n = 4
"""


def run(tmp_path, code, *, mu="1.42245", parts='"layer"'):
    job = tmp_path / "job.toml"
    job.write_text(JOB.replace("MU", mu).replace("PARTS", parts))
    with pytest.raises(SystemExit) as leave:
        main(["run", str(job)])
    assert (leave.value.code or 0) == code


def test_buckled_sheets_by_their_gap(tmp_path):
    """One layer by bonds, two sheets 2.5 Å apart by height; their sum is the same."""
    totals = []
    for parts, names in (('"layer"', ("A",)), ('{ by = "layer", gap = 2.0 }', ("A", "B"))):
        run(tmp_path, 0, parts=parts)
        tensor = ws.load_result(tmp_path / "result.h5")["upsilon1"]
        assert tensor.axis("part").values == names
        totals.append(tensor.total().values)
    assert abs(totals[0] - totals[1]).max() < 1e-12 * abs(totals[0]).max()


def test_unknown_option_of_a_partition_names_the_nearest(tmp_path, capsys):
    run(tmp_path, 2, parts='{ by = "layer", axs = 2 }')
    assert "Did you mean 'axis'?" in capsys.readouterr().err


def test_a_metal_with_transitions_below_the_photon_energy(tmp_path, capsys):
    """On 4 x 4 points no transition is that small; the survey of the bands finds one."""
    run(tmp_path, 2, mu="1.0")
    message = capsys.readouterr().err
    assert "smallest direct gap across mu = 1 eV" in message
    assert "eta > 0" in message


def test_inspect_draws_bands_on_request(tmp_path, capsys):
    with pytest.raises(SystemExit) as leave:
        main(["inspect", f"{DATA}/bi", "--json", "--plot", "GX", "--output", str(tmp_path)])
    assert not leave.value.code
    printed = capsys.readouterr()
    facts = json.loads(printed.out)
    assert facts["n_wann"] == 32
    assert facts["usable_for"][:2] == ["bands", "spin_polarizability"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".csv"}


def test_inspect_refuses_a_point_that_is_not_there(capsys, tmp_path):
    with pytest.raises(SystemExit) as leave:
        main(["inspect", f"{DATA}/bi", "--plot", "GQ", "--output", str(tmp_path)])
    assert leave.value.code == 2
    assert "names a point that this lattice does not have" in capsys.readouterr().err


@pytest.mark.parametrize(("mu", "inside"), [("1.42245", True), ("3.5", False), ("-12.0", False)])
def test_inspect_tells_a_fermi_level_outside_the_frozen_window(capsys, mu, inside):
    for more in ((), ("--json",)):
        with pytest.raises(SystemExit):
            main(["inspect", f"{DATA}/bi", "--mu", mu, *more])
        printed = capsys.readouterr().out
        if more:
            assert json.loads(printed)["mu_in_window"] is inside
        else:
            assert ("outside the frozen window [-11.28, 3.022]" in printed) is not inside
