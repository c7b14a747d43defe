"""Spin Hall and anomalous Hall conductivities and the spin moment of postw90 and WannierBerri."""

import json
from pathlib import Path

import numpy as np
import pytest
import wannierberri
from scipy.constants import angstrom, elementary_charge, hbar
from wannierberri.calculators import dynamic, static
from wannierberri.data_K.data_K_R import Data_K_R

import w90spin as ws
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve
from w90spin.model.berri import from_wannierdata, to_system
from w90spin.response.claims import extras_needed

REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "postw90_bi_spin_hall.json").read_text()
)
WIDTH = 0.05  # eV
COMPONENTS = ["xyz", "yxz", "xxy", "zxy", "yzx"]
CONDUCTANCE = elementary_charge**2 / hbar / angstrom  # S/m for 1/Å


def close(found, expected, rtol):
    """Largest deviation relative to the largest number."""
    expected = np.asarray(expected)
    scale = np.abs(expected).max()
    assert scale > 0.0
    assert np.shape(found) == expected.shape
    deviation = np.abs(np.asarray(found) - expected).max()
    assert deviation <= rtol * scale, f"{deviation / scale:.2e} > {rtol:g}"


def at_points(model, response, kpt_kc, tolerance):
    """Published tensors per k, of one temperature and the whole cell."""
    fourier = FourierSum(model, extras=extras_needed([response]))
    states = solve(fourier, KPoints(np.asarray(kpt_kc)), tolerance)
    return {key: value[:, 0, 0] for key, value in response.publish(response(states)).items()}


def pick(tensor, component):
    a, b, c = ("xyz".index(axis) for axis in component)
    return tensor[..., a, b, c]


def volume(model):
    return abs(np.linalg.det(model.cell_ca))


# --- postw90: Qiao's spin current from the same files ---


@pytest.fixture(scope="module")
def qiao(bi_files):
    return ws.load_model(bi_files, spin_current="qiao2018")


@pytest.mark.parametrize("component", COMPONENTS)
def test_fermi_scan_of_postw90(qiao, component):
    """(ħ/e) S/cm, sign and all; postw90 knows degenerate bands only when they are exactly so."""
    response = ws.SpinHall(mu_f=REFERENCE["fermi_x"], eta=WIDTH, current="qiao2018")
    found = at_points(qiao, response, REFERENCE["kpt_kc"], 1e-9)["sigma_even"]
    sigma_f = 1e-2 * CONDUCTANCE * pick(found, component)[:, :, 0].mean(axis=0) / volume(qiao)
    close(sigma_f.real, REFERENCE[f"fermi_{component}"][0], 1e-5)


@pytest.mark.parametrize("component", COMPONENTS)
def test_frequency_scan_of_postw90(qiao, component):
    """Its response is the part that is even under time reversal; the other is left out there."""
    response = ws.SpinHall(
        mu_f=1.42245, omega_w=REFERENCE["frequency_x"], eta=WIDTH, current="qiao2018"
    )
    found = at_points(qiao, response, REFERENCE["kpt_kc"], 1e-9)["sigma_even"]
    sigma_w = 1e-2 * CONDUCTANCE * pick(found, component)[:, 0].mean(axis=0) / volume(qiao)
    real_w, imag_w = REFERENCE[f"frequency_{component}"]
    close(sigma_w, np.array(real_w) + 1j * np.array(imag_w), 1e-6)


@pytest.mark.parametrize("component", COMPONENTS)
def test_path_of_postw90(qiao, component):
    """Where it takes the spin for σ, not σ/2. [Å²]"""
    response = ws.SpinHall(mu_f=1.42245, eta=WIDTH, current="qiao2018")
    found = at_points(qiao, response, REFERENCE["path_kc"], 1e-9)["sigma_even"]
    close(2.0 * pick(found, component)[:, 0, 0].real, REFERENCE[f"path_{component}"], 1e-5)


def test_anomalous_hall_of_postw90(qiao):
    """On points that are no set of time reversal there is one, the curvature of the space in it."""
    response = ws.AnomalousHall(mu_f=REFERENCE["hall_x"])
    found = at_points(qiao, response, REFERENCE["kpt_kc"], 1e-9)["sigma_odd"]
    sigma_fab = 1e-2 * CONDUCTANCE * found[:, :, 0].real.mean(axis=0) / volume(qiao)
    close(
        np.stack([sigma_fab[:, 1, 2], sigma_fab[:, 2, 0], sigma_fab[:, 0, 1]], axis=-1),
        REFERENCE["hall"],
        1e-6,
    )


