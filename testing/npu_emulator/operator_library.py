"""Torch_npu's operators: all by their schemas, some of them with an implementation for tests.

An operator that has none raises NotImplementedError with its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from testing.npu_emulator import cache
from testing.npu_emulator.device import native
from testing.npu_emulator.releases import installed_release

Implementation = TypeVar("Implementation", bound=Callable[..., object])


class MissingSchemasError(Exception):
    """The schemas were not read from torch_npu's wheel."""


def _read_schemas() -> dict[str, list[str]]:
    path = cache.schemas(installed_release().version)
    if not path.exists():
        raise MissingSchemasError(f"{path} is missing; `python3 ci/npu_emulator.py` writes it")
    return json.loads(path.read_text())


def _define(schemas: dict[str, list[str]]) -> dict[str, torch.library.Library]:
    libraries = {}
    for namespace, of_namespace in schemas.items():
        libraries[namespace] = torch.library.Library(namespace, "FRAGMENT")
        for schema in of_namespace:
            libraries[namespace].define(schema)
    return libraries


_LIBRARIES = _define(_read_schemas())


def names(namespace: str) -> set[str]:
    """Return the names of a namespace's operators, without overloads."""
    prefix = f"{namespace}::"
    registered = torch._C._dispatch_get_all_op_names()
    return {name.removeprefix(prefix).partition(".")[0] for name in registered if prefix in name}


def implements(
    name: str, *, on_host: tuple[str, ...] = ()
) -> Callable[[Implementation], Implementation]:
    """Make the decorated function the implementation of an operator.

    It gets CPU tensors over the memory of the device's, and the tensors that it returns become the
    device's. Arguments named in `on_host` are tensors that the operator wants from the host. An
    operator that the installed release does not have is left out.
    """
    namespace, operator = name.split("::")

    def register(function: Implementation) -> Implementation:
        if operator not in names(namespace):
            return function
        arguments = getattr(getattr(torch.ops, namespace), operator).default._schema.arguments
        positions = [argument.name for argument in arguments]

        def run(*values: object, **named: object) -> object:
            native.count_dispatch(name)
            given = {**dict(zip(positions, values, strict=False)), **named}
            for argument, tensor in _tensors(given):
                _check_device(name, argument, tensor, on_host=argument in on_host)
            on_hosts = {key: _map_tensors(_to_host, value) for key, value in given.items()}
            return _map_tensors(_to_device, function(**on_hosts))

        _LIBRARIES[namespace].impl(operator, run, "PrivateUse1")
        return function

    return register


def _tensors(arguments: dict[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    for name, value in arguments.items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, torch.Tensor):
                yield name, item


def _check_device(operator: str, argument: str, tensor: torch.Tensor, on_host: bool) -> None:
    wanted = "cpu" if on_host else "npu"
    if tensor.device.type != wanted:
        raise RuntimeError(
            f"{operator} expects {argument} on the device {wanted}, and it is on {tensor.device}"
        )


def _map_tensors(convert: Callable[[torch.Tensor], torch.Tensor], value: object) -> object:
    if isinstance(value, torch.Tensor):
        return convert(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_map_tensors(convert, item) for item in value)
    return value


def _to_host(tensor: torch.Tensor) -> torch.Tensor:
    return native.host_alias(tensor) if tensor.device.type == "npu" else tensor


def _to_device(tensor: torch.Tensor) -> torch.Tensor:
    return native.device_alias(tensor)
