"""The command `eval`: what a scorer gains and costs on held-out rows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from specroll_scorer.commands.json_report import JSON, report
from specroll_scorer.data.row_faults import Limits
from specroll_scorer.data.rows import read_rows
from specroll_scorer.data.stops import Stops
from specroll_scorer.evaluation.policy_table import table
from specroll_scorer.evaluation.scorer_probabilities import scorer_probabilities
from specroll_scorer.evaluation.threshold_sweep import threshold_sweep
from specroll_scorer.model.loading import scorer_and_tokenizer
from specroll_scorer.model.scoring_actor import ScorerError


def drawable(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Refuse a picture that could not be drawn or written, before anything is computed for it."""
    if value and not find_spec("matplotlib"):
        raise click.BadParameter("it needs matplotlib: pip install matplotlib.")
    if value and not Path(value).absolute().parent.is_dir():
        raise click.BadParameter(f"the folder of {value} does not exist.")
    return value


@click.command("eval", context_settings={"show_default": True})
@click.option(
    "--scorer",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of the scorer and its tokenizer; `train` writes it as OUTPUT/scorer.",
)
@click.option(
    "--data",
    "files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="Rows that `prepare --outcomes` wrote; may be given several times.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    help="Above this probability the scorer accepts.",
)
@click.option(
    "--batch-tokens", type=click.IntRange(min=1), default=16_384, help="Tokens scored at once."
)
@click.option("--skip-invalid", is_flag=True, help="Leave out and count rows that are not valid.")
@click.option(
    "--plot",
    metavar="FILE.png",
    callback=drawable,
    help="Draw the trade-off over the thresholds; needs matplotlib.",
)
@JSON
def evaluate(
    folder: Path,
    files: tuple[Path, ...],
    threshold: float,
    batch_tokens: int,
    skip_invalid: bool,
    plot: str | None,
    json_file: str | None,
) -> None:
    """Measure a scorer on held-out rows, beside exact match and other baselines.

    All rows count. A mismatch is harmless or harmful where the target's answer is right without it:
    harmful if it is wrong with it. `accepted` is the mean number of draft tokens before the first
    rejection, `accuracy` the share of right answers when the target goes on from there.

    \b
    Example:
      python -m train_spd_scorer eval --scorer run/scorer --data report.parquet --plot curve.png
    """
    try:
        model, tokenizer = scorer_and_tokenizer(folder)
        data = read_rows(files, Limits(model.config.vocab_size), skip_invalid=skip_invalid)
        stops = Stops.of(data.rows)
    except (ScorerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    probabilities = scorer_probabilities(model, data.rows, batch_tokens)
    found = threshold_sweep(
        stops, probabilities, threshold, lambda token: tokenizer.decode([token])
    )
    found["skipped"] = dict(data.skipped)
    report(table(found), found, json_file)
    if plot:
        # Only now: without a plot matplotlib need not be there.
        from specroll_scorer.evaluation.trade_off_plot import trade_off

        trade_off({folder.name: found}, Path(plot))
