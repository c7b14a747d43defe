from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from plot_samples import make_induced, texts_outside

from w90spin.plot import PlotError, plot_induced_spin, tabulate_induced_spin


def right_axis(axes):
    axes.get_figure().canvas.draw()
    return axes.child_axes[0]


def shown_ticks(axis):
    low, high = sorted(axis.get_view_interval())
    labels = zip(axis.get_majorticklocs(), axis.get_ticklabels(), strict=True)
    return {at: label.get_text() for at, label in labels if low <= at <= high}


def test_labels_say_quantity_unit_field_and_state():
    axes = plot_induced_spin(make_induced())
    assert axes.get_xlabel() == "Frequency (THz)"
    assert axes.get_ylabel() == r"$|\Delta^{(1)}S_{z}|$ ($10^{-5}$ $\mu_\mathrm{B}$/nm²)"
    title = axes.get_title(loc="left")
    for piece in ("$10^{7}$ V/m along y", "μ = 1.422 eV", "kT = 25.85 meV", "thickness 7.2 Å"):
        assert piece in title


def test_ticks_times_the_power_in_the_label_are_the_data():
    axes = plot_induced_spin(make_induced())
    axes.get_figure().canvas.draw()
    for at, text in shown_ticks(axes.yaxis).items():
        assert float(text) * 1e-5 == pytest.approx(at, abs=1e-15)


def test_right_axis_is_the_density_per_volume():
    induced = make_induced(thickness=7.2)
    axes = plot_induced_spin(induced)
    right = right_axis(axes)
    assert right.get_ylabel().endswith(r"$\mu_\mathrm{B}$/nm³)")
    ratio = right.get_ylim()[1] / axes.get_ylim()[1]
    expected = np.abs(induced.delta_volume).max() / np.abs(induced.delta).max()
    assert ratio == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dimension", "thickness", "unit"), [(1, None, "nm"), (2, None, "nm²"), (3, None, "nm³")]
)
def test_without_thickness_there_is_one_axis(dimension, thickness, unit):
    axes = plot_induced_spin(make_induced(dimension=dimension, thickness=thickness))
    assert axes.child_axes == []
    assert axes.get_ylabel().endswith(f"/{unit})")
    assert "thickness" not in axes.get_title(loc="left")


def test_every_part_has_a_line_and_a_name():
    axes = plot_induced_spin(make_induced(parts=("top", "bottom")))
    assert len(axes.lines) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["top", "bottom"]
    assert plot_induced_spin(make_induced()).get_legend() is None


def test_line_is_the_amplitude_and_the_table_the_line():
    induced = make_induced(parts=("top", "bottom"), error=0.1)
    axes = plot_induced_spin(induced)
    table = tabulate_induced_spin(induced)
    for q, part in enumerate(induced.parts):
        drawn = axes.lines[q].get_ydata()
        np.testing.assert_array_equal(drawn, np.abs(induced.delta[1, q, 0, 0, :, 2]))
        np.testing.assert_array_equal(drawn, table[f"|Δ⁽¹⁾S_z| {part} [μ_B/nm²]"])
        np.testing.assert_array_equal(
            table[f"error {part} [μ_B/nm³]"], induced.errors_volume[1, q, 0, 0, :, 2]
        )
    np.testing.assert_array_equal(table["frequency [THz]"], axes.lines[0].get_xdata())


@pytest.mark.parametrize(("error", "bands"), [(0.0, 0), (1e-4, 0), (0.1, 1), (np.inf, 0)])
def test_errors_are_a_band_where_one_can_see_them(error, bands):
    assert len(plot_induced_spin(make_induced(error=error)).collections) == bands


def test_frequencies_in_any_order_give_one_line_from_left_to_right():
    axes = plot_induced_spin(make_induced(frequency_thz=(30, 10, 20)))
    x, y = axes.lines[0].get_data()
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()


def test_one_frequency_is_a_visible_point():
    axes = plot_induced_spin(make_induced(frequency_thz=(10,)))
    assert axes.lines[0].get_marker() == "o"
    low, high = axes.get_xlim()
    assert low < 10 < high
    assert texts_outside(axes.get_figure()) == []


@pytest.mark.parametrize(("fill", "words"), [(0.0, "zero everywhere"), (np.nan, "no finite value")])
def test_nothing_to_see_is_said(fill, words):
    induced = make_induced()
    axes = plot_induced_spin(replace(induced, delta=np.full_like(induced.delta, fill)))
    assert words in [text.get_text() for text in axes.texts]
    assert texts_outside(axes.get_figure()) == []


def test_nan_is_a_gap():
    induced = make_induced()
    delta = induced.delta.copy()
    delta[..., 30, :] = np.nan
    axes = plot_induced_spin(replace(induced, delta=delta))
    assert np.isnan(axes.lines[0].get_ydata()).sum() == 1
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 3e-12},
        {"size": 4e7},
        {"parts": tuple(f"Bi{i}" for i in range(9))},
        {"direction": [0.7, 0.7j, 0.0]},
        {"dimension": 3, "thickness": None, "error": 0.1},
    ],
)
def test_no_text_leaves_the_figure(options):
    assert texts_outside(plot_induced_spin(make_induced(**options)).get_figure()) == []


def test_given_axes_are_used():
    axes = Figure(figsize=(7, 3), layout="constrained").subplots(1, 2)
    assert plot_induced_spin(make_induced(), axes=axes[1]) is axes[1]
    assert texts_outside(axes[1].get_figure()) == []


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"order": 3}, "0, 1, 2"),
        ({"spin": "q"}, "x, y, z"),
        ({"mu_index": 1}, r"only 1 mu: 1.42245 eV. Give an index"),
        ({"kT_index": -2}, "only 1 kT"),
    ],
)
def test_unknown_component_names_the_choices(choice, words):
    with pytest.raises(PlotError, match=words):
        plot_induced_spin(make_induced(), **choice)


def test_no_frequency_is_an_error():
    with pytest.raises(PlotError, match="no frequency"):
        plot_induced_spin(make_induced(frequency_thz=()))
