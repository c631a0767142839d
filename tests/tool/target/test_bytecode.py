"""Bytecode that RECORD lists, as after a usual `pip install`."""

import subprocess

import pytest
from specroll.target import bytecode


@pytest.fixture
def on_compiled(tool, project, compiled_target):
    def run(command, *arguments):
        return tool(command, "--python", compiled_target.python, *arguments)

    return run


def bytecode_of(target, module):
    """The listed bytecode of a module."""
    lines = (target.info / "RECORD").read_text().splitlines()
    listed = {line.partition(",")[0] for line in lines}
    return [target.site / path for path in listed if bytecode.module(path) == module]


def compile_all(target):
    folders = [str(target.site / name) for name in ("alpha", "gamma")]
    subprocess.run([target.python, "-m", "compileall", "-q", *folders], check=True)


def is_valid(target, module):
    """Whether Python takes the bytecode that is there."""
    command = [target.python, "-B", "-v", "-c", "import alpha"]
    told = subprocess.run(command, capture_output=True, text=True).stderr
    return f".pyc matches {target.site / module}" in told


@pytest.mark.parametrize(
    "path", ["a/b.pyc", "a/__pycache__/b.py", "__pycache__", "a/__pycache__/c/b.pyc", "a.py"]
)
def test_what_is_no_compiled_module(path):
    assert bytecode.module(path) is None


def test_module_at_the_top():
    assert bytecode.module("__pycache__/b.cpython-311.pyc") == "b.py"


def test_revert_gives_listed_bytecode_back(on_compiled, compiled_target, make):
    before = make.snapshot(compiled_target.site)
    assert is_valid(compiled_target, "alpha/core.py")
    for _ in range(2):
        assert on_compiled("apply").code == 0
        assert on_compiled("verify").code == 0
        assert on_compiled("revert").code == 0
        assert make.snapshot(compiled_target.site) == before
        assert is_valid(compiled_target, "alpha/core.py")


def test_bytecode_of_patched_modules_is_not_listed(on_compiled, compiled_target, make):
    (compiled,) = bytecode_of(compiled_target, "alpha/core.py")
    on_compiled("apply")
    assert not compiled.exists()
    assert bytecode_of(compiled_target, "alpha/core.py") == []
    assert bytecode_of(compiled_target, "alpha/__init__.py")
    # Python compiles the patched module; that is nobody's business, and `revert` takes it away.
    compile_all(compiled_target)
    assert compiled.exists()
    assert on_compiled("verify").code == 0
    assert on_compiled("apply").out.splitlines()[-1] == "stack 1.0: nothing to do"
    assert on_compiled("revert").code == 0
    assert is_valid(compiled_target, "alpha/core.py")
    assert not list((compiled_target.site / "alpha/__pycache__").glob("new.*"))


def test_module_that_a_new_patch_set_leaves_alone(
    on_compiled, compiled_target, project, make, tool, wheelhouse
):
    before = make.snapshot(compiled_target.site)
    on_compiled("apply")
    project.describe(["0002-feature-second.patch"], [])
    tool("refresh", "--artefacts", str(wheelhouse))
    assert on_compiled("apply").code == 0
    assert on_compiled("verify").code == 0
    assert is_valid(compiled_target, "alpha/core.py")
    assert bytecode_of(compiled_target, "alpha/core.py")[0].exists()
    assert bytecode_of(compiled_target, "alpha/old.py") == []
    on_compiled("revert")
    assert make.snapshot(compiled_target.site) == before


def test_missing_bytecode_stays_missing(on_compiled, compiled_target, make):
    (compiled,) = bytecode_of(compiled_target, "alpha/core.py")
    compiled.unlink()
    before = make.snapshot(compiled_target.site)
    on_compiled("apply")
    assert on_compiled("verify").code == 0
    on_compiled("revert")
    assert make.snapshot(compiled_target.site) == before


def test_saved_bytecode_is_verified(on_compiled, compiled_target):
    (compiled,) = bytecode_of(compiled_target, "alpha/core.py")
    on_compiled("apply")
    saved = compiled_target.info / "apply-patches/pristine/alpha/__pycache__" / compiled.name
    saved.write_bytes(b"")
    result = on_compiled("revert")
    assert result.code == 5
    assert f"{saved} does not hold the saved bytes" in result.err


def test_uninstall_leaves_nothing(on_compiled, compiled_target):
    on_compiled("apply")
    compile_all(compiled_target)
    compiled_target.pip("uninstall", "-y", "alpha")
    assert not [*compiled_target.site.glob("alpha*"), *compiled_target.site.glob("gamma*")]
