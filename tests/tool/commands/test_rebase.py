"""A series carried onto new releases, from the command line to the new stack."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from specroll.commands.rebase import _drop
from specroll.errors import RequestError
from specroll.porting.session import Session
from specroll.stack.distribution import Distribution
from specroll.stack.lock import Lock
from specroll.stack.registry import Stack

from testing.small_project import BODY, UPSTREAM, build_source_archive, build_wheel

PLAIN = UPSTREAM | {"alpha/deep/config.py": f"# new\n{BODY}"}
MERGING = {
    "alpha/core.py": f"answer = 41\n{BODY}".replace("line 14\n", "line fourteen\n"),
}
CONFLICTING = {"alpha/core.py": f"answer = 41\n{BODY}".replace("line 12\n", "line XII\n")}
FIRST, SECOND = "alpha/0001-bugfix-first.patch", "alpha/0002-feature-second.patch"


@pytest.fixture
def publish(small_index, wheelhouse, tmp_path):
    """Return a function that offers a release: its wheel and its source archive."""
    folder = tmp_path / "index"
    folder.mkdir()

    def run(version, files):
        files = {path: text for path, text in files.items() if text is not None}
        small_index.files += [
            build_wheel(folder, "alpha", version, files),
            build_source_archive(folder, "alpha", version, files),
        ]

    run("1.0", UPSTREAM)
    return run


@pytest.fixture
def rebase(tool, exported_project, publish, tmp_path):
    """Return a function that carries the small series; wheels come from the index's folder."""

    def run(*arguments, onto="1.1", stack="new"):
        options = ("--onto", onto, "--stack", stack, "--artefacts", str(tmp_path / "index"))
        return tool("rebase", "alpha", *options, *arguments)

    return run


@pytest.fixture
def repository(tmp_path):
    return tmp_path / ".apply-patches-edit/new/alpha"


def git(repository, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True)


def loaded(project, name="new"):
    return Stack.load(Distribution(project.root), name)


def verdicts(result):
    return {
        (cell["release"], cell["patch"]): cell["verdict"]
        for cell in json.loads(result.out)["packages"]["alpha"]["cells"]
    }


def test_a_series_is_carried_and_written(rebase, publish, project, repository, tool):
    publish("1.1", PLAIN)
    result = rebase()
    assert result.code == 0, result.out + result.err
    assert f"carried   {FIRST} onto 1.1" in result.out
    new = loaded(project)
    assert new.package("alpha").version == "1.1"
    assert new.package("alpha").variants["alpha"].artefact.name == "alpha-1.1-py3-none-any.whl"
    assert Lock.load(new).packages["alpha"].version == "1.1"
    patch = (new.folder / FIRST).read_text()
    assert "Subject: [bugfix] First" in patch
    assert tool("lint", "--artefacts", "index").code == 0
    assert tool("versions", "--check").code == 0
    assert tool("edit", "alpha", "--stack", "new").code == 2  # it is the one that rebase made
    assert tool("refresh", "alpha", "--stack", "new").out == (
        f"ok        {FIRST}\nok        {SECOND}\nnothing to do\n"
    )


def test_nothing_is_written_by_a_rehearsal(rebase, publish, project, make, tmp_path):
    publish("1.1", CONFLICTING | {"alpha/old.py": "gone = True\n"})
    before = make.snapshot(project.root)
    result = rebase("--dry-run", "--json")
    assert result.code == 3, result.out
    assert verdicts(result)["1.1", "0001-bugfix-first.patch"] == "conflict"
    assert verdicts(result)["1.1", "0002-feature-second.patch"] == "carried"
    assert make.snapshot(project.root) == before
    assert not (tmp_path / ".apply-patches-edit").exists()


def test_a_merge_is_said(rebase, publish):
    publish("1.1", UPSTREAM | MERGING)
    result = rebase()
    assert result.code == 0, result.out
    assert f"merged    {FIRST} onto 1.1 (three-way merge)" in result.out


