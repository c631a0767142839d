"""Are tokens sampled as the policy says, with and without speculation?

verl's servers of every method sample answers, several of each prompt, and transformers runs the
policy over them. The surprisal of a sampled token, -log p, is the policy's entropy on average. What
it exceeds the entropy by adds up over all tokens, whichever were written before, and is compared
with its standard deviation: |z| above 4 comes about by chance once in 16,000 times, and the exit
code is 1. A sampler that prefers likely tokens has negative excess, one that flattens positive; one
that exchanges tokens of the same probability has none. The method none says what the comparison
itself gets wrong, precision for example.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import demo.model
from bench.lib.engines import options
from bench.lib.engines.methods import THRESHOLD_VARIABLE
from bench.lib.engines.options import POSITIVE
from bench.lib.engines.requests import Request
from bench.lib.engines.servers import RolloutServers, ServerSetting, running_servers
from bench.lib.input.option_records import options_as
from bench.lib.input.prompts import check_room, first_prompts
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from demo.rollout_task.policy import save_policy

METHODS = "none", "sam"
LARGEST_Z = 4.0
# Nats squared a token: far below what float32 can tell apart.
LEAST_VARIANCE = 1e-12
# vLLM takes what is colder for this.
COLDEST = 0.01
COLUMNS = "method", "tokens", "entropy", "excess", "z", "accepted"


@dataclass(frozen=True)
class Surprisal:
    """Sums over sampled tokens, in nats: entropy, surprisal less entropy, variance of that.

    Example: ``Surprisal(tokens=100, entropy=50.0, excess=6.0, variance=9.0).z`` is 2.0.
    """

    tokens: int = 0
    entropy: float = 0.0
    excess: float = 0.0
    variance: float = 0.0

    def __add__(self, other: "Surprisal") -> "Surprisal":
        """Return the sums over the tokens of both."""
        return Surprisal(
            self.tokens + other.tokens,
            self.entropy + other.entropy,
            self.excess + other.excess,
            self.variance + other.variance,
        )

    @property
    def z(self) -> float:
        """The excess in standard deviations, which are at least those of rounding."""
        return self.excess / max(self.variance, self.tokens * LEAST_VARIANCE) ** 0.5


def surprisal(logits: torch.Tensor, tokens: torch.Tensor) -> Surprisal:
    """Compare sampled ``tokens``, [n], with the ``logits``, [n, vocabulary], they were drawn by."""
    log_probs = logits.double().log_softmax(-1)
    probs = log_probs.exp()
    # Tokens that are ruled out have probability 0 and no logarithm.
    information = -log_probs.masked_fill(probs == 0, 0.0)
    entropy = (probs * information).sum(-1)
    variance = (probs * (information - entropy[:, None]) ** 2).sum(-1)
    drawn = -log_probs.gather(1, tokens[:, None])[:, 0]
    return Surprisal(
        len(tokens),
        entropy.sum().item(),
        (drawn - entropy).sum().item(),
        variance.sum().item(),
    )


class Policy:
    """A model as transformers runs it in float32, and its tokenizer.

    Example: ``policy.surprisal(policy.tokens("2 + 3 ="), sampled, temperature=1.0).z``.
    """

    def __init__(self, folder: str) -> None:
        """Load them from a folder or the hub."""
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""
        return self._model.config.max_position_embeddings

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a prompt."""
        return self._tokenizer.encode(text)

    @torch.no_grad()
    def surprisal(self, prompt: list[int], sampled: list[int], temperature: float) -> Surprisal:
        """Compare what was sampled after a prompt with the model."""
        logits = self._model(torch.tensor([prompt + sampled])).logits[0, len(prompt) - 1 : -1]
        # verl's servers write no token that the tokenizer does not know.
        known = logits[:, : len(self._tokenizer)] / temperature
        return surprisal(known, torch.tensor(sampled, dtype=torch.long))


