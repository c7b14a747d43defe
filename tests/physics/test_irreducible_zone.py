"""One point of every star gives the integral over the whole zone, for every rule and any parts."""

from pathlib import Path

import numpy as np
import pytest

import w90spin as ws
from w90spin.integrate import AdaptiveTree, Iterated, PeriodicMesh, UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.symmetry import SymmetryTolerance, ZoneSymmetry, zone_symmetry
from w90spin.kspace.fourier import FourierSum
from w90spin.model import toys
from w90spin.parallel import Comm

DATA = Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi"


def spinors(model):
    """The toy with one s-like spinor on every site."""
    sites_xc = model.centres_ia[::2] @ np.linalg.inv(model.cell_ca)
    plain = [ws.Orbital(site_c=tuple(site_c), l=0, mr=1) for site_c in sites_xc]
    return model.with_orbitals(ws.spinor_orbitals(plain, model.spin_pairs))


def turned(model, rotation, translation=(0.0, 0.0, 0.0), *, time_reversal=False):
    return ws.SymmetryOperation(
        np.array(rotation), np.array(translation, dtype=float), time_reversal, model.cell_ca
    )


FOURFOLD = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
THREEFOLD = [[-1, -1, 0], [1, 0, 0], [0, 0, 1]]
MIRROR = [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]
ONE = np.eye(3, dtype=int)


def kane_mele():
    model = spinors(toys.kane_mele(rashba=0.05, m=0.1))
    generators = [turned(model, THREEFOLD), turned(model, ONE, time_reversal=True)]
    return model, generators, {"omega_w": [0.0, 0.1], "mu_f": 0.0}


def rashba():
    model = spinors(toys.rashba_square(alpha=0.5))
    generators = [
        turned(model, FOURFOLD),
        turned(model, MIRROR),
        turned(model, ONE, time_reversal=True),
    ]
    return model, generators, {"omega_w": [0.0, 0.2], "mu_f": 0.5, "kT": 0.05, "eta": 0.1}


def antiferromagnet():
    """PT takes either sublattice to the other."""
    model = spinors(toys.pt_antiferromagnet())
    generators = [turned(model, -ONE, time_reversal=True)]
    return model, generators, {"omega_w": [0.0, 0.3], "mu_f": 0.06}


