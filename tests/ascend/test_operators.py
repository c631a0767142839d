"""Operators of torch_npu, compared with what they are defined by."""

import pytest
import torch
import torch_npu

from testing.npu_emulator.slot_mapping import map_slots

NUM_HEADS, NUM_KV_HEADS, HEAD_SIZE, BLOCK_SIZE = 4, 2, 8, 4
SCALE = HEAD_SIZE**-0.5


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def attention(query, key, value):
    """Causal attention of one request, head by head: query [Q, H, D], key and value [K, G, D]."""
    output = torch.empty_like(query)
    for head in range(NUM_HEADS):
        of_head = head * NUM_KV_HEADS // NUM_HEADS
        for row in range(len(query)):
            seen = len(key) - len(query) + row + 1
            scores = key[:seen, of_head] @ query[row, head] * SCALE
            output[row, head] = scores.softmax(0) @ value[:seen, of_head]
    return output


@pytest.fixture
def requests():
    """Three requests of 7, 1 and 4 tokens of which 3, 1 and 4 are new: (query, key, value)."""
    return [
        (
            randn(new, NUM_HEADS, HEAD_SIZE) + new,
            randn(length, NUM_KV_HEADS, HEAD_SIZE),
            2 * randn(length, NUM_KV_HEADS, HEAD_SIZE),
        )
        for new, length in ((3, 7), (1, 1), (4, 4))
    ]


@pytest.fixture
def cache(requests):
    """Their keys and values in blocks, stored by the operator, and the block table."""
    table = torch.tensor([[4, 1], [2, 0], [3, 0]], dtype=torch.int32)
    lengths = [len(key) for _, key, _ in requests]
    starts = torch.tensor([0, *lengths]).cumsum(0)
    slots = torch.full((16,), -1, dtype=torch.int32)
    positions = torch.cat([torch.arange(length) for length in lengths])
    map_slots(starts, positions, table.long(), BLOCK_SIZE, slots)
    caches = [torch.zeros(5, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE).npu() for _ in range(2)]
    padding = torch.full((4, NUM_KV_HEADS, HEAD_SIZE), torch.nan)
    stored = [torch.cat([*(r[i] for r in requests), padding]).npu() for i in (1, 2)]
    torch_npu._npu_reshape_and_cache(*stored, *caches, slots.npu())
    return (*caches, table.npu())


@pytest.fixture
def query(requests):
    return torch.cat([query for query, _, _ in requests]).npu()


@pytest.fixture
def expected(requests):
    return torch.cat([attention(*request) for request in requests])


def close(output, expected):
    torch.testing.assert_close(output.cpu(), expected, rtol=1e-5, atol=1e-5)


def fused(query, key, value, **options):
    given = {
        "atten_mask": torch.ones(2048, 2048, dtype=torch.bool).triu(1).npu(),
        "actual_seq_lengths": [3, 4, 8],
        "actual_seq_lengths_kv": [7, 1, 4],
        "num_heads": NUM_HEADS,
        "num_key_value_heads": NUM_KV_HEADS,
        "scale": SCALE,
        "input_layout": "TND",
        "block_size": BLOCK_SIZE,
        "sparse_mode": 3,
        **options,
    }
    return torch_npu.npu_fused_infer_attention_score(query, key, value, **given)[0]


def test_fused_attention_over_a_cache(query, cache, expected):
    key, value, table = cache
    close(fused(query, key.view(5, 4, -1), value.view(5, 4, -1), block_table=table), expected)


def test_fused_attention_of_requests_to_themselves(requests):
    whole = [(key.repeat_interleave(2, 1), key, value) for _, key, value in requests]
    query, key, value = (torch.cat(parts).npu() for parts in zip(*whole, strict=True))
    ends = [7, 8, 12]
    output = fused(query, key, value, actual_seq_lengths=ends, actual_seq_lengths_kv=ends)
    close(output, torch.cat([attention(*request) for request in whole]))


def test_fused_attention_with_a_window(requests):
    query, key, value = requests[0]
    output = fused(
        *(tensor.npu() for tensor in (query[-1:], key, value)),
        **{"actual_seq_lengths": [1], "actual_seq_lengths_kv": [7]},
        **{"sparse_mode": 4, "pre_tokens": 2},
    )
    close(output, attention(query[-1:], key[-3:], value[-3:]))


def test_fused_attention_refuses_what_it_has_not(query, cache):
    key, value, table = cache
    for options in ({"input_layout": "BSH"}, {"sparse_mode": 1}, {"pse_shift": query}):
        with pytest.raises(NotImplementedError, match="npu_fused_infer_attention_score with"):
            fused(query, key, value, block_table=table, **options)
    with pytest.raises(ValueError, match="needs a mask of shape"):
        fused(query, key, value, block_table=table, atten_mask=None)
    with pytest.raises(ValueError, match="ends at 7 in a query of 8 tokens"):
        fused(query, key, value, block_table=table, actual_seq_lengths=[3, 4, 7])


