"""Pictures of pulses: what is drawn, what is left out, what the table holds."""

import numpy as np
import pytest

import w90spin as ws
from w90spin.plot import PlotError, plot_pulse, tabulate_pulse, tabulate_trajectory


@pytest.fixture(scope="module")
def course():
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    pulse = ws.Pulse.gaussian(amplitude=1e7, frequency_thz=3.0, fwhm_ps=0.8, direction="y")
    asked = ws.SpinPolarizability(omega_w=np.linspace(0.0, 0.05, 20), mu_f=0.06, parts=parts)
    result = ws.compute(model, [asked], mesh=ws.UniformMesh(n=8))
    spin = ws.pulsed_spin(result, pulse)
    return spin, ws.pulsed_field(spin, moment=3.0)


def test_rows_are_field_spins_and_effective_fields(course):
    spin, field = course
    figure = plot_pulse(spin, field)
    top, middle, bottom = figure.axes
    (electric,) = top.get_lines()[1:]  # after the line at zero
    assert electric.get_label() == "$E_y$"
    assert np.array_equal(electric.get_ydata(), spin.pulse.field_tb[:, 1])
    drawn = {line.get_label(): line.get_ydata() for line in middle.get_lines()[1:]}
    size = np.abs(spin.total[:, 0, 0]).max()
    for q, part in enumerate("AB"):
        for s, name in enumerate("xyz"):
            value_t = spin.total[q, 0, 0, :, s]
            label = f"{part}: ${name}$"
            assert (label in drawn) == (np.abs(value_t).max() > 1e-3 * size)
            if label in drawn:
                assert np.array_equal(drawn[label], value_t)
    assert len(drawn) >= 2
    labels = {line.get_label().split(" ")[0] for line in bottom.get_lines()[1:]}
    assert labels <= {"staggered", "uniform"}
    assert "(T)" in bottom.get_ylabel()
    assert len(plot_pulse(spin).axes) == 2


def test_legends_stand_beside_the_curves(course):
    figure = plot_pulse(*course)
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.get_legend().get_window_extent()
        assert box.x0 >= axes.get_window_extent().x1
        assert box.x1 <= figure.bbox.x1


def test_moments_bear_the_names_of_their_parts():
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"up": [1, 2], "down": [3, 4]})
    pulse = ws.Pulse.gaussian(amplitude=1e7, frequency_thz=3.0, fwhm_ps=0.8)
    asked = ws.SpinPolarizability(omega_w=np.linspace(0.0, 0.05, 20), mu_f=0.06, parts=parts)
    spin = ws.pulsed_spin(ws.compute(model, [asked], mesh=ws.UniformMesh(n=4)), pulse)
    run = ws.neel_dynamics(
        ws.pulsed_field(spin, moment=3.0), exchange_field=5.0, anisotropy_field=0.3, after_ps=1.0
    )
    assert {"m_z up", "m_z down", "B_x down [T]"} <= set(tabulate_trajectory(run))


def test_table(course):
    spin, field = course
    table = tabulate_pulse(spin, field)
    assert np.array_equal(table["time [ps]"], spin.time_t)
    assert np.array_equal(table["ΔS_x B [μ_B/nm²]"], spin.total[1, 0, 0, :, 0])
    assert np.array_equal(table["B_z A [T]"], field.field_tqa[:, 0, 2])
    errors = table["error ΔS_x B [μ_B/nm²]"]
    assert errors == pytest.approx(spin.errors.sum(axis=0)[1, 0, 0, 0])
    with pytest.raises(PlotError, match="mu_index = 2"):
        plot_pulse(spin, mu_index=2)
