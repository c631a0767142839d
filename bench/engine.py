"""What does speculation bring in a real engine?

Every method gets a vLLM engine of its own; all of them stay alive and take turns, round by
round, on the same prompts, so that a busy machine slows them alike. Decoding is greedy: the
tokens must be those of the method ``none``, and the exit code is 1 where they are not.
Prefix caching is on, as is vLLM's default: after the warm-up round every method finds the
prompts (never the answers) in its cache.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import comparison, differences
from bench.engine_process import EngineError, EngineOptions, EngineProcess, Generation
from testing import demo_model

# The window is vLLM's ngram at its best on reasoning; its own default, 5 to 5, seldom matches.
SPECULATION: dict[str, dict[str, Any]] = {
    "none": {},
    "ngram": {"method": "ngram", "prompt_lookup_min": 2, "prompt_lookup_max": 5},
    "sam": {"method": "sam"},
}
THRESHOLD_VARIABLE = "VLLM_SPECULATIVE_BATCH_SIZE_THRE"

Rounds = dict[str, list[Generation]]


@dataclass(frozen=True)
class Setting:
    """What all methods have in common."""

    model: str
    batch: int
    max_tokens: int
    num_speculative_tokens: int
    threshold: int | None
    dtype: str

    def engine_options(self, method: str) -> EngineOptions:
        """Return how to make the engine of ``method``."""
        speculation = dict(SPECULATION[method])
        if speculation:
            speculation["num_speculative_tokens"] = self.num_speculative_tokens
        arguments = {
            "model": self.model,
            "dtype": self.dtype,
            "max_num_seqs": self.batch,
            "enforce_eager": True,
            "disable_log_stats": False,
            "speculative_config": speculation or None,
        }
        threshold = {} if self.threshold is None else {THRESHOLD_VARIABLE: str(self.threshold)}
        return EngineOptions(arguments, threshold)


@contextmanager
def running_engines(setting: Setting, methods: Sequence[str]) -> Iterator[dict[str, EngineProcess]]:
    """Start an engine for every method and end them all on leaving.

    Raises EngineError where one does not start.
    """
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specrl-engines-")))
        engines = {}
        for method in tqdm(methods, "starting engines", unit="engine"):
            options = setting.engine_options(method)
            engine = EngineProcess(method, options, logs / f"{method}.log")
            engines[method] = stack.enter_context(engine)
            engine.wait_until_ready()
        yield engines


def measured_rounds(
    engines: Mapping[str, EngineProcess], setting: Setting, prompts: Sequence[str], repeats: int
) -> Rounds:
    """Let the engines take turns for ``repeats`` rounds, after one that does not count."""
    rounds: Rounds = {method: [] for method in engines}
    turns = [(turn, method) for turn in range(repeats + 1) for method in engines]
    for turn, method in tqdm(turns, "rounds", unit="turn"):
        generation = _one_round(engines[method], setting, prompts)
        if turn > 0:
            rounds[method].append(generation)
    return rounds


def _one_round(engine: EngineProcess, setting: Setting, prompts: Sequence[str]) -> Generation:
    batches = [prompts[i : i + setting.batch] for i in range(0, len(prompts), setting.batch)]
    return Generation.joined([engine.generate(batch, setting.max_tokens) for batch in batches])


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


def read_prompts(path: Path) -> list[str]:
    """Read one prompt a line, bare or as a JSON object with the key ``prompt``.

    Raises click.BadParameter where a JSON line has no such text or there is no prompt.
    """
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        raise click.BadParameter(f"{path} has no prompts.")
    return [_prompt(line, f"{path}: {line[:60]}") for line in lines]


def _prompt(line: str, where: str) -> str:
    if not line.lstrip().startswith("{"):
        return line
    try:
        prompt = json.loads(line)["prompt"]
    except (ValueError, KeyError) as error:
        raise click.BadParameter(f"{where} is not a JSON object with a prompt.") from error
    if not isinstance(prompt, str):
        raise click.BadParameter(f"{where} has a prompt that is not text.")
    return prompt


def _methods(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    methods = value.split(",")
    unknown = [method for method in methods if method not in SPECULATION]
    if unknown:
        raise click.BadParameter(f"unknown method {unknown[0]!r}; known: {', '.join(SPECULATION)}.")
    if len(set(methods)) < len(methods):
        raise click.BadParameter("every method can be named only once.")
    if comparison.REFERENCE not in methods:
        raise click.BadParameter("the methods are compared with none, so none must be one of them.")
    return methods


def _model(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value and value.startswith(("/", ".")) and not Path(value).is_dir():
        raise click.BadParameter(f"{Path(value).absolute()} is not a folder with a model.")
    return value


def _json_target(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value and value != "-" and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {value} does not exist.")
    return value


def _first_prompts(path: Path | None, count: int | None) -> list[str]:
    if path is None:
        return demo_model.held_out_prompts(count or 8)
    prompts = read_prompts(path)
    if count and count > len(prompts):
        raise click.BadParameter(f"{path} has {len(prompts)} prompts, not {count}.")
    return prompts[:count]


def _write_json(found: Mapping[str, Any], target: str) -> None:
    text = json.dumps(found, indent=2) + "\n"
    if target == "-":
        click.echo(text, nl=False)
        return
    temporary = Path(f"{target}.{os.getpid()}.tmp")
    temporary.write_text(text)
    temporary.replace(target)


POSITIVE = click.IntRange(min=1)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--model", callback=_model, help="Folder or hub id; the demo model where absent.")
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='One prompt a line, or JSON lines with "prompt"; the demo model\'s where absent.',
)
@click.option("--num-prompts", type=POSITIVE, help="The first so many; all, or 8 of the demo.")
@click.option("--max-tokens", type=POSITIVE, default=400, help="Output tokens a prompt at most.")
@click.option("--batch", type=POSITIVE, default=1, help="Concurrent requests.")
@click.option("--num-speculative-tokens", type=POSITIVE, default=3, help="Tokens a draft at most.")
@click.option("--methods", default=",".join(SPECULATION), callback=_methods, help="In turn order.")
@click.option("--threshold", type=int, help=f"Value of {THRESHOLD_VARIABLE} for all.")
@click.option("--repeats", type=POSITIVE, default=5, help="Rounds that count.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16", "auto"]),
    default="float32",
    help="Of the model.",
)
@click.option("--stack-name", default="2026.09", help="Name of the stack for the JSON.")
@click.option(
    "--json", "target", callback=_json_target, help="Write the result here; - is standard output."
)
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
    texts = _first_prompts(prompts, num_prompts)
    model = model or str(demo_model.path())
    setting = Setting(model, batch, max_tokens, num_speculative_tokens, threshold, dtype)
    try:
        with running_engines(setting, methods) as engines:
            rounds = measured_rounds(engines, setting, texts, repeats)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    found = result(setting, rounds, stack_name)
    click.echo(report(found), err=target == "-")
    if target:
        _write_json(found, target)
    if not all(measures["identical_to_none"] for measures in found["methods"].values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
