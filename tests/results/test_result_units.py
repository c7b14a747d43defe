"""Units of experimenters, and responses at a relaxation time."""

import numpy as np
import pytest
from scipy import constants
from scipy.integrate import solve_ivp

import w90spin as ws
from w90spin.derive import at_relaxation_time, can_be_in, in_unit, quoted_units
from w90spin.errors import ResponseError
from w90spin.response.claims import Axis

XYZ = ("x", "y", "z")
VON_KLITZING = 25812.80745  # h/e² [Ω]


def tensor(unit, *names, value=1.0, name="sigma", symbol="σ"):
    axes = (Axis("part", ("total",)), *(Axis(axis, XYZ) for axis in names))
    values = np.full([len(axis.values) for axis in axes], value)
    return ws.Tensor(name, symbol, values, 0.1 * np.abs(values), axes, unit, "words")


CURRENT = ("flow", "field", "spin")


def test_a_chern_insulator_conducts_one_quantum():
    result = ws.compute(ws.toys.haldane(), [ws.AnomalousHall(mu_f=0.0)], mesh=ws.UniformMesh(n=24))
    in_quanta = in_unit(result["sigma"])
    assert in_quanta.unit == "e²/h"
    hall = in_quanta.values[0, 0, 0, 0, 0, 1]
    assert abs(hall) == pytest.approx(1.0, abs=1e-5)
    in_siemens = in_unit(result["sigma"], "S").values[0, 0, 0, 0, 0, 1]
    assert abs(in_siemens) == pytest.approx(1.0 / VON_KLITZING, rel=1e-5)


def test_a_spin_hall_insulator_conducts_one_quantum_of_spin():
    """Two Chern insulators of opposite spin ħ/2: e/2π, which is h/e² in (ħ/e) S."""
    model = ws.toys.kane_mele(rashba=0.0, m=0.0)
    result = ws.compute(model, [ws.SpinHall(mu_f=0.0)], mesh=ws.UniformMesh(n=48))
    at = (0, 0, 0, 0, 0, 1, 2)
    assert abs(in_unit(result["sigma"], "e/2pi").values[at]) == pytest.approx(1.0, abs=1e-4)
    sigma = in_unit(result["sigma"])
    assert sigma.unit == "(ħ/e) S"
    assert abs(sigma.values[at]) == pytest.approx(1.0 / VON_KLITZING, rel=1e-4)
    doubled = in_unit(result["sigma"], "(hbar/2e) S")
    assert doubled.values[at] == pytest.approx(2.0 * sigma.values[at])
    assert doubled.errors[at] == pytest.approx(2.0 * sigma.errors[at])


def test_conductivities_of_solids_are_per_centimetre():
    """1 e²/ħ per Å is 2π/(25812.8 Ω · 1e-8 cm)."""
    per_cm = 2.0 * np.pi / VON_KLITZING / 1e-8
    spin = in_unit(tensor("Å⁻¹ |e|", *CURRENT))
    assert (spin.unit, spin.values.flat[0]) == ("(ħ/e) S/cm", pytest.approx(per_cm, rel=1e-9))
    charge = in_unit(tensor("Å⁻¹ e²/ħ", "current", "field"), "S/cm")
    assert charge.values.flat[0] == pytest.approx(2.434135e4, rel=1e-6)
    assert charge.errors.flat[0] == pytest.approx(2.434135e3, rel=1e-6)


def test_a_slab_of_known_thickness_is_a_solid():
    sheet = tensor("|e|", *CURRENT)
    solid = in_unit(sheet, "(ħ/e) S/cm", thickness=5.0)
    assert solid.values.flat[0] == pytest.approx(2.434135e4 / 5.0, rel=1e-6)
    assert "slab of 5 Å" in solid.description
    with pytest.raises(ResponseError, match="thickness = 0"):
        in_unit(sheet, thickness=0.0)


def test_spin_densities_are_those_of_the_induced_spin():
    """The same numbers by the way of ``induced_spin`` for 1 V/m."""
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    result = ws.compute(
        model, [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0, parts=parts)],
        mesh=ws.UniformMesh(n=6),
    )  # fmt: skip
    density = in_unit(result["upsilon0"])
    assert density.unit == "μ_B/nm² per V/m"
    expected = ws.induced_spin(result, field=1.0, direction="y").delta[0, :, 0, 0, 0].real
    assert np.allclose(density.values[:, 0, 0, :, 1], expected, rtol=1e-12, atol=0.0)


