"""Proofs of patches: where they run, how they went, and what is recorded of it."""
