"""From a seedname to a model: takes the files that are there and says what is missing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import (
    FileFormatError,
    FileMissingError,
    InconsistentFilesError,
    ModelError,
    SpinOrderError,
    W90SpinError,
    W90SpinWarning,
)
from w90spin.model import checkpoint
from w90spin.model.closest import build_closest
from w90spin.model.file import FORMAT as MODEL_FORMAT
from w90spin.model.file import SUFFIX as MODEL_SUFFIX
from w90spin.model.file import read_model
from w90spin.model.files_of_seed import WRITERS, FilesOfSeed
from w90spin.model.lattice import find_vectors
from w90spin.model.mesh_check import check_on_mesh
from w90spin.model.open_directions import unwrapping_shifts
from w90spin.model.orbitals import projected_orbitals
from w90spin.model.same_run import (
    SAME_CENTRE,
    SAME_LENGTH,
    read_ordered_eig,
    refuse_other_atoms,
    refuse_other_bands,
    refuse_other_counts,
    refuse_other_images,
    refuse_other_mesh,
    refuse_other_neighbours,
    wrapped_distance,
)
from w90spin.model.spin import (
    agreed_pairs,
    atomic_spin,
    pairs_from_centres,
    pairs_from_hamiltonian,
    pairs_from_order,
    pairs_from_projections,
    pairs_from_spin,
)
from w90spin.model.spin_current import Current, SpinCurrentOperators
from w90spin.model.spin_order import PT, OrderTest, order_tests
from w90spin.model.spin_products import check_currents, spin_products
from w90spin.model.spin_quality import SpinQuality, check_spin, spin_quality
from w90spin.model.tbmodels import from_tbmodels
from w90spin.model.wannier import Structure, WannierModel, minus_R
from w90spin.model.wigner_seitz import (
    ImageList,
    image_list,
    minimal_images,
    wigner_seitz_vectors,
)
from w90spin.parallel import one_thread
from w90spin.read import (
    CentresFile,
    ChkFile,
    HrFile,
    RmnFile,
    WinFile,
    WsvecFile,
    read_centres,
    read_chk,
    read_hr,
    read_mmn,
    read_rmn,
    read_spin_r,
    read_spn,
    read_tb,
    read_wout,
    read_wsvec,
)
from w90spin.storage import format_name, is_hdf5

Source = Literal["auto", "tb", "hr", "chk", "amn"]
SpinSource = Literal["auto", "spn", "projections", "none"]
PositionFormula = Literal["wannier90", "midpoint"]

WRONG_BANDS = 0.05
"""Largest deviation from the .eig inside the frozen window that is still one run. [eV]"""

NAMED_SOURCE: dict[str, Source] = {
    "_tb.dat": "tb",
    "_hr.dat": "hr",
    ".chk": "chk",
    ".chk.fmt": "chk",
    ".amn": "amn",
}
"""Where H comes from if the user names this one file."""

TIME_REVERSAL = "time reversal of H(R)"

SAME_ORBITAL = 0.5
"""Centres of the two spin components of an orbital are usually nearer. [Å]"""

HDF5_ENDINGS = (".h5", ".hdf5")

SPIN_R = "_spin_R.npz"
"""Ending of an array file with the spin operator on lattice vectors."""


def load_model(
    seedname: str | Path,
    *,
    source: Source = "auto",
    spin: SpinSource = "auto",
    spin_order: str | Sequence[tuple[int, int]] | None = None,
    periodic: tuple[bool, bool, bool] | None = None,
    minimal_distance: bool = True,
    position: PositionFormula = "wannier90",
    window: tuple[float, float, float] | None = None,
    spin_current: str | Sequence[str] = (),
) -> WannierModel:
    """Build a model from Wannier90's files, or read one.

    Parameters
    ----------
    seedname : path
        Folder and seedname: "data/bi-monolayer/bi" for data/bi-monolayer/bi_tb.dat and so on.
        Files compressed with gzip, bzip2 or xz are found too.  Or one of the files, as in
        "bi_tb.dat.xz": a `_tb.dat`, `_hr.dat`, `.chk` or `.amn` is then where H comes from.  Or a
        model file, `bi.w90.h5`, which is taken as it is.  Or an HDF5 file of TBmodels, for which
        ``spin_order`` and ``periodic`` count.
    source : "auto", "tb", "hr", "chk" or "amn"
        Where H and r come from: `_tb.dat`; `_hr.dat` with `_r.dat` or `_centres.xyz`; `.chk` with
        `.eig` and `.mmn`; or `.amn` with `.eig`, as in :func:`w90spin.load_closest`.  "auto" takes
        the first of tb, chk, hr, amn whose files are there.
    spin : "auto", "spn", "projections" or "none"
        Where the spin operator comes from: `.spn` with `.chk`; pure spinors in the order of the
        projections, an approximation that must be asked for; or none.  "auto" takes `.spn` if it
        is there, and reports how far the two are apart; else `_spin_R.npz`, a NumPy archive of
        "R" and "sigma" on the R of `_tb.dat`; else pure spinors if ``spin_order`` is given; else
        none.
    spin_order : "interlaced", "block" or pairs, optional
        Order of the spin components, where `.nnkp` and centres do not tell it.
    periodic : 3 bools, optional
        Directions along which the crystal repeats; by default those along which some R of the
        files is not zero, that is those with more than one ab-initio k point.
    minimal_distance : bool
        Move elements of a bare Wigner-Seitz list of R to their nearest images where no `_wsvec.dat`
        says how (Wannier90's ``use_ws_distance``).
    position : "wannier90" or "midpoint"
        Finite-difference formula for r(R), for source "chk" only: that of Wannier90, which fills
        `_tb.dat`, or the one about the middle of each pair, which is Hermitian, does not depend
        on the origin, and so keeps the crystal's symmetry.
    window : 3 floats, optional
        For source "amn" only: window in energy, as in :func:`w90spin.load_closest`. [eV]
    spin_current : "qiao2018", "ryoo2019" or both
        Spin currents whose operators are built too, from `.chk`, `.eig`, `.mmn` and `.spn`; for
        "ryoo2019" also from `.sIu` and `.sHu`, where they are there.  ``position`` says by which
        finite differences: those of Wannier90 are what postw90 has.

    Returns
    -------
    WannierModel

    Raises
    ------
    FileMissingError
        If the seedname has no usable set of files.
    InputFileError
        If a file cannot be used.
    ResultFileError
        If a model file cannot be used.
    InconsistentFilesError
        If two files cannot belong to one run.
    ModelError
        If arguments contradict each other or what was named.
    SpinOrderError
        If the order of the spin components is needed and not known.
    """
    _check_choices(source=source, spin=spin, position=position)
    currents = check_currents(spin_current)
    if str(seedname).endswith(HDF5_ENDINGS) or is_hdf5(seedname):
        _refuse(
            f"{seedname} is one file with a whole model",
            source=source != "auto",
            minimal_distance=not minimal_distance,
            position=position != "wannier90",
            window=window is not None,
            spin_current=bool(currents),
        )
        return _from_hdf5(Path(seedname), spin, spin_order, periodic)
    files = FilesOfSeed.named(seedname)
    if currents and source == "auto" and not files.ending:
        source = "chk"
    source = _source(files, source)
    if currents and (source != "chk" or spin not in ("auto", "spn")):
        raise ModelError(
            f"spin_current = {', '.join(currents)} needs source = 'chk' and spin = 'spn', not "
            f"{source!r} and {spin!r}: its operators are made of .chk, .eig, .mmn and .spn."
        )
    if source == "amn":
        _refuse(
            "with source = 'amn' images are always the nearest",
            minimal_distance=not minimal_distance,
        )
        with one_thread():
            return build_closest(
                files,
                window=window,
                spin=spin,
                spin_order=spin_order,
                periodic=periodic,
                position=position,
            )
    _refuse(f"H comes from source = {source!r}, not from projections", window=window is not None)
    with one_thread():
        return _load(
            files, source, spin, spin_order, periodic, minimal_distance, position, currents
        )


def _refuse(why: str, **given: bool) -> None:
    """Refuse arguments that would have no effect."""
    useless = [name for name, is_given in given.items() if is_given]
    if useless:
        raise ModelError(f"{' and '.join(useless)} would have no effect: {why}. Leave it out.")


def _from_hdf5(
    path: Path,
    spin: SpinSource,
    spin_order: str | Sequence[tuple[int, int]] | None,
    periodic: tuple[bool, bool, bool] | None,
) -> WannierModel:
    """A model file of the package's own, or one of TBmodels."""
    name = format_name(path) if is_hdf5(path) else None
    if name == MODEL_FORMAT or path.name.endswith(MODEL_SUFFIX):
        _refuse(
            f"{path} is a model file, taken as it is",
            spin=spin != "auto",
            spin_order=spin_order is not None,
            periodic=periodic is not None,
        )
        return read_model(path)
    if name is not None:
        raise ModelError(
            f"{path} is a {name} file, not a model. Give a seedname, a file of save_model "
            "(.w90.h5) or of TBmodels; 'w90spin plot' draws results."
        )
    if spin == "spn" or (spin == "projections" and spin_order is None):
        raise ModelError(
            f"{path} is no model of w90spin, and TBmodels knows no spin: spin = {spin!r} cannot "
            "be met. Give spin_order = 'interlaced' or 'block' for pure spinors."
        )
    try:
        return from_tbmodels(
            path, spin_order=None if spin == "none" else spin_order, periodic=periodic
        )
    except ModelError as problem:
        raise type(problem)(f"{path}: {problem}") from None


def _source(files: FilesOfSeed, source: Source) -> Source:
    """Where H comes from: as told, by the file that was named, or by what is there."""
    if not files.ending and os.path.isfile(files.seedname):
        raise FileFormatError(
            files.seedname,
            "",
            "nothing that a model is made from is known by this name.",
            f"Give folder and seedname, or one of the files ({', '.join(NAMED_SOURCE)}, "
            f"{MODEL_SUFFIX}), with that ending.",
        )
    told = NAMED_SOURCE.get(files.ending)
    if told is None:
        return _best_source(files) if source == "auto" else source
    if source not in ("auto", told):
        raise ModelError(
            f"source = {source!r} and the file named, {files.seedname}{files.ending}, contradict "
            f"each other. Leave source out, or give {files.seedname}."
        )
    return told


def _load(
    files: FilesOfSeed,
    source: Source,
    spin: SpinSource,
    spin_order: str | Sequence[tuple[int, int]] | None,
    periodic: tuple[bool, bool, bool] | None,
    minimal_distance: bool,
    position: PositionFormula,
    currents: tuple[Current, ...],
) -> WannierModel:
    if position == "midpoint" and source != "chk":
        raise ModelError(
            f"position = 'midpoint' needs the overlaps of the .mmn: use source = 'chk'; {source} "
            "brings its own r(R)."
        )
    if source == "chk":
        bare = _from_chk(files, position)
    else:
        bare = _from_tb(files) if source == "tb" else _from_hr(files)
        if (win := files.win()) is not None:
            refuse_other_counts(win, {"num_wann": bare.ham_Rij.shape[-1]}, bare.source)
    _compare_with_log(files, bare)
    periodic = _periodic_directions(bare, periodic)
    images = _images(files, bare, minimal_distance, periodic)
    R_Rc = bare.R_Rc if images is None else images.image_Rc
    ham_Rij = _on_images(bare.ham_Rij[:, None], bare, images)[:, 0]
    n_R = len(bare.R_Rc)
    home = int(np.flatnonzero(np.all(bare.R_Rc == 0, axis=1))[0])
    spin_bare, spin_source = None, "none"
    has_spn = files.find(".spn") is not None and files.find(".chk") is not None
    if spin == "auto" and not has_spn and files.find(SPIN_R) is not None:
        spin_bare, spin_source = _spin_from_npz(files, bare), SPIN_R
    elif spin == "spn" or (spin == "auto" and has_spn):
        spin_bare, spin_source = _spin_from_spn(files, bare), ".spn"
    given = spin_order is not None

    pairs, pairs_source = _spin_pairs(
        files,
        bare,
        spin_order,
        spin_bare,
        spin_source,
        partial(_magnetic_tests, files, bare, R_Rc, ham_Rij, periodic),
        required=spin == "projections",
    )
    if spin_bare is not None:
        if pairs is not None:
            atomic = atomic_spin(pairs, home, n_R)
            apart = np.abs(spin_bare[home] - atomic[home])
            bare.notes.append(
                f"Spin of the {spin_source} and of pure spinors at R = 0 differ by at most "
                f"{apart.max():.3f}, rms {np.sqrt((apart**2).mean()):.4f}."
            )
    elif pairs is not None and (spin == "projections" or (spin == "auto" and given)):
        spin_bare, spin_source = atomic_spin(pairs, home, n_R), f"pure spinors, {pairs_source}"
        spin_bare *= bare.degeneracy_R[home]
        bare.notes.append(
            "The spin operator assumes Wannier functions that are pure spinors; write the .spn "
            "(write_spn = .true. in pw2wannier90) for the ab-initio one."
        )

    elif spin == "auto":
        lacking = " and no ".join(end for end in (".spn", ".chk") if files.find(end) is None)
        bare.notes.append(
            f"No spin operator: there is no {lacking}. Write it (.spn: write_spn = .true. in "
            "pw2wannier90; .chk: wannier90.x), or accept pure spinors with spin = 'projections'."
        )

    if bare.chk is None and spin_source != ".spn" and files.find(".chk") is not None:
        _tell_other_checkpoint(files, bare)
    if pairs is not None:
        bare.notes.append(f"Order of the spin components from {pairs_source}.")
    spin_Rsij = None if spin_bare is None else _on_images(spin_bare, bare, images)
    pos_Raij = _on_images(bare.pos_Raij, bare, images)
    if bare.midpoint is not None:
        pos_Raij = bare.midpoint(bare.R_Rc, bare.degeneracy_R, bare.centres_ia, images)

    model = _model(
        f"{files.seedname} ({bare.source}; spin from {spin_source})",
        bare.cell_ca,
        R_Rc,
        ham_Rij,
        pos=pos_Raij.transpose(0, 2, 3, 1),
        spin=None if spin_Rsij is None else spin_Rsij.transpose(0, 2, 3, 1),
        centres=bare.centres_ia,
        periodic=periodic,
        atoms=bare.structure,
        name=files.seedname.name,
        spin_pairs=pairs,
    )
    products: dict[str, SpinCurrentOperators] = {
        current: _products(files, current, bare, images, midpoint=position == "midpoint")
        for current in currents
    }
    window = _compare_with_eig(files, bare, model)
    if spin_source in (".spn", SPIN_R):
        check_spin(model, f"{files.seedname}{spin_source}", bare.spin_quality)
    return replace(
        model,
        spin_source=spin_source,
        inputs=files.hashes(),
        notes=(f"H and r from {bare.source}.", *bare.notes, *model.notes),
        frozen_window=window,
        spin_current=products,
        spin_quality={} if bare.spin_quality is None else bare.spin_quality.numbers,
        orbitals=projected_orbitals(
            files.win(),
            files.nnkp(),
            model.n_wann,
            pairs,
        ),
    )


def _products(
    files: FilesOfSeed,
    current: Current,
    bare: _Bare,
    images: ImageList | None,
    *,
    midpoint: bool,
) -> SpinCurrentOperators:
    """Operators of a spin current on the lattice vectors of the model."""
    assert bare.chk is not None
    return spin_products(
        files,
        current,
        bare.chk,
        read_mmn(files.take(".mmn")),
        read_ordered_eig(files.take(".eig")),
        read_spn(files.take(".spn")),
        bare.R_Rc,
        bare.degeneracy_R,
        bare.centres_ia,
        images,
        midpoint=midpoint,
    )


def _model(origin: str, *arrays: Any, **more: Any) -> WannierModel:
    """Model from arrays; what they violate is said of the files that they are from."""
    try:
        return WannierModel.from_arrays(*arrays, **more)
    except ModelError as problem:
        raise ModelError(f"{origin}: {problem}") from None


def _on_images(op_Rxij: ComplexArray, bare: _Bare, images: ImageList | None) -> ComplexArray:
    """An operator of the files divided by the degeneracies, its elements at nearest images."""
    if images is None:
        shared_Rxij: ComplexArray = op_Rxij * (1.0 / bare.degeneracy_R)[:, None, None, None]
        return shared_Rxij
    return images.move(op_Rxij, bare.degeneracy_R)


def _check_choices(**choices: str) -> None:
    """Refuse words that are none of the choices."""
    known: dict[str, tuple[str, ...]] = {
        "source": get_args(Source),
        "spin": get_args(SpinSource),
        "position": get_args(PositionFormula),
    }
    for name, word in choices.items():
        if word not in known[name]:
            raise ModelError(f"{name} = {word!r} must be one of {', '.join(known[name])}.")


def _best_source(files: FilesOfSeed) -> Source:
    """First source whose files are all there."""
    if files.find("_tb.dat"):
        return "tb"
    if files.find(".chk") and files.find(".eig") and files.find(".mmn"):
        return "chk"
    if files.find("_hr.dat"):
        return "hr"
    if files.find(".amn") and files.find(".eig"):
        return "amn"
    folder = files.seedname if os.path.isdir(files.seedname) else files.seedname.parent
    if not os.path.isdir(folder):
        raise FileMissingError(
            folder, "", "the folder is not there.", "Give folder and seedname, as in dir/bi."
        )
    seeds = sorted(
        {
            path.name.split(suffix)[0]
            for suffix in ("_tb.dat", "_hr.dat", ".chk", ".amn")
            for path in folder.glob(f"*{suffix}*")
        }
    )
    if files.seedname.name in seeds:
        lacking = [end for end in (".chk", ".eig", ".mmn") if files.find(end) is None]
        hint = f"For the .chk there is no {' and no '.join(lacking)}. {WRITERS[lacking[0]]}"
    elif seeds:
        hint = f"The folder has the seedname(s) {', '.join(seeds)}: give {folder / seeds[0]}."
    else:
        hint = "The folder has no Wannier90 output; run wannier90.x with write_tb = .true. there."
    raise FileMissingError(
        files.seedname,
        "",
        "no _tb.dat, no .chk with .eig and .mmn, no _hr.dat, and no .amn with .eig, with this "
        "seedname.",
        hint,
    )


@dataclass(eq=False)
class _Bare:
    """Operators on the list of R of the files, not divided by the degeneracies."""

    source: str
    cell_ca: FloatArray
    R_Rc: IntArray
    degeneracy_R: IntArray
    ham_Rij: ComplexArray
    pos_Raij: ComplexArray
    centres_ia: FloatArray
    mp_grid: tuple[int, int, int] | None
    structure: Structure | None
    notes: list[str] = field(default_factory=list)
    chk: ChkFile | None = None
    midpoint: Callable[..., ComplexArray] | None = None
    spin_quality: SpinQuality | None = None
    centres_alone: bool = False
    cell_source: str = ""


def _from_tb(files: FilesOfSeed) -> _Bare:
    tb = read_tb(files.take("_tb.dat"))
    home = int(np.flatnonzero(np.all(tb.R_Rc == 0, axis=1))[0])
    diagonal_ia = np.einsum("aii->ia", tb.pos_Raij[home]).real / tb.degeneracy_R[home]
    bare = _Bare(
        source=tb.path.name,
        cell_ca=tb.cell_ca,
        R_Rc=tb.R_Rc,
        degeneracy_R=tb.degeneracy_R,
        ham_Rij=tb.ham_Rij,
        pos_Raij=tb.pos_Raij,
        centres_ia=diagonal_ia,
        mp_grid=_mp_grid(files),
        structure=None,
    )
    _same_cell(files, bare)
    centres = _centres(files, bare)
    if centres is not None:
        _same_centres(centres, tb.path, bare)
    return bare


def _from_hr(files: FilesOfSeed) -> _Bare:
    hr = read_hr(files.take("_hr.dat"))
    win = files.win()
    rmn_path = files.optional("_r.dat")
    path = files.take("_centres.xyz") if rmn_path is None else files.optional("_centres.xyz")
    cell_ca = None if win is None else win.cell_ca
    if cell_ca is None:
        raise FileMissingError(
            Path(f"{files.seedname}.win"),
            "",
            f"{hr.path.name} holds no lattice vectors, and there is no .win with unit_cell_cart.",
            "Keep the .win beside it, or write _tb.dat with write_tb = .true.",
        )
    home = int(np.flatnonzero(np.all(hr.R_Rc == 0, axis=1))[0])
    bare = _Bare(
        source=hr.path.name,
        cell_ca=cell_ca,
        R_Rc=hr.R_Rc,
        degeneracy_R=hr.degeneracy_R,
        ham_Rij=hr.ham_Rij,
        pos_Raij=np.zeros((len(hr.R_Rc), 3, hr.n_wann, hr.n_wann), dtype=np.complex128),
        centres_ia=np.zeros((hr.n_wann, 3)),
        mp_grid=_mp_grid(files),
        structure=None,
    )
    bare.cell_source = "" if win is None else str(win.path)
    _same_cell(files, bare)
    centres = _centres(files, bare)
    diagonal = np.arange(hr.n_wann)
    if rmn_path is not None:
        bare.pos_Raij = _position_of(hr, read_rmn(rmn_path))
        bare.centres_ia = bare.pos_Raij[home][:, diagonal, diagonal].real.T / hr.degeneracy_R[home]
        bare.source = f"{hr.path.name} and {rmn_path.name}"
        if centres is not None:
            _same_centres(centres, rmn_path, bare)
    elif centres is not None and path is not None:
        bare.centres_ia = centres.centres_ia
        bare.pos_Raij[home][:, diagonal, diagonal] = centres.centres_ia.T * hr.degeneracy_R[home]
        bare.source = f"{hr.path.name}, r diagonal from {path.name}"
        bare.centres_alone = True
        bare.notes.append(
            "The position operator is diagonal (Wannier centres only): interband quantities miss "
            "the dipoles between Wannier functions. Write _tb.dat with write_tb = .true. for all "
            "of r."
        )
    return bare


def _position_of(hr: HrFile, rmn: RmnFile) -> ComplexArray:
    """Position matrix on the lattice vectors of H(R)."""
    index_R = find_vectors(rmn.R_Rc, hr.R_Rc)
    if rmn.n_wann != hr.n_wann or len(rmn.R_Rc) != len(index_R) or index_R.min() < 0:
        raise InconsistentFilesError(
            f"{rmn.path} ({rmn.n_wann} Wannier functions, {len(rmn.R_Rc)} R) and {hr.path} "
            f"({hr.n_wann}, {len(hr.R_Rc)} R) do not have the same lattice vectors. They come from "
            "different runs; write both again in one, with write_hr and write_rmn."
        )
    pos_Raij: ComplexArray = rmn.pos_Raij[index_R]
    return pos_Raij


def _compare_with_log(files: FilesOfSeed, bare: _Bare) -> None:
    """Centres of a `.wout` of another run: refused where r is made from centres, else warned of."""
    path = files.find(".wout")
    if path is None:
        return
    try:
        log = read_wout(path)
    except W90SpinError:
        return  # of a run that only plotted, or was stopped: it says nothing
    cell_apart = float(np.abs(log.cell_ca - bare.cell_ca).max())
    if cell_apart > SAME_LENGTH:
        differ = f"are in cells that differ by up to {cell_apart:.4f} Å"
    elif log.centres_ia.shape == bare.centres_ia.shape:
        apart = wrapped_distance(log.centres_ia, bare.centres_ia, bare.cell_ca)
        if apart < SAME_CENTRE:
            return
        differ = f"are up to {apart:.3f} Å apart"
    else:
        differ = f"are {len(log.centres_ia)} and {len(bare.centres_ia)}"
    problem = (
        f"The Wannier centres in {path} and {bare.source} {differ}. They come from different runs"
    )
    if bare.centres_alone:
        raise InconsistentFilesError(
            f"{problem}, and r is made from centres here. Write _centres.xyz again with write_xyz "
            "= .true., or remove the .wout if it is the wrong one."
        )
    warnings.warn(
        f"{problem}; the .wout is not used, but something in this folder is stale.",
        W90SpinWarning,
        stacklevel=4,
    )


def _same_centres(centres: CentresFile, other: Path, bare: _Bare) -> None:
    """Refuse centres that are not those of the position operator, up to lattice vectors."""
    apart = wrapped_distance(centres.centres_ia, bare.centres_ia, bare.cell_ca)
    if apart > SAME_CENTRE:
        raise InconsistentFilesError(
            f"The Wannier centres in {centres.path} and {other} are up to {apart:.3f} Å "
            "apart. They come from different runs; write both again in one."
        )


def _from_chk(files: FilesOfSeed, position: PositionFormula) -> _Bare:
    chk = read_chk(files.take(".chk"))
    _same_run(files, chk)
    eig = read_ordered_eig(files.take(".eig"))
    mmn = read_mmn(files.take(".mmn"))
    nnkp = files.nnkp()
    if nnkp is not None:
        refuse_other_neighbours(nnkp, mmn)
    R_Rc, degeneracy_R = wigner_seitz_vectors(chk.cell_ca, chk.mp_grid)
    ham_kij = checkpoint.hamiltonian_on_mesh(chk, eig)
    overlap_kbij, mismatch = checkpoint.overlaps_on_mesh(chk, mmn)
    if mismatch > 1e-4:
        raise InconsistentFilesError(
            f"The overlaps of {mmn.path} in the Wannier gauge differ from those in {chk.path} by "
            f"{mismatch:.2e}. The .mmn belongs to another run; write both again."
        )
    bare = _Bare(
        source=f"{chk.path.name}, {eig.path.name} and {mmn.path.name}",
        cell_ca=chk.cell_ca,
        R_Rc=R_Rc,
        degeneracy_R=degeneracy_R,
        ham_Rij=checkpoint.to_lattice(ham_kij, checkpoint.mesh_points(chk), R_Rc),
        pos_Raij=checkpoint.position_wannier90(chk, mmn, overlap_kbij, R_Rc),
        centres_ia=chk.centres_ia,
        mp_grid=chk.mp_grid,
        structure=None,
        chk=chk,
    )
    if position == "midpoint":
        bare.midpoint = partial(checkpoint.position_midpoint, chk, mmn, overlap_kbij)
    _same_cell(files, bare)
    centres = _centres(files, bare)
    if centres is not None:
        apart = wrapped_distance(centres.centres_ia, chk.centres_ia, chk.cell_ca)
        if apart > SAME_CENTRE:
            bare.notes.append(
                f"The Wannier centres in {centres.path.name} and {chk.path.name} are up to "
                f"{apart:.3f} Å apart: the files come from different runs."
            )
    return bare


def _matching_checkpoint(files: FilesOfSeed, bare: _Bare) -> ChkFile:
    """The .chk, of the same run and in the same gauge as the other files."""
    chk = read_chk(files.take(".chk"))
    if chk.n_wann != bare.ham_Rij.shape[-1]:
        raise InconsistentFilesError(
            f"{chk.path} has {chk.n_wann} Wannier functions, {bare.source} "
            f"{bare.ham_Rij.shape[-1]}. They come from different runs."
        )
    _same_run(files, chk)
    lattice_apart = float(np.abs(chk.cell_ca - bare.cell_ca).max())
    if lattice_apart > SAME_LENGTH:
        raise InconsistentFilesError(
            f"The lattice vectors in {chk.path} and {bare.source} differ by up to "
            f"{lattice_apart:.4f} Å. They come from different runs; write both again in one."
        )
    apart = wrapped_distance(chk.centres_ia, bare.centres_ia, bare.cell_ca)
    if apart > SAME_CENTRE:
        raise InconsistentFilesError(
            f"The Wannier centres in {chk.path} and {bare.source} are up to {apart:.3f} Å "
            "apart. They come from different runs; write both again in one."
        )
    _check_hamiltonian(files, bare, chk)
    return chk


def _tell_other_checkpoint(files: FilesOfSeed, bare: _Bare) -> None:
    """Warn of a .chk that is not used and does not belong to the files that are."""
    beside = replace(files, used={})
    try:
        _matching_checkpoint(beside, bare)
    except W90SpinError as problem:
        warnings.warn(
            f"{problem} The .chk is not used here, but something in this folder is stale.",
            W90SpinWarning,
            stacklevel=4,
        )


def _spin_from_spn(files: FilesOfSeed, bare: _Bare) -> ComplexArray:
    chk = _matching_checkpoint(files, bare) if bare.chk is None else bare.chk
    spn = read_spn(files.take(".spn"))
    spin_ksij = checkpoint.spin_on_mesh(chk, spn)
    eig_path = files.optional(".eig")
    energy_kn = np.zeros((0, 0)) if eig_path is None else read_ordered_eig(eig_path).energy_kn
    if energy_kn.shape == (chk.n_kpts, chk.n_bands):
        bare.spin_quality = spin_quality(energy_kn, spn.spin_ksnm, chk.kpt_kc)
        bare.notes.append(f"Spin of {spn.path.name}: {bare.spin_quality}.")
    if _is_wigner_seitz(bare, chk.mp_grid):
        # As in the files, before division by the degeneracies.
        return checkpoint.to_lattice(spin_ksij, checkpoint.mesh_points(chk), bare.R_Rc)
    raise InconsistentFilesError(
        f"The lattice vectors in {bare.source} are not the Wigner-Seitz list of the "
        f"{'x'.join(map(str, chk.mp_grid))} mesh in {chk.path}, so that the spin cannot be put on "
        "them. Load with source='chk', or with spin='projections'."
    )


def _spin_from_npz(files: FilesOfSeed, bare: _Bare) -> ComplexArray:
    """Spin on the R of the other operators, from the array file."""
    found = read_spin_r(files.take(SPIN_R, "It holds sigma on the R of _tb.dat."))
    n_wann = bare.ham_Rij.shape[-1]
    index_R = find_vectors(found.R_Rc, bare.R_Rc)
    if found.spin_Rsij.shape[-1] != n_wann or len(found.R_Rc) != len(index_R) or min(index_R) < 0:
        raise InconsistentFilesError(
            f"{found.path} ({found.spin_Rsij.shape[-1]} Wannier functions, {len(found.R_Rc)} R) "
            f"and {bare.source} ({n_wann}, {len(index_R)} R) do not have the same lattice vectors. "
            "They come from different runs."
        )
    spin_Rsij: ComplexArray = found.spin_Rsij[index_R] * bare.degeneracy_R[:, None, None, None]
    return spin_Rsij


def _same_run(files: FilesOfSeed, chk: ChkFile) -> None:
    """Bands, Wannier functions and k points of .win and .nnkp must be those of the checkpoint."""
    win, nnkp = files.win(), files.nnkp()
    if win is not None:
        refuse_other_counts(win, {"num_wann": chk.n_wann, "num_bands": chk.n_bands}, chk.path)
    for told in (win, nnkp):
        if told is not None:
            refuse_other_bands(told, chk)
            refuse_other_mesh(told, chk)


def _check_hamiltonian(files: FilesOfSeed, bare: _Bare, chk: ChkFile) -> None:
    """H(R) of the file against that of the checkpoint: same run, same gauge."""
    eig_path = files.optional(".eig")
    if eig_path is None or not _is_wigner_seitz(bare, chk.mp_grid):
        return
    ham_kij = checkpoint.hamiltonian_on_mesh(chk, read_ordered_eig(eig_path))
    apart = float(
        np.abs(
            checkpoint.to_lattice(ham_kij, checkpoint.mesh_points(chk), bare.R_Rc) - bare.ham_Rij
        ).max()
    )
    if apart > 1e-3:
        raise InconsistentFilesError(
            f"H(R) of {bare.source} and of {chk.path} with {eig_path.name} differ by {apart:.2e} "
            "eV, so that the spin of the checkpoint is in another gauge. Write _tb.dat and .chk "
            "again in one run of wannier90.x."
        )
    bare.notes.append(f"H(R) of {bare.source} and of {chk.path.name} agree to {apart:.1e} eV.")


def _is_wigner_seitz(bare: _Bare, mp_grid: tuple[int, int, int]) -> bool:
    R_Rc, degeneracy_R = wigner_seitz_vectors(bare.cell_ca, mp_grid)
    if len(R_Rc) != len(bare.R_Rc):
        return False
    order = np.lexsort(bare.R_Rc.T[::-1])
    return np.array_equal(bare.R_Rc[order], R_Rc) and np.array_equal(
        bare.degeneracy_R[order], degeneracy_R
    )


def _images(
    files: FilesOfSeed, bare: _Bare, minimal_distance: bool, periodic: tuple[bool, bool, bool]
) -> ImageList | None:
    """Nearest images of the elements: from `_wsvec.dat`, or worked out, or none."""
    if not minimal_distance:
        return None
    path = None if bare.chk is not None else files.optional("_wsvec.dat")
    if path is not None:
        wsvec = read_wsvec(path)
        if wsvec.applied:
            bare.notes.append(f"{path.name} says that minimal distances are already applied.")
            return None
        return _images_from_file(wsvec, bare, periodic)
    if bare.mp_grid is None:
        bare.notes.append(
            "Neither _wsvec.dat nor an ab-initio mesh is known: the list of R is used as it is."
        )
        return None
    if not _is_wigner_seitz(bare, bare.mp_grid):
        bare.notes.append(
            "The list of R is not the bare Wigner-Seitz list of the ab-initio mesh: minimal "
            "distances are taken as already applied."
        )
        return None
    bare.notes.append("Minimal distances worked out from the Wannier centres.")
    return minimal_images(bare.cell_ca, bare.mp_grid, bare.R_Rc, bare.centres_ia, periodic)


def _images_from_file(
    wsvec: WsvecFile, bare: _Bare, periodic: tuple[bool, bool, bool]
) -> ImageList:
    n_wann = bare.ham_Rij.shape[-1]
    if wsvec.n_wann != n_wann or not np.array_equal(wsvec.R_Rc, bare.R_Rc):
        raise InconsistentFilesError(
            f"{wsvec.path} ({wsvec.n_wann} Wannier functions, {len(wsvec.R_Rc)} R) and "
            f"{bare.source} ({n_wann}, {len(bare.R_Rc)} R) do not have the same lattice vectors. "
            "They come from different runs; write both again in one."
        )
    refuse_other_images(wsvec, minus_R(bare.R_Rc), bare.mp_grid)
    bare.notes.append(f"Minimal distances from {wsvec.path.name}.")
    count_x = wsvec.count_Rij.ravel()
    element_p = np.repeat(np.arange(len(count_x)), count_x)
    source_p, i_p, j_p = np.unravel_index(element_p, wsvec.count_Rij.shape)
    vector_pc = bare.R_Rc[source_p] + np.where(np.array(periodic), wsvec.shift_pc, 0)
    return image_list(source_p, i_p, j_p, vector_pc, 1.0 / count_x[element_p])


def _spin_pairs(
    files: FilesOfSeed,
    bare: _Bare,
    spin_order: str | Sequence[tuple[int, int]] | None,
    spin_bare: ComplexArray | None,
    spin_source: str,
    magnetic_tests: Callable[[], dict[str, OrderTest]],
    *,
    required: bool,
) -> tuple[IntArray | None, str]:
    """Pairs of spin components and where they are known from; refuses contradictions."""
    n_wann = bare.ham_Rij.shape[-1]
    home = int(np.flatnonzero(np.all(bare.R_Rc == 0, axis=1))[0])
    evidence: dict[str, IntArray] = {}
    silent: list[str] = []
    if spin_order is not None:
        order = spin_order if isinstance(spin_order, str) else np.array(spin_order)
        evidence["spin_order as given"] = pairs_from_order(order, n_wann)
    if spin_bare is not None:
        on_site_sij = spin_bare[home] / bare.degeneracy_R[home]
        _ask(f"the {spin_source}", partial(pairs_from_spin, on_site_sij), evidence, silent)
    win = files.win()
    if spin_order is not None and spin_bare is None:
        _tell_contradiction(files, bare, evidence["spin_order as given"], magnetic_tests)
    elif spin_order is None:
        if win is not None and not win.spinors:
            if required:
                raise ModelError(
                    f"{win.path} has no spinors = .true.: its Wannier functions carry no spin "
                    "components. Repeat the Wannierisation of a noncollinear calculation with "
                    "spinors."
                )
            return None, ""
        _ask_files(files, bare, magnetic_tests, evidence, silent)
    if not evidence:
        if required:
            raise SpinOrderError(" ".join(silent))
        return None, ""
    try:
        pairs = agreed_pairs(evidence)
        if spin_order is None:  # a given order that contradicts the centres was told above
            _tell_distant_partners(files, bare, pairs)
        return pairs, " and ".join(evidence)
    except SpinOrderError as problem:
        if required or spin_order is not None:
            raise
        bare.notes.append(f"{problem} Time reversal is not tested.")
        return None, ""


def _ask(
    name: str,
    find: Callable[[], IntArray],
    evidence: dict[str, IntArray],
    silent: list[str],
) -> None:
    """Add what an argument says of the order of the spin components, or why it says nothing."""
    try:
        evidence[name] = find()
    except SpinOrderError as problem:
        silent.append(str(problem))


def _ask_files(
    files: FilesOfSeed,
    bare: _Bare,
    magnetic_tests: Callable[[], dict[str, OrderTest]],
    evidence: dict[str, IntArray],
    silent: list[str],
) -> None:
    """Add what projections, centres and the symmetry of H(R) say of the order."""
    nnkp = files.nnkp()
    if nnkp is not None and nnkp.spinor and len(nnkp.projections) == len(bare.centres_ia):
        projections = f"the projections in {nnkp.path.name}"
        _ask(projections, partial(pairs_from_projections, nnkp), evidence, silent)
    # Orders known from elsewhere are tried too: these arguments choose, and do not find.
    told = dict(evidence)
    centres = partial(pairs_from_centres, bare.centres_ia, bare.cell_ca, told)
    _ask("the Wannier centres", centres, evidence, silent)
    reversal = partial(pairs_from_hamiltonian, bare.ham_Rij, told)
    _ask(TIME_REVERSAL, reversal, evidence, silent)
    if TIME_REVERSAL in evidence:
        return
    for name, test in magnetic_tests().items():
        _ask(name, partial(test, told), evidence, silent)
        if name == PT and name not in evidence:
            bare.notes.append(f"All bands are doubly degenerate, but {silent[-1]}")


def _magnetic_tests(
    files: FilesOfSeed,
    bare: _Bare,
    R_Rc: IntArray,
    ham_Rij: ComplexArray,
    periodic: tuple[bool, bool, bool],
) -> dict[str, OrderTest]:
    """What may tell the order of the spin components of an antiferromagnet."""
    if bare.structure is None:
        return {}
    model = _model(
        f"{files.seedname} ({bare.source})",
        bare.cell_ca,
        R_Rc,
        ham_Rij,
        centres=bare.centres_ia,
        periodic=periodic,
        atoms=bare.structure,
    )
    return order_tests(model, files.win(), files.nnkp())


def _tell_distant_partners(files: FilesOfSeed, bare: _Bare, pairs: IntArray) -> None:
    """Warn if the spin components of an orbital are not at one place."""
    distances = [
        wrapped_distance(bare.centres_ia[[up]], bare.centres_ia[[down]], bare.cell_ca)
        for up, down in pairs
    ]
    worst = int(np.argmax(distances))
    if distances[worst] > SAME_ORBITAL:
        up, down = pairs[worst] + 1
        warnings.warn(
            f"{files.seedname}: Wannier functions {up} and {down} are the spin components of one "
            f"orbital, but their centres are {distances[worst]:.2f} Å apart in {bare.source}. Look "
            "whether the centres are those of this run, and the Wannier functions localised.",
            W90SpinWarning,
            stacklevel=5,
        )


def _periodic_directions(
    bare: _Bare, periodic: tuple[bool, bool, bool] | None
) -> tuple[bool, bool, bool]:
    """Directions that repeat; joins what the boundary cuts along the others."""
    if periodic is None:
        repeats_c = np.any(bare.R_Rc != 0, axis=0)
        periodic = (bool(repeats_c[0]), bool(repeats_c[1]), bool(repeats_c[2]))
    shift_ic = np.zeros((len(bare.centres_ia), 3), dtype=np.int64)
    for axis in range(3):
        if not periodic[axis]:
            shift_ic[:, axis] = unwrapping_shifts(bare.centres_ia, bare.cell_ca, axis)
    if shift_ic.any():
        home = int(np.flatnonzero(np.all(bare.R_Rc == 0, axis=1))[0])
        moved_ia = shift_ic @ bare.cell_ca
        diagonal = np.arange(len(shift_ic))
        bare.pos_Raij[home][:, diagonal, diagonal] += moved_ia.T * bare.degeneracy_R[home]
        bare.centres_ia = bare.centres_ia + moved_ia
        bare.notes.append(
            f"{int(shift_ic.any(axis=1).sum())} Wannier functions beyond the cell's boundary along "
            "a non-periodic direction were joined to the rest."
        )
    return periodic


def _compare_with_eig(
    files: FilesOfSeed, bare: _Bare, model: WannierModel
) -> tuple[float, float] | None:
    """Note how well the bands follow the .eig; the frozen window, if one is known."""
    eig_path = files.optional(".eig")
    kpt_kc, origin = _ab_initio_points(files, bare)
    if eig_path is None or kpt_kc is None:
        lacking = "there is no .eig" if eig_path is None else "no file tells its k points"
        bare.notes.append(f"Bands were not compared with the ab-initio ones: {lacking}.")
        return None
    eig = read_ordered_eig(eig_path)
    if len(eig.energy_kn) != len(kpt_kc):
        raise InconsistentFilesError(
            f"{eig_path} has {len(eig.energy_kn)} k points, {origin} {len(kpt_kc)}. They "
            "come from different runs; write the .eig again from the .nnkp of this .win."
        )
    window = _frozen_window(files, eig.energy_kn, model.n_wann)
    check = check_on_mesh(model.R_Rc, model.ham_Rij, kpt_kc, eig.energy_kn, window)
    bare.notes.append(f"Bands against {eig_path.name} on the ab-initio mesh: {check}.")
    if check.inside_max > WRONG_BANDS:
        raise InconsistentFilesError(
            f"Inside the frozen window the bands of {bare.source} and {eig_path} differ by up to "
            f"{check.inside_max:.3f} eV on the ab-initio mesh, where they must agree. They come "
            "from different runs, or the .eig was shifted."
        )
    return window


def _ab_initio_points(files: FilesOfSeed, bare: _Bare) -> tuple[FloatArray | None, str]:
    """Reduced k points of the .eig, and the file that they are from."""
    win = files.win()
    if win is not None and win.kpt_kc is not None:
        return win.kpt_kc, str(win.path)
    if bare.chk is not None:
        return bare.chk.kpt_kc, str(bare.chk.path)
    nnkp = files.nnkp()
    return (None, "") if nnkp is None else (nnkp.kpt_kc, str(nnkp.path))


def _frozen_window(
    files: FilesOfSeed, energy_kn: FloatArray, n_wann: int
) -> tuple[float, float] | None:
    """Energies between which all bands are ab-initio ones: all, or what the .win says. [eV]"""
    low, high = float(energy_kn.min()), float(energy_kn.max())
    if energy_kn.shape[1] <= n_wann:
        return low, high
    win = files.win()
    if win is None or "dis_froz_max" not in win.keywords:
        return None
    low = _win_number(win, "dis_froz_min", _win_number(win, "dis_win_min", low))
    return low, _win_number(win, "dis_froz_max", high)


def _tell_contradiction(
    files: FilesOfSeed,
    bare: _Bare,
    pairs: IntArray,
    magnetic_tests: Callable[[], dict[str, OrderTest]],
) -> None:
    """Warn where a given order is not that of the projections or breaks a symmetry of H."""
    given = {"spin_order as given": pairs}
    evidence = dict(given)
    _ask_files(files, bare, magnetic_tests, evidence, [])
    against = []
    for name, found in evidence.items():
        try:
            agreed_pairs({**given, name: found})
        except SpinOrderError:
            against.append(name)
    if against:
        warnings.warn(
            f"spin_order as given contradicts {' and '.join(against)}. It is used all the same; "
            "leave it out if they are right.",
            W90SpinWarning,
            stacklevel=5,
        )


def _win_number(win: WinFile, keyword: str, default: float) -> float:
    text = win.keywords.get(keyword)
    if text is None:
        return default
    try:
        return float(text.lower().replace("d", "e"))
    except ValueError:
        raise FileFormatError(
            win.path, keyword, f"'{text}' is not a number.", "Correct it, with energies in eV."
        ) from None


def _mp_grid(files: FilesOfSeed) -> tuple[int, int, int] | None:
    win = files.win()
    return None if win is None else win.mp_grid


def _same_cell(files: FilesOfSeed, bare: _Bare) -> None:
    """Refuse a .win or .nnkp with other lattice vectors."""
    for told in (files.win(), files.nnkp()):
        if told is None or told.cell_ca is None:
            continue
        apart = float(np.abs(told.cell_ca - bare.cell_ca).max())
        if apart > SAME_LENGTH:
            raise InconsistentFilesError(
                f"The lattice vectors in {told.path} and {bare.cell_source or bare.source} differ "
                f"by up to {apart:.4f} Å. They come from different runs."
            )


def _centres(files: FilesOfSeed, bare: _Bare) -> CentresFile | None:
    """Read `_centres.xyz` if there, and take the atoms from it or from .win."""
    path = files.optional("_centres.xyz")
    centres = None if path is None else read_centres(path)
    bare.structure = _structure(files, centres)
    if bare.structure is None and (win := files.win()) is not None:
        bare.notes.append(
            f"The structure is unknown: {win.path.name} has no block atoms_cart or atoms_frac with "
            "atoms. It may be cut short; without them symmetry is not looked for."
        )
    n_wann = bare.ham_Rij.shape[-1]
    if centres is not None and len(centres.centres_ia) != n_wann:
        raise InconsistentFilesError(
            f"{path} has {len(centres.centres_ia)} Wannier centres, {bare.source} {n_wann} Wannier "
            "functions. They come from different runs."
        )
    if centres is not None and (win := files.win()) is not None:
        refuse_other_atoms(win, centres, bare.cell_ca)
    return centres


def _structure(files: FilesOfSeed, centres: CentresFile | None) -> Structure | None:
    win = files.win()
    if win is not None and win.positions_xa is not None and len(win.symbols):
        return Structure(tuple(win.symbols), win.positions_xa)
    if centres is not None and len(centres.symbols):
        return Structure(tuple(centres.symbols), centres.positions_xa)
    return None
