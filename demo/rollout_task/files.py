"""What the demo model is trained on and with, as verl reads it."""

from pathlib import Path

import demo.model
from demo.rollout_task.policy import save_policy
from demo.rollout_task.rows import write_rows

TRAINING_ROWS = 512
VALIDATION_ROWS = 16


def save_demo(folder: Path) -> tuple[Path, Path]:
    """Write the demo model and its problems; returns their folders, the policy's first."""
    policy = save_policy(demo.model.path(), folder / "policy")
    return policy, write_rows(folder / "rows", TRAINING_ROWS, VALIDATION_ROWS)
