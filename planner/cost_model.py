"""What a step of an engine costs, in seconds, by what it has to do.

Two models. `LinearCost` is a sum, fitted to steps that were measured or given as JSON. `Roofline`
derives the time from a model's size and a device's speed: weights and cached keys and values are
read, operations are done, and the slower of the two decides.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np

from planner import json_record


@dataclass(frozen=True)
class Load:
    """What a step has to do; means where several like steps are meant.

    ``requests`` run, with ``context_tokens`` in all of their contexts together. ``prompt_tokens``
    are computed besides, and ``draft_tokens`` verified. ``verifying`` is the share of the steps in
    which there is a draft to verify, ``followed`` the number of requests that a drafter follows.

    Example: ``Load(requests=4, context_tokens=800, draft_tokens=12, verifying=1.0)``.
    """

    requests: float
    context_tokens: float = 0.0
    prompt_tokens: float = 0.0
    draft_tokens: float = 0.0
    verifying: float = 0.0
    followed: float = 0.0


class StepCost(Protocol):
    """A model of the time that a step takes.

    Example: ``cost.seconds(Load(requests=4))``.
    """

    def seconds(self, load: Load) -> float:
        """Return the wall time of a step."""


# What of a load each term of a linear cost is multiplied with.
LINEAR_TERMS = {
    "request": "requests",
    "context_token": "context_tokens",
    "prompt_token": "prompt_tokens",
    "draft_token": "draft_tokens",
    "verification": "verifying",
    "followed": "followed",
}


@dataclass(frozen=True)
class LinearCost:
    """A sum: seconds of a step, and of each thing that is in it.

    ``verification`` is what a step costs more as soon as it verifies any draft.

    >>> LinearCost(step=0.5, draft_token=0.125).seconds(Load(requests=4, draft_tokens=2))
    0.75
    """

    step: float
    request: float = 0.0
    context_token: float = 0.0
    prompt_token: float = 0.0
    draft_token: float = 0.0
    verification: float = 0.0
    followed: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where a term is negative."""
        _check_not_negative(self)

    def seconds(self, load: Load) -> float:
        """Return the wall time of a step."""
        terms = LINEAR_TERMS.items()
        parts = (getattr(self, term) * getattr(load, what) for term, what in terms)
        return float(sum(parts, start=self.step))


