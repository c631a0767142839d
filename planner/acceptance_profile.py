"""How much of a draft is accepted, place by place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from planner import json_record

Floats = npt.NDArray[np.float64]

# Shares that are computed may be off by this.
ROUNDING = 1e-9


@dataclass(frozen=True)
class AcceptanceProfile:
    """The share of a request's steps in which a draft reaches each place, and is accepted there.

    Drafts have at most as many places as are given. ``spread`` is how much requests differ: the
    standard deviation of the logarithm of what they accept.

    >>> profile = AcceptanceProfile(drafted=[1.0, 0.8], accepted=[0.5, 0.25])
    >>> profile.draft_tokens, profile.tokens_per_step
    (1.8, 1.75)
    """

    drafted: Sequence[float]
    accepted: Sequence[float]
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError where these are no shares of steps."""
        if not self.drafted or len(self.drafted) != len(self.accepted):
            raise ValueError("drafted and accepted must have the same places, at least one")
        for name in ("drafted", "accepted"):
            shares = (1.0, *getattr(self, name), 0.0)
            if any(a < b - ROUNDING for a, b in pairwise(shares)):
                raise ValueError(f"{name} must be shares from 1 to 0 that do not rise")
        if any(a > d + ROUNDING for a, d in zip(self.accepted, self.drafted, strict=True)):
            raise ValueError("no place can be accepted more often than drafted")
        if self.spread < 0:
            raise ValueError("spread must not be negative")

    @property
    def longest(self) -> int:
        """The longest draft."""
        return len(self.drafted)

    @property
    def draft_tokens(self) -> float:
        """The tokens that a request's draft has in a step."""
        return sum(self.drafted)

    @property
    def tokens_per_step(self) -> float:
        """The tokens that a request gets in a step, the bonus token included."""
        return 1 + sum(self.accepted)

    def limited(self, longest: int) -> "AcceptanceProfile":
        """Return the profile with shorter drafts.

        Where a draft is right, so is the next one: a step that accepted more than ``longest``
        tokens becomes several that are accepted wholly, and one for the rest. After a step that
        accepted all that it could, more of the same is to come, so that it has no rest.
        """
        if longest == self.longest:
            return self
        shares = (1.0, *self.accepted, 0.0)
        lengths = np.arange(self.longest + 1)
        of_length = np.array([a - b for a, b in pairwise(shares)])
        whole = (lengths // (longest + 1)).astype(np.float64)
        steps, rest = whole + 1, lengths % (longest + 1)
        whole[-1] = steps[-1] = (self.longest + 1) / (longest + 1)
        rest[-1] = 0
        total = float(of_length @ steps)
        accepted = [
            float(of_length @ (whole + (rest >= place))) / total for place in range(1, longest + 1)
        ]
        drafted = [(share + total - 1) / total for share in self.drafted[:longest]]
        return AcceptanceProfile(drafted, accepted, self.spread)

    def speeds(self, requests: int) -> Floats:
        """Return the tokens a step of each request: [requests].

        Requests that differ are spread evenly over a log-normal distribution, always in the same
        disorder; none accepts more than is drafted.
        """
        if not self.spread:
            return np.full(requests, self.tokens_per_step)
        quantiles = (np.arange(requests) + 0.5) / requests
        normal = np.array([NormalDist().inv_cdf(quantile) for quantile in quantiles])
        factors = np.exp(self.spread * normal - self.spread**2 / 2)
        np.random.default_rng(0).shuffle(factors)
        return 1 + np.minimum((self.tokens_per_step - 1) * factors, self.draft_tokens)


def of_counts(
    steps: int, drafted_at: Sequence[int], accepted_at: Sequence[int]
) -> AcceptanceProfile:
    """Return the profile of so many steps of a request, counted place by place."""
    return AcceptanceProfile(
        [count / steps for count in drafted_at], [count / steps for count in accepted_at]
    )


def read(path: Path, samples: str | None) -> AcceptanceProfile:
    """Read a profile, or what `bench.acceptance` wrote, of which ``samples`` names the scenario.

    Raises:
        click.BadParameter: the file holds neither.
    """
    found = json_record.read(path)
    if "runs" in found:
        try:
            return of_samples(found["runs"], samples, path)
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            raise click.BadParameter(
                f'{path} has "runs" that bench.acceptance did not write: {error!r}.'
            ) from error
    if samples is not None:
        raise click.BadParameter(
            f"{path} is one profile: --samples is for bench.acceptance's JSON."
        )
    return json_record.record(AcceptanceProfile, found, path)


def of_samples(
    runs: Sequence[Mapping[str, Any]], samples: str | None, where: str | Path
) -> AcceptanceProfile:
    """Return the profile of sam's longest drafts, without a bar, on recorded samples."""
    found = {
        f"{run['trace']}, {run['scenario']}": run
        for run in sorted(runs, key=lambda run: run["num_speculative_tokens"])
        if run["method"] == "sam" and run["min_acceptance"] == 0.0 and "drafted_at" in run
    }
    if samples not in found:
        raise click.BadParameter(
            f"{where}: --samples must be one of: {'; '.join(found) or 'none is there'}."
        )
    run = found[samples]
    return of_counts(run["steps"], run["drafted_at"], run["accepted_at"])
