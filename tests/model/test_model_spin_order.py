"""Order of the spin components from PT or tT of H(R), where time reversal is broken."""

import numpy as np
import pytest
from model_files import write_centres, write_hr, write_win

import w90spin as ws
from w90spin.errors import SpinOrderError
from w90spin.model import toys

PT = "PT of H(R)"
TRANSLATED = "time reversal with a translation of H(R)"
PLACES = {
    "interlaced": [0, 1, 2, 3],
    "in blocks": [0, 2, 1, 3],
    "down first": [1, 0, 3, 2],
    "shuffled": [3, 0, 2, 1],
}
"""Wannier functions of the toys (A up, A down, B up, B down) in the order in which they stand."""


def pairs_of(places):
    up, down = (sorted(range(4), key=places.__getitem__)[first::2] for first in (0, 1))
    return sorted(zip(up, down, strict=True))


def write(seed, model, places, *, centres=True, atoms=("Mn", "Mn"), ham=None):
    """A toy of one s-like pair on each of two atoms as files, its functions in another order."""
    ham_Rij = model.ham_Rij if ham is None else ham
    sites_xa = model.centres_ia[::2]
    write_win(seed, 4, (4, 4, 1), model.cell_ca)
    rows = [f"{name} {x} {y} {z}" for name, (x, y, z) in zip(atoms, sites_xa.tolist(), strict=True)]
    block = "\n".join(["begin atoms_cart", "ang", *rows, "end atoms_cart"])
    projections = "\n".join(f"{name}:s" for name in dict.fromkeys(atoms))
    win = seed.with_name(f"{seed.name}.win")
    win.write_text(f"{win.read_text()}{block}\nbegin projections\n{projections}\nend projections\n")
    write_hr(seed, model.R_Rc, [1] * len(model.R_Rc), ham_Rij[:, places][:, :, places])
    centres_ia = model.centres_ia[places] if centres else np.tile(sites_xa.mean(axis=0), (4, 1))
    write_centres(seed, centres_ia)
    return seed


def order_notes(model):
    return [note for note in model.notes if "Order of the spin" in note]


@pytest.mark.parametrize(
    ("toy", "witness"),
    [(toys.pt_antiferromagnet, PT), (toys.tt_antiferromagnet, TRANSLATED)],
)
@pytest.mark.parametrize("order", ["interlaced", "in blocks"])
def test_symmetry_of_an_antiferromagnet_tells_the_order_alone(tmp_path, toy, witness, order):
    seed = write(tmp_path / "afm", toy(), PLACES[order], centres=False)
    model = ws.load_model(seed, spin="projections")
    assert model.spin_source == f"pure spinors, {witness}"
    assert sorted(map(tuple, model.spin_pairs.tolist())) == pairs_of(PLACES[order])
    assert order_notes(model) == [f"Order of the spin components from {witness}."]


@pytest.mark.parametrize("order", ["interlaced", "in blocks"])
@pytest.mark.parametrize("atoms", [("Mn", "Mn"), ("Mn1", "Mn2")])
def test_pt_confirms_what_the_centres_say(tmp_path, order, atoms):
    seed = write(tmp_path / "afm", toys.pt_antiferromagnet(), PLACES[order], atoms=atoms)
    model = ws.load_model(seed)
    assert order_notes(model) == [
        f"Order of the spin components from the Wannier centres and {PT}."
    ]
    assert sorted(map(tuple, model.spin_pairs.tolist())) == pairs_of(PLACES[order])


def test_pt_against_the_centres_is_told(tmp_path):
    """Centres of another run, as if functions had been sorted after they were written."""
    toy = toys.pt_antiferromagnet()
    seed = write(tmp_path / "afm", toy, PLACES["interlaced"])
    write_centres(seed, toy.centres_ia[PLACES["in blocks"]])
    words = r"contradictory: the Wannier centres say 'block', PT of H\(R\) say 'interlaced'.*Settle"
    with pytest.raises(SpinOrderError, match=words):
        ws.load_model(seed, spin="projections")
    model = ws.load_model(seed)
    assert model.spin_pairs is None
    assert any("contradictory" in note and "not tested" in note for note in model.notes)


@pytest.mark.parametrize("given", PLACES)
@pytest.mark.parametrize("true", PLACES)
def test_pt_judges_an_order_that_is_given(tmp_path, given, true):
    """Up and down exchanged in all pairs at once is the same to PT, and to the centres."""
    seed = write(tmp_path / "afm", toys.pt_antiferromagnet(), PLACES[true], centres=False)
    pairs = pairs_of(PLACES[given])
    told, right = ({frozenset(pair) for pair in pairs_of(PLACES[order])} for order in (given, true))
    turned = {given, true} <= {"interlaced", "down first"}
    if given == true or turned:
        assert told == right
        model = ws.load_model(seed, spin_order=pairs)
    elif true == "shuffled":  # neither usual order has PT, so nothing speaks against the one given
        model = ws.load_model(seed, spin_order=pairs)
        assert any("All bands are doubly degenerate, but PT" in note for note in model.notes)
    else:
        with pytest.warns(ws.W90SpinWarning, match=r"contradicts PT of H\(R\)\. It is used"):
            model = ws.load_model(seed, spin_order=pairs)
    assert sorted(map(tuple, model.spin_pairs.tolist())) == pairs


