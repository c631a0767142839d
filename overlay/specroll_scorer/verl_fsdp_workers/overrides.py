"""The options of verl that training a scorer needs, as Hydra overrides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

DATASET = ("pkg://verl.utils.dataset.spd_dataset", "SPDRLHFDataset")


@dataclass(frozen=True)
class Run:
    """One training run.

    Args:
        train: parquet files to train on.
        validation: parquet files to validate on.
        scorer: folder of the scorer that training starts from.
        completion_url: where the target is served.
        output: folder of checkpoints and metrics.
        metrics: file of verl's metrics, JSON lines.
    """

    train: Sequence[Path]
    validation: Sequence[Path]
    scorer: Path
    completion_url: str
    output: Path
    metrics: Path


def needed(run: Run, steps: int | None, seed: int) -> list[str]:
    """What verl must be told, and what is a good start; a user's override of the same key wins.

    Args:
        run: what is trained on what.
        steps: steps in all; verl's epochs decide where it is None.
        seed: of the order of the rows, and of the rollout's draws.
    """
    return [
        "algorithm.adv_estimator=grpo",
        f"data.train_files={listed(run.train)}",
        f"data.val_files={listed(run.validation)}",
        f"data.custom_cls.path={DATASET[0]}",
        f"data.custom_cls.name={DATASET[1]}",
        "reward_model.reward_manager=spd",
        f"+reward_model.reward_kwargs.completion_url={quoted(run.completion_url)}",
        f"actor_rollout_ref.model.path={quoted(run.scorer)}",
        "actor_rollout_ref.model.external_lib=spd_scorer",
        "actor_rollout_ref.model.use_remove_padding=False",
        "actor_rollout_ref.actor.strategy=fsdp2",
        "actor_rollout_ref.actor.policy_loss.loss_mode=spd",
        "actor_rollout_ref.actor.use_kl_loss=True",
        "actor_rollout_ref.rollout.name=spd",
        "actor_rollout_ref.rollout.mode=sync",
        "actor_rollout_ref.rollout.n=8",
        "actor_rollout_ref.rollout.tensor_model_parallel_size=1",
        "actor_rollout_ref.rollout.calculate_log_probs=True",
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=64",
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=64",
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=64",
        "trainer.logger=[console,file]",
        "trainer.save_freq=20",
        "trainer.test_freq=10",
        "trainer.project_name=spd_scorer",
        f"trainer.experiment_name={quoted(run.output.name)}",
        f"trainer.default_local_dir={quoted(run.output / 'checkpoints')}",
        f"+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH={quoted(run.metrics)}",
        f"data.seed={seed}",
        f"+actor_rollout_ref.rollout.engine_kwargs.spd.seed={seed}",
        *([] if steps is None else [f"trainer.total_training_steps={steps}"]),
    ]


def on_a_cpu(ranks: int) -> list[str]:
    """What verl must be told where there is no accelerator: `ranks` workers, in float32.

    Workers ask Ray for a GPU each (single_controller/ray/base.py), so it is told of as many.
    """
    return [
        "trainer.nnodes=1",
        f"trainer.n_gpus_per_node={ranks}",
        f"+ray_kwargs.ray_init.num_gpus={ranks}",
        # One for each worker, one for the trainer, one to spare: with fewer, Ray waits for ever.
        f"ray_kwargs.ray_init.num_cpus={ranks + 2}",
        "+ray_kwargs.ray_init.include_dashboard=False",
        "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
        "actor_rollout_ref.model.enable_gradient_checkpointing=False",
        "actor_rollout_ref.actor.use_torch_compile=False",
        "actor_rollout_ref.actor.fsdp_config.dtype=float32",
        "actor_rollout_ref.actor.fsdp_config.model_dtype=fp32",
        "actor_rollout_ref.ref.fsdp_config.dtype=float32",
        "actor_rollout_ref.ref.fsdp_config.model_dtype=fp32",
        "data.dataloader_num_workers=0",
    ]


def merged(defaults: Iterable[str], chosen: Iterable[str]) -> list[str]:
    """Overrides in which a key that was chosen replaces the default of the same key."""
    chosen = list(chosen)
    keys = {key_of(override) for override in chosen}
    return [default for default in defaults if key_of(default) not in keys] + chosen


def key_of(override: str) -> str:
    """The key that an override sets, adds or deletes."""
    return override.split("=", 1)[0].lstrip("+~")


def listed(paths: Iterable[Path]) -> str:
    """Paths as a list in Hydra's grammar."""
    return f"[{','.join(map(quoted, paths))}]"


def quoted(value: Path | str) -> str:
    """A text in Hydra's grammar, whatever characters it has."""
    # Backslashes are plain, but for those in front of a quote.
    text = re.sub(r"(\\*)'", r"\1\1\\'", str(value))
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"'{text}'"
