"""k-resolved output: maps over a plane, bands along a path, Fermi surfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase.cell import Cell
from numpy.typing import ArrayLike

from w90spin.arrays import AnyNumberArray, FloatArray, IntArray
from w90spin.errors import JobError, W90SpinError
from w90spin.integrate.integrand import BATCH_BYTES, FEWEST_POINTS
from w90spin.kspace.blocks import DEGENERACY_TOLERANCE, block_sums, largest_in_blocks
from w90spin.kspace.continuum import operators_of
from w90spin.kspace.fourier import Extra, KPoints
from w90spin.kspace.states import BlochStates, solve
from w90spin.model.continuum import AnyModel, ContinuumModel
from w90spin.model.partition import Partition
from w90spin.parallel import Comm, one_thread, world
from w90spin.response import Response, SpinGeometry
from w90spin.response.claims import Axis, extras_needed
from w90spin.response.quantum_geometry import spin_qgt, zeeman_qgt
from w90spin.response.spin_hall import SpinCurrentForm
from w90spin.results.fermi_surface import FermiSurface
from w90spin.results.quantum_geometry import QuantumGeometry
from w90spin.results.result import BandPath, KMap, Tensor

SOMEWHERE = (0.137, 0.291, 0.412)
"""Reduced coordinates of a point without symmetry."""

NO_WEIGHT = 1e-6
"""Weight on a part below which a block counts as not being there."""

KPath = str | Sequence[tuple[str, Sequence[float]]]
"""Names of special points as ASE knows them, "GXSYG", or pairs (label, reduced k).

