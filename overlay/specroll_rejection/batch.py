"""What is verified: the drafts of a batch, what the target says of them, where the tokens go."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Drafts:
    """The drafts of a batch, end to end.

    Attributes:
        token_ids: [num_tokens]; a negative one is no token.
        cu_num: [batch], where each request's drafts end.
        longest: the most drafts that a request has.
        probs: [num_tokens, vocabulary] float32, or None where drafts are not sampled.

    Example:
        Two drafts of one request, and one of another:

        >>> drafts = Drafts(torch.tensor([7, 8, 5]), cu_num=torch.tensor([2, 3]), longest=2)
    """

    token_ids: torch.Tensor
    cu_num: torch.Tensor
    longest: int
    probs: torch.Tensor | None = None


@dataclass(frozen=True)
class Target:
    """What the target model says at each draft.

    Attributes:
        probs: [num_tokens, vocabulary] or [num_tokens, candidates] float32.
        candidate_ids: [num_tokens, candidates], the tokens that `probs` speaks of, where these are
            not the whole vocabulary; the others have probability 0.

    Example:
        >>> target = Target(torch.tensor([[0.9, 0.1]]), candidate_ids=torch.tensor([[7, 5]]))
        >>> target.of(torch.tensor([5])).tolist() == [target.probs[0, 1]]
        True
    """

    probs: torch.Tensor
    candidate_ids: torch.Tensor | None = None

    def of(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Return the probability of one token a draft.

        Args:
            token_ids: [num_tokens] int64.

        Returns:
            [num_tokens] float32.
        """
        columns = token_ids.unsqueeze(1)
        if self.candidate_ids is None:
            return self.probs.gather(1, columns).squeeze(1)
        return self.probs.masked_fill(self.candidate_ids != columns, 0.0).sum(dim=1)


@dataclass(frozen=True)
class Output:
    """Where the tokens of a batch go.

    Attributes:
        token_ids: [batch, longest + 1 or more] int32; what is not written stays.
        bonus_token_ids: [batch] or [batch, 1], what follows where all drafts are accepted.
        rows: [batch] bool, the requests to write; None for all.

    Example:
        >>> placeholders = torch.full((2, 3), -1, dtype=torch.int32)
        >>> output = Output(placeholders, bonus_token_ids=torch.tensor([9, 9]))
    """

    token_ids: torch.Tensor
    bonus_token_ids: torch.Tensor
    rows: torch.Tensor | None = None