@dataclass(frozen=True)
class Sampling:
    """What is sampled: ``repeats`` times a group of answers to each prompt.

    Example: ``Sampling(8, 20, 250, 1.0).requests([[1, 2, 3]])`` are eight requests.
    """

    group: int
    repeats: int
    longest: int
    temperature: float

    def requests(self, prompts: Sequence[list[int]]) -> list[Request]:
        """Return the requests of a round."""
        options = {
            "temperature": self.temperature,
            "max_tokens": self.longest,
            "top_p": 1.0,
            "top_k": -1,
            "repetition_penalty": 1.0,
        }
        return [Request(prompt, options) for prompt in prompts for _ in range(self.group)]


def measured(
    policy: Policy,
    servers: Mapping[str, RolloutServers],
    prompts: Sequence[list[int]],
    sampling: Sampling,
) -> dict[str, dict[str, Any]]:
    """Sample with every method in turn and return what was found, ready for JSON."""
    requests = sampling.requests(prompts)
    sums = dict.fromkeys(servers, Surprisal())
    accepted = dict.fromkeys(servers, 0)
    turns = [method for _ in range(sampling.repeats) for method in servers]
    for method in progress(turns, "rollouts", "turn"):
        rollout = servers[method].roll_out(requests)
        for request, sampled in zip(requests, rollout.token_ids, strict=True):
            sums[method] += policy.surprisal(request.prompt, sampled, sampling.temperature)
        accepted[method] += int(rollout.total("accepted_tokens"))
    return {
        method: {**asdict(found), "z": found.z, "accepted_drafts": accepted[method]}
        for method, found in sums.items()
    }


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the figures as text: means a token, in nats."""
    rows = [
        (
            method,
            str(each["tokens"]),
            f"{each['entropy'] / each['tokens']:.4f}",
            f"{each['excess'] / each['tokens']:+.5f}",
            f"{each['z']:+.2f}",
            str(each["accepted_drafts"]),
        )
        for method, each in found.items()
    ]
    return tables.table(COLUMNS, 1, rows)


@dataclass(frozen=True)
class Choice:
    """What the command is told; its help says what each option means."""

    model: str | None
    methods: list[str]
    prompts: Path | None
    num_prompts: int
    group: int
    longest: int
    repeats: int
    temperature: float
    num_speculative_tokens: int
    threshold: int
    json_file: str | None


@click.command(help=__doc__, context_settings={"show_default": True})
@options.MODEL
@options.methods_option(METHODS)
@options.PROMPTS
@click.option("--num-prompts", type=POSITIVE, default=8, help="Prompts of a round.")
@options.GROUP
@options.longest_option(250)
@options.repeats_option(20)
@click.option(
    "--temperature", type=click.FloatRange(COLDEST, 100), default=1.0, help="Of sampling."
)
@options.NUM_SPECULATIVE_TOKENS
@click.option(
    "--threshold",
    type=click.IntRange(min=0),
    default=0,
    help=f"{THRESHOLD_VARIABLE} for all; 0: every step speculates.",
)
@files.JSON
@options_as(Choice)
def main(chosen: Choice) -> None:
    """Sample, compare, and say what was found."""
    texts = first_prompts(chosen.prompts, chosen.num_prompts, chosen.num_prompts)
    sampling = Sampling(chosen.group, chosen.repeats, chosen.longest, chosen.temperature)
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.model or str(save_policy(demo.model.path(), Path(folder)))
        policy = Policy(path)
        token_ids = [policy.tokens(text) for text in texts]
        check_room(policy.context, token_ids, chosen.longest)
        setting = ServerSetting(
            path,
            batch=chosen.num_prompts * chosen.group,
            max_model_len=max(map(len, token_ids)) + chosen.longest,
            num_speculative_tokens=chosen.num_speculative_tokens,
            threshold=chosen.threshold,
        )
        with running_servers(setting, chosen.methods) as servers:
            methods = measured(policy, servers, token_ids, sampling)
    about = {**circumstances(), **asdict(setting), **asdict(sampling)}
    about["model"] = chosen.model or "the demo model"
    Results(chosen.json_file).deliver(table(methods), {"methods": methods, **about})
    sys.exit(0 if all(abs(each["z"]) <= LARGEST_Z for each in methods.values()) else 1)


if __name__ == "__main__":
    main(prog_name="python -m bench.surprisal")
