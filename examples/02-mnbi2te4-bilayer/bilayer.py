"""Bilayer MnBi2Te4: runs job.toml, checks the physics, draws everything into results/.

    python bilayer.py

Beyond 'w90spin run job.toml' it compares with the model before it was symmetrised, tables the
tensors of the layers, and dopes the bilayer to set the Edelstein effect beside the intrinsic
response.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import w90spin as ws
from w90spin.cli.derived import derive, shown
from w90spin.cli.job import read_job
from w90spin.cli.tables import provenance_lines
from w90spin.derive import symmetry_form
from w90spin.plot import (
    plot_bands,
    plot_doping,
    plot_neel_field,
    plot_pulse,
    plot_signed_spin,
    plot_spin_by_angle,
    plot_trajectory,
    save_figure,
    tabulate_bands,
    tabulate_doping,
    tabulate_neel_field,
    tabulate_pulse,
    tabulate_signed_spin,
    tabulate_spin_by_angle,
    tabulate_trajectory,
)

FOLDER = Path(__file__).parent
ORDERS = (("upsilon0", -1), ("upsilon1", +1), ("upsilon2", -1))  # with parity under time reversal
TOLERANCES = (1e-6, 1e-5, 1e-4, 1e-3)  # of degeneracy [eV]
MESH = ws.UniformMesh(n=36)  # for the symmetry of the tensors, every point of it evaluated
COARSE = ws.UniformMesh(n=18)  # for the degeneracy tolerance
TABLED = 17.0  # frequency of the tables, where the paper quotes numbers [THz]
DOPING = (0.0, 0.06, 0.08, 0.1, 0.12, 0.14)  # Fermi levels above the middle of the gap [eV]
DOPED_MESH = ws.UniformMesh(n=120)
DOPED_KT = 0.01  # smooths the Fermi surface [eV]
DOPED_FREQUENCY = 2.0  # of the field on the doped bilayer [THz]
TAU = 100.0  # relaxation time, assumed; the Edelstein effect is proportional to it at low ω [fs]


def main() -> None:
    began = time.perf_counter()
    job = read_job(FOLDER / "job.toml")
    out = FOLDER / "results"
    out.mkdir(exist_ok=True)
    raw = job.model.model_copy(update={"symmetrise": False}).load(FOLDER)
    model, symmetrisation = ws.symmetrised(raw)
    asked = job.response[0].response(model)
    result = ws.compute(model, [asked], mesh=job.mesh.mesh())
    path = ws.band_path(
        model,
        job.bands.path,
        job.response[0].response(model, omega_w=np.zeros(1)),
        mu=job.response[0].fermi_level,
        n=job.bands.n,
    )
    derived = derive(result, shown(job), pulse=job.pulse.pulse(FOLDER, job.field))
    result = replace(result, path=path, derived=derived.records())
    result.save(out / job.output.file)
    result.to_csv(out / "tensors.csv")

    lines = [*provenance_lines(result), f"symmetrised: {symmetrisation}"]
    lines += tables(model, asked, result)
    lines += checks(raw, model, asked, result)
    lines += numbers(derived)
    lines += doping(model, asked, job, out)
    draw(out, job, result, derived)
    lines.append(f"all of it in {time.perf_counter() - began:.0f} s")
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def tables(model, asked, result):
    """Full tensors of the layers, and of each what symmetry allows and the forbidden rest."""
    w = int(np.argmin(np.abs(asked.omega_w - ws.ev_from_thz(TABLED))))
    lines = []
    for name, parity in ORDERS:
        tensor = result[name]
        form = symmetry_form(model, tensor, asked.parts, time_reversal=parity)
        at = "" if name == "upsilon0" else f" at {TABLED:g} THz"
        lines.append(f"{tensor.symbol}{at} in {tensor.unit}, rows spin x, y, z, columns field")
        for q, part in enumerate(asked.parts.names):
            where = (q, 0, 0) if name == "upsilon0" else (q, 0, 0, w)
            largest = tensor.errors[where].max()
            for s, row in enumerate(tensor.values[where]):
                head = f"  layer {part}: " if s == 0 else " " * 11
                tail = f"   errors up to {largest:.0e}" if s == 0 else ""
                lines.append(head + " ".join(f"{value:13.5e}" for value in row) + tail)
        lines.append(f"  {form}")
    return lines


def checks(raw, model, asked, result):
    """Symmetry of the tensors, before and after symmetrising; degeneracy tolerance."""
    parts = asked.parts
    group = ws.magnetic_group(model)
    found = {"measured on the files": ws.measure_symmetry(raw)}
    found["after symmetrising"] = ws.measure_symmetry(model)
    lines = [f"{words}: {table}" for words, table in found.items()]
    lines.append(f"PT pairs are degenerate to {pair_splitting(raw):.1e} eV on an 8 x 8 mesh")

    few = ws.SpinPolarizability(
        omega_w=[0.0, ws.ev_from_thz(TABLED)],
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


def numbers(derived):
    """Spin and fields at some frequencies, the pulse, and what the moments make of it."""
    induced, neel, torque = derived.induced, derived.neel, derived.torque
    lines = [
        f"J_ex = {neel.exchange_q[0]:g} eV, {neel.magnetization_q[0]:.4g} μ_B/nm² in a layer; per "
        f"volume: {induced.thickness:.2f} Å, both layers; all are coefficients of sin ωt"
    ]
    for w in range(4, len(induced.omega_w), 6):
        at = (1, 0, 0, 0, w, 1)
        lines.append(
            f"{induced.frequency_thz[w]:5.1f} THz: Δ⁽¹⁾S_y on A {induced.delta[at].imag:.4e} ± "
            f"{induced.errors[at]:.0e} μ_B/nm² ({induced.delta_volume[at].imag:.3e} μ_B/nm³), "
            f"Néel field {neel.staggered[1, 0, 0, w, 1].imag:.4f} ± "
            f"{neel.staggered_errors[1, 0, 0, w, 1]:.0e} T, "
            f"torque on A along x {torque.values[1, 0, 0, 0, w, 0].imag:.3e} {torque.unit}"
        )
    return lines + derived.lines()


def doping(model, asked, job, out):
    """Edelstein effect and intrinsic response of the doped bilayer, side by side."""
    middle, omega = job.response[0].fermi_level, ws.ev_from_thz(DOPED_FREQUENCY)
    common = {"mu_f": middle + np.array(DOPING), "kT": DOPED_KT, "parts": asked.parts}
    both = [ws.SpinPolarizability(omega_w=omega, **common), ws.Edelstein(**common)]
    result = ws.compute(model, both, mesh=DOPED_MESH)
    field = {"field": job.field.strength, "direction": "x"}
    induced = ws.induced_spin(result, **field)
    surface = ws.edelstein_spin(result, tau_fs=TAU, omega_w=[0.0, omega], **field)
    lines = [
        f"doped, kT = {1e3 * DOPED_KT:g} meV, {DOPED_FREQUENCY:g} THz, τ = {TAU:g} fs, mesh of "
        f"{DOPED_MESH.n} x {DOPED_MESH.n}: amplitudes for {job.field.strength:.0e} V/m along x in "
        "μ_B/nm²",
        "  E_F above the middle of the gap; intrinsic staggered |Δ⁽¹⁾S_y|, uniform "
        "|Δ⁽⁰⁾S_x + Δ⁽²⁾S_x|; Edelstein staggered |S_y|, the same at ω = 0, uniform |S|",
    ]
    delta_qifs = induced.delta[:, :, 0, :, 0].swapaxes(0, 1)
    a, b = delta_qifs[:2]
    edelstein_qfws = surface.delta[:, 0]
    c, d = edelstein_qfws[:2]
    for f, level in enumerate(DOPING):
        first = 0.5 * abs(a[1, f, 1] - b[1, f, 1])
        uniform = 0.5 * abs((a + b)[0, f, 0] + (a + b)[2, f, 0])
        lines.append(
            f"  {level:+.2f} eV: {first:.3e} ± {induced.errors[1, 0, 0, f, 0, 1]:.0e}, "
            f"{uniform:.3e}; "
            f"{0.5 * abs(c[f, 1, 1] - d[f, 1, 1]):.3e} ± {surface.errors[0, 0, f, 1, 1]:.0e}, "
            f"{0.5 * abs(c[f, 0, 1] - d[f, 0, 1]):.3e}, {0.5 * np.abs(c[f, 0] + d[f, 0]).max():.0e}"
        )
    size = np.abs(edelstein_qfws).max()
    lines.append(
        "  PT: Edelstein total/layer "
        f"{np.abs(c + d).max() / size:.0e}; the threefold axis: (xy + yx)/xy on A "
        f"{_antisymmetry(result['chi_tau'].values[0, 0, -1]):.0e}"
    )
    result.save(out / "doped.h5")
    figure = plot_doping(induced, surface, spin="y", reference=middle)
    save_figure(
        figure, out / "doping", tabulate_doping(induced, surface, spin="y", reference=middle)
    )
    return lines


def _antisymmetry(tensor_sb):
    return float(abs(tensor_sb[0, 1] + tensor_sb[1, 0]) / abs(tensor_sb[0, 1]))


def draw(out, job, result, derived):
    """All pictures, each with its numbers."""
    edge = next(iter(result.provenance["direct_gaps_eV"].values()))
    induced = derived.induced
    axes = plot_signed_spin(induced, spin="y", edge=edge)
    save_figure(axes.figure, out / "layer_spin", tabulate_signed_spin(induced, spin="y"))
    axes = plot_neel_field(derived.neel, anisotropy_field=job.neel.anisotropy_field, edge=edge)
    save_figure(axes.figure, out / "neel_field", tabulate_neel_field(derived.neel))
    angles = {"omega_index": derived.angle_index}
    axes = plot_spin_by_angle(derived.by_angle, **angles)
    save_figure(
        axes.figure, out / "spin_by_angle", tabulate_spin_by_angle(derived.by_angle, **angles)
    )
    pulse = (derived.spin_pulse, derived.field_pulse)
    save_figure(plot_pulse(*pulse), out / "pulse", tabulate_pulse(*pulse))
    moved = derived.dynamics
    save_figure(plot_trajectory(moved), out / "trajectory", tabulate_trajectory(moved))
    for colour in ("weight", "part_spin_z"):
        for q, part in enumerate(result.path.parts):
            chosen = {"colour": colour, "part_index": q, "window": job.bands.window}
            axes = plot_bands(result.path, **chosen)
            save_figure(
                axes.figure, out / f"bands_{colour}_{part}", tabulate_bands(result.path, **chosen)
            )


if __name__ == "__main__":
    main()
