"""For which steps of `method="sam"` a model runner captures graphs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vllm.config.compilation import CUDAGraphMode
from vllm.config.sam import LENGTHS, draft_lengths, has_lengths_of_its_own
from vllm.v1.attention.backend import AttentionCGSupport

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


def draft_graphs(
    config: VllmConfig, mode: CUDAGraphMode, support: AttentionCGSupport
) -> dict[int, list[int]]:
    """Return the sizes of full graphs for whole drafts in tokens, by tokens a request.

    There are none where full graphs are not for decoding alone, for those serve any step, and
    where a backend cannot be captured with drafts. With sequence parallelism ranks share the tokens
    evenly.

    Args:
        config: the engine's configuration, in which the sizes of other graphs are settled.
        mode: for which steps there are full graphs, and for which piecewise ones.
        support: for which steps the attention backends can be captured.

    Raises:
        ValueError: the threshold in the environment is no whole number.
    """
    compilation = config.compilation_config
    if (
        not mode.separate_routine()
        or mode.decode_mode() != CUDAGraphMode.FULL
        or support.value < AttentionCGSupport.UNIFORM_BATCH.value
    ):
        return {}
    # Not every release has the option.
    shares = getattr(compilation.pass_config, "enable_sp", False)
    ranks = config.parallel_config.tensor_parallel_size if shares else 1
    others = compilation.cudagraph_capture_sizes or []
    return {
        length: whole_draft_sizes(others, length, widest, ranks)
        for length, widest in widest_batches(config).items()
    }


def whole_draft_sizes(
    sizes: Sequence[int], query_length: int, widest_batch: int, ranks: int = 1
) -> list[int]:
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
        ranks: share the tokens evenly.

    Returns:
        Sizes in tokens, ascending.
    """
    unit = math.lcm(query_length, ranks)
    largest = min(widest_batch * query_length, max(sizes, default=0)) // unit * unit
    rounded = {-(-size // unit) * unit for size in sizes}
    return sorted(size for size in rounded | {largest} if 0 < size <= largest)
