"""Landau-Lifshitz-Gilbert dynamics of two opposite sublattices in effective fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from w90spin.arrays import FloatArray
from w90spin.derive.pulse import FieldPulse
from w90spin.errors import ResponseError
from w90spin.units import G_FACTOR, GAMMA, SPIN_AXES

LIFETIMES = 8.0
"""How long the dynamics goes on after the field, in lifetimes of the resonance."""
DECIDED = 0.8
"""Share of full alignment with the easy axis from which a final state counts as one of the two."""
FINAL_POINTS = 400
"""Times that are kept after the end of the field."""
SETTLING = 1e-9
"""Rates below this times γ are none. [T]"""


@dataclass(frozen=True, eq=False)
class NeelDynamics:
    """Moments of two sublattices in time.

    Parameters
    ----------
    time_t : float array (t)
        Times. [ps]
    moments_tqa : float array (time, part, axis)
        Unit vectors along the moments.
    field_tqa : float array (time, part, axis)
        Effective field that drove them. [T]
    easy_axis_a : float array (axis)
        Unit vector along the easy axis.
    exchange_field_q, anisotropy_field_q : float array (part)
        B_E and B_K of each sublattice. [T]
    damping_q, g_factor_q : float array (part)
        Gilbert's α and the g factor of each sublattice.
    share_q : float array (part)
        Size of each sublattice's moment over the sum of both: ½ in an antiferromagnet.
    parts : pair of str
        Names of the sublattices.
    """

    time_t: FloatArray
    moments_tqa: FloatArray
    field_tqa: FloatArray
    easy_axis_a: FloatArray
    exchange_field_q: FloatArray
    anisotropy_field_q: FloatArray
    damping_q: FloatArray
    g_factor_q: FloatArray
    share_q: FloatArray
    parts: tuple[str, ...] = ("A", "B")

    @property
    def neel_ta(self) -> FloatArray:
        """Néel vector ½(m_A - m_B) of the unit vectors."""
        vector: FloatArray = 0.5 * (self.moments_tqa[:, 0] - self.moments_tqa[:, 1])
        return vector

    @property
    def net_ta(self) -> FloatArray:
        """Net moment (M_A m_A + M_B m_B)/(M_A + M_B)."""
        vector: FloatArray = np.einsum("q,tqa->ta", self.share_q, self.moments_tqa)
        return vector

    @property
    def along_easy_axis_t(self) -> FloatArray:
        """Component of the Néel vector along the easy axis."""
        component: FloatArray = self.neel_ta @ self.easy_axis_a
        return component

    @property
    def tilt_t(self) -> FloatArray:
        """Angle between the Néel vector and the side of the easy axis where it began. [°]"""
        begin = 1.0 if self.along_easy_axis_t[0] >= 0.0 else -1.0
        length_t = np.linalg.norm(self.neel_ta, axis=1)
        cosine_t = begin * self.along_easy_axis_t / np.where(length_t > 0.0, length_t, 1.0)
        angle: FloatArray = np.degrees(np.arccos(np.clip(cosine_t, -1.0, 1.0)))
        return angle

    @property
    def switched(self) -> bool | None:
        """Whether the Néel vector ended up reversed; None if it has not settled on either side."""
        begin, end = self.along_easy_axis_t[[0, -1]]
        if abs(end) < DECIDED:
            return None
        return bool(begin * end < 0.0)

    def __str__(self) -> str:
        verdict = {True: "switches", False: "does not switch", None: "has not settled"}
        tilt = self.tilt_t
        return (
            f"The Néel vector {verdict[self.switched]}: largest tilt {tilt.max():.3g}° from where "
            f"it began, {tilt[-1]:.3g}° after {self.time_t[-1] - self.time_t[0]:.3g} ps; largest "
            f"field {np.linalg.norm(self.field_tqa, axis=-1).max():.3g} T."
        )


def resonance_frequency(
    exchange_field: ArrayLike, anisotropy_field: ArrayLike, g_factor: ArrayLike = G_FACTOR
) -> float:
    r"""Slower resonance of two opposite sublattices, without damping and field.

    .. math::

        \nu = \frac{1}{4\pi} \left| \sqrt{(p_A + p_B)^2 - 4 \gamma_A \gamma_B B_{E,A} B_{E,B}}
            - |p_A - p_B| \right|, \qquad p_q = \gamma_q (B_{E,q} + B_{K,q})

    In an antiferromagnet this is :math:`(\gamma/2\pi) \sqrt{B_K (2 B_E + B_K)}`, and the other
    mode has the same frequency.

    Parameters
    ----------
    exchange_field, anisotropy_field : float, or 2 floats (part)
        B_E and B_K. [T]
    g_factor : float, or 2 floats (part)
        g factors.

    Returns
    -------
    float
        ν. [THz]

    Raises
    ------
    ResponseError
        If a field is negative or not finite.
    """
    exchange_q = _two("exchange_field", exchange_field)
    gamma_q = _two("g_factor", g_factor) / G_FACTOR * GAMMA
    rate_q = gamma_q * (exchange_q + _two("anisotropy_field", anisotropy_field))
    # (p_A + p_B)² - 4γ_Aγ_B B_A B_B without the difference of large numbers.
    excess = float(rate_q.prod() - (gamma_q * exchange_q).prod())
    apart = float(abs(rate_q[0] - rate_q[1]))
    return float(abs(np.sqrt(apart**2 + 4.0 * excess) - apart) / (4.0 * np.pi))


def neel_dynamics(
    drive: FieldPulse | tuple[ArrayLike, ArrayLike],
    *,
    exchange_field: ArrayLike,
    anisotropy_field: ArrayLike,
    damping: ArrayLike = 0.01,
    g_factor: ArrayLike = G_FACTOR,
    easy_axis: str | ArrayLike = "z",
    start: ArrayLike | None = None,
    after_ps: float | None = None,
    rtol: float = 1e-9,
) -> NeelDynamics:
    r"""Follow the moments of two sublattices, equal or not, through a pulse.

    .. math::

        \dot{\mathbf m}_A = -\frac{\gamma_A}{1 + \alpha_A^2} \left[ \mathbf m_A \times \mathbf B_A
            + \alpha_A\, \mathbf m_A \times (\mathbf m_A \times \mathbf B_A) \right], \qquad
        \mathbf B_A = -B_{E,A} \mathbf m_B + B_{K,A} (\mathbf m_A \cdot \mathbf n) \mathbf n
            + \mathbf B_A^{\rm drive}(t)

    and the same with A and B exchanged.

    Parameters
    ----------
    drive : FieldPulse, or pair of arrays (t) and (t, part, axis)
        Effective fields of two sublattices; or times in ps and fields in T.
    exchange_field : float, or 2 floats (part)
        B_E: what acts on one sublattice from the other. [T] Two numbers make a ferrimagnet: as
        action equals reaction, :math:`M_A B_{E,A} = M_B B_{E,B}`, they say how the moments compare.
    anisotropy_field : float, or 2 floats (part)
        B_K: uniaxial, along the easy axis. [T]
    damping : float, or 2 floats (part)
        Gilbert's α.
    g_factor : float, or 2 floats (part)
        g factors, which differ in rare-earth ferrimagnets.
    easy_axis : "x", "y", "z" or 3 numbers
        n.
    start : float array (part, axis), optional
        Moments at the beginning; by default along n on A and opposite on B.
    after_ps : float, optional
        How long to go on without a field; by default 8 lifetimes of the slower mode,
        1/[αγ(B_E + B_K)] in an antiferromagnet. [ps]
    rtol : float
        Relative tolerance of the integration.

    Returns
    -------
    NeelDynamics

    Raises
    ------
    ResponseError
        If the drive is not for two sublattices, or an input is out of range.

    Notes
    -----
    Moments keep their lengths, and temperature is left out.
    """
    time_t, field_tqa = _drive(drive)
    exchange_q = _two("exchange_field", exchange_field)
    anisotropy_q = _two("anisotropy_field", anisotropy_field)
    damping_q = _two("damping", damping)
    g_factor_q = _two("g_factor", g_factor)
    if not g_factor_q.all() or bool(exchange_q[0]) != bool(exchange_q[1]):
        raise ResponseError(
            f"g_factor = {g_factor_q.tolist()} must be positive, and exchange_field = "
            f"{exchange_q.tolist()} T positive on both sublattices or 0 on both."
        )
    gamma_q = GAMMA * g_factor_q / G_FACTOR
    easy_a = _unit_vectors(
        np.eye(3)[SPIN_AXES.index(easy_axis)]
        if isinstance(easy_axis, str) and easy_axis in SPIN_AXES
        else easy_axis,
        (3,),
        "easy_axis",
    )
    start_qa = (
        np.stack([easy_a, -easy_a]) if start is None else _unit_vectors(start, (2, 3), "start")
    )
    if after_ps is None:
        rate = _slowest_rate(exchange_q, anisotropy_q, damping_q, gamma_q)
        if rate < SETTLING * gamma_q.max():
            raise ResponseError(
                "Without damping or without anisotropy nothing settles; say how long with after_ps."
            )
        after_ps = LIFETIMES / rate
    if not np.isfinite(after_ps) or after_ps < 0.0:
        raise ResponseError(f"after_ps = {after_ps} must be a finite time, 0 or more.")

    driven = CubicSpline(time_t, field_tqa)
    end = float(time_t[-1])

    def slope(t: float, m_x: FloatArray) -> FloatArray:
        m_qa = m_x.reshape(2, 3)
        b_qa = np.outer(anisotropy_q * (m_qa @ easy_a), easy_a) - exchange_q[:, None] * m_qa[::-1]
        if t <= end:
            b_qa = b_qa + driven(t)
        turn_qa = np.cross(m_qa, b_qa)
        turn_qa = turn_qa + damping_q[:, None] * np.cross(m_qa, turn_qa)
        changed: FloatArray = (-(gamma_q / (1.0 + damping_q**2))[:, None] * turn_qa).ravel()
        return changed

    pieces, m_x = [start_qa.reshape(1, 6)], start_qa.ravel()
    later_t = np.linspace(end, end + after_ps, FINAL_POINTS + 1)
    # In two runs: where the field ends its slope may jump.
    for at_t in (time_t, later_t) if after_ps > 0.0 else (time_t,):
        solved = solve_ivp(
            slope,
            (at_t[0], at_t[-1]),
            m_x,
            t_eval=at_t[1:],
            method="DOP853",
            rtol=rtol,
            atol=1e-2 * rtol,
            max_step=float(at_t[-1] - at_t[0]) / 20.0,
        )
        if not solved.success:
            raise ResponseError(f"The dynamics could not be followed: {solved.message}")
        pieces.append(solved.y.T)
        m_x = solved.y[:, -1]
    all_t = np.concatenate([time_t, later_t[1:]]) if after_ps > 0.0 else time_t
    quiet = np.zeros((all_t.size - time_t.size, 2, 3))
    return NeelDynamics(
        time_t=all_t,
        moments_tqa=np.concatenate(pieces).reshape(-1, 2, 3),
        field_tqa=np.concatenate([field_tqa, quiet]),
        easy_axis_a=easy_a,
        exchange_field_q=exchange_q,
        anisotropy_field_q=anisotropy_q,
        damping_q=damping_q,
        g_factor_q=g_factor_q,
        share_q=exchange_q[::-1] / exchange_q.sum() if exchange_q.any() else np.full(2, 0.5),
        parts=drive.parts if isinstance(drive, FieldPulse) else ("A", "B"),
    )


def _two(name: str, given: ArrayLike) -> FloatArray:
    """A number for each of the two sublattices."""
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    if values.shape not in ((), (2,)) or not (np.isfinite(values) & (values >= 0.0)).all():
        raise ResponseError(
            f"{name} = {given!r} must be a finite number, 0 or more, or one for each of the two "
            "sublattices."
        )
    return np.broadcast_to(values, (2,)).copy()


def _slowest_rate(
    exchange_q: FloatArray, anisotropy_q: FloatArray, damping_q: FloatArray, gamma_q: FloatArray
) -> float:
    """Rate at which the slower of the two small oscillations fades. [1/ps]"""
    # d(m_x + i m_y)/dt around m = (n, -n): the precession of A and that of B are opposite.
    speed_q = gamma_q / (1.0 + damping_q**2) * (np.array([1j, -1j]) - damping_q)
    stiffness_qp = np.diag(exchange_q + anisotropy_q) + np.diag(exchange_q)[:, ::-1]
    decay_x = -np.linalg.eigvals(speed_q[:, None] * stiffness_qp).real
    return float(decay_x.min())


def _drive(drive: FieldPulse | tuple[ArrayLike, ArrayLike]) -> tuple[FloatArray, FloatArray]:
    given = (drive.time_t, drive.field_tqa) if isinstance(drive, FieldPulse) else drive
    time_t, field_tqa = (np.asarray(array, dtype=np.float64) for array in given)
    if time_t.ndim != 1 or time_t.size < 2 or field_tqa.shape != (time_t.size, 2, 3):
        raise ResponseError(
            f"The drive has times of shape {time_t.shape} and fields of shape {field_tqa.shape}; "
            "two or more times and fields of two sublattices, (time, 2, 3), are needed."
        )
    if not (np.diff(time_t) > 0.0).all() or not np.isfinite(field_tqa).all():
        raise ResponseError("The times of the drive must increase, and its fields be finite.")
    return time_t, field_tqa


def _unit_vectors(given: ArrayLike, shape: tuple[int, ...], name: str) -> FloatArray:
    try:
        vectors = np.asarray(given, dtype=np.float64)
    except ValueError:
        vectors = np.zeros(0)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if vectors.shape != shape or not np.isfinite(length).all() or not length.all():
        raise ResponseError(f"{name} = {given!r} must hold vectors of three numbers, not all 0.")
    unit: FloatArray = vectors / length
    return unit
