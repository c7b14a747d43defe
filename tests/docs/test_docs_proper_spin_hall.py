"""The worked example of the page on the proper spin current gives what the page says."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "responses" / "proper-spin-hall.md"


def test_worked_example(capsys):
    text = PAGE.read_text("utf-8")
    code, printed = re.search(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", text, re.S).groups()
    exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    expected = [line.strip() for line in printed.splitlines()]
    assert lines[: len(expected)] == expected
    assert lines[len(expected)].startswith("definitions differ by up to")
