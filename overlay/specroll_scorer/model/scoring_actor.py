"""The model that judges draft tokens: a causal backbone with LoRA, and a score head on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutput

REJECT, ACCEPT = 0, 1
# Finite: verl multiplies what a mask hides by zero, and zero times infinity is not a number.
# bfloat16 and float16 hold it.
FORCED_LOGIT = 1e4
# Stands for the target's choice where there is no draft.
NO_CHOICE = -1

HEAD_FILE = "score_head.safetensors"
LORA_FOLDER = "lora"


class ScorerError(Exception):
    """A folder does not hold what a scorer is made from."""


class ScoringModelConfig(PretrainedConfig):
    """What a scorer is made of."""

    model_type = "spd_scorer"
    sub_configs = {"backbone_config": AutoConfig}  # noqa: RUF012 - the attribute is transformers'

    def __init__(
        self,
        backbone_config: PretrainedConfig | dict[str, Any] | None = None,
        lora_rank: int = 8,
        lora_alpha: float = 16,
        lora_dropout: float = 0.0,
        head_size: int | None = None,
        reads_target: bool = False,
        backbone_path: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Describe a scorer.

        Args:
            backbone_config: the decoder, as a configuration of transformers or a dict with
                `model_type`; a Llama of default size where it is None.
            lora_rank: rank of the adapters in every linear layer of the backbone; 0: no adapters,
                the backbone stays as it is and the head alone is trained.
            lora_alpha: the adapters' outputs are scaled by lora_alpha / lora_rank.
            lora_dropout: dropout before the adapters. Rollout and training see other adapters
                while it is not 0.
            head_size: width of the head's hidden layer; the backbone's where it is None.
            reads_target: whether the head sees the target's choice beside the draft token.
            backbone_path: folder or name of the backbone that adapters alone are loaded onto.
            kwargs: options of every configuration of transformers.
        """
        if backbone_config is None:
            backbone_config = {"model_type": "llama"}
        if isinstance(backbone_config, dict):
            backbone_config = CONFIG_MAPPING[backbone_config["model_type"]](**backbone_config)
        self.backbone_config = backbone_config
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha
        self.lora_dropout = lora_dropout
        self.head_size = head_size
        self.reads_target = reads_target
        self.backbone_path = backbone_path
        # There is no language-model head. While this is true, verl gives each rank a whole copy of
        # the weights at start (workers/fsdp_workers.py).
        kwargs.setdefault("tie_word_embeddings", False)
        super().__init__(**kwargs)

    @property
    def hidden_size(self) -> int:
        """Width of the backbone's hidden states."""
        return self.backbone_config.hidden_size

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the backbone knows."""
        return self.backbone_config.vocab_size

    @property
    def num_attention_heads(self) -> int:
        """Number of the backbone's query heads."""
        return self.backbone_config.num_attention_heads

    @property
    def num_key_value_heads(self) -> int:
        """Number of the backbone's key and value heads."""
        return getattr(self.backbone_config, "num_key_value_heads", self.num_attention_heads)


class ScoreHead(nn.Module):
    """What is known of a token → reject and accept logits."""

    def __init__(self, input_size: int, head_size: int) -> None:
        """Take the widths of what is known and of the layer between."""
        super().__init__()
        self.inner = nn.Linear(input_size, head_size)
        self.outer = nn.Linear(head_size, 2)

    def forward(self, known: Tensor) -> Tensor:
        """Logits, [batch, sequence, 2], of what is known, [batch, sequence, input size]."""
        return self.outer(nn.functional.silu(self.inner(known)))


