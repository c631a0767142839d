"""What a maintainer sees of newer releases."""

import json

import pytest

from testing.small_project import BODY, UPSTREAM, build_source_archive

CONFLICTING = {"alpha/core.py": f"answer = 41\n{BODY}".replace("line 12\n", "line XII\n")}


@pytest.fixture
def offered(small_index, project, tmp_path):
    """Return a function that offers releases of alpha and beta."""

    def run(**releases):
        for version, files in releases.items():
            for name in ("alpha", "beta"):
                number = version.strip("v").replace("_", ".")
                archive = build_source_archive(tmp_path, name, number, files)
                small_index.files.append(archive)

    run(v1_0=UPSTREAM, v2_0={})
    return run


def test_nothing_is_newer(tool, offered):
    result = tool("outlook", "beta")
    assert (result.code, result.out) == (
        0,
        "ok        1.0/beta 2.0: nothing newer\n0 newer releases\n",
    )


def test_newer_releases(tool, offered, project, make):
    before = make.snapshot(project.root)
    offered(v1_1=UPSTREAM, v1_2=UPSTREAM | CONFLICTING)
    result = tool("outlook", "alpha", "--stack", "1.0")
    assert result.code == 0, result.err
    assert "newer     1.0/alpha 1.0 -> 1.1: 2 carried\n" in result.out
    assert "newer     1.0/alpha 1.0 -> 1.2: 1 conflict, 1 carried\n" in result.out
    assert make.snapshot(project.root) == before


def test_json(tool, offered):
    offered(v1_1=UPSTREAM, v2_1rc1=UPSTREAM)
    result = tool("outlook", "--json")
    assert result.code == 0, result.out
    known = json.loads(result.out)["packages"]
    assert known["1.0/alpha"]["newer"]["1.1"] == {"carried": 2}
    assert known["1.0/beta"] == {"version": "2.0", "newer": {}}


def test_a_package_that_only_some_stacks_have(tool, offered, project):
    text = (project.stack / "stack.toml").read_text()
    (project.root / "patches/0.9").mkdir()
    without = text[: text.index("[packages.beta")]
    (project.root / "patches/0.9/stack.toml").write_text(without)
    result = tool("outlook", "beta")
    assert (result.code, result.out.splitlines()[0]) == (0, "ok        1.0/beta 2.0: nothing newer")


def test_an_unknown_package(tool, offered):
    result = tool("outlook", "gamma")
    assert (result.code, "No stack has package 'gamma'" in result.err) == (2, True)


def test_an_unknown_stack(tool, offered):
    assert tool("outlook", "--stack", "none").code == 2


def test_a_further_version_is_not_newer(tool, offered, project, tmp_path):
    offered(v1_1=UPSTREAM)
    project.pin_further(tmp_path / "alpha-1.1.tar.gz", "1.1")
    assert "1.0/alpha 1.0 -> 1.1" not in tool("outlook", "alpha").out
