"""Applying and reverting: the way there and back."""

import json
import os
import subprocess


def expected_files(make):
    return {**make.upstream, **make.patched, **make.overlay}


def test_writes_exactly_the_reviewed_bytes(on_target, target, make):
    result = on_target("apply")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [
        "applied   alpha/0001-bugfix-first.patch",
        "applied   alpha/0002-feature-second.patch",
        f"skipped   beta: beta is not installed in {target.site}",
        "stack 1.0: 2 patches and 2 overlay files applied",
    ]
    for path, text in expected_files(make).items():
        file = target.site / path
        assert (file.read_text() if file.exists() else None) == text
    assert on_target("verify").code == 0


def test_second_run_has_nothing_to_do(on_target, target, make):
    on_target("apply")
    before = make.snapshot(target.site)
    result = on_target("apply")
    assert (result.code, result.out.splitlines()[-1]) == (0, "stack 1.0: nothing to do")
    assert make.snapshot(target.site) == before


def test_revert_gives_the_tree_back(on_target, target, make):
    before = make.snapshot(target.site)
    for _ in range(2):
        assert on_target("apply").code == 0
        assert make.snapshot(target.site) != before
        assert on_target("revert").code == 0
        assert make.snapshot(target.site) == before


def test_foreign_files_beside_the_state_stay(on_target, target, project, tool, make):
    on_target("apply")
    note = target.info / "apply-patches/pristine/alpha/note.txt"
    note.write_text("mine\n")
    project.describe(["0001-bugfix-first.patch"], [])
    assert tool("refresh", "--artefacts", str(project.wheel.parent)).code == 0
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
    result = on_target("revert")
    assert (result.code, result.err) == (0, f"warning: {note} is not ours and stays\n")
    left = [path for path in (target.info / "apply-patches").rglob("*") if path.is_file()]
    assert (left, note.read_text()) == ([note], "mine\n")
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0


def test_record_lists_what_was_written_and_keeps_other_lines(on_target, target, make):
    before = set((target.info / "RECORD").read_text().splitlines())
    on_target("apply")
    after = set((target.info / "RECORD").read_text().splitlines())
    own = [path for path, text in {**make.patched, **make.overlay}.items() if text]
    state = target.info / "apply-patches"
    own += [p.relative_to(target.site).as_posix() for p in state.rglob("*") if p.is_file()]
    changed = [path for path, text in make.patched.items() if path in make.upstream]
    assert after - before == {
        make.record_line(path, (target.site / path).read_bytes()) for path in own
    }
    assert before - after == {
        make.record_line(path, make.upstream[path].encode()) for path in changed
    }


def test_pip_uninstall_leaves_nothing(tool, project, target_with_pip, make):
    site = target_with_pip.site
    tool("apply", "--python", target_with_pip.python)
    subprocess.run([target_with_pip.python, "-c", "import alpha, gamma, alpha.new"], check=True)
    target_with_pip.pip("uninstall", "-y", "alpha")
    assert not [path for path in make.snapshot(site) if path.startswith(("alpha", "gamma", ".app"))]


def test_reinstall_is_seen_as_pristine(tool, project, target_with_pip):
    python = target_with_pip.python
    tool("apply", "--python", python)
    wheel = str(project.wheel)
    target_with_pip.pip("install", "--no-index", "--force-reinstall", "--no-deps", wheel)
    assert tool("status", "--python", python).out.startswith("pristine  alpha")


def test_hard_links_keep_their_bytes(on_target, target, tmp_path, make):
    """Other environments and the cache of an installer may share the files."""
    shared = tmp_path / "shared.py"
    os.link(target.site / "alpha/core.py", shared)
    on_target("apply")
    assert shared.read_text() == make.upstream["alpha/core.py"]
    shared.unlink()
    os.link(target.site / "alpha/core.py", shared)
    on_target("revert")
    assert shared.read_text() == make.patched["alpha/core.py"]


def test_file_mode_is_kept(on_target, target):
    file = target.site / "alpha/core.py"
    file.chmod(0o755)
    on_target("apply")
    assert file.stat().st_mode & 0o777 == 0o755
    on_target("revert")
    assert file.stat().st_mode & 0o777 == 0o755


def test_compiled_modules_of_touched_files_go(on_target, target):
    caches = [target.site / "alpha/__pycache__", target.site / "alpha/deep/__pycache__"]
    for command in ("apply", "revert"):
        subprocess.run([target.python, "-m", "compileall", "-q", str(target.site)], check=True)
        assert on_target(command).code == 0
        left = sorted(path.name.split(".")[0] for cache in caches for path in cache.glob("*.pyc"))
        assert left == ["__init__"]
    assert not (target.site / "gamma").exists()


