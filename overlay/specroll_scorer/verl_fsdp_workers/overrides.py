"""The options of verl that training a scorer needs, as Hydra overrides.

The keys are those of verl/trainer/config/ppo_trainer.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# What verl must be told, and what is a good start, whatever is trained on.
FIXED = (
    "algorithm.adv_estimator=grpo",
    "data.custom_cls.path=pkg://verl.utils.dataset.spd_dataset",
    "data.custom_cls.name=SPDRLHFDataset",
    "reward_model.reward_manager=spd",
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
)


@dataclass(frozen=True)
class Run:
    """One run of training.

    Attributes:
        train: parquet files to train on.
        validation: parquet files to validate on.
        scorer: folder of the scorer that training starts from.
        completion_url: where the target is served.
        output: folder of checkpoints and metrics.
        metrics: file of verl's metrics, JSON lines.
        steps: steps in all; verl's epochs decide where it is None.
        seed: of the order of the rows, and of the rollout's draws.

    Example:
        >>> files, scorer, output = [Path("a.parquet")], Path("scorer"), Path("run")
        >>> run = Run(files, files, scorer, "http://127.0.0.1:8000", output, Path("m.jsonl"), 5, 0)
        >>> run.overrides()[-1]
        'trainer.total_training_steps=5'
    """

    train: Sequence[Path]
    validation: Sequence[Path]
    scorer: Path
    completion_url: str
    output: Path
    metrics: Path
    steps: int | None
    seed: int

    def overrides(self) -> list[str]:
        """Return what verl must be told; a user's override of the same key wins, see `merged`."""
        return [
            *FIXED,
            f"data.train_files={_listed(self.train)}",
            f"data.val_files={_listed(self.validation)}",
            f"+reward_model.reward_kwargs.completion_url={quoted(self.completion_url)}",
            f"actor_rollout_ref.model.path={quoted(self.scorer)}",
            f"trainer.experiment_name={quoted(self.output.name)}",
            f"trainer.default_local_dir={quoted(self.output / 'checkpoints')}",
            f"+ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH={quoted(self.metrics)}",
            f"data.seed={self.seed}",
            f"+actor_rollout_ref.rollout.engine_kwargs.spd.seed={self.seed}",
            *([] if self.steps is None else [f"trainer.total_training_steps={self.steps}"]),
        ]


def on_a_cpu(ranks: int) -> list[str]:
    """Return what verl must be told where there is no accelerator: all is float32.

    Workers ask Ray for a GPU each (verl/single_controller/ray/base.py), so it is told of as many.

    Args:
        ranks: number of workers.
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
    """Return overrides in which a key that was chosen replaces the default of the same key."""
    chosen = list(chosen)
    keys = {key_of(override) for override in chosen}
    return [default for default in defaults if key_of(default) not in keys] + chosen


def key_of(override: str) -> str:
    """Return the key that an override sets, adds or deletes."""
    return override.split("=", 1)[0].lstrip("+~")


def quoted(value: Path | str) -> str:
    """Return a text in Hydra's grammar, whatever characters it has."""
    # Backslashes are plain, but for those in front of a quote.
    text = re.sub(r"(\\*)'", r"\1\1\\'", str(value))
    text = re.sub(r"(\\+)$", r"\1\1", text)
    return f"'{text}'"


def _listed(paths: Iterable[Path]) -> str:
    return f"[{','.join(map(quoted, paths))}]"
