"""The process group of an NPU, as far as options are made for it; see `register_backend`."""

from types import SimpleNamespace


class ProcessGroupHCCL:
    """HCCL's process group."""

    class Options(SimpleNamespace):
        """Options, which nobody reads."""
