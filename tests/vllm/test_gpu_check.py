"""The command for a GPU, on a CPU: what it finds, what it says, and what it refuses.

On a CPU its times mean nothing.
"""

import json
import subprocess
import sys

import pytest

from testing.registry import ROOT, require

require("a ledger of steps")
require("drafts verified on a CPU")


@pytest.fixture
def check(model_with_tokenizer, tmp_path, monkeypatch):
    """Runs the command on a tiny model, with few and short answers."""
    (tmp_path / "prompts").write_text("a b c d\ne f g h\n")
    # One process fewer for each engine: what it imports takes most of the time.
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")

    def run(*arguments, model=model_with_tokenizer):
        shape = ["--requests", "4", "--group", "2", "--shortest", "8", "--longest", "32"]
        given = [f"--model={model}", f"--prompts={tmp_path / 'prompts'}", *shape, *arguments]
        command = [sys.executable, "-m", "bench.gpu_check", *given]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    return run


def test_a_verdict_and_its_figures(check, tmp_path):
    outcome = check("--draft-lengths=3", "--engine-options", '{"max_num_seqs": 4}', "--json=-")
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    engines = found["engines"]
    assert list(engines)[:2] == ["none", "sam, 3 in every batch"]
    assert engines["none"]["draft_tokens"] == 0
    assert engines["sam, 3 in every batch"]["accepted_tokens"] > 0
    assert {engine["differing"] for engine in engines.values()} == {0}
    assert found["verdict"] in outcome.stderr
    assert found["recommended"]["num_speculative_tokens"] == 3
    assert found["left_out"] == []


def test_without_time_there_is_only_the_first_engine(check):
    outcome = check("--minutes=0", "--json=-")
    found = json.loads(outcome.stdout)
    assert list(found["engines"]) == ["none"]
    assert "No time was left for sam, 3 in every batch, sam, 7 in every batch." in outcome.stderr


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("./no-such-folder", [], "no-such-folder is not a folder with a model"),
        ("nobody/nothing", [], "there is no model nobody/nothing: name a folder, or a hub id"),
        (None, ["--engine-options", "[]"], "must be a JSON object, such as"),
        (None, ["--shortest=99"], "--shortest is more than --longest"),
    ],
)
def test_what_it_refuses(check, model_with_tokenizer, model, arguments, message):
    outcome = check(*arguments, model=model or model_with_tokenizer)
    assert outcome.returncode != 0
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_too_little_memory_is_a_sentence(check, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1000000")
    outcome = check()
    assert outcome.returncode == 1
    assert "does not fit the memory of this device" in outcome.stderr
    assert "Traceback" not in outcome.stderr
