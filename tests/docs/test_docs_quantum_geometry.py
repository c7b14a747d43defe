"""The example of the page on quantum geometry runs as it stands and says what it shows."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "responses" / "quantum-geometry.md"


def test_example_of_the_page(capsys):
    block = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert block is not None
    names: dict[str, object] = {}
    exec(block[1], names)
    chern, pair = (float(line) for line in capsys.readouterr().out.splitlines())
    assert chern == -1.0
    assert abs(pair) > 1.0
    total, of_bands = names["total"], names["of_bands"]
    assert total.shape == names["lowest"].shape == (51, 51)
    assert of_bands.shape == (len(names["path"].kpt_kc), 4)
    mean = total[:-1, :-1].mean() / names["model"].measure
    np.testing.assert_allclose(2 * np.pi * mean, -1.0, rtol=1e-2)
