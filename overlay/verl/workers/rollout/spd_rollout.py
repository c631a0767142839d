"""Rollout `spd`: the scorer reads each draft once and decides on every token of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from specroll_scorer.model.scoring_actor import ACCEPT, NO_CHOICE
from specroll_scorer.training.decisions import decisive
from tensordict import TensorDict
from torch import Tensor, nn
from verl.protocol import DataProto
from verl.trainer.ppo import spd_policy_loss  # noqa: F401 - registers the loss where the actor is
from verl.utils.device import get_device_id, get_device_name
from verl.utils.fsdp_utils import load_fsdp_model_to_gpu, offload_fsdp_model_to_cpu
from verl.utils.torch_dtypes import PrecisionType
from verl.workers.rollout.base import BaseRollout


class RolloutError(ValueError):
    """Options of verl with which the scorer cannot be trained."""


class SPDRollout(BaseRollout):
    """Draws accept or reject for every draft token, from one forward of the actor's own module.

    There is no second copy of the weights: the worker hands over its module once (`use_actor`), and
    nothing is gathered or sent before a rollout.

    Example:
        As verl's worker does, with the nodes of its configuration and its module:

            rollout = SPDRollout(config.rollout, config.model, device_mesh)
            rollout.use_actor(module, "bfloat16", offloaded=False)
            decided = rollout.generate_sequences(prompts)
    """

    actor: nn.Module
    autocast_dtype: torch.dtype
    offloaded: bool

    def __init__(self, config: Any, model_config: Any, device_mesh: Any) -> None:
        """Take what verl gives its rollouts.

        Raises:
            RolloutError: an option of verl that the scorer cannot be trained with.
        """
        super().__init__(config, model_config, device_mesh)
        for refusal in _refusals(self.config, self.model_config):
            raise RolloutError(refusal)

    def use_actor(self, actor: nn.Module, dtype: str, offloaded: bool) -> None:
        """Take the module to run.

        Args:
            actor: the worker's module, sharded or not.
            dtype: what it computes in, as verl names it.
            offloaded: whether its weights lie in host memory between its uses.
        """
        self.actor = actor
        self.autocast_dtype = PrecisionType.to_dtype(dtype)
        self.offloaded = offloaded

    async def resume(self, tags: list[str]) -> None:
        """Do nothing: there are no weights and no cache to fetch."""

    async def release(self) -> None:
        """Do nothing: there are no weights and no cache to give up."""

    async def update_weights(self, weights: Any, **kwargs: Any) -> None:
        """Do nothing: the actor's module has the new weights."""

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Decide on drafts.

        Args:
            prompts: `input_ids`, `attention_mask` and `position_ids` of contexts padded on the
                left, int64 [rows, context length], and lists of token ids `draft_ids` and
                `target_ids`. In `meta_info`, `global_steps`, and `do_sample`: False takes the
                likelier decision. A draft is padded to `response_length` tokens.

        Returns:
            `responses`: 1 where a draft token is accepted, int64 [rows, response length];
            `response_mask`: 1 where the decision can change the outcome; `input_ids`,
            `attention_mask`, `position_ids` of context and draft; `rollout_log_probs` where the
            rollout's `calculate_log_probs` is set. The target's choices travel on in
            `multi_modal_inputs`: verl hands these to the actor's forward as keyword arguments.
        """
        batch = _with_drafts(prompts, self.config.response_length)
        micro_batches = batch.split(self.config.log_prob_micro_batch_size_per_gpu)
        with torch.no_grad(), self._ready_actor():
            logits = torch.cat([self._logits(inputs) for inputs in micro_batches])
        choices = batch.pop("target_ids")
        log_probs = (logits.float() / self.config.temperature).log_softmax(-1)
        accepted = self._decide(log_probs[..., ACCEPT].exp(), prompts.meta_info)
        width = accepted.shape[1]
        drafted = batch["attention_mask"][:, -width:].bool()
        batch["prompts"] = prompts.batch["input_ids"]
        batch["responses"] = (accepted & drafted).long()
        match = (batch["input_ids"] == choices)[:, -width:]
        mask = decisive(accepted, match, drafted)
        batch["response_mask"] = mask.to(batch["attention_mask"].dtype)
        if self.config.calculate_log_probs:
            taken = log_probs.gather(-1, batch["responses"][..., None])
            batch["rollout_log_probs"] = taken.squeeze(-1)
        return DataProto(batch=batch, non_tensor_batch={"multi_modal_inputs": _one_a_row(choices)})

    def _logits(self, inputs: TensorDict) -> Tensor:
        """Return reject and accept logits of the draft tokens, [rows, response length, 2]."""
        inputs = inputs.to(get_device_id())
        width = self.config.response_length
        with torch.autocast(get_device_name(), dtype=self.autocast_dtype):
            output = self.actor(**inputs, use_cache=False)
        return output.logits[:, -width - 1 : -1].cpu()

    def _decide(self, probabilities: Tensor, meta_info: Mapping[str, Any]) -> Tensor:
        """Say which tokens are accepted, bool [rows, tokens]: drawn, or where that is likelier."""
        if not meta_info.get("do_sample", True):
            return probabilities > 0.5
        chance = self._chance(meta_info["global_steps"])
        return torch.bernoulli(probabilities, generator=chance).bool()

    def _chance(self, step: int) -> torch.Generator:
        """Return the random numbers of a step, the same where a run is repeated or goes on.

        Their seed is `engine_kwargs.spd.seed`; each rank has its own.
        """
        seed = self.config.engine_kwargs.get("spd", {}).get("seed", 0)
        source = np.random.SeedSequence([seed, step, torch.distributed.get_rank()])
        return torch.Generator().manual_seed(int(source.generate_state(1)[0]))

    @contextmanager
    def _ready_actor(self) -> Iterator[None]:
        """Keep the actor's module on the device, without dropout, as long as the rollout runs."""
        if self.offloaded:
            load_fsdp_model_to_gpu(self.actor)
        self.actor.eval()
        try:
            yield
        finally:
            if self.offloaded:
                offload_fsdp_model_to_cpu(self.actor)


