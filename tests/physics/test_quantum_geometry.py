"""Spin and Zeeman quantum geometry: pairs of levels, Fermi sea, relations to Kubo responses."""

from dataclasses import replace

import numpy as np
import pytest
from geometry_models import doubled_model, halves, random_with, tensors_of_levels
from reference import (
    CHARGE,
    assert_close,
    grid,
    mid_gap,
    occupation,
    random_model,
    random_parts,
    states_at,
)
from test_irreducible_zone import antiferromagnet, kane_mele, rashba, spinors, sublattices, turned

import w90spin as ws
from w90spin.errors import JobError, MissingOperatorError, NotInsulatorError, ResponseError
from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.symmetry import zone_symmetry
from w90spin.kspace.fourier import FourierSum
from w90spin.model import toys
from w90spin.model.spin_current import SpinCurrentOperators
from w90spin.parallel import Comm
from w90spin.response import (
    Edelstein,
    SpinGeometry,
    SpinHall,
    SpinPolarizability,
    ZeemanGeometry,
)
from w90spin.response.quantum_geometry import spin_qgt, zeeman_qgt


def integrands(response, states):
    return response.publish(response(states))


def both(parts=None, **parameters):
    return (
        SpinGeometry(parts=parts, **parameters),
        ZeemanGeometry(parts=parts, **parameters),
    )


@pytest.mark.parametrize("make", [random_model, doubled_model])
@pytest.mark.parametrize("seed", range(2))
def test_pairs_of_levels(make, seed):
    """Against traces of projectors, which know no gauge; every band carries its level's number."""
    rng = np.random.default_rng(seed)
    model = make(rng) if make is doubled_model else make(rng, 6)
    sizes = [2] * 3 if make is doubled_model else [1] * 6
    parts = random_parts(rng, 6)
    kpt_kc = rng.uniform(size=(2, 3))
    found = ws.quantum_geometry_at(model, kpt_kc, parts=parts)
    assert found.parts == parts.names
    np.testing.assert_array_equal(found.kpt_kc, kpt_kc)
    for k, kpt_c in enumerate(kpt_kc):
        for part, weight_i in enumerate(parts.weights_li):
            energy, spin, zeeman = tensors_of_levels(model, kpt_c, sizes, weight_i)
            assert_close(found.energy_kn[k], energy.repeat(sizes), 1e-12)
            for value, expected in (
                (found.spin_qgt_knmqabs[k, :, :, part], spin),
                (found.zeeman_qgt_knmqbs[k, :, :, part], zeeman),
            ):
                every = expected.repeat(sizes, axis=0).repeat(sizes, axis=1)
                assert_close(value, every, 1e-10)
            np.testing.assert_array_equal(
                found.spin_metric_knmqabs - 0.5j * found.spin_curvature_knmqabs,
                found.spin_qgt_knmqabs,
            )
            np.testing.assert_array_equal(
                found.zeeman_metric_knmqbs - 0.5j * found.zeeman_curvature_knmqbs,
                found.zeeman_qgt_knmqbs,
            )
    for value in (found.spin_qgt_knmqabs, found.zeeman_qgt_knmqbs):
        assert_close(value.swapaxes(1, 2), value.conj(), 1e-12)


@pytest.mark.parametrize("make", [random_model, doubled_model])
def test_bands_are_sums_over_levels(make):
    rng = np.random.default_rng(5)
    model = make(rng) if make is doubled_model else make(rng, 6)
    sizes = [2] * 3 if make is doubled_model else [1] * 6
    kpt_kc = rng.uniform(size=(2, 3))
    parts = random_parts(rng, 6)
    states = states_at(model, kpt_kc)
    spin, zeeman = (response.bands(states) for response in both(mu_f=0.0, parts=parts))
    for k, kpt_c in enumerate(kpt_kc):
        for part, weight_i in enumerate(parts.weights_li):
            _, of_spin, of_zeeman = tensors_of_levels(model, kpt_c, sizes, weight_i)
            for bands, tensor, kind in ((spin, of_spin, "spin"), (zeeman, of_zeeman, "zeeman")):
                whole = tensor.sum(axis=1).repeat(sizes, axis=0)
                assert_close(bands[f"{kind}_metric"][k, :, part], whole.real, 1e-10)
                assert_close(bands[f"{kind}_curvature"][k, :, part], -2 * whole.imag, 1e-10)