def test_stale_bytecode_of_the_same_size_and_time_is_not_run(on_target, target):
    code = [target.python, "-c", "import alpha; print(alpha.answer)"]
    assert subprocess.run(code, capture_output=True, text=True).stdout == "41\n"
    on_target("apply")
    assert subprocess.run(code, capture_output=True, text=True).stdout == "42\n"


def test_environment_inside_a_git_checkout(on_target, target, tmp_path):
    """`git apply` silently does nothing there."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert on_target("apply").code == 0
    assert "42" in (target.site / "alpha/core.py").read_text()


def test_dry_run_writes_nothing(on_target, target, make):
    before = make.snapshot(target.site)
    result = on_target("apply", "--dry-run")
    assert (result.code, result.out.splitlines()[0]) == (
        0,
        "pending   alpha/0001-bugfix-first.patch",
    )
    assert make.snapshot(target.site) == before


def test_older_patch_set_is_replaced_in_one_go(on_target, target, project, tool, make, wheelhouse):
    before = make.snapshot(target.site)
    on_target("apply")
    third = {"alpha/__init__.py": "from alpha.core import answer as answer\n"}
    project.write_patch(
        "0001-bugfix-third.patch", make.patch("[bugfix] Third", make.upstream, third)
    )
    project.describe(["0001-bugfix-third.patch"], ["gamma/__init__.py"])
    (project.root / "overlay/gamma/__init__.py").write_text("name = 'other'\n")
    tool("refresh", "--artefacts", str(wheelhouse))
    assert on_target("status").out.startswith("outdated  alpha: patched by another patch set")
    assert on_target("verify").code == 1
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
    for path, text in {**make.upstream, **third, "gamma/__init__.py": "name = 'other'\n"}.items():
        assert (target.site / path).read_text() == text
    assert not (target.site / "alpha/deep/hook.py").exists()
    assert not (target.site / "alpha/new.py").exists()
    on_target("revert")
    assert make.snapshot(target.site) == before


def test_patch_set_that_became_empty_is_taken_back(on_target, target, project, tool, make):
    before = make.snapshot(target.site)
    on_target("apply")
    project.describe([], [])
    tool("refresh")
    assert on_target("apply").code == 0
    assert make.snapshot(target.site) == before
    assert on_target("verify").code == 0
    assert on_target("status").out.startswith("pristine  alpha: the stack does nothing to it")


def test_half_lost_patches_are_healed_from_the_saved_bytes(on_target, target, make):
    on_target("apply")
    (target.site / "alpha/core.py").write_text(make.upstream["alpha/core.py"])
    (target.site / "gamma/__init__.py").unlink()
    assert on_target("status").out.startswith("partial   alpha: alpha/core.py is not patched; ")
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0


def test_tree_without_record(tool, project, tmp_path, make):
    root = tmp_path / "tree"
    for path, text in make.upstream.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    before = make.snapshot(root)
    assert tool("apply", "--root", str(root)).code == 0
    assert (root / "alpha/core.py").read_text() == make.patched["alpha/core.py"]
    assert tool("verify", "--root", str(root)).code == 0
    assert tool("revert", "--root", str(root)).code == 0
    assert make.snapshot(root) == before


def test_editable_install(on_target, tool, target, tmp_path, make):
    checkout = tmp_path / "checkout"
    (target.site / "alpha").rename(tmp_path / "alpha")
    (checkout / "src").mkdir(parents=True)
    (tmp_path / "alpha").rename(checkout / "src" / "alpha")
    source = {"url": f"file://{checkout}", "dir_info": {"editable": True}}
    (target.info / "direct_url.json").write_text(json.dumps(source))
    (target.info / "RECORD").write_text("alpha.pth,,\n")
    before = make.snapshot(tmp_path / "checkout"), make.snapshot(target.site)
    assert on_target("apply").code == 0
    assert (checkout / "src/alpha/core.py").read_text() == make.patched["alpha/core.py"]
    assert (checkout / "src/gamma/__init__.py").exists()
    assert on_target("verify").code == 0
    by_root = tool("apply", "--root", str(checkout / "src"))
    assert (by_root.code, by_root.out.endswith("nothing to do\n")) == (0, True)
    assert on_target("revert").code == 0
    assert (make.snapshot(tmp_path / "checkout"), make.snapshot(target.site)) == before


def test_running_process_is_told(on_target, target):
    script = "import time; print('up', flush=True); time.sleep(60)"
    command = [target.python, "-c", script, str(target.site / "alpha/core.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    try:
        result = on_target("apply")
    finally:
        process.kill()
        process.wait()
    assert result.code == 0
    assert f"is loaded by process {process.pid}" in result.err


def test_json_is_one_object_on_standard_output(on_target):
    facts = json.loads(on_target("apply", "--json").out)
    assert facts["stack"] == "1.0"
    assert facts["packages"]["alpha"]["changed"] is True
    assert [line["word"] for line in facts["lines"]] == ["applied", "applied", "skipped"]
