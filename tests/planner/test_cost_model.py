"""What a step costs, by hand."""

import json

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import cost_model, json_record
from planner.cost_model import LinearCost, Load, Roofline

LINEAR = LinearCost(
    step=1.0,
    request=0.1,
    context_token=0.001,
    prompt_token=0.01,
    draft_token=0.02,
    verification=0.5,
    followed=0.003,
)
# One device reads 100 bytes a second and does 1,000 operations.
DEVICE = {"flop_per_second": 1000.0, "bytes_per_second": 100.0}


def test_a_linear_cost_is_a_sum():
    load = Load(
        requests=4,
        context_tokens=100,
        prompt_tokens=10,
        draft_tokens=5,
        verifying=0.5,
        followed=4,
    )
    expected = 1 + 0.4 + 0.1 + 0.1 + 0.1 + 0.25 + 0.012
    assert LINEAR.seconds(load) == pytest.approx(expected)
    assert LINEAR.seconds(Load(4)) == pytest.approx(1.4)


def test_a_fit_finds_the_cost_that_made_the_steps():
    plain = [Load(n, prompt_tokens=30 * (n == 8)) for n in range(1, 9)]
    verifying = [
        Load(n, draft_tokens=n * k, verifying=1, followed=n) for n in (1, 3, 7) for k in (2, 5)
    ]
    loads = [*plain, *verifying]
    made = LinearCost(1.0, 0.1, 0.0, 0.01, 0.02, 0.5, 0.003)
    found = cost_model.fitted(loads, [made.seconds(load) for load in loads])
    for load in [*loads, Load(20, draft_tokens=40, verifying=1, followed=20)]:
        assert found.seconds(load) == pytest.approx(made.seconds(load))


def test_a_fit_has_no_negative_term():
    loads = [Load(n, verifying=n % 2, draft_tokens=n * (n % 2)) for n in range(1, 9)]
    cheaper = [2.0 - 0.5 * load.verifying + 0.1 * load.requests for load in loads]
    found = cost_model.fitted(loads, cheaper)
    assert found.verification == 0
    assert found.step > 0
    predicted = sum(found.seconds(load) for load in loads)
    assert predicted == pytest.approx(sum(cheaper))


def test_a_roofline_reads_or_computes():
    dense = Roofline(dense_parameters=50, kv_bytes_per_token=2, weight_bytes=2, **DEVICE)
    # 100 bytes of weights and 20 of the cache, beside 2 * 50 operations.
    assert dense.seconds(Load(1, context_tokens=10)) == pytest.approx(1.2)
    # 2 * 50 * 40 operations, beside 100 bytes.
    assert dense.seconds(Load(40)) == pytest.approx(4.0)
    assert dense.seconds(Load(10, draft_tokens=30)) == pytest.approx(4.0)
    assert dense.seconds(Load(10, prompt_tokens=30)) == pytest.approx(4.0)


def test_devices_share_the_work_and_reach_a_part_of_their_speed():
    two = Roofline(
        dense_parameters=50,
        kv_bytes_per_token=0,
        devices=2,
        memory_efficiency=0.5,
        compute_efficiency=0.25,
        **DEVICE,
    )
    assert two.seconds(Load(1)) == pytest.approx(1.0)
    assert two.seconds(Load(40)) == pytest.approx(40 * 2 * 50 / 2 / 250)


def test_attention_costs_operations_for_each_token_that_looks():
    looking = Roofline(
        dense_parameters=0, kv_bytes_per_token=0, attention_flop_per_pair=10, **DEVICE
    )
    assert looking.seconds(Load(2, context_tokens=100)) == pytest.approx(1.0)
    assert looking.seconds(Load(2, context_tokens=100, draft_tokens=6)) == pytest.approx(4.0)


def test_draft_tokens_may_read_the_context_again():
    sizes = {"dense_parameters": 0, "kv_bytes_per_token": 1, **DEVICE}
    load = Load(2, context_tokens=100, draft_tokens=6)
    assert Roofline(**sizes).seconds(load) == pytest.approx(1.0)
    assert Roofline(context_reread=1.0, **sizes).seconds(load) == pytest.approx(4.0)
    assert Roofline(context_reread=0.5, **sizes).seconds(load) == pytest.approx(2.5)


