"""Training of the demo model: a small Qwen3, from scratch, on the CPU, always the same way."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from testing.demo_model.problems import Problem

IGNORED = -100


@dataclass(frozen=True)
class Recipe:
    """Everything that training is free to choose.

    ``head_dim`` is 32 because vLLM's attention on the CPU accepts nothing smaller.
    """

    layers: int = 2
    hidden_size: int = 128
    heads: int = 4
    head_dim: int = 32
    problems: int = 12_000
    batch_size: int = 16
    learning_rate: float = 4e-3
    warmup_share: float = 0.05
    seed: int = 1

    @property
    def steps(self) -> int:
        """Number of optimizer steps; every problem is seen once."""
        return self.problems // self.batch_size


def trained_model(
    problems: Sequence[Problem], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> tuple[Qwen3ForCausalLM, float]:
    """Train a new model on ``problems`` and return it with the mean loss of its last 20 steps."""
    torch.manual_seed(recipe.seed)
    model = Qwen3ForCausalLM(_configuration(tokenizer, recipe))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.learning_rate,
        total_steps=recipe.steps,
        pct_start=recipe.warmup_share,
        cycle_momentum=False,
    )
    losses = []
    with tqdm(_batches(problems, tokenizer, recipe), "training", unit="step") as progress:
        for tokens, labels in progress:
            loss = model(input_ids=tokens, labels=labels).loss
            loss.backward()
            clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            progress.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return model.eval(), sum(losses[-20:]) / len(losses[-20:])


def _configuration(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=3 * recipe.hidden_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.head_dim,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )


def _batches(
    problems: Sequence[Problem], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batch texts of like length, so that little is padding, and shuffle the batches."""
    texts = [problem.prompt + problem.solution + tokenizer.eos_token for problem in problems]
    rows = sorted(tokenizer(texts)["input_ids"], key=len)
    starts = list(range(0, recipe.steps * recipe.batch_size, recipe.batch_size))
    random.Random(recipe.seed).shuffle(starts)
    return [_padded(rows[i : i + recipe.batch_size], tokenizer.pad_token_id) for i in starts]


def _padded(rows: Sequence[list[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right: a causal model never looks there, so it needs no attention mask."""
    tensors = [torch.tensor(row) for row in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(tensors, True, padding), pad(tensors, True, IGNORED)


def facts(recipe: Recipe, model: Qwen3ForCausalLM) -> dict[str, Any]:
    """Return what is worth knowing of a trained model: the recipe and the model's size."""
    return {**asdict(recipe), "steps": recipe.steps, "parameters": model.num_parameters()}
