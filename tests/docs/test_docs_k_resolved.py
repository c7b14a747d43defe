"""The pages on jobs and on k-resolved output say what works."""

import ast
import builtins
import re
import shlex
from pathlib import Path

import pytest

from w90spin.cli import main
from w90spin.cli.job import read_job
from w90spin.response import RESPONSES

ROOT = Path(__file__).resolve().parents[2]


def page(name):
    return (ROOT / "docs" / name).read_text("utf-8")


def test_the_job_of_the_page_is_one(tmp_path):
    (block,) = re.findall(r"```toml\n(.*?)```", page("job-file.md"), re.S)
    job = tmp_path / "job.toml"
    job.write_text(f'[model]\nseedname = "bi"\n{block}', encoding="utf-8")
    read = read_job(job)
    assert [section.name for section in read.response] == ["spin_hall", "edelstein"]
    assert read.map.component == "xyz"


def test_the_table_names_every_response():
    named = re.findall(r"^\| `(\w+)` \|", page("job-file.md"), re.M)
    assert set(RESPONSES) <= set(named)


@pytest.mark.parametrize("command", ["kmap", "bands", "fermi-surface"])
def test_commands_of_the_pages(tmp_path, monkeypatch, capsys, command):
    lines = re.findall(rf"^    w90spin ({command} data.*)$", page("k-resolved.md"), re.M)
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    assert lines
    for line in lines:
        words = shlex.split(re.sub(r" -n \d+", "", line))
        with pytest.raises(SystemExit) as left:
            main([*words, "-n", "4"])
        assert not left.value.code
    assert any(path.is_file() for path in tmp_path.iterdir())
    capsys.readouterr()


def test_python_of_the_page(tmp_path, monkeypatch):
    (block,) = re.findall(r"```python\n(.*?)```", page("k-resolved.md"), re.S)
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    exec(block.replace("n=64", "n=6"), {})
    assert (tmp_path / "bi.frmsf").is_file()


@pytest.mark.parametrize("name", ["numbers-differ.md", "integration.md", "responses/spin-hall.md"])
def test_first_python_of_other_pages_lacks_no_name(name):
    """Names that are read were bound before, imports among them; nothing is run."""
    block, *_ = re.findall(r"```python\n(.*?)```", page(name), re.S)
    bound, read = set(dir(builtins)), []
    for statement in ast.parse(block).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        read += [node.id for node in names if isinstance(node.ctx, ast.Load)]
        assert {*read} <= bound
        bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound |= {item.asname or item.name for item in statement.names}
    assert "ws" in read
