"""Attention of requests that lie one after the other in a batch.

Masks are always those of causal attention upstream; whether one is there is checked, what it holds
is not read.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

from testing.npu_emulator.operator_library import implements
from testing.npu_emulator.operators.key_value_cache import cached

FULL, CAUSAL, WINDOW = 0, 3, 4  # sparse modes
COMPRESSED_MASK = (2048, 2048)


class PagedCache(NamedTuple):
    """Keys and values of requests, and where each request's lie.

    Attributes:
        key: as `cached` takes it.
        value: like the keys.
        num_heads: heads of keys and values, G.
        block_table: the blocks of each request [R, blocks].
        context_lengths: tokens of each request in its blocks.
    """

    key: torch.Tensor
    value: torch.Tensor
    num_heads: int
    block_table: torch.Tensor
    context_lengths: list[int]


@implements("npu::npu_fused_infer_attention_score")
def npu_fused_infer_attention_score(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    atten_mask: torch.Tensor | None = None,
    actual_seq_lengths: Sequence[int],
    actual_seq_lengths_kv: Sequence[int],
    block_table: torch.Tensor | None = None,
    num_heads: int = 1,
    scale: float = 1.0,
    pre_tokens: int = 2147483647,
    next_tokens: int = 2147483647,
    input_layout: str = "BSH",
    num_key_value_heads: int = 0,
    sparse_mode: int = FULL,
    block_size: int = 0,
    **others: object,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute attention of query [T, H, D]: layout TND only; the second result is a placeholder.

    `actual_seq_lengths` are the ends of the requests in the query. With a block table, key and
    value are caches [blocks, block size, G * D] and `actual_seq_lengths_kv` the requests' lengths
    in them; without one they are [T', G, D], and the lengths the ends of the requests there.

    Raises:
        NotImplementedError: another layout, mode or option is asked for.
        ValueError: the ends are not those of the query, or the mask is not the compressed one.
    """
    refused = [name for name, option in others.items() if isinstance(option, torch.Tensor)]
    if refused or input_layout != "TND" or sparse_mode not in (FULL, CAUSAL, WINDOW):
        raise NotImplementedError(
            "NPU emulator: npu_fused_infer_attention_score with "
            f"{input_layout=}, {sparse_mode=}, {refused=}"
        )
    if sparse_mode != FULL and (atten_mask is None or tuple(atten_mask.shape) != COMPRESSED_MASK):
        raise ValueError(f"Sparse mode {sparse_mode} needs a mask of shape {COMPRESSED_MASK}.")
    if actual_seq_lengths[-1] != len(query):
        raise ValueError(
            f"The last request ends at {actual_seq_lengths[-1]} in a query of {len(query)} tokens."
        )
    heads = num_key_value_heads or num_heads
    if block_table is None:
        keys = _split(key.reshape(len(key), heads, -1), actual_seq_lengths_kv)
        values = _split(value.reshape(len(value), heads, -1), actual_seq_lengths_kv)
    else:
        rows = list(zip(block_table, actual_seq_lengths_kv, strict=False))
        keys = [cached(key, blocks, length, heads) for blocks, length in rows]
        values = [cached(value, blocks, length, heads) for blocks, length in rows]
    window = pre_tokens if sparse_mode == WINDOW else None
    requests = zip(_split(query, actual_seq_lengths), keys, values, strict=False)
    outputs = [attend(*request, scale, sparse_mode != FULL, window) for request in requests]
    return torch.cat(outputs).view_as(query), torch.zeros(1)


@implements("atb::_npu_paged_attention", on_host=("context_lens",))
def npu_paged_attention(
    query: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor,
    num_kv_heads: int,
    num_heads: int,
    scale_value: float,
    block_table: torch.Tensor,
    context_lens: torch.Tensor,
    out: torch.Tensor,
    workspace: torch.Tensor | None = None,
) -> None:
    """Attend from one token a request [R, H, D] to its context_lens [R] tokens in the cache."""
    lengths = context_lens.tolist()
    cache = PagedCache(key_cache, value_cache, num_kv_heads, block_table, lengths)
    _attend_to_cache(query, cache, [1] * len(lengths), scale_value, out)


