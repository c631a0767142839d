"""What stands in on a CPU for the kernel that expands values of requests to their draft tokens."""

import torch


def expand(
    output: torch.Tensor,
    values: torch.Tensor,
    cu_num_tokens: torch.Tensor,
    replace_from: int,
    replace_to: int,
    _max_num_tokens: int,
) -> None:
    """Write the value of each request once for each of its draft tokens.

    Args:
        output: [draft tokens] is written, in the type of `values`.
        values: [requests] one a request.
        cu_num_tokens: int32 [requests] draft tokens up to a request, its own included.
        replace_from: a value that is not written,
        replace_to: but this one instead.
    """
    written = torch.where(values == replace_from, replace_to, values)
    counts = torch.diff(cu_num_tokens, prepend=cu_num_tokens.new_zeros(1))
    output.copy_(torch.repeat_interleave(written, counts))
