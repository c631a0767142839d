"""Stands in for the Python face of Ascend's runtime."""
