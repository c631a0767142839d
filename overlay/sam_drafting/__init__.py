"""Model-free draft tokens for speculative decoding, by suffix automata (arXiv 2411.10666)."""

from sam_drafting.drafter import SamDrafter
from sam_drafting.sam import SAM

__all__ = ["SAM", "SamDrafter"]
