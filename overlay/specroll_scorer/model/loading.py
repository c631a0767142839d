"""Scorers from folders and names, and the scorer for those who ask transformers' Auto classes."""

from __future__ import annotations

import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from specroll_scorer.model.config import ScorerOptions, ScoringModelConfig
from specroll_scorer.model.scoring_actor import HEAD_FILE, LORA_FOLDER, ScorerError, ScoringActor


class AutoModelForSPDScoring:
    """Makes scorers, from whatever there is.

    Example:
        >>> from transformers import LlamaConfig
        >>> sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 32}
        >>> decoder = LlamaConfig(**sizes, num_hidden_layers=1, num_attention_heads=2)
        >>> model = AutoModelForSPDScoring.from_config(ScoringModelConfig(decoder, lora_rank=2))
        >>> model.score_head.outer.out_features
        2
    """

    @staticmethod
    def from_config(config: ScoringModelConfig) -> ScoringActor:
        """Make a scorer with random weights."""
        return ScoringActor(config)

    @staticmethod
    def from_pretrained(path: str | Path, **options: Any) -> ScoringActor:
        """Make a scorer from a folder of its own, whole, merged or adapters only, or a backbone.

        Args:
            path: folder or name of a scorer, or of a decoder that transformers' Auto classes load;
                a decoder gets new adapters, which change nothing yet, and a new head.
            options: `dtype`, `attn_implementation` and the like for transformers; for a decoder
                those of `ScorerOptions`, too.

        Raises:
            ScorerError: the folder lacks weights of a scorer.
            OSError: there is no such folder or name.
            ValueError: an option makes no sense.
        """
        config = AutoConfig.from_pretrained(path)
        if not isinstance(config, ScoringModelConfig):
            return _scorer_on_decoder(path, options)
        if (Path(path) / HEAD_FILE).exists():
            return _adapters_on_backbone(Path(path), config, options)
        return ScoringActor.from_pretrained(path, **options)


def scorer_and_tokenizer(folder: Path) -> tuple[ScoringActor, PreTrainedTokenizerBase]:
    """Load the scorer in a folder, on the accelerator if there is one, and the tokenizer beside it.

    Args:
        folder: as `train` writes it.

    Raises:
        ScorerError: the folder holds no scorer, or no tokenizer.
    """
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ScorerError(f"{folder} holds no model that can be read: {error}") from error
    if not isinstance(config, ScoringModelConfig):
        raise ScorerError(
            f"{folder} holds a model of type {config.model_type} and no scorer; name the folder "
            "that `train` wrote, OUTPUT/scorer"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    # KeyError: a scorer has no kind of tokenizer that transformers would look for.
    except (OSError, ValueError, KeyError) as error:
        raise ScorerError(f"{folder} holds no tokenizer; copy the target's into it") from error
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    return AutoModelForSPDScoring.from_pretrained(folder).to(device), tokenizer


def _scorer_on_decoder(path: str | Path, options: dict[str, Any]) -> ScoringActor:
    chosen = ScorerOptions.taken_from(options)
    backbone = AutoModel.from_pretrained(path, **options)
    config = ScoringModelConfig(
        copy.deepcopy(backbone.config),
        backbone_path=str(path),
        attn_implementation=backbone.config._attn_implementation,
        bos_token_id=backbone.config.bos_token_id,
        eos_token_id=backbone.config.eos_token_id,
        pad_token_id=backbone.config.pad_token_id,
        **asdict(chosen),
    )
    return ScoringActor(config, backbone)


def _adapters_on_backbone(
    folder: Path, config: ScoringModelConfig, options: dict[str, Any]
) -> ScoringActor:
    """Make a scorer from its adapters and head, and the backbone that its configuration names."""
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
