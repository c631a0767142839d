"""Answers: what the target makes of an accepted draft, and whether it is right."""

import json

import pytest
from spd.answers import Answers, Sample
from spd.checkers import CheckerError
from spd.completion import CompletionError, Endpoint

CONTEXT = [1, 2, 3, 4, 5]
MAX_TOKENS = 6


def sample(accepted, truth="", name="row 3", checker="operator:eq"):
    return Sample(CONTEXT, accepted, truth, checker, name)


def test_an_answer_is_the_accepted_draft_and_its_completion(endpoint, tokenizer):
    answers = Answers(endpoint, tokenizer, MAX_TOKENS)
    completion = endpoint.complete([[*CONTEXT, 7, 8]], MAX_TOKENS)[0]
    text = tokenizer.decode([7, 8, *completion], skip_special_tokens=True)
    assert answers.texts([sample([7, 8])]) == [text]
    assert answers.right([sample([7, 8], text), sample([7, 8], "other")]) == [True, False]


def test_a_draft_that_has_ended_is_not_completed(tokenizer):
    nowhere = Answers(Endpoint("http://127.0.0.1:9", retries=0), tokenizer, MAX_TOKENS)
    ended = [7, 8, tokenizer.eos_token_id]
    assert nowhere.texts([sample(ended)]) == [tokenizer.decode([7, 8])]
    assert nowhere.right([]) == []
    with pytest.raises(CompletionError, match="did not complete row 3: no connection"):
        nowhere.texts([sample(ended), sample([7, 8])])


def test_each_completion_goes_to_its_sample(stand_in, tokenizer):
    answered = json.dumps({"choices": [{"finish_reason": "length", "token_ids": [9]}]})
    ended = [7, tokenizer.eos_token_id]
    with stand_in((200, answered)) as (url, server):
        answers = Answers(Endpoint(url), tokenizer, MAX_TOKENS)
        texts = answers.texts([sample([]), sample(ended), sample([5]), sample([])])
    assert texts == [tokenizer.decode(tokens) for tokens in ([9], [7], [5, 9], [9])]
    assert sorted(body["prompt"] for body in server.asked) == [CONTEXT, [*CONTEXT, 5]]


def test_a_checker_that_does_not_exist(endpoint, tokenizer):
    with pytest.raises(CheckerError, match="there is no checker 'none'"):
        Answers(endpoint, tokenizer, MAX_TOKENS).right([sample([7], checker="none")])
