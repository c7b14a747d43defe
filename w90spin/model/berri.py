r"""The only door to WannierBerri: its ``System_R`` from a model, and a model from it.

Both sum :math:`e^{i\mathbf k\cdot\mathbf R}\langle\mathbf 0i|O|\mathbf Rj\rangle` and count spin in
Pauli matrices.  WannierBerri keeps the Wannier centres :math:`\mathbf t_i` apart from its position
matrices and differentiates with :math:`\mathbf R + \mathbf t_j - \mathbf t_i`; a model has them on
the diagonal of :math:`\mathbf r(\mathbf R=0)`.  Likewise its ``SR``, ``SA``, ``SHR`` and ``SHA``
have their origin at the centre of the right-hand function:

.. math::

    \mathrm{SR}_{as}, \mathrm{SA}_{as} &=
        \langle\mathbf 0i|\sigma_s(\mathbf r-\mathbf R-\mathbf t_j)_a|\mathbf Rj\rangle
        = X_{sa} - t_{j,a}\,\mathrm{SS}_s \\
    \mathrm{SHR}_{as}, \mathrm{SHA}_{as} &=
        \langle\mathbf 0i|\sigma_s H(\mathbf r-\mathbf R-\mathbf t_j)_a|\mathbf Rj\rangle
        = Y_{sa} - t_{j,a}\,\mathrm{SH}_s

with X and Y those of :class:`~w90spin.model.spin_current.SpinCurrentOperators`.  WannierBerri is
imported when one of the functions here is called.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from w90spin.arrays import ComplexArray, FloatArray, IntArray
from w90spin.errors import InconsistentFilesError, ModelError
from w90spin.model import checkpoint
from w90spin.model.files_of_seed import FilesOfSeed
from w90spin.model.lattice import find_vectors
from w90spin.model.load import load_model
from w90spin.model.orbitals import Orbital
from w90spin.model.spin_current import CURRENTS, Current, SpinCurrentOperators
from w90spin.model.wannier import Structure, WannierModel
from w90spin.read import MmnFile, read_chk, read_eig, read_mmn, read_spn, read_sxu

if TYPE_CHECKING:
    from wannierberri.system import System_R
    from wannierberri.w90files.wandata import WannierData

KEYS = {"qiao2018": ("SH", "SR", "SHR"), "ryoo2019": ("SH", "SA", "SHA")}
"""WannierBerri's names of σH, σr and σHr for each spin current."""

SUMMED = "sums over the bands of the .mmn"
"""Source of products of operators that no file has whole."""


def to_system(model: WannierModel) -> System_R:
    r"""WannierBerri system with the operators of a model.

    .. math::

        \mathrm{AA}(\mathbf R) = \langle\mathbf 0i|\mathbf r|\mathbf Rj\rangle
            - \delta_{\mathbf R 0}\,\delta_{ij}\,\mathbf t_i

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    wannierberri.system.System_R
        With ``Ham``, ``AA`` and, where the model has them, ``SS`` and the matrices of the spin
        currents, on the same lattice vectors in the same order.  It has no symmetry: give it some
        with its own ``set_pointgroup``.

    Raises
    ------
    ModelError
        If WannierBerri cannot be imported, or the two spin currents of the model have different
        :math:`\sigma H`, for which WannierBerri has one place.

    Notes
    -----
    WannierBerri divides integrals by the volume of the three-dimensional cell, w90spin by the
    measure of the periodic directions.

    Examples
    --------
    >>> from w90spin.model import toys
    >>> model = toys.pt_antiferromagnet()
    >>> system = to_system(model)
    >>> system.num_wann, system.has_R_mat("SS")
    (4, True)
    """
    berri = _berri()
    system = berri.system.System_R(
        periodic=model.periodic,
        name=model.name,
        silent=True,
        spinor=None if model.spin_Rsij is None else True,
    )
    system.set_real_lattice(model.cell_ca.copy())
    system.num_wann = model.n_wann
    system.set_wannier_centers(wannier_centers_cart=model.centres_ia.copy())
    system.rvec = berri.fourier.rvectors.Rvectors(
        lattice=system.real_lattice,
        iRvec=model.R_Rc,
        shifts_left_red=system.wannier_centers_red,
    )
    apart_Rija = model.pos_Raij.transpose(0, 2, 3, 1).copy()
    diagonal = np.arange(model.n_wann)
    apart_Rija[system.rvec.iR0, diagonal, diagonal] -= model.centres_ia
    system.set_R_mat("Ham", model.ham_Rij.copy())
    system.set_R_mat("AA", apart_Rija)
    if model.spin_Rsij is not None:
        system.set_R_mat("SS", model.spin_Rsij.transpose(0, 2, 3, 1).copy())
    for current, operators in model.spin_current.items():
        _give_spin_current(system, model, current, operators)
    if model.structure is not None:
        reduced_xc = model.structure.positions_xa @ np.linalg.inv(model.cell_ca)
        system.set_structure(reduced_xc, list(model.structure.symbols))
    system.do_at_end_of_init()
    return system


