"""A target model that starts in a moment.

The weights are random: what is tested on it is exactness, and a random model is as exact as a
trained one. Its logits are scaled up: it settles into repetitions, and drafts are accepted.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

# The vocabulary, a character a token; the last one ends a text.
TOKENS = string.ascii_letters + string.digits + ",!"
VOCABULARY = len(TOKENS)
HIDDEN_SIZE = 64
NUM_LAYERS = 2
LORA_RANK = 8


def save_tiny_model(folder: Path, max_model_len: int, num_key_value_heads: int = 1) -> Path:
    """Write a two-layer Qwen3 in float32 to `folder`; returns it."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN_SIZE,
        intermediate_size=128,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=2,
        num_key_value_heads=num_key_value_heads,
        head_dim=32,
        max_position_embeddings=max_model_len,
        tie_word_embeddings=False,
    )
    model = Qwen3ForCausalLM(config).float()
    model.lm_head.weight.data *= 12
    model.save_pretrained(folder)
    return folder


def engine_arguments(model: Path, max_model_len: int) -> dict[str, Any]:
    """Return what engines of tests are started with, but for what a test says else."""
    return {
        "model": str(model),
        "max_model_len": max_model_len,
        "max_num_seqs": 64,
        "dtype": "float32",
        "enforce_eager": True,
        "skip_tokenizer_init": True,
        "disable_log_stats": False,
        "seed": 0,
        # Far below the smallest cache, of 1 GiB, that a CPU can be asked for.
        "num_gpu_blocks_override": 128,
    }


def random_prompts() -> list[list[int]]:
    """Return twelve prompts of very different lengths."""
    generator = torch.Generator().manual_seed(1)
    lengths = [3, 5, 8, 13, 21, 34, 55, 89, 120, 144, 200, 233]
    return [
        torch.randint(VOCABULARY, (length,), generator=generator).tolist() for length in lengths
    ]


def save_tokenizer(folder: Path) -> None:
    """Write a tokenizer with one token a character beside a model."""
    vocabulary = {token: index for index, token in enumerate(TOKENS)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=TOKENS[-1]).save_pretrained(
        folder
    )


def save_lora_adapter(folder: Path) -> Path:
    """Write an adapter that changes what the model says, as peft stores it; returns `folder`."""
    config = {
        "peft_type": "LORA",
        "r": LORA_RANK,
        "lora_alpha": LORA_RANK,
        "target_modules": ["o_proj"],
        "bias": "none",
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(2)
    weights = {}
    for layer in range(NUM_LAYERS):
        name = f"base_model.model.model.layers.{layer}.self_attn.o_proj"
        for part, shape in {
            "lora_A": (LORA_RANK, HIDDEN_SIZE),
            "lora_B": (HIDDEN_SIZE, LORA_RANK),
        }.items():
            weights[f"{name}.{part}.weight"] = 0.2 * torch.randn(shape, generator=generator)
    save_file(weights, folder / "adapter_model.safetensors")
    return folder
