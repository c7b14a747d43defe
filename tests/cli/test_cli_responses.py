"""Every response in job files and on the command line, of models that take no time."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from cli_jobs import call

import w90spin as ws
from w90spin.cli.response_sections import SECTIONS
from w90spin.response import RESPONSES

JOB = """
[model]
seedname = "toy.w90.h5"

[mesh]
rule = "uniform"
n = 4

"""
PARAMETERS = {"mu": "0.4", "kT": "0.05", "omega": "0.05", "eta": "0.1"}
GAS = {"alpha": 0.7, "exchange": (0.0, 0.1, 0.2)}


@pytest.fixture
def gas(tmp_path):
    """Model file of a magnetic Rashba gas."""
    return ws.save_model(ws.toys.rashba_square(**GAS), tmp_path / "toy.w90.h5")


def response_text(name, **keys):
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(["[[response]]", f'name = "{name}"', *lines, ""])


def run(tmp_path, *sections, code=0, options=()):
    job = tmp_path / "job.toml"
    job.write_text(JOB + "\n".join(sections), encoding="utf-8")
    assert call("run", job, *options) == code
    return ws.load_result(tmp_path / "result.h5") if code == 0 else None


def refused(capsys):
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    (line,) = (line for line in printed.err.splitlines() if line.startswith("error: "))
    return line


@pytest.mark.parametrize("name", list(RESPONSES))
def test_every_response_runs_maps_and_plots(gas, tmp_path, capsys, name):
    """From the parameters that its section has alone: so will one that is added."""
    keys = {key: value for key, value in PARAMETERS.items() if key in SECTIONS[name].model_fields}
    if "tau" in SECTIONS[name].model_fields:
        keys["tau"] = "50.0"
    result = run(
        tmp_path, response_text(name, **keys), "[map]\nn = 4\n", '[bands]\npath = "GX"\nn = 3'
    )
    printed = capsys.readouterr().out
    response = result.responses[name]
    assert f"{name} (" in printed
    assert response.parameters["mu_f"] == [0.4]
    assert result.kmap.response == result.path.response == name
    assert {*result.kmap.tensors} <= {*response.tensors}
    assert ("induced" in printed or "Δ⁽¹⁾S" in printed) == (name == "spin_polarizability")
    assert call("plot", tmp_path / "result.h5", "-o", tmp_path / "pictures") == 0
    drawn = {path.name for path in (tmp_path / "pictures").glob("*.png")}
    assert any(picture.startswith("kmap_") for picture in drawn)
    capsys.readouterr()


def test_several_responses_are_those_of_python(gas, tmp_path):
    result = run(
        tmp_path,
        response_text("spin_hall", mu="{ start = 0.2, stop = 0.6, num = 3 }", kT="0.02",
                      frequency_thz="[0.0, 5.0]", eta="0.05"),
        response_text("magnetic_spin_hall", mu="[0.4, 0.5]", kT="[0.02, 0.03]"),
        response_text("spin_hall", mu="0.3", eta="0.2"),
        response_text("spin_moment", mu="0.4", kT="0.02"),
    )  # fmt: skip
    five_thz = ws.ev_from_thz(5.0)
    expected = ws.compute(
        ws.toys.rashba_square(**GAS),
        [
            ws.SpinHall(mu_f=[0.2, 0.4, 0.6], kT=0.02, omega_w=[0.0, five_thz], eta=0.05),
            ws.MagneticSpinHall(mu_f=[0.4, 0.5], kT=[0.02, 0.03]),
            ws.SpinHall(mu_f=0.3, eta=0.2),
            ws.SpinMoment(mu_f=0.4, kT=0.02),
        ],
        mesh=ws.UniformMesh(n=4),
    )
    assert [*result.responses] == ["spin_hall", "magnetic_spin_hall", "spin_hall_2", "spin_moment"]
    for name, response in expected.responses.items():
        for tensor in response.tensors.values():
            found = result[f"{name}/{tensor.name}"]
            assert np.allclose(found.values, tensor.values, rtol=1e-12, atol=1e-14)
            assert found.unit == tensor.unit


def test_relaxation_time_of_a_job(gas, tmp_path, capsys):
    """χ = (χ/τ) τ/(1 - iωτ), with 50 fs = 75.9634 ħ/eV."""
    keys = {"mu": "0.4", "kT": "0.05", "tau": "50.0", "omega": "[0.0, 0.01]"}
    result = run(tmp_path, response_text("edelstein", **keys))
    coefficient, chi = result["chi_tau"], result["chi"]
    tau = 75.9634
    assert np.allclose(chi.values[:, :, :, 0], tau * coefficient.values, rtol=1e-6)
    ratio = chi.values[0, 0, 0, 1, 0, 1] / coefficient.values[0, 0, 0, 0, 1]
    assert ratio == pytest.approx(tau / (1 - 0.01j * tau), rel=1e-6)
    assert result.responses["edelstein"].parameters["tau_s"] == pytest.approx(50e-15)
    printed = capsys.readouterr().out
    assert "Im χ" in printed
    assert "μ_B/nm² per V/m" in printed


def test_frequencies_of_a_fermi_surface_need_a_relaxation_time(gas, tmp_path, capsys):
    run(tmp_path, response_text("edelstein", mu="0.4", kT="0.05", omega="0.1"), code=2)
    assert "omega needs tau (fs): edelstein itself is per relaxation time" in refused(capsys)


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("spin_hal", {"mu": "0.4"}, ["'response.1.name'", "Did you mean 'spin_hall'?"]),
        ("spin_hall", {}, ["'response.1.mu' is missing"]),
        ("spin_hall", {"mu": "0.4", "curent": '"simple"'}, ["Did you mean 'current'?"]),
        ("spin_hall", {"mu": "0.4", "current": '"ryoo"'}, ["response.1.current", "'ryoo2019'"]),
        ("spin_hall", {"mu": "0.4", "tau": "1.0"}, ["unknown key 'response.1.tau'"]),
        ("edelstein", {"mu": "0.4"}, ["'response.1.kT' is missing"]),
        ("edelstein", {"mu": "0.4", "kT": "0.0"}, ["kT = [0.0] must be above 0"]),
        (
            "edelstein",
            {"mu": "0.4", "kT": "0.1", "tau": "0.0"},
            ["response.1.tau", "greater than 0"],
        ),
        ("anomalous_hall", {"mu": "0.4", "parts": '"atoms"'}, ["response.1.parts", "'layer'"]),
        ("spin_moment", {"mu": "0.4", "omega": "1.0"}, ["unknown key 'response.1.omega'"]),
        (
            "spin_hall",
            {"mu": "0.4", "omega": "1.0", "frequency_thz": "1.0"},
            ["give either omega (photon energies in eV) or frequency_thz"],
        ),
    ],
)
def test_wrong_responses_are_told_with_the_remedy(gas, tmp_path, capsys, name, keys, words):
    run(tmp_path, response_text(name, **keys), code=2)
    message = refused(capsys)
    for word in words:
        assert word in message


TWO = response_text("edelstein", mu="0.4", kT="0.05") + response_text(
    "spin_hall", mu="0.4", eta="0.1"
)


def test_pictures_take_the_response_that_is_named(gas, tmp_path):
    chosen = '[map]\nn = 12\nresponse = "spin_hall"\nfrequency_thz = 2.0\ntensor = "sigma_odd"\n'
    chosen += 'flow = "x"\nspin = "y"\n'
    result = run(tmp_path, TWO, chosen, '[bands]\npath = "GX"\nn = 3\ncomponent = "xyz"\n')
    assert result.kmap.response == "spin_hall"
    assert result.kmap.tensors["sigma"].axis("omega").values == (ws.ev_from_thz(2.0),)
    assert result.path.response == "spin_hall"  # edelstein has nothing of single bands
    assert call("plot", tmp_path / "result.h5", "-o", tmp_path / "p") == 0
    drawn = {path.name for path in (tmp_path / "p").glob("*.png")}
    maps = [name for name in drawn if name.startswith("kmap_")]
    assert all(
        re.fullmatch(r"kmap_spin_hall_sigma_odd_x[xyz]y_(Re|Im)\.png", name) for name in maps
    )
    assert {name[-6:-4] for name in maps} == {"Re", "Im"}
    assert "bands_spin_hall_sigma_xyz_Re.png" in drawn


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[map]\nresponse = "spin_hal"', "Did you mean 'spin_hall'?"),
        ('[map]\nresponse = "spin_hall_2"', "not among those of this job"),
        ("[map]\nn = 3\nomega = 0.1", "edelstein does not depend on a frequency"),
        ("[map]\nomega = 0.1\nfrequency_thz = 0.1", "give either omega"),
        ('[map]\nn = 3\ntensor = "sigma"', "tensor = 'sigma' is not there. Known: chi_tau."),
        ('[map]\nn = 3\nflow = "x"', "no axis 'flow'; chi_tau has the Cartesian axes spin, field"),
        ('[map]\nn = 3\ncomponent = "xyz"', "spin, field: give 2 of the letters"),
        ('[map]\ncomponent = "xy"\nspin = "x"', "give either component or spin"),
        ('[map]\ncomponent = { spin = "u" }', "map.component"),
        ('[bands]\npath = "GX"\nn = 3\nresponse = "edelstein"', "no share in edelstein"),
        ('[bands]\npath = "GX"\nn = 3\ntensor = "sigma_even_"', "Did you mean 'sigma_even'?"),
        ('[output]\nunits = ["furlong"]', "'furlong' is not a unit"),
    ],
)
def test_pictures_and_units_that_cannot_be(gas, tmp_path, capsys, section, words):
    run(tmp_path, TWO, section, code=2)
    assert words in refused(capsys)
    assert not (tmp_path / "result.h5").exists()


def test_tables_leave_out_what_vanishes_and_count_it(gas, tmp_path, capsys):
    """C4 about the exchange field along z leaves 11 of 27 components (even and odd)."""
    ws.save_model(ws.toys.rashba_square(exchange=(0.0, 0.0, 0.2)), tmp_path / "toy.w90.h5")
    text = response_text("spin_hall", mu="0.4", kT="0.05", eta="0.1")
    result = run(tmp_path, text)
    printed = capsys.readouterr().out
    sigma = result["sigma"]
    size = np.abs(sigma.values[0, 0, 0, 0].real)
    shown, *_ = re.findall(r"(\d+) more", printed)
    assert int(shown) == 27 - (size > 1e-3 * size.max()).sum()
    assert int(shown) >= 16
    at = np.unravel_index(int(size.argmax()), size.shape)
    row = next(
        line for line in printed.splitlines() if f" {''.join('xyz'[a] for a in at)} " in line
    )
    value = sigma.values[0, 0, 0, 0].real[at]
    assert f"{value:.5e}" in row
    assert float(row.split("│")[-3]) == pytest.approx(2.434135e-4 * value, rel=1e-5)
    assert "(ħ/e) S" in row
    run(tmp_path, text, options=["--all"])
    printed = capsys.readouterr().out
    assert "more" not in printed
    assert all(f" {a}{b}{c} " in printed for a in "xyz" for b in "xyz" for c in "xyz")


def test_tables_in_the_units_of_the_job(gas, tmp_path, capsys):
    text = response_text("spin_hall", mu="0.4", kT="0.05")
    result = run(tmp_path, text, '[output]\nunits = ["S/cm", "(hbar/2e) S"]\n')
    printed = capsys.readouterr().out
    assert "(ħ/2e) S" in printed
    value = np.abs(result["sigma"].values.real).max()
    assert f"{2 * 2.434135e-4 * value:.5e}"[:5] in printed
    assert call("plot", tmp_path / "result.h5", "--unit", "furlong") == 2
    assert "--unit 'furlong'" in refused(capsys)


def test_kmap_of_any_response(gas, tmp_path, capsys):
    out = tmp_path / "p"
    options = ["--mu", 0.4, "-n", 3, "-o", out]
    spin_hall = ["--response", "spin_hall", "--component", "xyz", "--set", "current=simple"]
    assert call("kmap", gas, *options, *spin_hall, "--eta", 0.1, "--frequency", 3) == 0
    made = sorted(path.name for path in out.glob("*.png"))
    assert "kmap_spin_hall_sigma_xyz_Re.png" in made
    head, row = [*csv.reader((out / "kmap_spin_hall_sigma_xyz_Re.csv").read_text().splitlines())][
        :2
    ]
    expected = ws.zone_map(
        ws.load_model(gas), ws.SpinHall(mu_f=0.4, eta=0.1, omega_w=ws.ev_from_thz(3.0)), n=3
    )
    assert head[-1] == "Re sigma_xyz [Å² |e|]"
    assert float(row[-1]) == expected.tensors["sigma"].values[0, 0, 0, 0, 0, 0, 0, 1, 2].real
    surface = ["--response", "edelstein", "--kT", 0.05, "--component", "spin=x"]
    assert call("kmap", gas, *options, *surface) == 0
    assert any(path.name.startswith("kmap_edelstein_chi_tau_x") for path in out.iterdir())
    capsys.readouterr()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--response", "spin_hal"], "Did you mean 'spin_hall'?"),
        (["--response", "edelstein"], "the key 'response.1.kT' is missing"),
        (["--response", "spin_hall", "--set", "currant=1"], "Did you mean 'current'?"),
        (["--response", "spin_hall", "--set", "current"], "write KEY=VALUE"),
        (["--response", "spin_hall", "--component", "xy"], "flow, field, spin: give 3 of"),
        (["--response", "spin_hall", "--tensor", "chi"], "sigma, sigma_even, sigma_odd"),
        (["--response", "spin_moment", "--frequency", "1"], "response.1.frequency_thz"),
    ],
)
def test_maps_that_cannot_be(gas, tmp_path, capsys, options, words):
    assert call("kmap", gas, "--mu", 0.4, "-n", 3, "-o", tmp_path / "p", *options) == 2
    assert words in refused(capsys)


def test_bands_of_any_response(gas, tmp_path, capsys):
    out = tmp_path / "p"
    options = ["--path", "GX", "--mu", 0.4, "-n", 4, "-o", out]
    assert call("bands", gas, *options, "--response", "anomalous_hall", "--component", "xy") == 0
    assert {"bands_spin_z.png", "bands_anomalous_hall_sigma_xy_Re.csv"} <= {
        path.name for path in out.iterdir()
    }
    assert call("bands", gas, *options, "--response", "edelstein", "--set", "kT=0.1") == 2
    assert "no share in edelstein" in refused(capsys)


def test_fermi_surface_from_files(gas, tmp_path, capsys):
    target = tmp_path / "gas.frmsf"
    options = ["--mu", 0.4, "-n", 6, "-o", target]
    assert call("fermi-surface", gas, *options, "--colour", "spin_y") == 0
    said = capsys.readouterr().out
    assert "band(s) 1, 2 around mu = 0.4 eV, coloured by spin_y from" in said
    assert target.read_text().splitlines()[:3] == ["6 6 1", "1", "2"]
    more = ["--response", "spin_hall", "--component", "xyz"]
    assert call("fermi-surface", gas, *options, *more) == 0
    surface = ws.fermi_surface(ws.load_model(gas), 0.4, ws.SpinHall(mu_f=0.4), n=6)
    last = float(target.read_text().split()[-1])
    assert last == pytest.approx(surface.colour("sigma", "xyz")[5, 5, 0, 1], rel=1e-8)
    capsys.readouterr()
    for wrong, words in (
        (["--colour", "berry"], "none of spin_x"),
        (["--response", "edelstein", "--set", "kT=0.1"], "no share in edelstein"),
        (["--mu", 99], "No band crosses mu = 99 eV"),
        (["-o", tmp_path / "no" / "a.frmsf"], "Give a file in a folder"),
    ):
        assert call("fermi-surface", gas, *options, *wrong) == 2
        assert words in refused(capsys)


def test_one_response_of_a_result_is_plotted_alone(gas, tmp_path, capsys):
    scan = response_text("spin_hall", mu="[0.2, 0.4]", eta="0.1") + response_text(
        "edelstein", mu="[0.2, 0.4]", kT="[0.05, 0.06]"
    )
    run(tmp_path, scan, "[map]\nn = 3\n")
    out = tmp_path / "p"
    options = ["--response", "edelstein", "--versus", "kT", "--component", "xy"]
    assert call("plot", tmp_path / "result.h5", "-o", out, *options) == 0
    assert {path.name for path in out.iterdir()} == {
        "edelstein_chi_tau_xy_kT.png", "edelstein_chi_tau_xy_kT.csv"
    }  # fmt: skip
    capsys.readouterr()
    for wrong, words in (
        (["--response", "spin_moment"], "the result, which has spin_hall, edelstein"),
        (["--tensor", "chi"], "'chi' is not in the result"),
    ):
        assert call("plot", tmp_path / "result.h5", "-o", out, *wrong) == 2
        assert words in refused(capsys)


def test_list_tells_needs_parameters_and_units(capsys):
    assert call("list") == 0
    text = capsys.readouterr().out
    for name, response in RESPONSES.items():
        assert f"{name}: {response.__doc__.splitlines()[0]}" in text
    assert call("list", "magnetic_spin_hall") == 0
    text = capsys.readouterr().out
    for words in (
        "needs (current = 'ryoo2019'): ryoo2019, spin",
        "mu (needed): Fermi levels, absolute, on the energy zero of the model. [eV]",
        "tau (optional): Relaxation time at which to give the response too. [fs]",
        "gives sigma_tau σ/τ [flow, field, spin]",
        "eV |e| in 2D, Å⁻¹ eV |e| in 3D",
    ):
        assert words in text
    assert "edelstein:" not in text
    assert call("list", "edelstien") == 2
    assert "Did you mean 'edelstein'?" in refused(capsys)


def test_spin_currents_are_built_where_they_are_asked_for(tmp_path, capsys):
    """On the command line as in a job; not where the model would lose them again."""
    seed = str(Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi")
    asked = ["--response", "spin_hall", "--set", "current=ryoo2019", "-n", "3"]
    assert call("kmap", seed, "--mu", "1.42", *asked, "--output", tmp_path) == 0
    assert list(tmp_path.glob("kmap_spin_hall_sigma*.png"))
    job = tmp_path / "job.toml"
    job.write_text(
        f'[model]\nseedname = "{seed}"\nsymmetrise = true\n'
        '[[response]]\nname = "spin_hall"\nmu = 1.42\ncurrent = "ryoo2019"\n'
    )
    assert call("run", job) == 2
    assert "not on the operators of current = 'ryoo2019'" in capsys.readouterr().err


def test_no_picture_is_written_over(gas, tmp_path, capsys):
    """Bands coloured by σ_z and the spin moment of bands along z are two pictures."""
    options = ["--path", "GX", "--mu", 0.4, "-n", 3, "-o", tmp_path / "p"]
    assert call("bands", gas, *options, "--response", "spin_moment") == 0
    told = capsys.readouterr().out.split()
    assert len(told) == len({*told}) == 4
    assert {"bands_spin_z.png", "bands_spin_moment_spin_z.png"} <= {Path(t).name for t in told}


def test_maps_show_the_largest_component_of_each_tensor(tmp_path, capsys):
    """Not the one that is largest in another tensor, where this one may be rounding."""
    assert call("kmap", "toy:dirac_kp", "--mu", 0, "-n", 21, "-o", tmp_path) == 0
    drawn = {path.name for path in tmp_path.glob("kmap_spin_polarizability_upsilon*.csv")}
    capsys.readouterr()
    assert "kmap_spin_polarizability_upsilon0_xx.csv" in drawn
    for name in drawn:
        rows = [*csv.reader((tmp_path / name).read_text().splitlines())][1:]
        assert max(abs(float(row[-1])) for row in rows) > 1e-6


def test_pictures_tell_broadening_and_relaxation_time(gas, tmp_path, capsys):
    keys = {"mu": "[0.3, 0.4]", "kT": "0.05"}
    text = response_text("edelstein", **keys, tau="50.0") + response_text(
        "anomalous_hall", **keys, eta="0.1"
    )
    run(tmp_path, text)
    assert call("plot", tmp_path / "result.h5", "-o", tmp_path / "p", "--format", "svg") == 0
    capsys.readouterr()
    told = {path.stem: path.read_text() for path in (tmp_path / "p").glob("*.svg")}
    for name, picture in told.items():
        at_tau = bool(re.match("edelstein_chi_[xyz]", name))
        assert ("τ = 50 fs" in picture) == at_tau
        assert ("η = 100 meV" in picture) == name.startswith("anomalous_hall")
    assert any(name.startswith("edelstein_chi_tau") for name in told)


def test_list_says_in_plain_words_what_is_needed(capsys):
    assert call("list") == 0
    printed = capsys.readouterr().out
    assert not re.search(r"[`\\]|:\w+:", printed)
    assert "½{P_l, V_a}" in printed
    for name, omega in (
        ("spin_polarizability", "omega (needed, or frequency_thz): Photon"),
        ("spin_hall", "omega (default 0.0): Photon"),
        ("edelstein", "omega (optional, with tau): Photon"),
    ):
        assert call("list", name) == 0
        assert omega in capsys.readouterr().out
    assert call("kmap", "--help") == 0
    assert "key of the response" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_plots_that_draw_nothing_say_why(gas, tmp_path, capsys):
    run(
        tmp_path,
        response_text("spin_hall", mu="[0.3, 0.4]", kT="0.05", eta="0.1", omega="0.1"),
        response_text("anomalous_hall", mu="0.4", kT="0.05", eta="0.1"),
    )
    capsys.readouterr()
    for options, words in (
        (["--response", "anomalous_hall"], "there is nothing to draw of anomalous_hall"),
        (["--versus", "omega"], "nothing that was asked for has more than one value of it"),
        (["--versus", "time"], "Curves run along mu, omega, kT, not 'time'"),
        (["--response", "spin_hall", "--tensor", "foo"], "'foo' is not in spin_hall, which has"),
        (["--tensor", "foo"], "'foo' is not in the result, which has"),
    ):
        assert call("plot", tmp_path / "result.h5", "-o", tmp_path / "p", *options) == 2
        message = refused(capsys)
        assert words in message
        assert message.count("sigma_even [flow") == ("foo" in words)
        assert message.count("sigma_even [current") == ("the result" in words)
