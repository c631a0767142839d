"""Completions from an OpenAI-compatible vLLM server: token ids in, token ids out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, ReadTimeoutError

Prompts = Sequence[Sequence[int]]
Choice = Mapping[str, Any]
Reader = Callable[[Choice], list[int]]

BUSY_OR_BROKEN = (429, 500, 502, 503, 504)
BACKOFF_S = 0.25
MESSAGE_CHARACTERS = 500

# A model's folder may hold other defaults, and a penalty bends even greedy choices.
PLAIN_SAMPLING = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}


class CompletionError(Exception):
    """A sample that a server did not complete, by its name, and what happened."""


class Endpoint:
    """A server that completes prompts, several at a time; usable from any thread.

    Example:
        With a vLLM server of some model on this machine:

            endpoint = Endpoint("http://127.0.0.1:8000")
            [tokens] = endpoint.complete([[1, 15, 7]], max_tokens=16)
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        timeout_s: float = 600.0,
        retries: int = 3,
        concurrency: int = 64,
    ) -> None:
        """Name a server and how to talk to it.

        Args:
            url: where the server is, as `http://127.0.0.1:8000`, with or without `/v1`.
            model: name that the server knows the model by; None: the only one that it has.
            timeout_s: seconds a try.
            retries: further tries where one runs out of time or the server is gone or busy.
            concurrency: requests at a time.
        """
        self.url = url.rstrip("/").removesuffix("/v1")
        self._model = {} if model is None else {"model": model}
        self._concurrency = concurrency
        self._pool = urllib3.PoolManager(
            maxsize=concurrency,
            block=True,
            timeout=urllib3.Timeout(timeout_s),
            retries=urllib3.Retry(
                retries,
                allowed_methods=None,
                status_forcelist=BUSY_OR_BROKEN,
                backoff_factor=BACKOFF_S,
                raise_on_status=False,
            ),
        )

    def complete(
        self,
        prompts: Prompts,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        names: Sequence[str] | None = None,
    ) -> list[list[int]]:
        """Return the tokens that follow each prompt, an end token included.

        At temperature 0 the answer to a prompt is asked for once, however often it is there.

        Args:
            prompts: token ids.
            max_tokens: most tokens of a completion.
            temperature: 0 is greedy.
            seed: of the first prompt's sample; each other has the number that follows.
            names: what errors call the prompts.

        Returns:
            Token ids, a list a prompt, in the order of the prompts.

        Raises:
            CompletionError: a prompt could not be completed; the others are dropped.
        """
        wanted = {"max_tokens": max_tokens, "temperature": temperature, "return_token_ids": True}
        requests = [{**wanted, "prompt": [*map(int, prompt)]} for prompt in prompts]
        if temperature > 0:
            requests = [{**each, "seed": seed + i} for i, each in enumerate(requests)]
        return self._answers(requests, names, _tokens)

    def choices(self, sequences: Prompts, names: Sequence[str] | None = None) -> list[list[int]]:
        """Return the model's most probable token at each position of each sequence but its first.

        A choice is made given all tokens of the sequence before it.

        Args:
            sequences: token ids, two or more each.
            names: what errors call the sequences.

        Returns:
            Token ids, a list a sequence; item `t` of a list is for position `t + 1`.

        Raises:
            CompletionError: the choices for a sequence could not be had; the others are dropped.
        """
        # What follows all but the last token is the choice at the last position.
        wanted = {"max_tokens": 1, "temperature": 0.0, "return_token_ids": True}
        requests = [
            {**wanted, "prompt": [*map(int, sequence[:-1])], "prompt_logprobs": 1}
            for sequence in sequences
        ]
        return self._answers(requests, names, _choices)

    def _answers(
        self, requests: Sequence[Mapping[str, Any]], names: Sequence[str] | None, read: Reader
    ) -> list[list[int]]:
        """Send the requests, equal ones once, and read the answers in their order."""
        names = names or [f"prompt {number}" for number in range(len(requests))]
        bodies = [json.dumps({**request, **PLAIN_SAMPLING, **self._model}) for request in requests]
        named: dict[str, str] = {}
        for body, name in zip(bodies, names, strict=True):
            named.setdefault(body, name)
        with ThreadPoolExecutor(self._concurrency) as threads:
            answers = threads.map(lambda body: self._answer(body, named[body], read), named)
            found = dict(zip(named, answers, strict=True))
        return [found[body] for body in bodies]

    def _answer(self, body: str, name: str, read: Reader) -> list[int]:
        try:
            response = self._pool.request(
                "POST",
                f"{self.url}/v1/completions",
                body=body,
                headers={"Content-Type": "application/json"},
            )
            if response.status != 200:
                raise _RefusalError(f"status {response.status}: {_message(response.data)}")
            return _read(response.data, read)
        except (HTTPError, _RefusalError) as error:
            happened = _what_happened(error)
            raise CompletionError(f"{self.url} did not complete {name}: {happened}") from error


class _RefusalError(Exception):
    """A server that answers, but not what it was asked."""


def _read(data: bytes, read: Reader) -> list[int]:
    """Read the one choice that an answer holds, a text of OpenAI's completions API."""
    try:
        choice = json.loads(data)["choices"][0]
        if choice["finish_reason"] not in ("stop", "length"):
            raise _RefusalError(f"it ended with finish reason {choice['finish_reason']!r}")
        return read(choice)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        shown = data[:MESSAGE_CHARACTERS].decode(errors="replace")
        raise _RefusalError(f"the answer is not that of a vLLM server: {shown}") from error


def _tokens(choice: Choice) -> list[int]:
    tokens: list[int] = choice["token_ids"]
    if not tokens:
        raise _RefusalError("the answer has no token ids")
    return tokens


def _choices(choice: Choice) -> list[int]:
    # Of the first token there is nothing to say.
    ranked = choice["prompt_logprobs"][1:]
    return [*map(_most_probable, ranked), *_tokens(choice)]


def _most_probable(ranked: Mapping[str, Mapping[str, Any]]) -> int:
    return int(min(ranked, key=lambda token: ranked[token]["rank"]))


def _message(data: bytes) -> str:
    """Return what a server says of an error."""
    try:
        message = json.loads(data)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        message = data.decode(errors="replace")
    return str(message)[:MESSAGE_CHARACTERS]


def _what_happened(error: Exception) -> str:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, ReadTimeoutError):
        return f"no answer in time ({reason})"
    if isinstance(reason, _RefusalError):
        return str(reason)
    return f"no connection ({reason})"
