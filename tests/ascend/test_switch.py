"""The batch-size switch in a running engine on an emulated device."""

from dataclasses import dataclass
from itertools import pairwise

from testing.engine import SAM, add_request, draft_counts, generate, model_runner, run

THRESHOLD = 4


@dataclass
class Step:
    """What one step of a model runner did.

    Attributes:
        num_requests: in the batch.
        is_active: the runner's flag.
        query_lengths: tokens computed for each request.
        num_verified: draft tokens among them.
        num_proposed: draft tokens for the next step.
        attention_state: name of what the runner told attention.
        num_tokens: tokens that the automata hold after it.
    """

    num_requests: int
    is_active: bool
    query_lengths: list[int]
    num_verified: int
    num_proposed: int
    attention_state: str
    num_tokens: int


def record_steps(runner):
    """A list, filled while the engine runs."""
    steps = []
    execute_model, propose = runner.execute_model, runner.drafter.propose
    scheduled = []

    def executing(scheduler_output, *arguments, **options):
        scheduled.append(scheduler_output)
        return execute_model(scheduler_output, *arguments, **options)

    def proposing(sampled_token_ids):
        drafts = propose(sampled_token_ids)
        steps.append(
            Step(
                num_requests=runner.input_batch.num_reqs,
                is_active=runner.drafter.proposer.batch_switch.speculative_decoding_active,
                query_lengths=list(scheduled[-1].num_scheduled_tokens.values()),
                num_verified=sum(map(len, scheduled[-1].scheduled_spec_decode_tokens.values())),
                num_proposed=sum(map(len, drafts)),
                attention_state=runner.attn_state.name,
                num_tokens=runner.drafter.proposer.drafter.num_tokens,
            )
        )
        return drafts

    runner.execute_model, runner.drafter.propose = executing, proposing
    return steps


def test_crossing_the_threshold_both_ways(start_engine, prompts, cpu_tokens):
    """Three requests draft; nine more switch speculation off until all but four have ended."""
    lengths = [100, 95, 90, *(10 + 3 * row for row in range(9))]
    engine = start_engine(SAM, threshold=THRESHOLD)
    steps = record_steps(model_runner(engine))
    requests = list(enumerate(zip(prompts, lengths, strict=True)))
    for row, (prompt, length) in requests[:3]:
        add_request(engine, str(row), prompt, length)
    tokens = run(engine, num_steps=20)
    for row, (prompt, length) in requests[3:]:
        add_request(engine, str(row), prompt, length)
    tokens |= run(engine)
    for row, (_, length) in requests:
        assert tokens[str(row)] == cpu_tokens[row][:length]

    assert all(step.is_active == (step.num_requests <= THRESHOLD) for step in steps)
    first_off = next(i for i, step in enumerate(steps) if not step.is_active)
    first_on = next(i for i in range(first_off, len(steps)) if steps[i].is_active)
    before, off, after = steps[:first_off], steps[first_off:first_on], steps[first_on:]
    assert sum(step.num_proposed for step in before) > 0
    # Drafts scheduled before are verified in the first step; then decoding is plain.
    assert before[-1].num_proposed == off[0].num_verified > 0
    assert not any(step.num_proposed for step in off)
    for previous, step in pairwise(off):
        assert step.num_verified == 0
        assert set(step.query_lengths) == {1}
        assert step.attention_state == "DecodeOnly"
        if step.num_requests == previous.num_requests:
            assert step.num_tokens - previous.num_tokens == step.num_requests
    assert all(step.is_active for step in after)
    assert sum(step.num_verified for step in after) > 0
    assert model_runner(engine).drafter.proposer.batch_switch.num_switches == 2
    assert draft_counts(engine)[1] > 0


def test_nothing_is_drafted_above_the_threshold(start_engine, prompts):
    engine = start_engine(SAM, threshold=1)
    steps = record_steps(model_runner(engine))
    generate(engine, prompts, max_tokens=30)
    assert len(steps) == 30
    assert not any(step.num_proposed or step.num_verified for step in steps)
