"""What a model is, how good it is, and what it can be used for, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from w90spin.errors import ModelError
from w90spin.kspace.continuum import OperatorSource, operators_of
from w90spin.kspace.fourier import kpt_text
from w90spin.kspace.survey import BandSurvey, GapSurvey
from w90spin.model.continuum import AnyModel, ContinuumModel, Polynomial
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.operators import OPERATORS, carried
from w90spin.model.spin_current import CURRENTS
from w90spin.model.spin_order import pair_splitting
from w90spin.model.symmetrise import (
    CLEARLY_HAM,
    CLEARLY_SPIN,
    measure_symmetry,
    symmetrising_moves_bands,
)
from w90spin.model.symmetry import magnetic_group, point_group
from w90spin.model.thickness import slab_thickness
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.response import RESPONSES

PURE_SPIN = 0.9
"""Wannier functions with a smaller |<i|sigma|i>| are named."""

MOST_NAMED = 2
"""How many of them."""

NOT_FROM_FILES = "the model is not from files and was built without; give it where it is built."
"""What to do where no file can help."""

PAIRS = 1e-6
"""Bands of a k·p model that are nowhere farther apart count as pairs. [eV]"""


@dataclass(frozen=True)
class ModelReport:
    """What a model is and how good it is.

    Parameters
    ----------
    facts : mapping
        Numbers and words by name, fit for JSON: n_wann, n_R, reach, atoms, periodic, measure,
        spin_source, spin_currents, hermiticity, spin_purity, spin_purity_of_each, spin_extreme,
        spin_quality, kramers_splitting, pair_splitting, time_reversal, time_reversal_holds,
        thickness, point_group, symmetry, notes, frozen_window, mu, mu_in_window, gap,
        not_in_the_model, needed (of that, by some response), usable_for, usable_for_spin,
        not_usable_for.  Of a k·p model: name, n_wann, dimension, region, scale, degree,
        spin_source, spin_extreme, pair_splitting, notes, mu, gap, usable_for, usable_for_spin,
        not_usable_for.
    """

    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The facts as a plain dictionary."""
        return dict(self.facts)

    def __str__(self) -> str:
        about = self.facts
        if "region" in about:
            return _continuum_words(about)
        dimension = len(about["periodic"])
        measure = {1: "length", 2: "area", 3: "volume"}.get(dimension)
        size = f"; cell {measure} {about['measure']:.4f} Å^{dimension}" if measure else ""
        hermiticity = ", ".join(f"{name} {size:.1e}" for name, size in about["hermiticity"].items())
        lines = [
            f"Model {about['name']}: {about['n_wann']} Wannier functions, {about['n_R']} lattice "
            f"vectors (up to {about['reach']}), atoms {about['atoms'] or 'unknown'}",
            f"  periodic along {', '.join(about['periodic']) or 'nothing'}{size}",
            f"  spin operator: {about['spin_source']}",
            f"  violation of O(-R) = O(R)^†, symmetrised: {hermiticity}",
        ]
        lines += [
            f"  operators of the spin current {name}: {source}"
            for name, source in about["spin_currents"].items()
        ]
        if about["spin_purity"] is not None:
            low, high = about["spin_purity"]
            least = _least_pure(about["spin_purity_of_each"])
            lines.append(
                f"  |<i|sigma|i>| of the Wannier functions {low:.3f} to {high:.3f}{least}; "
                f"eigenvalues of sigma(k) up to {about['spin_extreme']:.4f} in size"
            )
        if about["time_reversal"] is None:
            lines.append("  time reversal: not tested, the pairs of spin components are not known")
        else:
            verdict = "holds" if about["time_reversal_holds"] else "broken"
            lines.append(f"  time reversal {verdict}: violated by {about['time_reversal']}")
        if about["kramers_splitting"] is not None:
            lines.append(
                f"  Kramers pairs at time-reversal invariant k split by at most "
                f"{about['kramers_splitting']:.1e} eV"
            )
        if about["pair_splitting"] is not None:
            lines.append(
                f"  bands are doubly degenerate all over the zone, to {about['pair_splitting']:.1e}"
                " eV: PT or an equivalent symmetry"
            )
        if about["point_group"] is not None:
            lines.append(f"  atoms have the point group {about['point_group']}")
        if about["symmetry"] is not None:
            lines.append(f"  symmetry of the atoms: {about['symmetry']['summary']}")
            if "if_symmetrised" in about["symmetry"]:
                lines.append(f"  if symmetrised: {about['symmetry']['if_symmetrised']['summary']}")
        if about["thickness"] is not None:
            value, reason = about["thickness"]
            lines.append(f"  thickness {value:.3f} Å: {reason}")
        lines += [f"  {note}" for note in about["notes"]]
        if about["gap"] is not None:
            lines.append(f"  at mu = {about['mu']:g} eV: {about['gap']}")
        if about["mu_in_window"] is False:
            low, high = about["frozen_window"]
            lines.append(
                f"  mu lies outside the frozen window [{low:.4g}, {high:.4g}] eV, where bands are "
                "not the ab-initio ones"
            )
        lines += [
            f"  {OPERATORS[name].missing}: {how}"
            for name, how in about["not_in_the_model"].items()
            if name not in about["needed"]
        ]
        reasons: dict[str, list[str]] = {}
        for name, why in about["not_usable_for"].items():
            reasons.setdefault(why, []).append(name)
        lines += [f"not usable for {', '.join(names)}: {why}" for why, names in reasons.items()]
        lines.append(f"usable for: {', '.join(about['usable_for'])}")
        return "\n".join(lines)


