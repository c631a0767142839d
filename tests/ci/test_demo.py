"""What `ci/demo` says and refuses before it builds anything."""

import subprocess
import sys

import pytest

from testing.registry import ROOT, default_stack


def demo(*arguments):
    command = [sys.executable, ROOT / "ci/demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_an_unknown_demo_is_refused():
    result = demo("dance")
    assert result.returncode == 1
    assert result.stderr == "ci/demo: there is no demo 'dance'; there are: sam, rl, spd\n"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--bach", "4"], "sam has no option --bach"),
        (["sam", "--seeds=1"], "sam has no option --seeds"),
        (["spd", "--json", "-", "--batch", "4"], "spd has no option --batch"),
    ],
)
def test_an_unknown_option_is_refused_before_anything_is_built(cache, arguments, fault):
    result = demo(*arguments)
    assert result.returncode == 2
    assert result.stderr == f"ci/demo: {fault}; see ci/demo --help\n"
    assert not cache.exists()


def test_it_helps_without_building_anything(cache):
    result = demo("--help")
    assert result.returncode == 0
    assert "--num-speculative-tokens N" in result.stdout
    assert "--penalty X" in result.stdout
    assert f"real vLLM engines (stack {default_stack().name})" in result.stdout
    assert not cache.exists()