For a k·p model: G is k = 0, X, Y and Z are as far along the axes as the cutoff; pairs hold
Cartesian k [1/Å]."""


def zone_map(
    model: AnyModel,
    response: Response,
    *,
    n: int = 101,
    plane: tuple[int, int] | None = None,
    offset: float = 0.0,
    reach: float | None = None,
    bands: bool = False,
    comm: Any = None,
    tolerance: float = DEGENERACY_TOLERANCE,
) -> KMap:
    r"""A response, summed over bands with its occupations, on a plane through the zone.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    response : Response
        What to map; every parameter as for an integral.
    n : int
        Points along each direction; the plane runs from -1/2 to 1/2 of both reciprocal vectors,
        or as far as ``reach`` in both ways.
    plane : 2 ints, optional
        Reciprocal vectors that span the plane, or axes of a k·p model; by default the first two.
    offset : float
        Reduced coordinate along the third direction; for a k·p model Cartesian. [1/Å]
    reach : float, optional
        Largest \|k_x\| and \|k_y\| of a k·p model; by default its cutoff, or a few times its
        scale. [1/Å]
    bands : bool
        Also give the bands and the response of each, summed over degenerate blocks.
    comm : Comm, mpi4py communicator, or None
        Ranks that share the work.
    tolerance : float
        Degeneracy tolerance. [eV]

    Returns
    -------
    KMap
        The same on every rank.

    Raises
    ------
    JobError
        If the model has fewer than two periodic directions, ``n`` is not positive, or ``reach`` is
        given for a crystal.
    """
    periodic = [c for c in range(3) if model.periodic[c]]
    if plane is None:
        if len(periodic) < 2:
            raise JobError(
                f"A map needs two periodic directions; model '{model.name}' has {len(periodic)}."
            )
        plane = (periodic[0], periodic[1])
    _refuse_other_than_numbers(n=n, offset=offset)
    if n != int(n) or n < 2 or len(set(plane)) != 2 or not set(plane) <= {0, 1, 2}:
        raise JobError(
            f"A map of n = {n} points over plane {plane} cannot be drawn: n >= 2 and two different "
            "reciprocal vectors out of 0, 1, 2 are needed."
        )
    half, unit, label = 0.5, "", "reduced coordinate along b{}"
    if isinstance(model, ContinuumModel):
        half, unit, label = model.extent if reach is None else reach, "1/Å", "axis {} of k"
    elif reach is not None:
        raise JobError(
            f"reach = {reach} is for k·p models; a map of '{model.name}' covers its zone. Leave it "
            "out."
        )
    along = np.linspace(-half, half, n)
    kpt_uvc = np.zeros((n, n, 3))
    third = 3 - sum(plane)
    kpt_uvc[..., plane[0]], kpt_uvc[..., plane[1]] = along[:, None], along
    kpt_uvc[..., third] = offset
    grid = (
        Axis("u", tuple(along.tolist()), unit, label.format(plane[0] + 1)),
        Axis("v", tuple(along.tolist()), unit, label.format(plane[1] + 1)),
    )

    def evaluate(states: BlochStates) -> dict[str, AnyNumberArray]:
        found = _totals(response, states)
        if bands:
            found["energy"] = states.energy_kn
            found.update(_by_name("band", response.bands(states)))
        return found

    values = {
        name: value_kx.reshape(n, n, *value_kx.shape[1:])
        for name, value_kx in _on_points(
            model,
            kpt_uvc.reshape(-1, 3),
            world(comm),
            tolerance,
            evaluate,
            extras_needed([response]),
        ).items()
    }
    return KMap(
        response=response.claims.name,
        kpt_uvc=kpt_uvc,
        kpt_uva=kpt_uvc @ model.recip_ca,
        tensors=_total_tensors(response, values, grid),
        recip_ca=None if isinstance(model, ContinuumModel) else model.recip_ca,
        energy_uvn=values.get("energy"),
        bands=_band_tensors(response, values, grid, model.n_wann) if bands else {},
    )


def band_path(
    model: AnyModel,
    path: KPath,
    response: Response | None = None,
    *,
    mu: float = 0.0,
    n: int = 240,
    comm: Any = None,
    tolerance: float = DEGENERACY_TOLERANCE,
) -> BandPath:
    """Bands along a path, with spin and a response of each band summed over degenerate blocks.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    path : str or sequence of (str, 3 floats)
        Special points of the lattice by name, or labels with reduced coordinates; for a k·p model
        "XGY" or labels with Cartesian k. [1/Å]
    response : Response, optional
        Whose band-resolved values to compute.
    mu : float
        Fermi level that plots take as zero. [eV]
    n : int
        Points along the whole path.
    comm : Comm, mpi4py communicator, or None
        Ranks that share the work.
    tolerance : float
        Degeneracy tolerance. [eV]

    Returns
    -------
    BandPath
        The same on every rank.

    Raises
    ------
    JobError
        If the path has fewer than two points or names unknown ones.
    """
    labels, corner_pc = _corners(model, path)
    kpt_kc, distance_k, position_p = _points_along(model, corner_pc, n)
    parts = None if response is None else response.parts

    def evaluate(states: BlochStates) -> dict[str, AnyNumberArray]:
        found: dict[str, AnyNumberArray] = {
            "energy": states.energy_kn,
            "block": states.block_kn.astype(np.float64),
        }
        if states.wannier.spin_ksij is None:
            found["spin"] = np.zeros((*states.energy_kn.shape, 3))
        else:
            found["spin"] = _block_mean(states.spin_ksnm, states)
        if response is not None:
            found.update(_by_name("band", response.bands(states)))
            found.update(_totals(response, states))
        if parts is not None:
            found.update(_on_parts(states, parts))
        return found

    extras = () if response is None else extras_needed([response])
    values = _on_points(model, kpt_kc, world(comm), tolerance, evaluate, extras)
    along = (Axis("k", tuple(distance_k.tolist()), "1/Å", "length along the path"),)
    return BandPath(
        kpt_kc=kpt_kc,
        distance_k=distance_k,
        label_positions=position_p,
        labels=labels,
        energy_kn=values["energy"],
        block_kn=values["block"].astype(np.int64),
        spin_kns=values["spin"],
        tensors={} if response is None else _band_tensors(response, values, along, model.n_wann),
        mu=mu,
        totals={} if response is None else _total_tensors(response, values, along),
        parts=() if parts is None else parts.names,
        weight_knq=values.get("weight"),
        part_spin_knqs=values.get("part spin"),
        cartesian=isinstance(model, ContinuumModel),
        response="" if response is None else response.claims.name,
    )


def has_bands(model: AnyModel, response: Response, *, comm: Any = None) -> bool:
    """Whether single bands have a share in a response; of a Fermi surface they have none.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    response : Response
        The response.
    comm : Comm, mpi4py communicator, or None
        Ranks that are there.

    Returns
    -------
    bool
        The same on every rank.
    """

    def evaluate(states: BlochStates) -> dict[str, AnyNumberArray]:
        return dict(response.bands(states))

    kpt_kc = np.where(model.periodic, SOMEWHERE, 0.0)[None]
    extras = extras_needed([response])
    return bool(_on_points(model, kpt_kc, world(comm), DEGENERACY_TOLERANCE, evaluate, extras))


def fermi_surface(
    model: AnyModel,
    mu: float,
    response: Response | None = None,
    *,
    n: int | Sequence[int] = 48,
    window: float = 0.0,
    comm: Any = None,
    tolerance: float = DEGENERACY_TOLERANCE,
) -> FermiSurface:
    """Bands that cross a Fermi level on a regular mesh, with what to colour them by.

    Parameters
    ----------
    model : WannierModel
        The model.
    mu : float
        Fermi level. [eV]
    response : Response, optional
        Whose values of single bands to compute, summed over degenerate blocks.
    n : int or 3 ints
        Points along the reciprocal vectors, beginning with Γ; there is one along directions that
        are not periodic.
    window : float
        Also take bands that come within this of the Fermi level. [eV]
    comm : Comm, mpi4py communicator, or None
        Ranks that share the work.
    tolerance : float
        Degeneracy tolerance. [eV]

    Returns
    -------
    FermiSurface
        The same on every rank.

    Raises
    ------
    JobError
        If no band crosses the Fermi level, ``n`` or ``window`` cannot be, or the model is a
        continuum, which has no zone.
    """
    if isinstance(model, ContinuumModel):
        raise JobError(
            f"Model '{model.name}' is a continuum without a zone, through which a Fermi surface "
            "could go on. Take its lattice form, or a map."
        )
    _refuse_other_than_numbers(mu=mu, window=window)
    asked = (n, n, n) if isinstance(n, int) else tuple(n)
    if len(asked) != 3 or min(asked) < 2 or not window >= 0.0:
        raise JobError(
            f"A Fermi surface on n = {n} points with window = {window} eV cannot be: give one "
            "number of points or three, 2 at least, and a window that is not negative."
        )
    mesh = tuple(points if model.periodic[c] else 1 for c, points in enumerate(asked))
    axes = [np.arange(points) / points for points in mesh]
    kpt_kc = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def evaluate(states: BlochStates) -> dict[str, AnyNumberArray]:
        found: dict[str, AnyNumberArray] = {
            "energy": states.energy_kn,
            "velocity": _block_mean(states.velocity_kanm, states),
        }
        if states.wannier.spin_ksij is not None:
            found["spin"] = _block_mean(states.spin_ksnm, states)
        if response is not None:
            found.update(_by_name("band", response.bands(states)))
        return found

    extras = () if response is None else extras_needed([response])
    values = _on_points(model, kpt_kc, world(comm), tolerance, evaluate, extras)
    energy_kn = values["energy"]
    low_n, high_n = energy_kn.min(axis=0), energy_kn.max(axis=0)
    crossing = np.flatnonzero((low_n <= mu + window) & (high_n >= mu - window))
    if len(crossing) == 0:
        end, begin = high_n[high_n < mu][-1:], low_n[low_n > mu][:1]
        nearest = [f"ends at {edge:.4f}" for edge in end] + [f"begins at {e:.4f}" for e in begin]
        raise JobError(
            f"No band crosses mu = {mu:g} eV on {mesh} points, so that there is no Fermi surface: "
            f"of the nearest bands one {' and one '.join(nearest)} eV. Move mu, or give a window."
        )
    grid = tuple(
        Axis(f"k{c + 1}", tuple((np.arange(points) / points).tolist()), "", "reduced coordinate")
        for c, points in enumerate(mesh)
    )
    shaped = {name: value.reshape(*mesh, *value.shape[1:]) for name, value in values.items()}
    tensors = {} if response is None else _band_tensors(response, shaped, grid, model.n_wann)
    return FermiSurface(
        mu=mu,
        band_n=crossing + 1,
        energy_xyzn=shaped["energy"][..., crossing],
        recip_ca=model.recip_ca,
        velocity_xyzna=shaped["velocity"][..., crossing, :],
        spin_xyzns=shaped["spin"][..., crossing, :] if "spin" in shaped else None,
        tensors={name: _of_bands(tensor, crossing) for name, tensor in tensors.items()},
    )


def _block_mean(op_kanm: AnyNumberArray, states: BlochStates) -> FloatArray:
    """Mean of the diagonal over the block of each band, shape (k, n, a)."""
    diagonal_kan = np.einsum("kann->kan", op_kanm).real
    size_kn = block_sums(np.ones((len(diagonal_kan), 1, states.n_bands)), states.block_kn)
    return (block_sums(diagonal_kan, states.block_kn) / size_kn).swapaxes(1, 2)


def _of_bands(tensor: Tensor, band_n: IntArray) -> Tensor:
    """Tensor of some of its bands."""
    place = tensor.axis_names.index("band")
    bands = Axis("band", tuple(int(n) + 1 for n in band_n), "", tensor.axes[place].description)
    return replace(
        tensor,
        values=tensor.values.take(band_n, axis=place),
        errors=tensor.errors.take(band_n, axis=place),
        axes=(*tensor.axes[:place], bands, *tensor.axes[place + 1 :]),
    )


def quantum_geometry_at(
    model: AnyModel,
    kpt_kc: ArrayLike,
    *,
    current: SpinCurrentForm = "simple",
    parts: Partition | None = None,
    comm: Any = None,
    tolerance: float = DEGENERACY_TOLERANCE,
) -> QuantumGeometry:
    """Spin and Zeeman quantum geometric tensors of all pairs of bands at chosen k points.

    Parameters
    ----------
    model : WannierModel or ContinuumModel
        The model.
    kpt_kc : float array (k, c) or (c)
        Reduced coordinates; of a k·p model Cartesian ones. [1/Å]
    current : "simple", "qiao2018" or "ryoo2019"
        How spin and velocity are multiplied, as in :class:`~w90spin.response.SpinHall`.
    parts : Partition, optional
        Layers, atoms or groups to resolve the spin by.
    comm : Comm, mpi4py communicator, or None
        Ranks that share the work.
    tolerance : float
        Degeneracy tolerance. [eV]

    Returns
    -------
    QuantumGeometry
        The same on every rank; its size grows with the square of the number of bands.

    Raises
    ------
    JobError
        If ``kpt_kc`` is not a list of three finite numbers each.
    ResponseError
        If there is no such current.
    MissingOperatorError
        If the model lacks spin or an operator of the spin current.

    Examples
    --------
    >>> import w90spin as ws
    >>> found = ws.quantum_geometry_at(ws.toys.kane_mele(), [[0.1, 0.2, 0.0]])
    >>> found.spin_curvature_knmqabs.shape  # k, n, m, part, flow, field, spin
    (1, 4, 4, 1, 3, 3, 3)
    """
    points_kc = np.atleast_2d(np.asarray(kpt_kc, dtype=np.float64))
    if points_kc.ndim != 2 or points_kc.shape[1] != 3 or not np.isfinite(points_kc).all():
        raise JobError(
            "kpt_kc must be a list of k points of three finite reduced coordinates each; got an "
            f"array of shape {points_kc.shape}: [[0.1, 0.2, 0.0], ...] is what is needed."
        )
    form = SpinGeometry(mu_f=0.0, current=current, parts=parts)

    def evaluate(states: BlochStates) -> dict[str, AnyNumberArray]:
        return {
            "energy": states.energy_kn,
            "block": states.block_kn.astype(np.float64),
            "spin": spin_qgt(states, current, parts),
            "zeeman": zeeman_qgt(states, parts),
        }

    values = _on_points(model, points_kc, world(comm), tolerance, evaluate, extras_needed([form]))
    return QuantumGeometry(
        kpt_kc=points_kc,
        energy_kn=values["energy"],
        block_kn=values["block"].astype(np.int64),
        spin_qgt_knmqabs=values["spin"],
        zeeman_qgt_knmqbs=values["zeeman"],
        parts=("total",) if parts is None else parts.names,
    )


def _on_parts(states: BlochStates, parts: Partition) -> dict[str, AnyNumberArray]:
    """Weights and spins of the bands' blocks on each part."""
    everything = slice(0, states.n_bands)
    n_k, n = states.energy_kn.shape
    one_kxij = np.broadcast_to(np.eye(n, dtype=np.complex128), (n_k, 1, n, n))
    weight_kqnm = states.rotate(parts.project(one_kxij, states.kpt_kc).reshape(n_k, -1, n, n))
    spin_kqsnm = states.spin_between(everything, everything, parts)
    largest_knq = [
        largest_in_blocks(weight_knm, states.block_kn) for weight_knm in weight_kqnm.swapaxes(0, 1)
    ]
    share_kqn = block_sums(np.einsum("kqnn->kqn", weight_kqnm).real, states.block_kn)
    spin_kxn = np.einsum("kqsnn->kqsn", spin_kqsnm).real.reshape(n_k, -1, n)
    spin_kqsn = block_sums(spin_kxn, states.block_kn).reshape(n_k, -1, 3, n)
    # What does not reach into a part has no spin there.
    there_kqsn = (share_kqn > NO_WEIGHT)[:, :, None]
    mean_kqsn = np.where(there_kqsn, spin_kqsn, 0.0) / np.maximum(share_kqn, NO_WEIGHT)[:, :, None]
    return {
        "weight": np.stack(largest_knq, axis=-1),
        "part spin": np.moveaxis(mean_kqsn, -1, 1),
    }