def model_report(
    model: AnyModel,
    mu: float | None = None,
    *,
    files: FilesOfSeed | None = None,
    currents: Collection[str] = CURRENTS,
) -> ModelReport:
    """Describe a model in a form that a person reads in a minute.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    mu : float, optional
        Fermi level to look for gaps at. [eV]
    files : FilesOfSeed, optional
        Where the model is from: what it does not carry is then looked for there.
    currents : collection of str
        Spin currents of whose absence to speak, of those with operators of their own.

    Returns
    -------
    ModelReport
        ``print`` it, or take ``to_dict()``.
    """
    if isinstance(model, ContinuumModel):
        return _continuum_report(model, mu, currents)
    structure, group = model.structure, point_group(model)
    thickness = slab_thickness(model)
    violation = time_reversal_violation(model)
    holds = violation is not None and violation.holds
    purity = purity_i = extreme = None
    if model.spin_Rsij is not None:
        home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
        purity_i = np.linalg.norm(np.einsum("sii->is", model.spin_Rsij[home]).real, axis=1)
        purity = [float(purity_i.min()), float(purity_i.max())]
        extreme = _spin_extreme(model)
    window = model.frozen_window
    fourier = operators_of(model)
    absent = {
        name: operator.how(files) if model.inputs or files is not None else NOT_FROM_FILES
        for name, operator in OPERATORS.items()
        if name not in carried(model)
    }
    usable, unusable = _uses(absent, currents)
    needed = {
        operator for r in RESPONSES.values() for needs in r.needs.values() for operator in needs
    }
    return ModelReport(
        {
            "name": model.name,
            "n_wann": model.n_wann,
            "n_R": len(model.R_Rc),
            "reach": np.abs(model.R_Rc).max(axis=0).tolist(),
            "atoms": None if structure is None else _formula(structure.symbols),
            "periodic": [n for n, repeats in zip("abc", model.periodic, strict=True) if repeats],
            "measure": model.measure,
            "spin_source": model.spin_source,
            "spin_currents": {name: op.source for name, op in model.spin_current.items()},
            "hermiticity": dict(model.hermiticity),
            "spin_purity": purity,
            "spin_purity_of_each": None if purity_i is None else purity_i.tolist(),
            "spin_extreme": extreme,
            "spin_quality": dict(model.spin_quality),
            "time_reversal": None if violation is None else str(violation),
            "time_reversal_holds": None if violation is None else violation.holds,
            "kramers_splitting": _kramers_splitting(fourier) if holds else None,
            "pair_splitting": pair_splitting(model),
            "point_group": None if group is None else f"{group.symbol}, {group.space_group}",
            "symmetry": _symmetry(model),
            "thickness": None if thickness is None else [thickness.value, thickness.reason],
            "notes": list(model.notes),
            "mu": mu,
            "frozen_window": None if window is None else list(window),
            "mu_in_window": None if mu is None or window is None else window[0] <= mu <= window[1],
            "gap": None if mu is None else gap_words(BandSurvey(fourier).at(mu)),
            "not_in_the_model": absent,
            "needed": sorted(needed & absent.keys()),
            "usable_for": usable,
            "usable_for_spin": _usable_for_spin(absent),
            "not_usable_for": unusable,
        }
    )