def test_attention_of_one_token_a_request(query, cache, expected):
    last = torch.tensor([2, 3, 7])
    output = torch.zeros(3, NUM_HEADS, HEAD_SIZE).npu()
    lengths = torch.tensor([7, 1, 4])
    torch_npu._npu_paged_attention(
        *(query[last.npu()], *cache[:2], NUM_KV_HEADS, NUM_HEADS, SCALE, cache[2], lengths, output)
    )
    close(output, expected[last])


@pytest.mark.parametrize("name", ["_npu_paged_attention_splitfuse", "_npu_flash_attention_qlens"])
def test_attention_of_new_tokens_over_a_cache(query, cache, expected, name):
    key, value, table = cache
    output = torch.zeros_like(query)
    given = {
        "query": query,
        "key_cache": key,
        "value_cache": value,
        "block_table": table,
        "mask": torch.zeros(128, 128).npu(),
        "seq_len": torch.tensor([3, 1, 4]),
        "context_lens": torch.tensor([7, 1, 4]),
        "num_kv_heads": NUM_KV_HEADS,
        "num_heads": NUM_HEADS,
        "scale_value": SCALE,
        "out": output,
    }
    getattr(torch_npu, name)(**given)
    close(output, expected)


def test_attention_of_prompts(requests):
    whole = [(key.repeat_interleave(2, 1), key, value) for _, key, value in requests]
    padded = [
        torch.cat([*parts, torch.full_like(parts[0], torch.nan)]).npu()
        for parts in zip(*whole, strict=True)
    ]
    output = torch.zeros_like(padded[0])
    mask, lengths = torch.zeros(128, 128).npu(), torch.tensor([7, 1, 4])
    torch_npu._npu_flash_attention(
        *(*padded, mask, lengths, SCALE, NUM_HEADS, NUM_KV_HEADS), out=output
    )
    close(output[:12], torch.cat([attention(*request) for request in whole]))
    assert not output[12:].any()


def test_normalisation():
    rows, other, gamma = randn(3, 8), 3 * randn(3, 8), randn(8)
    expected = torch.nn.functional.rms_norm(rows + other, (8,), gamma, 1e-6)
    device = [tensor.npu() for tensor in (rows, other, gamma)]
    normalised, factors, total = torch_npu.npu_add_rms_norm(*device)
    close(normalised, expected)
    close(total, rows + other)
    close(torch_npu.npu_rms_norm(total, device[2])[0], expected)
    close(total * factors * device[2], expected)


def test_activation():
    rows = randn(3, 8)
    close(torch_npu.npu_swiglu(rows.npu()), rows[:, :4].sigmoid() * rows[:, :4] * rows[:, 4:])


@pytest.mark.parametrize("halves", [True, False])
def test_rotation(halves):
    """As a product of complex numbers, whose angle is the position times the frequency."""
    frequencies, positions = torch.tensor([1.0, 0.5, 0.25, 0.1]), torch.tensor([5, 0])
    angles = torch.arange(9)[:, None] * frequencies
    table = torch.cat([angles.cos(), angles.sin()], -1)
    query, key = randn(2, 2 * HEAD_SIZE), randn(2, HEAD_SIZE)

    def rotated(tensor):
        heads = tensor.view(2, -1, HEAD_SIZE)
        pairs = heads.unflatten(-1, (2, -1)).mT if halves else heads.unflatten(-1, (-1, 2))
        angle = positions[:, None, None] * frequencies
        turned = torch.view_as_real(
            torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angle), angle)
        )
        return (turned.mT if halves else turned).reshape(tensor.shape)

    on_device = query.npu(), key.npu()
    torch_npu._npu_rotary_embedding(positions.npu(), *on_device, HEAD_SIZE, table.npu(), halves)
    close(on_device[0], rotated(query))
    close(on_device[1], rotated(key))
    if halves:
        cos, sin = (part[positions].repeat(1, 2).npu() for part in (angles.cos(), angles.sin()))
        close(torch_npu.npu_rotary_mul(key.npu(), cos, sin), rotated(key))
        with pytest.raises(NotImplementedError, match="rotary_mode='interleave'"):
            torch_npu.npu_rotary_mul(key.npu(), cos, sin, rotary_mode="interleave")


def test_restricted_sampling():
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1]]).log()
    k, p = torch.tensor([3, 4]).npu(), torch.tensor([1.0, 0.7]).npu()
    restricted = torch_npu.npu_top_k_top_p(logits.npu(), k=k, p=p).exp().cpu()
    torch.testing.assert_close(restricted, torch.tensor([[0.5, 0.2, 0.2, 0], [0, 0.6, 0.2, 0]]))
    nothing = torch_npu.npu_top_k_top_p(logits.npu(), p=torch.zeros(2).npu()).exp().cpu()
    torch.testing.assert_close(nothing, torch.tensor([[0.5, 0, 0, 0], [0, 0.6, 0, 0]]))


def test_products_and_formats():
    x, weight = randn(2, 3).half(), randn(2, 4).half()
    total = torch.ones(3, 4).npu()
    torch_npu._npu_matmul_add_fp32(x.npu(), weight.npu(), total)
    close(total, 1 + x.float().T @ weight.float())
    cast = torch_npu.npu_format_cast(total, 29)
    assert torch.equal(cast, total)
    assert torch_npu.get_npu_format(cast) == 2
