"""The cache folder and our variables, by their names of today and by those of before."""

import json
import os
from pathlib import Path

import pytest
from specroll import variables
from specroll.cache import cache_folder
from specroll.errors import TargetError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user with a home folder and none of our variables."""
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})
    return tmp_path


def test_default_folder(home, capsys):
    assert cache_folder() == home / ".cache/specroll"
    assert capsys.readouterr().err == ""


def test_named_folder(home):
    os.environ["SPECROLL_CACHE"] = str(home / "elsewhere")
    os.environ["SPECRL_CACHE"] = str(home / "forgotten")
    assert cache_folder() == home / "elsewhere"


def test_tilde_of_a_named_folder(home):
    os.environ["SPECROLL_CACHE"] = "~/elsewhere"
    assert cache_folder() == home / "elsewhere"


def test_tilde_of_an_unknown_home(home):
    os.environ["SPECROLL_CACHE"] = "~no-such-user/elsewhere"
    with pytest.raises(TargetError, match="that home folder is unknown; name the whole path"):
        cache_folder()


def test_old_variable_is_understood_and_told_once(home, capsys):
    os.environ["SPECRL_CACHE"] = str(home / "elsewhere")
    assert [cache_folder(), cache_folder()] == [home / "elsewhere"] * 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "note: SPECRL_CACHE is understood, and is called SPECROLL_CACHE now\n"


def test_empty_variable_names_nothing(home):
    os.environ.update(SPECROLL_CACHE="", SPECRL_CACHE="")
    assert variables.read("CACHE") is None
    assert cache_folder() == home / ".cache/specroll"


def test_old_folder_is_used_and_told_once(home, capsys):
    old = home / ".cache/specrl"
    old.mkdir(parents=True)
    assert [cache_folder(), cache_folder()] == [old, old]
    new = home / ".cache/specroll"
    assert capsys.readouterr().err == f"note: {old} is the cache's old name; rename it to {new}\n"


def test_new_folder_counts_where_both_exist(home, capsys):
    for name in ("specrl", "specroll"):
        (home / ".cache" / name).mkdir(parents=True)
    assert cache_folder() == home / ".cache/specroll"
    assert capsys.readouterr().err == ""


def test_user_without_home(home, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(TargetError, match="name a cache with SPECROLL_CACHE"):
        cache_folder()


def test_old_distribution_variable(tool, project, monkeypatch):
    monkeypatch.delenv("SPECROLL_DISTRIBUTION")
    monkeypatch.setattr(os, "environ", {**os.environ, "SPECRL_DISTRIBUTION": str(project.root)})
    result = tool("lint", "--json", "--artefacts", str(project.wheel.parent))
    assert json.loads(result.out)["summary"].startswith("1 stack: ")
    note = "note: SPECRL_DISTRIBUTION is understood, and is called SPECROLL_DISTRIBUTION now\n"
    assert result.err == note
