"""Sets of patches: which an environment gets, how they change, and who says so."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from specroll.writing import transaction

from testing import small_project, small_sets

RECORDED = "when it was patched; `revert` lets the environment decide again"


@dataclass
class Site:
    """Packages as they are installed, and an interpreter that imports from there."""

    folder: Path
    wheels: dict

    @property
    def python(self):
        return str(self.folder.parent / "python")

    def install(self, *names):
        small_sets.install(self.wheels, names, self.folder)

    def uninstall(self, name, version):
        """Remove what RECORD lists, as pip does."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        for line in (info / "RECORD").read_text().splitlines():
            (self.folder / line.split(",")[0]).unlink(missing_ok=True)
        shutil.rmtree(info)

    def snapshot(self):
        return small_project.snapshot(self.folder)


@pytest.fixture
def site(tmp_path, set_wheels):
    folder = tmp_path / "site/site-packages"
    folder.mkdir(parents=True)
    made = Site(folder, set_wheels)
    Path(made.python).write_text(f"#!/bin/sh\necho 'sys.path = [\"{folder}\"]'\n")
    Path(made.python).chmod(0o755)
    return made


@pytest.fixture
def run(tool, patch_set, site):
    """Run a command on the packages; it has to leave with the code that is expected."""

    def run(command, *arguments, code=0):
        result = tool(command, "--python", site.python, *arguments)
        assert result.code == code, result.out + result.err
        return result

    return run


def holds_set(site):
    """Say whether all of the set is there, None where a part of it is."""
    contents = {**small_sets.SLOW_BETA, **small_sets.SET_OVERLAY}
    contents["alpha/core.py"] = small_sets.SLOW_ALPHA["alpha/core.py"]
    files = {path: site.folder / path for path in contents}
    found = {files[p].exists() and files[p].read_text() == contents[p] for p in contents}
    found.add((site.folder / "alpha/build.py").read_text().startswith("# slow\n"))
    return found.pop() if len(found) == 1 else None


@pytest.mark.parametrize(
    ("names", "has_set", "line"),
    [
        (["alpha-cpu", "beta"], True, "with      set cpu: alpha-cpu is installed"),
        (["alpha", "beta"], False, "without   set cpu: alpha-cpu is not installed"),
        (["alpha-cpu", "beta", "beta-npu"], False, "without   set cpu: beta-npu is installed"),
    ],
)
def test_all_packages_get_what_the_environment_gets(run, site, names, has_set, line):
    site.install(*names)
    before = site.snapshot()
    applied = run("apply")
    assert holds_set(site) == has_set
    patches = [f"applied   {package}/cpu/0001-bugfix-slow.patch" for package in ("alpha", "beta")]
    assert [patch in applied.out for patch in patches] == [has_set] * 2
    assert ("stack 1.0 with set cpu: " in applied.out) == has_set
    told = run("status").out.splitlines()
    assert ("applied   beta: set cpu" in told, "applied   beta" in told) == (has_set, not has_set)
    assert line in told
    run("verify")
    assert run("check").out.endswith("nothing to do\n")
    run("revert")
    assert site.snapshot() == before


def test_another_build_takes_the_set_out_of_all_packages(run, site, monkeypatch):
    """One package is installed anew and is pristine, the other one still holds the set."""
    site.install("alpha-cpu", "beta")
    run("apply")
    site.uninstall("alpha-cpu", "1.0")
    site.install("alpha")
    pristine = {path: data for path, data in site.snapshot().items() if path.startswith("alpha/")}
    told = run("status").out
    assert "pristine  alpha\n" in told
    assert "outdated  beta: patched with set cpu, which is not chosen\n" in told
    differing = run("verify", code=1).out
    assert "is patched with set cpu, which is not chosen; apply again" in differing
    transactions = []
    original = transaction.run
    monkeypatch.setattr(
        transaction, "run", lambda *batches: (transactions.append(batches), original(*batches))
    )
    run("apply")
    assert len(transactions) == 1
    assert holds_set(site) is False
    run("verify")
    run("revert")
    after = {path: data for path, data in site.snapshot().items() if path.startswith("alpha/")}
    assert after == pristine


