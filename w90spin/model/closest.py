r"""Models from `.amn` and `.eig` alone: the Wannier functions closest to the trial orbitals.

Projections :math:`A_{nj}(\mathbf q) = \langle\psi_{n\mathbf q}|g_j\rangle`, weighted with a window
:math:`w` in energy, are made orthonormal by their polar decomposition:

.. math::

    w(\varepsilon_n) A_{nj} = \sum_m V_{nm} P_{mj}, \qquad V^\dagger V = 1,\ P = P^\dagger > 0

Of all orthonormal sets :math:`V` is the nearest to the weighted orbitals, in the sum of squares.
No run of Wannier90, no iteration and no starting point come in.  Without a window these are the
orbitals orthonormalised after Löwdin.

References
----------
T. Ozaki, Phys. Rev. B 110, 125115 (2024), doi:10.1103/PhysRevB.110.125115
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import (
    FileFormatError,
    FileMissingError,
    InconsistentFilesError,
    ModelError,
    SpinOrderError,
    W90SpinWarning,
)
from w90spin.model import checkpoint
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.lattice import reciprocal_lattice
from w90spin.model.mesh_check import check_on_mesh
from w90spin.model.open_directions import unwrapping_shifts
from w90spin.model.orbitals import projected_orbitals
from w90spin.model.same_run import (
    SAME_LENGTH,
    SAME_POINT,
    read_ordered_eig,
    refuse_other_neighbours,
)
from w90spin.model.spin import (
    atomic_spin,
    pairs_from_centres,
    pairs_from_order,
    pairs_from_projections,
)
from w90spin.model.spin_quality import SpinQuality, check_spin, spin_quality
from w90spin.model.wannier import Structure, WannierModel
from w90spin.model.wigner_seitz import ImageList, minimal_images, wigner_seitz_vectors
from w90spin.parallel import one_thread
from w90spin.read import (
    AmnFile,
    ChkFile,
    EigFile,
    read_amn,
    read_mmn,
    read_spn,
    win_projections,
)

SINGULAR = 1e-7
"""Smallest accepted ratio of the smallest to the largest singular value of the projections.

