"""PT and time reversal imposed by name, and how far bands move."""

from dataclasses import replace

import numpy as np
import pytest

import w90spin as ws
from w90spin.errors import ModelError
from w90spin.model.symmetrise import symmetrising_moves_bands

MOMENT = np.array([np.sin(0.5), 0.0, np.cos(0.5)])


def antiferromagnet(*, moments=True, field=0.0):
    """The PT toy with its two atoms; a field on σ_z of both sublattices breaks PT."""
    model = ws.toys.pt_antiferromagnet()
    ham_Rij = model.ham_Rij.copy()
    home = int(np.flatnonzero(np.all(model.R_Rc == 0, axis=1))[0])
    ham_Rij[home] += field * np.diag([1.0, -1.0, 1.0, -1.0])
    atoms = ws.Structure(
        ("Mn", "Mn"), model.centres_ia[[0, 2]], np.stack([MOMENT, -MOMENT]) if moments else None
    )
    return replace(model, ham_Rij=ham_Rij, structure=atoms)


def bands(model, kpt_kc):
    phase_kR = np.exp(2j * np.pi * kpt_kc @ model.R_Rc.T)
    return np.linalg.eigvalsh(np.einsum("kR,Rij->kij", phase_kR, model.ham_Rij))


def test_pt_by_name_takes_a_field_away_and_tells_how_far_bands_moved():
    broken, clean = antiferromagnet(field=0.02), antiferromagnet()
    better, report = ws.symmetrised(broken, "PT")
    kpt_kc = np.random.default_rng(0).uniform(size=(40, 3)) * [1, 1, 0]
    pairs_kn = bands(better, kpt_kc)
    assert np.abs(pairs_kn[:, ::2] - pairs_kn[:, 1::2]).max() < 1e-12
    assert np.abs(pairs_kn - bands(clean, kpt_kc)).max() < 1e-12
    assert np.abs(np.diff(bands(broken, kpt_kc))[:, ::2]).max() > 0.01
    assert len(report.before.group) == 2
    assert report.before.worst.ham == pytest.approx(0.04, rel=1e-9)  # +0.02 seen as -0.02
    # The mesh of the report, by hand: what σ_z does to pairs is at most the field itself.
    fine = (np.arange(60) + 0.5) / 60
    mesh_kc = np.stack(np.meshgrid(fine, fine, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    moved_kn = bands(broken, mesh_kc) - bands(clean, mesh_kc)
    assert 0.01 < report.bands.largest <= 0.02
    assert report.bands.largest == pytest.approx(np.abs(moved_kn).max(), rel=0.05)
    assert report.bands.rms == pytest.approx(np.sqrt((moved_kn**2).mean()), rel=0.02)
    assert f"{1e3 * report.bands.largest:.2g} meV" in str(report)
    foreseen = symmetrising_moves_bands(broken, report.before.group)
    assert foreseen.largest == pytest.approx(report.bands.largest, rel=1e-9)
    assert foreseen.rms == pytest.approx(report.bands.rms, rel=1e-9)


def test_time_reversal_by_name():
    better, report = ws.symmetrised(antiferromagnet(), "TR")
    assert len(report.before.group) == 2
    kpt_kc = np.random.default_rng(1).uniform(size=(20, 3)) * [1, 1, 0]
    assert np.abs(bands(better, kpt_kc) - bands(better, -kpt_kc)).max() < 1e-12
    corner_n = bands(better, np.array([[0.5, 0.0, 0.0]]))[0]
    assert np.abs(corner_n[::2] - corner_n[1::2]).max() < 1e-12
    assert report.band_change > 0.1  # the exchange field is gone


def test_what_has_no_pt_is_told():
    model = antiferromagnet()
    parallel = model.with_moments([MOMENT, MOMENT])
    with pytest.raises(ModelError, match=r"no inversion with time reversal.*Check the moments"):
        ws.symmetrised(parallel, "PT")
    with pytest.raises(ModelError, match="it has no atoms"):
        ws.symmetrised(replace(model, structure=None), "PT")
    with pytest.raises(ModelError, match="'P' is unknown"):
        ws.symmetrised(model, "P")


def test_the_report_on_a_model_foresees_the_change():
    report = ws.model_report(antiferromagnet(moments=False, field=2e-3))
    foreseen = report.facts["symmetry"]["if_symmetrised"]
    assert 1e-3 < foreseen["band_change"] <= 2e-3
    assert 0.0 < foreseen["band_change_rms"] < foreseen["band_change"]
    assert "if symmetrised: by" in str(report)