def test_word_of_the_user_holds_until_another_one(run, site):
    site.install("alpha-cpu", "beta")
    run("apply", "--without", "cpu")
    assert holds_set(site) is False
    assert f"without   set cpu: refused {RECORDED}\n" in run("status").out
    assert "without   set cpu: refused\n" in run("status", "--without", "cpu").out
    assert run("apply").out.endswith("nothing to do\n")
    run("verify")
    run("apply", "--with", "cpu")
    assert holds_set(site) is True
    assert f"with      set cpu: asked for {RECORDED}\n" in run("status").out
    site.install("beta-npu")
    run("apply")
    assert holds_set(site) is True
    run("revert")
    run("apply")
    assert holds_set(site) is False


def test_word_of_the_user_outlives_a_reinstallation(run, site):
    """It was said for the environment: what is patched still knows it."""
    site.install("alpha", "beta")
    run("apply", "--with", "cpu")
    site.uninstall("beta", "2.0")
    site.install("beta")
    run("apply")
    assert holds_set(site) is True


def test_word_that_changes_nothing_is_kept(run, site):
    site.install("alpha-cpu", "beta")
    run("apply")
    run("apply", "--with", "cpu")
    site.uninstall("alpha-cpu", "1.0")
    site.install("alpha")
    run("apply")
    assert holds_set(site) is True


def make_unreadable(state):
    state.unlink()
    state.mkdir()


def make_malformed(state):
    state.write_text("{")


@pytest.mark.parametrize("damage", [make_unreadable, make_malformed])
def test_damaged_state_of_another_package(run, site, damage):
    """Only who acts on that package stumbles over it."""
    site.install("alpha-cpu", "beta")
    run("apply")
    damage(site.folder / "beta-2.0.dist-info/apply-patches/state.json")
    told = run("status").out
    assert ("applied   alpha: set cpu\n" in told, "drifted   beta: " in told) == (True, True)
    assert run("apply", "--package", "alpha").out.endswith("nothing to do\n")
    run("verify", "--package", "alpha")
    assert "state.json" in run("apply", code=6 if damage is make_unreadable else 5).err


def test_last_word_counts(run, site):
    """States that say different things: a tool of before let packages be patched one by one."""
    site.install("alpha", "beta")
    run("apply", "--with", "cpu")
    for info, time in [("alpha-1.0.dist-info", 1), ("beta-2.0.dist-info", 2)]:
        state = site.folder / info / "apply-patches/state.json"
        if time == 2:
            word = {"wanted": [], "refused": ["cpu"]}
            state.write_text(json.dumps({**json.loads(state.read_text()), "choice": word}))
        os.utime(state, (time, time))
    assert "without   set cpu: refused " in run("status").out
    os.utime(site.folder / "alpha-1.0.dist-info/apply-patches/state.json", (3, 3))
    assert "with      set cpu: asked for " in run("status").out


def test_commands_that_write_nothing_go_by_the_word_too(run, site):
    site.install("alpha", "beta")
    run("apply")
    before = site.snapshot()
    rehearsed = run("check", "--with", "cpu", code=1)
    assert "pending   beta/cpu/0001-bugfix-slow.patch" in rehearsed.out
    told = run("status", "--with", "cpu").out
    assert "outdated  alpha: patched without set cpu, which is chosen\n" in told
    assert "is patched without set cpu" in run("verify", "--with", "cpu", code=1).out
    assert site.snapshot() == before
    run("verify", "--without", "cpu")


def test_facts_about_sets(run, site):
    site.install("alpha-cpu", "beta")
    for command in ("apply", "status", "verify"):
        facts = json.loads(run(command, "--json").out)
        assert facts["sets"] == {"cpu": {"chosen": True, "reason": "alpha-cpu is installed"}}
    facts = json.loads(run("status", "--json").out)["packages"]["beta"]
    assert facts["sets"] == ["cpu"]
    assert facts["patches"] == ["0001-feature-fast.patch", "cpu/0001-bugfix-slow.patch"]


