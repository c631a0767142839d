"""A series carried in a git repository: strictly, three-way, not at all, and by hand."""

import pytest
from specroll.errors import RequestError
from specroll.porting.repository import Carrier, ConflictError
from specroll.stack.patch import Patch

from testing.small_project import BODY, make_patch

BEFORE = {"alpha/core.py": BODY, "alpha/other.py": BODY}
AFTER = {"alpha/core.py": BODY.replace("line 12\n", "line twelve\n")}


def patch(number=1, before=BEFORE, after=AFTER, name="bugfix-twelve"):
    text = make_patch("[bugfix] Twelve", before, after)
    return Patch.parse(f"{number:04}-{name}.patch", text.encode(), "alpha")


def files(contents):
    return [(path, text.encode()) for path, text in contents.items()]


@pytest.fixture
def carrier(tmp_path):
    return Carrier.create(tmp_path / "alpha", tmp_path / "memory", files(BEFORE), [patch()])


def release(carrier, version="1.1", **changed):
    contents = BEFORE | {f"alpha/{name}.py": text for name, text in changed.items()}
    return carrier.add_release(version, carrier.pristine, files(contents))


def picked(carrier, onto):
    carrier.stand_on(onto)
    (commit,) = carrier.old_commits()
    return carrier.pick(commit).commit


def test_a_release_is_the_successor_of_another(carrier):
    commit = release(carrier, core=BODY + "# more\n")
    assert carrier.release("1.1") == commit
    assert carrier.release("1.2") is None
    assert carrier.parent(commit) == carrier.pristine
    assert carrier.reader(commit)("alpha/core.py") == (BODY + "# more\n").encode()


def test_a_file_of_an_unusual_name_is_gone_too(carrier):
    strange = carrier.add_release("1.1", carrier.pristine, [('alpha/ü "x".txt', b"text\n")])
    commit = carrier.add_release("1.2", strange, files(BEFORE))
    assert carrier.reader(strange)('alpha/ü "x".txt') == b"text\n"
    assert carrier.reader(commit)('alpha/ü "x".txt') is None


def test_files_that_a_release_lacks_are_gone(carrier):
    commit = carrier.add_release("1.1", carrier.pristine, files({"alpha/other.py": BODY}))
    assert carrier.reader(commit)("alpha/core.py") is None


def test_a_commit_is_carried_strictly(carrier):
    base = release(carrier, other=BODY + "# more\n")
    carried = picked(carrier, base)
    assert carrier.parent(carried) == base
    (old,) = carrier.old_commits()
    assert carrier.strict_tree(old, base) == carrier.tree(carried)
    assert carrier.message(carried) == carrier.message(old)


def test_lines_above_do_not_count_as_a_merge(carrier):
    base = release(carrier, core="# new\n" + BODY)
    carried = picked(carrier, base)
    assert carrier.strict_tree(carrier.old_commits()[0], base) == carrier.tree(carried)


def test_a_commit_is_merged(carrier):
    """A line of its context has changed: no strict place, yet no conflict."""
    base = release(carrier, core=BODY.replace("line 14\n", "line fourteen\n"))
    carried = picked(carrier, base)
    assert b"twelve" in carrier.reader(carried)("alpha/core.py")
    assert carrier.strict_tree(carrier.old_commits()[0], base) is None


def test_nothing_is_left_of_what_upstream_has(carrier):
    assert picked(carrier, release(carrier, core=AFTER["alpha/core.py"])) is None


def conflicting(carrier):
    base = release(carrier, core=BODY.replace("line 12\n", "line XII\n"))
    with pytest.raises(ConflictError) as conflict:
        picked(carrier, base)
    assert conflict.value.paths == ("alpha/core.py",)
    return base


def resolve(carrier, add=True):
    path = carrier.folder / "alpha/core.py"
    path.write_text(BODY.replace("line 12\n", "line twelve and XII\n"))
    if add:
        carrier.workspace.repository.git.add("alpha/core.py")


def test_a_conflict_is_left_to_a_person(carrier):
    conflicting(carrier)
    assert "<<<<<<<" in (carrier.folder / "alpha/core.py").read_text()
    assert carrier.conflicts() == ("alpha/core.py",)


def test_what_is_not_added_is_still_in_conflict(carrier):
    base = conflicting(carrier)
    resolve(carrier, add=False)
    with pytest.raises(ConflictError):
        carrier.settle(carrier.old_commits()[0], base)


