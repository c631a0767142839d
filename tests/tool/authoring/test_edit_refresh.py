"""The way from patches to a scratch repository and back."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from specroll.authoring import workspace
from specroll.errors import PatchError

from testing import small_project
from testing.small_project import Project

MESSAGE = """\
[feature] Third, by hand

Someone asked.

Upstream-Status: Inappropriate [ours]
Reason: a test
Remove-When: never
Relies-On: alpha/core.py:answer
Proof: tests/test_alpha.py::test_answer
"""


@pytest.fixture
def edit(tool, project, wheelhouse):
    def run(*arguments):
        return tool("edit", "alpha", "--artefacts", str(wheelhouse), *arguments)

    return run


@pytest.fixture
def refresh(tool, project, wheelhouse):
    def run(*arguments):
        return tool("refresh", "alpha", "--artefacts", str(wheelhouse), *arguments)

    return run


@pytest.fixture
def repository(edit, tmp_path):
    result = edit()
    assert result.code == 0, result.err
    return tmp_path / ".apply-patches-edit/1.0/alpha"


def git(repository, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout.decode()


def commit(repository, message=MESSAGE, path="alpha/core.py"):
    with (repository / path).open("a") as file:
        file.write("# more\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", message)


def distribution_files(project, make):
    return make.snapshot(project.root)


def test_one_commit_a_patch(repository, make):
    subjects = git(repository, "log", "--reverse", "--format=%s").splitlines()
    assert subjects == ["pristine", "[bugfix] First", "[feature] Second"]
    for path, text in make.patched.items():
        file = repository / path
        assert (file.read_text() if file.exists() else None) == text
    assert not (repository / "alpha/data.bin").exists()


def test_same_commits_every_time(edit, repository, tmp_path):
    edit("--workdir", str(tmp_path / "other"))
    heads = [git(root, "rev-parse", "HEAD") for root in (repository, tmp_path / "other/1.0/alpha")]
    assert heads[0] == heads[1]


def test_patches_settle_after_one_round(refresh, repository, project, make):
    """Hand-made patches take git's form once; from then on nothing changes."""
    refresh()
    before = distribution_files(project, make)
    result = refresh()
    assert (result.code, result.out.splitlines()[-1]) == (0, "nothing to do")
    assert distribution_files(project, make) == before


def test_exported_patches_apply(refresh, repository, on_target, target):
    commit(repository)
    assert refresh().code == 0
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
    assert (target.site / "alpha/core.py").read_text() == (repository / "alpha/core.py").read_text()


def test_commit_becomes_a_patch(refresh, repository, project, make):
    commit(repository)
    result = refresh()
    assert "written   alpha/0003-feature-third_by_hand.patch" in result.out.splitlines()
    text = (project.stack / "alpha/0003-feature-third_by_hand.patch").read_text()
    assert text.startswith(make.header.partition("{")[0] + "[feature] Third, by hand")
    assert "Upstream-Status: Inappropriate [ours]" in text
    stack = (project.stack / "stack.toml").read_text()
    assert stack.startswith("# Kept as it is.")
    assert '"0003-feature-third_by_hand.patch"' in stack


def test_dropped_and_renamed_patches_go(refresh, repository, project):
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    git(repository, "commit", "-q", "--amend", "-m", MESSAGE + "Patch-Name: feature-own_name\n")
    refresh()
    names = sorted(path.name for path in (project.stack / "alpha").iterdir())
    assert names == ["0001-feature-own_name.patch"]


def test_every_removed_patch_has_a_line(refresh, repository):
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    lines = refresh().out.splitlines()
    assert "removed   alpha/0002-feature-second.patch" in lines


def arrived(project, make):
    third = {"alpha/__init__.py": "from alpha.core import answer as answer\n"}
    project.write_patch("0003-bugfix-third.patch", make.patch("[bugfix] T", make.upstream, third))
    names = ["0001-bugfix-first.patch", "0002-feature-second.patch", "0003-bugfix-third.patch"]
    project.describe(names, list(make.overlay))


def edited_by_hand(project, make):
    patch = project.stack / "alpha/0001-bugfix-first.patch"
    patch.write_text(patch.read_text().replace("Someone", "Everybody"))


def taken_away(project, make):
    (project.stack / "alpha/0002-feature-second.patch").unlink()


@pytest.mark.parametrize("move_on", [arrived, edited_by_hand, taken_away])
@pytest.mark.parametrize("rounds", [0, 1])
def test_old_repository_does_not_overwrite_a_newer_series(
    refresh, repository, project, make, move_on, rounds
):
    commit(repository)
    for _ in range(rounds):
        refresh()
    move_on(project, make)
    before = distribution_files(project, make)
    result = refresh()
    assert result.code == 3
    assert result.err.startswith(f"error: {project.stack / 'alpha'} holds another series")
    assert f"{repository} was made from; move that folder away" in result.err
    assert distribution_files(project, make) == before


