"""k·p models under a launcher: one, two and three ranks give one result."""

import pytest
from test_parallel_ranks import COMMAND, bits, fails, launch, pytestmark, write_job

import w90spin as ws

__all__ = ["pytestmark"]

JOB = """\
[model]
toy = "rashba_kp"
parameters = { beta = 0.3, exchange = [0.0, 0.05, 0.1] }

[[response]]
name = "spin_polarizability"
mu = [0.1, 0.3]
frequency_thz = [0.0, 50.0]
eta = 0.02

[mesh]
rtol = 1e-5

[map]
frequency_thz = 50.0
n = 31

[bands]
path = "XGY"
frequency_thz = 50.0
n = 300
"""


@pytest.mark.slow
def test_the_number_of_ranks_changes_no_bit(tmp_path):
    found = []
    for n_ranks in (1, 2, 3):
        folder = tmp_path / str(n_ranks)
        folder.mkdir()
        done = launch(n_ranks, COMMAND, "run", write_job(folder, JOB))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        loaded = ws.load_result(folder / "result.h5")
        assert loaded.provenance["ranks"] == n_ranks
        assert loaded.provenance["rule"].startswith("Iterated")
        found.append(bits(loaded))
    assert found[0] == found[1] == found[2]


def test_a_wrong_toy_is_told_once(tmp_path):
    job = write_job(tmp_path, JOB.replace("rashba_kp", "rashba_pk"))
    fails(launch(2, COMMAND, "run", job), 2, "error: There is no toy 'rashba_pk'")
