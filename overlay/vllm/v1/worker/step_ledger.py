"""The ledger of a model runner's steps, for whichever runner, method or device an engine has."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from specroll_speculation.ledger import VARIABLE, Ledger, LedgerStep
from vllm.config import CUDAGraphMode
from vllm.distributed.parallel_state import get_tensor_model_parallel_rank

if TYPE_CHECKING:
    from vllm.v1.core.sched.output import SchedulerOutput


def keep_ledger(runner: Any, device: torch.device, number: int) -> None:
    """Keep a ledger of a runner's steps, where the user asks for one.

    Args:
        runner: a `GPUModelRunner`, before its own `__init__` has made anything.
        device: where it runs the model.
        number: 1 for that of vllm/v1/worker/gpu_model_runner.py, 2 for that of vllm/v1/worker/gpu/.

    Raises:
        ValueError: the file cannot be written.
    """
    if folder := os.environ.get(VARIABLE):
        StepLedger(Ledger(folder), runner, device, number)


class StepLedger:
    """Notes what a model runner does, from around its methods.

    A debug option: nothing of this exists without it. The runner's own code is not changed; its
    methods are wrapped in the one runner that is given.
    """

    def __init__(self, ledger: Ledger, runner: Any, device: torch.device, number: int) -> None:
        """Wrap the methods of a runner that is being made.

        Args:
            ledger: where the steps are written.
            runner: as `keep_ledger` takes it,
            device: and this,
            number: and this.
        """
        self._ledger = ledger
        self._runner, self._device, self._number = runner, device, number
        self._num_steps = 0
        self._step: LedgerStep | None = None
        self._drafts: dict[str, int] = {}
        self._began: Any = None
        self._thread: int | None = None
        for name in ("execute_model", "sample_tokens"):
            setattr(runner, name, self._stepping(getattr(runner, name)))
        if number == 1:
            choose = runner._determine_batch_execution_and_padding
            runner._determine_batch_execution_and_padding = self._noting_padding(choose)
        count_waits(self._note_wait, device)

    def _stepping(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method of the runner that begins a step, or ends it with an output."""

        @functools.wraps(run)
        def step(*arguments: Any, **options: Any) -> Any:
            if options.get("dummy_run") or options.get("is_profile"):
                return run(*arguments, **options)
            if run.__name__ == "execute_model":
                self._begin(arguments[0])
            self._thread = threading.get_ident()
            try:
                output = run(*arguments, **options)
            finally:
                self._thread = None
            return self._end(output)

        return step

    def _begin(self, scheduled: SchedulerOutput) -> None:
        self._step = None
        # Ranks that share a step have the same one.
        if not scheduled.total_num_scheduled_tokens or get_tensor_model_parallel_rank():
            return
        drafts = scheduled.scheduled_spec_decode_tokens
        self._drafts = {req_id: len(tokens) for req_id, tokens in drafts.items()}
        room = sum(self._drafts.values())
        self._step = LedgerStep(
            step=self._num_steps,
            began_s=time.perf_counter(),
            runner=self._number,
            async_scheduling=bool(self._runner.scheduler_config.async_scheduling),
            padded_tokens=scheduled.total_num_scheduled_tokens,
            requests=len(scheduled.num_scheduled_tokens),
            tokens=scheduled.total_num_scheduled_tokens,
            drafted_requests=len(drafts),
            draft_room=room,
            draft_tokens=room,
        )
        self._num_steps += 1
        if self._number == 2:
            self._watch_manager()
        self._began = timed_event(self._device)

    def _watch_manager(self) -> None:
        """Wrap the second runner's choice of graphs, once there is one."""
        manager = self._runner.cudagraph_manager
        if manager is not None and "dispatch" not in vars(manager):
            manager.dispatch = self._noting_graph(manager.dispatch)

    def _noting_graph(self, dispatch: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(dispatch)
        def note(*arguments: Any, **options: Any) -> Any:
            graph = dispatch(*arguments, **options)
            self._note_graph(graph.cg_mode, graph)
            return graph

        return note

    def _noting_padding(self, choose: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(choose)
        def note(*arguments: Any, **options: Any) -> Any:
            chosen = choose(*arguments, **options)
            if self._step is not None and self._thread is not None:
                # The runner may have taken room away that no draft fills.
                self._step.draft_tokens -= self._step.tokens - options["num_tokens"]
                self._step.tokens = options["num_tokens"]
            self._note_graph(chosen[0], chosen[1])
            return chosen

        return note

    def _note_graph(self, mode: CUDAGraphMode, graph: Any) -> None:
        if self._step is not None:
            self._step.graph = mode.name
            self._step.padded_tokens = graph.num_tokens
            full = mode == CUDAGraphMode.FULL
            self._step.padded_requests = graph.num_reqs if full else None

    def _note_wait(self) -> None:
        if self._step is not None and self._thread == threading.get_ident():
            self._step.waits += 1

    def _end(self, output: Any) -> Any:
        """Complete the step that an output is of, now or when the engine asks for the output."""
        step, drafts = self._step, self._drafts
        if output is None or step is None:
            return output
        self._step = None
        elapsed = milliseconds_between(self._began, timed_event(self._device))
        if hasattr(output, "sampled_token_ids") and isinstance(output.sampled_token_ids, list):
            self._complete(step, drafts, output, elapsed)
        elif hasattr(output, "get_output"):
            get_output = output.get_output

            def get_and_complete() -> Any:
                sampled = get_output()
                self._complete(step, drafts, sampled, elapsed)
                return sampled

            output.get_output = get_and_complete
        else:
            self._ledger.add(step, elapsed)  # the output of a stage that samples nothing
        return output

    def _complete(
        self,
        step: LedgerStep,
        drafts: dict[str, int],
        output: Any,
        elapsed: Callable[[], float | None] | None,
    ) -> None:
        sampled = dict(zip(output.req_ids, map(len, output.sampled_token_ids), strict=False))
        step.sampled_tokens = sum(sampled.values())
        step.accepted_tokens = sum(max(0, sampled.get(req_id, 0) - 1) for req_id in drafts)
        self._ledger.add(step, elapsed)


def count_waits(note: Callable[[], None], device: torch.device) -> None:
    """Let each event of a device that is made from now on tell when the host waits for it."""

    def counted(event_class: Any) -> type:
        def synchronize(event: Any) -> None:
            note()
            event_class.synchronize(event)

        return type("CountedEvent", (event_class,), {"synchronize": synchronize})

    # The same class may have several names, and each name is used somewhere.
    modules = [torch, torch.cuda, torch.get_device_module(device)]
    classes = {module: module.Event for module in modules if hasattr(module, "Event")}
    counting = {event_class: counted(event_class) for event_class in set(classes.values())}
    for module, event_class in classes.items():
        module.Event = counting[event_class]


def timed_event(device: torch.device) -> Any:
    """Return an event that the device has been given now, None where it keeps no time."""
    if device.type == "cpu":
        return None
    event = torch.get_device_module(device).Event(enable_timing=True)
    event.record()
    return event


def milliseconds_between(began: Any, ended: Any) -> Callable[[], float | None] | None:
    """Return what says how long a device took, and None until it knows."""
    if began is None:
        return None
    return lambda: began.elapsed_time(ended) if ended.query() else None
