"""Physical constants and conversions out of the code's units.

Inside w90spin energies are in eV, lengths in Å, the charge in |e|, ħ = 1: a time is in ħ/eV and
an electric field in V/Å.  ``docs/conventions.md`` states all conventions once;
:data:`CONVENTIONS` is their short form, printed and stored with every result.
"""

from __future__ import annotations

from scipy import constants as _si

HBAR_EV_FS: float = _si.hbar / _si.e * 1e15  # ħ/eV is so many fs
THZ_TO_EV: float = _si.h / _si.e * 1e12  # hν of 1 THz [eV]
VOLT_PER_METRE: float = 1e-10  # 1 V/m [V/Å]
ANGSTROM_PER_NM: float = 10.0  # and so 1/Å in 1/nm
HBAR2_OVER_2M: float = _si.hbar**2 / (2 * _si.m_e * _si.e) * 1e20  # free electrons [eV Å²]
MU_B: float = _si.physical_constants["Bohr magneton in eV/T"][0]  # [eV/T]
G_FACTOR: float = 2.0  # spin g factor as F24 and the conventions page use it
CONDUCTANCE: float = _si.e**2 / _si.hbar  # e²/ħ [S]
HBAR_EV_S: float = _si.hbar / _si.e  # ħ [eV s]
GAMMA: float = G_FACTOR * MU_B * _si.e / _si.hbar * 1e-12  # of a moment [rad/(ps T)]

CHARGE = -1.0  # q of the carriers [|e|]

SPIN_AXES: tuple[str, str, str] = ("x", "y", "z")

CONVENTIONS: dict[str, str] = {
    "charge": "carriers are electrons, q = -|e|; H' = -q E.r",
    "time factor": "exp(-i w t): E cos(wt) gives Re(chi) E cos(wt) + Im(chi) E sin(wt)",
    "spin": "S = sigma/2 in units of hbar; magnetic moment of electrons M = -2 mu_B <S>",
    "spin current": "J_ac = {V_a, sigma_c}/4, spin in hbar, no factor of charge; sign of postw90",
    "index order": "spin, field; of spin conductivities flow, field, spin; Cartesian x, y, z",
    "Fourier": "H(k) = sum_R exp(i k.R) <0i|H|Rj>, phases with lattice vectors only",
    "derivative": "covariant: D_a O = d_a O - i [A_a, O] with A the Wannier-gauge position matrix",
    "zone integral": "int d^dk/(2 pi)^d over d periodic directions; d = 2: values per area",
    "energy zero": "that of the input files; mu_f and all energies are absolute, in eV",
    "frequency": "omega_w is the photon energy hbar omega in eV; 1 THz = 4.135667696 meV",
}


def ev_from_thz(frequency_thz: float) -> float:
    """Photon energy hν of a frequency.

    Parameters
    ----------
    frequency_thz : float
        Frequency ν (not angular). [THz]

    Returns
    -------
    float
        hν. [eV]

    Examples
    --------
    >>> round(ev_from_thz(1.0), 12)
    0.004135667697
    """
    return frequency_thz * THZ_TO_EV


def thz_from_ev(energy: float) -> float:
    """Frequency ν [THz] of a photon energy hν [eV]."""
    return energy / THZ_TO_EV
