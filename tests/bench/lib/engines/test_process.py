"""Engine processes: they answer, and their end is told in one sentence."""

import pytest

from bench.lib.engines.process import EngineError, EngineOptions, EngineProcess, Generation

OPTIONS = EngineOptions({"speculative_config": {"method": "sam"}})


@pytest.fixture
def log(tmp_path):
    return tmp_path / "engine.log"


@pytest.mark.usefixtures("stand_in_vllm")
def test_an_engine_answers_and_counts(log):
    with EngineProcess("sam", OPTIONS, log) as engine:
        engine.wait_until_ready()
        engine.generate(["warm", "up"], 9)
        generation = engine.generate(["ab", "abcd"], 3)
    assert generation.token_ids == [[97, 98], [97, 98, 99]]
    assert generation.tokens == 5
    assert generation.seconds > 0
    counted = (generation.drafts, generation.draft_tokens, generation.accepted_tokens)
    assert counted == (20, 60, 30)


@pytest.mark.usefixtures("stand_in_vllm")
def test_chatter_goes_to_the_log(log, capfd):
    with EngineProcess("sam", OPTIONS, log) as engine:
        engine.wait_until_ready()
    assert "arguments" not in capfd.readouterr().out


@pytest.mark.usefixtures("stand_in_vllm")
def test_an_engine_that_does_not_start(log):
    options = EngineOptions(OPTIONS.arguments, {"FAILS_TO_START": "sam"})
    sentence = r"(?s)engine of method sam stopped with exit code 1.*RuntimeError: no kernel for sam"
    with EngineProcess("sam", options, log) as engine, pytest.raises(EngineError, match=sentence):
        engine.wait_until_ready()


@pytest.mark.usefixtures("stand_in_vllm")
def test_an_engine_that_dies_at_work(log):
    options = EngineOptions(OPTIONS.arguments, {"DIES": "sam"})
    with EngineProcess("sam", options, log) as engine:
        engine.wait_until_ready()
        with pytest.raises(EngineError, match=r"(?s)exit code 3.*about to die"):
            engine.generate(["ab"], 3)
        with pytest.raises(EngineError, match="exit code 3"):
            engine.generate(["ab"], 3)


def test_joined_generations():
    one = Generation(1.0, [[1]], [[5, 6]], 1, 3, 2)
    two = Generation(0.5, [[2]], [[7]], 2, 5, 1)
    assert Generation.joined([one, two]) == Generation(1.5, [[1], [2]], [[5, 6], [7]], 3, 8, 3)