def _totals(response: Response, states: BlochStates) -> dict[str, AnyNumberArray]:
    """Published tensors per k, summed over bands with the occupations."""
    return _by_name("total", response.publish(response(states)))


def _by_name(kind: str, values: Mapping[str, AnyNumberArray]) -> dict[str, AnyNumberArray]:
    return {f"{kind} {name}": value for name, value in values.items()}


def _total_tensors(
    response: Response, values: Mapping[str, Any], grid: tuple[Axis, ...]
) -> dict[str, Tensor]:
    return {
        claim.name: Tensor(
            claim.name,
            claim.symbol,
            values[f"total {claim.name}"],
            np.zeros(values[f"total {claim.name}"].shape),
            (*grid, *claim.axes),
            claim.unit_per_k,
            f"{claim.description}, per k",
        )
        for claim in response.claims.published
    }


def _band_tensors(
    response: Response, values: Mapping[str, Any], grid: tuple[Axis, ...], n_wann: int
) -> dict[str, Tensor]:
    band = Axis("band", tuple(range(1, n_wann + 1)), "", "band, ascending in energy")
    tensors = {}
    for claim in response.claims.published:
        value = values.get(f"band {claim.name}")
        if value is not None:
            own = tuple(axis for axis in claim.axes if axis.name not in ("kT", "mu"))
            tensors[claim.name] = Tensor(
                claim.name,
                claim.symbol,
                value,
                np.zeros(value.shape),
                (*grid, band, *own),
                claim.unit_per_k,
                f"{claim.description}, of one band, summed over its degenerate block",
            )
    return tensors


