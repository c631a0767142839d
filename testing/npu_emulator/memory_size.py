"""How much memory the emulated device has."""

import os

VARIABLE = "NPU_EMULATOR_MEMORY"
DEFAULT = 8 << 30


def total_memory() -> int:
    """Return the number of bytes, from the environment.

    Raises:
        ValueError: the variable is no positive whole number.
    """
    text = os.environ.get(VARIABLE, str(DEFAULT))
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{VARIABLE} must be a number of bytes greater than 0, not {text!r}")
    return int(text)
