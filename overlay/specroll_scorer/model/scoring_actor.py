"""The model that judges draft tokens: a causal backbone with LoRA, and a score head on it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from specroll_scorer.model.config import ScoringModelConfig
from specroll_scorer.model.layer import ScoreHead, with_adapters

# Columns of the logits.
ACCEPT = 1
# Finite: verl multiplies what a mask hides by zero, and zero times infinity is not a number.
# bfloat16 and float16 hold it.
FORCED_LOGIT = 1e4
# Stands for the target's choice where there is no draft.
NO_CHOICE = -1

HEAD_FILE = "score_head.safetensors"
LORA_FOLDER = "lora"


class ScorerError(Exception):
    """A folder does not hold what a scorer is made from."""


class ScoringActor(PreTrainedModel):
    """Judges each token of a sequence, given those before it and itself.

    It reads context and draft. Of the target's choices it sees whether they are the draft's, and,
    where `reads_target` is set, the choice itself: its embedding stands behind the hidden state of
    the draft token that it competes with, and the head reads both.

    Example:
        With a folder of a decoder, see `loading.py`, and token ids of a context and a draft:

            model = AutoModelForSPDScoring.from_pretrained(folder, lora_rank=8)
            logits = model(input_ids=ids, target_ids=choices).logits
            accept = logits.softmax(-1)[..., ACCEPT]
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
        """Load a whole scorer; the signature is that of `PreTrainedModel.from_pretrained`.

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
        """Return what the head reads; the embedding of no choice is zero.

        Args:
            hidden: the backbone's last hidden states, float [batch, sequence, hidden size].
            target_ids: as in `forward`.

        Returns:
            float [batch, sequence, hidden size], or twice as wide where `reads_target` is set.
        """
        if not self.config.reads_target:
            return hidden
        choices = self.backbone.get_input_embeddings()(target_ids.clamp(min=0))
        choices = choices * (target_ids != NO_CHOICE)[..., None]
        return torch.cat([hidden, choices.to(hidden.dtype)], dim=-1)

    def merged(self) -> ScoringActor:
        """Return a copy whose adapters are added to the backbone's weights; it judges alike."""
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

        Args:
            folder: made where it does not exist.

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
