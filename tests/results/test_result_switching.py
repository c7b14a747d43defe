"""Antiferromagnetic dynamics: length, resonance, damping, spin flop, switching, energy."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

import w90spin as ws
from w90spin.errors import ResponseError

GAMMA = 0.1758820011  # rad/(ps T), of a moment with g = 2
B_E, B_K = 5.0, 0.3  # T


def no_field(duration, n=2001):
    return np.linspace(0.0, duration, n), np.zeros((n, 2, 3))


def tilted(angle=0.01):
    """Both sublattices tilted off their axes: both circular modes are there."""
    return [[np.sin(angle), 0.0, np.cos(angle)], [np.sin(angle), 0.0, -np.cos(angle)]]


def test_resonance_frequency():
    """ω = γ sqrt(B_K (2 B_E + B_K)) in time and as a closed form."""
    omega = GAMMA * np.sqrt(B_K * (2 * B_E + B_K))
    assert ws.resonance_frequency(B_E, B_K) == pytest.approx(omega / (2 * np.pi), rel=1e-6)
    run = ws.neel_dynamics(
        no_field(200.0),
        exchange_field=B_E,
        anisotropy_field=B_K,
        damping=0.0,
        start=tilted(0.001),  # turns the Néel vector six times as far
        after_ps=0.0,
    )
    assert np.abs(np.linalg.norm(run.moments_tqa, axis=-1) - 1.0).max() < 1e-7
    net_t = run.net_ta[:, 0]
    (found, _), _ = curve_fit(
        lambda t, w, a: a * np.cos(w * t), run.time_t, net_t, p0=(1.001 * omega, net_t[0])
    )
    assert found == pytest.approx(omega, rel=1e-4)
    assert np.abs(net_t - net_t[0] * np.cos(omega * run.time_t)).max() < 0.01 * abs(net_t[0])


def test_energy_is_kept_without_damping_and_lost_with_it():
    def energy(run):
        a, b = run.moments_tqa[:, 0], run.moments_tqa[:, 1]
        pair = B_E * np.einsum("ta,ta->t", a, b)
        return pair - 0.5 * B_K * (a[:, 2] ** 2 + b[:, 2] ** 2)

    start = [[0.6, 0.2, 0.7], [-0.3, 0.4, -0.8]]
    fields = {"exchange_field": B_E, "anisotropy_field": B_K, "start": start, "after_ps": 0.0}
    free = energy(ws.neel_dynamics(no_field(50.0), damping=0.0, **fields))
    assert np.ptp(free) < 1e-6
    damped = energy(ws.neel_dynamics(no_field(50.0), damping=0.05, **fields))
    assert (np.diff(damped) < 1e-9).all()
    assert damped[-1] < damped[0] - 1.0


def test_damping_rate():
    """Small oscillations fade as exp[-αγ(B_E + B_K)t]."""
    alpha = 0.004
    rate = alpha * GAMMA * (B_E + B_K)
    run = ws.neel_dynamics(
        no_field(3.0 / rate, 6001),
        exchange_field=B_E,
        anisotropy_field=B_K,
        damping=alpha,
        start=tilted(),
        after_ps=0.0,
    )
    net_t = run.net_ta[:, 0]
    omega = GAMMA * np.sqrt(B_K * (2 * B_E + B_K))
    fit, _ = curve_fit(
        lambda t, w, g, a, b: np.exp(-g * t) * (a * np.cos(w * t) + b * np.sin(w * t)),
        run.time_t,
        net_t,
        p0=(omega, 1.1 * rate, net_t[0], 0.0),
    )
    assert fit[1] == pytest.approx(rate, rel=2e-3)
    assert np.abs(np.linalg.norm(run.moments_tqa, axis=-1) - 1.0).max() < 1e-7


def steady(field_qa, duration=3000.0):
    time_t = np.linspace(0.0, duration, 601)
    return time_t, np.broadcast_to(np.asarray(field_qa, float), (601, 2, 3))


@pytest.mark.parametrize(("field", "flops"), [(1.6, False), (1.9, True)])
def test_spin_flop(field, flops):
    """Along the axis the antiferromagnet flops at sqrt(B_K (2 B_E - B_K)) = 1.706 T or, coming
    from below, at the resonance field sqrt(B_K (2 B_E + B_K)) = 1.758 T.
    """
    run = ws.neel_dynamics(
        steady([[0, 0, field], [0, 0, field]]),
        exchange_field=B_E,
        anisotropy_field=B_K,
        damping=0.1,
        start=tilted(0.02),
        after_ps=0.0,
    )
    assert (abs(run.along_easy_axis_t[-1]) < 0.1) == flops
    if flops:  # the net moment of the flop phase
        assert run.net_ta[-1, 2] == pytest.approx(field / (2 * B_E - B_K), rel=1e-3)


def test_a_staggered_field_along_the_axis_switches():
    """Beyond B_K the staggered field makes the initial state unstable; the other is favoured."""
    for size, expected in ((0.8 * B_K, False), (1.3 * B_K, True)):
        run = ws.neel_dynamics(
            steady([[0, 0, -size], [0, 0, size]], 600.0),
            exchange_field=B_E,
            anisotropy_field=B_K,
            damping=0.1,
            start=tilted(0.02),
        )
        assert run.switched is expected
        assert ("does not switch" in str(run)) is (not expected)
        assert not run.field_tqa[-1].any()
    short = ws.neel_dynamics(
        no_field(0.5),
        exchange_field=B_E,
        anisotropy_field=B_K,
        damping=0.1,
        start=[[1, 0, 0.1], [-1, 0, -0.1]],
        after_ps=0.0,
    )
    assert short.switched is None
    assert "has not settled" in str(short)


def test_a_weak_staggered_field_tilts_by_linear_response():
    """Static, across the axis: the Néel vector turns by B/B_K, with no net moment."""
    size = 1e-3 * B_K
    run = ws.neel_dynamics(
        steady([[size, 0, 0], [-size, 0, 0]], 300.0),
        exchange_field=B_E,
        anisotropy_field=B_K,
        damping=0.2,
        after_ps=0.0,
    )
    assert run.neel_ta[-1, 0] == pytest.approx(1e-3, rel=1e-3)
    assert np.abs(run.net_ta[-1]).max() < 1e-6
    assert run.switched is False


def test_the_axis_may_point_anywhere():
    """Turned together, axis, field and moments turn."""
    turn = np.linalg.qr(np.random.default_rng(7).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    time_t = np.linspace(0.0, 6.0, 121)
    wave_t = np.sin(2.0 * time_t) * np.exp(-((time_t - 3.0) ** 2))
    field = wave_t[:, None, None] * np.array([[1.0, 0.3, 0.2], [-0.8, 0.1, 0.4]])
    options = {"exchange_field": B_E, "anisotropy_field": B_K, "damping": 0.05, "after_ps": 10.0}
    plain = ws.neel_dynamics((time_t, field), easy_axis="z", **options)
    turned = ws.neel_dynamics((time_t, field @ turn.T), easy_axis=3.0 * turn[:, 2], **options)
    assert np.abs(turned.moments_tqa - plain.moments_tqa @ turn.T).max() < 1e-6
    assert plain.neel_ta[:, 2].min() < 0.999


FERRI = {
    "exchange_field": [4.0, 10.0],  # so that the moments are 10 : 4
    "anisotropy_field": [0.5, 0.2],
    "g_factor": [2.0, 2.3],
}


def ferri_modes():
    """Roots of ω² - (p_A - p_B)ω - p_A p_B + γ_Aγ_B B_A B_B = 0, from the linearised equation."""
    gamma_a, gamma_b = GAMMA, GAMMA * 2.3 / 2.0
    p_a, p_b = gamma_a * 4.5, gamma_b * 10.2
    return np.abs(np.roots([1.0, p_b - p_a, gamma_a * gamma_b * 40.0 - p_a * p_b]))


def test_modes_of_a_ferrimagnet():
    omega = np.sort(ferri_modes())
    assert 3.0 * omega[0] < omega[1]
    given = {name: FERRI[name] for name in ("exchange_field", "anisotropy_field", "g_factor")}
    assert ws.resonance_frequency(**given) == pytest.approx(omega[0] / (2 * np.pi), rel=1e-6)
    run = ws.neel_dynamics(
        no_field(150.0, 6001), damping=0.0, start=tilted(1e-3), after_ps=0.0, **FERRI
    )
    assert run.share_q == pytest.approx([10 / 14, 4 / 14])
    # Undamped small motion along x is cos(ω₁t) and cos(ω₂t) alone.
    waves = np.cos(np.outer(run.time_t, omega))
    moved_t = run.moments_tqa[:, 0, 0]
    weights = np.linalg.lstsq(waves, moved_t, rcond=None)[0]
    assert np.abs(waves @ weights - moved_t).max() < 3e-4 * np.abs(moved_t).max()
    assert np.abs(weights).min() > 1e-5


def test_a_ferrimagnet_keeps_energy_and_angular_momentum():
    """Σ M m/g along the axis is kept, as action equals reaction; along all axes without one."""
    start = [[0.6, 0.2, 0.7], [-0.3, 0.4, -0.8]]
    size_q = np.array([10.0, 4.0])
    for anisotropy, kept in ((FERRI["anisotropy_field"], slice(2, 3)), (0.0, slice(0, 3))):
        options = {**FERRI, "anisotropy_field": anisotropy}
        run = ws.neel_dynamics(no_field(40.0), damping=0.0, start=start, after_ps=0.0, **options)
        spin_ta = np.einsum("q,tqa->ta", size_q / FERRI["g_factor"], run.moments_tqa)
        assert np.ptp(spin_ta[:, kept], axis=0).max() < 1e-6
        a, b = run.moments_tqa[:, 0], run.moments_tqa[:, 1]
        energy_t = size_q[0] * 4.0 * np.einsum("ta,ta->t", a, b)
        energy_t -= 0.5 * (run.moments_tqa[..., 2] ** 2) @ (size_q * anisotropy)
        assert np.ptp(energy_t) < 1e-5
    assert np.ptp(run.moments_tqa[:, 0, 2]) > 0.1


def test_a_ferrimagnet_turns_in_a_uniform_field():
    """Static and weak, across the axis: both moments lie along their fields,
    a (B_A + K_A) + b B_A = B and b (B_B + K_B) + a B_B = B with transverse parts a and b.
    """
    field = 1e-3
    run = ws.neel_dynamics(
        steady([[field, 0, 0]] * 2, 600.0),
        exchange_field=[4.0, 10.0],
        anisotropy_field=[0.5, 0.2],
        damping=0.5,
        after_ps=0.0,
    )
    a, b = np.linalg.solve([[4.5, 4.0], [10.0, 10.2]], [field, field])
    assert run.moments_tqa[-1, :, 0] == pytest.approx([a, b], rel=1e-4)
    # For B_E ≫ B_K the net moment turns against the anisotropy: (M_A - M_B)B/(M_A K_A + M_B K_B).
    assert a == pytest.approx(6.0 * field / (10.0 * 0.5 + 4.0 * 0.2), rel=0.05)
    assert run.net_ta[-1, 2] == pytest.approx(6.0 / 14.0, rel=1e-4)


def test_the_time_that_is_waited_is_that_of_the_slower_mode():
    """Fading of the slower mode of a ferrimagnet, from its own motion."""
    options = {**FERRI, "damping": [0.02, 0.01]}
    run = ws.neel_dynamics(no_field(1.0, 11), start=tilted(0.01), **options)
    late = (run.time_t > 0.3 * run.time_t[-1]) & (run.time_t < 0.9 * run.time_t[-1])
    size_t = np.hypot(run.moments_tqa[late, 0, 0], run.moments_tqa[late, 0, 1])
    rate = -np.polyfit(run.time_t[late], np.log(size_t), 1)[0]
    assert rate * (run.time_t[-1] - 1.0) == pytest.approx(8.0, rel=0.02)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exchange_field": -1.0}, "exchange_field = -1.0"),
        ({"anisotropy_field": np.nan}, "anisotropy_field = nan"),
        ({"damping": -0.1}, "damping = -0.1"),
        ({"anisotropy_field": 0.0}, "nothing settles"),
        ({"exchange_field": [1.0, 2.0, 3.0]}, "one for each of the two"),
        ({"exchange_field": [1.0, 0.0]}, "positive on both sublattices"),
        ({"exchange_field": "strong"}, "exchange_field = 'strong'"),
        ({"g_factor": 0.0}, "g_factor"),
        ({"damping": 0.0}, "Without damping or without anisotropy nothing settles"),
        ({"after_ps": -1.0}, "after_ps = -1.0"),
        ({"easy_axis": "w"}, "easy_axis = 'w'"),
        ({"easy_axis": [0, 0, 0]}, "easy_axis"),
        ({"start": [[0, 0, 1.0]]}, "start"),
    ],
)
def test_impossible_inputs_are_refused(options, words):
    given = {"exchange_field": B_E, "anisotropy_field": B_K, **options}
    with pytest.raises(ResponseError, match=words):
        ws.neel_dynamics(no_field(1.0, 5), **given)


@pytest.mark.parametrize(
    ("time", "field"),
    [
        (np.zeros(1), np.zeros((1, 2, 3))),
        (np.arange(4.0), np.zeros((4, 3, 3))),
        (np.zeros(4), np.zeros((4, 2, 3))),
        (np.arange(4.0), np.full((4, 2, 3), np.inf)),
    ],
)
def test_what_cannot_drive_is_refused(time, field):
    with pytest.raises(ResponseError, match=r"drive"):
        ws.neel_dynamics((time, field), exchange_field=B_E, anisotropy_field=B_K)
