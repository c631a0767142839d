"""The command that makes rows to train on from prompts, a draft model and a target model."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
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
from specroll_scorer.data.row_assembly import Judging, RowAssembly, Sampling
from specroll_scorer.data.row_faults import Limits
from specroll_scorer.data.row_summary import described, summary
from specroll_scorer.data.rows import read_rows
from specroll_scorer.folder_settings import SettingsError
from specroll_scorer.serving.endpoint import CompletionError
from specroll_scorer.serving.served_model import ServedModel
from specroll_scorer.serving.vllm_server import EngineError

FAILURES = (CheckerError, CompletionError, EngineError, OSError, PromptError, SettingsError)

# Options that decide the rows.
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


@dataclass(frozen=True)
class Options:
    """What the command is given, an attribute an option."""

    prompts: Path
    draft: str | None
    draft_url: str | None
    target: str | None
    target_url: str | None
    tokenizer: str | None
    engine_python: str
    engine_options: str
    draft_tokens: int
    temperature: float
    seed: int
    max_tokens: int
    outcomes: bool
    output: Path
    json_file: str | None

    def models(self) -> tuple[ServedModel, ServedModel]:
        """Return the draft and the target model.

        Raises:
            click.UsageError: the options name none, or several.
        """
        engine = self.engine_python, self.engine_options
        return (
            served_model("draft", self.draft, self.draft_url, *engine),
            served_model("target", self.target, self.target_url, *engine),
        )

    def made_with(self) -> dict[str, Any]:
        """Return what decides the rows: the prompts, and the options that have a say."""
        prompts = hashlib.sha256(self.prompts.read_bytes()).hexdigest()
        return {"prompts": prompts, **{name: getattr(self, name) for name in DECIDING}}


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
def prepare(**given: Any) -> None:
    """Make rows to train a scorer on.

    The draft model samples an answer to every prompt; the target says what it would have said at
    each position of it, and answers alone. A run that broke off is gone on with by running the
    same command again.

    Example:

    \b
      python -m train_spd_scorer prepare --prompts prompts.jsonl --output train.parquet \\
          --draft models/draft --target models/target --draft-tokens 512
    """
    options = Options(**given)
    models = options.models()
    if options.output.exists():
        raise click.ClickException(
            f"{options.output} is there already: remove it, or write elsewhere."
        )
    tokenizer = _tokenizer(options.tokenizer or options.target)
    try:
        _make_rows(options, models, tokenizer)
    except FAILURES as error:
        raise click.ClickException(str(error)) from error
    # Which ids there are, the models have decided.
    found = summary(read_rows([options.output], Limits(vocabulary_size=sys.maxsize)).rows)
    words = described(found, options.output)
    report(words, {"output": str(options.output), **found}, options.json_file)


def _tokenizer(name: str | None) -> PreTrainedTokenizerBase:
    if name is None:
        raise click.UsageError("--target-url needs --tokenizer, the target's.")
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no tokenizer can be loaded from {name}: {error}") from error


def _make_rows(
    options: Options, models: tuple[ServedModel, ServedModel], tokenizer: PreTrainedTokenizerBase
) -> None:
    output = options.output
    parts = Parts(output.with_name(f"{output.name}.parts"), options.made_with())
    assembly = RowAssembly(read_prompts(options.prompts, tokenizer), parts)
    draft, target = models
    assembly.draft(draft, Sampling(options.draft_tokens, options.temperature, options.seed))
    assembly.judge(target, Judging(tokenizer, options.max_tokens, options.outcomes))
    write_table(assembly.rows(), output)
    parts.remove()
