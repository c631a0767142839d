"""Checkers: found by name, and of use in any thread."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from spd.checkers import CheckerError, checker


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("we get 3 + 4 = 7, so the answer is 7", "7", True),
        ("the answer is 8", "7", False),
        (r"so it is $\frac{1}{2}$", "0.5", True),
        (r"\boxed{3}", r"\frac{6}{2}", True),
        ("I do not know", "7", False),
        ("", "7", False),
    ],
)
def test_math_verify_in_another_thread(answer, truth, right):
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(checker("math_verify"), answer, truth).result() is right


def test_a_function_of_a_module():
    assert checker("operator:eq")("7", "7")
    assert not checker("operator:eq")("7", "8")


@pytest.mark.parametrize("name", ["", "other", "no_such_module:f", "operator:nothing", ":f"])
def test_a_checker_that_does_not_exist(name):
    with pytest.raises(CheckerError, match=r"there is no checker .*name math_verify, or module:"):
        checker(name)


def test_a_ground_truth_that_cannot_be_read():
    with pytest.raises(CheckerError, match="the ground truth '' is no expression"):
        checker("math_verify")("7", "")
