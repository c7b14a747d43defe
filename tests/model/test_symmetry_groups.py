"""Operations, groups closed and not, and what spglib finds for atoms and moments."""

import itertools

import ase
import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import ModelError
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.symmetry import magnetic_group

HEXAGONAL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * 3**0.5, 0.0], [0.0, 0.0, 12.0]])
THREEFOLD = [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
ONE = np.eye(3)


def operation(rotation, shift=(0, 0, 0), reverse=False, cell=HEXAGONAL):
    return SymmetryOperation(np.array(rotation), np.array(shift, float), reverse, cell)


def crystal(cell, symbols, reduced, moments=None, periodic=(True, True, True)):
    """A model of which only the atoms count."""
    structure = ws.Structure(
        tuple(symbols), np.array(reduced) @ cell, None if moments is None else np.array(moments)
    )
    return ws.WannierModel.from_arrays(
        cell,
        [[0, 0, 0]],
        np.zeros((1, 1, 1)),
        centres=[[0, 0, 0]],
        periodic=periodic,
        atoms=structure,
    )


def test_a_threefold_turn_in_space_and_in_the_zone():
    turn = operation(THREEFOLD)
    s = np.sqrt(0.75)
    np.testing.assert_allclose(
        turn.cartesian_aa, [[-0.5, -s, 0], [s, -0.5, 0], [0, 0, 1]], atol=1e-14
    )
    recip_ca = 2 * np.pi * np.linalg.inv(HEXAGONAL).T
    for reverse in (False, True):
        op = operation(THREEFOLD, reverse=reverse)
        k_c = np.array([0.13, 0.41, 0.2])
        moved_a = (-1 if reverse else 1) * op.cartesian_aa @ (k_c @ recip_ca)
        np.testing.assert_allclose((op.kpt_rotation_cc @ k_c) @ recip_ca, moved_a, atol=1e-13)
    assert (turn.symbol, turn.determinant) == ("3", 1)
    assert operation(-np.array(THREEFOLD), reverse=True).symbol == "-3'"
    assert operation([[-1, 0, 0], [0, -1, 0], [0, 0, 1]]).symbol == "2"
    assert str(operation(THREEFOLD, (0.5, 1 / 3, -0.1234), True)) == "-y+1/2,x-y+1/3,z-0.1234,-1"


def test_products_act_one_after_the_other():
    """On points, by {W|w} x = W x + w."""
    mirror = operation([[0, 1, 0], [1, 0, 0], [0, 0, 1]], (0.5, 0.25, 0.0), True)
    turn = operation(THREEFOLD, (0.1, 0.0, 0.3), True)
    x_c = np.array([0.3, -0.2, 0.7])

    def move(op, x):
        return op.rotation_cc @ x + op.translation_c

    both = mirror.after(turn)
    np.testing.assert_allclose(move(both, x_c), move(mirror, move(turn, x_c)), atol=1e-14)
    assert not both.time_reversal
    np.testing.assert_allclose(move(mirror.inverse(), move(mirror, x_c)), x_c, atol=1e-14)
    assert mirror.after(mirror.inverse()).same_as(operation(ONE))
    assert operation(ONE, (1, -2, 0)).same_as(operation(ONE))
    assert not operation(ONE, (0.5, 0, 0)).same_as(operation(ONE))


@pytest.mark.parametrize(
    ("rotation", "words"),
    [
        (np.diag([0.5, 2.0, 1.0]), "not an integer matrix"),
        (np.diag([1.0, 1.0, 0.0]), "determinant 1 or -1"),
        ([[0, -1, 0], [1, 0, 0], [0, 0, 1]], "changes lengths"),  # a fourfold turn
        (np.eye(2), r"shape \(2, 2\)"),
        (np.diag([1.0, 1.0, np.nan]), "not finite"),
    ],
)
def test_what_is_no_operation_of_the_lattice(rotation, words):
    with pytest.raises(ModelError, match=words):
        operation(rotation)


def test_what_is_no_group():
    turn = operation(THREEFOLD)
    with pytest.raises(ModelError, match=r"-y,x-y,z,\+1 after -y,x-y,z,\+1 gives -x\+y,-x,z,\+1"):
        MagneticGroup([operation(ONE), turn])
    with pytest.raises(ModelError, match="more than once"):
        MagneticGroup([operation(ONE), operation(ONE, (1, 0, 0))])
    with pytest.raises(ModelError, match="one operation at least"):
        MagneticGroup([])
    with pytest.raises(ModelError, match="different cells"):
        MagneticGroup([operation(ONE), operation(ONE, reverse=True, cell=2 * HEXAGONAL)])
    with pytest.raises(ModelError, match="do not fit into the cell"):
        MagneticGroup.generated_by([operation(ONE, (0.00121, 0, 0))])


def test_generated_groups():
    """C3v has 6 operations, its grey group 12, tT two: twice half a translation is none."""
    mirror = operation([[0, -1, 0], [-1, 0, 0], [0, 0, 1]])
    assert len(MagneticGroup.generated_by([operation(THREEFOLD), mirror])) == 6
    grey = MagneticGroup.generated_by(
        [operation(THREEFOLD), mirror, operation(ONE, reverse=True)], "3m1'"
    )
    assert (len(grey), grey.grey, grey.unitary) == (12, True, False)
    assert str(grey) == "3m1': 12 operations, 6 with time reversal"
    tT = MagneticGroup.generated_by([operation(ONE, (0.5, 0, 0), True)])
    assert (len(tT), tT.grey) == (2, False)
    kept = grey.subgroup([not g.time_reversal for g in grey], "3m")
    assert (len(kept), kept.unitary) == (6, True)
    assert grey.index(operation(THREEFOLD, (3, 0, -1))) >= 0
    assert grey.index(operation(-ONE)) == -1


def test_cartesian_matrices_multiply_to_the_last_bits():
    """Also where the cell is known to five digits only."""
    cell = HEXAGONAL.copy()
    cell[1, 1] = 2.59808
    mirror = operation([[0, -1, 0], [-1, 0, 0], [0, 0, 1]], cell=cell)
    group = MagneticGroup.generated_by([operation(THREEFOLD, cell=cell), mirror])
    for g, h in itertools.product(group, group):
        product = group.operations[group.index(g.after(h))]
        apart = g.cartesian_aa @ h.cartesian_aa - product.cartesian_aa
        assert np.abs(apart).max() < 1e-14
    assert np.abs(group.operations[0].cell_ca - cell).max() < 1e-5


@pytest.mark.parametrize(
    ("moments", "number", "n_operations", "n_reversed"),
    [
        (None, "221.93", 96, 48),  # Pm-3m1'
        ([[0, 0, 1.0]], "123.345", 16, 8),  # P4/mm'm'
        ([[1.0, 0, 0]], "123.345", 16, 8),
        ([[1.0, 1.0, 1.0]], "166.101", 12, 6),  # R-3m'
    ],
)
def test_a_cubic_atom_with_a_moment(moments, number, n_operations, n_reversed):
    """Numbers of the Belov-Neronova-Smirnova tables; a ferromagnet keeps the moment's axis."""
    group = magnetic_group(crystal(np.eye(3) * 3, ["Fe"], [[0, 0, 0]], moments))
    assert f"BNS {number}," in group.name
    assert len(group) == n_operations
    assert sum(g.time_reversal for g in group) == n_reversed
    if moments is not None:
        for g in group:
            sign = -1 if g.time_reversal else 1
            moved = sign * g.axis_matrix(axial=True) @ moments[0]
            np.testing.assert_allclose(moved, moments[0], atol=1e-12)


def test_antiferromagnetic_chromium_oxide_type():
    """Two atoms that inversion exchanges, moments opposite: PT, and neither P nor T."""
    model = crystal(
        np.diag([4.0, 4.1, 5.0]), ["Mn", "Mn"], [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]],
        [[0.1, 0.2, 2.0], [-0.1, -0.2, -2.0]],
    )  # fmt: skip
    group = magnetic_group(model)
    assert {g.symbol for g in group} == {"1", "-1'"}
    assert "BNS 2.6," in group.name
    same = magnetic_group(model.with_moments([[0.1, 0.2, 2.0], [0.1, 0.2, 2.0]]))
    assert {g.symbol for g in same} == {"1", "-1"}
    assert {g.symbol for g in magnetic_group(model.with_moments([0, 0]))} == {
        "1", "-1", "1'", "-1'",
    }  # fmt: skip


