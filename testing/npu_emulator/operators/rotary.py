"""Rotary position embeddings."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("atb::_npu_rotary_embedding")
def npu_rotary_embedding(
    positions: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    head_size: int,
    cos_sin_cache: torch.Tensor,
    is_neox_style: bool,
) -> None:
    """Rotate query [T, H * D] and key [T, G * D] in place, by rows of cos_sin_cache [P, D]."""
    cos, sin = cos_sin_cache[positions.flatten().long()].unsqueeze(1).chunk(2, -1)
    for tensor in (query, key):
        heads = tensor.view(len(tensor), -1, head_size)
        heads.copy_(_rotate(heads, cos.to(heads.dtype), sin.to(heads.dtype), is_neox_style))


@implements("npu::npu_rotary_mul")
def npu_rotary_mul(
    input: torch.Tensor,
    r1: torch.Tensor,
    r2: torch.Tensor,
    rotary_mode: str = "half",
    rotate: torch.Tensor | None = None,
) -> torch.Tensor:
    """Rotate [..., D] by cosines r1 and sines r2, which are given for the whole of D."""
    if rotary_mode != "half" or rotate is not None:
        raise NotImplementedError(f"NPU emulator: npu_rotary_mul with rotary_mode={rotary_mode!r}")
    first, second = input.chunk(2, -1)
    return input * r1 + torch.cat((-second, first), -1) * r2


def _rotate(
    heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, halves: bool
) -> torch.Tensor:
    """Rotate pairs of each head's numbers: of its halves, or of neighbours."""
    first, second = heads.chunk(2, -1) if halves else (heads[..., ::2], heads[..., 1::2])
    rotated = (first * cos - second * sin, second * cos + first * sin)
    return torch.cat(rotated, -1) if halves else torch.stack(rotated, -1).flatten(-2)
