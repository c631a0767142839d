"""Other drafters behind the interface of `SamDrafter`, so that one loop drives them all."""

import os
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Protocol

import numpy as np
from sam_drafting import SAM

from bench.lib.drafters.first_occurrence import FirstOccurrenceSAM
from bench.lib.samples.traces import Tokens

Lengths = Sequence[int] | Tokens

# vLLM's defaults for suffix decoding.
TREE_DEPTH, CACHED_REQUESTS, SPEC_FACTOR, MIN_TOKEN_PROB = 24, 10_000, 1.0, 0.1


class Drafter(Protocol):
    """What `SamDrafter` offers.

    Example: ``drafter.step(["a", "b"], batch, [20, 9], [8, 8], [3, 3])`` drafts up to three tokens
    after the first 20 of row 0 and the first 9 of row 1, both with prompts of 8 tokens.
    """

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft."""
        ...

    def finish(self, req_ids: Iterable[str]) -> None:
        """Learn that requests have ended."""
        ...


class OwnText(Protocol):
    """A growing text that drafts from itself.

    Example: ``text.add_tokens(tokens)``, and then ``text.draft(newest)`` for what may come next.
    """

    def __len__(self) -> int:
        """Return how many tokens the text has."""
        ...

    def add_tokens(self, tokens: Tokens) -> None:
        """Append `tokens`."""
        ...

    def draft(self, newest: int) -> Sequence[int]:
        """Draft what follows the text and the token `newest`."""
        ...


class LatestOccurrenceSAM(SAM):
    """The reference: the longest match, continued as at its latest occurrence.

    >>> text = LatestOccurrenceSAM(2)
    >>> text.add_tokens([1, 2, 3, 1, 4, 5])
    >>> list(text.draft(1))
    [4, 5]
    """

    def draft(self, newest: int) -> Sequence[int]:
        """Draft what follows the text and the token `newest`."""
        state, _ = self.lookup(newest)
        return self.gen_draft(state, newest)


class TextPerRequest:
    """A drafter that keeps a text for each request and knows of no other.

    >>> drafter = TextPerRequest(lambda: FirstOccurrenceSAM(2))
    >>> text = np.array([[1, 2, 3, 1]], np.int32)
    >>> drafter.step(["request"], text, [4], [1], [2])
    [[2, 3]]
    """

    def __init__(self, make_text: Callable[[], OwnText]) -> None:
        """Keep texts that `make_text` makes."""
        self._make_text = make_text
        self._texts: dict[str, OwnText] = {}

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,  # noqa: ARG002
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft."""
        drafts = []
        for req_id, tokens, length, limit in zip(
            req_ids, token_ids[: len(req_ids)], num_tokens, draft_limits, strict=True
        ):
            text = self._texts.setdefault(req_id, self._make_text())
            text.add_tokens(tokens[len(text) : length - 1])
            drafts.append(list(text.draft(int(tokens[length - 1])))[:limit] if limit else [])
        return drafts

    def finish(self, req_ids: Iterable[str]) -> None:
        """Forget the texts of requests."""
        for req_id in req_ids:
            del self._texts[req_id]


