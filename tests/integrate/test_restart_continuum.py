"""Integrals over regions of k: interrupted after any task they go on to the same bits."""

import os
import signal

import pytest
from small_zones import bits

import w90spin as ws
from w90spin.errors import InterruptedRunError, ResultFileError
from w90spin.integrate import checkpoint as checkpoint_module
from w90spin.response import SpinHall

pytestmark = pytest.mark.filterwarnings("ignore:Not converged")
MOST_RESTARTS = 400


def run(kind, **options):
    """A metal at T = 0 with two levels, and an insulator without cutoff in three dimensions."""
    if kind == "iterated":
        model = ws.toys.rashba_kp(beta=0.2, exchange=(0.05, 0.0, 0.1), cutoff=0.6)
        responses = [SpinHall(mu_f=[0.1, 0.3], omega_w=0.1, eta=0.3)]
        return ws.compute(model, responses, mesh=ws.Iterated(rtol=1e-3), batch=100, **options)
    model = ws.toys.bi2se3_kp(exchange=(0.1, 0.0, 0.05))
    response = ws.SpinPolarizability(omega_w=0.05, mu_f=0.1, eta=0.2)
    rule = ws.AdaptiveTree(rtol=1e-6, max_points=40_000)
    return ws.compute(model, [response], mesh=rule, batch=100, **options)


@pytest.mark.parametrize("kind", ["iterated", "tree"])
def test_interrupted_now_and_then(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(checkpoint_module, "LARGEST_SHARE", float("inf"))
    path = tmp_path / "run.h5"
    result, restarts = None, 0
    while result is None and restarts < MOST_RESTARTS:
        calls = [0]

        def report(progress, calls=calls):
            calls[0] += 1
            if calls[0] == 3:
                os.kill(os.getpid(), signal.SIGTERM)

        try:
            result = run(kind, checkpoint=path, checkpoint_every=0.0, report=report)
        except InterruptedRunError:
            restarts += 1
    assert restarts > 3
    assert bits(result) == bits(run(kind))


def test_another_cutoff_is_another_run(tmp_path):
    path = tmp_path / "run.h5"
    response = ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)
    model = ws.toys.dirac_kp(cutoff=0.5)
    rule = ws.AdaptiveTree(rtol=1e-12)
    ws.compute(model, [response], mesh=rule, checkpoint=path, max_cost=2000)
    with pytest.raises(ResultFileError, match="is the checkpoint of another run"):
        ws.compute(model.within(0.6), [response], mesh=rule, checkpoint=path)
