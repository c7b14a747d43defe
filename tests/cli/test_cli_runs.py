"""Commands that work: what they write and what they say."""

import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from cli_jobs import DATA, MU, call, write_job

import w90spin as ws

PICTURES = {
    "field": 'strength = 2e6\ndirection = "x"\nspin = "z"\n',
    "map": 'frequency_thz = 50.0\nn = 5\nspin = "z"\nfield = "x"\n',
    "bands": 'path = "GXS"\nfrequency_thz = 50.0\nn = 8\nwindow = [-2.0, 2.0]\n',
    "output": 'file = "bi.h5"\ntable = "bi.csv"\n',
}
FULL = f'seedname = "{DATA.as_posix()}/bi"\n'


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole job on the first-principles files, once; its folder and what it printed."""
    folder = tmp_path_factory.mktemp("job")
    job = write_job(folder, model=FULL, **PICTURES)
    done = subprocess.run(
        [sys.executable, "-m", "w90spin", "run", str(job)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder.parent,  # not that of the job: paths must count from the job's folder
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_job_writes_its_files(finished):
    folder, done = finished
    assert sorted(path.name for path in folder.iterdir()) == ["bi.csv", "bi.h5", "job.toml"]
    assert f"Result: {folder / 'bi.h5'}" in done.stdout
    assert f"Table: {folder / 'bi.csv'}" in done.stdout
    assert done.stderr == ""


def test_the_result_is_that_of_the_same_lines_of_python(finished, bi_tb):
    loaded = ws.load_result(finished[0] / "bi.h5")
    omega = [ws.ev_from_thz(nu) for nu in (10.0, 50.0)]
    response = ws.SpinPolarizability(omega_w=omega, mu_f=MU)
    mesh = ws.UniformMesh(n=6)
    expected = ws.compute(bi_tb, [response], mesh=mesh)
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        assert np.array_equal(loaded[name].values, expected[name].values)
        assert np.array_equal(loaded[name].errors, expected[name].errors)
    assert loaded.provenance["model_sha256"] == bi_tb.fingerprint
    assert loaded.provenance["inputs"] == dict(bi_tb.inputs)
    at_50 = ws.SpinPolarizability(omega_w=omega[1], mu_f=MU)
    zone = ws.zone_map(bi_tb, at_50, n=5)
    assert np.array_equal(loaded.kmap.tensors["upsilon1"].values, zone.tensors["upsilon1"].values)
    lines = ws.band_path(bi_tb, "GXS", at_50, mu=MU, n=8)
    assert np.array_equal(loaded.path.energy_kn, lines.energy_kn)
    assert np.array_equal(loaded.path.tensors["upsilon2"].values, lines.tensors["upsilon2"].values)
    assert loaded.path.labels == ("Γ", "X", "S")


def test_the_table_on_the_screen_is_that_of_the_result(finished):
    folder, done = finished
    loaded = ws.load_result(folder / "bi.h5")
    upsilon1 = loaded["upsilon1"]
    assert f"{upsilon1.values[0, 0, 0, 1, 2, 0]:.5e}" in done.stdout
    induced = ws.induced_spin(loaded, field=2e6)
    amplitude = abs(induced.delta[1, 0, 0, 0, 1, 2])
    per_volume = abs(induced.delta_volume[1, 0, 0, 0, 1, 2])
    (row,) = (line for line in done.stdout.splitlines() if re.search(r"\b50\.00\b", line))
    assert f"{amplitude:.4e}" in row
    assert f"{per_volume:.4e}" in row
    assert "|Δ⁽¹⁾S_z| for E of 2e+06 V/m" in done.stdout


def test_the_report_names_what_matters(finished):
    text = finished[1].stdout
    for words in (
        "32 Wannier functions",
        "area 21.8346 Å^2",
        "spin operator: .spn",
        "thickness 8.607 Å",
        "operations used, which violate at most",
        "6x6x1 mesh",
        "symmetry of the atoms: BNS 31.124",
        "grey (Pmn2_1): 8 operations, 4 with time reversal: Υ⁽¹⁾ may have xz; zx;",
        "convention, charge: carriers are electrons, q = -|e|",
        "convention, index order: spin, field; of spin conductivities flow, field, spin",
        "by time reversal",
    ):
        assert words in text


def test_progress_is_plain_lines_where_there_is_no_terminal(finished):
    text = finished[1].stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    lines = [line for line in text.splitlines() if " k/s" in line]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  6x6x1 mesh: 100 %, ", lines[-1])


def test_the_csv_holds_the_tensors(finished):
    folder, _ = finished
    loaded = ws.load_result(folder / "bi.h5")
    rows = [*csv.reader((folder / "bi.csv").read_text(encoding="utf-8").splitlines()[1:])]
    wanted = [row for row in rows if row[0].endswith("upsilon1") and row[-5:-3] == ["z", "x"]]
    values = [float(row[-3]) for row in wanted]
    assert values == loaded["upsilon1"].values[0, 0, 0, :, 2, 0].tolist()


def test_plot_draws_every_picture_with_its_numbers(finished, tmp_path, capsys):
    folder, _ = finished
    assert call("plot", folder / "bi.h5", "-o", tmp_path / "pictures") == 0
    printed = capsys.readouterr().out.split()
    made = sorted(str(path) for path in (tmp_path / "pictures").iterdir())
    assert sorted(printed) == made
    names = {path.rsplit("/", 1)[-1] for path in made}
    for stem in (
        "kmap_spin_polarizability_upsilon1_zx",
        "bands_spin_z",
        "bands_spin_polarizability_upsilon1_zx",
        "induced_spin_order1_z",
    ):
        assert {f"{stem}.png", f"{stem}.csv"} <= names
    for path in (tmp_path / "pictures").glob("*.png"):
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        assert path.stat().st_size > 5000


def test_plot_in_another_format_and_for_another_field(finished, tmp_path, capsys):
    folder, _ = finished
    options = ["--format", "svg", "--field", "1e6", "--direction", "z", "--spin", "x"]
    assert call("plot", folder / "bi.h5", "-o", tmp_path, *options) == 0
    assert (
        (tmp_path / "kmap_spin_polarizability_upsilon1_xz.svg")
        .read_text()
        .lstrip()
        .startswith("<?xml")
    )
    assert not [*tmp_path.glob("*.png")]
    table = (tmp_path / "induced_spin_order1_x.csv").read_text()
    induced = ws.induced_spin(ws.load_result(folder / "bi.h5"), field=1e6, direction="z")
    columns = np.array([[*map(float, row)] for row in csv.reader(table.splitlines()[1:])])
    assert np.isclose(columns, abs(induced.delta[1, 0, 0, 0, 1, 0]), rtol=1e-6).any()


def test_output_on_the_command_line_counts_from_here(tmp_path, monkeypatch, capsys):
    (tmp_path / "job").mkdir()
    job = write_job(tmp_path / "job", output='file = "not-this.h5"\n')
    monkeypatch.chdir(tmp_path)
    assert call("run", job, "--output", "here.h5") == 0
    assert ws.load_result("here.h5").converged is None
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == ["job.toml"]
    capsys.readouterr()


def test_every_key_of_a_job_reaches_its_place(tmp_path, capsys):
    response = (
        'name = "spin_polarizability"\nmu = [1.4, 1.45]\n'
        "omega = {{ start = 0.0, stop = 0.3, num = 3 }}\n"
        "kT = [0.0, 0.025]\neta = 0.05\nparts = {{ A = [{}], B = [{}] }}\n"
    ).format(", ".join(map(str, range(1, 17))), ", ".join(map(str, range(17, 33))))
    mesh = 'rule = "uniform"\nn = [6, 4, 1]\nshift = [0.5, 0.0, 0.0]\nsymmetry = "none"\n'
    field = 'strength = 5.0\ndirection = [0.0, 3.0, 4.0]\nspin = "x"\nthickness = 4.0\n'
    job = write_job(tmp_path, response=response, mesh=mesh + "degeneracy = 1e-3\n", field=field)
    assert call("run", job) == 0
    loaded = ws.load_result(tmp_path / "result.h5")
    upsilon1 = loaded["upsilon1"]
    assert upsilon1.axis("part").values == ("A", "B")
    assert upsilon1.axis("mu").values == (1.4, 1.45)
    assert upsilon1.axis("kT").values == (0.0, 0.025)
    assert np.allclose(upsilon1.axis("omega").values, [0.0, 0.15, 0.3])
    about = loaded.provenance
    assert about["mesh"] == [6, 4, 1]
    assert about["time_reversal_used"] is False
    assert about["degeneracy_tolerance_eV"] == 1e-3
    assert "0.5" in about["asked_for"]
    assert loaded.responses["spin_polarizability"].parameters["eta"] == 0.05
    model = ws.load_model(DATA / "bi", source="hr", spin="projections")
    expected = ws.compute(
        model,
        [
            ws.SpinPolarizability(
                omega_w=[0.0, 0.15, 0.3],
                mu_f=[1.4, 1.45],
                kT=[0.0, 0.025],
                eta=0.05,
                parts=ws.partition(model, {"A": range(1, 17), "B": range(17, 33)}),
            )
        ],
        mesh=ws.UniformMesh(n=(6, 4, 1), shift=(0.5, 0.0, 0.0)),
        symmetry="none",
        degeneracy=1e-3,
    )
    assert np.array_equal(upsilon1.values, expected["upsilon1"].values)
    induced = ws.induced_spin(expected, field=5.0, direction=[0, 0.6, 0.8], thickness=4.0)
    text = capsys.readouterr().out
    assert f"{abs(induced.delta[1, 1, 0, 0, 2, 0]):.4e}" in text
    assert f"{abs(induced.delta_volume[1, 1, 0, 0, 2, 0]):.4e}" in text


def test_a_result_that_is_not_converged_says_so(tmp_path, capsys):
    mesh = 'rule = "periodic"\nn = 2\nrtol = 1e-9\nmax_points = 40\n'
    assert call("run", write_job(tmp_path, mesh=mesh)) == 0
    printed = capsys.readouterr()
    assert "NOT CONVERGED" in printed.out
    assert printed.err.startswith("warning: Not converged: max_points is reached, and with 6x6x1")
    assert printed.err.count("warning") == 1
    assert ws.load_result(tmp_path / "result.h5").converged is False


def test_inspect_reports_files_and_gaps(capsys):
    assert call("inspect", DATA / "bi", "--mu", MU) == 0
    text = capsys.readouterr().out
    for words in ("32 Wannier functions", "atoms Bi4", "time reversal holds", "usable for: bands"):
        assert words in text
    gaps = re.search(r"20 bands below.*indirect gap ([\d.]+), direct gap ([\d.]+) eV", text)
    assert float(gaps[1]) == pytest.approx(0.228, abs=2e-3)
    assert float(gaps[2]) == pytest.approx(0.389, abs=5e-3)


def test_inspect_without_spin_says_what_is_missing(lay, capsys):
    """Exit code 2: nothing of the spin can be had from these files."""
    assert call("inspect", lay(".win", "_tb.dat", "_wsvec.dat")) == 2
    text = capsys.readouterr().out
    for words in ("not usable for spin_polarizability", "write_spn = .true.", "usable for: bands"):
        assert words in text
    assert call("inspect", lay().parent / "bi", "--spin", "projections") == 0
    assert "pure spinors" in capsys.readouterr().out


def test_inspect_as_json(capsys):
    assert call("inspect", DATA / "bi", "--mu", MU, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert isinstance(facts, dict)
    assert "32" in json.dumps(facts)


def test_list_names_every_response(capsys):
    assert call("list") == 0
    assert (
        "spin_polarizability: Spin density induced by an electric field" in capsys.readouterr().out
    )


def test_bands_from_files(lay, tmp_path, capsys):
    seed = lay(".win", "_tb.dat", "_wsvec.dat")
    out = tmp_path / "pictures"
    assert call("bands", seed, "--path", "GX", "--mu", MU, "-n", 4, "-o", out) == 0
    assert sorted(path.name for path in out.iterdir()) == ["bands.csv", "bands.png"]
    capsys.readouterr()


def test_kmap_from_files(lay, tmp_path, capsys):
    seed = lay(".win", "_tb.dat", "_wsvec.dat", ".spn", ".chk", ".eig")
    options = ["--mu", MU, "--frequency", 50, "-n", 4, "-o", tmp_path / "pictures"]
    assert call("kmap", seed, *options) == 0
    assert (tmp_path / "pictures" / "kmap_spin_polarizability_upsilon1_zx.png").is_file()
    capsys.readouterr()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["plot", "--help"]])
def test_help(arguments, capsys):
    assert call(*arguments) == 0
    assert "Usage" in capsys.readouterr().out


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, w90spin; "
        "print([n for n in ('mpi4py.MPI', 'matplotlib', 'wannierberri', 'xarray') "
        "if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
