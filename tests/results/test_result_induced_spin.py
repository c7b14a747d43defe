"""Induced spin: units and signs by hand, directions, thickness, errors."""

import numpy as np
import pytest
from result_samples import polarizability

import w90spin as ws
from w90spin.errors import ResponseError

OMEGA = (0.0, 0.05, 0.2)  # eV
PER_NM2 = 100.0  # 1/Å² in 1/nm²
FIELD = 3e6  # V/m, that is 3e-4 V/Å


def one_component(order, value, **options):
    """Υ of one order with a single component zx, the same at all frequencies."""
    upsilon = [np.zeros((1, 3, 3)), np.zeros((1, 3, 3, 3)), np.zeros((1, 3, 3, 3))]
    upsilon[order][..., 2, 0] = value
    return polarizability(upsilon, omega=OMEGA, **options)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(("dimension", "per_nm"), [(1, 10.0), (2, 100.0), (3, 1000.0)])
def test_amplitudes_by_hand(order, dimension, per_nm):
    """⟨σ⟩ = 2⟨S⟩, and (d/dt)^i of E exp(-iωt) is (-iω)^i."""
    result = one_component(order, 7e-4, dimension=dimension)
    induced = ws.induced_spin(result, field=FIELD, direction="x")
    expected_w = [2.0 * (-1j * w) ** order * 7e-4 * 3e-4 * per_nm for w in OMEGA]
    assert induced.delta.shape == (3, 1, 1, 1, 3, 3)
    assert np.allclose(induced.delta[order, 0, 0, 0, :, 2], expected_w, rtol=1e-14)
    rest = induced.delta.copy()
    rest[order, ..., 2] = 0.0
    assert not rest.any()
    assert np.array_equal(induced.total, induced.delta.sum(axis=0))


def test_a_real_field_gives_the_derivatives_in_time():
    """Re[Δ exp(-iωt)] is Υ0 E cos ωt - Υ1 ω E sin ωt - Υ2 ω² E cos ωt, with Υ1 acting on dE/dt."""
    upsilon = [np.full((1, 3, 3), 0.3), np.full((1, 3, 3, 3), 0.7), np.full((1, 3, 3, 3), -0.2)]
    result = polarizability(upsilon, omega=OMEGA)
    induced = ws.induced_spin(result, field=1e10, direction="y")  # 1 V/Å
    omega = OMEGA[2]
    for t in (0.0, 1.3, 7.0):  # ħ/eV
        spin = (induced.total[0, 0, 0, 2, 0] * np.exp(-1j * omega * t)).real / (2.0 * PER_NM2)
        wave = (0.3 + 0.2 * omega**2) * np.cos(omega * t) - 0.7 * omega * np.sin(omega * t)
        assert spin == pytest.approx(wave, rel=1e-12)


def test_the_number_of_the_bismuth_monolayer():
    """1.1651e-3 Å⁻¹/eV² at 50 THz and 1e7 V/m: 4.8e-5 μ_B/nm²."""
    omega = 50 * 4.135667696e-3
    upsilon1 = np.zeros((1, 1, 3, 3))
    upsilon1[..., 2, 0] = 1.1651e-3
    result = polarizability(
        [np.zeros((1, 3, 3)), upsilon1, 0 * upsilon1], omega=(omega,), thickness=8.607
    )
    induced = ws.induced_spin(result, field=1e7)
    assert abs(induced.delta[1, 0, 0, 0, 0, 2]) == pytest.approx(4.8e-5, rel=0.01)
    assert abs(induced.delta_volume[1, 0, 0, 0, 0, 2]) == pytest.approx(5.6e-5, rel=0.01)
    assert induced.frequency_thz[0] == pytest.approx(50.0, rel=1e-9)


def numbered():
    """Υ0 with components 11, 12, ... by spin and field."""
    upsilon0 = np.array([[10 * s + b for b in (1, 2, 3)] for s in (1, 2, 3)], float)[None]
    zero = np.zeros((1, 3, 3, 3))
    return polarizability([upsilon0, zero, zero], omega=OMEGA), upsilon0[0]


@pytest.mark.parametrize(
    ("direction", "unit", "words"),
    [
        ("x", [1, 0, 0], "x"),
        ("z", [0, 0, 1], "z"),
        ([0.0, 5.0, 0.0], [0, 1, 0], "y"),
        ([3.0, 0.0, -4.0], [0.6, 0, -0.8], None),
        ((1.0, 1.0, 1.0), np.full(3, 3**-0.5), None),
        ([1.0, 1j, 0.0], np.array([1, 1j, 0]) / 2**0.5, "circular+"),
        ([1.0, -1j, 0.0], np.array([1, -1j, 0]) / 2**0.5, "circular-"),
        ([1.0, 0.5j, 0.0], np.array([1, 0.5j, 0]) / 1.25**0.5, None),
    ],
)
def test_directions_are_normalised(direction, unit, words):
    result, upsilon0_sb = numbered()
    induced = ws.induced_spin(result, field=FIELD, direction=direction)
    expected_s = 2.0 * PER_NM2 * 3e-4 * upsilon0_sb @ np.array(unit)
    assert np.allclose(induced.delta[0, 0, 0, 0], expected_s, rtol=1e-13)
    assert np.allclose(induced.direction, unit)
    assert np.linalg.norm(induced.direction) == pytest.approx(1.0)
    if words is not None:
        assert induced.field_direction == words
    else:
        assert induced.field_direction.startswith("(")


