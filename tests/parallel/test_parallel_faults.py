"""Ranks that differ in number from start to start, die, or fail: one result, or one message."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from w90spin.errors import W90SpinWarning

ROOT = Path(__file__).parents[2]
INTEGRATE = ROOT / "tests" / "integrate"
LAUNCHER = Path(sys.executable).parent / "mpirun"  # beside the interpreter, links not followed
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_btl": "self,sm",
    "OMPI_MCA_osc": "^ucx",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONPATH": f"{ROOT}{os.pathsep}{INTEGRATE}",
    "PYTHONWARNINGS": "ignore::UserWarning",
}
KILLS = 8
PROMPT = 20.0
"""A job that hangs would run into this. [s]"""

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(not LAUNCHER.exists(), reason="there is no mpirun beside the interpreter"),
]


def start(folder, n_ranks, script, *arguments):
    environment = {key: value for key, value in os.environ.items() if "MPI" not in key}
    # Segments of shared memory that a killed rank leaves behind go with the folder.
    settings = {**SETTINGS, "OMPI_MCA_btl_sm_backing_directory": str(folder)}
    path = folder / "script.py"
    path.write_text(script)
    return subprocess.Popen(
        [str(LAUNCHER), "-n", str(n_ranks), sys.executable, str(path), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, **settings},
        cwd=folder,
    )


def launch(folder, n_ranks, script, *arguments):
    """Exit code, standard output and standard error of a job that ends by itself."""
    with start(folder, n_ranks, script, *arguments) as job:
        try:
            out, err = job.communicate(timeout=60.0)
        finally:
            job.kill()
        return job.returncode, out, err


ALL_CASES = """
import os, signal, sys
import w90spin as ws
from pathlib import Path
from small_zones import CASES, bits, small_run
from w90spin.parallel import world
comm, folder, after = world(), Path(sys.argv[1]), int(sys.argv[2])
for case in CASES:
    calls = [0]
    def report(progress):
        calls[0] += 1
        if after and calls[0] == after:
            os.kill(os.getpid(), signal.SIGTERM)
    path = folder / f"{case[0]}{case[1]}.h5" if after >= 0 else None
    try:
        found = bits(small_run(*case, checkpoint=path, report=report))
    except ws.W90SpinError as problem:
        found = ["interrupted" if "start the same run again" in str(problem) else str(problem)]
    all_found = comm.gather(found)
    if comm.is_root:
        assert all(other == found for other in all_found)
        print(*case, "|".join(found), sep=";", flush=True)
"""


@pytest.fixture(scope="module")
def serial():
    sys.path.insert(0, str(INTEGRATE))
    try:
        from small_zones import CASES, bits, small_run
    finally:
        sys.path.remove(str(INTEGRATE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", W90SpinWarning)
        return {f"{kind};{d}": "|".join(bits(small_run(kind, d))) for kind, d in CASES}


def by_case(out):
    return {line.rpartition(";")[0]: line.rpartition(";")[2] for line in out.splitlines()}


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [2, 3, 5])
def test_every_rule_gives_the_same_bits_on_any_number_of_ranks(serial, tmp_path, n_ranks):
    code, out, err = launch(tmp_path, n_ranks, ALL_CASES, tmp_path, -1)
    assert code == 0, err
    assert by_case(out) == serial


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_ranks(serial, tmp_path):
    """Interrupted on three, then on two and on five ranks, finished on one."""
    unfinished = 0
    for n_ranks in (3, 2, 5):
        code, out, err = launch(tmp_path, n_ranks, ALL_CASES, tmp_path, 4)
        assert code == 0, err
        unfinished += list(by_case(out).values()).count("interrupted")
    assert unfinished > 2 * len(serial)
    code, out, err = launch(tmp_path, 1, ALL_CASES, tmp_path, 0)
    assert code == 0, err
    assert by_case(out) == serial


TO_BE_KILLED = """
import os, sys, time
import w90spin as ws
from pathlib import Path
from small_zones import bits, small_run
from w90spin.integrate import checkpoint
from w90spin.parallel import world
checkpoint.LARGEST_SHARE = 0.5
folder, rank = Path(sys.argv[1]), world().rank
original = ws.SpinPolarizability.__call__
def call(self, states):
    time.sleep(0.003)
    return original(self, states)
ws.SpinPolarizability.__call__ = call
def report(progress):
    (folder / "begun").touch()
(folder / f"pid{rank}").write_text(str(os.getpid()))
path = folder / "run.h5"
result = small_run("tree", 3, checkpoint=path, checkpoint_every=0.05, report=report)
if rank == 0:
    (folder / "result").write_text("|".join(bits(result)))
