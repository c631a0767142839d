"""A real engine that proposes drafts and does not verify them.

Its vLLM cannot verify drafts on a CPU: the rejection sampler needs Triton. What stands in for it,
or for anything else, is said where it is used.
"""

import pytest
import torch

from testing.registry import require

require("refusal of drafts on a CPU")

from vllm import LLM, SamplingParams
from vllm.config import SpeculativeConfig
from vllm.v1.outputs import DraftTokenIds, LogprobsLists, ModelRunnerOutput
from vllm.v1.spec_decode.draft_logprobs import EmittedLists
from vllm.v1.spec_decode.excluding_sam_proposer import ExcludingSamProposer
from vllm.v1.worker.cpu_model_runner import CPUModelRunner, _torch_cuda_wrapper
from vllm.v1.worker.gpu_model_runner import GPUModelRunner

from testing.engine import SAM, generate, model_runner

MAX_MODEL_LEN = 256
PROMPTS = [[3, 4, 5], [10, 11, 12, 13, 14], list(range(20, 40))]


@pytest.fixture(scope="module")
def engine(engine_arguments):
    """An engine in this process, without speculation: with it, it would refuse to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        # `nobind`, which the others get, would end the process (vllm/v1/worker/cpu_worker.py).
        patch.setenv("VLLM_CPU_OMP_THREADS_BIND", "all")
        engine = LLM(**engine_arguments | {"max_model_len": MAX_MODEL_LEN})
    yield engine
    engine.llm_engine.engine_core.shutdown()


def core_of(engine):
    return engine.llm_engine.engine_core.engine_core


@pytest.fixture
def drafting(engine, monkeypatch):
    """The engine's runner, made to propose drafts, and a list of (batch size, active, drafts).

    Nothing asks for the drafts, so none is scheduled: the CPU runner could not verify them.
    """
    monkeypatch.setenv("VLLM_SPECULATIVE_BATCH_SIZE_THRE", "2")
    runner = model_runner(engine)
    config = runner.vllm_config
    monkeypatch.setattr(config, "speculative_config", SpeculativeConfig(**SAM))
    monkeypatch.setattr(runner, "speculative_config", config.speculative_config)
    monkeypatch.setattr(runner, "drafter", ExcludingSamProposer(config), raising=False)
    monkeypatch.setattr(runner, "drafts_with_sam", True)
    steps = []
    propose = runner.drafter.propose

    def recording(input_batch, sampled_token_ids):
        drafts = propose(input_batch, sampled_token_ids)
        active = runner.drafter.batch_switch.speculative_decoding_active
        steps.append((input_batch.num_reqs, active, drafts))
        return drafts

    monkeypatch.setattr(runner.drafter, "propose", recording)
    return runner, steps


def test_the_runner_proposes_right_drafts(engine, drafting):
    runner, steps = drafting
    prompt = PROMPTS[1]
    (tokens,) = generate(engine, [prompt], max_tokens=80)
    assert len(steps) == 80
    right = 0
    for step, (_, _, (draft,)) in enumerate(steps):
        following = tokens[step + 1 : step + 1 + len(draft)]
        right += sum(a == b for a, b in zip(draft, following, strict=False))
    assert right > 40
    assert runner._draft_token_ids == steps[-1][2]


def test_the_switch_follows_the_batch_and_state_is_freed(engine, drafting):
    runner, steps = drafting
    generate(engine, PROMPTS, max_tokens=[20, 60, 90])
    assert all(active == (size <= 2) for size, active, _ in steps)
    assert not any(any(drafts) for size, _, drafts in steps if size > 2)
    assert any(any(drafts) for size, _, drafts in steps if size <= 2)
    assert {size for size, _, _ in steps} == {1, 2, 3}
    generate(engine, PROMPTS[:1], max_tokens=2)  # the step that tells of the finished ones
    assert len(runner.drafter.drafter) == 1


def test_a_request_at_max_model_len_stops_no_other(engine, drafting):
    _, steps = drafting
    long = PROMPTS[0] * 70
    generate(engine, [long, PROMPTS[1]], max_tokens=[MAX_MODEL_LEN - len(long), 90])
    beside = [drafts for size, _, drafts in steps if size == 2][-3:]
    assert all(max(map(len, drafts)) == SAM["num_speculative_tokens"] for drafts in beside)
    assert min(map(len, beside[-1])) == 0


def test_the_runner_makes_the_drafter(engine, drafting):
    """The CPU runner refuses speculation after it has set up the general one; here only that."""
    config = drafting[0].vllm_config
    runner = object.__new__(CPUModelRunner)
    with _torch_cuda_wrapper():
        GPUModelRunner.__init__(runner, config, torch.device("cpu"))
    assert isinstance(runner.drafter, ExcludingSamProposer)
    assert runner.drafts_with_sam


def test_without_sam_nothing_is_drafted(engine):
    runner = model_runner(engine)
    assert not runner.drafts_with_sam
    assert not hasattr(runner, "drafter")


def test_drafts_reach_the_scheduler_of_an_engine_in_this_process(engine, monkeypatch):
    """Stand-ins: the executor that hands drafts out, and the scheduler's method that takes them."""
    core = core_of(engine)
    handed_out = DraftTokenIds(["request"], [[1, 2]])
    taken = []
    monkeypatch.setattr(core, "use_spec_decode", True)
    monkeypatch.setattr(core.model_executor, "take_draft_token_ids", lambda: handed_out)
    monkeypatch.setattr(core.scheduler, "update_draft_token_ids", taken.append)
    generate(engine, PROMPTS[:1], max_tokens=5)
    assert taken == [handed_out] * 5


def test_a_stop_within_a_draft_cuts_its_logprobs(engine, monkeypatch):
    """Stand-in: what the runner would give after it accepted drafts."""
    rows = LogprobsLists([[5], [9], [7]], [[-0.5], [-0.25], [-4.0]], [1, 2, 3])

    def execute(scheduler_output):
        (req_id,) = scheduler_output.num_scheduled_tokens
        return ModelRunnerOutput(
            req_ids=[req_id],
            req_id_to_index={req_id: 0},
            sampled_token_ids=[[5, 9, 7]],
            logprobs=EmittedLists(rows, [0, 3]),
            prompt_logprobs_dict={},
            pooler_output=[],
        )

    with monkeypatch.context() as patched:
        patched.setattr(core_of(engine).model_executor, "execute_model", execute)
        sampling = SamplingParams(logprobs=0, stop_token_ids=[9], max_tokens=9, detokenize=False)
        prompts = [{"prompt_token_ids": [1, 2, 3]}]
        output = engine.generate(prompts, sampling, use_tqdm=False)[0].outputs[0]
    assert output.token_ids == [5, 9]
    first, second = output.logprobs
    assert (first[5].logprob, second[9].logprob) == (-0.5, -0.25)
    assert output.cumulative_logprob == -0.75
