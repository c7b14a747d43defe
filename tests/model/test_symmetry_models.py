"""Models that are measured and symmetrised: bands, spins and velocities know the group after it.

Nothing here uses the matrices of the operations on Wannier functions: what is tested are
consequences for eigenvalues and expectation values at single k points.
"""

import itertools
import json

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import ModelError
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.orbitals import Orbital
from w90spin.model.symmetrise import measure_symmetry, model_group, part_permutation, symmetrised

SQUARE = np.diag([3.0, 3.0, 11.0])
HEXAGONAL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * 3**0.5, 0.0], [0.0, 0.0, 11.0]])
RECTANGLE = np.diag([3.0, 4.2, 11.0])
ONE = np.eye(3, dtype=int)
FOURFOLD = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
THREEFOLD = [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
S, P, D = [(0, 1)], [(1, 1), (1, 2), (1, 3)], [(2, mr) for mr in range(1, 6)]
SP3 = [(-3, mr) for mr in (1, 2, 3, 4)]


def operation(rotation, shift=(0, 0, 0), reverse=False, cell=SQUARE):
    return SymmetryOperation(np.array(rotation), np.array(shift, float), reverse, cell)


def random_model(cell, sites, seed, periodic=(True, True, False), reach=1):
    """Random H, r and spin between orbitals (l, mr, frame) on reduced sites."""
    rng = np.random.default_rng(seed)
    orbitals = [
        Orbital(site_c=tuple(site_c), l=l, mr=mr, spin=spin, **frame)
        for site_c, shells, frame in sites
        for l, mr in shells  # noqa: E741
        for spin in (1, -1)
    ]
    steps = [np.arange(-reach, reach + 1) if repeats else [0] for repeats in periodic]
    R_Rc = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    n = len(orbitals)

    def hermitian(size, *axes):
        shape = (len(R_Rc), n, n, *axes)
        op = size * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
        return (op + np.swapaxes(op[::-1], 1, 2).conj()) / 2

    centres_ia = np.array([orbital.site_c for orbital in orbitals]) @ cell
    pos = hermitian(0.2, 3)
    pos[len(R_Rc) // 2, np.arange(n), np.arange(n)] = centres_ia + rng.normal(0, 0.1, (n, 3))
    return ws.WannierModel.from_arrays(
        cell,
        R_Rc,
        hermitian(1.0),
        pos=pos,
        spin=hermitian(0.5, 3),
        periodic=periodic,
        orbitals=orbitals,
    )


C3V = [
    operation(THREEFOLD, cell=HEXAGONAL),
    operation([[0, -1, 0], [-1, 0, 0], [0, 0, 1]], cell=HEXAGONAL),
]
C4 = [operation(FOURFOLD)]
C4_PRIME = [operation(FOURFOLD, reverse=True)]
C4V = [*C4, operation(np.diag([-1, 1, 1]))]
PT = [operation(-ONE, reverse=True)]
tT = [operation(ONE, (0.5, 0, 0), reverse=True, cell=RECTANGLE)]
GLIDE = [
    operation(np.diag([1, 1, -1]), (0.5, 0.5, 0), cell=RECTANGLE),
    operation(np.diag([-1, 1, 1]), cell=RECTANGLE),
]
D3 = [
    operation(THREEFOLD, cell=HEXAGONAL),
    operation([[0, 1, 0], [1, 0, 0], [0, 0, -1]], reverse=True, cell=HEXAGONAL),
]
TURNED = {"z_axis_a": (1, 0, 0), "x_axis_a": (0, 1, 1)}

CASES = {
    "C3v": (HEXAGONAL, [((0, 0, 0.1), S + P, {}), ((1 / 3, 2 / 3, 0), S, {})], C3V),
    "C4": (SQUARE, [((0, 0, 0), P, {}), ((0.5, 0, 0.1), SP3, {}), ((0, 0.5, 0.1), SP3, {})], C4),
    "C4'": (SQUARE, [((0.5, 0.5, 0), P, TURNED), ((0, 0, 0.1), S, {})], C4_PRIME),
    "PT": (SQUARE, [((0.2, 0.1, 0.1), P, {}), ((-0.2, -0.1, -0.1), P, TURNED)], PT),
    "tT": (RECTANGLE, [((0.1, 0.2, 0), S + P, {}), ((0.6, 0.2, 0), S + P, {})], tT),
    "glide": (
        RECTANGLE,
        [((0, 0.1, 0.1), S + P, {}), ((0.5, 0.6, -0.1), S + P, TURNED)],
        GLIDE,
    ),
    "3 and 2'": (HEXAGONAL, [((1 / 3, 2 / 3, 0.05), D, {}), ((2 / 3, 1 / 3, -0.05), D, {})], D3),
}


def states(model, kpt_c):
    """Energies, spin and covariant velocity matrices between the bands at one k."""
    phase_R = np.exp(2j * np.pi * model.R_Rc @ kpt_c)
    place_Ra = model.R_Rc @ model.cell_ca
    ham = np.einsum("R,Rij->ij", phase_R, model.ham_Rij)
    pos = np.einsum("R,Raij->aij", phase_R, model.pos_Raij)
    slope = np.einsum("R,Ra,Rij->aij", 1j * phase_R, place_Ra, model.ham_Rij)
    energy_n, u = np.linalg.eigh(ham)
    covariant = slope - 1j * (pos @ ham - ham @ pos)
    spin = np.einsum("R,Rsij->sij", phase_R, model.spin_Rsij)
    return energy_n, u.conj().T @ spin @ u, u.conj().T @ covariant @ u


def blocks_of(energy_n):
    """Slices of bands nearer than 1e-8 eV."""
    cuts = [0, *(np.flatnonzero(np.diff(energy_n) > 1e-8) + 1), len(energy_n)]
    return [slice(a, b) for a, b in itertools.pairwise(cuts)]


@pytest.mark.parametrize("case", CASES)
def test_a_symmetrised_model_has_the_symmetry(case):
    """E(Kk) = E(k), spin axial and odd, V_a V_b* polar; block by block of degenerate bands."""
    cell, sites, generators = CASES[case]
    given = random_model(cell, sites, seed=len(case))
    model, report = symmetrised(given, generators)
    assert report.before.worst.ham > 0.1
    worst = report.after.worst
    assert max(worst.ham, worst.pos, worst.spin) < 1e-12
    assert report.band_change > 0.1
    rng = np.random.default_rng(5)
    for g in MagneticGroup.generated_by(generators):
        kpt_c = np.where(model.periodic, rng.uniform(size=3), 0.0)
        energy_n, spin, velocity = states(model, kpt_c)
        moved_n, moved_spin, moved_velocity = states(model, g.kpt_rotation_cc @ kpt_c)
        np.testing.assert_allclose(moved_n, energy_n, atol=1e-12)
        sign = -1 if g.time_reversal else 1
        turn, axial = g.cartesian_aa, np.linalg.det(g.cartesian_aa) * g.cartesian_aa
        blocks = blocks_of(energy_n)
        for n in blocks:
            mean_s = np.einsum("snn->s", spin[:, n, n]).real
            moved_s = np.einsum("snn->s", moved_spin[:, n, n]).real
            np.testing.assert_allclose(moved_s, sign * axial @ mean_s, atol=1e-10)
            for m in blocks:
                pair = np.einsum("anm,bmn->ab", velocity[:, n, m], velocity[:, m, n])
                seen = np.einsum("anm,bmn->ab", moved_velocity[:, n, m], moved_velocity[:, m, n])
                expected = turn @ (pair.conj() if g.time_reversal else pair) @ turn.T
                np.testing.assert_allclose(seen, expected, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_symmetrising_twice_changes_nothing(case):
    cell, sites, generators = CASES[case]
    once, _ = symmetrised(random_model(cell, sites, seed=3), generators)
    twice, report = symmetrised(once, generators)
    assert np.array_equal(once.R_Rc, twice.R_Rc)
    for name in ("ham_Rij", "pos_Raij", "spin_Rsij", "centres_ia"):
        assert np.abs(getattr(once, name) - getattr(twice, name)).max() < 1e-13
    assert report.band_change < 1e-12
    home = np.flatnonzero(np.all(once.R_Rc == 0, axis=1))[0]
    np.testing.assert_array_equal(once.centres_ia, np.einsum("aii->ia", once.pos_Raij[home]).real)
    # Hermitian still.
    for op in (once.ham_Rij[:, None], once.pos_Raij, once.spin_Rsij):
        assert np.abs(op - op[::-1].swapaxes(-1, -2).conj()).max() < 1e-13


def degeneracies(model, kpt_c):
    return sorted(b.stop - b.start for b in blocks_of(states(model, np.array(kpt_c))[0]))


def test_degeneracies_that_the_double_groups_demand():
    """Little groups of the zone centre and corner, without and with time reversal.

    C3v on s + p spinors of the axis: s, pz -> E1/2; px, py -> E1/2 + 1E3/2 + 2E3/2.  On the other
    site (its own C3v) s -> E1/2.  The two 3/2 are joined by time reversal only.  At K the little
    group without it is C3, with one-dimensional representations alone.
    """
    cell, sites, generators = CASES["C3v"]
    model, _ = symmetrised(random_model(cell, sites, seed=1), generators)
    assert degeneracies(model, [0, 0, 0]) == [1, 1, 2, 2, 2, 2]
    assert degeneracies(model, [0.21, 0.13, 0]) == [1] * 10
    assert degeneracies(model, [1 / 3, 1 / 3, 0]) == [1] * 10
    reverse = operation(ONE, reverse=True, cell=HEXAGONAL)
    grey, _ = symmetrised(model, [*generators, reverse])
    assert degeneracies(grey, [0, 0, 0]) == [2] * 5
    assert degeneracies(grey, [0.5, 0, 0]) == [2] * 5
    assert degeneracies(grey, [0.21, 0.13, 0]) == [1] * 10
    # C4v: both double representations have two dimensions, also those of C2v at X.
    square = random_model(SQUARE, [((0, 0, 0), S + P, {})], seed=2)
    model, _ = symmetrised(square, C4V)
    assert degeneracies(model, [0, 0, 0]) == [2] * 4
    assert degeneracies(model, [0.5, 0, 0]) == [2] * 4
    assert degeneracies(model, [0.3, 0, 0]) == [1] * 8
    model, _ = symmetrised(square, C4)
    assert degeneracies(model, [0, 0, 0]) == [1] * 8


def test_pt_pairs_every_band_and_tT_those_of_half_the_zone():
    """(PT)^2 = -1 everywhere; (tT)^2 = -exp(-i k.2t): pairs at T-invariant k with k_x = 0 only."""
    cell, sites, generators = CASES["PT"]
    model, _ = symmetrised(random_model(cell, sites, seed=4), generators)
    assert degeneracies(model, [0.17, 0.31, 0]) == [2] * 6
    cell, sites, generators = CASES["tT"]
    model, _ = symmetrised(random_model(cell, sites, seed=4), generators)
    assert degeneracies(model, [0, 0, 0]) == [2] * 8
    assert degeneracies(model, [0, 0.5, 0]) == [2] * 8
    assert degeneracies(model, [0.5, 0, 0]) == [1] * 16
    assert degeneracies(model, [0.5, 0.5, 0]) == [1] * 16


def test_closed_forms_of_the_toys():
    """What the antiferromagnets are made to have, and how much of T alone they break.

    PT model: T flips the exchange 0.55 (sin 0.5 sx + cos 0.5 sz) on A, elements up to twice
    0.55 cos 0.5; spin-orbit hopping is even under T.  P flips the same with the sublattices.
    """
    toy = ws.toys.pt_antiferromagnet()
    cell = toy.cell_ca
    reverse, invert = operation(ONE, reverse=True, cell=cell), operation(-ONE, cell=cell)
    group = MagneticGroup.generated_by([reverse, invert])
    numbers = {v.operation.symbol: v for v in measure_symmetry(toy, group).violations}
    assert numbers["-1'"].ham < 1e-15
    assert numbers["1'"].ham == pytest.approx(1.1 * np.cos(0.5))
    assert max(v.spin for v in numbers.values()) < 1e-15
    assert max(v.pos for v in numbers.values()) < 1e-15
    assert numbers["-1'"].holds
    assert not numbers["1'"].holds
    found = measure_symmetry(toy, group).subgroup()
    assert [g.symbol for g in found] == ["1", "-1'"]
    moved = ws.toys.tt_antiferromagnet()
    half = operation(ONE, (0.5, 0, 0), reverse=True, cell=moved.cell_ca)
    report = measure_symmetry(moved, MagneticGroup.generated_by([half]))
    assert report.worst.ham < 1e-15
    assert report.holds


def test_functions_called_by_other_cells():
    """Wannier functions of one site that stand in different cells: the same model, relabelled."""
    cell, sites, generators = CASES["C3v"]
    model = random_model(cell, sites, seed=8)
    cell_ic = np.zeros((model.n_wann, 3), dtype=int)
    cell_ic[[0, 3, 5]] = [[1, 0, 0], [0, -1, 0], [-1, 1, 0]]
    R_Rc = np.stack(np.meshgrid(*[range(-3, 4)] * 2, [0], indexing="ij"), -1).reshape(-1, 3)
    row = {tuple(R): index for index, R in enumerate(R_Rc.tolist())}
    moved = {
        name: np.zeros((len(R_Rc), *getattr(model, name).shape[1:]), dtype=complex)
        for name in ("ham_Rij", "pos_Raij", "spin_Rsij")
    }
    for index, R in enumerate(model.R_Rc):
        for i in range(model.n_wann):
            for j in range(model.n_wann):
                # |R j> is now called |R + c_j, j'>.
                place = row[tuple((R - cell_ic[j] + cell_ic[i]).tolist())]
                for name, op in moved.items():
                    op[place, ..., i, j] = getattr(model, name)[index, ..., i, j]
    home = row[0, 0, 0]
    every = np.arange(model.n_wann)
    moved["pos_Raij"][home][:, every, every] += (cell_ic @ cell).T
    other = ws.WannierModel.from_arrays(
        cell,
        R_Rc,
        moved["ham_Rij"],
        pos=moved["pos_Raij"].transpose(0, 2, 3, 1),
        spin=moved["spin_Rsij"].transpose(0, 2, 3, 1),
        periodic=model.periodic,
        orbitals=model.orbitals,
    )
    group = MagneticGroup.generated_by(generators)
    ours, theirs = measure_symmetry(model, group), measure_symmetry(other, group)
    for one, two in zip(ours.violations, theirs.violations, strict=True):
        assert (one.ham, one.pos, one.spin) == pytest.approx((two.ham, two.pos, two.spin))
    good, _ = symmetrised(model, group)
    also_good, report = symmetrised(other, group)
    assert report.after.worst.pos < 1e-12
    for kpt_c in ([0.1, 0.3, 0], [0.27, 0.05, 0]):
        one, two = states(good, np.array(kpt_c)), states(also_good, np.array(kpt_c))
        np.testing.assert_allclose(one[0], two[0], atol=1e-12)
        np.testing.assert_allclose(np.abs(one[2][0]), np.abs(two[2][0]), atol=1e-10)


def test_bismuth(bi_tb, bi_chk, bi_midpoint):
    """H to the last of its six decimals; r of Wannier90's formula depends on the origin."""
    for model, pos in ((bi_tb, 0.0761), (bi_chk, 0.0761), (bi_midpoint, 1e-6)):
        report = measure_symmetry(model)
        assert len(report.group) == 8
        assert report.worst.ham < 1e-6
        assert report.worst.spin < 1e-6
        if pos > 1e-3:
            assert report.worst.pos == pytest.approx(pos, abs=1e-4)
        else:
            assert report.worst.pos < pos
        assert all(v.clearly_holds for v in report.violations)
    table = str(measure_symmetry(bi_tb))
    assert table.startswith(
        "BNS 31.124, UNI 222, grey (Pmn2_1): 8 operations, 4 with time reversal"
    )
    assert len(table.splitlines()) == 10
    model, report = symmetrised(bi_tb)
    worst = report.after.worst
    assert max(worst.ham, worst.pos, worst.spin) < 1e-12
    assert report.band_change < 5e-6
    assert model.notes[-1].startswith("Symmetrised: BNS 31.124")
    assert np.abs(model.pos_Raij - bi_tb.pos_Raij[: len(model.R_Rc)]).max() > 1e-3
    assert {tuple(R) for R in bi_tb.R_Rc.tolist()} <= {tuple(R) for R in model.R_Rc.tolist()}
    numbers = report.to_dict()
    assert numbers["before"]["operations"][0]["ham"] == 0.0
    assert numbers["after"]["n_operations"] == 8
    assert "bands move by at most" in str(report)


def test_a_magnet_whose_moments_are_not_told():
    """The grey group is tried; the half that the model breaks is told apart."""
    cell, sites, generators = CASES["PT"]
    structure = ws.Structure(("Mn", "Mn"), np.array([site[0] for site in sites]) @ cell)
    model, _ = symmetrised(random_model(cell, sites, seed=6), generators)
    known = ws.WannierModel.from_arrays(
        cell,
        model.R_Rc,
        model.ham_Rij,
        pos=model.pos_Raij.transpose(0, 2, 3, 1),
        spin=model.spin_Rsij.transpose(0, 2, 3, 1),
        periodic=model.periodic,
        orbitals=model.orbitals,
        atoms=structure,
    )
    report = measure_symmetry(known)
    assert len(report.group) == 4
    assert "2 clearly broken by the model (magnetic moments?)" in report.summary()
    assert [g.symbol for g in model_group(known)] == ["1", "-1'"]
    with pytest.raises(ModelError, match=r"clearly breaks 2 of the 4 operations.*with_moments"):
        symmetrised(known)
    symmetrised(known, model_group(known))
    told = known.with_moments([[0, 0, 2.0], [0, 0, -2.0]])
    assert [g.symbol for g in measure_symmetry(told).group] == ["1", "-1'"]
    assert "broken" not in measure_symmetry(told).summary()


def test_parts_go_to_parts():
    cell, sites, generators = CASES["PT"]
    model = random_model(cell, sites, seed=6)
    halves = ws.partition(model, {"A": range(1, 7), "B": range(7, 13)})
    one, pt = MagneticGroup.generated_by(generators)
    assert part_permutation(halves, one, model).tolist() == [0, 1]
    assert part_permutation(halves, pt, model).tolist() == [1, 0]
    uneven = ws.partition(model, {"A": range(1, 5), "B": range(5, 13)})
    assert part_permutation(uneven, one, model).tolist() == [0, 1]
    assert part_permutation(uneven, pt, model) is None
    with pytest.raises(ModelError, match="of 4 Wannier functions"):
        part_permutation(
            ws.partition(ws.toys.pt_antiferromagnet(), {"A": [1, 2], "B": [3, 4]}), pt, model
        )


def test_projected_parts_of_bismuth(bi_folder, bi_chk):
    """Two sheets by trial orbitals: the glide and the screw axis exchange them."""
    sheets = ws.load_projected_partition(bi_folder / "bi", ws.partition(bi_chk, "layer", gap=2.0))
    for g in measure_symmetry(bi_chk).group:
        over = g.rotation_cc[2, 2] < 0
        assert part_permutation(sheets, g, bi_chk).tolist() == ([1, 0] if over else [0, 1])


def test_no_group_to_measure():
    with pytest.raises(ModelError, match="no atoms, or spglib finds"):
        measure_symmetry(ws.toys.pt_antiferromagnet())
    assert model_group(ws.toys.pt_antiferromagnet()) is None


def test_operations_that_cannot_act_are_listed_and_not_imposed():
    """px alone does not survive a fourfold turn, but twice of it."""
    model = random_model(SQUARE, [((0, 0, 0), [(1, 2)], {})], seed=1)
    report = measure_symmetry(model, MagneticGroup.generated_by(C4))
    assert [bool(v.refused) for v in report.violations] == [False, True, False, True]
    assert "2 cannot act on the Wannier functions" in report.summary()
    assert not report.holds
    assert "ham" not in report.to_dict()["operations"][1]
    with pytest.raises(ModelError, match="whole shells"):
        symmetrised(model, C4)


def test_a_slab_is_not_its_stack():
    """Inversion through the boundary of the cell moves the two sites by different cells."""
    sites = [((0, 0, 0.1), S, {}), ((0, 0, 0.4), S, {})]
    model = random_model(SQUARE, sites, seed=1)
    flip = operation(np.diag([1, 1, -1]), (0, 0, 0.5))
    symmetrised(model, [flip])
    stack = random_model(SQUARE, [((0, 0, 0.0), S, {}), ((0, 0, 0.5), S, {})], seed=1)
    with pytest.raises(ModelError, match="symmetry of the stack"):
        symmetrised(stack, [operation(ONE, (0, 0, 0.5))])
    cell = np.diag([3.0, 3.0, 3.0])
    mixing = operation([[0, 0, 1], [1, 0, 0], [0, 1, 0]], cell=cell)
    cube = random_model(cell, [((0, 0, 0), S, {})], seed=1)
    with pytest.raises(ModelError, match="mixes periodic and open"):
        symmetrised(cube, [mixing])


def test_without_spin_time_reversal_is_complex_conjugation():
    """H(R) becomes real; a fourfold turn with it makes hoppings along x and y conjugate."""
    rng = np.random.default_rng(9)
    R_Rc = [[-1, 0, 0], [0, -1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0]]
    hop = rng.normal(size=(2, 1, 1)) + 1j * rng.normal(size=(2, 1, 1))
    ham = np.concatenate([hop.conj(), np.ones((1, 1, 1)), hop[::-1]])
    model = ws.WannierModel.from_arrays(
        SQUARE,
        R_Rc,
        ham,
        centres=[[0, 0, 0]],
        periodic=(True, True, False),
        orbitals=[Orbital(site_c=(0, 0, 0), l=0, mr=1)],
    )
    real, _ = symmetrised(model, [operation(ONE, reverse=True)])
    np.testing.assert_allclose(real.ham_Rij, ham.real, atol=1e-15)
    turned, report = symmetrised(model, C4_PRIME)
    along_x, along_y = turned.ham_Rij[4, 0, 0], turned.ham_Rij[3, 0, 0]
    assert along_y == pytest.approx(along_x.conjugate())
    assert report.after.worst.spin == 0.0


def test_the_report_on_a_model_has_the_table(bi_tb):
    facts = json.loads(json.dumps(ws.model_report(bi_tb).to_dict()))["symmetry"]
    assert len(facts["operations"]) == facts["n_operations"] == 8
    assert facts["operations"][1]["kind"] == "1'"
    assert facts["worst"]["ham"] < 1e-6
    assert facts["summary"] in str(ws.model_report(bi_tb))
