"""A model that somebody serves already, or that this process has served while it needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from specroll_scorer.serving.endpoint import Endpoint
from specroll_scorer.serving.vllm_server import running_engine


@dataclass(frozen=True)
class ServedModel:
    """Where completions come from: from `url`, or from an engine that serves `model`.

    Attributes:
        model: folder or hub id; not used where there is a URL.
        url: address of an OpenAI-compatible vLLM server.
        python: interpreter of the environment that an engine runs in.
        options: options of `vllm serve` for an engine.

    Example:
        >>> from pathlib import Path
        >>> with ServedModel(url="http://127.0.0.1:8000/v1").endpoint(Path("engine.log")) as found:
        ...     found.url
        'http://127.0.0.1:8000'
    """

    model: str | None = None
    url: str | None = None
    python: str = sys.executable
    options: Sequence[str] = ()

    @contextmanager
    def endpoint(self, log: Path) -> Iterator[Endpoint]:
        """Let the model be served while the context lasts, and yield its endpoint.

        Args:
            log: file that an engine writes to.

        Raises:
            EngineError: the engine did not start.
        """
        if self.url is not None:
            yield Endpoint(self.url)
            return
        with running_engine(str(self.model), log, python=self.python, options=self.options) as url:
            yield Endpoint(url)
