"""The rollout, the actor and the loss on one module, as a worker of verl has them; without Ray."""

import copy

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from hypothesis import given
from hypothesis import strategies as st
from spd.overrides import merged, on_a_cpu
from spd.rows import RowError
from spd_scorer import AutoModelForSPDScoring
from verl import DataProto
from verl.trainer.ppo.core_algos import get_policy_loss_fn
from verl.trainer.ppo.spd_policy_loss import separation
from verl.utils import hf_tokenizer
from verl.utils.config import omega_conf_to_dataclass
from verl.utils.dataset.rl_dataset import collate_fn
from verl.utils.dataset.spd_dataset import SPDRLHFDataset
from verl.workers.actor.dp_actor import DataParallelPPOActor
from verl.workers.rollout.base import get_rollout_class
from verl.workers.rollout.spd_rollout import RolloutError

CONTEXT, DRAFT = 6, 5
OVERRIDES = [
    "actor_rollout_ref.rollout.name=spd",
    "actor_rollout_ref.rollout.mode=sync",
    "actor_rollout_ref.rollout.calculate_log_probs=True",
    "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=3",
    "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8",
    "actor_rollout_ref.actor.ppo_mini_batch_size=8",
    "actor_rollout_ref.actor.policy_loss.loss_mode=spd",
    "actor_rollout_ref.actor.strategy=fsdp2",
    "actor_rollout_ref.model.external_lib=spd_scorer",
    f"data.max_prompt_length={CONTEXT}",
    f"data.max_response_length={DRAFT}",
]


