"""The only door to MPI, and the number of BLAS threads.

``import w90spin`` starts no MPI: mpi4py is imported when a run finds itself under ``mpirun`` or
``srun``, or when the user hands over a communicator.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from w90spin.arrays import ComplexArray
from w90spin.errors import ParallelError, W90SpinError

LAUNCHER_SIZES = (
    "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "SLURM_STEP_NUM_TASKS",
)
"""Variables in which launchers tell a process how many ranks there are.  SLURM_NTASKS is none of
them: it is set in the plain shell of a batch job too."""

_WORLD: list[Comm] = []
"""MPI's world, made once: making it is an operation of all ranks together."""

PATIENCE = 5.0
"""How long a rank that failed waits for the others to fail too. [s]"""

SHARED_MEMORY = Path("/dev/shm")
BROADCAST_ELEMENTS = 1 << 24
"""Complex numbers in one message: MPI counts with 32 bits."""


class Comm:
    """The few collective operations that w90spin uses, on one rank or many.

    Parameters
    ----------
    mpi : mpi4py communicator, or None
        None for a serial run.
    leaving : mpi4py communicator, or None
        A duplicate for :meth:`leave_together`, which must not meet messages of the work.
    """

    def __init__(self, mpi: Any = None, *, leaving: Any = None) -> None:
        self._mpi = mpi
        self._node_mpi: Any = None
        self._leaving_mpi = leaving
        self.rank: int = 0 if mpi is None else mpi.Get_rank()
        self.size: int = 1 if mpi is None else mpi.Get_size()

    @property
    def is_root(self) -> bool:
        """Whether this is rank 0, which reads, writes and prints."""
        return self.rank == 0

    def on_node(
        self, shape: tuple[int, ...], fill: Callable[[ComplexArray], None]
    ) -> tuple[ComplexArray, Callable[[], None]]:
        """Complex array that the ranks of a node hold once, together.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        fill : callable
            Writes its content; called on one rank of each node.

        Returns
        -------
        array : complex array
            Read only.
        release : callable
            Gives the memory back; to be called by all ranks of the node.

        Notes
        -----
        Where the node's shared memory (/dev/shm) has no room, every rank gets its own copy.
        """
        if self._mpi is None or self.size == 1:
            array = np.zeros(shape, dtype=np.complex128)
            fill(array)
            array.flags.writeable = False
            return array, _nothing
        from mpi4py import MPI

        node = self._node()
        n_bytes = 16 * math.prod(shape)
        if not node.bcast(_has_room(n_bytes), root=0):
            array = np.zeros(shape, dtype=np.complex128)
            if node.Get_rank() == 0:
                fill(array)
            _broadcast(node, array)
            array.flags.writeable = False
            return array, _nothing
        window = MPI.Win.Allocate_shared(n_bytes if node.Get_rank() == 0 else 0, 16, comm=node)
        memory: Any = window.Shared_query(0)[0]
        shared: ComplexArray = np.frombuffer(memory, dtype=np.complex128).reshape(shape)
        if node.Get_rank() == 0:
            shared[...] = 0.0
            fill(shared)
        node.Barrier()
        shared.flags.writeable = False
        return shared, window.Free

    def share(self, array: ComplexArray | None) -> ComplexArray:
        """Rank 0's array on every rank, once per node.

        Parameters
        ----------
        array : complex array
            On rank 0; ignored elsewhere.

        Returns
        -------
        complex array
            Read only.
        """
        shape = self.bcast(None if array is None else array.shape)
        if self._mpi is None or self.size == 1:
            if array is None:
                raise ValueError("rank 0 must give the array")
            return array
        leaders = self._mpi.Split(0 if self._node().Get_rank() == 0 else 1, self.rank)

        def fill(target: ComplexArray) -> None:
            if self.rank == 0 and array is not None:
                target[...] = array
            _broadcast(leaders, target)

        shared, _ = self.on_node(shape, fill)
        leaders.Free()
        return shared

    def _node(self) -> Any:
        """Communicator of the ranks that share memory with this one."""
        if self._node_mpi is None:
            from mpi4py import MPI

            self._node_mpi = self._mpi.Split_type(MPI.COMM_TYPE_SHARED, key=self.rank)
        return self._node_mpi

    def abort(self, code: int) -> None:
        """End all ranks at once: the way out when one of them fails alone."""
        if self._mpi is not None:
            self._mpi.Abort(code)

    def fail(self, message: str, code: int = 1) -> None:
        """Tell why, and end all ranks at once."""
        print(message.rstrip(), file=sys.stderr, flush=True)
        self.abort(code)

    def leave_together(self) -> bool:
        """Whether all ranks come here within some seconds: they then failed for one reason."""
        return self._leaving_mpi is None or self.size == 1 or _all_arrive(self._leaving_mpi)

    @contextmanager
    def together(self) -> Iterator[None]:
        """No rank leaves alone with an error: the others would wait for it for ever.

        To be entered by all ranks.  Where all of them fail, each raises its error, and rank 0 alone
        prints it if nobody catches it.  Where one fails alone, it tells why and ends all.
        """
        if self._mpi is None or self.size == 1:
            yield
            return
        leaving = self._mpi.Dup()
        try:
            yield
        except BaseException as problem:
            if not _all_arrive(leaving):
                if isinstance(problem, W90SpinError):
                    self.fail(f"error: {problem} (On rank {self.rank} alone.)", 2)
                self.fail(f"On rank {self.rank} alone:\n{traceback.format_exc()}")
            if not self.is_root:
                _leave_telling_to_root(problem)
            raise
        finally:
            leaving.Free()

    def mailbox(self) -> Mailbox:
        """Messages from rank to rank, apart from those of other mailboxes; all ranks make it."""
        if self._mpi is None:
            raise ValueError("a serial run has nobody to write to")
        return Mailbox(self._mpi.Dup())

    def barrier(self) -> None:
        """Wait for all ranks."""
        if self._mpi is not None:
            self._mpi.barrier()

    def bcast(self, value: Any) -> Any:
        """Rank 0's value on every rank."""
        return value if self._mpi is None else self._mpi.bcast(value, root=0)

    def gather(self, value: Any) -> list[Any] | None:
        """Every rank's value, in rank order, on rank 0; None elsewhere."""
        if self._mpi is None:
            return [value]
        gathered: list[Any] | None = self._mpi.gather(value, root=0)
        return gathered

    def allgather(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank."""
        if self._mpi is None:
            return [value]
        gathered: list[Any] = self._mpi.allgather(value)
        return gathered


class Mailbox:
    """Messages that neither sender nor receiver waits for.

    Parameters
    ----------
    mpi : mpi4py communicator
        Used for nothing else.

    Notes
    -----
    Large messages move only while both ends are inside MPI.  Call :meth:`arrived` now and then
    during long work, on either end.
    """

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        self._sending: list[Any] = []
        self._receiving: list[tuple[int, Any]] = []

    def send(self, rank: int, value: Any) -> None:
        """Start to send a value that can be pickled."""
        self._sending.append(self._mpi.isend(value, dest=rank))

    def arrived(self) -> list[tuple[int, Any]]:
        """Messages complete by now as (sender, value); those of one sender in their order."""
        from mpi4py import MPI

        status = MPI.Status()
        while self._mpi.iprobe(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status):
            room = bytearray(status.Get_count(MPI.BYTE))
            request = self._mpi.irecv(room, source=status.Get_source(), tag=status.Get_tag())
            self._receiving.append((status.Get_source(), request))
        complete, still, blocked = [], [], set()
        for source, request in self._receiving:
            done, value = (False, None) if source in blocked else request.test()
            if done:
                complete.append((source, value))
            else:
                blocked.add(source)
                still.append((source, request))
        self._receiving = still
        self._sending = [request for request in self._sending if not request.test()[0]]
        return complete

    def close(self) -> None:
        """Finish sending and give the communicator back; all ranks call this."""
        while self._sending:
            self._sending = [request for request in self._sending if not request.test()[0]]
        self._mpi.barrier()
        self._mpi.Free()


def _all_arrive(mpi: Any) -> bool:
    """Whether all ranks come here within some seconds."""
    arrived = mpi.Ibarrier()
    deadline = time.monotonic() + PATIENCE
    while not arrived.Test():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


TOLD_BY_ROOT = "told_by_root"
"""Attribute of exceptions that rank 0 raises too."""


def told_by_root(problem: BaseException) -> bool:
    """Whether rank 0 raises this too, and prints it."""
    return TOLD_BY_ROOT in vars(problem)


def _leave_telling_to_root(problem: BaseException) -> None:
    """Let the interpreter say nothing of this exception if nobody catches it."""
    vars(problem)[TOLD_BY_ROOT] = True
    usual = sys.excepthook
    if TOLD_BY_ROOT in getattr(usual, "__dict__", ()):
        return

    def hook(kind: type[BaseException], value: BaseException, trace: Any) -> None:
        if not told_by_root(value):
            usual(kind, value, trace)

    vars(hook)[TOLD_BY_ROOT] = True
    sys.excepthook = hook


def world(comm: Any = None) -> Comm:
    """Communicator of a run.

    Parameters
    ----------
    comm : Comm, mpi4py communicator, or None
        None takes MPI's world if the process was started by an MPI launcher, else a serial run.

    Returns
    -------
    Comm

    Raises
    ------
    ParallelError
        If a launcher started several ranks, but MPI cannot be loaded or sees one rank only.
    """
    if isinstance(comm, Comm):
        return comm
    if comm is not None:
        return Comm(comm)
    if not launched_in_parallel():
        return Comm()
    # Open MPI would complain on standard error of a transport that shared windows do not use.
    os.environ.setdefault("OMPI_MCA_osc", "^ucx")
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as problem:
        raise ParallelError(
            f"A launcher started {launched_ranks()} ranks, but MPI cannot be loaded ({problem}). "
            "Install one: pip install 'w90spin[mpi]', or build mpi4py against the cluster's MPI."
        ) from problem
    if MPI.COMM_WORLD.Get_size() == 1:
        raise ParallelError(
            f"The launcher started {launched_ranks()} ranks, but MPI sees one: mpirun and mpi4py "
            "belong to different MPI libraries, and every rank would do the whole work. Use the "
            "mpirun of the MPI that mpi4py was built with (docs/mpi.md)."
        )
    if not _WORLD:
        _WORLD.append(Comm(MPI.COMM_WORLD, leaving=MPI.COMM_WORLD.Dup()))
    return _WORLD[0]


def launched_in_parallel() -> bool:
    """Whether a launcher started this process as one of several ranks."""
    return launched_ranks() > 1


def launched_ranks() -> int:
    """How many ranks the launcher says it started; 1 without a launcher."""
    told = [os.environ.get(name, "") for name in LAUNCHER_SIZES]
    return max([1, *(int(ranks) for ranks in told if ranks.isdigit())])


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS on one thread: small matrices gain nothing from more, and ranks would fight for cores.

    It also fixes the order of additions, so that results do not depend on the number of cores.
    """
    with threadpool_limits(limits=1):
        yield


def _nothing() -> None:
    """Release of memory that nobody shares."""


def _has_room(n_bytes: int) -> bool:
    """Whether the node's shared memory can take this much and keep as much again free."""
    try:
        return shutil.disk_usage(SHARED_MEMORY).free > 2 * n_bytes
    except OSError:
        return False


def _broadcast(mpi: Any, array: ComplexArray) -> None:
    """Root's content of a contiguous array, in messages of bounded size."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, BROADCAST_ELEMENTS):
        mpi.Bcast(flat[start : start + BROADCAST_ELEMENTS], root=0)
