"""Model-free draft tokens for speculative decoding, by suffix automata (arXiv 2411.10666)."""

from sam_drafting.automaton import SAM
from sam_drafting.drafter import SamDrafter

__all__ = ["SAM", "SamDrafter"]
