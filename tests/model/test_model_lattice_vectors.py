"""Wigner-Seitz lists and nearest images, against Wannier90's files and against brute force."""

import itertools

import numpy as np
import pytest
from model_files import CELL_CA, MESH, at_k, hr_lattice, words, wsvec_images

from w90spin.errors import W90SpinError
from w90spin.model.wigner_seitz import image_list, minimal_images, wigner_seitz_vectors

HEXAGONAL = [[3.0, 0.0, 0.0], [-1.5, 1.5 * np.sqrt(3), 0.0], [0.0, 0.0, 8.0]]
FACE_CENTRED = [[0.0, 2.1, 2.1], [2.1, 0.0, 2.1], [2.1, 2.1, 0.0]]
TRICLINIC = [[3.1, 0.2, 0.1], [1.3, 3.4, -0.4], [-0.9, 1.1, 5.2]]
LEFT_HANDED = [[0.0, 4.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.5, 6.0]]
CASES = [
    (HEXAGONAL, (4, 4, 1)),
    (HEXAGONAL, (5, 5, 2)),
    (HEXAGONAL, (6, 4, 1)),
    (FACE_CENTRED, (2, 2, 2)),
    (FACE_CENTRED, (4, 4, 4)),
    (TRICLINIC, (3, 4, 2)),
    (LEFT_HANDED, (4, 2, 3)),
    (np.diag([2.0, 3.0, 9.0]), (2, 6, 1)),
    (np.diag([2.0, 2.0, 2.0]), (1, 1, 1)),
]


def ranges(reach_c):
    return itertools.product(*(range(-reach, reach + 1) for reach in reach_c))


def nearest_supercells(cell_ca, mesh, R_c, offset_a=(0.0, 0.0, 0.0)):
    """Translations T of the supercell with the smallest |R + T + offset|, of nine each way."""
    T_mc = np.array([*ranges([4, 4, 4])]) * mesh
    distance_m = np.linalg.norm((R_c + T_mc) @ np.asarray(cell_ca) + offset_a, axis=1)
    return {*map(tuple, T_mc[distance_m < distance_m.min() + 1e-5].tolist())}


@pytest.mark.parametrize(("cell", "mesh"), CASES)
def test_list_against_brute_force(cell, mesh):
    """R is in the list if no supercell brings it nearer; its degeneracy counts the equal ones."""
    cell_ca = np.array(cell)
    expected = {}
    for R in ranges([n + 1 for n in mesh]):
        nearest = nearest_supercells(cell_ca, mesh, R)
        if (0, 0, 0) in nearest:
            expected[R] = len(nearest)
    R_Rc, degeneracy_R = wigner_seitz_vectors(cell_ca, mesh)
    assert dict(zip(map(tuple, R_Rc.tolist()), degeneracy_R.tolist(), strict=True)) == expected


@pytest.mark.parametrize(("cell", "mesh"), CASES)
def test_degeneracies_count_the_mesh(cell, mesh):
    R_Rc, degeneracy_R = wigner_seitz_vectors(np.array(cell), mesh)
    assert (1.0 / degeneracy_R).sum() == pytest.approx(np.prod(mesh), abs=1e-12)
    present = {*map(tuple, R_Rc.tolist())}
    assert all(tuple(-r for r in R) in present for R in present)


@pytest.mark.parametrize("mesh", [(4, 4, 1), (6, 6, 1)])
def test_a_cell_too_oblique_for_the_search_is_not_taken_silently(mesh):
    """Wannier90 stops here too: its search over two supercells misses some vectors."""
    oblique = np.array([[3.0, 0.0, 0.0], [8.5, 1.0, 0.0], [0.0, 0.0, 9.0]])
    try:
        _, degeneracy_R = wigner_seitz_vectors(oblique, mesh)
    except W90SpinError:
        return
    assert (1.0 / degeneracy_R).sum() == pytest.approx(np.prod(mesh), abs=1e-12)


@pytest.mark.parametrize("file", ["_hr.dat", "_tb.dat"])
def test_list_of_the_bismuth_files(file):
    R_Rc, degeneracy_R = wigner_seitz_vectors(CELL_CA, MESH)
    R, degeneracy = hr_lattice()
    if file == "_tb.dat":
        lines = words(file)
        assert lines[5] == ["49"]
        R = [tuple(map(int, line)) for line in lines[10:] if len(line) == 3][:49]
        degeneracy = [int(word) for line in lines[6:10] for word in line]
    assert {*map(tuple, R_Rc.tolist())} == {*R}
    assert dict(zip(map(tuple, R_Rc.tolist()), degeneracy_R.tolist(), strict=True)) == dict(
        zip(R, degeneracy, strict=True)
    )


