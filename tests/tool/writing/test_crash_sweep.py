"""The crash sweep, in short, and what it cannot see: in which order things reach the disk."""

import os
from pathlib import Path

import pytest
from specroll.writing import transaction

from testing import crash_sweep
from testing.file_system_steps import told

# Divides no number of steps, so that several runs of a file are hit at different places.
STRIDE = 7


@pytest.fixture
def scenarios(tmp_path):
    return crash_sweep.scenarios(tmp_path)


@pytest.mark.parametrize("way", crash_sweep.WAYS)
@pytest.mark.parametrize("number", range(crash_sweep.NUMBER_OF_SCENARIOS))
def test_no_tree_is_torn(scenarios, tmp_path, number, way):
    outcome = crash_sweep.sweep(scenarios[number], way, tmp_path / "work", STRIDE)
    assert (outcome.steps > 10, outcome.torn) == (True, 0)


@pytest.mark.parametrize("number", range(crash_sweep.NUMBER_OF_SCENARIOS))
def test_no_tree_is_torn_by_recovery(scenarios, tmp_path, number):
    outcome = crash_sweep.sweep_recovery(scenarios[number], "SIGKILL", tmp_path / "work", STRIDE)
    assert (outcome.steps > 10, outcome.torn) == (True, 0)


def test_torn_trees_are_seen(scenarios, tmp_path, monkeypatch):
    monkeypatch.setattr(transaction, "recover", lambda home: None)
    outcome = crash_sweep.sweep(scenarios[0], "os._exit", tmp_path / "work", STRIDE)
    assert outcome.torn > 5


@pytest.fixture(params=range(crash_sweep.NUMBER_OF_SCENARIOS))
def steps(request, scenarios):
    """Name and path of each step, relative to the tree."""
    scenario = scenarios[request.param]
    found = []
    with told(lambda name, path: found.append((name, os.path.relpath(path, scenario.start)))):
        scenario.command(scenario.start)
    return [
        step for step in found if step[1] not in (".", transaction.LOCK_FILE) or "sync" in step[0]
    ]


def parent(path):
    return Path(path).parent.as_posix()


def commit_of(steps):
    return steps.index(("fsync", ".apply-patches/commit"))


def test_staged_files_reach_the_disk_before_the_commit_record(steps):
    before = steps[: steps.index(("open", ".apply-patches/commit"))]
    made = [at for at, (name, _) in enumerate(before) if name in ("open", "mkdir", "replace")]
    assert len(made) >= 5
    for at in made:
        name, path = before[at]
        if name == "open":
            last = max(later for later, step in enumerate(before) if step == ("write", path))
            assert ("fsync", path) in before[last:]
        assert ("fsync", parent(path)) in before[at:]


def test_commit_record_reaches_the_disk_before_anything_is_replaced(steps):
    replaced = [at for at, (name, path) in enumerate(steps) if name == "replace"]
    # The first one gives the journal its name.
    assert replaced[0] < commit_of(steps)
    folder = steps.index(("fsync", ".apply-patches"), commit_of(steps))
    assert commit_of(steps) < folder < replaced[1]
    removed = [at for at, (name, path) in enumerate(steps) if name == "unlink" and ".py" in path]
    assert all(at > folder for at in removed)


def test_replaced_files_reach_the_disk_before_the_journal_goes(steps):
    gone = steps.index(("unlink", ".apply-patches/journal.json"))
    changes = [
        (at, parent(path))
        for at, (name, path) in enumerate(steps)
        if name in ("replace", "unlink", "rmdir") and commit_of(steps) < at < gone
    ]
    assert len(changes) > 5
    synced = [(at, path) for at, (name, path) in enumerate(steps[:gone]) if name == "fsync"]
    exists = {path for _, path in synced}
    for at, folder in changes:
        assert folder not in exists or any(s > at and path == folder for s, path in synced)
    assert ("unlink", ".apply-patches/commit") in steps[gone:]
