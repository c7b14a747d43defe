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
        "exchange": 1.0,
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


def test_trajectory(tmp_path):
    time_t = np.linspace(0.0, 2.0, 41)
    field = np.zeros((41, 2, 3))
    field[:, 0, 0], field[:, 1, 0] = np.sin(time_t), -np.sin(time_t)
    run = ws.neel_dynamics((time_t, field), exchange_field=5.0, anisotropy_field=0.3, damping=0.1)
    figure = plot_trajectory(run)
    field_axes, neel_axes, net_axes = figure.axes
    assert np.array_equal(field_axes.get_lines()[0].get_ydata(), run.field_tqa[:, 0, 0])
    assert np.array_equal(neel_axes.get_lines()[2].get_ydata(), run.neel_ta[:, 2])
    assert np.array_equal(net_axes.get_lines()[1].get_ydata(), run.net_ta[:, 1])
    assert field_axes.get_title("left").startswith("not switched")
    table = tabulate_trajectory(run)
    assert np.array_equal(table["m_z B"], run.moments_tqa[:, 1, 2])
    assert np.array_equal(table["B_x A [T]"], run.field_tqa[:, 0, 0])
    written = save_figure(figure, tmp_path / "trajectory", table)
    assert [path.suffix for path in written] == [".png", ".csv"]
