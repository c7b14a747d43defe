"""Integrals over regions of k against closed forms and reference numbers."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import STEADY
from scipy.constants import e as ELEMENTARY_CHARGE
from scipy.constants import hbar as HBAR

import w90spin as ws
from w90spin.errors import (
    IntegrationError,
    JobError,
    MissingOperatorError,
    NotInsulatorError,
    ResonanceError,
)
from w90spin.integrate.driver import integrate
from w90spin.kspace.continuum import KRegion, operators_of
from w90spin.kspace.rays import FittedRegion, fitted
from w90spin.model import toys
from w90spin.model.continuum import ContinuumModel
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.parallel import Comm
from w90spin.response import AnomalousHall, Edelstein, SpinHall, SpinMoment
from w90spin.response.claims import Axis, Claims, EnergyScales, PublishedTensor, TensorClaim
from w90spin.units import HBAR2_OVER_2M

RULES = {"tree": ws.AdaptiveTree, "iterated": ws.Iterated}
E_8PI = 1.0 / (8.0 * math.pi)
SHC_3D = 2.434135e4 * 200.0  # |e|/Å to (ħ/2e)/(Ω m)


# ---- volumes and numbers of electrons --------------------------------------------------------


@dataclass(frozen=True)
class Density:
    """Number of electrons, or of all states."""

    mu: float
    kT: float = 0.0
    axes: tuple = (Axis("part", ("total",)), Axis("x", (0.0,)), Axis("y", (0.0,)))
    parts: None = None
    insulator: bool = False
    needs: ClassVar = {"": frozenset()}
    claims: Claims = field(init=False)

    def __post_init__(self):
        raw = (TensorClaim("density", self.axes, +1, ("polar", "polar")),)
        published = (PublishedTensor("density", "n", self.axes, "", 0, "density"),)
        claims = Claims("density", "Density", frozenset(), raw, published, "")
        object.__setattr__(self, "claims", claims)

    @property
    def levels(self):
        return [self.mu]

    @property
    def scales(self):
        return EnergyScales(self.kT, 0.0, 0.0)

    def __call__(self, states):
        if self.kT == 0.0:
            filled_kn = (states.energy_kn < self.mu).astype(float)
        else:
            filled_kn = 0.5 - 0.5 * np.tanh((states.energy_kn - self.mu) / (2 * self.kT))
        return {"density": filled_kn.sum(axis=1)[:, None, None, None]}

    def magnitude(self, states):
        return {"density": np.abs(self(states)["density"])[..., 0, 0]}

    def occupied_bands(self, states):
        return None

    def publish(self, raw):
        return dict(raw)


def density(model, mu, rule, kT=0.0):
    """Number of electrons per Å^d, and the error that is given for it."""
    found = integrate(operators_of(model), [Density(mu, kT)], rule, comm=Comm())
    return found.values[0]["density"].item(), found.errors[0]["density"].item()


VOLUMES = [
    (1, 0.7, 1.4),
    (2, 0.7, math.pi * 0.49),
    (3, 0.7, 4 * math.pi / 3 * 0.343),
    (1, (0.3,), 0.6),
    (2, (0.3, 0.5), 0.6),
    (3, (0.3, 0.5, 0.2), 0.24),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("dimension", "cutoff", "volume"), VOLUMES)
def test_volume_of_every_region(dimension, cutoff, volume, rule):
    """All states of two bands: twice the volume over (2π)^d."""
    model = toys.electron_gas_kp(dimension=dimension, cutoff=cutoff)
    found, _ = density(model, 1e6, RULES[rule](rtol=1e-9))
    assert found == pytest.approx(2 * volume / (2 * math.pi) ** dimension, rel=1e-8)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("cutoff", "mu"), [(math.inf, 0.37), (2.0, 0.37), (math.inf, 4e4)])
def test_electrons_below_a_fermi_level(dimension, cutoff, mu, rule):
    """T = 0: the Fermi ball, k_F² = 2mμ/ħ², with and without a cutoff outside it; also where k_F
    is hundreds of times the scale of the model."""
    model = toys.electron_gas_kp(mass=0.6, dimension=dimension, cutoff=cutoff)
    k_f = math.sqrt(mu * 0.6 / HBAR2_OVER_2M)
    ball = {1: 2 * k_f, 2: math.pi * k_f**2, 3: 4 * math.pi / 3 * k_f**3}[dimension]
    found, error = density(model, mu, RULES[rule](rtol=1e-7))
    assert found == pytest.approx(2 * ball / (2 * math.pi) ** dimension, rel=1e-7)
    assert error < 1e-6 * found


def test_electrons_at_a_temperature():
    """n = (m/πħ²) kT ln(1 + exp(μ/kT)) in two dimensions; narrow or wide, the same rule."""
    model = toys.electron_gas_kp(mass=0.6)
    for kT in (1e-4, 0.003, 0.1):
        expected = 0.6 / (2 * math.pi * HBAR2_OVER_2M) * kT * np.logaddexp(0.0, 0.2 / kT)
        found, error = density(model, 0.2, ws.Iterated(rtol=1e-7), kT)
        assert abs(found - expected) <= max(error, 1e-12 * expected)
        assert error < 1e-6 * expected


def test_a_warped_surface_in_three_dimensions():
    """Ellipsoid with three masses: volume of the ball times the root of their product."""
    masses, mu = (0.3, 0.7, 2.0), 0.25
    axes = ((2, 0, 0), (0, 2, 0), (0, 0, 2))
    terms = {power: [[HBAR2_OVER_2M / mass]] for power, mass in zip(axes, masses, strict=True)}
    model = ContinuumModel.from_polynomial(terms, dimension=3)
    k_f = math.sqrt(mu / HBAR2_OVER_2M)
    ball = 4 * math.pi / 3 * k_f**3 * math.sqrt(math.prod(masses))
    found, error = density(model, mu, ws.Iterated(rtol=1e-6))
    assert found == pytest.approx(ball / (2 * math.pi) ** 3, rel=1e-6)
    assert abs(found - ball / (2 * math.pi) ** 3) <= error


# ---- gapped Dirac surface --------------------------------------------------------------------

ZETA = np.array([0.05, 0.3, 0.6, 0.9, 0.99])


def dirac_forms(v, zeta):
    """S0, D1S and D2S of the whole plane per unit field."""
    s0 = -1.0 / (8 * math.pi * v)
    d1 = s0 * ((1 + zeta**-2) / 2 * np.arctanh(zeta) - 1 / (2 * zeta))
    return s0, d1, s0 * (np.arctanh(zeta) / zeta - 1)


@pytest.mark.parametrize("rule", [None, ws.AdaptiveTree(rtol=1e-7), ws.Iterated(rtol=1e-7)])
def test_dirac_surface_without_cutoff(rule):
    v, mass = 3.291, 0.15
    w = 2 * mass * ZETA
    response = ws.SpinPolarizability(omega_w=w, mu_f=0.0, insulator=True)
    result = ws.compute(toys.dirac_kp(v=v, mass=mass), [response], mesh=rule)
    s0, d1, d2 = dirac_forms(v, ZETA)
    values = {name: result[name].values[0, 0, 0] for name in ("upsilon0", "upsilon1", "upsilon2")}
    rtol = 1e-5 if rule is None else 1e-7
    np.testing.assert_allclose(values["upsilon0"][0, 0], s0, rtol=rtol)
    np.testing.assert_allclose(-w * values["upsilon1"][:, 1, 0], d1, rtol=rtol)
    np.testing.assert_allclose(-(w**2) * values["upsilon2"][:, 0, 0], d2, rtol=rtol)
    # What falls off like 1/k² only cancels between k and -k.
    assert np.abs(values["upsilon0"][2]).max() < 1e-12 * abs(s0)
    assert result.provenance["converged"]
    assert result.provenance["region"] == "all k"


def test_dirac_surface_with_units():
    """Numbers in SI of the surface with v = 5e5 m/s in 1e4 V/m."""
    v = 5e5 * HBAR / ELEMENTARY_CHARGE * 1e10
    response = ws.SpinPolarizability(omega_w=0.15, mu_f=0.0)
    result = ws.compute(toys.dirac_kp(v=v, mass=0.15), [response])
    per_m2 = 1e20 * 1e-6
    assert result["upsilon0"].values[0, 0, 0, 0, 0] * per_m2 == pytest.approx(-1.2090e12, rel=5e-5)
    d1 = -0.15 * result["upsilon1"].values[0, 0, 0, 0, 1, 0] * per_m2
    assert d1 == pytest.approx(-4.5128e11, rel=5e-5)
    induced = ws.induced_spin(result, field=1e4, direction="x")
    assert abs(induced.delta[0, 0, 0, 0, 0, 0]) == pytest.approx(2.418e-6, rel=5e-4)
    assert induced.measure is None
    assert result["upsilon0"].unit == "Å⁻¹ eV⁻¹"


@given(
    v=st.floats(0.5, 5.0),
    mass=st.floats(0.02, 0.5),
    sign=st.sampled_from([-1.0, 1.0]),
    cutoff=st.floats(0.2, 5.0),
)
@STEADY
def test_dirac_surface_with_a_cutoff(v, mass, sign, cutoff):
    """Υ0_xx = S0 sgn(Δ) [1 - |Δ|/(v²K² + Δ²)^½], K in units of |Δ|/v."""
    radius = cutoff * mass / v
    model = toys.dirac_kp(v=v, mass=sign * mass, cutoff=radius)
    result = ws.compute(
        model, [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)], mesh=ws.AdaptiveTree(rtol=1e-7)
    )
    expected = -sign / (8 * math.pi * v) * (1 - 1 / math.hypot(cutoff, 1.0))
    assert result["upsilon0"].values[0, 0, 0, 0, 0] == pytest.approx(expected, rel=1e-6)


def test_a_box_is_a_box():
    """One quadrant by symmetry: the disc integral over a square, by Gauss in both directions."""
    v, mass, half = 2.0, 0.1, 0.2
    node, weight = np.polynomial.legendre.leggauss(200)
    k, measure = half * node, half * weight / (2 * math.pi)
    eps = np.sqrt(v**2 * (k[:, None] ** 2 + k**2) + mass**2)
    expected = -v * mass / 4 * np.einsum("i,j,ij->", measure, measure, eps**-3)
    model = toys.dirac_kp(v=v, mass=mass, cutoff=(half, half))
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    for rule in RULES.values():
        result = ws.compute(model, [response], mesh=rule(rtol=1e-8))
        assert result["upsilon0"].values[0, 0, 0, 1, 1] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("mu", [0.0, 0.1, -0.3, 0.7])
def test_anomalous_hall_effect_of_a_dirac_surface(mu):
    """∓e²/2h in the gap; times Δ/|μ| where the Fermi level crosses a band."""
    result = ws.compute(toys.dirac_kp(v=3.0, mass=0.15), [AnomalousHall(mu_f=mu)])
    sigma_ab = result.responses["anomalous_hall"]["sigma"].values[0, 0, 0, 0].real
    size = 1 / (4 * math.pi) * 0.15 / max(0.15, abs(mu))
    assert abs(sigma_ab[0, 1]) == pytest.approx(size, rel=1e-4)
    assert sigma_ab[1, 0] == pytest.approx(-sigma_ab[0, 1], rel=1e-9)


# ---- Rashba and Dresselhaus ------------------------------------------------------------------


def spin_hall(model, mu, rule=None):
    result = ws.compute(model, [SpinHall(mu_f=mu)], mesh=rule)
    tensor = result.responses["spin_hall"]["sigma"]
    return tensor.values[0, 0, 0, 0].real, tensor.errors[0, 0, 0, 0], result


@given(mu=st.floats(0.001, 1.0), mass=st.floats(0.05, 1.0), alpha=st.floats(-1.0, 1.0))
@STEADY
def test_spin_hall_effect_of_rashba_electrons(mu, mass, alpha):
    """e/8π whatever mass, coupling and Fermi level, at T = 0 and both bands occupied."""
    alpha = math.copysign(max(abs(alpha), 0.05), alpha)
    sigma, error, _ = spin_hall(toys.rashba_kp(mass=mass, alpha=alpha), mu)
    assert sigma[1, 0, 2] == pytest.approx(E_8PI, rel=1e-4)
    assert sigma[0, 1, 2] == pytest.approx(-E_8PI, rel=1e-4)
    assert abs(sigma[1, 0, 2] - E_8PI) <= error[1, 0, 2] + 1e-6 * E_8PI


@pytest.mark.parametrize("rule", RULES)
def test_few_points_are_enough_for_a_step(rule):
    """Accuracy at T = 0 is not bought with points: steps lie on edges of cells."""
    for mu in np.random.default_rng(1).uniform(0.02, 0.5, size=12):
        sigma, error, result = spin_hall(toys.rashba_kp(), mu, RULES[rule](rtol=1e-4))
        assert sigma[1, 0, 2] == pytest.approx(E_8PI, rel=1e-7)
        assert error[1, 0, 2] < 1e-4 * E_8PI
        assert result.provenance["diagonalisations"] < 10_000


def test_spin_hall_effect_of_dresselhaus_electrons():
    """The other sign; none where both couplings are as large."""
    sigma, _, _ = spin_hall(toys.rashba_kp(alpha=0.0, beta=0.4), 0.3)
    assert sigma[1, 0, 2] == pytest.approx(-E_8PI, rel=1e-4)
    for alpha, beta, sign in ((0.5, 0.2, 1), (0.2, 0.5, -1)):
        sigma, _, _ = spin_hall(toys.rashba_kp(alpha=alpha, beta=beta), 0.4)
        assert sigma[1, 0, 2] == pytest.approx(sign * E_8PI, rel=1e-4)
    linear, _, _ = spin_hall(toys.dresselhaus_kp(gamma=2.0, kz2=0.5), 0.03)
    assert linear[1, 0, 2] == pytest.approx(-E_8PI, rel=2e-2)


@pytest.mark.parametrize("kT", [1e-4, 3e-3])
def test_edelstein_effect_of_rashba_electrons(kT):
    mass, alpha = 0.5, 0.5
    model = toys.rashba_kp(mass=mass, alpha=alpha)
    result = ws.compute(model, [Edelstein(mu_f=0.3, kT=kT)])
    chi = result.responses["edelstein"]["chi_tau"].values[0, 0, 0]
    n0 = mass / (4 * math.pi * HBAR2_OVER_2M)
    assert chi[1, 0] == pytest.approx(-alpha * n0 / 2, rel=1e-4)
    assert chi[0, 1] == pytest.approx(alpha * n0 / 2, rel=1e-4)
    assert result.provenance["converged"]


def test_a_conserved_spin_has_no_interband_response():
    model = toys.electron_gas_kp(exchange=(0.0, 0.0, 0.1))
    response = ws.SpinPolarizability(omega_w=0.05, mu_f=0.1, eta=0.01)
    result = ws.compute(model, [response, SpinHall(mu_f=0.1)])
    for tensor in (result["upsilon1"], result.responses["spin_hall"]["sigma"]):
        assert np.abs(tensor.values).max() < 1e-14
    moment = ws.compute(model, [SpinMoment(mu_f=0.2)]).responses["spin_moment"]
    # Bands start at ±0.1: (n↑ - n↓)/2 with n = (μ - edge) m/2πħ² = (μ - edge)/(4π ħ²/2m).
    tensor = next(iter(moment.tensors.values()))
    expected = 0.5 * (0.1 - 0.3) / (4 * math.pi * HBAR2_OVER_2M)
    assert abs(tensor.values[0, 0, 0, 2]) == pytest.approx(abs(expected), rel=1e-6)


def test_lattice_and_continuum_tell_the_same():
    """DASP of the gapped surface on a fine lattice: doublers far away in energy are gapped too."""
    kp = toys.dirac_kp(v=2.0, mass=0.3, cutoff=math.inf)
    regular = ContinuumModel.from_polynomial(
        {
            (0, 0, 0): 0.3 * np.diag([1, -1]),
            (1, 0, 0): [[0, 2j], [-2j, 0]],
            (0, 1, 0): [[0, 2], [2, 0]],
            (2, 0, 0): 5.0 * np.diag([1, -1]),
            (0, 2, 0): 5.0 * np.diag([1, -1]),
        },
        dimension=2,
        spin=kp.spin_sij,
    )
    response = ws.SpinPolarizability(omega_w=0.2, mu_f=0.0)
    exact = ws.compute(regular, [response], mesh=ws.AdaptiveTree(rtol=1e-7))["upsilon0"].values
    errors = []
    for a in (0.8, 0.4):
        found = ws.compute(regular.lattice(a), [response], mesh=ws.PeriodicMesh(rtol=1e-6))
        errors.append(abs(found["upsilon0"].values[0, 0, 0, 0, 0] / exact[0, 0, 0, 0, 0] - 1))
    assert errors[1] < 0.05
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.25)


# ---- reference numbers of the hole gas and of Bi2Se3 -----------------------------------------

PRINTED_GE = (13.38, 5.24, 4.69)


@pytest.mark.parametrize(
    ("material", "gate", "mu", "expected", "rtol"),
    [
        ("GaAs", 1e6, 2e-3, 3.295, 2e-3),
        ("GaAs", 1e6, 15e-3, 12.354, 2e-3),
        ("GaAs", 2e6, 20e-3, 12.525, 2e-3),
        ("InAs", 1e6, 40e-3, 13.603, 5e-4),
        ("InSb", 1e6, 60e-3, 15.021, 5e-5),
        ("InSb", 5e6, 60e-3, 11.514, 1e-3),
        ("Ge", 0.5e6, 20e-3, 13.376, 5e-5),
        ("Ge", 2e6, 20e-3, 11.246, 5e-5),
        ("Ge", 12e6, 20e-3, 9.828, 5e-5),
    ],
)
def test_conventional_spin_hall_effect_of_holes(material, gate, mu, expected, rtol):
    """In e/8π, carriers of charge -e to hole energies, exchange 1 meV, σ = 2J.

    Reference numbers of an independent code, which took γ2 and γ3 of Ge as the paper prints them.
    """
    gammas = PRINTED_GE if material == "Ge" else None
    options = {"material": material, "gate": gate, "exchange": 1e-3, "gammas": gammas}
    model = toys.hole_gas_kp(**options, hole_energies=True)
    sigma, _, _ = spin_hall(model, mu, ws.Iterated(rtol=1e-5))
    assert sigma[1, 0, 2] / E_8PI == pytest.approx(expected, rel=rtol)
    # The electrons' own picture: upside down, and the other sign.
    electrons, _, _ = spin_hall(toys.hole_gas_kp(**options), -mu, ws.Iterated(rtol=1e-5))
    assert electrons[1, 0, 2] == pytest.approx(-sigma[1, 0, 2], rel=1e-4)


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [(0.1, -347), (0.2, -2327), (0.3, -3944), (0.5, -5580), (1.0, -6906), (math.inf, -8259)],
)
def test_conventional_spin_hall_effect_of_bi2se3(cutoff, expected):
    """σ_zx^y in (ħ/2e)/(Ω m), valence bands filled: it depends on the cutoff."""
    sigma, _, _ = spin_hall(toys.bi2se3_kp(cutoff=cutoff), 0.0)
    assert sigma[2, 0, 1] * SHC_3D == pytest.approx(expected, abs=0.6)


# ---- what is refused, and told ---------------------------------------------------------------


@pytest.mark.parametrize("rule", [ws.PeriodicMesh(), ws.UniformMesh(n=12)])
def test_meshes_are_for_zones(rule):
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    with pytest.raises(IntegrationError, match=r"is for zones that repeat; .* over all k\. Take"):
        ws.compute(toys.dirac_kp(), [response], mesh=rule)


def test_groups_are_for_crystals():
    one = SymmetryOperation(np.eye(3, dtype=int), np.zeros(3), False, np.eye(3))
    with pytest.raises(IntegrationError, match="continuum without atoms"):
        ws.compute(
            toys.dirac_kp(),
            [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)],
            symmetry=MagneticGroup([one]),
        )


def test_an_integral_that_diverges():
    """The spin of a filled sea grows with the cutoff."""
    with pytest.raises(IntegrationError, match="does not converge: the integrand falls off too"):
        ws.compute(toys.dirac_kp(), [SpinMoment(mu_f=0.0)], mesh=ws.AdaptiveTree(rtol=1e-6))
    result = ws.compute(toys.dirac_kp(v=3.0, mass=0.15, cutoff=0.4), [SpinMoment(mu_f=0.0)])
    assert result.provenance["region"] == "|k| < 0.4 1/Å"
    # ∫ -(Δ/2ε) d²k/(2π)² = -(Δ/4πv²) [(v²K² + Δ²)^½ - Δ], S = σ/2
    expected = 0.15 / (4 * math.pi * 9.0) * (math.hypot(1.2, 0.15) - 0.15)
    moment = next(iter(result.responses["spin_moment"].tensors.values())).values[0, 0, 0]
    assert abs(moment[2]) == pytest.approx(expected, rel=1e-4)


def test_promises_and_resonances_are_kept_an_eye_on():
    model = toys.dirac_kp(v=3.0, mass=0.15)
    with pytest.raises(NotInsulatorError, match=r"mu = 0.2 eV crosses a band"):
        ws.compute(model, [ws.SpinPolarizability(omega_w=0.0, mu_f=0.2, insulator=True)])
    with pytest.raises(ResonanceError, match=r"gap .* is 0.3 eV at k = \(0.00000, 0.00000"):
        ws.compute(model, [ws.SpinPolarizability(omega_w=0.31, mu_f=0.0)])
    with pytest.raises(MissingOperatorError, match="Take current = 'simple'"):
        ws.compute(model, [SpinHall(mu_f=0.0, current="ryoo2019")])
    spinless = ContinuumModel.from_polynomial({(1, 0, 0): np.diag([1.0, -1.0])}, dimension=1)
    with pytest.raises(MissingOperatorError, match="Give spin= when building it"):
        ws.compute(spinless, [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)])


def test_reports_say_where_and_what():
    report = str(ws.model_report(toys.bi2se3_kp(cutoff=0.3), mu=0.1))
    assert "polynomial of degree 2 in k" in report
    assert "|k| < 0.3 1/Å" in report
    assert "doubly degenerate at all k" in report
    assert "2 bands below; valence top -0.0" in report
    assert "usable for: bands, spin_polarizability" in report
    metal = ws.model_report(toys.rashba_kp(), mu=0.2).to_dict()
    assert metal["gap"].startswith("metal")
    assert "doubly" not in str(ws.model_report(toys.rashba_kp()))


# ---- maps and paths --------------------------------------------------------------------------


def test_maps_are_cartesian():
    v, mass = 3.0, 0.15
    model = toys.dirac_kp(v=v, mass=mass, cutoff=0.5)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    drawn = ws.zone_map(model, response, n=5, reach=0.2)
    assert drawn.recip_ca is None
    np.testing.assert_allclose(drawn.kpt_uva[:, 0, 0], [-0.2, -0.1, 0.0, 0.1, 0.2])
    eps = np.sqrt(v**2 * (drawn.kpt_uva**2).sum(axis=-1) + mass**2)
    np.testing.assert_allclose(
        drawn.tensors["upsilon0"].values[..., 0, 0, 0, 0, 0], -v * mass / 4 * eps**-3, rtol=1e-10
    )
    assert drawn.tensors["upsilon0"].axes[0].unit == "1/Å"
    assert np.abs(ws.zone_map(model, response, n=3).kpt_uva).max() == 0.5
    with pytest.raises(JobError, match="is for k·p models"):
        ws.zone_map(toys.qwz(), response, reach=0.1)


def test_paths_are_cartesian():
    model = toys.rashba_kp(cutoff=0.4)
    path = ws.band_path(model, "XGY", n=20)
    assert path.cartesian
    assert path.labels == ("X", "Γ", "Y")
    assert path.distance_k[-1] == pytest.approx(0.8)
    k = np.linalg.norm(path.kpt_kc, axis=1)
    c = HBAR2_OVER_2M / 0.5
    np.testing.assert_allclose(path.energy_kn[:, 1], c * k**2 + 0.5 * k, atol=1e-12)
    own = ws.band_path(model, [("a", (-0.1, 0, 0)), ("b", (0.1, 0, 0))], n=4)
    np.testing.assert_allclose(own.kpt_kc[:, 0], [-0.1, -0.05, 0.0, 0.05, 0.1], atol=1e-15)
    with pytest.raises(JobError, match=r"names 'M'; .* has the points G, X, Y"):
        ws.band_path(model, "GM")


# ---- fitted coordinates ----------------------------------------------------------------------


def test_edges_lie_at_crossings():
    """Rashba bands at two levels: the radii in closed form, on every ray."""
    mass, alpha = 0.5, 0.5
    c = HBAR2_OVER_2M / mass
    levels = [-0.5 * alpha**2 / (4 * c), 0.2]
    model = toys.rashba_kp(mass=mass, alpha=alpha, cutoff=0.5)
    source = operators_of(model)
    region = FittedRegion(source.region, source.hamiltonian, levels)
    root = [math.sqrt(alpha**2 / 4 + c * mu) for mu in levels]
    radii = [
        (alpha / 2 - root[0]) / c,
        (alpha / 2 + root[0]) / c,
        (root[1] - alpha / 2) / c,
        (root[1] + alpha / 2) / c,
    ]
    for angle in (0.0, 0.123, 0.77):
        edges = region.edges(np.array([angle, 0.0]))
        assert len(edges) == 9
        np.testing.assert_allclose(edges[1:5] * 0.5, radii, atol=1e-10)
        assert (edges[0], edges[-1]) == (0.0, 1.0)
        assert (np.diff(edges) > 0).all()
    assert fitted(source.region, source.hamiltonian, [-5.0]) is source.region


def test_fitted_coordinates_change_no_integral():
    """Any smooth function over the region, in both coordinates, by Gauss's rule on the pieces."""
    model = toys.luttinger_kp(cutoff=0.3)
    source = operators_of(model)
    region = FittedRegion(source.region, source.hamiltonian, [-0.05, -0.2])
    node, weight = np.polynomial.legendre.leggauss(12)

    def along_a_ray(places, pieces):
        t = (np.arange(pieces)[:, None] + (node + 1) / 2).ravel() / pieces
        unit_kc = np.stack([t, np.full_like(t, 0.3), np.full_like(t, 0.61)], axis=1)
        kpt_ka, weight_k = places(unit_kc)
        value_k = np.exp(-20 * (kpt_ka**2).sum(axis=1) + kpt_ka[:, 0])
        return np.dot(np.tile(weight / 2 / pieces, pieces) * weight_k, value_k)

    edges = region.edges(np.array([0.3, 0.61]))
    assert len(edges) > 4
    assert along_a_ray(region, len(edges) - 1) == pytest.approx(
        along_a_ray(KRegion(3, 0.3, model.scale), 1), rel=1e-12
    )
