"""The folder in which the demo model is kept, and how it gets there."""

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

if TYPE_CHECKING:
    from testing.demo_model.training import Recipe

DECIDING_MODULES = ("derivations", "problems", "tokenizer", "training")
DECIDING_PACKAGES = ("reasoning-gym", "tokenizers", "torch", "transformers")


def default_folder() -> Path:
    """Return the model's place in the cache, named by a hash of all that decides the model."""
    cache = os.environ.get("SPECRL_CACHE") or Path.home() / ".cache" / "specrl"
    return Path(cache) / "models" / _fingerprint()


def ensure(folder: Path, force: bool = False) -> Path:
    """Train the model into ``folder`` unless it is there; ``force`` trains it again.

    Raises OSError where the folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if force or not (folder / "about.json").exists():
            _build(folder)
    return folder


def facts(folder: Path) -> dict[str, Any]:
    """Return what ``about.json`` says of the model in ``folder``.

    Raises FileNotFoundError where the folder has none.
    """
    found: dict[str, Any] = json.loads((folder / "about.json").read_text())
    return found


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for module in DECIDING_MODULES:
        digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
    for package in DECIDING_PACKAGES:
        digest.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    return digest.hexdigest()[:16]


def _build(folder: Path) -> None:
    # Beside the target, so that os.replace stays on one file system.
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as temporary:
        made = Path(temporary) / "model"
        _fill(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)


def _fill(folder: Path) -> None:
    # Imported here: a model that is already trained needs neither torch nor reasoning-gym.
    from testing.demo_model import problems, tokenizer, training

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