def test_what_upstream_has_is_superfluous(rebase, publish, project):
    publish("1.1", UPSTREAM | {"alpha/old.py": None, "alpha/new.py": "fresh = True\n"})
    result = rebase()
    assert result.code == 0, result.out
    assert f"superfluous {SECOND} onto 1.1 (nothing of it is left" in result.out
    assert loaded(project).package("alpha").base.series == ("0001-bugfix-first.patch",)


def resolve(repository):
    path = repository / "alpha/core.py"
    path.write_text(f"answer = 42\n{BODY}".replace("line 12\n", "line twelve and XII\n"))
    git(repository, "add", "alpha/core.py")


def test_a_conflict_stops_and_goes_on(rebase, publish, project, repository):
    publish("1.1", UPSTREAM | CONFLICTING)
    result = rebase()
    assert result.code == 3
    assert f"conflict  {FIRST} onto 1.1 (in alpha/core.py; upstream has 0 of the " in result.out
    assert f"{repository} is in conflict: mend it there" in result.out
    assert "--continue" in result.out
    assert not (project.root / "patches/new/stack.toml").exists()
    assert rebase().code == 3  # it is left as it is
    assert "<<<<<<<" in (repository / "alpha/core.py").read_text()
    assert rebase("--continue").code == 3  # nothing was mended
    resolve(repository)
    result = rebase("--continue")
    assert result.code == 0, result.out
    assert "(resolved by hand)" in result.out
    assert b"twelve and XII" in (project.root / "patches/new" / FIRST).read_bytes()


def test_a_resolution_serves_later_releases(rebase, publish, repository):
    publish("1.1", UPSTREAM | CONFLICTING)
    publish("1.2", UPSTREAM | CONFLICTING | {"alpha/__init__.py": "from alpha.core import *\n"})
    options = {"onto": "1.2"}
    result = rebase("--through", **options)
    assert result.code == 3
    assert (
        "\n\nalpha, * needs eyes  1.1       1.2\n0001-bugfix-first    conflict  -\n" in result.out
    )
    resolve(repository)
    result = rebase("--through", "--continue", "--json", **options)
    assert result.code == 0, result.out
    assert json.loads(result.out)["summary"].startswith("stack new is written: 2 patches carried;")
    assert verdicts(result)["1.1", "0001-bugfix-first.patch"] == "merged"
    assert ("1.2", "0001-bugfix-first.patch") in verdicts(result)


def test_a_resolution_serves_other_stacks(rebase, publish, repository):
    publish("1.1", UPSTREAM | CONFLICTING)
    rebase()
    resolve(repository)
    assert rebase("--continue").code == 0
    result = rebase(stack="newer")
    assert result.code == 0, result.out
    assert f"merged    {FIRST} onto 1.1 (resolved as it was before)" in result.out


def test_a_patch_in_conflict_is_dropped_by_hand(rebase, publish, project, repository):
    publish("1.1", UPSTREAM | CONFLICTING)
    rebase()
    result = rebase("--continue", "--drop", FIRST)
    assert result.code == 0, result.out
    assert f"superfluous {FIRST} onto 1.1 (dropped by hand)" in result.out
    assert loaded(project).package("alpha").base.series == ("0001-feature-second.patch",)


@pytest.mark.parametrize("ending", [("cherry-pick", "--abort"), ("cherry-pick", "--skip")])
def test_a_pick_that_was_given_up_drops_nothing(rebase, publish, project, repository, ending):
    publish("1.1", UPSTREAM | CONFLICTING)
    rebase()
    git(repository, *ending)
    result = rebase("--continue")
    assert (result.code, "carries nothing any more" in result.err) == (2, True), result.err
    assert rebase().code == 3
    resolve(repository)
    assert rebase("--continue").code == 0
    assert len(loaded(project).package("alpha").base.series) == 2


