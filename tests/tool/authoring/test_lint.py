"""Each convention, broken by one file."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FIRST = "patches/1.0/alpha/0001-bugfix-first.patch"
SECOND = "patches/1.0/alpha/0002-feature-second.patch"
STACK = "patches/1.0/stack.toml"
LOCK = "patches/1.0/stack.lock.json"


@pytest.fixture
def lint(tool, wheelhouse):
    def run(*arguments):
        return tool("lint", "--artefacts", str(wheelhouse), *arguments)

    return run


@pytest.fixture
def tidy(tool, project, wheelhouse):
    """The project with its patches as `refresh` writes them."""
    for command in ("edit", "refresh"):
        result = tool(command, "alpha", "--artefacts", str(wheelhouse))
        assert result.code == 0, result.err
    return project


def test_tidy_project(lint, tidy):
    result = lint()
    assert result.code == 0, result.out
    assert result.out.splitlines() == [
        "ok        1.0/alpha/0001-bugfix-first.patch",
        "ok        1.0/alpha/0002-feature-second.patch",
        "skipped   1.0/beta: beta-2.0-py3-none-any.whl is not at hand; name its folder with"
        " --artefacts",
        "1 stack: 0 breaches",
    ]


def edit_file(path, old, new):
    def spoil(root, tool):
        assert old in (root / path).read_text()
        (root / path).write_bytes((root / path).read_text().replace(old, new).encode())

    return spoil


def add_file(path, text=""):
    def spoil(root, tool):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())

    return spoil


def rename_patch(name):
    def spoil(root, tool):
        (root / SECOND).rename((root / SECOND).with_name(name))
        edit_file(STACK, Path(SECOND).name, name)(root, tool)

    return spoil


def own_upstream_file(path):
    def spoil(root, tool):
        add_file(f"overlay/{path}", "mine\n")(root, tool)
        edit_file(STACK, 'overlay = ["', f'overlay = ["{path}", "')(root, tool)
        tool("refresh", "alpha", "--artefacts", str(root.parent / "wheels"))

    return spoil


BREACHES = {
    "name": (rename_patch("0002-second.patch"), "0002-second.patch is not named NNNN-feature-"),
    "kind": (rename_patch("0002-chore-second.patch"), "0002-chore-second.patch is not named"),
    "gap": (rename_patch("0003-feature-second.patch"), "is patch 2 of its series; number them"),
    "subject": (edit_file(FIRST, "[bugfix]", "[fix]"), "has a subject that is not"),
    "trailer": (edit_file(FIRST, "Reason: a test\n", ""), "has no trailer `Reason:`"),
    "removal": (edit_file(FIRST, "Remove-When", "Removed"), "has no trailer `Remove-When:`"),
    "reliance": (edit_file(FIRST, "Relies-On", "Relied-On"), "has no trailer `Relies-On:`"),
    "proof": (edit_file(SECOND, "Proof", "Proven"), "has no trailer `Proof:`"),
    "status": (edit_file(FIRST, "Pending", "Soon"), "has an Upstream-Status other than"),
    "why": (edit_file(FIRST, "Someone needs it.\n\n", ""), "has no paragraph that says why"),
    "crlf patch": (edit_file(FIRST, "\n", "\r\n"), "has Windows line endings (CRLF); correct"),
    "crlf overlay": (add_file("overlay/gamma/__init__.py", "a\r\n"), "(CRLF); convert it"),
    "path": (edit_file(FIRST, "alpha/core.py", "alpha/../x.py"), "which leaves the tree"),
    "missing": (lambda root, tool: (root / FIRST).unlink(), "first.patch cannot be read"),
    "patched overlay": (own_upstream_file("alpha/new.py"), "touches alpha/new.py, an overlay file"),
    "collision": (own_upstream_file("alpha/__init__.py"), "exists in alpha-1.0-py3-none-any.whl"),
    "stray patch": (add_file("patches/1.0/alpha/0003-x.patch"), "0003-x.patch is used by no stack"),
    "stray overlay": (add_file("overlay/delta.py"), "overlay/delta.py is used by no stack"),
    "swap file": (add_file("overlay/gamma/.x.py.swp"), "gamma/.x.py.swp is used by no stack"),
    "stray lock": (add_file("patches/1.0/environments/gpu.txt"), "gpu.txt is used by no stack"),
    "patch changed": (edit_file(FIRST, "Someone", "Nobody"), "is not what stack.lock.json was"),
    "overlay changed": (add_file("overlay/gamma/__init__.py", "a\n"), "is not what a fresh"),
    "series changed": (edit_file(STACK, '"0001-bugfix-first.patch", ', ""), "is older than"),
    "lock by hand": (edit_file(LOCK, "  ", " "), "stack.lock.json was edited"),
    "lock missing": (lambda root, tool: (root / LOCK).unlink(), "stack.lock.json is missing"),
    "no default": (edit_file(STACK, "default = true", ""), "no stack says `default = true`"),
    "stack malformed": (add_file(STACK, "["), "is not valid TOML"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREACHES)
def test_breach(lint, tidy, tool, wheelhouse, tmp_path, name):
    spoil, message = BREACHES[name]
    (tmp_path / "wheels").symlink_to(wheelhouse)
    spoil(tidy.root, tool)
    result = lint()
    assert result.code == 1
    assert message in result.out
    assert "differs" in result.out


def test_further_version(tool, tidy, make, tmp_path, wheelhouse):
    """Patches are exported from the first version: they name the hashes of its files."""
    later = tmp_path / "later"
    later.mkdir()
    archive = make.source_archive(later, "alpha", "1.0.post1", make.later)
    tidy.pin_further(archive, "1.0.post1")
    for folder in (later, wheelhouse):
        result = tool("lint", "--artefacts", str(folder))
        assert result.code == 0, result.out
        missing = tidy.wheel if folder == later else archive
        assert f"skipped   1.0/alpha: {missing.name} is not at hand; name its" in result.out


def test_overlay_file_of_a_further_version(tool, tidy, make, tmp_path):
    files = {**make.later, "alpha/deep/hook.py": ""}
    archive = make.source_archive(tmp_path, "alpha", "1.0.post1", files)
    tidy.pin_further(archive, "1.0.post1")
    result = tool("lint", "--artefacts", str(tmp_path))
    assert (result.code, "hook.py exists in alpha-1.0.post1.tar.gz too" in result.out) == (1, True)


def test_artefact_that_cannot_be_read(tool, tidy, tmp_path):
    """Nothing is patched there, so that only the search for overlay files reads it."""
    tidy.describe([], ["gamma/__init__.py"])
    path = tmp_path / tidy.wheel.name
    path.write_bytes(b"no wheel")
    text = (tidy.stack / "stack.toml").read_text()
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (tidy.wheel, path)]
    (tidy.stack / "stack.toml").write_text(text.replace(*digests))
    tidy.lock()
    result = tool("lint", "--artefacts", str(tmp_path))
    assert (result.code, f"{path} is not a wheel" in result.out) == (1, True)


def test_lock_that_the_artefact_does_not_give(lint, tidy):
    path = tidy.root / LOCK
    lock = json.loads(path.read_text())
    files = lock["packages"]["alpha"]["variants"]["alpha"]["files"]["base"]
    files["alpha/core.py"]["after"] = "0" * 64
    path.write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n")
    result = lint()
    assert (result.code, "is not what a fresh computation gives for alpha" in result.out) == (
        1,
        True,
    )


def test_patch_that_git_would_write_otherwise(lint, project):
    """It applies, and yet the next refresh would change it."""
    result = lint()
    assert result.code == 1
    assert result.out.count("is not what exporting it gives") == 2


def test_artefact_with_other_content(lint, tidy, tmp_path, tool):
    other = tmp_path / "other"
    other.mkdir()
    (other / tidy.wheel.name).write_bytes(b"")
    result = tool("lint", "--artefacts", str(other))
    assert result.code == 1
    assert f"{other / tidy.wheel.name} does not have the pinned sha256" in result.out


def test_without_artefacts(tool, tidy, tmp_path):
    result = tool("lint")
    assert result.code == 0
    assert "alpha-1.0-py3-none-any.whl is not at hand" in result.out


def test_all_breaches_are_told_once(lint, tidy):
    (tidy.root / FIRST).unlink()
    add_file("overlay/delta.py")(tidy.root, None)
    facts = json.loads(lint("--json").out)
    assert (len(facts["breaches"]), facts["exit_code"]) == (2, 1)


def test_environment_lock_is_used(lint, tidy):
    add_file("patches/1.0/environments/gpu.txt")(tidy.root, None)
    with (tidy.root / STACK).open("a") as file:
        file.write('lock = "environments/gpu.txt"\n')
    assert lint().code == 0


def test_the_patch_set_of_this_repository(tool):
    result = tool("--distribution", str(ROOT), "lint")
    assert result.code == 0, result.out


def test_git_leaves_patches_as_they_are():
    """With `text` set, a checkout on Windows would change the reviewed bytes."""
    listed = subprocess.run(
        ["git", "ls-files", "patches/*.patch"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    checked = subprocess.run(
        ["git", "check-attr", "text", *listed], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert listed
    assert all(line.endswith(": text: unset") for line in checked)


def test_what_was_proven_may_lie_in_a_stack(lint, tidy):
    (tidy.stack / "proofs.json").write_text("{}\n")
    assert lint().code == 0
