"""Honesty and cost of the integration rules, on integrals with known answers.

Prints Markdown tables: reported and true errors of every rule; evaluations beside the smallest
uniform mesh of the same true error and beside a usual mesh; beside WannierBerri's recursive
adaptive refinement; on Fermi surfaces; and against the width of a resonance in three dimensions.

    python benchmarks/integration.py                       # about ten minutes
    python benchmarks/integration.py --parts errors cost   # some of the tables
    python benchmarks/integration.py --only Weyl           # some of the cases
    python benchmarks/integration.py --all                 # narrower poles in three dimensions
    python benchmarks/integration.py --bilayer             # with MnBi2Te4, 92 Wannier functions
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from known_integrals import (
    Case,
    SpectralFunction,
    bilayer_case,
    gapped_cases,
    magnetic_cases,
    sharp_cases,
    surface_cases,
)

import w90spin as ws
from w90spin.arrays import FloatArray
from w90spin.errors import IntegrationError
from w90spin.integrate import AdaptiveTree, AutoMesh, Iterated, PeriodicMesh
from w90spin.integrate.driver import ZoneIntegral, integrate
from w90spin.integrate.integrand import Integrand
from w90spin.integrate.mesh import NO_SYMMETRY, Mesh, mesh_counts
from w90spin.integrate.periodic import mesh_round, mesh_symmetry
from w90spin.integrate.rules import Rule
from w90spin.integrate.symmetry import ZoneSymmetry
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE
from w90spin.kspace.fourier import FourierSum
from w90spin.kspace.states import BlochStates
from w90spin.model import toys
from w90spin.model.time_reversal import time_reversal_violation
from w90spin.model.wannier import WannierModel
from w90spin.parallel import Comm, one_thread
from w90spin.response.claims import Response

RULES = (PeriodicMesh, AdaptiveTree, Iterated, AutoMesh)
RTOLS = (1e-2, 1e-4, 1e-6)
PARTS = ("errors", "cost", "refinement", "surfaces", "broadening")

VANISHING = 1e-7
"""Components smaller than this part of their tensor vanish by symmetry."""

NOTHING = 1e-12
"""So does a whole tensor whose largest component is smaller; none of those here are otherwise."""

ROUNDING = 1e-13
"""Errors smaller than this part of the tensor are those of the truth and of floating point."""

RUNAWAY = 6
"""A rule that evaluates so many times its max_points is stopped from outside."""

SCAN_SECONDS = 15.0
"""Time that the search for the smallest mesh may take for one case."""

WB_GRIDS = {2: (8, 16, 32), 3: (4, 8)}
"""WannierBerri's first grids, by dimension: boxes along each direction."""

WB_FFT = 3
"""Points along each direction of one of its boxes; the models reach to the nearest cells."""

WB_BOXES = 1500
"""Boxes, first and refined ones together, that it may evaluate from one grid."""


class Runaway(IntegrationError):
    """A rule did not stop at its max_points."""


class Counted:
    """A response that counts the points at which it is asked for, and stops at a limit."""

    def __init__(self, response: Response, most: float) -> None:
        self.response = response
        self.most = most
        self.points = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.response, name)

    def __call__(self, states: BlochStates) -> dict[str, FloatArray]:
        self.points += len(states.energy_kn)
        if self.points > self.most:
            raise Runaway(f"more than {self.most:.0f} evaluations")
        return self.response(states)


@dataclass(frozen=True, eq=False)
class Problem:
    """A case with its model, its truth and its one symmetry, time reversal."""

    case: Case
    model: WannierModel
    response: Response
    truth: dict[str, FloatArray]
    symmetry: ZoneSymmetry | None

    @classmethod
    def of(cls, case: Case, cache: Path) -> Problem:
        model = case.model()
        response = case.response(model)
        violation = time_reversal_violation(model)
        n_parts = len(response.claims.raw[0].axes[0].values)
        symmetric = violation is not None and violation.holds
        symmetry = ZoneSymmetry.of_time_reversal([n_parts]) if symmetric else None
        key = (case.name, case.dense, symmetric, model.fingerprint, str(response.parameters()))
        file = cache / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:20]}.npz"
        if not file.exists():
            np.savez(file, **_real(case.truth(model, symmetry)))
        with np.load(file) as saved:
            return cls(case, model, response, dict(saved), symmetry)

    def run(self, rule: Rule) -> Run | None:
        """One rule at work; None if it had to be stopped."""
        counted = Counted(self.response, RUNAWAY * self.case.max_points)
        began = time.process_time()
        try:
            found = integrate(
                FourierSum(self.model), [counted], rule, comm=Comm(), symmetry=self.symmetry
            )
        except Runaway:
            return None
        return Run(self, found, time.process_time() - began)

    def relative_error(self, values: dict[str, FloatArray]) -> float:
        """Largest error of a tensor at one value of every axis, relative to its norm there."""
        worst = 0.0
        rank = len(self.response.claims.raw[0].components)
        for name, exact in self.truth.items():
            components = tuple(range(exact.ndim - rank, exact.ndim))
            size = np.sqrt((exact**2).sum(axis=components))
            wrong = np.sqrt(((values[name] - exact) ** 2).sum(axis=components))
            counts = size > max(NOTHING, VANISHING * size.max(initial=0.0))
            worst = max(worst, float((wrong[counts] / size[counts]).max(initial=0.0)))
        return worst


