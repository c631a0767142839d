"""Prompts that drafts are made for, from a file of JSON lines.

Each line is an object with one of

    prompt_ids   token ids
    prompt       text
    messages     a conversation, which the tokenizer's chat template words

and with `ground_truth`, the right answer as text. `checker` names the function that compares an
answer with it, see `answers/checkers.py`; it is `math_verify` where there is none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from specroll_scorer.answers.checkers import CheckerError, checker
from specroll_scorer.progress import progress

FORMS = ("prompt_ids", "prompt", "messages")


class PromptError(ValueError):
    """A file of prompts, or a line of it, that is not what it should be."""


@dataclass(frozen=True)
class Prompt:
    """What to go on from, and what the answer should be.

    Attributes:
        ids: token ids, one or more.
        ground_truth: the right answer.
        checker: name of the function that compares an answer with it.
        name: what errors call the prompt: file and line.
    """

    ids: list[int]
    ground_truth: str
    checker: str
    name: str


def read_prompts(file: Path, tokenizer: PreTrainedTokenizerBase) -> list[Prompt]:
    """Read and check all prompts.

    Args:
        file: JSON lines; empty ones are passed over.
        tokenizer: of the models.

    Raises:
        PromptError: there is none, or a line is invalid.
    """
    try:
        lines = file.read_text("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise PromptError(f"{file} is not text in UTF-8: {error}") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise PromptError(f"{file} has no prompts")
    return [
        _prompt(line, f"{file}, line {number}", tokenizer)
        for number, line in progress(numbered, f"reading {file.name}")
    ]


def _prompt(line: str, name: str, tokenizer: PreTrainedTokenizerBase) -> Prompt:
    try:
        given = json.loads(line)
    except ValueError as error:
        raise PromptError(f"{name} is not JSON: {error}") from error
    if not isinstance(given, dict) or sum(form in given for form in FORMS) != 1:
        raise PromptError(f"{name} is not an object with one of {', '.join(FORMS)}")
    truth, named = given.get("ground_truth"), given.get("checker", "math_verify")
    if not isinstance(truth, str):
        raise PromptError(f"{name} has no ground_truth that is text")
    if not isinstance(named, str):
        raise PromptError(f"{name} has a checker that is no text")
    try:
        checker(named)
    except CheckerError as error:
        raise PromptError(f"{name}: {error}") from error
    return Prompt(_ids(given, name, tokenizer), truth, named, name)


def _ids(given: dict[str, Any], name: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the prompt's token ids, whichever form it has."""
    try:
        if "messages" in given:
            ids = tokenizer.apply_chat_template(given["messages"], add_generation_prompt=True)
        elif "prompt" in given:
            ids = tokenizer(given["prompt"])["input_ids"]
        else:
            ids = given["prompt_ids"]
    # Tokenizers raise a bare Exception where a text has what their vocabulary lacks.
    except Exception as error:
        raise PromptError(f"{name} cannot be tokenized: {error}") from error
    if not isinstance(ids, list) or not all(type(each) is int for each in ids) or not ids:
        raise PromptError(f"{name} has no token ids: a prompt is a list of one id or more")
    return ids
