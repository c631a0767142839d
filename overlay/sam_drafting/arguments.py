"""Checks of what callers pass, with a sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import numpy.typing as npt

from sam_drafting.kernels.layout import Int32Array

INT32 = np.iinfo(np.int32)
MAX_TOKEN_ID = int(INT32.max)


def checked_draft_length(length: int) -> int:
    """Return the longest draft as a Python integer.

    Raises:
        TypeError: it is no integer.
        ValueError: it is below 1.
    """
    if not isinstance(length, Integral):
        raise TypeError(f"num_speculative_tokens must be an integer, not {length!r}")
    if length < 1:
        raise ValueError(f"num_speculative_tokens must be at least 1, not {length}")
    return int(length)


def as_integer(value: object) -> int:
    """Return `value` as a Python integer.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, Integral):
        raise TypeError(f"tokens and states must be integers, not {value!r}")
    return int(value)


def checked_tokens(tokens: Sequence[int] | npt.NDArray[np.integer]) -> Int32Array:
    """Return `tokens` as a one-dimensional int32 array.

    Raises:
        TypeError: not integers.
        ValueError: a token id below 0 or above `MAX_TOKEN_ID`, or more than one dimension.
    """
    if not isinstance(tokens, np.ndarray) or tokens.dtype == object:
        # Through Python's integers: numpy turns a list with a huge one into floats.
        tokens = np.array([as_integer(token) for token in tokens], object)
    if tokens.ndim != 1:
        raise ValueError(f"tokens must be one-dimensional, not of shape {tokens.shape}")
    if tokens.dtype.kind not in "iuO":
        raise TypeError(f"tokens must be integers, not {tokens.dtype}")
    outside = np.flatnonzero((tokens < 0) | (tokens > MAX_TOKEN_ID))
    if outside.size:
        position = outside[0]
        raise ValueError(
            f"token id {tokens[position]} at position {position} is outside 0 … {MAX_TOKEN_ID}"
        )
    return tokens.astype(np.int32)


def checked_acceptance(value: float) -> float:
    """Return `min_acceptance` as a float.

    Raises:
        TypeError: it is no number.
        ValueError: it is below 0, or 1 or more.
    """
    if not isinstance(value, Real):
        raise TypeError(f"min_acceptance must be a number, not {value!r}")
    if not 0.0 <= value < 1.0:
        raise ValueError(f"min_acceptance must be at least 0 and below 1, not {value}")
    return float(value)


def checked_budget(value: int, share_prompts: bool) -> int:
    """Return `history_tokens` as a Python integer.

    Raises:
        TypeError: it is no integer.
        ValueError: it is below 0, or above 0 where prompts are not shared.
    """
    if not isinstance(value, Integral):
        raise TypeError(f"history_tokens must be an integer, not {value!r}")
    if value < 0:
        raise ValueError(f"history_tokens must be at least 0, not {value}")
    if value and not share_prompts:
        raise ValueError("history_tokens needs share_prompts: a history is shared by prompt")
    return int(value)


def checked_rows(token_ids: Int32Array, batch_size: int) -> Int32Array:
    """Return `token_ids` in the layout that the kernels are compiled for.

    Raises:
        TypeError: no int32 array.
        ValueError: not two-dimensional, or fewer rows than requests.
    """
    if not isinstance(token_ids, np.ndarray) or token_ids.dtype != np.int32:
        kind = getattr(token_ids, "dtype", type(token_ids).__name__)
        raise TypeError(f"token_ids must be an int32 array, not {kind}")
    if token_ids.ndim != 2 or token_ids.shape[0] < batch_size:
        raise ValueError(
            f"token_ids must have a row for each of {batch_size} requests, "
            f"not shape {token_ids.shape}"
        )
    if not (token_ids.flags.c_contiguous and token_ids.flags.writeable):
        token_ids = token_ids.copy()
    tokens: Int32Array = token_ids
    return tokens


def one_per_request(name: str, values: npt.ArrayLike, batch_size: int) -> Int32Array:
    """Return `values` as int32 [batch].

    Raises:
        TypeError: they are no integers.
        ValueError: another shape, or a number that int32 does not hold.
    """
    array = np.asarray(values)
    if array.shape != (batch_size,):
        raise ValueError(f"{name} must have one entry for each of {batch_size} requests")
    if array.dtype != np.int32 and batch_size:
        if array.dtype.kind not in "iu":
            raise TypeError(f"{name} must be integers, not {array.dtype}")
        if array.min() < INT32.min or array.max() > INT32.max:
            raise ValueError(f"{name} has a number beyond {INT32.max}")
    return np.ascontiguousarray(array, np.int32)


def checked_limits(limits: npt.ArrayLike, batch_size: int, longest_draft: int) -> int | Int32Array:
    """Return `draft_limits`: one for all requests, or int32 [batch].

    Raises:
        TypeError: they are no integers.
        ValueError: another shape, or a number that int32 does not hold.
    """
    array = np.asarray(limits)
    if array.ndim:
        return one_per_request("draft_limits", array, batch_size)
    if array.dtype.kind not in "iu":
        raise TypeError(f"draft_limits must be integers, not {array.dtype}")
    return min(max(int(array), 0), longest_draft)


def request_fault(req_id: str, tokens: Int32Array, num_tokens: int) -> ValueError:
    """Return what is wrong with a request: its number of tokens, or else one of those."""
    if not 0 <= num_tokens <= len(tokens):
        message = f"request {req_id!r} has num_tokens {num_tokens}, its row holds {len(tokens)}"
    else:
        position = int(np.argmax(tokens[:num_tokens] < 0))
        message = f"request {req_id!r} has the negative token id {tokens[position]} at {position}"
    return ValueError(message)
