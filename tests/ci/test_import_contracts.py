"""Imports point one way: the contracts of pyproject.toml hold."""

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from testing.registry import ROOT


def test_the_contracts_are_kept(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None, no_cache=True, no_logo=True) == EXIT_STATUS_SUCCESS


def test_a_broken_contract_is_seen(monkeypatch, tmp_path, capsys):
    """The linter reads this tree, and not another that is on the path."""
    monkeypatch.chdir(ROOT)
    contract = tmp_path / "contract.toml"
    contract.write_text(
        '[tool.importlinter]\nroot_packages = ["bench", "testing"]\n'
        "[[tool.importlinter.contracts]]\n"
        'name = "no"\ntype = "forbidden"\n'
        'source_modules = ["bench"]\nforbidden_modules = ["testing"]\n'
    )
    assert lint_imports(config_filename=str(contract), no_cache=True) != EXIT_STATUS_SUCCESS
    assert "bench is not allowed to import testing" in capsys.readouterr().out
