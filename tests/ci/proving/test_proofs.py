"""What proofs say of patches, and once of a small package in real runs of pytest."""

import functools
import json
import subprocess
import sys
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tomllib
from specroll.commands.apply import apply
from specroll.target.environment import of_interpreter
from specroll.target.selection import Request

from ci import proofs
from ci.environment import BuildError
from ci.proving import environments, prover, records
from ci.proving.patches import provable_patches
from ci.proving.prover import Prover, UnknownPatchError, pending
from ci.proving.runs import Outcome, Runner
from testing.environment_beside import make_beside
from testing.registry import Stack
from testing.small_project import BODY, HEADER, UPSTREAM, Project, build_wheel, diff_file

FIRST, SECOND = "alpha/0001-bugfix-first.patch", "alpha/0002-feature-second.patch"
TESTS = """
import time
import alpha

def test_first(): assert alpha.answer == 42
def test_second(): import alpha.new
def test_waits():
    while alpha.answer != 42: time.sleep(1)
"""
FILE = "tests/test_alpha.py"
# How tests go with all patches, and without one.
PASSES, FAILS = Outcome("passed", "passes"), Outcome("failed", "fails: OSError")
TOLD = {
    "tests/t.py::needed": (PASSES, FAILS),
    "tests/t.py::also_needed": (PASSES, Outcome("failed", "does not end")),
    "tests/t.py::idle": (PASSES, PASSES),
    "tests/t.py::failing": (FAILS, FAILS),
    "tests/t.py::skipped": (Outcome("skipped", "is skipped"), FAILS),
    "tests/t.py::gone": (Outcome("untold", "does not run"), FAILS),
    "tests/t.py::skipping": (PASSES, Outcome("skipped", "is skipped")),
    "tests/a/t.py::needed": (PASSES, FAILS),
    "tests/a/b/t.py::needed": (PASSES, FAILS),
}
NEEDED, ALSO_NEEDED, IDLE, FAILING, SKIPPED, GONE, SKIPPING, IN_A, INSIDE_A = TOLD
PYTHON, BESIDE = Path("env/bin/python"), Path("beside/bin/python")


def patch_text(subject, proof_names, path, text):
    known = "Proof: tests/test_alpha.py::test_answer"
    header = HEADER.format(subject=subject)
    trailers = "\n".join(f"Proof: {name}" for name in proof_names)
    return header.replace(known, trailers) + diff_file(path, UPSTREAM.get(path), text)


@pytest.fixture
def make_project(tmp_path, cache):
    """Return a function that makes a project of two patches with these proofs."""

    def make(first, second):
        wheel = build_wheel(tmp_path, "alpha", "1.0", UPSTREAM)
        fixed = f"answer = 42\n{BODY}"
        series = {
            Path(FIRST).name: patch_text("[bugfix] First", first, "alpha/core.py", fixed),
            Path(SECOND).name: patch_text("[feature] Second", second, "alpha/new.py", "x = 1\n"),
        }
        return Project.create(tmp_path / "project", wheel, series, {})

    return make


def stack_of(project):
    """The stack of a project, whose environment has a lock."""
    table = tomllib.loads((project.stack / "stack.toml").read_text())
    table["environments"]["small"]["lock"] = "small.txt"
    return Stack("1.0", project.stack, table)


@dataclass
class ToldRunner:
    """Tells how tests go, and runs none."""

    python: Path
    limit: float
    variables: dict

    def run(self, names):
        return {name: TOLD[name][self.python == BESIDE] for name in names}


@contextmanager
def told_without(patch, python):
    yield BESIDE, [patch.path]


@pytest.fixture
def make_stack(make_project, monkeypatch):
    """Return a function that makes a stack of two patches with these proofs."""

    def make(first=(NEEDED,), second=(NEEDED,)):
        monkeypatch.setattr(environments, "without", told_without)
        monkeypatch.setattr(environments, "prepared", lambda name: (PYTHON, {}))
        monkeypatch.setattr(environments, "lock_missing", lambda stack: None)
        monkeypatch.setattr(prover, "Runner", ToldRunner)
        return stack_of(make_project(first, second))

    return make


def verdicts(stack, limit=600.0):
    found = Prover(stack, pending(stack, ()), limit).verdicts()
    return {verdict.patch: (verdict.word, verdict.said) for verdict in found}


