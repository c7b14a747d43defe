"""What a run gives back, and the HDF5 file that keeps it.

``docs/result-file.md`` describes the layout for readers in other languages.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w90spin.arrays import AnyNumberArray, FloatArray
from w90spin.errors import ResultFileError
from w90spin.files import atomic
from w90spin.response.claims import Axis
from w90spin.storage import ATTRIBUTES, read_format, write_tree

FORMAT = "w90spin-result"
FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """Values with their errors, axes and unit.

    Parameters
    ----------
    name : str
        E.g. "upsilon1".
    symbol : str
        As in the literature.
    values : array
        Real or complex numbers, one dimension per axis.
    errors : float array
        Estimated absolute error of each value, in the same unit.
    axes : tuple of Axis
        Axes in order.
    unit : str
        Unit of values and errors.
    description : str
        One sentence.
    """

    name: str
    symbol: str
    values: AnyNumberArray
    errors: FloatArray
    axes: tuple[Axis, ...]
    unit: str
    description: str

    @property
    def axis_names(self) -> tuple[str, ...]:
        """Names of the axes in order."""
        return tuple(axis.name for axis in self.axes)

    def axis(self, name: str) -> Axis:
        """Axis of this name.

        Raises
        ------
        KeyError
            If the tensor has none.
        """
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(f"{self.name} has no axis '{name}', only {self.axis_names}")

    def total(self) -> Tensor:
        """Sum over the parts; the errors add up."""
        position = self.axis_names.index("part")
        return Tensor(
            self.name,
            self.symbol,
            self.values.sum(axis=position),
            self.errors.sum(axis=position),
            tuple(axis for axis in self.axes if axis.name != "part"),
            self.unit,
            self.description,
        )


@dataclass(frozen=True, eq=False)
class ResponseResult:
    """All tensors of one response.

    Parameters
    ----------
    name : str
        Name in job files.
    title : str
        One line.
    reference : str
        Where the formula is from.
    parameters : mapping
        Physical parameters that were asked for.
    tensors : mapping of str to Tensor
        By name.
    """

    name: str
    title: str
    reference: str
    parameters: Mapping[str, object]
    tensors: Mapping[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        """Tensor of this name."""
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)


@dataclass(frozen=True, eq=False)
class KMap:
    """A response summed over occupied bands at points of a plane through the zone.

    Parameters
    ----------
    response : str
        Which one.
    kpt_uvc : float array (u, v, c)
        Reduced coordinates; of a k·p model the Cartesian ones.
    kpt_uva : float array (u, v, a)
        Cartesian coordinates. [1/Å]
    tensors : mapping of str to Tensor
        Integrands, axes "u", "v" and those of the response; unit per k.
    recip_ca : float array (c, a), or None
        Reciprocal vectors in rows; None for a k·p model. [1/Å]
    energy_uvn : float array (u, v, n), or None
        Bands, if they were asked for. [eV]
    bands : mapping of str to Tensor
        Values of single bands, summed over degenerate blocks, axes "u", "v", "band" and those of
        the response without kT and mu; empty unless asked for.
    """

    response: str
    kpt_uvc: FloatArray
    kpt_uva: FloatArray
    tensors: Mapping[str, Tensor]
    recip_ca: FloatArray | None
    energy_uvn: FloatArray | None = None
    bands: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class BandPath:
    """Bands along a path, with spin and a response of each band, summed over degenerate blocks.

    Parameters
    ----------
    kpt_kc : float array (k, c)
        Reduced coordinates; of a k·p model Cartesian ones. [1/Å]
    distance_k : float array (k)
        Length along the path. [1/Å]
    label_positions : float array (p)
        Where on the path the labels stand. [1/Å]
    labels : tuple of str (p)
        High-symmetry points.
    energy_kn : float array (k, n)
        Bands. [eV]
    block_kn : int array (k, n)
        Label of each band's degenerate block.
    spin_kns : float array (k, n, s)
        Mean of σ_s over the block, between -1 and 1; NaN-free zeros where the model has no spin.
    tensors : mapping of str to Tensor
        Axes "k", "band" and those of the response.
    mu : float
        Fermi level that plots take as zero. [eV]
    totals : mapping of str to Tensor
        The response summed over bands with its occupations, axes "k" and those of the response.
    parts : tuple of str (q)
        Parts of the cell of that response; empty without.
    weight_knq : float array (k, n, q), or None
        Largest weight on each part that a state of the band's block can have, between 0 and 1.
    part_spin_knqs : float array (k, n, q, s), or None
        Mean of σ_s over what of the block lies on each part, between -1 and 1.
    response : str
        Name of that response; empty without.
    cartesian : bool
        Whether ``kpt_kc`` is Cartesian.
    """

    kpt_kc: FloatArray
    distance_k: FloatArray
    label_positions: FloatArray
    labels: tuple[str, ...]
    energy_kn: FloatArray
    block_kn: FloatArray
    spin_kns: FloatArray
    tensors: Mapping[str, Tensor]
    mu: float
    totals: Mapping[str, Tensor] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    weight_knq: FloatArray | None = None
    part_spin_knqs: FloatArray | None = None
    response: str = ""
    cartesian: bool = False


@dataclass(frozen=True, eq=False)
class Result:
    """Responses of one model with everything needed to understand and repeat them.

    Parameters
    ----------
    responses : mapping of str to ResponseResult
        By name.
    provenance : mapping
        Model, inputs and their hashes, mesh, symmetry, cost, convergence, versions, conventions.
    kmap : KMap, optional
        A map over the zone.
    path : BandPath, optional
        Bands along a path.
    derived : mapping of str to ResponseResult
        What was derived from the responses, by name: "neel_field", "pulse".
    """

    responses: Mapping[str, ResponseResult]
    provenance: Mapping[str, Any]
    kmap: KMap | None = None
    path: BandPath | None = None
    source: Path | None = field(default=None)
    derived: Mapping[str, ResponseResult] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Tensor:
        """Tensor "upsilon1", or "spin_polarizability/upsilon1" where several responses have it.

        Raises
        ------
        KeyError
            If no response, or more than one, has it.
        """
        if "/" in name:
            response, tensor = name.split("/", 1)
            return self.responses[response][tensor]
        owners = [response for response in self.responses.values() if name in response.tensors]
        if len(owners) != 1:
            known = [f"{r.name}/{t}" for r in self.responses.values() for t in r.tensors]
            raise KeyError(f"'{name}' is not one of {known}")
        return owners[0][name]

    @property
    def converged(self) -> bool | None:
        """Whether the tolerance asked for was met; None if none was asked for."""
        verdict = self.provenance["converged"]
        return None if verdict is None else bool(verdict)

    def save(self, path: Path | str) -> Path:
        """Write the HDF5 file, atomically.

        Parameters
        ----------
        path : path
            Where.

        Returns
        -------
        Path

        Raises
        ------
        ResultFileError
            If it cannot be written.
        """
        tree: dict[str, Any] = {
            ATTRIBUTES: {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "provenance": json.dumps(self.provenance),
            },
            "conventions": {ATTRIBUTES: dict(self.provenance.get("conventions", {}))},
            "inputs": {ATTRIBUTES: dict(self.provenance.get("inputs", {}))},
            "responses": _responses_tree(self.responses),
        }
        if self.derived:
            tree["derived"] = _responses_tree(self.derived)
        if self.kmap is not None:
            tree["kmap"] = _kmap_tree(self.kmap)
        if self.path is not None:
            tree["path"] = _path_tree(self.path)
        return write_tree(path, tree)

    def to_csv(self, path: Path | str) -> Path:
        """Write every component of every tensor as one line of a text table.

        Parameters
        ----------
        path : path
            Where.

        Returns
        -------
        Path

        Raises
        ------
        ResultFileError
            If it cannot be written.
        """
        with atomic(path) as new, new.open("w", newline="", encoding="utf-8") as file:
            file.write(f"# {FORMAT}: {json.dumps(self.provenance)}\n")
            table = csv.writer(file)
            for response in (*self.responses.values(), *self.derived.values()):
                for tensor in response.tensors.values():
                    heads = [_head(axis) for axis in tensor.axes]
                    value_heads = [f"re [{tensor.unit}]", f"im [{tensor.unit}]", "error"]
                    table.writerow(["tensor", *heads, *value_heads])
                    coordinates = itertools.product(*(axis.values for axis in tensor.axes))
                    for where, value, error in zip(
                        coordinates, tensor.values.ravel(), tensor.errors.ravel(), strict=True
                    ):
                        row = [f"{response.name}/{tensor.name}", *where]
                        table.writerow([*row, value.real, value.imag, error])
        return Path(path)

    def to_xarray(self, response: str | None = None) -> Any:
        """Tensors of one response as an ``xarray.Dataset``.

        Parameters
        ----------
        response : str, optional
            Which one; needed only where there are several.

        Returns
        -------
        xarray.Dataset
            Variables "upsilon1", "upsilon1_error", ... with named coordinates.
        """
        from w90spin.results.export import to_dataset

        if response is None:
            if len(self.responses) != 1:
                raise ResultFileError(
                    f"The result has the responses {', '.join(self.responses)}; name one of them: "
                    f"to_xarray({next(iter(self.responses), '')!r})."
                )
            response = next(iter(self.responses))
        if response not in self.responses:
            raise ResultFileError(
                f"'{response}' is not one of the responses {', '.join(self.responses)}."
            )
        return to_dataset(self.responses[response], self.provenance)


def load_result(path: Path | str) -> Result:
    """Read a result file.

    Parameters
    ----------
    path : path
        Written by :meth:`Result.save`.

    Returns
    -------
    Result

    Raises
    ------
    ResultFileError
        If it is missing, damaged, not a result file, or of a newer format.
    """
    path = Path(path)
    tree = read_format(path, FORMAT, FORMAT_VERSION, "'w90spin run'")
    attributes = tree[ATTRIBUTES]
    try:
        return Result(
            responses=_responses_from(tree["responses"]),
            provenance=json.loads(attributes["provenance"]),
            kmap=_kmap_from(tree["kmap"]) if "kmap" in tree else None,
            path=_path_from(tree["path"]) if "path" in tree else None,
            source=path,
            derived=_responses_from(tree.get("derived", {})),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise ResultFileError(
            f"{path} says that it is a result of w90spin, but lacks or garbles {problem}. It was "
            "edited or damaged; write it again with 'w90spin run'."
        ) from problem


def _head(axis: Axis) -> str:
    return f"{axis.name} [{axis.unit}]" if axis.unit else axis.name


def _responses_tree(responses: Mapping[str, ResponseResult]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for response in responses.values():
        tree[response.name] = {
            ATTRIBUTES: {
                "title": response.title,
                "reference": response.reference,
                "parameters": json.dumps(response.parameters),
            },
            **{tensor.name: _tensor_tree(tensor) for tensor in response.tensors.values()},
        }
    return tree


def _responses_from(tree: Mapping[str, Any]) -> dict[str, ResponseResult]:
    responses = {}
    for name, group in tree.items():
        if name == ATTRIBUTES:
            continue
        about = group[ATTRIBUTES]
        responses[name] = ResponseResult(
            name=name,
            title=about["title"],
            reference=about["reference"],
            parameters=json.loads(about["parameters"]),
            tensors=_tensors_from(group),
        )
    return responses


def _tensor_tree(tensor: Tensor) -> dict[str, Any]:
    tree: dict[str, Any] = {
        ATTRIBUTES: {
            "symbol": tensor.symbol,
            "unit": tensor.unit,
            "description": tensor.description,
            "axes": list(tensor.axis_names),
        },
        "values": tensor.values,
        "values@": {"unit": tensor.unit, "axes": list(tensor.axis_names)},
        "errors": tensor.errors,
        "errors@": {"unit": tensor.unit, "axes": list(tensor.axis_names)},
        "axes": {},
    }
    for axis in tensor.axes:
        tree["axes"][axis.name] = list(axis.values)
        tree["axes"][axis.name + ATTRIBUTES] = {
            "unit": axis.unit,
            "description": axis.description,
        }
    return tree


def _tensors_from(group: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = {}
    for name, tree in group.items():
        if not isinstance(tree, dict) or "values" not in tree:
            continue
        about = tree[ATTRIBUTES]
        axes = []
        for axis_name in about["axes"]:
            values = tree["axes"][axis_name]
            note = tree["axes"][axis_name + ATTRIBUTES]
            axes.append(
                Axis(axis_name, tuple(values.tolist()), str(note["unit"]), str(note["description"]))
            )
        tensors[name] = Tensor(
            name,
            about["symbol"],
            tree["values"],
            tree["errors"],
            tuple(axes),
            about["unit"],
            about["description"],
        )
    return tensors


def _kmap_tree(kmap: KMap) -> dict[str, Any]:
    tree: dict[str, Any] = {
        ATTRIBUTES: {"response": kmap.response},
        "kpt_reduced": kmap.kpt_uvc,
        "kpt_cartesian": kmap.kpt_uva,
        "kpt_cartesian@": {"unit": "1/Å"},
        "tensors": {tensor.name: _tensor_tree(tensor) for tensor in kmap.tensors.values()},
        "bands": {tensor.name: _tensor_tree(tensor) for tensor in kmap.bands.values()},
    }
    if kmap.recip_ca is not None:
        tree["reciprocal_lattice"] = kmap.recip_ca
        tree["reciprocal_lattice@"] = {"unit": "1/Å"}
    if kmap.energy_uvn is not None:
        tree["energy"] = kmap.energy_uvn
        tree["energy@"] = {"unit": "eV", "axes": ["u", "v", "band"]}
    return tree


def _kmap_from(tree: Mapping[str, Any]) -> KMap:
    return KMap(
        response=tree[ATTRIBUTES]["response"],
        kpt_uvc=tree["kpt_reduced"],
        kpt_uva=tree["kpt_cartesian"],
        tensors=_tensors_from(tree["tensors"]),
        recip_ca=tree.get("reciprocal_lattice"),
        energy_uvn=tree.get("energy"),
        bands=_tensors_from(tree["bands"]),
    )


def _path_tree(path: BandPath) -> dict[str, Any]:
    tree: dict[str, Any] = {
        ATTRIBUTES: {"mu": path.mu, "mu_unit": "eV", "response": path.response},
        "kpt_cartesian" if path.cartesian else "kpt_reduced": path.kpt_kc,
        "distance": path.distance_k,
        "distance@": {"unit": "1/Å"},
        "label_positions": path.label_positions,
        "label_positions@": {"unit": "1/Å"},
        "labels": list(path.labels),
        "energy": path.energy_kn,
        "energy@": {"unit": "eV", "axes": ["k", "band"]},
        "block": path.block_kn,
        "block@": {"unit": "", "axes": ["k", "band"]},
        "spin": path.spin_kns,
        "spin@": {"unit": "", "axes": ["k", "band", "spin"], "description": "mean of sigma"},
        "tensors": {tensor.name: _tensor_tree(tensor) for tensor in path.tensors.values()},
        "totals": {tensor.name: _tensor_tree(tensor) for tensor in path.totals.values()},
    }
    if path.weight_knq is not None and path.part_spin_knqs is not None:
        tree["parts"] = list(path.parts)
        tree["weight"] = path.weight_knq
        tree["weight@"] = {"unit": "", "axes": ["k", "band", "part"]}
        tree["part_spin"] = path.part_spin_knqs
        tree["part_spin@"] = {"unit": "", "axes": ["k", "band", "part", "spin"]}
    return tree


def _path_from(tree: Mapping[str, Any]) -> BandPath:
    cartesian = "kpt_cartesian" in tree
    return BandPath(
        kpt_kc=tree["kpt_cartesian" if cartesian else "kpt_reduced"],
        distance_k=tree["distance"],
        label_positions=tree["label_positions"],
        labels=tuple(str(label) for label in tree["labels"]),
        energy_kn=tree["energy"],
        block_kn=tree["block"],
        spin_kns=tree["spin"],
        tensors=_tensors_from(tree["tensors"]),
        mu=float(tree[ATTRIBUTES]["mu"]),
        totals=_tensors_from(tree["totals"]),
        parts=tuple(str(part) for part in tree.get("parts", ())),
        weight_knq=tree.get("weight"),
        part_spin_knqs=tree.get("part_spin"),
        response=str(tree[ATTRIBUTES].get("response", "")),
        cartesian=cartesian,
    )
