"""Engines sample the same tokens with our rejection sampler as with upstream's."""

from itertools import cycle

from vllm import SamplingParams

from testing.engine import NGRAM, draft_counts
from tests.rejection.functions import ours, upstream

# In turn, so that most steps verify all of them.
SAMPLING = [
    {"temperature": 0.0},
    {"temperature": 0.7, "top_p": 0.9, "seed": 3},
    {"temperature": 0.5, "top_k": 10},
]


def sampled(engine, prompts):
    parameters = [
        SamplingParams(max_tokens=40, ignore_eos=True, detokenize=False, **sampling)
        for sampling, _ in zip(cycle(SAMPLING), prompts, strict=False)
    ]
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    outputs = engine.generate(requests, parameters, use_tqdm=False)
    return [list(output.outputs[0].token_ids) for output in outputs]


def test_sampled_tokens(start_engine, prompts, monkeypatch):
    engine = start_engine(NGRAM)
    found = sampled(engine, prompts)
    assert draft_counts(engine)[1] > 0
    for name, function in vars(upstream).items():
        monkeypatch.setattr(ours, name, function)
    assert sampled(start_engine(NGRAM), prompts) == found