@pytest.mark.parametrize("n_levels", [1, 15])
def test_fermi_sea(n_levels):
    """Pairs of levels weighted by the difference of their occupations, at every kT and mu."""
    rng = np.random.default_rng(6)
    model = doubled_model(rng)
    kpt_kc = rng.uniform(size=(2, 3))
    mu_f, kT_t = np.linspace(-1.0, 1.2, n_levels), np.array([0.0, 0.1])
    states = states_at(model, kpt_kc)
    found = {}
    for response in both(mu_f=mu_f, kT=kT_t):
        found.update(integrands(response, states))
    for k, kpt_c in enumerate(kpt_kc):
        energy, spin, zeeman = tensors_of_levels(model, kpt_c, [2] * 3)
        for t, kT in enumerate(kT_t):
            for f, mu in enumerate(mu_f):
                occupied = occupation(energy, mu, kT)
                for kind, tensor in (("spin", spin), ("zeeman", zeeman)):
                    whole = sum(
                        (occupied[low] - occupied[high]) * tensor[low, high]
                        for low in range(3)
                        for high in range(low + 1, 3)
                    )
                    size = np.abs(tensor).max()
                    metric = found[f"{kind}_metric"][k, 0, t, f]
                    curvature = found[f"{kind}_curvature"][k, 0, t, f]
                    assert_close(metric, whole.real, 1e-10, size)
                    assert_close(curvature, -2 * whole.imag, 1e-10, size)


def test_curvature_of_bands_is_that_of_the_sea_and_the_metric_is_not():
    """Pairs of occupied bands cancel in the curvature; in the metric each would count twice."""
    rng = np.random.default_rng(8)
    model = random_model(rng, 6)
    states = states_at(model, rng.uniform(size=(3, 3)))
    mu, kT = 0.1, 0.2
    occupied_kn = occupation(states.energy_kn, mu, kT)
    for response, kind in zip(both(mu_f=mu, kT=kT), ("spin", "zeeman"), strict=True):
        bands, sea = response.bands(states), integrands(response, states)
        for half in ("curvature", "metric"):
            name = f"{kind}_{half}"
            total = np.einsum("kn,kn...->k...", occupied_kn, bands[name])
            apart = np.abs(total - sea[name][:, :, 0, 0]).max() / np.abs(sea[name]).max()
            assert apart < 1e-10 if half == "curvature" else apart > 0.1


def gapped(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, gap=1.5)
    kpt_kc = rng.uniform(size=(3, 3))
    mu, gap = mid_gap(model, kpt_kc)
    states = states_at(model, kpt_kc)
    energy_knm = states.energy_kn[:, :, None] - states.energy_kn[:, None, :]
    return model, states, mu, gap * np.array([0.0, 0.3, 0.9]), energy_knm