class ScoringActor(PreTrainedModel):
    """Judges each token of a sequence, given those before it and itself.

    It reads context and draft. Of the target's choices it sees whether they are the draft's, and,
    where `reads_target` is set, the choice itself: its embedding stands behind the hidden state of
    the draft token that it competes with, and the head reads both.
    """

    config_class = ScoringModelConfig
    base_model_prefix = "backbone"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True

    def __init__(self, config: ScoringModelConfig, backbone: PreTrainedModel | None = None) -> None:
        """Make a scorer on a decoder, or on one with random weights where there is none."""
        super().__init__(config)
        if backbone is None:
            dtype = torch.get_default_dtype()
            backbone = AutoModel.from_config(config.backbone_config, dtype=dtype)
        backbone.requires_grad_(False)
        self.backbone = with_adapters(backbone, config)
        width = config.hidden_size
        known = 2 * width if config.reads_target else width
        self.score_head = ScoreHead(known, config.head_size or width)
        self.score_head.to(backbone.dtype)
        self.post_init()
        # The units that FSDP shards are the backbone's.
        self._no_split_modules = backbone._no_split_modules

    def init_weights(self) -> None:
        """Leave the weights alone: backbone, adapters and head have initialised theirs."""

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Load a whole scorer; the signature is that of transformers.

        Raises:
            ScorerError: the folder lacks weights of the scorer.
        """
        wants_report = kwargs.pop("output_loading_info", False)
        model, report = super().from_pretrained(*args, output_loading_info=True, **kwargs)
        if report["missing_keys"]:
            example = min(report["missing_keys"])
            raise ScorerError(
                f"{args[0] if args else kwargs['pretrained_model_name_or_path']} lacks "
                f"{len(report['missing_keys'])} weights of the scorer, {example} among them; "
                "make it with save_pretrained of a ScoringActor"
            )
        model.mark_trainable()
        return (model, report) if wants_report else model

    def mark_trainable(self) -> None:
        """Let gradients reach the adapters and the head, and nothing else."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_("lora_" in name or name.startswith("score_head."))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        target_ids: Tensor | None = None,
        **_: Any,
    ) -> CausalLMOutput:
        """Judge every token.

        Args:
            input_ids: context and draft, int64 [batch, sequence].
            attention_mask: 1 at tokens, 0 at padding, [batch, sequence].
            position_ids: [batch, sequence].
            target_ids: the target's choice at each draft token, `NO_CHOICE` at all others, int64
                [batch, sequence]. A draft token that is the choice is accepted whatever the head
                says, and gives no gradient.

        Returns:
            `logits`, float [batch, sequence, 2]: reject, accept. As in a language model, entry t is
            about the token at t + 1: verl takes the responses' entries so. The last is void.
        """
        hidden = self.backbone(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state
        if target_ids is None:
            target_ids = torch.full_like(input_ids, NO_CHOICE)
        # In bfloat16 verl's log-probabilities would be coarser than the rollout's.
        logits = self.score_head(self.known(hidden, target_ids)).float()
        forced = logits.new_tensor([0.0, FORCED_LOGIT])
        logits = torch.where((input_ids == target_ids)[..., None], forced, logits)
        return CausalLMOutput(logits=logits.roll(-1, dims=1))

    def known(self, hidden: Tensor, target_ids: Tensor) -> Tensor:
        """What the head reads, [batch, sequence, width]; the embedding of no choice is zero."""
        if not self.config.reads_target:
            return hidden
        choices = self.backbone.get_input_embeddings()(target_ids.clamp(min=0))
        choices = choices * (target_ids != NO_CHOICE)[..., None]
        return torch.cat([hidden, choices.to(hidden.dtype)], dim=-1)

    def merged(self) -> ScoringActor:
        """A copy whose adapters are added to the backbone's weights; it judges alike."""
        backbone = copy.deepcopy(self.backbone)
        if isinstance(backbone, PeftModel):
            backbone = backbone.merge_and_unload()
        config = copy.deepcopy(self.config)
        config.lora_rank = 0
        # The weights are not that backbone's any more.
        config.backbone_path = None
        model = ScoringActor(config, backbone)
        model.score_head.load_state_dict(self.score_head.state_dict())
        return model

    def save_adapter(self, folder: str | Path) -> None:
        """Write the adapters (in peft's format), the head and the configuration, not the backbone.

        Raises:
            ScorerError: the configuration does not say which backbone they belong to.
        """
        if not self.config.backbone_path:
            raise ScorerError(
                "Adapters without a backbone cannot be loaded again: set config.backbone_path to "
                "the backbone's folder or name, or use save_pretrained"
            )
        folder = Path(folder)
        self.config.save_pretrained(folder)
        if isinstance(self.backbone, PeftModel):
            self.backbone.save_pretrained(folder / LORA_FOLDER)
        save_file(self.score_head.state_dict(), folder / HEAD_FILE)


def with_adapters(backbone: PreTrainedModel, config: ScoringModelConfig) -> nn.Module:
    """The backbone with LoRA in all its linear layers, or as it is where the rank is 0."""
    if config.lora_rank == 0:
        return backbone
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
    )
    return get_peft_model(backbone, lora, autocast_adapter_dtype=False)


class AutoModelForSPDScoring:
    """Makes scorers, from whatever there is."""

    @staticmethod
    def from_config(config: ScoringModelConfig) -> ScoringActor:
        """A scorer with random weights."""
        return ScoringActor(config)

    @staticmethod
    def from_pretrained(path: str | Path, **options: Any) -> ScoringActor:
        """A scorer from a folder of its own, whole, merged or adapters only, or from a backbone.

        Args:
            path: folder or name of a scorer, or of a decoder that transformers' Auto classes load;
                a decoder gets new adapters, which change nothing yet, and a new head.
            options: `dtype`, `attn_implementation` and the like for transformers; for a decoder
                those of `ScoringModelConfig`, too.

        Raises:
            ScorerError: the folder lacks weights of a scorer.
            OSError: there is no such folder or name.
        """
        config = AutoConfig.from_pretrained(path)
        if not isinstance(config, ScoringModelConfig):
            return scorer_on(path, options)
        if (Path(path) / HEAD_FILE).exists():
            return adapters_on_backbone(Path(path), config, options)
        return ScoringActor.from_pretrained(path, **options)


def scorer_on(path: str | Path, options: dict[str, Any]) -> ScoringActor:
    """A new scorer on a trained decoder."""
    own = ("lora_rank", "lora_alpha", "lora_dropout", "head_size", "reads_target")
    chosen = {name: options.pop(name) for name in own if name in options}
    backbone = AutoModel.from_pretrained(path, **options)
    config = ScoringModelConfig(
        copy.deepcopy(backbone.config),
        attn_implementation=backbone.config._attn_implementation,
        backbone_path=str(path),
        bos_token_id=backbone.config.bos_token_id,
        eos_token_id=backbone.config.eos_token_id,
        pad_token_id=backbone.config.pad_token_id,
        **chosen,
    )
    return ScoringActor(config, backbone)


def adapters_on_backbone(
    folder: Path, config: ScoringModelConfig, options: dict[str, Any]
) -> ScoringActor:
    """A scorer from its adapters and head, and the backbone that its configuration names."""
    backbone = AutoModel.from_pretrained(config.backbone_path, **options)
    model = ScoringActor(config, backbone)
    if config.lora_rank:
        model.backbone.load_adapter(
            str(folder / LORA_FOLDER), "default", is_trainable=True, autocast_adapter_dtype=False
        )
    model.score_head.load_state_dict(load_file(folder / HEAD_FILE))
    model.mark_trainable()
    return model


AutoConfig.register(ScoringModelConfig.model_type, ScoringModelConfig, exist_ok=True)
AutoModelForCausalLM.register(ScoringModelConfig, ScoringActor, exist_ok=True)
