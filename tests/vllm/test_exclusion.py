"""Which requests get no drafts, and that the log says why."""

import pytest

from testing.registry import require

require("our own draft exclusions")

from vllm import SamplingParams
from vllm.v1.spec_decode import exclusion
from vllm.v1.spec_decode.utils import is_spec_decode_unsupported


@pytest.fixture
def warnings(monkeypatch):
    """Arguments of each warning."""
    found = []
    monkeypatch.setattr(exclusion.logger, "warning_once", lambda *parts: found.append(parts))
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"frequency_penalty": 0.5},
        {"presence_penalty": -0.5},
        {"repetition_penalty": 1.1},
        {"min_p": 0.1},
        {"min_tokens": 2},
        {"logit_bias": {3: 1.0}},
        {"allowed_token_ids": [1, 2]},
        {"bad_words": ["no"]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_option_that_verification_ignores_excludes(options, warnings):
    assert is_spec_decode_unsupported(SamplingParams(**options))
    ((text, option),) = warnings
    assert option == next(iter(options))
    assert "get no drafts" in text % option


@pytest.mark.parametrize(
    "options",
    [{}, {"logprobs": 0}, {"logprobs": 5}, {"temperature": 0.7, "top_k": 9, "top_p": 0.8}],
)
def test_what_verification_honours_does_not_exclude(options, warnings):
    assert not is_spec_decode_unsupported(SamplingParams(**options, seed=1))
    assert not warnings


def test_the_input_batch_knows_excluded_requests(make_batch):
    batch = make_batch(
        [([1, 2], SamplingParams(logprobs=0)), ([1, 2], SamplingParams(min_tokens=2))]
    )
    assert batch.spec_decode_unsupported_reqs == {"request-1"}
