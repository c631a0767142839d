"""What the model runners of vLLM-Ascend ask of a drafter, answered by vLLM's `SamProposer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from vllm.v1.spec_decode.sam_proposer import SamProposer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from specroll_speculation.step_costs import StepCosts
    from torch import nn
    from vllm.config import VllmConfig
    from vllm_ascend.worker.model_runner_v1 import NPUModelRunner


class NpuSamProposer:
    """The drafter of an `NPUModelRunner`, which idles on ranks whose drafts nothing asks for.

    Attributes:
        proposer_class: what reads the runner's input batch.
    """

    proposer_class: ClassVar[type[SamProposer]] = SamProposer

    def __init__(self, vllm_config: VllmConfig, runner: NPUModelRunner) -> None:
        """Draft for `runner`.

        Raises:
            ValueError: the threshold in the environment is no whole number.
        """
        self.runner = runner
        self.proposer = self.proposer_class.for_this_rank(vllm_config)

    @property
    def step_costs(self) -> StepCosts | None:
        """What steps cost in graphs, None where that is not known."""
        return self.proposer.step_costs

    @step_costs.setter
    def step_costs(self, costs: StepCosts) -> None:
        self.proposer.step_costs = costs

    def load_model(self, _target_model: nn.Module) -> None:
        """Nothing to load: the runner calls this of every drafter."""

    def dummy_run(self, *_args: object, **_options: object) -> None:
        """Nothing to warm up or to capture in a graph: drafts come from the host."""

    def finish(self, req_ids: Iterable[str], num_tokens: Mapping[str, int] | None = None) -> None:
        """Forget finished and aborted requests, as `SamProposer` does."""
        self.proposer.finish(req_ids, num_tokens)

    def observe_batch(self, batch_size: int) -> bool:
        """Note how large the batch of this step is, and return whether it speculates."""
        return self.proposer.observe_batch(batch_size)

    def propose(self, sampled_token_ids: list[list[int]]) -> list[list[int]]:
        """Draft for each request of the runner's batch.

        Args:
            sampled_token_ids: the new tokens a request, already in the batch; empty while its
                prompt is incomplete.

        Returns:
            A new list a request, empty where it gets no draft.
        """
        return self.proposer.propose(self.runner.input_batch, sampled_token_ids)
