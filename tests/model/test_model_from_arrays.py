"""A model from arrays: what it keeps, and what it refuses."""

import warnings

import numpy as np
import pytest

import w90spin as ws

CELL = np.diag([3.0, 4.0, 15.0])
R = np.array([[1, 0, 0], [0, 0, 0], [-1, 0, 0]])  # not sorted
HOP = np.array([[0.2 + 0.1j, 0.4j], [0.3, -0.1]])
HOME = np.array([[1.0, 0.2 - 0.3j], [0.2 + 0.3j, -1.0]])
HAM = np.array([HOP, HOME, HOP.conj().T])
SHIFT = np.array([[0.1 + 0.02j, 0.3], [0.05j, -0.2]])[..., None] * np.array([1.0, 0.5, -2.0])
POS = np.array([SHIFT, np.zeros((2, 2, 3)), SHIFT.conj().swapaxes(0, 1)])
POS[1, [0, 1], [0, 1]] = [[0.1, 0.2, 0.3], [1.0, -1.0, 2.0]]
SPIN = np.zeros((3, 2, 2, 3), complex)
SPIN[1] = np.stack([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], axis=-1)
SLAB = (True, True, False)


def build(**changed):
    given = {"cell": CELL, "R": R, "ham": HAM, "pos": POS, "spin": SPIN, "periodic": SLAB}
    return ws.WannierModel.from_arrays(**{**given, **changed})


def changed(array, where, value):
    array = np.array(array, dtype=np.result_type(array, value))
    array[where] = value
    return array


def test_operators_stand_with_their_lattice_vectors():
    model = build()
    assert model.R_Rc.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]
    for row, given in enumerate([2, 1, 0]):
        assert np.abs(model.ham_Rij[row] - HAM[given]).max() < 1e-15
        assert np.abs(model.pos_Raij[row] - POS[given].transpose(2, 0, 1)).max() < 1e-15
        assert np.abs(model.spin_Rsij[row] - SPIN[given].transpose(2, 0, 1)).max() < 1e-15
    assert model.centres_ia.tolist() == [[0.1, 0.2, 0.3], [1.0, -1.0, 2.0]]
    assert (model.n_wann, model.dimension, model.measure) == (2, 2, 12.0)
    assert np.allclose(model.recip_ca @ CELL.T, 2 * np.pi * np.eye(3))


def test_the_given_arrays_are_neither_changed_nor_shared():
    ham, pos, spin, cell = HAM.copy(), POS.copy(), SPIN.copy(), CELL.copy()
    model = ws.WannierModel.from_arrays(cell, R, ham, pos, spin, periodic=SLAB)
    assert np.array_equal(ham, HAM)
    assert np.array_equal(pos, POS)
    for array in (ham, pos, spin, cell):
        array *= 7.0
    assert np.array_equal(model.ham_Rij, build().ham_Rij)
    assert np.array_equal(model.pos_Raij, build().pos_Raij)
    assert np.array_equal(model.cell_ca, CELL)


def test_a_small_violation_is_measured_and_symmetrised():
    model = build(ham=changed(HAM, (0, 0, 1), 0.4j + 6e-4))
    assert model.hermiticity["ham"] == pytest.approx(6e-4)
    assert model.ham_Rij[2, 0, 1] == pytest.approx(0.4j + 3e-4)
    assert model.ham_Rij[0, 1, 0] == pytest.approx(-0.4j + 3e-4)


def test_a_large_violation_of_the_position_is_only_reported():
    model = build(pos=changed(POS, (0, 0, 1, 2), 4.0))
    assert model.hermiticity["pos"] == pytest.approx(abs(4.0 - POS[0, 0, 1, 2]))


def test_a_missing_minus_R_is_added_where_it_is_small():
    """Half of a hopping without its partner goes to each of the two."""
    extra = np.full((1, 2, 2), 4e-4)
    model = ws.WannierModel.from_arrays(
        CELL, [*R.tolist(), [0, 3, 0]], np.concatenate([HAM, extra]), centres=np.zeros((2, 3))
    )
    assert [0, -3, 0] in model.R_Rc.tolist()
    assert model.hermiticity["ham"] == pytest.approx(4e-4)
    assert np.allclose(model.ham_Rij[model.R_Rc[:, 1] == -3], 2e-4)


def test_position_from_centres_alone():
    model = build(pos=None, centres=[[0.5, 0.0, 1.0], [2.0, 3.0, -1.0]])
    expected = np.zeros((3, 3, 2, 2))
    expected[1, :, 0, 0], expected[1, :, 1, 1] = [0.5, 0.0, 1.0], [2.0, 3.0, -1.0]
    assert np.array_equal(model.pos_Raij, expected)


