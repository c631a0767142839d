"""A small project, a faithful wheel of its upstream, and an environment it is installed in."""

import base64
import difflib
import hashlib
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from specrl import cli

BODY = "".join(f"# line {number}\n" for number in range(1, 21))
UPSTREAM = {
    "alpha/__init__.py": "from alpha.core import answer\n",
    "alpha/core.py": f"answer = 41\n{BODY}",
    "alpha/deep/config.py": BODY,
    "alpha/old.py": "gone = True\n",
    "alpha/data.bin": "\0\1",
}
PATCHED = {
    "alpha/core.py": f"answer = 42\n{BODY}".replace("line 12\n", "line twelve\n"),
    "alpha/deep/config.py": BODY.replace("line 20\n", "line 20\n# line 21\n"),
    "alpha/old.py": None,
    "alpha/new.py": "fresh = True\n",
}
OVERLAY = {"gamma/__init__.py": "name = 'gamma'\n", "alpha/deep/hook.py": "hooked = True\n"}
HEADER = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: specrl <patches@specrl.invalid>
Date: Thu, 1 Jan 1970 00:00:00 +0000
Subject: {subject}

Someone needs it.

Upstream-Status: Pending
Reason: a test
Remove-When: the test goes
---
"""
STACK = """\
# Kept as it is.
[packages.alpha]
version = "1.0"
series = [{series}]
overlay = [{overlay}]  # kept too

[packages.alpha.variants.alpha]
artefact = "{artefact}"
sha256 = "{sha256}"

[packages.beta]
version = "2.0"
series = []
overlay = []

[packages.beta.variants.beta]
artefact = "beta-2.0-py3-none-any.whl"
sha256 = "{zeros}"

[environments.small]
python = "3.11"
requirements = ["alpha==1.0"]
options = {{ quick = true }}
"""


def record_line(path: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}"


def build_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> Path:
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    contents = {path: text.encode() for path, text in files.items()}
    contents[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = [record_line(path, data) for path, data in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in contents.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return wheel


def diff_file(path: str, before: str | None, after: str | None) -> str:
    head = f"diff --git a/{path} b/{path}\n"
    if before is None:
        head += "new file mode 100644\n"
    if after is None:
        head += "deleted file mode 100644\n"
    lines = difflib.unified_diff(
        (before or "").splitlines(keepends=True),
        (after or "").splitlines(keepends=True),
        "/dev/null" if before is None else f"a/{path}",
        "/dev/null" if after is None else f"b/{path}",
    )
    return head + "".join(lines)


def make_patch(subject: str, before: dict[str, str], after: dict[str, str | None]) -> str:
    diffs = [diff_file(path, before.get(path), text) for path, text in after.items()]
    return HEADER.format(subject=subject) + "".join(diffs)


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Every file with its bytes and every folder, but for compiled modules not in a RECORD."""
    records = [path.read_text().splitlines() for path in root.glob("*.dist-info/RECORD")]
    listed = {line.partition(",")[0] for lines in records for line in lines}
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if "__pycache__" not in path.parts or path.relative_to(root).as_posix() in listed
    }


@dataclass
class Result:
    code: int
    out: str
    err: str


@dataclass
class Project:
    """A distribution: `patches/1.0` with two patches, and `overlay`."""

    root: Path
    wheel: Path

    @property
    def stack(self) -> Path:
        return self.root / "patches" / "1.0"

    def describe(self, series: list[str], overlay: list[str]) -> None:
        text = STACK.format(
            series=", ".join(f'"{name}"' for name in series),
            overlay=", ".join(f'"{name}"' for name in overlay),
            artefact=self.wheel.name,
            sha256=hashlib.sha256(self.wheel.read_bytes()).hexdigest(),
            zeros="0" * 64,
        )
        (self.stack / "stack.toml").write_text(text)

    def write_patch(self, name: str, text: str) -> None:
        (self.stack / "alpha").mkdir(exist_ok=True)
        (self.stack / "alpha" / name).write_bytes(text.encode())


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
    monkeypatch.setenv("SPECRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPECRL_TARGET_PYTHON", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(folder, "alpha", "1.0", UPSTREAM)
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
def project(tmp_path, wheelhouse, tool, monkeypatch):
    """The project with its lock; the first patch changes files, the second adds and deletes."""
    made = Project(tmp_path / "project", wheelhouse / "alpha-1.0-py3-none-any.whl")
    made.stack.mkdir(parents=True)
    first = {path: PATCHED[path] for path in ("alpha/core.py", "alpha/deep/config.py")}
    second = {path: PATCHED[path] for path in ("alpha/old.py", "alpha/new.py")}
    made.write_patch("0001-bugfix-first.patch", make_patch("[bugfix] First", UPSTREAM, first))
    made.write_patch("0002-feature-second.patch", make_patch("[feature] Second", UPSTREAM, second))
    made.describe(["0001-bugfix-first.patch", "0002-feature-second.patch"], list(OVERLAY))
    for path, text in OVERLAY.items():
        (made.root / "overlay" / path).parent.mkdir(parents=True, exist_ok=True)
        (made.root / "overlay" / path).write_text(text)
    monkeypatch.setenv("SPECRL_DISTRIBUTION", str(made.root))
    result = tool("refresh", "--artefacts", str(wheelhouse))
    assert result.code == 0, result.err
    return made


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
        wheel = staticmethod(build_wheel)
        patch = staticmethod(make_patch)
        diff = staticmethod(diff_file)
        snapshot = staticmethod(snapshot)
        record_line = staticmethod(record_line)
        upstream = UPSTREAM
        patched = PATCHED
        overlay = OVERLAY
        header = HEADER

    return Builders
