"""Apply a reviewed series of patches to installed Python packages, and take it back."""
