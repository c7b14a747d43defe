"""Writes postw90_bi.json with postw90.x (Debian package wannier90): python make_postw90.py."""

import json
import lzma
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "data" / "bi-monolayer"
AXES = {"x": (90, 0), "y": (90, 90), "z": (0, 0)}
PATH = """\
begin kpoint_path
G 0 0 0 X 0.5 0 0
X 0.5 0 0 S 0.5 0.5 0
S 0.5 0.5 0 Y 0 0.5 0
Y 0 0.5 0 G 0 0 0
G 0 0 0 A 0.375 0.25 0
A 0.375 0.25 0 B 0.125 0.4375 0
end kpoint_path
"""
BANDS = """\
fermi_energy = 1.42245
kpath = .true.
kpath_task = bands
kpath_bands_colour = spin
kpath_num_points = 4
spin_axis_polar = {}
spin_axis_azimuth = {}
"""
KUBO = """\
fermi_energy = 1.42245
berry = .true.
berry_task = kubo
berry_kmesh = 5 4 1
kubo_freq_min = 0.0
kubo_freq_max = 2.0
kubo_freq_step = 0.25
kubo_adpt_smr = .false.
kubo_smr_fixed_en_width = 0.1
kubo_eigval_max = 1000.0
transl_inv = .true.
"""


def run(lines, outputs):
    """Arrays of the output files of one run."""
    base = (DATA / "bi.win").read_text()
    head, rest = base.split("begin kpoint_path")
    win = head + PATH + rest.split("end kpoint_path")[1] + lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bi.win").write_text(win)
        shutil.copy(DATA / "bi.eig", folder)
        for suffix in ("chk", "mmn", "spn"):
            packed = lzma.decompress((DATA / f"bi.{suffix}.xz").read_bytes())
            (folder / f"bi.{suffix}").write_bytes(packed)
        subprocess.run(["postw90.x", "bi"], cwd=folder, check=True)
        log = (folder / "bi.wpout").read_text()
        assert "All done" in log, log
        return [np.loadtxt(folder / f"bi-{o}", skiprows=int(o.endswith("kpt"))) for o in outputs]


def main():
    spin = {}
    for axis, angles in AXES.items():
        kpt, table = run(BANDS.format(*angles), ["path.kpt", "bands.dat"])
        table = table.reshape(-1, len(kpt), 3)  # band, k, (distance, energy, spin)
        energy, spin[axis] = table[:, :, 1].T.tolist(), table[:, :, 2].T.tolist()
    names = [f"kubo_S_{a}{a}.dat" for a in "xyz"]
    tables = run(KUBO, names)
    reference = {
        "code": "postw90.x 3.1.0, Debian package wannier90 3.1.0+ds-7",
        "input": "bi.win, .chk, .eig, .mmn, .spn of data/bi-monolayer, with this path and lines",
        "path": PATH.splitlines(),
        "lines_bands": BANDS.splitlines(),
        "lines_kubo": KUBO.splitlines(),
        "kpt_kc": kpt[:, :3].tolist(),
        "energy_kn": energy,
        "spin_kn": spin,
        "omega_w": tables[0][:, 0].tolist(),
        "kubo_hermitian_w": {a: t[:, 1].tolist() for a, t in zip("xyz", tables, strict=True)},
        "kubo_antihermitian_w": {a: t[:, 2].tolist() for a, t in zip("xyz", tables, strict=True)},
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in reference.items()]
    (HERE / "postw90_bi.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
