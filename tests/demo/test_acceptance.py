"""Teacher-forced acceptance on recorded samples."""

import json
import lzma
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from bench import acceptance


def test_agreement_with_the_sample_is_accepted():
    text = np.array([1, 2, 3, 9, 1, 2, 3, 4], np.int32)
    drafts = {4: [1, 2, 7], 7: [4, 4, 4]}
    total = acceptance.Acceptance()
    acceptance.go_through(text, 4, lambda _, end: drafts.get(end, []), total)
    assert total == acceptance.Acceptance(tokens=4, steps=2, proposed=6, accepted=3)
    assert total.tokens_per_step == 2


def test_the_automaton_copies_the_latest_occurrence():
    drafter = acceptance.AutomatonDrafter(2)
    text = np.array([1, 2, 3, 1, 2], np.int32)
    assert drafter(text, 4) == [2, 3]
    assert drafter(text, 5) == [3, 1]


def test_a_long_repetition_is_a_loop():
    assert acceptance.loops(np.array([1, 2, 3] * 200, np.int32))
    assert not acceptance.loops(np.random.default_rng(0).integers(0, 50_000, 600, np.int32))


def test_a_trace_from_end_to_end(tmp_path):
    pytest.importorskip("mistral_common")
    pytest.importorskip("vllm")
    trace = tmp_path / "trace.jsonl.xz"
    row = {"prompt": "Count the legs.", "samples": ["A horse has 4 legs. A dog has 4 legs too."]}
    with lzma.open(trace, "wt") as file:
        file.write(json.dumps(row) + "\n")
    command = [sys.executable, acceptance.__file__, str(trace), "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert found["samples"] == 1
    assert found["methods"]["sam"]["tokens_per_step"] > 1


@pytest.mark.parametrize("line", ["no json", '{"prompt": "a"}', "[1]"])
def test_a_trace_that_is_none_is_refused(tmp_path, line):
    trace = tmp_path / "trace.jsonl"
    trace.write_text(line)
    result = CliRunner().invoke(acceptance.main, [str(trace)])
    assert result.exit_code == 2
    assert 'is not JSON lines with "prompt" and "samples"' in result.output.replace("\n", " ")
