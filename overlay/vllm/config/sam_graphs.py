"""For which steps of `method="sam"` a model runner captures graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vllm.config.sam import LENGTHS, draft_lengths, has_lengths_of_its_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vllm.config import VllmConfig
    from vllm.config.speculative import SpeculativeConfig


def widest_batches(config: VllmConfig) -> dict[int, int]:
    """Return the largest batch, in requests, that drafts, by tokens a request with a whole draft.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    lengths = lengths_by_batch(config.speculative_config, config.scheduler_config.max_num_seqs)
    # The lengths are in the order of batch sizes: the last of equal ones is of the largest.
    return {1 + length: size for size, length in enumerate(lengths) if size and length}


def lengths_by_batch(config: SpeculativeConfig, largest_batch: int) -> list[int]:
    """Return how long the drafts of a batch may be, by its number of requests, from 0 on.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    if not has_lengths_of_its_own(config):
        return draft_lengths(config.num_speculative_tokens, largest_batch)
    from vllm.v1.spec_decode.dynamic.utils import build_dynamic_sd_schedule_lookup

    return build_dynamic_sd_schedule_lookup(
        getattr(config, LENGTHS), largest_batch, config.num_speculative_tokens
    )


def largest_graph(config: VllmConfig) -> int:
    """Return the tokens of the largest graph, before vLLM's own limit.

    It is the one that vLLM has without speculation (`_set_cudagraph_sizes` in
    vllm/config/vllm.py), or a larger one where that would not hold all drafts of a step.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    drafted = [length * size for length, size in widest_batches(config).items()]
    return max(2 * config.scheduler_config.max_num_seqs, *drafted)


def whole_draft_sizes(sizes: Sequence[int], query_length: int, widest_batch: int) -> list[int]:
    """Return the sizes of graphs for steps in which every request has a whole draft.

    They are the sizes of other graphs, rounded up to whole requests as upstream rounds them
    (`adjust_cudagraph_sizes_for_spec_decode` in vllm/config/compilation.py). They end with the
    largest batch that drafts, which has a size of its own.

    >>> whole_draft_sizes([1, 2, 4, 8, 16, 24, 32], query_length=4, widest_batch=5)
    [4, 8, 16, 20]

    Args:
        sizes: of the other graphs, in tokens; there is none beyond the largest.
        query_length: tokens a request.
        widest_batch: requests of the largest batch that drafts.

    Returns:
        Sizes in tokens, ascending.
    """
    num_reqs = min(widest_batch, max(sizes, default=0) // query_length)
    if not num_reqs:
        return []
    rounded = {-(-size // query_length) * query_length for size in sizes}
    largest = num_reqs * query_length
    return sorted({size for size in rounded if size < largest} | {largest})
