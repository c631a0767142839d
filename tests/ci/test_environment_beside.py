"""Environments in which one patch is missing, of a small package."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest
from specroll.commands.apply import apply
from specroll.errors import RequestError
from specroll.target.environment import of_interpreter
from specroll.target.selection import Request

from testing import environment_beside
from testing.environment_beside import link, make_beside
from testing.small_project import BODY, OVERLAY, UPSTREAM, Project, build_wheel, make_patch

FIRST, SECOND, THIRD = "0001-bugfix-first.patch", "0002-feature-second.patch", "0003-bugfix-x.patch"
ANSWER, NOTED = "answer = 42\n", "answer = 42  # noted\n"


def series():
    """The second patch changes other files than the first, the third a line of the first."""
    first = {"alpha/core.py": f"{ANSWER}{BODY}"}
    second = {"alpha/old.py": None, "alpha/new.py": "fresh = True\n"}
    third = {"alpha/core.py": f"{NOTED}{BODY}"}
    return {
        FIRST: make_patch("[bugfix] First", UPSTREAM, first),
        SECOND: make_patch("[feature] Second", UPSTREAM, second),
        THIRD: make_patch("[bugfix] X", UPSTREAM | first, third),
    }


@pytest.fixture
def project(tmp_path, cache):
    wheel = build_wheel(tmp_path, "alpha", "1.0", UPSTREAM)
    return Project.create(tmp_path / "project", wheel, series(), OVERLAY)


@pytest.fixture
def python(tmp_path, project):
    """The interpreter of an environment that holds the package, not patched yet."""
    venv.create(tmp_path / "env", symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    project.install(of_interpreter(str(python)).site)
    return python


@pytest.fixture
def patched(project, python):
    """The same, patched, with modules compiled."""
    assert apply(Request(project.distribution, of_interpreter(str(python)))).exit_code == 0
    assert answer(python) == "42"
    return python


def said(python, program):
    """What a program prints, whatever stands on the path of this process."""
    command = [python, "-c", program]
    return subprocess.check_output(command, env={}, cwd="/", text=True).strip()


def answer(python):
    return said(python, "import alpha; print(alpha.answer)")


def beside(project, patched, name, folder):
    missing = make_beside(patched, f"alpha/{name}", folder, project.distribution)
    return folder / "bin" / "python", missing


def test_a_patch_alone_is_missing(project, patched, tmp_path):
    python, missing = beside(project, patched, SECOND, tmp_path / "beside")
    assert missing == [f"alpha/{SECOND}"]
    assert answer(python) == "42"
    assert said(python, "import alpha.old; print(alpha.old.__file__)").startswith(str(tmp_path))
    with pytest.raises(subprocess.CalledProcessError):
        said(python, "import alpha.new")
    assert said(patched, "import alpha.new; print(alpha.new.fresh)") == "True"


def test_those_that_build_on_it_are_missing_too(project, patched, tmp_path):
    python, missing = beside(project, patched, FIRST, tmp_path / "beside")
    assert missing == [f"alpha/{FIRST}", f"alpha/{THIRD}"]
    assert answer(python) == "41"
    assert said(python, "import alpha.new; print(alpha.new.fresh)") == "True"
    assert answer(patched) == "42"


def test_the_last_patch_leaves_what_others_did_to_the_file(project, patched, tmp_path):
    python, missing = beside(project, patched, THIRD, tmp_path / "beside")
    assert missing == [f"alpha/{THIRD}"]
    core = Path(said(python, "import alpha.core; print(alpha.core.__file__)"))
    assert core.read_text() == f"{ANSWER}{BODY}"


def test_overlay_files_and_modules_of_others_are_there(project, patched, tmp_path):
    python, _ = beside(project, patched, SECOND, tmp_path / "beside")
    assert said(python, "import alpha.deep.hook as it; print(it.hooked)") == "True"
    assert said(python, "import gamma; print(gamma.name)") == "gamma"
    assert said(python, "import sys; print(sys.prefix)") == str(tmp_path / "beside")


def test_an_environment_may_be_named_by_a_link(project, patched, tmp_path):
    (tmp_path / "link").symlink_to(patched.parents[1])
    named = tmp_path / "link" / "bin" / "python"
    python, _ = beside(project, named, FIRST, tmp_path / "beside")
    assert answer(python) == "41"


def test_the_environment_stays_as_it_is(project, patched, tmp_path):
    package = of_interpreter(str(patched)).site / "alpha"
    before = {path: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    python, _ = beside(project, patched, FIRST, tmp_path / "beside")
    answer(python)
    assert {path: path.read_bytes() for path in package.rglob("*") if path.is_file()} == before


def test_a_link_to_a_neighbour_leads_to_one_beside(tmp_path):
    source = tmp_path / "source"
    (source / "lib" / "inner").mkdir(parents=True)
    (source / "lib64").symlink_to("lib")
    link(source, tmp_path / "target", ["lib", "inner"])
    assert (tmp_path / "target/lib64").resolve() == tmp_path / "target/lib"


def test_a_patch_that_is_not_applied(project, patched, tmp_path):
    with pytest.raises(
        RequestError, match=r"alpha/0009-x\.patch is not applied in .*site-packages"
    ):
        beside(project, patched, "0009-x.patch", tmp_path / "beside")


def test_a_package_that_is_not_patched(project, python, tmp_path):
    with pytest.raises(RequestError, match=r"alpha is not patched in .*; apply the patches first"):
        beside(project, python, FIRST, tmp_path / "beside")


def run_program(monkeypatch, project, *arguments):
    monkeypatch.setattr(environment_beside, "ROOT", project.root)
    monkeypatch.setattr(sys, "argv", ["environment_beside", *map(str, arguments)])
    environment_beside.main()


def test_the_program_prints_what_is_missing(monkeypatch, project, patched, tmp_path, capsys):
    run_program(monkeypatch, project, patched, f"alpha/{FIRST}", tmp_path / "beside")
    assert capsys.readouterr().out.split() == [f"alpha/{FIRST}", f"alpha/{THIRD}"]


def test_the_program_says_what_is_wrong_in_a_sentence(monkeypatch, project, patched, tmp_path):
    with pytest.raises(SystemExit, match=r"^testing\.environment_beside: .*File exists"):
        run_program(monkeypatch, project, patched, f"alpha/{FIRST}", tmp_path)
