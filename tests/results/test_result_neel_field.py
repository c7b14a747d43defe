"""Effective fields: units by hand, the energy they are the slope of, symmetry, torque."""

import numpy as np
import pytest
from result_samples import polarizability
from scipy import constants

import w90spin as ws
from w90spin.errors import ResponseError

MU_B = 5.7883818060e-5  # eV/T
OMEGA = (0.02, 0.05)  # eV
AREA, THICKNESS = 16.0, 28.0  # Å², Å


def induced(upsilon_qsb, *, errors=0.0, direction="x", field=1e10, **provenance):
    """Induced spin of Υ⁽¹⁾ alone, one 3x3 tensor for each part; a field of 1 V/Å."""
    upsilon_qsb = np.asarray(upsilon_qsb, float)
    names = tuple("ABCDEF"[: len(upsilon_qsb)])
    zero = np.zeros((len(names), 3, 3))
    result = polarizability(
        [zero, upsilon_qsb[:, None].repeat(2, axis=1), np.zeros((len(names), 2, 3, 3))],
        errors=[errors] * 3,
        omega=OMEGA,
        parts=names,
        **{"measure_angstrom_d": AREA, "thickness": THICKNESS, **provenance},
    )
    return ws.induced_spin(result, field=field, direction=direction)


def staggered(value=1e-6):
    """xy = -yx on A, the opposite on B."""
    tensor = value * np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    return np.stack([tensor, -tensor])


