"""Wannier bands against the ab-initio energies on the mesh of the Wannierisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray


@dataclass(frozen=True)
class MeshCheck:
    """Deviations of Wannier bands from the nearest ab-initio ones.

    Parameters
    ----------
    window : pair of float, or None
        Frozen window: inside it every ab-initio state is a Wannier band. [eV]
    inside_max, inside_rms : float
        For ab-initio energies inside, each against its own Wannier band; NaN if there are none.
        [eV]
    outside_max, outside_rms : float
        For the other Wannier bands, against the nearest ab-initio energy; NaN if there are none.
        [eV]
    """

    window: tuple[float, float] | None
    inside_max: float
    inside_rms: float
    outside_max: float
    outside_rms: float

    def __str__(self) -> str:
        outside = (
            f"to the nearest ab-initio band, max {1e3 * self.outside_max:.3g}, rms "
            f"{1e3 * self.outside_rms:.3g} meV"
        )
        if self.window is None:
            return f"no frozen window is known; {outside}"
        low, high = self.window
        inside = f"max {1e3 * self.inside_max:.3g}, rms {1e3 * self.inside_rms:.3g} meV"
        text = f"{inside} inside the frozen window [{low:.4g}, {high:.4g}] eV"
        return f"{text}; outside, {outside}" if np.isfinite(self.outside_max) else text


def check_on_mesh(
    R_Rc: IntArray,
    ham_Rij: ComplexArray,
    kpt_kc: FloatArray,
    ab_initio_kn: FloatArray,
    window: tuple[float, float] | None,
) -> MeshCheck:
    """Compare the bands of H(R) with ab-initio energies.

    Parameters
    ----------
    R_Rc : int array (R, c)
        Lattice vectors.
    ham_Rij : complex array (R, i, j)
        Hamiltonian, degeneracies and shares applied. [eV]
    kpt_kc : float array (k, c)
        Ab-initio mesh, reduced.
    ab_initio_kn : float array (k, n)
        Energies, ascending at every k. [eV]
    window : pair of float, or None
        Frozen window, where one is known. [eV]

    Returns
    -------
    MeshCheck
    """
    low, high = (np.inf, -np.inf) if window is None else window
    phase_kR = np.exp(2j * np.pi * (kpt_kc @ R_Rc.T))
    wannier_ki = np.linalg.eigvalsh(np.tensordot(phase_kR, ham_Rij, axes=1))
    inside: list[FloatArray] = []
    outside: list[FloatArray] = []
    for wannier_i, ab_initio_n in zip(wannier_ki, ab_initio_kn, strict=True):
        frozen_n = ab_initio_n[(ab_initio_n >= low) & (ab_initio_n <= high)]
        first = _best_start(wannier_i, frozen_n)
        matched = slice(first, first + len(frozen_n))
        inside.append(np.abs(wannier_i[matched] - frozen_n[: len(wannier_i)]))
        rest_i = np.delete(wannier_i, matched)
        outside.append(np.abs(rest_i[:, None] - ab_initio_n).min(axis=1, initial=np.inf))
    inside_x, outside_x = np.concatenate(inside), np.concatenate(outside)
    return MeshCheck(window, *_max_rms(inside_x), *_max_rms(outside_x))


def _best_start(wannier_i: FloatArray, frozen_n: FloatArray) -> int:
    """How many Wannier bands lie below the frozen states: where both lists fit best."""
    starts = range(max(0, len(wannier_i) - len(frozen_n)) + 1)
    misfit = [
        float(np.abs(wannier_i[s : s + len(frozen_n)] - frozen_n[: len(wannier_i) - s]).sum())
        for s in starts
    ]
    return int(np.argmin(misfit))


def _max_rms(deviation_x: FloatArray) -> tuple[float, float]:
    if not deviation_x.size:
        return float("nan"), float("nan")
    return float(deviation_x.max()), float(np.sqrt((deviation_x**2).mean()))
