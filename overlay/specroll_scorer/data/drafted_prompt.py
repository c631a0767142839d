"""A prompt with a draft of its answer, on the way to a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specroll_scorer.answers.target_answers import Sample
from specroll_scorer.data.prompts import Prompt
from specroll_scorer.data.row_columns import DATA_SOURCE


@dataclass(frozen=True)
class DraftedPrompt:
    """A prompt, a draft of its answer, and what the target would say at each draft position.

    Attributes:
        index: number of the prompt in its file, from 0.
        prompt: what is answered.
        draft: token ids.
        target: the target's choice at each draft position.

    Example:
        >>> prompt = Prompt([1, 2], "7", "math_verify", "prompts.jsonl, line 1")
        >>> drafted = DraftedPrompt(0, prompt, draft=[3, 4, 5], target=[3, 9, 5])
        >>> [sample.accepted for sample in drafted.samples_at_stops()]
        [[3], [3, 4, 5]]
    """

    index: int
    prompt: Prompt
    draft: list[int]
    target: list[int]

    def sample_alone(self) -> Sample:
        """Return the prompt without any of its draft: what the target answers by itself."""
        return self._sample(0)

    def samples_at_stops(self) -> list[Sample]:
        """Return the prompt with its draft up to each stop: mismatches, and the draft's end."""
        mismatches = np.flatnonzero(np.not_equal(self.draft, self.target))
        return [self._sample(length) for length in [*mismatches, len(self.draft)]]

    def row(self, samples: Sequence[Sample], texts: Sequence[str]) -> dict[str, Any]:
        """Return the row, see `row_columns.py`.

        Args:
            samples: `sample_alone`, then `samples_at_stops` or nothing more.
            texts: the target's answers to them.

        Raises:
            CheckerError: the checker cannot read the ground truth.
        """
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
