"""The registry alone names stacks and releases: a new release is a new `stack.toml`."""

import re
import subprocess

import pytest

from testing.registry import ROOT, stacks

# All that is no page for users and no part of a stack.
FOLDERS = ("bench", "ci", "demo", "overlay", "planner", "recipes", "testing", "tests", "tools")


def pattern():
    """A stack, also as it is spelt in a folder's name, or a release of a patched package."""
    names = {stack.name.replace(".", "[._]") for stack in stacks()}
    versions = {version for stack in stacks() for version in stack.distributions.values()}
    known = "|".join(sorted(names | set(map(re.escape, versions))))
    return re.compile(rf"(?<![\d.])({known})(?!\d)")


def tracked_files():
    command = ["git", "ls-files", "-z", "--", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def test_no_other_file_names_a_stack_or_a_release():
    named = pattern()
    content = {
        path: (ROOT / path).read_bytes().decode(errors="replace") for path in tracked_files()
    }
    assert [path for path, text in content.items() if named.search(f"{path}\n{text}")] == []


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_the_pattern_finds_every_spelling(stack):
    spellings = [stack.name, f"tests/e2e_{stack.name.replace('.', '_')}/conftest.py"]
    spellings += [f"vllm=={version}" for version in stack.distributions.values()]
    assert all(pattern().search(spelling) for spelling in spellings)