@pytest.fixture(scope="module")
def scorer_folder(tiny_model, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scorer")
    torch.manual_seed(0)
    model = AutoModelForSPDScoring.from_pretrained(tiny_model, lora_rank=2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name or name.startswith("score_head."):
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def configured(scorer_folder):
    def configure(*chosen):
        model = f"actor_rollout_ref.model.path={scorer_folder}"
        overrides = merged([*on_a_cpu(1), *OVERRIDES, model], chosen)
        with initialize_config_module("verl.trainer.config", version_base=None):
            return compose("ppo_trainer", overrides=overrides)

    return configure


@pytest.fixture(scope="module", autouse=True)
def process_group(tmp_path_factory):
    store = f"file://{tmp_path_factory.mktemp('group')}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def rollout_of(config, module=None):
    made = get_rollout_class("spd", "sync")(
        config.actor_rollout_ref.rollout, config.actor_rollout_ref.model, None
    )
    made.use_actor(module, config.actor_rollout_ref.actor.fsdp_config.dtype, offloaded=False)
    return made


@pytest.fixture
def module(scorer_folder):
    return AutoModelForSPDScoring.from_pretrained(scorer_folder)


@pytest.fixture
def prompts(configured, write_rows, scorer_folder):
    """Eight drafts of three to five tokens; the first mismatch is at 1, others follow."""
    rows = []
    for index in range(8):
        draft = [3 + index, 9, 10, 11, 12][: 3 + index % 3]
        target = [3 + index, 8, 10, 13, 12][: len(draft)]
        context = list(range(4, 4 + 2 + index % 4))
        ids = {"input_ids": context + draft, "draft_start_idx": len(context)}
        rows.append({**ids, "target_ids": target})
    config, tokenizer = configured(), hf_tokenizer(str(scorer_folder))
    dataset = SPDRLHFDataset([str(write_rows(*rows))], tokenizer, config.data)
    batch = DataProto.from_single_dict(collate_fn([dataset[i] for i in range(len(dataset))]))
    batch.meta_info |= {"pad_token_id": tokenizer.pad_token_id, "global_steps": 1}
    return batch


def test_matches_are_accepted_and_hidden(configured, module, prompts):
    for step in range(20):
        prompts.meta_info["global_steps"] = step
        output = rollout_of(configured(), module).generate_sequences(prompts)
        responses, mask = output.batch["responses"], output.batch["response_mask"]
        drafted = output.batch["attention_mask"][:, CONTEXT:].bool()
        match = matches(output)
        assert responses[match].eq(1).all()
        assert not mask[match].any()
        assert not mask[~drafted].any()
        assert not responses[~drafted].any()
        assert mask[:, 1].all()
        stopped = responses[:, 1] == 0
        assert not mask[stopped][:, 2:].any()


def test_no_row_to_train_on(configured, write_rows, scorer_folder):
    config, tokenizer = configured(), hf_tokenizer(str(scorer_folder))
    file = write_rows({"baseline_right": False}, {"target_ids": [3, 4, 5]})
    with pytest.raises(RowError, match=r"no row can be trained on: left out: 1 \(the target's own"):
        SPDRLHFDataset([str(file)], tokenizer, config.data)


def matches(output):
    inputs = output.non_tensor_batch["multi_modal_inputs"]
    choices = torch.cat([row["target_ids"] for row in inputs])
    return (choices == output.batch["input_ids"])[:, CONTEXT:]


def test_a_draft_stands_behind_its_padded_context(configured, module, prompts):
    output = rollout_of(configured(), module).generate_sequences(prompts)
    rows = [info["row"] for info in prompts.non_tensor_batch["extra_info"]]
    for ids, mask, positions, row in zip(
        *(output.batch[name] for name in ("input_ids", "attention_mask", "position_ids")),
        rows,
        strict=True,
    ):
        assert ids[mask.bool()].tolist() == [*row.context, *row.draft]
        assert positions[mask.bool()].tolist() == list(range(mask.sum()))
    starts = prompts.non_tensor_batch["draft_start_idx"]
    assert set(starts.tolist()) == {CONTEXT}


def test_log_probs_of_rollout_and_actor(configured, module, prompts):
    config = configured()
    output = rollout_of(config, module).generate_sequences(prompts)
    found, _ = actor_of(config, module).compute_log_prob(with_meta(output))
    difference = (found - output.batch["rollout_log_probs"])[output.batch["response_mask"].bool()]
    assert difference.abs().max() < 1e-5
    assert found[matches(output)].eq(0).all()


def actor_of(config, module):
    actor_config = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    # No step is taken: the tests look at the gradient.
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.0)
    optimizer.zero_grad = lambda *_, **__: None
    return DataParallelPPOActor(actor_config, module, optimizer)


def with_meta(output, **tensors):
    output = copy.deepcopy(output)
    output.batch.update(tensors)
    output.meta_info |= {"micro_batch_size": 8, "temperature": 1.0, "use_dynamic_bsz": False}
    return output


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_what_the_mask_hides_leaves_the_gradient_alone(configured, module, prompts, penalty):
    config = configured(
        f"+actor_rollout_ref.actor.policy_loss.accept_logit_penalty={penalty}",
    )
    output = rollout_of(config, module).generate_sequences(prompts)
    hidden = output.batch["response_mask"] == 0
    generator = torch.Generator().manual_seed(0)
    advantages = torch.randn(8, 1, generator=generator).expand(-1, DRAFT)
    noise = torch.randn(8, DRAFT, generator=generator)
    responses = output.batch["responses"]
    plain = gradient(config, module, output, responses, advantages)
    disturbed = gradient(
        config,
        module,
        output,
        torch.where(hidden, 1 - responses, responses),
        torch.where(hidden, noise, advantages),
    )
    assert torch.equal(plain, disturbed)
    assert plain.abs().max() > 0
    shown = gradient(config, module, output, 1 - responses, advantages)
    assert not torch.equal(plain, shown)


def gradient(config, module, output, responses, advantages):
    data = with_meta(
        output,
        responses=responses,
        advantages=advantages.contiguous(),
        old_log_probs=torch.zeros(advantages.shape),
    )
    module.zero_grad()
    actor_of(config, module).update_policy(data)
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.requires_grad])


def test_the_kl_in_the_log_is_that_of_all_rows(configured, module, prompts):
    output = rollout_of(configured(), module).generate_sequences(prompts)
    data = with_meta(
        output,
        advantages=torch.ones(8, DRAFT),
        old_log_probs=torch.zeros(8, DRAFT),
        ref_log_prob=torch.full((8, DRAFT), -1.0),
        response_mask=torch.ones(8, DRAFT),
    )
    logged = []
    for size in (2, 8):
        config = configured(
            "actor_rollout_ref.actor.use_kl_loss=True",
            f"actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu={size}",
        )
        metrics = actor_of(config, module).update_policy(data)
        logged.append([np.mean(metrics[f"actor/{name}"]) for name in ("kl_loss", "pg_loss")])
    assert logged[0] == pytest.approx(logged[1], rel=1e-5)
    assert logged[0][0] > 0


