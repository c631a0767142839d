"""stack.toml and stack.lock.json: read with care."""

import json
import re
import textwrap

import pytest
from specroll import stack as description
from specroll.distribution import Distribution
from specroll.errors import PatchError
from specroll.lock import Lock
from specroll.stack import Stack

PIN = f'artefact = "p-1-py3-none-any.whl"\nsha256 = "{"0" * 64}"\n'
GOOD = f"""\
[packages.p]
version = "1"
series = ["0001-bugfix-x.patch"]  # order matters
overlay = ["q/r.py"]

[packages.p.variants.p-cpu]
version = "1.post2"
{PIN}
[packages.other]
version = "2"
overlay = []
series = [
    "0001-feature-y.patch",
]

[packages.other.variants.other]
{PIN}"""


def test_reads_everything(tmp_path):
    stack = Stack.parse(tmp_path, GOOD.encode())
    package = stack.packages["p"]
    assert (package.version, package.overlay) == ("1", ("q/r.py",))
    assert package.variants["p-cpu"].version == "1.post2"
    assert stack.packages["other"].variants["other"].version == "2"


MALFORMED = {
    "not toml": ("[", "is not valid TOML"),
    "deep": ("x = " + "[" * 9999, "is not valid TOML"),
    "not utf-8": ("\udcff", "is not valid TOML"),
    "packages": ("packages = 1", "packages must be a table"),
    "unknown table": (GOOD + "[more]\n", "`more` is unknown here"),
    "unknown key": (GOOD.replace("overlay =", "overlays ="), "`packages.p.overlays` is unknown"),
    "no version": (GOOD.replace('version = "1"\n', ""), "`packages.p.version` must be a non-empty"),
    "series type": (GOOD.replace('["0001-bugfix-x.patch"]', "3"), "must be a list of strings"),
    "twice": (GOOD.replace('["q/r.py"]', '["q/r.py", "q/r.py"]'), "names an item twice"),
    "patch path": (GOOD.replace("0001-bugfix-x", "../x"), "not a plain file name"),
    "overlay path": (GOOD.replace("q/r.py", "/q/r.py"), "which is absolute"),
    "two owners": (GOOD.replace("overlay = []", 'overlay = ["q/r.py"]'), "two owners"),
    "artefact path": (GOOD.replace("p-1-py3", "x/p-1-py3"), "must be a plain file name"),
    "hash": (GOOD.replace("0" * 64, "0" * 63 + "G"), "64 hexadecimal digits"),
    "no variant": (GOOD.replace("variants.other]", "variants]").replace(PIN, ""), "variants"),
    "variants": ('[packages.p]\nversion="1"\nseries=[]\noverlay=[]\nvariants={}', "at least one"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name, tmp_path):
    text, message = MALFORMED[name]
    with pytest.raises(PatchError, match=message) as caught:
        Stack.parse(tmp_path, text.encode("utf-8", "surrogateescape"))
    assert str(tmp_path / "stack.toml") in str(caught.value)


def test_series_is_replaced_and_nothing_else(tmp_path):
    changed = description.replace_series(tmp_path, GOOD.encode(), "p", ["a.patch", "b.patch"])
    assert changed.decode() == GOOD.replace('["0001-bugfix-x.patch"]', '["a.patch", "b.patch"]')
    changed = description.replace_series(tmp_path, GOOD.encode(), "other", [])
    assert changed.decode() == re.sub(r"\[\n.*\n\]", "[]", GOOD)


def test_long_series_takes_a_line_each(tmp_path):
    names = [f"{number:04}-feature-with_a_long_name.patch" for number in range(1, 4)]
    changed = description.replace_series(tmp_path, GOOD.encode(), "p", names).decode()
    lines = "".join(f'    "{name}",\n' for name in names)
    assert changed == GOOD.replace('["0001-bugfix-x.patch"]', f"[\n{lines}]")


def test_series_that_is_no_plain_list(tmp_path):
    text = GOOD.replace('["0001-bugfix-x.patch"]', '["0001-bugfix-].patch"]')
    with pytest.raises(PatchError, match="has no plain list `series` in p"):
        description.replace_series(tmp_path, text.encode(), "p", [])


def load(project):
    return Lock.load(Stack.load(Distribution(project.root), "1.0"))


def test_lock_round_trip(project):
    assert load(project).dump() == (project.stack / "stack.lock.json").read_bytes()


@pytest.mark.parametrize(
    ("series", "overlay"), [([], list("ab")), (["0001-bugfix-first.patch"], ["gamma/__init__.py"])]
)
def test_stale_lock(project, series, overlay):
    project.describe(series, overlay)
    with pytest.raises(PatchError, match=r"is older than `packages\.alpha`"):
        load(project)


def damaged(lock, *keys, value):
    place = lock["packages"]["alpha"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(lock)


LOCKS = {
    "not json": (lambda lock: "{", "is not valid JSON"),
    "deep": (lambda lock: "[" * 99999, "is not valid JSON"),
    "no table": (lambda lock: "[]", "the file must be a table"),
    "series": (lambda lock: damaged(lock, "series", value=1), "alpha.series` must be a list"),
    "row": (lambda lock: damaged(lock, "series", value=[1]), "must be a table"),
    "hash": (lambda lock: damaged(lock, "overlay", "x", value=1), "overlay.x` must be a non-empty"),
    "file": (lambda lock: damaged(lock, "variants", "alpha", "files", value={"x": {"a": 1}}),
             "files.x.a` is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOCKS)
def test_malformed_lock(project, name):
    damage, message = LOCKS[name]
    path = project.stack / "stack.lock.json"
    path.write_text(textwrap.dedent(damage(json.loads(path.read_text()))))
    with pytest.raises(PatchError, match=message):
        load(project)


def test_missing_lock(project, on_target):
    (project.stack / "stack.lock.json").unlink()
    result = on_target("verify")
    assert result.code == 3
    assert "stack.lock.json is missing; run `apply-patches refresh`" in result.err
