"""Nothing may depend on the choice of Wannier functions, of eigenvectors, or of phases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import (
    STEADY,
    Operators,
    assert_close,
    kubo_connection,
    random_model,
    random_parts,
    rebuilt,
    states_at,
)
from scipy.stats import unitary_group

from w90spin.kspace.fourier import FourierSum, KPoints
from w90spin.kspace.states import BlochStates
from w90spin.model.partition import Partition
from w90spin.model.toys import pt_antiferromagnet
from w90spin.response import SpinPolarizability

BROAD = {"omega_w": [0.0, 0.6], "mu_f": [0.0, 0.4], "kT": [0.02, 0.2], "eta": 0.1}


def all_tensors(response, states):
    bands = {f"bands {name}": x for name, x in response.bands(states).items()}
    return {**response(states), **bands}


def assert_same(actual, expected, rtol):
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        assert_close(actual[name], tensor, rtol)


@given(seed=st.integers(0, 10**6))
@STEADY
def test_mixing_wannier_functions(seed):
    """U^dagger O(R) U with one unitary for H, r and the spin."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6)
    u = unitary_group.rvs(6, random_state=rng)

    def mixed(op):
        return u.conj().T @ op @ u

    other = rebuilt(
        model, ham=mixed(model.ham_Rij), pos=mixed(model.pos_Raij), spin=mixed(model.spin_Rsij)
    )
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(**BROAD)
    expected = all_tensors(response, states_at(model, kpt_kc))
    assert_same(all_tensors(response, states_at(other, kpt_kc)), expected, 1e-9)


def mixed_blocks(states, rng):
    """The same states with every degenerate block turned by a random unitary."""
    fresh = BlochStates(states.kpt_kc, states.wannier, states.tolerance)
    vectors_kin = fresh.vectors_kin.copy()
    for k, block_n in enumerate(states.block_kn):
        for label in np.unique(block_n):
            members = np.flatnonzero(block_n == label)
            turn = (
                unitary_group.rvs(len(members), random_state=rng)
                if len(members) > 1
                else (np.exp(2j * np.pi * rng.uniform(size=(1, 1))))
            )
            vectors_kin[k][:, members] = vectors_kin[k][:, members] @ turn
    fresh.vectors_kin = vectors_kin
    return fresh


@pytest.mark.parametrize("parameters", [{"omega_w": [0.0, 0.3], "mu_f": 0.06}, BROAD])
def test_mixing_inside_degenerate_pairs(parameters):
    rng = np.random.default_rng(11)
    model = pt_antiferromagnet()
    parts = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
    states = states_at(model, rng.uniform(size=(5, 3)))
    assert (states.block_kn[:, -1] == 1).all()  # two pairs
    response = SpinPolarizability(parts=parts, **parameters)
    expected = all_tensors(response, states)
    mixed = mixed_blocks(states, rng)
    assert np.abs(mixed.vectors_kin - states.vectors_kin).max() > 0.1
    assert_same(all_tensors(response, mixed), expected, 1e-9)


@pytest.mark.parametrize("sizes", [(3, 1, 2), (2, 4), (1, 2, 1, 2)])
def test_mixing_inside_blocks_of_any_size(sizes):
    """A Hamiltonian with prescribed multiplicities at one k, everything else random."""
    rng = np.random.default_rng(12)
    states = states_at(random_model(rng, 6), rng.uniform(size=(4, 3)))
    level_n = np.repeat(np.linspace(-1.0, 1.0, len(sizes)), sizes)
    matrices = states.wannier
    ham_kij = (states.vectors_kin * level_n) @ states.vectors_kin.conj().swapaxes(1, 2)
    matrices = type(matrices)(ham_kij, matrices.dham_kaij, matrices.pos_kaij, matrices.spin_ksij)
    degenerate = BlochStates(states.kpt_kc, matrices)
    response = SpinPolarizability(**BROAD)
    expected = all_tensors(response, degenerate)
    assert_same(all_tensors(response, mixed_blocks(degenerate, rng)), expected, 1e-9)


