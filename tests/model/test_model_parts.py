"""Parts of the cell, thickness of a slab, and the crystal's symmetry."""

import itertools

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import PartitionError
from w90spin.model.partition import Partition
from w90spin.model.symmetry import point_group
from w90spin.model.thickness import slab_thickness
from w90spin.model.time_reversal import respects_time_reversal, time_reversal_violation

SLAB = (True, True, False)
SQUARE = np.diag([4.0, 4.0, 16.0])
HEXAGONAL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * 3**0.5, 0.0], [0.0, 0.0, 12.0]])


def sites(centres, cell=SQUARE, periodic=SLAB, atoms=None):
    """Isolated sites: only their places matter."""
    centres_ia = np.array(centres, float)
    ham = np.diag(np.arange(len(centres_ia), dtype=float))[None]
    return ws.WannierModel.from_arrays(
        cell, [[0, 0, 0]], ham, centres=centres_ia, periodic=periodic, atoms=atoms
    )


def heights(*values):
    return [[0.5 * i, 0.3 * i, z] for i, z in enumerate(values)]


def members(parts):
    """Functions of every part, counted from 0; every weight must be 0 or 1."""
    assert np.isin(parts.weights_li, [0.0, 1.0]).all()
    return {
        name: np.flatnonzero(weight_i).tolist()
        for name, weight_i in zip(parts.names, parts.weights_li, strict=True)
    }


@pytest.mark.parametrize(
    ("z", "gap", "expected"),
    [
        ((3.0, -3.0, 3.4, -2.6), None, {"A": [1, 3], "B": [0, 2]}),
        ((0.0, 0.4, 0.8, 1.2), None, {"A": [0, 1, 2, 3]}),
        ((0.0, 0.6, 5.0, 1.2, 5.6, 6.2), None, {"A": [0, 1, 3], "B": [2, 4, 5]}),
        ((0.0, 0.9, 1.8, 2.7), 1.0, {"A": [0, 1, 2, 3]}),
        ((0.0, 0.9, 1.8, 2.7), 0.8, {"A": [0], "B": [1], "C": [2], "D": [3]}),
        ((0.0, 1.1, 2.2), 1.0, {"A": [0], "B": [1], "C": [2]}),
    ],
)
def test_layers_without_atoms_are_clusters_of_heights(z, gap, expected):
    assert members(ws.partition(sites(heights(*z)), "layer", gap=gap)) == expected


def test_layers_need_a_direction():
    model = sites(heights(0.0, 5.0), periodic=(True, True, True))
    with pytest.raises(PartitionError, match=r"non-periodic along 0.*Give axis=0, 1 or 2"):
        ws.partition(model, "layer")
    with pytest.raises(PartitionError, match="axis = 3"):
        ws.partition(model, "layer", axis=3)


def test_layers_are_what_bonds_hold_together():
    """Two buckled sheets of bismuth, 2.9 Å bonds inside, 4 Å apart; one orbital off its atom."""
    z_x = [0.0, 1.6, 5.6, 7.2]
    places = np.array([[2.0 * (x % 2), 1.4 * (x % 2), z] for x, z in enumerate(z_x)])
    centres = np.array([*places, places[1] + [0.0, 0.0, 0.9]])
    model = sites(centres, atoms=ws.Structure(("Bi",) * 4, places))
    assert members(ws.partition(model, "layer")) == {"A": [0, 1, 4], "B": [2, 3]}
    assert members(ws.partition(model, "layer", gap=1.0)) == {
        "A": [0],
        "B": [1, 4],
        "C": [2],
        "D": [3],
    }


@pytest.mark.parametrize("shift", [0.0, 48.0, -21.3])
def test_no_layer_is_cut_by_the_boundary_of_a_periodic_stack(shift):
    centres = np.array(heights(15.8, 0.3, 7.0, 8.2, 7.5)) + np.array([0.0, 0.0, shift])
    model = sites(centres, periodic=(True, True, True))
    groups = members(ws.partition(model, "layer", axis=2))
    assert sorted(groups.values()) == [[0, 1], [2, 3, 4]]


