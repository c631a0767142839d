"""Training of the tasks' models: small Llamas, on the CPU, always the same way."""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from demo.scorer_tasks import sums
from demo.scorer_tasks.wordings import Errors, Wording

# The label that bears no loss.
IGNORED = -100
# Digits are few among the words, and all that can be got wrong.
WEIGHT_OF_A_DIGIT = 2.0

Batch = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Recipe:
    """From what a model is trained, and how long.

    Example: ``Recipe(wording, Errors(), steps=1100, learning_rate=4e-3, seed=1)``.
    """

    wording: Wording
    errors: Errors
    steps: int
    learning_rate: float
    seed: int
    batch_size: int = 64


def new_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """Return a Llama with random weights.

    Its heads have 32 dimensions because vLLM's attention on the CPU accepts nothing smaller.
    """
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=2,
        head_dim=32,
        initializer_range=0.05,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def train(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, name: str
) -> None:
    """Train a model in place on solutions made on the spot; ``name`` is for the progress bar.

    Leaves PyTorch with one thread: more gain little on a model so small, and would make the
    result depend on the number of cores.
    """
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = _schedule(optimizer, recipe.steps)
    weights = _weights(tokenizer)
    interval = 0.1 if sys.stderr.isatty() else 10.0  # seconds; a log keeps every line
    batches = islice(_batches(tokenizer, recipe), recipe.steps)
    bar = tqdm(batches, f"training the {name}", recipe.steps, mininterval=interval)
    for tokens, labels in bar:
        logits = model(input_ids=tokens, use_cache=False).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    model.eval()


def _schedule(optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """Raise the learning rate over the first 30 steps, lower it over the last 40 %."""
    return LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 30, max(0.02, (steps - step) / (0.4 * steps)))
    )


def _weights(tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    weights = torch.ones(len(tokenizer))
    weights[tokenizer.convert_tokens_to_ids([*sums.DIGITS, *sums.SPELLED])] = WEIGHT_OF_A_DIGIT
    return weights


def _batches(tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Iterator[Batch]:
    """Make batches for ever: tokens and labels; prompts and padding bear no loss.

    A causal model never looks to the right, so no attention mask is needed.
    """
    ids = tokenizer.get_vocab()
    generator = random.Random(recipe.seed)
    problems = sums.problems(recipe.seed)
    while True:
        tokens, labels = [], []
        for problem in islice(problems, recipe.batch_size):
            prompt = [ids[word] for word in problem.prompt.split()]
            words = sums.solution(problem, recipe.wording, recipe.errors, generator)
            solution = [ids[word] for word in words]
            tokens.append(torch.tensor(prompt + solution))
            labels.append(torch.tensor([IGNORED] * len(prompt) + solution))
        yield (
            pad_sequence(tokens, True, tokenizer.pad_token_id),
            pad_sequence(labels, True, IGNORED),
        )
