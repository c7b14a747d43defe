"""Landau-Lifshitz-Gilbert dynamics of an antiferromagnet in effective fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline

from w90spin.arrays import FloatArray
from w90spin.derive.pulse import FieldPulse
from w90spin.errors import ResponseError
from w90spin.units import GAMMA, SPIN_AXES

LIFETIMES = 8.0
"""How long the dynamics goes on after the field, in lifetimes of the resonance."""
DECIDED = 0.8
"""Share of full alignment with the easy axis from which a final state counts as one of the two."""
FINAL_POINTS = 400
"""Times that are kept after the end of the field."""


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
    exchange_field, anisotropy_field : float
        B_E and B_K. [T]
    damping : float
        Gilbert's α.
    """

    time_t: FloatArray
    moments_tqa: FloatArray
    field_tqa: FloatArray
    easy_axis_a: FloatArray
    exchange_field: float
    anisotropy_field: float
    damping: float

    @property
    def neel_ta(self) -> FloatArray:
        """Néel vector ½(m_A - m_B)."""
        vector: FloatArray = 0.5 * (self.moments_tqa[:, 0] - self.moments_tqa[:, 1])
        return vector

    @property
    def net_ta(self) -> FloatArray:
        """Net moment ½(m_A + m_B)."""
        vector: FloatArray = self.moments_tqa.mean(axis=1)
        return vector

    @property
    def along_easy_axis_t(self) -> FloatArray:
        """Component of the Néel vector along the easy axis."""
        component: FloatArray = self.neel_ta @ self.easy_axis_a
        return component

    @property
    def switched(self) -> bool | None:
        """Whether the Néel vector ended up reversed; None if it has not settled on either side."""
        begin, end = self.along_easy_axis_t[[0, -1]]
        if abs(end) < DECIDED:
            return None
        return bool(begin * end < 0.0)

    def __str__(self) -> str:
        verdict = {True: "switches", False: "does not switch", None: "has not settled"}
        tilt = np.degrees(np.arccos(np.clip(self.along_easy_axis_t, -1.0, 1.0)))
        if self.along_easy_axis_t[0] < 0.0:
            tilt = 180.0 - tilt
        return (
            f"The Néel vector {verdict[self.switched]}: largest tilt {tilt.max():.3g}° from where "
            f"it began, {tilt[-1]:.3g}° after {self.time_t[-1] - self.time_t[0]:.3g} ps; largest "
            f"field {np.linalg.norm(self.field_tqa, axis=-1).max():.3g} T."
        )


def resonance_frequency(exchange_field: float, anisotropy_field: float) -> float:
    r"""Antiferromagnetic resonance without damping and field.

    .. math::

        \nu = \frac{\gamma}{2\pi} \sqrt{B_K (2 B_E + B_K)}

    Parameters
    ----------
    exchange_field, anisotropy_field : float
        B_E and B_K. [T]

    Returns
    -------
    float
        ν. [THz]
    """
    stiffness = anisotropy_field * (2.0 * exchange_field + anisotropy_field)
    return GAMMA * float(np.sqrt(stiffness)) / (2.0 * np.pi)


def neel_dynamics(
    drive: FieldPulse | tuple[ArrayLike, ArrayLike],
    *,
    exchange_field: float,
    anisotropy_field: float,
    damping: float = 0.01,
    easy_axis: str | ArrayLike = "z",
    start: ArrayLike | None = None,
    after_ps: float | None = None,
    rtol: float = 1e-9,
) -> NeelDynamics:
    r"""Follow the moments of two sublattices through a pulse.

    .. math::

        \dot{\mathbf m}_A = -\frac{\gamma}{1 + \alpha^2} \left[ \mathbf m_A \times \mathbf B_A
            + \alpha\, \mathbf m_A \times (\mathbf m_A \times \mathbf B_A) \right], \qquad
        \mathbf B_A = -B_E \mathbf m_B + B_K (\mathbf m_A \cdot \mathbf n) \mathbf n
            + \mathbf B_A^{\rm drive}(t)

    and the same with A and B exchanged.

    Parameters
    ----------
    drive : FieldPulse, or pair of arrays (t) and (t, part, axis)
        Effective fields of two sublattices; or times in ps and fields in T.
    exchange_field : float
        B_E: what one sublattice exerts on the other. [T]
    anisotropy_field : float
        B_K: uniaxial, along the easy axis. [T]
    damping : float
        Gilbert's α.
    easy_axis : "x", "y", "z" or 3 numbers
        n.
    start : float array (part, axis), optional
        Moments at the beginning; by default along n on A and opposite on B.
    after_ps : float, optional
        How long to go on without a field; by default 8 lifetimes 1/[αγ(B_E + B_K)]. [ps]
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
    for name, value in {
        "exchange_field": exchange_field,
        "anisotropy_field": anisotropy_field,
        "damping": damping,
    }.items():
        if not np.isfinite(value) or value < 0.0:
            raise ResponseError(f"{name} = {value} must be a finite number, 0 or more.")
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
        rate = damping * GAMMA * (exchange_field + anisotropy_field)
        if rate == 0.0:
            raise ResponseError("Without damping nothing settles; say how long with after_ps.")
        after_ps = LIFETIMES / rate
    if not np.isfinite(after_ps) or after_ps < 0.0:
        raise ResponseError(f"after_ps = {after_ps} must be a finite time, 0 or more.")

    driven = CubicSpline(time_t, field_tqa)
    end = float(time_t[-1])

    def slope(t: float, m_x: FloatArray) -> FloatArray:
        m_qa = m_x.reshape(2, 3)
        b_qa = -exchange_field * m_qa[::-1] + anisotropy_field * np.outer(m_qa @ easy_a, easy_a)
        if t <= end:
            b_qa = b_qa + driven(t)
        turn_qa = np.cross(m_qa, b_qa)
        turn_qa = turn_qa + damping * np.cross(m_qa, turn_qa)
        changed: FloatArray = (-GAMMA / (1.0 + damping**2) * turn_qa).ravel()
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
        exchange_field=float(exchange_field),
        anisotropy_field=float(anisotropy_field),
        damping=float(damping),
    )


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
