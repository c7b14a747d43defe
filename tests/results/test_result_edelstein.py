"""Spins of the Edelstein effect: relaxation in time, units by hand, PT."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import w90spin as ws
from w90spin.errors import ResponseError
from w90spin.plot import PlotError, plot_doping, tabulate_doping

TAU = 65.82119569  # fs, 100 ħ/eV
LEVELS = (0.9, 0.8)


@pytest.fixture(scope="module")
def metal():
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    common = {"mu_f": LEVELS, "kT": 0.05, "parts": parts}
    both = [ws.Edelstein(**common), ws.SpinPolarizability(omega_w=[0.01], **common)]
    return ws.compute(model, both, mesh=ws.UniformMesh(n=16))


def test_units_by_hand(metal):
    """1e7 V/m is 1e-3 V/Å, ⟨σ⟩ = 2S, 100 Å² in nm², τ = 100 ħ/eV."""
    spin = ws.edelstein_spin(metal, field=1e7, direction="x", tau_fs=TAU)
    expected = 2.0 * 100.0 * 100.0 * 1e-3 * metal["chi_tau"].values[..., 0]
    assert np.abs(expected).max() > 1e-4
    assert np.allclose(spin.delta[:, :, :, 0], expected, rtol=1e-8)
    assert np.allclose(spin.errors[:, :, :, 0], 20.0 * metal["chi_tau"].errors[..., 0], rtol=1e-8)
    half = ws.edelstein_spin(metal, field=1e7, direction="x")  # by default 100 fs
    assert np.allclose(half.delta * TAU, spin.delta * 100.0, rtol=1e-8)


def test_pt_makes_it_staggered_and_the_intrinsic_one_at_rest_uniform(metal):
    spin = ws.edelstein_spin(metal, field=1e7)
    size = np.abs(spin.delta).max()
    assert np.abs(spin.delta.sum(axis=0)).max() < 1e-10 * size
    static = ws.induced_spin(metal, field=1e7).delta[0]
    assert np.abs(static[0] - static[1]).max() < 1e-10 * np.abs(static).max()


def test_frequency_is_that_of_spins_that_relax(metal):
    """ds/dt = -s/τ + (χ/τ)E cos ωt, integrated until only the driven motion is left."""
    omega = 0.02  # eV, ωτ = 2
    steady, driven = (
        ws.edelstein_spin(metal, field=1e7, tau_fs=TAU, omega_w=w).delta[0, 0, 0, 0]
        for w in (0.0, omega)
    )
    tau, s = 100.0, int(np.argmax(np.abs(steady)))
    rate = steady[s].real / tau
    time_t = np.linspace(20 * tau, 20 * tau + 2 * np.pi / omega, 50)  # ħ/eV
    run = solve_ivp(
        lambda t, y: -y / tau + rate * np.cos(omega * t),
        (0.0, time_t[-1]), [0.0], t_eval=time_t, rtol=1e-10, atol=1e-16,
    )  # fmt: skip
    found_t = (driven[s] * np.exp(-1j * omega * time_t)).real
    assert np.abs(found_t - run.y[0]).max() < 1e-6 * np.abs(steady[s])
    assert abs(driven[s]) == pytest.approx(abs(steady[s]) / 5**0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tau_fs": 0.0}, "tau_fs = 0.0 fs"),
        ({"field": np.nan}, "field = nan V/m"),
        ({"omega_w": -0.1}, "omega_w = -0.1"),
        ({"direction": "up"}, "direction = 'up'"),
    ],
)
def test_impossible_inputs_are_refused(metal, options, words):
    with pytest.raises(ResponseError, match=words):
        ws.edelstein_spin(metal, **{"field": 1e7, **options})


def test_what_is_missing_is_told(metal):
    without = ws.Result({"spin_polarizability": metal.responses["spin_polarizability"]}, {})
    with pytest.raises(ResponseError, match="not edelstein"):
        ws.edelstein_spin(without, field=1e7)


def test_doping_is_drawn_by_ascending_level(metal):
    induced = ws.induced_spin(metal, field=1e7)
    spin = ws.edelstein_spin(metal, field=1e7)
    table = tabulate_doping(induced, spin, spin="y", reference=0.5)
    assert next(iter(table.items()))[0] == "Fermi level − 0.5 eV [eV]"
    assert next(iter(table.values())) == pytest.approx([0.3, 0.4])
    assert table["Edelstein S_y B [μ_B/nm²]"] == pytest.approx(spin.delta[1, 0, ::-1, 0, 1].real)
    expected = induced.delta[1, 0, 0, ::-1, 0, 1].imag
    assert table["Δ⁽¹⁾S_y/sin ωt A [μ_B/nm²]"] == pytest.approx(expected)
    figure = plot_doping(induced, spin, spin="y", reference=0.5)
    assert [len(axes.containers) for axes in figure.axes] == [2, 2]
    assert "τ = 100 fs" in figure.get_suptitle()
    with pytest.raises(PlotError, match="same Fermi levels, parts and field"):
        tabulate_doping(induced, ws.edelstein_spin(metal, field=2e7))
    with pytest.raises(PlotError, match="spin = 'w'"):
        tabulate_doping(induced, spin, spin="w")


def test_levels_where_no_band_is_are_zero():
    """Whole batches without a Fermi surface."""
    model = ws.toys.pt_antiferromagnet()
    asked = ws.Edelstein(mu_f=30.0, kT=0.001)
    result = ws.compute(model, [asked], mesh=ws.PeriodicMesh(rtol=1e-2, atol=1e-6))
    assert not result["chi_tau"].values.any()
