"""One process: sizes of the units of work, launchers' variables, and refusals."""

import sys
import types
from unittest import mock

import numpy as np
import pytest

import w90spin as ws
from w90spin import parallel
from w90spin.errors import ParallelError


@pytest.fixture
def alone(monkeypatch):
    for name in parallel.LAUNCHER_SIZES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("toy", "mesh"),
    [
        ("tt_antiferromagnet", ws.UniformMesh(n=12, shift=(0.5, 0.5, 0.0))),
        ("pt_antiferromagnet", ws.UniformMesh(n=9)),
        ("pt_antiferromagnet", ws.PeriodicMesh(start=6, rtol=1e-2)),
    ],
)
def test_the_size_of_a_unit_changes_rounding_only(alone, toy, mesh):
    model = getattr(ws.toys, toy)()
    response = ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=[-0.1, 0.1], kT=0.05, eta=0.1)
    results = [ws.compute(model, [response], mesh=mesh, batch=batch) for batch in (None, 1, 7)]
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        expected = results[0][name].values
        for other in results[1:]:
            assert np.abs(other[name].values - expected).max() < 1e-12 * np.abs(expected).max()
    assert len({result.provenance["diagonalisations"] for result in results}) == 1


def test_bismuth_in_units_of_any_size(alone, bi_tb):
    response = ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=1.42245)
    results = [
        ws.compute(bi_tb, [response], mesh=ws.UniformMesh(n=10), batch=batch)["upsilon1"].values
        for batch in (None, 1, 7)
    ]
    for other in results[1:]:
        assert np.abs(other - results[0]).max() < 1e-12 * np.abs(results[0]).max()


def test_two_runs_in_a_row_are_equal_to_the_last_bit(alone):
    model = ws.toys.pt_antiferromagnet()
    response = ws.SpinPolarizability(omega_w=[0.0, 0.2], mu_f=0.0)
    one, two = (ws.compute(model, [response], mesh=ws.UniformMesh(n=10)) for _ in range(2))
    for name in ("upsilon0", "upsilon1", "upsilon2", "chi"):
        assert one[name].values.tobytes() == two[name].values.tobytes()


@pytest.mark.parametrize(
    ("variables", "ranks"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4),
        ({"PMI_SIZE": "3"}, 3),
        ({"MV2_COMM_WORLD_SIZE": "2"}, 2),
        ({"SLURM_STEP_NUM_TASKS": "16"}, 16),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, 1),
        ({"PMI_SIZE": "1", "OMPI_COMM_WORLD_SIZE": "2"}, 2),
        ({"OMPI_COMM_WORLD_SIZE": "", "PMI_SIZE": "many"}, 1),
        ({"SLURM_NTASKS": "64"}, 1),  # set in the plain shell of a batch job
    ],
)
def test_the_launcher_says_how_many(alone, variables, ranks):
    alone.delenv("SLURM_NTASKS", raising=False)
    for name, value in variables.items():
        alone.setenv(name, value)
    assert parallel.launched_ranks() == ranks
    assert parallel.launched_in_parallel() == (ranks > 1)


def fake_mpi(monkeypatch, size):
    """An mpi4py whose world has this many ranks."""
    mpi = types.ModuleType("mpi4py.MPI")
    mpi.COMM_WORLD = types.SimpleNamespace(Get_size=lambda: size, Get_rank=lambda: 0)
    package = types.ModuleType("mpi4py")
    package.MPI = mpi
    monkeypatch.setitem(sys.modules, "mpi4py", package)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)


def test_ranks_that_do_not_see_each_other_are_refused(alone):
    fake_mpi(alone, size=1)
    alone.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ParallelError, match=r"started 2 ranks, but MPI sees one.*mpirun") as caught:
        parallel.world()
    assert "docs/mpi.md" in str(caught.value)
    model = ws.toys.pt_antiferromagnet()
    with pytest.raises(ParallelError):
        ws.compute(model, [ws.SpinPolarizability(omega_w=0.0, mu_f=0.0)])


def test_a_launcher_without_mpi_is_refused(alone):
    alone.setitem(sys.modules, "mpi4py", None)
    alone.setenv("PMI_SIZE", "2")
    with pytest.raises(ParallelError, match=r"2 ranks, but MPI cannot be loaded.*pip install"):
        parallel.world()


def test_a_communicator_that_is_given_counts(alone):
    mpi = mock.MagicMock()
    mpi.Get_rank.return_value, mpi.Get_size.return_value = 1, 2
    comm = parallel.world(mpi)
    assert (comm.rank, comm.size, comm.is_root) == (1, 2, False)
    comm.abort(3)
    mpi.Abort.assert_called_once_with(3)


def test_without_launcher_there_is_one_rank_and_no_mpi(alone):
    alone.setitem(sys.modules, "mpi4py", None)  # importing it would fail
    comm = parallel.world()
    assert (comm.rank, comm.size, comm.is_root) == (0, 1, True)
    assert comm.bcast("value") == "value"
    assert comm.gather("value") == comm.allgather("value") == ["value"]
    comm.barrier()
    comm.abort(1)
    assert parallel.world(comm) is comm
