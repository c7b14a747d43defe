"""What a model is, how good it is, and what it can be used for, in words."""

from __future__ import annotations

import numpy as np

from w90spin.kspace.fourier import FourierSum
from w90spin.kspace.survey import BandSurvey, GapSurvey
from w90spin.model.thickness import slab_thickness
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.response import RESPONSES


def model_report(model: WannierModel, mu: float | None = None) -> str:
    """Describe a model in a form that a person reads in a minute.

    Parameters
    ----------
    model : WannierModel
        The model.
    mu : float, optional
        Fermi level to look for gaps at. [eV]

    Returns
    -------
    str
        Several lines.
    """
    structure = model.structure
    atoms = "unknown" if structure is None else _formula(structure.symbols)
    reach = np.abs(model.R_Rc).max(axis=0).tolist()
    directions = [name for name, repeats in zip("abc", model.periodic, strict=True) if repeats]
    measure = {0: "", 1: "length", 2: "area", 3: "volume"}[model.dimension]
    lines = [
        f"Model {model.name}: {model.n_wann} Wannier functions, {len(model.R_Rc)} lattice vectors "
        f"(up to {reach}), atoms {atoms}",
        f"  periodic along {', '.join(directions) or 'nothing'}"
        + (f"; cell {measure} {model.measure:.4f} Å^{model.dimension}" if measure else ""),
        f"  spin operator: {model.spin_source}",
        "  violation of O(-R) = O(R)^†, symmetrised: "
        + ", ".join(f"{name} {size:.1e}" for name, size in model.hermiticity.items()),
    ]
    if model.spin_Rsij is not None:
        home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
        purity_i = np.linalg.norm(np.einsum("sii->is", model.spin_Rsij[home]).real, axis=1)
        extreme = _spin_extreme(model)
        lines.append(
            f"  |<i|sigma|i>| of the Wannier functions {purity_i.min():.3f} to "
            f"{purity_i.max():.3f}; eigenvalues of sigma(k) up to {extreme:.4f} in size"
        )
    violation = time_reversal_violation(model)
    if violation is None:
        lines.append("  time reversal: not tested, the pairs of spin components are not known")
    else:
        verdict = "holds" if violation.holds else "broken"
        lines.append(f"  time reversal {verdict}: violated by {violation}")
    thickness = slab_thickness(model)
    if thickness is not None:
        lines.append(f"  thickness {thickness.value:.3f} Å: {thickness.reason}")
    lines += [f"  {note}" for note in model.notes]
    if mu is not None:
        lines.append(f"  at mu = {mu:g} eV: {gap_words(BandSurvey(FourierSum(model)).at(mu))}")
    usable = [name for name in RESPONSES if model.spin_Rsij is not None]
    lines.append(
        f"usable for: bands, {', '.join(usable)}"
        if usable
        else "usable for: bands; spin_polarizability needs the .spn (write_spn = .true. in "
        "pw2wannier90, LWRITE_SPN = .TRUE. in VASP)"
    )
    return "\n".join(lines)


def gap_words(survey: GapSurvey) -> str:
    """Gaps at one Fermi level in one sentence.

    Parameters
    ----------
    survey : GapSurvey
        The numbers.

    Returns
    -------
    str
    """
    if survey.crossing_kpt_c is not None:
        return f"metal, a band crosses near k = {point_words(survey.crossing_kpt_c)}"
    if survey.direct_kpt_c is None:
        return f"{survey.n_occupied} bands below, none on the other side"
    return (
        f"{survey.n_occupied} bands below; valence top {survey.valence_top:.4f}, conduction bottom "
        f"{survey.conduction_bottom:.4f}, indirect gap {survey.indirect_gap:.4f}, direct gap "
        f"{survey.direct_gap:.4f} eV at k = {point_words(survey.direct_kpt_c)}"
    )


def point_words(kpt_c: object) -> str:
    """Reduced coordinates with four decimals."""
    return "(" + ", ".join(f"{x:.4f}" for x in np.asarray(kpt_c, dtype=np.float64)) + ")"


def _formula(symbols: tuple[str, ...]) -> str:
    counts = {symbol: symbols.count(symbol) for symbol in dict.fromkeys(symbols)}
    return " ".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items())


def _spin_extreme(model: WannierModel) -> float:
    """Largest eigenvalue of any Pauli matrix on a few points of the zone."""
    spin_Rsij = model.needs_spin("the report")
    axes = [np.arange(4) / 4.0 if repeats else np.zeros(1) for repeats in model.periodic]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    phase_kR = np.exp(2j * np.pi * (kpt_kc @ model.R_Rc.T))
    worst = 0.0
    for phase_R in phase_kR:
        spin_sij = np.tensordot(phase_R, spin_Rsij, axes=1)
        worst = max(worst, float(np.abs(np.linalg.eigvalsh(spin_sij)).max()))
    return worst
