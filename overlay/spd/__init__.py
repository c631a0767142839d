"""A scorer that judges draft tokens: its data, its model, its training."""
