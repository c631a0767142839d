"""Model-free draft tokens for speculative decoding: what followed when the text occurred before."""

from sam_drafting.drafter import SamDrafter
from sam_drafting.reference.sam import SAM

__all__ = ["SAM", "SamDrafter"]
