"""What responses may need beyond H and r: which files hold it, and what writes them."""

from __future__ import annotations

from dataclasses import dataclass

from w90spin.model.files_of_seed import WRITERS, FilesOfSeed
from w90spin.model.spin_current import CURRENTS
from w90spin.model.wannier import WannierModel


@dataclass(frozen=True)
class Operator:
    """An operator that a model may carry.

    Parameters
    ----------
    missing : str
        That it is missing, in words.
    files : tuple of tuple of str
        Sets of files, any of which is enough, the best first.
    recipe : str
        How to get it into the model once the files are there.
    """

    missing: str
    files: tuple[tuple[str, ...], ...]
    recipe: str

    def how(self, files: FilesOfSeed | None = None) -> str:
        """What to do for a model to carry it.

        Parameters
        ----------
        files : FilesOfSeed, optional
            Files that are there; without them all that are needed are named.

        Returns
        -------
        str
            Which files are missing, what writes them, and how they are loaded.
        """
        if files is None:
            needed = " ".join(f"{end}: {WRITERS[end]}" for end in self.files[0])
            return f"it needs {_listed(self.files[0])}. {needed} {self.recipe}"
        lacking = min(
            (tuple(end for end in ends if files.find(end) is None) for ends in self.files), key=len
        )
        if not lacking:
            return f"its files are there. {self.recipe}"
        writers = " ".join(f"{end}: {WRITERS[end]}" for end in lacking)
        return f"there is no {' and no '.join(lacking)}. {writers} {self.recipe}"


_PRODUCTS = (".chk", ".eig", ".mmn", ".spn")

OPERATORS: dict[str, Operator] = {
    "spin": Operator(
        "the spin operator is missing",
        ((".spn", ".chk"), (".spn", ".amn", ".eig")),
        "Load with spin = 'auto'; or, if the projections were atomic spinors, take pure spinors in "
        "their order with spin = 'projections', an approximation.",
    ),
    **{
        current: Operator(
            f"the operators of the spin current {current} are missing",
            (_PRODUCTS,),
            f"Load with load_model(seedname, spin_current={current!r})"
            + (
                "; .sIu and .sHu (write_sIu, write_sHu in pw2wannier90), if there, save its sums "
                "over bands."
                if current == "ryoo2019"
                else "."
            ),
        )
        for current in CURRENTS
    },
}
"""Operators by the names that responses use in their needs."""


def carried(model: WannierModel) -> frozenset[str]:
    """Names of the :data:`OPERATORS` that a model carries.

    Parameters
    ----------
    model : WannierModel
        The model.

    Returns
    -------
    frozenset of str
    """
    spin = () if model.spin_Rsij is None else ("spin",)
    return frozenset((*spin, *model.spin_current))


def _listed(ends: tuple[str, ...]) -> str:
    return f"{', '.join(ends[:-1])} and {ends[-1]}"
