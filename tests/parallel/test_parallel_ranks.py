"""Runs under a launcher: one, two and three ranks give one result, and fail as one."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import w90spin as ws
from w90spin.integrate.integrand import BATCH_BYTES
from w90spin.kspace.fourier import FourierSum
from w90spin.model.spin_current import SpinCurrentOperators

DATA = Path(__file__).parents[2] / "data" / "bi-monolayer"
LAUNCHER = Path(sys.executable).parent / "mpirun"  # beside the interpreter, links not followed
COMMAND = Path(sys.executable).parent / "w90spin"
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_btl": "self,sm",
    "OMPI_MCA_osc": "^ucx",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONFAULTHANDLER": "1",
}
JOB = f"""\
[model]
seedname = "{DATA.as_posix()}/bi"
source = "hr"
spin = "projections"

[[response]]
name = "spin_polarizability"
mu = 1.42245
frequency_thz = [0.0, 50.0]
eta = 0.02

[mesh]
rule = "uniform"
n = 32
symmetry = "none"

[map]
frequency_thz = 50.0
n = 21

[bands]
path = "GXSYG"
frequency_thz = 50.0
n = 300

[output]
file = "result.h5"
table = "table.csv"
"""

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.skipif(not LAUNCHER.exists(), reason="there is no mpirun beside the interpreter"),
]


def launch(n_ranks, *command, timeout=180, **more):
    environment = {key: value for key, value in os.environ.items() if "MPI" not in key}
    return subprocess.run(
        [str(LAUNCHER), "-n", str(n_ranks), *map(str, command)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**environment, **SETTINGS, **more},
    )


def write_job(folder, text=JOB):
    path = folder / "job.toml"
    path.write_text(text)
    return path


def bits(result):
    """Every number of a result, as bytes."""
    arrays = [result.path.energy_kn, result.path.spin_kns, result.path.block_kn]
    tensors = [*result.responses["spin_polarizability"].tensors.values()]
    tensors += [*result.kmap.tensors.values(), *result.path.tensors.values()]
    for tensor in tensors:
        arrays += [tensor.values, tensor.errors]
    return [array.tobytes() for array in arrays]


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    done = subprocess.run(
        [str(COMMAND), "run", str(write_job(folder))],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **SETTINGS},
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_the_number_of_ranks_changes_no_bit(serial, tmp_path, n_ranks):
    done = launch(n_ranks, COMMAND, "run", write_job(tmp_path))
    assert done.returncode == 0, done.stderr
    loaded, expected = (ws.load_result(folder / "result.h5") for folder in (tmp_path, serial))
    assert bits(loaded) == bits(expected)
    assert np.abs(loaded["upsilon1"].values).max() > 1e-4
    assert loaded.provenance["ranks"] == n_ranks
    assert loaded.provenance["model_sha256"] == expected.provenance["model_sha256"]
    assert done.stdout.count("Result: ") == 1
    assert done.stdout.count("32 Wannier functions") == 1
    assert done.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "job.toml",
        "result.h5",
        "table.csv",
    ]
    assert not any(letter in done.stdout for letter in "\r\x1b")


def test_the_job_is_long_enough_to_be_shared(serial):
    """More units than ranks in the integral, the map and the bands, or the above proves nothing."""
    model = ws.load_model(DATA / "bi", source="hr", spin="projections")
    batch = BATCH_BYTES // FourierSum(model).bytes_per_point
    loaded = ws.load_result(serial / "result.h5")
    n_points = [
        loaded.provenance["diagonalisations"],
        loaded.kmap.kpt_uvc[..., 0].size,
        len(loaded.path.kpt_kc),
    ]
    assert min(n_points) > 2 * batch


def fails(done, code, words):
    """One message and the exit code; a rank that waits for ever runs into the timeout."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count(words) == 1, done.stderr
    assert "Result:" not in done.stdout


