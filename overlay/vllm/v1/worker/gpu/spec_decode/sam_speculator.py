"""Adapter between vLLM's second model runner and `sam_drafting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from specroll_speculation.feed import Sampled
from torch import nn
from vllm.v1.spec_decode.fed_sam_drafter import FedSamDrafter
from vllm.v1.worker.gpu.spec_decode.speculator import BaseSpeculator

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.outputs import DraftTokenIds
    from vllm.v1.worker.gpu.async_utils import AsyncOutput
    from vllm.v1.worker.gpu.input_batch import InputBatch


def completes_a_prompt(input_batch: InputBatch) -> bool:
    """Say whether a step samples for one of its requests at least; the host knows it before."""
    ends = input_batch.num_computed_prefill_tokens_np + input_batch.num_scheduled_tokens
    return bool((ends >= input_batch.prefill_len_np).any())


class SamSpeculator(FedSamDrafter, BaseSpeculator):
    """Drafts for the requests of a step of the second model runner.

    Attributes:
        model: no draft model, but the runner prepares its communication buffers.
        draft_logits: None, for a draft is one token a position and has no distribution.
    """

    supports_mm_inputs = False
    draft_logits = None

    def __init__(self, vllm_config: VllmConfig, device: torch.device) -> None:
        """Make the drafter.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        super().__init__(vllm_config, device)
        self.model = nn.Module()
        self.num_speculative_steps = vllm_config.speculative_config.num_speculative_tokens
        self._overlaps = bool(vllm_config.scheduler_config.async_scheduling)
        self._sampled: Sampled
        # Of the step that was sampled last, None where it did not draft.
        self._lengths: list[int] | None = None

    def init_cudagraph_manager(self, _cudagraph_mode: object) -> None:
        """Nothing is captured: the drafts are made on the host."""

    def capture(self, *_arguments: object) -> None:
        """Nothing is captured."""

    def drafts(self, input_batch: InputBatch, output: AsyncOutput) -> bool:
        """Say whether a step drafts; where it does not, learn from what is there.

        Args:
            input_batch: the runner's batch.
            output: what the step has sampled, on its way to the host.
        """
        tokens, num_tokens = output.sampled_token_ids, output.num_sampled_tokens_np
        self._lengths = None
        self._sampled = Sampled(input_batch.req_ids, tokens, num_tokens, output.copy_event, output)
        return self.drafts_after(self._sampled, completes_a_prompt=completes_a_prompt(input_batch))

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
            int64 [requests, num_speculative_tokens] on the device, as `drafts_of` fills them up.
        """
        if dummy_run:
            return self._on_device[: input_batch.num_reqs]
        self._lengths, on_device = self.drafts_of(self._sampled)
        return on_device

    def trim(self, drafts: DraftTokenIds | None) -> DraftTokenIds | None:
        """Cut the drafts that the scheduler asks for to what was really drafted, and return them.

        They stay whole where a step with whole drafts is cheaper.

        The runner keeps those of the last step that drafted; a step that does not draft has none.
        Where steps overlap, they stay as they are: room for them is scheduled, the runner verifies
        what they are filled up with, and a grammar must have seen that, too.
        """
        if self._overlaps:
            return drafts
        if drafts is None or self._lengths is None:
            return None
        lengths = self._lengths
        if self._fills_up():
            lengths = [self._limit] * len(lengths)
        pairs = zip(drafts.draft_token_ids, lengths, strict=True)
        drafts.draft_token_ids = [draft[:length] for draft, length in pairs]
        return drafts

    def _fills_up(self) -> bool:
        """Say whether the next step is cheaper with whole drafts."""
        if self.step_costs is None or not self._lengths or not any(self._lengths):
            return False
        return self.step_costs.fills_up(len(self._lengths), sum(self._lengths), self._limit)
