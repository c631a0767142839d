"""Training of the demo model: a small Qwen3, from scratch, on the CPU, always the same way."""

import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from demo.model.problems import Problem

# The label that Transformers leaves out of the loss.
IGNORED = -100

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Recipe:
    """Everything that training is free to choose.

    ``head_dim`` is 32 because vLLM's attention on the CPU accepts nothing smaller.

    Example: ``Recipe().steps`` is 1600.
    """

    layers: int = 2
    hidden_size: int = 64
    heads: int = 4
    head_dim: int = 32
    initializer_range: float = 0.05
    problems: int = 12_800
    batch_size: int = 8
    learning_rate: float = 5e-3
    seed: int = 1

    @property
    def steps(self) -> int:
        """Number of optimizer steps; every problem is seen once."""
        return self.problems // self.batch_size


def trained_model(
    problems: Sequence[Problem], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> tuple[Qwen3ForCausalLM, float]:
    """Train a new model on ``problems``; also return the mean loss (nats) of its last 20 steps.

    Leaves PyTorch with one thread: more gain little on a model so small, and would make the
    result depend on the number of cores.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    model = Qwen3ForCausalLM(_configuration(tokenizer, recipe))
    optimizers = _optimizers(model, recipe)
    schedules = [_schedule(optimizer, recipe.steps) for optimizer in optimizers]
    losses = []
    interval = 0.1 if sys.stderr.isatty() else 10.0  # seconds; a log keeps every line
    batches = _batches(problems, tokenizer, recipe)
    with tqdm(batches, "training the demo model", mininterval=interval) as progress:
        for tokens, labels in progress:
            loss = model(input_ids=tokens, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
            model.zero_grad()
            losses.append(loss.item())
            progress.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return model.eval(), sum(losses[-20:]) / len(losses[-20:])


def facts(recipe: Recipe, model: Qwen3ForCausalLM) -> dict[str, Any]:
    """Return what is worth knowing of a trained model: the recipe and the model's size."""
    return {**asdict(recipe), "steps": recipe.steps, "parameters": model.num_parameters()}


def _configuration(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=3 * recipe.hidden_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=recipe.head_dim,
        initializer_range=recipe.initializer_range,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )


def _optimizers(model: Qwen3ForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices, with which copying is learnt in minutes, AdamW for the rest."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if weight.ndim == 1]
    others.append(model.model.embed_tokens.weight)
    rate = recipe.learning_rate
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), fused=True),
    ]


def _schedule(optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """Raise the learning rate over the first 3 % of the steps, lower it over the second half."""
    return LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / (0.03 * steps), (steps - step) / (0.5 * steps)),
    )


def _batches(
    problems: Sequence[Problem], tokenizer: PreTrainedTokenizerFast, recipe: Recipe
) -> list[Batch]:
    """Batch texts of like length, so that little is padding, and shuffle the batches."""
    prompts = tokenizer([problem.prompt for problem in problems])["input_ids"]
    solutions = tokenizer([problem.solution + tokenizer.eos_token for problem in problems])
    rows = sorted(
        zip(prompts, solutions["input_ids"], strict=True), key=lambda row: len(row[0]) + len(row[1])
    )
    starts = list(range(0, recipe.steps * recipe.batch_size, recipe.batch_size))
    random.Random(recipe.seed).shuffle(starts)
    return [_padded(rows[i : i + recipe.batch_size], tokenizer.pad_token_id) for i in starts]


def _padded(rows: Sequence[tuple[list[int], list[int]]], padding: int) -> Batch:
    """Return tokens and labels; the prompts and the padding on the right bear no loss.

    A causal model never looks to the right, so no attention mask is needed.
    """
    tokens = [torch.tensor(prompt + solution) for prompt, solution in rows]
    labels = [torch.tensor([IGNORED] * len(prompt) + solution) for prompt, solution in rows]
    return pad_sequence(tokens, True, padding), pad_sequence(labels, True, IGNORED)