@pytest.mark.parametrize("name", ["0003-feature-third_by_hand.patch", "0009-bugfix-other.patch"])
def test_patch_that_is_in_no_series_is_not_overwritten(refresh, repository, project, make, name):
    commit(repository)
    project.write_patch(name, make.patch("[bugfix] Other", make.upstream, {}))
    before = distribution_files(project, make)
    result = refresh()
    assert result.code == 3
    assert result.err == (
        f"error: {project.stack / 'alpha' / name} is in no series; name it in stack.toml, or move"
        " it away\n"
    )
    assert distribution_files(project, make) == before


def test_exported_series_is_what_the_repository_stands_for(refresh, repository):
    """Also where the export came into the tree by other ways, as by a pull."""
    refresh()
    (repository / ".git/apply-patches-series").unlink()
    assert refresh().code == 0
    commit(repository)
    assert refresh().code == 0


def test_name_that_the_subject_does_not_give_is_kept(edit, refresh, project):
    old = project.stack / "alpha/0001-bugfix-first.patch"
    old.rename(old.with_name("0001-bugfix-mine.patch"))
    (project.stack / "alpha/0002-feature-second.patch").unlink()
    project.describe(["0001-bugfix-mine.patch"], [])
    edit()
    refresh()
    text = (project.stack / "alpha/0001-bugfix-mine.patch").read_text()
    assert "\nPatch-Name: bugfix-mine\n---\n" in text


def test_overlay_change_alone_needs_no_artefact(tool, project):
    (project.root / "overlay/gamma/__init__.py").write_text("name = 'new'\n")
    assert tool("refresh").out.splitlines()[-1] == "1 file written"


def test_user_configuration_of_git_does_not_matter(
    edit, refresh, repository, project, make, tmp_path, monkeypatch
):
    refresh()
    before = distribution_files(project, make)
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    (home / ".gitconfig").write_text(
        "[diff]\nnoprefix = true\ncontext = 1\nmnemonicPrefix = true\nalgorithm = patience\n"
        "[core]\nautocrlf = true\nabbrev = 4\n[commit]\ngpgSign = true\n[color]\nui = always\n"
    )
    (home / ".config/git/attributes").write_text("*.py diff=python\n")
    monkeypatch.setenv("HOME", str(home))
    assert edit("--workdir", "again").code == 0
    assert refresh("--workdir", "again").out.splitlines()[-1] == "nothing to do"
    assert distribution_files(project, make) == before


def test_package_that_has_no_wheel(tool, make, tmp_path, small_index, monkeypatch):
    """Its source archive comes from the index, and holds the same files."""
    archive = make.source_archive(tmp_path, "alpha", "1.0", make.upstream)
    patches = small_project.patches()
    project = Project.create(tmp_path / "project", archive, patches, make.overlay)
    monkeypatch.setenv("SPECROLL_DISTRIBUTION", str(project.root))
    small_index.files.append(archive)
    assert tool("edit", "alpha").code == 0
    repository = tmp_path / ".apply-patches-edit/1.0/alpha"
    assert git(repository, "ls-files").splitlines() == sorted(
        {*make.upstream, "alpha/new.py"} - {"alpha/old.py", "alpha/data.bin"}
    )
    commit(repository)
    result = tool("refresh", "alpha")
    assert (result.code, "third_by_hand.patch" in result.out) == (0, True)
    assert tool("lint").code == 0


def test_further_version_is_locked_beside_the_first(project, refresh, make, tmp_path):
    lock = project.stack / "stack.lock.json"
    before = json.loads(lock.read_text())
    archive = make.source_archive(tmp_path, "alpha", "1.0.post1", make.later)
    project.pin_further(archive, "1.0.post1")
    after = json.loads(lock.read_text())
    added = after["packages"]["alpha"]["variants"].pop("alpha==1.0.post1")
    assert after == before
    core = f"{make.patched['alpha/core.py']}# later\n".encode()
    locked = added["files"]["base"]["alpha/core.py"]["after"]
    assert locked == hashlib.sha256(core).hexdigest()
    assert refresh().out.endswith("nothing to do\n")


def test_version_onto_which_the_series_does_not_carry(project, make, tmp_path):
    moved = {**make.upstream, "alpha/core.py": "# first\n" + make.upstream["alpha/core.py"]}
    archive = make.source_archive(tmp_path, "alpha", "1.1", moved)
    with pytest.raises(PatchError, match=r"alpha-1\.1\.tar\.gz: 0001-bugfix-first\.patch does not"):
        project.pin_further(archive, "1.1")


