r"""Spin times energy and position on lattice vectors, from .chk, .eig, .mmn and .spn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import InconsistentFilesError, ModelError
from w90spin.model import checkpoint
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.spin_current import CURRENTS, Current, SpinCurrentOperators
from w90spin.model.wigner_seitz import ImageList
from w90spin.read import ChkFile, EigFile, MmnFile, SpnFile, read_sxu

SUMMED = "sums over the bands of .mmn, .spn and .eig"


def check_currents(given: Sequence[str]) -> tuple[Current, ...]:
    """Names of spin currents, or an error.

    Parameters
    ----------
    given : sequence of str
        What the user gave.

    Returns
    -------
    tuple of str

    Raises
    ------
    ModelError
        If one is unknown.
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    unknown = sorted(set(names) - set(CURRENTS))
    if unknown:
        raise ModelError(
            f"spin_current = {unknown[0]!r} must be one of {', '.join(CURRENTS)}; the current "
            "'simple' needs no operators of its own."
        )
    return tuple(current for current in CURRENTS if current in names)


def spin_products(
    files: FilesOfSeed,
    current: Current,
    chk: ChkFile,
    mmn: MmnFile,
    eig: EigFile,
    spn: SpnFile,
    R_Rc: IntArray,
    degeneracy_R: IntArray,
    centres_ia: FloatArray,
    images: ImageList | None,
    *,
    midpoint: bool,
) -> SpinCurrentOperators:
    r"""Operators of a spin current by finite differences on the ab-initio mesh.

    With :math:`B_{sij}(\mathbf R, \mathbf b) = \langle 0i|\sigma_s
    e^{-i\mathbf b\cdot(\mathbf r-\mathbf R)}|\mathbf Rj\rangle`, a sum over the bands of the
    files,

    .. math::

        \langle 0i|\sigma_s(\mathbf r-\mathbf R)|\mathbf Rj\rangle =
            i \sum_b w_b \mathbf b\, B_{sij}(\mathbf R, \mathbf b)

    as Wannier90 has it, or about the middle :math:`\mathbf m = (\mathbf r_i+\mathbf r_j-\mathbf
    R)/2` of each pair, :math:`i \sum_b w_b \mathbf b\, e^{i\mathbf b\cdot\mathbf m} B_{sij} +
    \mathbf m\, \sigma_{sij}`, which does not depend on the origin; the same with
    :math:`\sigma_s H`.

    Parameters
    ----------
    files : FilesOfSeed
        For "ryoo2019" `.sIu` and `.sHu`, which are whole, take the place of the sums.
    current : "qiao2018" or "ryoo2019"
        Which spin current the operators are for.
    chk, mmn, eig, spn
        The files.
    R_Rc : int array (R, c)
        Wigner-Seitz list.
    degeneracy_R : int array (R)
        Its degeneracies.
    centres_ia : float array (i, a)
        Wannier centres. [Å]
    images : ImageList, or None
        Where the elements go.
    midpoint : bool
        Which of the two formulas.

    Returns
    -------
    SpinCurrentOperators
        On the lattice vectors of the images, or of the list.

    Raises
    ------
    InconsistentFilesError
        If two files cannot belong to one run.
    """
    v_knj = checkpoint.bloch_to_wannier(chk)
    left_ksin = v_knj.conj().swapaxes(1, 2)[:, None] @ spn.spin_ksnm
    left_ham_ksin = left_ksin * eig.energy_kn[:, None, None, :]
    kpt_kc = checkpoint.mesh_points(chk)

    def placed(op_kxij: ComplexArray) -> ComplexArray:
        op_Rxij = checkpoint.to_lattice(op_kxij, kpt_kc, R_Rc)
        if images is None:
            shared: ComplexArray = op_Rxij / degeneracy_R[:, None, None, None]
            return shared
        return images.move(op_Rxij, degeneracy_R)

    right_knj = v_knj[:, None]
    spin_qsij, spin_ham_qsij = placed(left_ksin @ right_knj), placed(left_ham_ksin @ right_knj)
    image_Rc = R_Rc if images is None else images.image_Rc
    middle_qija = 0.5 * (centres_ia[:, None] + centres_ia - (image_Rc @ chk.cell_ca)[:, None, None])
    order_kb, b_ba, weight_b = checkpoint.common_neighbours(chk, mmn)

    def differences(
        left_ksin: ComplexArray, ending: str, at_middle_qsij: ComplexArray
    ) -> tuple[ComplexArray, str]:
        given = _given_products(files, ending, current, mmn, order_kb)
        shape = (len(image_Rc), 3, 3, chk.n_wann, chk.n_wann)
        total_qsaij = np.zeros(shape, dtype=np.complex128)
        every_k = np.arange(chk.n_kpts)
        for b, (b_a, weight) in enumerate(zip(b_ba, weight_b, strict=True)):
            slot_k = order_kb[:, b]
            right_kmj = v_knj[mmn.neighbour_kb[every_k, slot_k]]
            if given is None:
                overlap_kmj = mmn.overlap_kbmn[every_k, slot_k] @ right_kmj
                product_ksij = left_ksin @ overlap_kmj[:, None]
            else:
                left_kxin = v_knj.conj().swapaxes(1, 2)[:, None]
                product_ksij = left_kxin @ given[0][every_k, slot_k] @ right_kmj[:, None]
            product_qsij = placed(product_ksij)
            if midpoint:
                product_qsij = product_qsij * np.exp(1j * (middle_qija @ b_a))[:, None]
            total_qsaij += 1j * weight * b_a[:, None, None] * product_qsij[:, :, None]
        if midpoint:
            middle_qaij = middle_qija.transpose(0, 3, 1, 2)
            total_qsaij += middle_qaij[:, None] * at_middle_qsij[:, :, None]
        return total_qsaij, SUMMED if given is None else given[1]

    spin_pos_qsaij, source = differences(left_ksin, ".sIu", spin_qsij)
    spin_ham_pos_qsaij, ham_source = differences(left_ham_ksin, ".sHu", spin_ham_qsij)
    return SpinCurrentOperators(
        spin_ham_Rsij=spin_ham_qsij,
        spin_pos_Rsaij=spin_pos_qsaij,
        spin_ham_pos_Rsaij=spin_ham_pos_qsaij,
        source=" and ".join(dict.fromkeys((source, ham_source))),
        from_centres=midpoint,
    )


def _given_products(
    files: FilesOfSeed, ending: str, current: Current, mmn: MmnFile, order_kb: IntArray
) -> tuple[ComplexArray, str] | None:
    """Products between Bloch states from a file of their own, (k, b, s, n, m), and its name."""
    path = files.optional(ending) if current == "ryoo2019" else None
    if path is None:
        return None
    matrix_kbsnm = read_sxu(path).matrix_kbsnm
    n_bands = mmn.overlap_kbmn.shape[-1]
    expected = (*order_kb.shape, 3, n_bands, n_bands)
    if matrix_kbsnm.shape != expected:
        n_k, n_b, _, n_there, _ = matrix_kbsnm.shape
        raise InconsistentFilesError(
            f"{path} has {n_k} k points, {n_b} neighbours and {n_there} bands, the .mmn "
            f"{expected[0]}, {expected[1]} and {expected[3]}. They come from different runs; "
            "write them again from one .nnkp."
        )
    return matrix_kbsnm, path.name
