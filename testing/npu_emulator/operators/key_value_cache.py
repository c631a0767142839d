"""The cache of keys and values, in blocks that a request's row of the block table names."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("atb::_npu_reshape_and_cache")
def npu_reshape_and_cache(
    key: torch.Tensor,
    value: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor,
    slot_indices: torch.Tensor,
) -> None:
    """Store key and value [T, G, D] in slots [T] of caches [blocks, block size, G, D].

    Tokens whose slot is negative are padding.
    """
    used = slot_indices >= 0
    slots = slot_indices[used].long()
    for tokens, cache in ((key, key_cache), (value, value_cache)):
        cache.view(-1, *cache.shape[2:])[slots] = tokens[: len(used)][used]


def cached(cache: torch.Tensor, blocks: torch.Tensor, length: int, num_heads: int) -> torch.Tensor:
    """Return a request's first tokens [length, G, D], of a cache [blocks, block size, G * D].

    A request that pads a batch has none.
    """
    num_blocks, head_size = -(-length // cache.shape[1]), cache[0, 0].numel() // num_heads
    tokens = cache[blocks[:num_blocks].long()].flatten(0, 1)[:length]
    return tokens.reshape(length, num_heads, head_size)
