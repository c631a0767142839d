"""Options of a scorer, and those that make none."""

import pytest
from specroll_scorer.model.config import ScorerOptions, ScoringModelConfig
from transformers import LlamaConfig


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"lora_rank": -1}, "lora_rank is -1: give 0, for no adapters, or more"),
        ({"lora_alpha": 0}, "lora_alpha is 0: give more than 0"),
        ({"lora_dropout": 1.0}, "lora_dropout is 1.0: give 0 or more, below 1"),
        ({"head_size": 0}, "head_size is 0: give 1 or more"),
    ],
)
def test_options_that_make_no_sense(option, sentence):
    for refuses in (ScorerOptions, ScoringModelConfig):
        with pytest.raises(ValueError, match=sentence):
            refuses(**option)


def test_options_are_taken_out_of_others():
    options = {"lora_rank": 4, "dtype": "bfloat16"}
    assert ScorerOptions.taken_from(options) == ScorerOptions(lora_rank=4)
    assert options == {"dtype": "bfloat16"}


def test_a_configuration_is_kept_flat(tmp_path):
    """Keys are those of scorers that were trained before."""
    config = ScoringModelConfig(LlamaConfig(hidden_size=64), lora_rank=4, reads_target=True)
    config.save_pretrained(tmp_path)
    again = ScoringModelConfig.from_pretrained(tmp_path).to_dict()
    names = ("lora_rank", "lora_alpha", "lora_dropout", "head_size", "reads_target")
    assert [again[name] for name in names] == [4, 16, 0.0, None, True]
    assert again["backbone_config"]["hidden_size"] == 64
    assert again["backbone_path"] is None
