"""A rollout that fails to load what the trainer sends, as vLLM's worker extension."""

from typing import Any

from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension

STEPS_BEFORE_FAILURE = 3
# verl sends weights before the first step, too.
TRANSFERS_BEFORE_FAILURE = 1 + STEPS_BEFORE_FAILURE


class FailingRollout(vLLMColocateWorkerExtension):
    """Takes the weights of some steps and then fails, before it has connected to the trainer.

    Example: verl loads it where its setting ``worker_extension_cls`` names it.
    """

    transfers = 0

    def update_weights_from_ipc(self, **options: Any) -> None:  # noqa: ANN401
        """Take weights, or fail.

        Raises:
            OSError: this is one transfer too many.
        """
        self.transfers += 1
        if self.transfers > TRANSFERS_BEFORE_FAILURE:
            runner = type(self.model_runner).__module__
            raise OSError(f"the weights could not be loaded for {runner}")
        super().update_weights_from_ipc(**options)