def test_every_band_of_a_block_carries_its_sum():
    rng = np.random.default_rng(13)
    states = states_at(pt_antiferromagnet(), rng.uniform(size=(3, 3)))
    parts = Partition(("A", "B"), np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
    response = SpinPolarizability(omega_w=0.3, mu_f=0.06, parts=parts)
    for tensor in response.bands(states).values():
        np.testing.assert_array_equal(tensor[:, 0], tensor[:, 1])
        np.testing.assert_array_equal(tensor[:, 2], tensor[:, 3])
        assert_close(tensor[:, 0], -tensor[:, 2], 1e-9)  # two levels: opposite


@given(seed=st.integers(0, 10**6))
@STEADY
def test_moving_wannier_functions_to_other_cells(seed):
    """|R j>' = |R + R_j, j>: O'(R) = O(R + R_j - R_i), centres move by R_j."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, reach=(1, 1, 0))
    parts = random_parts(rng, 6)
    move_ic = rng.integers(-2, 3, size=(6, 3))
    move_ic[:, 2] = 0
    span = np.arange(-5, 6)
    R_Rc = np.stack(np.meshgrid(span, span, [0], indexing="ij"), axis=-1).reshape(-1, 3)
    index = {tuple(R): i for i, R in enumerate(R_Rc.tolist())}
    ham = np.zeros((len(R_Rc), 6, 6), dtype=complex)
    pos, spin = np.zeros((2, len(R_Rc), 3, 6, 6), dtype=complex)
    for old, R in enumerate(model.R_Rc):
        for i in range(6):
            for j in range(6):
                new = index[tuple((R - move_ic[j] + move_ic[i]).tolist())]
                ham[new, i, j] = model.ham_Rij[old, i, j]
                pos[new, :, i, j] = model.pos_Raij[old, :, i, j]
                spin[new, :, i, j] = model.spin_Rsij[old, :, i, j]
    for i in range(6):
        pos[index[0, 0, 0], :, i, i] += move_ic[i] @ model.cell_ca
    other = rebuilt(model, R=R_Rc, ham=ham, pos=pos, spin=spin)
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(parts=parts, **BROAD)
    expected = all_tensors(response, states_at(model, kpt_kc))
    assert_same(all_tensors(response, states_at(other, kpt_kc)), expected, 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_phases_with_wannier_centres(seed):
    """exp[ik.(R + tau_j - tau_i)] everywhere, and A without the centres: the same response."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6, reach=(1, 1, 1))
    kpt_kc = rng.uniform(size=(2, 3))
    response = SpinPolarizability(omega_w=0.6, mu_f=0.1, kT=0.1, eta=0.1)
    chi = response.publish(response(states_at(model, kpt_kc)))["chi"]
    place_Rija = (
        (model.R_Rc @ model.cell_ca)[:, None, None]
        + model.centres_ia[None, None, :]
        - model.centres_ia[None, :, None]
    )
    pos_Raij = model.pos_Raij.copy()
    home = int(np.flatnonzero((model.R_Rc == 0).all(axis=1))[0])
    for i in range(6):
        pos_Raij[home, :, i, i] -= model.centres_ia[i]
    for k, kpt_c in enumerate(kpt_kc):
        kpt_a = 2 * np.pi * np.linalg.inv(model.cell_ca) @ kpt_c
        phase_Rij = np.exp(1j * place_Rija @ kpt_a)
        ham = (phase_Rij * model.ham_Rij).sum(axis=0)
        pos = (phase_Rij[:, None] * pos_Raij).sum(axis=0)
        spin = (phase_Rij[:, None] * model.spin_Rsij).sum(axis=0)
        bare = 1j * np.einsum("Rija,Rij,Rij->aij", place_Rija, phase_Rij, model.ham_Rij)
        covariant = bare - 1j * (pos @ ham - ham @ pos)
        expected = kubo_connection(Operators(ham, covariant, pos, spin), 0.1, 0.1, 0.6 + 0.1j)
        assert_close(chi[k, 0, 0, 0, 0], expected, 1e-9)


def test_dropping_the_centres_would_be_noticed():
    """The centres matter at order one: the tests above are not about nothing."""
    rng = np.random.default_rng(14)
    model = random_model(rng, 6)
    other = rebuilt(model, pos=np.zeros_like(model.pos_Raij))
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(omega_w=0.6, mu_f=0.1, eta=0.1)
    with_centres = response(states_at(model, kpt_kc))["upsilon0_odd"]
    without = response(states_at(other, kpt_kc))["upsilon0_odd"]
    assert np.abs(with_centres - without).max() > 0.1 * np.abs(with_centres).max()


def test_origin_of_space():
    """Moving the whole crystal by a vector changes nothing."""
    rng = np.random.default_rng(15)
    model = random_model(rng, 6)
    pos = model.pos_Raij.copy()
    home = int(np.flatnonzero((model.R_Rc == 0).all(axis=1))[0])
    pos[home] += np.einsum("a,ij->aij", rng.normal(size=3), np.eye(6))
    kpt_kc = rng.uniform(size=(3, 3))
    response = SpinPolarizability(**BROAD)
    expected = all_tensors(response, states_at(model, kpt_kc))
    moved = BlochStates(kpt_kc, FourierSum(rebuilt(model, pos=pos))(KPoints(kpt_kc)))
    assert_same(all_tensors(response, moved), expected, 1e-9)
