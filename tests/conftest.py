"""The bismuth monolayer, as files and as models, for every folder of tests."""

from pathlib import Path

import pytest

import w90spin as ws

DATA = Path(__file__).parents[1] / "data" / "bi-monolayer"


@pytest.fixture(scope="session")
def bi_folder():
    return DATA


@pytest.fixture(scope="session")
def bi_tb():
    return ws.load_model(DATA / "bi", source="tb")


@pytest.fixture(scope="session")
def bi_chk():
    return ws.load_model(DATA / "bi", source="chk")


@pytest.fixture(scope="session")
def bi_midpoint():
    return ws.load_model(DATA / "bi", source="chk", position="midpoint")


@pytest.fixture
def lay(tmp_path):
    """Put links to some of the files into a folder of their own; return the seedname there."""

    def link(*suffixes, folder=tmp_path / "run", seed="bi"):
        folder.mkdir(exist_ok=True)
        for suffix in suffixes:
            (source,) = DATA.glob(f"bi{suffix}*")
            (folder / f"{seed}{source.name.removeprefix('bi')}").symlink_to(source)
        return folder / seed

    return link
