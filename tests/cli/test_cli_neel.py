"""Jobs with [neel] and [pulse]: the same as lines of Python, kept in the file, drawn."""

import csv

import numpy as np
import pytest
from cli_jobs import call

import w90spin as ws

JOB = """
[model]
seedname = "toy.w90.h5"

[[response]]
name = "spin_polarizability"
mu = 0.06
frequency_thz = {{ start = 0.0, stop = 12.0, num = 25 }}
insulator = true
parts = {{ A = [1, 2], B = [3, 4] }}

[mesh]
rule = "uniform"
n = 8

[field]
strength = 2e7
spin = "y"
angles_thz = 5.0

[neel]
moment = {{ B = 3.0, A = 5.0 }}
exchange = 0.5
anisotropy_field = 0.3
exchange_field = [3.0, 5.0]
damping = 0.1
after_ps = 2.0
{neel}
[pulse]
{pulse}
[output]
file = "r.h5"
table = "r.csv"
"""
PULSE = "frequency_thz = 3.0\nfwhm_ps = 0.8\nphase = 0.4\n"


def written(folder, *, neel="", pulse=PULSE, **replaced):
    ws.save_model(ws.toys.pt_antiferromagnet(), folder / "toy.w90.h5")
    text = JOB.format(neel=neel, pulse=pulse)
    for old, new in replaced.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{old} ="))
        text = text.replace(line, new)
    job = folder / "job.toml"
    job.write_text(text, encoding="utf-8")
    return job


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("neel")
    assert call("run", written(folder)) == 0
    return folder


def test_the_file_has_what_lines_of_python_give(finished):
    result = ws.load_result(finished / "r.h5")
    neel = ws.neel_field(ws.induced_spin(result, field=2e7), exchange=0.5, moment=[5.0, 3.0])
    stored = result.derived["neel_field"]
    assert stored["field"].unit == "T"
    assert np.array_equal(stored["field"].values, neel.field)
    assert np.array_equal(stored["staggered"].errors, neel.staggered_errors)
    assert np.abs(neel.staggered).max() > 0.0
    torque = ws.torque_efficiency(neel, "z")
    assert np.array_equal(stored["torque_efficiency"].values, torque.values)
    assert stored.parameters["exchange_eV"] == [0.5, 0.5]

    pulse = ws.Pulse.gaussian(amplitude=2e7, frequency_thz=3.0, fwhm_ps=0.8, phase=0.4)
    spin = ws.pulsed_spin(result, pulse)
    field = ws.pulsed_field(spin, exchange=0.5, moment=[5.0, 3.0])
    moved = ws.neel_dynamics(
        field, exchange_field=[3.0, 5.0], anisotropy_field=0.3, damping=0.1, after_ps=2.0
    )
    course = result.derived["pulse"]
    assert np.array_equal(course["electric_field"].values, pulse.field_tb)
    assert np.array_equal(course["spin"].values, spin.delta)
    assert np.array_equal(course["field"].values, field.field_tqa)
    assert np.array_equal(course["moments"].values, moved.moments_tqa)
    assert course.parameters["switched"] is moved.switched
    with (finished / "r.csv").open(encoding="utf-8") as table:
        names = {row[0] for row in csv.reader(line for line in table if line[0] != "#") if row}
    assert {"neel_field/staggered", "pulse/field", "spin_polarizability/upsilon1"} <= names


