"""What tables on the terminal say about the numbers in them."""

import numpy as np
import pytest
from cli_jobs import call

from w90spin.cli.tables import place_words, provenance_lines
from w90spin.response.claims import Axis
from w90spin.results import ResponseResult, Result, Tensor
from w90spin.units import SPIN_AXES

XYZ = Axis("spin", SPIN_AXES)
JOB = """
[model]
toy = "kane_mele"

[mesh]
rule = "uniform"
n = 4

[[response]]
name = "edelstein"
mu = [0.5, 0.6, 0.7]
kT = 0.05
tau = 20.0

[[response]]
name = "spin_hall"
mu = 0.5
kT = [0.05, 0.06]
eta = 0.1
"""


def moments(sizes, errors):
    axes = (Axis("mu", (0.1, 0.2), "eV"), XYZ)
    values = np.outer(sizes, np.ones(3))
    tensor = Tensor("spin", "⟨S⟩", values, np.outer(errors, np.ones(3)), axes, "Å⁻² ħ", "")
    return ResponseResult("spin_moment", "", "", {}, {"spin": tensor})


def test_tables_say_where_their_numbers_stand(tmp_path, capsys):
    (tmp_path / "job.toml").write_text(JOB, encoding="utf-8")
    assert call("run", tmp_path / "job.toml") == 0
    printed = capsys.readouterr().out
    assert "μ = 0.5 eV, kT = 0.05 eV, first of 3 Fermi levels; τ = 20 fs" in printed
    assert "μ = 0.5 eV, kT = 0.05 eV, first of 2 temperatures; η = 0.1 eV" in printed
    assert "qiao2018" not in printed  # nobody asked for it, and a toy cannot have it


def test_a_response_without_parameters_stands_nowhere():
    assert place_words(moments([1.0, 1.0], [0.0, 0.0])) == ""


@pytest.mark.parametrize(("told", "named"), [(0.3, True), (1e-3, False)])
def test_what_is_not_converged_is_named(told, named):
    """Unless its error cannot be found again in the result; rounding noise is never named."""
    noise = moments([1e-18, 0.0], [1e-15, 1e-15])
    coarse = moments([1.0, 2.0], [0.01, 0.6])
    about = {
        "gaps": {}, "symmetry": "", "converged": False, "relative_error": told, "detail": "",
        "diagonalisations": 1, "seconds": 0.0, "ranks": 1, "rule": "", "stopped": "",
    }  # fmt: skip
    lines = provenance_lines(Result({"noise": noise, "coarse": coarse}, about))
    (line,) = (line for line in lines if line.startswith("NOT CONVERGED"))
    assert ("of spin_moment/spin at mu = 0.2 eV" in line) == named


@pytest.mark.parametrize("how", ["run", "kmap", "inspect"])
def test_a_toy_without_spin_is_not_told_to_write_files(tmp_path, capsys, how):
    (tmp_path / "job.toml").write_text(JOB.replace("kane_mele", "haldane"), encoding="utf-8")
    options = {
        "run": ["run", tmp_path / "job.toml"],
        "kmap": ["kmap", "toy:haldane", "--mu", 0.1, "--response", "spin_hall", "-n", 3],
        "inspect": ["inspect", "toy:haldane"],
    }
    assert call(*options[how]) == 2
    printed = capsys.readouterr()
    assert "write_spn" not in printed.out + printed.err
    if how != "inspect":
        assert "The toy 'haldane' has no spin" in printed.err
