"""From accepted and rejected drafts to the tokens that each request gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class DraftGrid:
    """Where the drafts of a batch stand when each request has a row of its own.

    Attributes:
        num_drafts: [batch] int64, drafts of each request.
        columns: [1, longest + 1] int64, the numbers of the columns.
        tokens: [batch, longest + 1] int64, the token at each place; any token where there is none.
    """

    num_drafts: torch.Tensor
    columns: torch.Tensor
    tokens: torch.Tensor

    @classmethod
    def of(cls, cu_num_draft_tokens: torch.Tensor, num_tokens: int, longest: int) -> DraftGrid:
        """The grid of a batch.

        Args:
            cu_num_draft_tokens: [batch], where each request's drafts end.
            num_tokens: drafts of the batch.
            longest: the most drafts that a request has.
        """
        ends = cu_num_draft_tokens.to(torch.int64)
        starts = torch.zeros_like(ends)
        starts[1:] = ends[:-1]
        columns = torch.arange(longest + 1, device=ends.device).unsqueeze(0)
        tokens = (starts.unsqueeze(1) + columns).clamp(max=max(num_tokens - 1, 0))
        return cls(ends - starts, columns, tokens)

    def num_accepted(self, accepted: torch.Tensor) -> torch.Tensor:
        """[batch] int64: drafts before a request's first rejection, given [num_tokens] bool."""
        has_draft = self.columns < self.num_drafts.unsqueeze(1)
        goes_on = accepted[self.tokens] & has_draft
        # The last column of a row holds no draft: each row ends somewhere.
        return self.columns.expand_as(goes_on).masked_fill(goes_on, self.tokens.shape[1]).amin(1)

    def token_at(self, column: torch.Tensor) -> torch.Tensor:
        """[batch] int64: the token in a column of each row, given [batch] int64."""
        return self.tokens.gather(1, column.unsqueeze(1)).squeeze(1)


def sample(
    output_token_ids: torch.Tensor,
    grid: DraftGrid,
    draft_token_ids: torch.Tensor,
    accepted: torch.Tensor,
    replacement: Callable[[torch.Tensor], torch.Tensor],
    bonus_token_ids: torch.Tensor,
    rows: torch.Tensor | None = None,
) -> None:
    """Write what requests get: drafts up to the first rejection, and one token more.

    Args:
        output_token_ids: [batch, longest + 1 or more] int32; what is not written stays.
        grid: where the drafts stand.
        draft_token_ids: [num_tokens].
        accepted: [num_tokens] bool.
        replacement: from the first rejected token of each request, [batch] int64 (any token where
            none is rejected), to what takes its place, [batch].
        bonus_token_ids: [batch] or [batch, 1], what follows where all drafts are accepted.
        rows: [batch] bool, the requests to write; None for all.
    """
    last = bonus_token_ids.view(-1, 1).to(output_token_ids.dtype)
    if draft_token_ids.shape[0] == 0:
        new, is_written = last, torch.ones_like(last, dtype=torch.bool)
    else:
        num_accepted = grid.num_accepted(accepted)
        replaced = replacement(grid.token_at(num_accepted)).unsqueeze(1).to(last.dtype)
        end = num_accepted.unsqueeze(1)
        last = torch.where(end < grid.num_drafts.unsqueeze(1), replaced, last)
        new = torch.where(grid.columns == end, last, draft_token_ids[grid.tokens].to(last.dtype))
        is_written = grid.columns <= end
    if rows is not None:
        is_written = is_written & rows.unsqueeze(1)
    written_to = output_token_ids[:, : new.shape[1]]
    written_to.copy_(torch.where(is_written, new, written_to))