def from_system(
    system: System_R, *, periodic: tuple[bool, bool, bool] | None = None
) -> WannierModel:
    """Build a model from a WannierBerri system.

    Parameters
    ----------
    system : wannierberri.system.System_R
        The system.
    periodic : 3 bools, optional
        Directions along which the crystal repeats; by default those that the system says.
        WannierBerri calls every direction periodic unless told otherwise, and the measure that
        integrals are divided by depends on it.

    Returns
    -------
    WannierModel
        Without spin where the system has no ``SS``; with the Wannier centres as position where it
        has no ``AA``; with the operators of those spin currents whose matrices are all there.

    Raises
    ------
    ModelError
        If WannierBerri cannot be imported, the system is of another kind (k·p, phonons, a pair of
        spin channels), or its matrices make no model.

    Examples
    --------
    >>> from w90spin.model import toys
    >>> model = from_system(to_system(toys.pt_antiferromagnet()))
    >>> model.n_wann, model.periodic
    (4, (True, True, False))
    """
    berri = _berri()
    kind = type(system).__name__
    if (
        not isinstance(system, berri.system.System_R)
        # Its spin matrix is wrong for two spin channels (WannierBerri 26.10).
        or isinstance(system, berri.system.SystemSOC)
        or system.is_phonon
        or not system.has_R_mat("Ham")
    ):
        raise ModelError(
            f"A WannierBerri {kind} has no electronic H(R) of its own that a model could take. "
            "Give a System_R, for instance from System_R.from_wannierdata."
        )
    if periodic is None:
        along_c = [bool(repeats) for repeats in system.periodic]
        periodic = (along_c[0], along_c[1], along_c[2])
    pos_Rija = None
    if system.has_R_mat("AA") and not system.force_internal_terms_only:
        pos_Rija = np.array(system.get_R_mat("AA"), dtype=np.complex128)
        diagonal = np.arange(system.num_wann)
        pos_Rija[system.rvec.iR0, diagonal, diagonal] += system.wannier_centers_cart
    model = WannierModel.from_arrays(
        system.real_lattice,
        system.rvec.iRvec,
        system.get_R_mat("Ham"),
        pos=pos_Rija,
        spin=system.get_R_mat("SS") if system.has_R_mat("SS") else None,
        centres=system.wannier_centers_cart,
        periodic=periodic,
        atoms=_structure(system),
        name=str(system.name),
    )
    return replace(
        model,
        spin_current={
            current: _take_spin_current(system, model, current)
            for current, keys in KEYS.items()
            if all(system.has_R_mat(key) for key in ("SS", *keys))
        },
    )


