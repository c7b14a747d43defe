"""[[response]] of job files: one section for every response, made from its parameters.

A response that is added to ``RESPONSES`` has its section: ``mu_f`` is the key ``mu``, ``omega_w``
is ``omega`` or ``frequency_thz``, everything else keeps its name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainValidator, create_model, field_validator, model_validator

from w90spin.arrays import FloatArray
from w90spin.cli.sections import Numbers, Section, hint, numbers
from w90spin.derive.relaxation import NAME_ENDING
from w90spin.errors import JobError
from w90spin.model.continuum import AnyModel
from w90spin.model.partition import Partition, partition
from w90spin.response import RESPONSES, Response
from w90spin.response.catalogue import NUMBERS, Parameter, example_of, parameters_of
from w90spin.units import ev_from_thz

FEMTOSECOND = 1e-15  # [s]


class PartsTable(Section):
    """How to divide the cell, with options."""

    by: Literal["layer", "atom", "species", "sublattice"]
    axis: Literal[0, 1, 2] | None = None
    gap: Annotated[float, Field(gt=0.0)] | None = None
    moments: list[float] | list[tuple[float, float, float]] | None = None


Parts = Literal["layer", "atom", "species"] | PartsTable | dict[str, list[int]]


class ResponseSection(Section):
    """[[response]]: what the sections of all responses have in common."""

    name: str

    @field_validator("name")
    @classmethod
    def _known_name(cls, name: str) -> str:
        if name not in RESPONSES:
            raise ValueError(f"there is no such response. {hint(name, RESPONSES)}")
        return name

    @model_validator(mode="after")
    def _one_kind_of_frequency(self) -> ResponseSection:
        given = self.model_fields_set & {"omega", "frequency_thz"}
        needed = any(item.name == "omega_w" and item.needed for item in self._parameters)
        if len(given) > 1 or (needed and not given):
            raise ValueError("give either omega (photon energies in eV) or frequency_thz")
        if given and not self.has_frequency and self.tau_s is None:
            raise ValueError(
                f"{given.pop()} needs tau (fs): {self.name} itself is per relaxation time"
            )
        return self

    @property
    def _parameters(self) -> tuple[Parameter, ...]:
        return parameters_of(RESPONSES[self.name])

    @property
    def has_frequency(self) -> bool:
        """Whether the response depends on the frequency of the field."""
        return any(item.name == "omega_w" for item in self._parameters)

    @property
    def tau_s(self) -> float | None:
        """Relaxation time at which a response of the Fermi surface is wanted too. [s]"""
        tau = getattr(self, "tau", None)
        return None if tau is None else float(tau) * FEMTOSECOND

    @property
    def follows_pulse(self) -> bool:
        """Whether the frequencies are those of the job's pulse."""
        return getattr(self, "frequency_thz", None) == "pulse"

    def photon_energies(self) -> FloatArray:
        """Photon energies ħω. [eV]"""
        if self.follows_pulse:
            raise JobError('frequency_thz = "pulse" needs a section [pulse]. Add it.')
        thz, energies = getattr(self, "frequency_thz", None), getattr(self, "omega", None)
        if thz is not None:
            return np.array([ev_from_thz(nu) for nu in numbers(thz)])
        return numbers(0.0 if energies is None else energies)

    @property
    def fermi_level(self) -> float:
        """First Fermi level. [eV]"""
        return float(numbers(getattr(self, "mu", 0.0))[0])

    def response(self, model: AnyModel, *, omega_w: FloatArray | None = None) -> Response:
        """The response, with the model's parts; at other frequencies if given.

        Parameters
        ----------
        model : WannierModel or ContinuumModel
            The model.
        omega_w : float array (w), optional
            Photon energies instead of those of the section. [eV]

        Returns
        -------
        Response

        Raises
        ------
        JobError
            If frequencies are given for a response that has none.
        """
        if omega_w is not None and not self.has_frequency:
            raise JobError(
                f"{self.name} does not depend on a frequency; leave omega and frequency_thz out."
            )
        chosen: dict[str, Any] = {}
        for item in self._parameters:
            if item.name == "omega_w":
                chosen["omega_w"] = self.photon_energies() if omega_w is None else omega_w
            elif item.name == "parts":
                chosen["parts"] = self._partition(model)
            else:
                given = getattr(self, _key(item))
                chosen[item.name] = numbers(given) if item.kind == NUMBERS else given
        return RESPONSES[self.name](**chosen)

    def _partition(self, model: AnyModel) -> Partition | None:
        parts: Any = getattr(self, "parts", None)
        if isinstance(parts, PartsTable):
            return partition(model, parts.by, axis=parts.axis, gap=parts.gap, moments=parts.moments)
        return None if parts is None else partition(model, parts)


def _key(item: Parameter) -> str:
    return "mu" if item.name == "mu_f" else item.name


def _section_of(name: str, response: type[Response]) -> type[ResponseSection]:
    """Section of one response."""
    keys: dict[str, Any] = {}
    frequency = (Numbers | None, None)
    for item in parameters_of(response):
        default = ... if item.needed else item.default
        if item.name == "omega_w":
            thz = (Numbers | Literal["pulse"] | None, None)
            keys |= {"omega": frequency, "frequency_thz": thz}
        elif item.name == "parts":
            keys["parts"] = (Parts | None, None)
        elif item.kind == NUMBERS:
            keys[_key(item)] = (Numbers, default)
        elif item.name == "eta":
            keys["eta"] = (Annotated[float, Field(ge=0.0)], default)
        else:
            keys[item.name] = (item.kind, default)
    if any(tensor.name.endswith(NAME_ENDING) for tensor in example_of(response).claims.published):
        tau = (Annotated[float, Field(gt=0.0)] | None, None)
        keys |= {"tau": tau, "omega": frequency, "frequency_thz": frequency}
    return create_model(
        f"{response.__name__}Section",
        __base__=ResponseSection,
        __doc__=f'[[response]] with name = "{name}".',
        **keys,
    )


SECTIONS: dict[str, type[ResponseSection]] = {
    name: _section_of(name, response) for name, response in RESPONSES.items()
}
"""Sections by the name of the response."""


def _by_name(table: Any) -> ResponseSection:
    section = ResponseSection
    if isinstance(table, dict):
        section = SECTIONS.get(str(table.get("name")), ResponseSection)
        if section is ResponseSection:  # the name is what is wrong
            table = {key: value for key, value in table.items() if key == "name"}
    return section.model_validate(table)


AnyResponseSection = Annotated[ResponseSection, PlainValidator(_by_name)]
"""Field type that takes the section its name asks for."""
