"""A run of verl's trainer."""

from __future__ import annotations

from collections.abc import Sequence

import click


class TrainingError(Exception):
    """What was asked for cannot be trained, or a run that failed."""


def run_training(overrides: Sequence[str]) -> None:
    """Train with verl's `main_ppo`, configured by its own defaults and these overrides.

    Args:
        overrides: in Hydra's grammar, one for each key.

    Raises:
        TrainingError: an override that verl's configuration does not take, or a run that failed.
    """
    # Imported here: it takes seconds, and `--help` should not.
    import ray
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from ray.exceptions import RayError
    from verl.trainer.main_ppo import run_ppo

    with initialize_config_module("verl.trainer.config", version_base=None):
        try:
            config = compose("ppo_trainer", overrides=list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise TrainingError(f"verl does not take these overrides: {error}") from error
    try:
        run_ppo(config)
    except RayError as error:
        click.echo(error, err=True)
        cause = getattr(error, "cause", error)
        raise TrainingError(f"the training ended: {type(cause).__name__}: {cause}") from error
    finally:
        # What workers still have to say comes before what this process says last.
        ray.shutdown()