def test_what_is_not_added_is_not_lost(rebase, publish, project, repository):
    publish("1.1", UPSTREAM | CONFLICTING)
    rebase()
    resolve(repository)
    (repository / "alpha/helper.py").write_text("helped = True\n")
    result = rebase("--continue")
    assert (result.code, "alpha/helper.py that are not added" in result.err) == (2, True)
    git(repository, "add", "alpha/helper.py")
    assert rebase("--continue").code == 1  # a new file needs eyes
    assert rebase("--accept", FIRST).code == 0
    assert "helped = True" in (project.root / "patches/new" / FIRST).read_text()


@pytest.mark.parametrize("continues", [(), ("--continue",)])
def test_a_resolution_outlives_a_run_killed_at_the_conflict(
    rebase, publish, project, repository, monkeypatch, continues
):
    """Killed between git's conflict and the note of it; then a person resolves what git shows."""
    publish("1.1", UPSTREAM | CONFLICTING)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "with_cell", interrupted_at_a_conflict(Session.with_cell))
        assert rebase().code == 130
    resolve(repository)
    result = rebase(*continues)
    if not continues:
        assert result.code == 3, result.out
        result = rebase("--continue")
    assert result.code == 0, result.out + result.err
    assert "resolved by hand" in result.out
    assert len(loaded(project).package("alpha").base.series) == 2


def interrupted_at_a_conflict(with_cell):
    def interrupted(session, cell):
        if cell.verdict == "conflict":
            raise KeyboardInterrupt
        return with_cell(session, cell)

    return interrupted


GIT_THAT_FAILS_ONCE = """#!/bin/sh
if [ "$1" = cherry-pick ] && [ "$2" != --quit ] && [ ! -e {once} ]; then
    touch {once}
    {deed}
fi
exec {git} "$@"
"""


@pytest.mark.parametrize("deed", ["kill -9 $$", "touch .git/index.lock"])
def test_a_git_that_fails_drops_nothing(rebase, publish, project, monkeypatch, tmp_path, deed):
    publish("1.1", PLAIN)
    path = tmp_path / "bin" / "git"
    path.parent.mkdir()
    names = {"once": tmp_path / "once", "git": shutil.which("git"), "deed": deed}
    path.write_text(GIT_THAT_FAILS_ONCE.format(**names))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    result = rebase()
    assert (result.code, "git cherry-pick fails in" in result.err) == (2, True), result.err
    assert rebase().code == 0
    assert len(loaded(project).package("alpha").base.series) == 2


@pytest.mark.parametrize("lock", ["config.lock", "refs/heads/series.lock", "packed-refs.lock"])
def test_locks_of_a_git_that_was_killed_do_not_matter(rebase, publish, repository, lock):
    publish("1.1", UPSTREAM | CONFLICTING)
    rebase()
    resolve(repository)
    (repository / ".git" / lock).touch()
    assert rebase("--continue").code == 0


@pytest.mark.parametrize("spelling", ["1.1.0", "v1.1"])
def test_a_release_is_spelled_as_in_the_index(rebase, publish, project, spelling):
    publish("1.1", UPSTREAM | CONFLICTING)
    assert rebase(onto=spelling).code == 3
    assert rebase(onto=spelling).code == 3
    result = rebase("--continue", "--drop", FIRST, onto=spelling)
    assert result.code == 0, result.out + result.err
    assert loaded(project).package("alpha").version == "1.1"
    assert rebase(onto=spelling).code == 2


UNLIKE_ITS_WHEEL = UPSTREAM | {"alpha/core.py": f"# packed\nanswer = 41\n{BODY}"}


@pytest.fixture
def unlike(small_index, publish, tmp_path):
    """A release whose wheel has a line that its source archive has not."""
    folder = tmp_path / "index"
    small_index.files += [
        build_wheel(folder, "alpha", "1.1", UNLIKE_ITS_WHEEL),
        build_source_archive(folder, "alpha", "1.1", PLAIN),
    ]


