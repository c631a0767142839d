"""The `stack.toml` of a new stack: what moves, what stays, and what is left out."""

import pytest
from specroll.porting.new_stack import Move, described, with_further_versions
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Artefact, Stack

OLD = """\
# Why these releases are the stack `old`.
default = true

[sets.slow]
why = "slow machines"
installed = ["alpha-slow"]

[packages.alpha]
version = "1.0"
series = [
    "0001-bugfix-one.patch",
    "0002-feature-two.patch",
]
overlay = []

[packages.alpha.sets.slow]
series = ["0001-bugfix-slow.patch"]

# Kept: for fast machines.
[packages.alpha.variants.alpha]
artefact = "alpha-1.0-py3-none-any.whl"
sha256 = "{0}"

[packages.alpha.variants.alpha-slow]
version = "1.0.post2"
artefact = "alpha_slow-1.0.post2-py3-none-any.whl"
sha256 = "{0}"

[packages.beta]
version = "2.0"
series = []
overlay = []

[packages.beta.variants.beta-one]
artefact = "beta_one-2.0-py3-none-any.whl"
sha256 = "{0}"

[environments.both]
requirements = ["alpha==1.0", "Beta_One>=1"]

[environments.small]
# Pinned by hand.
requirements = ["alpha-slow==1.0.post2", "alphabet==1.0"]
""".format("0" * 64)
NEW = {
    "alpha": Artefact("alpha-1.1-py3-none-any.whl", "1" * 64),
    "alpha-slow": Artefact("alpha_slow-1.1.tar.gz", "2" * 64),
}
SERIES = {"base": ["0001-feature-two.patch"], "slow": []}


@pytest.fixture
def stack(tmp_path):
    return Stack.parse(Distribution(tmp_path), "old", OLD.encode())


def parsed(stack, text):
    return Stack.parse(Distribution(stack.folder.parents[1]), "new", text)


def test_a_new_stack(stack):
    text = described(
        OLD.encode(), None, stack, "new", [Move(stack.package("alpha"), "1.1", NEW, SERIES)]
    )
    new = parsed(stack, text)
    assert list(new.packages) == ["alpha"]
    alpha = new.package("alpha")
    assert alpha.version == "1.1"
    assert alpha.base.series == ("0001-feature-two.patch",)
    assert alpha.parts["slow"].series == ()
    assert {name: variant.artefact for name, variant in alpha.variants.items()} == NEW
    assert {variant.version for variant in alpha.variants.values()} == {"1.1"}
    assert not new.is_default
    assert new.environments == {"small": {"requirements": ["alpha-slow==1.1", "alphabet==1.0"]}}
    for comment in (
        "Why these releases are the stack `new`.",
        "Kept: for fast machines",
        "Pinned by hand",
    ):
        assert comment in text.decode()


def test_no_gap_is_left_of_the_default(stack):
    old = OLD.replace("default = true", "\ndefault = true").encode()
    move = Move(stack.package("alpha"), "1.1", NEW, SERIES)
    text = described(old, None, stack, "new", [move]).decode()
    assert text.startswith("# Why these releases are the stack `new`.\n\n[sets.slow]\n")


def test_a_distribution_without_the_release_is_left_out(stack):
    only = {"alpha": NEW["alpha"]}
    text = described(
        OLD.encode(), None, stack, "new", [Move(stack.package("alpha"), "1.1", only, SERIES)]
    )
    assert list(parsed(stack, text).package("alpha").variants) == ["alpha"]


def test_a_package_more(stack):
    alpha = described(
        OLD.encode(), None, stack, "new", [Move(stack.package("alpha"), "1.1", NEW, SERIES)]
    )
    pinned = {"beta-one": Artefact("beta_one-2.1.tar.gz", "3" * 64)}
    beta = Move(stack.package("beta"), "2.1", pinned, {"base": []})
    new = parsed(stack, described(OLD.encode(), alpha, stack, "new", [beta]))
    assert {name: package.version for name, package in new.packages.items()} == {
        "alpha": "1.1",
        "beta": "2.1",
    }


def test_a_further_version(stack):
    move = Move(stack.package("alpha"), "1.1", {"alpha": NEW["alpha"]}, {})
    text = with_further_versions(OLD.encode(), [move])
    new = parsed(stack, text)
    assert new.package("alpha").version == "1.0"
    assert new.package("alpha").variants["alpha==1.1"].artefact == NEW["alpha"]
    assert text.decode().replace("\n\n", "\n").startswith(OLD[:60].replace("\n\n", "\n"))
