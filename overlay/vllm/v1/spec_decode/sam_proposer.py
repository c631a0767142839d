"""Adapter between vLLM's model runner and `sam_drafting`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from specroll_speculation.batch_switch import BatchSwitch, speculates, threshold_from_environment
from specroll_speculation.drafter import drafter_for
from specroll_speculation.monitor import INCOMPLETE, NOTHING_LIKELY, DraftMonitor, too_large
from vllm.config.sam import step_costs, switch_setting
from vllm.distributed.parallel_state import get_tensor_model_parallel_rank
from vllm.logger import init_logger

if TYPE_CHECKING:
    import numpy.typing as npt
    from specroll_speculation.step_costs import StepCosts
    from torch import nn
    from vllm.config import ParallelConfig, VllmConfig
    from vllm.v1.worker.gpu_input_batch import InputBatch

logger = init_logger(__name__)


def drafts_reach_a_scheduler(parallel_config: ParallelConfig) -> bool:
    """Say whether anything asks this rank for its drafts.

    An executor asks the first of its workers (`take_draft_token_ids` in
    vllm/v1/executor/multiproc_executor.py and abstract.py); each data-parallel replica has its own
    executor. Under `external_launcher` each rank schedules for itself, and all must schedule alike
    (vllm/v1/executor/uniproc_executor.py).
    """
    if parallel_config.distributed_executor_backend == "external_launcher":
        return True
    return get_tensor_model_parallel_rank() == 0


class IdleProposer:
    """Stands where a rank's drafts would be dropped: keeps no text and proposes nothing.

    Attributes:
        step_costs: as of `SamProposer`; nobody asks for it.
    """

    step_costs: StepCosts | None = None

    def load_model(self, _target_model: nn.Module) -> None:
        """Nothing to load."""

    def finish(self, _req_ids: Iterable[str], _num_tokens: Mapping[str, int] | None = None) -> None:
        """Nothing to forget."""

    def observe_batch(self, _batch_size: int, _longest: int | None = None) -> bool:
        """Answer that this rank does not speculate."""
        return False

    def propose(
        self, _input_batch: InputBatch, sampled_token_ids: list[list[int]]
    ) -> list[list[int]]:
        """Return a new empty draft for each request."""
        return [[] for _ in sampled_token_ids]


class SamProposer:
    """Proposes drafts for the requests of a model runner's input batch.

    The two static methods ask the batch what not every release of upstream answers; a subclass in
    a file of its own serves another release.

    Attributes:
        step_costs: what steps cost in graphs, None where that is not known.
    """

    @classmethod
    def for_this_rank(cls, vllm_config: VllmConfig) -> SamProposer | IdleProposer:
        """Make what this rank's model runner needs.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        if drafts_reach_a_scheduler(vllm_config.parallel_config):
            return cls(vllm_config)
        return IdleProposer()

    def __init__(self, vllm_config: VllmConfig) -> None:
        """Make the drafter and read the batch-size threshold.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        config = vllm_config.speculative_config
        self.num_speculative_tokens = config.num_speculative_tokens
        self.max_model_len = vllm_config.model_config.max_model_len
        self.batch_switch = BatchSwitch(switch_setting(config), logger)
        self._threshold = threshold_from_environment()
        self._longest = config.num_speculative_tokens
        self.monitor = DraftMonitor(logger)
        self.drafter = drafter_for(config)
        self.step_costs: StepCosts | None = step_costs(config)

    def load_model(self, target_model: nn.Module) -> None:
        """Nothing to load: the runner calls this of every drafter."""

    def finish(self, req_ids: Iterable[str], num_tokens: Mapping[str, int] | None = None) -> None:
        """Forget finished and aborted requests.

        Args:
            req_ids: the requests.
            num_tokens: where an answer ended, by request: the runner may have more tokens of it.
                None where the scheduler does not say.
        """
        self.drafter.finish(req_ids, num_tokens)

    def observe_batch(self, batch_size: int, longest: int | None = None) -> bool:
        """Note how large the batch of this step is, and return whether it speculates.

        Args:
            batch_size: requests in the batch.
            longest: how long drafts may be; None where the scheduler does not say.
        """
        if longest is None:
            longest = self.num_speculative_tokens * speculates(batch_size, self._threshold)
        self._longest = longest
        return self.batch_switch.turn(batch_size, on=longest > 0)

    def propose(
        self, input_batch: InputBatch, sampled_token_ids: list[list[int]]
    ) -> list[list[int]]:
        """Draft for each request of the batch, from all its tokens so far.

        Args:
            input_batch: the runner's batch, with the newly sampled tokens already in
                `token_ids_cpu`.
            sampled_token_ids: the new tokens a request; empty while its prompt is incomplete.

        Returns:
            A new list a request, empty where it gets no draft: the scheduler keeps and changes
            them, and would take None for "the drafts of the step before".
        """
        num_steps = sum(map(bool, sampled_token_ids))
        self.monitor.record_accepted(sum(map(len, sampled_token_ids)) - num_steps)
        limits, reasons = self._classify(input_batch, sampled_token_ids)
        drafts = self.drafter.step(
            input_batch.req_ids, input_batch.token_ids_cpu, *self._text_lengths(input_batch), limits
        )
        if num_proposed := sum(map(len, drafts)):
            self.monitor.record_proposed(num_proposed)
        else:
            self.monitor.record_silence(Counter(reason or NOTHING_LIKELY for reason in reasons))
        if num_proposed and self._fills_up(limits, drafts):
            for row, draft in enumerate(drafts):
                last = input_batch.token_ids_cpu[row, input_batch.num_tokens_no_spec[row] - 1]
                draft += [int(last)] * (self._longest - len(draft))
        return drafts

    def _fills_up(
        self, limits: int | npt.NDArray[np.int32], drafts: Sequence[Sequence[int]]
    ) -> bool:
        """Say whether the next step is cheaper with whole drafts, where all may have one."""
        if self.step_costs is None or np.min(limits) < self._longest:
            return False
        return self.step_costs.fills_up(len(drafts), sum(map(len, drafts)), self._longest)

    def _classify(
        self, input_batch: InputBatch, sampled_token_ids: list[list[int]]
    ) -> tuple[int | npt.NDArray[np.int32], list[str | None]]:
        """Find out which requests may get a draft.

        Returns:
            The longest draft of each request, or of all; and for each why it gets none, or None.
        """
        num_reqs = len(sampled_token_ids)
        if not self._longest:
            return 0, [too_large(self.batch_switch.setting)] * num_reqs
        # A step samples one token more than it verifies: leave room for it.
        room = self.max_model_len - 1 - input_batch.num_tokens_no_spec[:num_reqs]
        limits = np.clip(room, 0, self._longest).astype(np.int32)
        embedded = self._embedded_rows(input_batch)
        reasons: list[str | None] = [None] * num_reqs
        for row, new in enumerate(sampled_token_ids):
            if not new:
                reasons[row] = INCOMPLETE
            elif row in embedded:
                reasons[row] = "prompt given as embeddings"
            elif self._is_excluded(input_batch, row):
                reasons[row] = "sampling options that drafts cannot honour"
            elif not limits[row]:
                reasons[row] = "at max_model_len"
            if reasons[row]:
                limits[row] = 0
        return limits, reasons

    def _text_lengths(
        self, input_batch: InputBatch
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Return the tokens of each request, and how many of them are its prompt."""
        num_reqs = input_batch.num_reqs
        num_tokens = input_batch.num_tokens_no_spec[:num_reqs]
        num_prompt_tokens = input_batch.num_prompt_tokens[:num_reqs]
        embedded = self._embedded_rows(input_batch)
        if not embedded:
            return num_tokens, num_prompt_tokens
        # Embeddings have no tokens: their rows begin with what another request left there.
        has_tokens = np.ones(num_reqs, np.int32)
        has_tokens[list(embedded)] = 0
        return num_tokens * has_tokens, num_prompt_tokens * has_tokens

    @staticmethod
    def _embedded_rows(input_batch: InputBatch) -> Collection[int]:
        """Return the rows of requests whose prompts are given as embeddings."""
        return input_batch.req_prompt_embeds

    @staticmethod
    def _is_excluded(_input_batch: InputBatch, _row: int) -> bool:
        """Say whether drafts are not verified under the sampling options of a request."""
        return False
