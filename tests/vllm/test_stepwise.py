"""A rollout that is stepped by hand gives the tokens of any other, and says what each step did."""

from bench.stepwise import Request, roll_out, roll_out_epochs, typical
from testing.engine import SAM, generate
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

THRESHOLD = 3


def test_steps_of_a_skewed_rollout(start_engine, prompts):
    group = [prompt for prompt in prompts[4:6] for _ in range(2)]
    lengths = [10, 80, 20, 60]
    plain = generate(start_engine(), group, lengths)
    engine = start_engine(SAM, threshold=THRESHOLD)
    sampling = {"temperature": 0.0, "ignore_eos": True, "detokenize": False}
    requests = [
        Request(prompt, {**sampling, "max_tokens": n})
        for prompt, n in zip(group, lengths, strict=True)
    ]
    for rollout in (roll_out(engine, requests), roll_out(engine, requests)):
        assert rollout.token_ids == plain
        assert sum(step.tokens for step in rollout.steps) == sum(lengths)
        assert [step.running for step in rollout.steps[:9]] == [4] * 9
        crowd = [step for step in rollout.steps if step.running > THRESHOLD]
        assert sum(step.draft_tokens for step in crowd) == 0
        assert sum(step.accepted_tokens for step in rollout.steps) > 0
        assert all(0 < step.drafter_seconds < step.seconds for step in rollout.steps)
        assert all(sum(step.drafted_at) == step.draft_tokens for step in rollout.steps)
        assert all(sum(step.accepted_at) == step.accepted_tokens for step in rollout.steps)
        assert rollout.steps[0].context_tokens == sum(map(len, group))
        assert rollout.steps[1].context_tokens == sum(map(len, group)) + len(group)
        assert rollout.steps[0].prompt_tokens > 0
        assert all(step.prompt_tokens == 0 for step in rollout.steps[1:])


def test_a_drafter_begins_each_round_anew_and_knows_its_epochs(start_engine, prompts):
    engine = start_engine({**SAM, "sam_history_tokens": 10_000}, threshold=THRESHOLD)
    sampling = {"temperature": 0.0, "ignore_eos": True, "detokenize": False, "max_tokens": 40}
    requests = [Request(prompts[4], sampling)]
    one, other = (roll_out_epochs(engine, [requests, requests]) for _ in range(2))
    for epoch in range(2):
        assert len(typical([one[epoch], other[epoch]]).steps) == len(one[epoch].steps)
    assert len(one[1].steps) < len(one[0].steps)