@pytest.fixture
def real_stack(make_project, tmp_path, monkeypatch):
    """A stack whose patches are applied in an environment, and whose proofs are real tests."""
    project = make_project([f"{FILE}::test_first", f"{FILE}::test_waits"], [f"{FILE}::test_second"])
    (project.root / "pytest.ini").write_text("[pytest]\n")
    (project.root / "tests").mkdir()
    (project.root / FILE).write_text(TESTS)
    python = installed(project, tmp_path / "env")

    @contextmanager
    def without(patch, python):
        folder = tmp_path / f"without-{Path(patch.path).stem}"
        missing = make_beside(python, patch.path, folder, project.distribution)
        # With the patch a proof may take as long as it likes.
        monkeypatch.setattr(prover, "Runner", functools.partial(Short, root=project.root))
        yield folder / "bin" / "python", missing

    monkeypatch.setattr(environments, "without", without)
    monkeypatch.setattr(environments, "prepared", lambda name: (python, {}))
    monkeypatch.setattr(prover, "Runner", functools.partial(Runner, root=project.root))
    return stack_of(project)


class Short(Runner):
    """Ends a proof that hangs soon, and lets others take their time."""

    def run(self, names):
        limits = {name: 5.0 if name.endswith("test_waits") else 600.0 for name in names}
        runs = (Runner(self.python, limits[name], root=self.root).run([name]) for name in names)
        return {name: outcome for run in runs for name, outcome in run.items()}


