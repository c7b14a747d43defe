"""Spin Hall conductivity of Bi2Se3 and of hole gases in every definition, into results/.

    python proper_spin_hall.py

Follows H. Liu, J. H. Cullen and D. Culcer, Phys. Rev. B 108, 195434 (2023), Figs. 1 and 2, and puts
numbers integrated by other means beside every column where there are some.
"""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import w90spin as ws
from w90spin.plot import house_style, save_figure

FOLDER = Path(__file__).parent
DEFINITIONS = ("conventional", "liu2023_printed", "band_transport", "c6")
LABELS = {
    "conventional": "conventional",
    "liu2023_printed": "Liu et al., as printed",
    "band_transport": "band transport",
    "c6": "C6",
}

SPLITTING = 1e-3  # |m| [eV]
FIELDS = {"0": (0, 0, 0), "x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
BULK = (2, 0, 1)  # flow z, field x, spin y
BULK_UNIT = "(ħ/2e) S/m"
IN_GAP = 0.1  # [eV]
COLD = 30.0 * 8.617333e-5  # 30 K [eV]

# Conventional, then Liu's printed form for m = 0 and m along x, y, z.
BULK_REFERENCE = {
    "K = 0.1": (-347, 3189, 561, 3189, 513),
    "K = 0.2": (-2327, 3427, 1562, 3427, 1335),
    "K = 0.3": (-3944, 2591, 1670, 2591, 1498),
    "K = 0.5": (-5580, 1614, 1698, 1614, 1553),
    "K = 1": (-6906, 811, 1706, 811, 1590),
    "K = ∞": (-8259, 0, 1700, 0, 1560),
    "lattice 4.14 Å": (-5513, 0.1, 1599, 0.1, 1506),
    "lattice 2 Å": (-6632, 56, 1545, 56, 1487),
}
LEVELS = np.array([-0.4, -0.3, -0.2, -0.1, 0.0, 0.13, 0.26, 0.3, 0.35, 0.4, 0.5])  # [eV]
SWEEP_AT = (-0.4, -0.3, -0.2, -0.1, 0.0, 0.3, 0.35, 0.4, 0.5)
SWEEP_REFERENCE = {
    ("K = 0.3", "0"): (-88, -188, 494, 2086, 2591, 3242, 4442, 5294, 6172),
    ("K = 0.3", "x"): (26, 51, 130, 867, 1679, 1676, 1671, 1718, 2085),
    ("K = 0.3", "z"): (6, 19, 131, 1015, 1505, 1506, 1532, 1629, 2046),
    ("K = ∞", "0"): (-2153, -2558, -2097, -505, 0, 651, 1852, 2703, 3583),
    ("K = ∞", "x"): (54, 84, 164, 902, 1710, 1711, 1706, 1752, 2116),
    ("K = ∞", "z"): (49, 80, 205, 1090, 1580, 1580, 1606, 1703, 2118),
}

HOLES = (1, 0, 2)  # flow y, field x, spin z
HOLE_UNIT = "e/8π"
HOLE_LEVELS = np.array([2.0, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0])  # [meV]
HOLE_REFERENCE = {
    (1.0, "liu2023_printed"): (-2.376, -5.813, -7.200, -8.836, -9.661, -9.782, -9.808, -9.840),
    (1.0, "band_transport"): (3.276, 8.101, 9.016, 9.488, 9.689, 9.780, 9.847, 9.890),
    (1.0, "conventional"): (3.295, 10.370, 11.513, 12.410, 12.573, 12.354, 12.144, 11.993),
    (2.0, "liu2023_printed"): (-1.776, -5.660, -6.852, -7.347, -8.330, -9.369, -9.774, -9.872),
    (2.0, "conventional"): (2.093, 9.295, 10.673, 11.128, 11.775, 12.446, 12.649, 12.525),
}
GATES = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)  # [MV/m]
GE_OF_THE_PAPER = (13.38, 5.24, 4.69)  # γ2 and γ3 as its Table I prints them
MATERIALS = {"GaAs": 15.0, "InAs": 40.0, "InSb": 60.0, "Ge": 20.0}  # E_F [meV]
# Liu's printed form, band transport, conventional.
GATE_REFERENCE = {
    "GaAs": (
        (-9.732, -9.782, -9.369, -8.130, -7.840, -7.935, -7.912),
        (9.818, 9.780, 9.671, 9.107, 8.880, 8.714, 8.498),
        (12.180, 12.354, 12.446, 11.475, 10.910, 10.777, 10.371),
    ),
    "InAs": (
        (-9.968, -9.973, -9.939, -9.793, -8.290, -8.410, -8.516),
        (9.978, 9.972, 9.956, 9.888, 8.989, 8.986, 8.975),
        (13.874, 13.603, 13.553, 12.607, 11.364, 11.374, 11.686),
    ),
    "InSb": (
        (-9.981, -9.975, -9.922, -9.745, -8.365, -8.455, -8.545),
        (9.987, 9.982, 9.957, 9.846, 8.997, 8.994, 8.992),
        (15.684, 15.021, 13.459, 12.776, 11.514, 11.455, 11.733),
    ),
    "Ge": (
        (-9.746, -9.441, -8.082, -7.988, -8.114, -8.162, -8.088),
        (9.856, 9.731, 9.021, 8.945, 8.852, 8.704, 8.497),
        (13.376, 12.988, 11.246, 10.899, 10.778, 10.397, 9.828),
    ),
}


