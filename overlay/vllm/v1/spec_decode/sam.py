"""The suffix automaton under the path where vLLM keeps its drafters."""

from sam_drafting import SAM

__all__ = ["SAM"]
