"""The Python block of the README runs as it stands."""

import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def test_ten_lines_of_python(monkeypatch, tmp_path, capsys):
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert block is not None
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block[1], names)
    spin = names["spin"]
    np.testing.assert_allclose(spin.frequency_thz[49], 50.0)
    # The amplitude that the page of the example quotes.
    np.testing.assert_allclose(abs(spin.delta[1, 0, 0, 0, 49, 2]), 4.8185e-5, rtol=2e-4)
    assert (tmp_path / "bi.h5").is_file()
    assert "usable for: bands, spin_polarizability" in capsys.readouterr().out
