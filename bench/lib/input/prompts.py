"""Prompts for the engines: from a file, or those of the demo model."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

import demo.model
from bench.lib.input import text_lines


def first_prompts(path: Path | None, count: int | None, demo_count: int) -> list[str]:
    """Return the first ``count`` prompts of a file, or all.

    Without a file they are held-out ones of the demo model, ``demo_count`` if no count is given.

    Raises:
        click.BadParameter: the file has fewer, or something else than prompts.
    """
    if path is None:
        return demo.model.held_out_prompts(count or demo_count)
    prompts = read_prompts(path)
    if count and count > len(prompts):
        raise click.BadParameter(f"{path} has {len(prompts)} prompts, not {count}.")
    return prompts[:count]


def check_room(context: int, prompts: Sequence[Sequence[int]], longest: int) -> None:
    """Refuse answers of ``longest`` tokens that no longer fit behind the prompts' tokens.

    Raises:
        click.UsageError: they do not fit, or a prompt has no tokens.
    """
    if not all(prompts):
        raise click.UsageError("a prompt of --prompts has no tokens; leave it out.")
    if longest > (room := context - max(map(len, prompts))):
        raise click.UsageError(f"--longest is more than the {room} tokens that prompts leave.")


def read_prompts(path: Path) -> list[str]:
    """Read one prompt a line, bare or as a JSON object with the key ``prompt``.

    Raises:
        click.BadParameter: a JSON line has no such text, there is no prompt, or the file is not
            UTF-8.
    """
    lines = text_lines.read(path)
    if not lines:
        raise click.BadParameter(f"{path} has no prompts.")
    return [_prompt(line, where) for where, line in lines.items()]


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