@dataclass(frozen=True, eq=False)
class Run:
    """What a rule found, held against the truth."""

    problem: Problem
    found: ZoneIntegral
    seconds: float

    @property
    def true(self) -> float:
        """True relative error."""
        return self.problem.relative_error(self.found.values[0])

    def components(self) -> tuple[FloatArray, FloatArray]:
        """Reported and true errors of the components that count."""
        reported, true = [], []
        for name, exact in self.problem.truth.items():
            scale = float(np.abs(exact).max(initial=0.0))
            wrong = np.abs(self.found.values[0][name] - exact)
            counts = np.abs(exact) > max(NOTHING, VANISHING * scale)
            counts &= wrong > ROUNDING * scale
            reported.append(self.found.errors[0][name][counts])
            true.append(wrong[counts])
        return np.concatenate(reported), np.concatenate(true)


class Meshes:
    """True errors of plain n x n meshes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.integrand = Integrand(
            FourierSum(problem.model), [problem.response], DEGENERACY_TOLERANCE
        )
        self.known: dict[int, tuple[int, float]] = {}
        self.seconds = 0.0

    def at(self, n: int) -> tuple[int, float]:
        """Evaluations and true relative error."""
        if n not in self.known:
            began = time.process_time()
            n_c = mesh_counts(n, self.problem.model.periodic)
            symmetry = mesh_symmetry(self.problem.symmetry, n_c, (0.0, 0.0, 0.0))
            rotations = NO_SYMMETRY if symmetry is None else symmetry.kpt_rotation_gcc
            direction = self.integrand.fourier.direction
            mesh = Mesh(n_c, (0.0, 0.0, 0.0), direction, kpt_rotation_gcc=rotations)
            asked = mesh_round(self.integrand, mesh, symmetry)
            answers = [task(self.integrand, lambda: None) for task in asked.tasks]
            sum_x = np.sum([answer.value[0] for answer in answers], axis=0)
            if symmetry is not None:
                sum_x = self.integrand.invariant(symmetry, sum_x)
            mean_x = sum_x / (mesh.n_points * self.problem.model.measure)
            values = self.integrand.published(mean_x)[0]
            evaluations = sum(answer.evaluations for answer in answers)
            self.known[n] = evaluations, self.problem.relative_error(values)
            self.seconds += time.process_time() - began
        return self.known[n]

    def smallest(self, target: float) -> tuple[int, bool]:
        """Evaluations of the smallest mesh found whose true error is no larger.

        The number of points goes up by a fifth until one will do; then down by single steps of
        2 % from there.  With False, none has been found, and no smaller one than this will do.
        """
        n = 4
        while self.at(n)[1] > target:
            larger = max(n + 1, round(1.2 * n))
            growth = (larger / n) ** self.problem.model.dimension
            took = self.seconds
            costly = took * (growth - 1.0) > SCAN_SECONDS - took and self.at(n)[0] > 10_000
            if larger not in self.known and costly:
                return self.at(n)[0], False
            n = larger
        fewer = n - max(1, n // 50)
        while fewer > 1 and fewer > n / 1.2 and self.at(fewer)[1] <= target:
            n, fewer = fewer, fewer - max(1, fewer // 50)
        return self.at(n)[0], True


def _real(tensors: dict[str, Any]) -> dict[str, FloatArray]:
    """The real tensors; chi is made of them."""
    return {name: value for name, value in tensors.items() if not np.iscomplexobj(value)}


def print_table(title: str, head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    head = list(head)
    print(f"\n### {title}\n\n| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    sys.stdout.flush()


def _power(value: float) -> str:
    return "0" if value == 0.0 else f"{value:.0e}".replace("e-0", "e-").replace("e+00", "")


class Bench:
    """All problems and runs, each made once."""

    def __init__(self, cache: Path, only: str, slow: bool, bilayer: bool) -> None:
        self.cache = cache
        self.only = only
        self.slow = slow
        self.bilayer = bilayer
        self.problems: dict[str, Problem] = {}
        self.runs: dict[tuple[str, str, float], Run | None] = {}

    def cases(self) -> list[Case]:
        cases = gapped_cases() + sharp_cases() + surface_cases()
        if self.bilayer:
            cases.append(bilayer_case())
        return self.wanted(cases)

    def wanted(self, cases: list[Case]) -> list[Case]:
        return [case for case in cases if self.only in case.name]

    def problem(self, case: Case) -> Problem:
        if case.name not in self.problems:
            self.problems[case.name] = Problem.of(case, self.cache)
        return self.problems[case.name]

    def run(self, case: Case, kind: type[Any], rtol: float) -> Run | None:
        key = (case.name, kind.__name__, rtol)
        if key not in self.runs:
            rule = kind(rtol=rtol, max_points=case.max_points)
            self.runs[key] = self.problem(case).run(rule)
            run = self.runs[key]
            if run is not None and run.seconds > 5.0:
                print(f"{key}: {run.seconds:.0f} s", file=sys.stderr, flush=True)
        return self.runs[key]

    def errors(self) -> None:
        """Reported beside true errors."""
        gathered: dict[tuple[str, str, float], tuple[FloatArray, FloatArray]] = {}
        rows = []
        for case in self.cases():
            for kind in RULES:
                for rtol in RTOLS:
                    run = self.run(case, kind, rtol)
                    start = [case.name, kind.__name__, _power(rtol)]
                    if run is None:
                        rows.append([*start, f"> {RUNAWAY * case.max_points}", *["–"] * 4])
                        continue
                    reported, true = run.components()
                    gathered[case.name, kind.__name__, rtol] = reported, true
                    honest = f"{(true <= reported).sum()}/{len(true)}" if len(true) else "–"
                    ratio = f"{np.median(reported / true):.1f}" if len(true) else "–"
                    stopped = "" if run.found.converged else " (stopped)"
                    rows.append(
                        [
                            *start,
                            f"{run.found.evaluations}{stopped}",
                            _power(run.found.relative_error),
                            _power(run.true),
                            honest,
                            ratio,
                        ]
                    )
        head = ["integral", "rule", "rtol", "evaluations", "reported", "true", "honest", "ratio"]
        print_table("Reported and true relative errors", head, rows)
        surface = {case.name for case in surface_cases()}
        rows = []
        for kind in RULES:
            for label, on_surface in (("integrals over bands", False), ("Fermi surfaces", True)):
                for rtol in (*RTOLS, None):
                    pairs = [
                        pair
                        for (case, rule, at), pair in gathered.items()
                        if (case in surface) == on_surface
                        and rule == kind.__name__
                        and rtol in (at, None)
                    ]
                    rows.append(_summary(kind.__name__, label, rtol, pairs))
        head = ["rule", "integrals", "rtol", "components", "honest", "ratio", "ratio, by integral"]
        print_table("Summary", head, filter(None, rows))

    def cost(self) -> None:
        """AutoMesh beside uniform meshes."""
        rows = []
        for case in self.cases():
            if case.name in {surface.name for surface in surface_cases()}:
                continue
            meshes = Meshes(self.problem(case))
            for rtol in RTOLS:
                run = self.run(case, AutoMesh, rtol)
                if run is None:
                    rows.append([case.name, _power(rtol), "did not stop", *["–"] * 6])
                    continue
                equal = _mesh_words(*meshes.smallest(run.true), run.found.evaluations)
                rule = run.found.rule.split(":")[0]
                rows.append(
                    [
                        case.name,
                        _power(rtol),
                        rule,
                        run.found.evaluations,
                        _power(run.true),
                        *equal,
                        _mesh_words(*meshes.smallest(rtol), run.found.evaluations)[0],
                        "{} ({})".format(*_usual(meshes, case)),
                    ]
                )
        head = ["integral", "rtol", "AutoMesh took", "evaluations", "true error"]
        head += ["mesh, equal error", "mesh / AutoMesh", "mesh, rtol", "usual mesh (its error)"]
        print_table("AutoMesh and uniform meshes", head, rows)

    def surfaces(self) -> None:
        """Adaptive rules on Fermi surfaces."""
        rows = []
        names = ("Rashba electrons, kT = 5 meV",)
        cases = [case for case in sharp_cases() if case.name in names] + surface_cases()
        for case in self.wanted(cases):
            meshes = Meshes(self.problem(case))
            for kind in (AdaptiveTree, Iterated):
                for rtol in RTOLS:
                    run = self.run(case, kind, rtol)
                    if run is None:
                        most = f"> {RUNAWAY * case.max_points}"
                        rows.append([case.name, kind.__name__, _power(rtol), most, *["–"] * 4])
                        continue
                    found = run.found
                    stopped = "" if found.converged else " (stopped)"
                    rows.append(
                        [
                            case.name,
                            kind.__name__,
                            _power(rtol),
                            f"{found.evaluations}{stopped}",
                            _power(found.relative_error),
                            _power(run.true),
                            *_mesh_words(*meshes.smallest(run.true), found.evaluations),
                        ]
                    )
        head = ["integral", "rule", "rtol", "evaluations", "reported", "true"]
        head += ["mesh, equal error", "mesh / rule"]
        print_table("Fermi surfaces in two dimensions", head, rows)

    def refinement(self) -> None:
        """AutoMesh beside WannierBerri's recursive adaptive refinement."""
        rows = []
        for case in self.wanted(magnetic_cases()):
            problem = self.problem(case)
            meshes = Meshes(problem)
            runs = {rtol: self.run(case, AutoMesh, rtol) for rtol in (1e-2, 1e-3, 1e-4)}
            histories = refinements(problem, min(run.true for run in runs.values() if run))
            for rtol, run in runs.items():
                if run is None:
                    continue
                enough = [(k, label) for label, k, error in histories if error <= run.true]
                if enough:
                    best, label = min(enough)
                    words = [f"{best} ({label})", f"{best / run.found.evaluations:.1f}"]
                else:
                    most = max(k for _, k, _ in histories)
                    least = min(error for _, _, error in histories)
                    words = [f"> {most} (error {_power(least)})", "–"]
                rule = run.found.rule.split(":")[0]
                mesh = _mesh_words(*meshes.smallest(run.true), run.found.evaluations)[0]
                rows.append(
                    [
                        case.name,
                        _power(rtol),
                        rule,
                        run.found.evaluations,
                        _power(run.true),
                        mesh,
                        *words,
                    ]
                )
        head = ["integral", "rtol", "AutoMesh took", "evaluations", "true error"]
        head += ["mesh, equal error", "WannierBerri, equal error (grid, iteration)", "ratio"]
        print_table("WannierBerri's recursive adaptive refinement", head, rows)

    def broadening(self) -> None:
        """Cost of Iterated against the distance of the poles from real k."""
        rows, fits = [], []
        studies = [
            ("two dimensions", toys.haldane(), 1.5, (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)),
            ("three dimensions", toys.nodal_line(gap=0.1), 0.5, (0.3, 0.1, 0.03, 0.01)),
        ]
        if self.slow:
            studies[1] = (*studies[1][:3], (*studies[1][3], 3e-3, 1e-3, 3e-4))
        for label, model, mu, widths in studies:
            evaluations: list[int] = []
            for eta in widths:
                rule = Iterated(rtol=1e-2, max_points=100_000_000)
                response = SpectralFunction(mu, eta)
                found = integrate(FourierSum(model), [response], rule, comm=Comm())
                evaluations.append(found.evaluations)
                said = _power(found.relative_error)
                rows.append([label, f"{eta:g}", found.evaluations, said])
            x = np.log(1.0 / np.array(widths))
            y = np.log(np.array(evaluations, dtype=float))
            for form, abscissa in (
                ("(log 10 eV/η)^p", np.log(x + math.log(10.0))),
                ("(1/η)^p", x),
            ):
                slope, offset = np.polyfit(abscissa, y, 1)
                spread = math.sqrt(float(np.mean((y - slope * abscissa - offset) ** 2)))
                fits.append([label, form, f"{slope:.2f}", f"{100 * math.expm1(spread):.0f} %"])
        head = ["", "η (eV)", "evaluations", "reported"]
        print_table("Iterated on a spectral function, rtol 1e-2", head, rows)
        head = ["", "evaluations grow like", "p", "rms deviation"]
        print_table("Fits", head, fits)


