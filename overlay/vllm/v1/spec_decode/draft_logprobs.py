"""Log-probabilities of every token that a step with drafts emits.

For a vLLM whose runner computes them for the last position of each request only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from vllm.v1.outputs import LogprobsLists, LogprobsTensors
from vllm.v1.sample.ops.topk_topp_sampler import apply_top_k_top_p

if TYPE_CHECKING:
    from vllm.v1.sample.metadata import SamplingMetadata
    from vllm.v1.sample.sampler import Sampler
    from vllm.v1.spec_decode.metadata import SpecDecodeMetadata

# _SAMPLING_EPS of vllm/v1/sample/sampler.py: below it a request is greedy.
SMALLEST_TEMPERATURE = 1e-5


@dataclass(frozen=True)
class EmittedLists:
    """One row an emitted token; where the runner keeps lists of one row a request.

    Attributes:
        rows: the rows of all requests, one request after the other.
        ends: [num_reqs + 1] where the rows of each request end; begins with 0.
    """

    rows: LogprobsLists
    ends: list[int]

    def slice(self, start: int, end: int) -> LogprobsLists:
        """Rows of the requests from `start` up to `end`."""
        return self.rows.slice(self.ends[start], self.ends[end])


@dataclass(frozen=True)
class EmittedTensors:
    """The same on the device, with [num_reqs] numbers of emitted tokens."""

    rows: LogprobsTensors
    num_emitted: torch.Tensor

    def tolists(self) -> EmittedLists:
        """Copy to the host."""
        return EmittedLists(self.rows.tolists(), [0, *accumulate(self.num_emitted.tolist())])


def emitted_logprobs(
    sampler: Sampler,
    logits: torch.Tensor,
    drafts: SpecDecodeMetadata,
    output_token_ids: torch.Tensor,
    bonus: LogprobsTensors,
    sampling: SamplingMetadata,
) -> EmittedTensors:
    """Compute what the sampler would have returned for each emitted token.

    Args:
        sampler: the runner's, whose `logprobs_mode` is followed.
        logits: [num_draft_tokens + num_reqs, vocabulary] as the model gave them; a request's rows
            are its draft positions and then its bonus position.
        drafts: how many drafts each request had.
        output_token_ids: [num_reqs, max_spec_len + 1] from the rejection sampler, -1 where a
            request emitted nothing.
        bonus: the sampler's [num_reqs, num_logprobs + 1] rows at the bonus positions, which are
            kept as they are: with options that exclude a request from drafts they hold more than
            is computed here.
        sampling: temperature, top-k and top-p of each request.
    """
    emitted = (output_token_ids >= 0) & (output_token_ids < logits.shape[-1])
    requests, positions = emitted.nonzero(as_tuple=True)
    draft_ends = drafts.cu_num_draft_tokens.to(torch.int64)
    num_drafts = torch.diff(draft_ends, prepend=draft_ends.new_zeros(1))
    firsts = draft_ends - num_drafts + torch.arange(len(draft_ends), device=logits.device)
    at_draft = positions < num_drafts[requests]

    rows = LogprobsTensors(*(part[requests] for part in bonus))
    if at_draft.any():
        requests, positions = requests[at_draft], positions[at_draft]
        values = _reported(sampler, logits[firsts[requests] + positions], requests, sampling)
        tokens = output_token_ids[requests, positions].to(torch.int64)
        gathered = sampler.gather_logprobs(values, bonus.logprobs.shape[-1] - 1, tokens)
        for part, own in zip(rows, gathered, strict=True):
            part[at_draft] = own.to(part.dtype)
    return EmittedTensors(rows, emitted.sum(dim=-1))


def _reported(
    sampler: Sampler, logits: torch.Tensor, requests: torch.Tensor, sampling: SamplingMetadata
) -> torch.Tensor:
    """What `logprobs_mode` reports of [num_tokens, vocabulary] logits of the given requests."""
    if sampler.logprobs_mode.startswith("processed"):
        logits = logits.to(torch.float32)
        if not sampling.all_greedy:
            temperature = sampling.temperature[requests]
            temperature = torch.where(temperature < SMALLEST_TEMPERATURE, 1.0, temperature)
            top_k, top_p = (
                None if option is None else option[requests]
                for option in (sampling.top_k, sampling.top_p)
            )
            logits = apply_top_k_top_p(logits / temperature.unsqueeze(-1), top_k, top_p)
    if sampler.logprobs_mode.endswith("logits"):
        return logits
    return sampler.compute_logprobs(logits)
