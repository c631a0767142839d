"""Options of the commands that start engines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bench import comparison
from bench.engines import SPECULATION

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

POSITIVE = click.IntRange(min=1)


def _checked_methods(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    methods = value.split(",")
    unknown = [method for method in methods if method not in SPECULATION]
    if unknown:
        raise click.BadParameter(f"unknown method {unknown[0]!r}; known: {', '.join(SPECULATION)}.")
    if len(set(methods)) < len(methods):
        raise click.BadParameter("every method can be named only once.")
    if comparison.REFERENCE not in methods:
        raise click.BadParameter("the methods are compared with none, so none must be one of them.")
    return methods


def _checked_model(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if value and value.startswith(("/", ".")) and not Path(value).is_dir():
        raise click.BadParameter(f"{Path(value).absolute()} is not a folder with a model.")
    return value


MODEL = click.option(
    "--model", callback=_checked_model, help="Folder or hub id; the demo model where absent."
)
PROMPTS = click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='One prompt a line, or JSON lines with "prompt"; the demo model\'s where absent.',
)
NUM_SPECULATIVE_TOKENS = click.option(
    "--num-speculative-tokens", type=POSITIVE, default=3, help="Tokens a draft at most."
)
GROUP = click.option("--group", type=POSITIVE, default=8, help="Requests a prompt.")
SHORTEST = click.option(
    "--shortest", type=POSITIVE, default=20, help="Smallest limit of an answer, tokens."
)
DTYPE = click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16", "auto"]),
    default="float32",
    help="Of the model.",
)


def methods_option(default: Sequence[str]) -> Option:
    """Return the option that names the methods."""
    return click.option(
        "--methods", default=",".join(default), callback=_checked_methods, help="In turn order."
    )


def longest_option(default: int) -> Option:
    """Return the option with the other end of the limits, in tokens."""
    return click.option(
        "--longest", type=POSITIVE, default=default, help="Largest limit of an answer, tokens."
    )


def repeats_option(default: int) -> Option:
    """Return the option with the number of rounds: the shorter, the more are needed."""
    return click.option("--repeats", type=POSITIVE, default=default, help="Rounds that count.")