class Ngram:
    """vLLM's ngram proposer with the window 2 to 5, its best on reasoning.

    Example: ``Ngram(3).step(["a"], batch, [20], [8], [3])``, where vLLM is installed.
    """

    def __init__(self, num_speculative_tokens: int, max_model_len: int = 1 << 18) -> None:
        """Make the proposer and compile its kernels."""
        # Standard output is for the result.
        os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
        from vllm.v1.spec_decode.ngram_proposer import NgramProposer

        speculation = SimpleNamespace(
            prompt_lookup_min=2,
            prompt_lookup_max=5,
            num_speculative_tokens=num_speculative_tokens,
        )
        config = SimpleNamespace(
            speculative_config=speculation,
            model_config=SimpleNamespace(max_model_len=max_model_len),
            scheduler_config=SimpleNamespace(max_num_seqs=1024),
            parallel_config=SimpleNamespace(tensor_parallel_size=1),
        )
        self._proposer = NgramProposer(config)

    def step(
        self,
        req_ids: Sequence[str],  # noqa: ARG002
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,  # noqa: ARG002
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Draft for each request that may; the whole text is searched anew."""
        sampled = [[0] if limit else [] for limit in np.asarray(draft_limits).tolist()]
        return self._proposer.propose(sampled, np.asarray(num_tokens, np.int32), token_ids)

    def finish(self, req_ids: Iterable[str]) -> None:
        """Do nothing: there is no state."""


class Arctic:
    """ArcticInference's suffix trees as vLLM's method `suffix` calls them.

    Example: ``Arctic(3).step(["a"], batch, [20], [8], [3])``, where ArcticInference is installed.
    """

    def __init__(self, num_speculative_tokens: int, cached_requests: int = CACHED_REQUESTS) -> None:
        """Make empty trees; a request drafts from its own text only with no `cached_requests`."""
        from arctic_inference.suffix_decoding import SuffixDecodingCache

        self._limit = num_speculative_tokens
        self._cache = SuffixDecodingCache(TREE_DEPTH, cached_requests)
        self._taken: dict[str, int] = {}

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Take in what is new of each request, then draft."""
        drafts = []
        for i, req_id in enumerate(req_ids):
            tokens = token_ids[i, : num_tokens[i]]
            self._take_in(req_id, tokens, num_prompt_tokens[i])
            drafts.append(self._draft(req_id, tokens, min(draft_limits[i], self._limit)))
        return drafts

    def finish(self, req_ids: Iterable[str]) -> None:
        """Drop the trees of requests; their responses stay in the tree that all share."""
        for req_id in req_ids:
            self._cache.stop_request(req_id)
            del self._taken[req_id]

    def _take_in(self, req_id: str, tokens: Tokens, num_prompt_tokens: int) -> None:
        if req_id not in self._taken:
            self._cache.start_request(req_id, tokens[:num_prompt_tokens])
            self._taken[req_id] = num_prompt_tokens
        if len(tokens) > self._taken[req_id]:
            self._cache.add_active_response(req_id, tokens[self._taken[req_id] :])
            self._taken[req_id] = len(tokens)

    def _draft(self, req_id: str, tokens: Tokens, limit: int) -> list[int]:
        if limit <= 0:
            return []
        draft = self._cache.speculate(
            req_id,
            tokens[-TREE_DEPTH:],
            max_spec_tokens=limit,
            max_spec_factor=SPEC_FACTOR,
            min_token_prob=MIN_TOKEN_PROB,
        )
        return list(draft.token_ids)


class PerPrompt:
    """A drafter for each prompt, so that requests learn only from others with the same prompt.

    Example: ``PerPrompt(lambda: Arctic(3))``.
    """

    def __init__(self, make_drafter: Callable[[], Drafter]) -> None:
        """Keep drafters that `make_drafter` makes."""
        self._make_drafter = make_drafter
        self._of_prompt: dict[bytes, Drafter] = {}
        self._of_request: dict[str, Drafter] = {}

    def step(
        self,
        req_ids: Sequence[str],
        token_ids: Tokens,
        num_tokens: Lengths,
        num_prompt_tokens: Lengths,
        draft_limits: Lengths,
    ) -> list[list[int]]:
        """Let each request's drafter take in what is new and draft."""
        drafts = []
        for i, req_id in enumerate(req_ids):
            if req_id not in self._of_request:
                self._open(req_id, token_ids[i, : num_prompt_tokens[i]])
            row = slice(i, i + 1)
            drafts += self._of_request[req_id].step(
                req_ids[row],
                token_ids[row],
                num_tokens[row],
                num_prompt_tokens[row],
                draft_limits[row],
            )
        return drafts

    def finish(self, req_ids: Iterable[str]) -> None:
        """Pass on that requests have ended."""
        for req_id in req_ids:
            self._of_request.pop(req_id).finish([req_id])

    def _open(self, req_id: str, prompt: Tokens) -> None:
        drafter = self._of_prompt.setdefault(prompt.tobytes(), self._make_drafter())
        self._of_request[req_id] = drafter


def arctic_own(num_speculative_tokens: int) -> Arctic:
    """Return ArcticInference's trees of single requests, without the tree that all share."""
    return Arctic(num_speculative_tokens, cached_requests=0)


def arctic_per_prompt(num_speculative_tokens: int) -> PerPrompt:
    """Return ArcticInference's trees, shared only by requests with the same prompt."""
    return PerPrompt(lambda: Arctic(num_speculative_tokens))


def latest_occurrence(num_speculative_tokens: int) -> TextPerRequest:
    """Return the reference automaton, one a request."""
    return TextPerRequest(lambda: LatestOccurrenceSAM(num_speculative_tokens))


def first_occurrence(num_speculative_tokens: int) -> TextPerRequest:
    """Return the automaton that knows first occurrences, one a request."""
    return TextPerRequest(lambda: FirstOccurrenceSAM(num_speculative_tokens))


def installed(module: str) -> bool:
    """Say whether a package that the project does not ask for is at hand."""
    spec = find_spec(module)
    # Without an origin it is a folder of adapters, such as overlay/vllm, and not the package.
    return spec is not None and spec.origin is not None
