"""Print where the demo model is and what is known of it; train it where it is absent."""

import json
from pathlib import Path

import click

from demo.model import model_folder


@click.command(help=__doc__)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the model here instead of in the cache.",
)
@click.option("--force", is_flag=True, help="Train again even if the model is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(folder: Path | None, force: bool, as_json: bool) -> None:
    """Print the model's folder and facts."""
    try:
        path = model_folder.ensure(folder or model_folder.default_folder(), force)
    except OSError as error:
        raise click.ClickException(f"the demo model cannot be kept: {error}") from error
    facts = {"path": str(path), **model_folder.facts(path)}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in facts.items()))


if __name__ == "__main__":
    main(prog_name="python -m demo.model")