def test_the_moment_of_electrons_is_opposite_to_their_spin():
    moment = in_unit(tensor("Å⁻² ħ", "spin", value=0.5))
    assert moment.unit == "μ_B/nm²"
    assert np.allclose(moment.values, -100.0)


def test_a_torque_is_no_spin_conductivity_of_one_dimension_more():
    assert quoted_units(tensor("Å⁻¹ |e|", "field", "spin")) == ()
    assert not can_be_in(tensor("Å⁻¹ |e|", "field", "spin"), "(ħ/e) S/cm")


@pytest.mark.parametrize(
    ("unit", "wanted", "words"),
    [
        ("|e|", "S/cm", r"can be had in \(ħ/e\) S, \(ħ/2e\) S, e/2π"),
        ("Å² |e|", None, "there is no other unit for it"),
    ],
)
def test_units_that_cannot_be_are_told_with_those_that_can(unit, wanted, words):
    with pytest.raises(ResponseError, match=words):
        in_unit(tensor(unit, *CURRENT), wanted)


TAU_S = 0.5e-12


def per_tau(unit="Å⁻¹", *names):
    return tensor(unit, *(names or ("spin", "field")), name="chi_tau", symbol="χ/τ", value=2.0)


def test_half_a_picosecond_in_the_code_s_unit():
    at = at_relaxation_time(per_tau(), TAU_S)
    assert at.values.flat[0] == pytest.approx(2.0 * 759.634, rel=1e-6)
    assert at.errors.flat[0] == pytest.approx(0.2 * 759.634, rel=1e-6)
    assert (at.name, at.symbol, at.unit) == ("chi", "χ", "Å⁻¹ eV⁻¹")
    assert at.axis_names == ("part", "omega", "spin", "field")


@pytest.mark.parametrize(
    ("unit", "after"),
    [("", "eV⁻¹"), ("eV |e|", "|e|"), ("Å⁻¹ eV |e|", "Å⁻¹ |e|"), ("Å eV⁻¹", "Å eV⁻²"),
     ("eV² |e|", "eV |e|")],
)  # fmt: skip
def test_units_lose_an_energy(unit, after):
    assert at_relaxation_time(per_tau(unit), TAU_S).unit == after


def test_spin_relaxing_in_an_oscillating_field_follows_the_formula():
    """dS/dt = (χ/τ) E cos ωt - S/τ, integrated in seconds until the beginning is forgotten."""
    omega = 2.0e12  # [rad/s]
    photon = constants.hbar * omega / constants.e
    chi = at_relaxation_time(per_tau(), TAU_S, [photon]).values.flat[0]
    rate = 2.0 * constants.e / constants.hbar  # per second from per ħ/eV
    times = 30.0 * TAU_S + np.linspace(0.0, 2.0 * np.pi / omega, 9)
    moved = solve_ivp(
        lambda t, s: rate * np.cos(omega * t) - s / TAU_S, (0.0, times[-1]), [0.0],
        t_eval=times, rtol=1e-9, atol=1e-9 * abs(chi), max_step=0.05 * TAU_S,
    )  # fmt: skip
    expected = np.real(chi * np.exp(-1j * omega * times))
    assert np.allclose(moved.y[0], expected, atol=1e-6 * abs(chi))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tau_s": -1.0}, "positive time in seconds"),
        ({"tau_s": np.inf}, "positive time"),
        ({"tau_s": 1e-13, "omega": -0.1}, "not below 0"),
        ({"tau_s": 1e-13, "omega": []}, "one photon energy"),
    ],
)
def test_times_and_energies_that_cannot_be(given, words):
    with pytest.raises(ResponseError, match=words):
        at_relaxation_time(per_tau(), **given)


def test_other_tensors_have_no_relaxation_time():
    with pytest.raises(ResponseError, match="not per relaxation time"):
        at_relaxation_time(tensor("|e|", *CURRENT), TAU_S)
