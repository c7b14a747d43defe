"""Tensors against Fermi level, photon energy and temperature."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import SymLogNorm
from plot_samples import make_kmap, make_path, texts_outside

from w90spin.plot import (
    Choice,
    PlotError,
    plot_all,
    plot_bands,
    plot_curves,
    plot_kmap,
    tabulate_curves,
)
from w90spin.response.claims import Axis
from w90spin.results import Result, Tensor
from w90spin.results.result import ResponseResult

XYZ = ("x", "y", "z")
MU, OMEGA, KT = (0.5, 0.1, 0.3), (0.0, 0.1, 0.2, 0.4), (0.01, 0.03)


def sigma(parts=("total",), unit="|e|", error=0.1):
    """Complex, with mu out of order; largest at flow x, field y, spin z."""
    shape = (len(parts), 2, 3, 4)
    state = np.random.default_rng(3).normal(size=(*shape, 2)) @ [1.0, 0.5j]
    weight = np.zeros((3, 3, 3))
    weight[0, 1, 2], weight[1, 0, 2] = 2.0, -1.0
    values = np.einsum("qtfw,abc->qtfwabc", state, weight)
    axes = (
        Axis("part", parts),
        Axis("kT", KT, "eV"),
        Axis("mu", MU, "eV"),
        Axis("omega", OMEGA, "eV"),
        *(Axis(name, XYZ) for name in ("flow", "field", "spin")),
    )
    return Tensor("sigma", "σ", values, error * np.abs(values), axes, unit, "")


def test_real_and_imaginary_part_run_along_the_sorted_axis():
    tensor = sigma()
    axes = plot_curves(tensor, "mu", kT_index=1, omega_index=2)
    real, imaginary = (line for line in axes.lines if line.get_label() in ("Re", "Im"))
    rank = np.argsort(MU)
    wanted = tensor.values[0, 1, rank, 2, 0, 1, 2]
    assert real.get_xdata().tolist() == sorted(MU)
    np.testing.assert_array_equal(real.get_ydata(), wanted.real)
    np.testing.assert_array_equal(imaginary.get_ydata(), wanted.imag)
    assert real.get_linestyle() != imaginary.get_linestyle()
    assert axes.get_xlabel() == "$μ$ (eV)"
    assert axes.get_ylabel() == "$σ_{xy;z}$ (|e|)"
    assert axes.get_title(loc="left") == "ħω = 0.2 eV (48.36 THz), kT = 30 meV"


def test_errors_are_bands():
    tensor = sigma(error=0.25)
    axes = plot_curves(tensor, "omega", component="yxz")
    real = next(line for line in axes.lines if line.get_label() == "Re")
    y = real.get_ydata()
    error = 0.25 * np.abs(tensor.values[0, 0, 0, :, 1, 0, 2])
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    for edge in np.concatenate([y - error, y + error]):
        assert np.isclose(edges, edge).any()
    assert len(plot_curves(sigma(error=1e-6), "omega").collections) == 0


def test_what_vanishes_is_left_out():
    tensor = sigma()
    real = replace(tensor, values=tensor.values.real + 0j)
    axes = plot_curves(real, "mu")
    assert axes.get_ylabel() == "Re $σ_{xy;z}$ (|e|)"
    assert axes.get_legend() is None
    nothing = plot_curves(replace(tensor, values=0 * tensor.values), "mu")
    assert "zero everywhere" in [text.get_text() for text in nothing.texts]


def test_parts_share_their_colour():
    axes = plot_curves(sigma(parts=("A", "B")), "kT")
    names = [line.get_label() for line in axes.lines if " " in line.get_label()]
    assert names == ["Re A", "Im A", "Re B", "Im B"]
    colours = [line.get_color() for line in axes.lines if " " in line.get_label()]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert axes.get_xlabel() == "$kT$ (meV)"
    np.testing.assert_allclose(axes.get_xlim(), (10.0, 30.0))


def test_small_photon_energies_are_frequencies():
    tensor = sigma()
    assert plot_curves(tensor, "omega").get_xlabel() == "Photon energy ħω (eV)"
    slow = replace(tensor, axes=(*tensor.axes[:3], Axis("omega", (0.0, 0.01, 0.02, 0.041356677)),
                                 *tensor.axes[4:]))  # fmt: skip
    axes = plot_curves(slow, "omega")
    assert axes.get_xlabel() == "Frequency (THz)"
    assert axes.get_xlim()[1] == pytest.approx(10.0, rel=1e-6)


def test_table_is_the_data_drawn():
    tensor = sigma(parts=("A", "B"))
    table = tabulate_curves(tensor, "omega", component="yxz", mu_index=-1)
    assert table["ħω [eV]"].tolist() == list(OMEGA)
    wanted = tensor.values[1, 0, 2, :, 1, 0, 2]
    np.testing.assert_array_equal(table["Im sigma_yxz B [|e|]"], wanted.imag)
    np.testing.assert_allclose(table["error of Re sigma_yxz B [|e|]"], 0.1 * np.abs(wanted))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"versus": "phase"}, "axes for that are kT, mu, omega"),
        ({"versus": "mu", "component": "xy"}, "give 3 of the letters"),
        ({"versus": "mu", "kT_index": 2}, "only 2 kT"),
    ],
)
def test_unknown_choices_name_the_choices(choice, words):
    with pytest.raises(PlotError, match=words):
        plot_curves(sigma(), **choice)


@pytest.mark.parametrize("versus", ["mu", "omega", "kT"])
def test_no_text_leaves_the_figure(versus):
    axes = plot_curves(sigma(parts=("upper", "lower"), unit="Å⁻¹ eV |e|"), versus)
    assert texts_outside(axes.get_figure()) == []


def result_of(*tensors):
    response = ResponseResult("spin_hall", "by hand", "", {}, {t.name: t for t in tensors})
    return Result({"spin_hall": response}, {})


def test_all_curves_are_drawn_in_usual_units(tmp_path):
    names = {path.name for path in plot_all(result_of(sigma()), tmp_path)}
    stems = [f"spin_hall_sigma_xyz_{axis}" for axis in ("kT", "mu", "omega")]
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("png", "csv")}
    head = (tmp_path / "spin_hall_sigma_xyz_mu.csv").read_text().splitlines()[0]
    assert "Re sigma_xyz [(ħ/e) S]" in head
    plot_all(result_of(sigma()), tmp_path, units=["S/cm", "e/2pi"], versus="mu")
    assert "[e/2π]" in (tmp_path / "spin_hall_sigma_xyz_mu.csv").read_text().splitlines()[0]


def test_only_what_was_chosen_is_drawn(tmp_path):
    other = replace(sigma(), name="torque")
    choice = Choice(tensor="torque", component="flow=y")
    written = plot_all(result_of(sigma(), other), tmp_path, curves=choice, versus="omega")
    assert written[0].name == "spin_hall_torque_yxz_omega.png"
    assert len(written) == 2


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(response="edelstein"), "'edelstein' is not in the result, which has spin_hall"),
        (Choice(tensor="chi"), r"'chi' is not in the result, which has sigma \[flow, field, spin"),
        (Choice(tensor="sigma", component="xy"), "'sigma' 'xy' is not in the result"),
    ],
)
def test_choices_that_are_not_there(tmp_path, choice, words):
    with pytest.raises(PlotError, match=words):
        plot_all(result_of(sigma()), tmp_path, curves=choice)


def test_colours_over_decades_are_logarithmic_on_both_sides():
    axes = plot_kmap(make_kmap(n=41), component="zy")
    norm = axes.collections[0].norm
    assert isinstance(norm, SymLogNorm)
    assert norm.vmin == -norm.vmax
    ticks = axes.child_axes[0].get_yticks()
    assert 0.0 in ticks
    exponents = np.log10(np.abs(ticks[ticks != 0.0]))
    np.testing.assert_allclose(exponents, np.round(exponents), atol=1e-9)
    assert texts_outside(axes.get_figure()) == []
    assert not isinstance(
        plot_kmap(make_kmap(n=41), component="zy", scale="linear").collections[0].norm, SymLogNorm
    )


def test_logarithmic_colours_of_bands():
    axes = plot_bands(make_path(), colour="upsilon1", component="zy", scale="log")
    (lines,) = [drawn for drawn in axes.collections if drawn.get_array() is not None]
    assert isinstance(lines.norm, SymLogNorm)
    assert not np.ma.getmaskarray(lines.norm(lines.get_array())).any()


def test_a_legend_of_many_lines_hides_none():
    axes = plot_curves(sigma(parts=("A", "B", "C", "D"), unit="(ħ/e) S/cm"), "omega")
    axes.figure.canvas.draw()
    legend = axes.get_legend()
    assert len(legend.get_texts()) == 8
    box = legend.get_window_extent()
    assert box.x0 >= axes.bbox.x1 - 1.0
    assert box.x1 <= axes.figure.bbox.x1
    assert axes.get_ylabel() == "$σ_{xy;z}$ [(ħ/e) S/cm]"


@pytest.mark.parametrize(("share", "cut"), [(6.0, False), (40.0, True)])
def test_error_bands_are_whole_or_said_to_be_cut(share, cut):
    axes = plot_curves(sigma(error=share), "omega")
    edges = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in axes.collections])
    low, high = axes.get_ylim()
    assert (edges.min() < low or edges.max() > high) == cut
    assert ("errors leave the picture" in [text.get_text() for text in axes.texts]) == cut
