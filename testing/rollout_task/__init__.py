"""A procedurally generated task for GRPO on the demo model: solve problems step by step."""
