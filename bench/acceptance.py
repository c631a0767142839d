"""How many tokens a step do recorded samples of real models allow?

Teacher-forced: a sample is gone through as if the target model had written it again. At each step a
method drafts from the tokens so far, and the tokens that agree with the sample are accepted, as
greedy verification would. Only own text is used. A trace is a file of JSON lines with "prompt" and
"samples", as it is or compressed by xz. Tokens are those of mistral_common's tekken tokenizer.
"""

import json
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "overlay"))

from sam_drafting import SAM

Tokens = npt.NDArray[np.int32]
Drafter = Callable[[Tokens, int], "list[int] | Tokens"]

# A sample that has degenerated into a loop is easy for every method and tells nothing.
LOOP_COMPRESSION = 7.0
SHORTEST_LOOP = 200


@dataclass
class Acceptance:
    """Sums over steps."""

    tokens: int = 0
    steps: int = 0
    proposed: int = 0
    accepted: int = 0

    @property
    def tokens_per_step(self) -> float:
        """Mean tokens a step, the bonus token included."""
        return self.tokens / self.steps

    def summary(self) -> dict[str, float]:
        """Return the sums and the figures that are usually quoted."""
        return {
            **asdict(self),
            "tokens_per_step": self.tokens_per_step,
            "draft_acceptance_rate": self.accepted / max(self.proposed, 1),
            "proposed_per_step": self.proposed / self.steps,
        }


class AutomatonDrafter:
    """The suffix automaton of one text, brought up to date at every draft."""

    def __init__(self, num_speculative_tokens: int) -> None:
        """Start with an empty text."""
        self._sam = SAM(num_speculative_tokens)

    def __call__(self, text: Tokens, end: int) -> list[int]:
        """Draft what follows `text[:end]`."""
        self._sam.add_tokens(text[len(self._sam) : end - 1])
        newest = int(text[end - 1])
        index, _ = self._sam.lookup(newest)
        return self._sam.gen_draft(index, newest)


def ngram_drafter(num_speculative_tokens: int) -> Drafter:
    """vLLM's ngram search with the window 2 to 5."""
    # Standard output is for the result.
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    from vllm.v1.spec_decode import ngram_proposer

    search = ngram_proposer._find_longest_matched_ngram_and_propose_tokens
    return lambda text, end: search(text[:end], 2, 5, 1 << 30, num_speculative_tokens)


METHODS: dict[str, Callable[[int], Drafter]] = {
    "ngram": ngram_drafter,
    "sam": AutomatonDrafter,
}


def go_through(text: Tokens, prompt_length: int, drafter: Drafter, total: Acceptance) -> None:
    """Add the steps of one sample to `total`; `text` is the prompt and the sample."""
    end = prompt_length
    while end < len(text):
        draft = np.asarray(drafter(text, end), np.int32)
        agrees = draft[: len(text) - end] == text[end : end + len(draft)]
        accepted = int(np.argmin(np.append(agrees, False)))
        emitted = min(accepted + 1, len(text) - end)
        total.tokens += emitted
        total.steps += 1
        total.proposed += len(draft)
        total.accepted += accepted
        end += emitted


def loops(tokens: Tokens) -> bool:
    """Say whether zlib shrinks a sample more than `LOOP_COMPRESSION`-fold."""
    data = tokens.tobytes()
    return len(tokens) > SHORTEST_LOOP and len(data) > LOOP_COMPRESSION * len(zlib.compress(data))


def read_trace(path: Path) -> list[dict[str, Any]]:
    """Read the prompts and samples of a trace.

    Raises click.BadParameter where a line does not hold them.
    """
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as lines:
        try:
            return [
                {"prompt": row["prompt"], "samples": row["samples"]}
                for row in map(json.loads, lines)
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise click.BadParameter(
                f'{path} is not JSON lines with "prompt" and "samples".'
            ) from error


def tokenized(rows: list[dict[str, Any]], samples: int) -> Iterator[tuple[Tokens, int]]:
    """Yield each sample behind its prompt, and the length of the prompt; loops are left out."""
    import mistral_common
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    data = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    tokenizer = Tekkenizer.from_file(str(data))

    def encode(text: str) -> Tokens:
        return np.array(tokenizer.encode(text, bos=False, eos=False), np.int32)

    for row in rows:
        prompt = encode(row["prompt"])
        for sample in map(encode, row["samples"][:samples]):
            if len(prompt) and len(sample) and not loops(sample):
                yield np.concatenate([prompt, sample]), len(prompt)


@click.command(help=__doc__)
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--samples", type=click.IntRange(min=1), default=16, help="Samples a prompt at most.")
@click.option("--num-speculative-tokens", type=click.IntRange(min=1), default=3)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(trace: Path, samples: int, num_speculative_tokens: int, as_json: bool) -> None:
    """Go through all samples with every method and say what was accepted."""
    texts = list(tokenized(read_trace(trace), samples))
    found = {}
    for method, make_drafter in METHODS.items():
        total = Acceptance()
        interval = 0.1 if sys.stderr.isatty() else 10.0
        for text, prompt_length in tqdm(texts, method, unit="sample", mininterval=interval):
            go_through(text, prompt_length, make_drafter(num_speculative_tokens), total)
        found[method] = total.summary()
    if as_json:
        click.echo(json.dumps({"trace": trace.name, "samples": len(texts), "methods": found}))
        return
    click.echo(f"{trace.name}: {len(texts)} samples that do not loop")
    for method, each in found.items():
        click.echo(
            f"{method:>6}  {each['tokens_per_step']:.3f} tokens/step  "
            f"{each['draft_acceptance_rate']:.3f} of the draft tokens accepted  "
            f"{each['proposed_per_step']:.2f} proposed a step"
        )


if __name__ == "__main__":
    main()
