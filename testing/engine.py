"""What the end-to-end tests ask of an engine, and how its methods are configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vllm import LLM, SamplingParams

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.v1.core.sched.output import SchedulerOutput
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

SAM = {"method": "sam", "num_speculative_tokens": 3}
NGRAM = {
    "method": "ngram",
    "num_speculative_tokens": 3,
    "prompt_lookup_min": 2,
    "prompt_lookup_max": 5,
}


def generate(
    engine: LLM,
    prompts: list[list[int]],
    max_tokens: int | list[int] = 100,
    lora_requests: list[LoRARequest | None] | None = None,
    **sampling: Any,
) -> list[list[int]]:
    """Return new token ids of each prompt: greedy, past the end token, unless `sampling` says else.

    `max_tokens` is one number, or one a prompt; `lora_requests` are one a prompt.
    """
    limits = [max_tokens] * len(prompts) if isinstance(max_tokens, int) else max_tokens
    options = {"temperature": 0.0, "ignore_eos": True, "detokenize": False, **sampling}
    parameters = [SamplingParams(max_tokens=limit, **options) for limit in limits]
    requests = [{"prompt_token_ids": prompt} for prompt in prompts]
    outputs = engine.generate(requests, parameters, use_tqdm=False, lora_request=lora_requests)
    return [list(output.outputs[0].token_ids) for output in outputs]


def add_request(
    engine: LLM, name: str, prompt: list[int], max_tokens: int, **sampling: Any
) -> None:
    """Give an engine a request, greedy and past the end token unless `sampling` says else."""
    options = {"temperature": 0.0, "ignore_eos": True, "detokenize": False, **sampling}
    parameters = SamplingParams(max_tokens=max_tokens, **options)
    engine.llm_engine.add_request(name, {"prompt_token_ids": prompt}, parameters)


def run(engine: LLM, num_steps: int | None = None) -> dict[str, list[int]]:
    """Step until all is done, or so many times; return new tokens of what finished, by name."""
    finished = {}
    while engine.llm_engine.has_unfinished_requests() and num_steps != 0:
        for output in engine.llm_engine.step():
            if output.finished:
                finished[output.request_id] = list(output.outputs[0].token_ids)
        num_steps = None if num_steps is None else num_steps - 1
    return finished


def counters(engine: LLM) -> dict[str, int]:
    """Return vLLM's own counters by name."""
    return {metric.name: metric.value for metric in engine.get_metrics() if "value" in vars(metric)}


def draft_counts(engine: LLM) -> tuple[int, int]:
    """Return how many draft tokens were verified, and how many accepted."""
    found = counters(engine)
    return (
        found.get("vllm:spec_decode_num_draft_tokens", 0),
        found.get("vllm:spec_decode_num_accepted_tokens", 0),
    )


def scheduler(engine: LLM) -> Scheduler:
    """Return the scheduler of an engine in this process."""
    return engine.llm_engine.engine_core.engine_core.scheduler


def adapter(engine: LLM) -> Any:
    """Return what drafts in an engine of this process; each runner keeps it under another name."""
    runner = model_runner(engine)
    return getattr(runner, "speculator", None) or runner.drafter


def recorded_steps(engine: LLM) -> list[tuple[int, int, int]]:
    """Return a list, filled while an engine of this process runs.

    Of each step it has the requests, the tokens, and how many of these are room for drafts.
    """
    runner = model_runner(engine)
    execute = runner.execute_model
    steps = []

    def recording(scheduled: SchedulerOutput, *rest: object, **options: object) -> object:
        room = sum(map(len, scheduled.scheduled_spec_decode_tokens.values()))
        num_tokens = scheduled.total_num_scheduled_tokens
        steps.append((len(scheduled.num_scheduled_tokens), num_tokens, room))
        return execute(scheduled, *rest, **options)

    runner.execute_model = recording
    return steps


def generate_with_pauses(
    engine: LLM, prompts: list[list[int]], budget: int, **sampling: Any
) -> list[list[int]]:
    """Return 100 new tokens of each prompt, of which some sit out steps while they decode.

    Now and then a step may compute so few tokens as `budget` says.
    """
    for name, prompt in enumerate(prompts):
        add_request(engine, str(name), prompt, 100, **sampling)
    tokens = run(engine, num_steps=10)
    whole = scheduler(engine).max_num_scheduled_tokens
    for limit in (budget, whole) * 5:
        scheduler(engine).max_num_scheduled_tokens = limit
        tokens |= run(engine, num_steps=3)
    tokens |= run(engine)
    return [tokens[str(name)] for name in range(len(prompts))]


def model_runner(engine: LLM) -> GPUModelRunner:
    """Return the model runner of an engine in this process."""
    core = engine.llm_engine.engine_core.engine_core
    return core.model_executor.driver_worker.worker.model_runner
