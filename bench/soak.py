"""Does a drafter that lives through a long training run leak or become slow?

Requests come without end. Some prompts come again and again, skewed by Zipf's law, others once;
responses to a prompt resemble each other. Some requests are aborted, some start over, and in each
step a few are absent from the batch. Looked at: the bytes reserved, the tokens of the history
against its budget, live requests against those that run, and what a step costs. The exit code is 1
where something leaks.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from sam_drafting import SamDrafter

from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress_bar
from bench.lib.output.results import Results
from bench.lib.plots import soak as plots

Found = dict[str, Any]
Tokens = npt.NDArray[np.int32]

BATCH = 64
LONGEST_DRAFT = 3
MOST_APPENDED = 4
HISTORY_TOKENS = 200_000
MIN_ACCEPTANCE = 0.1

VOCABULARY = 50_000
PROMPT_LENGTHS = 8, 48
ANSWER_LENGTHS = 10, 80
LONG_ANSWER = 1000
# Shares of the requests, of an answer's tokens, and of the requests of a step.
NEW_PROMPTS = 0.2
LONG_ANSWERS = 0.02
ABORTED = 0.05
RESTARTED = 0.02
CHANGED_TOKENS = 0.1
ABSENT = 0.02
# Of the prompts that come again.
ZIPF_EXPONENT = 1.3

# How often the drafter is looked at.
NUM_LOOKS = 200
# Bytes at the end ÷ at a quarter of the requests: memory grows in steps of a quarter.
MOST_GROWTH = 1.3
# Share of its budget from which on a history counts as full.
NEARLY_FULL = 0.95
# Step cost of the last tenth ÷ the first tenth.
MOST_SLOWDOWN = 1.2


@dataclass
class Texts:
    """Prompts and answers: the same prompt has the same tokens, and answers much alike.

    Example: ``prompt, answer = Texts(np.random.default_rng(0)).next()``.
    """

    random: np.random.Generator
    num_new: int = 0

    def next(self) -> tuple[Tokens, Tokens]:
        """Return a prompt and an answer."""
        prompt, answer = self._of(self._next_seed())
        changed = self.random.random(len(answer)) < CHANGED_TOKENS
        answer[changed] = self.random.integers(0, VOCABULARY, changed.sum())
        return prompt, answer

    def _next_seed(self) -> tuple[int, int]:
        if self.random.random() < NEW_PROMPTS:
            self.num_new += 1
            return 0, self.num_new
        return 1, int(self.random.zipf(ZIPF_EXPONENT))

    def _of(self, seed: tuple[int, int]) -> tuple[Tokens, Tokens]:
        random = np.random.default_rng(seed)
        prompt, answer = (int(random.integers(*ends)) for ends in (PROMPT_LENGTHS, ANSWER_LENGTHS))
        if random.random() < LONG_ANSWERS:
            answer = LONG_ANSWER
        text = random.integers(0, VOCABULARY, prompt + answer).astype(np.int32)
        return text[:prompt], text[prompt:]


class Engine:
    """A batch that is always full, and the drafter beside it.

    Example: ``Engine(SamDrafter(3), Texts(np.random.default_rng(0))).step()``.
    """

    def __init__(self, drafter: SamDrafter, texts: Texts) -> None:
        """Fill the batch."""
        self.drafter = drafter
        self.num_begun = 0
        self.num_ended = 0
        self.step_us: list[float] = []
        self._texts = texts
        self._names = [""] * BATCH
        self._tokens = np.zeros((BATCH, PROMPT_LENGTHS[1] + LONG_ANSWER), np.int32)
        # Tokens so far, of the prompt, and when the request ends.
        self._lengths, self._prompts, self._ends = np.zeros((3, BATCH), np.int32)
        for row in range(BATCH):
            self._begin(row)

    def step(self) -> None:
        """Let the requests that are present draft and go on, and replace those that end."""
        present = np.flatnonzero(self._texts.random.random(BATCH) >= ABSENT)
        names = [self._names[row] for row in present]
        tokens = self._tokens[present]
        arrays = tokens, self._lengths[present], self._prompts[present]
        start = time.process_time()
        self.drafter.step(names, *arrays, LONGEST_DRAFT)
        self.step_us.append(1e6 * (time.process_time() - start))
        for row in present[self._lengths[present] >= self._ends[present]]:
            self._replace(row)
        appended = self._texts.random.integers(0, MOST_APPENDED + 1, BATCH)
        self._lengths[present] += appended[present].astype(np.int32)
        np.minimum(self._lengths, self._ends, out=self._lengths)

    def end_all(self) -> None:
        """End all requests."""
        for row in range(BATCH):
            self._end(row)

    def _replace(self, row: int) -> None:
        if self._texts.random.random() < RESTARTED:
            # The same request with another text, which the drafter must notice.
            self.num_ended += 1
            self._fill(row)
        else:
            self._end(row)
            self._begin(row)

    def _begin(self, row: int) -> None:
        self._names[row] = f"request {self.num_begun}"
        self._fill(row)

    def _fill(self, row: int) -> None:
        self.num_begun += 1
        prompt, answer = self._texts.next()
        self._tokens[row, : len(prompt)] = prompt
        self._tokens[row, len(prompt) :][: len(answer)] = answer
        self._prompts[row] = self._lengths[row] = len(prompt)
        self._ends[row] = len(prompt) + len(answer)
        if self._texts.random.random() < ABORTED:
            self._ends[row] -= self._texts.random.integers(0, len(answer) + 1)

    def _end(self, row: int) -> None:
        self.drafter.finish([self._names[row]])
        self.num_ended += 1


def look(engine: Engine) -> Found:
    """Return what the drafter holds."""
    drafter = engine.drafter
    return {
        "requests": engine.num_ended,
        "bytes": drafter.nbytes,
        "tokens": drafter.num_tokens,
        "history_tokens": drafter.num_history_tokens,
        "live": len(drafter),
    }


def run(engine: Engine, num_requests: int) -> list[Found]:
    """Let so many requests end, and look at the drafter now and then."""
    looks: list[Found] = []
    with progress_bar(num_requests, "soaking", "request") as bar:
        while engine.num_ended < num_requests:
            before = engine.num_ended
            engine.step()
            bar.update(engine.num_ended - before)
            if engine.num_ended * NUM_LOOKS >= len(looks) * num_requests:
                looks.append(look(engine))
    return looks


def by_tenths(values: Sequence[float]) -> list[float]:
    """Return the median of each tenth."""
    return [median(part) for part in np.array_split(np.asarray(values), 10)]


def leaks(looks: Sequence[Found], last: Found, costs: Sequence[float]) -> list[str]:
    """Say what is wrong: `looks` from the run, one after its end, and the step cost by tenths."""
    quarter = looks[len(looks) // 4]["bytes"]
    checks = {
        f"more than {BATCH} live requests": any(each["live"] > BATCH for each in looks),
        "the history is above its budget": any(
            each["history_tokens"] > HISTORY_TOKENS for each in [*looks, last]
        ),
        "memory grows": last["bytes"] > MOST_GROWTH * quarter,
        "a step becomes slower": costs[-1] > MOST_SLOWDOWN * costs[0],
        "requests live on after their end": last["live"] > 0,
        "tokens outlive their requests": last["tokens"] > last["history_tokens"],
    }
    return [fault for fault, is_so in checks.items() if is_so]


def least_filled(looks: Sequence[Found]) -> float:
    """Return the least share of its budget that the history used after it was first full."""
    shares: list[float] = [each["history_tokens"] / HISTORY_TOKENS for each in looks]
    full = next((i for i, share in enumerate(shares) if share > NEARLY_FULL), len(shares) - 1)
    return min(shares[full:])


def looks_table(looks: Sequence[Found]) -> str:
    """Return every tenth of the looks."""
    header = ["requests", "MB reserved", "tokens held", "in the history", "live"]
    return tables.table(
        header,
        0,
        [
            [
                str(each["requests"]),
                f"{each['bytes'] / 1e6:.1f}",
                str(each["tokens"]),
                str(each["history_tokens"]),
                str(each["live"]),
            ]
            for each in [*looks[:: NUM_LOOKS // 10], looks[-1]]
        ],
    )


def report(found: Found) -> str:
    """Return what the drafter held, what its steps cost, and whether it leaks."""
    costs = " ".join(f"{cost:.0f}" for cost in found["step_us_by_tenth"])
    return "\n".join(
        [
            looks_table(found["looks"]),
            "",
            f"Of the history's budget of {HISTORY_TOKENS} tokens at least "
            f"{found['least_filled']:.0%} was used.",
            f"Median step, µs, by tenths of the run: {costs}",
            *([f"LEAK: {fault}" for fault in found["leaks"]] or ["Nothing leaks."]),
        ]
    )


@click.command(help=__doc__)
@click.option("--requests", type=click.IntRange(min=2_000), default=200_000, show_default=True)
@files.JSON
@files.PLOTS
def main(requests: int, json_file: str | None, pictures: Path | None) -> None:
    """Soak a drafter and say what it holds over time."""
    drafter = SamDrafter(
        LONGEST_DRAFT, history_tokens=HISTORY_TOKENS, min_acceptance=MIN_ACCEPTANCE
    )
    engine = Engine(drafter, Texts(np.random.default_rng(0)))
    looks = run(engine, requests)
    engine.end_all()
    looks.append(look(engine))
    found = {
        "looks": looks,
        "step_us_by_tenth": (costs := by_tenths(engine.step_us)),
        "least_filled": least_filled(looks),
        "leaks": leaks(looks[:-1], looks[-1], costs),
    }
    about = {**circumstances(), "requests": requests}
    draw = partial(plots.write, looks, costs)
    Results(json_file, pictures).deliver(report(found), {**about, **found}, draw)
    sys.exit(1 if found["leaks"] else 0)


if __name__ == "__main__":
    main(prog_name="python -m bench.soak")
