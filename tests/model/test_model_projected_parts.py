"""Partitions by trial orbitals: projectors of the .amn against those of the Wannier functions."""

from dataclasses import replace

import numpy as np
import pytest

from w90spin import SpinPolarizability, UniformMesh, compute, load_projected_partition, partition
from w90spin.errors import FileMissingError, PartitionError
from w90spin.model.checkpoint import bloch_to_wannier
from w90spin.model.partition import projected_partition
from w90spin.read import find_file, read_amn, read_chk


@pytest.fixture(scope="module")
def files(bi_folder):
    seed = bi_folder / "bi"
    return read_chk(find_file(seed, ".chk")), read_amn(find_file(seed, ".amn"))


@pytest.fixture(scope="module")
def turned(files):
    """The same Bloch states in trial orbitals that were mixed by one unitary matrix."""
    chk, amn = files
    rng = np.random.default_rng(3)
    mix, _ = np.linalg.qr(rng.normal(size=(32, 32)) + 1j * rng.normal(size=(32, 32)))
    return chk, replace(amn, amn_kni=amn.amn_kni @ mix), mix


def test_wannier_functions_that_are_the_projections(bi_folder, bi_tb):
    """num_iter = 0: both ways are the same, to the digits of the files."""
    parts = partition(bi_tb, "atom")
    largest, rms = parts.difference(load_projected_partition(bi_folder / "bi", parts))
    assert largest < 1e-6
    assert rms < 1e-7


def test_mixed_trial_orbitals(bi_tb, turned):
    """P = W w W^† for orbitals that are the Wannier functions mixed by W."""
    chk, amn, mix = turned
    parts = partition(bi_tb, "atom")
    projected = projected_partition(parts, chk, amn)
    assert np.abs(projected.weights_li.sum(axis=0) - 1.0).max() < 1e-10
    home = int(np.flatnonzero(np.all(projected.R_Rc == 0, axis=1))[0])
    expected = np.einsum("in,ln,jn->lij", mix, parts.weights_li, mix.conj())
    # Minimal distances share some elements of the home cell with others: add those up.
    total = projected.projector_Rlij.sum(axis=0)
    assert np.abs(total - expected).max() < 1e-6
    assert np.abs(projected.projector_Rlij[home]).max() > 0.1
    assert parts.difference(projected)[0] > 0.1


def test_projectors_on_the_mesh(turned):
    """On the ab-initio mesh P(q) is a projector onto the orthonormalised trial orbitals."""
    chk, amn, _ = turned
    weights = np.zeros((2, 32))
    weights[0, :5] = weights[1, 5:] = 1.0
    from w90spin.model.partition import Partition

    parts = projected_partition(Partition(("five", "rest"), weights), chk, amn)
    phase_kR = np.exp(2j * np.pi * (np.rint(chk.kpt_kc * 7) / 7 @ parts.R_Rc.T))
    projector_klij = np.tensordot(phase_kR, parts.projector_Rlij, axes=1)
    assert np.abs(projector_klij @ projector_klij - projector_klij).max() < 1e-9
    trial_kij = bloch_to_wannier(chk).conj().swapaxes(1, 2) @ amn.amn_kni
    five = projector_klij[:, 0]
    rank = np.linalg.matrix_rank(five, tol=1e-6, hermitian=True)
    assert (rank == 5).all()
    overlap_kij = trial_kij.conj().swapaxes(1, 2) @ trial_kij
    value, vector = np.linalg.eigh(overlap_kij)
    lowdin_kij = trial_kij @ (vector / np.sqrt(value)[:, None]) @ vector.conj().swapaxes(1, 2)
    expected = lowdin_kij[..., :5] @ lowdin_kij[..., :5].conj().swapaxes(1, 2)
    assert np.abs(five - expected).max() < 1e-9


def test_parts_sum_to_the_total(bi_tb, turned):
    chk, amn, _ = turned
    parts = projected_partition(partition(bi_tb, "atom"), chk, amn)
    mesh = UniformMesh(n=6)
    settings = {"omega_w": [0.0, 0.1], "mu_f": 1.42}
    each = compute(bi_tb, [SpinPolarizability(parts=parts, **settings)], mesh=mesh, symmetry="none")
    whole = compute(bi_tb, [SpinPolarizability(**settings)], mesh=mesh, symmetry="none")
    total = each["upsilon1"].total().values
    np.testing.assert_allclose(
        total, whole["upsilon1"].total().values, rtol=0, atol=1e-12 * np.abs(total).max()
    )


def test_refusals(bi_tb, files, tmp_path):
    chk, amn = files
    parts = partition(bi_tb, "atom")
    with pytest.raises(FileMissingError, match="wannier90"):
        load_projected_partition(tmp_path / "bi", parts)
    with pytest.raises(PartitionError, match="trial orbitals"):
        projected_partition(parts, chk, replace(amn, amn_kni=amn.amn_kni[:, :, :30]))
    flat = amn.amn_kni.copy()
    flat[:, :, 1] = flat[:, :, 0]
    with pytest.raises(PartitionError, match="do not span"):
        projected_partition(parts, chk, replace(amn, amn_kni=flat))
    with pytest.raises(PartitionError, match="cannot be compared"):
        parts.difference(partition(bi_tb, "species"))
