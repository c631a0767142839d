"""A rollout event by event: by hand, in closed form, and against stepping one by one."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.acceptance_profile import AcceptanceProfile
from planner.cost_model import LinearCost, Load
from planner.simulation import EngineShape, Speculation, dealt, simulate

COST = LinearCost(
    step=1.0,
    request=0.1,
    context_token=0.001,
    prompt_token=0.01,
    draft_token=0.05,
    verification=0.2,
    followed=0.01,
)
FREE = LinearCost(step=1.0)
ONE_MORE = AcceptanceProfile([1.0], [1.0])
WIDE = EngineShape(max_num_seqs=1000)

GROUPS = st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=6), min_size=1, max_size=6)
SHAPES = st.builds(EngineShape, st.integers(1, 40), st.integers(0, 50), st.booleans())


def speculating(threshold, accepted=0.5, drafted=1.0, places=2):
    return Speculation(threshold, AcceptanceProfile([drafted] * places, [accepted] * places))


def stepped(groups, shape, cost):
    """Do without speculation as the simulation does, one step at a time."""
    queue = [(length, i == 0) for group in groups for i, length in enumerate(group)]
    running, seconds, steps = [], 0.0, 0
    while queue or running:
        admitted = [queue.pop(0) for _ in range(min(len(queue), shape.max_num_seqs - len(running)))]
        computed = sum(is_first or not shape.prefix_caching for _, is_first in admitted)
        running += [[length, 0] for length, _ in admitted]
        context = sum(shape.prompt_tokens + done for _, done in running)
        seconds += cost.seconds(Load(len(running), context, computed * shape.prompt_tokens))
        steps += 1
        running = [[length, done + 1] for length, done in running if done + 1 < length]
    return seconds, steps


def test_a_small_rollout_by_hand():
    speculation = Speculation(1, ONE_MORE)
    timeline = simulate([[2, 8]], WIDE, LinearCost(1.0, draft_token=0.5), speculation)
    # Two steps for both, the second of which ends the first answer; six tokens are left of the
    # other, which gets two a step.
    assert timeline.running == [2, 2, 1]
    assert timeline.steps == [1, 1, 3]
    assert timeline.seconds == [1.0, 1.0, 4.5]
    assert timeline.tokens == [2, 2, 6]
    assert timeline.tail(1).total_seconds == 4.5
    assert timeline.tail(1).tokens_per_step == 2
    assert timeline.tail(0).total_seconds == timeline.total_seconds == 6.5


def test_requests_wait_for_a_place():
    timeline = simulate([[3, 1], [2]], EngineShape(2, 10), COST, None)
    assert timeline.running == timeline.tokens == [2, 2, 2]
    assert timeline.seconds[0] == pytest.approx(1 + 0.2 + 0.02 + 0.1)
    # The second prompt is computed while the first answer goes on.
    assert timeline.seconds[1] == pytest.approx(1 + 0.2 + 0.021 + 0.1)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 200), st.integers(0, 30))
def test_answers_of_one_length_in_closed_form(requests, length, prompt):
    shape = EngineShape(max_num_seqs=50, prompt_tokens=prompt)
    timeline = simulate([[length] * requests], shape, COST, None)
    contexts = requests * (prompt * length + (length - 1) * length / 2)
    expected = length * (1 + 0.1 * requests) + 0.001 * contexts + 0.01 * prompt
    assert timeline.total_seconds == pytest.approx(expected)


@settings(deadline=None)
@given(GROUPS, SHAPES)
def test_stretches_are_their_steps(groups, shape):
    timeline = simulate(groups, shape, COST, None)
    seconds, steps = stepped(groups, shape, COST)
    assert timeline.total_seconds == pytest.approx(seconds)
    assert sum(timeline.steps) == steps


@settings(deadline=None)
@given(GROUPS, SHAPES, st.integers(-1, 40), st.floats(0, 1))
def test_all_tokens_are_made_and_no_place_is_left_empty(groups, shape, threshold, accepted):
    timeline = simulate(groups, shape, COST, speculating(threshold, accepted))
    total = sum(map(sum, groups))
    assert sum(timeline.tokens) == pytest.approx(total, abs=1e-3)
    assert max(timeline.running) == min(shape.max_num_seqs, sum(map(len, groups)))
    assert len(timeline.seconds) <= 2 * sum(map(len, groups))


@settings(deadline=None)
@given(GROUPS, SHAPES, st.integers(-1, 40), st.floats(0, 1), st.floats(0, 1))
def test_with_more_acceptance_no_answer_takes_more_steps(groups, shape, threshold, one, other):
    def steps(accepted):
        timeline = simulate(groups, shape, FREE, speculating(threshold, accepted))
        return timeline.total_seconds

    if shape.max_num_seqs >= sum(map(len, groups)):
        assert steps(max(one, other)) <= steps(min(one, other))


@settings(deadline=None)
@given(GROUPS, SHAPES)
def test_a_drafter_that_never_switches_on_costs_what_it_costs(groups, shape):
    none = simulate(groups, shape, COST, None)
    one_at_a_time = speculating(threshold=1, drafted=0.0, accepted=0.0)
    idle = simulate(groups, shape, COST, one_at_a_time)
    followed = sum(n * steps for n, steps in zip(none.running, none.steps, strict=True))
    assert idle.total_seconds == pytest.approx(none.total_seconds + 0.01 * followed)


@settings(deadline=None)
@given(GROUPS, SHAPES)
def test_no_threshold_and_one_above_all_are_the_same(groups, shape):
    always = simulate(groups, shape, COST, speculating(0))
    assert always == simulate(groups, shape, COST, speculating(-1))
    assert always == simulate(groups, shape, COST, speculating(sum(map(len, groups))))


def test_verification_costs_where_there_is_a_draft():
    cost = LinearCost(0.0, verification=1.0)
    timeline = simulate([[2, 2]], WIDE, cost, speculating(0, accepted=0.0, drafted=0.5))
    assert timeline.seconds == [0.0, pytest.approx(1 - 0.5**2)]


@settings(deadline=None)
@given(GROUPS, st.integers(1, 8))
def test_groups_stay_together(groups, num_engines):
    shares = dealt(groups, num_engines)
    assert len(shares) == min(num_engines, len(groups))
    assert sorted(group for share in shares for group in share) == sorted(groups)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_a_rollout_of_a_cluster_is_few_stretches():
    lengths = [math.ceil(34816 * 0.99**i) for i in range(512)]
    timeline = simulate([lengths], WIDE, COST, speculating(8))
    assert len(timeline.seconds) <= 513
    assert timeline.tail(8).tokens_per_step == pytest.approx(2, rel=1e-3)
