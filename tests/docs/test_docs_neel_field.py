"""The Python blocks of the page on Néel fields run as they stand, one after the other."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neel-field.md"


def test_blocks_of_the_page(capsys):
    names: dict[str, object] = {}
    printed = []
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S):
        exec(block, names)
        printed.append(capsys.readouterr().out.splitlines())
    assert [len(lines) for lines in printed] == [3, 1, 2, 1]
    peak_q = names["neel"].peak[:, 0, 0, 1]
    assert peak_q.min() > 0.0
    assert np.isfinite(peak_q).all()
    on_a, on_b = names["surface"].delta[:, 0, 0, 0, 1]
    assert abs(on_a + on_b) < 1e-9 * abs(on_a)
    assert float(printed[1][0].removesuffix(" T")) > 0.0
