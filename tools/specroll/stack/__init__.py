"""What is written by hand and reviewed: registry, lock, patches, pinned artefacts."""
