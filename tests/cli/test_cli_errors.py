"""What a newcomer gets wrong: one message that names the remedy, exit code 2, no traceback."""

import re

import numpy as np
import pytest
from cli_jobs import DATA, MODEL, MU, RESPONSE, call, job_text, write_job

TB = (".win", ".nnkp", "_tb.dat", "_wsvec.dat")


def refused(capsys, *words, code=2):
    """The one error line; all of the words must be in it."""
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    lines = printed.err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, printed.err
    for word in words:
        assert word in errors[0]
    assert len(errors[0]) < 700
    return errors[0]


def run_refused(capsys, tmp_path, *words, top="", **changed):
    job = write_job(tmp_path, top, **changed)
    assert call("run", job) == 2
    message = refused(capsys, *words)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["job.toml"]
    return message


def replaced(text, old, new):
    assert old in text
    return text.replace(old, new)


def test_wrong_seedname(capsys, tmp_path):
    model = replaced(MODEL, "/bi-monolayer/bi", "/bi-monolayer/bismuth")
    model = replaced(model, 'source = "hr"\n', "")
    run_refused(capsys, tmp_path, "bismuth", "has the seedname(s) bi:", model=model)
    for command in ("inspect", "bands", "kmap"):
        options = {"bands": ["--path", "GX"], "kmap": ["--mu", MU]}.get(command, [])
        assert call(command, DATA / "bismuth", *options) == 2
        refused(capsys, "bismuth", "seedname(s) bi:")


def test_wrong_folder(capsys, tmp_path):
    model = 'seedname = "nowhere/bi"\n'
    run_refused(capsys, tmp_path, "nowhere", "folder is not there", model=model)


def test_no_spn(capsys, tmp_path, lay):
    lay(*TB, folder=tmp_path / "files")
    model = 'seedname = "files/bi"\n'
    run_refused(capsys, tmp_path, "no spin operator", "write_spn", "projections", model=model)
    lay(".chk", ".eig", folder=tmp_path / "files")
    model += 'spin = "spn"\n'
    run_refused(capsys, tmp_path, "bi.spn", "write_spn = .true.", model=model)


def test_no_spin_order(capsys, tmp_path, lay):
    """Without any spin: also the map from the command line says what to do."""
    seed = lay(*TB)
    assert call("kmap", seed, "--mu", MU, "-n", 3, "-o", tmp_path) == 2
    refused(capsys, "no spin operator", "write_spn = .true.")


def test_an_insulator_that_is_none(capsys, tmp_path):
    response = replaced(RESPONSE, f"mu = {MU}", "mu = 0.9") + "insulator = true\n"
    run_refused(capsys, tmp_path, "mu = 0.9 eV crosses a band", "Move mu", response=response)


def test_a_frequency_above_the_gap(capsys, tmp_path):
    response = replaced(RESPONSE, "frequency_thz = [10.0, 50.0]", "omega = [0.1, 0.7]")
    message = run_refused(capsys, tmp_path, "0.7 eV", "Give eta > 0", response=response)
    assert float(re.search(r"is ([\d.]+) eV at k", message)[1]) == pytest.approx(0.389, abs=5e-3)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"bands": 'path = "GQ"\n'}, ["'GQ'", "names a point"]),
        ({"bands": 'path = "G"\n'}, ["two points"]),
        ({"bands": 'path = "GG"\n'}, ["no length"]),
        ({"bands": 'path = [["G", [0, 0]], ["X", [0.5, 0]]]\n'}, ["three reduced"]),
        ({"map": "frequency_thz = 1.0\nplane = [0, 0]\n"}, ["plane"]),
        ({"map": "frequency_thz = 1.0\nplane = [0, 3]\n"}, ["plane"]),
        ({"map": "frequency_thz = -1.0\n"}, ["negative"]),
        ({"map": "frequency_thz = 150.0\nn = 12\n"}, ["Give eta > 0"]),
        ({"field": "direction = [0.0, 0.0, 0.0]\n"}, ["direction"]),
        ({"field": "strength = -1.0\n"}, ["field.strength"]),
    ],
)
def test_pictures_that_cannot_be(capsys, tmp_path, section, words):
    """Said at once: nothing has been integrated."""
    write_job(tmp_path, **section)
    assert call("run", tmp_path / "job.toml") == 2
    printed = capsys.readouterr()
    assert "k points" not in printed.out
    (error,) = (line for line in printed.err.splitlines() if line.startswith("error: "))
    for word in words:
        assert word in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.toml"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mehs": "n = 4\n"}, ["unknown key 'mehs'", "Did you mean 'mesh'?"]),
        ({"model": MODEL + 'sorce = "tb"\n'}, ["unknown key 'model.sorce'", "'source'?"]),
        ({"mesh": 'rule = "auto"\nrto = 1e-3\n'}, ["unknown key 'mesh.rto'", "'rtol'?"]),
        (
            {"response": RESPONSE + "etta = 0.1\n"},
            ["unknown key 'response.1.etta'", "Did you mean 'eta'?"],
        ),
        (
            {"response": replaced(RESPONSE, "[10.0, 50.0]", "{start = 1, stop = 2, nmu = 3}")},
            ["frequency_thz.nmu'", "Did you mean 'num'?"],
        ),
        ({"map": "frequency_thz = 1.0\nspni = 'z'\n"}, ["'map.spni'", "'spin'?"]),
        ({"bands": 'path = "GX"\nwindows = [-1.0, 1.0]\n'}, ["'bands.windows'", "'window'?"]),
        ({"field": "strenght = 1e7\n"}, ["'field.strenght'", "'strength'?"]),
        ({"output": 'fiel = "a.h5"\n'}, ["'output.fiel'", "'file'?"]),
        ({"mesh": 'zzzzzz = "a.h5"\n'}, ["'mesh.zzzzzz'", "Known keys:", "max_points"]),
    ],
)
def test_unknown_keys_name_the_nearest(capsys, tmp_path, changed, words):
    run_refused(capsys, tmp_path, "job.toml", *words, **changed)


