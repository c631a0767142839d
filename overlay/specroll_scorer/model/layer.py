"""What is added to a decoder: adapters in its linear layers, and a head that judges."""

from __future__ import annotations

from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import PreTrainedModel

from specroll_scorer.model.config import ScoringModelConfig


class ScoreHead(nn.Module):
    """What is known of a token → reject and accept logits.

    Example:
        >>> import torch
        >>> ScoreHead(input_size=64, head_size=32)(torch.zeros(1, 10, 64)).shape
        torch.Size([1, 10, 2])
    """

    def __init__(self, input_size: int, head_size: int) -> None:
        """Take the widths of what is known and of the layer between."""
        super().__init__()
        self.inner = nn.Linear(input_size, head_size)
        self.outer = nn.Linear(head_size, 2)

    def forward(self, known: Tensor) -> Tensor:
        """Judge tokens.

        Args:
            known: float [batch, sequence, input size].

        Returns:
            Reject and accept logits, [batch, sequence, 2], of the same type.
        """
        return self.outer(nn.functional.silu(self.inner(known)))


def with_adapters(backbone: PreTrainedModel, config: ScoringModelConfig) -> nn.Module:
    """Return the backbone with LoRA in all its linear layers, or as it is where the rank is 0.

    LoRA is arXiv 2106.09685, as peft has it.
    """
    if config.lora_rank == 0:
        return backbone
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
    )
    return get_peft_model(backbone, lora, autocast_adapter_dtype=False)