def images_as_set(images, R_Rc):
    return {
        (tuple(R_Rc[source].tolist()), int(i), int(j), tuple(images.image_Rc[target].tolist()))
        for source, i, j, target in zip(
            images.source_p, images.i_p, images.j_p, images.target_p, strict=True
        )
    }


def test_nearest_images_are_those_of_wannier90():
    R_Rc, _ = wigner_seitz_vectors(CELL_CA, MESH)
    centres_ia = np.array([line[1:] for line in words("_centres.xyz")[2:34]], float)
    images = minimal_images(CELL_CA, MESH, R_Rc, centres_ia)
    expected = wsvec_images()
    assert len(images.source_p) == len(expected)  # none twice
    assert images_as_set(images, R_Rc) == expected


@pytest.mark.parametrize(
    ("cell", "mesh", "centres"),
    [
        (HEXAGONAL, (4, 4, 1), [[0, 0, 0], [0, 3**0.5, 0.5], [0, 3**0.5, 0.5], [1.5, 0.866, 4]]),
        (HEXAGONAL, (2, 3, 1), [[0.2, -0.1, 7.0], [4.0, 2.0, -3.0]]),
        (FACE_CENTRED, (2, 2, 2), [[0.0, 0.0, 0.0], [1.05, 1.05, 1.05]]),
        (TRICLINIC, (3, 2, 2), [[0.3, 0.2, 0.1], [1.0, 2.0, 3.0], [0.3, 0.2, 0.1]]),
    ],
)
def test_nearest_images_against_brute_force(cell, mesh, centres):
    cell_ca, centres_ia = np.array(cell), np.array(centres, float)
    R_Rc, _ = wigner_seitz_vectors(cell_ca, mesh)
    images = minimal_images(cell_ca, mesh, R_Rc, centres_ia)
    expected, shares = set(), {}
    for R in map(tuple, R_Rc.tolist()):
        for i, j in itertools.product(range(len(centres_ia)), repeat=2):
            nearest = nearest_supercells(cell_ca, mesh, R, centres_ia[j] - centres_ia[i])
            expected |= {(R, i, j, tuple(np.add(R, T).tolist())) for T in nearest}
            shares[R, i, j] = 1.0 / len(nearest)
    assert images_as_set(images, R_Rc) == expected
    for source, i, j, share in zip(
        images.source_p, images.i_p, images.j_p, images.share_p, strict=True
    ):
        assert share == pytest.approx(shares[tuple(R_Rc[source].tolist()), i, j], abs=1e-15)


@pytest.mark.parametrize(("cell", "mesh"), [(HEXAGONAL, (4, 4, 1)), (FACE_CENTRED, (2, 2, 2))])
def test_shares_leave_the_mesh_unchanged(cell, mesh):
    """O(q) -> O(R) -> images -> O(q) is the identity on the mesh, Hermitian or not."""
    cell_ca = np.array(cell)
    rng = np.random.default_rng(3)
    centres_ia = rng.uniform(-2.0, 2.0, (3, 3))
    kpt_kc = np.array([*itertools.product(*(np.arange(n) / n for n in mesh))])
    op_kxij = rng.normal(size=(len(kpt_kc), 2, 3, 3)) + 1j * rng.normal(size=(len(kpt_kc), 2, 3, 3))
    R_Rc, degeneracy_R = wigner_seitz_vectors(cell_ca, mesh)
    op_Rxij = np.array(
        [
            sum(
                np.exp(-2j * np.pi * np.dot(k, R)) * op
                for k, op in zip(kpt_kc, op_kxij, strict=True)
            )
            for R in R_Rc
        ]
    ) / len(kpt_kc)
    images = minimal_images(cell_ca, mesh, R_Rc, centres_ia)
    moved = images.move(op_Rxij, degeneracy_R)
    for kpt_c, op_xij in zip(kpt_kc, op_kxij, strict=True):
        assert np.abs(at_k(moved, images.image_Rc, kpt_c) - op_xij).max() < 1e-12


def test_moving_adds_what_meets_at_one_place():
    """Two sources with a common image, by hand: 3/(2·1) + 5/(1·2)."""
    images = image_list(
        np.array([0, 0, 1]),
        np.array([0, 0, 0]),
        np.array([1, 1, 1]),
        np.array([[1, 0, 0], [-1, 0, 0], [1, 0, 0]]),
        np.array([0.5, 0.5, 1.0]),
    )
    op_Rxij = np.zeros((2, 1, 2, 2), complex)
    op_Rxij[0, 0, 0, 1], op_Rxij[1, 0, 0, 1], op_Rxij[1, 0, 0, 0] = 3.0, 5.0, 7.0
    moved = images.move(op_Rxij, np.array([1, 2]))
    assert images.image_Rc.tolist() == [[-1, 0, 0], [1, 0, 0]]
    assert moved[:, 0, 0, 1].tolist() == [1.5, 4.0]
    assert not moved[:, :, 0, 0].any()  # named by no image