def test_a_patch_that_no_wheel_takes_is_dropped(rebase, unlike, project, tool, repository):
    result = rebase()
    assert (result.code, "or --drop it from a rebase" in result.err) == (3, True), result.err
    assert not (project.root / "patches/new").exists()
    result = rebase("--drop", "first")
    assert (result.code, "No patch 'first' is in the series" in result.err) == (2, True)
    result = rebase("--drop", "bugfix-first")
    assert result.code == 0, result.out + result.err
    assert f"superfluous {FIRST} onto 1.1 (dropped by hand)" in result.out
    assert loaded(project).package("alpha").base.series == ("0001-feature-second.patch",)
    assert "answer = 41" in (repository / "alpha/core.py").read_text()
    assert tool("lint", "--artefacts", "index").code == 0


@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST)])
def test_several_patches_are_dropped(rebase, publish, project, order):
    publish("1.1", PLAIN)
    result = rebase("--drop", order[0], "--drop", order[1])
    assert result.code == 0, result.out + result.err
    left = loaded(project).package("alpha").base.series
    assert len(left) == 2 - len(set(order))


def test_a_patch_that_builds_on_a_dropped_one_goes_with_it(rebase, publish, exported_project, tool):
    where = ("--artefacts", str(exported_project.wheel.parent))
    assert tool("edit", "alpha", *where).code == 0
    old = exported_project.root.parent / ".apply-patches-edit/1.0/alpha"
    (old / "alpha/core.py").write_text(f"answer = 43\n{BODY}")
    git(old, "commit", "--all", "--amend", "--no-edit")
    assert tool("refresh", "alpha", *where).code == 0
    publish("1.1", PLAIN)
    result = rebase("--drop", FIRST)
    said = "0002-feature-second.patch builds on what is to be dropped; --drop 0002-feature-second"
    assert (result.code, said in result.err) == (2, True), result.err
    assert rebase("--drop", FIRST, "--drop", SECOND).code == 0


def test_a_resolution_is_not_dropped_with_another_patch(rebase, publish, project, repository):
    """What a person wrote outside of the conflict's lines stays, too."""
    publish("1.1", UPSTREAM | {"alpha/old.py": "gone = False\n"})
    assert rebase().code == 3
    (repository / "alpha/old.py").unlink()
    (repository / "alpha/__init__.py").write_text(UPSTREAM["alpha/__init__.py"] + "# by hand\n")
    git(repository, "add", "--all")
    result = rebase("--continue", "--drop", FIRST)
    assert (result.code, "1 line (`# by hand`) landed" in result.out) == (1, True), result.err
    assert rebase("--accept", SECOND).code == 0
    (name,) = loaded(project).package("alpha").base.series
    assert "+# by hand" in (project.root / "patches/new/alpha" / name).read_text()


def test_a_name_of_several_patches_drops_none():
    series = (("0001-bugfix-one.patch", "c1"),)
    sessions = (Session(name, "1", "1.0", ("1.1",), series) for name in ("alpha", "beta"))
    carriages = [SimpleNamespace(session=session) for session in sessions]
    said = "alpha/0001-bugfix-one.patch and beta/0001-bugfix-one.patch; name them in full"
    with pytest.raises(RequestError, match=said):
        _drop(carriages, ["bugfix-one"])


@pytest.fixture
def questioned(publish, exported_project, tool):
    """A release in which a definition differs that the first patch relies on."""
    path = exported_project.stack / FIRST
    text = path.read_text()
    path.write_text(text.replace("\n---\n", "\nRelies-On: alpha/__init__.py:limit\n---\n", 1))
    assert tool("refresh", "alpha", "--artefacts", str(exported_project.wheel.parent)).code == 0
    publish("1.1", UPSTREAM | {"alpha/__init__.py": "limit = 4\n"})


