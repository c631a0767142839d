"""A procedurally generated task for GRPO on small models, and what verl needs to train them."""
