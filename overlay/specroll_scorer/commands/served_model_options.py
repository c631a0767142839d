"""Options of commands that have a model served, or are told where it is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import TypeVar

import click

from specroll_scorer.serving.served_model import ServedModel

Command = TypeVar("Command", bound=Callable[..., None])


def draft_options(command: Command) -> Command:
    """Add --draft and --draft-url."""
    return _model_options("draft", "Draft", command)


def target_options(command: Command) -> Command:
    """Add --target and --target-url."""
    return _model_options("target", "Target", command)


def _model_options(name: str, title: str, command: Command) -> Command:
    url = click.option(
        f"--{name}-url", metavar="URL", help=f"vLLM server that has the {name} model already."
    )
    model = click.option(
        f"--{name}", metavar="MODEL", help=f"{title} model: folder or hub id, served by vLLM."
    )
    return model(url(command))


def engine_options(command: Command) -> Command:
    """Add --engine-python and --engine-options."""
    python = click.option(
        "--engine-python",
        metavar="FILE",
        default=sys.executable,
        show_default="this one",
        help="Interpreter of the environment that vLLM is started in.",
    )
    options = click.option(
        "--engine-options",
        metavar="TEXT",
        default="",
        help='Options for vLLM, as one text: "--enforce-eager --dtype float32".',
    )
    return python(options(command))


def served_model(
    name: str, model: str | None, url: str | None, python: str, options: str
) -> ServedModel:
    """Return the model that the options name.

    Args:
        name: of the options: draft or target.
        model: what `--NAME` says.
        url: what `--NAME-url` says.
        python: what `--engine-python` says.
        options: what `--engine-options` says.

    Raises:
        click.UsageError: neither or both of model and URL are given, or the engine's options are
            not quoted well.
    """
    if (model is None) == (url is None):
        raise click.UsageError(f"give either --{name} or --{name}-url.")
    try:
        return ServedModel(model, url, python, shlex.split(options))
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--engine-options") from error
