"""The examples of the pages on responses run, and give what the pages say."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGES = Path(__file__).parents[2] / "docs" / "responses"


def example(page):
    """Names after the block below "## Example"."""
    text = (PAGES / page).read_text(encoding="utf-8").split("## Example")[1]
    names = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    return names


def test_spin_hall(capsys):
    names = example("spin-hall.md")
    assert float(capsys.readouterr().out) == pytest.approx(-1.0, abs=0.1)
    assert np.abs(names["sigma_f"]).max() * 2 * np.pi < 1.2


def test_fermi_surface():
    """Antisymmetric, as fourfold symmetry with mirrors has it, for the Rashba lattice."""
    chi_ab = example("fermi-surface.md")["chi_ab"]
    assert chi_ab[1, 0] == pytest.approx(-chi_ab[0, 1], rel=1e-3)
    assert abs(chi_ab[0, 1]) > 1e-3
    assert abs(chi_ab[0, 0]) < 1e-3 * abs(chi_ab[0, 1])


def test_anomalous_hall():
    example("anomalous-hall.md")