def test_an_unknown_key_above_all_sections(capsys, tmp_path):
    run_refused(capsys, tmp_path, "unknown key 'modle'", "'model'?", top='modle = "x"\n')


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": None}, "'model' is missing"),
        ({"model": 'source = "tb"\n'}, "give either seedname"),
        ({"response": None}, "'response' is missing"),
        ({"response": replaced(RESPONSE, f"mu = {MU}\n", "")}, "'response.1.mu' is missing"),
        ({"response": replaced(RESPONSE, 'name = "spin_polarizability"\n', "")}, "response.1.name"),
        ({"bands": "n = 4\n"}, "'bands.path' is missing"),
        ({"mesh": 'rule = "uniform"\n'}, "needs n"),
        (
            {"response": replaced(RESPONSE, "frequency_thz = [10.0, 50.0]\n", "")},
            "give either omega (photon energies in eV) or frequency_thz",
        ),
        (
            {"response": replaced(RESPONSE, "[10.0, 50.0]", "{start = 1, stop = 2}")},
            "frequency_thz.num' is missing",
        ),
    ],
)
def test_missing_keys_are_named(capsys, tmp_path, changed, words):
    run_refused(capsys, tmp_path, "job.toml", words, **changed)


def test_two_kinds_of_frequency(capsys, tmp_path):
    words = "give either omega (photon energies in eV) or frequency_thz"
    run_refused(capsys, tmp_path, words, response=RESPONSE + "omega = 0.1\n")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "seedname = 7\n"}, ["'model.seedname'", "string", "got 7"]),
        ({"model": MODEL + "periodic = [true]\n"}, ["model.periodic"]),
        ({"model": replaced(MODEL, '"hr"', '"wout"')}, ["'model.source'", "'tb'", "got 'wout'"]),
        (
            {"mesh": 'rule = "gauss"\n'},
            ["'mesh.rule'", "'periodic', 'tree', 'iterated' or 'uniform'", "got 'gauss'"],
        ),
        ({"mesh": "n = 2.5\n"}, ["'mesh.n'"]),
        ({"mesh": "n = 12\n"}, ["n belong", "finds its own points"]),
        ({"mesh": 'rule = "uniform"\nn = 0\n'}, ["n", "positive"]),
        ({"mesh": "rtol = -1.0\n"}, ["'mesh.rtol'", "greater than or equal to 0"]),
        ({"mesh": "rtol = 0.0\n"}, ["rtol"]),
        ({"mesh": 'rule = "periodic"\nshift = [0.3, 0.0, 0.0]\n'}, ["shift", "0 or 0.5"]),
        ({"response": replaced(RESPONSE, str(MU), '"middle"')}, ["response.1.mu"]),
        ({"response": replaced(RESPONSE, str(MU), "[]")}, ["mu"]),
        ({"response": replaced(RESPONSE, str(MU), "nan")}, ["mu", "finite"]),
        ({"response": replaced(RESPONSE, "[10.0, 50.0]", "-3.0")}, ["negative"]),
        ({"response": RESPONSE + "kT = -0.1\n"}, ["kT", "negative"]),
        ({"response": RESPONSE + "eta = -0.1\n"}, ["'response.1.eta'"]),
        (
            {"response": replaced(RESPONSE, "spin_polarizability", "edelstien")},
            ["'response.1.name'", "no such response", "Did you mean 'edelstein'?"],
        ),
        ({"response": RESPONSE + 'parts = "orbital"\n'}, ["response.1.parts", "'layer'"]),
        ({"response": RESPONSE + "parts = {A = [1, 2], B = [3]}\n"}, ["do not sum to one"]),
        ({"response": RESPONSE + "parts = {A = [99]}\n"}, ["Wannier function 99", "1 to 32"]),
        ({"field": 'direction = "w"\n'}, ["field.direction"]),
        ({"map": "frequency_thz = 1.0\nn = 1\n"}, ["'map.n'", "greater than or equal to 2"]),
    ],
)
def test_values_that_cannot_be_are_told_with_their_key(capsys, tmp_path, changed, words):
    run_refused(capsys, tmp_path, *words, **changed)


