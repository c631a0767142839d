"""What Triton's interpreter does not do as a GPU would, mended in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl
from triton.language import core
from triton.language.extra import libdevice
from triton.runtime import interpreter

# numpy's functions, for those of the device's library that vLLM calls.
DEVICE_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"log1p": np.log1p}


def mend() -> None:
    """Mend what vLLM's kernels meet, for all kernels of this process; twice does no harm."""
    if getattr(interpreter, "is_mended", False):
        return
    keep_truth_values()
    patch_language_once()
    leave_out_overflow_checks()
    remember_number_types()
    share_shapes()
    for name, function in DEVICE_FUNCTIONS.items():
        setattr(libdevice, name, on_tensors(function))
    interpreter.is_mended = True


def keep_truth_values() -> None:
    """Let a scalar truth value stay one when it becomes a block.

    The handle of a comparison has the type of its operands. `create_splat` makes that of the values
    too, and `tl.load` takes integers for no mask.
    """
    builder = interpreter.InterpreterBuilder
    splat = builder.create_splat

    def create_splat(self: object, block: Any, scalar: Any) -> Any:
        if scalar.data.dtype != np.bool_:
            return splat(self, block, scalar)
        values = np.full(block.shape, scalar.data, np.bool_)
        return interpreter.TensorHandle(values, scalar.dtype.scalar)

    builder.create_splat = create_splat


def patch_language_once() -> None:
    """Put the interpreter's operations into Triton's language once, and leave them there.

    Triton does that anew for each launch, which takes a third of the time. Here nothing but the
    interpreter runs.
    """
    patch = interpreter._patch_lang
    patched: set[tuple[bool, ...]] = set()

    def patch_lang(kernel: Any) -> Any:
        visible = kernel.__globals__.values()
        languages = tuple(any(each is it for each in visible) for it in (tl, tl.core))
        if languages not in patched:
            patched.add(languages)
            patch(kernel)
        return interpreter._LangPatchScope()

    interpreter._patch_lang = patch_lang


def leave_out_overflow_checks() -> None:
    """Compute sums and products once.

    The interpreter computes each a second time in 64 bits, which takes almost half of the time. An
    assertion compares them, which `device_assert` (triton/language/semantic.py) makes for kernels
    that are being debugged only.
    """
    options = interpreter.InterpreterOptions(sanitize_overflow=False)
    interpreter.interpreter_builder.options = options


def remember_number_types() -> None:
    """Look up once which of numpy's types holds one of Triton's.

    Triton makes the whole table for each look.
    """
    find = interpreter._get_np_dtype
    found: dict[str, np.dtype[Any]] = {}

    def number_type(kind: Any) -> np.dtype[Any]:
        name = kind.scalar.name
        if name not in found:
            found[name] = find(kind.scalar)
        return found[name]

    interpreter._get_np_dtype = number_type


def share_shapes() -> None:
    """Let all values of one shape hold the same object for it.

    Triton makes one for each value, with a type of its own and the name of that.
    """
    held: dict[tuple[int, ...], tuple[Any, Any]] = {}
    initialize = core.tensor.__init__

    def initialize_with_shared_shape(value: Any, handle: Any, kind: Any) -> None:
        shape = tuple(kind.shape) if kind.is_block() else ()
        if shape not in held:
            initialize(value, handle, kind)
            held[shape] = (value.shape, value.numel)
        value.handle, value.type, value.dtype = handle, kind, kind.scalar
        value.shape, value.numel = held[shape]

    core.tensor.__init__ = initialize_with_shared_shape


def on_tensors(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of numpy's as one of the device's library, which is empty here."""

    def of_library(values: Any) -> Any:
        handle = interpreter.TensorHandle(function(values.handle.data), values.handle.dtype)
        return core.tensor(handle, values.type)

    return of_library
