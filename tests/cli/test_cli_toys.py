"""Toys by name, k·p models among them, in jobs and on the command line."""

import json

import numpy as np
import pytest
from cli_jobs import call, write_job

import w90spin as ws

DIRAC = 'toy = "dirac_kp"\nparameters = { v = 3.0, mass = 0.15, cutoff = inf }\n'
RESPONSE = 'name = "spin_polarizability"\nmu = 0.0\nomega = [0.0, 0.15]\ninsulator = true\n'


def test_a_job_of_a_continuum_model(tmp_path, capsys):
    """Result, map, bands, figures; the number is the closed form of the whole plane."""
    job = write_job(
        tmp_path,
        model=DIRAC,
        response=RESPONSE,
        mesh="rtol = 1e-6\n",
        field='spin = "z"\n',
        map='frequency_thz = 0.0\nn = 9\nreach = 0.2\nbands = true\ncomponent = "zx"\n',
        bands='path = [["-x", [-0.2, 0, 0]], ["G", [0, 0, 0]], ["y", [0, 0.2, 0]]]\n'
        "frequency_thz = 0.0\nn = 12\n",
        output='table = "table.csv"\n',
    )
    assert call("run", job) == 0
    printed = capsys.readouterr()
    assert "k·p model gapped Dirac surface" in printed.out
    assert "integrated over all k" in printed.out
    loaded = ws.load_result(tmp_path / "result.h5")
    values = loaded["upsilon0"].values[0, 0, 0]
    assert values[0, 0] == pytest.approx(-1 / (24 * np.pi), rel=1e-6)
    assert loaded.kmap.recip_ca is None
    assert loaded.path.cartesian
    np.testing.assert_allclose(loaded.kmap.kpt_uva[-1, 0], [0.2, -0.2, 0.0])
    np.testing.assert_allclose(loaded.path.kpt_kc[-1], [0.0, 0.2, 0.0], atol=1e-15)
    assert call("plot", tmp_path / "result.h5", "-o", tmp_path / "figures") == 0
    table = (
        (tmp_path / "figures" / "kmap_spin_polarizability_upsilon0_zx.csv").read_text().splitlines()
    )
    head = next(line for line in table if not line.startswith("#"))
    assert "k_x [1/Å]" in head
    assert "reduced" not in head
    bands = (tmp_path / "figures" / "bands_spin_z.csv").read_text()
    assert "k_x [1/Å]" in bands
    assert "reduced" not in bands


def test_a_lattice_toy_and_the_lattice_form_of_a_continuum(tmp_path):
    mesh = 'rule = "uniform"\nn = 12\n'
    response = 'name = "spin_polarizability"\nmu = 0.1\nomega = 0.3\neta = 0.1\n'
    values = []
    for name, model in (
        ("one", 'toy = "rashba_square"\nparameters = { alpha = 0.4, a = 4.0 }\n'),
        ("two", 'toy = "rashba_kp"\nparameters = { alpha = 0.4 }\nlattice = 4.0\n'),
    ):
        folder = tmp_path / name
        folder.mkdir()
        assert call("run", write_job(folder, model=model, response=response, mesh=mesh)) == 0
        values.append(ws.load_result(folder / "result.h5")["upsilon1"].values)
    assert np.abs(values[0]).max() > 1e-3
    np.testing.assert_allclose(values[1], values[0], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ('toy = "rashba"\n', ["no toy 'rashba'", "Did you mean 'rashba_kp'?"]),
        ('toy = "rashba_kp"\nparameters = { alhpa = 1.0 }\n', ["'alhpa'", "'alpha'"]),
        ('toy = "rashba_kp"\nseedname = "bi"\n', ["either seedname"]),
        ("parameters = { alpha = 1.0 }\n", ["either seedname"]),
        ('toy = "rashba_kp"\nsource = "hr"\n', ["source cannot be said of a toy"]),
        ('seedname = "bi"\nlattice = 4.0\n', ["lattice cannot be said of a seedname"]),
        ('toy = "qwz"\nlattice = 4.0\n', ["on a lattice already"]),
        ('toy = "dirac_kp"\nparameters = { cutoff = -1.0 }\n', ["cutoff = -1.0 must be positive"]),
        ('toyy = "dirac_kp"\n', ["unknown key 'model.toyy'", "Did you mean 'toy'?"]),
    ],
)
def test_wrong_models(tmp_path, capsys, model, words):
    assert call("run", write_job(tmp_path, model=model, response=RESPONSE, mesh=None)) == 2
    message = capsys.readouterr().err
    assert message.count("error: ") == 1
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_a_mesh_for_a_continuum(tmp_path, capsys):
    mesh = 'rule = "uniform"\nn = 12\n'
    assert call("run", write_job(tmp_path, model=DIRAC, response=RESPONSE, mesh=mesh)) == 2
    assert "UniformMesh is for zones that repeat" in capsys.readouterr().err


def test_commands_on_toys(tmp_path, capsys):
    assert call("inspect", "toy:hole_gas_kp", "--mu", "-0.01") == 0
    out = capsys.readouterr().out
    assert "4 basis functions in 2 dimension(s)" in out
    assert "metal" in out
    assert call("inspect", "toy:bi2se3", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_wann"] == 4
    assert call("inspect", "toy:bi2se3_kp", "--json", "--mu", "0") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["region"] == "all k"
    assert facts["degree"] == 2
    assert call("bands", "toy:luttinger_kp", "--path", "XGZ", "-n", "20", "-o", tmp_path) == 0
    assert (tmp_path / "bands_spin_z.png").exists()
    options = ["--mu", "0", "-n", "5", "-o", tmp_path]
    assert call("kmap", "toy:dirac_kp", *options, "--component", "zx") == 0
    assert (tmp_path / "kmap_spin_polarizability_upsilon1_zx.png").exists()
    capsys.readouterr()
    assert call("inspect", "toy:kane_male") == 2
    assert "Did you mean 'kane_mele'?" in capsys.readouterr().err
    assert call("bands", "toy:rashba_kp", "--path", "GM") == 2
    assert "has the points G, X, Y" in capsys.readouterr().err
