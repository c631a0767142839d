"""A cache of a test's own."""

import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder that `SPECROLL_CACHE` names; it is not there yet."""
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