def _corners(model: AnyModel, path: KPath) -> tuple[tuple[str, ...], FloatArray]:
    if not isinstance(path, str):
        names = [str(label) for label, _ in path]
        corner_pc = np.array([kpt for _, kpt in path], dtype=np.float64)
    elif isinstance(model, ContinuumModel):
        names = [name for name in _split_names(path) if name]
        ends = dict(zip("XYZ", model.extent * np.eye(3)[: model.dimension], strict=False))
        known = {"G": np.zeros(3), **ends}
        if unknown := [name for name in names if name not in known]:
            raise JobError(
                f"Path '{path}' names '{unknown[0]}'; model '{model.name}' is a continuum, which "
                f"has the points {', '.join(known)}. Give labels with Cartesian k in 1/Å instead: "
                '[["G", [0, 0, 0]], ...].'
            )
        corner_pc = np.array([known[name] for name in names])
    else:
        try:
            lattice = Cell(model.cell_ca)  # type: ignore[no-untyped-call]
            lattice = lattice.bandpath(path=path, npoints=0, pbc=model.periodic)
            names = [name for name in _split_names(path) if name]
            corner_pc = np.array([lattice.special_points[name] for name in names])
        except (KeyError, ValueError) as problem:
            raise JobError(
                f"Path '{path}' names a point that this lattice does not have ({problem}). Give "
                'labels with reduced coordinates instead: [["G", [0, 0, 0]], ...].'
            ) from None
    if len(names) < 2 or corner_pc.shape != (len(names), 3):
        kind = "Cartesian" if isinstance(model, ContinuumModel) else "reduced"
        raise JobError(
            f"A path needs at least two points of three {kind} coordinates; got {path!r}."
        )
    return tuple("Γ" if name in ("G", "GAMMA", "Gamma") else name for name in names), corner_pc