def from_wannierdata(
    seedname: str | Path,
    *,
    current: Current = "ryoo2019",
    periodic: tuple[bool, bool, bool] | None = None,
) -> WannierModel:
    r"""Build a model with the operators of a spin current, through WannierBerri's ``WannierData``.

    Parameters
    ----------
    seedname : path
        Folder and seedname.  Needs `.chk`, `.eig`, `.mmn` and `.spn`; takes `.sIu` and `.sHu`, for
        "ryoo2019", where they are there.
    current : "ryoo2019" or "qiao2018"
        Which spin current the operators are for.
    periodic : 3 bools, optional
        Directions along which the crystal repeats; by default those with more than one k point.

    Returns
    -------
    WannierModel
        All its operators are WannierBerri's; spin pairs, atoms, frozen window and notes are those
        of :func:`w90spin.load_model`, which checks the files against each other first.

    Raises
    ------
    FileMissingError
        If a file that is needed is not there.
    InputFileError
        If a file cannot be used.
    InconsistentFilesError
        If two files cannot belong to one run.
    ModelError
        If WannierBerri cannot be imported, or the current is none of the two.

    Notes
    -----
    Without `.sIu` and `.sHu`, which are whole, :math:`\sigma e^{-i\mathbf b\cdot\mathbf r}` and
    :math:`\sigma H e^{-i\mathbf b\cdot\mathbf r}` between Bloch states are sums over the bands of
    the `.mmn`.  Then both currents have the same operators up to the finite differences on the
    mesh, which are taken about the middle of each pair for "ryoo2019" and about the right-hand
    centre for "qiao2018", as WannierBerri has them.

    Examples
    --------
    ::

        model = from_wannierdata("data/bi-monolayer/bi", current="ryoo2019")
    """
    if current not in CURRENTS:
        raise ModelError(f"current = {current!r} must be one of {', '.join(CURRENTS)}.")
    berri = _berri()
    files = FilesOfSeed.named(seedname)
    base = load_model(files.seedname, source="chk", spin="spn", periodic=periodic)
    data, source = _wannier_data(files, base.centres_ia, current)
    options = {"SHCryoo" if current == "ryoo2019" else "SHCqiao": True}
    system = berri.system.System_R.from_wannierdata(
        data,
        berry=True,
        spin=True,
        # About the middle of a pair SR and SHR would be taken from neither centre.
        transl_inv_JM=current == "ryoo2019",
        periodic=base.periodic,
        name=base.name,
        silent=True,
        **options,
    )
    model = from_system(system)
    operators = replace(model.spin_current[current], source=source)
    return replace(
        model,
        spin_source=base.spin_source,
        spin_pairs=base.spin_pairs,
        structure=base.structure,
        inputs=dict(sorted({**base.inputs, **files.hashes()}.items())),
        notes=(*base.notes, f"All operators by WannierBerri; those of {current} from {source}."),
        frozen_window=base.frozen_window,
        spin_current={current: operators},
        spin_quality=base.spin_quality,
    )


