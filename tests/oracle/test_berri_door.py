"""To WannierBerri and back."""

import sys

import numpy as np
import pytest
from wannierberri.system import System_R, SystemKP

from w90spin import WannierModel
from w90spin.errors import ModelError
from w90spin.model.berri import from_system, to_system


@pytest.mark.parametrize("name", ["bi", "crooked"])
def test_there_and_back(name, request):
    """The same arrays to 1e-12, atoms included."""
    model = request.getfixturevalue(name)
    back = from_system(to_system(model))
    np.testing.assert_array_equal(back.R_Rc, model.R_Rc)
    assert back.periodic == model.periodic
    assert back.name == model.name
    for field in ("cell_ca", "ham_Rij", "pos_Raij", "spin_Rsij", "centres_ia"):
        np.testing.assert_allclose(getattr(back, field), getattr(model, field), rtol=0, atol=1e-12)
    if model.structure is None:
        assert back.structure is None
    else:
        assert back.structure.symbols == model.structure.symbols
        positions_xa = model.structure.positions_xa
        np.testing.assert_allclose(back.structure.positions_xa, positions_xa, rtol=0, atol=1e-12)


def test_a_system_shares_no_memory_with_its_model(crooked):
    system = to_system(crooked)
    for key in ("Ham", "AA", "SS"):
        system.get_R_mat(key)[:] = 0.0
    system.wannier_centers_cart[:] = 0.0
    assert min(np.abs(op).max() for op in (crooked.ham_Rij, crooked.pos_Raij, crooked.spin_Rsij))
    assert np.abs(crooked.centres_ia).max() > 0.0


def test_without_spin(crooked):
    cut = WannierModel.from_arrays(
        crooked.cell_ca, crooked.R_Rc, crooked.ham_Rij, centres=crooked.centres_ia
    )
    system = to_system(cut)
    assert not system.has_R_mat("SS")
    assert np.abs(system.get_R_mat("AA")).max() == 0.0
    assert from_system(system).spin_Rsij is None


def test_internal_terms_only_means_the_centres_are_the_position(crooked):
    system = to_system(crooked)
    system.force_internal_terms_only = True
    pos_aij = from_system(system).pos_Raij.sum(axis=0)
    np.testing.assert_allclose(pos_aij, [np.diag(x) for x in crooked.centres_ia.T], atol=1e-12)


def test_periodic_can_be_said_anew(bi):
    """WannierBerri calls every direction periodic unless told otherwise."""
    system = to_system(bi)
    system.periodic = np.array([True, True, True])
    assert from_system(system).measure == pytest.approx(4.53 * 4.82 * 17.0)
    assert from_system(system, periodic=(True, True, False)).measure == pytest.approx(4.53 * 4.82)


def test_other_systems_are_refused():
    with pytest.raises(ModelError, match="SystemKP"):
        from_system(SystemKP(Ham=lambda k: np.diag(k[:2])))
    with pytest.raises(ModelError, match="System_R"):
        from_system(System_R())


def test_absent(crooked, monkeypatch):
    monkeypatch.setitem(sys.modules, "wannierberri", None)
    with pytest.raises(ModelError, match="pip install"):
        to_system(crooked)