@pytest.mark.parametrize("seed", range(2))
def test_spin_hall_at_frequencies(seed):
    """Re sigma = -q sum f Omega e²/(e² - w²),   Im sigma = 2 q sum f g e w/(e² - w²)."""
    _, states, mu, omega_w, energy_knm = gapped(seed)
    qgt = spin_qgt(states)[:, :, :, 0]
    sigma = integrands(SpinHall(mu_f=mu, omega_w=omega_w), states)["sigma"]
    f_kn = occupation(states.energy_kn, mu, 0.0)
    for w, omega in enumerate(omega_w):
        weight = f_kn[:, :, None] / (energy_knm**2 - omega**2 + 1e9 * np.eye(6))
        real = np.einsum("knm,knmabs->kabs", weight * energy_knm**2, -2 * qgt.imag)
        imag = np.einsum("knm,knmabs->kabs", weight * energy_knm * omega, qgt.real)
        expected = -CHARGE * real + 2j * CHARGE * imag
        assert_close(sigma[:, 0, 0, 0, w], expected, 1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_spin_polarisability_at_frequencies(seed):
    """Static part and lambda terms of the Zeeman QGT; the field is its first index.

    cos wt: -q sum f g^{ba}/e e²/(e² - w²),   sin wt: -q sum f (1/2) Omega^{ba} w/(w² - e²)
    """
    _, states, mu, omega_w, energy_knm = gapped(10 + seed)
    qgt = zeeman_qgt(states)[:, :, :, 0].swapaxes(-1, -2)  # spin, field
    chi = integrands(SpinPolarizability(mu_f=mu, omega_w=omega_w), states)["chi"]
    f_kn = occupation(states.energy_kn, mu, 0.0)
    for w, omega in enumerate(omega_w):
        weight = f_kn[:, :, None] / (energy_knm**2 - omega**2 + 1e9 * np.eye(6))
        real = np.einsum("knm,knmsb->ksb", weight * energy_knm, qgt.real)
        imag = np.einsum("knm,knmsb->ksb", -0.5 * weight * omega, -2 * qgt.imag)
        assert_close(chi[:, 0, 0, 0, w], -CHARGE * (real + 1j * imag), 1e-9)


@pytest.mark.parametrize("current", ["simple", "qiao2018", "ryoo2019"])
def test_static_spin_hall_effect_is_the_curvature(current):
    """With every spin current, at any temperature and for every part."""
    rng = np.random.default_rng(12)
    model = random_model(rng, 6)
    n_R = len(model.R_Rc)
    random = [
        rng.normal(size=(n_R, *axes, 6, 6)) + 1j * rng.normal(size=(n_R, *axes, 6, 6))
        for axes in ((3,), (3, 3), (3, 3))
    ]
    model = replace(model, spin_current={current: SpinCurrentOperators(*random)})
    parameters = {"mu_f": [-0.3, 0.2], "kT": 0.1, "current": current}
    parts = random_parts(rng, 6)
    hall, geometry = (
        integrate(FourierSum(model, extras=extras), [response], UniformMesh(n=4), comm=Comm())
        for response in (
            SpinHall(parts=parts, **parameters),
            SpinGeometry(parts=parts, **parameters),
        )
        for extras in [() if current == "simple" else (current,)]
    )
    sigma = hall.values[0]["sigma"][:, :, :, 0]
    assert np.abs(sigma.imag).max() == 0.0
    assert_close(geometry.values[0]["spin_curvature"], -sigma.real / CHARGE, 1e-9)
    plain = integrands(SpinGeometry(mu_f=0.0), states_at(model, [[0.1, 0.2, 0.0]]))
    found = ws.quantum_geometry_at(model, [0.1, 0.2, 0.0], current=current)
    sea = found.spin_curvature_knmqabs[0, : (found.energy_kn[0] < 0).sum()].sum(axis=(0, 1))
    assert (np.abs(sea - plain["spin_curvature"][0, :, 0, 0]).max() < 1e-10) == (
        current == "simple"
    )


@pytest.mark.parametrize(
    ("make", "mu"), [(lambda: toys.rashba_square(alpha=0.5), 0.5), (toys.kane_mele, 0.9)]
)
def test_edelstein_effect_from_the_fermi_sea(make, mu):
    """chi_sb/tau = q int f (1/2) Omega^{bs} where D sigma = 0: the Fermi surface, by parts."""
    model = make()
    kT = 0.1
    mesh = UniformMesh(n=96)
    surface, sea = (
        integrate(FourierSum(model), [response], mesh, comm=Comm()).values[0]
        for response in (Edelstein(mu_f=mu, kT=kT), ZeemanGeometry(mu_f=mu, kT=kT))
    )
    expected = 0.5 * CHARGE * sea["zeeman_curvature"].swapaxes(-1, -2)
    assert np.abs(expected).max() > 1e-4
    assert_close(surface["chi_tau"], expected, 1e-6)


@pytest.mark.parametrize("name", ["P", "T", "PT"])
def test_parities(name):
    """Of integrands at k and -k, or at one k; what is forbidden is so at any temperature."""
    rng = np.random.default_rng(13)
    inversion, time_reversal = "P" in name, "T" in name
    model = random_with(rng, inversion=inversion, time_reversal=time_reversal)
    kpt_kc = rng.uniform(size=(3, 3))
    even = {
        "P": {"spin_curvature": 1, "spin_metric": 1, "zeeman_curvature": -1, "zeeman_metric": -1},
        "T": {"spin_curvature": 1, "spin_metric": -1, "zeeman_curvature": 1, "zeeman_metric": -1},
        "PT": {"spin_curvature": 1, "spin_metric": -1, "zeeman_curvature": -1, "zeeman_metric": 1},
    }[name]
    for response in both(mu_f=[-0.2, 0.3], kT=[0.0, 0.1]):
        for tensor in response.claims.raw:
            here = response(states_at(model, kpt_kc))[tensor.name]
            size, sign = np.abs(here).max(), even[tensor.name]
            if name == "PT":
                assert size > 1e-2 if sign == 1 else size < 1e-9
                continue
            assert_close(response(states_at(model, -kpt_kc))[tensor.name], sign * here, 1e-8)
            if name == "T":
                assert tensor.time_reversal == sign


def test_parts_that_pt_exchanges():
    """What is forbidden in the total is staggered, what is allowed is uniform, at every k."""
    rng = np.random.default_rng(14)
    model = random_with(rng, inversion=True, time_reversal=True)
    states = states_at(model, rng.uniform(size=(3, 3)))
    signs = {"spin_curvature": 1, "spin_metric": -1, "zeeman_curvature": -1, "zeeman_metric": 1}
    for response in both(mu_f=0.1, kT=0.1, parts=halves(model)):
        for name, tensor in integrands(response, states).items():
            assert_close(tensor[:, 1], signs[name] * tensor[:, 0], 1e-9)
            assert np.abs(tensor).max() > 1e-2


def test_parts_that_a_translation_with_time_reversal_exchanges():
    model = toys.tt_antiferromagnet()
    states = states_at(model, grid((16, 16, 1), (0.5, 0.5, 0.0)))
    signs = {"spin_curvature": 1, "spin_metric": -1, "zeeman_curvature": 1, "zeeman_metric": -1}
    for response in both(mu_f=0.1, kT=0.1, parts=halves(model)):
        for name, tensor in integrands(response, states).items():
            first, second = tensor.mean(axis=0)
            assert_close(second, signs[name] * first, 1e-9)
            assert np.abs(first).max() > 1e-3


FOURFOLD = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]


