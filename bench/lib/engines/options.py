"""Options of the commands that start engines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import demo.model
from bench.lib.engines.methods import REFERENCE, SPECULATION
from bench.lib.engines.requests import Shape
from bench.lib.engines.turns import EngineSetting

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

POSITIVE = click.IntRange(min=1)


def _checked_methods(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    methods = value.split(",")
    unknown = [method for method in methods if method not in SPECULATION]
    if unknown:
        raise click.BadParameter(f"unknown method {unknown[0]!r}; known: {', '.join(SPECULATION)}.")
    if len(set(methods)) < len(methods):
        raise click.BadParameter("every method can be named only once.")
    if REFERENCE not in methods:
        raise click.BadParameter("the methods are compared with none, so none must be one of them.")
    return methods


def checked_model(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return the name of a model.

    Raises:
        click.BadParameter: it is a path, and there is no such folder.
    """
    if value and value.startswith(("/", ".")) and not Path(value).is_dir():
        raise click.BadParameter(f"{Path(value).absolute()} is not a folder with a model.")
    return value


MODEL = click.option(
    "--model", callback=checked_model, help="Folder or hub id; the demo model where absent."
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
    """Return the option with the largest limit of an answer, in tokens."""
    return click.option(
        "--longest", type=POSITIVE, default=default, help="Largest limit of an answer, tokens."
    )


def repeats_option(default: int) -> Option:
    """Return the option with the number of rounds: the shorter, the more are needed."""
    return click.option("--repeats", type=POSITIVE, default=default, help="Rounds that count.")


def shape_options(longest: int) -> Option:
    """Return the options of `ShapeOptions` together; ``longest`` is the default of the last."""
    options = (
        GROUP,
        click.option(
            "--shortest", type=POSITIVE, default=20, help="Smallest limit of an answer, tokens."
        ),
        longest_option(longest),
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@dataclass(frozen=True)
class ShapeOptions:
    """What a command is told of the requests of a rollout.

    Example: ``ShapeOptions(group=8, shortest=20, longest=200).shape()``.
    """

    group: int
    shortest: int
    longest: int

    def shape(self, temperature: float = 0.0) -> Shape:
        """Return how the requests differ; a temperature of 0 is greedy.

        Raises:
            click.UsageError: the limits are the wrong way round.
        """
        if self.shortest > self.longest:
            raise click.UsageError("--shortest is more than --longest.")
        return Shape(self.group, self.shortest, self.longest, temperature)


@dataclass(frozen=True)
class EngineChoice:
    """What a command is told of its engines.

    Example: ``EngineChoice(None, 3, 8, "float32").setting(batch=4)`` is a setting of engines of
    the demo model.
    """

    model: str | None
    num_speculative_tokens: int
    threshold: int | None
    dtype: str

    def setting(self, batch: int) -> EngineSetting:
        """Return what the engines have in common; make the demo model where no other is named."""
        model = self.model or str(demo.model.path())
        return EngineSetting(model, batch, self.num_speculative_tokens, self.threshold, self.dtype)
