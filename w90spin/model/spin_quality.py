r"""Whether a `.spn` is that of true spinors, from bands that symmetry pairs.

Between the states of a Kramers pair the Pauli matrices are

.. math::

    \langle n|\sigma_s|m\rangle = \sum_j T_{sj}\,(\tau_j)_{nm}, \qquad \mathrm{Tr}\,\sigma_s = 0,

because time reversal, or its product with inversion, turns the one state into the other and every
spin around.  For any direction :math:`\hat n`, :math:`\hat n\cdot\sigma` has eigenvalues ±1 and its
projection none beyond: the singular values of T, the norms of the pair, are at most one.  Without
spin-orbit coupling all three are one; with it they are one for s-like and stretched states, down
to 1/3 for :math:`p_{1/2}`.  Pseudo wave functions whose augmentation was left out are not
normalised, and their norms follow.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np

from w90spin.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from w90spin.errors import InconsistentFilesError, W90SpinWarning
from w90spin.model.time_reversal import TOLERANCE_HAM, time_reversal_violation
from w90spin.model.wannier import WannierModel

PAIRED = 1e-4
"""Bands nearer than this are degenerate. [eV]"""

APART = 1e-2
"""Pairs farther than this from the next bands are not mixed with them by rounding. [eV]"""

ABOVE_ONE = 1e-3
"""What true spinors, written with some digits, may exceed one by."""

BELOW_ONE = 0.99
"""Where all norms are smaller, and all eigenvalues too, the states are not normalised.

Strong spin-orbit coupling makes the norms of pairs small, but not the eigenvalues of sigma between
all bands: they reach one where a state is fully polarised, as s and stretched states are, or where
bands can be superposed to be, as those of a whole shell can.  The bismuth monolayer, with norms
from 0.46, reaches 1 - 4e-8.  A few bands of j = l - 1/2 alone do not, and the message says so."""

LARGEST_SPIN, SMALLEST_SPIN = 1.1, 0.7
"""Root mean square eigenvalues of a Pauli matrix in the Wannier space that can be right."""

REVERSED_SPIN = 0.02
"""Largest violation of time reversal by the spin where the Hamiltonian has it."""

MOST_POINTS = 8
"""Points of the mesh at which sigma is diagonalised between all bands."""


@dataclass(frozen=True)
class SpinQuality:
    """What the pairs of bands say about the spin matrices.

    Parameters
    ----------
    n_pairs : int
        Number of pairs; the next two are NaN where there is none.
    norm_min, norm_median, norm_max : float
        Smallest, median and largest of the norms of the pairs, each the largest singular value
        of T.
    trace : float
        Largest trace part of sigma in a pair, |Tr sigma_s|/2; zero up to rounding in Kramers pairs.
    extreme : float
        Largest eigenvalue of sigma between all bands, in size, on a few points.
    """

    n_pairs: int
    norm_min: float
    norm_median: float
    norm_max: float
    trace: float
    extreme: float

    def __str__(self) -> str:
        between = f"eigenvalues of sigma between all bands up to {self.extreme:.4f} in size"
        if not self.n_pairs:
            return f"no pairs of bands by symmetry to test it with; {between}"
        return (
            f"norms of {self.n_pairs} degenerate pairs {self.norm_min:.3f} to {self.norm_max:.4f}, "
            f"median {self.norm_median:.3f}, trace part up to {self.trace:.1e}; {between}"
        )

    @property
    def complaint(self) -> str | None:
        """What is wrong with the spin matrices, or None."""
        largest = max(self.norm_max, self.extreme) if self.n_pairs else self.extreme
        if largest > 1.0 + ABOVE_ONE:
            found = "beyond 1, which no spinor has: they were made"
        elif largest < BELOW_ONE:
            found = (
                f"all below {BELOW_ONE}, as if no state were normalised. Unless these are a few "
                "bands split off by spin-orbit coupling (j = l - 1/2), they were made"
            )
        else:
            return None
        return (
            f"The spin matrices are not those of true spinors ({self}): {found} from pseudo wave "
            "functions without their augmentation (VASP's LWRITE_SPN with PAW, ultrasoft "
            "potentials), and spins are wrong by as much. Use norm-conserving potentials, or pure "
            "spinors with spin = 'projections'."
        )

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers by name, without those that are not known."""
        return {name: value for name, value in asdict(self).items() if not np.isnan(value)}