def _uses(absent: Mapping[str, str], currents: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Responses that can be computed, and those that cannot, with why.

    ``absent`` says of every operator that the model lacks how to get it; of spin currents only
    those in ``currents`` are missed.
    """
    unmissed = set(CURRENTS) - set(currents)
    usable, unusable = ["bands"], {}
    for name, response in RESPONSES.items():
        for variant, needs in response.needs.items():
            label = f"{name} ({variant})" if variant else name
            lacking = [operator for operator in OPERATORS if operator in needs & absent.keys()]
            if unmissed & {*lacking}:
                continue
            if lacking:
                unusable[label] = " ".join(
                    f"{OPERATORS[operator].missing}: {absent[operator]}" for operator in lacking
                )
            else:
                usable.append(label)
    return usable, unusable


def _usable_for_spin(absent: Mapping[str, str]) -> bool:
    """Whether some response of the spin can be computed without what the model lacks."""
    return any(
        "spin" in needs and not needs & absent.keys()
        for r in RESPONSES.values()
        for needs in r.needs.values()
    )


def _continuum_report(
    model: ContinuumModel, mu: float | None, currents: Collection[str]
) -> ModelReport:
    absent = {name: "k·p models do not have them." for name in OPERATORS if name != "spin"}
    if model.spin_sij is None:
        absent["spin"] = "give spin= when building the model: the Pauli matrices of its basis."
    usable, unusable = _uses(absent, currents)
    source = operators_of(model)
    bands = BandSurvey(source)
    spin_extreme = pair_splitting = None
    if model.spin_sij is not None:
        spin_extreme = float(np.abs(np.linalg.eigvalsh(model.spin_sij)).max())
    if model.n_wann % 2 == 0:
        pair_splitting = float(np.diff(bands.energy_kn, axis=1)[:, ::2].max())
    degree = None
    if isinstance(model.function, Polynomial):
        degree = int(model.function.power_xa.sum(axis=1).max())
    return ModelReport(
        {
            "name": model.name,
            "n_wann": model.n_wann,
            "dimension": model.dimension,
            "region": model.region,
            "scale": model.scale,
            "degree": degree,
            "spin_source": model.spin_source,
            "spin_extreme": spin_extreme,
            "pair_splitting": pair_splitting,
            "notes": list(model.notes),
            "mu": mu,
            "gap": None if mu is None else gap_words(bands.at(mu)),
            "usable_for": usable,
            "usable_for_spin": _usable_for_spin(absent),
            "not_usable_for": unusable,
        }
    )


def _continuum_words(about: Mapping[str, Any]) -> str:
    """The report on a k·p model."""
    degree = about["degree"]
    form = "a function of k" if degree is None else f"a polynomial of degree {degree} in k"
    lines = [
        f"k·p model {about['name']}: {about['n_wann']} basis functions in {about['dimension']} "
        f"dimension(s), {form}",
        f"  region of k: {about['region']}; scale {about['scale']:.4g} 1/Å",
        f"  spin operator: {about['spin_source']}",
    ]
    if about["spin_extreme"] is not None:
        lines.append(f"  eigenvalues of sigma up to {about['spin_extreme']:.4f} in size")
    if about["pair_splitting"] is not None and about["pair_splitting"] < PAIRS:
        lines.append(
            f"  bands are doubly degenerate at all k, to {about['pair_splitting']:.1e} eV: PT or "
            "an equivalent symmetry"
        )
    lines += [f"  {note}" for note in about["notes"]]
    if about["gap"] is not None:
        lines.append(f"  at mu = {about['mu']:g} eV: {about['gap']} (Cartesian, 1/Å)")
    lines += [f"not usable for {name}: {why}" for name, why in about["not_usable_for"].items()]
    lines.append(f"usable for: {', '.join(about['usable_for'])}")
    return "\n".join(lines)


def _symmetry(model: WannierModel) -> dict[str, Any] | None:
    """Magnetic group of the atoms and how far the model is from each of its operations."""
    group = magnetic_group(model)
    if group is None:
        return None
    try:
        report = measure_symmetry(model, group)
    except ModelError as problem:
        return {"summary": f"{group}; not measured: {problem}", "group": group.name}
    found = {"summary": report.summary(), **report.to_dict()}
    try:
        # Operations that the model clearly has; a magnet without moments breaks the others.
        kept = report.subgroup(ham=CLEARLY_HAM, pos=np.inf, spin=CLEARLY_SPIN)
        moved = symmetrising_moves_bands(model, kept)
    except ModelError:
        return found
    found["if_symmetrised"] = {
        "summary": f"by {len(kept)} operations, {moved}",
        "n_operations": len(kept),
        "band_change": moved.largest,
        "band_change_rms": moved.rms,
    }
    return found


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
        return (
            f"metal, a band crosses near k = {kpt_text(survey.crossing_kpt_c)}; smallest direct "
            f"transition across mu on a coarse mesh {survey.direct_gap:.4f} eV"
        )
    if survey.direct_kpt_c is None:
        return f"{survey.n_occupied} bands below, none on the other side"
    return (
        f"{survey.n_occupied} bands below; valence top {survey.valence_top:.4f}, conduction bottom "
        f"{survey.conduction_bottom:.4f}, indirect gap {survey.indirect_gap:.4f}, direct gap "
        f"{survey.direct_gap:.4f} eV at k = {kpt_text(survey.direct_kpt_c)}"
    )


def _least_pure(purity_i: Sequence[float]) -> str:
    """The Wannier functions, counted from 1, that are the least of all spinors along one axis."""
    worst = sorted(range(len(purity_i)), key=purity_i.__getitem__)[:MOST_NAMED]
    named = [f"number {i + 1} with {purity_i[i]:.3f}" for i in worst if purity_i[i] < PURE_SPIN]
    return f" (least pure: {', '.join(named)})" if named else ""


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


def _kramers_splitting(fourier: OperatorSource) -> float:
    """Largest splitting of Kramers pairs at the time-reversal invariant k points. [eV]"""
    axes = [np.array([0.0, 0.5]) if repeats else np.zeros(1) for repeats in fourier.model.periodic]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    energy_kn = np.linalg.eigvalsh(fourier.hamiltonian(kpt_kc))
    return float(np.diff(energy_kn, axis=1)[:, ::2].max())
