"""A small language model trained on the spot, for machines without a network.

It writes chains of reasoning to problems that reasoning-gym draws, so that its greedy output
repeats itself the way rollouts do: quantities are restated, lines are carried forward. What it
concludes need not be right, and its acceptance says nothing about real models.
"""

from pathlib import Path

from demo.model import model_folder


def path(folder: Path | None = None) -> Path:
    """Return the model's folder, in the cache where none is given, and train what is absent.

    Training takes one to two minutes on two cores.

    Raises:
        OSError: the folder cannot be written.
    """
    return model_folder.ensure(folder or model_folder.default_folder())


def held_out_prompts(count: int) -> list[str]:
    """Return ``count`` prompts that the model was not trained on; always the same ones."""
    from demo.model import problems, training

    trained_on = problems.training_problems(training.Recipe().problems)
    seen = {problem.prompt for problem in trained_on}
    return [problem.prompt for problem in problems.held_out_problems(count, seen)]
