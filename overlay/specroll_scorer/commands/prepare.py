"""The command that makes rows to train on from prompts, a draft model and a target model."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from specroll_scorer.answers.checkers import CheckerError
from specroll_scorer.commands.json_report import JSON, report
from specroll_scorer.commands.served_model_options import (
    draft_options,
    engine_options,
    served_model,
    target_options,
)
from specroll_scorer.data.parts import Parts, write_table
from specroll_scorer.data.prompts import PromptError, read_prompts
from specroll_scorer.data.row_assembly import Preparation, Sampling
from specroll_scorer.data.rows import Row, left_out_because, read_rows
from specroll_scorer.folder_settings import SettingsError
from specroll_scorer.serving.endpoint import CompletionError
from specroll_scorer.serving.vllm_server import EngineError

FAILURES = (CheckerError, CompletionError, EngineError, OSError, PromptError, SettingsError)

DECIDING = (
    "draft",
    "draft_url",
    "target",
    "target_url",
    "tokenizer",
    "draft_tokens",
    "temperature",
    "seed",
    "max_tokens",
    "outcomes",
)

POSITIVE = click.IntRange(min=1)


def summary(rows: list[Row]) -> dict[str, Any]:
    """Return what is worth knowing of rows: counts, means a row, shares of the rows."""
    reasons = [left_out_because(row) for row in rows]
    return {
        "rows": len(rows),
        "draft_tokens": float(np.mean([len(row.draft) for row in rows])),
        "mismatches": float(np.mean([len(row.mismatches) for row in rows])),
        "without_mismatch": float(np.mean([not len(row.mismatches) for row in rows])),
        "baseline_wrong": float(np.mean([not row.baseline_right for row in rows])),
        "trainable": reasons.count(None),
    }


def _rows_of(file: Path) -> list[Row]:
    # Which ids there are, the models have decided.
    return read_rows([file], vocabulary_size=sys.maxsize).rows


def _described(found: dict[str, Any], output: Path) -> str:
    return (
        f"{output}: {found['rows']} rows, of which {found['trainable']} can be trained on\n"
        f"  draft tokens a row          {found['draft_tokens']:.1f}\n"
        f"  mismatches a row            {found['mismatches']:.2f}\n"
        f"  rows without a mismatch     {found['without_mismatch']:.1%}\n"
        f"  target's own answer wrong   {found['baseline_wrong']:.1%}"
    )


def _made_with(prompts: Path) -> dict[str, Any]:
    """Return what decides the rows: the prompts, and the options that have a say."""
    given = click.get_current_context().params
    return {
        "prompts": hashlib.sha256(prompts.read_bytes()).hexdigest(),
        **{name: given[name] for name in DECIDING},
    }


def _tokenizer(name: str | None) -> PreTrainedTokenizerBase:
    if name is None:
        raise click.UsageError("--target-url needs --tokenizer, the target's.")
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no tokenizer can be loaded from {name}: {error}") from error


@click.command(context_settings={"show_default": True})
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="JSON lines with prompt, prompt_ids or messages, with ground_truth, and perhaps checker.",
)
@draft_options
@target_options
@click.option("--tokenizer", metavar="MODEL", help="Tokenizer of both models.  [default: --target]")
@engine_options
@click.option("--draft-tokens", type=POSITIVE, default=1024, help="Tokens of a draft at most.")
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    help="Of the draft; the target is greedy.",
)
@click.option("--seed", type=int, default=0, help="Of the draft of the first prompt.")
@click.option("--max-tokens", type=POSITIVE, default=1024, help="Tokens of a completion at most.")
@click.option("--outcomes", is_flag=True, help="Complete each draft at every stop, as eval needs.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Parquet file to make; FILE.parts holds what is done until it is whole.",
)
@JSON
def prepare(
    prompts: Path,
    draft: str | None,
    draft_url: str | None,
    target: str | None,
    target_url: str | None,
    tokenizer: str | None,
    engine_python: str,
    engine_options: str,
    draft_tokens: int,
    temperature: float,
    seed: int,
    max_tokens: int,
    outcomes: bool,
    output: Path,
    json_file: str | None,
) -> None:
    """Make rows to train a scorer on.

    The draft model samples an answer to every prompt; the target says what it would have said at
    each position of it, and answers alone. A run that broke off is gone on with by running the
    same command again.

    Example:

    \b
      python -m train_spd_scorer prepare --prompts prompts.jsonl --output train.parquet \\
          --draft models/draft --target models/target --draft-tokens 512
    """
    draft_model = served_model("draft", draft, draft_url, engine_python, engine_options)
    target_model = served_model("target", target, target_url, engine_python, engine_options)
    if output.exists():
        raise click.ClickException(f"{output} is there already: remove it, or write elsewhere.")
    sampling = Sampling(draft_tokens, temperature, seed)
    words = _tokenizer(tokenizer or target)
    try:
        parts = Parts(output.with_name(f"{output.name}.parts"), _made_with(prompts))
        preparation = Preparation(read_prompts(prompts, words), parts)
        preparation.draft(draft_model, sampling)
        preparation.judge(target_model, words, max_tokens, outcomes)
        write_table(preparation.rows(), output)
        parts.remove()
    except FAILURES as error:
        raise click.ClickException(str(error)) from error
    found = summary(_rows_of(output))
    report(_described(found, output), {"output": str(output), **found}, json_file)