def test_existing_folder_is_kept(edit, repository):
    result = edit()
    assert result.code == 2
    assert f"{repository} exists" in result.err


def test_folder_that_edit_did_not_make(refresh, tmp_path):
    folder = tmp_path / ".apply-patches-edit/1.0/alpha"
    folder.mkdir(parents=True)
    result = refresh()
    assert result.code == 2
    assert f"{folder} was not made by `edit`" in result.err


def test_workdir_that_cannot_be_written(edit, tmp_path):
    (tmp_path / "file").write_text("")
    result = edit("--workdir", "file/inside")
    assert result.code == 6
    assert "cannot be made" in result.err


def test_patch_that_does_not_apply_leaves_no_repository(edit, project, tmp_path):
    patch = project.stack / "alpha/0001-bugfix-first.patch"
    patch.write_text(patch.read_text().replace("# line 13", "# line 14"))
    result = edit()
    assert result.code == 3
    assert "does not hold the lines of hunk" in result.err
    assert not list((tmp_path / ".apply-patches-edit/1.0").iterdir())


def uncommitted(repository):
    (repository / "alpha/core.py").write_text("")


def untracked(repository):
    (repository / "alpha/more.py").write_text("")


def nameless(repository):
    commit(repository, "no kind")


def empty(repository):
    git(repository, "commit", "-q", "--allow-empty", "-m", MESSAGE)


def merge(repository):
    git(repository, "checkout", "-q", "-b", "side", "HEAD~1")
    commit(repository, path="alpha/side.py")
    git(repository, "checkout", "-q", "series")
    git(repository, "merge", "-q", "--no-ff", "side", "-m", MESSAGE)


def outside(repository):
    commit(repository, path="other.py")


def binary(repository):
    (repository / "alpha/new.bin").write_bytes(b"\0\1")
    commit(repository)


def mode(repository):
    (repository / "alpha/core.py").chmod(0o755)
    commit(repository)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (uncommitted, "holds changes that are not committed"),
        (untracked, "holds changes that are not committed"),
        (lambda repository: git(repository, "checkout", "-q", "--detach"), "middle of a rebase"),
        (nameless, "has a subject that is not"),
        (empty, "changes nothing; drop it"),
        (merge, "is a merge; rebase it"),
        (outside, "outside of alpha/"),
        (binary, "not a change of a text file"),
        (mode, "not a change of a text file"),
    ],
)
def test_what_cannot_be_a_patch(refresh, repository, project, make, spoil, message):
    before = distribution_files(project, make)
    spoil(repository)
    result = refresh()
    assert result.code == 3
    assert message in result.err
    assert distribution_files(project, make) == before


def test_all_problems_are_told(refresh, repository):
    nameless(repository)
    assert refresh().err.count("error: ") == 6


def test_git_is_missing(project):
    code = "import sys; sys.argv[1:] = ['edit', 'alpha']; from specroll.cli import main; main()"
    tools = str(Path(workspace.__file__).parents[2])
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "", "PYTHONPATH": tools, "SPECROLL_DISTRIBUTION": str(project.root)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "edited with git, which is missing here" in result.stderr


def test_patch_that_does_not_fit_cannot_be_locked(refresh, project):
    patch = project.stack / "alpha/0001-bugfix-first.patch"
    patch.write_text(patch.read_text().replace("# line 13", "# line 14"))
    result = refresh()
    assert result.code == 3
    assert "0001-bugfix-first.patch does not apply: alpha/core.py does not hold" in result.err


def test_missing_patches_are_all_named(refresh, project):
    for path in (project.stack / "alpha").iterdir():
        path.unlink()
    result = refresh()
    assert result.code == 3
    assert result.err.count("cannot be read") == 2


def test_unknown_names(tool, project):
    assert "No package 'x'" in tool("refresh", "x").err
    assert tool("refresh", "x").code == 2
    assert "No stack '9'" in tool("edit", "alpha", "--stack", "9").err


def test_commits_need_no_identity_of_the_user(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    command = ["git", "commit", "-q", "--allow-empty", "-m", "any"]
    subprocess.run(command, cwd=repository, check=True)
    assert git(repository, "config", "--local", "user.email") == "patches@specroll.invalid\n"


def test_stack_without_a_name_is_the_default(tool, project):
    path = project.stack / "stack.toml"
    path.write_text(path.read_text().replace("default = true", ""))
    result = tool("edit", "alpha")
    assert result.code == 2
    assert "must say `default = true` (none says so); name a stack with --stack." in result.err
