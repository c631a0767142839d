"""The tasks: right solutions, errors where they are asked for, and splits that share nothing."""

import json
import random
from itertools import islice

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from spd.checkers import checker
from transformers import AutoModelForCausalLM, AutoTokenizer

from testing import scorer_tasks
from testing.scorer_tasks import __main__, sums, task_folder, training, vocabulary
from testing.scorer_tasks.wordings import TASKS, Errors

TASK_NAMES = list(TASKS)


@given(seed=st.integers(0, 10_000), task=st.sampled_from(TASK_NAMES), draft=st.booleans())
def test_a_solution_without_errors_is_right(seed, task, draft):
    problem = next(sums.problems(seed))
    wording = TASKS[task].draft if draft else TASKS[task].target
    words = sums.solution(problem, wording, Errors(), random.Random(seed))
    assert words.pop() == sums.END
    value = problem.start
    for step in problem.steps:
        value += step.number if step.operator == "+" else -step.number
    assert problem.answer == str(value % 10)
    assert sums.ends_right(" ".join(words), problem.answer)
    assert not sums.ends_right(" ".join(words[:-1]), problem.answer)


@pytest.mark.parametrize("errors", [Errors(result=1.0), Errors(operator=1.0), Errors(number=1.0)])
def test_solutions_are_as_wrong_as_asked(errors):
    generator = random.Random(0)
    right = 0
    for problem in islice(sums.problems(0), 300):
        words = sums.solution(problem, TASKS["easy"].draft, errors, generator)
        right += sums.ends_right(" ".join(words[:-1]), problem.answer)
    # One in ten by chance; fewer numbers of a parity can be hit by turned signs.
    assert 0.02 < right / 300 < 0.3


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("b : 1 + 1 = 2 ; answer : 7", True),
        ("total is 7", True),
        ("answer : 8", False),
        ("answer : 7 ;", False),
        ("7", False),
        ("", False),
    ],
)
def test_the_conclusion_counts(answer, right):
    assert checker(task_folder.CHECKER)(answer, "7") is right


@pytest.mark.parametrize("task", TASK_NAMES)
def test_shares_add_up_and_the_target_knows_the_drafts_words(task):
    target, draft = TASKS[task].target, TASKS[task].draft
    for name, shares in vars(target).items():
        if isinstance(shares, dict):
            theirs = getattr(draft, name)
            assert sum(shares.values()) == pytest.approx(1)
            assert sum(theirs.values()) == pytest.approx(1)
            assert theirs.keys() <= shares.keys()
        else:
            assert shares > 0 or getattr(draft, name) == 0


def test_splits_share_no_prompt_and_are_always_the_same():
    splits = dict(task_folder.prompts())
    assert {name: len(prompts) for name, prompts in splits.items()} == task_folder.SPLITS
    assert len(splits["report"]) >= 2000
    texts = [prompt["prompt"] for prompts in splits.values() for prompt in prompts]
    assert len(set(texts)) == len(texts)
    assert splits == dict(task_folder.prompts())


@given(seed=st.integers(0, 1000), task=st.sampled_from(TASK_NAMES))
def test_every_word_is_a_token(seed, task):
    tokenizer = vocabulary.tokenizer()
    problem = next(sums.problems(seed))
    words = sums.solution(problem, TASKS[task].target, Errors(), random.Random(seed))
    text = " ".join([problem.prompt, *words])
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text.split())
    assert ids[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == text.removesuffix(f" {sums.END}")


def test_training_lowers_the_loss_of_solutions():
    tokenizer = vocabulary.tokenizer()
    recipe = training.Recipe(TASKS["easy"].target, Errors(), 25, 4e-3, seed=1, batch_size=16)
    tokens, labels = next(training._batches(tokenizer, recipe))
    assert (tokens[:, :12] != tokenizer.pad_token_id).all()
    assert (labels[:, :12] == training.IGNORED).all()
    model = training.new_model(tokenizer, seed=0)
    before = model(tokens, labels=labels).loss.item()
    training.train(model, tokenizer, recipe, "model")
    assert model(tokens, labels=labels).loss.item() < before - 0.5


@pytest.fixture
def quick(monkeypatch):
    """Train for two steps only."""
    monkeypatch.setattr(task_folder, "TARGET_STEPS", 2)
    monkeypatch.setattr(task_folder, "DRAFT_STEPS", 2)


@pytest.mark.usefixtures("quick")
def test_a_tasks_folder(tmp_path):
    folder = scorer_tasks.path("easy", tmp_path / "easy")
    for name in ("target", "draft"):
        model = AutoModelForCausalLM.from_pretrained(folder / name)
        tokenizer = AutoTokenizer.from_pretrained(folder / name)
        assert model.config.vocab_size == len(tokenizer)
        assert model.config.eos_token_id == tokenizer.eos_token_id
    lines = (folder / "settings.jsonl").read_text().splitlines()
    assert list(json.loads(lines[0])) == ["prompt", "ground_truth", "checker"]
    stamp = (folder / "about.json").stat().st_mtime_ns
    assert (scorer_tasks.path("easy", folder) / "about.json").stat().st_mtime_ns == stamp


@pytest.mark.usefixtures("quick")
def test_command(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECROLL_CACHE", str(tmp_path / "cache"))
    plain = CliRunner().invoke(__main__.main, ["hard"])
    path = task_folder.default_folder("hard")
    assert plain.stdout == f"{path}\n"
    assert path.is_relative_to(tmp_path)
    written = CliRunner().invoke(__main__.main, ["hard", "--json", "-"])
    found = json.loads(written.stdout)
    assert found["path"] == str(path)
    assert found["draft"]["errors"]["operator"] == TASKS["hard"].errors.operator


def test_command_with_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    outcome = CliRunner().invoke(__main__.main, ["easy", "--folder", str(tmp_path / "file" / "x")])
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("Error: the task easy cannot be kept: ")