def test_no_position_at_all_is_warned_of():
    with pytest.warns(ws.W90SpinWarning, match="origin.*Give centres= or pos="):
        model = build(pos=None)
    assert not model.pos_Raij.any()


def test_centres_beside_another_diagonal_are_noted():
    model = build(centres=[[0.1, 0.2, 0.3], [1.0, -1.0, 2.5]])
    assert any("differ by up to 0.5 Å" in note for note in model.notes)
    assert not build(centres=[[0.1, 0.2, 0.3], [1.0, -1.0, 2.01]]).notes


def test_atoms_of_ase():
    from ase import Atoms

    atoms = Atoms("BiSb", positions=[[0, 0, 1], [1, 1, 2]])
    structure = build(atoms=atoms).structure
    assert structure.symbols == ("Bi", "Sb")
    assert structure.positions_xa.tolist() == [[0, 0, 1], [1, 1, 2]]


def test_a_model_without_spin_says_how_to_get_it():
    with pytest.raises(ws.W90SpinError, match=r"'bulk'.*edelstein.*write_spn.*projections"):
        build(spin=None, name="bulk").needs_spin("edelstein")


def test_equal_operators_have_equal_fingerprints():
    assert build().fingerprint == build(name="other").fingerprint
    for other in (
        build(ham=HAM * (1 + 1e-12)),
        build(pos=POS + changed(np.zeros_like(POS), (1, 0, 0, 0), 1e-9)),
        build(spin=None),
        build(cell=CELL * 1.0001),
        build(periodic=(True, True, True)),
    ):
        assert other.fingerprint != build().fingerprint


BAD = {
    "cell shape": ({"cell": np.eye(2)}, r"cell has shape \(2, 2\)"),
    "cell not finite": ({"cell": np.diag([3.0, np.nan, 9.0])}, r"cell\[1, 1\] is not a finite"),
    "dependent cell": (
        {"cell": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]},
        "linearly dependent.*2-dimensional.*Check the cell",
    ),
    "R shape": ({"R": R[:, :2]}, r"R has shape \(3, 2\)"),
    "R not integer": ({"R": R + 0.25}, "integers"),
    "R too few": ({"R": R[:2]}, r"ham has shape \(3, 2, 2\); \(2, 2, 2\) is needed"),
    "R twice": ({"R": [[1, 0, 0], [0, 0, 0], [1, 0, 0]]}, r"R = \(1, 0, 0\) stands more than once"),
    "no home": ({"R": [[1, 0, 0], [2, 0, 0], [-1, 0, 0]]}, r"R = \(0, 0, 0\) is missing"),
    "ham not square": ({"ham": HAM[:, :, :1]}, r"ham has shape \(3, 2, 1\)"),
    "ham flat": ({"ham": HAM[0]}, r"ham has shape \(2, 2\)"),
    "ham NaN": ({"ham": changed(HAM, (1, 0, 1), np.nan)}, r"ham\[1, 0, 1\] is not a finite"),
    "ham infinite": ({"ham": changed(HAM, (0, 1, 1), np.inf)}, r"ham\[0, 1, 1\]"),
    "ham transposed": (
        {"ham": np.array([HOP, HOME, HOP.T])},
        r"ham matrices violate O\(-R\) = O\(R\)\^† by 0\..*rows and columns are swapped",
    ),
    "ham without -R": (
        {"R": R[:2], "ham": HAM[:2], "pos": None, "spin": None, "centres": np.zeros((2, 3))},
        "An R may lack its -R",
    ),
    "pos shape": ({"pos": POS.transpose(0, 3, 1, 2)}, r"pos has shape \(3, 3, 2, 2\)"),
    "pos NaN": ({"pos": changed(POS, (0, 0, 0, 0), np.nan)}, r"pos\[0, 0, 0, 0\]"),
    "spin shape": ({"spin": SPIN[..., :2]}, r"spin has shape \(3, 2, 2, 2\)"),
    "spin not Hermitian": ({"spin": 1j * SPIN}, "spin matrices violate.*by 2"),
    "centres shape": ({"centres": np.zeros((3, 3))}, r"centres has shape \(3, 3\)"),
    "hopping off the slab": (
        {"R": R[:, [2, 1, 0]]},
        r"R = \(0, 0, -1\) leaves the cell.*non-periodic.*0\.4",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_impossible_arrays_are_refused(case):
    arrays, words = BAD[case]
    with warnings.catch_warnings(), pytest.raises(ws.W90SpinError, match=words):
        build(**arrays)


def test_skewed_cells_are_not_dependent():
    """A thin angle is no mistake: 1 degree, and lengths far apart."""
    angle = np.radians(1.0)
    cell = [[3.0, 0, 0], [500 * np.cos(angle), 500 * np.sin(angle), 0], [0, 0, 1.0]]
    assert build(cell=cell).measure == pytest.approx(1500 * np.sin(angle))
