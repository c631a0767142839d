"""A small patch set with a set in it: two packages, and a build of one of them for CPUs alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from testing import small_project
from testing.small_project import BODY, HEADER, OVERLAY, PATCHED, UPSTREAM, Project, diff_file

ALPHA = {**UPSTREAM, "alpha/build.py": f"{BODY}kind = 'any'\n"}
WHEELS = {
    ("alpha", "1.0"): ALPHA,
    ("alpha-cpu", "1.0"): {**ALPHA, "alpha/build.py": f"{BODY}kind = 'cpu'\n"},
    ("beta", "2.0"): {"beta/__init__.py": BODY, "beta/slow.py": "fast = None\n"},
    ("beta-npu", "2.0"): {"beta_npu.py": ""},
}
# After the base: the set changes a file that the base changes, and one that is its own.
SLOW_ALPHA = {
    "alpha/core.py": str(PATCHED["alpha/core.py"]).replace("line 20\n", "line 20, slow\n"),
    "alpha/build.py": f"# slow\n{ALPHA['alpha/build.py']}",
}
FAST_BETA = {"beta/__init__.py": f"fast = True\n{BODY}"}
SLOW_BETA = {"beta/slow.py": "fast = False\n"}
SET_OVERLAY = {"alpha/deep/slow.py": "slow = True\n", "beta/deep/slow.py": "slow = True\n"}
STACK = """\
default = true

[sets.cpu]
why = "machines without an accelerator"
installed = ["alpha-cpu"]
not_installed = ["beta-npu"]

[packages.alpha]
version = "1.0"
series = ["0001-bugfix-first.patch", "0002-feature-second.patch"]
overlay = ["gamma/**", "alpha/deep/hook.py"]

[packages.alpha.sets.cpu]
series = ["0001-bugfix-slow.patch"]
overlay = ["alpha/deep/slow.py"]

[packages.alpha.variants.alpha]
artefact = "alpha-1.0-py3-none-any.whl"
sha256 = "{alpha}"

[packages.alpha.variants.alpha-cpu]
artefact = "alpha_cpu-1.0-py3-none-any.whl"
sha256 = "{alpha_cpu}"

[packages.beta]
version = "2.0"
series = ["0001-feature-fast.patch"]
overlay = []

[packages.beta.sets.cpu]
series = ["0001-bugfix-slow.patch"]
overlay = ["beta/deep/*.py"]

[packages.beta.variants.beta]
artefact = "beta-2.0-py3-none-any.whl"
sha256 = "{beta}"

[packages.idle]
version = "1.0"
series = []
overlay = []

[packages.idle.variants.idle]
artefact = "idle-1.0-py3-none-any.whl"
sha256 = "{zeros}"
"""


def build_wheels(folder: Path) -> dict[str, Path]:
    """Write the wheels and return them by distribution."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        name: small_project.build_wheel(folder, name, version, files)
        for (name, version), files in WHEELS.items()
    }


def install(wheels: Mapping[str, Path], names: Iterable[str], site: Path) -> None:
    """Put wheels into a folder as an installer does."""
    for name in names:
        small_project.unpack(wheels[name], site)


def patches() -> dict[str, str]:
    """Return the patches by their path below the folder of the stack."""
    alpha = {f"alpha/{name}": text for name, text in small_project.patches().items()}
    fast = small_project.make_patch("[feature] Fast", WHEELS["beta", "2.0"], FAST_BETA)
    before = {**ALPHA, "alpha/core.py": str(PATCHED["alpha/core.py"])}
    return {
        **alpha,
        "alpha/cpu/0001-bugfix-slow.patch": patch_of_set(before, SLOW_ALPHA),
        "beta/0001-feature-fast.patch": fast,
        "beta/cpu/0001-bugfix-slow.patch": patch_of_set(WHEELS["beta", "2.0"], SLOW_BETA),
    }


def patch_of_set(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return a patch of the set."""
    head = HEADER.replace(
        "Remove-When: the test goes", "Remove-When: the test goes\nPatch-Set: cpu"
    )
    diffs = [diff_file(path, before[path], text) for path, text in after.items()]
    return head.format(subject="[bugfix] Slow") + "".join(diffs)


def create(root: Path, wheels: Mapping[str, Path]) -> Project:
    """Write the distribution and lock it."""
    project = Project(root, wheels["alpha"])
    for path, text in patches().items():
        _write(project.stack / path, text)
    for path, text in {**OVERLAY, **SET_OVERLAY}.items():
        _write(root / "overlay" / path, text)
    hashes = {
        name.replace("-", "_"): hashlib.sha256(wheel.read_bytes()).hexdigest()
        for name, wheel in wheels.items()
    }
    _write(project.stack / "stack.toml", STACK.format(zeros="0" * 64, **hashes))
    project.lock()
    return project


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
