r"""H(R), r(R) and spin(R) from what the Wannierisation leaves: .chk, .eig, .mmn, .spn.

With :math:`V(\mathbf q)` the Bloch-to-Wannier matrix of the checkpoint (disentanglement times
rotation), an operator known between Bloch states becomes :math:`O_W = V^\dagger O V`, and

.. math::

    O(\mathbf R) = \frac1{N_q} \sum_{\mathbf q} e^{-i\mathbf q\cdot\mathbf R} O_W(\mathbf q)
"""

from __future__ import annotations

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import InconsistentFilesError
from w90spin.model.lattice import reciprocal_lattice
from w90spin.model.wigner_seitz import ImageList
from w90spin.read import ChkFile, EigFile, MmnFile, SpnFile

SHELL_TOLERANCE = 1e-6
"""Neighbours b whose lengths differ by less belong to one shell. [1/Å]"""

SAME_POINT = 1e-5
"""Reduced k points that differ by less are the same."""


def bloch_to_wannier(chk: ChkFile) -> ComplexArray:
    """Matrix V(q) from ab-initio bands to Wannier functions.

    Parameters
    ----------
    chk : ChkFile
        The checkpoint.

    Returns
    -------
    complex array (k, n, j)
        Columns are Wannier-gauge states in terms of the bands of .eig; orthonormal.
    """
    if chk.u_opt_kni is None:
        return chk.u_kij
    inside_kni = chk.u_opt_kni @ chk.u_kij
    v_knj = np.zeros_like(inside_kni)
    # The checkpoint stores only bands inside the outer window, moved to the front.
    k_p, band_p = np.nonzero(chk.window_kn)
    slot_p = np.concatenate([np.arange(count) for count in chk.window_kn.sum(axis=1)])
    v_knj[k_p, band_p] = inside_kni[k_p, slot_p]
    return v_knj


def mesh_points(chk: ChkFile) -> FloatArray:
    """Ab-initio k points, shape (k, c), free of the rounding of the .win they were read from."""
    grid_c = np.array(chk.mp_grid)
    snapped_kc: FloatArray = np.rint(chk.kpt_kc * grid_c) / grid_c
    if np.abs(snapped_kc - chk.kpt_kc).max() > SAME_POINT:
        raise InconsistentFilesError(
            f"{chk.path}: the k points do not lie on the {'x'.join(map(str, chk.mp_grid))} mesh "
            f"(off by up to {np.abs(snapped_kc - chk.kpt_kc).max():.1e}). Write the k points of "
            "the .win with at least six digits and repeat the Wannierisation."
        )
    return snapped_kc


def hamiltonian_on_mesh(chk: ChkFile, eig: EigFile) -> ComplexArray:
    """H in the Wannier gauge on the ab-initio mesh, shape (k, i, j). [eV]"""
    _same_counts(chk, eig.energy_kn.shape, str(eig.path))
    v_knj = bloch_to_wannier(chk)
    ham_kij: ComplexArray = (v_knj.conj().swapaxes(1, 2) * eig.energy_kn[:, None, :]) @ v_knj
    return ham_kij


def spin_on_mesh(chk: ChkFile, spn: SpnFile) -> ComplexArray:
    """Pauli matrices in the Wannier gauge on the ab-initio mesh, shape (k, s, i, j)."""
    _same_counts(chk, (spn.spin_ksnm.shape[0], spn.spin_ksnm.shape[2]), str(spn.path))
    v_knj = bloch_to_wannier(chk)[:, None]
    spin_ksij: ComplexArray = v_knj.conj().swapaxes(-1, -2) @ spn.spin_ksnm @ v_knj
    return spin_ksij


