"""What a step costs in a graph, and whether drafts are filled up so that it fits a cheaper one.

A step in which every request has a whole draft runs in one full graph. Shorter drafts make it
ragged: it computes fewer tokens, in piecewise graphs, which the host launches piece by piece. Which
is cheaper depends on the model, the device and the batch, so it is looked up.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StepCosts:
    """Milliseconds of a step by what it is padded to.

    >>> costs = StepCosts("an example", whole={4: 9.0, 32: 10.0}, ragged={8: 10.5, 16: 10.5})
    >>> costs.fills_up(num_requests=4, num_draft_tokens=5, longest=3)
    True
    >>> costs.fills_up(num_requests=9, num_draft_tokens=5, longest=3)
    False

    Attributes:
        source: where the figures are from, in words.
        whole: of steps with whole drafts, in full graphs, by tokens.
        ragged: of other steps with drafts, in piecewise graphs, by tokens.
    """

    source: str
    whole: Mapping[int, float]
    ragged: Mapping[int, float]

    @classmethod
    def read(cls, file: str) -> StepCosts:
        """Return the costs in a JSON file with the objects `whole` and `ragged`.

        Raises:
            ValueError: it cannot be read, or holds something else.
        """
        try:
            values = json.loads(Path(file).read_text())
            whole, ragged = (_by_tokens(values[name]) for name in ("whole", "ragged"))
        except OSError as error:
            raise ValueError(f"step costs in {file} cannot be read: {error.strerror}.") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError(
                f"step costs in {file} must be a JSON object with the objects whole and ragged, of "
                "positive milliseconds by tokens."
            ) from None
        return cls(file, whole, ragged)

    def fills_up(self, num_requests: int, num_draft_tokens: int, longest: int) -> bool:
        """Say whether a step is cheaper with all drafts filled up.

        Where no graph holds one of the two, that one is not taken; where none holds either, drafts
        stay as they are.

        Args:
            num_requests: requests of the step.
            num_draft_tokens: tokens of their drafts, all together.
            longest: tokens of a whole draft.
        """
        whole = _padded(self.whole, num_requests * (1 + longest))
        ragged = _padded(self.ragged, num_requests + num_draft_tokens)
        return whole is not None and (ragged is None or whole < ragged)


def _by_tokens(costs: Mapping[str, Any]) -> dict[int, float]:
    """Return costs in the order of sizes.

    Raises:
        ValueError: a size or a cost is not above zero.
    """
    found = sorted((int(tokens), float(cost)) for tokens, cost in costs.items())
    if not all(tokens > 0 and cost > 0 for tokens, cost in found):
        raise ValueError
    return dict(found)


def _padded(costs: Mapping[int, float], num_tokens: int) -> float | None:
    """Return the cost of the smallest graph that holds so many tokens, None where none does."""
    sizes = list(costs)
    place = bisect_left(sizes, num_tokens)
    return costs[sizes[place]] if place < len(sizes) else None
