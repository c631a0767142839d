"""Lengths of answers in tokens, group by group, from a file, a job's log or a distribution."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from bench.lib.input import text_lines
from planner import json_record

FORMATS = """\
What --answers understands, by the file:

\b
- .txt: one length a line, the samples of a prompt one after another (--group).
- .jsonl: JSON lines; the length is in --length-field, or is counted in the text of "output" with
  --tokenizer. Lines with the same "input" are a group; without "input" it is as in .txt.
- a folder: that of verl's trainer.rollout_data_dir, with a file such as 7.jsonl a step; the last
  step, or --step.
- .json: a log-normal distribution, drawn with a fixed seed. "median" and "longest" are tokens,
  "sigma" is the standard deviation of the logarithm, of whose square "prompt_share" lies between
  prompts; "prompts" and "group" are counts.
"""

Groups = list[list[int]]


@dataclass(frozen=True)
class LogNormal:
    """Lengths whose logarithm is normal, cut off at ``longest``; see `FORMATS`.

    >>> LogNormal(median=100, sigma=0.5, longest=400, prompts=2, group=3).groups()
    [[131, 108, 87], [108, 151, 133]]
    """

    median: float
    sigma: float
    longest: int
    prompts: int
    group: int
    prompt_share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError where a number is out of its range."""
        if min(self.median, self.longest, self.prompts, self.group) < 1:
            raise ValueError("median, longest, prompts and group must be at least 1")
        if self.seed < 0:
            raise ValueError("seed must not be negative")
        if self.sigma < 0 or not 0 <= self.prompt_share <= 1:
            raise ValueError("sigma must not be negative, and prompt_share be from 0 to 1")

    def groups(self) -> Groups:
        """Draw the lengths; the same numbers give the same."""
        random = np.random.default_rng(self.seed)
        between = random.standard_normal((self.prompts, 1)) * self.prompt_share**0.5
        within = random.standard_normal((self.prompts, self.group)) * (1 - self.prompt_share) ** 0.5
        lengths = self.median * np.exp(self.sigma * (between + within))
        groups: Groups = np.clip(np.rint(lengths), 1, self.longest).astype(int).tolist()
        return groups


@dataclass(frozen=True)
class Source:
    """Where lengths are, and how they are read there; see `FORMATS`.

    Example: ``Source(Path("lengths.txt"), group=8).groups()``.
    """

    path: Path
    group: int = 1
    length_field: str | None = None
    tokenizer: Path | None = None
    step: int | None = None

    def groups(self) -> Groups:
        """Read the lengths.

        Raises:
            click.BadParameter: there are none, or something else.
        """
        if self.step is not None and not self.path.is_dir():
            raise click.BadParameter(f"--step chooses from a folder, and {self.path} is a file.")
        path = self._step_file() if self.path.is_dir() else self.path
        readers = {".txt": self._numbers, ".jsonl": self._rows, ".json": self._distribution}
        if path.suffix not in readers:
            raise click.BadParameter(
                f"{path} is no folder and ends in none of {', '.join(readers)}."
            )
        groups = readers[path.suffix](path)
        if not groups:
            raise click.BadParameter(f"{path} has no answers.")
        return groups

    def _step_file(self) -> Path:
        steps = {int(file.stem): file for file in self.path.glob("*.jsonl") if file.stem.isdigit()}
        if not steps:
            raise click.BadParameter(f"{self.path} has no file of a step, such as 1.jsonl.")
        if self.step is not None and self.step not in steps:
            known = ", ".join(map(str, sorted(steps)))
            raise click.BadParameter(f"{self.path} has no step {self.step}; it has {known}.")
        return steps[max(steps) if self.step is None else self.step]

    def _numbers(self, path: Path) -> Groups:
        lines = text_lines.read(path)
        return self._grouped([_length(line, where) for where, line in lines.items()])

    def _rows(self, path: Path) -> Groups:
        rows = _json_lines(path)
        lengths = self._lengths(rows, path)
        if not all("input" in row for row in rows.values()):
            return self._grouped(lengths)
        by_prompt: dict[str, list[int]] = {}
        for row, length in zip(rows.values(), lengths, strict=True):
            by_prompt.setdefault(json.dumps(row["input"]), []).append(length)
        return list(by_prompt.values())

    def _lengths(self, rows: Mapping[str, dict[str, Any]], path: Path) -> list[int]:
        field = self.length_field or "output"
        for where, row in rows.items():
            if field not in row:
                raise click.BadParameter(f"{where} has no field {field!r}.")
        if self.length_field:
            return [_length(row[field], where) for where, row in rows.items()]
        if self.tokenizer is None:
            raise click.BadParameter(
                f"{path} needs --length-field, or --tokenizer to count tokens."
            )
        count = token_counter(self.tokenizer)
        return [max(1, count(str(row[field]))) for row in rows.values()]

    def _distribution(self, path: Path) -> Groups:
        return json_record.record(LogNormal, json_record.read(path), path).groups()

    def _grouped(self, lengths: Sequence[int]) -> Groups:
        starts = range(0, len(lengths), self.group)
        return [list(lengths[start : start + self.group]) for start in starts]


def token_counter(path: Path) -> Callable[[str], int]:
    """Return the function that counts the tokens of a text, without special ones.

    ``path`` is a tokenizer.json of Hugging Face, or a folder with one.

    Raises:
        click.BadParameter: it cannot be read.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise click.BadParameter("--tokenizer needs the package tokenizers.") from error
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # The package raises nothing narrower.
        raise click.BadParameter(f"{file} is no tokenizer: {error}.") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False))


def _json_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Return the objects by their places."""
    return {where: _json_object(line, where) for where, line in text_lines.read(path).items()}


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise click.BadParameter(f"{where} is no JSON: {error}.") from error
    if not isinstance(row, dict):
        raise click.BadParameter(f"{where} is no JSON object.")
    return row


def _length(value: Any, where: str) -> int:  # noqa: ANN401
    try:
        length = int(value)
    except (OverflowError, TypeError, ValueError):
        length = 0
    if length < 1 or length != float(value):
        raise click.BadParameter(f"{where}: {value!r} is no length in tokens, from 1 on.")
    return length
