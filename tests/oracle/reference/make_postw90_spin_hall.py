"""Writes postw90_bi_spin_hall.json with postw90.x (Debian package wannier90)."""

import itertools
import json
import lzma
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "data" / "bi-monolayer"
MESH, SHIFT = (6, 5), (0.31, 0.27)  # off all lines of degenerate bands, where it diverges
COMPONENTS = ["xyz", "yxz", "xxy", "zxy", "yzx"]  # flow, field, spin
PATH = [[0.1, 0.05, 0.0], [0.4, 0.3, 0.0], [0.2, 0.45, 0.0]]
COMMON = """\
transl_inv = .true.
kubo_adpt_smr = .false.
kubo_smr_fixed_en_width = 0.05
kubo_eigval_max = 1000.0
"""
ON_MESH = "wanint_kpoint_file = .true.\nberry = .true.\nberry_kmesh = 6 5 1\n"
FERMI = "fermi_energy_min = 0.75\nfermi_energy_max = 2.0\nfermi_energy_step = 0.25\n"
LEVEL = "fermi_energy = 1.42245\n"
SCANS = {
    "fermi": ON_MESH + "berry_task = shc\n" + FERMI,
    "frequency": ON_MESH
    + "berry_task = shc\nshc_freq_scan = .true.\nkubo_freq_min = 0.0\nkubo_freq_max = 2.0\n"
    + "kubo_freq_step = 0.25\n"
    + LEVEL,
    "path": "kpath = .true.\nkpath_task = bands+shc\nkpath_num_points = 5\n" + LEVEL,
}
OUTPUTS = {"fermi": "shc-fermiscan.dat", "frequency": "shc-freqscan.dat"}
HALL = ON_MESH + "berry_task = ahc\n" + FERMI


def kpoints():
    return [
        [(i + SHIFT[0]) / MESH[0], (j + SHIFT[1]) / MESH[1], 0.0]
        for i in range(MESH[0])
        for j in range(MESH[1])
    ]


def run(lines, *outputs):
    """Numbers of the output files of one run."""
    head, rest = (DATA / "bi.win").read_text().split("begin kpoint_path")
    ends = itertools.pairwise(PATH)
    path = "".join("P {} {} {} Q {} {} {}\n".format(*a, *b) for a, b in ends)
    win = f"{head}begin kpoint_path\n{path}end kpoint_path{rest.split('end kpoint_path')[1]}"
    points = kpoints()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bi.win").write_text(win + COMMON + lines)
        rows = "".join(
            "{:.16f} {:.16f} {:.16f} {:.16f}\n".format(*k, 1 / len(points)) for k in points
        )
        (folder / "kpoint.dat").write_text(f"{len(points)}\n{rows}")
        shutil.copy(DATA / "bi.eig", folder)
        for suffix in ("chk", "mmn", "spn"):
            packed = lzma.decompress((DATA / f"bi.{suffix}.xz").read_bytes())
            (folder / f"bi.{suffix}").write_bytes(packed)
        subprocess.run(["postw90.x", "bi"], cwd=folder, check=True)
        log = (folder / "bi.wpout").read_text()
        assert "All done" in log, log
        return [np.loadtxt(folder / f"bi-{o}", skiprows=int(o.endswith("kpt"))) for o in outputs]


def main():
    reference = {
        "code": "postw90.x 3.1.0, Debian package wannier90 3.1.0+ds-7",
        "input": "bi.win, .chk, .eig, .mmn, .spn of data/bi-monolayer, with these lines",
        "lines_common": COMMON.splitlines(),
        **{f"lines_{name}": lines.splitlines() for name, lines in SCANS.items()},
        "lines_hall": HALL.splitlines(),
        "kpt_kc": kpoints(),
        "path": PATH,
    }
    for name, lines in SCANS.items():
        for component in COMPONENTS:
            axes = zip(("alpha", "beta", "gamma"), component, strict=True)
            wanted = "".join(f"shc_{axis} = {'xyz'.index(c) + 1}\n" for axis, c in axes)
            if name == "path":
                kpt, table = run(lines + wanted, "path.kpt", "shc.dat")
                reference["path_kc"] = kpt[:, :3].tolist()
                reference[f"path_{component}"] = table[:, 1].tolist()
            else:
                (table,) = run(lines + wanted, OUTPUTS[name])
                reference[f"{name}_x"] = table[:, 1].tolist()
                reference[f"{name}_{component}"] = table[:, 2:].T.tolist()
    (hall,) = run(HALL, "ahc-fermiscan.dat")
    reference["hall_x"], reference["hall"] = hall[:, 0].tolist(), hall[:, 1:].tolist()
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in reference.items()]
    (HERE / "postw90_bi_spin_hall.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
