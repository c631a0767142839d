"""What a rebase remembers: what is due, what stands for a patch, and how it is kept."""

from dataclasses import replace

import pytest
from specroll.errors import RequestError
from specroll.porting.finding import Finding
from specroll.porting.session import (
    CARRIED,
    CONFLICT,
    FILE_NAME,
    OVERLAY,
    SUPERFLUOUS,
    Cell,
    Session,
)

SESSION = Session("alpha", "1", "1.0", ("1.1", "1.2"), (("one", "c1"), ("two", "c2")))
ALL = [(release, name) for release in ("1.1", "1.2") for name in ("one", "two", OVERLAY)]


def carried(session, **commits):
    for name, commit in commits.items():
        release, due = session.due
        assert due == name
        session = session.with_cell(Cell(release, name, CARRIED, "", commit))
    return session


def test_all_patches_and_then_the_overlay_release_by_release():
    session, order = SESSION, []
    while session.due:
        order.append(session.due)
        session = session.with_cell(Cell(*session.due, CARRIED, "", "c"))
    assert order == ALL


def test_a_superfluous_patch_is_not_due_any_more():
    session = SESSION.with_cell(Cell("1.1", "one", SUPERFLUOUS))
    order = []
    while session.due:
        order.append(session.due)
        session = session.with_cell(Cell(*session.due, CARRIED, "", "c"))
    assert order == [place for place in ALL[1:] if place != ("1.2", "one")]


def test_a_conflict_stays_due_until_it_is_settled():
    session = SESSION.with_cell(Cell("1.1", "one", CONFLICT))
    assert session.conflict
    assert session.due == ("1.1", "one")
    session = carried(session, one="d1")
    assert (session.conflict, len(session.cells)) == (None, 1)


def test_a_conflict_that_is_passed_over_is_done():
    session = SESSION.with_cell(Cell("1.1", "one", CONFLICT))
    session = session.with_cell(replace(session.conflict, is_passed=True))
    assert session.conflict is None
    assert session.due == ("1.1", "two")
    assert session.commit("one") == "c1"


def test_the_latest_commit_stands_for_a_patch():
    session = carried(SESSION, one="d1", two="d2", overlay=None)
    assert (session.commit("one"), session.head("1.1"), session.head("1.2")) == ("d1", "d2", None)
    assert session.result == []
    session = carried(session, one="e1", two="e2", overlay=None)
    assert session.result == [("one", "e1"), ("two", "e2")]


def test_each_release_has_one_before_it():
    assert [SESSION.before(release) for release in SESSION.route] == ["1.0", "1.1"]


def test_what_is_accepted_is_no_question():
    cell = Cell("1.1", "one", CARRIED, "", "d1", (Finding("moved", "-a\n+b"),))
    session = SESSION.with_cell(cell)
    assert session.questions == [cell]
    assert replace(session, accepted=("one",)).questions == []


def test_it_is_kept_as_it_is(tmp_path):
    cell = Cell("1.1", "one", CARRIED, "", "d1", (Finding("moved", "-a\n+b"),))
    session = replace(SESSION.with_cell(cell), accepted=("one",))
    assert Session.load(tmp_path) is None
    session.save(tmp_path)
    assert Session.load(tmp_path) == session
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [{}]}', "\xff"])
def test_a_damaged_session(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(RequestError, match=r"is damaged; move .* away"):
        Session.load(tmp_path)