def test_what_needs_eyes_waits_for_them(rebase, questioned, project):
    result = rebase()
    assert result.code == 1, result.out + result.err
    assert f"look      {FIRST} onto 1.1: " in result.out
    assert "1 need eyes" in result.out
    assert not (project.root / "patches/new/stack.toml").exists()
    assert rebase("--accept", "first").code == 2, "no patch has this name"


@pytest.mark.parametrize("name", [FIRST, "0001-bugfix-first", "bugfix-first"])
def test_what_is_accepted_is_recorded(rebase, questioned, project, name):
    assert rebase().code == 1
    result = rebase("--accept", name)
    assert result.code == 0, result.out + result.err
    assert "\nReviewed-For: 1.1\n" in (project.root / "patches/new" / FIRST).read_text()


def test_a_release_with_the_same_series_is_a_further_version(rebase, publish, project, repository):
    publish("1.1", UPSTREAM | {"alpha/__init__.py": "from alpha.core import *\n"})
    before = (project.stack / FIRST).read_bytes()
    result = rebase(stack="1.0")
    assert result.code == 0, result.out + result.err
    stack = loaded(project, "1.0")
    assert stack.package("alpha").version == "1.0"
    assert (
        stack.package("alpha").variants["alpha==1.1"].artefact.name == "alpha-1.1-py3-none-any.whl"
    )
    assert Lock.load(stack).packages["alpha"].variants["alpha==1.1"].files
    assert (project.stack / FIRST).read_bytes() == before


def test_another_series_is_no_further_version(rebase, publish, project, make):
    publish("1.1", UPSTREAM | MERGING)
    before = make.snapshot(project.root)
    result = rebase(stack="1.0")
    assert result.code == 2
    assert "is merged on 1.1" in result.err
    assert make.snapshot(project.root) == before


REFUSALS = [
    (("--onto", "2.0"), 4, "no release 2.0"),
    (("--onto", "1.05"), 4, "no release 1.05"),
    (("--onto", "newest"), 2, "is no version"),
    (("--from", "none"), 2, "none"),
    (("--continue",), 2, "No patch is in conflict"),
    (("--accept", "nothing"), 2, "No patch 'nothing' needs eyes"),
    (("--dry-run", "--continue"), 2, "--dry-run begins anew"),
    (("--dry-run", "--accept", "x"), 2, "--dry-run begins anew"),
    (("--dry-run", "--drop", "x"), 2, "leave out --continue, --accept and --drop"),
    (("--drop", "nothing"), 2, "No patch 'nothing' is in the series"),
    (("--dry-run", "--prove"), 2, "--dry-run writes no stack that could be proven"),
    (("--stack", "1.0", "--drop", "x"), 2, "Stack 1.0 keeps its patches; leave out --drop"),
    (("--stack", "1.0", "--prove"), 2, "Stack 1.0 keeps its patches"),
    (("--stack", "../new"), 2, "'../new' is no name for a stack"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), REFUSALS)
def test_refusals(rebase, publish, project, make, arguments, code, said):
    publish("1.1", PLAIN)
    before = make.snapshot(project.root)
    result = rebase(*arguments)
    assert (result.code, said in result.err) == (code, True), result.err
    assert make.snapshot(project.root) == before


def test_a_package_without_a_release(tool, project):
    result = tool("rebase", "alpha", "--stack", "new")
    assert (result.code, "write alpha==VERSION or --onto" in result.err) == (2, True)


def test_a_package_named_twice(tool, project):
    result = tool("rebase", "alpha", "alpha==1.1", "--onto", "1.1", "--stack", "new")
    assert (result.code, "named twice" in result.err) == (2, True)


def test_an_unknown_package(tool, project, publish):
    result = tool("rebase", "gamma", "--onto", "1.1", "--stack", "new")
    assert (result.code, "No package 'gamma'" in result.err) == (2, True)


def test_another_rebase_is_under_way(rebase, publish):
    publish("1.1", UPSTREAM | CONFLICTING)
    publish("1.2", PLAIN)
    rebase()
    result = rebase(onto="1.2")
    assert result.code == 2
    assert "carries stack 1.0 onto 1.1; finish that, or move the folder away" in result.err


