"""Recorded samples of real models, as the work that an engine would get.

A trace is a file of JSON lines, compressed by xz: a prompt, its samples, and for conversations the
segments of each sample as pairs of role and text. Tokens are those of mistral_common's tekken
tokenizer.
"""

import json
import lzma
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]
Row = dict[str, Any]

# A sample that has degenerated into a loop is easy for every method and tells nothing.
LOOP_COMPRESSION = 7.0
SHORTEST_LOOP = 200

GROUP_SIZE = 16
EARLIER_CHECKPOINTS = (0, 1, 3, 10)


@dataclass(frozen=True, eq=False)
class Sample:
    """What stands behind a prompt, and which parts of it the model generated: [start, end).

    Example: ``plain(tokens)`` is one that the model generated wholly.
    """

    tokens: Tokens
    turns: Sequence[tuple[int, int]]

    @cached_property
    def loops(self) -> bool:
        """Whether zlib shrinks what was generated more than `LOOP_COMPRESSION`-fold."""
        data = b"".join(self.tokens[start:end].tobytes() for start, end in self.turns)
        is_long = len(data) > SHORTEST_LOOP * self.tokens.itemsize
        return is_long and len(data) > LOOP_COMPRESSION * len(zlib.compress(data))


@dataclass(frozen=True, eq=False)
class Rollout:
    """Samples of one prompt that are decoded side by side.

    Example: ``Rollout(prompt, [plain(first), plain(second)])``.
    """

    prompt: Tokens
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Pass:
    """The work of one engine: rollouts of earlier epochs, which it knows, and those that count.

    Example: ``Pass(this_epoch, history=last_epoch)``.
    """

    rollouts: Sequence[Rollout]
    history: Sequence[Rollout] = ()


@dataclass(frozen=True)
class Scenario:
    """A way to decode a trace; `is_own` where each request drafts from its own text only.

    Those requests run one at a time, because `SamDrafter` drafts less in a larger batch.

    Example: ``Scenario("codet", "group of 16", [Pass(rollouts)])``.
    """

    trace: str
    name: str
    passes: Sequence[Pass]
    is_own: bool = field(default=False, kw_only=True)


def read(path: Path) -> list[Row]:
    """Read the rows of a trace.

    Raises:
        click.BadParameter: a line is no trace's.
    """
    with lzma.open(path, "rt") as lines:
        try:
            rows = [json.loads(line) for line in lines]
            return [{"prompt": row["prompt"], "samples": row["samples"], **row} for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise click.BadParameter(
                f'{path} is not JSON lines with "prompt" and "samples".'
            ) from error


def tokenizer() -> Callable[[str], Tokens]:
    """Return the function from text to tokens."""
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    data = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tekken = Tekkenizer.from_file(str(data))
    return lambda text: np.array(tekken.encode(text, bos=False, eos=False), np.int32)


def plain(text: Tokens) -> Sample:
    """Return a sample that the model generated from beginning to end."""
    return Sample(text, [(0, len(text))])


def conversation(segments: Sequence[tuple[str, Tokens]]) -> Sample:
    """Return a sample of which the model generated what the assistant says."""
    ends = np.cumsum([len(tokens) for _, tokens in segments])
    turns = [
        (int(end) - len(tokens), int(end))
        for (role, tokens), end in zip(segments, ends, strict=True)
        if role == "assistant" and len(tokens)
    ]
    return Sample(np.concatenate([tokens for _, tokens in segments]), turns)


def decodable(prompt: Tokens, samples: Sequence[Sample]) -> Rollout:
    """Return the rollout of the samples that are not empty and do not loop."""
    return Rollout(prompt, [each for each in samples if len(each.tokens) and not each.loops])


def own_text(trace: str, rollouts: Sequence[Rollout]) -> Scenario:
    """Return the scenario in which the samples of all rollouts are decoded one at a time."""
    alone = [Rollout(each.prompt, [sample]) for each in rollouts for sample in each.samples]
    return Scenario(trace, "own", [Pass(alone)], is_own=True)


def checkpoints(rows: Sequence[Row], encode: Callable[[str], Tokens]) -> list[Scenario]:
    """Return own text of every checkpoint, and the last one after none to ten earlier ones."""
    known = [(encode(row["prompt"]), [plain(encode(s)) for s in row["samples"]]) for row in rows]
    scenarios = [own_text("sky", [decodable(*each) for each in known])]
    for earlier in EARLIER_CHECKPOINTS:
        epochs = range(-1 - earlier, -1)
        history = [Rollout(prompt, [samples[e]]) for e in epochs for prompt, samples in known]
        last = [decodable(prompt, samples[-1:]) for prompt, samples in known]
        scenarios.append(Scenario("sky", f"after {earlier} checkpoints", [Pass(last, history)]))
    return scenarios


def conversations(rows: Sequence[Row], encode: Callable[[str], Tokens]) -> list[Scenario]:
    """Return own text, and each trial with the other trials of the tasks as history.

    A conversation is one request: what the user and the tools say arrives at once. Its prompt is
    the system's, which is the same for all tasks.
    """
    known = []
    for row in rows:
        prompt = encode(row["segments"][0][0][1])
        trials = [[(role, encode(text)) for role, text in trial[1:]] for trial in row["segments"]]
        known.append((prompt, [conversation(trial) for trial in trials]))
    passes = []
    for trial in range(len(known[0][1])):
        one = [decodable(prompt, samples[trial : trial + 1]) for prompt, samples in known]
        others = [
            Rollout(prompt, [*samples[:trial], *samples[trial + 1 :]]) for prompt, samples in known
        ]
        passes.append(Pass(one, others))
    return [
        own_text("tau", [decodable(*each) for each in known]),
        Scenario("tau", "after 3 trials", passes),
    ]


def programs(rows: Sequence[Row], encode: Callable[[str], Tokens]) -> list[Scenario]:
    """Return own text, a group in lockstep, and the same after an epoch of as many samples."""
    rollouts, history = [], []
    for row in rows:
        samples = [plain(encode(text)) for text in row["samples"][: 2 * GROUP_SIZE]]
        rollouts.append(decodable(encode(row["prompt"]), samples[:GROUP_SIZE]))
        history.append(decodable(encode(row["prompt"]), samples[GROUP_SIZE:]))
    return [
        own_text("codet", rollouts),
        Scenario("codet", f"group of {GROUP_SIZE}", [Pass(rollouts)]),
        Scenario("codet", f"group after {GROUP_SIZE} samples", [Pass(rollouts, history)]),
    ]


TRACES = {
    "sky_t1_32b_aime24_ckpts.jsonl.xz": checkpoints,
    "tau_gpt4o_airline_n4.jsonl.xz": conversations,
    "codet_humaneval_codegen16b_n100.jsonl.xz": programs,
}


def found(folder: Path) -> list[Path]:
    """Return the traces in a folder.

    Raises:
        click.BadParameter: there is none.
    """
    paths = [folder / name for name in TRACES if (folder / name).exists()]
    if not paths:
        raise click.BadParameter(f"{folder} holds none of {', '.join(TRACES)}.")
    return paths


def scenarios(folder: Path, first_prompt: int) -> list[Scenario]:
    """Return the scenarios of the traces in a folder, of every second prompt from one on.

    Raises:
        click.BadParameter: there is no trace.
    """
    paths = found(folder)
    encode = tokenizer()
    return [
        scenario
        for path in paths
        for scenario in TRACES[path.name](read(path)[first_prompt::2], encode)
    ]