def _wannier_data(
    files: FilesOfSeed, centres_ia: FloatArray, current: Current
) -> tuple[WannierData, str]:
    """WannierBerri's collection of files, as read and checked here; and the source of products."""
    from wannierberri.w90files.bkvectors import BKVectors
    from wannierberri.w90files.chk import CheckPoint
    from wannierberri.w90files.eig import EIG
    from wannierberri.w90files.mmn import MMN
    from wannierberri.w90files.spn import SPN
    from wannierberri.w90files.wandata import WannierData

    chk = read_chk(files.take(".chk"))
    mmn = read_mmn(files.take(".mmn"))
    eig = read_eig(files.take(".eig"))
    spn = read_spn(files.take(".spn"))
    order_kb, b_bc = _common_order(mmn, checkpoint.mesh_points(chk))
    each_k = np.arange(chk.n_kpts)[:, None]
    data = WannierData()
    data.seedname = str(files.seedname)
    # Moved by lattice vectors along open directions, centres change no phase of a mesh point.
    data.set_file(
        "chk",
        CheckPoint(
            real_lattice=chk.cell_ca,
            v_matrix=checkpoint.bloch_to_wannier(chk),
            wannier_centers_cart=centres_ia,
            kpt_red=checkpoint.mesh_points(chk),
            mp_grid=chk.mp_grid,
        ),
    )
    grid_c = np.array(chk.mp_grid)
    weight_kb = checkpoint.neighbour_weights((b_bc @ data.chk.recip_lattice)[None])
    data.set_file(
        "bkvec",
        BKVectors(
            recip_lattice=data.chk.recip_lattice,
            mp_grid=grid_c,
            wk=weight_kb[0],
            bk_grid=np.rint(b_bc * grid_c).astype(int),
            G=list(mmn.G_kbc[each_k, order_kb]),
            neighbours=list(mmn.neighbour_kb[each_k, order_kb]),
            kpt_grid=np.rint(checkpoint.mesh_points(chk) * grid_c).astype(int),
        ),
    )
    data.set_file("mmn", MMN(data=list(mmn.overlap_kbmn[each_k, order_kb])))
    data.set_file("eig", EIG(data=list(eig.energy_kn)))
    data.set_file("spn", SPN(data=list(spn.spin_ksnm.transpose(0, 2, 3, 1))))
    return data, SUMMED if current == "qiao2018" else _give_products(data, files, order_kb)


def _give_products(data: WannierData, files: FilesOfSeed, order_kb: IntArray) -> str:
    """Add .sIu and .sHu, from files or by sums over bands; where they come from."""
    from wannierberri.w90files.xxu import SHU, SIU

    sources = []
    products = {
        "sIu": (SIU, data.set_sIu_from_mmn_spn),
        "sHu": (SHU, data.set_sHu_from_mmn_eig_spn),
    }
    expected = (*order_kb.shape, 3, data.chk.num_bands, data.chk.num_bands)
    for ending, (kind, from_sums) in products.items():
        path = files.optional(f".{ending}")
        if path is None:
            from_sums()
            sources.append(SUMMED)
            continue
        matrix_kbsnm = read_sxu(path).matrix_kbsnm
        if matrix_kbsnm.shape != expected:
            n_k, n_b, _, n_bands, _ = matrix_kbsnm.shape
            raise InconsistentFilesError(
                f"{path} has {n_k} k points, {n_b} neighbours and {n_bands} bands, the .mmn "
                f"{expected[0]}, {expected[1]} and {expected[3]}. They come from different runs; "
                "write them again from one .nnkp."
            )
        ordered_kbsnm = matrix_kbsnm[np.arange(len(order_kb))[:, None], order_kb]
        data.set_file(ending.lower(), kind(list(ordered_kbsnm.transpose(0, 1, 3, 4, 2))))
        sources.append(path.name)
    return " and ".join(dict.fromkeys(sources))


def _common_order(mmn: MmnFile, kpt_kc: FloatArray) -> tuple[IntArray, FloatArray]:
    """Order of each k point's neighbours that makes them alike, (k, b), and them, (b, c)."""
    b_kbc = kpt_kc[mmn.neighbour_kb] + mmn.G_kbc - kpt_kc[:, None]
    apart_kxb = np.linalg.norm(b_kbc[:, None, :] - b_kbc[0][None, :, None], axis=-1)
    if (apart_kxb.min(axis=2) > checkpoint.SAME_POINT).any():
        raise InconsistentFilesError(
            f"{mmn.path}: not all k points have the same neighbours. The mesh is not uniform; "
            "write the .nnkp and .mmn again."
        )
    return apart_kxb.argmin(axis=2), b_kbc[0]


