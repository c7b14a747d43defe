"""What magnetic groups leave of tensors, in total and part by part."""

import itertools

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import PartitionError
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.orbitals import Orbital
from w90spin.model.tensor_form import TensorForm

HEXAGONAL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * 3**0.5, 0.0], [0.0, 0.0, 12.0]])
SQUARE = np.diag([3.0, 3.0, 12.0])
ONE = np.eye(3, dtype=int)
TURN = [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
MIRROR = [[-1, 1, 0], [0, 1, 0], [0, 0, 1]]  # x -> -x
SPIN_FIELD = (True, False)


def group(*generators, cell=HEXAGONAL):
    return MagneticGroup.generated_by(
        [
            SymmetryOperation(np.array(rotation), np.zeros(3), reverse, cell)
            for rotation, reverse in generators
        ]
    )


THREE_M = group((TURN, False), (MIRROR, False))
GREY = group((TURN, False), (MIRROR, False), (ONE, True))
BILAYER = group((TURN, False), (MIRROR, True), (-ONE, True))  # -3'm', MnBi2Te4
FOUR_PRIME = group(([[0, -1, 0], [1, 0, 0], [0, 0, 1]], True), cell=SQUARE)


@pytest.mark.parametrize(
    ("form", "relations"),
    [
        # 3m: Rashba's antisymmetric response of a spin to a field (Nye, axial tensors).
        (TensorForm(THREE_M, SPIN_FIELD, +1), ("xy = -yx",)),
        (TensorForm(GREY, SPIN_FIELD, +1), ("xy = -yx",)),
        (TensorForm(GREY, SPIN_FIELD, -1), ()),
        # Conductivity of 3m; a magnetisation along no axis; one along z with m'.
        (TensorForm(THREE_M, (False, False), +1), ("xx = yy", "zz")),
        (TensorForm(THREE_M, (True,), -1), ()),
        (TensorForm(group((TURN, False), (MIRROR, True)), (True,), -1), ("z",)),
        # Magnetoelectric tensor of Cr2O3's class -3'm' and its reversal-even partner.
        (TensorForm(BILAYER, SPIN_FIELD, -1), ("xx = yy", "zz")),
        (TensorForm(BILAYER, SPIN_FIELD, +1), ()),
        # Second-harmonic tensor of 3m with the mirror x -> -x, symmetric part not imposed.
        (
            TensorForm(THREE_M, (False, False, False), +1),
            ("xxy = xyx = yxx = -yyy", "xxz = yyz", "xzx = yzy", "zxx = zyy", "zzz"),
        ),
        # 4' turns the sign at every quarter.
        (TensorForm(FOUR_PRIME, (False, False), -1), ("xx = -yy", "xy = yx")),
        (TensorForm(FOUR_PRIME, (False, False), +1), ("xx = yy", "xy = -yx", "zz")),
    ],
)
def test_tables_of_allowed_components(form, relations):
    assert form.relations() == relations
    count = len(relations)
    trace = np.trace(form._projection_xy)
    assert trace == pytest.approx(count)  # dimension of the invariant space


def test_components_made_up_of_others():
    """Elastic tensor of a transversely isotropic body: C_xxxx = C_xxyy + C_xyxy + C_xyyx."""
    hexagonal = group(([[1, -1, 0], [1, 0, 0], [0, 0, 1]], False), (MIRROR, False))
    lines = TensorForm(hexagonal, (False,) * 4, +1).relations()
    assert "xyyx = xxxx - xxyy - xyxy" in lines
    tensor = np.random.default_rng(0).normal(size=(3,) * 4)
    once = TensorForm(hexagonal, (False,) * 4, +1).invariant(tensor)
    for line in lines:
        first, *others = line.split(" = ")
        for other in others:
            assert sum_of(once, first) == pytest.approx(sum_of(once, other), abs=1e-12)


def sum_of(tensor, words):
    """Value of words such as "-xxyy" or "xxxx - xxyy - xyxy"."""
    total, sign = 0.0, 1.0
    for word in words.replace("-", "- ").split():
        if word in "+-":
            sign = -1.0 if word == "-" else 1.0
        else:
            total += sign * float(tensor[tuple("xyz".index(letter) for letter in word)])
    return total


@pytest.mark.parametrize(
    ("turns", "axial", "parity"),
    list(
        itertools.product([THREE_M, BILAYER, FOUR_PRIME], [(True,), (True, False, False)], [1, -1])
    ),
)
def test_invariant_part_is_a_projection(turns, axial, parity):
    """By Neumann's principle with einsum, operation by operation."""
    form = TensorForm(turns, axial, parity)
    tensor = np.random.default_rng(4).normal(size=(5, *form.shape))
    once = form.invariant(tensor)
    np.testing.assert_allclose(form.invariant(once), once, atol=1e-13)
    assert form.forbidden(once) < 1e-13
    assert form.forbidden(tensor) == pytest.approx(np.abs(tensor - once).max())
    for g in turns:
        sign = np.linalg.det(g.cartesian_aa) ** sum(axial) * (parity if g.time_reversal else 1)
        turned = once
        for axis in range(len(axial)):
            turned = np.moveaxis(np.tensordot(turned, g.cartesian_aa, (axis + 1, 1)), -1, axis + 1)
        np.testing.assert_allclose(sign * turned, once, atol=1e-13)
    assert np.array_equal(form.allowed(), np.abs(once).max(axis=0) > 1e-6)


def bilayer():
    """Two layers that PT exchanges, of two s sites each."""
    sites = [(1 / 3, 2 / 3, 0.1), (0, 0, 0.2), (0, 0, -0.2), (2 / 3, 1 / 3, -0.1)]
    orbitals = [Orbital(site_c=c, l=0, mr=1, spin=spin) for c in sites for spin in (1, -1)]
    return ws.WannierModel.from_arrays(
        HEXAGONAL,
        [[0, 0, 0]],
        np.zeros((1, 8, 8)),
        centres=[np.array(o.site_c) @ HEXAGONAL for o in orbitals],
        orbitals=orbitals,
        periodic=(True, True, False),
    )


def test_layers_that_pt_exchanges():
    """The total of a reversal-even response vanishes, the layers are opposite, xy = -yx."""
    model = bilayer()
    parts = ws.partition(model, {"top": [1, 2, 3, 4], "bottom": [5, 6, 7, 8]})
    even = TensorForm.of_parts(model, BILAYER, SPIN_FIELD, +1, parts)
    assert even.relations() == ("xy(top) = -yx(top) = -xy(bottom) = yx(bottom)",)
    odd = TensorForm.of_parts(model, BILAYER, SPIN_FIELD, -1, parts)
    assert odd.relations() == (
        "xx(top) = yy(top) = xx(bottom) = yy(bottom)",
        "zz(top) = zz(bottom)",
    )
    tensor = np.random.default_rng(1).normal(size=(4, *even.shape))
    once = even.invariant(tensor)
    np.testing.assert_allclose(once[:, 0], -once[:, 1], atol=1e-14)
    np.testing.assert_allclose(
        once[:, 0, 0, 1],
        (tensor[:, 0, 0, 1] - tensor[:, 0, 1, 0] - tensor[:, 1, 0, 1] + tensor[:, 1, 1, 0]) / 4,
    )
    total = TensorForm(BILAYER, SPIN_FIELD, -1)
    summed = total.invariant(tensor.sum(axis=1))
    np.testing.assert_allclose(odd.invariant(tensor).sum(axis=1), summed, atol=1e-14)


def test_parts_that_symmetry_does_not_know():
    model = bilayer()
    uneven = ws.partition(model, {"a": [1, 2], "b": [3, 4, 5, 6, 7, 8]})
    with pytest.raises(PartitionError, match="does not take the parts a, b to parts"):
        TensorForm.of_parts(model, BILAYER, SPIN_FIELD, +1, uneven)
