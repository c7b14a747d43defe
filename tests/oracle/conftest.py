"""The bismuth monolayer, its files unpacked, and a model with nothing simple about it.

Importing WannierBerri's calculators and readers needs two libraries that it does not require.
Where they are not installed, stand-ins take their place for just that import.
"""

import importlib
import importlib.util
import lzma
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from w90spin import WannierModel, load_model


class RecordFile(scipy.io.FortranFile):
    """scipy's reader of Fortran records with the arguments of fortio's."""

    def __init__(self, filename, mode="r", header_dtype="uint32", **_):
        super().__init__(filename, mode, header_dtype)

    def skip_record(self):
        self.read_record("b")


STAND_INS = {
    "numba": {"njit": lambda function: function},  # compiles tetrahedra, which no test here uses
    "fortio": {"FortranFile": RecordFile},
}

with pytest.MonkeyPatch.context() as patch:
    for name, content in STAND_INS.items():
        if importlib.util.find_spec(name) is None:
            stand_in = types.ModuleType(name)
            stand_in.__dict__.update(content)
            patch.setitem(sys.modules, name, stand_in)
    importlib.import_module("wannierberri.grid.tetrahedron")
    importlib.import_module("wannierberri.w90files.fortio")

BI = Path(__file__).parents[2] / "data" / "bi-monolayer" / "bi"


@pytest.fixture(scope="session")
def bi():
    return load_model(BI)


@pytest.fixture(scope="session")
def bi_files(tmp_path_factory):
    """Seedname of the files that make a model, as other codes read them: not compressed."""
    folder = tmp_path_factory.mktemp("bi")
    for suffix in (".chk", ".mmn", ".spn"):
        with lzma.open(f"{BI}{suffix}.xz") as packed, open(folder / f"bi{suffix}", "wb") as plain:
            shutil.copyfileobj(packed, plain)
    for suffix in (".eig", ".nnkp"):
        shutil.copy(f"{BI}{suffix}", folder)
    return folder / "bi"


@pytest.fixture(scope="session")
def crooked():
    """Triclinic, no symmetry: complex hoppings, r and spin between all orbitals and cells."""
    rng = np.random.default_rng(7)
    R = np.stack(np.meshgrid([-2, -1, 0, 1, 2], [-1, 0, 1], [-1, 0, 1], indexing="ij"), -1)
    R = R.reshape(-1, 3)
    n = 6
    decay = np.exp(-np.linalg.norm(R, axis=1))[:, None, None]

    def hermitian(*axes):
        shape = (len(R), n, n, *axes)
        op = rng.normal(size=shape) + 1j * rng.normal(size=shape)
        # The list is its own mirror image: -R stands at the other end.
        return 0.5 * (op + op[::-1].swapaxes(1, 2).conj())

    home = len(R) // 2
    centres = rng.uniform(-2, 5, size=(n, 3))
    pos = 0.2 * decay[..., None] * hermitian(3)
    pos[home, range(n), range(n)] = centres + 0.03 * rng.normal(size=(n, 3))
    return WannierModel.from_arrays(
        [[3.1, 0.2, -0.4], [0.5, 3.6, 0.3], [-0.2, 0.9, 4.2]],
        R,
        0.6 * decay * hermitian(),
        pos=pos,
        spin=0.5 * decay[..., None] * hermitian(3),
        centres=centres,
    )
