"""A small project, a faithful wheel of its upstream, and an environment it is installed in."""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from specroll import cli

from testing import small_project, small_sets
from testing.small_index import SmallIndex
from testing.small_project import Project

# Where a file system lies in memory, mostly.
MEMORY = Path("/dev/shm")
ROOM = 2**30


def is_fit(folder):
    """Say whether a folder is there, has room, and lets us write and run files."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    facts = os.statvfs(folder)
    return not facts.f_flag & os.ST_NOEXEC and facts.f_bavail * facts.f_frsize > ROOM


# Here and not on a disk, which takes longer than all else these tests do: git waits for it.
if is_fit(MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@dataclass
class Result:
    code: int
    out: str
    err: str


@dataclass
class Target:
    """A virtual environment with alpha and no beta."""

    root: Path

    @property
    def python(self) -> str:
        return str(self.root / "bin" / "python")

    @property
    def site(self) -> Path:
        return next(self.root.glob("lib/python3*/site-packages"))

    @property
    def info(self) -> Path:
        return self.site / "alpha-1.0.dist-info"

    def pip(self, *arguments: str) -> None:
        subprocess.run([self.python, "-m", "pip", "-q", *arguments], check=True)


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    # How long a disk takes is not what is tested.
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPECROLL_TARGET_PYTHON", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    small_project.build_wheel(folder, "alpha", "1.0", small_project.UPSTREAM)
    return folder


@pytest.fixture(scope="session")
def installed_template(tmp_path_factory, wheelhouse):
    root = tmp_path_factory.mktemp("template") / "venv"
    venv.EnvBuilder(with_pip=True, symlinks=True).create(root)
    Target(root).pip("install", "--no-index", "--no-compile", *map(str, wheelhouse.glob("*.whl")))
    return root


@pytest.fixture
def target(installed_template, tmp_path):
    root = tmp_path / "venv"
    ignored = shutil.ignore_patterns("pip", "pip-*", "setuptools*", "pkg_resources")
    shutil.copytree(installed_template, root, symlinks=True, ignore=ignored)
    return Target(root)


@pytest.fixture
def target_with_pip(installed_template, tmp_path):
    shutil.copytree(installed_template, tmp_path / "venv", symlinks=True)
    return Target(tmp_path / "venv")


@pytest.fixture
def compiled_target(target_with_pip, wheelhouse):
    """The environment as pip leaves it by default: RECORD lists the bytecode of every module."""
    wheels = map(str, wheelhouse.glob("*.whl"))
    target_with_pip.pip("install", "--no-index", "--force-reinstall", "--no-deps", *wheels)
    return target_with_pip


@pytest.fixture
def project(tmp_path, wheelhouse, monkeypatch):
    monkeypatch.setenv("SPECROLL_DISTRIBUTION", str(tmp_path / "project"))
    wheel = wheelhouse / "alpha-1.0-py3-none-any.whl"
    patches, overlay = small_project.patches(), small_project.OVERLAY
    return Project.create(tmp_path / "project", wheel, patches, overlay)


@pytest.fixture(scope="session")
def set_wheels(tmp_path_factory):
    return small_sets.build_wheels(tmp_path_factory.mktemp("wheels_of_sets"))


@pytest.fixture
def patch_set(tmp_path, set_wheels, monkeypatch):
    """A project with a set; tests name either this or `project`."""
    monkeypatch.setenv("SPECROLL_DISTRIBUTION", str(tmp_path / "project"))
    return small_sets.create(tmp_path / "project", set_wheels)


@pytest.fixture
def small_index(monkeypatch):
    """An index that pip is configured with; tests say which files it offers."""
    with SmallIndex().served() as served:
        monkeypatch.setenv("PIP_INDEX_URL", served.url)
        yield served


@pytest.fixture
def tool(monkeypatch, capsys):
    """Run the command line in this process."""

    def run(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["apply-patches", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return Result(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def exported_project(tool, project, wheelhouse, tmp_path):
    """The project with its patches as `refresh` exports them, which `lint` does not mind."""
    for command in ("edit", "refresh"):
        assert tool(command, "alpha", "--artefacts", str(wheelhouse)).code == 0
    shutil.rmtree(tmp_path / ".apply-patches-edit")
    return project


@pytest.fixture
def on_target(tool, project, target):
    """Run a command on the virtual environment."""

    def run(command: str, *arguments: str) -> Result:
        return tool(command, "--python", target.python, *arguments)

    return run


@pytest.fixture
def make():
    """The builders above, for tests that need other wheels, patches and trees."""

    @dataclass
    class Builders:
        wheel = staticmethod(small_project.build_wheel)
        unpack = staticmethod(small_project.unpack)
        patch = staticmethod(small_project.make_patch)
        diff = staticmethod(small_project.diff_file)
        snapshot = staticmethod(small_project.snapshot)
        record_line = staticmethod(small_project.record_line)
        upstream = small_project.UPSTREAM
        later = small_project.LATER
        source_archive = staticmethod(small_project.build_source_archive)
        patched = small_project.PATCHED
        overlay = small_project.OVERLAY
        header = small_project.HEADER

    return Builders