def installed(project, folder):
    """Make an environment that has pytest, too, and apply the patches there."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    environment = of_interpreter(str(python))
    project.install(environment.site)
    (environment.site / "more.pth").write_text(str(Path(pytest.__file__).parents[1]))
    assert apply(Request(project.distribution, of_interpreter(str(python)))).exit_code == 0
    return python


def test_real_runs(real_stack):
    first = "without it, its proof fails: AssertionError; does not end"
    second = "without it, its proof fails: ModuleNotFoundError"
    assert verdicts(real_stack) == {FIRST: ("proven", first), SECOND: ("proven", second)}
    assert records.read(real_stack.folder)[FIRST].proofs == {
        f"{FILE}::test_first": "fails: AssertionError",
        f"{FILE}::test_waits": "does not end",
    }


def test_what_fails_without_the_patch_is_proven_and_recorded(make_stack):
    stack = make_stack(first=(NEEDED, ALSO_NEEDED))
    assert verdicts(stack) == {
        FIRST: ("proven", "without it, its proof fails: OSError; does not end"),
        SECOND: ("proven", "without it, its proof fails: OSError"),
    }
    found = records.read(stack.folder)
    assert found[FIRST].proofs == {NEEDED: "fails: OSError", ALSO_NEEDED: "does not end"}
    assert found[FIRST].missing == [FIRST]
    assert {patch.path: patch.sha256 for patch in provable_patches(stack)} == {
        path: record.sha256 for path, record in found.items()
    }
    assert verdicts(stack) == {}


def test_only_tests_of_one_folder_run_together(make_stack, monkeypatch):
    calls = []

    class Noting(ToldRunner):
        def run(self, names):
            calls.append((self.python, names))
            return super().run(names)

    stack = make_stack(first=(NEEDED, IN_A), second=(INSIDE_A, NEEDED))
    monkeypatch.setattr(prover, "Runner", Noting)
    assert {word for word, _ in verdicts(stack).values()} == {"proven"}
    assert calls == [
        (PYTHON, [NEEDED]),
        (PYTHON, [IN_A, INSIDE_A]),
        (BESIDE, [NEEDED]),
        (BESIDE, [IN_A]),
        (BESIDE, [INSIDE_A]),
        (BESIDE, [NEEDED]),
    ]


def test_patches_that_are_missing_beside_are_told(make_stack, monkeypatch):
    stack = make_stack()

    @contextmanager
    def without(patch, python):
        yield BESIDE, [patch.path, "alpha/0009-feature-x.patch"]

    monkeypatch.setattr(environments, "without", without)
    assert verdicts(stack)[FIRST][1].endswith("OSError (and without 1 after it that build on it)")
    assert records.read(stack.folder)[FIRST].missing[1:] == ["alpha/0009-feature-x.patch"]


def test_a_bugfix_whose_proof_passes_without_it_is_superfluous(make_stack):
    stack = make_stack(first=(IDLE,))
    word, said = verdicts(stack)[FIRST]
    assert (word, said) == ("superfluous", f"{IDLE} passes without it")
    assert list(records.read(stack.folder)) == [SECOND]
    assert list(verdicts(stack)) == [FIRST]


def test_a_feature_whose_proof_passes_without_it_has_no_proof(make_stack):
    assert verdicts(make_stack(second=(IDLE,)))[SECOND] == (
        "no proof",
        f"{IDLE} passes without it",
    )


def test_one_proof_of_two_that_proves_nothing_does_not_make_a_bugfix_superfluous(make_stack):
    assert verdicts(make_stack(first=(NEEDED, IDLE)))[FIRST] == (
        "no proof",
        f"{IDLE} passes without it",
    )


def test_a_proof_that_is_skipped_without_the_patch_proves_nothing(make_stack):
    assert verdicts(make_stack(first=(SKIPPING,)))[FIRST] == (
        "no proof",
        f"{SKIPPING} is skipped without it",
    )


def test_what_fails_with_all_patches_is_not_carried(make_stack):
    stack = make_stack(second=(FAILING,))
    assert verdicts(stack)[SECOND] == (
        "not carried",
        f"{FAILING} fails: OSError, with all patches",
    )
    assert list(records.read(stack.folder)) == [FIRST]


@pytest.mark.parametrize(
    ("proof", "said"),
    [(SKIPPED, "is skipped"), (GONE, "does not run")],
)
def test_a_test_that_does_not_run_is_no_proof(make_stack, proof, said):
    found = verdicts(make_stack(first=(proof,)))
    assert found[FIRST] == ("no proof", f"{proof} {said}, with all patches")
    assert found[SECOND][0] == "proven"


def test_a_run_that_was_interrupted_goes_on(make_stack, monkeypatch):
    stack = make_stack()
    first = next(Prover(stack, pending(stack, ()), 600.0).verdicts())
    assert first.patch == FIRST
    assert [patch.path for patch in pending(stack, ())] == [SECOND]
    assert list(verdicts(stack)) == [SECOND]


def test_a_patch_that_has_changed_is_proven_anew(make_stack):
    stack = make_stack()
    known = {
        patch.path: records.Record(patch.sha256, [patch.path], {})
        for patch in provable_patches(stack)
    }
    records.write(stack.folder, known)
    assert pending(stack, ()) == []
    path = stack.folder / FIRST
    path.write_text(path.read_text().replace("Someone", "Somebody"))
    assert [patch.path for patch in pending(stack, ())] == [FIRST]
    assert pending(stack, ["feature-second"]) == []


def test_a_name_that_no_patch_has(make_stack):
    with pytest.raises(UnknownPatchError, match=r"no patch 'other' of stack 1\.0 names a proof"):
        pending(make_stack(), ["other"])


@pytest.fixture
def program(monkeypatch, capsys):
    """Return a function that runs the command on a stack; what it prints and its exit code."""

    def run(stack, *arguments):
        monkeypatch.setattr(proofs, "stacks", lambda: (stack,))
        monkeypatch.setattr(proofs, "stack", {stack.name: stack}.__getitem__)
        monkeypatch.setattr(sys, "argv", ["ci/proofs.py", *arguments])
        with pytest.raises(SystemExit) as left:
            proofs.main()
        return left.value.code, capsys.readouterr().out

    return run


def test_the_command_tells_each_patch(make_stack, program):
    code, out = program(make_stack(first=(IDLE,)), "1.0")
    assert code == 1
    assert out == (
        f"superfluous {FIRST}: {IDLE} passes without it\n"
        f"proven      {SECOND}: without it, its proof fails: OSError\n"
        "1 proven now, 1 not\n"
    )


def test_the_command_as_an_object(make_stack, program):
    stack = make_stack()
    code, out = program(stack, "1.0", "--patch", "0002-feature-second", "--json")
    assert code == 0
    assert json.loads(out) == {
        "stack": "1.0",
        "summary": "1 proven now, 0 not",
        "patches": [
            {
                "patch": SECOND,
                "word": "proven",
                "said": "without it, its proof fails: OSError",
            }
        ],
    }
    said = "nothing to do: all of it was proven before\n"
    assert program(stack, "1.0", "--patch", "feature-second") == (0, said)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BuildError("no network"), "ci/proofs.py: no network"),
        (subprocess.CalledProcessError(3, ["apply"]), "ci/proofs.py: Command '['apply']' returned"),
        (OSError("no room"), "ci/proofs.py: no room"),
        (KeyboardInterrupt(), "130"),
    ],
)
def test_what_stops_it_is_one_sentence(make_stack, program, monkeypatch, error, code):
    stack = make_stack()

    def fail(name):
        raise error

    monkeypatch.setattr(environments, "prepared", fail)
    said, out = program(stack, "1.0")
    assert str(said).startswith(code)
    assert out == ""


def test_a_name_and_a_record_that_are_wrong_are_one_sentence(make_stack, program):
    stack = make_stack()
    assert program(stack, "1.0", "--patch", "x")[0] == (
        "ci/proofs.py: no patch 'x' of stack 1.0 names a proof"
    )
    (stack.folder / "proofs.json").write_text("{")
    assert "proofs.json is damaged" in program(stack, "1.0")[0]


def test_a_stack_that_there_is_not():
    command = [sys.executable, proofs.__file__, "other"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice: 'other'" in done.stderr
