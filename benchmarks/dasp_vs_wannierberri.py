"""k points per second of DASP beside the nearest peer, WannierBerri's frequency-dependent SHC.

One model (the bismuth monolayer, 32 Wannier functions, handed over by ``to_system``), one thread,
no symmetry, one process after the other.  Prints a table, and the peak memory of w90spin on a
small and a large mesh.

    python benchmarks/dasp_vs_wannierberri.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import types
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
SEEDNAME = Path(__file__).parents[1] / "data" / "bi-monolayer" / "bi"
MID_GAP = 1.42245  # eV
THZ = 4.135667696e-3  # eV
SMALL, LARGE = 60, 240
FFT_SIZES = (5, 6, 10, 15, 30)


def dasp(n: int) -> dict[str, float]:
    """Nine components, three orders, 50 frequencies between 1 and 60 THz."""
    import numpy as np

    import w90spin as ws

    model = ws.load_model(SEEDNAME)
    response = ws.SpinPolarizability(omega_w=np.linspace(1, 60, 50) * THZ, mu_f=MID_GAP)

    def run(n: int) -> tuple[float, int]:
        began = time.process_time()
        mesh = ws.UniformMesh(n=(n, n, 1))
        result = ws.compute(model, [response], mesh=mesh, symmetry="none")
        return time.process_time() - began, result.provenance["diagonalisations"]

    run(8)
    seconds, points = run(n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "points": points, "peak_mb": peak}


def spin_hall(n: int, fft: int, component: str) -> dict[str, float]:
    """All 27 components or one, 11 frequencies, 'simple' spin current, serial."""
    if find_spec("numba") is None:
        # Compiles tetrahedra, which are not used here; WannierBerri only has to import it.
        numba = types.ModuleType("numba")
        numba.njit = lambda function: function  # type: ignore[attr-defined]
        sys.modules["numba"] = numba
    import numpy as np
    import wannierberri
    from wannierberri.calculators.dynamic import SHC

    import w90spin as ws
    from w90spin.model.berri import to_system

    system = to_system(ws.load_model(SEEDNAME))

    def run(n: int, fft: int) -> float:
        one = {"shc_abc": [int(axis) for axis in component]} if component != "all" else {}
        shc = SHC(
            Efermi=np.array([MID_GAP]),
            omega=np.linspace(1, 60, 11) * THZ,
            SHC_type="simple",
            save_mode="",
            **one,
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "points": n * n, "peak_mb": peak}


def alone(*part: object) -> dict[str, float]:
    """Figures of one part in a process of its own, on one thread."""
    command = [sys.executable, str(Path(__file__).resolve()), "--part", *map(str, part)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    figures["rate"] = figures["points"] / figures["seconds"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many runs counts")
    arguments = parser.parse_args()
    if arguments.part:
        kind, *rest = arguments.part
        figures = dasp(int(rest[0])) if kind == "dasp" else spin_hall(*map(int, rest[:2]), rest[2])
        print(json.dumps(figures))
        return

    fft = "pyfftw" if find_spec("pyfftw") else "numpy.fft"
    print(f"WannierBerri {version('wannierberri')} with {fft}, numpy {version('numpy')}")
    print("rates per second of processor time\n")

    rates = {size: alone("shc", SMALL // 2, size, "all")["rate"] for size in FFT_SIZES}
    print(f"WannierBerri on {SMALL // 2}x{SMALL // 2}, k/s by size of its FFT grid:")
    print("  " + "   ".join(f"{size}x{size}: {rate:.0f}" for size, rate in rates.items()))
    best = max(rates, key=lambda size: rates[size])
    print(f"  used below: {best}x{best}\n")

    small = max((alone("dasp", SMALL) for _ in range(arguments.repeat)), key=lambda r: r["rate"])
    large = alone("dasp", LARGE)
    peers = {
        name: max(
            (alone("shc", SMALL, best, component) for _ in range(arguments.repeat)),
            key=lambda r: r["rate"],
        )
        for name, component in (("27 components", "all"), ("1 component", "123"))
    }
    print(f"{'':48s}{'mesh':>9s}{'k/s':>9s}{'ratio':>8s}{'peak MB':>9s}")

    def row(label: str, n: int, figures: dict[str, float]) -> None:
        ratio = small["rate"] / figures["rate"]
        print(
            f"{label:48s}{f'{n}x{n}':>9s}{figures['rate']:9.0f}{ratio:8.1f}"
            f"{figures['peak_mb']:9.0f}"
        )

    row("w90spin DASP, 3 x 9 components, 50 frequencies", SMALL, small)
    row("w90spin DASP, 3 x 9 components, 50 frequencies", LARGE, large)
    for name, figures in peers.items():
        row(f"WannierBerri SHC, {name}, 11 frequencies", SMALL, figures)


if __name__ == "__main__":
    main()
