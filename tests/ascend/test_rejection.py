"""The rejection sampler gives, number for number, what the functions give whose place it takes."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch_npu  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from vllm_ascend.sample import rejection_sampler

from testing.npu_emulator.counting import counted
from testing.upstream_functions import upstream_functions
from tests.ascend.stacks import IS_0_11, STACK

LONGEST_DRAFT = 32


@pytest.fixture(scope="module")
def upstream():
    """The release's own functions, which call each other and not those that took their places."""
    path = "vllm_ascend/sample/rejection_sampler.py"
    return upstream_functions(STACK, "vllm_ascend", path, vars(rejection_sampler))


@pytest.fixture(scope="module", autouse=True)
def _verification_by_token():
    """The default configuration, which 0.23 asks for."""


@st.composite
def batches(draw, min_drafts=0):
    """A batch of drafts with the target's probabilities, and who is greedy and who has a seed."""
    num_drafts = draw(st.lists(st.integers(min_drafts, LONGEST_DRAFT), min_size=1, max_size=6))
    if not any(num_drafts):
        num_drafts[0] = 1
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    vocabulary = draw(st.integers(2, 40))
    num_tokens, num_requests = sum(num_drafts), len(num_drafts)
    sharpness = draw(st.sampled_from([0.0, 1.0, 10.0]))
    logits = sharpness * torch.randn(num_tokens, vocabulary, generator=generator).round(decimals=1)
    draft_probs = None
    if draw(st.booleans()):
        draft_probs = torch.randn(num_tokens, vocabulary, generator=generator).softmax(-1)
        draft_probs[torch.rand(num_tokens, vocabulary, generator=generator) < 0.1] = 0.0
    drafts = torch.randint(vocabulary, (num_tokens,), generator=generator, dtype=torch.int32)
    likely = torch.rand(num_tokens, generator=generator) < 0.7
    mode = draw(st.sampled_from(["greedy", "random", "mixed"]))
    is_greedy = torch.tensor(draw(st.lists(st.booleans(), min_size=num_requests, max_size=num_requests)))
    if mode != "mixed":
        is_greedy[:] = mode == "greedy"
    return SimpleNamespace(
        num_drafts=num_drafts,
        longest=max(num_drafts),
        cu_num=torch.tensor(num_drafts, dtype=torch.int32).cumsum(0, dtype=torch.int32),
        drafts=torch.where(likely, logits.argmax(-1).int(), drafts),
        draft_probs=draft_probs,
        logits=logits,
        probs=logits.softmax(-1, dtype=torch.float32),
        bonus=torch.randint(vocabulary, (num_requests, 1), generator=generator, dtype=torch.int32),
        is_greedy=is_greedy,
        seeded=draw(st.sets(st.integers(0, num_requests - 1))),
        vocabulary=vocabulary,
        numbers=generator,
    )


def on_device(batch):
    """The batch with its tensors on the device."""
    return SimpleNamespace(
        **{
            name: value.npu() if isinstance(value, torch.Tensor) else value
            for name, value in vars(batch).items()
        }
    )
