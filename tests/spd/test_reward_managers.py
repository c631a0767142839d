"""Scores of a step, completed by a real vLLM: by the manager `spd`, and by verl's naive one."""

import copy

import numpy as np
import pytest
import torch
from spd.completion import CompletionError
from spd.reward import RewardError
from spd.rows import read_rows
from verl import DataProto
from verl.utils import hf_tokenizer
from verl.utils.reward_score import default_compute_score
from verl.workers.reward_manager import get_reward_manager_cls
from verl.workers.reward_manager.spd import step_metrics

WIDTH = 5
DECISIONS = [[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]]


def has_even_length(text, ground_truth):
    return len(text) % 2 == 0


@pytest.fixture(autouse=True)
def checkers(monkeypatch, request):
    """Rows name this module's checker as anybody's rows do: by a module that can be imported."""
    monkeypatch.syspath_prepend(request.path.parent)


@pytest.fixture
def step(write_rows):
    """Four drafts of four tokens with mismatches at 0 and 2, decided on."""
    row = {
        "input_ids": [3, 4, 5, 6, 7, 8, 9],
        "draft_start_idx": 3,
        "target_ids": [9, 7, 9, 9],
        "checker": "test_reward_managers:has_even_length",
    }
    rows = read_rows([write_rows(*[row] * len(DECISIONS))], vocabulary_size=64).rows
    responses = torch.tensor([row + [0] * (WIDTH - len(row)) for row in DECISIONS])
    context = torch.tensor([[3, 4, 5]] * len(rows))
    mask = torch.tensor([[1] * 7 + [0]] * len(rows))
    infos = [{"index": i, "row": row} for i, row in enumerate(rows)]
    return DataProto.from_single_dict(
        {
            "prompts": context,
            "responses": responses,
            "attention_mask": mask,
            "response_mask": torch.tensor([[1, 0, 1, 0, 0]] * 3 + [[1, 0, 0, 0, 0]]),
            "extra_info": as_column(infos),
            "reward_model": as_column([{"ground_truth": ""}] * len(rows)),
            "data_source": as_column(["spd_scorer"] * len(rows)),
        }
    )


def as_column(values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@pytest.fixture
def manager(tiny_model, endpoint):
    def make(**settings):
        settings = {"completion_url": endpoint.url, "max_completion_tokens": 8, **settings}
        return get_reward_manager_cls("spd")(hf_tokenizer(str(tiny_model)), 1, **settings)

    return make


def test_a_step(manager, step, capsys):
    found = manager()(step, return_dict=True)
    rewards, parts = found["reward_tensor"], found["reward_extra_info"]
    assert parts["accepted_length"] == [4, 1, 2, 0]
    assert parts["lossless_length"] == [0] * 4
    assert [rewards[0, 2], rewards[3, 0]] == pytest.approx([parts["score"][0], parts["score"][3]])
    assert rewards.sum(1).tolist() == pytest.approx(parts["score"])
    assert not rewards[step.batch["response_mask"] == 0].any()
    assert torch.equal(manager()(step), rewards)
    assert "[accepted]" in capsys.readouterr().out
    metrics = step_metrics(parts)
    assert metrics["spd/accepted_length"] == 7 / 4
    assert sum(metrics[f"spd/{name}"] for name in ("free_speed", "harm")) == 3 / 4


def test_step_metrics_are_of_this_reward_only():
    assert step_metrics({"score": [1.0], "right": [1.0]}) == {}


def test_verl_s_naive_manager(manager, step, tiny_model, endpoint, monkeypatch):
    monkeypatch.setenv("SPD_COMPLETION_URL", endpoint.url)
    monkeypatch.setenv("SPD_TOKENIZER_PATH", str(tiny_model))
    monkeypatch.setenv("SPD_MAX_COMPLETION_TOKENS", "8")
    naive = get_reward_manager_cls("naive")(hf_tokenizer(str(tiny_model)), 0)
    found = naive(copy.deepcopy(step), return_dict=True)
    expected = manager()(step, return_dict=True)
    assert torch.equal(found["reward_tensor"].sum(1), expected["reward_tensor"].sum(1))
    assert found["reward_extra_info"] == expected["reward_extra_info"]


def test_a_manager_that_hands_on_no_decisions():
    with pytest.raises(RewardError, match=r"set reward_model\.reward_manager=spd"):
        default_compute_score("spd_scorer", "", "", extra_info={})


def test_one_draft_needs_a_tokenizer(step, monkeypatch):
    monkeypatch.setenv("SPD_COMPLETION_URL", "http://127.0.0.1:9")
    info = {**step.non_tensor_batch["extra_info"][0], "response_ids": [1, 1, 1, 1]}
    with pytest.raises(RewardError, match="set SPD_TOKENIZER_PATH"):
        default_compute_score("spd_scorer", "", "", extra_info=info)


def test_a_server_that_is_not_there(manager, step):
    with pytest.raises(CompletionError, match=r"rows\.parquet, row \d"):
        manager(completion_url="http://127.0.0.1:9", retries=0)(step)


def test_settings_are_checked_before_anything_runs(manager):
    with pytest.raises(RewardError, match="learns to reject all"):
        manager(beta=2)