def test_a_repository_of_edit_is_in_the_way(rebase, publish, tool):
    publish("1.1", UPSTREAM | {"alpha/__init__.py": "from alpha.core import *\n"})
    assert tool("edit", "alpha", "--artefacts", "index").code == 0
    result = rebase(stack="1.0")
    assert (result.code, "made by `edit`" in result.err) == (2, True)


@pytest.mark.parametrize("stack", ["new", "1.0"])
@pytest.mark.parametrize("place", ["versions.write", "lint", "publication.forget"])
def test_what_follows_the_writing_is_made_up_for(
    rebase, publish, project, tool, monkeypatch, stack, place
):
    publish("1.1", PLAIN if stack == "new" else UPSTREAM | {"alpha/__init__.py": "limit = 4\n"})
    with monkeypatch.context() as patch:
        patch.setattr(f"specroll.commands.rebase.{place}", interrupted)
        assert rebase(stack=stack).code == 130
    result = rebase(stack=stack)
    assert (result.code, f"stack {stack} is written: 2 patches carried" in result.out) == (0, True)
    assert tool("versions", "--check").code == 0
    assert rebase(stack=stack).code == 2  # nothing is left to do


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("stack", ["new", "1.0"])
def test_commits_by_hand_are_not_dropped(rebase, publish, questioned, make, project, stack):
    assert rebase(stack=stack).code == 1
    repository = project.root.parent / f".apply-patches-edit/{stack}/alpha"
    git(repository, "commit", "--allow-empty", "-m", "by hand")
    before = make.snapshot(project.root)
    result = rebase("--accept", "bugfix-first", stack=stack)
    assert result.code == 2
    assert "which no patch was carried to; keep it with `git branch NAME`" in result.err
    assert make.snapshot(project.root) == before
    git(repository, "branch", "kept")
    git(repository, *re.search(r"`git (checkout --detach \w+)`", result.err)[1].split())
    assert rebase(stack=stack).code == 0


@pytest.mark.parametrize("path", ["alpha/core.py", "alpha/stray.py"])
def test_changes_by_hand_are_not_dropped(rebase, publish, questioned, repository, project, path):
    assert rebase().code == 1
    (repository / path).write_text("mine = True\n")
    result = rebase("--accept", "bugfix-first")
    assert result.code == 2
    assert "holds changes that are not committed; put them aside with `git stash" in result.err
    assert not (project.root / "patches/new").exists()
    git(repository, "stash", "--include-untracked")
    assert rebase().code == 0
    git(repository, "stash", "pop")
    assert (repository / path).read_text() == "mine = True\n"


@pytest.mark.parametrize("path", ["alpha/core.py", "alpha/stray.py"])
def test_changes_by_hand_do_not_go_with_a_dropped_patch(rebase, questioned, repository, path):
    assert rebase().code == 1
    (repository / path).write_text("mine = True\n")
    result = rebase("--drop", "bugfix-first")
    assert (result.code, "holds changes that are not committed" in result.err) == (2, True)
    assert (repository / path).read_text() == "mine = True\n"


@pytest.mark.parametrize("stack", ["new", "1.0"])
def test_what_a_stack_has_is_not_overwritten(rebase, publish, stack):
    publish("1.1", UPSTREAM | {"alpha/__init__.py": "from alpha.core import *\n"})
    assert rebase(stack=stack).code == 0
    result = rebase(stack=stack)
    assert (result.code, f"Stack {stack} has alpha 1." in result.err) == (2, True)


def test_the_series_has_changed_since(rebase, publish, project):
    publish("1.1", UPSTREAM | CONFLICTING)
    assert rebase().code == 3
    path = project.stack / FIRST
    path.write_text(path.read_text().replace("Someone needs it.", "Many need it."))
    result = rebase()
    assert (result.code, "carries another series than the one in" in result.err) == (2, True)


