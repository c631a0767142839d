"""The model that judges draft tokens."""
