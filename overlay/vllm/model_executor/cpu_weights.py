"""Whether a linear layer on a CPU may drop its weight once that is packed."""

from vllm.config.vllm import get_current_vllm_config_or_none


def are_final() -> bool:
    """Say whether the weights being loaded are the last.

    Reinforcement learning goes on loading weights: through a worker extension, as verl does, or
    vLLM's own transfer. An engine's configuration is current while it loads the first time
    (vllm/v1/worker/gpu_worker.py); without one, weights are being loaded again.
    """
    config = get_current_vllm_config_or_none()
    if config is None:
        return False
    return not (config.parallel_config.worker_extension_cls or config.weight_transfer_config)