def test_a_resolution_is_committed_with_the_message_of_the_patch(carrier):
    base = conflicting(carrier)
    resolve(carrier)
    settled = carrier.settle(carrier.old_commits()[0], base)
    assert carrier.message(settled) == carrier.message(carrier.old_commits()[0])
    assert b"twelve and XII" in carrier.reader(settled)("alpha/core.py")


def test_a_person_may_commit(carrier):
    base = conflicting(carrier)
    resolve(carrier)
    carrier.workspace.repository.git.commit("-m", "By hand")
    settled = carrier.settle(carrier.old_commits()[0], base)
    assert carrier.parent(settled) == base


def test_a_pick_that_was_given_up_is_no_finding(carrier):
    base = conflicting(carrier)
    carrier.workspace.repository.git.cherry_pick("--skip")
    with pytest.raises(RequestError, match="carries nothing any more"):
        carrier.settle(carrier.old_commits()[0], base)


def test_what_stands_elsewhere_is_no_resolution(carrier):
    base = conflicting(carrier)
    carrier.workspace.repository.git.checkout("--force", carrier.old_commits()[0])
    with pytest.raises(RequestError, match=r"does not stand on .* check out"):
        carrier.settle(carrier.old_commits()[0], base)


def test_a_resolution_is_remembered(carrier):
    base = conflicting(carrier)
    resolve(carrier)
    carrier.settle(carrier.old_commits()[0], base)
    later = carrier.add_release(
        "1.2",
        base,
        files({**BEFORE, "alpha/core.py": BODY.replace("line 12\n", "line XII\n") + "# 1.2\n"}),
    )
    carried = picked(carrier, later)
    assert b"twelve and XII" in carrier.reader(carried)("alpha/core.py")


def again(tmp_path, memory="memory"):
    """Meet the same conflict in another repository."""
    carrier = Carrier.create(tmp_path / "again", tmp_path / memory, files(BEFORE), [patch()])
    carrier.stand_on(release(carrier, core=BODY.replace("line 12\n", "line XII\n")))
    (commit,) = carrier.old_commits()
    return carrier, carrier.pick(commit)


def test_a_resolution_is_remembered_in_other_repositories(carrier, tmp_path):
    base = conflicting(carrier)
    resolve(carrier)
    carrier.settle(carrier.old_commits()[0], base)
    other, pick = again(tmp_path)
    assert b"twelve and XII" in other.reader(pick.commit)("alpha/core.py")
    assert pick.is_remembered


def test_repositories_with_another_memory_know_nothing(carrier, tmp_path):
    base = conflicting(carrier)
    resolve(carrier)
    carrier.settle(carrier.old_commits()[0], base)
    with pytest.raises(ConflictError):
        again(tmp_path, "another")


def test_what_needs_no_resolution_is_none_that_was_remembered(carrier):
    carrier.stand_on(release(carrier, core=BODY.replace("line 14\n", "line fourteen\n")))
    assert not carrier.pick(carrier.old_commits()[0]).is_remembered
    carrier.stand_on(release(carrier, "1.2", core=AFTER["alpha/core.py"]))
    assert not carrier.pick(carrier.old_commits()[0]).is_remembered


def test_what_was_under_way_is_dropped(carrier):
    base = conflicting(carrier)
    (carrier.folder / "stray").touch()
    carrier.stand_on(base)
    assert not carrier.conflicts()
    assert not (carrier.folder / "stray").exists()
    assert "<<<<<<<" not in (carrier.folder / "alpha/core.py").read_text()


def test_the_series_is_concluded_on_the_release(carrier):
    base = release(carrier, other=BODY + "# more\n")
    carried = picked(carrier, base)
    header = patch().header.reviewed("1.1")
    tip = carrier.rewritten("1.1", [carried], {carried: header})
    assert carrier.rewritten("1.1", [carried], {carried: header}) == tip
    carrier.conclude("1.1", tip)
    ((name, data),) = carrier.workspace.export([])
    assert name == "0001-bugfix-twelve.patch"
    assert b"\nReviewed-For: 1.1\n" in data
    carrier.conclude("1.1", tip)  # as after a crash
    assert carrier.workspace.export([]) == [(name, data)]


def test_a_failure_of_git_is_told(carrier):
    with pytest.raises(RequestError, match=r"git .* fails in .*alpha"):
        carrier.stand_on("no-such-commit")


def test_nothing_but_a_scratch_repository_is_opened(tmp_path):
    memory = tmp_path / "memory"
    assert Carrier.open(tmp_path / "none", memory) is None
    (tmp_path / "other").mkdir()
    with pytest.raises(RequestError, match="move it away"):
        Carrier.open(tmp_path / "other", memory)
