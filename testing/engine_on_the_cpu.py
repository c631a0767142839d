"""Run by conftest.py: generates on the CPU what engines on the emulated NPU must generate, too."""

import json
import sys
from pathlib import Path

from vllm import LLM
from vllm.platforms import current_platform

from testing.engine import generate


def main() -> None:
    """Generate as the JSON on the command line says, and write the tokens to a file."""
    task = json.loads(sys.argv[1])
    assert current_platform.is_cpu()
    engine = LLM(**task["arguments"])
    tokens = generate(engine, task["prompts"])
    Path(task["output"]).write_text(json.dumps(tokens))


if __name__ == "__main__":
    main()
