"""Operators that the spin currents of Qiao (2018) and Ryoo (2019) need beyond H, r and spin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from w90spin.arrays import ComplexArray

Current = Literal["qiao2018", "ryoo2019"]
CURRENTS: tuple[Current, ...] = get_args(Current)


@dataclass(frozen=True, eq=False)
class SpinCurrentOperators:
    r"""Spin times position and energy, on the lattice vectors of a model.

    Parameters
    ----------
    spin_ham_Rsij : complex array (R, s, i, j)
        :math:`\langle 0i|\sigma_s H|Rj\rangle`. [eV]
    spin_pos_Rsaij : complex array (R, s, a, i, j)
        :math:`\langle 0i|\sigma_s (\mathbf r-\mathbf R)_a|Rj\rangle`. [Å]
    spin_ham_pos_Rsaij : complex array (R, s, a, i, j)
        :math:`\langle 0i|\sigma_s H (\mathbf r-\mathbf R)_a|Rj\rangle`. [eV Å]
    source : str
        Where they come from.
    from_centres : bool
        For "qiao2018", in which smooth gauge its states are differentiated: with phases that
        reach to the Wannier centres, as in WannierBerri, or with those of lattice vectors alone, as
        in postw90.  Outside the frozen window the two are different interpolations, and the second
        depends on the origin.

    Notes
    -----
    None of them is Hermitian in itself.  Summed with :math:`e^{i\mathbf k\cdot\mathbf R}` they are
    matrices between the periodic parts :math:`u` of Bloch sums,

    .. math::

        X_{sa}(\mathbf k) = \langle u_i|\sigma_s\, i\partial_a|u_j\rangle, \qquad
        Y_{sa}(\mathbf k) = \langle u_i|\sigma_s H\, i\partial_a|u_j\rangle,

    and with the matrices :math:`S_s` of the spin, :math:`Z_s` of :math:`\sigma_s H` and the
    diagonal matrix :math:`t_a` of the Wannier centres, the product with the velocity is

    .. math::

        \sigma_s v_a = S_s\, \partial_a H - i\,(X_{sa} H - Y_{sa}) - i\,(Z_s - S_s H)\, t_a

    in the Wannier gauge.  The last term is zero between states of the frozen window, where the
    Wannier functions hold all of H; elsewhere it keeps the sum independent of the origin.

    The whole position :math:`\mathbf r-\mathbf R` stands in X and Y, centres included, as it does
    in the position operator of a model.

    References
    ----------
    J. Qiao, J. Zhou, Z. Yuan and W. Zhao, Phys. Rev. B 98, 214402 (2018),
    doi:10.1103/PhysRevB.98.214402; J. H. Ryoo, C.-H. Park and I. Souza, Phys. Rev. B 99, 235113
    (2019), doi:10.1103/PhysRevB.99.235113
    """

    spin_ham_Rsij: ComplexArray
    spin_pos_Rsaij: ComplexArray
    spin_ham_pos_Rsaij: ComplexArray
    source: str = "given arrays"
    from_centres: bool = True

    @property
    def operators(self) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
        """The three arrays, in their order."""
        return self.spin_ham_Rsij, self.spin_pos_Rsaij, self.spin_ham_pos_Rsaij

    def map(self, change: Callable[[ComplexArray], ComplexArray]) -> SpinCurrentOperators:
        """Operators with each of the three arrays changed, one after the other."""
        return SpinCurrentOperators(
            spin_ham_Rsij=change(self.spin_ham_Rsij),
            spin_pos_Rsaij=change(self.spin_pos_Rsaij),
            spin_ham_pos_Rsaij=change(self.spin_ham_pos_Rsaij),
            source=self.source,
            from_centres=self.from_centres,
        )
