"""Norms of degenerate pairs: what true spinors have, and how pseudo wave functions give away."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import DATA, at_k

import w90spin as ws
from w90spin.errors import W90SpinWarning
from w90spin.model.closest import load_closest
from w90spin.model.spin_quality import spin_quality
from w90spin.read import (  # fmt: skip
    AmnFile,
    EigFile,
    SpnFile,
    find_file,
    read_spn,
    write_amn,
    write_eig,
    write_spn,
)

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
GAMMA = np.zeros((1, 3))


def turned(energy_n, states_in, rng):
    """States with a random unitary in each degenerate pair."""
    for n in range(0, len(energy_n), 2):
        pair = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
        states_in[:, n : n + 2] = states_in[:, n : n + 2] @ np.linalg.qr(pair)[0]
    return states_in


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_without_spin_orbit_coupling_all_norms_are_one(seed):
    rng = np.random.default_rng(seed)
    states_in = turned(np.arange(10), np.eye(10, dtype=complex), rng)
    sigma_snm = states_in.conj().T @ np.array([np.kron(np.eye(5), p) for p in PAULI]) @ states_in
    energy_n = np.repeat(np.arange(5.0), 2)
    found = spin_quality(energy_n[None], sigma_snm[None], GAMMA)
    assert found.n_pairs == 5
    assert found.norm_min == pytest.approx(1.0, abs=1e-12)
    assert found.norm_max == pytest.approx(1.0, abs=1e-12)
    assert found.extreme == pytest.approx(1.0, abs=1e-12)
    assert found.trace < 1e-12
    assert found.complaint is None


def p_shell(coupling, field):
    """Energies and states of λ L·S + Δ L_z², spin fastest, L_z = 1, 0, -1."""
    raising = np.sqrt(2.0) * np.diag([1.0, 1.0], 1)
    turning = [0.5 * (raising + raising.T), -0.5j * (raising - raising.T), np.diag([1.0, 0, -1.0])]
    ham = sum(
        0.5 * coupling * np.kron(orbital, p) for orbital, p in zip(turning, PAULI, strict=True)
    )
    return np.linalg.eigh(ham + field * np.kron(turning[2] ** 2, np.eye(2)))


def test_a_p_shell_with_strong_spin_orbit_coupling():
    """j = 1/2: 1/3; j = 3/2, m = ±1/2: 2/3; stretched m = ±3/2: 1 along z, nothing across."""
    energy_n, states_in = p_shell(3.0, 0.03)
    states_in = turned(energy_n, states_in, np.random.default_rng(0))
    sigma_snm = states_in.conj().T @ np.array([np.kron(np.eye(3), p) for p in PAULI]) @ states_in
    found = spin_quality(energy_n[None], sigma_snm[None], GAMMA)
    assert found.n_pairs == 3
    assert found.norm_min == pytest.approx(1 / 3, abs=0.01)
    assert found.norm_median == pytest.approx(2 / 3, abs=0.01)
    assert found.norm_max == pytest.approx(1.0, abs=1e-10)
    assert found.complaint is None
    lowest = spin_quality(energy_n[None, :2], sigma_snm[None, :, :2, :2], GAMMA)
    assert lowest.norm_max == pytest.approx(1 / 3, abs=0.01)
    assert "j = l - 1/2" in lowest.complaint


def test_the_rest_of_the_shell_shows_that_spinors_are_normalised():
    """Between m = ±1/2 of both j, no pair has norm one, but some superposition is polarised."""
    energy_n, states_in = p_shell(3.0, 0.03)
    sigma_snm = states_in.conj().T @ np.array([np.kron(np.eye(3), p) for p in PAULI]) @ states_in
    found = spin_quality(energy_n[None, :4], sigma_snm[None, :, :4, :4], GAMMA)
    assert found.norm_max < 0.7
    assert found.extreme > 0.99
    assert found.complaint is None


@pytest.fixture
def antiferromagnet(tmp_path):
    """PT antiferromagnet as files; a function that writes its .spn scaled band by band."""
    model = ws.toys.pt_antiferromagnet()
    rng = np.random.default_rng(1)
    mesh = [(i / 4, j / 4, 0.0) for i in range(4) for j in range(4)]
    energy_kn, states_kin = np.linalg.eigh([at_k(model.ham_Rij, model.R_Rc, k) for k in mesh])
    states_kin = np.array([turned(np.arange(4), states_in, rng) for states_in in states_kin])
    home = int(np.flatnonzero(~model.R_Rc.any(axis=1))[0])
    rotated = states_kin[:, None]
    sigma_ksnm = rotated.conj().swapaxes(-1, -2) @ model.spin_Rsij[home] @ rotated
    seed = tmp_path / "toy"
    rows = "\n".join(" ".join(map(str, row)) for row in model.cell_ca.tolist())
    points = "\n".join(" ".join(map(str, k)) for k in mesh)
    Path(f"{seed}.win").write_text(
        "num_wann = 4\nspinors = .true.\nmp_grid = 4 4 1\nbegin unit_cell_cart\nang\n"
        f"{rows}\nend unit_cell_cart\nbegin kpoints\n{points}\nend kpoints\n"
    )
    write_eig(EigFile(seed, energy_kn), f"{seed}.eig")
    write_amn(AmnFile(seed, "toy", states_kin.conj().swapaxes(1, 2)), f"{seed}.amn")

    def load(norm_n):
        scale_n = np.sqrt(np.asarray(norm_n))
        scaled = sigma_ksnm * scale_n[:, None] * scale_n
        write_spn(SpnFile(seed, "toy", scaled), f"{seed}.spn", formatted=True)
        return load_closest(seed, centres=model.centres_ia, spin_order="interlaced")

    return load


def test_a_pt_antiferromagnet_of_true_spinors(antiferromagnet):
    """Pairs at all 16 points: PT, without time reversal at any of them."""
    quality = antiferromagnet([1, 1, 1, 1]).spin_quality
    assert quality["n_pairs"] == 32
    assert quality["norm_max"] <= 1.0 + 1e-12
    assert quality["extreme"] == pytest.approx(1.0, abs=1e-12)
    assert quality["trace"] < 1e-12


@pytest.mark.parametrize(
    ("norm_n", "words"),
    [
        ([0.91, 0.91, 0.96, 0.96], "all below 0.99"),
        ([1.08, 1.08, 0.97, 0.97], "beyond 1"),
        ([1.005, 1.005, 1.005, 1.005], "beyond 1"),
    ],
)
def test_a_pt_antiferromagnet_of_pseudo_wave_functions(antiferromagnet, norm_n, words):
    with pytest.warns(W90SpinWarning, match=f"toy.spn: .*norms of 32 .*{words}.*LWRITE_SPN"):
        model = antiferromagnet(norm_n)
    assert any(note.startswith("Spin of toy.spn: norms of 32") for note in model.notes)
    assert model.spin_quality["trace"] < 1e-12


def test_bands_without_pairs_have_no_norms():
    """A ferromagnet; the eigenvalues between all bands still tell."""
    energy_n, states_in = np.linalg.eigh(np.kron(np.diag([0.0, 1.0]), np.eye(2)) + 0.3 * np.kron(
        np.eye(2), PAULI[2]))  # fmt: skip
    sigma_snm = states_in.conj().T @ np.array([np.kron(np.eye(2), p) for p in PAULI]) @ states_in
    for scale, wrong in ((1.0, False), (0.95, True), (1.01, True)):
        found = spin_quality(energy_n[None], scale * sigma_snm[None], GAMMA)
        assert found.n_pairs == 0
        assert found.extreme == pytest.approx(scale, abs=1e-12)
        assert (found.complaint is not None) == wrong


def test_pairs_that_are_none_of_kramers_show_a_trace():
    energy_n = np.repeat([0.0, 1.0], 2)
    same = np.kron(np.eye(2), 0.3 * np.eye(2)) + 0.5 * np.kron(np.eye(2), PAULI[2])
    found = spin_quality(energy_n[None], np.array([0 * same, 0 * same, same])[None], GAMMA)
    assert found.trace == pytest.approx(0.3)
    assert found.norm_max == pytest.approx(0.5)


def test_the_monolayer_has_true_spinors(bi_tb, bi_chk):
    """Norm-conserving potentials, time reversal only: the pairs of the one invariant point."""
    for model in (bi_tb, bi_chk):
        quality = model.spin_quality
        assert quality["n_pairs"] == 24
        assert 0.4 < quality["norm_min"] < quality["norm_median"] < 0.95
        assert 0.999 < quality["norm_max"] < 1.0
        assert quality["trace"] < 1e-3
        assert quality["extreme"] == pytest.approx(1.0, abs=1e-6)
    assert bi_tb.with_spin(bi_tb.spin_Rsij, source="new").spin_quality == {}


@pytest.mark.parametrize(
    ("low", "high", "words"), [(0.9, 0.97, "all below"), (0.95, 1.05, "beyond")]
)
def test_the_monolayer_with_pseudo_norms(lay, low, high, words):
    """The rest of the checks let it pass: time reversal holds, the matrices are Hermitian."""
    seed = lay(".win", ".nnkp", ".chk", ".eig", "_tb.dat", "_wsvec.dat")
    spn = read_spn(find_file(DATA / "bi", ".spn"))
    scale_n = np.sqrt(np.repeat(np.linspace(high, low, 24), 2))
    scaled = SpnFile(spn.path, "", spn.spin_ksnm * scale_n[:, None] * scale_n)
    write_spn(scaled, f"{seed}.spn")
    with pytest.warns(W90SpinWarning, match=f".spn: .*{words}.*PAW") as caught:
        model = ws.load_model(seed)
    assert caught[0].filename == __file__
    assert model.spin_quality["norm_max"] == pytest.approx(high, abs=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ws.load_model(seed, spin="projections").spin_quality == {}
