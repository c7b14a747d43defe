"""Unequal sublattices, and three in one layer: what relates their responses, and what no longer."""

import numpy as np
import pytest
from reference import assert_close

import w90spin as ws
from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import solve

OPEN_MU = -0.1  # in the gap
OMEGA = [0.0, 0.2]
SUBLATTICES = {"A": [1, 2], "B": [3, 4]}


def response_of(model, groups=SUBLATTICES, mu=OPEN_MU, n=24):
    parts = None if groups is None else ws.partition(model, groups)
    asked = ws.SpinPolarizability(omega_w=OMEGA, mu_f=mu, insulator=True, parts=parts)
    return ws.compute(model, [asked], mesh=ws.UniformMesh(n=n), symmetry="none")


def test_bands():
    t, offset, (up, down) = 0.3, 0.15, (0.7, 0.4)
    model = ws.toys.ferrimagnet(t=t, offset=offset, exchange=(up, down), rashba=0.0)
    kpt_kc = np.random.default_rng(0).uniform(size=(20, 3)) * [1, 1, 0]
    x, y, _ = 2 * np.pi * kpt_kc.T
    square = 16 * t**2 * np.cos(x / 2) ** 2 * np.cos(y / 2) ** 2
    expected = [
        0.5 * s * (up - down) + sign * np.sqrt(square + (offset + 0.5 * s * (up + down)) ** 2)
        for s in (1, -1)
        for sign in (1, -1)
    ]
    found = solve(FourierSum(model), KPoints(kpt_kc), 1e-6).energy_kn
    assert_close(found, np.sort(expected, axis=0).T, 1e-12)


def test_rashba_coupling_is_the_same_on_both():
    kpt_kc = np.random.default_rng(1).uniform(size=(5, 3)) * [1, 1, 0]
    with_it, without = (
        FourierSum(ws.toys.ferrimagnet(rashba=alpha, a=5.0)).hamiltonian(kpt_kc)
        for alpha in (0.3, 0.0)
    )
    x, y = 2 * np.pi * kpt_kc[:, 0, None, None], 2 * np.pi * kpt_kc[:, 1, None, None]
    sx, sy = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    field = 0.06 * (np.sin(y) * sx - np.sin(x) * sy)
    assert_close(with_it - without, np.kron(np.eye(2), field), 1e-13)


def test_equal_moments_are_an_antiferromagnet_with_tt():
    """Time reversal with half a translation makes Υ⁽¹⁾ uniform and Υ⁽⁰⁾, Υ⁽²⁾ staggered."""
    result = response_of(ws.toys.ferrimagnet(offset=0.0, exchange=(0.65, 0.65)), mu=0.0)
    for name, sign in (("upsilon0", -1), ("upsilon1", 1), ("upsilon2", -1)):
        a, b = result[name].values
        assert np.abs(a).max() > 1e-5
        assert_close(b, sign * a, 1e-9)


def test_what_was_forbidden_grows_with_the_difference_of_the_moments():
    """Of the sum over sublattices Υ⁽⁰⁾ is odd in the difference, Υ⁽¹⁾ of A less B too."""
    found = []
    for half in (0.01, 0.02, -0.02):
        model = ws.toys.ferrimagnet(offset=0.0, exchange=(0.65 + half, 0.65 - half))
        result = response_of(model, mu=0.0, n=16)
        a, b = result["upsilon1"].values
        found.append((result["upsilon0"].total().values, a - b))
    for small, double, opposite in zip(*found, strict=True):
        assert np.abs(double).max() > 1e-5
        assert_close(opposite, -double, 1e-8)
        assert_close(double, 2.0 * small, 0.01)


