"""Recorded samples of real models and synthetic ones, and how drafters go through them."""
