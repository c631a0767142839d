"""A series is replaced where it stands in stack.toml, and nothing else."""

import re

import pytest
from specroll.authoring import series_list
from specroll.errors import PatchError
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

PIN = f'artefact = "p-1-py3-none-any.whl"\nsha256 = "{"0" * 64}"\n'
GOOD = f"""\
[sets.few]
why = "few need it"
installed = ["p-few"]

[packages.p]
version = "1"
series = ["0001-bugfix-x.patch"]  # order matters
overlay = ["q/r.py"]

[packages.p.variants.p-cpu]
version = "1.post2"
{PIN}
[packages.p.sets.few]
series = ["0001-bugfix-few.patch"]  # rare

[packages.other]
version = "2"
overlay = []
series = [
    "0001-feature-y.patch",
]

[packages.other.sets.few]
overlay = ["other.py"]

[packages.other.variants.other]
{PIN}"""


def replaced(root, place, series, text=GOOD):
    distribution = Distribution(root)
    stack = Stack.parse(distribution, "1.0", text.encode())
    return series_list.replaced(distribution, stack, text.encode(), place, series).decode()


def test_series_is_replaced_and_nothing_else(tmp_path):
    changed = replaced(tmp_path, ("p", "base"), ["a.patch", "b.patch"])
    assert changed == GOOD.replace('["0001-bugfix-x.patch"]', '["a.patch", "b.patch"]')
    changed = replaced(tmp_path, ("other", "base"), [])
    assert changed == re.sub(r"\[\n.*\n\]", "[]", GOOD)


def test_long_series_takes_a_line_each(tmp_path):
    names = [f"{number:04}-feature-with_a_long_name.patch" for number in range(1, 4)]
    changed = replaced(tmp_path, ("p", "base"), names)
    lines = "".join(f'    "{name}",\n' for name in names)
    assert changed == GOOD.replace('["0001-bugfix-x.patch"]', f"[\n{lines}]")


def test_series_that_is_no_plain_list(tmp_path):
    text = GOOD.replace('["0001-bugfix-x.patch"]', '["0001-bugfix-].patch"]')
    with pytest.raises(PatchError, match=r"has no plain list `series` in packages\.p;"):
        replaced(tmp_path, ("p", "base"), [], text)


def test_series_of_a_set(tmp_path):
    changed = replaced(
        tmp_path, ("p", "few"), ["few/0001-bugfix-a.patch", "few/0002-bugfix-b.patch"]
    )
    wanted = '["0001-bugfix-a.patch", "0002-bugfix-b.patch"]'
    assert changed == GOOD.replace('["0001-bugfix-few.patch"]', wanted)


@pytest.mark.parametrize(("package", "part"), [("other", "few"), ("p", "more")])
def test_set_without_a_list(tmp_path, package, part):
    message = rf"no plain list `series` in packages\.{package}\.sets\.{part}; write one"
    with pytest.raises(PatchError, match=message):
        replaced(tmp_path, (package, part), [f"{part}/0001-bugfix-a.patch"])
