"""Functions of a release as upstream wrote them, whatever is installed and patched."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any

from specroll.stack.archive import read_files
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack

from testing.registry import ROOT


def upstream_functions(
    stack: str, package: str, path: str, namespace: dict[str, Any]
) -> SimpleNamespace:
    """Define the functions of one of a package's files anew.

    Args:
        stack: whose pinned release is meant; its wheel is downloaded where it is not at hand.
        package: the package's name in the stack.
        path: the file, from site-packages.
        namespace: what the functions find besides each other.
    """
    variant = next(iter(Stack.load(Distribution(ROOT), stack).package(package).variants.values()))
    source = read_files(Store.beside(None).fetch(variant), [path])[path]
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    scope = dict(namespace)
    exec(compile(ast.Module([*functions], []), path, "exec"), scope)
    return SimpleNamespace(**{node.name: scope[node.name] for node in functions})
