"""What does speculation bring in a real engine?

Every method gets a vLLM engine of its own; all of them stay alive and take turns, round by
round, on the same prompts, so that a busy machine slows them alike. Decoding is greedy: the
tokens must be those of the method ``none``, and the exit code is 1 where they are not.
Prefix caching is on, as is vLLM's default: after the warm-up round every method finds the
prompts (never the answers) in its cache. Batches that shrink, and groups that share a prompt, are
the matter of `bench/rollout.py`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from bench.lib.engines import options
from bench.lib.engines.methods import REFERENCE, THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE, EngineChoice
from bench.lib.engines.process import EngineError, EngineProcess, Generation
from bench.lib.engines.turns import rounds_in_turn, running_engines
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import first_prompts
from bench.lib.measures import generations, token_differences
from bench.lib.output import files
from bench.lib.output.results import Results
from testing.registry import default_stack

METHODS = "none", "ngram", "sam"

Rounds = dict[str, list[Generation]]


@dataclass(frozen=True)
class Choice(EngineChoice):
    """What the command is told; its help says what each option means."""

    prompts: Path | None
    num_prompts: int | None
    max_tokens: int
    batch: int
    methods: list[str]
    repeats: int
    stack_name: str
    json_file: str | None

    def one_round(self, engine: EngineProcess, prompts: Sequence[str]) -> Generation:
        """Let an engine generate for all prompts, batch by batch."""
        batches = [prompts[i : i + self.batch] for i in range(0, len(prompts), self.batch)]
        return Generation.joined([engine.generate(batch, self.max_tokens) for batch in batches])


def measured(model: str, rounds: Rounds) -> dict[str, dict[str, Any]]:
    """Return what was found of each method, ready for JSON."""
    reference = rounds[REFERENCE]
    methods = {name: generations.measures(each, reference) for name, each in rounds.items()}
    for name, found in methods.items():
        if not found["identical_to_none"]:
            found["differences"] = _differences(model, rounds[name], reference)
            found["first_difference"] = found["differences"][0]
    return methods


def _differences(
    model: str, rounds: Sequence[Generation], reference: Sequence[Generation]
) -> list[dict[str, Any]]:
    """Describe the differences of the first round that has any."""
    pairs = zip(reference, rounds, strict=True)
    expected, got = next((a, b) for a, b in pairs if a.token_ids != b.token_ids)
    found = token_differences.first_differences(expected, got)
    gaps = token_differences.logit_gaps(model, expected, found)
    return [{**asdict(each), "logit_gap": gap} for each, gap in zip(found, gaps, strict=True)]


def report(found: Mapping[str, Any]) -> str:
    """Return the summary for the terminal."""
    lines = [f"Model: {found['model']}"]
    about = Path(found["model"]) / "about.json"
    if about.exists():
        lines.append(json.loads(about.read_text())["what"])
    lines += ["", generations.table(found["methods"])]
    for method, measures in found["methods"].items():
        for each in measures.get("differences", []):
            lines.append(f"{method} departs from none: {_departure(each)}")
    return "\n".join(lines)


def _departure(difference: Mapping[str, Any]) -> str:
    gap = difference["logit_gap"]
    return (
        f"prompt {difference['prompt']}, position {difference['position']}, token "
        f"{difference['token']} instead of {difference['reference_token']}, logit gap "
        + ("unknown, for an output ended early" if gap is None else f"{gap:.6f}")
    )


@click.command(help=__doc__, context_settings={"show_default": True})
@options.MODEL
@options.PROMPTS
@click.option("--num-prompts", type=POSITIVE, help="The first so many; all, or 8 of the demo.")
@click.option("--max-tokens", type=POSITIVE, default=400, help="Output tokens a prompt at most.")
@click.option("--batch", type=POSITIVE, default=1, help="Concurrent requests.")
@options.NUM_SPECULATIVE_TOKENS
@options.methods_option(METHODS)
@click.option("--threshold", type=int, help=f"Value of {THRESHOLD_VARIABLE} for all.")
@options.repeats_option(5)
@options.DTYPE
@click.option("--stack-name", default=default_stack().name, help="Name of the stack for the JSON.")
@files.JSON
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Compare the methods and say what was found."""
    texts = first_prompts(chosen.prompts, chosen.num_prompts, demo_count=8)
    setting = chosen.setting(chosen.batch)
    try:
        with running_engines(setting, chosen.methods) as engines:
            rounds = rounds_in_turn(
                engines, chosen.repeats, lambda engine: chosen.one_round(engine, texts)
            )
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    about = {"stack": chosen.stack_name, **asdict(setting), "max_tokens": chosen.max_tokens}
    methods = measured(setting.model, rounds)
    found = {**about, "methods": methods}
    Results(chosen.json_file).deliver(report(found), found)
    if not all(measures["identical_to_none"] for measures in methods.values()):
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m bench.engine")