def test_the_likelier_decision_where_nothing_is_drawn(configured, module, prompts):
    prompts.meta_info["do_sample"] = False
    outputs = [rollout_of(configured(), module).generate_sequences(prompts) for _ in range(2)]
    assert torch.equal(*(output.batch["responses"] for output in outputs))
    probabilities = outputs[0].batch["rollout_log_probs"].exp()
    assert probabilities[outputs[0].batch["response_mask"].bool()].min() >= 0.5


def test_decisions_are_drawn_as_often_as_the_model_says(configured, module, prompts):
    """Over many steps, at the first mismatch: no decision hides it."""
    rollout = rollout_of(configured(), module)
    accepted, said = [], []
    for step in range(400):
        prompts.meta_info["global_steps"] = step
        output = rollout.generate_sequences(prompts).batch
        decisions, log_probs = output["responses"][:, 1], output["rollout_log_probs"][:, 1]
        accepted.append(decisions)
        said.append(torch.where(decisions == 1, log_probs.exp(), 1 - log_probs.exp()))
    # Eight rows of 400 draws: five standard deviations are below 0.15.
    drawn = torch.stack(accepted).float().mean(0)
    assert (drawn - torch.stack(said).mean(0)).abs().max() < 0.15


def test_a_step_that_is_repeated_draws_the_same(configured, module, prompts):
    def responses(step, seed=0):
        prompts.meta_info["global_steps"] = step
        config = configured(f"+actor_rollout_ref.rollout.engine_kwargs.spd.seed={seed}")
        return rollout_of(config, module).generate_sequences(prompts).batch["responses"]

    steps = [responses(step) for step in range(8)]
    assert all(torch.equal(responses(step), drawn) for step, drawn in enumerate(steps))
    assert any(not torch.equal(drawn, steps[0]) for drawn in steps)
    assert any(not torch.equal(responses(s, seed=1), drawn) for s, drawn in enumerate(steps))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("actor_rollout_ref.model.use_remove_padding=True", "use_remove_padding=False"),
        ("actor_rollout_ref.model.use_fused_kernels=True", "use_fused_kernels=False"),
        (
            "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=null",
            "Set .*log_prob_micro_batch_size_per_gpu",
        ),
    ],
)
def test_options_that_the_scorer_cannot_be_trained_with(configured, override, message):
    with pytest.raises(RolloutError, match=message):
        rollout_of(configured(override))


@given(st.floats(-9, 9))
def test_separation_is_that_of_the_logits(z):
    z = torch.tensor([z], dtype=torch.float64)
    for log_prob in (torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)):
        assert separation(log_prob).square() == pytest.approx(z.square().item(), rel=1e-6, abs=1e-9)


def test_separation_of_what_is_certain_is_finite():
    certain = torch.tensor([0.0, -1e-9], requires_grad=True)
    separation(certain).square().sum().backward()
    assert torch.isfinite(certain.grad).all()


def test_the_penalty_is_added_and_logged(configured):
    log_prob = torch.tensor([[-0.1, -2.0]])
    arguments = {
        "old_log_prob": log_prob,
        "log_prob": log_prob,
        "advantages": torch.ones(1, 2),
        "response_mask": torch.tensor([[1, 0]]),
    }
    losses = []
    for penalty in (0.0, 0.5):
        override = f"+actor_rollout_ref.actor.policy_loss.accept_logit_penalty={penalty}"
        config = omega_conf_to_dataclass(configured(override).actor_rollout_ref.actor)
        losses.append(get_policy_loss_fn("spd")(**arguments, config=config))
    (plain, plain_metrics), (penalised, metrics) = losses
    z = np.log(np.exp(-0.1) / (1 - np.exp(-0.1)))
    assert penalised - plain == pytest.approx(0.5 * z**2, rel=1e-5)
    assert metrics["actor/accept_logit_penalty"] == pytest.approx(z**2, rel=1e-5)
    assert "actor/accept_logit_penalty" not in plain_metrics
