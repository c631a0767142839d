"""What vLLM's engine for CPUs generates: the reference for engines on a device that stands in.

It runs in a process of its own, where vLLM finds neither that device nor its plugins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testing.cpu_environment import CPU_ENVIRONMENT
from testing.registry import ROOT

LIMIT_S = 1800.0


def tokens_on_the_cpu(
    arguments: dict[str, Any], prompts: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Return the tokens that the engine writes after each prompt, greedily, 100 of each.

    Args:
        arguments: Of the engine, as JSON can hold them.
        prompts: Token ids.

    Raises:
        subprocess.CalledProcessError: the engine failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "tokens.json"
        task = {"arguments": arguments, "prompts": prompts, "output": str(output)}
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("TRITON_")
        }
        subprocess.run(
            [sys.executable, "-m", "testing.engine_on_the_cpu", json.dumps(task)],
            cwd=ROOT,
            env={**inherited, **CPU_ENVIRONMENT, "PYTHONPATH": str(ROOT), "VLLM_PLUGINS": ""},
            check=True,
            capture_output=True,
            timeout=LIMIT_S,
        )
        tokens: list[list[int]] = json.loads(output.read_text())
    return tokens


def main() -> None:
    """Generate as the JSON on the command line says, and write the tokens to a file."""
    from vllm import LLM
    from vllm.platforms import current_platform

    from testing.engine import generate

    task = json.loads(sys.argv[1])
    assert current_platform.is_cpu()
    engine = LLM(**task["arguments"])
    tokens = generate(engine, task["prompts"])
    Path(task["output"]).write_text(json.dumps(tokens))


if __name__ == "__main__":
    main()
