"""The registry alone names stacks and releases: a new release is a new `stack.toml`."""

import re
import subprocess

import pytest

from testing.registry import ROOT, stacks

# All that is no page for users and no part of a stack.
FOLDERS = ("bench", "ci", "demo", "overlay", "planner", "recipes", "testing", "tests", "tools")


# Files that name one all the same, each with its reason; at most six.
REASONS = {
    "tests/tool/porting/test_traps.py": "what upstream changed between these releases",
}


def pinned_versions(stack):
    """Return every version of a patched distribution, further ones included."""
    return [version for versions in stack.distributions.values() for version in versions]


def pattern():
    """A stack, also as a folder spells it, or a release of a patched package, also in short."""
    names = {stack.name.replace(".", "[._]") for stack in stacks()}
    versions = {version for stack in stacks() for version in pinned_versions(stack)}
    short = {version.rpartition(".")[0] for version in versions if version.count(".") == 2}
    packages = {name.replace("-", "[-_ ]?") for stack in stacks() for name in stack.distributions}
    known = "|".join(sorted(names | set(map(re.escape, versions))))
    quoted = "|".join(sorted(map(re.escape, short)))
    of_package = "|".join(sorted(packages, reverse=True))
    return re.compile(
        rf"(?<![\d.])({known})(?!\d)"
        rf"|[\"']({quoted})(?=[\"' ])"
        rf"|\b({of_package})('s)?[ =<>-]+v?\d+\.\d+",
        re.IGNORECASE,
    )


def tracked_files():
    command = ["git", "ls-files", "-z", "--", *FOLDERS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def test_no_other_file_names_a_stack_or_a_release():
    named = pattern()
    content = {
        path: (ROOT / path).read_bytes().decode(errors="replace") for path in tracked_files()
    }
    found = {path for path, text in content.items() if named.search(f"{path}\n{text}")}
    assert found == REASONS.keys()
    assert len(REASONS) <= 6


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_the_pattern_finds_every_spelling(stack):
    spellings = [stack.name, f"tests/e2e_{stack.name.replace('.', '_')}/conftest.py"]
    spellings += [f"vllm=={version}" for version in pinned_versions(stack)]
    spellings += [f"the sampler of vLLM {version[:4]}" for version in pinned_versions(stack)]
    assert all(pattern().search(spelling) for spelling in spellings)
