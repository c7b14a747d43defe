"""Results like those of a bismuth monolayer, made by hand."""

import itertools

import matplotlib as mpl
import numpy as np

from w90spin.derive import InducedSpin
from w90spin.response.claims import Axis
from w90spin.results import BandPath, KMap, Result, Tensor
from w90spin.results.result import ResponseResult

mpl.use("Agg")

RECIP = np.diag([1.387, 1.3036, 0.3696])  # 1/Å
OMEGA = (0.0, 0.0414, 0.2068)  # eV
MU, KT = 1.42245, 0.02585  # eV
XYZ = ("x", "y", "z")


def component_axes(parts=("total",), omega=OMEGA):
    return (
        Axis("part", parts),
        Axis("kT", (KT,), "eV"),
        Axis("mu", (MU,), "eV"),
        Axis("omega", omega, "eV"),
        Axis("spin", XYZ),
        Axis("field", XYZ),
    )


def upsilon1(axes, values):
    unit = "Å/eV²"
    return Tensor("upsilon1", "Υ⁽¹⁾", values, np.zeros(values.shape), axes, unit, "")


def gap(kpt_kc):
    """Energy gap with minima on Γ-X, at ±0.3 of the first reciprocal vector. [eV]"""
    x, y = 2 * np.pi * kpt_kc[..., 0], 2 * np.pi * kpt_kc[..., 1]
    valley = np.cos(x) - np.cos(2 * np.pi * 0.3)
    return np.sqrt(0.39**2 + 4.0 * valley**2 + 9.0 * (1 - np.cos(y)) ** 2)


def make_kmap(recip=RECIP, n=101, parts=("total",), endpoint=True, offset=0.0):
    along = np.linspace(-0.5, 0.5, n) if endpoint else np.arange(n) / n
    kpt_uvc = np.zeros((n, n, 3))
    kpt_uvc[..., 0], kpt_uvc[..., 1], kpt_uvc[..., 2] = along[:, None], along, offset
    hot_uv = gap(kpt_uvc) ** -4 * (1 + 0.5 * np.sin(2 * np.pi * kpt_uvc[..., 1]))
    weight = np.array([[0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.3, 1.0, 0.0]])
    omega_w = 1 + np.array(OMEGA)
    sign_q = (-1.0) ** np.arange(len(parts))
    values = np.einsum("uv,q,w,sb->uvqwsb", hot_uv, sign_q, omega_w, weight)[:, :, :, None, None]
    uv = tuple(Axis(name, tuple(along.tolist())) for name in "uv")
    tensor = upsilon1((*uv, *component_axes(parts)), values)
    return KMap("spin_polarizability", kpt_uvc, kpt_uvc @ recip, {"upsilon1": tensor}, recip)


