"""What decisions mean, against a plain reading of them token by token."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from spd.decisions import accepted_length, decisive

TOKENS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12)


@given(st.lists(TOKENS, min_size=1, max_size=5))
def test_against_a_plain_reading(drafts):
    """A draft is a list of (accepted, match); a match is accepted."""
    drafts = [[(accepted or match, match) for accepted, match in draft] for draft in drafts]
    width = max(map(len, drafts))
    accepted = torch.tensor([[a for a, _ in d] + [True] * (width - len(d)) for d in drafts])
    match = torch.tensor([[m for _, m in d] + [False] * (width - len(d)) for d in drafts])
    mask = torch.tensor([[True] * len(d) + [False] * (width - len(d)) for d in drafts])
    assert accepted_length(accepted, mask).tolist() == [plain_length(d) for d in drafts]
    assert decisive(accepted, match, mask).tolist() == [plain_decisive(d, width) for d in drafts]


def plain_length(draft):
    for length, (accepted, _) in enumerate(draft):
        if not accepted:
            return length
    return len(draft)


def plain_decisive(draft, width):
    found = [False] * width
    for position, (accepted, match) in enumerate(draft):
        found[position] = not match
        if not accepted:
            break
    return found
