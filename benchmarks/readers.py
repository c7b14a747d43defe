"""Reading a large Hamiltonian: w90spin beside WannierBerri, on the same files in the same run.

Writes ``_hr.dat`` and ``_tb.dat`` of 92 Wannier functions on 401 lattice vectors into a temporary
folder and reads each in a fresh process.  Prints the wall-clock time of the reading alone and of
the process with its imports, the peak memory of the process, that in units of the arrays read, and
how many times faster than WannierBerri's the reading is.

    python benchmarks/readers.py
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
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
N_WANN = 92
TARGETS = {"hr": 3.0, "tb": 12.0}  # seconds, of the reading alone


def make_files(folder: Path, n_R: int) -> None:
    """One random Hermitian H and r on every R of a chain, so that R and -R fit together."""
    import numpy as np

    from w90spin import read

    rng = np.random.default_rng(92)

    def hermitian(*shape: int) -> np.ndarray:
        op_ij = rng.normal(size=(*shape, N_WANN, N_WANN, 2)).view(complex)[..., 0]
        return op_ij + op_ij.conj().swapaxes(-1, -2)

    R_Rc = np.zeros((n_R, 3), dtype=np.int64)
    R_Rc[:, 0] = np.arange(n_R) - n_R // 2
    degeneracy_R = np.ones(n_R, dtype=np.int64)
    ham_Rij = np.broadcast_to(hermitian(), (n_R, N_WANN, N_WANN))
    pos_Raij = np.broadcast_to(hermitian(3), (n_R, 3, N_WANN, N_WANN))
    hr = read.HrFile(folder, "synthetic", N_WANN, R_Rc, degeneracy_R, ham_Rij)
    read.write_hr(hr, folder / "big_hr.dat")
    cell_ca = 4.0 * np.eye(3)
    tb = read.TbFile(folder, "synthetic", cell_ca, N_WANN, R_Rc, degeneracy_R, ham_Rij, pos_Raij)
    read.write_tb(tb, folder / "big_tb.dat")


def read_ours(kind: str, folder: Path) -> dict[str, float]:
    from w90spin import read

    def run() -> int:
        if kind == "hr":
            return read.read_hr(folder / "big_hr.dat").ham_Rij.nbytes
        tb = read.read_tb(folder / "big_tb.dat")
        return tb.ham_Rij.nbytes + tb.pos_Raij.nbytes

    return timed(run)


def read_theirs(kind: str, folder: Path) -> dict[str, float]:
    import numpy as np
    from wannierberri.system import System_R

    def run() -> int:
        if kind == "hr":
            missing = {
                "wannier_centers_cart": np.zeros((N_WANN, 3)),
                "real_lattice": 4.0 * np.eye(3),
            }
            system = System_R.from_hr_file(seedname=str(folder / "big"), **missing)
            return system.get_R_mat("Ham").nbytes
        system = System_R.from_tb_file(tb_file=str(folder / "big_tb.dat"), berry=True)
        return system.get_R_mat("Ham").nbytes + system.get_R_mat("AA").nbytes

    return timed(run)


def timed(run: Callable[[], int]) -> dict[str, float]:
    """Seconds of ``run``, the bytes it returns, and the peak of the process afterwards."""
    began = time.perf_counter()
    n_bytes = run()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "bytes": n_bytes, "peak": peak}


def alone(who: str, kind: str, folder: Path) -> dict[str, float]:
    """Figures of one reading in a process of its own, on one thread."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--part", who, kind, str(folder)],
        env={**os.environ, **ONE_THREAD},
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    figures["process"] = time.perf_counter() - began
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=int, default=401, help="lattice vectors, an odd number")
    arguments = parser.parse_args()
    if arguments.part:
        who, kind, folder = arguments.part
        print(json.dumps((read_ours if who == "w90spin" else read_theirs)(kind, Path(folder))))
        return
    print(
        f"{N_WANN} Wannier functions, {arguments.vectors} R;"
        f" numpy {version('numpy')}, WannierBerri {version('wannierberri')}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        make_files(folder, arguments.vectors)
        print(f"both files written in {time.perf_counter() - began:.0f} s\n")
        print(f"{'':26s}{'s':>7s}{'s, process':>12s}{'peak MB':>9s}{'/ arrays':>10s}{'faster':>8s}")
        for kind, target in TARGETS.items():
            size = (folder / f"big_{kind}.dat").stat().st_size / 1e6
            print(f"_{kind}.dat, {size:.0f} MB, target {target:.0f} s")
            both = {who: alone(who, kind, folder) for who in ("w90spin", "WannierBerri")}
            for who, figures in both.items():
                print(
                    f"  {who:24s}{figures['seconds']:7.2f}{figures['process']:12.2f}"
                    f"{figures['peak'] / 1e6:9.0f}{figures['peak'] / figures['bytes']:10.1f}"
                    f"{both['WannierBerri']['seconds'] / figures['seconds']:8.1f}"
                )


if __name__ == "__main__":
    main()
