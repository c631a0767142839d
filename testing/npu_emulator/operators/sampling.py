"""What restricts the tokens that may be sampled."""

import torch

from testing.npu_emulator.operator_library import implements


@implements("npu::npu_top_k_top_p")
def npu_top_k_top_p(
    logits: torch.Tensor, p: torch.Tensor | None = None, k: torch.Tensor | None = None
) -> torch.Tensor:
    """Return logits [R, V], -inf for all but the k [R] best tokens and those in the mass p [R].

    The best token always stays.
    """
    ascending, tokens = logits.sort(-1)
    if k is not None:
        threshold = ascending.gather(1, (logits.shape[1] - k.long()).unsqueeze(1))
        ascending.masked_fill_(ascending < threshold, -torch.inf)
    if p is not None:
        below = ascending.softmax(-1).cumsum(-1) <= 1 - p.unsqueeze(1)
        below[:, -1] = False
        ascending.masked_fill_(below, -torch.inf)
    return torch.empty_like(logits).scatter_(-1, tokens, ascending)