def test_circular_polarisations_of_opposite_handedness_are_conjugate():
    result, _ = numbered()
    left = ws.induced_spin(result, field=FIELD, direction=[1.0, 1j, 0.0])
    right = ws.induced_spin(result, field=FIELD, direction=[1.0, -1j, 0.0])
    assert np.allclose(left.delta[0], right.delta[0].conj(), rtol=1e-14)
    assert np.abs(left.delta[0].imag).max() > 0.0


def test_errors_are_those_of_the_tensor():
    result = one_component(1, 7e-4, dimension=2)
    for order, error in enumerate((0.5, 0.25, 1.0)):
        result[f"upsilon{order}"].errors[...] = error
    induced = ws.induced_spin(result, field=FIELD, direction=[1.0, 1.0, 0.0])
    for order, error in enumerate((0.5, 0.25, 1.0)):
        for w, omega in enumerate(OMEGA):
            expected = 2.0 * PER_NM2 * 3e-4 * omega**order * error * 2 / 2**0.5
            assert np.allclose(induced.errors[order, 0, 0, 0, w], expected, rtol=1e-13)


def test_thickness_from_the_result_and_from_the_user():
    result = one_component(0, 1.0, thickness=8.0)
    area = 2.0 * PER_NM2 * 3e-4
    assert ws.induced_spin(result, field=FIELD).delta_volume[0, 0, 0, 0, 0, 2] == pytest.approx(
        area / 0.8
    )
    other = ws.induced_spin(result, field=FIELD, thickness=4.0)
    assert other.delta_volume[0, 0, 0, 0, 0, 2] == pytest.approx(area / 0.4)
    assert other.thickness == 4.0
    assert np.allclose(other.errors_volume, other.errors / 0.4)
    assert ws.induced_spin(one_component(0, 1.0), field=FIELD).delta_volume is None


@pytest.mark.parametrize("dimension", [1, 3])
def test_thickness_is_for_slabs(dimension):
    induced = ws.induced_spin(one_component(0, 1.0, dimension=dimension), field=FIELD)
    if dimension == 3:
        assert np.array_equal(induced.delta_volume, induced.delta)
    else:
        assert induced.delta_volume is None


@pytest.mark.parametrize("field", [0.0, -1.0, np.nan, np.inf])
def test_impossible_fields_are_refused(field):
    with pytest.raises(ResponseError, match=r"field = .* V/m must be a positive number"):
        ws.induced_spin(one_component(0, 1.0), field=field)


@pytest.mark.parametrize(
    "direction", ["a", "", "xy", [0.0, 0.0, 0.0], [1.0, 0.0], [np.nan, 0.0, 1.0], [[1.0, 0, 0]]]
)
def test_impossible_directions_are_refused(direction):
    with pytest.raises(
        ResponseError, match=r"direction = .* must be x, y, z, circular.*three numbers"
    ):
        ws.induced_spin(one_component(0, 1.0), field=1.0, direction=direction)


@pytest.mark.parametrize("thickness", [0.0, -2.0, np.nan, np.inf])
def test_impossible_thicknesses_are_refused(thickness):
    with pytest.raises(ResponseError, match=r"thickness = .* positive"):
        ws.induced_spin(one_component(0, 1.0), field=1.0, thickness=thickness)


def test_other_results_have_no_induced_spin():
    with pytest.raises(ResponseError, match="not spin_polarizability"):
        ws.induced_spin(ws.Result(responses={}, provenance={}), field=1.0)


def test_parts_and_axes_come_along():
    upsilon = np.zeros((2, 3, 3, 3))
    upsilon[0, ..., 2, 0], upsilon[1, ..., 2, 0] = 1.0, -3.0
    result = polarizability(
        [np.zeros((2, 3, 3)), upsilon, 0 * upsilon], omega=OMEGA, parts=("A", "B")
    )
    induced = ws.induced_spin(result, field=FIELD)
    assert induced.parts == ("A", "B")
    assert induced.mu_f.tolist() == [1.5]
    assert induced.kT_t.tolist() == [0.0]
    assert induced.omega_w.tolist() == list(OMEGA)
    assert np.allclose(induced.delta[1, 1], -3.0 * induced.delta[1, 0])


def test_agrees_with_chi_of_a_run():
    """The three orders add up to χE, the response to a complex field."""
    model = ws.toys.tt_antiferromagnet()
    response = ws.SpinPolarizability(omega_w=[0.0, 0.1, 0.4], mu_f=0.1, eta=0.05, kT=0.02)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=6, shift=(0.5, 0.5, 0.0)))
    direction = np.array([0.6, 0.8j, 0.0])
    induced = ws.induced_spin(result, field=1e10, direction=direction)
    expected = 2.0 * PER_NM2 * result["chi"].values @ direction
    assert np.abs(expected).max() > 0.0
    assert np.abs(induced.total - expected).max() < 1e-12 * np.abs(expected).max()
