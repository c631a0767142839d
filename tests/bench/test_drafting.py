"""The grid of costs: what a cell measures, and what is asked of it."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench import drafting
from bench.lib.samples import streams


@pytest.fixture
def only_ours(monkeypatch):
    monkeypatch.setattr(drafting.peers, "installed", lambda package: package == "sam_drafting")


def test_lengths_grow_by_one_to_four_tokens():
    lengths = drafting.growing_lengths(1000, 5).reshape(-1, 5)
    steps = np.diff(lengths, axis=0, prepend=1000)
    assert set(steps.flat) == {1, 2, 3, 4}


def test_sixteen_rows_share_a_prompt():
    rows = np.arange(20 * 1000, dtype=np.int32).reshape(20, 1000)
    grouped = drafting.grouped(rows)
    prompts = grouped[:, : drafting.PROMPT_TOKENS]
    assert (prompts[:16] == rows[0, : drafting.PROMPT_TOKENS]).all()
    assert (prompts[16:] == rows[16, : drafting.PROMPT_TOKENS]).all()
    assert (grouped[:, drafting.PROMPT_TOKENS :] == rows[:, drafting.PROMPT_TOKENS :]).all()


def test_what_does_not_fit_sits_out(only_ours):
    assert {method.name for method in drafting.fitting(1)} == {"sam", "sam groups", "automaton"}
    assert drafting.fitting(1 << 60) == []


def test_a_cell(only_ours):
    found = drafting.measure(streams.synthetic(), context=256, batch=3)
    assert [run["method"] for run in found] == ["sam", "sam groups", "automaton"]
    for run in found:
        assert run["step_us"] > 0
        assert run["times_cheaper_than_ngram"] is None
        assert run["bytes_per_token"] > 4


def test_targets_are_those_of_measured_cells():
    found = {"context": 4096, "batch": 128, "bytes_per_token": 50}
    runs = [
        {**found, "method": "sam", "times_cheaper_than_ngram": 3.0},
        {**found, "method": "automaton", "times_cheaper_than_ngram": 3.0},
    ]
    checked = {each["method"]: each for each in drafting.targets(runs)}
    assert not checked["sam"]["is_met"]
    assert checked["automaton"]["is_met"]
    assert len(checked) == 2


def test_a_target_at_most():
    run = {"context": 32768, "batch": 128, "method": "sam", "bytes_per_token": 61.0}
    (checked,) = drafting.targets([run])
    assert not checked["is_met"]
    (checked,) = drafting.targets([{**run, "bytes_per_token": 60.0}])
    assert checked["is_met"]


def test_the_command(only_ours, monkeypatch, tmp_path):
    monkeypatch.setattr(drafting, "QUICK_CONTEXTS", (256,))
    monkeypatch.setattr(drafting, "QUICK_BATCHES", (1, 2))
    target = tmp_path / "found.json"
    command = ["--quick", "--json", str(target), "--plots", str(tmp_path)]
    result = CliRunner().invoke(drafting.main, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "sam groups" in result.output
    written = json.loads(target.read_text())
    assert len(written["runs"]) == 6
    assert written["stream"] == "synthetic"
    assert len(list(tmp_path.glob("*.png"))) == 2


def test_windows_go_round():
    rows = streams.windows(np.arange(10, dtype=np.int32), 2, 8)
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7], [5, 6, 7, 8, 9, 0, 1, 2]]


def test_a_synthetic_stream_is_the_same_every_time():
    stream = streams.synthetic()
    assert len(stream) == streams.STREAM_LENGTH
    assert stream.min() >= 0
    assert (stream == streams.synthetic()).all()


def test_a_recorded_stream(letters, write_trace, monkeypatch):
    samples = ["looping " * 1000, "one", "two"]
    name = next(iter(streams.traces.TRACES))
    folder = write_trace(name, [{"prompt": "p", "samples": samples}])
    assert "".join(map(chr, streams.recorded(folder))) == "onetwo"
