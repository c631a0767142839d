"""What the target answers where it completes an accepted draft, and whether that is right."""
