"""The parts of a step that verifies drafts: as a release of upstream does them, and as we do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import specroll_rejection
import torch
from specroll_rejection import Drafts, Output, Target

Work = Callable[[], object]

PARTS = ("expansion", "greedy", "acceptance", "recovered")
# With this probability the target accepts a draft token.
ACCEPTANCE = 0.7


def inputs(batch: int, num_drafts: int, vocabulary: int, device: str) -> SimpleNamespace:
    """Make drafts that the target accepts with probability `ACCEPTANCE`, and random numbers."""
    generator = torch.Generator().manual_seed(batch + num_drafts + vocabulary)
    num_tokens = batch * num_drafts
    probs = torch.rand(num_tokens, vocabulary, generator=generator)
    probs *= (1 - ACCEPTANCE) / probs.sum(-1, keepdim=True)
    drafts = torch.randint(vocabulary, (num_tokens,), generator=generator, dtype=torch.int32)
    probs.scatter_(1, drafts.long().unsqueeze(1), ACCEPTANCE)
    made = SimpleNamespace(
        drafts=drafts,
        probs=probs,
        cu_num=torch.arange(1, batch + 1, dtype=torch.int32) * num_drafts,
        bonus=torch.zeros(batch, 1, dtype=torch.int32),
        recovered=torch.zeros(num_tokens, dtype=torch.int32),
        uniform=torch.rand(num_tokens, dtype=torch.float64, generator=generator),
        exponential=torch.empty(batch, vocabulary).exponential_(generator=generator),
        is_greedy=torch.zeros(batch, dtype=torch.bool),
        output=torch.full((batch, num_drafts + 1), -1, dtype=torch.int32),
        values=torch.rand(batch, generator=generator),
        expanded=torch.zeros(num_tokens),
    )
    moved = {name: tensor.to(device) for name, tensor in vars(made).items()}
    return SimpleNamespace(**moved, longest=num_drafts, counts=[num_drafts] * batch)


def upstream_parts(functions: SimpleNamespace, given: SimpleNamespace) -> dict[str, Work]:
    """Return the parts of a step as a release of upstream does them."""
    vocabulary = given.probs.shape[1]
    argmax = given.drafts.long()
    return {
        "expansion": lambda: functions.expand_pytorch(
            given.expanded, given.values, given.cu_num, 0, 1, 32
        ),
        "greedy": lambda: functions.rejection_greedy_sample_pytorch(
            *(given.output, given.cu_num, given.drafts, argmax, given.bonus),
            *(given.counts, given.longest),
        ),
        "acceptance": lambda: functions.rejection_random_sample_pytorch(
            *(given.output, given.cu_num, given.drafts, None, given.probs, given.bonus),
            *(given.recovered, given.uniform, given.is_greedy, given.longest, vocabulary),
            IS_NGRAM=True,
        ),
        "recovered": lambda: functions.sample_recovered_tokens_pytorch(
            *(given.recovered, given.cu_num, given.drafts, None, given.probs),
            *(given.exponential, vocabulary),
            IS_NGRAM=True,
        ),
    }


def our_parts(given: SimpleNamespace) -> dict[str, Work]:
    """Return the same parts as `specroll_rejection` does them."""
    drafts = Drafts(given.drafts, given.cu_num, given.longest)
    firsts = (given.cu_num - given.longest).long()
    argmax = given.drafts.long()

    def acceptance() -> None:
        specroll_rejection.verify_randomly(
            Output(given.output, given.bonus, rows=~given.is_greedy),
            drafts,
            Target(given.probs),
            given.uniform,
            lambda tokens: given.recovered[tokens],
            ratio_dtype=torch.float64,
        )

    return {
        "expansion": lambda: specroll_rejection.expand(
            given.expanded, given.values, given.cu_num, 0, 1
        ),
        "greedy": lambda: specroll_rejection.verify_greedily(
            Output(given.output, given.bonus), drafts, argmax
        ),
        "acceptance": acceptance,
        "recovered": lambda: specroll_rejection.recover(
            firsts, given.drafts, None, Target(given.probs), given.exponential
        ),
    }
