"""Completions of a real server, and what is said where there are none."""

import json
import time

import pytest
import torch
from spd.completion import CompletionError, Endpoint
from transformers import AutoModelForCausalLM

from testing.tiny_model import random_prompts

PROMPTS = [prompt for prompt in random_prompts() if len(prompt) < 90]
MAX_TOKENS = 12
ANSWER = {"choices": [{"finish_reason": "stop", "token_ids": [5, 6]}]}


def answered(**choice):
    return json.dumps({"choices": [{**ANSWER["choices"][0], **choice}]})


@pytest.fixture(scope="module")
def reference(tiny_model):
    """The tiny model in Transformers: the logits of a sequence."""
    model = AutoModelForCausalLM.from_pretrained(tiny_model)

    def logits(tokens):
        with torch.no_grad():
            return model(torch.tensor([tokens])).logits[0]

    return logits


def greedy(reference, prompt, end):
    tokens = list(prompt)
    while len(tokens) < len(prompt) + MAX_TOKENS and (tokens == prompt or tokens[-1] != end):
        tokens.append(int(reference(tokens)[-1].argmax()))
    return tokens[len(prompt) :]


def test_completions_are_the_models(endpoint, reference, tokenizer):
    found = endpoint.complete(PROMPTS, MAX_TOKENS)
    end = tokenizer.eos_token_id
    assert found == [greedy(reference, prompt, end) for prompt in PROMPTS]


def test_choices_are_the_most_probable_tokens(endpoint, reference):
    found = endpoint.choices(PROMPTS)
    for prompt, choices in zip(PROMPTS, found, strict=True):
        assert choices == reference(prompt)[:-1].argmax(-1).tolist()


def test_a_sequence_as_long_as_the_model_allows(endpoint):
    prompt = [index % 60 for index in range(128)]
    assert len(endpoint.choices([prompt])[0]) == 127


def test_samples_depend_on_the_seed_and_not_on_their_batch(endpoint):
    prompts = [PROMPTS[0]] * 4
    found = endpoint.complete(prompts, MAX_TOKENS, temperature=10.0, seed=3)
    assert len({tuple(tokens) for tokens in found}) == 4
    assert endpoint.complete(prompts[:2], MAX_TOKENS, temperature=10.0, seed=5) == found[2:]


def test_nothing_to_complete(endpoint):
    assert endpoint.complete([], MAX_TOKENS) == []
    assert endpoint.choices([]) == []


def test_a_cut_off_completion_is_one(endpoint):
    assert len(endpoint.complete([PROMPTS[0]], 1)[0]) == 1


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ([], "status 400: "),
        ([1] * 300, "status 400: This model's maximum context length is "),
        ([1, 99], "status 400: Token id 99 is out of vocabulary"),
    ],
)
def test_the_sample_that_a_server_refuses_is_named(endpoint, prompt, message):
    with pytest.raises(CompletionError) as caught:
        endpoint.complete([[1], prompt], MAX_TOKENS, names=["the first", "the second"])
    assert str(caught.value).startswith(f"{endpoint.url} did not complete the second: {message}")


def test_choices_for_too_short_a_sequence(endpoint):
    with pytest.raises(CompletionError, match="did not complete prompt 1: status 400"):
        endpoint.choices([[1, 2], [1]])


def test_a_model_that_is_not_served(endpoint):
    with pytest.raises(CompletionError, match="status 404: The model `other` does not exist"):
        Endpoint(endpoint.url, "other").complete([[1]], MAX_TOKENS)


def test_equal_prompts_are_sent_once(stand_in):
    with stand_in((200, answered())) as (url, server):
        assert Endpoint(f"{url}/v1/").complete([[1], [2], [1]], 9) == [[5, 6]] * 3
    assert sorted(body["prompt"] for body in server.asked) == [[1], [2]]
    assert {body["max_tokens"] for body in server.asked} == {9}


def test_a_server_that_is_busy_is_asked_again(stand_in):
    with stand_in((503, "later"), (200, answered())) as (url, server):
        assert Endpoint(url, "model").complete([[1]], 9) == [[5, 6]]
    assert [body["model"] for body in server.asked] == ["model"] * 2


@pytest.mark.parametrize(
    ("status", "text", "happened"),
    [
        (503, "out of memory", "status 503: out of memory"),
        (500, '{"error": {"message": "broken"}}', "status 500: broken"),
        (200, "hello", "the answer is not that of a vLLM server: hello"),
        (200, "{}", "the answer is not that of a vLLM server: {}"),
        (200, answered(token_ids=None), "the answer has no token ids"),
        (200, answered(token_ids=[]), "the answer has no token ids"),
        (200, answered(finish_reason="abort"), "it ended with finish reason 'abort'"),
    ],
)
def test_what_is_no_completion(stand_in, status, text, happened):
    with stand_in((status, text)) as (url, server):
        with pytest.raises(CompletionError) as caught:
            Endpoint(url, retries=1).complete([[1]], 9, names=["row 7"])
        assert str(caught.value).startswith(f"{url} did not complete row 7: {happened}")
    assert len(server.asked) == (1 if status == 200 else 2)


def test_choices_that_are_none(stand_in):
    refusal = pytest.raises(CompletionError, match="is not that of a vLLM server")
    with stand_in((200, answered())) as (url, _), refusal:
        Endpoint(url).choices([[1, 2]])


def test_a_server_that_does_not_answer_in_time(stand_in, monkeypatch):
    with stand_in((200, answered())) as (url, server):
        answer = server.answer
        server.answer = lambda body: time.sleep(0.5) or answer(body)
        with pytest.raises(CompletionError, match="prompt 0: no answer in time"):
            Endpoint(url, timeout_s=0.05, retries=1).complete([[1]], 9)


def test_a_server_that_is_not_there(stand_in):
    with stand_in((200, answered())) as (url, _):
        pass
    with pytest.raises(CompletionError, match=r"prompt 0: no connection .*refused"):
        Endpoint(url, retries=1).complete([[1]], 9)


def test_an_address_that_is_none():
    with pytest.raises(CompletionError, match="prompt 0: no connection"):
        Endpoint("http://[", retries=0).complete([[1]], 9)