def test_the_estimate_of_the_literature():
    """2e-3 μ_B/nm³ against 20.7 μ_B/nm³ with 1 eV is 1.67 T."""
    tensor = np.zeros((1, 3, 3))
    tensor[0, 1, 0] = 2e-3 / (1000 * 2.0 * OMEGA[0])  # with per Å³ = 1000/nm³ and ⟨σ⟩ = 2S
    neel = ws.neel_field(induced(tensor, dimension=3))
    assert neel.amplitude[0, 0, 0, 0, 1] == pytest.approx(1.67, abs=5e-3)
    assert neel.peak[0, 0, 0, 0] == pytest.approx(1.67, abs=5e-3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_field_is_the_slope_of_the_exchange_energy(dimension):
    """Energy of a cell J σ·m̂; B is minus its slope along the moment of the cell."""
    spin = induced(np.random.default_rng(1).normal(size=(2, 3, 3)), dimension=dimension)
    exchange, moment_q = 0.7, np.array([4.0, 2.5])
    neel = ws.neel_field(spin, exchange=exchange, moment=moment_q)
    sigma_qs = spin.total[:, 0, 0, 1].imag * AREA / 10.0**dimension  # of one cell
    for q in range(2):

        def energy(m_a, q=q):
            return exchange * sigma_qs[q] @ m_a / moment_q[q]  # m_a: moment in μ_B

        slope_a = [(energy(+h_a) - energy(-h_a)) / 2.0 for h_a in np.eye(3)]
        found_a = neel.total[q, 0, 0, 1].imag
        assert np.allclose(found_a, -np.array(slope_a) / MU_B, rtol=1e-8)


def test_moment_and_magnetisation_say_the_same():
    """A moment of 5 μ_B in 16 Å² times a layer of 14 Å is 22.3 μ_B/nm³."""
    spin = induced(staggered())
    by_moment = ws.neel_field(spin, moment=5.0)
    by_volume = ws.neel_field(spin, magnetization=5.0 / (AREA * 14.0 / 1000.0), thickness=14.0)
    assert np.allclose(by_moment.field, by_volume.field, rtol=1e-12)
    assert by_moment.magnetization_q == pytest.approx([5.0 / 0.16] * 2)
    # Without a height that of the whole slab counts: twice as many moments, half the field.
    whole = ws.neel_field(spin, magnetization=5.0 / (AREA * 14.0 / 1000.0))
    assert np.allclose(2.0 * whole.field, by_volume.field, rtol=1e-12)
    assert np.abs(whole.field).max() > 0.0


def test_staggered_and_uniform():
    neel = ws.neel_field(induced(staggered()), moment=5.0)
    assert np.abs(neel.uniform).max() == 0.0
    assert np.array_equal(neel.staggered, neel.field[:, 0])
    assert np.abs(neel.staggered[1, 0, 0, 0, 1]) > 0.0
    # A ferrimagnet: the smaller moment feels the larger field, and a uniform part is left.
    ferri = ws.neel_field(induced(staggered()), moment=[5.0, 2.5])
    assert np.allclose(ferri.field[:, 1], -2.0 * ferri.field[:, 0])
    assert np.allclose(ferri.uniform, -0.5 * ferri.field[:, 0])
    assert np.allclose(ferri.staggered, 1.5 * ferri.field[:, 0])


def test_four_sublattices_with_their_own_order():
    tensor = staggered()
    spin = induced(np.stack([tensor[0], tensor[0], tensor[1], tensor[1]]))
    alternating = ws.neel_field(spin, moment=5.0)
    assert np.abs(alternating.staggered).max() == 0.0
    pairs = ws.neel_field(spin, moment=5.0, signs=[1, 1, -1, -1])
    assert np.allclose(pairs.staggered, pairs.field[:, 0])
    assert np.abs(pairs.staggered).max() > 0.0


@pytest.mark.parametrize(("name", "sense"), [("circular+", 1.0), ("circular-", -1.0)])
def test_circular_fields_by_name(name, sense):
    spin = induced(staggered(), direction=name)
    assert np.allclose(spin.direction, np.array([1.0, sense * 1j, 0.0]) / 2**0.5)
    assert spin.field_direction == name
    quarter = np.real(np.exp(-0.5j * np.pi) * spin.direction)  # a quarter period later
    assert np.allclose(quarter, [0.0, sense / 2**0.5, 0.0])
    with pytest.raises(ResponseError, match=r"x, y, z, circular\+, circular-"):
        induced(staggered(), direction="circular")


def test_circular_light_makes_a_turning_field_of_constant_length():
    neel = ws.neel_field(induced(staggered(), direction=[1.0, 1j, 0.0]), moment=5.0)
    b_a = neel.total[0, 0, 0, 0]
    phases = np.exp(-1j * np.linspace(0.0, 2 * np.pi, 13))
    length_t = np.linalg.norm(np.real(phases[:, None] * b_a), axis=1)
    assert np.ptp(length_t) < 1e-12 * length_t[0]
    assert neel.peak[0, 0, 0, 0] == pytest.approx(length_t[0])
    assert np.cos(np.diff(neel.phase[0, 0, 0, 0, :2])) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("direction", [[1.0, 0.3, 0.0], [0.3, 1j, 0.2], [1.0, 0.5 + 0.5j, 0.0]])
def test_peaks_are_those_of_a_period(direction):
    spin = induced(np.random.default_rng(2).normal(size=(2, 3, 3)), direction=direction)
    turns = np.exp(-1j * np.linspace(0.0, 2 * np.pi, 20001))
    real_tqs = np.real(turns[:, None, None] * spin.total[:, 0, 0, 0])
    longest_q = np.linalg.norm(real_tqs, axis=-1).max(axis=0)
    assert spin.peak[:, 0, 0, 0] == pytest.approx(longest_q, rel=1e-6)
    wave_t = spin.amplitude[0, 0, 0, 0, 1] * np.cos(-np.angle(turns) - spin.phase[0, 0, 0, 0, 1])
    assert np.allclose(wave_t, real_tqs[:, 0, 1])


def test_errors_scale_with_the_field():
    neel = ws.neel_field(induced(staggered(), errors=1e-8), moment=5.0, exchange=-2.0)
    share = neel.errors[1, :, 0, 0, 0, 1] / np.abs(neel.field[1, :, 0, 0, 0, 1])
    assert share == pytest.approx([1e-2, 1e-2])
    assert np.allclose(neel.staggered_errors[1], neel.errors[1, 0])


def test_torque_efficiency():
    """Torque of a film per area J m̂ x σ by hand; the magnetisation drops out."""
    spin = induced(staggered(), field=1e7, errors=1e-8)
    torque = ws.torque_efficiency(ws.neel_field(spin, exchange=0.5, moment=5.0))
    other = ws.torque_efficiency(ws.neel_field(spin, exchange=0.5, moment=[1.0, 3.0]))
    assert torque.unit == "1/(Ω m)"
    assert np.allclose(torque.values, other.values, rtol=1e-12)
    sigma = spin.delta[1, 0, 0, 0, 0] * 1e18  # per m², on A along y
    per_area = np.cross([0, 0, 1.0], -0.5 * constants.e * sigma)  # J/m²
    expected = 2 * constants.e / constants.hbar * per_area / 1e7
    assert np.allclose(torque.values[1, 0, 0, 0, 0], expected, rtol=1e-8)
    # Opposite fields on opposite moments turn both the same way.
    assert np.allclose(torque.values[:, 1], torque.values[:, 0], rtol=1e-12)
    assert torque.errors[1, 0, 0, 0, 0, 0] == pytest.approx(1e-2 * abs(expected[0]), rel=1e-6)
    tilted = ws.torque_efficiency(ws.neel_field(spin, moment=5.0), [[0, 3.0, 0], [0, 0, -1]])
    assert np.abs(tilted.values[:, 0]).max() == 0.0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exchange": np.nan}, "exchange = nan eV"),
        ({"moment": 0.0}, "moment = 0.0 μ_B must be a positive number"),
        ({"moment": [1.0, 2.0, 3.0]}, "one for each of the parts A, B"),
        ({"magnetization": -1.0}, "magnetization = -1.0 μ_B/nm³"),
        ({"moment": 1.0, "magnetization": 1.0}, "give only one"),
        ({"thickness": 0.0}, "thickness = 0.0 Å"),
        ({"signs": [1, 1, -1]}, "1 or -1 for each of the parts A, B"),
        ({"signs": [1, 0.5]}, "1 or -1"),
    ],
)
def test_impossible_inputs_are_refused(options, words):
    with pytest.raises(ResponseError, match=words):
        ws.neel_field(induced(staggered()), **options)


def test_what_is_missing_is_told():
    with pytest.raises(ResponseError, match="give thickness, or moment"):
        ws.neel_field(induced(staggered(), thickness=None))
    with pytest.raises(ResponseError, match="size of its cell"):
        ws.neel_field(induced(staggered(), measure_angstrom_d=None), moment=5.0)
    neel = ws.neel_field(induced(staggered()))
    for moments in ("a", [[0, 0, 1.0]], [[0, 0, 0], [0, 0, 1.0]]):
        with pytest.raises(ResponseError, match="a vector for each of the parts"):
            ws.torque_efficiency(neel, moments)


def test_layers_of_an_antiferromagnet_with_pt():
    """From a run: PT makes the field of dE/dt staggered and that of E uniform."""
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    response = ws.SpinPolarizability(omega_w=[0.1], mu_f=0.0, parts=parts)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=8))
    neel = ws.neel_field(ws.induced_spin(result, field=1e7), moment=3.0)
    size = np.abs(neel.field).max(axis=(1, 2, 3, 4, 5))
    assert np.abs(neel.uniform[1]).max() < 1e-10 * size[1]
    assert np.abs(neel.staggered[0]).max() < 1e-10 * size[0]
    assert np.abs(neel.staggered[1]).max() == pytest.approx(size[1])