def _give_spin_current(
    system: System_R, model: WannierModel, current: str, operators: SpinCurrentOperators
) -> None:
    """Matrices of a spin current as WannierBerri keeps them, from the right-hand centre."""
    ham_key, pos_key, ham_pos_key = KEYS[current]
    spin_Rsij = model.needs_spin(f"the spin current {current}")
    at_centre_saij = model.centres_ia.T[None, :, None, :]
    apart = {
        ham_key: operators.spin_ham_Rsij.transpose(0, 2, 3, 1),
        pos_key: _last(operators.spin_pos_Rsaij - at_centre_saij * spin_Rsij[:, :, None]),
        ham_pos_key: _last(
            operators.spin_ham_pos_Rsaij - at_centre_saij * operators.spin_ham_Rsij[:, :, None]
        ),
    }
    for key, op in apart.items():
        if not system.has_R_mat(key):
            system.set_R_mat(key, op.copy())
        elif not np.allclose(system.get_R_mat(key), op, rtol=0.0, atol=1e-10):
            raise ModelError(
                f"The spin currents of '{model.name}' have different {key}, for which WannierBerri "
                "has one place. Leave one of them out."
            )


def _take_spin_current(system: System_R, model: WannierModel, current: str) -> SpinCurrentOperators:
    """Operators of a spin current on the lattice vectors of the model, centres included."""
    ham_key, pos_key, ham_pos_key = KEYS[current]
    index_R = find_vectors(model.R_Rc, np.asarray(system.rvec.iRvec))
    at_centre_saij = model.centres_ia.T[None, :, None, :]

    def placed(key: str) -> ComplexArray:
        op_Rijx = np.asarray(system.get_R_mat(key))
        op_Rxij = np.moveaxis(op_Rijx, (1, 2), (-2, -1))
        if op_Rxij.ndim == 5:  # WannierBerri has a before s
            op_Rxij = op_Rxij.swapaxes(1, 2)
        full_Rxij = np.zeros((len(model.R_Rc), *op_Rxij.shape[1:]), dtype=np.complex128)
        full_Rxij[index_R] = op_Rxij
        return full_Rxij

    spin_Rsij, spin_ham_Rsij = placed("SS"), placed(ham_key)
    return SpinCurrentOperators(
        spin_ham_Rsij=spin_ham_Rsij,
        spin_pos_Rsaij=placed(pos_key) + at_centre_saij * spin_Rsij[:, :, None],
        spin_ham_pos_Rsaij=placed(ham_pos_key) + at_centre_saij * spin_ham_Rsij[:, :, None],
        source=f"WannierBerri's {ham_key}, {pos_key} and {ham_pos_key}",
    )


def _last(op_Rsaij: ComplexArray) -> ComplexArray:
    """WannierBerri's order of axes: R, i, j, a, s."""
    return op_Rsaij.transpose(0, 3, 4, 2, 1)


def berri_symmetrised(model: WannierModel) -> WannierModel:
    """Model after WannierBerri's own symmetrisation, an independent check of ours.

    Parameters
    ----------
    model : WannierModel
        With atoms, spin, and whole shells of orbitals on the atoms, axes along x, y, z.  Atoms
        without magnetic moments are taken as non-magnetic.

    Returns
    -------
    WannierModel
        H, r and spin symmetrised under the group that irrep finds for the three-dimensional
        arrangement of atoms; the order of the Wannier functions is kept.

    Raises
    ------
    ModelError
        If WannierBerri or irrep cannot be imported, or the orbitals are not of that kind.

    Notes
    -----
    :func:`w90spin.symmetrised` also takes single operations, local axes and models without atoms.
    """
    if importlib.util.find_spec("irrep") is None:
        raise ModelError(
            "irrep is not installed, which WannierBerri's symmetrisation needs. Install it (pip "
            "install 'w90spin[berri]'), or use symmetrised(model), which does without."
        )
    structure, orbitals = model.structure, model.orbitals
    if structure is None or orbitals is None or not orbitals[0].spin:
        raise ModelError(
            "WannierBerri's symmetrisation needs atoms and spinor orbitals; the model lacks them. "
            "Use symmetrised(model, operations)."
        )
    reduced_xc = structure.positions_xa @ np.linalg.inv(model.cell_ca)
    order, projections = _berri_order(orbitals, structure.symbols, reduced_xc)
    moments_xa = structure.moments_xa
    if moments_xa is None:
        moments_xa = np.zeros_like(structure.positions_xa)
    system = to_system(_reordered(model, order))
    with warnings.catch_warnings():
        # Of spglib's change of its way to tell errors, which irrep will have to follow.
        warnings.simplefilter("ignore", DeprecationWarning)
        system.symmetrize(
            projections,
            reduced_xc,
            list(structure.symbols),
            soc=True,
            magmom=moments_xa,
            silent=True,
            reorder_back=True,
        )
    back = from_system(system, periodic=model.periodic)
    return replace(
        _reordered(back, np.argsort(order)),
        name=model.name,
        spin_source=model.spin_source,
        spin_pairs=model.spin_pairs,
        orbitals=orbitals,
        structure=structure,
    )