"""


@pytest.mark.slow
def test_a_rank_killed_at_random_moments(serial, tmp_path):
    """SIGKILL of a random rank, start anew, until it finishes; and so on.  One process alone is
    killed in tests/integrate."""
    chance = random.Random(20)
    killed = finished = 0
    while killed < KILLS or not finished:
        for name in ("begun", "result", "pid0", "pid1"):
            (tmp_path / name).unlink(missing_ok=True)
        with start(tmp_path, 2, TO_BE_KILLED, tmp_path) as job:
            deadline = time.monotonic() + PROMPT
            while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
                time.sleep(0.005)
            moment = chance.uniform(0.0, 0.5)
            victim = int((tmp_path / f"pid{chance.randrange(2)}").read_text())
            try:
                if killed < KILLS:
                    job.wait(timeout=moment)
                else:
                    job.wait(timeout=PROMPT)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):  # it has ended by now
                    os.kill(victim, signal.SIGKILL)
                    killed += 1
            _, err = job.communicate(timeout=PROMPT)
        if job.returncode == 0:
            finished += 1
            assert (tmp_path / "result").read_text() == serial["tree;3"], err
            left = {path.name for path in tmp_path.iterdir() if "run.h5" in path.name}
            assert left <= {"run.h5", "run.h5.previous"}
            for name in left:
                (tmp_path / name).unlink()


TROUBLE = """
import importlib, sys
import numpy as np
import w90spin as ws
from w90spin import parallel
from w90spin.integrate import integrand
from small_zones import small_run
compute = importlib.import_module("w90spin.compute")
comm, kind = parallel.world(), sys.argv[1]
parallel.PATIENCE = 1.0
culprit = comm.rank == comm.size - 1
original, solve = ws.SpinPolarizability.__call__, integrand.solve

def call(self, states):
    found = original(self, states)
    if culprit and kind == "infinite":
        return {name: np.inf * array for name, array in found.items()}
    if kind == "unforeseen" and comm.rank > 0:
        raise RuntimeError("unforeseen trouble")
    if kind == "leader" and comm.rank == 0:
        raise RuntimeError("unforeseen trouble")
    return found

def fails(fourier, points, tolerance):
    if culprit and kind == "singular":
        raise np.linalg.LinAlgError("Eigenvalues did not converge")
    return solve(fourier, points, tolerance)

def fails_before(*arguments):
    if culprit and kind == "before":
        raise ws.W90SpinError("trouble of one rank")
    if culprit and kind == "unforeseen before":
        raise RuntimeError("unforeseen trouble")
    return violation(*arguments)

ws.SpinPolarizability.__call__ = call
integrand.solve = fails
violation, compute._warn_outside_window = compute._warn_outside_window, fails_before
if kind == "arguments":
    ws.compute(None, [])
small_run("uniform", 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [
        ("infinite", "is not finite at k = [", 1),
        ("singular", "The diagonalisation failed at k = [", 1),
        ("unforeseen", "RuntimeError: unforeseen trouble", 1),
        ("leader", "RuntimeError: unforeseen trouble", 1),
        ("before", "error: trouble of one rank (On rank 2 alone.)", 2),
        ("unforeseen before", "RuntimeError: unforeseen trouble", 1),
        ("arguments", "ModelError: compute needs a model, not None", 1),
    ],
)
def test_trouble_on_one_rank_of_a_script_is_told_once(tmp_path, kind, words, code):
    """A plain script that calls compute; nothing in it looks after errors."""
    began = time.monotonic()
    returned, out, err = launch(tmp_path, 3, TROUBLE, kind)
    assert time.monotonic() - began < PROMPT
    assert returned == code, err
    assert err.count(words) == 1, err
    assert out == ""
    # Python tells chained exceptions with a traceback each, by the one message of rank 0.
    message = err.split("prterun")[0]
    assert message.count("w90spin.errors.IntegrationError: ") == (kind in ("infinite", "singular"))
    if kind in ("infinite", "singular"):
        assert "(Found by rank 2.)" in err
    if "unforeseen" in kind or kind == "leader":
        assert message.count("Traceback") == 1
        assert "On rank" in message


SLOW_TASKS = """
import sys, time
import w90spin as ws
from pathlib import Path
from small_zones import model, responses, rule
from w90spin.errors import IntegrationError
from w90spin.integrate import crew
from w90spin.parallel import world
crew.PATIENCE = 1.0
kind, calls = sys.argv[1], [0]
def call(self, states):
    calls[0] += 1
    time.sleep(0.01)
    if kind == "error" and world().rank == 1 and calls[0] == 2:
        raise IntegrationError("trouble")
    return original(self, states)
original, ws.SpinPolarizability.__call__ = ws.SpinPolarizability.__call__, call
zone = model(3)
# One task here takes minutes: 30 lines of 30 points, one point at a time.
options = {"mesh": rule("iterated", 3), "batch": 1}
ws.compute(zone, responses(zone)[1:], checkpoint="run.h5", **options)
"""


@pytest.mark.slow
def test_an_error_does_not_wait_for_long_tasks(tmp_path):
    began = time.monotonic()
    code, _, err = launch(tmp_path, 3, SLOW_TASKS, "error")
    assert time.monotonic() - began < PROMPT
    assert code == 1
    assert err.count("IntegrationError: trouble (Found by rank 1.)") == 1, err


@pytest.mark.slow
def test_sigterm_of_rank_0_does_not_wait_for_long_tasks(tmp_path):
    """Ranks leave amid their tasks, and the checkpoint is written."""
    script = SLOW_TASKS.replace(
        "zone = model(3)",
        "zone = model(3)\nif world().is_root:\n    import os, signal, threading\n"
        "    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()",
    )
    code, _, err = launch(tmp_path, 3, script, "none")
    assert code == 1
    assert err.count("start the same run again to go on from there") == 1, err
    assert (tmp_path / "run.h5").exists()
