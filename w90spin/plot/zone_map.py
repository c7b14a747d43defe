"""A response over the Brillouin zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from scipy.spatial import Voronoi

from w90spin.arrays import FloatArray, IntArray
from w90spin.plot.component import (
    Component,
    PlotError,
    find_tensor,
    number_text,
    pick_component,
)
from w90spin.plot.style import (
    ZONE_COLOURS,
    Scale,
    add_colour_bar,
    house_axes,
    house_style,
    root_figure,
    say_in_axes,
    set_ticks,
    set_title,
    symmetric_colours,
    trim_height,
)
from w90spin.results.component import ComponentChoice
from w90spin.results.result import KMap

HEIGHT = 3.2  # of a figure [inch]
HOT_PERCENT = 99.0
TINY = 1e-6  # reduced coordinates closer than this are the same


@dataclass(frozen=True, eq=False)
class _Plane:
    """The plane of a map: its two directions, and the two coordinates drawn."""

    frame_pa: FloatArray  # unit vectors of the picture's x and y
    labels: tuple[str, str]
    offset: str  # "k_z = 0.3 1/Å", empty for a plane through Γ
    through_gamma: bool


def plot_kmap(
    kmap: KMap,
    tensor: str | None = None,
    *,
    component: ComponentChoice | None = None,
    part_index: int = 0,
    kT_index: int = 0,
    mu_index: int = 0,
    omega_index: int = 0,
    imaginary: bool = False,
    scale: Scale = "auto",
    labels: Mapping[str, Sequence[float]] | None = None,
    context: Sequence[str] = (),
    axes: Axes | None = None,
) -> Axes:
    """Draw one component of a response over the zone, in Cartesian coordinates.

    A map of one whole reciprocal cell is drawn in the Wigner-Seitz cell around Γ, into which its
    points are moved by reciprocal vectors; any other map is drawn where its points are.  Colours
    are symmetric about zero.  Where a few hot spots are far above the rest, the colours end at the
    99th percentile and the bar has arrows; where the numbers spread over decades, the colours are
    logarithmic on both sides of a linear middle.

    Parameters
    ----------
    kmap : KMap
        The map.
    tensor : str, optional
        Which tensor; by default the first of the map.
    component : str or mapping, optional
        Which component: one letter for each Cartesian axis of the tensor, as in ``"xyz"``, or by
        name, as in ``"flow=x,spin=z"``; the largest where that leaves a choice.
    part_index, kT_index, mu_index, omega_index : int
        Which entry of the other axes; negative ones count from the end.
    imaginary : bool
        Of a complex tensor draw the imaginary part.
    scale : "auto", "linear" or "log"
        Of the colours.
    labels : mapping of str to sequence of float, optional
        Points to mark besides Γ, in reduced coordinates: ``{"X": (0.5, 0, 0)}``; for a k·p model
        Cartesian. [1/Å]
    context : sequence of str
        More for the title, such as "η = 10 meV".
    axes : Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    Axes

    Raises
    ------
    PlotError
        If the component does not exist, or the map has fewer than two points in a direction.
    """
    shown = _pick(kmap, tensor, component, part_index, kT_index, mu_index, omega_index, imaginary)
    plane = _find_plane(kmap)
    vectors_pc = _plane_vectors(kmap)
    outline_xp = None
    if vectors_pc is not None and kmap.recip_ca is not None:
        outline_xp = _wigner_seitz(vectors_pc @ kmap.recip_ca @ plane.frame_pa.T)
    colours = symmetric_colours(shown.values, HOT_PERCENT, scale)
    with house_style():
        own = axes is None
        axes = house_axes(axes, HEIGHT)
        whole = _whole_cell(kmap, plane, vectors_pc, outline_xp, shown.values)
        if whole is None:
            point_uvp = kmap.kpt_uva @ plane.frame_pa.T
            mesh = axes.pcolormesh(
                point_uvp[..., 0], point_uvp[..., 1], shown.values, shading="nearest",
                cmap=ZONE_COLOURS, norm=colours.norm, rasterized=True,
            )  # fmt: skip
        else:
            corner_uvp, value_uv = whole
            mesh = axes.pcolormesh(
                corner_uvp[..., 0], corner_uvp[..., 1], value_uv, shading="flat",
                cmap=ZONE_COLOURS, norm=colours.norm, rasterized=True,
            )  # fmt: skip
        if outline_xp is not None:
            edge = Polygon(outline_xp.tolist(), closed=True, fill=False, linewidth=0.8, zorder=3)
            axes.add_patch(edge)
            if whole is not None:
                mesh.set_clip_path(edge)
                reach_p = np.abs(outline_xp).max(axis=0)
                reach_p = reach_p + 0.05 * reach_p.max()
                axes.set_xlim(-reach_p[0], reach_p[0])
                axes.set_ylim(-reach_p[1], reach_p[1])
        axes.set_aspect("equal", anchor="W")  # the title starts at the left edge, wherever it moves
        axes.set_xlabel(plane.labels[0])
        axes.set_ylabel(plane.labels[1])
        axes.tick_params(labelsize=8.0)
        width, height = (abs(np.subtract(*ends)) for ends in (axes.get_xlim(), axes.get_ylim()))
        longer = max(width, height)
        set_ticks(axes.xaxis, max(2, round(5 * width / longer)))  # a narrow side holds few
        set_ticks(axes.yaxis, max(2, round(5 * height / longer)))
        _mark_points(axes, kmap, plane, labels or {})
        add_colour_bar(axes, mesh, shown.label, shown.unit, colours, widen=longer / width)
        say_in_axes(axes, shown.values)
        set_title(axes, [*shown.context, *context, plane.offset])
        if own:
            trim_height(root_figure(axes))
    return axes


def tabulate_kmap(
    kmap: KMap,
    tensor: str | None = None,
    *,
    component: ComponentChoice | None = None,
    part_index: int = 0,
    kT_index: int = 0,
    mu_index: int = 0,
    omega_index: int = 0,
    imaginary: bool = False,
) -> Mapping[str, FloatArray]:
    """Collect the numbers that :func:`plot_kmap` draws for the same arguments.

    Parameters
    ----------
    kmap : KMap
        The map.
    tensor : str, optional
        Which tensor.
    component : str or mapping, optional
        Which component.
    part_index, kT_index, mu_index, omega_index : int
        Which entry of the other axes.
    imaginary : bool
        Of a complex tensor take the imaginary part.

    Returns
    -------
    mapping of str to float array
        Columns by name and unit, one row per point of the map.

    Raises
    ------
    PlotError
        If the component does not exist.
    """
    shown = _pick(kmap, tensor, component, part_index, kT_index, mu_index, omega_index, imaginary)
    columns = {f"k_{a} [1/Å]": kmap.kpt_uva[..., i].ravel() for i, a in enumerate("xyz")}
    for c in range(3 if kmap.recip_ca is not None else 0):
        columns[f"reduced k_{c + 1}"] = kmap.kpt_uvc[..., c].ravel()
    columns[f"{shown.column} [{shown.unit}]"] = shown.values.ravel()
    return columns


def _pick(
    kmap: KMap,
    tensor: str | None,
    component: ComponentChoice | None,
    part_index: int,
    kT_index: int,
    mu_index: int,
    omega_index: int,
    imaginary: bool,
) -> Component:
    if min(kmap.kpt_uvc.shape[:2]) < 2:
        n_u, n_v = kmap.kpt_uvc.shape[:2]
        raise PlotError(
            f"The map has {n_u} x {n_v} points, and a picture needs at least 2 x 2. Compute a "
            "finer one."
        )
    name = next(iter(kmap.tensors), "") if tensor is None else tensor
    found = find_tensor(kmap.tensors, name, "the map")
    wanted = {
        "part": part_index,
        "kT": kT_index,
        "mu": mu_index,
        "omega": omega_index,
    }
    return pick_component(found, ("u", "v"), wanted, component=component, imaginary=imaginary)


def _find_plane(kmap: KMap) -> _Plane:
    flat_ka = kmap.kpt_uva.reshape(-1, 3)
    size = float(np.ptp(flat_ka, axis=0).max())
    for a, name in ((2, "z"), (0, "x"), (1, "y")):
        if np.ptp(flat_ka[:, a]) < TINY * size:
            kept = [b for b in range(3) if b != a]
            height = float(flat_ka[0, a])
            through_gamma = abs(height) < TINY * size
            return _Plane(
                frame_pa=np.eye(3)[kept],
                labels=(f"$k_{'xyz'[kept[0]]}$ (1/Å)", f"$k_{'xyz'[kept[1]]}$ (1/Å)"),
                offset="" if through_gamma else f"$k_{name}$ = {number_text(height)} 1/Å",
                through_gamma=through_gamma,
            )
    along_a = kmap.kpt_uva[1, 0] - kmap.kpt_uva[0, 0]
    along_a = along_a / np.linalg.norm(along_a)
    across_a = kmap.kpt_uva[0, 1] - kmap.kpt_uva[0, 0]
    across_a = across_a - (across_a @ along_a) * along_a
    across_a = across_a / np.linalg.norm(across_a)
    height = float(flat_ka[0] @ np.cross(along_a, across_a))
    through_gamma = abs(height) < TINY * size
    return _Plane(
        frame_pa=np.array([along_a, across_a]),
        labels=(r"$k_\parallel$ (1/Å)", r"$k_\perp$ (1/Å)"),
        offset="" if through_gamma else f"{number_text(abs(height))} 1/Å off Γ",
        through_gamma=through_gamma,
    )


def _plane_vectors(kmap: KMap) -> IntArray | None:
    """Shortest reciprocal vectors along the two directions of the map, or None."""
    if kmap.recip_ca is None:
        return None
    found = []
    for step_c in (
        kmap.kpt_uvc[1, 0] - kmap.kpt_uvc[0, 0],
        kmap.kpt_uvc[0, 1] - kmap.kpt_uvc[0, 0],
    ):
        scaled_c = step_c / np.abs(step_c[np.abs(step_c) > TINY * np.abs(step_c).max()]).min()
        if not np.allclose(scaled_c, np.rint(scaled_c), atol=1e-4):
            return None
        found.append(np.rint(scaled_c))
    return np.array(found, dtype=np.int64)


def _wigner_seitz(vector_pp: FloatArray) -> FloatArray:
    """Corners of the Wigner-Seitz cell of a lattice in the plane, counter-clockwise."""
    short, long = vector_pp
    while True:  # Lagrange: afterwards the nearest lattice points have small indices
        if short @ short > long @ long:
            short, long = long, short
        n = np.rint((short @ long) / (short @ short))
        if n == 0:
            break
        long = long - n * short
    index_xp = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3)])
    diagram = Voronoi(index_xp @ np.array([short, long]))
    centre = int(np.flatnonzero((index_xp == 0).all(axis=1))[0])
    corner_xp = diagram.vertices[diagram.regions[diagram.point_region[centre]]]
    corner_xp = corner_xp[np.argsort(np.arctan2(corner_xp[:, 1], corner_xp[:, 0]))]
    # The corner of a rectangle comes out several times, some rounding errors apart.
    gap_x = np.linalg.norm(corner_xp - np.roll(corner_xp, 1, axis=0), axis=1)
    corners: FloatArray = corner_xp[gap_x > TINY * np.abs(corner_xp).max()]
    return corners


def _whole_cell(
    kmap: KMap,
    plane: _Plane,
    vectors_pc: IntArray | None,
    outline_xp: FloatArray | None,
    value_uv: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """Corners and values of the periodic map where it covers the outline.

    None if the map is not one regular reciprocal cell.
    """
    if vectors_pc is None or outline_xp is None or kmap.recip_ca is None:
        return None
    n_uv = []
    for direction in (0, 1):
        step_c = np.diff(kmap.kpt_uvc, axis=direction)
        if not np.allclose(step_c, step_c[0, 0], atol=TINY):
            return None
        vector_c = vectors_pc[direction]
        n = 1.0 / float(step_c[0, 0] @ vector_c / (vector_c @ vector_c))
        n_points = kmap.kpt_uvc.shape[direction]
        # A map from -1/2 to 1/2 with both ends has its first line twice.
        if abs(n - round(n)) > 1e-3 or round(n) not in (n_points, n_points - 1):
            return None
        n_uv.append(round(n))
    n_u, n_v = n_uv
    start_p = plane.frame_pa @ kmap.kpt_uva[0, 0]
    step_qp = np.array(
        [
            vectors_pc[0] @ kmap.recip_ca @ plane.frame_pa.T / n_u,
            vectors_pc[1] @ kmap.recip_ca @ plane.frame_pa.T / n_v,
        ]
    )
    # Indices of the samples, in units of the steps, that the outline needs.
    need_xq = (outline_xp - start_p) @ np.linalg.inv(step_qp)
    low_q = np.floor(need_xq.min(axis=0) + 0.5 + TINY).astype(np.int64)
    high_q = np.ceil(need_xq.max(axis=0) - 0.5 - TINY).astype(np.int64)
    u, v = (np.arange(low, high + 1) for low, high in zip(low_q, high_q, strict=True))
    edge_u, edge_v = (np.append(i, i[-1] + 1) - 0.5 for i in (u, v))
    corner_uvp = start_p + edge_u[:, None, None] * step_qp[0] + edge_v[None, :, None] * step_qp[1]
    return corner_uvp, value_uv[np.ix_(u % n_u, v % n_v)]


def _mark_points(
    axes: Axes, kmap: KMap, plane: _Plane, labels: Mapping[str, Sequence[float]]
) -> None:
    points = {"Γ": np.zeros(3)} if plane.through_gamma else {}
    for name, kpt_c in labels.items():
        point_c = np.asarray(kpt_c, dtype=np.float64)
        if point_c.shape != (3,):
            raise PlotError(
                f"Label '{name}' = {kpt_c!r} must be three reduced coordinates, such as "
                "(0.5, 0, 0)."
            )
        points[name] = point_c
    white = [patheffects.withStroke(linewidth=2.0, foreground="white")]
    for name, point_c in points.items():
        x, y = plane.frame_pa @ (point_c if kmap.recip_ca is None else point_c @ kmap.recip_ca)
        axes.plot(
            [x], [y], "o", color="black", markersize=2.5, zorder=4, clip_on=False,
            path_effects=white,
        )  # fmt: skip
        # Towards the middle, so that no name leaves the zone; Γ's own away from those.
        middle = abs(x) < TINY and abs(y) < TINY
        right, up = x > TINY or middle, y > TINY or middle
        axes.annotate(
            name, (x, y), xytext=(-3 if right else 3, -3 if up else 3), zorder=5,
            textcoords="offset points", ha="right" if right else "left",
            va="top" if up else "bottom", fontsize=9.0, path_effects=white,
        )  # fmt: skip
