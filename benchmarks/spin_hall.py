"""k points per second of the spin Hall conductivity beside WannierBerri and postw90.

All 27 components on the same models, handed over by ``to_system``, or from the same files for
postw90; one thread, no symmetry, every part in a process of its own.

    python benchmarks/spin_hall.py
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
import types
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
DATA = Path(__file__).parents[1] / "data"
SEEDNAMES = {
    "bi": DATA / "bi-monolayer" / "bi",
    "mnbi2te4": DATA / "mnbi2te4-bilayer" / "mnbi2te4_2SL",
}
MID_GAP = {"bi": 1.42245, "mnbi2te4": 0.0}  # eV
OMEGA = [0.02 * step for step in range(1, 12)]  # eV
WIDTH = 0.05  # eV
SHORT = {"simple": "simple", "qiao2018": "qiao", "ryoo2019": "ryoo"}


def model_of(name: str, current: str) -> Any:
    """The model, with the operators of its spin current."""
    import w90spin as ws
    from w90spin.model.berri import from_wannierdata

    if current == "simple":
        return ws.load_model(SEEDNAMES[name])
    return from_wannierdata(SEEDNAMES[name], current=current)


def levels(name: str, count: int) -> Any:
    """Fermi levels around the middle of the gap, or that alone. [eV]"""
    import numpy as np

    return MID_GAP[name] + (np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1))


def ours(name: str, current: str, kind: str, count: int, n: int) -> dict[str, float]:
    """w90spin on n x n points."""
    import w90spin as ws

    model, mu = model_of(name, current), levels(name, count)
    dynamic = {"omega_w": OMEGA, "eta": WIDTH} if kind == "dynamic" else {}
    response = ws.SpinHall(mu_f=mu, current=current, **dynamic)

    def run(n: int) -> float:
        began = time.process_time()
        ws.compute(model, [response], mesh=ws.UniformMesh(n=(n, n, 1)), symmetry="none")
        return time.process_time() - began

    run(4)
    return {"seconds": run(n), "points": n * n}


def berri(name: str, current: str, kind: str, count: int, n: int, fft: int) -> dict[str, float]:
    """WannierBerri on n x n points by Fourier transforms of fft x fft."""
    if find_spec("numba") is None:
        # Compiles tetrahedra, which are not used here; WannierBerri only has to import it.
        numba = types.ModuleType("numba")
        numba.njit = lambda function: function  # type: ignore[attr-defined]
        sys.modules["numba"] = numba
    import numpy as np
    import wannierberri
    from wannierberri.calculators import dynamic, static

    from w90spin.model.berri import to_system

    system, mu = to_system(model_of(name, current)), levels(name, count)

    def run(n: int, fft: int) -> float:
        shc: Any = static.SHC(
            Efermi=mu, kwargs_formula={"spin_current_type": SHORT[current]}, save_mode=""
        )
        if kind == "dynamic":
            shc = dynamic.SHC(
                Efermi=mu,
                omega=np.array(OMEGA),
                SHC_type=SHORT[current],
                smr_fixed_width=WIDTH,
                save_mode="",
            )
        began = time.process_time()
        grid = wannierberri.Grid(
            system, NKdiv=(n // fft, n // fft, 1), NKFFT=(fft, fft, 1), use_symmetry=False
        )
        wannierberri.run(
            system,
            grid=grid,
            calculators={"shc": shc},
            parallel=False,
            use_irred_kpt=False,
            symmetrize=False,
        )
        return time.process_time() - began

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run(fft, fft)
        seconds = run(n, fft)
    return {"seconds": seconds, "points": n * n}


def postw90(kind: str, count: int, n: int) -> dict[str, float]:
    """postw90.x on n x n points, one component; the time of a run on four points is taken off."""
    lines = (
        f"shc_freq_scan = .true.\nfermi_energy = {MID_GAP['bi']}\nkubo_freq_min = {OMEGA[0]}\n"
        f"kubo_freq_max = {OMEGA[-1]}\nkubo_freq_step = {OMEGA[1] - OMEGA[0]}\n"
        if kind == "dynamic"
        else f"fermi_energy_min = {MID_GAP['bi'] - 1.0}\nfermi_energy_max = {MID_GAP['bi'] + 1.0}\n"
        f"fermi_energy_step = {2.0 / (count - 1)}\n"
        if count > 1
        else f"fermi_energy = {MID_GAP['bi']}\n"
    )
    source = SEEDNAMES["bi"].parent

    def run(n: int) -> float:
        win = (source / "bi.win").read_text()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            more = (
                f"berry = .true.\nberry_task = shc\nberry_kmesh = {n} {n} 1\nshc_alpha = 1\n"
                f"shc_beta = 2\nshc_gamma = 3\nkubo_adpt_smr = .false.\n"
                f"kubo_smr_fixed_en_width = {WIDTH}\nkubo_eigval_max = 1000\n{lines}"
            )
            (folder / "bi.win").write_text(win + more)
            shutil.copy(source / "bi.eig", folder)
            for suffix in ("chk", "mmn", "spn"):
                packed = lzma.decompress((source / f"bi.{suffix}.xz").read_bytes())
                (folder / f"bi.{suffix}").write_bytes(packed)
            before = os.times()
            subprocess.run(["postw90.x", "bi"], cwd=folder, check=True, capture_output=True)
            after = os.times()
        return (
            after.children_user
            + after.children_system
            - (before.children_user + before.children_system)
        )

    start = run(2)
    return {"seconds": run(n) - start, "points": n * n - 4}


def alone(*part: object) -> float:
    """k points per second of one part in a process of its own, on one thread."""
    command = [sys.executable, str(Path(__file__).resolve()), "--part", *map(str, part)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, text=True
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    return float(figures["points"] / figures["seconds"])


def part_of(arguments: list[str]) -> dict[str, float]:
    """Figures of the part that the command line names."""
    kind, *rest = arguments
    if kind == "postw90":
        return postw90(rest[0], *map(int, rest[1:]))
    name, current, way, *numbers = rest
    work = ours if kind == "ours" else berri
    return work(name, current, way, *map(int, numbers))


ROWS = [
    # model, current, kind, levels, our mesh, their mesh, sizes of their Fourier transforms
    ("bi", "simple", "static", 1, 60, 30, (6, 10, 15)),
    ("bi", "simple", "static", 101, 60, 30, (6, 10, 15)),
    ("bi", "qiao2018", "static", 101, 60, 30, (6, 10, 15)),
    ("bi", "ryoo2019", "static", 101, 60, 30, (6, 10, 15)),
    ("bi", "simple", "dynamic", 1, 60, 30, (6, 10, 15)),
    ("bi", "ryoo2019", "dynamic", 1, 60, 30, (6, 10, 15)),
    ("mnbi2te4", "simple", "static", 1, 24, 12, (4, 6, 12)),
    ("mnbi2te4", "simple", "static", 101, 24, 12, (4, 6, 12)),
    ("mnbi2te4", "simple", "dynamic", 1, 24, 12, (4, 6, 12)),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="rows whose words contain this")
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many runs counts")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(part_of(arguments.part)))
        return
    fft_name = "pyfftw" if find_spec("pyfftw") else "numpy.fft"
    print(f"WannierBerri {version('wannierberri')} with {fft_name}, numpy {version('numpy')}")
    print("k points per second of processor time, all 27 components\n")
    print(f"{'':44s}{'w90spin':>10s}{'WannierBerri':>14s}{'ratio':>8s}")
    rates = {}
    for name, current, kind, count, n, n_theirs, sizes in ROWS:
        label = f"{name} {current} {kind}, {count} level{'s' if count > 1 else ''}"
        if arguments.only not in label:
            continue
        mine = max(alone("ours", name, current, kind, count, n) for _ in range(arguments.repeat))
        theirs = max(alone("berri", name, current, kind, count, n_theirs, s) for s in sizes)
        rates[name, current, kind, count] = mine
        print(f"{label:44s}{mine:10.0f}{theirs:14.0f}{mine / theirs:8.1f}", flush=True)
    if shutil.which("postw90.x") is None:
        return
    print(f"\n{'':44s}{'postw90':>10s}{'per component':>14s}{'for all 27':>12s}")
    for kind, count in (("static", 101), ("dynamic", 1)):
        mine = rates.get(("bi", "qiao2018", kind, count)) or alone(
            "ours", "bi", "qiao2018", kind, count, 60
        )
        theirs = max(alone("postw90", kind, count, 40) for _ in range(arguments.repeat))
        label = f"bi qiao2018 {kind}, {count} level{'s' if count > 1 else ''}"
        print(f"{label:44s}{theirs:10.0f}{mine / theirs:14.2f}{27 * mine / theirs:12.1f}")


if __name__ == "__main__":
    main()
