"""Adapter between vLLM's second model runner and `sam_drafting`.

The drafts are made on the host, while the device waits for them. A step that drafts waits once, for
the copy of its tokens that the engine makes for its output. Others wait for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from specroll_speculation.batch_switch import BatchSwitch
from specroll_speculation.drafter import drafter_for
from specroll_speculation.feed import Begun, Ended, Feed, Sampled
from specroll_speculation.monitor import INCOMPLETE, NOTHING_LIKELY, DraftMonitor, too_large
from torch import nn
from vllm.config.sam import switch_setting
from vllm.logger import init_logger
from vllm.utils.platform_utils import is_pin_memory_available
from vllm.v1.worker.gpu.spec_decode.speculator import BaseSpeculator

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.outputs import DraftTokenIds
    from vllm.v1.worker.gpu.async_utils import AsyncOutput
    from vllm.v1.worker.gpu.input_batch import InputBatch

logger = init_logger(__name__)


def completes_a_prompt(input_batch: InputBatch) -> bool:
    """Say whether a step samples for one of its requests at least; the host knows it before."""
    ends = input_batch.num_computed_prefill_tokens_np + input_batch.num_scheduled_tokens
    return bool((ends >= input_batch.prefill_len_np).any())


class SamSpeculator(BaseSpeculator):
    """Drafts for the requests of a step, from their tokens so far.

    Every rank of a tensor-parallel group drafts for itself, and all draft the same: they see the
    same steps in the same order.

    Attributes:
        model: no draft model, but the runner prepares its communication buffers.
        draft_logits: None, for a draft is one token a position and has no distribution.
    """

    supports_mm_inputs = False
    draft_logits = None

    def __init__(self, vllm_config: VllmConfig, device: torch.device) -> None:
        """Make the drafter and read the batch-size threshold.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        config = vllm_config.speculative_config
        self.model = nn.Module()
        self.num_speculative_steps = config.num_speculative_tokens
        self.batch_switch = BatchSwitch(switch_setting(config), logger)
        self.monitor = DraftMonitor(logger)
        self.drafter = drafter_for(config)
        self._feed = Feed(self.drafter, self.monitor)
        self._overlaps = bool(vllm_config.scheduler_config.async_scheduling)
        self._sampled: Sampled
        self._limit = 0
        # Of the step that was sampled last, None where it did not draft.
        self._lengths: list[int] | None = None
        shape = (vllm_config.scheduler_config.max_num_seqs, config.num_speculative_tokens)
        pinned = is_pin_memory_available()
        self._on_host = torch.zeros(shape, dtype=torch.int64, pin_memory=pinned)
        self._on_device = torch.zeros(shape, dtype=torch.int64, device=device)

    def init_cudagraph_manager(self, _cudagraph_mode: object) -> None:
        """Nothing is captured: the drafts are made on the host."""

    def capture(self, *_arguments: object) -> None:
        """Nothing is captured."""

    def begin_step(self, scheduled: SchedulerOutput) -> None:
        """Note which requests end and begin with a step, and how long its drafts may be.

        The runner calls it before it adds new requests: an id may end and come back in one step.
        """
        self._limit = scheduled.num_spec_tokens_to_schedule
        self.batch_switch.turn(len(scheduled.num_scheduled_tokens), on=self._limit > 0)
        if scheduled.finished_req_ids:
            ends = scheduled.finished_num_tokens or {}
            self._feed.add(Ended(scheduled.finished_req_ids, ends))
        for request in scheduled.scheduled_new_reqs:
            # A copy: where the engine is in this process, the scheduler adds to that list.
            tokens = np.array(request.prefill_token_ids, np.int32)
            self._feed.add(Begun(request.req_id, tokens, len(request.prompt_token_ids)))
        if not scheduled.num_scheduled_tokens:
            self._feed.take_in_ready()

    def drafts(self, input_batch: InputBatch, output: AsyncOutput) -> bool:
        """Say whether a step drafts; where it does not, learn from what is there.

        Args:
            input_batch: the runner's batch.
            output: what the step has sampled, on its way to the host.
        """
        tokens, num_tokens = output.sampled_token_ids, output.num_sampled_tokens_np
        self._sampled = Sampled(input_batch.req_ids, tokens, num_tokens, output.copy_event, output)
        reason = None if self._limit else too_large(self.batch_switch.setting)
        if reason is None and not completes_a_prompt(input_batch):
            reason = INCOMPLETE
        if reason is None:
            return True
        self._lengths = None
        self._feed.add(self._sampled)
        self._feed.take_in_ready()
        self.monitor.record_silence({reason: len(input_batch.req_ids)})
        return False

    @torch.inference_mode()
    def propose(
        self,
        input_batch: InputBatch,
        *_arguments: object,
        dummy_run: bool = False,
        **_options: object,
    ) -> torch.Tensor:
        """Draft for each request of a step.

        Args:
            input_batch: the runner's batch.
            dummy_run: whether the step is not of requests.

        Returns:
            int64 [requests, num_speculative_tokens] on the device. Where a draft is shorter, it is
            filled up with the last token: what is no token has no embedding.
        """
        on_device = self._on_device[: input_batch.num_reqs]
        if dummy_run:
            return on_device
        drafts = self._feed.draft(self._sampled, self._limit)
        on_device.copy_(self._filled_up(drafts), non_blocking=True)
        self._lengths = lengths = [len(draft) for draft in drafts]
        if num_proposed := sum(lengths):
            self.monitor.record_proposed(num_proposed)
        else:
            self.monitor.record_silence({NOTHING_LIKELY: len(drafts)})
        return on_device

    def _filled_up(self, drafts: list[list[int]]) -> torch.Tensor:
        """Write drafts to where the device reads them: int64 [requests, num_speculative_tokens].

        What it read before is done with: the tokens that the host has waited for came later.
        """
        on_host = self._on_host[: len(drafts)]
        rows = on_host.numpy()
        rows[:] = self._sampled.last_tokens[:, None]
        for row, draft in zip(rows, drafts, strict=True):
            row[: len(draft)] = draft
        return on_host

    def trim(self, drafts: DraftTokenIds | None) -> DraftTokenIds | None:
        """Cut the drafts that the scheduler asks for to what was really drafted, and return them.

        The runner keeps those of the last step that drafted; a step that does not draft has none.
        Where steps overlap, they stay as they are: room for them is scheduled, the runner verifies
        what they are filled up with, and a grammar must have seen that, too.
        """
        if self._overlaps:
            return drafts
        if drafts is None or self._lengths is None:
            return None
        pairs = zip(drafts.draft_token_ids, self._lengths, strict=True)
        drafts.draft_token_ids = [draft[:length] for draft, length in pairs]
        return drafts
