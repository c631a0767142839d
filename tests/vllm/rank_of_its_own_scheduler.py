"""Run by torchrun: an engine a rank, all over one model; each writes a file on what it did."""

import json
import os
import sys
from pathlib import Path

from vllm import LLM

from testing.engine import draft_counts, generate, model_runner


def main() -> None:
    """Generate as the JSON on the command line says, in a folder that it names."""
    task = json.loads(sys.argv[1])
    engine = LLM(distributed_executor_backend="external_launcher", **task["arguments"])
    proposer = model_runner(engine).drafter
    drafts = []
    propose = proposer.propose
    proposer.propose = lambda *given: drafts.append(propose(*given)) or drafts[-1]
    tokens = generate(engine, task["prompts"], max_tokens=task["max_tokens"])
    found = {
        "proposer": type(proposer).__name__,
        "tokens": tokens,
        "drafts": [[list(draft) for draft in step] for step in drafts],
        "num_accepted": draft_counts(engine)[1],
    }
    Path(task["folder"], f"{os.environ['RANK']}.json").write_text(json.dumps(found))
    engine.llm_engine.engine_core.shutdown()


if __name__ == "__main__":
    main()
