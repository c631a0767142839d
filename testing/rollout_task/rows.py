"""The task's rows, in the parquet files that verl reads."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from testing.demo_model.problems import Problem, held_out_problems

TRAINING_FILE = "train.parquet"
VALIDATION_FILE = "val.parquet"


def write_rows(folder: Path, training: int, validation: int) -> Path:
    """Write so many problems, different from each other, to `folder`; returns it."""
    problems = held_out_problems(training + validation, set())
    _write(problems[:training], folder / TRAINING_FILE)
    _write(problems[training:], folder / VALIDATION_FILE)
    return folder


def _write(problems: list[Problem], file: Path) -> None:
    rows = [
        {
            "data_source": "specrl/solutions",
            "prompt": [{"role": "user", "content": problem.prompt}],
            "reward_model": {"style": "rule", "ground_truth": problem.solution},
            "extra_info": {"index": index},
        }
        for index, problem in enumerate(problems)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)
