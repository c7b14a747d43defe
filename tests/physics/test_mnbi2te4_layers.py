"""Bilayer MnBi2Te4: what PT and the threefold axis make of the response of its layers."""

from pathlib import Path

import numpy as np
import pytest

import w90spin as ws

SEED = Path(__file__).parents[2] / "data" / "mnbi2te4-bilayer" / "mnbi2te4_2SL"
MU = 3.125005  # eV
MOMENTS = [0] * 3 + [4.47] + [0] * 6 + [-4.47] + [0] * 3


@pytest.fixture(scope="module")
def bilayer():
    return ws.load_model(SEED).with_moments(MOMENTS)


def upsilons(model, **options):
    response = ws.SpinPolarizability(
        omega_w=[ws.ev_from_thz(17.0)],
        mu_f=MU,
        insulator=True,
        parts=ws.partition(model, by="layer"),
    )
    run = ws.compute(model, [response], mesh=ws.UniformMesh(n=6), symmetry="none", **options)
    return [run[f"upsilon{i}"].values.reshape(2, 3, 3) for i in range(3)]


def test_layers_obey_pt_as_well_as_the_files_do(bilayer):
    """Υ⁽¹⁾ opposite, Υ⁽⁰⁾ and Υ⁽²⁾ the same, at points where no symmetry was made use of."""
    even, odd, even_too = upsilons(bilayer)
    assert np.abs(odd[0] + odd[1]).max() < 1e-5 * np.abs(odd).max()
    for tensor in (even, even_too):
        assert np.abs(tensor[0] - tensor[1]).max() < 1e-5 * np.abs(tensor).max()
    # The threefold axis, which the Wannierisation broke: antisymmetric in the plane.
    a = odd[0]
    assert abs(a[0, 1]) > 5e-3
    assert abs(a[0, 1] + a[1, 0]) < 5e-3 * abs(a[0, 1])
    assert abs(a[0, 1] - a[1, 0]) == pytest.approx(2 * abs(a[0, 1]), rel=5e-3)
    rest = a.copy()
    rest[0, 1] = rest[1, 0] = 0.0
    assert np.abs(rest).max() < 5e-3 * abs(a[0, 1])


def test_pt_alone_can_be_imposed(bilayer):
    inversion = ws.SymmetryOperation(-np.eye(3), np.zeros(3), True, bilayer.cell_ca)
    better, report = ws.symmetrised(bilayer, [inversion])
    assert "after" in str(report)
    even, odd, even_too = upsilons(better)
    assert np.abs(odd[0] + odd[1]).max() < 1e-8 * np.abs(odd).max()
    for tensor in (even, even_too):
        assert np.abs(tensor[0] - tensor[1]).max() < 1e-8 * np.abs(tensor).max()
    before = upsilons(bilayer)[1]
    assert np.abs(odd - before).max() < 1e-4 * np.abs(before).max()


@pytest.mark.slow
def test_the_whole_group_can_be_imposed(bilayer):
    better, _ = ws.symmetrised(bilayer)
    even, odd, _ = upsilons(better)
    size = np.abs(odd).max()
    cross = odd[0, 0, 1] * np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 0]])
    assert np.abs(odd - np.stack([cross, -cross])).max() < 1e-8 * size
    diagonal = np.diag([even[0, 0, 0], even[0, 0, 0], even[0, 2, 2]])
    assert np.abs(even - diagonal).max() < 1e-8 * np.abs(even).max()


@pytest.mark.parametrize("degeneracy", [1e-6, 1e-3])
def test_pairs_at_any_tolerance(bilayer, degeneracy):
    reference = upsilons(bilayer)
    for found, tensor in zip(upsilons(bilayer, degeneracy=degeneracy), reference, strict=True):
        assert np.abs(found - tensor).max() < 1e-8 * np.abs(tensor).max()
