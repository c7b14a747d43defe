"""Cost is golden, too: evaluations of every rule on a few cheap integrals with known answers.

``python tests/physics/test_rule_costs.py`` prints the numbers anew.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from w90spin.integrate import AdaptiveTree, AutoMesh, Iterated, PeriodicMesh
from w90spin.integrate.driver import integrate
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.fourier import FourierSum
from w90spin.parallel import Comm

KNOWN = Path(__file__).parents[2] / "benchmarks" / "known_integrals.py"
RULES = {rule.__name__: rule for rule in (PeriodicMesh, AdaptiveTree, Iterated, AutoMesh)}
CASES = {
    "dirac": "massive Dirac electrons, ħω = 0.5 of the gap",
    "resonance": "massive Dirac electrons, ħω = 0.99 of the gap",
    "chern": "Chern number of massive Dirac electrons",
    "haldane": "Chern number of Haldane's model",
    "rashba": "Rashba electrons, kT = 25 meV",
}
RTOLS = (1e-2, 1e-4)

SYMMETRY = {"rashba": ZoneSymmetry.of_time_reversal([1])}
"""As compute does where time reversal is all that is known of the symmetry."""

GOLDEN = {
    "dirac": {
        "PeriodicMesh": (612, 1332),
        "AdaptiveTree": (1226, 2314),
        "Iterated": (2332, 5860),
        "AutoMesh": (612, 1332),
    },
    "resonance": {
        "PeriodicMesh": (15084, 54072),
        "AdaptiveTree": (2484, 3538),
        "Iterated": (7540, 13868),
        "AutoMesh": (2484, 3538),
    },
    "chern": {
        "PeriodicMesh": (504, 1512),
        "AdaptiveTree": (1124, 1600),
        "Iterated": (2052, 2612),
        "AutoMesh": (504, 1512),
    },
    "haldane": {
        "PeriodicMesh": (612, 612),
        "AdaptiveTree": (1124, 2144),
        "Iterated": (932, 2556),
        "AutoMesh": (612, 612),
    },
    "rashba": {
        "PeriodicMesh": (4070, 16220),
        "AdaptiveTree": (2670, 8484),
        "Iterated": (5534, 17182),
        "AutoMesh": (2670, 8484),
    },
}
"""Evaluations at relative tolerances of 1e-2 and 1e-4, by integral and rule."""


def _known_integrals():
    spec = importlib.util.spec_from_file_location("known_integrals", KNOWN)
    module = importlib.util.module_from_spec(spec)
    sys.modules["known_integrals"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    cases = module.gapped_cases() + module.sharp_cases()
    # These integrands need no denser mesh for a truth of twelve digits.
    return {case.name: replace(case, dense=min(case.dense, 360)) for case in cases}


@pytest.fixture(scope="module")
def integrals():
    cases = _known_integrals()
    known = {}
    for short, name in CASES.items():
        model = cases[name].model()
        truth = cases[name].truth(model)
        exact = {key: value for key, value in truth.items() if not np.iscomplexobj(value)}
        response = cases[name].response(model)
        known[short] = FourierSum(model), response, exact, SYMMETRY.get(short)
    return known


def run(known, rule, rtol):
    fourier, response, exact, symmetry = known
    mesh = RULES[rule](rtol=rtol)
    found = integrate(fourier, [response], mesh, comm=Comm(), symmetry=symmetry)
    rank = len(response.claims.raw[0].components)
    axes = tuple(range(-rank, 0))
    return found, {
        name: (
            np.linalg.norm(found.values[0][name] - value, axis=axes if rank == 2 else -1),
            np.linalg.norm(found.errors[0][name], axis=axes if rank == 2 else -1),
            np.linalg.norm(value, axis=axes if rank == 2 else -1),
        )
        for name, value in exact.items()
    }


@pytest.mark.parametrize("rtol", RTOLS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", CASES)
def test_no_rule_costs_more_than_it_did(integrals, name, rule, rtol):
    found, tensors = run(integrals[name], rule, rtol)
    assert found.converged
    assert found.evaluations <= 1.05 * GOLDEN[name][rule][RTOLS.index(rtol)]
    for true, reported, size in tensors.values():
        counts = size > max(1e-12, 1e-7 * size.max())
        assert np.all(true[counts] <= rtol * size[counts])
        assert np.all(true[counts] <= reported[counts])


if __name__ == "__main__":
    table = _known_integrals()
    for short, name in CASES.items():
        model = table[name].model()
        print(f'    "{short}": {{')
        known = FourierSum(model), table[name].response(model), {}, SYMMETRY.get(short)
        for rule in RULES:
            counts = tuple(run(known, rule, rtol)[0].evaluations for rtol in RTOLS)
            print(f'        "{rule}": {counts},')
        print("    },")