@implements("atb::_npu_paged_attention_splitfuse", on_host=("context_lens", "seq_len"))
def npu_paged_attention_splitfuse(
    query: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor,
    block_table: torch.Tensor,
    context_lens: torch.Tensor,
    mask: torch.Tensor,
    seq_len: torch.Tensor,
    num_kv_heads: int,
    num_heads: int,
    scale_value: float,
    out: torch.Tensor,
) -> None:
    """Attend from seq_len [R] tokens a request, the last of its context_lens [R] in the cache."""
    cache = PagedCache(key_cache, value_cache, num_kv_heads, block_table, context_lens.tolist())
    _attend_to_cache(query, cache, seq_len.tolist(), scale_value, out)


@implements("atb::_npu_flash_attention_qlens", on_host=("seq_len", "context_lens"))
def npu_flash_attention_qlens(
    query: torch.Tensor,
    key_cache: torch.Tensor,
    value_cache: torch.Tensor,
    block_table: torch.Tensor,
    mask: torch.Tensor,
    seq_len: torch.Tensor,
    context_lens: torch.Tensor,
    num_kv_heads: int,
    num_heads: int,
    scale_value: float,
    out: torch.Tensor,
) -> None:
    """Attend from seq_len [R] tokens a request, the last of its context_lens [R] in the cache."""
    cache = PagedCache(key_cache, value_cache, num_kv_heads, block_table, context_lens.tolist())
    _attend_to_cache(query, cache, seq_len.tolist(), scale_value, out)


@implements("atb::_npu_flash_attention", on_host=("seq_len",))
def npu_flash_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    seq_len: torch.Tensor,
    scale_value: float,
    num_heads: int,
    num_kv_heads: int,
    out: torch.Tensor,
) -> None:
    """Attend within requests of seq_len [R] tokens; tokens past them are padding."""
    ends = list(accumulate(seq_len.tolist()))
    requests = zip(*(_split(tensor, ends) for tensor in (query, key, value)), strict=True)
    attended = torch.cat([attend(q, k, v, scale_value, causal=True) for q, k, v in requests])
    out[: len(attended)] = attended.view(-1, *out.shape[1:])


def _attend_to_cache(
    query: torch.Tensor,
    cache: PagedCache,
    query_lengths: list[int],
    scale: float,
    out: torch.Tensor,
) -> None:
    """Attend causally from each request's tokens, the last of its context; leave padding alone."""
    end = 0
    for blocks, num_tokens, length in zip(
        cache.block_table, query_lengths, cache.context_lengths, strict=False
    ):
        start, end = end, end + num_tokens
        if num_tokens and length:
            key = cached(cache.key, blocks, length, cache.num_heads)
            value = cached(cache.value, blocks, length, cache.num_heads)
            attended = attend(query[start:end], key, value, scale, causal=True)
            out[start:end] = attended.view_as(out[start:end])


def _split(tokens: torch.Tensor, ends: Sequence[int]) -> list[torch.Tensor]:
    """Return the tokens of each request, whose ends are given."""
    return [tokens[start:end] for start, end in pairwise([0, *ends])]


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    causal: bool,
    window: int | None = None,
) -> torch.Tensor:
    """Attend within one request: query [Q, H, D], key and value [K, G, D] give [Q, H, D].

    The query's tokens are the last of the key's. `window` is how far back a token sees.
    """
    distance = torch.arange(len(key) - len(query), len(key))[:, None] - torch.arange(len(key))
    visible = torch.ones_like(distance, dtype=torch.bool)
    if causal:
        visible &= distance >= 0
    if window is not None:
        visible &= distance <= window
    attended = scaled_dot_product_attention(
        *(tensor.float().transpose(0, 1) for tensor in (query, key, value)),
        attn_mask=visible,
        scale=scale,
        enable_gqa=True,
    )
    return attended.transpose(0, 1).to(query.dtype)
