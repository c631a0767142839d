"""Status, check, verify, revert, versions, and the command line as a whole."""

import json

import click
import pytest
from specroll import cli


def test_status_of_every_package(on_target, target):
    result = on_target("status")
    assert result.out.splitlines() == [
        "pristine  alpha",
        f"absent    beta: beta is not installed in {target.site}",
        "stack 1.0: 1 absent, 1 pristine",
    ]
    on_target("apply")
    assert on_target("status").out.startswith("applied   alpha\n")


def test_status_of_damaged_state(on_target, target):
    on_target("apply")
    (target.info / "apply-patches/state.json").write_text("{")
    result = on_target("status")
    assert result.code == 0
    assert result.out.startswith("drifted   alpha: ")


def test_status_of_foreign_bytes(on_target, target):
    (target.site / "alpha/core.py").write_text("mine\n")
    assert on_target("status").out.startswith("drifted   alpha: alpha/core.py holds foreign bytes")


def test_status_where_nothing_is_installed(tool, project, tmp_path):
    (tmp_path / "empty").mkdir()
    result = tool("status", "--root", "empty", "--json")
    assert result.code == 0
    facts = json.loads(result.out)
    assert {found["condition"] for found in facts["packages"].values()} == {"absent"}


LOCK = "stack.lock.json"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (LOCK, "{", "stack.lock.json is not valid JSON"),
        ("stack.toml", "overlay = []", "is older than `packages.alpha` in stack.toml"),
    ],
)
@pytest.mark.parametrize("command", ["status", "apply"])
def test_status_where_the_lock_is_of_no_use(on_target, project, name, text, reason, command):
    """It says so of what it concerns: whether that is applied, only the lock could tell."""
    on_target(command)
    if name == LOCK:
        (project.stack / name).write_text(text)
    else:
        project.describe(["0001-bugfix-first.patch"], [])
    result = on_target("status")
    assert result.code == 0
    first, *others = result.out.splitlines()
    assert first.startswith(f"outdated  alpha: {project.stack / LOCK}")
    assert reason in first
    assert others[0].startswith("absent    beta: ")
    for other in ("apply", "check", "verify"):
        assert on_target(other).code == 3


def test_status_where_no_stack_can_be_read(on_target, project):
    (project.stack / "stack.toml").write_text("[")
    result = on_target("status")
    assert (result.code, result.out) == (0, "nothing is patched\n")
    assert "stack.toml is not valid TOML" in result.err


def test_status_of_what_is_patched_where_no_stack_can_be_read(on_target, project):
    on_target("apply")
    (project.stack / "stack.toml").write_text("[")
    result = on_target("status")
    assert (result.code, result.out) == (0, "outdated  alpha: patched by stack 1.0\n1 outdated\n")
    assert "stack.toml is not valid TOML" in result.err


def test_status_of_a_file_that_cannot_be_read(on_target, target):
    (target.site / "alpha/core.py").unlink()
    (target.site / "alpha/core.py").mkdir()
    result = on_target("status")
    assert (result.code, "drifted   alpha: " in result.out) == (0, True)
    assert "core.py cannot be read" in result.out


def test_overlay_edited_and_not_refreshed(on_target, project):
    """What is installed is still what was reviewed; what would be installed is not."""
    on_target("apply")
    (project.root / "overlay/gamma/__init__.py").write_text("edited\n")
    assert on_target("status").out.startswith("applied   alpha\n")
    assert on_target("verify").code == 0
    for command in ("check", "apply"):
        result = on_target(command)
        assert result.code == 3
        assert "is not what stack.lock.json was made from; review it and run" in result.err


def test_packages_of_several_stacks_at_once(on_target, project):
    newer = project.root / "patches/2.0"
    newer.mkdir()
    (newer / "stack.toml").write_text(
        (project.stack / "stack.toml").read_text().replace("packages.beta", "packages.delta")
    )
    result = on_target("apply", "--package", "beta", "--package", "delta")
    assert result.code == 2
    assert result.err == "error: No stack holds all of beta, delta; name fewer.\n"


def test_check_says_what_is_left_to_do(on_target):
    assert on_target("check").code == 1
    on_target("apply")
    result = on_target("check")
    assert (result.code, result.out.splitlines()[-1]) == (0, "stack 1.0: nothing to do")


