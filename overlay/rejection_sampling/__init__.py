"""Rejection sampling of drafts (arXiv 2211.17192) in plain torch, one copy for every device.

The drafts of a batch lie end to end, a token each; `cu_num_draft_tokens` says where each request's
end. No function loops over requests or tokens in Python or waits for the device, and how many
operators are dispatched depends neither on the batch nor on the drafts.
"""

from rejection_sampling.acceptance import scaled_by_entropy
from rejection_sampling.expansion import expand
from rejection_sampling.recovery import recover, recover_all
from rejection_sampling.verification import (
    Drafts,
    recovered_from,
    verify_greedily,
    verify_randomly,
)

__all__ = [
    "Drafts",
    "expand",
    "recover",
    "recover_all",
    "recovered_from",
    "scaled_by_entropy",
    "verify_greedily",
    "verify_randomly",
]