def magnet():
    """Rashba electrons in an exchange field along z; mirrors come with time reversal."""
    model = spinors(toys.rashba_square(alpha=0.5, exchange=(0.0, 0.0, 0.1)))
    mirror = turned(model, [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], time_reversal=True)
    return model, [turned(model, FOURFOLD), mirror], {"mu_f": 0.5, "kT": 0.05}


def altermagnet():
    """A rotation with time reversal and half a translation exchanges the sublattices."""
    model = spinors(toys.altermagnet(rashba=0.3))
    return (
        model,
        [turned(model, FOURFOLD, (0.5, 0.5, 0), time_reversal=True)],
        {"mu_f": 0.6, "kT": 0.05},
    )


T_EVEN = ("spin_curvature", "zeeman_curvature")
PT_EVEN = ("spin_curvature", "zeeman_metric")
ALL = ("spin_curvature", "spin_metric", "zeeman_curvature", "zeeman_metric")


@pytest.mark.parametrize(
    ("make", "resolved", "allowed"),
    [
        (kane_mele, False, T_EVEN),
        (rashba, False, T_EVEN),
        (antiferromagnet, False, PT_EVEN),
        (antiferromagnet, True, ALL),
        (magnet, False, ALL),
        (altermagnet, False, ALL),
        (altermagnet, True, ALL),
    ],
)
def test_the_irreducible_zone_is_the_whole(make, resolved, allowed):
    """On a mesh too coarse for the integrals, which has the symmetry all the same."""
    model, generators, parameters = make()
    parameters = {"kT": 0.0} | {x: parameters[x] for x in ("mu_f", "kT") if x in parameters}
    group = ws.MagneticGroup.generated_by(generators)
    responses = both(sublattices(model) if resolved else None, **parameters)
    found = zone_symmetry(model, responses, group)
    assert found.zone is not None
    assert len(found.zone) == len(group)
    fourier, mesh = FourierSum(model), UniformMesh(n=16, shift=(0.5, 0.5, 0.0))
    whole = integrate(fourier, responses, mesh, comm=Comm())
    part = integrate(fourier, responses, mesh, comm=Comm(), symmetry=found.zone)
    for one, other in zip(whole.values, part.values, strict=True):
        for name, tensor in one.items():
            np.testing.assert_allclose(other[name], tensor, rtol=0, atol=1e-10)
            assert (np.abs(tensor).max() > 1e-6) == (name in allowed)


