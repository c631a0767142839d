"""Tokens of a rollout that verl has dumped, counted with a real tokenizer."""

import json

import click
import pytest

from planner.answer_lengths import Source, token_counter

tokenizers = pytest.importorskip("tokenizers")


@pytest.fixture
def tokenizer(tmp_path):
    """Return a folder with the tokenizer of a model whose tokens are words."""
    model = tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")
    words = tokenizers.Tokenizer(model)
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing(
        "[UNK] $A", None, [("[UNK]", 0)]
    )
    folder = tmp_path / "model"
    folder.mkdir()
    words.save(str(folder / "tokenizer.json"))
    return folder


def test_tokens_of_dumped_texts(tokenizer, tmp_path):
    rows = [{"input": "sum", "output": text, "score": 1.0} for text in ("2 and 2", "is 4")]
    rollouts = tmp_path / "rollouts"
    rollouts.mkdir()
    (rollouts / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert Source(rollouts, tokenizer=tokenizer).groups() == [[3, 2]]
    assert Source(rollouts, tokenizer=tokenizer / "tokenizer.json").groups() == [[3, 2]]


def test_a_file_that_is_no_tokenizer(tmp_path):
    with pytest.raises(click.BadParameter) as error:
        token_counter(tmp_path)
    assert "tokenizer.json is no tokenizer" in error.value.message
