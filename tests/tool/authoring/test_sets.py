"""Sets as their author meets them: commits with a trailer, folders, and what lint says."""

import subprocess

import pytest

MESSAGE = """\
[bugfix] {subject}

Someone asked.

Upstream-Status: Pending
Reason: a test
Remove-When: never
"""
OF_SET = MESSAGE + "Patch-Set: cpu\n"
SLOW = "patches/1.0/alpha/cpu/0001-bugfix-slow.patch"


@pytest.fixture
def author(tool, patch_set):
    """Run a command with the wheels at hand; it has to leave with the code that is expected."""

    def run(command, *arguments, code=0):
        wheels = str(patch_set.wheel.parent)
        result = tool(command, *arguments, "--artefacts", wheels)
        assert result.code == code, result.out + result.err
        return result

    return run


@pytest.fixture
def repository(author, tmp_path):
    author("edit", "alpha")
    return tmp_path / ".apply-patches-edit/1.0/alpha"


@pytest.fixture
def tidy(author, patch_set, tmp_path):
    """The project with its patches as `refresh` writes them."""
    for package in ("alpha", "beta"):
        author("edit", package)
    author("refresh")
    return patch_set


def git(repository, *arguments):
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout.decode()


def commit(repository, message, path="alpha/core.py"):
    with (repository / path).open("a") as file:
        file.write("# more\n")
    git(repository, "commit", "-qam", message)


def test_patches_of_a_set_follow_the_others(repository):
    subjects = git(repository, "log", "--reverse", "--format=%s").splitlines()
    assert subjects == ["pristine", "[bugfix] First", "[feature] Second", "[bugfix] Slow"]
    assert git(repository, "log", "-1", "--format=%B").count("Patch-Set: cpu") == 1


def test_trailer_is_added_to_a_patch_that_lacks_it(author, patch_set, tmp_path):
    path = patch_set.root / SLOW
    text = path.read_text()
    path.write_text(text.replace("Patch-Set: cpu\n", ""))
    patch_set.lock()
    assert "belongs to cpu by its folder, to base by its trailers" in author("lint", code=1).out
    author("edit", "alpha")
    author("refresh", "alpha")
    assert "\nPatch-Set: cpu\n---\n" in path.read_text()


def test_tidy_project(author, tidy):
    told = author("lint").out.splitlines()
    assert "ok        1.0/alpha/cpu/0001-bugfix-slow.patch" in told
    assert told[-1] == "1 stack: 0 breaches"


def test_commit_of_a_set_becomes_a_patch_in_its_folder(author, repository, patch_set):
    commit(repository, OF_SET.format(subject="Slower"))
    told = author("refresh", "alpha").out.splitlines()
    assert "written   alpha/cpu/0002-bugfix-slower.patch" in told
    text = (patch_set.stack / "stack.toml").read_text()
    assert 'series = ["0001-bugfix-slow.patch", "0002-bugfix-slower.patch"]' in text
    assert 'series = ["0001-bugfix-first.patch", "0002-feature-second.patch"]' in text


def test_commit_that_leaves_the_set(author, repository, patch_set):
    subject, _, body = OF_SET.format(subject="Slow").partition("\n")
    git(
        repository,
        "commit",
        "-q",
        "--amend",
        "-m",
        f"{subject}\n{body}".replace("Patch-Set: cpu", ""),
    )
    told = author("refresh", "alpha").out.splitlines()
    assert "written   alpha/0003-bugfix-slow.patch" in told
    assert "removed   alpha/cpu/0001-bugfix-slow.patch" in told
    assert not list((patch_set.stack / "alpha/cpu").glob("*.patch"))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (MESSAGE, "follows one of set cpu; move it before that"),
        (OF_SET.replace("cpu", "gpu"), "says `Patch-Set: gpu`, a set that the stack lacks"),
    ],
)
def test_misplaced_commit(author, repository, patch_set, message, reason):
    commit(repository, message.format(subject="More"))
    before = (patch_set.stack / "stack.toml").read_bytes()
    result = author("refresh", "alpha", code=3)
    assert reason in result.err
    assert (patch_set.stack / "stack.toml").read_bytes() == before


def test_set_that_the_package_does_not_have(author, repository, patch_set):
    path = patch_set.stack / "stack.toml"
    rule = '[sets.odd]\nwhy = "odd machines"\ninstalled = ["odd"]\n\n[packages.alpha]'
    path.write_text(path.read_text().replace("[packages.alpha]", rule))
    commit(repository, OF_SET.replace("cpu", "odd").format(subject="Odd"), "alpha/__init__.py")
    result = author("refresh", "alpha", code=3)
    assert "no plain list `series` in packages.alpha.sets.odd; write one there" in result.err


def test_two_sets_that_change_one_file(author, repository, patch_set):
    path = patch_set.stack / "stack.toml"
    text = path.read_text().replace(
        "[packages.alpha]\n",
        '[sets.odd]\nwhy = "odd machines"\ninstalled = ["odd"]\n\n[packages.alpha]\n',
    )
    text = text.replace(
        "[packages.alpha.variants.alpha]\n",
        "[packages.alpha.sets.odd]\nseries = []\n\n[packages.alpha.variants.alpha]\n",
    )
    path.write_text(text)
    commit(repository, OF_SET.replace("cpu", "odd").format(subject="Odd"))
    result = author("refresh", "alpha", code=3)
    assert "Sets cpu and odd of alpha both change alpha/core.py; move what" in result.err


def rename(old, new):
    def spoil(project):
        (project.root / old).rename((project.root / old).with_name(new))
        path = project.stack / "stack.toml"
        head, sets, tail = path.read_text().partition("[packages.alpha.sets.cpu]")
        path.write_text(head + sets + tail.replace("0001-bugfix-slow.patch", new, 1))

    return spoil


def add(path):
    def spoil(project):
        (project.root / path).write_text("")

    return spoil


def claim_upstream_file(project):
    path = project.stack / "stack.toml"
    path.write_text(path.read_text().replace("beta/deep/*.py", "beta/slow.py"))
    (project.root / "overlay/beta/slow.py").write_text("mine\n")
    project.lock()


BREACHES = {
    "number": (rename(SLOW, "0002-bugfix-slow.patch"), "is patch 1 of its series; number them"),
    "stray patch": (add("patches/1.0/alpha/cpu/0002-x.patch"), "cpu/0002-x.patch is used by no"),
    "stray overlay": (add("overlay/alpha/deep/x.py"), "alpha/deep/x.py is used by no stack"),
    "collision": (claim_upstream_file, "exists in beta-2.0-py3-none-any.whl too"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach(author, tidy, name):
    spoil, message = BREACHES[name]
    spoil(tidy)
    assert message in author("lint", code=1).out


def test_lock_that_cannot_be_read_is_made_anew(author, tidy):
    path = tidy.stack / "stack.lock.json"
    before = path.read_bytes()
    for text in ("{", '{"packages": {"alpha": {"series": []}}}'):
        path.write_text(text)
        author("refresh", "alpha")
        assert path.read_bytes() == before
