"""What can be asked of every response: its parameters, and what it gives, without a model."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_type_hints

from w90spin.response.claims import Response

NUMBERS = "ArrayLike"
"""Annotation of parameters that are one number or a list."""

_PARAMETERS = re.compile(
    r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", re.DOTALL | re.MULTILINE
)  # up to the next underlined heading

_STAND_INS: Mapping[str, float] = {"mu_f": 0.0, "omega_w": 0.0, "kT": 0.025}
"""Values of needed parameters with which a response tells its claims. [eV]"""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a response.

    Parameters
    ----------
    name : str
        E.g. "mu_f".
    kind : Any
        Its type; :data:`NUMBERS` for one number or a list.
    needed : bool
        Whether it has no default.
    default : Any
        Its default; None where it is needed.
    words : str
        What it is, with its unit, from the docstring.
    """

    name: str
    kind: Any
    needed: bool
    default: Any
    words: str


def parameters_of(response: type[Response]) -> tuple[Parameter, ...]:
    """Parameters of a response, in order.

    Parameters
    ----------
    response : type
        One of ``RESPONSES``.

    Returns
    -------
    tuple of Parameter
    """
    hints, words = get_type_hints(response), _documented(response)
    found = []
    for item in fields(response):  # type: ignore[arg-type]  # responses are dataclasses
        kind = NUMBERS if item.type == NUMBERS else hints[item.name]
        needed = item.default is MISSING
        default = None if needed else item.default
        found.append(Parameter(item.name, kind, needed, default, words.get(item.name, "")))
    return tuple(found)


def example_of(response: type[Response]) -> Response:
    """A response with stand-ins for what it needs, to look at its claims.

    Parameters
    ----------
    response : type
        One of ``RESPONSES``.

    Returns
    -------
    Response
    """
    needed = {item.name: _STAND_INS[item.name] for item in parameters_of(response) if item.needed}
    return response(**needed)


def _documented(response: type[Response]) -> dict[str, str]:
    """Descriptions in the section "Parameters" of a numpydoc docstring, by name."""
    text = inspect.cleandoc(response.__doc__ or "")
    section = _PARAMETERS.search(text)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        head = re.match(r"(\w[\w, ]*) : ", line)
        if head is not None:
            names = [name.strip() for name in head[1].split(",")]
        elif line.startswith(" "):
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
