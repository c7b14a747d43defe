r"""The only door to WannierBerri: its ``System_R`` from a model, and a model from it.

Both sum :math:`e^{i\mathbf k\cdot\mathbf R}\langle\mathbf 0i|O|\mathbf Rj\rangle` and count spin in
Pauli matrices.  WannierBerri keeps the Wannier centres :math:`\mathbf t_i` apart from its position
matrices and differentiates with :math:`\mathbf R + \mathbf t_j - \mathbf t_i`; a model has them on
the diagonal of :math:`\mathbf r(\mathbf R=0)`.  WannierBerri is imported when one of the functions
here is called.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from w90spin.arrays import FloatArray, IntArray
from w90spin.errors import ModelError
from w90spin.model.orbitals import Orbital
from w90spin.model.wannier import Structure, WannierModel

if TYPE_CHECKING:
    from wannierberri.system import System_R


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
        With ``Ham``, ``AA`` and, where the model has spin, ``SS``, on the same lattice vectors in
        the same order.  It has no symmetry: give it some with its own ``set_pointgroup``.

    Raises
    ------
    ModelError
        If WannierBerri cannot be imported.

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
        has no ``AA``.

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
    return WannierModel.from_arrays(
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
            "install 'irrep<3.3'), or use symmetrised(model), which does without."
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
    if not labels or not all(isinstance(label, str) for label in labels):
        return None
    positions_xa = np.array(system.positions, dtype=np.float64) @ system.real_lattice
    return Structure(tuple(labels), positions_xa)


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
