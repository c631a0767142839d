"""Registration of the operators, which the emulator does at its import."""


def _register_atb_extensions() -> None:
    """Nothing."""
