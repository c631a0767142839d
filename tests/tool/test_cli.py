"""The command line as a whole: misuse, failures, JSON and colours."""

import json

import click
import pytest
from specroll import cli


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