def test_a_release_without_a_source_archive(rebase, publish, small_index):
    publish("1.1", PLAIN)
    small_index.files = [file for file in small_index.files if file.name != "alpha-1.1.tar.gz"]
    result = rebase()
    assert (result.code, "alpha 1.1 has no source archive" in result.err) == (4, True)


PROVER = """\
import json, pathlib, sys
assert pathlib.Path(__file__).parents[1].joinpath("patches/new/stack.toml").exists()
assert sys.argv[1:] == ["new", "--json"]
print("it takes a while", file=sys.stderr)
"""
TOLD = """\
facts = {"summary": "1 proven now, 1 not", "patches": [
    {"patch": "alpha/0001-bugfix-first.patch", "word": "superfluous", "said": "test passes"},
    {"patch": "alpha/0002-feature-second.patch", "word": "proven", "said": "test fails"},
]}
print(json.dumps(facts))
"""


@pytest.fixture
def make_prover(exported_project):
    """Return a function that gives the distribution a prover of this text."""

    def make(text):
        path = exported_project.root / "ci/proofs.py"
        path.parent.mkdir()
        path.write_text(text)
        return path

    return make


def test_what_a_prover_says_is_reported(rebase, publish, project, make_prover):
    publish("1.1", PLAIN)
    make_prover(f"{PROVER}{TOLD}sys.exit(1)")
    result = rebase("--prove")
    assert result.code == 1, result.err
    assert f"superfluous {FIRST}: test passes\nproven    {SECOND}: test fails\n" in result.out
    assert result.out.endswith("; 1 proven now, 1 not\n")
    assert (project.root / "patches/new/stack.toml").exists()


def test_a_stack_that_is_proven(rebase, publish, make_prover):
    publish("1.1", PLAIN)
    make_prover(PROVER + TOLD)
    result = rebase("--prove", "--json")
    assert result.code == 0, result.err
    assert {"word": "proven", "text": f"{SECOND}: test fails"} in json.loads(result.out)["lines"]


@pytest.mark.parametrize("end", ["sys.exit(3)", "print('[]'); sys.exit(3)"])
def test_a_prover_that_gives_up_leaves_the_stack(rebase, publish, project, make_prover, end):
    publish("1.1", PLAIN)
    path = make_prover(PROVER + end)
    result = rebase("--prove")
    assert result.code == 1, result.err
    assert f"nothing is proven, since `{path} new` ended with 3; see above" in result.out
    assert (project.root / "patches/new/stack.toml").exists()


def test_nothing_is_proven_while_something_needs_eyes(rebase, questioned, make_prover):
    make_prover("raise SystemExit('this must not run')")
    result = rebase("--prove")
    assert (result.code, "1 need eyes" in result.out) == (1, True)


def test_a_distribution_without_a_prover(rebase, publish, project, make):
    publish("1.1", PLAIN)
    before = make.snapshot(project.root)
    result = rebase("--prove")
    assert result.code == 2
    assert "ci/proofs.py does not exist, so nothing is proven; leave out --prove." in result.err
    assert make.snapshot(project.root) == before


WAITING = """\
import pathlib, signal, sys, time
def stopped(*_):
    pathlib.Path("stopped").touch()
    sys.exit(130)
signal.signal(signal.SIGTERM, stopped)
pathlib.Path("begun").touch()
time.sleep(600)
"""


def test_who_stops_it_stops_the_prover_too(publish, make_prover, exported_project, tmp_path):
    publish("1.1", PLAIN)
    make_prover(WAITING)
    options = ("--onto", "1.1", "--stack", "new", "--artefacts", str(tmp_path / "index"), "--prove")
    # What runs in the background of a script is started to ignore this signal.
    launcher = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from specroll import cli; cli.main()"
    )
    command = (sys.executable, "-c", launcher, "rebase", "alpha", *options)
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert (tmp_path / "stopped").exists()
