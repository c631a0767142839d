"""Rows of prompts, in the parquet files that verl reads."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TRAINING_FILE = "train.parquet"
VALIDATION_FILE = "val.parquet"


def write_rows(folder: Path, training: int, validation: int) -> Path:
    """Write so many problems, different from each other, to `folder`; returns it."""
    # Imported here: rows of other prompts need no reasoning-gym.
    from testing.demo_model.problems import held_out_problems

    problems = held_out_problems(training + validation, set())
    pairs = [(problem.prompt, problem.solution) for problem in problems]
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / TRAINING_FILE, pairs[:training])
    write_file(folder / VALIDATION_FILE, pairs[training:])
    return folder


def write_file(file: Path, prompts: Iterable[tuple[str, str]]) -> None:
    """Write prompts, each with its ground truth."""
    rows = [
        {
            "data_source": "specroll",
            "prompt": [{"role": "user", "content": prompt}],
            "reward_model": {"style": "rule", "ground_truth": ground_truth},
            "extra_info": {"index": index},
        }
        for index, (prompt, ground_truth) in enumerate(prompts)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)
