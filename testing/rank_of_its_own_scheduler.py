"""An engine a rank, all over one model: each schedules for itself, and all must schedule alike.

`run_ranks` starts two with torchrun, in processes with this one's variables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm import LLM

from testing.engine import adapter, draft_counts, generate
from testing.registry import ROOT

LIMIT_S = 1800


def run_ranks(task: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Return what each of two ranks did.

    Args:
        task: arguments of the engines, prompts, and the most new tokens of each.
        folder: where the ranks write.

    Raises:
        subprocess.CalledProcessError: a rank failed.
    """
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    words = [*launcher, __file__, json.dumps({**task, "folder": str(folder)})]
    inherited = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(ROOT), *([inherited] if inherited else [])])
    variables = {**os.environ, "PYTHONPATH": paths}
    subprocess.run(words, env=variables, check=True, capture_output=True, timeout=LIMIT_S)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def main() -> None:
    """Generate as the JSON on the command line says, in a folder that it names."""
    task = json.loads(sys.argv[1])
    engine = LLM(distributed_executor_backend="external_launcher", **task["arguments"])
    proposer = adapter(engine)
    drafts = []
    propose = proposer.propose

    def recording(*step: object, **options: object) -> Sequence[Sequence[int]]:
        found: Sequence[Sequence[int]] = propose(*step, **options)
        drafts.append([[int(token) for token in draft] for draft in found])
        return found

    proposer.propose = recording
    tokens = generate(engine, task["prompts"], max_tokens=task["max_tokens"])
    found = {
        "proposer": type(proposer).__name__,
        "tokens": tokens,
        "drafts": drafts,
        "num_accepted": draft_counts(engine)[1],
    }
    Path(task["folder"], f"{os.environ['RANK']}.json").write_text(json.dumps(found))
    engine.llm_engine.engine_core.shutdown()


if __name__ == "__main__":
    main()
