"""A rollout that fails to load what the trainer sends, as vLLM's worker extension."""

from typing import Any, NoReturn

from verl.workers.rollout.vllm_rollout.utils import vLLMColocateWorkerExtension


class FailingRollout(vLLMColocateWorkerExtension):
    """Fails before it has connected to the trainer."""

    def update_weights_from_ipc(self, **_options: Any) -> NoReturn:  # noqa: ANN401
        """Fail.

        Raises:
            OSError: always.
        """
        raise OSError("the weights could not be loaded")
