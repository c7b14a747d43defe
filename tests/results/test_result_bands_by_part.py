"""Weights and spins of bands on parts: closed form of PT pairs, plain numpy for single bands."""

import matplotlib as mpl
import numpy as np
import pytest

import w90spin as ws
from w90spin.kspace.blocks import largest_in_blocks
from w90spin.plot import PlotError, plot_all, plot_bands, tabulate_bands

mpl.use("Agg")
PATH = [("G", [0, 0, 0]), ("Q", [0.31, 0.12, 0])]


def lines(model, groups, **options):
    parts = ws.partition(model, groups)
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0, parts=parts)
    return ws.band_path(model, PATH, response, n=7, **options)


def test_pairs_of_the_pt_antiferromagnet():
    """H = τ_z d·σ + (τ_+ g + h.c.): weights ½(1 ± |d|/E) within a pair, spin ±d/E on A."""
    path = lines(ws.toys.pt_antiferromagnet(), {"A": [1, 2], "B": [3, 4]})
    for k, kpt_c in enumerate(path.kpt_kc):
        x, y = 2 * np.pi * kpt_c[:2]
        d_s = 0.55 * np.array([np.sin(0.5), 0, np.cos(0.5)])
        d_s = d_s + 0.25 * np.array([-np.sin(y), np.sin(x), 0])
        d_s = d_s + np.sin(x + y) * np.array([0.04, 0, 0.06])
        d_s = d_s + 0.05 * np.sin(x - y) * np.array([0, 1, 0])
        between = 0.5 * abs((1 + np.exp(-1j * x)) * (1 + np.exp(-1j * y)))
        energy = np.sqrt(d_s @ d_s + between**2)
        assert np.ptp(path.energy_kn[k, 2:]) < 1e-9
        assert path.energy_kn[k, 2] - path.energy_kn[k, 1] == pytest.approx(2 * energy)
        expected = 0.5 * (1 + np.linalg.norm(d_s) / energy)
        assert path.weight_knq[k] == pytest.approx(np.full((4, 2), expected), abs=1e-10)
        for n, sign in enumerate((-1, -1, 1, 1)):
            assert np.allclose(path.part_spin_knqs[k, n, 0], sign * d_s / energy, atol=1e-10)
            assert np.allclose(path.part_spin_knqs[k, n, 1], -sign * d_s / energy, atol=1e-10)


def test_single_bands_have_plain_weights():
    model = ws.toys.tt_antiferromagnet()
    path = lines(model, {"A": [1, 2], "B": [3, 4]}, tolerance=1e-9)
    assert path.parts == ("A", "B")
    assert np.allclose(path.weight_knq[1:].sum(axis=2), 1.0)  # at Γ bands are pairs
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    for k, kpt_c in enumerate(path.kpt_kc[1:], start=1):
        phase_R = np.exp(2j * np.pi * model.R_Rc @ kpt_c)
        _, u_in = np.linalg.eigh(np.einsum("R,Rij->ij", phase_R, model.ham_Rij))
        weight_n = (np.abs(u_in[:2]) ** 2).sum(axis=0)
        assert np.allclose(path.weight_knq[k, :, 0], weight_n)
        spin_ns = np.einsum("in,sij,jn->ns", u_in[:2].conj(), pauli, u_in[:2]).real
        assert np.allclose(path.part_spin_knqs[k, :, 0], spin_ns / weight_n[:, None])


def test_an_empty_part_has_no_spin():
    """Bands of σ_z = -1 only, half of them on the other site."""
    ham = np.zeros((1, 4, 4), complex)
    ham[0] = np.diag([0.0, 1.0, 2.0, 3.0])
    spin = np.einsum("sij,ab->aibjs", [np.zeros((2, 2))] * 2 + [np.diag([1.0, -1.0])], np.eye(2))
    model = ws.WannierModel.from_arrays(
        cell=np.eye(3) * 4.0, R=np.zeros((1, 3), int), ham=ham, centres=np.zeros((4, 3)),
        spin=spin.reshape(1, 4, 4, 3),
    )  # fmt: skip
    path = lines(model, {"A": [1, 2], "B": [3, 4]})
    assert path.weight_knq[0, :, 0].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert path.part_spin_knqs[0, :, 0, 2].tolist() == [1.0, -1.0, 0.0, 0.0]


def test_largest_in_blocks_is_the_largest_over_states():
    rng = np.random.default_rng(0)
    op = rng.normal(size=(2, 5, 5)) + 1j * rng.normal(size=(2, 5, 5))
    op = op + op.conj().swapaxes(1, 2)
    block_kn = np.array([[0, 0, 1, 2, 2], [0, 1, 1, 1, 2]])
    found = largest_in_blocks(op, block_kn)
    for k in range(2):
        for block in range(3):
            inside = np.flatnonzero(block_kn[k] == block)
            largest = np.linalg.eigvalsh(op[k][np.ix_(inside, inside)]).max()
            assert np.allclose(found[k, inside], largest)


def test_pictures_and_file(tmp_path):
    path = lines(ws.toys.pt_antiferromagnet(), {"A/1": [1, 2], "B": [3, 4]})
    table = tabulate_bands(path, colour="weight", part_index=1)
    assert np.array_equal(table["weight B"], path.weight_knq[..., 1].T.ravel())
    axes = plot_bands(path, colour="part_spin_y", part_index=0)
    assert np.isin(axes.collections[0].get_array(), path.part_spin_knqs[..., 0, 1]).all()
    assert plot_bands(path, colour="weight").collections[0].get_clim() == (0.0, 1.0)
    with pytest.raises(PlotError, match="part_index = 2"):
        plot_bands(path, colour="weight", part_index=2)
    result = ws.Result(responses={}, provenance={}, path=path)
    written = {file.name for file in plot_all(result, tmp_path, spin="x")}
    assert {"bands_weight_A-1.png", "bands_part_spin_x_B.csv"} <= written
    one = ws.load_result(result.save(tmp_path / "a.h5")).path
    assert one.parts == ("A/1", "B")
    assert np.array_equal(one.weight_knq, path.weight_knq)
    assert np.array_equal(one.part_spin_knqs, path.part_spin_knqs)
    plain = ws.band_path(ws.toys.pt_antiferromagnet(), PATH, n=3)
    with pytest.raises(PlotError, match="'weight' is none of spin_x"):
        plot_bands(plain, colour="weight")
