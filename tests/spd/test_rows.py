"""Rows: read as they were written, and refused with file, row and reason."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spd.rows import SCHEMA, RowError, left_out_because, read_rows, trainable

VOCABULARY = 50

ids = st.integers(0, VOCABULARY - 1)


@st.composite
def rows(draw):
    """Draw a valid row: lists of ids as long as they have to be."""
    context = draw(st.lists(ids, min_size=1, max_size=6))
    draft = draw(st.lists(ids, min_size=1, max_size=6))
    target = [draw(st.sampled_from([token, draw(ids)])) for token in draft]
    stops = sum(a != b for a, b in zip(draft, target, strict=True)) + 1
    return {
        "input_ids": context + draft,
        "draft_start_idx": len(context),
        "target_ids": target,
        "outcomes": draw(st.lists(st.booleans(), min_size=stops, max_size=stops)),
    }


@given(written=st.lists(rows(), min_size=1, max_size=8), row_group_size=st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_are_read_as_they_were_written(write_rows, written, row_group_size):
    file = write_rows(*written, row_group_size=row_group_size)
    found = read_rows([file], vocabulary_size=VOCABULARY)
    assert not found.skipped
    for number, (row, expected) in enumerate(zip(found.rows, written, strict=True)):
        start = expected["draft_start_idx"]
        assert row.context.tolist() == expected["input_ids"][:start]
        assert row.draft.tolist() == expected["input_ids"][start:]
        assert row.target.tolist() == expected["target_ids"]
        assert row.outcomes.tolist() == expected["outcomes"]
        assert len(row.stops) == len(row.outcomes)
        assert row.place == f"{file}, row {number}"


def test_mismatches_and_stops(write_rows):
    row = read_rows([write_rows({})], vocabulary_size=VOCABULARY).rows[0]
    assert row.mismatches.tolist() == [1]
    assert row.stops.tolist() == [1, 3]
    assert row.outcomes is None
    assert (row.ground_truth, row.checker, row.baseline_right) == ("7", "math_verify", True)
    assert row.draft.dtype == row.target.dtype == np.int64


def test_files_follow_one_another(write_rows):
    files = [write_rows({}, {}, name="a.parquet"), write_rows({}, name="b.parquet")]
    found = read_rows(map(str, files), vocabulary_size=VOCABULARY)
    assert [row.place for row in found.rows] == [
        f"{files[0]}, row 0",
        f"{files[0]}, row 1",
        f"{files[1]}, row 0",
    ]


def test_rows_without_anything_to_learn_from(write_rows):
    file = write_rows({}, {"baseline_right": False}, {"target_ids": [3, 4, 5]})
    found = read_rows([file], vocabulary_size=VOCABULARY).rows
    assert [trainable(row) for row in found] == [True, False, False]
    assert [left_out_because(row) for row in found] == [
        None,
        "the target's own answer is wrong",
        "the draft has no mismatch",
    ]


FAULTS = [
    ({"draft_start_idx": 0}, "draft_start_idx is out of range: it is 0 in a row of 5 tokens"),
    ({"draft_start_idx": 6}, "draft_start_idx is out of range: it is 6 in a row of 5 tokens"),
    ({"draft_start_idx": 5}, "the draft is empty: all 5 tokens are context"),
    ({"target_ids": [3, 4]}, "draft and target differ in length: 3 draft tokens, 2 target tokens"),
    ({"input_ids": [1, 2, 3, 4, 50]}, "an id is outside the vocabulary: 50 in input_ids, where"),
    ({"input_ids": [1, -2, 3, 4, 5]}, "an id is outside the vocabulary: -2 in input_ids, where"),
    ({"target_ids": [3, 4, 99]}, "an id is outside the vocabulary: 99 in target_ids, where ids"),
    ({"input_ids": list(range(8)), "draft_start_idx": 5}, "the context is too long: 5 tokens"),
    ({"input_ids": list(range(8)), "target_ids": [0] * 6}, "the draft is too long: 6 tokens"),
    ({"target_ids": None}, "a value is missing: target_ids is, or holds, a null"),
    ({"input_ids": [1, 2, 3, None, 5]}, "a value is missing: input_ids is, or holds, a null"),
    ({"reward_model": None}, "a value is missing: reward_model is, or holds, a null"),
    ({"reward_model": {"style": "rule"}}, "a value is missing: ground_truth is, or holds, a null"),
    ({"outcomes": [True]}, "outcomes of the wrong length: 1 outcomes of 2 stops"),
    ({"outcomes": None}, "a value is missing: outcomes is, or holds, a null"),
]


@pytest.mark.parametrize(("fault", "sentence"), FAULTS)
def test_an_invalid_row_is_named_or_counted(write_rows, fault, sentence):
    good = {"outcomes": [True, False]} if "outcomes" in fault else {}
    file = write_rows(good, fault, good)
    limits = {"vocabulary_size": VOCABULARY, "max_context": 4, "max_draft": 5}
    with pytest.raises(RowError) as caught:
        read_rows([file], **limits)
    assert str(caught.value).startswith(f"{file}, row 1: {sentence}")
    found = read_rows([file], **limits, skip_invalid=True)
    assert [row.place for row in found.rows] == [f"{file}, row 0", f"{file}, row 2"]
    assert found.skipped == {sentence.partition(":")[0]: 1}


@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_missing_column(write_rows, name):
    fields = [field for field in SCHEMA if field.name != name]
    file = write_rows({}, schema=pa.schema(fields))
    with pytest.raises(RowError) as caught:
        read_rows([file], vocabulary_size=VOCABULARY, skip_invalid=True)
    assert str(caught.value).startswith(f"{file}: column {name} is missing: the file has ")


def test_a_column_of_another_type(tmp_path, write_rows):
    table = pq.read_table(write_rows({}))
    column = table.column_names.index("input_ids")
    words = table.set_column(column, "input_ids", pa.array([["a", "b"]]))
    pq.write_table(words, tmp_path / "words.parquet")
    with pytest.raises(RowError, match=r"words.parquet: column input_ids has another type: list<"):
        read_rows([tmp_path / "words.parquet"], vocabulary_size=VOCABULARY)


def test_narrower_integers_are_as_good(tmp_path, write_rows):
    table = pq.read_table(write_rows({}))
    column = table.column_names.index("input_ids")
    narrow = table.set_column(column, "input_ids", table["input_ids"].cast(pa.list_(pa.int32())))
    pq.write_table(narrow, tmp_path / "narrow.parquet")
    row = read_rows([tmp_path / "narrow.parquet"], vocabulary_size=VOCABULARY).rows[0]
    assert row.draft.tolist() == [3, 4, 5]


@pytest.mark.parametrize("content", [None, b"", b"not parquet at all"])
def test_a_file_that_is_no_parquet(tmp_path, content):
    file = tmp_path / "other"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RowError, match="other: cannot be read as a parquet file: "):
        read_rows([file], vocabulary_size=VOCABULARY)


def test_an_error_goes_from_process_to_process():
    error = pickle.loads(pickle.dumps(RowError("a.parquet, row 3", "empty draft", "it has none")))
    assert (str(error), error.reason) == (
        "a.parquet, row 3: empty draft: it has none",
        "empty draft",
    )