def test_a_wrong_seedname_is_told_once(tmp_path):
    job = write_job(tmp_path, JOB.replace("/bi-monolayer/bi", "/bi-monolayer/bismuth"))
    done = launch(2, COMMAND, "run", job)
    fails(done, 2, "error: ")
    assert "bismuth" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[map]", "[mpa]", "Did you mean 'map'?"),
        ("mu = 1.42245", "mu = 0.9\ninsulator = true", "crosses a band"),
        ("eta = 0.02", "", "Give eta > 0"),
    ],
)
def test_refusals_are_told_once(tmp_path, old, new, words):
    text = JOB.replace("[0.0, 50.0]", "[0.0, 150.0]") if old.startswith("eta") else JOB
    assert old in text
    job = write_job(tmp_path, text.replace(old, new))
    done = launch(2, COMMAND, "run", job)
    fails(done, 2, "error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_resonance_on_one_rank_of_the_map_ends_all(serial, tmp_path):
    """A frequency that only the points of one of two ranks reach, while the other one waits."""
    model = ws.load_model(DATA / "bi", source="hr", spin="projections")
    fourier = FourierSum(model)
    kpt_kc = ws.load_result(serial / "result.h5").kmap.kpt_uvc.reshape(-1, 3)
    energy_kn = np.linalg.eigvalsh(fourier.hamiltonian(kpt_kc))
    gap_k = energy_kn[:, 20] - energy_kn[:, 19]
    rank_k = np.arange(len(kpt_kc)) // (BATCH_BYTES // fourier.bytes_per_point) % 2
    reached = [gap_k[rank_k == rank].min() for rank in range(2)]
    assert abs(reached[0] - reached[1]) > 1e-4
    frequency = ws.thz_from_ev(np.mean(reached))
    text = JOB.replace("eta = 0.02\n", "").replace(
        "[map]\nfrequency_thz = 50.0", f"[map]\nfrequency_thz = {frequency}"
    )
    done = launch(2, COMMAND, "run", write_job(tmp_path, text))
    fails(done, 2, "error: ")
    assert "Give eta > 0" in done.stderr


SCRIPT = """
import sys
from dataclasses import replace
import numpy as np
import w90spin as ws
from w90spin.parallel import world

rank, kind = world().rank, sys.argv[1]
original, calls = ws.SpinPolarizability.__call__, [0]

def call(self, states):
    calls[0] += 1
    if rank == 1 and calls[0] == 2:
        if kind == "package":
            raise ws.W90SpinError("foreseen trouble")
        if kind == "other":
            raise RuntimeError("unforeseen trouble")
        if kind == "infinite":
            return {name: np.inf * array for name, array in original(self, states).items()}
    return original(self, states)

ws.SpinPolarizability.__call__ = call
if kind == "model":
    from w90spin.cli import job
    load = job.load_model
    def spoiled(*arguments, **options):
        model = load(*arguments, **options)
        ham_Rij = model.ham_Rij.copy()
        ham_Rij[3, 1, 2] = np.nan
        return replace(model, ham_Rij=ham_Rij)
    job.load_model = spoiled
if kind == "writable" and rank == 1:
    from w90spin.cli import app
    def check(path):
        raise ws.W90SpinError("foreseen trouble")
    app.check_writable = check
if kind in ("saving", "full") and rank == 0:
    def save(self, path):
        raise {"saving": RuntimeError, "full": ws.W90SpinError}[kind](f"{kind} trouble")
    ws.Result.save = save
from w90spin.cli import main
main(["run", sys.argv[2]])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("package", 2, "error: foreseen trouble"),
        ("infinite", 2, "is not finite at k ="),
        ("model", 2, "error: "),
        ("writable", 2, "error: foreseen trouble"),
        ("other", 1, "RuntimeError: unforeseen trouble"),
        ("full", 2, "error: full trouble"),
        ("saving", 1, "RuntimeError: saving trouble"),
    ],
)
def test_trouble_on_one_rank_ends_all(tmp_path, kind, code, words):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    text = JOB.split("[map]")[0] + "[output]" + JOB.split("[output]")[1]
    done = launch(2, sys.executable, script, kind, write_job(tmp_path, text))
    fails(done, code, words)
    assert done.stderr.count("Traceback") == (code == 1)
    assert not (tmp_path / "result.h5").exists()


def test_every_rank_gets_the_result(tmp_path):
    """In Python: the same bits on all ranks, from functions that are called on all of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import hashlib, w90spin as ws\n"
        "from mpi4py import MPI\n"
        "model = ws.toys.pt_antiferromagnet()\n"
        "response = ws.SpinPolarizability(omega_w=[0.0, 0.3], mu_f=0.0)\n"
        "result = ws.compute(model, [response], mesh=ws.UniformMesh(n=8), batch=5)\n"
        "zone = ws.zone_map(model, response, n=4)\n"
        "digest = hashlib.sha256(result['chi'].values.tobytes())\n"
        "digest.update(zone.tensors['upsilon1'].values.tobytes())\n"
        "digests = MPI.COMM_WORLD.gather(digest.hexdigest())\n"
        "if MPI.COMM_WORLD.rank == 0:\n"
        "    print(*digests)\n"
    )
    done = launch(3, sys.executable, script)
    assert done.returncode == 0, done.stderr
    digests = done.stdout.split()
    assert len(digests) == 3
    model = ws.toys.pt_antiferromagnet()
    response = ws.SpinPolarizability(omega_w=[0.0, 0.3], mu_f=0.0)
    result = ws.compute(model, [response], mesh=ws.UniformMesh(n=8), batch=5)
    digest = hashlib.sha256(result["chi"].values.tobytes())
    digest.update(ws.zone_map(model, response, n=4).tensors["upsilon1"].values.tobytes())
    assert {*digests} == {digest.hexdigest()}


def test_a_mapped_model_is_shared(tmp_path):
    """Rank 0 maps the model file; all ranks get its operators, though the file is gone by then."""
    model = ws.load_model(DATA / "bi")
    operators = SpinCurrentOperators(
        2.0 * model.spin_Rsij,
        np.repeat(model.spin_Rsij[:, :, None], 3, axis=2),
        np.repeat(3.0 * model.spin_Rsij[:, :, None], 3, axis=2),
    )
    model = replace(model, spin_current={"ryoo2019": operators})
    path = ws.save_model(model, tmp_path / "bi.w90.h5")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, w90spin as ws\n"
        "from pathlib import Path\n"
        "from w90spin.model.wannier import share_model\n"
        "from w90spin.parallel import world\n"
        "comm = world()\n"
        "model = ws.load_model(sys.argv[1]) if comm.is_root else None\n"
        "if comm.is_root:\n"
        "    Path(sys.argv[1]).unlink()\n"
        "prints = comm.gather(share_model(model, comm).fingerprint)\n"
        "if comm.is_root:\n"
        "    print(*prints)\n"
    )
    done = launch(3, sys.executable, script, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == 3 * [model.fingerprint]