def test_verify_lists_every_difference(on_target, target):
    on_target("apply")
    (target.site / "alpha/core.py").write_text("mine\n")
    (target.site / "gamma/__init__.py").unlink()
    record = target.info / "RECORD"
    record.write_text(record.read_text().replace("alpha/new.py,", "x.py,"))
    result = on_target("verify")
    assert result.code == 1
    assert result.out.count("does not hold the locked bytes") == 2
    for path in ("alpha/core.py", "alpha/new.py", "gamma/__init__.py"):
        assert f"has a wrong line for {path}" in result.out
    assert "has changed in lines that are not ours" in result.out


def test_verify_before_applying(on_target):
    result = on_target("verify")
    assert result.code == 1
    assert "is not patched; run `apply-patches apply`" in result.out


def test_revert_of_nothing(on_target):
    result = on_target("revert")
    assert (result.code, result.out) == (0, "nothing to do\n")


def test_revert_acts_on_what_is_named(on_target, target, project):
    on_target("apply")
    assert on_target("revert", "--package", "beta").out == "nothing to do\n"
    (project.stack / "stack.toml").rename(project.root / "saved")
    other = project.root / "patches/2.0"
    other.mkdir()
    (other / "stack.toml").write_text((project.root / "saved").read_text())
    assert on_target("revert", "--stack", "2.0").out == "nothing to do\n"
    # The stack is gone, the saved bytes are not.
    assert on_target("revert").code == 0
    assert not (target.info / "apply-patches").exists()


def test_revert_needs_no_stack(on_target, target, project, make):
    before = make.snapshot(target.site)
    on_target("apply")
    (project.stack / "stack.toml").write_text("[")
    assert on_target("revert", "--package", "alpha", "--package", "x").code == 3
    assert on_target("revert", "--stack", "1.0", "--package", "alpha").code == 0
    assert make.snapshot(target.site) == before


@pytest.mark.parametrize("command", ["apply", "check", "status", "verify", "revert"])
def test_unknown_names(on_target, command):
    for arguments in (["--package", "x"], ["--stack", "9"]):
        result = on_target(command, *arguments)
        assert result.code == 2
        assert result.err.startswith("error: No ")


def test_newest_stack_that_is_installed_is_chosen(on_target, project, tool):
    newer = project.root / "patches/2.0"
    newer.mkdir()
    text = (project.stack / "stack.toml").read_text().replace('version = "1.0"', 'version = "1.1"')
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "beta", "--stack", "2.0").code == 3
    text = text.replace('"0001-bugfix-first.patch", "0002-feature-second.patch"', "")
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "--stack", "2.0").code == 0
    assert on_target("status", "--json").code == 0
    assert json.loads(on_target("status", "--json").out)["stack"] == "1.0"
    assert on_target("apply", "--stack", "2.0").code == 4


def test_other_package_of_a_newer_stack_does_not_change_the_stack(
    on_target, project, tool, target, make, tmp_path
):
    """The stack does nothing to it: what is patched stays what is looked at."""
    on_target("apply")
    newer = project.root / "patches/2.0"
    newer.mkdir()
    text = (project.stack / "stack.toml").read_text()
    text = text.replace('version = "1.0"', 'version = "9.0"').replace('"2.0"', '"3.0"')
    text = text.replace('"0001-bugfix-first.patch", "0002-feature-second.patch"', "")
    (newer / "stack.toml").write_text(text)
    assert tool("refresh", "--stack", "2.0").code == 0
    make.unpack(make.wheel(tmp_path, "beta", "3.0", {"beta/__init__.py": ""}), target.site)
    assert on_target("status").out.startswith("applied   alpha\n")
    for command in ("verify", "apply", "check"):
        result = on_target(command)
        assert (result.code, "stack 1.0: " in result.out) == (0, True)


def test_versions(tool, project):
    assert tool("versions", "--check").code == 1
    assert tool("versions", "--write").code == 0
    page = (project.root / "VERSIONS.md").read_text()
    for text in (
        "## Stack 1.0",
        "### alpha 1.0",
        "| `0001-bugfix-first.patch` | [bugfix] First | Pending |",
        "| `gamma/__init__.py` | alpha |",
        "| alpha | 1.0 | `alpha-1.0-py3-none-any.whl` |",
        "| requirements | `alpha==1.0` |",
        "| options | quick = `True` |",
    ):
        assert text in page
    assert tool("versions", "--check").code == 0
    assert tool("versions", "--write").out.endswith("nothing to do\n")
    (project.root / "VERSIONS.md").write_text("stale")
    result = tool("versions", "--check")
    assert (result.code, "is stale; run" in result.out) == (1, True)


