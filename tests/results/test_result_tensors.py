"""Tensors by name, their sums, and their way into xarray and text."""

import csv
import itertools
import json

import numpy as np
import pytest
from result_samples import OMEGA, XYZ, polarizability, small_run

import w90spin as ws
from w90spin.results.result import ResponseResult


@pytest.fixture(scope="module")
def result():
    return small_run()


def test_names_with_and_without_their_response(result):
    assert result["upsilon1"] is result["spin_polarizability/upsilon1"]
    assert result["upsilon1"].axis_names == ("part", "kT", "mu", "omega", "spin", "field")
    assert result["upsilon0"].axis_names == ("part", "kT", "mu", "spin", "field")
    for unknown in ("upsilon3", "spin_polarizability/upsilon3", "edelstein/upsilon1"):
        with pytest.raises(KeyError):
            result[unknown]
    with pytest.raises(KeyError, match=r"no axis 'omega'"):
        result["upsilon0"].axis("omega")


def test_an_ambiguous_name_needs_its_response(result):
    own = result.responses["spin_polarizability"]
    twin = ResponseResult("twin", own.title, own.reference, own.parameters, own.tensors)
    both = ws.Result(responses={own.name: own, "twin": twin}, provenance=result.provenance)
    with pytest.raises(KeyError, match="twin/upsilon1"):
        both["upsilon1"]
    assert both["twin/upsilon1"] is own["upsilon1"]
    with pytest.raises(ws.errors.ResultFileError, match=r"spin_polarizability.*twin"):
        both.to_xarray()


def test_two_runs_of_one_response_keep_apart():
    model = ws.toys.pt_antiferromagnet()
    responses = [ws.SpinPolarizability(omega_w=omega, mu_f=0.0) for omega in (0.0, 0.2)]
    both = ws.compute(model, responses, mesh=ws.UniformMesh(n=4))
    assert [*both.responses] == ["spin_polarizability", "spin_polarizability_2"]
    for name, omega in (("spin_polarizability", 0.0), ("spin_polarizability_2", 0.2)):
        assert both[f"{name}/upsilon1"].axis("omega").values == (omega,)
        alone = ws.compute(
            model,
            [ws.SpinPolarizability(omega_w=omega, mu_f=0.0)],
            mesh=ws.UniformMesh(n=4),
        )
        values = both[f"{name}/upsilon2"].values
        assert np.allclose(values, alone["upsilon2"].values, rtol=1e-13, atol=0.0)


def test_total_adds_values_and_errors_of_the_parts():
    upsilon = np.arange(18.0).reshape(2, 3, 3)
    parted = polarizability(
        [upsilon, np.stack(3 * [upsilon], axis=1), np.stack(3 * [upsilon], axis=1)],
        errors=[0.5, 0.25, 1.0],
        parts=("A", "B"),
    )
    total = parted["upsilon1"].total()
    assert total.axis_names == ("kT", "mu", "omega", "spin", "field")
    assert total.values.shape == (1, 1, 3, 3, 3)
    assert np.array_equal(total.values[0, 0, 1], upsilon[0] + upsilon[1])
    assert (total.errors == 0.5).all()
    assert parted["upsilon0"].total().values[0, 0, 2, 1] == 7.0 + 16.0
    assert (total.name, total.unit) == ("upsilon1", parted["upsilon1"].unit)


def test_total_of_a_run_is_the_run_without_parts(result):
    model = ws.toys.pt_antiferromagnet()
    whole = ws.compute(
        model,
        [ws.SpinPolarizability(omega_w=OMEGA, mu_f=[0.0, 0.1], kT=[0.0, 0.01])],
        mesh=ws.UniformMesh(n=6),
    )
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        scale = np.abs(result[name].values).max()
        apart = result[name].total().values - whole[name].total().values
        assert np.abs(apart).max() < 1e-12 * scale


def test_xarray_has_names_coordinates_and_units(result):
    data = result.to_xarray()
    assert {*data.data_vars} == {
        f"{name}{tail}"
        for name, tail in itertools.product(
            ("upsilon0", "upsilon1", "upsilon2", "chi"), ("", "_error")
        )
    }
    assert data["upsilon1"].dims == ("part", "kT", "mu", "omega", "spin", "field")
    assert data["upsilon1"].attrs["units"] == "Å⁻¹ eV⁻²"
    assert data["upsilon1_error"].attrs["units"] == "Å⁻¹ eV⁻²"
    assert data["omega"].values.tolist() == list(OMEGA)
    assert data["omega"].attrs["units"] == "eV"
    assert data["spin"].values.tolist() == list(XYZ)
    picked = data["upsilon1"].sel(part="B β", kT=0.01, mu=0.1, omega=0.05, spin="y", field="x")
    assert float(picked) == result["upsilon1"].values[1, 1, 1, 1, 1, 0]
    error = data["chi_error"].sel(part="A/1", spin="z", field="x").values
    assert np.array_equal(error, result["chi"].errors[0, :, :, :, 2, 0])
    assert data.attrs["model"] == "PT antiferromagnet"
    assert json.loads(data.attrs["mesh"]) == [6, 6, 1]
    assert data.attrs["response"] == result.responses["spin_polarizability"].title


