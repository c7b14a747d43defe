"""Pictures of spins with their signs."""

import matplotlib as mpl
import numpy as np
import pytest

import w90spin as ws
from w90spin.derive import InducedSpin
from w90spin.plot import (
    PlotError,
    plot_signed_spin,
    plot_spin_by_angle,
    tabulate_signed_spin,
    tabulate_spin_by_angle,
)

mpl.use("Agg")
OMEGA = np.array([0.05, 0.02])  # eV, not in order


def across(direction):
    """Spin -ẑ x Ê times 2 (A) and its opposite (B), in quadrature and growing with ω."""
    unit = np.asarray(direction, complex) / np.linalg.norm(direction)
    delta = np.zeros((3, 2, 1, 1, 2, 3), complex)
    spin_s = np.array([unit[1], -unit[0], 0.0])
    for w, omega in enumerate(OMEGA):
        delta[1, 0, 0, 0, w] = 1j * 100 * omega * spin_s
    delta[1, 1] = -delta[1, 0]
    delta[0, ..., 2] = 0.3
    return InducedSpin(
        delta=delta,
        errors=np.full(delta.shape, 0.01),
        omega_w=OMEGA,
        kT_t=np.zeros(1),
        mu_f=np.array([3.1]),
        parts=("A", "B"),
        dimension=2,
        thickness=28.5,
        field=1e7,
        direction=unit,
    )


def test_layers_have_opposite_signs():
    axes = plot_signed_spin(across([1, 0, 0]), spin="y", edge=0.0989)
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert np.allclose(lines["A"].get_ydata(), [-2.0, -5.0])
    assert np.allclose(lines["B"].get_ydata(), [2.0, 5.0])
    assert axes.get_xlim()[1] > ws.thz_from_ev(0.0989)
    low, high = axes.get_ylim()
    assert low < -5.0 < 5.0 < high
    assert "sin" in axes.get_ylabel()
    table = tabulate_signed_spin(across([1, 0, 0]), order=0, spin="z")
    assert table["Δ⁽⁰⁾S_z/cos ωt A [μ_B/nm²]"].tolist() == [0.3, 0.3]
    assert table["error B [μ_B/nm²]"].tolist() == [0.01, 0.01]


def test_unknown_orders_and_axes_are_refused():
    for options in ({"order": 3}, {"spin": "w"}):
        with pytest.raises(PlotError, match="must be of 0, 1, 2 and x, y, z"):
            plot_signed_spin(across([1, 0, 0]), **options)


def test_arrows_stand_across_the_field():
    angles = np.radians([0.0, 30.0, 90.0, 200.0])
    fields = [across([np.cos(a), np.sin(a), 0.0]) for a in angles]
    table = tabulate_spin_by_angle(fields, omega_index=0)
    assert np.allclose(table["angle of the field [°]"], [0, 30, 90, 200])
    off = np.radians(np.array(table["angle of the spin A [°]"]) - [270, 300, 0, 110])
    assert np.allclose(np.cos(off), 1.0)
    turned = np.array(table["angle of the spin B [°]"]) - table["angle of the spin A [°]"]
    assert np.allclose(np.mod(turned, 360.0), 180.0)
    axes = plot_spin_by_angle(fields, omega_index=0, parts=["A"])
    (arrows,) = [c for c in axes.collections if hasattr(c, "U")]
    along = arrows.U * np.cos(angles) + arrows.V * np.sin(angles)
    assert np.abs(along).max() < 1e-12
    assert np.allclose(np.hypot(arrows.U, arrows.V), 0.22)


@pytest.mark.parametrize("direction", [[0, 0, 1.0], [1.0, 1j, 0.0]])
def test_fields_without_an_angle_are_refused(direction):
    with pytest.raises(PlotError, match="real and lie in the xy plane"):
        tabulate_spin_by_angle([across(direction)])
    with pytest.raises(PlotError, match="no field"):
        plot_spin_by_angle([])
