"""The model's folder: made once, whole or not at all."""

import json

import pytest
from click.testing import CliRunner

from testing import kept_folder
from testing.demo_model import __main__, model_folder


@pytest.fixture
def fills(monkeypatch):
    """Replace the training by something quick; collect the folders it was asked to fill."""
    filled = []

    def fill(folder):
        folder.mkdir()
        (folder / "about.json").write_text(json.dumps({"what": f"toy {len(filled)}"}))
        filled.append(folder)

    monkeypatch.setattr(model_folder, "_fill", fill)
    return filled


def test_a_model_is_made_once(tmp_path, fills):
    folder = tmp_path / "models" / "toy"
    assert model_folder.ensure(folder) == folder
    model_folder.ensure(folder)
    assert len(fills) == 1
    assert model_folder.facts(folder) == {"what": "toy 0"}


def test_force_makes_it_again(tmp_path, fills):
    model_folder.ensure(tmp_path / "toy")
    model_folder.ensure(tmp_path / "toy", force=True)
    assert len(fills) == 2
    assert model_folder.facts(tmp_path / "toy") == {"what": "toy 1"}


def test_a_failure_leaves_nothing_half_written(tmp_path, monkeypatch):
    def fail(folder):
        folder.mkdir()
        (folder / "config.json").write_text("{")
        raise RuntimeError("no more")

    monkeypatch.setattr(model_folder, "_fill", fail)
    with pytest.raises(RuntimeError):
        model_folder.ensure(tmp_path / "toy")
    assert [path.name for path in tmp_path.iterdir()] == ["toy.lock"]


@pytest.mark.usefixtures("fills")
def test_a_failure_keeps_the_model_that_was_there(tmp_path, monkeypatch):
    model_folder.ensure(tmp_path / "toy")
    monkeypatch.setattr(model_folder, "_fill", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model_folder.ensure(tmp_path / "toy", force=True)
    assert model_folder.facts(tmp_path / "toy") == {"what": "toy 0"}


def test_the_default_folder_is_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path))
    monkeypatch.setattr(kept_folder.importlib.metadata, "version", lambda _: "1")
    first = model_folder.default_folder()
    monkeypatch.setattr(kept_folder.importlib.metadata, "version", lambda _: "2")
    assert first.parent == tmp_path / "models"
    assert model_folder.default_folder() != first


@pytest.mark.usefixtures("fills")
def test_command_prints_path_and_facts(tmp_path):
    folder = tmp_path / "toy"
    plain = CliRunner().invoke(__main__.main, ["--folder", str(folder)])
    assert plain.output == f"path: {folder}\nwhat: toy 0\n"
    as_json = CliRunner().invoke(__main__.main, ["--folder", str(folder), "--json", "--force"])
    assert json.loads(as_json.output) == {"path": str(folder), "what": "toy 1"}


@pytest.mark.usefixtures("fills")
def test_command_with_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    outcome = CliRunner().invoke(__main__.main, ["--folder", str(tmp_path / "file" / "toy")])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: the demo model cannot be kept:")
