"""Requests with one prompt draft from each other, now and in the next epoch."""

from itertools import pairwise

import pytest

from testing.engine import SAM, draft_counts, generate, model_runner
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

OWN_TEXT = {**SAM, "sam_share_prompts": False}
HISTORY = {**SAM, "sam_history_tokens": 5000}


@pytest.fixture
def staggered(prompts):
    """Three prompts, six times each, and how many tokens each request generates."""
    group = [prompt for prompt in prompts[3:6] for _ in range(6)]
    return group, [20 + 15 * (i % 6) for i in range(len(group))]


def first_drafted_tokens(engine):
    """A list, filled while the engine runs, of (text so far, first token of its draft)."""
    proposer = model_runner(engine).drafter
    propose = proposer.propose
    found = []

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        for row, draft in enumerate(drafts):
            if draft:
                length = input_batch.num_tokens_no_spec[row]
                found.append((input_batch.token_ids_cpu[row, :length].tolist(), draft[0]))
        return drafts

    proposer.propose = recording
    return found


def followed(text, token):
    """Whether `token` came somewhere in the text after the token that is newest now."""
    return (text[-1], token) in pairwise(text)


def test_groups_share_what_they_write(start_engine, staggered):
    """Few run at a time, so that late ones find what early ones wrote."""
    group, max_tokens = staggered
    plain = generate(start_engine(max_num_seqs=4), group, max_tokens)
    num_accepted = {}
    for name, speculation in (("own", OWN_TEXT), ("group", SAM)):
        engine = start_engine(speculation, max_num_seqs=4)
        drafted = first_drafted_tokens(engine)
        assert generate(engine, group, max_tokens) == plain
        assert all(followed(*draft) for draft in drafted) == (name == "own")
        num_accepted[name] = draft_counts(engine)[1]
    assert num_accepted["group"] > num_accepted["own"] > 0


def test_several_samples_of_one_prompt_share(start_engine, prompts):
    engine = start_engine(SAM, max_num_seqs=4)
    drafted = first_drafted_tokens(engine)
    sampled = generate(engine, [prompts[5]] * 12, max_tokens=40, temperature=1.0, seed=3)
    assert all(len(tokens) == 40 for tokens in sampled)
    assert not all(followed(*draft) for draft in drafted)


def epochs(engine, prompts):
    """Tokens, and accepted draft tokens, of two epochs of the same prompts."""
    tokens, num_accepted = [], [0]
    for _ in range(2):
        tokens.append(generate(engine, prompts, max_tokens=60))
        num_accepted.append(draft_counts(engine)[1])
    return tokens, num_accepted[1], num_accepted[2] - num_accepted[1]


def test_history_serves_the_next_epoch(start_engine, prompts):
    plain = generate(start_engine(), prompts, max_tokens=60)
    tokens, first, second = epochs(start_engine(SAM), prompts)
    assert tokens == [plain, plain]
    engine = start_engine(HISTORY)
    tokens, _, with_history = epochs(engine, prompts)
    assert tokens == [plain, plain]
    assert with_history > max(first, second)
    drafter = model_runner(engine).drafter.drafter
    assert 0 < drafter.num_history_tokens <= HISTORY["sam_history_tokens"]


def test_history_keeps_to_its_budget(start_engine, prompts):
    engine = start_engine({**SAM, "sam_history_tokens": 200})
    drafter = model_runner(engine).drafter.drafter
    for _ in range(3):
        generate(engine, prompts, max_tokens=30)
        generate(engine, prompts[:1], max_tokens=1)  # the step that tells of the finished ones
        assert drafter.num_history_tokens <= 200
        assert drafter.num_tokens <= 200 + len(prompts[0]) + 1
