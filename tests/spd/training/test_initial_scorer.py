"""The scorer that training starts from."""

import pytest
import torch
from spd_scorer import AutoModelForSPDScoring, ScorerError
from specroll_scorer.training.initial_scorer import initial_scorer


def test_training_starts_from_a_decoder_or_a_scorer(tiny_model, tmp_path):
    made = initial_scorer(str(tiny_model), tmp_path / "made", lora_rank=2, seed=3)
    same = initial_scorer(str(tiny_model), tmp_path / "same", lora_rank=2, seed=3)
    other = initial_scorer(str(tiny_model), tmp_path / "other", lora_rank=2, seed=4)
    taken = initial_scorer(str(other), tmp_path / "taken", lora_rank=8, seed=3)
    weights = [AutoModelForSPDScoring.from_pretrained(f) for f in (made, same, other, taken)]
    heads = [model.score_head.inner.weight for model in weights]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert torch.equal(heads[2], heads[3])
    assert weights[3].config.lora_rank == 2


def test_a_scorer_is_made_once(tiny_model, tmp_path):
    made = initial_scorer(str(tiny_model), tmp_path / "made", lora_rank=2, seed=3)
    assert initial_scorer("/nowhere", tmp_path / "made", seed=4, lora_rank=2) == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]


def test_a_backbone_that_is_not_there(tmp_path):
    with pytest.raises(ScorerError, match="no backbone and its tokenizer can be loaded from /none"):
        initial_scorer("/none", tmp_path / "made", seed=0)
    assert not list(tmp_path.iterdir())
