"""What `method="sam"` accepts, and what it refuses with a sentence before anything runs."""

import os
from types import SimpleNamespace

import pytest
import torch
from specroll_speculation.batch_switch import VARIABLE
from transformers import AutoModelForCausalLM
from vllm import SamplingParams, envs
from vllm.config import ParallelConfig, SpeculativeConfig
from vllm.config.sam import (
    check_lengths,
    refuse_foreign_options,
    switch_setting,
    validate_sam,
)
from vllm.engine.arg_utils import EngineArgs
from vllm.platforms import current_platform
from vllm.v1.sample.logits_processor import MinPLogitsProcessor, build_logitsprocs

from testing.engine import NGRAM, SAM, generate, model_runner
from testing.registry import needs, provides

OVERLAP = "overlapping drafts in the first model runner"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs num_speculative_tokens"),
        ({"num_speculative_tokens": 0}, "greater than (0|zero)"),
        ({"num_speculative_tokens": 129}, "use at most 128"),
        ({"num_speculative_tokens": 3, "prompt_lookup_max": 5}, "remove prompt_lookup_max"),
        ({"num_speculative_tokens": 3, "sam_history_tokens": -1}, "must be 0, for no history, or"),
        (
            {
                "num_speculative_tokens": 3,
                "sam_history_tokens": 9,
                "sam_share_prompts": False,
            },
            "sam_history_tokens=9 needs sam_share_prompts",
        ),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": 1.0}, "less than 1"),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": -0.1}, "must be at least 0"),
        ({"num_speculative_tokens": 3, "sam_min_acceptance": float("nan")}, "must be at least 0"),
        ({"num_speculative_tokens": 3, "model": "a.b", "revision": "c"}, "remove model, revision"),
        (
            {"num_speculative_tokens": "three"},
            r"must be a whole number, not 'three'|should be a valid integer",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SpeculativeConfig(method="sam", **options)


# Fields that the method takes, the engine fills in, or verification reads, in any release.
TAKEN = {
    *(field for field in SpeculativeConfig.__pydantic_fields__ if field.startswith("sam_")),
    *("method", "num_speculative_tokens", "enforce_eager"),
    "num_speculative_tokens_per_batch_size",
    *("target_model_config", "target_parallel_config"),
    *("enable_chunked_prefill", "disable_log_stats"),
    *("rejection_sample_method", "synthetic_acceptance_rates", "synthetic_acceptance_length"),
}


@needs("full graphs for whole drafts")
def test_step_costs_that_cannot_be_read_are_refused():
    with pytest.raises(ValueError, match=r"none\.json cannot be read: No such file"):
        SpeculativeConfig(**SAM, sam_step_costs="none.json")


def test_verification_by_lot_is_refused():
    config = SpeculativeConfig(**SAM)
    if not hasattr(config, "rejection_sample_method"):
        pytest.skip("this release has one verification")
    vars(config)["rejection_sample_method"] = "synthetic"
    with pytest.raises(ValueError, match="drafts whatever the target model says: remove"):
        validate_sam(config)


@pytest.mark.parametrize("option", sorted({*SpeculativeConfig.__pydantic_fields__} - TAKEN))
def test_options_of_other_methods_are_refused(option):
    config = SpeculativeConfig(**SAM)
    vars(config)[option] = "set"
    with pytest.raises(ValueError, match=f"remove {option}"):
        refuse_foreign_options(config)


def test_an_option_that_upstream_adds_is_let_through():
    field = SimpleNamespace(get_default=lambda: None)

    fields = {"not_known_yet": field, "prompt_lookup_max": field}
    newer = type("NewerConfig", (), {"__pydantic_fields__": fields})()
    newer.not_known_yet, newer.prompt_lookup_max = 1, None
    refuse_foreign_options(newer)
    newer.prompt_lookup_max = 5
    with pytest.raises(ValueError, match="remove prompt_lookup_max"):
        refuse_foreign_options(newer)


def test_pipeline_parallelism_is_refused(target_model):
    """Of the first model runner, which is what engines take here."""
    options = {"pipeline_parallel_size": 2, "distributed_executor_backend": "mp"}
    with pytest.raises(ValueError, match="verifies no drafts in a pipeline"):
        engine_config(target_model, speculative_config=dict(SAM), **options)


def test_a_model_with_recurrent_layers_is_refused():
    config = SpeculativeConfig(**SAM)
    vars(config)["target_model_config"] = SimpleNamespace(runner_type="generate", is_hybrid=True)
    with pytest.raises(ValueError, match="recurrent layers"):
        validate_sam(config)


def test_sam_stays_sam():
    config = SpeculativeConfig(**SAM)
    assert config.method == "sam"
    assert repr(config) == "SpeculativeConfig(method='sam', model=None, num_spec_tokens=3)"


def engine_config(target_model, **options):
    arguments = EngineArgs(model=str(target_model), skip_tokenizer_init=True, **options)
    return arguments.create_engine_config()


@needs("drafts verified on a CPU")
def test_options_reach_the_drafter(start_engine):
    """What a history does is tested in test_sharing.py."""
    engine = start_engine({**SAM, "sam_share_prompts": False, "sam_min_acceptance": 0.25})
    drafter = model_runner(engine).drafter.drafter
    assert drafter.num_speculative_tokens == SAM["num_speculative_tokens"]
    assert not drafter.share_prompts
    assert drafter.min_acceptance == 0.25


@needs("drafts verified on a CPU")
def test_a_threshold_that_is_no_number_stops_the_start(start_engine):
    with pytest.raises(ValueError, match="VLLM_SPECULATIVE_BATCH_SIZE_THRE must be a whole number"):
        start_engine(SAM, threshold="many")


@needs("draft lengths by batch size")
def test_two_settings_of_the_switch_are_refused(monkeypatch):
    lengths = {**SAM, "num_speculative_tokens_per_batch_size": [(1, 4, 3), (5, 64, 0)]}
    monkeypatch.delenv(VARIABLE, raising=False)
    assert switch_setting(SpeculativeConfig(**lengths)) == "num_speculative_tokens_per_batch_size"
    monkeypatch.setenv(VARIABLE, "4")
    with pytest.raises(ValueError, match=f"num_speculative_tokens_per_batch_size and {VARIABLE}=4"):
        SpeculativeConfig(**lengths)


@needs("draft lengths by batch size")
def test_lengths_are_refused_where_ranks_share_the_data(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    config = SpeculativeConfig(**SAM, num_speculative_tokens_per_batch_size=[(1, 4, 3)])
    config.target_parallel_config = ParallelConfig(data_parallel_size=2)
    with pytest.raises(ValueError, match=f"data_parallel_size=2 do not.*set {VARIABLE}"):
        check_lengths(config)


@needs("draft lengths by batch size")
@pytest.mark.parametrize("lengths", [[], [(2, 1, 3)], [(1, 4, -1)]])
def test_malformed_lengths_are_refused(monkeypatch, lengths):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"batch|range"):
        SpeculativeConfig(**SAM, num_speculative_tokens_per_batch_size=lengths)


@needs("checked variables of vLLM")
def test_vllm_knows_the_threshold(monkeypatch):
    """It warns of variables that begin with VLLM_ and are not its own, or refuses to start."""
    for name in [name for name in os.environ if name.startswith("VLLM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(VARIABLE, "4")
    # Of the platform since 0.31.
    owner = envs if hasattr(envs, "validate_environ") else current_platform
    owner.validate_environ(hard_fail=True)
    assert VARIABLE not in envs.compile_factors()


@needs("drafts verified on a CPU")
def test_a_model_that_generates_nothing_is_refused(start_engine):
    with pytest.raises(ValueError, match="a pooling model has none"):
        start_engine(SAM, runner="pooling")


@pytest.mark.skipif(provides(OVERLAP), reason="here the drafter takes overlapping steps")
def test_asynchronous_scheduling_is_refused(target_model):
    message = r"async scheduling is only supported|speculative decoding is not supported with"
    with pytest.raises(ValueError, match=message):
        engine_config(target_model, speculative_config=dict(SAM), async_scheduling=True)


@needs("refusal of drafts on a CPU")
@pytest.mark.parametrize("speculation", [SAM, NGRAM], ids=["sam", "ngram"])
def test_speculation_on_a_cpu_is_refused(target_model, speculation):
    with pytest.raises(ValueError, match=r"cannot speculate on a CPU.*use a GPU or an NPU"):
        engine_config(target_model, speculative_config=dict(speculation))
    assert engine_config(target_model).speculative_config is None


def test_what_the_engine_fills_in_is_accepted(target_model):
    """Upstream adds its own fields to what the user gave."""
    model_config = engine_config(target_model).model_config
    filled_in = {
        option: True
        for option in ("enable_chunked_prefill", "disable_log_stats")
        if option in SpeculativeConfig.__pydantic_fields__
    }
    config = SpeculativeConfig(**SAM, target_model_config=model_config, **filled_in)
    assert config.num_speculative_tokens == SAM["num_speculative_tokens"]


@needs("our own draft exclusions")
def test_custom_logits_processors_are_refused_with_speculation(target_model):
    class Custom(MinPLogitsProcessor):
        pass

    def build(speculation, custom):
        # Stands in for a configuration that a CPU would refuse.
        config = SimpleNamespace(
            speculative_config=speculation,
            scheduler_config=SimpleNamespace(max_num_seqs=4),
        )
        return build_logitsprocs(config, torch.device("cpu"), False, False, custom)

    with pytest.raises(ValueError, match=r"custom logits processors \(Custom\) to draft tokens"):
        build(SpeculativeConfig(**SAM), [Custom])
    builtin = {type(processor) for processor in build(SpeculativeConfig(**SAM), []).all}
    assert MinPLogitsProcessor in builtin
    assert {type(processor) for processor in build(None, [Custom]).all} == {*builtin, Custom}


@needs("second model runner that refuses")
def test_the_second_model_runner_refuses(target_model):
    """It needs Triton, so it does not start here; what it would refuse can be asked."""
    config = engine_config(target_model, speculative_config=dict(SAM))
    assert not config.use_v2_model_runner
    assert "speculative method 'sam'" in config._get_v2_model_runner_unsupported_features()


@needs("drafts verified on a CPU")
def test_prompts_given_as_embeddings_get_no_drafts(start_engine, target_model, prompts):
    embedding = AutoModelForCausalLM.from_pretrained(target_model).get_input_embeddings()
    with torch.no_grad():
        embeds = embedding(torch.tensor(prompts[4]))
    sampling = SamplingParams(temperature=0.0, max_tokens=60, ignore_eos=True, detokenize=False)
    tokens = {}
    for name, speculation in (("none", None), ("sam", SAM)):
        engine = start_engine(speculation, enable_prompt_embeds=True)
        output = engine.generate([{"prompt_embeds": embeds}], sampling, use_tqdm=False)
        tokens[name] = list(output[0].outputs[0].token_ids)
    assert (
        tokens["sam"] == tokens["none"] == generate(start_engine(), [prompts[4]], max_tokens=60)[0]
    )
    assert model_runner(engine).drafter.monitor.num_proposed == 0
