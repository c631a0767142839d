"""The folder in which the demo model is kept, and what is put there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from demo import kept_folder
from demo.kept_folder import facts

if TYPE_CHECKING:
    from demo.model.training import Recipe

__all__ = ["default_folder", "ensure", "facts"]

DECIDING_MODULES = ("derivations", "problems", "tokenizer", "training")
DECIDING_PACKAGES = ("reasoning-gym", "tokenizers", "torch", "transformers")


def default_folder() -> Path:
    """Return the model's place in the cache, named by a hash of all that decides the model."""
    modules = [Path(__file__).with_name(f"{module}.py") for module in DECIDING_MODULES]
    return kept_folder.place(modules, DECIDING_PACKAGES)


def ensure(folder: Path, force: bool = False) -> Path:
    """Train the model into ``folder`` unless it is there; ``force`` trains it again.

    Raises:
        OSError: the folder cannot be written.
    """
    return kept_folder.ensure(folder, _fill, force)


def _fill(folder: Path) -> None:
    # Imported here: a model that is already trained needs neither torch nor reasoning-gym.
    from demo.model import problems, tokenizer, training

    recipe = training.Recipe()
    corpus = problems.training_problems(recipe.problems)
    words = tokenizer.trained_tokenizer(problem.prompt + problem.solution for problem in corpus)
    model, loss = training.trained_model(corpus, words, recipe)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    what = _description(recipe, model.num_parameters())
    about = {"what": what, **training.facts(recipe, model), "loss": loss}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    (folder / "README.md").write_text(f"# Demo model\n\n{what}\n")


def _description(recipe: "Recipe", parameters: int) -> str:
    return (
        f"A toy made on the spot: a {recipe.layers}-layer Qwen3 with {parameters:,} parameters, "
        f"trained {recipe.steps:,} steps on {recipe.problems:,} procedurally generated problems "
        f"with step-by-step solutions (sums, sorting, letters, legs, filtering), seed "
        f"{recipe.seed}. What it writes looks like reasoning and is often wrong; its acceptance "
        f"says nothing about real models."
    )