def fitted(loads: Sequence[Load], seconds: Sequence[float]) -> LinearCost:
    """Return the linear cost with the least squared error in which no term is negative.

    A term that comes out negative is left out and the others are fitted again.
    """
    columns = {"step": [1.0] * len(loads)}
    columns |= {term: [getattr(x, what) for x in loads] for term, what in LINEAR_TERMS.items()}
    terms = [term for term, amounts in columns.items() if any(amounts)]
    while True:
        amounts = np.array([columns[term] for term in terms]).T
        found, *_ = np.linalg.lstsq(amounts, np.asarray(seconds), rcond=None)
        if (found >= 0).all():
            return LinearCost(**{"step": 0.0, **dict(zip(terms, found.tolist(), strict=True))})
        terms.pop(int(found.argmin()))


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """A model of this size on devices of this speed.

    Sizes: ``dense_parameters`` are used by every token. Each token also uses ``experts_per_token``
    of ``experts``, which have ``expert_parameters`` together. A weight has ``weight_bytes``; a
    token of context has ``kv_bytes_per_token`` of keys and values and costs each token that looks
    at it ``attention_flop_per_pair`` operations. Each draft token reads the share
    ``context_reread`` of its request's context again: 0 where attention reads it once for all.

    Speeds: of one device, ``flop_per_second`` and ``bytes_per_second`` at their peaks, of which
    the shares ``compute_efficiency`` and ``memory_efficiency`` are reached. An engine has
    ``devices``. Experts are spread over ``expert_devices``, the engine's own where that is 0, and
    serve all engines there, which are taken to be as busy as this one.

    Seconds that no size explains: ``step_overhead`` in every step, ``verification_overhead`` where
    a draft is verified, ``drafter_request`` for each request that a drafter follows.

    >>> sizes = {"dense_parameters": 8e9, "kv_bytes_per_token": 1e5}
    >>> speeds = {"flop_per_second": 1e15, "bytes_per_second": 4e12}
    >>> Roofline(**sizes, **speeds).seconds(Load(requests=1))
    0.004
    """

    dense_parameters: float
    kv_bytes_per_token: float
    flop_per_second: float
    bytes_per_second: float
    devices: int = 1
    weight_bytes: float = 2.0
    expert_parameters: float = 0.0
    experts: int = 1
    experts_per_token: int = 1
    expert_devices: int = 0
    attention_flop_per_pair: float = 0.0
    context_reread: float = 0.0
    compute_efficiency: float = 1.0
    memory_efficiency: float = 1.0
    step_overhead: float = 0.0
    verification_overhead: float = 0.0
    drafter_request: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where a number is out of its range."""
        _check_not_negative(self)
        for name in ("flop_per_second", "bytes_per_second", "devices", "experts"):
            if not getattr(self, name):
                raise ValueError(f"{name} must be more than 0")
        for name in ("compute_efficiency", "memory_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be more than 0 and at most 1")
        if self.experts_per_token > self.experts:
            raise ValueError("experts_per_token must be at most experts")

    def seconds(self, load: Load) -> float:
        """Return the wall time of a step."""
        tokens = load.requests + load.prompt_tokens + load.draft_tokens
        reading = self._bytes(tokens, load) / (self.bytes_per_second * self.memory_efficiency)
        computing = self._flop(tokens, load) / (self.flop_per_second * self.compute_efficiency)
        return (
            max(reading, computing)
            + self.step_overhead
            + self.verification_overhead * load.verifying
            + self.drafter_request * load.followed
        )

    def _bytes(self, tokens: float, load: Load) -> float:
        """Return what one device reads: its part of the weights that are used, and the cache."""
        expert_devices = self.expert_devices or self.devices
        dense = self.dense_parameters / self.devices
        experts = self.expert_parameters / expert_devices
        used = self.experts_used(tokens * expert_devices / self.devices)
        weights = self.weight_bytes * (dense + experts * used)
        reads = 1 + self.context_reread * load.draft_tokens / load.requests
        return weights + self.kv_bytes_per_token * load.context_tokens * reads / self.devices

    def experts_used(self, tokens: float) -> float:
        """Return the share of the experts that so many tokens use, each choosing at random."""
        return float(1 - (1 - self.experts_per_token / self.experts) ** tokens)

    def _flop(self, tokens: float, load: Load) -> float:
        """Return what one device computes; experts share the work of all engines evenly."""
        parameters = self.dense_parameters
        parameters += self.expert_parameters * self.experts_per_token / self.experts
        looks = load.context_tokens * (1 + load.draft_tokens / load.requests)
        return (2 * parameters * tokens + self.attention_flop_per_pair * looks) / self.devices


def _check_not_negative(cost: LinearCost | Roofline) -> None:
    for name, value in asdict(cost).items():
        if value < 0:
            raise ValueError(f"{name} must not be negative")


KINDS = {"linear": LinearCost, "roofline": Roofline}


def parse(found: dict[str, Any], where: str | Path) -> LinearCost | Roofline:
    """Return the cost that a JSON object gives; ``kind`` says which, the rest are its fields.

    Raises:
        click.BadParameter: it gives none.
    """
    kind = found.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        known = " or ".join(f'"{name}"' for name in KINDS)
        raise click.BadParameter(f'{where} needs "kind": {known}, not {kind!r}.')
    given = {name: value for name, value in found.items() if name != "kind"}
    return json_record.record(KINDS[kind], given, where)


def as_json(cost: LinearCost | Roofline) -> dict[str, Any]:
    """Return the object from which `parse` makes the cost again."""
    kind = next(name for name, each in KINDS.items() if isinstance(cost, each))
    return {"kind": kind, **asdict(cost)}
