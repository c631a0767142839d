"""What must pass, its environments, and the demo; the standard library alone is needed."""
