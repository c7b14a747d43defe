"""Whether files of one seedname can be of one run: pairs of them that must agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import FileValueError, InconsistentFilesError
from w90spin.read import (
    CentresFile,
    ChkFile,
    EigFile,
    MmnFile,
    NnkpFile,
    WinFile,
    WsvecFile,
    read_eig,
)

SAME_CENTRE = 1e-2
"""Wannier centres and atoms from two files of one run agree within this. [Å]"""

SAME_LENGTH = 1e-4
"""Lattice vectors from two files of one run agree within this. [Å]"""

DISORDER = 1e-3
"""Energies of degenerate bands may descend by this. [eV]"""

SAME_POINT = 1e-5
"""Reduced k points from two files of one run agree within this."""


def refuse_other_counts(win: WinFile, counts: dict[str, int], source: Path | str) -> None:
    """Refuse a `.win` with other numbers of bands or Wannier functions.

    Parameters
    ----------
    win : WinFile
        The input.
    counts : dict of str to int
        Numbers by keyword, ``num_wann`` and ``num_bands``.
    source : path or str
        What they are from.

    Raises
    ------
    InconsistentFilesError
        If a keyword stands in the input with another number.
    """
    said = {"num_wann": lambda: win.n_wann, "num_bands": lambda: win.n_bands}
    for keyword, count in counts.items():
        if keyword in win.keywords and said[keyword]() != count:
            raise InconsistentFilesError(
                f"{win.path} says {keyword} = {said[keyword]()}, {source} has {count}. The .win "
                "was changed after the Wannierisation; restore it, or run wannier90.x again."
            )


def refuse_other_bands(told: WinFile | NnkpFile, chk: ChkFile) -> None:
    """Refuse a `.win` or `.nnkp` that leaves out other bands than the checkpoint.

    Parameters
    ----------
    told : WinFile or NnkpFile
        What says which bands to leave out.
    chk : ChkFile
        The checkpoint.

    Raises
    ------
    InconsistentFilesError
        If they differ.
    """
    excluded, used = {int(n) for n in told.exclude_bands}, {int(n) for n in chk.exclude_bands}
    if excluded == used:
        return
    differ = ", ".join(map(str, sorted(excluded ^ used)[:5]))
    raise InconsistentFilesError(
        f"{told.path} excludes {len(excluded)} bands, {chk.path} {len(used)}, and not the same "
        f"ones (first that only one of them does: {differ}). One of the two is from another run; "
        "restore it, or run 'wannier90.x -pp', the interface and wannier90.x again."
    )


def refuse_other_mesh(told: WinFile | NnkpFile, chk: ChkFile) -> None:
    """Refuse a `.win` or `.nnkp` with other k points, in number or order, than the checkpoint.

    Parameters
    ----------
    told : WinFile or NnkpFile
        What lists k points, or does not.
    chk : ChkFile
        The checkpoint.

    Raises
    ------
    InconsistentFilesError
        If they differ by more than reciprocal lattice vectors.
    """
    kpt_kc = told.kpt_kc
    if kpt_kc is None:
        return
    if kpt_kc.shape != chk.kpt_kc.shape:
        differ = f"{len(kpt_kc)} k points and {len(chk.kpt_kc)}"
    else:
        apart_kc = kpt_kc - chk.kpt_kc
        wrong_k = np.abs(apart_kc - np.rint(apart_kc)).max(axis=1) > SAME_POINT
        if not wrong_k.any():
            return
        k = int(np.argmax(wrong_k))
        differ = f"k point {k + 1} at {kpt_kc[k].tolist()} and {chk.kpt_kc[k].tolist()}"
    raise InconsistentFilesError(
        f"{told.path} and {chk.path} have {differ}. They come from different runs; restore the "
        "file of the Wannierisation."
    )


def refuse_other_neighbours(nnkp: NnkpFile, mmn: MmnFile) -> None:
    """Refuse overlaps with other neighbours, in any order, than the `.nnkp` asks for.

    Parameters
    ----------
    nnkp : NnkpFile
        What was asked for.
    mmn : MmnFile
        The overlaps.

    Raises
    ------
    InconsistentFilesError
        If they differ.
    """
    asked, found = (
        np.concatenate([file.neighbour_kb[:, :, None], file.G_kbc], axis=2) for file in (nnkp, mmn)
    )
    if asked.shape != found.shape:
        raise InconsistentFilesError(
            f"{nnkp.path} has {asked.shape[0]} k points with {asked.shape[1]} neighbours, "
            f"{mmn.path} {found.shape[0]} with {found.shape[1]}. They come from different runs; "
            "write the .mmn again from this .nnkp."
        )
    for k, (asked_bx, found_bx) in enumerate(zip(asked.tolist(), found.tolist(), strict=True)):
        if sorted(asked_bx) != sorted(found_bx):
            raise InconsistentFilesError(
                f"{nnkp.path} and {mmn.path} do not have the same neighbours of k point {k + 1}. "
                "They come from different runs; write the .mmn again from this .nnkp."
            )


def read_ordered_eig(path: Path) -> EigFile:
    """Read an `.eig` whose energies ascend at every k point.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    EigFile

    Raises
    ------
    InputFileError
        If it cannot be used, or an energy is lower than the one before.

    Notes
    -----
    First-principles codes write them in ascending order, on which Wannier90's disentanglement
    relies: one that stands elsewhere was changed.
    """
    eig = read_eig(path)
    step_kn = np.diff(eig.energy_kn, axis=1)
    if step_kn.size and step_kn.min() < -DISORDER:
        k, n = np.unravel_index(int(np.argmin(step_kn)), step_kn.shape)
        before, after = eig.energy_kn[k, n : n + 2]
        raise FileValueError(
            eig.path,
            f"k point {k + 1}, band {n + 2}",
            f"expected energies in ascending order, found {after:.6g} after {before:.6g} eV. A "
            "number was changed, or bands were shifted one by one.",
            "Write it again; corrected energies, as of GW, are sorted with the other files by "
            "gw2wannier90.py.",
        )
    return eig


def refuse_other_atoms(win: WinFile, centres: CentresFile, cell_ca: FloatArray) -> None:
    """Refuse a `_centres.xyz` with other atoms than the `.win`.

    Parameters
    ----------
    win : WinFile
        The input, which may name no atoms.
    centres : CentresFile
        Centres and atoms, in any order and up to lattice vectors.
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]

    Raises
    ------
    InconsistentFilesError
        If an atom of the one is none of the other.
    """
    if win.positions_xa is None or not len(centres.symbols) or not len(win.symbols):
        return
    apart_xyc = (centres.positions_xa[:, None] - win.positions_xa) @ np.linalg.inv(cell_ca)
    apart_xyc -= np.rint(apart_xyc)
    distance_xy = np.linalg.norm(apart_xyc @ cell_ca, axis=2)
    nearest_x = distance_xy.min(axis=1)
    if len(centres.symbols) == len(win.symbols) and nearest_x.max() <= SAME_CENTRE:
        return
    worst = int(np.argmax(nearest_x))
    raise InconsistentFilesError(
        f"{centres.path} has {len(centres.symbols)} atoms, {win.path} {len(win.symbols)}; atom "
        f"{worst + 1} of the former, {centres.symbols[worst]}, is {nearest_x[worst]:.3f} Å from "
        "the nearest of the latter. They come from different runs, or one is not in Å; write "
        "_centres.xyz again with write_xyz = .true."
    )


def refuse_other_images(
    wsvec: WsvecFile, opposite_R: IntArray, mp_grid: tuple[int, int, int] | None
) -> None:
    """Refuse a `_wsvec.dat` whose translations cannot be those of a Wigner-Seitz cell.

    Parameters
    ----------
    wsvec : WsvecFile
        Translations.
    opposite_R : int array (R)
        Index of -R for each R.
    mp_grid : 3 ints, or None
        Ab-initio mesh, where known: translations are vectors of its supercell.

    Raises
    ------
    InconsistentFilesError
        If one is no vector of the supercell, or those of (R, i, j) are not the negative of those
        of (-R, j, i).
    """
    if mp_grid is not None and (wsvec.shift_pc % np.array(mp_grid)).any():
        wrong = int(np.argmax((wsvec.shift_pc % np.array(mp_grid)).any(axis=1)))
        raise InconsistentFilesError(
            f"{wsvec.path} translates by T = {tuple(wsvec.shift_pc[wrong].tolist())}, which is no "
            f"vector of the supercell of the {'x'.join(map(str, mp_grid))} mesh. The file was "
            "changed or is from another mesh; write it again along with _tb.dat."
        )
    count_Rij = wsvec.count_Rij
    first_Rij = np.cumsum(count_Rij).reshape(count_Rij.shape) - count_Rij
    for R, opposite in enumerate(opposite_R.tolist()):  # one R at a time: files have millions
        if opposite < R:
            continue
        sum_ijc, back_jic = (_sums(wsvec, first_Rij[x], count_Rij[x]) for x in (R, opposite))
        wrong_ij = count_Rij[R] != count_Rij[opposite].T
        wrong_ij |= (sum_ijc != -back_jic.swapaxes(0, 1)).any(axis=2)
        if wrong_ij.any():
            i, j = np.unravel_index(int(np.argmax(wrong_ij)), wrong_ij.shape)
            raise InconsistentFilesError(
                f"{wsvec.path}, R = {tuple(wsvec.R_Rc[R].tolist())}, i = {i + 1}, j = {j + 1}: the "
                "translations are not the negative of those of -R, j, i, so that H(k) would not "
                "be Hermitian. A number was changed; write it again along with _tb.dat."
            )


def _sums(wsvec: WsvecFile, first_ij: IntArray, count_ij: IntArray) -> IntArray:
    """Sum of the translations of each pair (i, j, c) at one R."""
    begin, end = int(first_ij[0, 0]), int(first_ij[-1, -1] + count_ij[-1, -1])
    sum_xc: IntArray = np.add.reduceat(wsvec.shift_pc[begin:end], first_ij.ravel() - begin)
    return sum_xc.reshape(*first_ij.shape, 3)


def wrapped_distance(one_ia: FloatArray, other_ia: FloatArray, cell_ca: FloatArray) -> float:
    """Largest distance between two lists of centres, up to lattice vectors.

    Parameters
    ----------
    one_ia, other_ia : float arrays (i, a)
        The lists. [Å]
    cell_ca : float array (c, a)
        Lattice vectors in rows. [Å]

    Returns
    -------
    float
        [Å]
    """
    apart_ic = (one_ia - other_ia) @ np.linalg.inv(cell_ca)
    apart_ic -= np.rint(apart_ic)
    return float(np.linalg.norm(apart_ic @ cell_ca, axis=1).max())
