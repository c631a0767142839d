"""Sampling with drafts follows the target model's own distribution.

Thousands of short samples at fixed prompts, against the probabilities that transformers computes:
chi-square over the sequences that are frequent enough, all others in one class. Each test is also
made against a distribution that is wrong by little, which it must tell apart.
"""

import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM

from testing.engine import SAM, draft_counts, generate
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

NUM_SAMPLES = 4000
NUM_TOKENS = 3
MIN_EXPECTED = 8
REJECTED, NOT_REJECTED = 1e-6, 1e-3


@pytest.fixture(scope="module")
def reference(target_model):
    """The target model in transformers."""
    return AutoModelForCausalLM.from_pretrained(target_model, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def repetitive_prompts(reference):
    """Texts that the model itself wrote, so that copies of them are often right."""
    found = []
    for start in ([5, 9, 14], [40, 3, 22, 8]):
        ids = torch.tensor([start])
        with torch.no_grad():
            text = reference.generate(ids, max_new_tokens=90, do_sample=False, eos_token_id=None)
        found.append(text[0].tolist())
    return found


@torch.no_grad()
def next_token_probabilities(reference, sequences, temperature, top_p):
    """[len(sequences), vocabulary] probabilities after equally long sequences, in float64."""
    logits = reference(torch.tensor(sequences)).logits[:, -1].double()
    probabilities = torch.softmax(logits / temperature, dim=-1)
    ordered, indices = probabilities.sort(dim=-1, descending=True)
    outside = ordered.cumsum(dim=-1) - ordered >= top_p
    ordered[outside] = 0.0
    probabilities = torch.zeros_like(probabilities).scatter(-1, indices, ordered)
    return probabilities / probabilities.sum(dim=-1, keepdim=True)


def sequence_probabilities(reference, prompt, temperature, top_p):
    """Probability of each continuation by `NUM_TOKENS` that is frequent enough to be counted."""
    continuations = {(): 1.0}
    for _ in range(NUM_TOKENS):
        keys = list(continuations)
        rows = next_token_probabilities(
            reference, [prompt + list(key) for key in keys], temperature, top_p
        )
        continuations = {
            (*key, token): continuations[key] * probability
            for key, row in zip(keys, rows.tolist(), strict=True)
            for token, probability in enumerate(row)
            if continuations[key] * probability * NUM_SAMPLES >= MIN_EXPECTED
        }
    return continuations


def p_value(samples, probabilities):
    """Chi-square of the samples against the probabilities and one class for all the rest."""
    observed = dict.fromkeys([*probabilities, "rest"], 0)
    for sample in map(tuple, samples):
        observed[sample if sample in probabilities else "rest"] += 1
    expected = {key: p * len(samples) for key, p in probabilities.items()}
    expected["rest"] = len(samples) - sum(expected.values())
    if expected["rest"] < MIN_EXPECTED:  # too small a class: to the least frequent sequence
        rarest = min(probabilities, key=probabilities.get)
        for counts in (observed, expected):
            counts[rarest] += counts.pop("rest")
    return chisquare(list(observed.values()), list(expected.values())).pvalue


@pytest.mark.parametrize(
    ("temperature", "top_p", "wrong_temperature"), [(0.7, 1.0, 0.8), (1.0, 0.9, 0.9)]
)
def test_samples_follow_the_target_model(
    start_engine, reference, repetitive_prompts, temperature, top_p, wrong_temperature
):
    engine = start_engine(SAM, threshold=0)
    for prompt in repetitive_prompts:
        samples = generate(
            engine,
            [prompt] * NUM_SAMPLES,
            temperature=temperature,
            top_p=top_p,
            max_tokens=NUM_TOKENS,
        )
        right = sequence_probabilities(reference, prompt, temperature, top_p)
        wrong = sequence_probabilities(reference, prompt, wrong_temperature, top_p)
        assert len(right) >= 5
        assert p_value(samples, right) > NOT_REJECTED
        assert p_value(samples, wrong) < REJECTED
    assert draft_counts(engine)[1] > 0
