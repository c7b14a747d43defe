"""Sections of job files on fields, magnetic sublattices and pulses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from w90spin.cli.sections import Section
from w90spin.derive import Pulse
from w90spin.derive.neel_field import EXCHANGE
from w90spin.derive.pulse import LOST
from w90spin.errors import JobError, ResponseError
from w90spin.units import G_FACTOR

Size = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Pair = Size | tuple[Size, Size]
ForParts = float | list[float] | dict[str, float]
Component = float | tuple[float, float]
Direction = (
    Literal["x", "y", "z", "circular+", "circular-"] | tuple[Component, Component, Component]
)


class FieldSection(Section):
    """[field]: the electric field for the induced spin."""

    strength: Positive = 1e7
    direction: Direction = "x"
    spin: Literal["x", "y", "z"] = "z"
    thickness: Positive | None = None
    angles_thz: Size | None = None

    @model_validator(mode="after")
    def _some_direction(self) -> FieldSection:
        _check_direction(self.direction)
        return self


class NeelSection(Section):
    """[neel]: effective fields on magnetic sublattices, and what their dynamics needs."""

    exchange: ForParts = EXCHANGE
    moment: ForParts | None = None
    magnetization: ForParts | None = None
    thickness: Positive | None = None
    signs: list[float] | dict[str, float] | None = None
    easy_axis: Literal["x", "y", "z"] | tuple[float, float, float] = "z"
    anisotropy_field: Pair | None = None
    exchange_field: Pair | None = None
    damping: Pair = 0.01
    g_factor: Pair = G_FACTOR
    after_ps: Size | None = None

    @model_validator(mode="after")
    def _dynamics_is_whole(self) -> NeelSection:
        if not isinstance(self.easy_axis, str) and not any(self.easy_axis):
            raise ValueError("easy_axis needs a component that is not 0")
        if self.exchange_field is not None and self.anisotropy_field is None:
            raise ValueError("exchange_field, for the dynamics, needs anisotropy_field as well")
        return self

    @property
    def has_dynamics(self) -> bool:
        """Whether there is enough for the dynamics of the moments."""
        return self.exchange_field is not None


class PulseSection(Section):
    """[pulse]: a Gaussian, or a file with the field in time."""

    file: str | None = None
    amplitude: Positive | None = None
    frequency_thz: Positive | None = None
    fwhm_ps: Positive | None = None
    phase: float = 0.0
    step_ps: Positive | None = None
    direction: Direction | None = None
    lost: Annotated[float, Field(ge=0.0, le=1.0)] = LOST

    @model_validator(mode="after")
    def _one_kind_of_pulse(self) -> PulseSection:
        gaussian = ("amplitude", "frequency_thz", "fwhm_ps", "phase", "step_ps", "direction")
        given = [name for name in gaussian if name in self.model_fields_set]
        if self.file is not None and given:
            raise ValueError(f"{', '.join(given)} belong to a Gaussian; a pulse from file has none")
        if self.file is None and (self.frequency_thz is None or self.fwhm_ps is None):
            raise ValueError("give frequency_thz and fwhm_ps of a Gaussian, or file")
        if self.direction is not None:
            _check_direction(self.direction)
        return self

    def pulse(self, folder: Path, field: FieldSection) -> Pulse:
        """The pulse; strength and direction are those of [field] unless it has its own."""
        if self.file is not None:
            return _read_pulse(folder / self.file)
        assert self.frequency_thz is not None
        assert self.fwhm_ps is not None
        return Pulse.gaussian(
            amplitude=field.strength if self.amplitude is None else self.amplitude,
            frequency_thz=self.frequency_thz,
            fwhm_ps=self.fwhm_ps,
            direction=complex_direction(
                field.direction if self.direction is None else self.direction
            ),
            phase=self.phase,
            step_ps=self.step_ps,
        )


def complex_direction(direction: Direction) -> str | list[complex]:
    """Direction of a field as the library takes it: pairs are real and imaginary parts."""
    if isinstance(direction, str):
        return direction
    return [complex(*part) if isinstance(part, tuple) else complex(part) for part in direction]


def _check_direction(direction: Direction) -> None:
    if not any(complex_direction(direction)):
        raise ValueError("direction needs a component that is not 0")


def _read_pulse(path: Path) -> Pulse:
    """Pulse from a text table of time in ps and three components in V/m, headings allowed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise JobError(
            f"{path}: cannot be read ({problem}). Give a text table of time in ps and the field "
            "along x, y, z in V/m."
        ) from None
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.split("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError:
            if rows:
                raise JobError(f"{path}, line {number}: '{line}' is not four numbers.") from None
            continue  # headings
        if len(words) != 4:
            raise JobError(
                f"{path}, line {number}: {len(words)} numbers; time in ps and the field along x, "
                "y, z in V/m are needed."
            )
    table = np.array(rows).reshape(-1, 4)
    try:
        return Pulse(table[:, 0], table[:, 1:])
    except ResponseError as problem:
        raise JobError(f"{path}: {problem}") from None
