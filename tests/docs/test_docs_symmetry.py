"""The Python blocks of the page on symmetry run as they stand, one after the other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_blocks_of_the_page(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "symmetry.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    printed = capsys.readouterr().out
    assert printed.startswith("BNS 31.124, UNI 222, grey (Pmn2_1): 8 operations")
    assert "bands move by at most" in printed
    promised = re.search(r"form.relations\(\)\) +# (.*)", blocks[-1])
    assert promised is not None
    assert printed.splitlines()[-1] == promised[1]
