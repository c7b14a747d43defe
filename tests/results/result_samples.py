"""Results made by hand and by short runs of a model that takes no time."""

import numpy as np

import w90spin as ws
from w90spin.response.claims import Axis
from w90spin.results.result import ResponseResult

XYZ = ("x", "y", "z")
MU, OMEGA = (0.0, 0.1), (0.0, 0.05, 0.2)


def small_run(**options):
    """Run of the PT antiferromagnet with two parts, temperatures and levels; map and bands."""
    model = ws.toys.pt_antiferromagnet()
    response = ws.SpinPolarizability(
        omega_w=OMEGA,
        mu_f=MU,
        kT=[0.0, 0.01],
        parts=ws.partition(model, {"A/1": [1, 2], "B β": [3, 4]}),
        **options,
    )
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=6))
    single = ws.SpinPolarizability(omega_w=0.1, mu_f=0.0)
    return ws.Result(
        responses=result.responses,
        provenance={**result.provenance, "show": {"field": 1e7, "window": [-1.0, 1.0]}},
        kmap=ws.zone_map(model, single, n=5),
        path=ws.band_path(model, [("G", [0, 0, 0]), ("X/2", [0.25, 0, 0])], single, mu=0.1, n=6),
    )


def polarizability(upsilon, errors=None, *, omega=OMEGA, parts=("total",), **provenance):
    """Result with Υ⁽⁰⁾, Υ⁽¹⁾, Υ⁽²⁾ of all parts and frequencies given as (part, [omega,] s, b)."""
    head = (Axis("part", parts), Axis("kT", (0.0,), "eV"), Axis("mu", (1.5,), "eV"))
    tail = (Axis("spin", XYZ), Axis("field", XYZ))
    tensors = {}
    for order, values in enumerate(upsilon):
        axes = (*head, *tail) if order == 0 else (*head, Axis("omega", omega, "eV"), *tail)
        values = np.broadcast_to(
            np.asarray(values, float)[:, None, None], [len(axis.values) for axis in axes]
        )
        error = np.zeros(values.shape) if errors is None else np.full(values.shape, errors[order])
        name = f"upsilon{order}"
        tensors[name] = ws.Tensor(name, f"Υ{order}", values, error, axes, "", "")
    response = ResponseResult("spin_polarizability", "by hand", "", {}, tensors)
    about = {"dimension": 2, "thickness": None, "converged": True, **provenance}
    return ws.Result(responses={response.name: response}, provenance=about)