def _summary(
    rule: str, label: str, rtol: float | None, pairs: list[tuple[FloatArray, FloatArray]]
) -> list[object] | None:
    """Share of honest components; median of reported / true over components and integrals."""
    of_cases = [np.median(reported / true) for reported, true in pairs if len(true)]
    if not of_cases:
        return None
    reported = np.concatenate([pair[0] for pair in pairs])
    true = np.concatenate([pair[1] for pair in pairs])
    return [
        rule,
        label,
        "all" if rtol is None else _power(rtol),
        len(true),
        f"{100.0 * (true <= reported).mean():.1f} %",
        f"{np.median(reported / true):.1f}",
        f"{np.median(of_cases):.1f}",
    ]


def _mesh_words(evaluations: int, found: bool, other: int) -> tuple[str, str]:
    more = "" if found else "> "
    return f"{more}{evaluations}", f"{more}{evaluations / other:.2g}"


def _usual(meshes: Meshes, case: Case) -> tuple[str, str]:
    evaluations, error = meshes.at(case.usual)
    return f"{evaluations}", _power(error)


class Enough(Exception):
    """The error asked for is reached."""


def refinements(problem: Problem, enough: float) -> list[tuple[str, int, float]]:
    """WannierBerri's way: label, diagonalised points and true error after every iteration.

    From several first grids, dividing one or ten points at a time, until the error is ``enough``.

    The integrand is the same, from WannierBerri's own formula for the Berry curvature of each
    band; the largest contributions are divided in two along each direction, as by default.
    """
    if "numba" not in sys.modules and find_spec("numba") is None:
        # Compiles tetrahedra, which are not used here; WannierBerri only has to import it.
        numba = types.ModuleType("numba")
        numba.njit = lambda function: function  # type: ignore[attr-defined]
        sys.modules["numba"] = numba
    import wannierberri
    from wannierberri.calculators import Calculator
    from wannierberri.formula.covariant import Omega
    from wannierberri.result import EnergyResult

    from w90spin.kspace.occupations import fermi

    response: Any = problem.response
    mu, kT = np.array([response.mu]), np.array([response.kT])

    history: list[tuple[str, int, float]] = []
    dimension = problem.model.dimension
    state: dict[str, Any] = {"points": 0, "label": ""}

    class Recorded(EnergyResult):  # type: ignore[misc]
        def savedata(self, name: str, prefix: str, suffix: str, i_iter: int) -> None:
            error = problem.relative_error({"omega": self.data / problem.model.measure})
            history.append((f"{state['label']}, {i_iter}", state["points"], error))
            if error <= enough:
                raise Enough

    class OccupiedBerryCurvature(Calculator):  # type: ignore[misc]
        """Berry curvature times occupation."""

        def __call__(self, data_K: Any) -> Any:
            state["points"] += data_K.nk
            omega = Omega(data_K, external_terms=False)
            f_kn = fermi(data_K.E_K, mu, kT)[:, 0, 0]
            everything = np.arange(data_K.num_wann)
            total_c = np.zeros(3)
            for k, n in np.argwhere(f_kn > 1e-12):
                total_c += f_kn[k, n] * omega.trace(k, [n], np.delete(everything, n))
            return Recorded(
                [mu],
                total_c[None] / data_K.nk,
                transformTR=omega.transformTR,
                transformInv=omega.transformInv,
                rank=1,
            )

    system = ws.to_system(problem.model)
    for division in WB_GRIDS[dimension]:
        for per_round in (1, 10):
            grid_c = mesh_counts(division, problem.model.periodic)
            fft_c = mesh_counts(WB_FFT, problem.model.periodic)
            grid = wannierberri.Grid(system, NKdiv=grid_c, NKFFT=fft_c, use_symmetry=False)
            state.update(points=0, label=f"{division}x{WB_FFT}")
            rounds = (WB_BOXES - math.prod(grid_c)) // (per_round * 2**dimension)
            with suppress(Enough):
                wannierberri.run(
                    system,
                    grid=grid,
                    calculators={"omega": OccupiedBerryCurvature(save_mode="")},
                    adpt_num_iter=max(0, rounds),
                    adpt_fac=per_round,
                    parallel=False,
                    use_irred_kpt=False,
                    symmetrize=False,
                )
    return history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--all", action="store_true", help="narrower poles, too")
    parser.add_argument("--bilayer", action="store_true", help="with MnBi2Te4: an hour")
    parser.add_argument("--cache", type=Path, help="where to keep truths; by default nowhere")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, one_thread():
        cache = arguments.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        bench = Bench(cache, arguments.only, arguments.all, arguments.bilayer)
        for part in arguments.parts:
            started = time.perf_counter()
            getattr(bench, part)()
            print(f"\n{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(f"\n{time.perf_counter() - began:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