def test_csv_has_every_component_once(result, tmp_path):
    path = result.to_csv(tmp_path / "table.csv")
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(first.removeprefix("# w90spin-result: "))["model"] == "PT antiferromagnet"
    rows = [*csv.reader(lines)]
    heads = [x for x, row in enumerate(rows) if row[0] == "tensor"]
    tables = {
        rows[start + 1][0].split("/", 1)[1]: (rows[start], rows[start + 1 : stop])
        for start, stop in itertools.pairwise([*heads, len(rows)])
    }
    assert [*tables] == ["upsilon0", "upsilon1", "upsilon2", "chi"]
    for name, (head, body) in tables.items():
        tensor = result[name]
        assert head[-3:] == [f"re [{tensor.unit}]", f"im [{tensor.unit}]", "error"]
        assert head[1:4] == ["part", "kT [eV]", "mu [eV]"]
        assert len(body) == tensor.values.size
        table = {tuple(row[1:-3]): [*map(float, row[-3:])] for row in body}
        assert len(table) == tensor.values.size
        for at in np.ndindex(*tensor.values.shape):
            where = tuple(str(axis.values[x]) for axis, x in zip(tensor.axes, at, strict=True))
            value = complex(tensor.values[at])
            assert table[where] == [value.real, value.imag, tensor.errors[at]]


@pytest.fixture(scope="module")
def spin_hall():
    """Complex conductivities with three Cartesian axes, with parts, and a map and bands of them."""
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    response = ws.SpinHall(mu_f=[0.0, 0.1], omega_w=[0.0, 0.1], eta=0.05, kT=0.01, parts=parts)
    result = ws.compute(model, [response, ws.SpinMoment(mu_f=0.0)], mesh=ws.UniformMesh(n=4))
    path = [("G", [0, 0, 0]), ("X", [0.5, 0, 0])]
    return ws.Result(
        responses=result.responses,
        provenance=result.provenance,
        kmap=ws.zone_map(model, response, n=3, bands=True),
        path=ws.band_path(model, path, response, n=3),
    )


def test_rank_three_goes_through_the_file(spin_hall, tmp_path):
    loaded = ws.load_result(spin_hall.save(tmp_path / "sigma.h5"))
    for name in ("sigma", "sigma_even", "sigma_odd"):
        was, now = spin_hall[name], loaded[name]
        assert now.axis_names == ("part", "kT", "mu", "omega", "flow", "field", "spin")
        assert now.values.dtype == np.complex128
        assert np.array_equal(was.values, now.values)
        assert np.array_equal(was.errors, now.errors)
        for place in ("tensors", "bands"):
            there = getattr(loaded.kmap, place)[name]
            assert np.array_equal(there.values, getattr(spin_hall.kmap, place)[name].values)
        assert np.array_equal(loaded.path.tensors[name].values, spin_hall.path.tensors[name].values)
    assert np.abs(loaded["sigma"].values.imag).max() > 0.0
    assert (loaded.kmap.response, loaded.path.response) == ("spin_hall", "spin_hall")
    assert loaded["spin"].axis("spin").values == XYZ


def test_rank_three_goes_into_text(spin_hall, tmp_path):
    path = spin_hall.to_csv(tmp_path / "sigma.csv")
    rows = [*csv.reader(path.read_text(encoding="utf-8").splitlines()[1:])]
    (row,) = (r for r in rows if r[:1] == ["spin_hall/sigma"]
              and r[1:8] == ["B", "0.01", "0.1", "0.1", "x", "y", "z"])  # fmt: skip
    value = spin_hall["sigma"].values[1, 0, 1, 1, 0, 1, 2]
    assert complex(float(row[-3]), float(row[-2])) == value
    assert sum(r[:1] == ["spin_hall/sigma"] for r in rows) == 2 * 2 * 2 * 27
    assert sum(r[:1] == ["spin_moment/spin"] for r in rows) == 3


def test_rank_three_goes_into_xarray(spin_hall):
    data = spin_hall.to_xarray("spin_hall")
    assert data["sigma"].dims == ("part", "kT", "mu", "omega", "flow", "field", "spin")
    picked = data["sigma"].sel(part="A", mu=0.1, omega=0.1, flow="z", field="x", spin="y")
    assert complex(picked.item()) == spin_hall["sigma"].values[0, 0, 1, 1, 2, 0, 1]
    assert data["sigma"].attrs["units"] == "|e|"
