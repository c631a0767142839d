"""Weights that come while an engine runs, as a trainer sends them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file
from vllm.model_executor.model_loader.utils import process_weights_after_loading

if TYPE_CHECKING:
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

EXTENSION = "testing.weight_reader.WeightReader"


class WeightReader:
    """Reads weights from a folder: a worker extension of vLLM, as verl has one.

    Example:
        With an engine that was started with `worker_extension_cls=EXTENSION`:

            engine.collective_rpc("read_weights", args=(str(folder),))
    """

    model_runner: GPUModelRunner

    def read_weights(self, folder: str) -> None:
        """Load the weights of a model of the same kind, with verl's two calls."""
        runner = self.model_runner
        runner.model.load_weights(load_file(Path(folder) / "model.safetensors").items())
        process_weights_after_loading(runner.model, runner.model_config, runner.device)
