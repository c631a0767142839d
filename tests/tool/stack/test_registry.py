"""stack.toml and stack.lock.json: read with care."""

import json
import textwrap

import pytest
from specroll.errors import PatchError
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


def test_reads_everything(tmp_path):
    stack = parse(tmp_path, GOOD + "[ci.tests]\nunit = ['a']\n")
    package = stack.packages["p"]
    assert (package.version, package.base.overlay) == ("1", ("q/r.py",))
    assert package.variants["p-cpu"].version == "1.post2"
    assert stack.packages["other"].variants["other"].version == "2"
    assert (stack.is_default, stack.ci) == (True, {"tests": {"unit": ["a"]}})
    assert not parse(tmp_path, GOOD.replace("default = true", "")).is_default


def further(key, rest=PIN):
    return f'{GOOD}\n[packages.p.variants."{key}"]\n{rest}'


def test_further_versions(tmp_path):
    text = further("p-cpu==2!1.post3") + further("q", "").removeprefix(GOOD) + PIN
    package = parse(tmp_path, text).packages["p"]
    versions = {key: (each.distribution, each.version) for key, each in package.variants.items()}
    assert versions == {
        "p-cpu": ("p-cpu", "1.post2"),
        "p-cpu==2!1.post3": ("p-cpu", "2!1.post3"),
        "q": ("q", "1"),
    }
    assert package.distributions == ("p-cpu", "q")
    assert list(package.variants_of("P_cpu")) == ["p-cpu", "p-cpu==2!1.post3"]
    assert list(package.variants_of("p-cpu", "1.post2+local")) == ["p-cpu"]
    assert list(package.variants_of(None, "1")) == ["q"]
    assert not package.variants_of("p-cpu", "3")
    assert not package.variants_of("r")
    named = further("q==1", f'version = "1"\n{PIN}')
    assert parse(tmp_path, named).packages["p"].variants["q==1"].version == "1"


def test_patterns_stand_for_files(tmp_path):
    stray = ("q/.a.py.swp", "q/a.py~", "q/.idea/a.xml", "r/.one.py", "q/__pycache__/a.pyc")
    for path in ("q/a.py", "q/deep/b.py", "r/one.py", "r/two.txt", *stray):
        (tmp_path / "overlay" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "overlay" / path).touch()
    text = GOOD.replace('["q/r.py"]', '["q/**", "r/*.py", "q/a.py"]')
    package = parse(tmp_path, text).packages["p"]
    assert package.base.overlay == ("q/a.py", "q/deep/b.py", "r/one.py")
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
    "no version after": (further("a=="), "is of neither a distribution nor distribution==version"),
    "no name before": (further("==1"), "`packages.p.variants.==1.artefact` is of neither"),
    "one sign": (further("a=1"), "is of neither a distribution"),
    "local version": (further("a==1+cpu"), "is of neither a distribution"),
    "other version": (further("a==1", f'version = "2"\n{PIN}'),
                      "`packages.p.variants.a==1.version` is 2, the table's name says 1"),
    "version twice": (further("p-cpu==1.post2"), "is 1.post2, which `p-cpu` has already"),
    "distribution twice": (further("P_CPU", f'version = "1.post2"\n{PIN}'),
                           "is 1.post2, which `p-cpu` has already"),
    "variants": ('[packages.p]\nversion="1"\nseries=[]\noverlay=[]\nvariants={}', "at least one"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name, tmp_path):
    text, message = MALFORMED[name]
    with pytest.raises(PatchError, match=message) as caught:
        parse(tmp_path, text)
    assert str(tmp_path / "patches/1.0/stack.toml") in str(caught.value)


def load(project):
    return Lock.load(Stack.load(Distribution(project.root), "1.0"))


def test_lock_round_trip(project):
    assert load(project).dump() == (project.stack / "stack.lock.json").read_bytes()


SERIES = ["0001-bugfix-first.patch", "0002-feature-second.patch"]
OVERLAY = ["gamma/__init__.py", "alpha/deep/hook.py"]


@pytest.mark.parametrize(
    ("series", "overlay", "named"),
    [
        (SERIES[:1], OVERLAY, [f"patch 2 of base: {SERIES[1]}"]),
        (SERIES[::-1], OVERLAY, [f"patch 1 of base: {SERIES[0]}", f"patch 1 of base: {SERIES[1]}"]),
        (SERIES, OVERLAY[1:], ["overlay file of base: gamma/__init__.py"]),
        (SERIES, [*OVERLAY, "a.py"], ["overlay file of base: a.py"]),
        ([], list("abcd"), ["overlay file of base: a, ", ", 3 more;"]),
    ],
)
def test_stale_lock_names_what_differs(project, series, overlay, named):
    project.describe(series, overlay)
    with pytest.raises(PatchError, match=r"is older than `packages\.alpha` in stack") as caught:
        load(project)
    for words in named:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('version = "1.0"', 'version = "1.1"', "they differ in version 1.0, version 1.1;"),
        (f'sha256 = "{"0" * 64}"', f'sha256 = "{"1" * 64}"', "artefact of beta: beta-2.0-py3-"),
        ("[packages.beta", "[packages.delta", "`packages.delta` in stack.toml: they differ in"),
    ],
)
def test_stale_lock_names_values(project, old, new, named):
    path = project.stack / "stack.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(PatchError, match=named):
        load(project)


def damaged(lock, *keys, value):
    place = lock["packages"]["alpha"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(lock)


BASE = ("parts", "base")
FILES = ("variants", "alpha", "files")
LOCKS = {
    "not json": (lambda lock: "{", "is not valid JSON"),
    "deep": (lambda lock: "[" * 99999, "is not valid JSON"),
    "no table": (lambda lock: "[]", "the file must be a table"),
    "series": (lambda lock: damaged(lock, *BASE, "series", value=1), "base.series` must be a list"),
    "row": (lambda lock: damaged(lock, *BASE, "series", value=[1]), "must be a table"),
    "entry": (lambda lock: damaged(lock, *BASE, "series", value=[{}]), "must be a non-empty"),
    "hash": (lambda lock: damaged(lock, *BASE, "overlay", "x", value=1), "overlay.x` must be"),
    "file": (lambda lock: damaged(lock, *FILES, value={"base": {"x": {"a": 1}}}),
             "files.base.x.a` is unknown"),
    "parts": (lambda lock: damaged(lock, *FILES, value={}), "files` must have the parts base"),
    "old shape": (lambda lock: damaged(lock, "series", value=[]), "`packages.alpha.series` is unk"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOCKS)
def test_malformed_lock(project, name):
    damage, message = LOCKS[name]
    path = project.stack / "stack.lock.json"
    path.write_text(textwrap.dedent(damage(json.loads(path.read_text()))))
    with pytest.raises(PatchError, match=message) as caught:
        load(project)
    assert str(caught.value).endswith("; run `apply-patches refresh`")


def test_missing_lock(project, on_target):
    (project.stack / "stack.lock.json").unlink()
    result = on_target("verify")
    assert result.code == 3
    assert "stack.lock.json is missing; run `apply-patches refresh`" in result.err
