"""Pictures of effective fields and of the dynamics."""

import matplotlib as mpl
import numpy as np
import pytest

import w90spin as ws
from w90spin.derive import NeelField
from w90spin.plot import (
    PlotError,
    plot_neel_field,
    plot_trajectory,
    save_figure,
    tabulate_neel_field,
    tabulate_trajectory,
)

mpl.use("Agg")
OMEGA = np.array([0.05, 0.02])  # eV, not in order


def sample(**options):
    field = np.zeros((3, 2, 1, 1, 2, 3), complex)
    field[1, :, 0, 0, :, 1] = 1j * np.array([[2.0, 1.0], [-2.0, -1.0]])
    field[0, :, 0, 0, :, 0] = 0.5
    given = {
        "field": field,
        "errors": np.full(field.shape, 0.01),
        "omega_w": OMEGA,
        "kT_t": np.zeros(1),
        "mu_f": np.array([3.1]),
        "parts": ("A", "B"),
        "signs_q": np.array([1.0, -1.0]),
        "exchange_q": np.array([1.0, 1.0]),
        "magnetization_q": np.array([30.0, 30.0]),
        "dimension": 2,
        "electric_field": 1e7,
        "field_direction": "x",
    }
    return NeelField(**{**given, **options})


def test_lines_are_the_peaks_by_frequency():
    axes = plot_neel_field(sample(), anisotropy_field=0.225, edge=0.0989)
    staggered, uniform, anisotropy, gap = axes.get_lines()
    assert staggered.get_ydata().tolist() == [1.0, 2.0]
    assert uniform.get_ydata().tolist() == [0.5, 0.5]
    assert np.allclose(staggered.get_xdata(), np.sort(OMEGA) / 4.135667696e-3)
    assert anisotropy.get_ydata()[0] == 0.225
    assert gap.get_xdata()[0] == pytest.approx(23.914, abs=1e-3)
    assert axes.get_xlim()[1] > 23.914
    assert "(T)" in axes.get_ylabel()
    assert "0.225" in "".join(text.get_text() for text in axes.get_legend().get_texts())


def test_one_order_alone():
    table = tabulate_neel_field(sample(), order=1)
    assert table["peak of uniform B [T]"].tolist() == [0.0, 0.0]
    assert table["error staggered [T]"] == pytest.approx([0.01 * 3**0.5] * 2)
    with pytest.raises(PlotError, match="order = 3"):
        plot_neel_field(sample(), order=3)
    with pytest.raises(PlotError, match="kT_index = 1"):
        tabulate_neel_field(sample(), kT_index=1)
    none = sample(field=np.zeros((3, 2, 1, 1, 0, 3), complex), omega_w=np.zeros(0))
    with pytest.raises(PlotError, match="no frequency"):
        plot_neel_field(none)


def drive(size=1.0):
    time_t = np.linspace(0.0, 2.0, 41)
    field = np.zeros((41, 2, 3))
    field[:-1, 0, 0], field[:-1, 1, 0] = size * np.sin(time_t[:-1]), -size * np.sin(time_t[:-1])
    return time_t, field


def test_trajectory(tmp_path):
    run = ws.neel_dynamics(drive(), exchange_field=5.0, anisotropy_field=0.3, damping=0.1)
    figure = plot_trajectory(run)
    field_axes, after_axes, neel_axes, _, net_axes, _ = figure.axes
    assert np.array_equal(field_axes.get_lines()[0].get_ydata(), run.field_tqa[:, 0, 0])
    # Turned by 40°: the vector itself is drawn.
    assert np.array_equal(neel_axes.get_lines()[2].get_ydata(), run.neel_ta[:, 2])
    assert np.array_equal(net_axes.get_lines()[1].get_ydata(), run.net_ta[:, 1])
    assert field_axes.get_xlim() == pytest.approx((0.0, 1.95))
    assert after_axes.get_xlim() == pytest.approx((1.95, run.time_t[-1]))
    assert figure.get_suptitle().startswith("not switched")
    table = tabulate_trajectory(run)
    assert np.array_equal(table["m_z B"], run.moments_tqa[:, 1, 2])
    assert np.array_equal(table["B_x A [T]"], run.field_tqa[:, 0, 0])
    written = save_figure(figure, tmp_path / "trajectory", table)
    assert [path.suffix for path in written] == [".png", ".csv"]


def test_the_legend_of_a_trajectory_stands_off_the_axes():
    run = ws.neel_dynamics(drive(), exchange_field=5.0, anisotropy_field=0.3, damping=0.1)
    figure = plot_trajectory(run)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_of_what_hardly_moves_the_change_is_drawn():
    run = ws.neel_dynamics(
        drive(0.01), exchange_field=[5.0, 8.0], anisotropy_field=0.3, damping=0.1, after_ps=0.5
    )
    figure = plot_trajectory(run)
    assert len(figure.axes) == 3  # too short after the field for a column of its own
    line = figure.axes[1].get_lines()[2].get_ydata()
    assert np.array_equal(line, run.neel_ta[:, 2] - run.neel_ta[0, 2])
    assert "Change" in figure.axes[1].get_ylabel()
    assert "5 | 8 T" in figure.get_suptitle()
