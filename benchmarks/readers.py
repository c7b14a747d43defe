"""Building a large model: w90spin beside WannierBerri, on the same input in the same run.

Writes ``_hr.dat``, ``_tb.dat`` and the package's own model file of 92 Wannier functions on 401
lattice vectors into a temporary folder and reads each in a fresh process; finds the nearest images
of 92 Wannier functions on 46 centres and a 7x7x7 mesh.  Prints the wall-clock time of the step
alone and of the process with its imports, the peak memory of the process, that in units of the
arrays read, and how many times faster than WannierBerri's the step is.  The model file is loaded
five times: the first load and the best.

    python benchmarks/readers.py            # about three minutes, most of them WannierBerri's
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

import numpy as np

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
N_WANN, N_CENTRES, MESH = 92, 46, (7, 7, 7)
TARGETS = {"hr": 3.0, "tb": 12.0, "distances": 5.0}  # seconds, of the step alone
MODEL_TARGET = 0.3


def make_files(folder: Path, n_R: int) -> None:
    """One random Hermitian H and r on every R of a chain, so that R and -R fit together."""
    from w90spin import WannierModel, read, save_model

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
    model = WannierModel(
        name="big",
        cell_ca=cell_ca,
        periodic=(True, False, False),
        R_Rc=R_Rc,
        ham_Rij=ham_Rij,
        pos_Raij=pos_Raij,
        spin_Rsij=pos_Raij,
        centres_ia=np.zeros((N_WANN, 3)),
    )
    save_model(model, folder / "big.w90.h5")


def lattice_and_centres() -> tuple[np.ndarray, np.ndarray]:
    """An oblique cell and centres in it, each of two functions. [Å]"""
    cell_ca = np.array([[4.3, 0.0, 0.0], [-2.1, 3.8, 0.0], [0.4, 0.7, 9.5]])
    reduced_ic = np.repeat(np.random.default_rng(46).uniform(size=(N_CENTRES, 3)), 2, axis=0)
    return cell_ca, reduced_ic @ cell_ca


def read_ours(kind: str, folder: Path) -> dict[str, float]:
    from w90spin import read
    from w90spin.model.wigner_seitz import minimal_images, wigner_seitz_vectors

    cell_ca, centres_ia = lattice_and_centres()

    def run() -> int:
        if kind == "distances":
            R_Rc, _ = wigner_seitz_vectors(cell_ca, MESH)
            return minimal_images(cell_ca, MESH, R_Rc, centres_ia).source_p.nbytes
        if kind == "hr":
            return read.read_hr(folder / "big_hr.dat").ham_Rij.nbytes
        tb = read.read_tb(folder / "big_tb.dat")
        return tb.ham_Rij.nbytes + tb.pos_Raij.nbytes

    return timed(run)


def read_theirs(kind: str, folder: Path) -> dict[str, float]:
    from wannierberri.fourier.rvectors import Rvectors
    from wannierberri.system import System_R

    cell_ca, centres_ia = lattice_and_centres()

    def run() -> int:
        if kind == "distances":
            vectors = Rvectors(cell_ca, shifts_left_red=centres_ia @ np.linalg.inv(cell_ca))
            vectors.set_Rvec(MESH)
            return sum(R_Rc.nbytes for R_Rc in vectors.iRvec_list)
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


def load_ours(folder: Path) -> dict[str, float]:
    """Seconds of the first of five loads of the model file and of the best, bytes and peak."""
    from w90spin import load_model

    def run() -> int:
        model = load_model(folder / "big.w90.h5")
        return sum(op.nbytes for op in (model.ham_Rij, model.pos_Raij, model.spin_Rsij))

    first = timed(run)
    return {**first, "best": min(timed(run)["seconds"] for _ in range(4))}


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
        if who == "files":
            make_files(Path(folder), int(kind))
            figures = {}
        elif kind == "model":
            figures = load_ours(Path(folder))
        else:
            figures = (read_ours if who == "w90spin" else read_theirs)(kind, Path(folder))
        print(json.dumps(figures))
        return
    print(
        f"{N_WANN} Wannier functions, {arguments.vectors} R;"
        f" numpy {version('numpy')}, WannierBerri {version('wannierberri')}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Not in this process: what it launches would start from its peak memory.
        written = alone("files", str(arguments.vectors), folder)
        print(f"files written in {written['process']:.0f} s\n")
        print(f"{'':26s}{'s':>7s}{'s, process':>12s}{'peak MB':>9s}{'/ arrays':>10s}{'faster':>8s}")
        for kind, target in TARGETS.items():
            step = f"nearest images, {N_CENTRES} centres, mesh {MESH}"
            if kind != "distances":
                step = f"_{kind}.dat, {(folder / f'big_{kind}.dat').stat().st_size / 1e6:.0f} MB"
            print(f"{step}, target {target:.0f} s")
            both = {who: alone(who, kind, folder) for who in ("w90spin", "WannierBerri")}
            for who, figures in both.items():
                arrays = "" if kind == "distances" else f"{figures['peak'] / figures['bytes']:.1f}"
                print(
                    f"  {who:24s}{figures['seconds']:7.2f}{figures['process']:12.2f}"
                    f"{figures['peak'] / 1e6:9.0f}{arrays:>10s}"
                    f"{both['WannierBerri']['seconds'] / figures['seconds']:8.1f}"
                )
        figures = alone("w90spin", "model", folder)
        size = (folder / "big.w90.h5").stat().st_size / 1e6
        print(
            f".w90.h5, {size:.0f} MB, target {MODEL_TARGET:g} s\n  w90spin: first load "
            f"{figures['seconds']:.3f} s, best of four more {figures['best']:.3f} s, process "
            f"{figures['process']:.2f} s"
        )


if __name__ == "__main__":
    main()
