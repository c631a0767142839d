"""Which files of a new release a stack pins: those like the files of the old one."""

from __future__ import annotations

from specroll.stack.index import Release
from specroll.stack.registry import Artefact, Variant

# Of the parts of a wheel's name, those that say for which machines it is.
TAGS = 3


def artefact(variant: Variant, release: Release) -> Artefact | None:
    """Return the file of a release for the machines that the old artefact serves.

    Of several it is the last, that of the highest build number; without such a wheel it is the
    source archive, and without that None.
    """
    tags = _tags(variant.artefact.name)
    alike = sorted(file.name for file in release.files if tags and _tags(file.name) == tags)
    chosen = {file.name: file for file in release.files}.get(alike[-1]) if alike else None
    found = chosen or release.source_archive
    return found.artefact if found else None


def _tags(name: str) -> str:
    """Return what a wheel's name says of machines, nothing for another file's name."""
    parts = name.removesuffix(".whl").split("-")
    return "-".join(parts[-TAGS:]) if name.endswith(".whl") else ""