def spin_quality(energy_kn: FloatArray, spin_ksnm: ComplexArray, kpt_kc: FloatArray) -> SpinQuality:
    """Norms of the pairs of bands that time reversal, or PT, makes degenerate.

    Parameters
    ----------
    energy_kn : float array (k, n)
        Ab-initio bands. [eV]
    spin_ksnm : complex array (k, s, n, m)
        Pauli matrices between them.
    kpt_kc : float array (k, c)
        Reduced k points.

    Returns
    -------
    SpinQuality

    Notes
    -----
    Bands that come in pairs at every k point are taken at all of them: that is PT.  Else those
    that come in pairs at every time-reversal invariant point are taken there.  Pairs that are near
    to other bands are left out.
    """
    order_kn = np.argsort(energy_kn, axis=1)
    sorted_kn = np.take_along_axis(energy_kn, order_kn, axis=1)
    joined_kx = np.diff(sorted_kn, axis=1) < PAIRED
    paired_k = np.array([_all_in_pairs(joined_x) for joined_x in joined_kx])
    invariant_k = np.all(np.abs(2.0 * kpt_kc - np.rint(2.0 * kpt_kc)) < 1e-5, axis=1)
    used_k: BoolArray = np.zeros(len(kpt_kc), dtype=np.bool_)
    if paired_k.all():
        used_k[:] = True
    elif invariant_k.any() and paired_k[invariant_k].all():
        used_k = invariant_k

    norms: list[FloatArray] = []
    trace = 0.0
    for k in np.flatnonzero(used_k):
        lower_p = _isolated_pairs(sorted_kn[k], joined_kx[k])
        one_p, two_p = order_kn[k][lower_p], order_kn[k][lower_p + 1]
        up_sp, down_sp = spin_ksnm[k][:, one_p, one_p].real, spin_ksnm[k][:, two_p, two_p].real
        flip_sp = spin_ksnm[k][:, one_p, two_p]
        t_sjp = np.stack([flip_sp.real, -flip_sp.imag, 0.5 * (up_sp - down_sp)], axis=1)
        norms.append(np.linalg.norm(t_sjp.transpose(2, 0, 1), ord=2, axis=(1, 2)))
        trace = max(trace, float(np.abs(0.5 * (up_sp + down_sp)).max(initial=0.0)))
    norm_p = np.concatenate(norms) if norms else np.zeros(0)
    few_k = np.unique(np.linspace(0, len(kpt_kc) - 1, MOST_POINTS).astype(np.int64))
    extreme = float(np.abs(np.linalg.eigvalsh(spin_ksnm[few_k])).max())
    low, middle, high = (
        (float(norm_p.min()), float(np.median(norm_p)), float(norm_p.max()))
        if norm_p.size
        else 3 * (float("nan"),)
    )
    return SpinQuality(int(norm_p.size), low, middle, high, trace, extreme)


def _all_in_pairs(joined_x: BoolArray) -> bool:
    """Whether degenerate groups have even numbers of bands, those at the ends excepted."""
    size_g = np.diff(np.flatnonzero(np.concatenate([[True], ~joined_x, [True]])))
    return bool((size_g[1:-1] % 2 == 0).all())


def _isolated_pairs(energy_n: FloatArray, joined_x: BoolArray) -> IntArray:
    """Lower bands of pairs with no other band nearby."""
    gap_x = np.diff(energy_n)
    below_n = np.concatenate([[np.inf], gap_x])
    above_n = np.concatenate([gap_x, [np.inf]])
    lower_x = np.flatnonzero(joined_x)
    return lower_x[(below_n[lower_x] > APART) & (above_n[lower_x + 1] > APART)]


def check_spin(model: WannierModel, spin_source: str, quality: SpinQuality | None) -> None:
    """Refuse spin that cannot be that of this Hamiltonian; warn of what may be no Pauli matrices.

    Parameters
    ----------
    model : WannierModel
        With spin.
    spin_source : str
        What it is from.
    quality : SpinQuality, optional
        What the pairs of bands say about it.

    Raises
    ------
    InconsistentFilesError
        If it is too large, or breaks time reversal that the Hamiltonian has.

    Warns
    -----
    W90SpinWarning
        If it is small, or from pseudo wave functions.
    """
    spin_Rsij = model.needs_spin("this check")
    rms_s = np.sqrt((np.abs(spin_Rsij) ** 2).sum(axis=(0, 2, 3)) / model.n_wann)
    if rms_s.max() > LARGEST_SPIN:
        raise InconsistentFilesError(
            f"The spin of {spin_source} is too large: root mean square eigenvalues of "
            f"{np.round(rms_s, 3).tolist()} for x, y, z, where Pauli matrices have 1. The file is "
            "damaged or holds another operator; write it again."
        )
    if rms_s.min() < SMALLEST_SPIN:
        warnings.warn(
            f"The spin of {spin_source} is small: root mean square eigenvalues of "
            f"{np.round(rms_s, 3).tolist()} for x, y, z, where Pauli matrices have 1. Is it S = "
            "sigma/2, or do the Wannier functions leave out one spin?",
            W90SpinWarning,
            stacklevel=4,
        )
    elif quality is not None and quality.complaint is not None:
        warnings.warn(f"{spin_source}: {quality.complaint}", W90SpinWarning, stacklevel=4)
    violation = time_reversal_violation(model)
    if violation is not None and violation.ham < TOLERANCE_HAM and violation.spin > REVERSED_SPIN:
        raise InconsistentFilesError(
            f"H(R) has time reversal (violated by {violation.ham:.1e} eV), but the spin of "
            f"{spin_source} violates it by {violation.spin:.2f}. The file is damaged, its k points "
            "are in another order, or it is from another run; write it again."
        )
