"""The corpus: right, repeatable, and apart from the held-out prompts."""

import pytest

pytest.importorskip("demo.model.problems")

import reasoning_gym

import demo.model
from demo.model import problems


def test_training_problems_are_always_the_same():
    assert problems.training_problems(25) == problems.training_problems(25)


def test_tasks_take_turns():
    count = len(problems.TASKS)
    assert problems.training_problems(2 * count)[:count] == problems.training_problems(count)


def test_held_out_prompts_are_new_and_different():
    seen = {problem.prompt for problem in problems.training_problems(2_000)}
    prompts = [problem.prompt for problem in problems.held_out_problems(200, seen)]
    assert len(set(prompts)) == 200
    assert not seen & set(prompts)


def test_seen_prompts_are_left_out():
    first, *others = problems.held_out_problems(10, set())
    again = problems.held_out_problems(9, {first.prompt})
    assert first not in again
    assert again == others


def test_too_few_held_out_prompts():
    drawn = {problem.prompt for problem in problems.held_out_problems(15, set())}
    with pytest.raises(ValueError, match="only 0 of 3 held-out prompts are new"):
        problems.held_out_problems(
            3, drawn | {p.prompt for p in problems.held_out_problems(16, set())}
        )


def test_held_out_prompts_of_the_package():
    assert len(demo.model.held_out_prompts(7)) == 7


@pytest.mark.parametrize("task", problems.TASKS, ids=lambda task: task.dataset)
def test_derivations_reach_the_answer_of_reasoning_gym(task):
    dataset = reasoning_gym.create_dataset(task.dataset, size=50, seed=3, **task.options)
    for entry in dataset:
        given = task.solved(entry["metadata"]).rsplit("The answer is ", 1)[1].removesuffix(".")
        expected = entry["answer"].translate(str.maketrans("", "", "[]'")).replace(".0", "")
        assert given == (expected or "none")