def test_layers_of_a_left_handed_or_tilted_cell():
    """Heights count along the normal, not along the third lattice vector."""
    tilted = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [7.0, 0.0, 16.0]]
    for cell in (tilted, np.array(tilted)[[1, 0, 2]], np.diag([4.0, 4.0, -16.0])):
        parts = members(ws.partition(sites(heights(-3.0, 3.0, -2.5, 2.5), cell=cell), "layer"))
        assert sorted(parts.values()) == [[0, 2], [1, 3]]


def test_the_bismuth_monolayer_is_one_layer_of_two_buckled_sheets(bi_tb):
    assert members(ws.partition(bi_tb, "layer")) == {"A": [*range(32)]}
    sheets = members(ws.partition(bi_tb, "layer", gap=1.0))
    assert sheets == {"A": [*range(8, 24)], "B": [*range(8), *range(24, 32)]}


def test_sublattices_follow_the_moments():
    places = np.array([[0, 0, 0], [2, 2, 0], [0.2, 0, 2.0], [2, 2, 2.1]], float)
    atoms = ws.Structure(("Mn", "Mn", "Te", "Te"), places)
    model = sites([*places, [3.9, 0.0, 0.1]], atoms=atoms)
    parts = ws.partition(model, "sublattice", moments=[4.5, -4.5, 0.0, 0.0])
    assert members(parts) == {"up": [0, 2, 4], "down": [1, 3]}
    for moments, words in (
        (None, "one moment for each of the 4 atoms"),
        ([1.0, -1.0], "one moment for each of the 4 atoms"),
        ([1.0, 2.0, 0.0, 0.0], "one direction only"),
        ([1.0, np.inf, 0.0, 0.0], "finite numbers"),
        (["up", "down", 0, 0], "one moment for each"),
    ):
        with pytest.raises(PartitionError, match=words):
            ws.partition(model, "sublattice", moments=moments)
    told = model.with_moments([-4.5, 4.5, 0.0, 0.0])
    assert members(ws.partition(told, "sublattice")) == {"up": [1, 3], "down": [0, 2, 4]}
    flat = [[0, -3.0, 0], [0, 1.0, 0], [0, 0, 0], [0, 0, 0]]  # a ferrimagnet along y
    assert members(ws.partition(model, "sublattice", moments=flat)) == {
        "up": [1, 3],
        "down": [0, 2, 4],
    }


def test_sublattices_of_moments_in_three_directions():
    places = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0], [2, 2, 0], [2, 2, 1.0]], float)
    model = sites(places, atoms=ws.Structure(("Mn", "Mn", "Mn", "Mn", "Sn"), places))
    turn = [[np.cos(a), np.sin(a), 0.0] for a in np.radians([90, 210, 330])]
    moments = 3.0 * np.array([turn[0], turn[1], turn[2], turn[1], [0, 0, 0]])
    parts = ws.partition(model, "sublattice", moments=moments)
    assert members(parts) == {"A": [0], "B": [1, 3, 4], "C": [2]}


def test_atoms_of_bismuth(bi_tb):
    parts = members(ws.partition(bi_tb, "atom"))
    assert parts == {f"Bi{x + 1}": [*range(8 * x, 8 * x + 8)] for x in range(4)}
    assert members(ws.partition(bi_tb, "species")) == {"Bi": [*range(32)]}


def test_the_nearest_atom_may_lie_across_a_boundary():
    atoms = ws.Structure(("Bi", "Te", "Bi"), np.array([[0.1, 0, 0], [2.0, 2.0, 0], [0, 0, 14.0]]))
    model = sites(
        [[3.9, 3.9, 0.1], [1.9, 2.4, 0.2], [0.2, 4.2, 13.0], [0.0, 0.0, 9.0]], atoms=atoms
    )
    assert members(ws.partition(model, "atom")) == {"Bi1": [0], "Te2": [1], "Bi3": [2, 3]}
    assert members(ws.partition(model, "species")) == {"Bi": [0, 2, 3], "Te": [1]}


def test_the_open_direction_does_not_wrap():
    atoms = ws.Structure(("Bi", "Te"), np.array([[0, 0, 0.5], [0, 0, 12.0]]))
    model = sites([[0.0, 0.0, 15.9]], atoms=atoms)
    assert members(ws.partition(model, "atom")) == {"Bi1": [], "Te2": [0]}
    wrapped = sites([[0.0, 0.0, 15.9]], atoms=atoms, periodic=(True, True, True))
    assert members(ws.partition(wrapped, "atom")) == {"Bi1": [0], "Te2": []}


