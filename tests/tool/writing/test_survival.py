"""What breaks other tools, where no other file here shows it; docs/operators.md has the table."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import apply_patches
import pytest
from specroll.commands.apply import apply
from specroll.commands.check import check
from specroll.commands.revert import revert
from specroll.commands.status import status
from specroll.errors import TargetError

from testing import small_project
from testing.file_system_steps import told

LAUNCHER = str(Path(apply_patches.__file__))
NOBODY = 65534


def test_environments_that_share_their_files_keep_them(on_target, target, tmp_path, make):
    """An installer links files from its cache into every environment."""
    shared = tmp_path / "other"
    shutil.copytree(target.site, shared, copy_function=os.link)
    before = make.snapshot(shared)
    for command in ("apply", "apply", "revert"):
        assert on_target(command).code == 0
        assert make.snapshot(shared) == before


def test_installed_file_that_is_a_link_into_a_cache(on_target, target, tmp_path, make):
    cached = tmp_path / "core.py"
    (target.site / "alpha/core.py").rename(cached)
    (target.site / "alpha/core.py").symlink_to(cached)
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
    assert cached.read_text() == make.upstream["alpha/core.py"]


@pytest.mark.parametrize("command", ["apply", "check"])
def test_folder_that_leads_elsewhere_is_refused(on_target, target, tmp_path, make, command):
    (target.site / "alpha/deep").rename(tmp_path / "elsewhere")
    (target.site / "alpha/deep").symlink_to(tmp_path / "elsewhere")
    before = make.snapshot(tmp_path / "elsewhere")
    result = on_target(command)
    assert result.code == 5
    assert f"{target.site / 'alpha/deep'} is outside of {target.site} through" in result.err
    assert make.snapshot(tmp_path / "elsewhere") == before


def launch(command, target, **options):
    return subprocess.Popen(
        [sys.executable, LAUNCHER, command, "--python", target.python],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def as_nobody(tmp_path):
    if os.geteuid() == 0:
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        os.seteuid(NOBODY)
        yield
        os.seteuid(0)
    else:
        yield


@pytest.mark.parametrize(
    ("command", "condition"), [(apply, "pristine"), (revert, "applied")], ids=["apply", "revert"]
)
def test_read_only_target(project, target, make, request, command, condition):
    if command is revert:
        apply(project.request(target.site))
    for folder in [target.site, *target.site.rglob("*")]:
        folder.chmod(folder.stat().st_mode & ~0o222)
    before = make.snapshot(target.site)
    request.getfixturevalue("as_nobody")
    with pytest.raises(TargetError, match=r"cannot be written.*; nothing has been changed"):
        command(project.request(target.site))
    assert status(project.request(target.site)).lines[0][0] == condition
    assert check(project.request(target.site)).exit_code == (command is apply)
    assert make.snapshot(target.site) == before


def test_nothing_to_revert_in_a_read_only_target(project, target, request):
    for folder in [target.site, *target.site.rglob("*")]:
        folder.chmod(folder.stat().st_mode & ~0o222)
    request.getfixturevalue("as_nobody")
    assert revert(project.request(target.site)).summary == "nothing to do"


@pytest.mark.parametrize("command", [apply, revert])
def test_disk_that_is_full_at_any_moment(tmp_path, wheelhouse, project, command):
    """Before the commit record nothing has been changed, after it the next run finishes."""
    pristine, applied = tmp_path / "pristine", tmp_path / "applied"
    for site in (pristine, applied):
        project.install(site)
    apply(project.request(applied))
    trees = [small_project.snapshot(site) for site in (pristine, applied)]
    start = pristine if command is apply else applied
    failures = 0
    for step in range(200):
        site = tmp_path / "site"
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(start, site)
        if not fails_at(step, lambda site=site: command(project.request(site))):
            break
        failures += 1
        whole = small_project.snapshot(site)
        apply(project.request(site))
        assert small_project.snapshot(site) == trees[1]
        assert ".apply-patches" in whole or whole in trees
    assert failures > 10


def fails_at(step, action):
    left = step

    def witness(name, path):
        nonlocal left
        if name in ("open", "write") or (name == "mkdir" and not Path(path).exists()):
            left -= 1
            if left == -1:
                raise OSError(errno.ENOSPC, "No space left on device", path)

    with told(witness), suppress(TargetError):
        action()
        return False
    return True


def test_eight_runs_at_once(project, target, make):
    """Each waits its turn: one writes, seven find nothing left to do, or give up waiting."""
    processes = [launch("apply", target) for _ in range(8)]
    results = [(*process.communicate(), process.returncode) for process in processes]
    assert {code for _, _, code in results} <= {0, 6}
    wrote = [out for out, _, code in results if code == 0 and "nothing to do" not in out]
    assert len(wrote) == 1
    for _, error, code in results:
        assert error == "" or (code == 6 and "Another run holds" in error)
    for path, text in {**make.patched, **make.overlay}.items():
        file = target.site / path
        assert (file.read_text() if file.exists() else None) == text
    assert not list(target.site.glob(".apply-patches*"))


def add_variant(project, site, version):
    """Have another distribution hold the files, and let the first be an empty one beside it."""
    shutil.rmtree(site / "alpha-1.0.dist-info")
    with (project.stack / "stack.toml").open("a") as file:
        pin = f'artefact = "{project.wheel.name}"\nsha256 = "{sha(project.wheel)}"\n'
        file.write(f'\n[packages.alpha.variants.alpha-cpu]\nversion = "{version}"\n{pin}')
    project.lock()
    small_project.build_wheel(project.root, "alpha-cpu", version, small_project.UPSTREAM)
    wheel = next(project.root.glob("alpha_cpu-*.whl"))
    shutil.unpack_archive(wheel, site, format="zip")


def sha(path):
    return small_project.hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("record", [None, "", "alpha-0.0.0.dist-info/METADATA,,\n"])
def test_empty_distribution_of_the_same_name(on_target, target, project, make, record):
    """The package belongs to whichever distribution lists its files."""
    add_variant(project, target.site, "1.0.post2")
    empty = target.site / "alpha-0.0.0.dist-info"
    empty.mkdir()
    (empty / "METADATA").write_text("Metadata-Version: 2.1\nName: alpha\nVersion: 0.0.0\n")
    if record is not None:
        (empty / "RECORD").write_text(record)
    before = make.snapshot(target.site)
    assert on_target("apply").code == 0
    assert on_target("verify").code == 0
    assert (target.site / "alpha_cpu-1.0.post2.dist-info/apply-patches/state.json").exists()
    assert on_target("revert").code == 0
    assert make.snapshot(target.site) == before


def test_empty_distribution_that_appears_later(on_target, target, project, make):
    add_variant(project, target.site, "1.0.post2")
    before = make.snapshot(target.site)
    on_target("apply")
    (target.site / "alpha-0.0.0.dist-info").mkdir()
    assert on_target("status").out.startswith("applied   alpha")
    assert on_target("revert").code == 0
    (target.site / "alpha-0.0.0.dist-info").rmdir()
    assert make.snapshot(target.site) == before


def test_reinstall_leaves_no_stale_state(tool, project, target_with_pip, make):
    python, site = target_with_pip.python, target_with_pip.site
    pristine = make.snapshot(site / "alpha")
    for _ in range(2):
        assert tool("apply", "--python", python).code == 0
        install = ("install", "--no-index", "--no-compile", "--force-reinstall", "--no-deps")
        target_with_pip.pip(*install, str(project.wheel))
        assert make.snapshot(site / "alpha") == pristine
        assert not (target_with_pip.info / "apply-patches").exists()
        assert not (site / "gamma").exists()
        assert tool("status", "--python", python).out.startswith("pristine  alpha\n")
        assert tool("revert", "--python", python).out == "nothing to do\n"


def test_hook_of_git_is_not_disturbed(tool, project, wheelhouse, tmp_path, monkeypatch):
    """Git tells its hooks which repository to work on; `edit` must not take that for its own."""
    subprocess.run(["git", "init", "-q", str(tmp_path / "hooked")], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "hooked/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "hooked/.git/index"))
    for command in ("edit", "refresh"):
        result = tool(command, "alpha", "--artefacts", str(wheelhouse))
        assert result.code == 0, result.err
    assert os.environ["GIT_DIR"] == str(tmp_path / "hooked/.git")
    heads = list((tmp_path / "hooked/.git/refs").rglob("*"))
    assert not [path for path in heads if path.is_file()]


def test_patch_file_of_another_name_is_pointed_out(tool, project):
    patch = project.stack / "alpha/0001-bugfix-first.patch"
    patch.rename(patch.with_name("0001-bugfix-mine.patch"))
    result = tool("refresh")
    assert result.code == 3
    assert f"{patch} cannot be read" in result.err
    assert "name 0001-bugfix-mine.patch in stack.toml" in result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell, project):
    code = "import sys; sys.argv[0] = 'apply-patches'; from specroll.cli import main; main()"
    words = {"COMP_WORDS": "apply-patches sta", "COMP_CWORD": "1" if shell != "fish" else "sta"}
    environment = {**os.environ, **words, "PYTHONPATH": str(Path(LAUNCHER).parent)}
    for action in ("source", "complete"):
        variable = {"_APPLY_PATCHES_COMPLETE": f"{shell}_{action}"}
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, **variable},
            capture_output=True,
            text=True,
        )
        assert ("status" if action == "complete" else "apply-patches") in answer.stdout
