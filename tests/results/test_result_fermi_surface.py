"""Fermi surfaces on meshes, and the files of FermiSurfer."""

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import JobError, ResponseError, ResultFileError
from w90spin.kspace.fourier import FourierSum


def read_frmsf(path):
    """What FermiSurfer's manual says of its files: mesh, kind, vectors, blocks of numbers."""
    words = path.read_text().split()
    mesh, kind, n_bands = tuple(map(int, words[:3])), int(words[3]), int(words[4])
    vectors = np.array(words[5:14], dtype=float).reshape(3, 3)
    blocks = np.array(words[14:], dtype=float).reshape(-1, n_bands, *mesh)
    kpt = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1)
    return kind, vectors, blocks, kpt


def energies(model, kpt_kc):
    return np.linalg.eigvalsh(FourierSum(model).hamiltonian(np.atleast_2d(kpt_kc)))


def test_the_file_holds_energies_and_colours_at_their_k(tmp_path):
    model = ws.toys.weyl_pair()
    surface = ws.fermi_surface(model, 0.4, n=(5, 4, 6))
    path = surface.save_frmsf(tmp_path / "weyl.frmsf", surface.colour("spin_z"))
    kind, vectors, (energy_nxyz, colour_nxyz), kpt = read_frmsf(path)
    assert kind == 1  # k = i/n, from Γ
    assert np.allclose(vectors, model.recip_ca, atol=1e-9)
    assert np.allclose(
        np.moveaxis(energy_nxyz, 0, -1).reshape(-1, len(surface.band_n)) + 0.4,
        energies(model, kpt.reshape(-1, 3))[:, surface.band_n - 1],
        atol=1e-8,
    )
    # H = h·σ: the spin of the upper band points along h.
    k = 2.0 * np.pi * kpt[2, 1, 4]
    h_z = 0.5 * (np.cos(0.3 * 4.0) - np.cos(k[2])) + 0.5 * (2 - np.cos(k[0]) - np.cos(k[1]))
    upper = surface.band_n.tolist().index(2)
    assert colour_nxyz[upper, 2, 1, 4] * energies(model, kpt[2, 1, 4])[0, 1] == pytest.approx(h_z)


def test_bands_that_do_not_cross_stay_out():
    model = ws.toys.altermagnet()
    all_bands = energies(model, np.random.default_rng(1).random((200, 3)))
    low, high = all_bands.min(axis=0), all_bands.max(axis=0)
    crossing = np.flatnonzero((low < 0.3) & (high > 0.3)) + 1
    assert ws.fermi_surface(model, 0.3, n=16).band_n.tolist() == crossing.tolist()
    everything = ws.fermi_surface(model, 0.3, n=16, window=20.0)
    assert everything.band_n.tolist() == list(range(1, model.n_wann + 1))


def test_a_sheet_has_one_point_across():
    surface = ws.fermi_surface(ws.toys.rashba_square(), 0.5, n=8)
    assert surface.energy_xyzn.shape[:3] == (8, 8, 1)


def test_velocities_are_slopes_of_the_bands():
    model = ws.toys.rashba_square(alpha=0.7, exchange=(0.0, 0.1, 0.2))
    surface = ws.fermi_surface(model, 0.5, n=(7, 5, 2))
    at, step = np.array([2 / 7, 3 / 5, 0.0]), 1e-5
    for a in range(2):
        shift = step * np.linalg.solve(model.recip_ca.T, np.eye(3)[a])
        slope = np.diff(energies(model, [at - shift, at + shift]), axis=0)[0] / (2 * step)
        found = surface.colour(f"velocity_{'xyz'[a]}")[2, 3, 0]
        assert np.allclose(found, slope[surface.band_n - 1], atol=1e-7)
    assert np.allclose(
        surface.colour("speed") ** 2, sum(surface.colour(f"velocity_{a}") ** 2 for a in "xyz")
    )


def test_tensors_of_bands_are_those_of_the_path():
    model = ws.toys.rashba_square(exchange=(0.0, 0.1, 0.2))
    response = ws.SpinHall(mu_f=0.0)
    surface = ws.fermi_surface(model, 0.5, response, n=4)
    path = ws.band_path(model, [("G", [0, 0, 0]), ("X", [0.5, 0, 0])], response, n=2)
    lines = path.tensors["sigma"].values[:, :, 0, 0, 0, 1, 2].real
    colour = surface.colour("sigma", {"flow": "x", "field": "y", "spin": "z"})
    assert np.allclose(colour[:3, 0, 0], lines[:, surface.band_n - 1], rtol=1e-10)
    assert np.allclose(
        surface.colour("sigma", "xyz", imaginary=True)[:3, 0, 0],
        path.tensors["sigma"].values[:, surface.band_n - 1, 0, 0, 0, 1, 2].imag,
    )


def test_parts_add_up():
    model = ws.toys.pt_antiferromagnet()
    parts = ws.partition(model, {"A": [1, 2], "B": [3, 4]})
    surface = ws.fermi_surface(model, 0.0, ws.SpinMoment(mu_f=0.0, parts=parts), n=4, window=9.0)
    whole = surface.colour("spin", "z")
    of_parts = [surface.colour("spin", "z", part=part) for part in "AB"]
    assert np.abs(of_parts[0]).max() > 0.1
    assert np.allclose(whole, of_parts[0] + of_parts[1])
    with pytest.raises(ResponseError, match="part = 'C' is none of A, B"):
        surface.colour("spin", "z", part="C")


def test_an_insulator_has_no_surface():
    with pytest.raises(JobError, match=r"one ends at -?[\d.]+ and one begins at [\d.]+ eV"):
        ws.fermi_surface(ws.toys.kane_mele(), 0.0, n=6)


@pytest.mark.parametrize("options", [{"n": 1}, {"n": (4, 4)}, {"window": -1.0}])
def test_meshes_that_cannot_be(options):
    with pytest.raises(JobError, match="2 at least"):
        ws.fermi_surface(ws.toys.rashba_square(), 0.5, **options)


def test_unknown_colours_name_the_known():
    surface = ws.fermi_surface(ws.toys.rashba_square(), 0.5, n=4)
    with pytest.raises(
        ResponseError, match=r"'berry' is none of spin_x, .*, velocity_x, .*, speed"
    ):
        surface.colour("berry")
    assert "spin_z" not in ws.fermi_surface(ws.toys.haldane(), 1.0, n=4).colours


def test_colours_that_are_no_colours(tmp_path):
    surface = ws.fermi_surface(ws.toys.rashba_square(), 0.5, n=4)
    for colours in (np.zeros((4, 4, 1)), np.full(surface.energy_xyzn.shape, np.nan)):
        with pytest.raises(ResponseError, match="one for each k and band"):
            surface.save_frmsf(tmp_path / "a.frmsf", colours)
    with pytest.raises(ResultFileError):
        surface.save_frmsf(tmp_path / "no" / "a.frmsf")
    assert not [*tmp_path.iterdir()]
