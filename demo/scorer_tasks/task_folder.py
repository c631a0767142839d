"""The folder of a task: two models, and prompts in three files that share none.

target/  draft/                              models that Transformers and vLLM load
train.jsonl  settings.jsonl  report.jsonl    prompts, one JSON object a line
about.json                                   how all this was made
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from demo import kept_folder
from demo.scorer_tasks import sums
from demo.scorer_tasks.wordings import TASKS, Errors, Task

if TYPE_CHECKING:
    from demo.scorer_tasks.training import Recipe

DECIDING_MODULES = ("sums", "task_folder", "training", "vocabulary", "wordings")
DECIDING_PACKAGES = ("tokenizers", "torch", "transformers")

# Prompts of each file. Whatever is chosen is chosen on "settings"; results are those on "report".
SPLITS = {"train": 1000, "settings": 600, "report": 2200}
PROMPT_SEED = 7

# 75 and 8 seconds of a processor.
TARGET_STEPS = 1100
DRAFT_STEPS = 120

CHECKER = f"{sums.__name__}:{sums.ends_right.__name__}"


def default_folder(task: str) -> Path:
    """Return a task's place in the cache."""
    modules = [Path(__file__).with_name(f"{module}.py") for module in DECIDING_MODULES]
    return kept_folder.place(modules, DECIDING_PACKAGES, f"scorer-{task}-")


def ensure(task: str, folder: Path, force: bool = False) -> Path:
    """Make a task's folder unless it is there; ``force`` makes it again.

    Raises:
        OSError: the folder cannot be written.
    """
    return kept_folder.ensure(folder, lambda made: _fill(made, TASKS[task]), force)


def prompts() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Return the name of each split and its prompts, all of them different."""
    drawn = _different_problems()
    for name, count in SPLITS.items():
        yield name, [_described(problem) for problem in islice(drawn, count)]


def _different_problems() -> Iterator[sums.Problem]:
    seen = set()
    for problem in sums.problems(PROMPT_SEED):
        if problem not in seen:
            seen.add(problem)
            yield problem


def _described(problem: sums.Problem) -> dict[str, str]:
    return {"prompt": problem.prompt, "ground_truth": problem.answer, "checker": CHECKER}


def _fill(folder: Path, task: Task) -> None:
    folder.mkdir()
    for name, described in prompts():
        lines = [json.dumps(prompt) + "\n" for prompt in described]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    about = {name: asdict(recipe) for name, recipe in _train(folder, task).items()}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")


def _train(folder: Path, task: Task) -> Mapping[str, "Recipe"]:
    """Train the target, then the draft model from it: on its own wording, with errors."""
    # Imported here: a task that is there needs no torch.
    from demo.scorer_tasks import training, vocabulary

    tokenizer = vocabulary.tokenizer()
    recipes = {
        "target": training.Recipe(task.target, Errors(), TARGET_STEPS, learning_rate=4e-3, seed=1),
        "draft": training.Recipe(task.draft, task.errors, DRAFT_STEPS, learning_rate=2e-3, seed=2),
    }
    model = training.new_model(tokenizer, seed=0)
    for name, recipe in recipes.items():
        training.train(model, tokenizer, recipe, name)
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return recipes
