"""The Python block of the page on Néel fields runs as it stands."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neel-field.md"


def test_first_block_of_the_page(capsys):
    block = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert block is not None
    names: dict[str, object] = {}
    exec(block[1], names)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("T")
    peak_q = names["neel"].peak[:, 0, 0, 1]
    assert peak_q.min() > 0.0
    assert np.isfinite(peak_q).all()
