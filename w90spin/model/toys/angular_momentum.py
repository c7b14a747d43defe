"""Matrices of j = 3/2."""

from __future__ import annotations

import numpy as np

from w90spin.arrays import ComplexArray


def _three_halves() -> ComplexArray:
    m = np.array([1.5, 0.5, -0.5])
    up = np.diag(np.sqrt(3.75 - m * (m - 1)), k=1)  # J₊|m-1⟩ = up|m⟩
    return np.array([(up + up.T) / 2, (up - up.T) / 2j, np.diag([1.5, 0.5, -0.5, -1.5])])


THREE_HALVES_aij: ComplexArray = _three_halves()
"""J_x, J_y, J_z from m = 3/2 down to -3/2."""
