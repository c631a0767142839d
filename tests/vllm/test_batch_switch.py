"""The batch-size switch in a running engine."""

from specroll_speculation.batch_switch import VARIABLE
from vllm.config.sam import LENGTHS

from testing.engine import SAM, draft_counts, generate, model_runner
from testing.registry import needs

pytestmark = needs("drafts verified on a CPU")

THRESHOLD = 4


def test_crossing_the_threshold(start_engine, prompts):
    """Twelve prompts of different lengths end one after the other: off first, then on."""
    max_tokens = [20 + 10 * i for i in range(len(prompts))]
    plain = generate(start_engine(), prompts, max_tokens=max_tokens)

    engine = start_engine(SAM, threshold=THRESHOLD)
    runner = model_runner(engine)
    propose = runner.drafter.propose
    steps = []  # (requests in the batch, speculation active, draft tokens proposed)

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        active = runner.drafter.batch_switch.speculative_decoding_active
        steps.append((input_batch.num_reqs, active, sum(map(len, drafts))))
        return drafts

    runner.drafter.propose = recording
    assert generate(engine, prompts, max_tokens=max_tokens) == plain

    assert all(active == (size <= THRESHOLD) for size, active, _ in steps)
    assert not any(num_proposed for size, _, num_proposed in steps if size > THRESHOLD)
    assert max(size for size, _, _ in steps) == len(prompts)
    first_small = next(i for i, (size, _, _) in enumerate(steps) if i and size <= THRESHOLD)
    assert any(num_proposed for _, _, num_proposed in steps[first_small : first_small + 2])
    assert runner.drafter.batch_switch.num_switches == 2
    assert draft_counts(engine)[1] > 0


def test_the_automata_learn_while_speculation_is_off(start_engine, prompts):
    engine = start_engine(SAM, threshold=1)
    drafter = model_runner(engine).drafter
    steps = []  # (draft tokens proposed, tokens held)
    propose = drafter.propose

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        steps.append((sum(map(len, drafts)), drafter.drafter.num_tokens))
        return drafts

    drafter.propose = recording
    generate(engine, prompts, max_tokens=100)
    assert not any(drafted for drafted, _ in steps[:90])
    held = [size for _, size in steps[:90]]
    assert held[-1] - held[0] == len(prompts) * (len(held) - 1)


def test_drafts_are_fetched_only_while_there_can_be_some(start_engine, prompts):
    engine = start_engine(SAM, threshold=THRESHOLD)
    core = engine.llm_engine.engine_core.engine_core
    sizes = []  # requests in the batch, of every step
    fetches = []  # those of the steps after which drafts were fetched
    observe, fetch = (
        model_runner(engine).drafter.observe_batch,
        core.model_executor.take_draft_token_ids,
    )

    def observing(size, *longest):
        sizes.append(size)
        return observe(size, *longest)

    def fetching():
        fetches.append(sizes[-1])
        return fetch()

    model_runner(engine).drafter.observe_batch = observing
    core.model_executor.take_draft_token_ids = fetching
    generate(engine, prompts, max_tokens=[20 + 10 * i for i in range(len(prompts))])
    assert max(sizes) > THRESHOLD
    assert fetches == [size for size in sizes if size <= THRESHOLD]


@needs("draft lengths by batch size")
def test_upstreams_lengths_by_batch_size(start_engine, prompts, monkeypatch):
    """Three draft tokens for one or two requests, one for up to four, none above."""
    max_tokens = [20 + 10 * i for i in range(len(prompts))]
    plain = generate(start_engine(), prompts, max_tokens=max_tokens)
    monkeypatch.delenv(VARIABLE, raising=False)
    engine = start_engine({**SAM, LENGTHS: [[1, 2, 3], [3, 4, 1], [5, 64, 0]]})
    drafter = model_runner(engine).drafter
    propose = drafter.propose
    longest = {}  # draft tokens of a request, by requests in the batch

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        size = input_batch.num_reqs
        longest[size] = max(longest.get(size, 0), *map(len, drafts))
        return drafts

    drafter.propose = recording
    assert generate(engine, prompts, max_tokens=max_tokens) == plain
    assert [longest[size] for size in range(1, 6)] == [3, 3, 1, 1, 0]
    assert max(longest) == len(prompts)
