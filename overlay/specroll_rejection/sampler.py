"""From accepted and rejected drafts to the tokens that each request gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from specroll_rejection.batch import Drafts, Output


@dataclass(frozen=True)
class DraftGrid:
    """Where the drafts of a batch stand when each request has a row of its own.

    Attributes:
        num_drafts: [batch] int64, drafts of each request.
        columns: [1, longest + 1] int64, the numbers of the columns.
        tokens: [batch, longest + 1] int64, the token at each place; any token where there is none.

    Example:
        >>> grid = DraftGrid.of(Drafts(torch.tensor([7, 8, 5]), torch.tensor([2, 3]), longest=2))
        >>> grid.num_accepted(torch.tensor([True, False, True])).tolist()
        [1, 1]
    """

    num_drafts: torch.Tensor
    columns: torch.Tensor
    tokens: torch.Tensor

    @classmethod
    def of(cls, drafts: Drafts) -> DraftGrid:
        """Return the grid of a batch."""
        ends, num_tokens = drafts.cu_num.to(torch.int64), drafts.token_ids.shape[0]
        starts = torch.zeros_like(ends)
        starts[1:] = ends[:-1]
        columns = torch.arange(drafts.longest + 1, device=ends.device).unsqueeze(0)
        tokens = (starts.unsqueeze(1) + columns).clamp(max=max(num_tokens - 1, 0))
        return cls(ends - starts, columns, tokens)

    def num_accepted(self, accepted: torch.Tensor) -> torch.Tensor:
        """Count each request's drafts before its first rejection.

        Args:
            accepted: [num_tokens] bool.

        Returns:
            [batch] int64.
        """
        has_draft = self.columns < self.num_drafts.unsqueeze(1)
        goes_on = accepted[self.tokens] & has_draft
        # The last column of a row holds no draft: each row ends somewhere.
        return self.columns.expand_as(goes_on).masked_fill(goes_on, self.tokens.shape[1]).amin(1)

    def token_at(self, column: torch.Tensor) -> torch.Tensor:
        """Return the token in a column of each row; both are [batch] int64."""
        return self.tokens.gather(1, column.unsqueeze(1)).squeeze(1)


def sample(
    output: Output,
    drafts: Drafts,
    accepted: torch.Tensor,
    replacement: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Write what requests get: drafts up to the first rejection, and one token more.

    Args:
        output: where the tokens go.
        drafts: of the batch.
        accepted: [num_tokens] bool.
        replacement: from the first rejected token of each request, [batch] int64 (any token where
            none is rejected), to what takes its place, [batch].
    """
    last = output.bonus_token_ids.view(-1, 1).to(output.token_ids.dtype)
    if drafts.token_ids.shape[0] == 0:
        new, is_written = last, torch.ones_like(last, dtype=torch.bool)
    else:
        grid = DraftGrid.of(drafts)
        num_accepted = grid.num_accepted(accepted)
        replaced = replacement(grid.token_at(num_accepted)).unsqueeze(1).to(last.dtype)
        end = num_accepted.unsqueeze(1)
        last = torch.where(end < grid.num_drafts.unsqueeze(1), replaced, last)
        new = torch.where(grid.columns == end, last, drafts.token_ids[grid.tokens].to(last.dtype))
        is_written = grid.columns <= end
    if output.rows is not None:
        is_written = is_written & output.rows.unsqueeze(1)
    written_to = output.token_ids[:, : new.shape[1]]
    written_to.copy_(torch.where(is_written, new, written_to))
