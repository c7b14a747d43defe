"""Orbitals of Wannier functions: rotations of harmonics, projections, spinors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from scipy.special import sph_harm_y

import w90spin as ws
from w90spin.errors import FileFormatError, ModelError
from w90spin.model.action import sited_orbitals, spinor_rotation
from w90spin.model.operations import MagneticGroup, SymmetryOperation
from w90spin.model.orbitals import Orbital, orbitals_from_projections, rotated_harmonics
from w90spin.model.spin import pairs_from_order
from w90spin.read import read_nnkp, read_win, win_projections

ORIGIN = (0.0, 0.0, 0.0)


def directions():
    """Gauss-Legendre times uniform angles: exact for the products of harmonics up to l = 3."""
    cosine, weight = np.polynomial.legendre.leggauss(8)
    phi = 2 * np.pi * np.arange(16) / 16
    sine = np.sqrt(1 - cosine**2)
    n = np.stack(
        [
            np.outer(sine, np.cos(phi)),
            np.outer(sine, np.sin(phi)),
            np.outer(cosine, np.ones(16)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    return n, np.repeat(weight, 16) * 2 * np.pi / 16


def harmonics_at(n):
    """Real harmonics by scipy's complex ones, in the order of Wannier90's tables 3.1."""
    theta, phi = np.arccos(np.clip(n[:, 2], -1, 1)), np.arctan2(n[:, 1], n[:, 0])
    columns = []
    for l in range(4):  # noqa: E741
        columns.append(sph_harm_y(l, 0, theta, phi).real)
        for m in range(1, l + 1):  # cos(m phi), sin(m phi); Condon-Shortley sign taken out
            value = (-1) ** m * np.sqrt(2) * sph_harm_y(l, m, theta, phi)
            columns += [value.real, value.imag]
    return np.stack(columns, axis=1)


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([1, -1]))
def test_harmonics_turn_as_functions_on_the_sphere(seed, sign):
    """D_ij = integral of Y_i(n) Y_j(g^-1 n) over the directions."""
    turn = sign * Rotation.random(random_state=seed).as_matrix()
    n, weight = directions()
    expected = harmonics_at(n).T @ (weight[:, None] * harmonics_at(n @ turn))
    np.testing.assert_allclose(rotated_harmonics(turn), expected, atol=1e-12)


def test_hybrids_point_where_the_tables_say():
    """Largest value of each hybrid: sp along x, sp2 at 120 degrees, sp3 to a tetrahedron."""
    n, _ = directions()
    shapes = {
        -1: [[1, 0, 0], [-1, 0, 0]],
        -2: [[-0.5, np.sqrt(0.75), 0], [-0.5, -np.sqrt(0.75), 0], [1, 0, 0]],
        -3: np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3),
        -5: [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]],
    }
    for l, axes in shapes.items():  # noqa: E741
        for mr, axis in enumerate(axes, start=1):
            size = Orbital(site_c=ORIGIN, l=l, mr=mr).harmonics()
            assert size @ size == pytest.approx(1.0)
            top = float((harmonics_at(np.array([axis]) + 0.0) @ size)[0])
            assert top >= (harmonics_at(n) @ size).max() - 1e-12
    fourth, fifth = (Orbital(site_c=ORIGIN, l=-4, mr=mr).harmonics() for mr in (4, 5))
    up = harmonics_at(np.array([[0.0, 0.0, 1.0]]))[0]
    assert up @ fourth == pytest.approx(-0.0 + (np.sqrt(3) + np.sqrt(5)) / np.sqrt(8 * np.pi))
    assert up @ fifth == pytest.approx((-np.sqrt(3) + np.sqrt(5)) / np.sqrt(8 * np.pi))


def test_local_axes():
    """pz along a local z is the harmonic along it; dxy in a frame at 45 degrees is -dx2-y2."""
    tilted = Orbital(site_c=ORIGIN, l=1, mr=1, z_axis_a=(1, 1, 0), x_axis_a=(0, 0, 2))
    n, _ = directions()
    np.testing.assert_allclose(
        harmonics_at(n) @ tilted.harmonics(),
        np.sqrt(3 / 4 / np.pi) * n @ [np.sqrt(0.5), np.sqrt(0.5), 0],
        atol=1e-13,
    )
    turned = Orbital(site_c=ORIGIN, l=2, mr=5, x_axis_a=(1, 1, 0)).harmonics()
    plain = Orbital(site_c=ORIGIN, l=2, mr=4).harmonics()
    np.testing.assert_allclose(turned, -plain, atol=1e-14)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"l": 1, "mr": 4}, "no orbital l = 1, mr = 4"),
        ({"l": -6, "mr": 1}, "no orbital"),
        ({"l": 0, "mr": 1, "spin": 2}, "spin = 2"),
        ({"l": 1, "mr": 1, "x_axis_a": (1, 0, 1)}, "not perpendicular"),
        ({"l": 1, "mr": 1, "site_c": (0, 0)}, "three numbers"),
    ],
)
def test_what_is_no_orbital(fields, words):
    with pytest.raises(ModelError, match=words):
        Orbital(**{"site_c": ORIGIN} | fields)


SITES = np.array([[0.0, 0.0, 0.1], [1 / 3, 2 / 3, 0.0], [2 / 3, 1 / 3, -0.2]])
CELL = np.array([[3.0, 0.0, 0.0], [-1.5, 1.5 * 3**0.5, 0.0], [0.0, 0.0, 9.0]])
SHELLS = [(0, 1), *[(1, mr) for mr in (1, 2, 3)], *[(2, mr) for mr in range(1, 6)]]
SHELLS += [(3, mr) for mr in range(1, 8)]


def spinful_model(shells):
    """Sites of a trigonal crystal with whole shells; the operators do not count."""
    orbitals = [
        Orbital(site_c=tuple(site), l=l, mr=mr, spin=spin)
        for site in SITES
        for l, mr in shells  # noqa: E741
        for spin in (1, -1)
    ]
    n = len(orbitals)
    return ws.WannierModel.from_arrays(
        CELL,
        [[0, 0, 0]],
        np.zeros((1, n, n)),
        centres=[np.array(orbital.site_c) @ CELL for orbital in orbitals],
        orbitals=orbitals,
    )


def trigonal(reverse):
    generators = [
        SymmetryOperation([[0, -1, 0], [1, -1, 0], [0, 0, 1]], np.zeros(3), False, CELL),
        SymmetryOperation([[0, -1, 0], [-1, 0, 0], [0, 0, 1]], np.zeros(3), False, CELL),
    ]
    if reverse:
        generators.append(SymmetryOperation(np.eye(3), np.zeros(3), True, CELL))
    return MagneticGroup.generated_by(generators)


def test_matrices_multiply_up_to_the_sign_of_the_spin():
    model = spinful_model(SHELLS)
    sited, group = sited_orbitals(model), trigonal(reverse=True)
    acting = [sited.action(g) for g in group]
    signs = set()
    for g, one in zip(group, acting, strict=True):
        apart = one.matrix_ji.conj().T @ one.matrix_ji - np.eye(model.n_wann)
        assert np.abs(apart).max() < 1e-13
        for h, other in zip(group, acting, strict=True):
            second = other.matrix_ji.conj() if g.time_reversal else other.matrix_ji
            product = one.matrix_ji @ second
            whole = acting[group.index(g.after(h))].matrix_ji
            sign = np.sign((whole.conj() * product).sum().real)
            assert np.abs(product - sign * whole).max() < 1e-13
            signs.add(sign)
    assert signs == {1.0, -1.0}  # a double group


def test_spinors_turn_like_vectors():
    """u^† sigma_a u = g_ab sigma_b for proper turns; time reversal changes the sign."""
    sigma = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for g in trigonal(reverse=True):
        u = spinor_rotation(g)
        given = sigma.conj() if g.time_reversal else sigma
        sign = -1 if g.time_reversal else 1
        seen = np.einsum("ij,ajk,lk->ail", u, given, u.conj())
        expected = sign * np.einsum("ba,bij->aij", g.axis_matrix(axial=True), sigma)
        np.testing.assert_allclose(seen, expected, atol=1e-14)


def test_shells_that_are_not_whole_are_refused():
    """pz alone survives a trigonal axis, px alone does not."""
    group = trigonal(reverse=False)
    sited_orbitals(spinful_model([(1, 1)])).action(group.operations[1])
    with pytest.raises(ModelError, match=r"Wannier function 1 \(l = 1, mr = 2\).*whole shells"):
        sited_orbitals(spinful_model([(1, 2)])).action(group.operations[1])


def test_operations_that_do_not_fit_the_sites():
    sited = sited_orbitals(spinful_model([(0, 1)]))
    with pytest.raises(ModelError, match="away from any other"):
        sited.action(SymmetryOperation(-np.eye(3), np.zeros(3), False, CELL))


def test_unknown_orbitals_say_what_to_give(bi_tb):
    bare = ws.WannierModel.from_arrays(
        bi_tb.cell_ca,
        bi_tb.R_Rc,
        bi_tb.ham_Rij,
        centres=bi_tb.centres_ia,
        periodic=bi_tb.periodic,
        atoms=bi_tb.structure,
    )
    with pytest.raises(ModelError, match=r"give model.with_orbitals\(\[Orbital"):
        ws.measure_symmetry(bare)
    assert "not measured" in ws.model_report(bare).to_dict()["symmetry"]["summary"]
    with pytest.raises(ModelError, match=r"16 orbitals.*spinor_orbitals"):
        bare.with_orbitals([Orbital(site_c=ORIGIN, l=0, mr=1)] * 16)
    with pytest.raises(ModelError, match="no spin, but the model has a spin operator"):
        sited_orbitals(bi_tb.with_orbitals([Orbital(site_c=ORIGIN, l=0, mr=1)] * 32))


def test_toys_are_taken_as_s_orbitals():
    sited = sited_orbitals(ws.toys.pt_antiferromagnet())
    assert [(orbital.l, orbital.spin) for orbital in sited.orbitals] == [(0, 1), (0, -1)] * 2
    assert sited.site_i.tolist() == [0, 0, 1, 1]


def test_projections_of_the_win_are_those_of_the_nnkp(bi_folder):
    from_win = win_projections(read_win(bi_folder / "bi.win"))
    from_nnkp = read_nnkp(bi_folder / "bi.nnkp").projections
    assert len(from_win) == len(from_nnkp) == 32
    for mine, theirs in zip(from_win, from_nnkp, strict=True):
        for name in ("l", "mr", "spin", "radial", "zona"):
            assert getattr(mine, name) == getattr(theirs, name)
        np.testing.assert_allclose(mine.site_c, theirs.site_c, atol=6e-6)
        np.testing.assert_array_equal(mine.z_axis_a, theirs.z_axis_a)
        np.testing.assert_array_equal(mine.x_axis_a, theirs.x_axis_a)


WIN = """num_wann = 1
{spinors}
begin unit_cell_cart
3 0 0
0 4 0
0 0 5
end unit_cell_cart
begin atoms_frac
Mn 0.0 0.0 0.0
Te 0.5 0.5 0.5
mn 0.5 0.0 0.0
end atoms_frac
begin projections
{lines}
end projections
"""


def projections(tmp_path, lines, spinors=""):
    path = tmp_path / "x.win"
    path.write_text(WIN.format(lines=lines, spinors=spinors))
    return win_projections(read_win(path))


def test_lines_of_projections(tmp_path):
    """Sorted by l and mr inside a line, hybrids first; user guide 3.1.3."""
    found = projections(tmp_path, "Mn : d;sp3-2;pz\nf=0.5,0.5,0.5: l=1,mr=3,1 :z=1,0,0:x=0,1,0:r=2")
    numbers = [(p.l, p.mr) for p in found]
    each = [(-3, 2), (1, 1), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]
    assert numbers == [*each, *each, (1, 1), (1, 3)]
    assert found[7].site_c.tolist() == [0.5, 0.0, 0.0]
    assert (found[-1].z_axis_a.tolist(), found[-1].radial) == ([1.0, 0.0, 0.0], 2)
    (corner,) = projections(tmp_path, "ang\nc=1.5, 2.0, 5.0 : fx(x2-3y2):zona=2.5")
    assert (corner.l, corner.mr, corner.zona, corner.spin) == (3, 6, 2.5, 0)
    assert corner.site_c.tolist() == [0.5, 0.5, 1.0]
    up_down = projections(tmp_path, "Te:s", "spinors = .true.")
    assert [p.spin for p in up_down] == [1, -1]
    (down,) = projections(tmp_path, "Te:s(d)[0,0,1]", "spinors = .true.")
    assert down.spin == -1


@pytest.mark.parametrize(
    "line", ["random", "Xx:s", "Te:px,py", "Te:l=1,mr=4", "Te:", "f=0,0:s", "Te:s:y=1", "q=0,0,0:s"]
)
def test_projections_not_understood(tmp_path, line):
    with pytest.raises(FileFormatError, match="expected 'site:orbitals:axes'"):
        projections(tmp_path, line)


def test_projections_without_spin_become_spinors_in_either_order(tmp_path):
    orbitals = orbitals_from_projections(projections(tmp_path, "Te:p"))
    block = ws.spinor_orbitals(orbitals, pairs_from_order("block", 6))
    assert [(o.mr, o.spin) for o in block] == [(mr, s) for s in (1, -1) for mr in (1, 2, 3)]
    laced = ws.spinor_orbitals(orbitals, pairs_from_order("interlaced", 6))
    assert [(o.mr, o.spin) for o in laced] == [(mr, s) for mr in (1, 2, 3) for s in (1, -1)]
    with pytest.raises(ModelError, match="3 orbitals for 4 pairs"):
        ws.spinor_orbitals(orbitals, pairs_from_order("block", 8))


def test_spinors_off_the_z_axis_are_refused(tmp_path):
    tilted = projections(tmp_path, "Te:s[1,0,0]", "spinors = .true.")
    with pytest.raises(ModelError, match="spin along"):
        orbitals_from_projections(tilted)