def test_what_is_not_toml(capsys, tmp_path):
    job = tmp_path / "job.toml"
    for text, words in (
        ("seedname = [1, 2\n", "not valid TOML"),
        ("[model\n", "line 1"),
        (job_text() + "[model]\n", "not valid TOML"),
    ):
        job.write_text(text)
        assert call("run", job) == 2
        refused(capsys, "job.toml", words)
    job.write_bytes(np.random.default_rng(0).bytes(500))
    assert call("run", job) == 2
    refused(capsys, "job.toml", "not a text file")
    job.write_text("")
    assert call("run", job) == 2
    refused(capsys, "'model' is missing")


def test_a_job_that_is_not_there(capsys, tmp_path):
    for place in (tmp_path / "none.toml", tmp_path):
        assert call("run", place) == 2
        refused(capsys, str(place), "cannot be read")


@pytest.mark.parametrize("file", ["missing/a.h5", "job.toml/a.h5", "."])
def test_output_that_cannot_be_written_is_refused_before_the_work(capsys, tmp_path, file):
    job = write_job(tmp_path, output=f'file = "{file}"\n', model='seedname = "not/read"\n')
    assert call("run", job) == 2
    refused(capsys, str(tmp_path), "Give a file in a folder" if file != "." else "is a folder")
    job = write_job(tmp_path, output=f'table = "{file}"\n', model='seedname = "not/read"\n')
    assert call("run", job) == 2
    refused(capsys, str(tmp_path))
    job = write_job(tmp_path, model='seedname = "not/read"\n')
    assert call("run", job, "-o", tmp_path / file) == 2
    refused(capsys, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_plot_without_a_result(capsys, tmp_path):
    assert call("plot", tmp_path / "none.h5") == 2
    refused(capsys, "none.h5 is not there", "w90spin run")
    (tmp_path / "text.h5").write_text("no result")
    assert call("plot", tmp_path / "text.h5") == 2
    refused(capsys, "text.h5 is not a readable HDF5 file", "w90spin run")
    assert call("plot", tmp_path) == 2
    refused(capsys, str(tmp_path))


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    assert call("run", write_job(folder)) == 0
    return folder / "result.h5"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--field", "-1"], "field = -1.0 V/m must be a positive number"),
        (["--direction", "u"], "direction = 'u' must be x, y, z"),
        (["--thickness", "0"], "thickness = 0.0 Å"),
        (["--spin", "u"], "u"),
        (["--format", "gif"], "gif"),
        (["--output", "{file}/pictures"], "cannot be made"),
    ],
)
def test_plot_with_impossible_options(capsys, tmp_path, result, options, words):
    options = [option.format(file=result) for option in options]
    if "--output" not in options:
        options += ["--output", str(tmp_path)]
    assert call("plot", result, *options) == 2
    refused(capsys, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bands", "{bi}", "--path", "GQ"], "names a point"),
        (["bands", "{bi}", "--path", "GX", "-n", "1"], "n = 1"),
        (["kmap", "{bi}", "--mu", "1.42", "-n", "1"], "n = 1"),
        (["kmap", "{bi}", "--mu", "1.42", "--frequency", "-5"], "negative"),
        (["kmap", "{bi}", "--mu", "1.42", "--frequency", "150", "-n", "12"], "Give eta > 0"),
    ],
)
def test_pictures_from_files_that_cannot_be(capsys, tmp_path, arguments, words):
    given = [argument.format(bi=DATA / "bi") for argument in arguments]
    assert call(*given, "-o", tmp_path) == 2
    refused(capsys, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kmap", str(DATA / "bi")], "--mu"),
        (["bands", str(DATA / "bi")], "--path"),
        (["rnu", "job.toml"], "rnu"),
        (["run"], "job"),
        (["run", "job.toml", "--ouput", "a.h5"], "--ouput"),
        (["plot", "a.h5", "--field", "strong"], "--field"),
    ],
)
def test_words_that_the_command_line_does_not_know(capsys, arguments, words):
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err.lower()
    assert "Traceback" not in printed.err
