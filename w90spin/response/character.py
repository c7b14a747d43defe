"""How published tensors behave under time reversal and rotations, from what a response claims."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from w90spin.response.claims import Response

MIXED = 0
"""Of a tensor that has parts of both parities."""


def parities(response: Response) -> dict[str, int]:
    """Parity under time reversal of every published tensor.

    Parameters
    ----------
    response : Response
        The response.

    Returns
    -------
    dict of str to int
        +1 for tensors made of raw ones that stay where time reversal is a symmetry, -1 of those
        that vanish there, 0 of both.
    """
    claims = response.claims
    random = np.random.default_rng(0)
    reached: dict[int, set[str]] = {}
    for parity in (+1, -1):
        probe = {
            raw.name: random.uniform(1.0, 2.0, raw.shape) * (raw.time_reversal == parity)
            for raw in claims.raw
        }
        found = response.publish(probe)
        reached[parity] = {name for name, values in found.items() if np.any(values)}
    return {
        tensor.name: (tensor.name in reached[+1]) - (tensor.name in reached[-1])
        for tensor in claims.published
    }


def axial_axes(response: Response) -> Mapping[str, bool]:
    """Whether each Cartesian axis is axial (spins) or polar (flows and fields), by name.

    Parameters
    ----------
    response : Response
        The response.

    Returns
    -------
    mapping of str to bool
    """
    axial: dict[str, bool] = {}
    for raw in response.claims.raw:
        last = raw.axes[len(raw.axes) - len(raw.components) :]
        for axis, kind in zip(last, raw.components, strict=True):
            axial[axis.name] = kind == "axial"
    return axial
