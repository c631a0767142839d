"""Two tasks to train a scorer on, for machines without a network.

Both are sums of digits that a small target model solves step by step, in words it is free to
choose, and that a draft model, made of the target, words otherwise and gets wrong now and then.
In the task ``easy`` the word alone tells whether a mismatch harms, in ``hard`` its context does.
"""

from pathlib import Path

from demo.scorer_tasks import task_folder
from demo.scorer_tasks.wordings import TASKS

__all__ = ["TASKS", "path"]


def path(task: str, folder: Path | None = None) -> Path:
    """Return the folder of a task, in the cache where none is given; make it where it is absent.

    ``task`` is a name in `TASKS`. Training takes about two minutes.

    Raises:
        OSError: the folder cannot be written.
    """
    return task_folder.ensure(task, folder or task_folder.default_folder(task))
