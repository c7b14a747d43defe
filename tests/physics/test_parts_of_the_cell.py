"""Parts sum to the total, and each part is what its projector says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import STEADY, assert_close, random_model, random_parts, states_at

from w90spin.integrate import UniformMesh
from w90spin.integrate.driver import integrate
from w90spin.kspace.fourier import FourierSum
from w90spin.model.partition import Partition
from w90spin.model.toys import pt_antiferromagnet
from w90spin.parallel import Comm
from w90spin.response import SpinPolarizability


@given(seed=st.integers(0, 10**6), n_parts=st.integers(1, 5), eta=st.sampled_from([0.05, 0.4]))
@STEADY
def test_parts_sum_to_the_total(seed, n_parts, eta):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 6)
    parts = random_parts(rng, 6, n_parts)
    states = states_at(model, rng.uniform(size=(3, 3)))
    whole = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=[0.0, 0.3], kT=0.1, eta=eta)
    resolved = SpinPolarizability(omega_w=[0.0, 0.5], mu_f=[0.0, 0.3], kT=0.1, eta=eta, parts=parts)
    total, by_part = whole(states), resolved(states)
    for name, tensor in total.items():
        assert by_part[name].shape[1] == n_parts
        assert_close(by_part[name].sum(axis=1), tensor[:, 0], 1e-12)
    total, by_part = whole.bands(states), resolved.bands(states)
    for name, tensor in total.items():
        assert_close(by_part[name].sum(axis=2), tensor[:, :, 0], 1e-12)


def test_parts_sum_to_the_total_of_a_separate_run():
    model = pt_antiferromagnet()
    parts = Partition(("low", "high"), np.array([[0.9, 0.2, 0.5, 0.0], [0.1, 0.8, 0.5, 1.0]]))
    fourier, mesh = FourierSum(model), UniformMesh(n=10)
    parameters = {"omega_w": [0.1, 0.4], "mu_f": 0.06}
    whole = integrate(fourier, [SpinPolarizability(**parameters)], mesh, comm=Comm()).values[0]
    resolved = integrate(
        fourier, [SpinPolarizability(parts=parts, **parameters)], mesh, comm=Comm()
    ).values[0]
    for name, tensor in whole.items():
        scale = np.abs(resolved[name]).max()
        assert_close(resolved[name].sum(axis=0), tensor[0], 1e-12, scale)


def test_a_whole_part_beside_an_empty_one():
    rng = np.random.default_rng(3)
    model = random_model(rng, 6)
    states = states_at(model, rng.uniform(size=(3, 3)))
    parts = Partition(("all", "none"), np.array([np.ones(6), np.zeros(6)]))
    parameters = {"omega_w": 0.5, "mu_f": 0.0, "eta": 0.1}
    total = SpinPolarizability(**parameters)(states)
    for name, tensor in SpinPolarizability(parts=parts, **parameters)(states).items():
        assert_close(tensor[:, 0], total[name][:, 0], 1e-13)
        assert not tensor[:, 1].any()


def test_the_response_is_linear_in_the_weights():
    rng = np.random.default_rng(4)
    model = random_model(rng, 6)
    states = states_at(model, rng.uniform(size=(3, 3)))
    one, two = random_parts(rng, 6, 2), random_parts(rng, 6, 2)
    mixed = Partition(one.names, 0.3 * one.weights_li + 0.7 * two.weights_li)
    values = [
        SpinPolarizability(omega_w=0.5, mu_f=0.0, eta=0.1, parts=parts)(states)
        for parts in (one, two, mixed)
    ]
    for name in values[0]:
        expected = 0.3 * values[0][name] + 0.7 * values[1][name]
        assert_close(values[2][name], expected, 1e-12)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_order_of_parts_is_the_order_of_the_axis(order):
    rng = np.random.default_rng(5)
    model = random_model(rng, 6)
    states = states_at(model, rng.uniform(size=(2, 3)))
    parts = random_parts(rng, 6, 3)
    shuffled = Partition(tuple(parts.names[i] for i in order), parts.weights_li[list(order)])
    parameters = {"omega_w": 0.5, "mu_f": 0.0, "eta": 0.1}
    plain = SpinPolarizability(parts=parts, **parameters)(states)
    response = SpinPolarizability(parts=shuffled, **parameters)
    assert response.claims.raw[0].axes[0].values == shuffled.names
    for name, tensor in response(states).items():
        assert_close(tensor, plain[name][:, list(order)], 1e-13)