def to_lattice(op_kx: ComplexArray, kpt_kc: FloatArray, R_Rc: IntArray) -> ComplexArray:
    """Fourier transform from the ab-initio mesh to lattice vectors.

    Parameters
    ----------
    op_kx : complex array (k, ...)
        Operator in the Wannier gauge.
    kpt_kc : float array (k, c)
        Reduced coordinates of the mesh.
    R_Rc : int array (R, c)
        Lattice vectors.

    Returns
    -------
    complex array (R, ...)
    """
    phase_Rk = np.exp(-2j * np.pi * (R_Rc @ kpt_kc.T)) / len(kpt_kc)
    flat_Rx: ComplexArray = phase_Rk @ op_kx.reshape(len(kpt_kc), -1)
    return flat_Rx.reshape(len(R_Rc), *op_kx.shape[1:])


def neighbour_weights(b_kba: FloatArray) -> FloatArray:
    r"""Weights w_b of the finite-difference formula, :math:`\sum_b w_b b_a b_{a'} = \delta_{aa'}`.

    Parameters
    ----------
    b_kba : float array (k, b, a)
        Vectors to the neighbours. [1/Å]

    Returns
    -------
    float array (k, b)
        [Å²]

    Raises
    ------
    InconsistentFilesError
        If no weights satisfy the relation.
    """
    length_b = np.linalg.norm(b_kba[0], axis=1)
    shell_b = np.searchsorted(_distinct(length_b), length_b - SHELL_TOLERANCE)
    n_shells = int(shell_b.max()) + 1
    outer_saa = np.zeros((n_shells, 3, 3))
    np.add.at(outer_saa, shell_b, b_kba[0][:, :, None] * b_kba[0][:, None, :])
    weight_s, *_ = np.linalg.lstsq(outer_saa.reshape(n_shells, 9).T, np.eye(3).ravel(), rcond=None)
    # Neighbours may stand in another order at every k: weights follow their lengths.
    length_kb = np.linalg.norm(b_kba, axis=2)
    shell_kb = np.abs(length_kb[:, :, None] - _distinct(length_b)).argmin(axis=2)
    weight_kb: FloatArray = weight_s[shell_kb]
    completeness_kaa = np.einsum("kb,kba,kbc->kac", weight_kb, b_kba, b_kba)
    if not np.allclose(completeness_kaa, np.eye(3), atol=1e-5):
        raise InconsistentFilesError(
            "The neighbours b in the .mmn do not satisfy sum_b w_b b b = 1 (largest deviation "
            f"{np.abs(completeness_kaa - np.eye(3)).max():.2e}). The .mmn belongs to another "
            "lattice or mesh than the .chk; write both again from one .nnkp."
        )
    return weight_kb


def overlaps_on_mesh(chk: ChkFile, mmn: MmnFile) -> tuple[ComplexArray, float]:
    r"""Overlaps in the Wannier gauge, and how far they are from those in the checkpoint.

    Parameters
    ----------
    chk : ChkFile
        The checkpoint.
    mmn : MmnFile
        Overlaps between Bloch states.

    Returns
    -------
    overlap_kbij : complex array (k, b, i, j)
        :math:`M_{ij}(\mathbf q, \mathbf b)`.
    mismatch : float
        Largest difference to the checkpoint: zero up to rounding if the files belong together;
        NaN where the checkpoint keeps none.

    Raises
    ------
    InconsistentFilesError
        If the numbers of bands or k points differ.
    """
    _same_counts(chk, (mmn.overlap_kbmn.shape[0], mmn.overlap_kbmn.shape[2]), str(mmn.path))
    v_knj = bloch_to_wannier(chk)
    overlap_kbij: ComplexArray = (
        v_knj[:, None].conj().swapaxes(-1, -2) @ mmn.overlap_kbmn @ v_knj[mmn.neighbour_kb]
    )
    mismatch = float("nan")
    if chk.overlap_kbij.shape == overlap_kbij.shape:
        mismatch = float(np.abs(chk.overlap_kbij - overlap_kbij).max())
    return overlap_kbij, mismatch


