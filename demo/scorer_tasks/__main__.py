"""Print where a task's models and prompts are; make them where they are absent.

Example: python -m demo.scorer_tasks easy --folder /tmp/easy
"""

import json
from pathlib import Path
from typing import TextIO

import click

from demo import kept_folder
from demo.scorer_tasks import TASKS, task_folder


@click.command(help=__doc__)
@click.argument("task", type=click.Choice(list(TASKS)))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep it here instead of in the cache.",
)
@click.option("--force", is_flag=True, help="Make it again even if it is there.")
@click.option("--json", "target", type=click.File("w"), help="Write path and facts; - is stdout.")
def main(task: str, folder: Path | None, force: bool, target: TextIO | None) -> None:
    """Print the task's folder, and on request how it was made."""
    try:
        path = task_folder.ensure(task, folder or task_folder.default_folder(task), force)
    except OSError as error:
        raise click.ClickException(f"the task {task} cannot be kept: {error}") from error
    if target is None:
        click.echo(path)
    else:
        target.write(json.dumps({"path": str(path), **kept_folder.facts(path)}, indent=2) + "\n")


if __name__ == "__main__":
    main(prog_name="python -m demo.scorer_tasks")
