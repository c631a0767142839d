"""Prompts: the three forms, and lines that are none of them."""

import json

import pytest
from spd.prompts import PromptError, read_prompts


@pytest.fixture
def write(tmp_path):
    """Return a function that writes lines; what is no text becomes JSON."""

    def write(*lines):
        file = tmp_path / "prompts.jsonl"
        file.write_text("".join(f"{_text(line)}\n" for line in lines))
        return file

    return write


def _text(line):
    return line if isinstance(line, str) else json.dumps(line)


def test_ids_and_text(write, tokenizer):
    file = write(
        {"prompt_ids": [5, 6], "ground_truth": "7"},
        "",
        {"prompt": "ab", "ground_truth": "x", "checker": "operator:eq"},
    )
    first, second = read_prompts(file, tokenizer)
    assert (first.ids, first.ground_truth, first.checker) == ([5, 6], "7", "math_verify")
    assert (second.ids, second.checker) == (tokenizer("ab")["input_ids"], "operator:eq")
    assert [first.name, second.name] == [f"{file}, line 1", f"{file}, line 3"]


def test_a_conversation(write, tokenizer, monkeypatch):
    template = "{% for each in messages %}{{ each.content }}{% endfor %}x"
    monkeypatch.setattr(tokenizer, "chat_template", template)
    file = write({"messages": [{"role": "user", "content": "ab"}], "ground_truth": "7"})
    assert read_prompts(file, tokenizer)[0].ids == tokenizer("abx")["input_ids"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 2 is not JSON: "),
        ([1, 2], "line 2 is not an object with one of prompt_ids, prompt, messages"),
        ({"ground_truth": "7"}, "line 2 is not an object with one of prompt_ids"),
        ({"prompt": "a", "prompt_ids": [1]}, "line 2 is not an object with one of prompt_ids"),
        ({"prompt": "a"}, "line 2 has no ground_truth that is text"),
        ({"prompt": "a", "ground_truth": 7}, "line 2 has no ground_truth that is text"),
        ({"prompt": "a", "checker": "none"}, "line 2: there is no checker 'none'"),
        ({"prompt": "a", "checker": 7}, "line 2 has a checker that is no text"),
        ({"prompt": 7}, "line 2 cannot be tokenized: "),
        ({"messages": [{"role": "user", "content": "a"}]}, "line 2 cannot be tokenized: "),
        ({"prompt": ""}, "line 2 has no token ids: "),
        ({"prompt_ids": ["a"]}, "line 2 has no token ids: "),
        ({"prompt_ids": 7}, "line 2 has no token ids: "),
    ],
)
def test_a_line_that_is_no_prompt(write, tokenizer, line, sentence):
    if isinstance(line, dict) and "truth" not in sentence:
        line = {"ground_truth": "7", **line}
    file = write({"prompt": "a", "ground_truth": "7"}, line)
    with pytest.raises(PromptError) as caught:
        read_prompts(file, tokenizer)
    assert str(caught.value).startswith(f"{file}, {sentence}")


def test_a_file_without_prompts(write, tokenizer):
    with pytest.raises(PromptError, match=r"prompts.jsonl has no prompts"):
        read_prompts(write("", " "), tokenizer)


def test_a_file_that_is_no_text(tmp_path, tokenizer):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PromptError, match="binary is not text in UTF-8"):
        read_prompts(tmp_path / "binary", tokenizer)