def test_nearest_atoms_of_a_hexagonal_cell_against_brute_force():
    rng = np.random.default_rng(11)
    atoms_xa = rng.uniform(0.0, 1.0, (3, 3)) @ HEXAGONAL
    centres_ia = rng.uniform(-2.0, 2.0, (60, 3)) @ HEXAGONAL
    shift_ma = np.array([(m, n, 0) for m, n in itertools.product(range(-5, 6), repeat=2)])
    shift_ma = shift_ma @ HEXAGONAL
    expected = [
        int(
            np.argmin([np.linalg.norm(centre - atom + shift_ma, axis=1).min() for atom in atoms_xa])
        )
        for centre in centres_ia
    ]
    model = sites(centres_ia, cell=HEXAGONAL, atoms=ws.Structure(("C", "B", "N"), atoms_xa))
    parts = ws.partition(model, "atom")
    assert parts.weights_li.argmax(axis=0).tolist() == expected
    assert parts.names == ("C1", "B2", "N3")


def test_groups_by_name_count_from_one(bi_tb):
    parts = ws.partition(bi_tb, {"rest": [*range(3, 33)], "s": [1, 2]})
    assert members(parts) == {"rest": [*range(2, 32)], "s": [0, 1]}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"A": [1], "B": [2, 3]}, "Wannier function 4 is counted 0 times"),
        ({"A": [1, 2], "B": [2, 3, 4]}, "Wannier function 2 is counted 2 times"),
        ({"A": [1, 2, 2], "B": [3, 4]}, "between 0 and 1|counted 2 times"),
        ({"A": [0, 1], "B": [2, 3, 4]}, "'A' names Wannier function 0; the model has 1 to 4"),
        ({"A": [1, 2, 3, 4], "B": [5]}, "'B' names Wannier function 5; the model has 1 to 4"),
        ({}, "counted 0 times"),
    ],
)
def test_groups_that_are_no_partition_are_refused(groups, words):
    with pytest.raises(PartitionError, match=words):
        ws.partition(sites(heights(0, 1, 2, 3)), groups)


@pytest.mark.parametrize(
    ("names", "weights", "words"),
    [
        (("A", "A"), [[1.0, 0.0], [0.0, 1.0]], "share a name"),
        (("A",), [[1.0, 0.0], [0.0, 1.0]], "1 names"),
        (("A", "B"), [[1.5, 0.0], [-0.5, 1.0]], "between 0 and 1"),
        (("A", "B"), [[0.5, 0.0], [0.4, 1.0]], "function 1 is counted 0.9 times"),
        (("A", "B"), [[np.nan, 0.0], [0.0, 1.0]], "not a finite number"),
    ],
)
def test_weights_that_are_no_partition_are_refused(names, weights, words):
    with pytest.raises(PartitionError, match=words):
        Partition(names, np.array(weights))


def test_partitions_that_cannot_be_made():
    model = sites(heights(0, 1, 2, 3))
    with pytest.raises(PartitionError, match=r"no atoms.*\.win or _centres\.xyz"):
        ws.partition(model, "atom")
    with pytest.raises(PartitionError, match="'orbital' is unknown; 'layer', 'atom'"):
        ws.partition(model, "orbital")


def atoms_at(*z, symbols=None, cell=SQUARE, periodic=SLAB):
    structure = ws.Structure(symbols or ("Bi",) * len(z), np.array([[0.1, 0.2, x] for x in z]))
    return sites([[0, 0, 0]], cell=cell, periodic=periodic, atoms=structure)


def test_thickness_of_bismuth(bi_tb):
    """Heights ±1.7635 Å in the data set; Alvarez gives bismuth 2.54 Å."""
    thickness = slab_thickness(bi_tb)
    assert thickness.value == pytest.approx(2 * 1.7635 + 2 * 2.54, abs=1e-4)
    assert thickness.value == pytest.approx(8.607, abs=1e-4)
    assert "3.527 Å" in thickness.reason
    assert "2.54 (Bi)" in thickness.reason


@pytest.mark.parametrize("shift", [0.0, 5.0, 8.0, -3.3, 14.7, 100.0])
def test_thickness_of_a_slab_wrapped_into_its_cell(shift):
    z_x = (np.array([0.0, 1.2, 3.5]) + shift) % 16.0
    thickness = slab_thickness(atoms_at(*z_x))
    assert thickness.value == pytest.approx(3.5 + 2 * 2.54, abs=1e-9)


