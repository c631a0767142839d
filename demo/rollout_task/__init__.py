"""A procedurally generated task for GRPO on small models, and what verl needs to train them."""

from pathlib import Path

REWARD = Path(__file__).with_name("reward.py")
LETTERS_REWARD = Path(__file__).with_name("letters.py")