def test_few_tokens_use_few_experts():
    sizes = {"expert_parameters": 100, "experts": 4, "experts_per_token": 1}
    mixture = Roofline(dense_parameters=0, kv_bytes_per_token=0, weight_bytes=1, **sizes, **DEVICE)
    assert mixture.experts_used(1) == pytest.approx(0.25)
    assert mixture.experts_used(2) == pytest.approx(1 - 0.75**2)
    assert mixture.seconds(Load(1)) == pytest.approx(0.25)
    assert mixture.seconds(Load(1, draft_tokens=1)) == pytest.approx(0.4375)
    # Spread over 10 devices, the experts serve the tokens of 10 engines.
    spread = Roofline(
        dense_parameters=0,
        kv_bytes_per_token=0,
        weight_bytes=1,
        expert_devices=10,
        **sizes,
        **DEVICE,
    )
    assert spread.seconds(Load(1)) == pytest.approx((1 - 0.75**10) / 10)


def test_seconds_that_no_size_explains():
    overheads = {"step_overhead": 3.0, "verification_overhead": 2.0, "drafter_request": 0.5}
    cost = Roofline(dense_parameters=0, kv_bytes_per_token=0, **overheads, **DEVICE)
    assert cost.seconds(Load(4)) == pytest.approx(3.0)
    assert cost.seconds(Load(4, verifying=0.5, followed=4)) == pytest.approx(6.0)


@settings(deadline=None)
@given(st.floats(1, 1e3), st.floats(0, 1e3), st.floats(0, 1e6))
def test_more_draft_tokens_never_cost_less(requests, draft_tokens, context):
    mixture = Roofline(
        dense_parameters=10,
        kv_bytes_per_token=1,
        expert_parameters=100,
        experts=16,
        experts_per_token=2,
        attention_flop_per_pair=1,
        **DEVICE,
    )
    for cost in (LINEAR, mixture):
        without = cost.seconds(Load(requests, context))
        assert cost.seconds(Load(requests, context, draft_tokens=draft_tokens)) >= without


@pytest.mark.parametrize(
    "cost", [LINEAR, Roofline(dense_parameters=1, kv_bytes_per_token=1, **DEVICE)]
)
def test_json_and_back(cost, tmp_path):
    file = tmp_path / "cost.json"
    file.write_text(json.dumps({**cost_model.as_json(cost), "source": "by hand"}))
    assert cost_model.parse(json_record.read(file), file) == cost


SMALLEST = {"kind": "roofline", "dense_parameters": 1, "kv_bytes_per_token": 0, **DEVICE}


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({}, 'needs "kind": "linear" or "roofline", not None'),
        ({"kind": "cubic"}, "not 'cubic'"),
        ({"kind": "linear"}, "lacks the field 'step'"),
        ({"kind": "linear", "step": 1, "steps": 1}, "unknown field 'steps'; known: step, request"),
        ({"kind": "linear", "step": -1}, "step must not be negative"),
        ({"kind": []}, 'needs "kind": "linear" or "roofline", not []'),
        ({"kind": "linear", "step": "1"}, "step must be a number, not '1'"),
        ({"kind": "linear", "step": True}, "step must be a number, not True"),
        ({**SMALLEST, "devices": 0}, "devices must be more than 0"),
        ({**SMALLEST, "memory_efficiency": 1.5}, "memory_efficiency must be more than 0"),
        ({**SMALLEST, "compute_efficiency": 0}, "compute_efficiency must be more than 0"),
        ({**SMALLEST, "experts_per_token": 2}, "experts_per_token must be at most experts"),
    ],
)
def test_bad_costs(found, sentence):
    with pytest.raises(click.BadParameter) as error:
        cost_model.parse(found, "cost.json")
    assert "cost.json" in error.value.message
    assert sentence in error.value.message
