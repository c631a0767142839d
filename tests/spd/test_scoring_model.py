"""The scorer's model, on small backbones with random weights."""

import pytest
import torch
from spd.model import FORCED_LOGIT, NO_CHOICE
from spd_scorer import AutoModelForSPDScoring, ScorerError, ScoringActor, ScoringModelConfig
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SIZES = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}


@pytest.fixture(params=FAMILIES, scope="module")
def backbone_folder(request, tmp_path_factory):
    config, model = FAMILIES[request.param]
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp(request.param)
    model(config(**SIZES)).save_pretrained(folder)
    return folder


@pytest.fixture
def scorer(backbone_folder):
    model = AutoModelForSPDScoring.from_pretrained(backbone_folder, lora_rank=4, head_size=32)
    return disturbed(model)


NONE = torch.full((2, 10), NO_CHOICE)


def disturbed(model):
    """The model with adapters that do something: fresh ones add nothing."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model.eval()


def judged(model, **arguments):
    torch.manual_seed(1)
    ids = torch.randint(3, 64, (2, 10))
    with torch.no_grad():
        return model(input_ids=ids, **arguments).logits


def test_only_adapters_and_head_are_trainable(scorer):
    names = {name for name, p in scorer.named_parameters() if p.requires_grad}
    assert names
    assert all("lora_" in name or name.startswith("score_head.") for name in names)
    adapted = {name.split(".lora_")[0].rsplit(".", 1)[1] for name in names if "lora_" in name}
    assert adapted == {
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    }


def test_the_backbone_is_that_of_the_folder(scorer, backbone_folder):
    base = AutoModelForCausalLM.from_pretrained(backbone_folder).state_dict()
    weights = {
        name.replace("backbone.base_model.model.", "model.").replace("base_layer.", ""): value
        for name, value in scorer.state_dict().items()
        if "lora_" not in name and name.startswith("backbone.")
    }
    assert weights.keys() == base.keys() - {"lm_head.weight"}
    assert all(torch.equal(base[name], value) for name, value in weights.items())


def test_new_adapters_change_nothing(backbone_folder):
    with_lora = AutoModelForSPDScoring.from_pretrained(backbone_folder).eval()
    hidden = with_lora.backbone(torch.arange(3, 13)[None]).last_hidden_state
    plain = AutoModelForSPDScoring.from_pretrained(backbone_folder, lora_rank=0).eval()
    torch.testing.assert_close(plain.backbone(torch.arange(3, 13)[None]).last_hidden_state, hidden)


def test_a_token_is_judged_one_entry_before_its_own(scorer):
    """The entry before a token sees that token, and none behind it."""
    ids = torch.arange(3, 13)[None]
    other = ids.clone()
    other[0, 6] = 40
    with torch.no_grad():
        changed = (scorer(input_ids=ids).logits != scorer(input_ids=other).logits).any(-1)[0]
    assert changed[:-1].tolist() == [False] * 5 + [True] * 4


def test_a_match_is_accepted_and_gives_no_gradient(scorer):
    ids = torch.randint(3, 64, (2, 10))
    choices = torch.full_like(ids, NO_CHOICE)
    choices[:, 4], choices[:, 5] = ids[:, 4], ids[:, 5] + 1
    logits = scorer(input_ids=ids, target_ids=choices).logits
    assert torch.equal(logits[:, 3], torch.tensor([[0.0, FORCED_LOGIT]]).expand(2, -1))
    assert logits[:, 4].lt(FORCED_LOGIT).all()
    assert logits[:, 3].softmax(-1)[:, 1].eq(1).all()
    logits[:, 3].sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in scorer.parameters())


def test_a_scorer_that_reads_the_target_judges_by_it(backbone_folder, tmp_path):
    scorer = AutoModelForSPDScoring.from_pretrained(backbone_folder, reads_target=True).eval()
    ids = torch.arange(3, 13)[None]
    choices = torch.full_like(ids, NO_CHOICE)
    choices[:, 6] = 50
    others = choices.clone()
    others[:, 6] = 51
    with torch.no_grad():
        first, second = (
            scorer(input_ids=ids, target_ids=each).logits for each in (choices, others)
        )
    changed = (first != second).any(-1)[0]
    assert changed.tolist() == [position == 5 for position in range(10)]
    scorer.save_pretrained(tmp_path)
    again = AutoModelForSPDScoring.from_pretrained(tmp_path).eval()
    assert torch.equal(judged(again, target_ids=NONE), judged(scorer, target_ids=NONE))


def test_padding_on_the_left_does_not_matter(scorer):
    ids = torch.arange(3, 13)[None]
    padded = torch.cat([torch.zeros(1, 3, dtype=torch.long), ids], 1)
    mask = (padded != 0).long()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        alone = scorer(input_ids=ids).logits
        inside = scorer(input_ids=padded, attention_mask=mask, position_ids=positions).logits
    torch.testing.assert_close(inside[:, 3:-1], alone[:, :-1], rtol=1e-5, atol=1e-5)


def test_round_trip_of_the_whole(scorer, tmp_path):
    scorer.save_pretrained(tmp_path)
    again = AutoModelForSPDScoring.from_pretrained(tmp_path).eval()
    assert torch.equal(judged(again), judged(scorer))
    assert trainable(again) == trainable(scorer)


def test_auto_classes_load_the_whole(scorer, tmp_path):
    scorer.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    assert type(again) is ScoringActor
    assert again.backbone.config._attn_implementation == "eager"
    assert trainable(again) == trainable(scorer)
    torch.testing.assert_close(judged(again), judged(scorer))


def test_round_trip_merged(scorer, tmp_path):
    scorer.merged().save_pretrained(tmp_path)
    again = AutoModelForSPDScoring.from_pretrained(tmp_path).eval()
    assert not any("lora_" in name for name in again.state_dict())
    torch.testing.assert_close(judged(again), judged(scorer), rtol=1e-4, atol=1e-5)


def test_a_merged_scorer_has_no_adapters_to_save(scorer, tmp_path):
    with pytest.raises(ScorerError, match="cannot be loaded again"):
        scorer.merged().save_adapter(tmp_path)


def test_adapters_keep_their_type(backbone_folder, tmp_path):
    scorer = AutoModelForSPDScoring.from_pretrained(backbone_folder, dtype=torch.bfloat16)
    disturbed(scorer).save_adapter(tmp_path)
    again = AutoModelForSPDScoring.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
    assert {parameter.dtype for parameter in again.parameters()} == {torch.bfloat16}
    assert torch.equal(judged(again), judged(scorer))
    assert judged(again).dtype == torch.float32


def test_merging_leaves_the_scorer_alone(scorer):
    before = judged(scorer)
    scorer.merged()
    assert torch.equal(judged(scorer), before)


def test_round_trip_of_the_adapters(scorer, tmp_path):
    scorer.save_adapter(tmp_path)
    whole = sum(p.numel() * p.element_size() for p in scorer.parameters())
    assert sum(f.stat().st_size for f in tmp_path.rglob("*.safetensors")) < whole / 2
    again = AutoModelForSPDScoring.from_pretrained(tmp_path).eval()
    assert torch.equal(judged(again), judged(scorer))
    assert trainable(again) == trainable(scorer)


def test_round_trip_of_a_head_without_adapters(backbone_folder, tmp_path):
    scorer = AutoModelForSPDScoring.from_pretrained(backbone_folder, lora_rank=0).eval()
    scorer.save_adapter(tmp_path)
    again = AutoModelForSPDScoring.from_pretrained(tmp_path).eval()
    assert torch.equal(judged(again), judged(scorer))


def trainable(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


def test_adapters_need_a_backbone_to_return_to(tmp_path):
    model = AutoModelForSPDScoring.from_config(ScoringModelConfig(LlamaConfig(**SIZES)))
    with pytest.raises(ScorerError, match=r"config\.backbone_path"):
        model.save_adapter(tmp_path)


def test_a_folder_without_the_head_is_refused(scorer, tmp_path):
    weights = {k: v for k, v in scorer.state_dict().items() if "score_head" not in k}
    scorer.save_pretrained(tmp_path, state_dict=weights)
    with pytest.raises(ScorerError, match=r"lacks 4 weights of the scorer, score_head"):
        AutoModelForSPDScoring.from_pretrained(tmp_path)


def test_the_configuration_shows_the_backbone_s_sizes():
    config = ScoringModelConfig(Qwen3Config(**SIZES))
    assert (config.hidden_size, config.vocab_size) == (64, 64)
    assert (config.num_attention_heads, config.num_key_value_heads) == (2, 1)
