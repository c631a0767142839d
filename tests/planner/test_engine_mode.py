"""What an engine with a drafter loses, given or read from ledgers."""

from dataclasses import replace
from itertools import accumulate

import click
import pytest
from specroll_speculation.ledger import Ledger, LedgerStep

from planner.cost_model import LinearCost, Load
from planner.engine_mode import CostInMode, EngineMode, of_ledgers

PLAIN = LedgerStep(0, 0.0, 2, True, "FULL", 4, 4, requests=4, tokens=4)
DRAFTED = replace(
    PLAIN,
    padded_tokens=16,
    tokens=16,
    drafted_requests=4,
    draft_room=12,
    draft_tokens=12,
)


def write(folder, *steps):
    """Write steps with the seconds that each takes, and one more, with which the last ends."""
    began = accumulate([0.0, *(seconds for _, seconds in steps)])
    ledger = Ledger(str(folder))
    kinds = [step for step, _ in steps]
    for number, (step, start) in enumerate(zip([*kinds, kinds[-1]], began, strict=True)):
        ledger.add(replace(step, step=number, began_s=start))
    return folder


def test_steps_take_longer_by_their_kind():
    cost = CostInMode(LinearCost(step=2.0), EngineMode(host=1.0, draft_graph=0.5))
    assert cost.seconds(Load(requests=4)) == 4.0
    assert cost.seconds(Load(requests=4, draft_tokens=8, verifying=1.0)) == 6.0


def test_ledgers_say_what_is_lost(tmp_path):
    plain = write(tmp_path / "none", (PLAIN, 1.0), (PLAIN, 1.0), (PLAIN, 1.0))
    ragged = replace(DRAFTED, graph="PIECEWISE", tokens=13, draft_tokens=9)
    drafting = write(tmp_path / "sam", (PLAIN, 1.25), (PLAIN, 1.25), (DRAFTED, 2.0), (ragged, 3.0))
    found = of_ledgers(plain, drafting)
    assert (found.host, found.plain_graph, found.draft_graph) == pytest.approx((0.0, 0.25, 0.25))


def test_what_is_faster_loses_nothing(tmp_path):
    plain = write(tmp_path / "none", (PLAIN, 1.0))
    drafting = write(tmp_path / "sam", (PLAIN, 0.5))
    assert of_ledgers(plain, drafting) == EngineMode()


def test_ledgers_without_like_steps_are_refused(tmp_path):
    plain = write(tmp_path / "none", (replace(PLAIN, requests=9, tokens=9), 1.0))
    drafting = write(tmp_path / "sam", (PLAIN, 1.0))
    with pytest.raises(click.ClickException, match="no steps without drafts of as many requests"):
        of_ledgers(plain, drafting)


def test_a_negative_share_is_refused():
    with pytest.raises(ValueError, match="host must not be negative"):
        EngineMode(host=-0.1)
