"""A stack ships every module of ours that it imports: a glob in its list may be too narrow."""

import ast
import functools
import json
import re
from itertools import accumulate
from pathlib import PurePosixPath

import pytest

from testing.registry import ROOT, stacks

OVERLAY = ROOT / "overlay"
# Added lines of a patch, joined; names in brackets may take several lines.
IMPORT = re.compile(
    r"^ *(?:from +(?P<module>[\w.]+) +import +(?:\((?P<many>[^)]*)|(?P<names>[^\n#]*))"
    r"|import +(?P<modules>[^\n#]+))",
    re.MULTILINE,
)


def module_name(path):
    """Return the dotted name of a file, from site-packages; that of a package is its folder's."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


OURS = {module_name(file.relative_to(OVERLAY).as_posix()) for file in OVERLAY.rglob("*.py")}


def absolute(module, path):
    """Return an absolute name for one with leading dots, which a file at a path imports from."""
    name = module.lstrip(".")
    level = len(module) - len(name)
    if not level:
        return name
    return ".".join([*PurePosixPath(path).parts[:-level], *filter(None, [name])])


@functools.cache
def imports_of_file(path):
    """Return the dotted names that an overlay file imports: modules, and what is taken of them."""
    found = []
    for node in ast.walk(ast.parse((OVERLAY / path).read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = absolute("." * node.level + (node.module or ""), path)
            found += [f"{module}.{alias.name}" for alias in node.names]
    return found


def imports_of_lines(text, path):
    """Yield the same for lines that are no whole file, and are to be added to the one at a path."""
    for found in IMPORT.finditer(text):
        if found["module"]:
            module = absolute(found["module"], path)
            names = re.sub(r"#.*", "", found["many"] or found["names"] or "")
            yield from (f"{module}.{name.split()[0]}" for name in names.split(",") if name.strip())
        else:
            yield from (name.split()[0] for name in found["modules"].split(",") if name.strip())


def added_lines(patch):
    """Yield the files that a patch changes, each with the lines that it adds."""
    for change in re.split(r"^diff --git ", patch, flags=re.MULTILINE)[1:]:
        path = re.search(r"^\+\+\+ b/(\S+)", change, re.MULTILINE)
        if path:
            yield path[1], "\n".join(re.findall(r"^\+(?!\+\+ )(.*)", change, re.MULTILINE))


def ours_among(name):
    """Return those of our modules that importing a name reads: packages around it, too."""
    return set(accumulate(name.split("."), "{}.{}".format)) & OURS


def parts_of(stack):
    """Yield package, name and table of each part in a stack's lock."""
    lock = json.loads((stack.folder / "stack.lock.json").read_text())
    for package, table in lock["packages"].items():
        for part, content in table["parts"].items():
            yield package, part, content


def imports_of_part(stack, package, content):
    """Yield file and imported name for each import of a part's overlay files and patches."""
    for path in content["overlay"]:
        if path.endswith(".py"):
            yield from ((path, name) for name in imports_of_file(path))
    for entry in content["series"]:
        patch = (stack.folder / package / entry["patch"]).read_text()
        for path, lines in added_lines(patch):
            for name in imports_of_lines(lines, path):
                yield f"{package}/{entry['patch']}", name


def missing(stack, parts):
    """Return the imports of modules of ours that a stack does not ship, as `file: module`.

    A part may import what is shipped to everybody, and what is shipped under its own name.
    """
    shipped = {}
    for _, part, content in parts:
        shipped.setdefault(part, set()).update(map(module_name, content["overlay"]))
    return {
        f"{file}: {module}"
        for package, part, content in parts
        for file, name in imports_of_part(stack, package, content)
        for module in ours_among(name) - shipped["base"] - shipped[part]
    }


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
def test_a_stack_ships_what_it_imports(stack):
    assert not missing(stack, list(parts_of(stack)))


def without(parts, path):
    """Return parts that do not ship a file."""
    return [
        (
            package,
            part,
            {**content, "overlay": [file for file in content["overlay"] if file != path]},
        )
        for package, part, content in parts
    ]


@pytest.mark.parametrize("stack", stacks(), ids=lambda stack: stack.name)
@pytest.mark.parametrize(
    ("path", "importer"),
    [
        ("sam_drafting/drafter.py", "sam_drafting/__init__.py"),
        ("sam_drafting/kernels/__init__.py", "sam_drafting/drafter.py"),
        ("vllm/config/sam.py", r"vllm/\d+-feature-\w+\.patch"),
        ("verl/utils/cpu_device.py", r"verl/.*cpu\S*"),  # of a set
    ],
)
def test_a_module_that_a_stack_forgets_is_seen(stack, path, importer):
    parts = list(parts_of(stack))
    if not any(path in content["overlay"] for *_, content in parts):
        pytest.skip(f"{stack.name} does not ship it")
    found = missing(stack, without(parts, path))
    expected = re.compile(f"{importer}: {re.escape(module_name(path))}")
    assert any(expected.fullmatch(fault) for fault in found)


def test_imports_in_added_lines():
    lines = "from . import b, c as d\n  from .e.f import (  # why\n  g,  # so\n  h,\n)\nimport i.j"
    found = list(imports_of_lines(lines, "a/file.py"))
    assert found == ["a.b", "a.c", "a.e.f.g", "a.e.f.h", "i.j"]
