"""Where lengths of answers come from."""

import importlib.util
import json

import click
import numpy as np
import pytest

from planner import answer_lengths
from planner.answer_lengths import LogNormal, Source


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def rows(*answers):
    return "".join(json.dumps(answer) + "\n" for answer in answers)


@pytest.fixture
def words(monkeypatch):
    """Make every word a token."""
    monkeypatch.setattr(
        answer_lengths, "token_counter", lambda path: lambda text: len(text.split())
    )


def test_one_number_a_line(write):
    assert Source(write("lengths.txt", "3\n1\n\n4\n1\n5\n"), group=2).groups() == [
        [3, 1],
        [4, 1],
        [5],
    ]


def test_a_field_of_json_lines(write):
    path = write("lengths.jsonl", rows({"n": 3}, {"n": 1}, {"n": 4.0}))
    assert Source(path, group=2, length_field="n").groups() == [[3, 1], [4]]


def test_answers_to_one_prompt_are_a_group(write, words):
    answers = [("one", "a b c"), ("two", "a"), ("one", ""), ("two", "a b")]
    path = write("7.jsonl", rows(*({"input": i, "output": o, "score": 1.0} for i, o in answers)))
    assert Source(path, tokenizer=path).groups() == [[3, 1], [1, 2]]


def test_only_newlines_end_a_row(write, words):
    answers = [{"input": "a\u0085b", "output": "c\u2028d\u2029e"}, {"input": "f", "output": "g"}]
    lines = [json.dumps(answer, ensure_ascii=False) for answer in answers]
    path = write("7.jsonl", "\n\n".join(lines))
    assert Source(path, tokenizer=path).groups() == [[3], [1]]


def test_blank_lines_are_counted(write):
    with pytest.raises(click.BadParameter) as error:
        Source(write("7.jsonl", '{"n": 1}\n\n{}\n'), length_field="n").groups()
    assert "line 3 has no field 'n'" in error.value.message


@pytest.mark.parametrize("name", ["lengths.txt", "lengths.jsonl", "lengths.json"])
def test_files_are_utf_8(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\xff")
    with pytest.raises(click.BadParameter) as error:
        Source(path).groups()
    assert f"{path} cannot be read as " in error.value.message
    assert "'utf-8' codec can't decode byte 0xff" in error.value.message


def test_a_folder_has_a_file_a_step(write, words):
    for step in (2, 10, 9):
        path = write(f"rollouts/{step}.jsonl", rows({"input": "one", "output": "a " * step}))
    folder = path.parent
    assert Source(folder, tokenizer=path).groups() == [[10]]
    assert Source(folder, tokenizer=path, step=2).groups() == [[2]]
    with pytest.raises(click.BadParameter) as error:
        Source(folder, tokenizer=path, step=3).groups()
    assert "has no step 3; it has 2, 9, 10." in error.value.message


def test_a_distribution(write):
    numbers = {"median": 1000, "sigma": 0.5, "longest": 2000, "prompts": 400, "group": 4}
    path = write("lengths.json", json.dumps({**numbers, "prompt_share": 0.64, "source": "a guess"}))
    groups = Source(path).groups()
    assert groups == Source(path).groups()
    assert {len(group) for group in groups} == {4}
    lengths = np.array(groups)
    assert lengths.max() == 2000
    assert np.median(lengths) == pytest.approx(1000, rel=0.05)
    unlimited = np.log(LogNormal(**{**numbers, "longest": 10**9}, prompt_share=0.64).groups())
    assert unlimited.std() == pytest.approx(0.5, rel=0.05)
    assert unlimited.var(axis=1, ddof=1).mean() == pytest.approx(0.36 * 0.25, rel=0.1)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("lengths.txt", "", "has no answers"),
        ("lengths.txt", "3\nx\n", "line 2: 'x' is no length in tokens"),
        ("lengths.txt", "3.5\n", "line 1: '3.5' is no length"),
        ("lengths.txt", "0\n", "'0' is no length"),
        ("lengths.jsonl", "{}\n", "line 1 has no field 'n'"),
        ("lengths.jsonl", "[]\n", "line 1 is no JSON object"),
        ("lengths.jsonl", "{\n", "line 1 is no JSON: "),
        ("lengths.jsonl", '{"n": null}\n', "line 1: None is no length"),
        ("lengths.jsonl", '{"n": 2.5}\n', "line 1: 2.5 is no length"),
        ("lengths.jsonl", '{"n": Infinity}\n', "line 1: inf is no length"),
        ("lengths.csv", "3\n", "ends in none of .txt, .jsonl, .json"),
        ("lengths.json", "{}", "lacks the field 'group'"),
        (
            "lengths.json",
            '{"median": 0, "sigma": 1, "longest": 9, "prompts": 1, "group": 1}',
            "must be at least 1",
        ),
        (
            "lengths.json",
            '{"median": 5, "sigma": 1, "longest": 9, "prompts": 1, "group": 1, "prompt_share": 2}',
            "prompt_share be from 0 to 1",
        ),
        (
            "lengths.json",
            '{"median": 5, "sigma": 1, "longest": 9, "prompts": 4.0, "group": 1}',
            "lengths.json: prompts must be a whole number without a point, not 4.0.",
        ),
        (
            "lengths.json",
            '{"median": 5, "sigma": 1, "longest": 9, "prompts": 1, "group": 1, "seed": -1}',
            "lengths.json: seed must not be negative.",
        ),
        ("lengths.json", '{"sigma": NaN}', "cannot be read as JSON: NaN is no finite number."),
        ("lengths.json", '{"longest": -Infinity}', "-Infinity is no finite number"),
        ("lengths.json", '{"median": 1e999}', "1e999 is no finite number"),
    ],
)
def test_bad_files(write, name, text, sentence):
    with pytest.raises(click.BadParameter) as error:
        Source(write(name, text), length_field="n").groups()
    assert sentence in error.value.message


def test_a_file_has_no_steps(write):
    with pytest.raises(click.BadParameter) as error:
        Source(write("3.jsonl", '{"n": 1}'), length_field="n", step=3).groups()
    assert "--step chooses from a folder, and " in error.value.message


def test_texts_need_a_tokenizer(write):
    path = write("1.jsonl", rows({"output": "a"}))
    with pytest.raises(click.BadParameter) as error:
        Source(path.parent).groups()
    assert "needs --length-field, or --tokenizer" in error.value.message


def test_a_folder_without_steps(tmp_path):
    with pytest.raises(click.BadParameter) as error:
        Source(tmp_path).groups()
    assert "has no file of a step, such as 1.jsonl" in error.value.message


@pytest.mark.skipif(
    importlib.util.find_spec("tokenizers") is not None, reason="for where tokenizers is absent"
)
def test_a_tokenizer_needs_its_package(write):
    with pytest.raises(click.BadParameter) as error:
        answer_lengths.token_counter(write("tokenizer.json", "{}"))
    assert "needs the package tokenizers" in error.value.message