@pytest.mark.parametrize("command", ["apply", "check", "status", "verify"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--with", "gpu"], "No set 'gpu' in "),
        (["--without", "gpu"], "; it has cpu."),
        (["--with", "cpu", "--without", "cpu"], "--with cpu and --without cpu exclude each other."),
    ],
)
def test_misuse(run, site, command, options, message):
    site.install("alpha", "beta")
    before = site.snapshot()
    result = run(command, *options, code=2)
    assert result.err.startswith("error: ")
    assert (message in result.err, result.err.count("\n")) == (True, 1)
    assert site.snapshot() == before


PATCHED_WITHOUT = "is patched without set cpu, which is chosen"


@pytest.mark.parametrize("command", ["apply", "check"])
def test_choice_for_a_package_that_would_leave_another_one_behind(run, site, command):
    site.install("alpha", "beta")
    run("apply")
    before = site.snapshot()
    result = run(command, "--with", "cpu", "--package", "alpha", code=2)
    assert result.err == (
        f"error: {site.folder / 'beta'} {PATCHED_WITHOUT}; add --package beta, or leave out"
        " --package.\n"
    )
    assert site.snapshot() == before
    run("apply", "--with", "cpu", "--package", "alpha", "--package", "beta")
    assert holds_set(site) is True


def test_choice_for_a_package_beside_one_of_another_release(run, site, tmp_path):
    """Without --package the other one is in the way, patched or not."""
    site.install("alpha-cpu", "beta")
    run("apply")
    info = site.folder / "beta-2.0.dist-info"
    (info / "METADATA").write_text("Name: beta\nVersion: 2.1\n")
    assert "choose the other packages with --package" in run("apply", code=4).err
    run("apply", "--without", "cpu", "--package", "alpha")
    assert not (site.folder / "alpha/deep/slow.py").exists()


def test_choice_for_a_package_is_for_those_that_follow(run, site):
    site.install("alpha", "beta")
    run("apply", "--with", "cpu", "--package", "alpha")
    run("apply")
    assert holds_set(site) is True


def test_package_by_itself_beside_one_with_other_sets(run, site):
    """What is installed has changed, and the rule with it: the other package is told of."""
    site.install("alpha-cpu", "beta")
    run("apply")
    site.uninstall("alpha-cpu", "1.0")
    site.install("alpha")
    reason = f"{site.folder / 'beta'} is patched with set cpu, which is not chosen"
    warning = f"warning: {reason}; `apply` without --package mends it\n"
    assert run("check", "--package", "alpha", code=1).err == warning
    assert run("apply", "--package", "alpha").err == warning
    for command in ("status", "verify"):
        assert run(command, "--package", "alpha").err == warning
    assert json.loads(run("apply", "--package", "alpha", "--json").out)["mixed"] == {"beta": reason}
    assert run("apply").err == ""
    assert json.loads(run("verify", "--package", "alpha", "--json").out)["mixed"] == {}


def test_set_of_a_stack_that_has_none(on_target):
    result = on_target("status", "--with", "cpu")
    assert (result.code, "it has none." in result.err) == (2, True)


def test_tree_without_metadata_gets_what_its_bytes_resemble(tool, patch_set, tmp_path):
    for variant, has_set in [("alpha-cpu", True), ("alpha", False)]:
        tree = tmp_path / variant
        for path, text in small_sets.WHEELS[variant, "1.0"].items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        before = small_project.snapshot(tree)
        for _ in range(2):
            result = tool("apply", "--root", str(tree))
            assert (result.code, " with set cpu" in result.out) == (0, has_set)
        assert (tree / "alpha/deep/slow.py").exists() == has_set
        assert tool("verify", "--root", str(tree)).code == 0
        tool("revert", "--root", str(tree))
        shutil.rmtree(tree / ".apply-patches-state", ignore_errors=True)
        assert small_project.snapshot(tree) == before


