"""From prompts to rows: drafts of one model, and what another says at each of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from spd.answers import Answers, Sample
from spd.completion import Endpoint
from spd.parts import Parts
from spd.progress import progress
from spd.prompts import Prompt
from spd.rows import DATA_SOURCE, OUTCOMES, SCHEMA
from spd.served_model import ServedModel

# Enough to fill a batch; what a run that breaks off may lose.
PROMPTS_A_PART = 128


@dataclass(frozen=True)
class Chunk:
    """Prompts that become one part."""

    start: int
    prompts: Sequence[Prompt]

    @property
    def drafts(self) -> str:
        """Name of the part with their drafts."""
        return f"drafts-{self.start:08}"

    @property
    def rows(self) -> str:
        """Name of the part with their rows."""
        return f"rows-{self.start:08}"


@dataclass(frozen=True)
class Sampling:
    """How drafts are sampled: at most so many tokens, at which temperature, from which seed on."""

    max_tokens: int
    temperature: float
    seed: int


class Preparation:
    """Makes the rows of some prompts, part by part; what is there is not made again."""

    def __init__(self, prompts: Sequence[Prompt], parts: Parts) -> None:
        """Make the parts that are not there yet."""
        starts = range(0, len(prompts), PROMPTS_A_PART)
        self._chunks = [Chunk(start, prompts[start : start + PROMPTS_A_PART]) for start in starts]
        self._parts = parts

    def draft(self, model: ServedModel, sampling: Sampling) -> None:
        """Sample a draft for every prompt.

        Raises:
            EngineError: the model's engine did not start.
            CompletionError: a prompt could not be completed.
        """
        missing = [chunk for chunk in self._chunks if chunk.drafts not in self._parts]
        if not missing:
            return
        with model.endpoint(self._parts.folder / "draft.log") as endpoint:
            for chunk in progress(missing, "drafting"):
                drafts = _drafts(chunk, endpoint, sampling)
                self._parts.write(chunk.drafts, pa.table({"draft": drafts}))

    def judge(
        self,
        model: ServedModel,
        tokenizer: PreTrainedTokenizerBase,
        max_tokens: int,
        with_outcomes: bool,
    ) -> None:
        """Let the target say what it would have said, answer alone, and complete each stop.

        Raises:
            EngineError: the model's engine did not start.
            CompletionError: a prompt could not be completed.
            CheckerError: a checker cannot read a ground truth.
        """
        missing = [chunk for chunk in self._chunks if chunk.rows not in self._parts]
        if not missing:
            return
        with model.endpoint(self._parts.folder / "target.log") as endpoint:
            answers = Answers(endpoint, tokenizer, max_tokens)
            for chunk in progress(missing, "asking the target"):
                drafts = self._parts.read(chunk.drafts)["draft"].to_pylist()
                rows = _rows(chunk, drafts, endpoint, answers, with_outcomes)
                schema = SCHEMA.append(OUTCOMES) if with_outcomes else SCHEMA
                self._parts.write(chunk.rows, pa.Table.from_pylist(rows, schema))

    def rows(self) -> pa.Table:
        """Return the rows of all prompts."""
        return pa.concat_tables(self._parts.read(chunk.rows) for chunk in self._chunks)


def _drafts(chunk: Chunk, endpoint: Endpoint, sampling: Sampling) -> list[list[int]]:
    return endpoint.complete(
        [prompt.ids for prompt in chunk.prompts],
        sampling.max_tokens,
        sampling.temperature,
        # The same draft, whichever run and part it is made in.
        sampling.seed + chunk.start,
        [prompt.name for prompt in chunk.prompts],
    )


def _rows(
    chunk: Chunk,
    drafts: Sequence[list[int]],
    endpoint: Endpoint,
    answers: Answers,
    with_outcomes: bool,
) -> list[dict[str, Any]]:
    """Return rows as `SCHEMA` has them; all answers of the chunk are asked for at once."""
    targets = _targets(chunk, drafts, endpoint)
    made = [*zip(count(chunk.start), chunk.prompts, drafts, targets, strict=False)]
    samples = [_samples(prompt, draft, target, with_outcomes) for _, prompt, draft, target in made]
    texts = iter(answers.texts([*chain.from_iterable(samples)]))
    return [
        _row(*each, some, [*islice(texts, len(some))])
        for each, some in zip(made, samples, strict=True)
    ]


def _targets(chunk: Chunk, drafts: Sequence[list[int]], endpoint: Endpoint) -> list[list[int]]:
    """Return the target's choice at each draft position."""
    sequences = [prompt.ids + draft for prompt, draft in zip(chunk.prompts, drafts, strict=True)]
    chosen = endpoint.choices(sequences, [prompt.name for prompt in chunk.prompts])
    return [
        choices[len(prompt.ids) - 1 :]
        for prompt, choices in zip(chunk.prompts, chosen, strict=True)
    ]


def _samples(
    prompt: Prompt, draft: Sequence[int], target: Sequence[int], with_outcomes: bool
) -> list[Sample]:
    """Return what has to be answered: the prompt alone, and the draft up to each stop."""
    stops = [*np.flatnonzero(np.not_equal(draft, target)), len(draft)] if with_outcomes else []
    return [
        Sample(
            prompt.ids,
            draft[:length],
            prompt.ground_truth,
            prompt.checker,
            f"{prompt.name}, {length} tokens of its draft",
        )
        for length in [0, *stops]
    ]


def _row(
    index: int,
    prompt: Prompt,
    draft: list[int],
    target: list[int],
    samples: Sequence[Sample],
    texts: Sequence[str],
) -> dict[str, Any]:
    right = [sample.is_right(text) for sample, text in zip(samples, texts, strict=True)]
    return {
        "data_source": DATA_SOURCE,
        "input_ids": prompt.ids + draft,
        "draft_start_idx": len(prompt.ids),
        "target_ids": target,
        "reward_model": {"style": "rule", "ground_truth": prompt.ground_truth},
        "checker": prompt.checker,
        "baseline": texts[0],
        "baseline_right": right[0],
        "extra_info": {"index": index},
        "outcomes": right[1:],
    }
