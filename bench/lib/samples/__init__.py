"""Texts to draft on: recorded samples of real models, and synthetic ones."""