def test_slabs_lose_what_turns_them_over_or_stacks_them():
    """Square layers: C4v and the grey factor 2; a stack at half height is no slab's translation."""
    bulk = crystal(np.eye(3) * 3, ["Fe"], [[0, 0, 0]])
    assert len(magnetic_group(bulk)) == 96
    slab = crystal(np.eye(3) * 3, ["Fe"], [[0, 0, 0]], periodic=(True, True, False))
    assert len(magnetic_group(slab)) == 32  # D4h and time reversal
    cell = np.diag([3.0, 3.0, 12.0])
    stack = [[0, 0, 0.25], [0, 0, 0.75]]
    assert len(magnetic_group(crystal(cell, ["Fe", "Fe"], stack))) == 64
    pair = magnetic_group(crystal(cell, ["Fe", "Fe"], stack, periodic=(True, True, False)))
    assert len(pair) == 32
    for g in pair:
        assert not g.rotation_cc[2, :2].any()
        assert not g.rotation_cc[:2, 2].any()
    # The same layers across the boundary of the cell.
    cut = crystal(cell, ["Fe", "Fe"], [[0, 0, 0.9], [0, 0, 0.1]], periodic=(True, True, False))
    assert len(magnetic_group(cut)) == 32


def test_moments_of_ase_atoms_and_their_shape():
    cell = np.diag([4.0, 4.0, 5.0])
    collinear = ase.Atoms("Mn2", positions=[[0, 0, 0], [2, 2, 0]], cell=cell, magmoms=[1.5, -1.5])
    turned = ase.Atoms(
        "Mn2", positions=[[0, 0, 0], [2, 2, 0]], cell=cell, magmoms=[[1, 0, 0], [-1, 0, 0]]
    )
    bare = ase.Atoms("Mn2", positions=[[0, 0, 0], [2, 2, 0]], cell=cell)

    def moments(atoms):
        model = ws.WannierModel.from_arrays(
            cell, [[0, 0, 0]], np.zeros((1, 1, 1)), centres=[[0, 0, 0]], atoms=atoms
        )
        return model.structure.moments_xa

    assert moments(collinear).tolist() == [[0, 0, 1.5], [0, 0, -1.5]]
    assert moments(turned).tolist() == [[1, 0, 0], [-1, 0, 0]]
    assert moments(bare) is None
    with pytest.raises(ModelError, match=r"\(2, 3\), is needed"):
        ws.Structure(("Mn", "Mn"), np.zeros((2, 3)), np.zeros((1, 3)))
    no_atoms = ws.toys.pt_antiferromagnet()
    with pytest.raises(ModelError, match="no atoms"):
        no_atoms.with_moments([1.0])
    assert magnetic_group(no_atoms) is None


def test_moments_and_orbitals_come_back_from_a_file(tmp_path, bi_tb):
    model = bi_tb.with_moments([1.0, -1.0, 0.5, 0.0])
    back = ws.load_model(ws.save_model(model, tmp_path / "bi.w90.h5"))
    assert back.structure.moments_xa.tolist() == model.structure.moments_xa.tolist()
    assert back.orbitals == bi_tb.orbitals
    assert len(back.orbitals) == 32
