"""Imports point one way: the contracts of pyproject.toml hold."""

import os
import subprocess
import sys

from testing.registry import ROOT

FOLDERS = os.pathsep.join(str(ROOT / folder) for folder in ("tools", "overlay", "."))
# In a process of its own: the linter switches off the loggers that are there before it.
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(*arguments):
    """Run the linter on this tree; how it ended."""
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": FOLDERS},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_are_kept():
    outcome = lint()
    assert "0 broken" in outcome.stdout, outcome.stdout
    assert outcome.returncode == 0


def test_a_broken_contract_is_seen(tmp_path):
    """The linter reads this tree, and not another that is on the path."""
    contract = tmp_path / "contract.toml"
    contract.write_text(
        '[tool.importlinter]\nroot_packages = ["bench", "testing"]\n'
        "[[tool.importlinter.contracts]]\n"
        'name = "no"\ntype = "forbidden"\n'
        'source_modules = ["bench"]\nforbidden_modules = ["testing"]\n'
    )
    outcome = lint(contract)
    assert outcome.returncode != 0
    assert "bench is not allowed to import testing" in outcome.stdout