def test_unpacked_wheel_is_what_its_metadata_says(tool, patch_set, tmp_path, set_wheels):
    for name, has_set in [("alpha-cpu", True), ("alpha", False)]:
        small_project.unpack(set_wheels[name], tmp_path / name)
        assert tool("apply", "--root", str(tmp_path / name)).code == 0
        assert (tmp_path / name / "alpha/deep/slow.py").exists() == has_set


def test_metadata_without_files_chooses_nothing(run, site):
    """Another build was installed over it, and its metadata stayed."""
    site.install("alpha-cpu", "beta")
    shutil.copytree(site.folder / "alpha_cpu-1.0.dist-info", site.folder / "kept")
    site.uninstall("alpha-cpu", "1.0")
    site.install("alpha")
    (site.folder / "kept").rename(site.folder / "alpha_cpu-1.0.dist-info")
    run("apply")
    assert holds_set(site) is False


def test_package_that_only_a_set_touches(run, site, patch_set):
    """Without the set nothing is done to it, and it is not patched at all."""
    path = patch_set.stack / "stack.toml"
    path.write_text(path.read_text().replace('["0001-feature-fast.patch"]', "[]"))
    (patch_set.stack / "beta/0001-feature-fast.patch").unlink()
    patch_set.lock()
    site.install("alpha-cpu", "beta")
    before = (site.folder / "beta-2.0.dist-info/RECORD").read_bytes()
    run("apply")
    assert holds_set(site) is True
    run("apply", "--without", "cpu")
    assert holds_set(site) is False
    assert (site.folder / "beta-2.0.dist-info/RECORD").read_bytes() == before
    assert "pristine  beta: the stack does nothing to it\n" in run("status").out
    run("verify")


def written_by_a_tool_without_sets(site, info):
    """Give a state the shape that it had: no word of sets, and the digest of another patch set."""
    state = site.folder / info / "apply-patches/state.json"
    facts = json.loads(state.read_text())
    for key in ("sets", "choice"):
        del facts[key]
    state.write_text(json.dumps({**facts, "lock": "0" * 64}, indent=2, sort_keys=True) + "\n")
    name = f"{info}/apply-patches/state.json"
    record = site.folder / info / "RECORD"
    lines = record.read_text().splitlines()
    changed = [
        small_project.record_line(name, state.read_bytes()) if line.startswith(name) else line
        for line in lines
    ]
    record.write_text("\n".join([*changed, ""]))


@pytest.mark.parametrize("distribution", ["alpha", "alpha-cpu"])
def test_state_of_a_tool_that_knew_no_sets(run, site, distribution):
    site.install(distribution, "beta")
    before = site.snapshot()
    run("apply")
    for info in (f"{distribution.replace('-', '_')}-1.0.dist-info", "beta-2.0.dist-info"):
        written_by_a_tool_without_sets(site, info)
    told = run("status").out
    assert "outdated  alpha: patched by another patch set of stack 1.0\n" in told
    run("verify", code=1)
    old = site.snapshot()
    run("revert")
    assert site.snapshot() == before
    shutil.rmtree(site.folder)
    for path, data in old.items():
        if data is not None:
            (site.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (site.folder / path).write_bytes(data)
    run("apply")
    run("verify")
    run("revert")
    assert site.snapshot() == before


def test_versions_lists_sets(tool, patch_set):
    assert tool("versions", "--write").code == 0
    page = (patch_set.root / "VERSIONS.md").read_text()
    for text in (
        "| cpu | machines without an accelerator | `alpha-cpu` | `beta-npu` |",
        "#### Set cpu of alpha",
        "| `cpu/0001-bugfix-slow.patch` | [bugfix] Slow | Pending |",
        "| `beta/deep/slow.py` | beta |",
    ):
        assert text in page
