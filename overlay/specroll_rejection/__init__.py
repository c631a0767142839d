"""Rejection sampling of drafts (arXiv 2211.17192) in plain torch, one copy for every device.

The drafts of a batch lie end to end, a token each; `cu_num_draft_tokens` says where each request's
end. No function loops over requests or tokens in Python or waits for the device, and how many
operators are dispatched depends neither on the batch nor on the drafts.
"""

from specroll_rejection.acceptance import scaled_by_entropy
from specroll_rejection.batch import Drafts, Output, Target
from specroll_rejection.expansion import expand
from specroll_rejection.recovery import recover, recover_all
from specroll_rejection.verification import (
    recovered_from,
    verify_greedily,
    verify_randomly,
)

__all__ = [
    "Drafts",
    "Output",
    "Target",
    "expand",
    "recover",
    "recover_all",
    "recovered_from",
    "scaled_by_entropy",
    "verify_greedily",
    "verify_randomly",
]
