"""From prompts to rows: drafts of one model, and what another says at each of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from specroll_scorer.answers.target_answers import Answers, Sample
from specroll_scorer.data.parts import Parts
from specroll_scorer.data.prompts import Prompt
from specroll_scorer.data.rows import DATA_SOURCE, OUTCOMES, SCHEMA
from specroll_scorer.progress import progress
from specroll_scorer.serving.endpoint import Endpoint
from specroll_scorer.serving.served_model import ServedModel

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
class Drafted:
    """A prompt, a draft of its answer, and what the target would say at each draft position."""

    index: int
    prompt: Prompt
    draft: list[int]
    target: list[int]

    def samples(self, with_outcomes: bool) -> list[Sample]:
        """Return what the target answers: the prompt alone, then the draft up to each stop."""
        mismatches = np.flatnonzero(np.not_equal(self.draft, self.target))
        stops = [*mismatches, len(self.draft)] if with_outcomes else []
        return [self._sample(length) for length in [0, *stops]]

    def row(self, samples: Sequence[Sample], texts: Sequence[str]) -> dict[str, Any]:
        """Return the row, once the samples are answered with these texts."""
        right = [sample.is_right(text) for sample, text in zip(samples, texts, strict=True)]
        return {
            "data_source": DATA_SOURCE,
            "input_ids": self.prompt.ids + self.draft,
            "draft_start_idx": len(self.prompt.ids),
            "target_ids": self.target,
            "reward_model": {"style": "rule", "ground_truth": self.prompt.ground_truth},
            "checker": self.prompt.checker,
            "baseline": texts[0],
            "baseline_right": right[0],
            "extra_info": {"index": self.index},
            "outcomes": right[1:],
        }

    def _sample(self, length: int) -> Sample:
        prompt = self.prompt
        return Sample(
            prompt.ids,
            self.draft[:length],
            prompt.ground_truth,
            prompt.checker,
            f"{prompt.name}, {length} tokens of its draft",
        )


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
    drafted = _with_targets(chunk, drafts, endpoint)
    asked = [each.samples(with_outcomes) for each in drafted]
    texts = iter(answers.texts([*chain.from_iterable(asked)]))
    return [
        each.row(samples, [*islice(texts, len(samples))])
        for each, samples in zip(drafted, asked, strict=True)
    ]


def _with_targets(chunk: Chunk, drafts: Sequence[list[int]], endpoint: Endpoint) -> list[Drafted]:
    sequences = [prompt.ids + draft for prompt, draft in zip(chunk.prompts, drafts, strict=True)]
    choices = endpoint.choices(sequences, [prompt.name for prompt in chunk.prompts])
    return [
        Drafted(chunk.start + i, prompt, drafts[i], choices[i][len(prompt.ids) - 1 :])
        for i, prompt in enumerate(chunk.prompts)
    ]
