"""Contexts with drafts, as the SPD scorer is trained on them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from specroll_scorer.data.row_columns import DATA_SOURCE
from specroll_scorer.data.row_faults import Limits, RowError
from specroll_scorer.data.rows import left_out_because, read_rows
from torch import Tensor
from verl.utils.dataset.rl_dataset import RLHFDataset


class SPDRLHFDataset(RLHFDataset):
    """Rows of parquet files as `train_spd_scorer.py prepare` writes them.

    Their token ids go in as they are: no chat template, no tokenizer. What the target answers wrong
    by itself and drafts without a mismatch teach nothing: they are left out and counted. Of verl's
    data options it heeds `max_prompt_length` (tokens of a context), `max_response_length` (of a
    draft), `train_max_samples`, `val_max_samples`, and one of its own, `skip_invalid`: rows that
    make no sense are counted instead of raising RowError.

    Example:
        With a tokenizer and the node `data` of verl's configuration:

            dataset = SPDRLHFDataset(["train.parquet"], tokenizer, config.data)
            dataset[0]["input_ids"], dataset[0]["draft_ids"]
    """

    def _read_files_and_tokenize(self) -> None:
        found = read_rows(
            self.data_files,
            Limits(
                vocabulary_size=len(self.tokenizer),
                max_context=self.max_prompt_length,
                max_draft=self.config.max_response_length,
            ),
            skip_invalid=self.config.get("skip_invalid", False),
        )
        reasons = Counter(filter(None, map(left_out_because, found.rows)))
        self.rows = [row for row in found.rows if left_out_because(row) is None]
        if self.max_samples > 0:
            self.rows = self.rows[: self.max_samples]
        print(f"SPD rows: {len(self.rows)} of {', '.join(map(str, self.data_files))}")
        left_out = [f"{count} ({reason})" for reason, count in (found.skipped + reasons).items()]
        for each in left_out:
            print(f"SPD rows left out: {each}")
        if not self.rows:
            files = ", ".join(map(str, self.data_files))
            raise RowError(files, "no row can be trained on", f"left out: {', '.join(left_out)}")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, item: int) -> dict[str, Any]:
        """Return one row: the context padded on the left, and the draft beside it for the rollout.

        Args:
            item: number of the row, from 0.

        Returns:
            `input_ids`, `attention_mask` and `position_ids` of the context, int64
            [max_prompt_length]; lists `draft_ids` and `target_ids`; and what verl and the rewards
            know the row by. `draft_start_idx` counts the padding.
        """
        row = self.rows[item]
        padding = self.max_prompt_length - len(row.context)
        mask = torch.tensor([0] * padding + [1] * len(row.context))
        return {
            "input_ids": torch.tensor(
                [self.tokenizer.pad_token_id] * padding + row.context.tolist()
            ),
            "attention_mask": mask,
            "position_ids": _positions(mask),
            "draft_ids": row.draft.tolist(),
            "target_ids": row.target.tolist(),
            "draft_start_idx": self.max_prompt_length,
            "data_source": DATA_SOURCE,
            "reward_model": {"style": "rule", "ground_truth": row.ground_truth},
            "extra_info": {"index": item, "row": row},
            "index": item,
        }


def _positions(mask: Tensor) -> Tensor:
    """Return positions of tokens behind padding on the left, given an attention mask of 0 and 1."""
    return (mask.cumsum(-1) - 1).clamp(min=0)
