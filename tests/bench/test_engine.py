"""The command: its JSON, its exit codes, and what it refuses."""

import json

import pytest
from click.testing import CliRunner

from bench import engine
from bench.lib.engines.turns import EngineSetting


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts"
    path.write_text('one and one\n\n{"prompt": "two"}\nthree\n')
    return path


@pytest.fixture
def compare(prompts, tmp_path, stand_in_vllm):
    """Run the command on three prompts with the stand-in for vLLM."""

    def run(*options):
        given = ["--model", str(tmp_path), "--prompts", str(prompts), "--batch", "2"]
        return CliRunner().invoke(engine.main, [*given, "--repeats", "2", *options])

    return run


def test_json_on_standard_output(compare):
    outcome = compare("--json", "-", "--threshold", "4", "--stack-name", "my stack")
    assert outcome.exit_code == 0
    found = json.loads(outcome.stdout)
    assert {key: found[key] for key in ("stack", "batch", "max_tokens", "threshold")} == {
        "stack": "my stack",
        "batch": 2,
        "max_tokens": 400,
        "threshold": 4,
    }
    assert found["num_speculative_tokens"] == 3
    assert list(found["methods"]) == ["none", "ngram", "sam"]
    assert set(found["methods"]["sam"]) == {
        "tokens_per_s",
        "speedup_over_none",
        "tokens_per_step",
        "mean_acceptance_length",
        "draft_acceptance_rate",
        "accepted_drafts",
        "identical_to_none",
        "rounds",
    }
    assert found["methods"]["sam"]["mean_acceptance_length"] == 2.5
    assert found["methods"]["none"]["mean_acceptance_length"] is None
    assert len(found["methods"]["none"]["rounds"]) == 2
    assert "tokens/s" in outcome.stderr


def test_json_in_a_file(compare, tmp_path):
    outcome = compare("--json", str(tmp_path / "result.json"), "--methods", "none,sam")
    assert outcome.exit_code == 0
    assert "tokens/s" in outcome.stdout
    assert list(json.loads((tmp_path / "result.json").read_text())["methods"]) == ["none", "sam"]
    assert not list(tmp_path.glob("*.tmp"))


def test_the_report_says_what_the_model_is(compare, tmp_path):
    (tmp_path / "about.json").write_text('{"what": "A toy."}')
    assert compare("--methods", "none").stdout.splitlines()[:2] == [f"Model: {tmp_path}", "A toy."]


def test_different_tokens_are_an_error(compare, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPARTS", "sam")
    monkeypatch.setattr(engine.token_differences, "logit_gaps", lambda *_: [0.25, 0.25])
    outcome = compare("--json", str(tmp_path / "result.json"), "--num-prompts", "2")
    assert outcome.exit_code == 1
    assert (
        "sam departs from none: prompt 1, position 2, token 112 instead of 111, logit gap 0.250000"
    ) in outcome.stdout
    sam = json.loads((tmp_path / "result.json").read_text())["methods"]["sam"]
    assert sam["identical_to_none"] is False
    assert sam["first_difference"] == {
        "prompt": 0,
        "position": 10,
        "reference_token": 101,
        "token": 102,
        "logit_gap": 0.25,
    }


@pytest.mark.parametrize("fault", ["FAILS_TO_START", "DIES"])
def test_an_engine_that_ends_early(compare, monkeypatch, tmp_path, fault):
    monkeypatch.setenv(fault, "ngram")
    outcome = compare("--json", str(tmp_path / "result.json"))
    assert outcome.exit_code == 1
    assert "Error: the engine of method ngram stopped with exit code" in outcome.stderr
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--methods", "ngram,sam"], "none must be one of them"),
        (["--methods", "none,eagle"], "unknown method 'eagle'"),
        (["--methods", "none,sam,sam"], "every method can be named only once"),
        (["--num-prompts", "4"], "has 3 prompts, not 4"),
        (["--batch", "0"], "0 is not in the range x>=1"),
        (["--json", "/nowhere/result.json"], "the folder of /nowhere/result.json does not exist"),
        (["--prompts", "/nowhere"], "'/nowhere' does not exist"),
        (["--model", "/nowhere"], "/nowhere is not a folder with a model"),
    ],
)
def test_bad_options(compare, options, sentence):
    outcome = compare(*options)
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\n\n", "has no prompts"),
        ('{"text": "one"}', "is not a JSON object with a prompt"),
        ('{"prompt": ', "is not a JSON object with a prompt"),
        ('{"prompt": 3}', "has a prompt that is not text"),
    ],
)
def test_bad_prompts(compare, prompts, text, sentence):
    prompts.write_text(text)
    outcome = compare()
    assert outcome.exit_code == 2
    assert sentence in outcome.stderr


def test_options_of_the_engines():
    setting = EngineSetting("model", 4, 5, 8, "float32")
    none, ngram, sam = map(setting.engine_options, ("none", "ngram", "sam"))
    assert none.arguments["speculative_config"] is None
    assert ngram.arguments["speculative_config"] == {
        "method": "ngram",
        "prompt_lookup_min": 2,
        "prompt_lookup_max": 5,
        "num_speculative_tokens": 5,
    }
    assert sam.arguments["speculative_config"] == {"method": "sam", "num_speculative_tokens": 5}
    assert sam.environment == {"VLLM_SPECULATIVE_BATCH_SIZE_THRE": "8"}
    assert sam.arguments["max_num_seqs"] == 4
