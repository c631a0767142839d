"""The profiler, which is never on."""


class dynamic_profile:  # noqa: N801
    """Profiling that is switched on while a program runs."""

    @staticmethod
    def init(path: str) -> None:
        """Nothing."""

    @staticmethod
    def step() -> None:
        """Nothing."""