def test_fields_on_unequal_sublattices():
    """Each sublattice has its own J_ex and moment; a quarter turn leaves xy = -yx on each."""
    model = ws.toys.ferrimagnet()
    result = response_of(model)
    total = response_of(model, None)
    for name in ("upsilon0", "upsilon1", "upsilon2"):
        assert_close(result[name].total().values, total[name].values[0], 1e-10)
    a, b = result["upsilon1"].values[:, 0, 0, -1]
    for tensor in (a, b):
        assert_close(tensor[0, 1], -tensor[1, 0], 1e-9)
    assert abs(a[0, 1] + b[0, 1]) > 0.05 * abs(a[0, 1])
    assert abs(a[0, 1] - b[0, 1]) > 0.05 * abs(a[0, 1])

    exchange, moment = np.array([0.8, -0.3]), np.array([3.0, 1.2])
    spin = ws.induced_spin(result, field=1e7, direction="x")
    neel = ws.neel_field(spin, exchange=exchange, moment=moment)
    cell_spin_qs = spin.delta[1, :, 0, 0, -1] * 0.16  # of a cell of 0.16 nm²
    for q in range(2):  # energy of a cell J σ·m̂, of a moment M m̂: B = -J σ/M
        expected = -exchange[q] * cell_spin_qs[q] / (moment[q] * 5.7883818e-5)
        assert_close(neel.field[1, q, 0, 0, -1], expected, 1e-6)
    assert np.abs(neel.uniform[1]).max() > 0.0
    # The torque knows J and ΔS only.
    other = ws.neel_field(spin, exchange=exchange, moment=[1.0, 7.0])
    assert np.allclose(
        ws.torque_efficiency(neel).values, ws.torque_efficiency(other).values, rtol=1e-10
    )


def test_three_sublattices_in_one_layer():
    """A quarter turn exchanges the edge sites of the Lieb lattice and keeps the corner."""
    model = ws.toys.flat_band(rashba=0.05, soc=0.3)
    result = response_of(model, {"corner": [1, 2], "x": [3, 4], "y": [5, 6]}, mu=-0.4, n=16)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    upsilon1_qwsb = result["upsilon1"].values[:, 0, 0]
    turned = np.einsum("st,qwtc,bc->qwsb", turn, upsilon1_qwsb, turn)
    assert np.abs(upsilon1_qwsb[1]).max() > 1e-4
    assert np.abs(upsilon1_qwsb[1] - turned[1]).max() > 0.1 * np.abs(upsilon1_qwsb[1]).max()
    assert_close(turned[0], upsilon1_qwsb[0], 1e-9)
    assert_close(turned[1], upsilon1_qwsb[2], 1e-9)
    assert_close(turned[2], upsilon1_qwsb[1], 1e-9)
    neel = ws.neel_field(ws.induced_spin(result, field=1e7), moment=2.0, signs=[1, -1, -1])
    parts = neel.field.sum(axis=1)
    assert_close(neel.uniform, parts / 3.0, 1e-12)
    assert_close(neel.staggered, (2.0 * neel.field[:, 0] - parts) / 3.0, 1e-12)


def test_sublattices_in_one_layer_with_tt():
    """tT makes the field of E staggered and that of its time derivative uniform."""
    model = ws.toys.tt_antiferromagnet()
    parts = ws.partition(model, SUBLATTICES)
    asked = ws.SpinPolarizability(omega_w=0.05, mu_f=0.1, kT=0.1, parts=parts)
    mesh = ws.UniformMesh(n=12, shift=(0.5, 0.5, 0.0))
    result = ws.compute(model, [asked], mesh=mesh, symmetry="none")
    neel = ws.neel_field(ws.induced_spin(result, field=1e7), moment=3.0)
    for order, forbidden in enumerate((neel.uniform, neel.staggered, neel.uniform)):
        size = np.abs(neel.field[order]).max()
        assert size > 0.0
        assert np.abs(forbidden[order]).max() < 1e-9 * size


@pytest.mark.parametrize("bad", [[1.0], [1.0, np.nan], "much", [1.0, 2.0, 3.0]])
def test_exchange_must_fit_the_parts(bad):
    spin = ws.induced_spin(response_of(ws.toys.ferrimagnet(), n=4), field=1e7)
    with pytest.raises(ws.W90SpinError, match="one for each of the parts A, B"):
        ws.neel_field(spin, exchange=bad, moment=1.0)