def test_parity_of_orbitals_counts(tmp_path):
    r"""s and px on one inversion centre: PT is :math:`\mathrm{diag}(1,-1) \otimes i\sigma_y K`."""
    random = np.random.default_rng(4)
    R_Rc = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    ham = {(0, 0, 0): random.normal(size=(4, 4)) + 1j * random.normal(size=(4, 4))}
    for R in ((1, 0, 0), (0, 1, 0)):
        ham[R] = 0.3 * (random.normal(size=(4, 4)) + 1j * random.normal(size=(4, 4)))
        ham[-R[0], -R[1], 0] = ham[R].conj().T
    ham[0, 0, 0] += ham[0, 0, 0].conj().T
    pt = np.kron(np.diag([1, -1]), [[0, 1], [-1, 0]])
    # PT leaves R as it is: inversion and complex conjugation each turn k around.
    ham_Rij = np.array([ham[tuple(R)] for R in R_Rc.tolist()])
    partner_Rij = np.array([pt @ ham[-x, -y, 0].conj() @ pt.T for x, y, _ in R_Rc.tolist()])
    ham_Rij = 0.5 * (ham_Rij + partner_Rij)
    for order in ("interlaced", "in blocks"):
        places = PLACES[order]
        seed = tmp_path / order.replace(" ", "")
        write_win(seed, 4, (4, 4, 1), np.diag([3.0, 3.5, 9.0]))
        win = seed.with_name(f"{seed.name}.win")
        win.write_text(
            win.read_text()
            + "begin atoms_frac\nMn 0 0 0\nend atoms_frac\n"
            + "begin projections\nMn:s;px\nend projections\n"
        )
        write_hr(seed, R_Rc, [1] * 5, ham_Rij[:, places][:, :, places])
        write_centres(seed, np.zeros((4, 3)))
        model = ws.load_model(seed, spin="projections")
        assert model.spin_source == f"pure spinors, {PT}"
        assert sorted(map(tuple, model.spin_pairs.tolist())) == pairs_of(places)


def test_pt_is_not_asked_where_bands_are_single(tmp_path):
    toy = toys.pt_antiferromagnet()
    ham_Rij = toy.ham_Rij.copy()
    home = int(np.flatnonzero(~toy.R_Rc.any(axis=1))[0])
    ham_Rij[home] += np.diag([0.2, -0.2, 0.2, -0.2])  # a field along z
    model = ws.load_model(write(tmp_path / "fm", toy, PLACES["in blocks"], ham=ham_Rij))
    assert order_notes(model) == ["Order of the spin components from the Wannier centres."]
    assert not any("doubly" in note for note in model.notes)


def test_bands_in_pairs_without_pt_are_told(tmp_path):
    """Spinors turned on one sublattice alone keep the bands and break PT in the usual form."""
    toy = toys.pt_antiferromagnet()
    turn = np.eye(4, dtype=complex)
    turn[2:, 2:] = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    ham_Rij = turn @ toy.ham_Rij @ turn.conj().T
    model = ws.load_model(write(tmp_path / "afm", toy, PLACES["interlaced"], ham=ham_Rij))
    assert order_notes(model) == ["Order of the spin components from the Wannier centres."]
    (note,) = (note for note in model.notes if "doubly degenerate" in note)
    assert "PT of H(R) does not tell" in note


@pytest.mark.parametrize("kept", ["begin projections", "num_wann"])
def test_a_win_without_atoms_is_told(tmp_path, kept):
    toy = toys.pt_antiferromagnet()
    seed = write(tmp_path / "afm", toy, PLACES["interlaced"])
    assert not any("structure is unknown" in note for note in ws.load_model(seed).notes)
    win = seed.with_name("afm.win")
    text = win.read_text()
    atoms = text[text.index("begin atoms_cart") : text.index("begin projections")]
    shorter = text.replace(atoms, "") if kept == "begin projections" else text.split(atoms)[0]
    win.write_text(shorter.replace("Mn:s", "c=0,0,0:s"))
    model = ws.load_model(seed)
    (note,) = (note for note in model.notes if "structure is unknown" in note)
    assert "afm.win has no block atoms_cart or atoms_frac" in note
    assert order_notes(model) == ["Order of the spin components from the Wannier centres."]


def test_the_least_pure_functions_are_named():
    toy = toys.pt_antiferromagnet()
    home = int(np.flatnonzero(~toy.R_Rc.any(axis=1))[0])
    assert "least pure" not in str(ws.model_report(toy))
    spin_Rsij = toy.spin_Rsij.copy()
    spin_Rsij[home, 2] = np.diag([1.0, -0.95, 0.6, -0.8])
    spin_Rsij[home, 0, 1, 1] = 0.2
    report = ws.model_report(toy.with_spin(spin_Rsij, source="by hand"))
    purity_i = report.facts["spin_purity_of_each"]
    assert purity_i == pytest.approx([1.0, np.hypot(0.95, 0.2), 0.6, 0.8])
    assert "(least pure: number 3 with 0.600, number 4 with 0.800)" in str(report)
