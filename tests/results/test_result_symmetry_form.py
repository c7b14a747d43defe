"""Integrated responses against the form that the model's group allows."""

import numpy as np
import pytest

import w90spin as ws
from w90spin.derive import symmetry_form, symmetry_forms
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.response.character import parities


def group_of(model, shift=(0, 0, 0), turn=-1):
    return MagneticGroup.generated_by(
        [SymmetryOperation(turn * np.eye(3), np.array(shift), True, model.cell_ca)]
    )


def upsilons(model):
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    response = ws.SpinPolarizability(omega_w=[0.0], mu_f=0.0, parts=parts)
    return ws.compute(model, [response], mesh=ws.UniformMesh(n=8)), parts


def test_pt_forbids_the_even_total_and_allows_opposite_parts():
    """Υ⁽¹⁾ of the PT antiferromagnet, and Υ⁽⁰⁾, whose parts add up."""
    model = ws.toys.pt_antiferromagnet()
    result, parts = upsilons(model)
    form = symmetry_form(model, result["upsilon1"], parts, group=group_of(model))
    assert form.allowed == ()
    assert len(form.allowed_parts) == 9
    assert form.allowed_parts[1] == "xy(A) = -xy(B)"
    assert form.largest_part > 1e-3
    assert form.forbidden_part < 1e-12
    assert form.largest < 1e-12
    assert "Υ⁽¹⁾ may have no component" in str(form)
    odd = symmetry_form(model, result["upsilon0"], parts, time_reversal=-1, group=group_of(model))
    assert len(odd.allowed) == 9
    assert odd.allowed_parts[1] == "xy(A) = xy(B)"
    assert odd.largest > 1e-2
    assert odd.forbidden < 1e-12


def test_a_wrong_group_is_told_by_its_forbidden_part():
    """The same tensors under T, which the antiferromagnet breaks."""
    model = ws.toys.pt_antiferromagnet()
    result, parts = upsilons(model)
    time = group_of(model, turn=1)
    form = symmetry_form(model, result["upsilon0"], parts, time_reversal=-1, group=time)
    assert form.allowed == ()
    assert form.forbidden == pytest.approx(form.largest)
    assert "(100 %)" in str(form)


def test_no_group_no_form():
    model = ws.toys.pt_antiferromagnet()
    result, parts = upsilons(model)
    assert symmetry_form(model, result["upsilon1"], parts) is None


def square_group(model, *, time_reversal):
    """Fourfold axis and mirror of a square lattice on a substrate, with or without T."""
    fourfold = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    mirror = np.diag([-1, 1, 1])
    generators = [
        SymmetryOperation(w, np.zeros(3), False, model.cell_ca) for w in (fourfold, mirror)
    ]
    if time_reversal:
        generators.append(SymmetryOperation(np.eye(3), np.zeros(3), True, model.cell_ca))
    return MagneticGroup.generated_by(generators)


def test_rank_three_of_a_rashba_gas():
    """C4v leaves the three pairs of permutations of xyz; T forbids the odd part."""
    model = ws.toys.rashba_square()
    response = ws.SpinHall(mu_f=1.0, kT=0.05, omega_w=0.1, eta=0.1)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=16), symmetry="none")
    forms = symmetry_forms(
        model,
        response,
        result.responses["spin_hall"],
        group=square_group(model, time_reversal=True),
    )
    even, odd = forms
    assert even.tensor == "σ⁺"
    assert even.allowed == ("xyz = -yxz", "xzy = -yzx", "zxy = -zyx")
    assert even.largest > 1e-3
    assert even.forbidden < 1e-12
    assert odd.allowed == ()
    assert odd.forbidden < 1e-12


def test_edelstein_effect_of_a_rashba_gas():
    model = ws.toys.rashba_square()
    response = ws.Edelstein(mu_f=1.0, kT=0.05)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=16), symmetry="none")
    (form,) = symmetry_forms(
        model,
        response,
        result.responses["edelstein"],
        group=square_group(model, time_reversal=True),
    )
    assert form.allowed == ("xy = -yx",)
    assert form.largest > 1e-4
    assert form.forbidden < 1e-12


def test_tensors_of_both_parities_obey_the_operations_without_time_reversal():
    """A ferromagnet along z under C4 alone keeps what C4 keeps, even and odd together."""
    model = ws.toys.rashba_square(exchange=(0.0, 0.0, 0.3))
    response = ws.SpinHall(mu_f=1.0, kT=0.05, eta=0.1, omega_w=0.1)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=16), symmetry="none")
    fourfold = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    group = MagneticGroup.generated_by(
        [
            SymmetryOperation(fourfold, np.zeros(3), False, model.cell_ca),
            SymmetryOperation(np.diag([-1, 1, 1]), np.zeros(3), True, model.cell_ca),
        ]
    )
    sigma = result["sigma"]
    form = symmetry_form(model, sigma, time_reversal=0, group=group)
    assert {"xxz = yyz", "xyz = -yxz", "zzz"} <= set(form.allowed)
    assert form.forbidden < 1e-12
    wrong = symmetry_form(model, sigma, time_reversal=+1, group=group)
    assert wrong.forbidden > 1e-3 * wrong.largest


def test_parities_are_those_of_the_raw_tensors():
    spin_hall = ws.SpinHall(mu_f=0.0, omega_w=0.1)
    assert parities(spin_hall) == {"sigma": 0, "sigma_even": 1, "sigma_odd": -1}
    assert parities(ws.MagneticSpinHall(mu_f=0.0, kT=0.1)) == {"sigma_tau": -1}
    clean = ws.SpinPolarizability(omega_w=0.1, mu_f=0.0)
    assert parities(clean) == {"upsilon0": -1, "upsilon1": 1, "upsilon2": -1, "chi": 0}
    broad = ws.SpinPolarizability(omega_w=0.1, mu_f=0.0, eta=0.1)
    assert set(parities(broad).values()) == {0}
