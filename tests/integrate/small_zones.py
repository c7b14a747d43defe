"""Small zone integrals of every rule in one, two and three dimensions, and their bits."""

import w90spin as ws

RULES = {
    "uniform": ws.UniformMesh,
    "periodic": ws.PeriodicMesh,
    "tree": ws.AdaptiveTree,
    "iterated": ws.Iterated,
}
OPTIONS = {
    ("uniform", 1): {"n": 35},
    ("uniform", 2): {"n": 7},
    ("uniform", 3): {"n": 4},
    ("periodic", 1): {"start": 6, "rtol": 1e-9, "max_points": 100},
    ("periodic", 2): {"start": 6, "rtol": 1e-9, "max_points": 400},
    ("periodic", 3): {"start": 6, "rtol": 1e-9, "max_points": 1728},
    ("tree", 1): {"rtol": 1e-12, "max_points": 1500},
    ("tree", 2): {"rtol": 1e-6, "max_points": 1500},
    ("tree", 3): {"rtol": 1e-6, "max_points": 2500},
    ("iterated", 1): {"rtol": 1e-9, "max_points": 2000},
    ("iterated", 2): {"rtol": 2e-5, "max_points": 20000},
    ("iterated", 3): {"rtol": 1e-2, "atol": 1e3},
    ("surface tree", 2): {"rtol": 1e-2, "max_points": 4000},
    ("surface tree", 3): {"rtol": 0.5, "max_points": 8000},
    ("surface iterated", 2): {"rtol": 1e-2, "max_points": 10000},
    ("surface iterated", 3): {"rtol": 0.5, "max_points": 4000},
}
CASES = list(OPTIONS)
ON_SURFACE = "surface "
"""Begins the names of cases in which rules follow bands through Fermi levels."""


def rule(kind, dimension):
    return RULES[kind.removeprefix(ON_SURFACE)](**OPTIONS[kind, dimension])


def model(dimension):
    if dimension == 2:
        return ws.toys.rashba_square(exchange=(0.1, 0.0, 0.3))
    return ws.toys.random_model(1, dimension, seed=3)


def responses(zone):
    """Two of them: several frequencies, levels and temperatures; parts of the cell."""
    parts = ws.partition(zone, by={"a": [1], "b": [2]})
    return [
        ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=[-0.3, 0.3], kT=0.2, eta=0.5, parts=parts),
        ws.SpinPolarizability(omega_w=0.1, mu_f=0.1, kT=0.3, eta=0.6),
    ]


def on_surface(zone):
    """Several levels of one, and one beside it; parts of the cell."""
    parts = ws.partition(zone, by={"a": [1], "b": [2]})
    return [
        ws.Edelstein(mu_f=[-0.1, 0.2], kT=0.02, parts=parts),
        ws.Edelstein(mu_f=0.1, kT=0.03),
    ]


def small_run(kind, dimension, **options):
    zone = model(dimension)
    batch = {"uniform": 15, "periodic": 100, "tree": 100}.get(kind, 300)
    options = {"batch": batch, **options}
    asked = on_surface(zone) if kind.startswith(ON_SURFACE) else responses(zone)
    return ws.compute(zone, asked, mesh=rule(kind, dimension), **options)


def bits(result):
    """Every number that must not depend on ranks or restarts, as bytes."""
    found = [repr([result.provenance[name] for name in ("detail", "diagonalisations", "stopped")])]
    found.append(float(result.provenance["relative_error"]).hex())
    for response in result.responses.values():
        for tensor in response.tensors.values():
            found += [tensor.values.tobytes().hex(), tensor.errors.tobytes().hex()]
    return found
