"""The spin operator: its order, its sources, and what is done where one is missing."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from model_files import MESH, at_k, write_centres, write_hr, write_win

import w90spin as ws
from w90spin.errors import MissingOperatorError, SpinOrderError
from w90spin.model.spin import (
    pairs_from_centres,
    pairs_from_order,
    pairs_from_projections,
    pairs_from_spin,
)
from w90spin.read import read_nnkp

INTERLACED = [[2 * p, 2 * p + 1] for p in range(16)]
SIGMA = {"x": [[0, 1], [1, 0]], "y": [[0, -1j], [1j, 0]], "z": [[1, 0], [0, -1]]}
TB = (".win", ".nnkp", "_tb.dat", "_wsvec.dat")
SPN = (".spn", ".chk", ".eig")
HR = (".win", "_hr.dat", "_centres.xyz", "_wsvec.dat")


@pytest.fixture(scope="module")
def nnkp(bi_folder):
    return read_nnkp(bi_folder / "bi.nnkp")


def home_spin(model):
    return model.spin_Rsij[int(np.flatnonzero(~model.R_Rc.any(axis=1))[0])]


def pauli(pairs):
    """Pauli matrices of pure spinors, element by element."""
    spin_sij = np.zeros((3, 32, 32), complex)
    for s, axis in enumerate("xyz"):
        for pair in pairs:
            for row, col in itertools.product(range(2), repeat=2):
                spin_sij[s, pair[row], pair[col]] = SIGMA[axis][row][col]
    return spin_sij


def test_projections_of_the_monolayer_are_interlaced(nnkp):
    assert pairs_from_projections(nnkp).tolist() == INTERLACED


@pytest.mark.parametrize("order", ["block", "down first", "shuffled"])
def test_pairs_follow_the_projections_in_any_order(nnkp, order):
    places = {
        "block": [*range(0, 32, 2), *range(1, 32, 2)],
        "down first": [place ^ 1 for place in range(32)],
        "shuffled": np.random.default_rng(5).permutation(32).tolist(),
    }[order]
    moved = replace(nnkp, projections=tuple(nnkp.projections[place] for place in places))
    pairs = pairs_from_projections(moved)
    found = sorted((places[up], places[down]) for up, down in pairs)
    assert [list(pair) for pair in found] == INTERLACED
    if order == "block":
        assert sorted(pairs.tolist()) == [[p, p + 16] for p in range(16)]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"spin": 0}, r"projection 4 is not a spinor along \+z"),
        ({"spin_axis_a": np.array([1.0, 0.0, 0.0])}, r"projection 4 .*axis \[1.0, 0.0, 0.0\]"),
        ({"spin": 1}, "projections 3 and 4 are the same spinor"),
        ({"mr": 9}, "no partner of opposite spin"),
        ({"site_c": np.array([0.5, 0.5, 0.5])}, "no partner of opposite spin"),
    ],
)
def test_projections_without_partners_are_refused(nnkp, fault, words):
    projections = list(nnkp.projections)
    projections[3] = replace(projections[3], **fault)
    with pytest.raises(SpinOrderError, match=words) as caught:
        pairs_from_projections(replace(nnkp, projections=tuple(projections)))
    assert "Use the .spn" in str(caught.value)


def test_orders_by_name():
    assert pairs_from_order("interlaced", 6).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert pairs_from_order("block", 6).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert pairs_from_order([(3, 0), (1, 2)], 4).tolist() == [[3, 0], [1, 2]]


@pytest.mark.parametrize(
    ("order", "n_wann", "words"),
    [
        ("interlaced", 5, "5 Wannier functions cannot be pairs"),
        ("interleaved", 4, "'interleaved' is unknown; 'interlaced'"),
        ([(0, 1), (1, 2)], 4, "use each of the 4"),
        ([(0, 1)], 4, "2 pairs"),
        ([(1, 2), (3, 4)], 4, "counted from 0"),
    ],
)
def test_impossible_orders_are_refused(order, n_wann, words):
    with pytest.raises(SpinOrderError, match=words):
        pairs_from_order(order, n_wann)


def test_centres_tell_the_order_also_across_a_boundary():
    cell_ca = np.array([[3.0, 0.0, 0.0], [-1.5, 2.6, 0.0], [0.0, 0.0, 9.0]])
    one_a, two_a = np.array([0.1, 0.2, 4.0]), np.array([1.6, 1.0, 8.9])
    interlaced = np.array([one_a, one_a + cell_ca[1] - cell_ca[0], two_a, two_a - [0, 0, 8.95]])
    assert pairs_from_centres(interlaced, cell_ca).tolist() == [[0, 1], [2, 3]]
    assert pairs_from_centres(interlaced[[0, 2, 1, 3]], cell_ca).tolist() == [[0, 2], [1, 3]]
    for unclear in (np.tile(one_a, (4, 1)), interlaced * [[1], [0.2], [0.5], [0.1]]):
        with pytest.raises(SpinOrderError, match=r"spin_order = 'interlaced'.*'block'"):
            pairs_from_centres(unclear, cell_ca)


@pytest.mark.parametrize("model", ["bi_tb", "bi_chk"])
def test_spin_on_the_mesh_is_bounded(model, request):
    """A projection of σ onto a subspace has eigenvalues between -1 and 1 at every ab-initio k."""
    model = request.getfixturevalue(model)
    assert model.spin_source == ".spn"
    extreme = []
    for m, n in itertools.product(range(MESH[0]), range(MESH[1])):
        spin_sij = at_k(model.spin_Rsij, model.R_Rc, [m / 7, n / 7, 0.0])
        extreme.append(np.abs(np.linalg.eigvalsh(spin_sij)).max())
    assert 0.99 < max(extreme) < 1.0 + 1e-6


def test_spins_at_k_and_minus_k_are_opposite(bi_tb):
    for kpt_c in ([0.13, 0.21, 0.0], [0.31, -0.17, 0.0], [0.02, 0.44, 0.0]):
        spins = []
        for sign in (1, -1):
            ham_ij = at_k(bi_tb.ham_Rij, bi_tb.R_Rc, sign * np.array(kpt_c))
            spin_sij = at_k(bi_tb.spin_Rsij, bi_tb.R_Rc, sign * np.array(kpt_c))
            energy_n, u_in = np.linalg.eigh(ham_ij)
            spins.append((energy_n, np.einsum("in,sij,jn->ns", u_in.conj(), spin_sij, u_in).real))
        (energy_n, spin_ns), (mirrored_n, opposite_ns) = spins
        assert np.abs(energy_n - mirrored_n).max() < 1e-5
        apart_n = np.diff(energy_n) > 1e-3
        single_n = np.concatenate([[True], apart_n]) & np.concatenate([apart_n, [True]])
        assert single_n.sum() > 16
        assert np.linalg.norm(spin_ns[single_n], axis=1).max() > 0.5
        assert np.abs(spin_ns + opposite_ns)[single_n].max() < 1e-4


def test_difference_to_pure_spinors_is_in_the_notes(bi_tb):
    (note,) = (note for note in bi_tb.notes if "pure spinors" in note)
    apart_sij = np.abs(home_spin(bi_tb) - pauli(INTERLACED))
    most, rms = map(float, re.search(r"at most ([\d.]+), rms ([\d.]+)\.", note).groups())
    assert most == pytest.approx(apart_sij.max(), abs=5.1e-4)
    assert rms == pytest.approx(np.sqrt((apart_sij**2).mean()), abs=5.1e-5)
    assert 0.0 < most < 0.05
    (order,) = (note for note in bi_tb.notes if "Order of the spin components" in note)
    for witness in ("the .spn", "bi.nnkp", "centres", "time reversal"):
        assert witness in order


def test_without_spn_there_is_no_spin_and_the_notes_say_what_to_do(lay):
    """Pure spinors are an approximation: it must be asked for."""
    model = ws.load_model(lay(*TB))
    assert model.spin_Rsij is None
    assert model.spin_source == "none"
    (note,) = (note for note in model.notes if "No spin operator" in note)
    assert "write_spn = .true." in note
    assert "spin = 'projections'" in note
    with pytest.raises(MissingOperatorError, match="write_spn"):
        ws.compute(model, [ws.SpinPolarizability(omega_w=0.0, mu_f=1.42)])


def test_pure_spinors_come_from_the_projections(lay):
    model = ws.load_model(lay(*TB), spin="projections")
    assert model.spin_source.startswith("pure spinors, the projections in bi.nnkp")
    assert any("assumes Wannier functions that are pure spinors" in note for note in model.notes)
    assert any("write_spn" in note for note in model.notes)
    assert np.abs(home_spin(model) - pauli(INTERLACED)).max() < 1e-14
    assert np.abs(model.spin_Rsij).sum() == pytest.approx(3 * 32)  # nothing elsewhere


def test_without_nnkp_the_centres_are_asked(lay):
    model = ws.load_model(lay(".win", "_tb.dat", "_wsvec.dat"), spin="projections")
    assert model.spin_source.startswith("pure spinors, the Wannier centres")
    assert model.spin_pairs.tolist() == INTERLACED
    assert np.abs(home_spin(model) - pauli(INTERLACED)).max() < 1e-14


@pytest.mark.parametrize(
    ("order", "pairs"),
    [
        ("interlaced", INTERLACED),
        ("block", [[p, p + 16] for p in range(16)]),
        ([(31 - p, p) for p in range(16)], [[31 - p, p] for p in range(16)]),
    ],
)
def test_an_order_that_is_given_counts(lay, order, pairs):
    seed = lay(*HR, ".nnkp")
    if order == "interlaced":
        model = ws.load_model(seed, spin_order=order)
    else:
        with pytest.warns(ws.W90SpinWarning, match=r"contradicts .*bi\.nnkp.*time reversal"):
            model = ws.load_model(seed, spin_order=order)
    assert model.spin_source == "pure spinors, spin_order as given"
    assert np.abs(home_spin(model) - pauli(pairs)).max() < 1e-14
    assert model.spin_pairs.tolist() == pairs


def test_pure_spinors_on_request_beside_an_spn(lay):
    model = ws.load_model(lay(*TB, *SPN), spin="projections")
    assert model.spin_source.startswith("pure spinors")
    assert np.abs(home_spin(model) - pauli(INTERLACED)).max() < 1e-14


def test_no_spin_on_request(lay):
    assert ws.load_model(lay(*TB, *SPN), spin="none").spin_Rsij is None


def test_a_wanted_spn_that_is_not_there_is_named(lay):
    with pytest.raises(ws.W90SpinError, match=r"bi\.spn.*not there.*write_spn = \.true\."):
        ws.load_model(lay(*TB, ".chk", ".eig"), spin="spn")
    with pytest.raises(ws.W90SpinError, match=r"bi\.chk.*not there"):
        ws.load_model(lay(*TB, folder=lay().parents[1] / "other"), spin="spn")


def one_site(seed, centres_ia):
    """Four Wannier functions in a cell of 3 x 3 x 9 Å, written as _hr.dat."""
    write_win(seed, 4, (1, 1, 1), np.diag([3.0, 3.0, 9.0]))
    write_hr(seed, [[0, 0, 0]], [1], np.diag([0.0, 1.0, 2.0, 3.0])[None])
    write_centres(seed, centres_ia)


def test_ambiguous_centres_are_refused_only_where_the_order_is_needed(tmp_path):
    one_site(tmp_path / "one", np.full((4, 3), 0.5))
    with pytest.raises(SpinOrderError, match=r"is 0\.00 Å if interlaced, 0\.00 Å if in"):
        ws.load_model(tmp_path / "one", spin="projections")
    model = ws.load_model(tmp_path / "one")
    assert model.spin_Rsij is None
    with pytest.raises(MissingOperatorError, match="write_spn"):
        ws.compute(model, [ws.SpinPolarizability(omega_w=0.0, mu_f=1.5)])
    given = ws.load_model(tmp_path / "one", spin_order="block")
    assert given.spin_pairs.tolist() == [[0, 2], [1, 3]]


def test_centres_in_blocks_are_recognised(tmp_path):
    one_site(tmp_path / "one", [[0, 0, 1.0], [1, 1, 3.0], [0, 0, 1.1], [1, 1, 3.1]])
    assert ws.load_model(tmp_path / "one").spin_pairs.tolist() == [[0, 2], [1, 3]]
    model = ws.load_model(tmp_path / "one", spin="projections")
    assert model.spin_source == "pure spinors, the Wannier centres"


def test_evidence_that_disagrees_is_told(tmp_path, lay):
    """The .spn says interlaced: another order is refused, and beside it not believed."""
    seed = lay(*TB, *SPN)
    with pytest.raises(SpinOrderError, match=r"contradictory: spin_order.*'block'.*'interlaced'"):
        ws.load_model(seed, spin_order="block")
    one_site(tmp_path / "one", [[0, 0, 1.0], [1, 1, 3.0], [0, 0, 1.1], [1, 1, 3.1]])
    write_hr(tmp_path / "one", [[0, 0, 0]], [1], np.diag([0.0, 0.0, 1.0, 1.0])[None])
    with pytest.raises(SpinOrderError, match=r"centres say 'block', time reversal.*'interlaced'"):
        ws.load_model(tmp_path / "one", spin="projections")
    model = ws.load_model(tmp_path / "one")
    assert model.spin_pairs is None
    assert any("Time reversal is not tested" in note for note in model.notes)


def test_time_reversal_tells_the_order_where_centres_do_not(tmp_path):
    one_site(tmp_path / "one", np.full((4, 3), 0.5))
    write_hr(tmp_path / "one", [[0, 0, 0]], [1], np.diag([0.0, 1.0, 0.0, 1.0])[None])
    model = ws.load_model(tmp_path / "one", spin="projections")
    assert model.spin_pairs.tolist() == [[0, 2], [1, 3]]
    assert model.spin_source == "pure spinors, time reversal of H(R)"


def test_pairs_from_the_spin_operator():
    shuffled = np.random.default_rng(2).permutation(32)
    spin_sij = pauli(shuffled.reshape(-1, 2).tolist())
    found = {tuple(pair) for pair in pairs_from_spin(spin_sij).tolist()}
    assert found == {tuple(pair) for pair in shuffled.reshape(-1, 2).tolist()}
    turned = np.roll(spin_sij, 1, axis=0)  # spinors along x
    with pytest.raises(SpinOrderError, match="not pairs of spinors along z"):
        pairs_from_spin(turned)


def test_scalar_wannier_functions_carry_no_spin(tmp_path):
    one_site(tmp_path / "one", [[0, 0, 1.0], [0, 0, 1.0], [1, 1, 3.0], [1, 1, 3.0]])
    win = tmp_path / "one.win"
    win.write_text(win.read_text().replace("spinors = .true.", ""))
    assert ws.load_model(tmp_path / "one").spin_Rsij is None
    with pytest.raises(ws.W90SpinError, match=r"one\.win has no spinors = \.true\."):
        ws.load_model(tmp_path / "one", spin="projections")