def test_versions_of_a_malformed_stack(tool, project):
    (project.stack / "alpha/0001-bugfix-first.patch").unlink()
    result = tool("versions", "--check")
    assert result.code == 3
    assert "0001-bugfix-first.patch cannot be read" in result.err


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["--root", "x", "--python", "y"], ["--stack", "9"]]
)
def test_misuse_is_one_object_too(tool, project, arguments):
    result = tool("status", "--json", *arguments)
    assert result.code == 2
    facts = json.loads(result.out)
    assert (facts["exit_code"], len(facts["errors"])) == (2, 1)


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (ValueError("no"), 70)], ids=["Ctrl-C", "bug"]
)
def test_end_of_another_kind_is_one_object_too(on_target, monkeypatch, error, code):
    def fail(request):
        raise error

    monkeypatch.setattr(cli, "status", fail)
    result = on_target("status", "--json")
    assert (result.code, json.loads(result.out)["exit_code"]) == (code, code)


def test_file_that_cannot_be_read_is_no_bug(on_target, project):
    (project.stack / "stack.toml").unlink()
    (project.stack / "stack.toml").mkdir()
    for command in ("apply", "status"):
        result = on_target(command)
        assert result.code == 6
        assert result.err == (
            f"error: {project.stack / 'stack.toml'} cannot be used (Is a directory);"
            " make it accessible, then try again\n"
        )


def test_report_that_cannot_be_written(on_target, monkeypatch):
    def show(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli.report, "show", show)
    result = on_target("apply")
    assert result.code == 6
    assert result.err == "error: The report cannot be written (No space left on device)\n"


def test_path_that_is_no_text(tool, project, tmp_path):
    root = tmp_path / "v\udcff"
    root.mkdir()
    result = tool("status", "--root", str(root))
    assert result.code == 0
    assert f"alpha is not installed in {tmp_path}/v\\udcff" in result.out


def test_versions_needs_an_action(tool, project):
    result = tool("versions")
    assert result.code == 2
    assert "--write and --check" in result.err


@pytest.mark.parametrize("command", sorted(cli.cli.commands))
def test_every_command_is_documented(tool, command):
    result = tool(command, "--help")
    assert result.code == 0
    assert f"Example: apply-patches {command}" in result.out
    assert all(
        option.help
        for option in cli.cli.commands[command].params
        if isinstance(option, click.Option)
    )


@pytest.mark.parametrize("command", ["check", "status", "verify", "apply", "revert"])
def test_json_is_the_only_output(on_target, command):
    result = on_target(command, "--json")
    facts = json.loads(result.out)
    assert facts["command"] == command
    assert facts["exit_code"] == result.code


def test_json_of_an_error(on_target, target):
    (target.site / "alpha/core.py").write_text("mine\n")
    result = on_target("apply", "--json")
    facts = json.loads(result.out)
    assert facts["exit_code"] == result.code == 5
    assert len(facts["errors"]) == 1


def test_json_of_refresh_edit_and_versions(tool, project, wheelhouse):
    folder = str(wheelhouse)
    assert json.loads(tool("refresh", "--json", "--artefacts", folder).out)["changed"] == []
    edited = json.loads(tool("edit", "alpha", "--json", "--artefacts", folder).out)
    assert edited["folder"].endswith(".apply-patches-edit/1.0/alpha")
    assert json.loads(tool("versions", "--check", "--json").out)["stale"] is True


@pytest.mark.parametrize("arguments", [["nonsense"], ["apply", "--nonsense"], []])
def test_usage_errors(tool, arguments):
    result = tool(*arguments)
    assert result.code == 2
    assert result.err.startswith("Usage: apply-patches")


def test_root_and_python_exclude_each_other(on_target, tmp_path):
    result = on_target("apply", "--root", str(tmp_path))
    assert result.code == 2
    assert "exclude each other" in result.err


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [(RuntimeError("odd"), 70, "This is a bug"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_bugs_and_interruptions(on_target, monkeypatch, raised, code, message):
    def fail(*_):
        raise raised

    monkeypatch.setattr(cli, "status", fail)
    result = on_target("status")
    assert result.code == code
    assert message in result.err
    assert ("RuntimeError: odd" in result.err) == (code == 70)


def test_colours_only_on_a_terminal(on_target, monkeypatch):
    monkeypatch.setattr("click._compat.isatty", lambda stream: True)
    assert "\x1b[32mpristine" in on_target("status").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_target("status").out
