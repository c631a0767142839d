"""From prompts to rows: drafts of one model, and what another says at each of their positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from specroll_scorer.answers.target_answers import Answers
from specroll_scorer.data.drafted_prompt import DraftedPrompt
from specroll_scorer.data.parts import Parts
from specroll_scorer.data.prompts import Prompt
from specroll_scorer.data.row_columns import OUTCOMES, SCHEMA
from specroll_scorer.progress import progress
from specroll_scorer.serving.endpoint import Endpoint
from specroll_scorer.serving.served_model import ServedModel

# Enough to fill a batch; what a run that breaks off may lose.
PROMPTS_A_PART = 128


@dataclass(frozen=True)
class Chunk:
    """Prompts that become one part; `start` is the number of the first.

    Example:
        >>> Chunk(128, []).rows
        'rows-00000128'
    """

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


@dataclass(frozen=True)
class Judging:
    """How the target judges drafts.

    Attributes:
        tokenizer: the target's.
        max_tokens: most tokens of a completion.
        with_outcomes: whether each draft is completed at every stop, too.
    """

    tokenizer: PreTrainedTokenizerBase
    max_tokens: int
    with_outcomes: bool

    @property
    def schema(self) -> pa.Schema:
        """Columns of the rows."""
        return SCHEMA.append(OUTCOMES) if self.with_outcomes else SCHEMA


class RowAssembly:
    """Makes the rows of some prompts, part by part; what is there is not made again.

    Example:
        With two served models, and a tokenizer of both:

            assembly = RowAssembly(read_prompts(file, tokenizer), Parts(folder, settings))
            assembly.draft(draft_model, Sampling(max_tokens=512, temperature=1.0, seed=0))
            assembly.judge(target_model, Judging(tokenizer, 512, with_outcomes=True))
            table = assembly.rows()
    """

    def __init__(self, prompts: Sequence[Prompt], parts: Parts) -> None:
        """Take the prompts, and the folder that parts are kept in."""
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

    def judge(self, model: ServedModel, judging: Judging) -> None:
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
            for chunk in progress(missing, "asking the target"):
                drafts = self._parts.read(chunk.drafts)["draft"].to_pylist()
                rows = _rows(_with_targets(chunk, drafts, endpoint), endpoint, judging)
                self._parts.write(chunk.rows, pa.Table.from_pylist(rows, judging.schema))

    def rows(self) -> pa.Table:
        """Return the rows of all prompts, once all are made."""
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


def _with_targets(
    chunk: Chunk, drafts: Sequence[list[int]], endpoint: Endpoint
) -> list[DraftedPrompt]:
    sequences = [prompt.ids + draft for prompt, draft in zip(chunk.prompts, drafts, strict=True)]
    choices = endpoint.choices(sequences, [prompt.name for prompt in chunk.prompts])
    return [
        DraftedPrompt(chunk.start + i, prompt, drafts[i], choices[i][len(prompt.ids) - 1 :])
        for i, prompt in enumerate(chunk.prompts)
    ]


def _rows(
    drafted: Sequence[DraftedPrompt], endpoint: Endpoint, judging: Judging
) -> list[dict[str, Any]]:
    """Return rows as `SCHEMA` has them; all answers of the chunk are asked for at once."""
    asked = [
        [each.sample_alone(), *(each.samples_at_stops() if judging.with_outcomes else [])]
        for each in drafted
    ]
    answers = Answers(endpoint, judging.tokenizer, judging.max_tokens)
    texts = iter(answers.texts([*chain.from_iterable(asked)]))
    return [
        each.row(samples, [*islice(texts, len(samples))])
        for each, samples in zip(drafted, asked, strict=True)
    ]
