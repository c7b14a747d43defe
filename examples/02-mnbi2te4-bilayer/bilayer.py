"""Bilayer MnBi2Te4: runs job.toml, checks the physics, draws everything into results/.

    python bilayer.py

Beyond 'w90spin run job.toml' it compares with the model before it was symmetrised, and goes on to
the Néel field, its angles, a pulse and the dynamics that it drives.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

import w90spin as ws
from w90spin.cli.job import read_job
from w90spin.cli.tables import provenance_lines
from w90spin.derive import symmetry_form
from w90spin.plot import (
    plot_bands,
    plot_neel_field,
    plot_signed_spin,
    plot_spin_by_angle,
    plot_trajectory,
    save_figure,
    tabulate_bands,
    tabulate_neel_field,
    tabulate_signed_spin,
    tabulate_spin_by_angle,
    tabulate_trajectory,
)

FOLDER = Path(__file__).parent
EXCHANGE = 1.0  # J_ex [eV], the order of magnitude of the literature
MOMENT = 5.0  # of a layer in a cell: one Mn, S = 5/2 [μ_B]
ANISOTROPY = 0.225  # B_K [T], as the paper quotes for the bilayer
INTERLAYER = 5.0  # B_E [T], assumed
DAMPING = 0.01  # α, assumed
AFTER = 60.0  # how long the dynamics is followed after the pulse [ps]
ANGLE_FREQUENCY = 17.0  # of the picture of angles, where the paper quotes numbers [THz]
ORDERS = (("upsilon0", -1), ("upsilon1", +1), ("upsilon2", -1))  # with parity under time reversal
TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3)  # of degeneracy [eV]
MESH = ws.UniformMesh(n=36)  # for the symmetry of the tensors, every point of it evaluated
COARSE = ws.UniformMesh(n=18)  # for the degeneracy tolerance


def main() -> None:
    began = time.perf_counter()
    job = read_job(FOLDER / "job.toml")
    out = FOLDER / "results"
    out.mkdir(exist_ok=True)
    raw = job.model.model_copy(update={"symmetrise": False}).load(FOLDER)
    model, _ = ws.symmetrised(raw)
    asked = job.response[0].response(model)
    result = ws.compute(model, [asked], mesh=job.mesh.mesh())
    path = ws.band_path(
        model,
        job.bands.path,
        job.response[0].response(model, omega_w=np.zeros(1)),
        mu=job.response[0].fermi_level,
        n=job.bands.n,
    )
    result = ws.Result(result.responses, result.provenance, path=path)
    result.save(out / job.output.file)
    result.to_csv(out / "tensors.csv")

    lines = provenance_lines(result)
    lines += checks(raw, model, asked, result)
    induced = ws.induced_spin(result, field=job.field.strength, direction="x")
    neel = ws.neel_field(induced, exchange=EXCHANGE, moment=MOMENT)
    lines += numbers(induced, neel)
    dynamics, about = pulsed(result)
    lines += about
    draw(out, job, result, induced, neel, dynamics)
    lines.append(f"all of it in {time.perf_counter() - began:.0f} s")
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def checks(raw, model, asked, result):
    """Symmetry of the tensors, before and after symmetrising; degeneracy tolerance."""
    parts = asked.parts
    group = ws.magnetic_group(model)
    found = {"measured on the files": ws.measure_symmetry(raw)}
    found["after symmetrising"] = ws.measure_symmetry(model)
    lines = [f"{words}: {table}" for words, table in found.items()]
    lines.append(f"PT pairs are degenerate to {pair_splitting(raw):.1e} eV on an 8 x 8 mesh")

    few = ws.SpinPolarizability(
        omega_w=[0.0, ws.ev_from_thz(ANGLE_FREQUENCY)],
        mu_f=asked.mu_f,
        insulator=True,
        parts=parts,
    )
    before = ws.compute(raw, [few], mesh=MESH, symmetry="none")
    after = ws.compute(model, [few], mesh=MESH, symmetry="none")
    for words, run in (("files as they are", before), ("symmetrised", after), ("result", result)):
        for name, parity in ORDERS:
            form = symmetry_form(model, run[name], parts, time_reversal=parity, group=group)
            lines.append(f"{words}: {form}")
        a, b = run["upsilon1"].values[:, 0, 0, -1]
        size = np.abs(a).max()
        lines.append(
            f"{words}: Υ⁽¹⁾ total/layer {np.abs(a + b).max() / size:.1e}, "
            f"(xy + yx)/xy on A {abs(a[0, 1] + a[1, 0]) / size:.1e}"
        )
        for name in ("upsilon0", "upsilon2"):
            a, b = run[name].values[:, 0, 0].reshape(2, -1, 3, 3)[:, -1]
            lines.append(f"{words}: {name} (A - B)/A {np.abs(a - b).max() / np.abs(a).max():.1e}")
    reference = ws.compute(model, [few], mesh=COARSE, symmetry="none")["upsilon1"].values
    for tolerance in TOLERANCES:
        run = ws.compute(model, [few], mesh=COARSE, symmetry="none", degeneracy=tolerance)
        change = np.abs(run["upsilon1"].values - reference).max() / np.abs(reference).max()
        lines.append(f"degeneracy tolerance {tolerance:.0e} eV: Υ⁽¹⁾ changes by {change:.1e}")
    return lines


def pair_splitting(model):
    """Largest splitting of bands 2n-1 and 2n. [eV]"""
    largest = 0.0
    for i in range(8):
        for j in range(8):
            phase_R = np.exp(2j * np.pi * model.R_Rc @ [i / 8, j / 8, 0.0])
            energy_n = np.linalg.eigvalsh(np.einsum("R,Rij->ij", phase_R, model.ham_Rij))
            largest = max(largest, float((energy_n[1::2] - energy_n[::2]).max()))
    return largest


def numbers(induced, neel):
    """Spin and fields at some frequencies."""
    lines = [
        f"J_ex = {EXCHANGE} eV, {MOMENT} μ_B in a layer's cell; per volume: "
        f"{induced.thickness:.2f} Å, both layers; all are coefficients of sin ωt"
    ]
    torque = ws.torque_efficiency(neel)
    for w in range(4, len(induced.omega_w), 6):
        at = (1, 0, 0, 0, w, 1)
        lines.append(
            f"{induced.frequency_thz[w]:5.1f} THz: Δ⁽¹⁾S_y on A {induced.delta[at].imag:.4e} ± "
            f"{induced.errors[at]:.0e} μ_B/nm² ({induced.delta_volume[at].imag:.3e} μ_B/nm³), "
            f"Néel field {neel.staggered[1, 0, 0, w, 1].imag:.4f} ± "
            f"{neel.staggered_errors[1, 0, 0, w, 1]:.0e} T, "
            f"torque on A along x {torque.values[1, 0, 0, 0, w, 0].imag:.3e} {torque.unit}"
        )
    return lines


def pulsed(result):
    """A strong single cycle, and what the Néel vector makes of it."""
    pulse = ws.Pulse.gaussian(
        amplitude=1e8, frequency_thz=2.0, fwhm_ps=0.6, direction="x", phase=np.pi / 2
    )
    field = ws.pulsed_field(ws.pulsed_spin(result, pulse), exchange=EXCHANGE, moment=MOMENT)
    dynamics = ws.neel_dynamics(
        field,
        exchange_field=INTERLAYER,
        anisotropy_field=ANISOTROPY,
        damping=DAMPING,
        after_ps=AFTER,
    )
    size = float(np.abs(field.staggered_ta).max())
    return dynamics, [
        f"pulse of 1e8 V/m at 2 THz: Néel field up to {size:.3f} T; resonance at "
        f"{ws.resonance_frequency(INTERLAYER, ANISOTROPY):.3f} THz",
        str(dynamics),
    ]


def draw(out, job, result, induced, neel, dynamics):
    """All pictures, each with its numbers."""
    edge = direct_gap(result)
    axes = plot_signed_spin(induced, spin="y", edge=edge)
    save_figure(axes.figure, out / "layer_spin", tabulate_signed_spin(induced, spin="y"))
    axes = plot_neel_field(neel, anisotropy_field=ANISOTROPY, edge=edge)
    save_figure(axes.figure, out / "neel_field", tabulate_neel_field(neel))
    w = int(np.argmin(np.abs(induced.frequency_thz - ANGLE_FREQUENCY)))
    by_angle = [
        ws.induced_spin(result, field=job.field.strength, direction=[np.cos(a), np.sin(a), 0.0])
        for a in np.radians(np.arange(0, 360, 15))
    ]
    axes = plot_spin_by_angle(by_angle, omega_index=w, parts=["A"])
    save_figure(axes.figure, out / "spin_by_angle", tabulate_spin_by_angle(by_angle, omega_index=w))
    for colour in ("weight", "part_spin_z"):
        for q, part in enumerate(result.path.parts):
            chosen = {"colour": colour, "part_index": q, "window": job.bands.window}
            axes = plot_bands(result.path, **chosen)
            save_figure(
                axes.figure, out / f"bands_{colour}_{part}", tabulate_bands(result.path, **chosen)
            )
    save_figure(plot_trajectory(dynamics), out / "trajectory", tabulate_trajectory(dynamics))


def direct_gap(result):
    """Smallest direct gap on the path, which goes through Γ, where it is. [eV]"""
    energy_kn = result.path.energy_kn
    occupied = int((energy_kn[0] < result.path.mu).sum())
    return float((energy_kn[:, occupied] - energy_kn[:, occupied - 1]).min())


if __name__ == "__main__":
    main()
