"""How many tokens a step do recorded samples of real models allow?

Recorded samples are gone through as if the target model had generated them again (replay.py), with
one drafter for a whole run, as in an engine. Samples that degenerate into a loop are left out. What
was tuned was tuned on the odd prompts of each trace; the even ones are reported.

Own text: each request drafts from its own tokens. Otherwise the samples of a prompt that are
decoded side by side, and those of earlier epochs, are shared. `sam` is `SamDrafter`, at several
values of `min_acceptance`; compared with ArcticInference is what lies between two of them where as
many tokens are proposed a step. ArcticInference shares responses among all prompts; `arctic per
prompt` has trees of its own for each. Other drafters take part where they are installed.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from sam_drafting import SamDrafter

from bench.lib.drafters import peers
from bench.lib.drafters.replay import NUM_CLASSES, Acceptance, class_start, replay, steps_reaching
from bench.lib.output import files, tables
from bench.lib.output.circumstances import circumstances
from bench.lib.output.progress import progress
from bench.lib.output.results import Results
from bench.lib.plots import acceptance as plots
from bench.lib.samples import traces

DRAFT_LENGTHS = (3, 8)
MIN_ACCEPTANCES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
HISTORY_TOKENS = 1 << 22

TEXT_COLUMNS = 3  # of the tables

Found = dict[str, Any]
MakeDrafter = Callable[[int], peers.Drafter]

# Name, the package that is needed, and the maker of each drafter that sam is compared with.
OWN_TEXT: Sequence[tuple[str, str | None, MakeDrafter]] = (
    ("ngram", "vllm", peers.Ngram),
    ("first occurrence", None, peers.first_occurrence),
    ("latest occurrence", None, peers.latest_occurrence),
    ("arctic", "arctic_inference", peers.arctic_own),
)
SHARED_TEXT: Sequence[tuple[str, str | None, MakeDrafter]] = (
    ("arctic", "arctic_inference", peers.Arctic),
    ("arctic per prompt", "arctic_inference", peers.arctic_per_prompt),
)

# Those that sam without a bar is compared with, and what the ratio should be at least. The others
# are compared at equal proposed tokens.
TARGETS = {"ngram": 1.10, "first occurrence": 1.05, "latest occurrence": 0.995}


def methods(is_own: bool) -> Iterator[tuple[str, float | None, MakeDrafter]]:
    """Yield the name, the `min_acceptance` and the maker of each drafter that can take part."""
    others = OWN_TEXT if is_own else SHARED_TEXT
    for name, package, make_drafter in others:
        if package is None or peers.installed(package):
            yield name, None, make_drafter
    options = {"share_prompts": False} if is_own else {"history_tokens": HISTORY_TOKENS}
    for bar in MIN_ACCEPTANCES:
        yield "sam", bar, partial(SamDrafter, min_acceptance=bar, **options)


def measure(scenario: traces.Scenario, longest_draft: int, make_drafter: MakeDrafter) -> Acceptance:
    """Replay all passes of a scenario, each with a new drafter."""
    total = Acceptance()
    for work in scenario.passes:
        replay(make_drafter(longest_draft), work, longest_draft, total)
    return total


def summary(total: Acceptance, longest_draft: int) -> Found:
    """Return the sums, those of each place in a draft, and the figures that are usually quoted."""
    return {
        "tokens": total.tokens,
        "steps": total.steps,
        "proposed": total.proposed,
        "accepted": total.accepted,
        "tokens_per_step": total.tokens_per_step,
        "acceptance_rate": total.acceptance_rate,
        "proposed_per_step": total.proposed_per_step,
        "drafted_at": steps_reaching(total.draft_lengths, longest_draft),
        "accepted_at": steps_reaching(total.accepted_lengths, longest_draft),
        "by_position": [
            {"from": class_start(i), "tokens": total.tokens_at[i], "steps": total.steps_at[i]}
            for i in range(NUM_CLASSES)
        ],
    }


def measure_all(scenarios: Sequence[traces.Scenario]) -> list[Found]:
    """Measure every method at every draft length in every scenario."""
    turns = [
        (scenario, longest_draft, *method)
        for scenario in scenarios
        for longest_draft in DRAFT_LENGTHS
        for method in methods(scenario.is_own)
    ]
    found = []
    for scenario, longest_draft, method, bar, make_drafter in progress(turns, "replaying", "run"):
        about = {
            "trace": scenario.trace,
            "scenario": scenario.name,
            "num_speculative_tokens": longest_draft,
            "method": method,
            "min_acceptance": bar,
        }
        total = measure(scenario, longest_draft, make_drafter)
        found.append({**about, **summary(total, longest_draft)})
    return found


def settings(found: Sequence[Found]) -> dict[tuple[str, str, int], list[Found]]:
    """Return what was found by trace, scenario and draft length."""
    grouped: dict[tuple[str, str, int], list[Found]] = {}
    for each in found:
        key = each["trace"], each["scenario"], each["num_speculative_tokens"]
        grouped.setdefault(key, []).append(each)
    return grouped


def tokens_per_step_at(runs: Sequence[Found], proposed_per_step: float) -> float | None:
    """Interpolate sam's tokens a step where it proposes as much.

    None where it never proposes so little; what it reaches at most where it never does so much.
    """
    points = sorted(
        (run["proposed_per_step"], run["tokens_per_step"]) for run in runs if run["method"] == "sam"
    )
    if proposed_per_step < points[0][0]:
        return None
    proposed, tokens = np.array(points).T
    return float(np.interp(proposed_per_step, proposed, tokens))


def comparisons(found: Sequence[Found]) -> list[Found]:
    """Return the ratios of tokens a step that are asked for, and what they should be at least."""
    compared = []
    for (trace, scenario, longest_draft), runs in settings(found).items():
        about = {"trace": trace, "scenario": scenario, "num_speculative_tokens": longest_draft}
        unlimited = next(run for run in runs if run["min_acceptance"] == 0.0)
        for run in runs:
            if run["method"] in TARGETS:
                target = TARGETS[run["method"]]
                ratio = unlimited["tokens_per_step"] / run["tokens_per_step"]
            elif run["method"] != "sam":
                target = 1.0
                reached = tokens_per_step_at(runs, run["proposed_per_step"])
                ratio = reached and reached / run["tokens_per_step"]
            else:
                continue
            compared.append({**about, "against": run["method"], "ratio": ratio, "target": target})
    return compared


def runs_table(found: Sequence[Found]) -> str:
    """Return tokens a step, accepted ÷ proposed and proposed a step of every run."""
    header = ["trace", "scenario", "method", "k", "tokens/step", "accepted", "proposed/step"]
    return tables.table(
        header,
        TEXT_COLUMNS,
        [
            [
                each["trace"],
                each["scenario"],
                label(each),
                str(each["num_speculative_tokens"]),
                f"{each['tokens_per_step']:.3f}",
                f"{each['acceptance_rate']:.3f}",
                f"{each['proposed_per_step']:.2f}",
            ]
            for each in found
        ],
    )


def label(run: Found) -> str:
    """Return the name of a method with its setting."""
    bar = run["min_acceptance"]
    return run["method"] if bar is None else f"{run['method']} {bar:.2f}"


def comparisons_table(compared: Sequence[Found]) -> str:
    """Return the ratios beside what they should be at least."""
    header = ["trace", "scenario", "sam against", "k", "ratio", "at least", ""]
    return tables.table(
        header,
        TEXT_COLUMNS,
        [
            [
                each["trace"],
                each["scenario"],
                each["against"],
                str(each["num_speculative_tokens"]),
                tables.cell(each["ratio"], ".3f"),
                f"{each['target']:.3f}",
                "" if each["ratio"] is not None and each["ratio"] >= each["target"] else "MISSED",
            ]
            for each in compared
        ],
    )


@click.command(help=__doc__)
@click.option(
    "--traces",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder of recorded samples.",
)
@click.option("--odd", is_flag=True, help="Take the odd prompts, on which things are tuned.")
@files.JSON
@files.PLOTS
def main(folder: Path, odd: bool, json_file: str | None, pictures: Path | None) -> None:
    """Replay all traces with every method and say what was accepted."""
    scenarios = traces.scenarios(folder, first_prompt=0 if odd else 1)
    runs = measure_all(scenarios)
    compared = comparisons(runs)
    words = f"{runs_table(runs)}\n\n{comparisons_table(compared)}"
    about = {**circumstances(), "prompts": "odd" if odd else "even"}
    found = {**about, "runs": runs, "comparisons": compared}
    Results(json_file, pictures).deliver(words, found, partial(plots.write, settings(runs)))


if __name__ == "__main__":
    main(prog_name="python -m bench.acceptance")
