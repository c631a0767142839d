"""Answers of the target that go on from an accepted draft, and whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from specroll_scorer.answers.checkers import checker
from specroll_scorer.serving.endpoint import Endpoint


@dataclass(frozen=True)
class Sample:
    """A context, the part of its draft that is accepted, and how to check what comes of it.

    Attributes:
        context: token ids.
        accepted: token ids.
        ground_truth: the right answer.
        checker: name of the function that compares an answer with it, see `checkers.py`.
        name: what errors call the sample.

    Example:
        >>> Sample([5, 6], [7], "twelve", "operator:eq", "row 3").is_right("twelve")
        True
    """

    context: Sequence[int]
    accepted: Sequence[int]
    ground_truth: str
    checker: str
    name: str

    def is_right(self, text: str) -> bool:
        """Tell whether an answer with this text is right.

        Raises:
            CheckerError: the checker does not exist, or cannot read the ground truth.
        """
        return bool(checker(self.checker)(text, self.ground_truth))


class Answers:
    """Answers that the target at an endpoint gives, and whether they are right.

    Example:
        With an endpoint and a tokenizer of the target:

            answers = Answers(endpoint, tokenizer, max_tokens=512)
            [is_right] = answers.right([Sample(context, draft[:4], "7", "math_verify", "row 3")])
    """

    def __init__(
        self, endpoint: Endpoint, tokenizer: PreTrainedTokenizerBase, max_tokens: int
    ) -> None:
        """Name who completes.

        Args:
            endpoint: serves the target.
            tokenizer: the target's.
            max_tokens: most tokens of a completion.
        """
        self._endpoint = endpoint
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def right(self, samples: Sequence[Sample]) -> list[bool]:
        """Tell of each sample whether its answer is right.

        The target completes greedily; equal prompts are completed once. An accepted draft that
        ends with the end token is complete as it is.

        Raises:
            CompletionError: a sample could not be completed.
            CheckerError: a checker does not exist, or cannot read the ground truth.
        """
        texts = self.texts(samples)
        return [sample.is_right(text) for sample, text in zip(samples, texts, strict=True)]

    def texts(self, samples: Sequence[Sample]) -> list[str]:
        """Return each sample's answer: its accepted draft and what the target makes of it.

        Raises:
            CompletionError: a sample could not be completed.
        """
        open_ended = [sample for sample in samples if not self._is_complete(sample)]
        completions = self._endpoint.complete(
            [[*sample.context, *sample.accepted] for sample in open_ended],
            self._max_tokens,
            names=[sample.name for sample in open_ended],
        )
        endings = iter(completions)
        answers = [
            [*sample.accepted, *([] if self._is_complete(sample) else next(endings))]
            for sample in samples
        ]
        texts: list[str] = self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        return texts

    def _is_complete(self, sample: Sample) -> bool:
        return len(sample.accepted) > 0 and sample.accepted[-1] == self._tokenizer.eos_token_id