def _split_names(path: str) -> Iterator[str]:
    """Names in "GXSYG" or "GX1S": a letter with the digits that follow it."""
    name = ""
    for letter in path.replace(",", "").replace(" ", ""):
        if letter.isdigit():
            name += letter
        else:
            yield name
            name = letter
    yield name


def _points_along(
    model: AnyModel, corner_pc: FloatArray, n: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    length_s = np.linalg.norm(np.diff(corner_pc, axis=0) @ model.recip_ca, axis=1)
    if n < 2 or not (length_s > 0.0).all():
        raise JobError(f"A path of n = {n} points with a segment of no length cannot be drawn.")
    position_p = np.concatenate([[0.0], np.cumsum(length_s)])
    pieces = [corner_pc[:1]]
    for begin_c, end_c, length in zip(corner_pc[:-1], corner_pc[1:], length_s, strict=True):
        steps = max(1, round(n * length / position_p[-1]))
        fraction_k = np.arange(1, steps + 1)[:, None] / steps
        pieces.append(begin_c + fraction_k * (end_c - begin_c))
    kpt_kc = np.concatenate(pieces)
    step_k = np.linalg.norm(np.diff(kpt_kc, axis=0) @ model.recip_ca, axis=1)
    return kpt_kc, np.concatenate([[0.0], np.cumsum(step_k)]), position_p


def _refuse_other_than_numbers(**given: object) -> None:
    for name, value in given.items():
        if isinstance(value, str | bool) or not np.isscalar(value) or not np.isreal(value):
            raise JobError(f"{name} = {value!r} must be a number.")


def _on_points(
    model: AnyModel,
    kpt_kc: FloatArray,
    comm: Comm,
    tolerance: float,
    evaluate: Callable[[BlochStates], dict[str, AnyNumberArray]],
    extras: Sequence[Extra] = (),
) -> dict[str, Any]:
    """Arrays of ``evaluate`` at all points, in their order, on every rank."""
    with one_thread(), comm.together():
        fourier = operators_of(model, comm, extras)
        batch = max(FEWEST_POINTS, BATCH_BYTES // fourier.bytes_per_point)
        starts = range(0, len(kpt_kc), batch)
        mine: dict[int, dict[str, AnyNumberArray] | W90SpinError] = {}
        for index, start in enumerate(starts):
            if index % comm.size == comm.rank:
                points = KPoints(kpt_kc[start : start + batch])
                try:
                    mine[index] = evaluate(solve(fourier, points, tolerance))
                except W90SpinError as problem:
                    # The other ranks wait in the collection below: all must learn of it there.
                    mine[index] = problem
                    break
        fourier.close()
        found = {index: piece for rank in comm.allgather(mine) for index, piece in rank.items()}
        ordered: list[dict[str, AnyNumberArray]] = []
        for index in sorted(found):
            piece = found[index]
            if isinstance(piece, W90SpinError):
                raise piece
            ordered.append(piece)
        return {name: np.concatenate([piece[name] for piece in ordered]) for name in ordered[0]}
