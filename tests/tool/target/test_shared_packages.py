"""A package that lies in a folder of several environments, or packages in several folders."""

import errno
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from specroll.errors import TargetError
from specroll.writing import disk, transaction
from specroll.writing.journal import Batch, Change

from testing import crash_sweep


@dataclass
class OnTop:
    """An environment that sees the packages of another one, and holds none."""

    python: str
    site: Path


@pytest.fixture
def on_top(target, tmp_path):
    site = tmp_path / "top/lib/python3.11/site-packages"
    site.mkdir(parents=True)
    python = tmp_path / "top/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {target.python} "$@"\n')
    python.chmod(0o755)
    return OnTop(str(python), site)


def test_is_patched_where_it_lies(tool, project, target, on_top, make):
    before = make.snapshot(target.site), make.snapshot(on_top.site)
    assert tool("apply", "--python", on_top.python).code == 0
    assert tool("verify", "--python", target.python).code == 0
    assert tool("apply", "--python", target.python).out.endswith("nothing to do\n")
    assert tool("revert", "--python", on_top.python).code == 0
    assert (make.snapshot(target.site), make.snapshot(on_top.site)) == before


@pytest.mark.parametrize("command", ["apply", "revert"])
def test_has_one_lock(tool, project, target, on_top, monkeypatch, command):
    monkeypatch.setattr(transaction, "PATIENCE_S", 0.2)
    with transaction.exclusive(target.site):
        result = tool(command, "--python", on_top.python)
    assert result.code == 6
    assert f"Another run holds {target.site / '.apply-patches.lock'}" in result.err


@pytest.mark.parametrize(("place", "how"), [("_sync_parents", "undone"), ("finish", "finished")])
def test_has_one_journal(tool, project, target, on_top, monkeypatch, place, how):
    """What was interrupted through one environment is recovered through the other."""

    def die(*_):
        raise SystemExit(9)

    with monkeypatch.context() as broken:
        broken.setattr(transaction, place, die)
        broken.setattr(transaction, "roll_back", lambda home, journal: None)
        tool("apply", "--python", on_top.python)
    for environment in (target, on_top):
        python = environment.python
        assert "an interrupted run in" in tool("status", "--python", python).err
        assert tool("check", "--python", python).code == 1
        assert tool("verify", "--python", python).code == 1
    result = tool("apply", "--python", target.python)
    assert (result.code, f"{target.site} was {how} first" in result.err) == (0, True)
    assert tool("verify", "--python", on_top.python).code == 0


def test_hidden_package_is_left_alone(tool, project, target, on_top, make):
    """Revert takes back what is imported, and nothing of the environment below."""
    tool("apply", "--python", target.python)
    project.install(on_top.site)
    tool("apply", "--python", on_top.python)
    below = make.snapshot(target.site)
    assert tool("revert", "--python", on_top.python).code == 0
    assert not (on_top.site / "gamma").exists()
    assert make.snapshot(target.site) == below


def test_untouched_package_may_be_read_only(tool, project, target, on_top, tmp_path, make):
    """Its folder needs no lock: the stack does nothing to it."""
    locked = []
    exclusive = transaction.exclusive

    def noted(*homes):
        locked.extend(homes)
        return exclusive(*homes)

    wheel = make.wheel(tmp_path, "beta", "2.0", {"beta/__init__.py": ""})
    make.unpack(wheel, on_top.site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "exclusive", noted)
        assert tool("apply", "--python", on_top.python).code == 0
    assert locked == [target.site]


@pytest.fixture
def folders(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        (folder / "a.py").write_text("old\n")
    return folders


def batches(folders):
    return [Batch(folder, [Change(folder / "a.py", b"new\n")]) for folder in folders]


def contents(folders):
    return [{path.name: path.read_text() for path in folder.iterdir()} for folder in folders]


def test_all_folders_are_written(folders):
    transaction.run(*batches(folders))
    assert contents(folders) == [{"a.py": "new\n"}] * 2


@pytest.mark.parametrize("step", range(7))
def test_failure_in_one_folder_leaves_all_as_they_were(folders, monkeypatch, step):
    write = disk.write
    left = step

    def fail(path, data):
        nonlocal left
        left -= 1
        if left == -1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(disk, "write", fail)
    expected = {"a.py": "new\n"}
    if step < 6:
        expected = {"a.py": "old\n"}
        with pytest.raises(TargetError, match=r"(one|two) cannot be written.*nothing has been"):
            transaction.run(*batches(folders))
    else:
        transaction.run(*batches(folders))
    assert contents(folders) == [expected] * 2


def test_crash_at_any_step_leaves_each_folder_whole(folders, tmp_path):
    old, new = ({"a.py": text} for text in ("old\n", "new\n"))
    outcomes = []
    for step in range(200):
        copies = [tmp_path / f"{step}" / folder.name for folder in folders]
        for folder, copy in zip(folders, copies, strict=True):
            shutil.copytree(folder, copy)
        write = partial(transaction.run, *batches(copies))
        lives = crash_sweep.lives(write, step, crash_sweep.WAYS["os._exit"])
        for copy in copies:
            transaction.recover(copy)
        outcomes.append(contents(copies))
        assert all(content in (old, new) for content in outcomes[-1])
        if lives:
            break
    assert (outcomes[0], outcomes[-1]) == ([old] * 2, [new] * 2)


def test_locks_are_taken_in_one_order(folders, monkeypatch):
    taken = []
    monkeypatch.setattr(
        transaction.FileLock, "acquire", lambda self: taken.append(Path(self.lock_file).parent)
    )
    for order in (folders, folders[::-1]):
        with transaction.exclusive(*order):
            pass
    assert taken == folders * 2
