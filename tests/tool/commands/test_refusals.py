"""Everything that must stop `apply` and `revert` before they write."""

import json
import shutil

import pytest
from specroll.writing import transaction

REFUSALS = {
    "drift": (5, "alpha/core.py", lambda text: text.replace("41", "40"), "holds foreign bytes"),
    "crlf": (5, "alpha/core.py", lambda text: text.replace("\n", "\r\n"), "(CRLF)"),
    "new file exists": (5, "alpha/new.py", lambda text: "mine\n", "holds foreign bytes"),
    "overlay file exists": (5, "gamma/__init__.py", lambda text: "mine\n", "move or delete it"),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("command", ["apply", "check"])
def test_foreign_bytes_are_refused(on_target, target, make, name, command):
    code, path, change, message = REFUSALS[name]
    file = target.site / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(change(make.upstream.get(path, "")).encode())
    before = make.snapshot(target.site)
    result = on_target(command)
    assert result.code == code
    assert str(file) in result.err
    assert message in result.err
    assert ("reinstall alpha" in result.err) == (path not in make.overlay)
    assert make.snapshot(target.site) == before


def test_all_drifted_files_are_named(on_target, target):
    for path in ("alpha/core.py", "alpha/old.py"):
        (target.site / path).write_text("mine\n")
    result = on_target("apply")
    assert result.code == 5
    assert result.err.count("holds foreign bytes") == 2


def test_drift_after_applying_stops_apply_and_revert(on_target, target, make):
    on_target("apply")
    (target.site / "alpha/core.py").write_text("mine\n")
    before = make.snapshot(target.site)
    for command in ("apply", "revert"):
        assert on_target(command).code == 5
    assert make.snapshot(target.site) == before
    assert on_target("status").out.startswith("drifted   alpha: alpha/core.py holds foreign bytes")


def test_checkout_that_moved_on(tool, project, make, tmp_path):
    """To install it anew would change nothing."""
    root = tmp_path / "checkout"
    make.unpack(project.wheel, root)
    shutil.rmtree(root / "alpha-1.0.dist-info")
    core = root / "alpha/core.py"
    before = core.read_text()
    core.write_text("mine\n")
    result = tool("apply", "--root", str(root))
    assert (result.code, "core.py holds foreign bytes; restore it" in result.err) == (5, True)
    core.write_text(before)
    assert tool("apply", "--root", str(root)).code == 0
    core.write_text("mine\n")
    result = tool("revert", "--root", str(root))
    assert result.code == 5
    assert f"and delete {root / '.apply-patches-state/alpha'}\n" in result.err


def replace(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda info: (info / "apply-patches/state.json").write_text("{"), "is damaged"),
        (lambda info: (info / "apply-patches/state.json").write_text("[]"), "is damaged"),
        (
            lambda info: replace(info / "apply-patches/state.json", '"gamma"', '"alpha"'),
            "state.json holds foreign bytes",
        ),
        (
            lambda info: replace(info / "apply-patches/pristine" / info.name / "RECORD", "=", "-"),
            "RECORD holds foreign bytes",
        ),
        (
            lambda info: (info / "apply-patches/pristine/alpha/core.py").write_text(""),
            "does not hold the saved bytes",
        ),
        (
            lambda info: (info / "RECORD").write_text("alpha/core.py,,\nx.py,,\n"),
            "RECORD holds foreign bytes",
        ),
    ],
)
def test_damaged_state_stops_apply_and_revert(on_target, target, damage, message):
    on_target("apply")
    damage(target.info)
    for command in ("apply", "revert"):
        result = on_target(command)
        assert result.code == 5
        assert message in result.err


def test_state_that_leaves_the_tree_is_refused(on_target, target):
    on_target("apply")
    state = target.info / "apply-patches/state.json"
    state.write_text(state.read_text().replace("gamma/__init__.py", "../../gamma.py"))
    result = on_target("revert")
    assert result.code == 5
    assert "leaves the tree" in result.err


def test_patched_without_saved_bytes(on_target, target, make):
    (target.site / "alpha/core.py").write_text(make.patched["alpha/core.py"])
    assert on_target("apply").code == 5
    assert on_target("status").out.startswith("partial   alpha: alpha/core.py is patched, nothing")


def test_wrong_version(on_target, target):
    metadata = target.info / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    result = on_target("apply")
    assert result.code == 4
    assert f"{target.site / 'alpha'} is alpha 1.1, stack 1.0 pins 1.0" in result.err
    assert on_target("status").out.startswith("absent    alpha: ")


def test_local_version_label_is_ignored(on_target, target):
    metadata = target.info / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.0+cpu"))
    assert on_target("apply").code == 0


def test_another_version_of_a_package_that_the_stack_leaves_alone(
    on_target, target, make, tmp_path
):
    wheel = make.wheel(tmp_path, "beta", "1.9", {"beta/__init__.py": ""})
    make.unpack(wheel, target.site)
    result = on_target("apply")
    assert result.code == 0
    assert "pins 2.0" in result.out
    assert "it can stay, the stack does nothing to it" in result.out
    assert on_target("apply", "--package", "beta").code == 4


def test_absent_package_is_an_error_when_named(on_target, target):
    result = on_target("apply", "--package", "beta")
    assert result.code == 4
    assert result.err == f"error: beta is not installed in {target.site}; install it first\n"


def test_nothing_installed(on_target, target):
    (target.info / "RECORD").write_text("")
    result = on_target("apply")
    assert result.code == 4
    assert "Nothing of stack 1.0 is installed" in result.err
    assert "no installed alpha lists its files" in result.err


def test_patch_changed_since_it_was_locked(on_target, project):
    patch = project.stack / "alpha/0001-bugfix-first.patch"
    patch.write_text(patch.read_text().replace("Someone", "Nobody"))
    result = on_target("apply")
    assert result.code == 3
    assert "0001-bugfix-first.patch is not what stack.lock.json was made from" in result.err


def test_overlay_changed_since_it_was_locked(on_target, project):
    (project.root / "overlay/gamma/__init__.py").write_text("changed\n")
    result = on_target("apply")
    assert result.code == 3
    assert "overlay/gamma/__init__.py is not what stack.lock.json was made from" in result.err


def test_overlay_file_missing(on_target, project):
    (project.root / "overlay/gamma/__init__.py").unlink()
    result = on_target("apply")
    assert result.code == 3
    assert "overlay/gamma/__init__.py cannot be read" in result.err


def test_lock_with_another_after_hash(on_target, project):
    path = project.stack / "stack.lock.json"
    lock = json.loads(path.read_text())
    files = lock["packages"]["alpha"]["variants"]["alpha"]["files"]["base"]
    files["alpha/core.py"]["after"] = "0" * 64
    path.write_text(json.dumps(lock))
    result = on_target("apply")
    assert result.code == 3
    assert "does not name the bytes that the patches of alpha give" in result.err


def test_another_writer_is_noticed(on_target, monkeypatch, target):
    finish = transaction.finish

    def finish_and_spoil(home, journal):
        finish(home, journal)
        (target.site / "alpha/core.py").write_text("mine\n")

    monkeypatch.setattr(transaction, "finish", finish_and_spoil)
    result = on_target("apply")
    assert result.code == 5
    assert "another program writes there" in result.err


def test_unreadable_file(on_target, target):
    (target.site / "alpha/core.py").unlink()
    (target.site / "alpha/core.py").mkdir()
    result = on_target("apply")
    assert result.code == 6
    assert "core.py cannot be read" in result.err