def position_wannier90(
    chk: ChkFile, mmn: MmnFile, overlap_kbij: ComplexArray, R_Rc: IntArray
) -> ComplexArray:
    r"""Position matrix r(R) by the finite differences of Wannier90.

    .. math::

        \langle 0i|\mathbf r|\mathbf Rj\rangle &= \frac{i}{N} \sum_{\mathbf q b}
            e^{-i\mathbf q\cdot\mathbf R} w_b \mathbf b\, M_{ij}(\mathbf q, \mathbf b)
            \qquad (i \ne j) \\
        \langle 0i|\mathbf r|\mathbf Ri\rangle &= -\frac{1}{N} \sum_{\mathbf q b}
            e^{-i\mathbf q\cdot\mathbf R} w_b \mathbf b\,
            \mathrm{Im} \ln M_{ii}(\mathbf q, \mathbf b)

    Parameters
    ----------
    chk : ChkFile
        The checkpoint.
    mmn : MmnFile
        Overlaps between Bloch states; only the neighbours are used here.
    overlap_kbij : complex array (k, b, i, j)
        Overlaps in the Wannier gauge.
    R_Rc : int array (R, c)
        Lattice vectors.

    Returns
    -------
    complex array (R, a, i, j)
        [Å]  Depends on the origin and is not Hermitian, both to second order in b.

    Raises
    ------
    InconsistentFilesError
        If the .mmn does not fit the lattice.
    """
    b_kba = _neighbours(chk, mmn)
    weighted_kba = neighbour_weights(b_kba)[:, :, None] * b_kba
    phase_kbi = np.angle(np.einsum("kbii->kbi", overlap_kbij))
    diagonal = np.arange(chk.n_wann)
    pos_kaij = 1j * np.einsum("kba,kbij->kaij", weighted_kba, overlap_kbij)
    pos_kaij[:, :, diagonal, diagonal] = -np.einsum("kba,kbi->kai", weighted_kba, phase_kbi)
    return to_lattice(pos_kaij, mesh_points(chk), R_Rc)


def position_midpoint(
    chk: ChkFile,
    mmn: MmnFile,
    overlap_kbij: ComplexArray,
    R_Rc: IntArray,
    degeneracy_R: IntArray,
    centres_ia: FloatArray,
    images: ImageList | None,
) -> ComplexArray:
    r"""Position matrix r(R) by finite differences about the middle of each pair.

    With :math:`M_{ij}(\mathbf R, \mathbf b) = \langle 0i|
    e^{-i\mathbf b\cdot(\mathbf r-\mathbf R)}|\mathbf Rj\rangle` and centres :math:`\mathbf r_i`,

    .. math::

        \langle 0i|\mathbf r|\mathbf Rj\rangle = i \sum_b w_b \mathbf b\,
            e^{i\mathbf b\cdot(\mathbf r_i+\mathbf r_j-\mathbf R)/2}
            M_{ij}(\mathbf R, \mathbf b),

    and the centres for i = j, R = 0.  Unlike Wannier90's formula this one is Hermitian and does
    not depend on the origin, so that it keeps the crystal's symmetry.

    Parameters
    ----------
    chk : ChkFile
        The checkpoint.
    mmn : MmnFile
        Overlaps between Bloch states; only the neighbours are used here.
    overlap_kbij : complex array (k, b, i, j)
        Overlaps in the Wannier gauge.
    R_Rc : int array (R, c)
        Wigner-Seitz list.
    degeneracy_R : int array (R)
        Its degeneracies.
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    images : ImageList, or None
        Where the elements go.  The half phase of R is that of the nearest image: it is not the
        same for all of them.

    Returns
    -------
    complex array (q, a, i, j)
        On the lattice vectors of the images (or of the list), shares and degeneracies applied. [Å]

    Raises
    ------
    InconsistentFilesError
        If the .mmn does not fit the lattice, or the neighbours differ from k point to k point.
    """
    order_kb, b_ba, weight_b = common_neighbours(chk, mmn)
    every_k = np.arange(chk.n_kpts)
    image_Rc = R_Rc if images is None else images.image_Rc
    twice_middle_qija = centres_ia[:, None] + centres_ia - (image_Rc @ chk.cell_ca)[:, None, None]
    pos_qaij = np.zeros((len(image_Rc), 3, chk.n_wann, chk.n_wann), dtype=np.complex128)
    for b, (b_a, weight) in enumerate(zip(b_ba, weight_b, strict=True)):
        overlap_kij = overlap_kbij[every_k, order_kb[:, b]]
        overlap_Rij = to_lattice(overlap_kij, mesh_points(chk), R_Rc)
        if images is None:
            moved_qij = overlap_Rij / degeneracy_R[:, None, None]
        else:
            moved_qij = images.move(overlap_Rij[:, None], degeneracy_R)[:, 0]
        phased_qij = moved_qij * np.exp(0.5j * (twice_middle_qija @ b_a))
        pos_qaij += 1j * weight * b_a[:, None, None] * phased_qij[:, None]
    home = int(np.flatnonzero(np.all(image_Rc == 0, axis=1))[0])
    diagonal = np.arange(chk.n_wann)
    pos_qaij[home][:, diagonal, diagonal] = centres_ia.T
    return pos_qaij


