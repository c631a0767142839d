"""A small patch set, a faithful wheel of its upstream, and the site-packages it is applied to."""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from specroll.commands.refresh import refresh
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.target.environment import Environment
from specroll.target.selection import Request

BODY = "".join(f"# line {number}\n" for number in range(1, 21))
UPSTREAM = {
    "alpha/__init__.py": "from alpha.core import answer\n",
    "alpha/core.py": f"answer = 41\n{BODY}",
    "alpha/deep/config.py": BODY,
    "alpha/old.py": "gone = True\n",
    "alpha/data.bin": "\0\1",
}
PATCHED: dict[str, str | None] = {
    "alpha/core.py": f"answer = 42\n{BODY}".replace("line 12\n", "line twelve\n"),
    "alpha/deep/config.py": BODY.replace("line 20\n", "line 20\n# line 21\n"),
    "alpha/old.py": None,
    "alpha/new.py": "fresh = True\n",
}
OLDER_OVERLAY = {"gamma/__init__.py": "name = 'older'\n", "delta/gone.py": "old = True\n"}
OVERLAY = {"gamma/__init__.py": "name = 'gamma'\n", "alpha/deep/hook.py": "hooked = True\n"}
HEADER = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: specroll <patches@specroll.invalid>
Date: Thu, 1 Jan 1970 00:00:00 +0000
Subject: {subject}

Someone needs it.

Upstream-Status: Pending
Reason: a test
Remove-When: the test goes
Relies-On: alpha/core.py:answer
Proof: tests/test_alpha.py::test_answer
---
"""
STACK = """\
# Kept as it is.
default = true

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


FURTHER = """
[packages.alpha.variants."alpha=={version}"]
artefact = "{artefact}"
sha256 = "{sha256}"
"""
# One more version, onto which the series carries: the lines that it changes stand where they stood.
LATER = {**UPSTREAM, "alpha/core.py": f"answer = 41\n{BODY}# later\n", "alpha/more.py": ""}


def record_line(path: str, data: bytes) -> str:
    """Return the line of RECORD that lists a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}"


def build_wheel(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a wheel of these files as build backends do, and return its path."""
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


def build_source_archive(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a source archive of these files as build backends do, and return its path.

    To build it runs its `setup.py`, which fails: nothing here may.
    """
    top = f"{name.replace('-', '_')}-{version}"
    contents = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": "raise SystemExit('built')\n",
        **files,
    }
    path = folder / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for inner, text in contents.items():
            member = tarfile.TarInfo(f"{top}/{inner}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def unpack(wheel: Path, site: Path) -> None:
    """Put a wheel into a folder as an installer does."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def diff_file(path: str, before: str | None, after: str | None) -> str:
    """Return the change of one file as git writes it, None for a file that is not there."""
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


def make_patch(subject: str, before: Mapping[str, str], after: Mapping[str, str | None]) -> str:
    """Return a patch file that leads from one content to the other."""
    diffs = [diff_file(path, before.get(path), text) for path, text in after.items()]
    return HEADER.format(subject=subject) + "".join(diffs)


def snapshot(root: Path) -> dict[str, bytes | None]:
    """Return every file with its bytes and every folder, but for modules compiled on import."""
    records = [path.read_bytes().splitlines() for path in root.glob("*.dist-info/RECORD")]
    listed = {os.fsdecode(line.partition(b",")[0]) for lines in records for line in lines}
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(root.rglob("*"))
        if "__pycache__" not in path.parts or path.relative_to(root).as_posix() in listed
    }


def older_patches() -> dict[str, str]:
    """Return the series that preceded: it shares a file with the other, and has one of its own."""
    older = {"alpha/core.py": f"answer = 40\n{BODY}", "alpha/__init__.py": "answer = None\n"}
    return {"0001-bugfix-older.patch": make_patch("[bugfix] Older", UPSTREAM, older)}


def patches() -> dict[str, str]:
    """Return a series: the first patch changes files, the second adds and deletes."""
    first = {path: PATCHED[path] for path in ("alpha/core.py", "alpha/deep/config.py")}
    second = {path: PATCHED[path] for path in ("alpha/old.py", "alpha/new.py")}
    return {
        "0001-bugfix-first.patch": make_patch("[bugfix] First", UPSTREAM, first),
        "0002-feature-second.patch": make_patch("[feature] Second", UPSTREAM, second),
    }


@dataclass
class Project:
    """A distribution: `patches/1.0`, which pins the wheel, and `overlay`."""

    root: Path
    wheel: Path

    @classmethod
    def create(
        cls, root: Path, wheel: Path, patches: Mapping[str, str], overlay: Mapping[str, str]
    ) -> Project:
        """Write the distribution and lock it."""
        project = cls(root, wheel)
        project.stack.mkdir(parents=True)
        for name, text in patches.items():
            project.write_patch(name, text)
        for path, text in overlay.items():
            (root / "overlay" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "overlay" / path).write_text(text)
        project.describe(list(patches), list(overlay))
        project.lock()
        return project

    @property
    def stack(self) -> Path:
        """The folder of the only stack."""
        return self.root / "patches" / "1.0"

    @property
    def distribution(self) -> Distribution:
        """The project as commands take it."""
        return Distribution(self.root)

    def describe(self, series: list[str], overlay: list[str]) -> None:
        """Write `stack.toml`."""
        text = STACK.format(
            series=", ".join(f'"{name}"' for name in series),
            overlay=", ".join(f'"{name}"' for name in overlay),
            artefact=self.wheel.name,
            sha256=hashlib.sha256(self.wheel.read_bytes()).hexdigest(),
            zeros="0" * 64,
        )
        (self.stack / "stack.toml").write_text(text)

    def write_patch(self, name: str, text: str) -> None:
        """Write a file of the series."""
        (self.stack / "alpha").mkdir(exist_ok=True)
        (self.stack / "alpha" / name).write_bytes(text.encode())

    def pin_further(self, artefact: Path, version: str) -> None:
        """Let the series serve one more version of alpha, and lock that."""
        with (self.stack / "stack.toml").open("a") as file:
            digest = hashlib.sha256(artefact.read_bytes()).hexdigest()
            file.write(FURTHER.format(version=version, artefact=artefact.name, sha256=digest))
        self.lock(artefact.parent)

    def lock(self, *folders: Path) -> None:
        """Write the lock from the artefacts in these folders and that of the wheel."""
        store = Store((self.wheel.parent, *folders))
        refresh(self.distribution, self.stack.name, (), store, self.root / "no-scratch-repository")

    def request(self, site: Path) -> Request:
        """Return the request to work on a folder that holds installed packages."""
        return Request(self.distribution, Environment((site.resolve(),), is_tree=False))

    def install(self, site: Path) -> None:
        """Put the wheel into a folder as an installer does."""
        unpack(self.wheel, site)
