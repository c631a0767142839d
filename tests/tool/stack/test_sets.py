"""When a set is chosen, and what a user's word counts."""

import pytest
from specroll.errors import PatchError
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack
from specroll.stack.sets import Choice, Rule, with_sets

RULE = Rule("cpu", "slow machines", ("alpha-cpu", "alpha_tiny"), ("beta-npu",))
STACK = f"""\
[sets.cpu]
why = "slow machines"
installed = ["alpha-cpu"]

[packages.alpha]
version = "1"
series = []
overlay = ["a.py"]

[packages.alpha.sets.cpu]
series = ["0001-bugfix-slow.patch"]

[packages.alpha.variants.alpha]
artefact = "alpha-1-py3-none-any.whl"
sha256 = "{"0" * 64}"
"""


@pytest.mark.parametrize(
    ("installed", "choice", "is_chosen", "reason"),
    [
        ({"alpha-cpu"}, Choice(), True, "alpha-cpu is installed"),
        ({"alpha-tiny"}, Choice(), True, "alpha_tiny is installed"),
        ({"alpha"}, Choice(), False, "alpha-cpu or alpha_tiny is not installed"),
        ({"alpha-cpu", "beta-npu"}, Choice(), False, "beta-npu is installed"),
        ({"alpha"}, Choice(wanted=("cpu",)), True, "asked for"),
        ({"alpha-cpu"}, Choice(refused=("cpu",)), False, "refused"),
    ],
)
def test_rule(installed, choice, is_chosen, reason):
    verdict = RULE.judge(installed, choice, recorded=Choice())
    assert (verdict.is_chosen, verdict.reason) == (is_chosen, reason)


WANTED, REFUSED = Choice(wanted=("cpu",)), Choice(refused=("cpu",))
WHEN = " when it was patched; `revert` lets the environment decide again"


@pytest.mark.parametrize(
    ("choice", "recorded", "is_chosen", "reason"),
    [
        (Choice(), WANTED, True, f"asked for{WHEN}"),
        (Choice(), REFUSED, False, f"refused{WHEN}"),
        (WANTED, REFUSED, True, "asked for"),
        (REFUSED, WANTED, False, "refused"),
    ],
)
def test_recorded_word(choice, recorded, is_chosen, reason):
    verdict = RULE.judge({"alpha"}, choice, recorded)
    assert (verdict.is_chosen, verdict.reason) == (is_chosen, reason)


def test_newer_word_counts_more():
    older = Choice(wanted=("cpu", "rare"), refused=("odd",))
    assert Choice(refused=("cpu",)).over(older) == Choice(("rare",), ("cpu", "odd"))
    assert Choice(wanted=("odd",)).over(older) == Choice(("cpu", "odd", "rare"), ())
    assert older.about(["cpu"]) == Choice(("cpu",), ())


@pytest.mark.parametrize(
    ("names", "words"),
    [([], ""), (["cpu"], " with set cpu"), (["cpu", "odd"], " with sets cpu and odd")],
)
def test_words(names, words):
    assert with_sets(names) == words


def parse(root, text):
    return Stack.parse(Distribution(root), "1.0", text.encode())


def test_patches_of_a_set_lie_in_a_folder_of_its_name(tmp_path):
    package = parse(tmp_path, STACK).packages["alpha"]
    assert (package.base.series, package.base.overlay) == ((), ("a.py",))
    assert package.parts["cpu"].series == ("cpu/0001-bugfix-slow.patch",)
    assert package.whole.overlay == ("a.py",)


MALFORMED = {
    "no reason": (STACK.replace('why = "slow machines"\n', ""), "`sets.cpu.why` must be"),
    "never": (STACK.replace('["alpha-cpu"]', "[]"), "`sets.cpu.installed` must name at least one"),
    "key": (STACK.replace("installed =", "where ="), "`sets.cpu.where` is unknown"),
    "name": (STACK.replace("[sets.cpu]", "[sets.CPU]"), "no name for a set"),
    "base": (STACK.replace("[sets.cpu]", "[sets.base]"), "no name for a set"),
    "unknown": (STACK.replace("[sets.cpu]", "[sets.gpu]"), "names 'cpu', which the stack's"),
    "inner key": (STACK.replace("series = [\"", "patches = [\""), "sets.cpu.patches` is unknown"),
    "path": (STACK.replace("0001-bug", "x/0001-bug"), "not a plain file name"),
    "two owners": (STACK.replace(".patch\"]", ".patch\"]\noverlay = [\"a.py\"]"), "two owners"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(tmp_path, name):
    text, message = MALFORMED[name]
    with pytest.raises(PatchError, match=message):
        parse(tmp_path, text)
