"""What is installed: where it lies, what was done to it, in which condition it is."""
