"""Where and when something was measured."""

from bench.lib.output.circumstances import circumstances


def test_circumstances_name_the_machine_and_the_day():
    found = circumstances()
    assert found["processor"]
    assert found["date"].count("-") == 2