def test_maps_and_paths():
    """The bands of a path and of a map are those at their points; the total is the sea's."""
    model = toys.kane_mele()
    response = SpinGeometry(mu_f=0.0)
    plane = ws.zone_map(model, response, n=5, bands=True)
    there = ws.quantum_geometry_at(model, plane.kpt_uvc.reshape(-1, 3))
    pairs = there.spin_curvature_knmqabs.reshape(5, 5, 4, 4, 1, 3, 3, 3)
    bands = plane.bands["spin_curvature"]
    assert [axis.name for axis in bands.axes][:3] == ["u", "v", "band"]
    assert bands.unit == "Å²"
    # Where time reversal makes pairs a sum over bands would count each level twice.
    single_uv = (np.diff(there.block_kn, axis=1) > 0).all(axis=1).reshape(5, 5)
    assert single_uv.sum() > 10
    assert_close(bands.values[single_uv], pairs[single_uv].sum(axis=2), 1e-10)
    total = pairs[..., :2, 2:, :, :, :, :].sum(axis=(2, 3))
    assert_close(
        plane.tensors["spin_curvature"].values[single_uv][:, :, 0, 0], total[single_uv], 1e-10
    )
    path = ws.band_path(model, [("G", [0, 0, 0]), ("M", [0.5, 0, 0])], response, n=6)
    at = ws.quantum_geometry_at(model, path.kpt_kc)
    sums = at.spin_curvature_knmqabs[1:-1].sum(axis=2)
    assert_close(path.tensors["spin_curvature"].values[1:-1], sums, 1e-10)
    assert path.tensors["spin_metric"].values.shape == (len(path.kpt_kc), 4, 1, 3, 3, 3)


def test_what_cannot_be_is_refused():
    model = toys.kane_mele()
    with pytest.raises(JobError, match=r"shape \(1, 2\)"):
        ws.quantum_geometry_at(model, [0.1, 0.2])
    with pytest.raises(ResponseError, match="one of simple"):
        ws.quantum_geometry_at(model, [0.1, 0.2, 0.0], current="odd")
    with pytest.raises(MissingOperatorError, match="ryoo2019"):
        ws.quantum_geometry_at(model, [0.1, 0.2, 0.0], current="ryoo2019")
    for response in both(mu_f=1.0, insulator=True):
        with pytest.raises(NotInsulatorError):
            response(states_at(model, grid((6, 6, 1))))
        assert response.occupied_bands(states_at(model, [[0.0, 0.0, 0.0]])).shape == (1, 1)
    spinless = states_at(toys.haldane(), [[0.1, 0.2, 0.0]])
    for response in both(mu_f=0.0):
        with pytest.raises(MissingOperatorError, match="spin"):
            response(spinless)
    for kind in (SpinGeometry, ZeemanGeometry):
        with pytest.raises(ResponseError, match="kT"):
            kind(mu_f=0.0, kT=-0.1)
    with pytest.raises(ResponseError, match="one of simple"):
        SpinGeometry(mu_f=0.0, current="odd")


@pytest.mark.parametrize("mu", [-50.0, 50.0])
def test_all_bands_empty_or_full(mu):
    states = states_at(toys.kane_mele(), grid((3, 3, 1)))
    for response in both(mu_f=[mu, mu + 1], kT=[0.0, 0.1]):
        for tensor in response.claims.raw:
            assert response(states)[tensor.name].shape == (9, *tensor.shape)
            assert not response(states)[tensor.name].any()
            size = response.magnitude(states)[tensor.name]
            assert size.shape == (9, *tensor.shape[: -len(tensor.components)])