# --- WannierBerri on the same operators ---

LEVELS = np.array([0.75, 1.42, 2.09])  # WannierBerri's scans have equal steps
OMEGA = np.array([0.0, 0.3, 0.9])
MESH = (5, 4, 1)
SHORT = {"simple": "simple", "qiao2018": "qiao", "ryoo2019": "ryoo"}


@pytest.fixture(scope="module", params=SHORT)
def same(request, bi, bi_files):
    """Current, model and WannierBerri's data on a mesh off the lines of degenerate bands."""
    current = request.param
    model = bi if current == "simple" else from_wannierdata(bi_files, current=current)
    system = to_system(model)
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=MESH, use_symmetry=False)
    shift = np.array([0.11, 0.07, 0.0])
    data = Data_K_R(system, grid=grid, dK=shift)
    axes = [(np.arange(n) + s * n) / n for n, s in zip(MESH, shift, strict=True)]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return current, model, data, kpt_kc


def test_static_spin_hall_of_wannierberri(same):
    """All 27 components at every level."""
    current, model, data, kpt_kc = same
    calculator = static.SHC(
        Efermi=LEVELS, kwargs_formula={"spin_current_type": SHORT[current]}, save_mode=""
    )
    found = at_points(model, ws.SpinHall(mu_f=LEVELS, current=current), kpt_kc, 1e-7)["sigma_even"]
    sigma = CONDUCTANCE * found[:, :, 0].real.mean(axis=0) / volume(model)
    close(sigma, calculator(data).data, 1e-8)


def test_dynamic_spin_hall_of_wannierberri(same):
    """Three frequencies, thermal occupations."""
    current, model, data, kpt_kc = same
    calculator = dynamic.SHC(
        Efermi=LEVELS,
        omega=OMEGA,
        SHC_type=SHORT[current],
        smr_fixed_width=WIDTH,
        smr_type="Lorentzian",
        kBT=0.05,
        save_mode="",
    )
    response = ws.SpinHall(mu_f=LEVELS, kT=0.05, omega_w=OMEGA, eta=WIDTH, current=current)
    found = at_points(model, response, kpt_kc, 1e-7)["sigma_even"]
    close(CONDUCTANCE * found.mean(axis=0) / volume(model), calculator(data).data, 1e-8)


@pytest.mark.parametrize("current", ["simple"])
def test_a_crooked_metal(crooked, current):
    """Triclinic, complex hoppings and r, no symmetry: static, dynamic, Hall effect and moment."""
    system, mu = to_system(crooked), np.array([-0.4, 0.3])
    grid = wannierberri.Grid(system, NKdiv=1, NKFFT=(4, 4, 4), use_symmetry=False)
    data = Data_K_R(system, grid=grid, dK=np.zeros(3))
    mesh, options = ws.UniformMesh(n=(4, 4, 4)), {"symmetry": "none"}
    responses = [
        ws.SpinHall(mu_f=mu, current=current),
        ws.AnomalousHall(mu_f=mu),
        ws.SpinMoment(mu_f=mu),
        ws.SpinHall(mu_f=mu, omega_w=OMEGA, eta=WIDTH),
    ]
    result = ws.compute(crooked, responses, mesh=mesh, **options)
    theirs = static.SHC(
        Efermi=mu, kwargs_formula={"spin_current_type": current}, save_mode=""
    )(data).data  # fmt: skip
    close(CONDUCTANCE * result["spin_hall/sigma"].values[0, 0, :, 0].real, theirs, 1e-10)
    hall_fab = CONDUCTANCE * result["anomalous_hall/sigma"].values[0, 0, :, 0].real
    hall_fc = np.stack([hall_fab[:, 1, 2], hall_fab[:, 2, 0], hall_fab[:, 0, 1]], axis=-1)
    close(hall_fc, static.AHC(Efermi=mu, save_mode="")(data).data, 1e-10)
    moment = 2.0 * result["spin_moment/spin"].values[0, 0] * volume(crooked)
    close(moment, static.Spin(Efermi=mu, save_mode="")(data).data, 1e-10)
    calculator = dynamic.SHC(
        Efermi=mu, omega=OMEGA, SHC_type=current, smr_fixed_width=WIDTH, kBT=0,
        smr_type="Lorentzian", save_mode="",
    )  # fmt: skip
    even = result["spin_hall_2/sigma_even"].values[0, 0]
    close(CONDUCTANCE * even, calculator(data).data, 1e-10)