def test_thickness_with_unequal_surfaces():
    """H 1.20, Bi 2.54 Å: a small atom on top may stick out less than a large one below it."""
    assert slab_thickness(atoms_at(0.0, 3.0, symbols=("Bi", "H"))).value == pytest.approx(
        3.0 + 2.54 + 1.20
    )
    assert slab_thickness(atoms_at(0.0, 0.5, symbols=("Bi", "H"))).value == pytest.approx(5.08)


def test_thickness_of_one_layer_and_of_another_axis():
    assert slab_thickness(atoms_at(3.0)).value == pytest.approx(5.08)
    upright = sites(
        [[0, 0, 0]],
        cell=np.diag([16.0, 4.0, 4.0]),
        periodic=(False, True, True),
        atoms=ws.Structure(("Bi", "Bi"), np.array([[15.0, 1.0, 1.0], [1.0, 0.0, 0.0]])),
    )
    assert slab_thickness(upright).value == pytest.approx(2.0 + 5.08)


def test_no_thickness_where_there_is_none():
    assert slab_thickness(sites([[0, 0, 0]])) is None
    assert slab_thickness(atoms_at(0.0, 1.0, periodic=(True, True, True))) is None
    assert slab_thickness(atoms_at(0.0, 1.0, symbols=("Bi", "Q7"))) is None


def test_point_group_of_bismuth(bi_tb):
    group = point_group(bi_tb)
    assert group.symbol == "mm2"
    assert group.space_group == "Pmn2_1 (31)"
    found = {tuple(np.rint(np.diag(rotation)).astype(int)) for rotation in group.rotation_gaa}
    assert len(group.rotation_gaa) == 4
    assert found == {(1, 1, 1), (-1, 1, 1), (1, 1, -1), (-1, 1, -1)}  # polar axis y


def test_no_group_without_elements():
    assert point_group(sites([[0, 0, 0]])) is None
    assert point_group(atoms_at(0.0, symbols=("Q7",))) is None


def test_no_group_where_atoms_coincide():
    assert point_group(atoms_at(1.0, 1.0)) is None


def test_time_reversal_holds_in_bismuth(bi_tb, bi_chk):
    for model in (bi_tb, bi_chk):
        violation = time_reversal_violation(model)
        assert violation.holds
        assert violation.ham < 1e-5
        assert violation.pos < 1e-5
        assert violation.spin < 1e-5


def test_time_reversal_is_broken_in_antiferromagnets():
    for model, exchange in (
        (ws.toys.pt_antiferromagnet(), 0.55),
        (ws.toys.tt_antiferromagnet(), 0.5),
    ):
        violation = time_reversal_violation(model)
        assert not violation.holds
        assert violation.ham > exchange
        assert violation.pos == pytest.approx(0.0, abs=1e-15)
        assert violation.spin == pytest.approx(0.0, abs=1e-15)


def test_time_reversal_by_hand():
    """h·σ at one site: reversed to -h·σ, so that it is violated by twice the largest element."""
    ham = np.array([[[0.3, 0.1 - 0.2j], [0.1 + 0.2j, -0.3]]])
    model = ws.WannierModel.from_arrays(
        np.eye(3), [[0, 0, 0]], ham, centres=np.zeros((2, 3)), spin_pairs=[[0, 1]]
    )
    assert time_reversal_violation(model).ham == pytest.approx(0.6)
    crossed = ws.WannierModel.from_arrays(
        np.eye(3),
        [[0, 0, 0]],
        np.eye(2)[None],
        centres=[[0, 0, 0], [0, 0, 0.5]],
        spin_pairs=[[1, 0]],
    )
    assert time_reversal_violation(crossed).ham == 0.0
    assert time_reversal_violation(crossed).pos == pytest.approx(0.5)
    assert time_reversal_violation(sites([[0, 0, 0]])) is None


def test_parts_that_divide_a_spinor_break_time_reversal():
    model = ws.toys.pt_antiferromagnet()
    assert respects_time_reversal(model, None)
    assert respects_time_reversal(model, ws.partition(model, {"A": [1, 2], "B": [3, 4]}))
    assert not respects_time_reversal(model, ws.partition(model, {"up": [1, 3], "down": [2, 4]}))