def test_pictures_are_drawn_from_the_file(finished, tmp_path):
    assert call("plot", finished / "r.h5", "-o", tmp_path) == 0
    drawn = {path.name for path in tmp_path.glob("*.png")}
    expected = {"part_spin_y", "spin_by_angle", "neel_field", "pulse", "trajectory"}
    assert {f"{name}.png" for name in expected} <= drawn
    assert all(path.with_suffix(".csv").exists() for path in tmp_path.glob("*.png"))
    with (tmp_path / "trajectory.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    stored = ws.load_result(finished / "r.h5").derived["pulse"]["moments"].values
    assert float(rows[-1]["m_z B"]) == pytest.approx(stored[-1, 1, 2], abs=1e-9)


def test_what_is_printed(tmp_path, capsys):
    assert call("run", written(tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "A: J_ex 0.5 eV, moments 31.25 μ_B/nm^2, B: J_ex 0.5 eV, moments 18.75" in printed
    assert "pulse up to 1.9" in printed
    assert "The Néel vector" in printed


def test_frequencies_of_the_pulse_itself(tmp_path):
    job = written(tmp_path, frequency_thz='frequency_thz = "pulse"')
    assert call("run", job) == 0
    result = ws.load_result(tmp_path / "r.h5")
    pulse = ws.Pulse.gaussian(amplitude=2e7, frequency_thz=3.0, fwhm_ps=0.8, phase=0.4)
    assert result["upsilon1"].axis("omega").values == pytest.approx(pulse.photon_energies())


def test_a_pulse_from_a_file(tmp_path):
    pulse = ws.Pulse.gaussian(amplitude=1e7, frequency_thz=3.0, fwhm_ps=0.8, direction="circular+")
    rows = np.column_stack([pulse.time_t, pulse.field_tb])
    heading = "time [ps],Ex [V/m],Ey,Ez"
    np.savetxt(tmp_path / "e.csv", rows, delimiter=",", header=heading, comments="", fmt="%.17g")
    assert call("run", written(tmp_path, pulse='file = "e.csv"\n')) == 0
    course = ws.load_result(tmp_path / "r.h5").derived["pulse"]
    assert np.array_equal(course["electric_field"].values, pulse.field_tb)


def test_circular_fields_and_pairs(tmp_path):
    named = written(tmp_path, angles_thz='direction = "circular-"')
    assert call("run", named) == 0
    first = ws.load_result(tmp_path / "r.h5")
    pairs = written(tmp_path, angles_thz="direction = [1.0, [0.0, -1.0], 0.0]")
    assert call("run", pairs) == 0
    second = ws.load_result(tmp_path / "r.h5")
    assert np.allclose(
        first.derived["neel_field"]["field"].values,
        second.derived["neel_field"]["field"].values,
        rtol=1e-12,
    )
    assert first.derived["neel_field"].parameters["field_direction"] == "circular-"
    assert call("plot", tmp_path / "r.h5", "-o", tmp_path) == 0


BAD = [
    ({"parts": ""}, "give parts"),
    (
        {"moment": "moment = { A = 5.0, up = 3.0 }"},
        "moment names the part 'up'; the parts are A, B",
    ),
    ({"moment": "moment = { A = 5.0 }"}, "moment lacks a number for B"),
    ({"moment": "moment = -5.0"}, "moment = -5.0 μ_B must be a positive number"),
    ({"moment": "momnet = 5.0"}, "unknown key 'neel.momnet'. Did you mean 'moment'?"),
    ({"exchange": 'exchange = "large"'}, "neel.exchange"),
    ({"exchange": "exchange = [1.0, 2.0, 3.0]"}, "one for each of the parts A, B"),
    ({"anisotropy_field": ""}, "needs anisotropy_field"),
    ({"anisotropy_field": "anisotropy_field = -0.1"}, "neel.anisotropy_field"),
    ({"damping": "damping = 0.0\n", "after_ps": ""}, "nothing settles"),
    ({"parts": "parts = { A = [1, 2], B = [3], C = [4] }", "moment": ""}, "there are 3 parts"),
    ({"neel": "signs = [1, 0.5]\n"}, "must be 1 or -1"),
    ({"neel": "easy_axis = [0, 0, 0]\n"}, "easy_axis"),
    ({"pulse": "frequency_thz = 3.0\n"}, "give frequency_thz and fwhm_ps"),
    ({"pulse": PULSE + "step_ps = 0.2\n"}, "too coarse for 3 THz"),
    ({"pulse": PULSE + "widht = 0.2\n"}, "unknown key 'pulse.widht'"),
    ({"pulse": "frequency_thz = 30.0\nfwhm_ps = 0.8\n"}, "lies outside the frequencies"),
    ({"pulse": 'file = "e.csv"\nphase = 0.1\n'}, "belong to a Gaussian"),
    ({"pulse": 'file = "none.csv"\n'}, "none.csv: cannot be read"),
    ({"pulse": PULSE + "direction = [0.0, 0.0, 0.0]\n"}, "not 0"),
]


@pytest.mark.parametrize(("changes", "words"), BAD)
def test_what_cannot_be_is_told_before_the_integral(tmp_path, capsys, changes, words):
    if changes.get("parts"):
        changes = {**changes, "moment": "moment = 5.0"}
    assert call("run", written(tmp_path, **changes)) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err
    assert not (tmp_path / "r.h5").exists()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("0 0 0\n1 2 3\n", "3 numbers"),
        ("t Ex Ey Ez\n0 0 0 0\n1 1 0 x\n", "line 3"),
        ("0 0 0 0\n1 1 0 0\n3 1 0 0\n4 0 0 0\n", "equal steps"),
        ("0 0 0 0\n1 1 0 0\n2 -1 0 0\n3 1 0 0\n4 -1 0 0\n5 0 0 0\n", "too coarsely"),
    ],
)
def test_tables_that_are_no_pulse(tmp_path, capsys, table, words):
    (tmp_path / "e.txt").write_text(table)
    assert call("run", written(tmp_path, pulse='file = "e.txt"\n')) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "e.txt" in message


def test_a_response_that_waits_for_a_pulse(tmp_path, capsys):
    job = written(tmp_path, frequency_thz='frequency_thz = "pulse"')
    job.write_text(job.read_text().replace("[pulse]\n" + PULSE, ""))
    assert call("run", job) == 2
    assert "needs a section [pulse]" in capsys.readouterr().err
