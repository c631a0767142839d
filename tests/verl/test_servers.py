"""What verl's servers generate with SAM: the tokens and probabilities of the policy."""

from collections import Counter

from testing.registry import require

require("rollouts by server replicas")

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoConfig, AutoModelForCausalLM
from vllm import SamplingParams

from bench.rollout_servers import ServerSetting, running_servers
from bench.stepwise import Request
from bench.surprisal import LARGEST_Z, Policy, Sampling, measured
from testing.tiny_model import random_prompts

REPLICAS = 2
SAMPLES = 2_000
SIGNIFICANCE = 1e-4
FEWEST_EXPECTED = 5


@pytest.fixture(scope="module")
def servers(policy):
    """Two replicas behind verl's client, which draft in every step."""
    context = AutoConfig.from_pretrained(policy).max_position_embeddings
    setting = ServerSetting(str(policy), 64, context, 3, threshold=0, replicas=REPLICAS)
    with running_servers(setting, ["sam"]) as running:
        yield running["sam"]


@pytest.fixture(scope="module")
def reference(policy):
    """The policy in float32, as transformers runs it."""
    return AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32).eval()


def log_probs(model, token_ids):
    """Log-probabilities of every next token, [tokens, vocabulary]."""
    with torch.no_grad():
        return model(torch.tensor([token_ids])).logits[0].log_softmax(-1)


def test_a_greedy_step_is_that_of_an_engine_without_speculation(servers, policy, start_engine):
    prompts = [prompt for prompt in random_prompts() for _ in range(4)]
    sampling = [
        {"temperature": 0.0, "max_tokens": min(10 + 7 * i, 200), "ignore_eos": True}
        for i in range(len(prompts))
    ]
    rollout = servers.roll_out([*map(Request, prompts, sampling)])

    plain = start_engine(policy).generate(
        [{"prompt_token_ids": prompt} for prompt in prompts],
        [SamplingParams(**options) for options in sampling],
        use_tqdm=False,
    )
    assert rollout.token_ids == [list(answer.outputs[0].token_ids) for answer in plain]
    assert rollout.total("accepted_tokens") > 0


def test_groups_meet_in_one_server_and_servers_share_the_load(servers):
    prompts = [[i, i + 1, i + 2] for i in range(12) for _ in range(4)]
    sampling = {"temperature": 1.0, "max_tokens": 8, "ignore_eos": True}
    placed = servers.placements([Request(prompt, sampling) for prompt in prompts])
    of_prompt = {}
    for prompt, server in zip(prompts, placed, strict=True):
        assert of_prompt.setdefault(tuple(prompt), server) == server
    load = Counter(placed)
    assert len(load) == REPLICAS
    assert max(load.values()) - min(load.values()) <= 4


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampled_tokens_follow_the_policy(servers, reference, temperature):
    # The prompt repeats itself: there is a draft for the second token and those after it.
    prompt = random_prompts()[1] * 8
    sampling = {"temperature": temperature, "max_tokens": 3, "ignore_eos": True}
    rollout = servers.roll_out([Request(prompt, sampling)] * SAMPLES)
    assert rollout.total("accepted_tokens") > 0
    assert rollout.total("draft_tokens") > rollout.total("accepted_tokens")
    for position in range(3):
        before = Counter(tuple(tokens[:position]) for tokens in rollout.token_ids)
        likeliest, count = before.most_common(1)[0]
        drawn = Counter(
            tokens[position]
            for tokens in rollout.token_ids
            if tuple(tokens[:position]) == likeliest
        )
        logits = log_probs(reference, [*prompt, *likeliest])[-1] / temperature
        assert_drawn_from(logits.softmax(-1).double().numpy(), drawn, count)


def assert_drawn_from(probabilities, drawn, count):
    """Compare by chi-square, with rare tokens as one."""
    observed = np.array([drawn[token] for token in range(len(probabilities))], float)
    assert observed.sum() == count
    expected = probabilities * count
    often = expected >= FEWEST_EXPECTED
    bins = np.append(observed[often], observed[~often].sum())
    hoped = np.append(expected[often], expected[~often].sum())
    if hoped[-1] < FEWEST_EXPECTED:
        bins = np.append(bins[:-2], bins[-2:].sum())
        hoped = np.append(hoped[:-2], hoped[-2:].sum())
    assert len(bins) > 1, "the policy has but one likely token here: nothing is tested"
    assert chisquare(bins, hoped * bins.sum() / hoped.sum()).pvalue > SIGNIFICANCE


def test_what_is_written_surprises_the_policy_as_its_entropy_says(servers, policy):
    sampling = Sampling(group=16, repeats=1, longest=80, temperature=0.8)
    prompts = [prompt[:40] for prompt in random_prompts()]
    found = measured(Policy(str(policy)), {"sam": servers}, prompts, sampling)["sam"]
    assert found["accepted_drafts"] > 0
    assert found["tokens"] > 5_000
    assert abs(found["z"]) < LARGEST_Z


def test_log_probs_of_accepted_tokens_are_the_policys(servers, reference):
    prompts = [prompt[:40] for prompt in random_prompts()]
    sampling = {"temperature": 1.0, "max_tokens": 60, "ignore_eos": True, "logprobs": True}
    rollout = servers.roll_out([Request(prompt, sampling) for prompt in prompts])
    assert rollout.total("accepted_tokens") > 0
    answers = zip(prompts, rollout.token_ids, rollout.log_probs, strict=True)
    for prompt, tokens, served in answers:
        expected = log_probs(reference, [*prompt, *tokens])[len(prompt) - 1 : -1]
        expected = expected.gather(1, torch.tensor(tokens)[:, None])[:, 0]
        assert torch.allclose(torch.tensor(served), expected, rtol=0, atol=1e-5)
