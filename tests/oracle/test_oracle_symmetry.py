"""Rotations of orbitals and symmetrised models against WannierBerri's."""

import importlib.util

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import w90spin as ws
from w90spin.errors import ModelError
from w90spin.model.berri import berri_symmetrised
from w90spin.model.orbitals import Orbital, rotated_harmonics

HAS_IRREP = importlib.util.find_spec("irrep") is not None
SHELLS = {"s": 0, "p": 1, "d": 2, "f": 3, "sp": -1, "sp2": -2, "sp3": -3, "sp3d2": -5}


@pytest.mark.skipif(
    importlib.util.find_spec("sympy") is None, reason="WannierBerri turns orbitals with sympy"
)
@pytest.mark.parametrize("shell", SHELLS)
def test_matrices_of_turned_shells(shell):
    """A general proper and improper turn for whole l; for hybrids one between their functions."""
    from wannierberri.symmetry.orbitals import OrbitalRotator

    rotator, l = OrbitalRotator(), SHELLS[shell]  # noqa: E741
    n_orbitals = 2 * l + 1 if l >= 0 else {-1: 2, -2: 3, -3: 4, -5: 6}[l]
    basis = np.array(
        [Orbital(site_c=(0, 0, 0), l=l, mr=mr + 1).harmonics() for mr in range(n_orbitals)]
    )
    for sign in (1, -1):
        turn = sign * Rotation.random(random_state=abs(l)).as_matrix()
        ours = basis @ rotated_harmonics(turn) @ basis.T
        np.testing.assert_allclose(ours, rotator(shell, rot_cart=turn), atol=1e-9)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not HAS_IRREP, reason="WannierBerri's symmetrisation needs irrep")
def test_symmetrised_bismuth(bi):
    """The same operators wherever both have them; H is symmetric to six decimals before."""
    theirs = berri_symmetrised(bi)
    ours, _ = ws.symmetrised(bi)
    kpt_kc = np.array([[0.13, 0.31, 0.0], [0.4, 0.05, 0.0]])
    for name in ("ham_Rij", "pos_Raij", "spin_Rsij"):
        for kpt_c in kpt_kc:
            one, two = (
                np.tensordot(np.exp(2j * np.pi * model.R_Rc @ kpt_c), getattr(model, name), axes=1)
                for model in (ours, theirs)
            )
            np.testing.assert_allclose(one, two, atol=1e-8)


@pytest.mark.skipif(HAS_IRREP, reason="irrep is installed")
def test_without_irrep_the_error_names_the_way_without(bi):
    with pytest.raises(ModelError, match=r"install 'w90spin\[berri\]'.*symmetrised\(model\)"):
        berri_symmetrised(bi)
