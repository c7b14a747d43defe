"""Load time and peak memory of a real model with 92 Wannier functions, on 1 and 2 ranks.

    python benchmarks/mnbi2te4_memory.py

Writes the binary file of bilayer MnBi2Te4, loads it in new processes, and runs the response of its
layers with 46 frequencies under mpirun.  Peak memory is that of the process, its imports and the
shared model included; what ranks of a node share counts in each of them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = Path(__file__).parents[1] / "data" / "mnbi2te4-bilayer" / "mnbi2te4_2SL"
MU = 3.125005  # eV, inside the gap
MESH = 24


def loads(file: str) -> None:
    """Print the time that loading takes."""
    import w90spin as ws

    began = time.perf_counter()
    model = ws.load_model(file)
    print(f"{time.perf_counter() - began:.2f} s for {model.n_wann} Wannier functions")


def runs(file: str) -> None:
    """Run the response and print the peak memory of this rank."""
    import numpy as np

    import w90spin as ws
    from w90spin.parallel import world

    model = ws.load_model(file)
    response = ws.SpinPolarizability(
        omega_w=np.linspace(0.0, 0.093, 46),
        mu_f=MU,
        insulator=True,
        parts=ws.partition(model, "layer"),
    )
    began = time.perf_counter()
    ws.compute(model, [response], mesh=ws.UniformMesh(n=MESH), symmetry="none")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rank = world().rank
    print(
        f"rank {rank}: {peak:.0f} MB at the peak, {time.perf_counter() - began:.1f} s", flush=True
    )


def main() -> None:
    import w90spin as ws

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.w90.h5")
        began = time.perf_counter()
        model = ws.load_model(SEED)
        print(f"from Wannier90's files: {time.perf_counter() - began:.2f} s")
        ws.save_model(model, file)
        print(f"{Path(file).name}: {Path(file).stat().st_size / 1e6:.0f} MB", flush=True)
        this = [sys.executable, __file__]
        for _ in range(3):
            subprocess.run([*this, "loads", file], check=True)
        for n in (1, 2):
            print(f"{n} rank(s):", flush=True)
            subprocess.run(["mpirun", "-n", str(n), *this, "runs", file], check=True)


if __name__ == "__main__":
    {"loads": loads, "runs": runs}[sys.argv[1]](sys.argv[2]) if len(sys.argv) == 3 else main()
