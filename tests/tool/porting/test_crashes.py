"""A rebase that is killed at any step: nothing is half written, and no resolution is lost."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import partial

import pytest
from specroll.commands.rebase import Wish, rebase
from specroll.errors import RequestError
from specroll.stack.distribution import Distribution

from testing import small_project
from testing.crash_sweep import lives
from testing.small_project import BODY, UPSTREAM, build_source_archive, build_wheel

CONFLICTING = {"alpha/core.py": f"answer = 41\n{BODY}".replace("line 12\n", "line XII\n")}
RESOLVED = f"answer = 42\n{BODY}".replace("line 12\n", "line twelve and XII\n")
# Divides no number of steps, so that several runs of a step are hit at different places.
STRIDE = 47


@pytest.fixture
def release(exported_project, small_index, wheelhouse, tmp_path):
    """A release in which one patch conflicts."""
    (tmp_path / "index").mkdir()
    for version, files in (("1.0", UPSTREAM), ("1.1", UPSTREAM | CONFLICTING)):
        small_index.files += [
            build_wheel(tmp_path / "index", "alpha", version, files),
            build_source_archive(tmp_path / "index", "alpha", version, files),
        ]


@pytest.fixture
def run(release, tmp_path):
    """Return a function that carries the series in a copy of the project."""

    def run(place, continues=False):
        wish = Wish(
            {"alpha": "1.1"},
            "new",
            workdir=place / "work",
            artefacts=tmp_path / "index",
            continues=continues,
        )
        return rebase(Distribution(place / "project"), wish).exit_code

    return run


def resolve(place):
    repository = place / "work/new/alpha"
    (repository / "alpha/core.py").write_text(RESOLVED)
    subprocess.run(["git", "add", "-A"], cwd=repository, check=True)


def copied(start, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(start, place, symlinks=True)
    return place


def killed(start, place, action):
    """Yield a copy of the start after the action was killed in it, at every so many steps."""
    step = 0
    while not lives(partial(action, copied(start, place)), step, die):
        yield place
        step += STRIDE
    assert step > 2 * STRIDE


def die():
    os.kill(os.getpid(), signal.SIGSTOP)


def written(place):
    return small_project.snapshot(place / "project")


@pytest.fixture
def start(exported_project, tmp_path):
    folder = tmp_path / "start"
    folder.mkdir()
    shutil.copytree(exported_project.root, folder / "project")
    return folder


def test_a_first_run(run, start, tmp_path):
    untouched = written(start)
    for place in killed(start, tmp_path / "place", run):
        assert written(place) == untouched
        assert run(place) == 3
        resolve(place)
        assert run(place, continues=True) == 0


def test_a_resolution_is_never_lost(run, start, tmp_path):
    assert run(start) == 3
    resolve(start)
    whole = copied(start, tmp_path / "whole")
    assert run(whole, continues=True) == 0
    new = written(whole)
    for place in killed(start, tmp_path / "place", lambda place: run(place, continues=True)):
        # Where the conflict was settled, the one is refused; where all was finished, both are.
        for continues in (True, False):
            with suppress(RequestError):
                run(place, continues)
        assert written(place) == new


def test_locks_of_a_killed_git(run, start):
    assert run(start) == 3
    (start / "work/new/alpha/.git/index.lock").touch()
    assert run(start) == 3
