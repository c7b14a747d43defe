"""Integrated responses against the form that the model's group allows."""

import numpy as np
import pytest

import w90spin as ws
from w90spin.derive import symmetry_form
from w90spin.model.operations import MagneticGroup, SymmetryOperation


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
