"""The Python blocks of the page on k·p models run as they stand; its job and table hold."""

import math
import re
from pathlib import Path

import pytest

import w90spin as ws
from w90spin.cli.job import ModelSection, tomllib
from w90spin.response import SpinHall

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "kp-models.md").read_text("utf-8")


def test_blocks_of_the_page(capsys):
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "all k"
    assert printed[1].endswith(" Å⁻¹ eV⁻¹")
    assert printed[2] == "Iterated all k"
    assert printed[3] == "Å⁻¹ eV⁻¹"
    assert names["path"].labels == ("X", "Γ", "Y")


def test_the_job_of_the_page():
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    section = ModelSection.model_validate(tomllib.loads(block)["model"])
    assert section.load(Path()).fingerprint == (
        ws.toys.rashba_kp(alpha=0.3, exchange=(0, 0, 0.05)).fingerprint
    )


@pytest.mark.parametrize("column", [1, 2, 4])
def test_the_table_of_cutoffs(column):
    cutoffs, values = (
        next(line for line in PAGE.splitlines() if line.strip().startswith(start)).split("|")
        for start in ("| K (1/Å)", "| σ_zx^y")
    )
    expected = float(values[column + 1].replace("−", "-"))
    cutoff = math.inf if "all" in cutoffs[column + 1] else float(cutoffs[column + 1])
    model = ws.toys.bi2se3_kp(cutoff=cutoff)
    result = ws.compute(model, [SpinHall(mu_f=0.0)], mesh=ws.AutoMesh(rtol=1e-4))
    sigma = result.responses["spin_hall"]["sigma"].values[0, 0, 0, 0].real
    assert sigma[2, 0, 1] * 2.434135e4 * 200 == pytest.approx(expected, rel=2e-3)
