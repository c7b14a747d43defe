"""The promise of an insulator: as many bands below μ at every k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import NotInsulatorError
from w90spin.kspace.fourier import kpt_text
from w90spin.kspace.states import BlochStates


def bands_below(states: BlochStates, mu_f: FloatArray) -> IntArray:
    """Bands below each Fermi level.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    mu_f : float array (f)
        Fermi levels. [eV]

    Returns
    -------
    int array (k, f)
    """
    below_kf: IntArray = (states.energy_kn[:, :, None] < mu_f).sum(axis=1)
    return below_kf


def refuse_broken_promise(states: BlochStates, mu_f: FloatArray) -> None:
    """Refuse Fermi levels that cross a band within a batch.

    Parameters
    ----------
    states : BlochStates
        Batch of k points.
    mu_f : float array (f)
        Fermi levels of an insulator. [eV]

    Raises
    ------
    NotInsulatorError
        If one does.
    """
    refuse_crossing(mu_f.tolist(), bands_below(states, mu_f), states.kpt_kc)


def refuse_crossing(levels: Sequence[float], below_kf: IntArray, kpt_kc: FloatArray) -> None:
    """Refuse numbers of bands below the Fermi levels that differ between k points.

    Parameters
    ----------
    levels : sequence of float (f)
        Fermi levels. [eV]
    below_kf : int array (k, f)
        Bands below each.
    kpt_kc : float array (k, c)
        Reduced coordinates.

    Raises
    ------
    NotInsulatorError
        If they differ.
    """
    differ_kf = below_kf != below_kf[0]
    if not differ_kf.any():
        return
    f = int(np.argmax(differ_kf.any(axis=0)))
    k = int(np.argmax(differ_kf[:, f]))
    raise NotInsulatorError(
        f"An insulator was promised, but mu = {levels[f]:g} eV crosses a band: {below_kf[0, f]} "
        f"bands lie below it at k = {kpt_text(kpt_kc[0])} and {below_kf[k, f]} at k = "
        f"{kpt_text(kpt_kc[k])}. Move mu into the gap, or drop insulator = true."
    )
