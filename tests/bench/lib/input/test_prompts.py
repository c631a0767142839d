"""Prompts in files."""

import json

import click
import pytest

from bench.lib.input.prompts import read_prompts


def test_only_newlines_end_a_prompt(tmp_path):
    path = tmp_path / "prompts"
    in_json = json.dumps({"prompt": "c\u2028d"}, ensure_ascii=False)
    path.write_text(f"a\u2029b\n\n{in_json}\n", "utf-8")
    assert read_prompts(path) == ["a\u2029b", "c\u2028d"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff", "cannot be read as UTF-8: 'utf-8' codec can't decode byte 0xff"),
        (b"one\n\n{\n", "prompts, line 3 is not a JSON object with a prompt."),
    ],
)
def test_bad_files(tmp_path, content, sentence):
    path = tmp_path / "prompts"
    path.write_bytes(content)
    with pytest.raises(click.BadParameter) as error:
        read_prompts(path)
    assert sentence in error.value.message
