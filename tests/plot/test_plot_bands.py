from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from plot_samples import MU, make_path, texts_outside

from w90spin.plot import PlotError, plot_bands, tabulate_bands


def lines_of(axes):
    (lines,) = [drawn for drawn in axes.collections if isinstance(drawn, LineCollection)]
    return lines


def test_labels_say_quantity_unit_and_state():
    axes = plot_bands(make_path(), colour="upsilon1", component="zy", omega_index=2)
    assert axes.get_ylabel() == "$E - μ$ (eV)"
    assert axes.child_axes[0].get_ylabel() == "$Υ^{(1)}_{zy}$ (Å/eV²)"
    title = axes.get_title(loc="left")
    assert "ħω = 0.2068 eV (50 THz)" in title
    assert "μ = 1.422 eV" in title


def test_special_points_and_fermi_level_have_lines():
    axes = plot_bands(make_path(), colour=None)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["Γ", "X", "S", "Y", "Γ"]
    upright = [line for line in axes.lines if len(set(line.get_xdata())) == 1]
    level = [line for line in axes.lines if list(line.get_ydata()) == [0.0, 0.0]]
    assert len(upright) == 3  # not at the ends
    assert len(level) == 1


def test_plain_bands_are_one_line_each():
    path = make_path()
    axes = plot_bands(path, colour=None)
    bands = [line for line in axes.lines if len(line.get_xdata()) == len(path.distance_k)]
    assert len(bands) == 32
    np.testing.assert_array_equal(bands[5].get_ydata(), path.energy_kn[:, 5] - MU)
    assert axes.child_axes == []


def test_every_point_keeps_its_own_colour():
    path = make_path(n_bands=8, per_segment=5)
    lines = lines_of(plot_bands(path, colour="spin_z"))
    drawn = {
        (round(segment[1][0], 9), round(segment[1][1], 9)): value
        for segment, value in zip(lines.get_segments(), lines.get_array(), strict=True)
    }
    for k, distance in enumerate(path.distance_k):
        for n in range(8):
            value = drawn[round(distance, 9), round(path.energy_kn[k, n] - MU, 9)]
            assert abs(value) == pytest.approx(abs(path.spin_kns[k, n, 2]))
    assert lines.get_clim() == (-1.0, 1.0)


def test_table_is_the_data_drawn():
    path = make_path()
    table = tabulate_bands(path, colour="upsilon1", component="zy", window=(-2, 2))
    lines = lines_of(plot_bands(path, colour="upsilon1", component="zy", window=(-2, 2)))
    np.testing.assert_array_equal(np.sort(table["upsilon1_zy [Å/eV²]"]), np.sort(lines.get_array()))
    energies = [segment[1][1] for segment in lines.get_segments()]
    np.testing.assert_array_equal(np.sort(table["E - μ [eV]"]), np.sort(energies))
    assert table["band"].min() > 1  # bands below the window are left out


def test_response_colours_are_symmetric_and_ignore_a_few_hot_spots():
    path = make_path()
    tensor = path.tensors["upsilon1"]
    hot = tensor.values.copy()
    hot[7, 20] = 1e9
    axes = plot_bands(
        replace(path, tensors={"upsilon1": replace(tensor, values=hot)}),
        colour="upsilon1",
        component="zy",
    )
    low, high = lines_of(axes).get_clim()
    assert low == -high
    assert high < 1e4
    assert lines_of(axes).colorbar.extend in ("max", "both")


def test_only_mean_spins_end_at_one():
    """A tensor may well have a name that begins like theirs."""
    path = make_path()
    tensor = replace(path.tensors["upsilon1"], name="spin_curvature")
    named = replace(path, tensors={"spin_curvature": tensor})
    assert lines_of(plot_bands(named, colour="spin_curvature")).get_clim()[1] > 2.0
    assert lines_of(plot_bands(named, colour="spin_x")).get_clim() == (-1.0, 1.0)


def test_line_ends_where_the_path_jumps():
    path = make_path(n_bands=2, per_segment=4)
    # Γ-X, then on from Y: the same distance, another k.
    kpt_kc, distance_k = path.kpt_kc.copy(), path.distance_k.copy()
    kpt_kc[5:] += np.array([0.0, 0.2, 0.0])
    distance_k[5:] -= distance_k[5] - distance_k[4]
    jumping = replace(
        path, kpt_kc=kpt_kc, distance_k=distance_k, label_positions=distance_k[[0, 4, 5, 16]],
        labels=("G", "X", "Y", "GAMMA"),
    )  # fmt: skip
    axes = plot_bands(jumping, colour=None)
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["Γ", "X|Y", "Γ"]
    bands = [line for line in axes.lines if np.isnan(line.get_ydata()).any()]
    assert len(bands) == 2
    segments = lines_of(plot_bands(jumping, colour="spin_z")).get_segments()
    here = [s for s in segments if s[1][0] == distance_k[4]]
    assert all(s[0][0] == s[1][0] or s[2][0] == s[1][0] for s in here)


@pytest.mark.parametrize("colour", [None, "spin_z", "spin_x", "upsilon1"])
@pytest.mark.parametrize("window", [None, (-2.0, 2.0)])
def test_no_text_leaves_the_figure(colour, window):
    axes = plot_bands(make_path(), colour=colour, window=window, omega_index=-1)
    assert texts_outside(axes.get_figure()) == []


def test_window_is_the_scale():
    assert plot_bands(make_path(), window=(-1.5, 2.5)).get_ylim() == (-1.5, 2.5)


def test_zero_and_nan_are_said():
    path = make_path(has_spin=False)
    assert "zero everywhere" in [text.get_text() for text in plot_bands(path).texts]
    tensor = path.tensors["upsilon1"]
    unknown = replace(tensor, values=np.full_like(tensor.values, np.nan))
    axes = plot_bands(replace(path, tensors={"upsilon1": unknown}), colour="upsilon1")
    assert "no finite value" in [text.get_text() for text in axes.texts]
    axes.get_figure().canvas.draw()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"colour": "berry"}, "spin_x, spin_y, spin_z, upsilon1"),
        ({"colour": "upsilon1", "component": "qx"}, "x, y, z"),
        ({"colour": "upsilon1", "omega_index": 7}, "only 3 omega"),
        ({"window": (40, 50)}, "No band lies in the window"),
        ({"window": (1, -1)}, "low to high"),
    ],
)
def test_unknown_choice_names_the_choices(choice, words):
    with pytest.raises(PlotError, match=words):
        plot_bands(make_path(per_segment=4), **choice)


def test_path_without_bands_is_an_error():
    path = make_path(per_segment=4)
    with pytest.raises(PlotError, match="no bands"):
        plot_bands(replace(path, energy_kn=path.energy_kn[:, :0]))