A file with twelve digits then fixes the Wannier functions to five."""

AB_INITIO = 1e-3
"""Bands nearer to the .eig than this count as the ab-initio ones. [eV]"""

SpinSource = Literal["auto", "spn", "projections", "none"]
PositionFormula = Literal["wannier90", "midpoint"]


def energy_window(energy_kn: FloatArray, window: tuple[float, float, float]) -> FloatArray:
    r"""Weights of the Bloch states in the projections.

    .. math::

        w(\varepsilon) = \frac1{1 + e^{(\varepsilon_\text{low} - \varepsilon)/\sigma}} \,
            \frac1{1 + e^{(\varepsilon - \varepsilon_\text{high})/\sigma}}

    Parameters
    ----------
    energy_kn : float array (k, n)
        Energies. [eV]
    window : 3 floats
        Lower and upper edge, which may be infinite, and the smearing σ of both. [eV]

    Returns
    -------
    float array (k, n)
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> energy_window(np.array([[-50.0, 1.0, 2.0, 40.0]]), (-np.inf, 2.0, 1.0)).round(3).tolist()
    [[1.0, 0.731, 0.5, 0.0]]
    """
    low, high, smearing = window
    if not (smearing > 0.0 and low < high):
        raise ModelError(
            f"window = {window} is none: a lower edge, a higher upper edge and a positive smearing "
            "in eV are needed, for instance (-inf, E_F + 1, 0.5)."
        )
    weight_kn: FloatArray = expit((energy_kn - low) / smearing) * expit(
        (high - energy_kn) / smearing
    )
    return weight_kn


def closest_wannier(
    eig: EigFile, amn: AmnFile, *, window: tuple[float, float, float] | None = None
) -> ComplexArray:
    """Matrix V(q) from ab-initio bands to the Wannier functions closest to the trial orbitals.

    Parameters
    ----------
    eig : EigFile
        Energies.
    amn : AmnFile
        Projections.
    window : 3 floats, optional
        Lower and upper edge and smearing of :func:`energy_window`. [eV]

    Returns
    -------
    complex array (k, n, j)
        Columns are orthonormal; to be used as
        :func:`w90spin.model.checkpoint.bloch_to_wannier` is.

    Raises
    ------
    InconsistentFilesError
        If the numbers of bands or k points differ, or there are fewer bands than trial orbitals.
    ModelError
        If the projections at some k point do not span as many states as there are trial orbitals.

    Notes
    -----
    A trial orbital turned by a phase or a rotation turns the Wannier functions alike; a phase of a
    Bloch state leaves them as they are.
    """
    n_kpts, n_bands, n_wann = amn.amn_kni.shape
    if eig.energy_kn.shape != (n_kpts, n_bands):
        raise InconsistentFilesError(
            f"{amn.path} has {n_kpts} k points and {n_bands} bands, {eig.path} "
            f"{eig.energy_kn.shape[0]} and {eig.energy_kn.shape[1]}. They come from different "
            "runs; write both again from one .nnkp."
        )
    if n_bands < n_wann:
        raise InconsistentFilesError(
            f"{amn.path} has {n_bands} bands for {n_wann} trial orbitals; Wannier functions cannot "
            "outnumber the bands. Compute more bands, or project on fewer orbitals."
        )
    _refuse_singular(amn, amn.amn_kni, "")
    if window is None:
        weighted_kni = amn.amn_kni
    else:
        weighted_kni = energy_window(eig.energy_kn, window)[:, :, None] * amn.amn_kni
        _refuse_singular(amn, weighted_kni, f" in the window {window}")
    left_knj, _, right_kji = np.linalg.svd(weighted_kni, full_matrices=False)
    v_knj: ComplexArray = left_knj @ right_kji
    return v_knj


def load_closest(
    seedname: str | Path,
    *,
    window: tuple[float, float, float] | None = None,
    centres: ArrayLike | None = None,
    spin: SpinSource = "auto",
    spin_order: str | Sequence[tuple[int, int]] | None = None,
    periodic: tuple[bool, bool, bool] | None = None,
    position: PositionFormula = "wannier90",
) -> WannierModel:
    """Build a model from `.amn` and `.eig`, without a run of Wannier90.

    Parameters
    ----------
    seedname : path
        Folder and seedname.  Needs `.amn`, `.eig`, and `.nnkp` or `.win` for lattice and k points;
        takes `.mmn` for the position operator and `.spn` for the spin where they are there.
    window : 3 floats, optional
        Lower and upper edge and smearing of :func:`energy_window`. [eV]  With more bands than
        trial orbitals it is needed.  An upper edge a little below where bands of other character
        begin, and a smearing of 0.5 to 1 eV, are a good start: a larger one makes the Wannier
        functions more local and the bands between mesh points better, a smaller one those on the
        mesh.  The notes of the model say how far these are off.
    centres : float array (i, a), optional
        Sites of the trial orbitals; by default from the projections in `.nnkp` or `.win`. [Å]
    spin : "auto", "spn", "projections" or "none"
        Where the spin operator comes from: `.spn`; pure spinors in the order of the projections,
        an approximation that must be asked for; or none.  "auto" takes `.spn` if it is there.
    spin_order : "interlaced", "block" or pairs, optional
        Order of the spin components, where projections and sites do not tell it.
    periodic : 3 bools, optional
        Directions along which the crystal repeats; by default those with more than one k point.
    position : "wannier90" or "midpoint"
        Formula for r(R) from `.mmn`, as in :func:`w90spin.load_model`.

    Returns
    -------
    WannierModel

    Raises
    ------
    FileMissingError
        If a file that is needed is not there.
    InputFileError
        If a file cannot be used.
    InconsistentFilesError
        If two files cannot belong to one run.
    ModelError
        If the projections are singular, or the sites of the trial orbitals are not known.
    SpinOrderError
        If the order of the spin components is needed and not known.

    Examples
    --------
    ::

        model = load_closest("data/bi-monolayer/bi", window=(-np.inf, 2.5, 0.5))
    """
    with one_thread():
        return build_closest(
            FilesOfSeed.named(seedname),
            window=window,
            centres=centres,
            spin=spin,
            spin_order=spin_order,
            periodic=periodic,
            position=position,
        )


def build_closest(
    files: FilesOfSeed,
    *,
    window: tuple[float, float, float] | None = None,
    centres: ArrayLike | None = None,
    spin: SpinSource = "auto",
    spin_order: str | Sequence[tuple[int, int]] | None = None,
    periodic: tuple[bool, bool, bool] | None = None,
    position: PositionFormula = "wannier90",
) -> WannierModel:
    """Model of :func:`load_closest` from files that were found.

    Parameters
    ----------
    files : FilesOfSeed
        The files.
    window, centres, spin, spin_order, periodic, position
        As of :func:`load_closest`.

    Returns
    -------
    WannierModel
    """
    eig = read_ordered_eig(files.take(".eig"))
    amn = read_amn(files.take(".amn"))
    v_knj = closest_wannier(eig, amn, window=window)
    n_bands, n_wann = v_knj.shape[1:]
    cell_ca, kpt_kc = _lattice(files)
    if len(kpt_kc) != len(v_knj):
        raise InconsistentFilesError(
            f"{amn.path} has {len(v_knj)} k points, {files.seedname}.nnkp or .win {len(kpt_kc)}. "
            "They come from different runs; write the .amn again from this .nnkp."
        )
    mp_grid = _mesh(kpt_kc, files.seedname)
    if periodic is None:
        periodic = (mp_grid[0] > 1, mp_grid[1] > 1, mp_grid[2] > 1)
    notes = [f"H from {eig.path.name} and {amn.path.name}: closest Wannier functions, {window=}."]
    site_ia = _sites(files) @ cell_ca if centres is None else np.array(centres, dtype=np.float64)
    if site_ia.shape != (n_wann, 3):
        raise InconsistentFilesError(
            f"{amn.path} has {n_wann} trial orbitals, the sites have shape {site_ia.shape}. Give "
            "their positions in Å with centres=, or keep the .nnkp that the .amn was made from."
        )
    site_ia = _join(site_ia, cell_ca, periodic)
    chk = _as_checkpoint(amn, v_knj, cell_ca, kpt_kc, mp_grid, site_ia)

    R_Rc, degeneracy_R = wigner_seitz_vectors(cell_ca, mp_grid)
    home = int(np.flatnonzero(np.all(R_Rc == 0, axis=1))[0])
    images = minimal_images(cell_ca, mp_grid, R_Rc, site_ia, periodic)
    mesh_kc = checkpoint.mesh_points(chk)
    ham_kij = checkpoint.hamiltonian_on_mesh(chk, eig)
    ham_Rij = images.move(checkpoint.to_lattice(ham_kij, mesh_kc, R_Rc)[:, None], degeneracy_R)
    pos_Raij, centres_ia = None, site_ia
    mmn_path = files.optional(".mmn")
    if mmn_path is None:
        notes.append(
            "The position operator is diagonal (sites of the trial orbitals): interband quantities "
            "miss the dipoles between Wannier functions. Keep the .mmn for all of r."
        )
    else:
        pos_Raij, centres_ia = _position(files, chk, mmn_path, R_Rc, degeneracy_R, images, position)
        apart = float(np.linalg.norm(centres_ia - site_ia, axis=1).max())
        notes.append(
            f"r from {mmn_path.name}; centres are up to {apart:.2g} Å from the sites of the trial "
            "orbitals."
        )

    spin_bare, pairs, spin_source, quality = _spin(files, chk, eig, spin, spin_order, notes)
    if spin == "projections" and pairs is not None:
        spin_bare = atomic_spin(pairs, home, len(R_Rc)) * degeneracy_R[home]
    spin_Rsij = None if spin_bare is None else images.move(spin_bare, degeneracy_R)
    model = WannierModel.from_arrays(
        cell_ca,
        images.image_Rc,
        ham_Rij[:, 0],
        pos=None if pos_Raij is None else pos_Raij.transpose(0, 2, 3, 1),
        spin=None if spin_Rsij is None else spin_Rsij.transpose(0, 2, 3, 1),
        centres=centres_ia,
        periodic=periodic,
        atoms=_structure(files),
        name=files.seedname.name,
        spin_pairs=pairs,
    )
    if quality is not None:
        check_spin(model, f"{files.seedname}{spin_source}", quality)
    low, high = float(eig.energy_kn.min()), float(eig.energy_kn.max())
    if window is not None:
        low, high = max(low, window[0]), min(high, window[1])
    check = check_on_mesh(model.R_Rc, model.ham_Rij, mesh_kc, np.sort(eig.energy_kn), (low, high))
    notes.append(
        f"Bands against {eig.path.name} on the ab-initio mesh: max {1e3 * check.inside_max:.3g}, "
        f"rms {1e3 * check.inside_rms:.3g} meV between {low:.4g} and {high:.4g} eV."
    )
    if n_bands > n_wann and window is None:
        notes.append(
            f"{n_bands} bands were mixed into {n_wann} Wannier functions without regard to energy: "
            "give window = (low, high, smearing)."
        )
        warnings.warn(f"{notes[-2]} {notes[-1]}", W90SpinWarning, stacklevel=3)
    return replace(
        model,
        spin_source=spin_source,
        inputs=files.hashes(),
        notes=(*notes, *model.notes),
        frozen_window=(low, high) if check.inside_max < AB_INITIO else None,
        spin_quality={} if quality is None else quality.numbers,
        orbitals=projected_orbitals(files.win(), files.nnkp(), n_wann, pairs),
    )


def _lattice(files: FilesOfSeed) -> tuple[FloatArray, FloatArray]:
    """Lattice vectors [Å] and reduced k points; those of the .win have more digits."""
    nnkp, win = files.nnkp(), files.win()
    if win is not None and win.cell_ca is not None and win.kpt_kc is not None:
        if nnkp is not None and (
            nnkp.kpt_kc.shape != win.kpt_kc.shape
            or np.abs(nnkp.kpt_kc - win.kpt_kc).max() > SAME_POINT
            or np.abs(nnkp.cell_ca - win.cell_ca).max() > SAME_LENGTH
        ):
            raise InconsistentFilesError(
                f"{nnkp.path} and {win.path} do not have the same lattice and k points. Write "
                "the .nnkp, and with it the .amn and .eig, again."
            )
        return win.cell_ca, win.kpt_kc
    if nnkp is not None:
        return nnkp.cell_ca, nnkp.kpt_kc
    raise FileMissingError(
        Path(f"{files.seedname}.nnkp"),
        "",
        "there is neither a .nnkp nor a .win with unit_cell_cart and kpoints.",
        "Keep the .nnkp ('wannier90.x -pp' writes it): it has the lattice and the k points.",
    )


def _structure(files: FilesOfSeed) -> Structure | None:
    win = files.win()
    if win is None or win.positions_xa is None or not win.symbols:
        return None
    return Structure(tuple(win.symbols), win.positions_xa)


def _sites(files: FilesOfSeed) -> FloatArray:
    """Reduced sites of the trial orbitals, from the .nnkp, else from simple ones in .win."""
    nnkp, win = files.nnkp(), files.win()
    if nnkp is not None and nnkp.projections:
        return np.array([projection.site_c for projection in nnkp.projections])
    if win is not None and "projections" in win.blocks:
        try:
            return np.array([projection.site_c for projection in win_projections(win)])
        except FileFormatError as problem:
            raise ModelError(
                f"The projections cannot be read off: {problem} Or give centres= in Å."
            ) from problem
    raise ModelError(
        f"The sites of the trial orbitals of {files.seedname}.amn are not known: there are no "
        "projections in a .nnkp or .win. Give them in Å with centres=."
    )


def _mesh(kpt_kc: FloatArray, seedname: Path) -> tuple[int, int, int]:
    """Numbers of k points along the three directions."""
    counts = []
    for axis in range(3):
        ordered = np.sort(kpt_kc[:, axis] % 1.0)
        steps = np.diff(ordered, append=ordered[0] + 1.0)
        counts.append(max(int((steps > SAME_POINT).sum()), 1))
    if int(np.prod(counts)) != len(kpt_kc):
        raise InconsistentFilesError(
            f"{seedname}: {len(kpt_kc)} k points are no full mesh ({' x '.join(map(str, counts))} "
            "by their coordinates). Wannier functions need all points of one."
        )
    return counts[0], counts[1], counts[2]


def _join(
    site_ia: FloatArray, cell_ca: FloatArray, periodic: tuple[bool, bool, bool]
) -> FloatArray:
    """Sites without a cut at the boundary along open directions."""
    for axis in range(3):
        if not periodic[axis]:
            shift_i = unwrapping_shifts(site_ia, cell_ca, axis)
            site_ia = site_ia + shift_i[:, None] * cell_ca[axis]
    return site_ia


def _as_checkpoint(
    amn: AmnFile,
    v_knj: ComplexArray,
    cell_ca: FloatArray,
    kpt_kc: FloatArray,
    mp_grid: tuple[int, int, int],
    centres_ia: FloatArray,
) -> ChkFile:
    """What a checkpoint would hold, with V(q) in place of the rotation."""
    n_kpts, n_bands, n_wann = v_knj.shape
    return ChkFile(
        path=amn.path,
        header="closest Wannier functions",
        n_bands=n_bands,
        exclude_bands=np.zeros(0, dtype=np.int64),
        cell_ca=cell_ca,
        recip_ca=reciprocal_lattice(cell_ca),
        n_kpts=n_kpts,
        mp_grid=mp_grid,
        kpt_kc=kpt_kc,
        n_neighbours=0,
        n_wann=n_wann,
        checkpoint="postwann",
        have_disentangled=False,
        omega_invariant=0.0,
        window_kn=np.ones((n_kpts, n_bands), dtype=np.bool_),
        n_window_k=np.full(n_kpts, n_bands),
        u_opt_kni=None,
        u_kij=v_knj,
        overlap_kbij=np.zeros((n_kpts, 0, n_wann, n_wann), dtype=np.complex128),
        centres_ia=centres_ia,
        spreads_i=np.zeros(n_wann),
    )


def _position(
    files: FilesOfSeed,
    chk: ChkFile,
    mmn_path: Path,
    R_Rc: IntArray,
    degeneracy_R: IntArray,
    images: ImageList,
    formula: PositionFormula,
) -> tuple[ComplexArray, FloatArray]:
    """Position on the lattice vectors of the images, and the centres, near the sites."""
    mmn = read_mmn(mmn_path)
    if (nnkp := files.nnkp()) is not None:
        refuse_other_neighbours(nnkp, mmn)
    overlap_kbij, _ = checkpoint.overlaps_on_mesh(chk, mmn)
    home = int(np.flatnonzero(np.all(R_Rc == 0, axis=1))[0])
    diagonal = np.arange(chk.n_wann)
    pos_Raij = checkpoint.position_wannier90(chk, mmn, overlap_kbij, R_Rc)
    found_ia = pos_Raij[home][:, diagonal, diagonal].real.T
    # Phases of overlaps fix a centre up to vectors of the Born-von Karman supercell.
    super_ca = np.array(chk.mp_grid)[:, None] * chk.cell_ca
    centres_ia = (
        found_ia + np.rint((chk.centres_ia - found_ia) @ np.linalg.inv(super_ca)) @ super_ca
    )
    if formula == "midpoint":
        pos_qaij = checkpoint.position_midpoint(
            chk, mmn, overlap_kbij, R_Rc, degeneracy_R, centres_ia, images
        )
        return pos_qaij, centres_ia
    pos_Raij[home][:, diagonal, diagonal] = centres_ia.T
    return images.move(pos_Raij, degeneracy_R), centres_ia


def _spin(
    files: FilesOfSeed,
    chk: ChkFile,
    eig: EigFile,
    spin: SpinSource,
    spin_order: str | Sequence[tuple[int, int]] | None,
    notes: list[str],
) -> tuple[ComplexArray | None, IntArray | None, str, SpinQuality | None]:
    """Bare spin(R) of the .spn, pairs where known, where the spin comes from, its quality."""
    pairs = None
    try:
        pairs = _pairs(files, chk, spin_order)
    except SpinOrderError:
        if spin == "projections" or spin_order is not None:
            raise
    if spin == "none":
        return None, pairs, "none", None
    if spin == "projections":
        notes.append(
            "The spin operator assumes Wannier functions that are pure spinors; write the .spn "
            "(write_spn = .true. in pw2wannier90) for the ab-initio one."
        )
        return None, pairs, "pure spinors, order of the projections", None
    path = files.optional(".spn")
    if path is None:
        if spin == "spn":
            files.take(".spn")
        notes.append(
            "No spin operator: there is no .spn. Write it (write_spn = .true. in pw2wannier90), or "
            "accept pure spinors with spin = 'projections'."
        )
        return None, pairs, "none", None
    spn = read_spn(path)
    spin_ksij = checkpoint.spin_on_mesh(chk, spn)
    quality = spin_quality(eig.energy_kn, spn.spin_ksnm, chk.kpt_kc)
    notes.append(f"Spin of {path.name}: {quality}.")
    R_Rc, _ = wigner_seitz_vectors(chk.cell_ca, chk.mp_grid)
    spin_Rsij = checkpoint.to_lattice(spin_ksij, checkpoint.mesh_points(chk), R_Rc)
    return spin_Rsij, pairs, ".spn", quality


def _pairs(
    files: FilesOfSeed, chk: ChkFile, spin_order: str | Sequence[tuple[int, int]] | None
) -> IntArray:
    if spin_order is not None:
        order = spin_order if isinstance(spin_order, str) else np.array(spin_order)
        return pairs_from_order(order, chk.n_wann)
    nnkp = files.nnkp()
    if nnkp is not None and nnkp.spinor and len(nnkp.projections) == chk.n_wann:
        return pairs_from_projections(nnkp)
    win = files.win()
    if win is not None and not win.spinors:
        raise SpinOrderError(
            f"{win.path} has no spinors = .true.: its trial orbitals carry no spin components."
        )
    return pairs_from_centres(chk.centres_ia, chk.cell_ca)


def _refuse_singular(amn: AmnFile, projection_kni: ComplexArray, where: str) -> None:
    """Raise if the trial orbitals are linearly dependent on the Bloch states."""
    value_kx = np.linalg.svd(projection_kni, compute_uv=False)
    ratio_k = value_kx[:, -1] / np.maximum(value_kx[:, 0], np.finfo(np.float64).tiny)
    worst = int(np.argmin(ratio_k))
    if ratio_k[worst] > SINGULAR:
        return
    rank = int((value_kx[worst] > SINGULAR * value_kx[worst, 0]).sum())
    remedy = (
        "A window that reaches higher or has a larger smearing lets more bands in."
        if where
        else "Two trial orbitals are alike, or the bands miss their character; change the "
        "projections, or compute more bands."
    )
    raise ModelError(
        f"{amn.path}: at k point {worst + 1} the projections{where} span {rank} states instead of "
        f"{value_kx.shape[1]} (ratio of singular values {ratio_k[worst]:.1e}), which fix no "
        f"Wannier functions. {remedy}"
    )
