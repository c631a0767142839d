"""The command `eval` on a small scorer with random weights."""

import json

import click
import numpy as np
import pytest
import spd.evaluate
import torch
from click.testing import CliRunner
from spd.evaluate import evaluate
from spd.model import AutoModelForSPDScoring
from spd.probabilities import batches, scorer_probabilities
from transformers import LlamaConfig, LlamaForCausalLM

from testing.scorer_rows import make_row, write_rows
from testing.scorer_tasks.vocabulary import tokenizer

VOCABULARY = len(tokenizer())


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        head_dim=32,
        max_position_embeddings=128,
        initializer_range=0.3,
    )
    folder = tmp_path_factory.mktemp("backbone")
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(backbone):
    torch.manual_seed(0)
    return AutoModelForSPDScoring.from_pretrained(backbone)


@pytest.fixture(scope="module")
def scorer(model, tmp_path_factory):
    """Folder of a scorer, as `train` leaves it."""
    folder = tmp_path_factory.mktemp("scorer")
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows():
    """Rows of different lengths; every second draft ends wrong where all of it is accepted."""
    random = np.random.default_rng(0)
    made = []
    for i in range(40):
        target = random.integers(3, VOCABULARY, 2 + i % 7)
        draft = np.where(random.random(len(target)) < 0.5, target, target - 1)
        stops = np.count_nonzero(draft != target) + 1
        outcomes = [True] * (stops - 1) + [i % 2 == 0]
        made.append(make_row(draft, target, outcomes, random.integers(3, VOCABULARY, 1 + i % 5)))
    return made


@pytest.fixture(scope="module")
def data(rows, tmp_path_factory):
    return write_rows(rows, tmp_path_factory.mktemp("data") / "report.parquet")


def run(*arguments):
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


def test_the_result_comes_as_json_a_table_and_a_picture(scorer, data, tmp_path):
    target, picture = tmp_path / "out.json", tmp_path / "curve.png"
    options = ["--threshold", 0.45, "--json", target, "--plot", picture]
    result = run("--scorer", scorer, "--data", data, "--data", data, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("80 rows of 40 prompts; ")
    assert "scorer > 0.45" in result.stdout
    found = json.loads(target.read_text())
    assert (found["rows"], found["skipped"]) == (80, {})
    assert set(found["baselines"]) == {"reject_all", "accept_all", "digit_rule", "oracle"}
    assert found["scorer"]["threshold"] == 0.45
    assert 0 < found["scorer"]["accept_harmless"] < 1
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"out.json", "curve.png"}


def test_json_alone_stands_on_standard_output(scorer, data):
    result = run("--scorer", scorer, "--data", data, "--json", "-")
    assert json.loads(result.stdout)["exact"]["accept_harmless"] == 0.0
    assert "\nexact  " in result.stderr


def test_probabilities_do_not_depend_on_the_batch(model, rows):
    alone = scorer_probabilities(model, rows, batch_tokens=1)
    together = scorer_probabilities(model, rows)
    for row, one, other in zip(rows, alone, together, strict=True):
        assert one.shape == other.shape == row.draft.shape
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert np.ptp(np.concatenate(together)) > 0.01


def test_probabilities_are_those_of_the_token_itself_and_1_at_matches(model, rows):
    row = rows[6]
    tokens = torch.tensor(np.concatenate([row.context, row.draft]))[None]
    with torch.no_grad():
        logits = model(tokens).logits[0, len(row.context) - 1 :][: len(row.draft)]
    expected = np.where(row.draft == row.target, 1.0, logits.softmax(-1)[:, 1].numpy())
    np.testing.assert_allclose(scorer_probabilities(model, [row])[0], expected, atol=1e-5)


def test_batches_hold_every_row_once_and_no_more_tokens_than_asked_for():
    lengths = [3, 9, 1, 4, 4, 20]
    made = list(batches(lengths, batch_tokens=9))
    assert made == [[5], [1], [3, 4], [0, 2]]


def test_rows_without_outcomes_are_refused(scorer, tmp_path):
    bare = write_rows([make_row([4], [5], None)], tmp_path / "bare.parquet")
    result = run("--scorer", scorer, "--data", bare)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {bare}, row 0: no outcomes: prepare the file with --outcomes\n"
    )


def test_an_invalid_row_is_refused_or_skipped_and_counted(scorer, rows, tmp_path):
    outside = make_row([VOCABULARY], [4], [True, True])
    mixed = write_rows([*rows, outside], tmp_path / "mixed.parquet")
    result = run("--scorer", scorer, "--data", mixed)
    assert result.exit_code == 1
    assert f"{mixed}, row 40: an id is outside the vocabulary" in result.stderr
    result = run("--scorer", scorer, "--data", mixed, "--skip-invalid", "--json", "-")
    assert json.loads(result.stdout)["skipped"] == {"an id is outside the vocabulary": 1}


def test_nothing_left_to_evaluate_is_an_error(scorer, tmp_path):
    outside = write_rows([make_row([VOCABULARY], [4], [True, True])], tmp_path / "bad.parquet")
    result = run("--scorer", scorer, "--data", outside, "--skip-invalid")
    assert result.exit_code == 1
    assert result.stderr == "Error: there are no rows\n"


def test_a_folder_without_a_scorer_is_refused(backbone, data, tmp_path):
    messages = {tmp_path: "no model", backbone: "a model of type llama and no scorer; name"}
    for folder, message in messages.items():
        result = run("--scorer", folder, "--data", data)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {folder} holds {message}")


def test_a_scorer_without_a_tokenizer_is_refused(model, data, tmp_path):
    model.save_pretrained(tmp_path)
    result = run("--scorer", tmp_path, "--data", data)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path} holds no tokenizer; copy the target's into it\n"


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_place_that_does_not_exist_is_refused_at_once(scorer, data, tmp_path, option):
    result = run("--scorer", scorer, "--data", data, option, tmp_path / "no" / "file")
    assert result.exit_code == 2
    assert "no/file does not exist" in " ".join(result.stderr.split())


def test_a_plot_without_matplotlib_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(spd.evaluate, "find_spec", lambda name: None)
    with pytest.raises(click.BadParameter, match="pip install matplotlib"):
        spd.evaluate.drawable(None, None, "curve.png")
