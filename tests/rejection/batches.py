"""Batches of drafts for the rejection sampler."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from hypothesis import strategies as st
from vllm.v1.sample.metadata import SamplingMetadata

LONGEST_DRAFT = 32


@dataclass(frozen=True)
class Batch:
    """Drafts of a batch, what the target model says of them, who is greedy and who has a seed."""

    num_drafts: list[int]
    drafts: torch.Tensor
    draft_probs: torch.Tensor | None
    logits: torch.Tensor
    bonus: torch.Tensor
    is_greedy: torch.Tensor
    seeded: frozenset[int]
    seed: int

    @property
    def cu_num(self):
        return torch.tensor(self.num_drafts, device=self.drafts.device).cumsum(0).int()

    @property
    def longest(self):
        return max(self.num_drafts)

    @property
    def vocabulary(self):
        return self.logits.shape[1]

    @property
    def probs(self):
        return self.logits.softmax(-1, dtype=torch.float32)

    def on(self, device):
        """The batch with its tensors on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
        return replace(self, **{name: value.to(device) for name, value in tensors.items()})

    def uniform(self):
        """[num_tokens] float64."""
        generator = torch.Generator().manual_seed(self.seed)
        numbers = torch.rand(len(self.drafts), generator=generator, dtype=torch.float64)
        return numbers.to(self.drafts.device)

    def exponential(self):
        """[batch, vocabulary] float32."""
        generator = torch.Generator().manual_seed(self.seed)
        numbers = torch.empty(len(self.num_drafts), self.vocabulary)
        return numbers.exponential_(generator=generator).to(self.drafts.device)

    def generators(self):
        """New generators of the requests that have a seed."""
        device = self.drafts.device
        return {
            request: torch.Generator(device).manual_seed(self.seed + request)
            for request in sorted(self.seeded)
        }

    def metadata(self, greedy_temperature):
        """What vLLM's model runner says of a batch."""
        temperature = torch.where(self.is_greedy, greedy_temperature, 0.7).float()
        return SamplingMetadata(
            temperature=temperature,
            all_greedy=bool(self.is_greedy.all()),
            all_random=not bool(self.is_greedy.any()),
            top_p=None,
            top_k=None,
            generators=self.generators(),
            max_num_logprobs=None,
            no_penalties=True,
            prompt_token_ids=None,
            frequency_penalties=torch.empty(0),
            presence_penalties=torch.empty(0),
            repetition_penalties=torch.empty(0),
            output_token_ids=[],
            allowed_token_ids_mask=None,
            bad_words_token_ids={},
            logitsprocs=None,
        )


def make_batch(num_drafts, vocabulary, seed=0, *, samples_drafts=False, is_greedy=False, seeded=()):
    """A batch whose drafts are likely, but for some, and whose logits have ties."""
    generator = torch.Generator().manual_seed(seed)
    size = (sum(num_drafts), vocabulary)
    logits = (4 * torch.randn(size, generator=generator)).round()
    drafts = torch.randint(vocabulary, size[:1], generator=generator)
    is_likely = torch.rand(size[0], generator=generator) < 0.7
    draft_probs = None
    if samples_drafts:
        weights = torch.randn(size, generator=generator).exp()
        weights[torch.rand(size, generator=generator) < 0.2] = 0.0
        weights[:, 0] += 1e-3
        draft_probs = weights / weights.sum(-1, keepdim=True)
    return Batch(
        list(num_drafts),
        torch.where(is_likely, logits.argmax(-1), drafts).int(),
        draft_probs,
        logits,
        torch.randint(vocabulary, (len(num_drafts), 1), generator=generator, dtype=torch.int32),
        torch.tensor(is_greedy).expand(len(num_drafts)).clone(),
        frozenset(seeded),
        seed,
    )


@st.composite
def batches(draw):
    """Up to six requests with up to 32 drafts each, at least one draft in all."""
    num_drafts = draw(st.lists(st.integers(0, LONGEST_DRAFT), min_size=1, max_size=6).filter(any))
    size = len(num_drafts)
    some = st.lists(st.booleans(), min_size=size, max_size=size)
    return make_batch(
        num_drafts,
        draw(st.integers(2, 40)),
        draw(st.integers(0, 2**31)),
        samples_drafts=draw(st.booleans()),
        is_greedy=draw(st.one_of(st.booleans(), some)),
        seeded=draw(st.sets(st.integers(0, size - 1))),
    )
