"""`sam` for model runners whose steps overlap, fed with what each step has sampled.

The drafts are made on the host, while the device waits for them. A step that drafts waits once, for
the copy of its tokens that the engine makes for its output. Here others wait for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from specroll_speculation.batch_switch import BatchSwitch
from specroll_speculation.drafter import drafter_for
from specroll_speculation.feed import Begun, Ended, Feed, Sampled
from specroll_speculation.monitor import INCOMPLETE, NOTHING_LIKELY, DraftMonitor, too_large
from vllm.config.sam import step_costs, switch_setting
from vllm.logger import init_logger
from vllm.utils.platform_utils import is_pin_memory_available

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.core.sched.output import SchedulerOutput

logger = init_logger(__name__)


class FedSamDrafter:
    """Drafts for the requests of a step, from their tokens so far.

    Attributes:
        step_costs: what steps cost in graphs, None where that is not known.

    Every rank of a tensor-parallel group drafts for itself, and all draft the same: they see the
    same steps in the same order.
    """

    def __init__(self, vllm_config: VllmConfig, device: torch.device) -> None:
        """Make the drafter and read the batch-size threshold.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        config = vllm_config.speculative_config
        self.batch_switch = BatchSwitch(switch_setting(config), logger)
        self.monitor = DraftMonitor(logger)
        self.drafter = drafter_for(config)
        self.step_costs = step_costs(config)
        self._feed = Feed(self.drafter, self.monitor)
        self._limit = 0
        shape = (vllm_config.scheduler_config.max_num_seqs, config.num_speculative_tokens)
        pinned = is_pin_memory_available()
        self._on_host = torch.zeros(shape, dtype=torch.int64, pin_memory=pinned)
        self._on_device = torch.zeros(shape, dtype=torch.int64, device=device)

    def begin_step(self, scheduled: SchedulerOutput) -> None:
        """Note which requests end and begin with a step, and how long its drafts may be.

        The runner calls it before it adds new requests: an id may end and come back in one step.
        """
        self._limit = scheduled.num_spec_tokens_to_schedule
        if batch_size := len(scheduled.num_scheduled_tokens):
            self.batch_switch.turn(batch_size, on=self._limit > 0)
        if scheduled.finished_req_ids:
            ends = scheduled.finished_num_tokens or {}
            self._feed.add(Ended(scheduled.finished_req_ids, ends))
        for request in scheduled.scheduled_new_reqs:
            # A copy: where the engine is in this process, the scheduler adds to that list. The
            # second runner gets requests anew that come back, with what they have written.
            prompt = request.prompt_token_ids or ()
            tokens = np.array(request.prefill_token_ids or prompt, np.int32)
            self._feed.add(Begun(request.req_id, tokens, len(prompt)))
        if not batch_size:
            self._feed.take_in_ready()

    def drafts_after(self, sampled: Sampled, *, completes_a_prompt: bool) -> bool:
        """Say whether a step drafts; where it does not, learn from what is there.

        Args:
            sampled: what it has sampled, on its way to the host.
            completes_a_prompt: whether any of that is a new token.
        """
        if self._limit and completes_a_prompt:
            return True
        self._feed.add(sampled)
        self._feed.take_in_ready()
        reason = INCOMPLETE if self._limit else too_large(self.batch_switch.setting)
        self.monitor.record_silence({reason: len(sampled.req_ids)})
        return False

    def drafts_of(self, sampled: Sampled) -> tuple[list[int], torch.Tensor]:
        """Wait for what a step has sampled, and draft for its requests.

        Args:
            sampled: what it has sampled, on its way to the host.

        Returns:
            How long each draft is, and int64 [requests, num_speculative_tokens] on the device.
            Where a draft is shorter, it is filled up with the last token: what is no token has no
            embedding.
        """
        drafts = self._feed.draft(sampled, self._limit)
        on_host, on_device = self._on_host[: len(drafts)], self._on_device[: len(drafts)]
        # The device has read what was here before: the tokens that were waited for came later.
        rows = on_host.numpy()
        rows[:] = sampled.last_tokens[:, None]
        for row, draft in zip(rows, drafts, strict=True):
            row[: len(draft)] = draft
        on_device.copy_(on_host, non_blocking=True)
        lengths = [len(draft) for draft in drafts]
        if num_proposed := sum(lengths):
            self.monitor.record_proposed(num_proposed)
        else:
            self.monitor.record_silence({NOTHING_LIKELY: len(drafts)})
        return lengths, on_device
