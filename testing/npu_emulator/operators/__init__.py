"""Implementations of torch_npu's operators for tests: those that a dense model needs.

Shapes in docstrings name dimensions: T tokens of all requests, R requests, H heads, G heads of keys
and values, D the size of a head, V the vocabulary. Reductions are in float32, as on the device.
"""

from testing.npu_emulator.operators import (  # noqa: F401
    activation,
    attention,
    key_value_cache,
    matrices,
    memory_format,
    normalisation,
    rotary,
    sampling,
)
