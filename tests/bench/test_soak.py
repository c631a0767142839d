"""A soak that would notice a leak."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from sam_drafting import SamDrafter

from bench import soak

GOOD = {"requests": 1, "bytes": 100, "tokens": 50, "history_tokens": 50, "live": 0}
FLAT = [10.0] * 10


@pytest.mark.parametrize(
    ("looks", "last", "costs", "fault"),
    [
        ({"live": soak.BATCH + 1}, {}, FLAT, f"more than {soak.BATCH} live requests"),
        ({"history_tokens": soak.HISTORY_TOKENS + 1}, {}, FLAT, "the history is above its budget"),
        ({}, {"bytes": 131}, FLAT, "memory grows"),
        ({}, {}, [*FLAT[:9], 13.0], "a step becomes slower"),
        ({}, {"live": 1}, FLAT, "requests live on after their end"),
        ({}, {"tokens": 51}, FLAT, "tokens outlive their requests"),
    ],
)
def test_a_leak_is_noticed(looks, last, costs, fault):
    assert soak.leaks([{**GOOD, **looks}] * 8, {**GOOD, **last}, costs) == [fault]


def test_what_stays_within_bounds_is_no_leak():
    assert soak.leaks([GOOD] * 8, {**GOOD, "bytes": 130}, [*FLAT[:9], 11.9]) == []


def test_a_prompt_that_comes_again_has_the_same_tokens():
    texts = soak.Texts(np.random.default_rng(0))
    seen = {}
    for _ in range(300):
        prompt, answer = texts.next()
        seen.setdefault(prompt.tobytes(), []).append(answer)
    assert 40 < texts.num_new < len(seen)
    most = max(seen.values(), key=len)
    assert len(most) > 20
    assert 0.6 < np.mean(most[0] == most[1]) < 1


def test_the_filling_counts_from_when_the_history_was_full():
    shares = [0.1, 0.5, 0.96, 0.7, 1.0]
    looks = [{"history_tokens": share * soak.HISTORY_TOKENS} for share in shares]
    assert soak.least_filled(looks) == pytest.approx(0.7)
    assert soak.least_filled(looks[:2]) == pytest.approx(0.5)


def test_medians_of_tenths():
    assert soak.by_tenths([*range(10), *range(10)])[0] == 0.5


def test_all_requests_end():
    drafter = SamDrafter(3, history_tokens=soak.HISTORY_TOKENS)
    engine = soak.Engine(drafter, soak.Texts(np.random.default_rng(0)))
    looks = soak.run(engine, 300)
    engine.end_all()
    assert looks[0]["live"] <= soak.BATCH
    assert engine.num_begun == engine.num_ended
    assert len(drafter) == 0


def test_the_command_exits_with_1_where_something_leaks(monkeypatch, tmp_path):
    monkeypatch.setattr(SamDrafter, "finish", lambda self, req_ids: None)
    target = tmp_path / "found.json"
    command = ["--requests", "2000", "--json", str(target), "--plots", str(tmp_path)]
    result = CliRunner().invoke(soak.main, command, catch_exceptions=False)
    assert result.exit_code == 1
    assert "LEAK: requests live on after their end" in result.output
    assert "memory grows" in json.loads(target.read_text())["leaks"]
    assert (tmp_path / "soak.png").exists()


def test_json_on_standard_output_is_alone_there():
    result = CliRunner().invoke(soak.main, ["--requests", "2000", "--json", "-"])
    assert json.loads(result.stdout)["requests"] == 2000
    assert "Median step" in result.stderr
