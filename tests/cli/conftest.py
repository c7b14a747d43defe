import pytest


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    """A test that itself runs under a launcher is still one process."""
    from w90spin.parallel import LAUNCHER_SIZES

    for name in LAUNCHER_SIZES:
        monkeypatch.delenv(name, raising=False)
