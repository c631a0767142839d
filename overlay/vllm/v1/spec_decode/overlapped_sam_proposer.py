"""Adapter between vLLM's first model runner and `sam_drafting`, where its steps overlap.

The scheduler leaves room for whole drafts before they exist. When they are there, the runner takes
the rest of the room away: what no draft fills is not computed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from specroll_speculation.feed import NO_TOKEN, Sampled
from vllm.v1.spec_decode.fed_sam_drafter import FedSamDrafter

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.worker.gpu_model_runner import AsyncGPUModelRunnerOutput


class OverlappedSamProposer(FedSamDrafter):
    """Drafts for the requests of a step of the first model runner.

    Attributes:
        room: how many draft tokens the scheduler left room for in this step, by request.
    """

    def __init__(self, vllm_config: VllmConfig, device: torch.device) -> None:
        """Make the drafter.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        super().__init__(vllm_config, device)
        self.room: dict[str, int] = {}
        self._lengths: dict[str, int] = {}

    def load_model(self, _target_model: torch.nn.Module) -> None:
        """Nothing to load: the runner calls this of every drafter."""

    def trimmed(self, scheduled: SchedulerOutput) -> SchedulerOutput:
        """Note what begins with a step, and return it without room that no draft fills.

        The scheduler is not told: as soon as it knows what was sampled, it takes the tokens that
        are missing for rejected ones. Where a request of the step has a grammar, all places stay:
        the scheduler asks the grammar about each. They also stay where that is cheaper. The runner
        verifies what fills them up.
        """
        self.begin_step(scheduled)
        tokens = scheduled.scheduled_spec_decode_tokens
        self.room = {req_id: len(places) for req_id, places in tokens.items()}
        if not tokens or scheduled.has_structured_output_requests:
            return scheduled
        kept = {req_id: places[: self._lengths.get(req_id, 0)] for req_id, places in tokens.items()}
        if self._fills_up(scheduled, sum(map(len, kept.values()))):
            return scheduled
        num_tokens = dict(scheduled.num_scheduled_tokens)
        for req_id, places in kept.items():
            num_tokens[req_id] -= self.room[req_id] - len(places)
        return replace(
            scheduled,
            num_scheduled_tokens=num_tokens,
            total_num_scheduled_tokens=sum(num_tokens.values()),
            scheduled_spec_decode_tokens={key: each for key, each in kept.items() if each},
        )

    def _fills_up(self, scheduled: SchedulerOutput, num_draft_tokens: int) -> bool:
        """Say whether a step is cheaper with whole drafts, where all its requests may have one."""
        if self.step_costs is None or not num_draft_tokens:
            return False
        num_tokens, longest = scheduled.num_scheduled_tokens, max(self.room.values())
        if set(num_tokens.values()) != {1 + longest}:
            return False
        return self.step_costs.fills_up(len(num_tokens), num_draft_tokens, longest)

    @staticmethod
    def newest(sampled_token_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last token of each request, and how many are new; both stay on the device.

        Args:
            sampled_token_ids: int32 [requests, longest draft + 1], -1 behind the last.
        """
        counts = (sampled_token_ids != NO_TOKEN).sum(1, dtype=torch.int32)
        last = (counts - 1).clamp(min=0).long()
        return sampled_token_ids.gather(1, last[:, None])[:, 0], counts

    def propose(
        self, req_ids: list[str], output: AsyncGPUModelRunnerOutput, discarded: list[int]
    ) -> torch.Tensor | None:
        """Draft for each request of a step.

        Args:
            req_ids: the requests of the step, in a list that nobody changes.
            output: what the step has sampled, on its way to the host.
            discarded: rows whose prompts are not complete.

        Returns:
            int64 [requests, num_speculative_tokens] on the device, as `drafts_of` fills them up;
            None where the step does not draft.
        """
        tokens = output.sampled_token_ids_cpu.numpy()
        copied = output.async_copy_ready_event
        sampled = Sampled(req_ids, tokens, None, copied, output, discarded)
        self._lengths = {}
        if not self.drafts_after(sampled, completes_a_prompt=len(discarded) < len(req_ids)):
            return None
        lengths, drafts = self.drafts_of(sampled)
        self._lengths = dict(zip(req_ids, lengths, strict=True))
        return drafts