def make_path(n_bands=32, per_segment=40, parts=("total",), has_spin=True):
    corner_pc = np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0], [0, 0, 0.0]])
    steps = np.arange(1, per_segment + 1)[:, None] / per_segment
    pieces = [corner_pc[:1]]
    pieces += [a + steps * (b - a) for a, b in itertools.pairwise(corner_pc)]
    kpt_kc = np.concatenate(pieces)
    step_k = np.linalg.norm(np.diff(kpt_kc, axis=0) @ RECIP, axis=1)
    distance_k = np.concatenate([[0.0], np.cumsum(step_k)])
    pair = np.arange(n_bands // 2)
    centre_p = np.where(pair < 10, -0.9 * (10 - pair), 0.8 * (pair - 9))
    wave_kp = np.cos(2 * np.pi * kpt_kc[:, :1] + pair) + 0.6 * np.cos(
        2 * np.pi * kpt_kc[:, 1:2] + 2 * pair
    )
    split_k = 0.15 * np.abs(np.sin(2 * np.pi * kpt_kc[:, 0]))[:, None, None]
    energy_kpr = (centre_p + 0.5 * wave_kp)[..., None] + split_k * np.array([-1, 1])
    energy_kn = np.sort(energy_kpr.reshape(len(kpt_kc), -1), axis=1) + MU
    sign_n = (-1.0) ** np.arange(n_bands)
    spin_kn = sign_n * np.tanh(6 * split_k[..., 0])
    spin_kns = np.stack([0.1 * spin_kn, 0 * spin_kn, spin_kn], axis=-1)
    gap_kn = 0.05 + np.abs(np.diff(energy_kn, axis=1, append=20.0))
    hot_kn = sign_n * gap_kn**-2
    weight_sb = np.array([[0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.3, 1.0, 0.0]])
    values = np.einsum("kn,q,w,sb->knqwsb", hot_kn, np.ones(len(parts)), 1 + np.array(OMEGA),
                       weight_sb)  # fmt: skip
    axes = component_axes(parts)
    own = (
        Axis("k", tuple(distance_k.tolist()), "1/Å"),
        Axis("band", tuple(range(1, n_bands + 1))),
        axes[0],
        *axes[3:],
    )
    return BandPath(
        kpt_kc=kpt_kc,
        distance_k=distance_k,
        label_positions=distance_k[::per_segment],
        labels=("Γ", "X", "S", "Y", "Γ"),
        energy_kn=energy_kn,
        block_kn=np.tile(np.arange(n_bands), (len(kpt_kc), 1)),
        spin_kns=spin_kns if has_spin else np.zeros_like(spin_kns),
        tensors={"upsilon1": upsilon1(own, values)},
        mu=MU,
        response="spin_polarizability",
    )


def make_induced(
    frequency_thz=tuple(range(1, 61)),
    parts=("total",),
    dimension=2,
    thickness=7.2,
    size=2e-5,
    error=0.0,
    direction="y",
):
    omega_w = 4.135667696e-3 * np.array(frequency_thz, dtype=float)
    amplitude_w = size * (omega_w / 0.25) / (1 - (omega_w / 0.5) ** 2)
    delta = np.zeros((3, len(parts), 1, 1, len(omega_w), 3), dtype=complex)
    for q in range(len(parts)):
        delta[1, q, 0, 0, :, 2] = -1j * amplitude_w * (1 - 0.3 * q)
    direction_b = np.eye(3)[XYZ.index(direction)] if isinstance(direction, str) else direction
    return InducedSpin(
        delta=delta,
        errors=np.full(delta.shape, error * size),
        omega_w=omega_w,
        kT_t=np.array([KT]),
        mu_f=np.array([MU]),
        parts=tuple(parts),
        dimension=dimension,
        thickness=thickness,
        field=1e7,
        direction=np.asarray(direction_b, dtype=complex),
    )


def make_result(kmap=None, path=None):
    weight_sb = np.array([[0.1, 0.0, 0.0], [0.0, 0.2, 0.0], [0.3, 1.0, 0.0]])
    values = np.einsum("w,sb->wsb", 1 + np.array(OMEGA), weight_sb)[None, None, None]
    tensor = upsilon1(component_axes(), values)
    name = "spin_polarizability"
    response = ResponseResult(name, "Spin polarisability", "", {}, {"upsilon1": tensor})
    return Result({name: response}, {"converged": True}, kmap=kmap, path=path)


def texts_outside(figure):
    """Drawn texts that the edge of the figure cuts, after everything is placed."""
    figure.draw_without_rendering()
    page = figure.bbox
    ticks = {
        id(tick.label1 if side == 1 else tick.label2): tick
        for axis in figure.findobj(mpl.axis.Axis)
        for tick in axis.get_major_ticks()
        for side in (1, 2)
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }  # such ticks exist but are not drawn
    outside = []
    for text in figure.findobj(mpl.text.Text):
        if not text.get_visible() or not text.get_text().strip() or id(text) in ticks:
            continue
        box = text.get_window_extent()
        if min(box.x0 - page.x0, box.y0 - page.y0, page.x1 - box.x1, page.y1 - box.y1) < 0:
            outside.append(text.get_text())
    return outside
