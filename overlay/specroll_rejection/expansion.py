"""From one value a request to one value a token."""

import torch


def requests_of_tokens(cu_num_tokens: torch.Tensor, num_tokens: int) -> torch.Tensor:
    """Find the request that each token belongs to.

    Args:
        cu_num_tokens: [batch], where each request's tokens end.
        num_tokens: how many to answer for; may be more than the requests have.

    Returns:
        [num_tokens] int64; tokens beyond the last request's belong to request `batch`.
    """
    tokens = torch.arange(num_tokens, device=cu_num_tokens.device, dtype=cu_num_tokens.dtype)
    return torch.searchsorted(cu_num_tokens, tokens, right=True)


def expand(
    output: torch.Tensor,
    values: torch.Tensor,
    cu_num_tokens: torch.Tensor,
    replace_from: float,
    replace_to: float,
) -> None:
    """Write each request's value to its tokens, `replace_to` where it is `replace_from`.

    Args:
        output: [num_tokens]; tokens beyond the last request's keep what they hold.
        values: [batch].
        cu_num_tokens: [batch], where each request's tokens end.
        replace_from: the value to replace.
        replace_to: what stands in its place.
    """
    batch_size = values.shape[0]
    if batch_size == 0:
        return
    requests = requests_of_tokens(cu_num_tokens, output.shape[0])
    replaced = values.masked_fill(values == replace_from, replace_to).to(output.dtype)
    expanded = replaced[requests.clamp(max=batch_size - 1)]
    output.copy_(torch.where(requests < batch_size, expanded, output))
