"""Fermi occupations."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from w90spin.arrays import FloatArray


def fermi(energy_kn: FloatArray, mu_f: FloatArray, kT_t: FloatArray) -> FloatArray:
    """Occupations 1/(exp((ε-μ)/kT)+1); a step, 1/2 at ε = μ, where kT = 0.

    Parameters
    ----------
    energy_kn : float array (k, n)
        Band energies. [eV]
    mu_f : float array (f)
        Fermi levels. [eV]
    kT_t : float array (t)
        Temperatures. [eV]

    Returns
    -------
    float array (k, t, f, n)
        Occupations.

    Examples
    --------
    >>> import numpy as np
    >>> fermi(np.array([[-1.0, 0.0, 2.0]]), np.array([0.0]), np.array([0.0]))[0, 0, 0].tolist()
    [1.0, 0.5, 0.0]
    """
    x_kfn = energy_kn[:, None, :] - mu_f[:, None]
    cold_t = kT_t == 0.0
    step_kfn = np.heaviside(-x_kfn, 0.5)
    if cold_t.all():
        return np.repeat(step_kfn[:, None], len(kT_t), axis=1)
    width_t = np.where(cold_t, 1.0, kT_t)
    smooth_ktfn = expit(-x_kfn[:, None] / width_t[:, None, None])
    occupation: FloatArray = np.where(cold_t[:, None, None], step_kfn[:, None], smooth_ktfn)
    return occupation
