"""How results are shown and written."""

import json

from bench import report


def test_numbers_stand_on_the_right():
    assert report.table(["name", "n"], 1, [["a", "10"], ["long one", "2"]]).splitlines() == [
        "name       n",
        "a         10",
        "long one   2",
    ]


def test_json_is_written_whole(tmp_path):
    target = tmp_path / "found.json"
    target.write_text("before")
    report.write_json({"a": 1}, target)
    assert json.loads(target.read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_circumstances_name_the_machine_and_the_day():
    found = report.circumstances()
    assert found["processor"]
    assert found["date"].count("-") == 2
