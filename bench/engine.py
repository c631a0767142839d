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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import comparison, differences, engine_options, json_target
from bench.engine_options import POSITIVE
from bench.engine_process import EngineError, EngineProcess, Generation
from bench.engines import THRESHOLD_VARIABLE, EngineSetting, rounds_in_turn, running_engines
from bench.prompts import first_prompts
from testing import demo_model
from testing.registry import default_stack

METHODS = "none", "ngram", "sam"

Rounds = dict[str, list[Generation]]


@dataclass(frozen=True)
class Setting(EngineSetting):
    """What all methods have in common."""

    max_tokens: int

    def one_round(self, engine: EngineProcess, prompts: Sequence[str]) -> Generation:
        """Let an engine generate for all prompts, batch by batch."""
        batches = [prompts[i : i + self.batch] for i in range(0, len(prompts), self.batch)]
        return Generation.joined([engine.generate(batch, self.max_tokens) for batch in batches])


def result(setting: Setting, rounds: Rounds, stack_name: str) -> dict[str, Any]:
    """Return all that was found, ready for JSON."""
    reference = rounds[comparison.REFERENCE]
    methods = {name: comparison.measures(each, reference) for name, each in rounds.items()}
    for name, found in methods.items():
        if not found["identical_to_none"]:
            found["differences"] = _differences(setting.model, rounds[name], reference)
            found["first_difference"] = found["differences"][0]
    return {"stack": stack_name, **asdict(setting), "methods": methods}


def _differences(
    model: str, rounds: Sequence[Generation], reference: Sequence[Generation]
) -> list[dict[str, Any]]:
    """Describe the differences of the first round that has any."""
    pairs = zip(reference, rounds, strict=True)
    expected, got = next((a, b) for a, b in pairs if a.token_ids != b.token_ids)
    found = differences.first_differences(expected, got)
    gaps = differences.logit_gaps(model, expected, found)
    return [{**asdict(each), "logit_gap": gap} for each, gap in zip(found, gaps, strict=True)]


def report(found: Mapping[str, Any]) -> str:
    """Return the summary for the terminal."""
    lines = [f"Model: {found['model']}"]
    about = Path(found["model"]) / "about.json"
    if about.exists():
        lines.append(json.loads(about.read_text())["what"])
    lines += ["", comparison.table(found["methods"])]
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
@engine_options.MODEL
@engine_options.PROMPTS
@click.option("--num-prompts", type=POSITIVE, help="The first so many; all, or 8 of the demo.")
@click.option("--max-tokens", type=POSITIVE, default=400, help="Output tokens a prompt at most.")
@click.option("--batch", type=POSITIVE, default=1, help="Concurrent requests.")
@engine_options.NUM_SPECULATIVE_TOKENS
@engine_options.methods_option(METHODS)
@click.option("--threshold", type=int, help=f"Value of {THRESHOLD_VARIABLE} for all.")
@engine_options.repeats_option(5)
@engine_options.DTYPE
@click.option("--stack-name", default=default_stack().name, help="Name of the stack for the JSON.")
@json_target.JSON
def main(
    model: str | None,
    prompts: Path | None,
    num_prompts: int | None,
    max_tokens: int,
    batch: int,
    num_speculative_tokens: int,
    methods: list[str],
    threshold: int | None,
    repeats: int,
    dtype: str,
    stack_name: str,
    target: str | None,
) -> None:
    """Compare the methods and say what was found."""
    texts = first_prompts(prompts, num_prompts, demo_count=8)
    model = model or str(demo_model.path())
    setting = Setting(model, batch, num_speculative_tokens, threshold, dtype, max_tokens)
    try:
        with running_engines(setting, methods) as engines:
            rounds = rounds_in_turn(engines, repeats, lambda it: setting.one_round(it, texts))
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    found = result(setting, rounds, stack_name)
    click.echo(report(found), err=target == json_target.STANDARD_OUTPUT)
    if target:
        json_target.write(found, target)
    if not all(measures["identical_to_none"] for measures in found["methods"].values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