def common_neighbours(chk: ChkFile, mmn: MmnFile) -> tuple[IntArray, FloatArray, FloatArray]:
    """Neighbours of the k points in the order of those of the first one.

    Parameters
    ----------
    chk : ChkFile
        The checkpoint.
    mmn : MmnFile
        Overlaps between Bloch states; only the neighbours are used here.

    Returns
    -------
    order_kb : int array (k, b)
        Slot in the .mmn of each.
    b_ba : float array (b, a)
        Vectors to them. [1/Å]
    weight_b : float array (b)
        Weights of the finite-difference formula. [Å²]

    Raises
    ------
    InconsistentFilesError
        If the .mmn does not fit the lattice, or the neighbours differ from k point to k point.
    """
    b_kba = _neighbours(chk, mmn)
    weight_b = neighbour_weights(b_kba)[0]
    apart_kxb = np.linalg.norm(b_kba[:, None] - b_kba[0][None, :, None], axis=-1)
    missing_x = (apart_kxb.min(axis=2) > SHELL_TOLERANCE).any(axis=0)
    if missing_x.any():
        b_a = b_kba[0][int(np.argmax(missing_x))]
        raise InconsistentFilesError(
            f"{mmn.path}: the neighbour b = {b_a.tolist()} 1/Å of the first k point is missing "
            "at another one. The mesh is not uniform; write the .nnkp and .mmn again."
        )
    return apart_kxb.argmin(axis=2), b_kba[0], weight_b


def _neighbours(chk: ChkFile, mmn: MmnFile) -> FloatArray:
    """Vectors b from every k point to its neighbours, shape (k, b, a). [1/Å]"""
    kpt_kc = mesh_points(chk)
    reduced_kbc = kpt_kc[mmn.neighbour_kb] + mmn.G_kbc - kpt_kc[:, None]
    b_kba: FloatArray = reduced_kbc @ reciprocal_lattice(chk.cell_ca)
    return b_kba


def _distinct(length_b: FloatArray) -> FloatArray:
    ordered = np.sort(length_b)
    return ordered[np.diff(ordered, prepend=-1.0) > SHELL_TOLERANCE]


def _same_counts(chk: ChkFile, counts: tuple[int, ...], path: str) -> None:
    if counts[:2] != (chk.n_kpts, chk.n_bands):
        raise InconsistentFilesError(
            f"{path} has {counts[0]} k points and {counts[1]} bands, but {chk.path} has "
            f"{chk.n_kpts} and {chk.n_bands}. They come from different runs; write them again "
            "from one .nnkp."
        )
