"""stack.toml and stack.lock.json: read with care."""

import json
import re
import textwrap

import pytest
from specroll.errors import PatchError
from specroll.stack import registry
from specroll.stack.distribution import Distribution
from specroll.stack.lock import Lock
from specroll.stack.registry import Stack

PIN = f'artefact = "p-1-py3-none-any.whl"\nsha256 = "{"0" * 64}"\n'
GOOD = f"""\
default = true

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


def parse(root, text):
    return Stack.parse(Distribution(root), "1.0", text.encode("utf-8", "surrogateescape"))


def replace_series(root, package, series, text=GOOD):
    data = registry.replace_series(Distribution(root), "1.0", text.encode(), package, series)
    return data.decode()


def test_reads_everything(tmp_path):
    stack = parse(tmp_path, GOOD + "[ci.tests]\nunit = ['a']\n")
    package = stack.packages["p"]
    assert (package.version, package.overlay) == ("1", ("q/r.py",))
    assert package.variants["p-cpu"].version == "1.post2"
    assert stack.packages["other"].variants["other"].version == "2"
    assert (stack.is_default, stack.ci) == (True, {"tests": {"unit": ["a"]}})
    assert not parse(tmp_path, GOOD.replace("default = true", "")).is_default


def test_patterns_stand_for_files(tmp_path):
    for path in ("q/a.py", "q/deep/b.py", "q/__pycache__/a.pyc", "r/one.py", "r/two.txt"):
        (tmp_path / "overlay" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "overlay" / path).touch()
    text = GOOD.replace('["q/r.py"]', '["q/**", "r/*.py", "q/a.py"]')
    package = parse(tmp_path, text).packages["p"]
    assert package.overlay == ("q/a.py", "q/deep/b.py", "r/one.py")
    with pytest.raises(PatchError, match=r"gives q/a\.py two owners"):
        parse(tmp_path, text.replace("overlay = []", 'overlay = ["*/a.py"]'))


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
    "default": (GOOD.replace("default = true", "default = 1"), "must be true or false"),
    "ci": ("ci = 1\n" + GOOD, "ci must be a table"),
    "pattern": (GOOD.replace("q/r.py", "q/**"), "'q/\\*\\*', which matches no overlay file"),
    "variants": ('[packages.p]\nversion="1"\nseries=[]\noverlay=[]\nvariants={}', "at least one"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name, tmp_path):
    text, message = MALFORMED[name]
    with pytest.raises(PatchError, match=message) as caught:
        parse(tmp_path, text)
    assert str(tmp_path / "patches/1.0/stack.toml") in str(caught.value)


def test_series_is_replaced_and_nothing_else(tmp_path):
    changed = replace_series(tmp_path, "p", ["a.patch", "b.patch"])
    assert changed == GOOD.replace('["0001-bugfix-x.patch"]', '["a.patch", "b.patch"]')
    changed = replace_series(tmp_path, "other", [])
    assert changed == re.sub(r"\[\n.*\n\]", "[]", GOOD)


def test_long_series_takes_a_line_each(tmp_path):
    names = [f"{number:04}-feature-with_a_long_name.patch" for number in range(1, 4)]
    changed = replace_series(tmp_path, "p", names)
    lines = "".join(f'    "{name}",\n' for name in names)
    assert changed == GOOD.replace('["0001-bugfix-x.patch"]', f"[\n{lines}]")


def test_series_that_is_no_plain_list(tmp_path):
    text = GOOD.replace('["0001-bugfix-x.patch"]', '["0001-bugfix-].patch"]')
    with pytest.raises(PatchError, match="has no plain list `series` in p"):
        replace_series(tmp_path, "p", [], text)


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
