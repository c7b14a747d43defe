"""What sections of job files are made of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from w90spin.arrays import FloatArray


class Section(BaseModel):
    """A table of a job file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Grid(Section):
    """Equally spaced numbers, both ends included."""

    start: float
    stop: float
    num: Annotated[int, Field(ge=1)]

    def values(self) -> FloatArray:
        """The numbers."""
        return np.linspace(self.start, self.stop, self.num)


Numbers = float | list[float] | Grid


def numbers(given: Numbers) -> FloatArray:
    """One number, a list or a grid as an array."""
    if isinstance(given, Grid):
        return given.values()
    return np.atleast_1d(np.asarray(given, dtype=np.float64))


def hint(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