def _berri_order(
    orbitals: tuple[Orbital, ...], symbols: tuple[str, ...], reduced_xc: FloatArray
) -> tuple[IntArray, list[str]]:
    """Functions shell by shell, atom by atom, up and down, and the names of the shells."""
    names = {0: "s", 1: "p", 2: "d", 3: "f", -1: "sp", -2: "sp2", -3: "sp3", -5: "sp3d2"}
    place: dict[tuple[str, int, int, int, int], int] = {}
    for index, orbital in enumerate(orbitals):
        apart_xc = reduced_xc - np.array(orbital.site_c)
        apart_x = np.abs(apart_xc - np.rint(apart_xc)).max(axis=1)
        atom = int(np.argmin(apart_x))
        plain = np.allclose(orbital.z_axis_a, (0, 0, 1)) and np.allclose(
            orbital.x_axis_a, (1, 0, 0)
        )
        key = (symbols[atom], orbital.l, atom, orbital.mr, -orbital.spin)
        if apart_x[atom] > 1e-3 or not plain or orbital.l not in names or key in place:
            raise ModelError(
                f"Wannier function {index + 1} (l = {orbital.l}, mr = {orbital.mr}) is not one of "
                "a shell on an atom with axes along x, y, z, which WannierBerri's symmetrisation "
                "needs. Use symmetrised(model)."
            )
        place[key] = index
    keys = sorted(place)
    shells = dict.fromkeys((symbol, momentum) for symbol, momentum, *_ in keys)
    order = np.array([place[key] for key in keys])
    return order, [f"{symbol}:{names[momentum]}" for symbol, momentum in shells]


def _reordered(model: WannierModel, order_i: IntArray) -> WannierModel:
    """The same model with its Wannier functions in another order."""
    spin_Rsij = model.spin_Rsij
    return replace(
        model,
        ham_Rij=model.ham_Rij[:, order_i][:, :, order_i],
        pos_Raij=model.pos_Raij[:, :, order_i][..., order_i],
        spin_Rsij=None if spin_Rsij is None else spin_Rsij[:, :, order_i][..., order_i],
        centres_ia=model.centres_ia[order_i],
        spin_pairs=None,
        orbitals=None,
    )


def _structure(system: System_R) -> Structure | None:
    """Atoms, where the system names them; WannierBerri also has bare numbers for labels."""
    labels = getattr(system, "atom_labels", None)
    # A list, or an array after WannierBerri's symmetrisation.
    labels = [] if labels is None else [*labels]
    if not labels or not all(isinstance(label, str) for label in labels):
        return None
    positions_xa = np.array(system.positions, dtype=np.float64) @ system.real_lattice
    return Structure(tuple(str(label) for label in labels), positions_xa)


def _berri() -> Any:
    try:
        import wannierberri
        import wannierberri.fourier.rvectors
        import wannierberri.system
    except ImportError as problem:
        raise ModelError(
            f"WannierBerri cannot be imported ({problem}), which building or reading its systems "
            "needs. Install it: pip install 'wannierberri>=26.10,<27'."
        ) from problem
    return wannierberri
