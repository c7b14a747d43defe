"""Operators of the spin currents from .chk, .eig, .mmn and .spn."""

from dataclasses import replace

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import InconsistentFilesError, MissingOperatorError, ModelError
from w90spin.model.berri import from_wannierdata
from w90spin.read import read_mmn
from w90spin.read.mmn import write_mmn

DATA = "data/bi-monolayer/bi"


@pytest.fixture(scope="module")
def seed(request):
    return request.config.rootpath / DATA


@pytest.fixture(scope="module")
def midpoint(seed):
    return ws.load_model(seed, spin_current=["ryoo2019", "qiao2018"], position="midpoint")


def test_about_the_middle_as_wannierberri_has_them(midpoint, seed):
    """Ryoo's operators from another code, on the R that both have."""
    theirs = from_wannierdata(seed, current="ryoo2019")
    assert list(midpoint.spin_current) == ["qiao2018", "ryoo2019"]
    ours, other = (m.spin_current["ryoo2019"].operators for m in (midpoint, theirs))
    at = {tuple(R): row for row, R in enumerate(theirs.R_Rc.tolist())}
    rows = [at[tuple(R)] for R in midpoint.R_Rc.tolist()]
    assert len(rows) == len(at)
    for one, two, atol in zip(ours, other, (1e-7, 1e-7, 1e-6), strict=True):
        assert np.abs(one).max() > 0.1
        np.testing.assert_allclose(one, two[rows], rtol=0, atol=atol)


def test_spin_times_energy_is_one_for_both_formulas(midpoint, seed):
    plain = ws.load_model(seed, spin_current="qiao2018", source="chk")
    assert not plain.spin_current["qiao2018"].from_centres
    assert midpoint.spin_current["qiao2018"].from_centres
    one, two = (m.spin_current["qiao2018"] for m in (plain, midpoint))
    np.testing.assert_allclose(one.spin_ham_Rsij, two.spin_ham_Rsij, rtol=0, atol=1e-12)
    apart = np.abs(one.spin_pos_Rsaij - two.spin_pos_Rsaij).max()
    assert 1e-3 < apart < 1.0  # Å: second order in the distance of the k points


def test_kept_by_a_model_file(midpoint, tmp_path):
    loaded = ws.load_model(ws.save_model(midpoint, tmp_path / "bi.w90.h5"))
    for current, operators in midpoint.spin_current.items():
        assert loaded.spin_current[current].from_centres == operators.from_centres
        for one, two in zip(
            loaded.spin_current[current].operators, operators.operators, strict=True
        ):
            np.testing.assert_array_equal(one, two)


def test_what_cannot_be(seed, tmp_path):
    with pytest.raises(ModelError, match="'simple' needs no operators of its own"):
        ws.load_model(seed, spin_current="simple")
    with pytest.raises(ModelError, match="needs source = 'chk' and spin = 'spn', not 'tb'"):
        ws.load_model(seed, spin_current="ryoo2019", source="tb")
    with pytest.raises(ModelError, match="not 'chk' and 'projections'"):
        ws.load_model(seed, spin_current="ryoo2019", spin="projections")
    path = ws.save_model(ws.load_model(seed), tmp_path / "bi.w90.h5")
    with pytest.raises(ModelError, match="spin_current would have no effect"):
        ws.load_model(path, spin_current="ryoo2019")
    model = ws.load_model(path)
    with pytest.raises(MissingOperatorError, match="ryoo2019"):
        ws.compute(model, [ws.SpinHall(mu_f=1.4, current="ryoo2019")])


def test_neighbours_of_another_mesh_are_refused(seed, tmp_path):
    """A .mmn whose neighbours are those of the mesh in another order at one k point."""
    for file in seed.parent.glob("bi.*"):
        if ".mmn" not in file.name:
            (tmp_path / file.name).symlink_to(file)
    mmn = read_mmn(next(seed.parent.glob("bi.mmn*")))
    G_kbc = mmn.G_kbc.copy()
    G_kbc[3, 0] += [1, 0, 0]
    write_mmn(replace(mmn, G_kbc=G_kbc), tmp_path / "bi.mmn")
    with pytest.raises(InconsistentFilesError):
        ws.load_model(tmp_path / "bi", spin_current="qiao2018")