def sublattices(model):
    half = np.repeat([1.0, 0.0], model.n_wann // 2)
    return ws.Partition(("A", "B"), np.array([half, 1.0 - half]))


CASES = {
    "threefold": (kane_mele, False, 3 * 2),
    "fourfold": (rashba, False, 8 * 2),
    "PT": (antiferromagnet, False, 2),
    "PT, sublattices": (antiferromagnet, True, 2),
}
RULES = [
    UniformMesh(n=24),
    PeriodicMesh(rtol=1e-6),
    AdaptiveTree(rtol=1e-5),
    Iterated(rtol=1e-5),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_the_irreducible_zone_is_the_whole(case, rule):
    """To rounding on one mesh; within the tolerance for rules that find other points."""
    make, resolved, order = CASES[case]
    model, generators, parameters = make()
    group = ws.MagneticGroup.generated_by(generators)
    assert len(group) == order
    parts = sublattices(model) if resolved else None
    response = ws.SpinPolarizability(parts=parts, **parameters)
    found = zone_symmetry(model, [response], group)
    assert found.zone is not None
    assert len(found.zone) == order
    fourier = FourierSum(model)
    whole = integrate(fourier, [response], rule, comm=Comm())
    part = integrate(fourier, [response], rule, comm=Comm(), symmetry=found.zone)
    # PT leaves every k where it is; of the other groups, K comes twice, with and without T.
    stars = len(np.unique(found.zone.kpt_rotation_gcc[:, :2, :2], axis=0))
    if isinstance(rule, UniformMesh):
        assert part.evaluations <= 1.6 * whole.evaluations / stars + 30
    elif stars > 1:
        assert part.evaluations < whole.evaluations
    for name, tensor in whole.values[0].items():
        if np.iscomplexobj(tensor):
            continue
        # Tensors that the group forbids are rounding beside those of the same order it allows.
        size = np.abs(whole.values[0]["upsilon1"]).max()
        close = 1e-10 if not isinstance(rule, AdaptiveTree | Iterated) else 1e-4
        np.testing.assert_allclose(part.values[0][name], tensor, rtol=0, atol=close * max(size, 1))
    if resolved:
        upsilon1 = part.values[0]["upsilon1"]
        np.testing.assert_allclose(upsilon1[0], -upsilon1[1], atol=1e-15)
        assert np.abs(upsilon1).max() > 1e-4


def test_parts_that_the_operation_does_not_map_are_no_hindrance_to_the_rest():
    """Of PT and the identity only the latter leaves unequal parts, so that nothing is gained."""
    model, generators, parameters = antiferromagnet()
    group = ws.MagneticGroup.generated_by(generators)
    uneven = ws.Partition(("a", "b"), np.array([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    response = ws.SpinPolarizability(parts=uneven, **parameters)
    assert zone_symmetry(model, [response], group).zone is None


def test_an_operation_that_the_model_breaks_is_not_used():
    model, _, parameters = antiferromagnet()
    group = ws.MagneticGroup.generated_by([turned(model, ONE, time_reversal=True)])
    response = ws.SpinPolarizability(**parameters)
    found = zone_symmetry(model, [response], group)
    assert found.zone is None
    assert "1 of 2 operations used" in found.words
    loose = SymmetryTolerance(ham=10.0, pos=10.0, spin=10.0)
    assert len(zone_symmetry(model, [response], group, loose).zone) == 2


def test_bismuth_within_and_beyond_its_tolerance():
    """Wannier90's r(R) breaks the glide; the midpoint formula keeps all eight operations."""
    response = ws.SpinPolarizability(omega_w=0.1, mu_f=1.42245)
    raw = ws.load_model(DATA)
    midpoint = ws.load_model(DATA, source="chk", position="midpoint")
    assert len(zone_symmetry(raw, [response]).zone) == 2
    assert len(zone_symmetry(midpoint, [response]).zone) == 8
    exact, report = ws.symmetrised(midpoint)
    assert report.band_change < 1e-5
    mesh = UniformMesh(n=12)
    reduced = ws.compute(exact, [response], mesh=mesh)
    whole = ws.compute(exact, [response], mesh=mesh, symmetry="none")
    assert reduced.provenance["symmetry_order"] == 8
    assert 2 * reduced.provenance["diagonalisations"] < whole.provenance["diagonalisations"]
    size = np.abs(whole["upsilon1"].values).max()
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        apart = np.abs(reduced[name].values - whole[name].values).max()
        assert apart < 1e-10 * max(size, np.abs(whole[name].values).max())
    forbidden = reduced["upsilon1"].values[0, 0, 0, 0][[0, 1, 2, 0], [0, 1, 2, 1]]
    np.testing.assert_allclose(forbidden, 0.0, atol=1e-12 * size)


def test_meshes_have_as_many_points_along_directions_that_symmetry_mixes():
    model, generators, parameters = kane_mele()
    response = ws.SpinPolarizability(**parameters)
    zone = zone_symmetry(model, [response], ws.MagneticGroup.generated_by(generators)).zone
    rule = PeriodicMesh(rtol=1e-3, start=(12, 18, 1))
    integral = integrate(FourierSum(model), [response], rule, comm=Comm(), symmetry=zone)
    assert integral.mesh[0] == integral.mesh[1] >= 18


def test_symmetry_of_time_reversal_alone_needs_no_orbitals():
    model = toys.kane_mele()
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    found = zone_symmetry(model, [response])
    assert found.zone.reverses_time
    assert found.words.startswith("time reversal, used")
    pair = ZoneSymmetry.of_time_reversal([1])
    np.testing.assert_array_equal(found.zone.kpt_rotation_gcc, pair.kpt_rotation_gcc)