def _refusals(config: Any, model_config: Any) -> Iterator[str]:
    """Say which options the scorer cannot be trained with."""
    if model_config.use_remove_padding:
        yield (
            "The SPD scorer needs actor_rollout_ref.model.use_remove_padding=False: without "
            "padding verl takes the tokens for the decisions (workers/actor/dp_actor.py)"
        )
    if model_config.use_fused_kernels:
        yield (
            "The SPD scorer needs actor_rollout_ref.model.use_fused_kernels=False: they work "
            "on a language-model head"
        )
    if config.log_prob_micro_batch_size_per_gpu is None:
        yield (
            "Set actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu: the SPD rollout "
            "reads so many drafts at a time"
        )


def _with_drafts(prompts: DataProto, width: int) -> TensorDict:
    """Put contexts and drafts side by side, on the host, with the target's choices.

    Args:
        prompts: see `SPDRollout.generate_sequences`.
        width: what drafts are padded to on the right.

    Returns:
        `input_ids`, `attention_mask`, `position_ids`, and `target_ids`, `NO_CHOICE` at all but
        draft tokens; all [rows, context length + width].
    """
    prompts = prompts.to("cpu")
    context = prompts.batch
    padding = prompts.meta_info["pad_token_id"] or 0
    drafts = _padded(prompts.non_tensor_batch["draft_ids"], width, padding)
    choices = _padded(prompts.non_tensor_batch["target_ids"], width, NO_CHOICE)
    lengths = torch.tensor([len(draft) for draft in prompts.non_tensor_batch["draft_ids"]])
    drafted = torch.arange(width) < lengths[:, None]
    ahead = context["position_ids"][:, -1:] + torch.arange(1, width + 1)
    mask = context["attention_mask"]
    return TensorDict(
        {
            "input_ids": torch.cat([context["input_ids"], drafts], 1),
            "attention_mask": torch.cat([mask, drafted.to(mask.dtype)], 1),
            "position_ids": torch.cat([context["position_ids"], ahead], 1),
            "target_ids": torch.cat([torch.full_like(context["input_ids"], NO_CHOICE), choices], 1),
        },
        batch_size=len(lengths),
    )


def _padded(rows: Sequence[Sequence[int]], width: int, padding: int) -> Tensor:
    """Return lists of token ids as int64 [rows, width]."""
    return torch.tensor([list(row) + [padding] * (width - len(row)) for row in rows])


def _one_a_row(choices: Tensor) -> np.ndarray:
    """Return rows as verl takes inputs apart and together: a dict of tensors [1, tokens] each."""
    rows = np.empty(len(choices), dtype=object)
    rows[:] = [{"target_ids": row[None]} for row in choices]
    return rows
