"""How results are delivered."""

import json

import pytest

from bench.lib.output.results import Results, write_json

FOUND = {"accepted": 2}


def test_json_is_written_whole(tmp_path):
    target = tmp_path / "found.json"
    target.write_text("before")
    write_json(FOUND, str(target))
    assert json.loads(target.read_text()) == FOUND
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_words_alone(capsys):
    Results(None).deliver("2 accepted", FOUND)
    assert capsys.readouterr() == ("2 accepted\n", "")


def test_json_on_standard_output_is_alone_there(capsys):
    Results("-").deliver("2 accepted", FOUND)
    out, err = capsys.readouterr()
    assert json.loads(out) == FOUND
    assert err == "2 accepted\n"


def test_a_picture_that_fails_takes_no_figures_with_it(tmp_path):
    def no_picture(_file):
        raise OSError("no space left")

    target = tmp_path / "found.json"
    with pytest.raises(OSError, match="no space left"):
        Results(str(target), tmp_path / "plot.png").deliver("2 accepted", FOUND, no_picture)
    assert json.loads(target.read_text()) == FOUND


def test_pictures_that_nobody_asks_for_are_not_drawn():
    Results(None).deliver("2 accepted", FOUND, lambda _file: pytest.fail("drawn"))