def main() -> None:
    began = time.perf_counter()
    warnings.simplefilter("ignore", ws.W90SpinWarning)  # errors are in the tables
    out = FOLDER / "results"
    out.mkdir(exist_ok=True)
    lines = [
        *bulk_in_the_gap(out),
        *bulk_against_the_fermi_level(out),
        *holes_against_the_fermi_level(out),
        *holes_against_the_gate(out),
        *doubts(),
    ]
    lines.append(f"all of it in {time.perf_counter() - began:.0f} s")
    (out / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def bulk_model(where, field):
    """Bi2Se3 with a cutoff, without, or on a lattice."""
    exchange = tuple(SPLITTING * np.array(FIELDS[field], dtype=float))
    if where.startswith("lattice"):
        return ws.toys.bi2se3(exchange=exchange, a=float(where.split()[1]))
    cutoff = math.inf if "∞" in where else float(where.split("=")[1])
    return ws.toys.bi2se3_kp(exchange=exchange, cutoff=cutoff)


def conductivities(result, place, unit):
    """Every definition against μ with its error, in the unit."""
    found = {}
    for name in DEFINITIONS:
        tensor = ws.in_unit(result[name], unit)
        at = (0, 0, slice(None), *place)
        found[name] = tensor.values[at], tensor.errors[at]
    return found


def level_by_level(model, place, unit):
    """The same from one run a level: the region of k is laid out around its Fermi surface."""
    runs = []
    for level in LEVELS:
        response = ws.ProperSpinHall(mu_f=level, kT=COLD, outside=False)
        rule = ws.AdaptiveTree(rtol=1e-2, max_points=30_000)
        runs.append(conductivities(ws.compute(model, [response], mesh=rule), place, unit))
    return {
        name: tuple(np.array([run[name][i][0] for run in runs]) for i in (0, 1))
        for name in DEFINITIONS
    }


def bulk_in_the_gap(out):
    """All definitions with the Fermi level in the gap, by cutoff and direction of m."""
    lines = [
        f"\nBi2Se3, σ_zx^y [{BULK_UNIT}], E_F = {IN_GAP} eV, T = 0, |m| = {SPLITTING} eV; "
        "band transport is the opposite of Liu's printed form, and C6 is zero",
        f"{'':15}{'conventional':>22}" + "".join(f"{f'Liu, m = {f}':>26}" for f in FIELDS),
    ]
    table = {"where": list(BULK_REFERENCE)}
    for where, reference in BULK_REFERENCE.items():
        cells = []
        for field, expected in zip(FIELDS, reference[1:], strict=True):
            response = ws.ProperSpinHall(mu_f=IN_GAP, outside=False)
            rule = ws.AdaptiveTree(rtol=3e-3, max_points=150_000)
            found = conductivities(
                ws.compute(bulk_model(where, field), [response], mesh=rule), BULK, BULK_UNIT
            )
            if not cells:
                value, error = (x[0] for x in found["conventional"])
                cells.append(f"{value:9.0f} ±{error:3.0f} ({reference[0]:6.0f})")
                table.setdefault("conventional", []).append(value)
                table.setdefault("conventional, other means", []).append(reference[0])
            value, error = (x[0] for x in found["liu2023_printed"])
            cells.append(f"{value:10.1f} ±{error:5.1f} ({expected:6.1f})")
            table.setdefault(f"Liu m={field}", []).append(value)
            table.setdefault(f"Liu m={field} error", []).append(error)
            table.setdefault(f"Liu m={field}, other means", []).append(expected)
        lines.append(f"{where:15}" + "".join(f"{cell:>26}" for cell in cells))
    write_table(out / "bulk_in_the_gap.csv", table)
    return lines


def bulk_against_the_fermi_level(out):
    """Liu's printed form and the conventional one against E_F."""
    table, curves, lines = {"E_F [eV]": LEVELS}, {}, []
    for where in ("K = 0.3", "K = ∞"):
        lines.append(f"\nBi2Se3, {where}, σ_zx^y [{BULK_UNIT}] as printed, T = 30 K")
        lines.append(f"{'E_F (eV)':22}" + "".join(f"{mu:9.2f}" for mu in SWEEP_AT))
        for field in FIELDS:
            found = level_by_level(bulk_model(where, field), BULK, BULK_UNIT)
            for name in ("conventional", "liu2023_printed"):
                table[f"{name}, {where}, m={field}"] = found[name][0]
                table[f"{name}, {where}, m={field}, error"] = found[name][1]
            curves[where, field] = found
            at = [int(np.argmin(np.abs(LEVELS - mu))) for mu in SWEEP_AT]
            lines.append(row(f"m = {field}", found["liu2023_printed"][0][at], 0))
            if (where, field) in SWEEP_REFERENCE:
                lines.append(row("  by other means", SWEEP_REFERENCE[where, field], 0))
    with house_style():
        figure = Figure(figsize=(6.8, 2.9), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, where in zip(panels, ("K = 0.3", "K = ∞"), strict=True):
            for field in FIELDS:
                value, error = (x / 1e3 for x in curves[where, field]["liu2023_printed"])
                style = "--" if field == "y" else "-"
                axes.errorbar(LEVELS, value, error, linestyle=style, label=f"m = {field}")
            for mark, key in ((("s", "0"), ("o", "x"), ("^", "z"))[i] for i in range(3)):
                reference = np.array(SWEEP_REFERENCE[where, key]) / 1e3
                axes.plot(SWEEP_AT, reference, mark, color="0.4", mfc="none", ms=5, lw=0)
            axes.axvline(0.2717, color="0.7", lw=0.8, zorder=0)
            axes.set_xlabel("$E_F$ (eV)")
            unit = "" if where == "K = ∞" else " 1/Å"
            axes.set_title(f"Bi₂Se₃, cutoff {where}{unit}, as printed")
        panels[0].set_ylabel(r"$\sigma_{zx}^{y}$ ($10^3\ \hbar/2e$ S/m)")
        panels[0].legend()
    save_figure(figure, out / "bulk_against_the_fermi_level", table)
    return lines


def hole_conductivities(material, gate, levels, **options):
    """Conductivities of a hole gas in hole energies."""
    model = ws.toys.hole_gas_kp(
        material=material, gate=gate * 1e6, exchange=SPLITTING, hole_energies=True, **options
    )
    result = ws.compute(
        model,
        [ws.ProperSpinHall(mu_f=np.asarray(levels) * 1e-3, outside=False)],
        mesh=ws.AdaptiveTree(rtol=1e-3, max_points=400_000),
    )
    return conductivities(result, HOLES, HOLE_UNIT)


def holes_against_the_fermi_level(out):
    """GaAs at two gates."""
    table, lines = {"E_F [meV]": HOLE_LEVELS}, []
    with house_style():
        figure = Figure(figsize=(6.8, 2.9), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, gate in zip(panels, (1.0, 2.0), strict=True):
            found = hole_conductivities("GaAs", gate, HOLE_LEVELS)
            lines.append(f"\nGaAs holes, {gate:g} MV/m, σ_yx^z [{HOLE_UNIT}], T = 0")
            lines.append(f"{'E_F (meV)':22}" + "".join(f"{mu:9.1f}" for mu in HOLE_LEVELS))
            for name in DEFINITIONS:
                value, error = found[name]
                table[f"{name}, {gate:g} MV/m"] = value
                table[f"{name}, {gate:g} MV/m, error"] = error
                lines.append(row(LABELS[name], value, 3))
                axes.errorbar(HOLE_LEVELS, value, error, label=LABELS[name])
                if (gate, name) in HOLE_REFERENCE:
                    reference = HOLE_REFERENCE[gate, name]
                    axes.plot(HOLE_LEVELS, reference, "o", color="0.4", mfc="none", ms=5, lw=0)
                    lines.append(row("  by other means", reference, 3))
            axes.set_xlabel("$E_F$ (meV)")
            axes.set_title(f"GaAs holes, {gate:g} MV/m")
        panels[0].set_ylabel(r"$\sigma_{yx}^{z}$ ($e/8\pi$)")
        panels[1].legend(loc="center right", bbox_to_anchor=(1.0, 0.3))
    save_figure(figure, out / "holes_against_the_fermi_level", table)
    return lines


def holes_against_the_gate(out):
    """Four materials at fixed Fermi levels."""
    table, lines = {"F [MV/m]": np.array(GATES)}, []
    with house_style():
        figure = Figure(figsize=(6.8, 2.9), layout="constrained")
        panels = dict(zip(("liu2023_printed", "conventional"), figure.subplots(1, 2), strict=True))
        for material, level in MATERIALS.items():
            options = {"gammas": GE_OF_THE_PAPER} if material == "Ge" else {}
            runs = [hole_conductivities(material, gate, [level], **options) for gate in GATES]
            lines.append(f"\n{material} holes, E_F = {level:g} meV, σ_yx^z [{HOLE_UNIT}], T = 0")
            lines.append(f"{'F (MV/m)':22}" + "".join(f"{gate:9.1f}" for gate in GATES))
            names = ("liu2023_printed", "band_transport", "conventional")
            for name, reference in zip(names, GATE_REFERENCE[material], strict=True):
                value, error = (np.array([run[name][i][0] for run in runs]) for i in (0, 1))
                table[f"{name}, {material}"] = value
                table[f"{name}, {material}, error"] = error
                lines.append(row(LABELS[name], value, 3))
                lines.append(row("  by other means", reference, 3))
                if name in panels:
                    panels[name].errorbar(GATES, value, error, label=material)
                    panels[name].plot(GATES, reference, "o", color="0.4", mfc="none", ms=5, lw=0)
        for name, axes in panels.items():
            axes.set_xlabel("gate field (MV/m)")
            axes.set_title(f"holes, {LABELS[name]}")
        panels["liu2023_printed"].set_ylabel(r"$\sigma_{yx}^{z}$ ($e/8\pi$)")
        panels["conventional"].legend()
    save_figure(figure, out / "holes_against_the_gate", table)
    return lines


def doubts():
    """What the report says of one case, and the scan of the degeneracy tolerance."""
    model = bulk_model("K = 0.3", "x")
    response = ws.ProperSpinHall(mu_f=IN_GAP)
    rule = ws.AdaptiveTree(rtol=1e-2, max_points=100_000)
    result = ws.compute(model, [response], mesh=rule)
    scan = ws.degeneracy_scan(model, response, mesh=rule)
    return [
        "\nWhat the report says of Bi2Se3, K = 0.3 1/Å, m = x, Fermi level in the gap:",
        str(ws.proper_report(result)),
        "\nand the same against the degeneracy tolerance, pairs being 2 meV apart at most:",
        scan.table((0, 0, 0, *BULK)),
    ]


def row(label, values, digits):
    return f"{label:22}" + "".join(f"{value:9.{digits}f}" for value in values)


def write_table(path, table):
    """Columns of a mapping as CSV."""
    rows = zip(*table.values(), strict=True)
    lines = [",".join(f'"{name}"' for name in table)]
    lines += [",".join(str(cell) for cell in cells) for cells in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
