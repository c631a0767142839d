"""What a folder was made with, so that a second run does not go on with something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specroll_scorer.whole_files import json_text, write_whole

FILE = "settings.json"


class SettingsError(Exception):
    """A folder that was made with other settings."""


def keep_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings into a folder, or compare them with those that are there.

    Args:
        folder: made where it does not exist.
        settings: by name; values are such that JSON gives them back equal.

    Raises:
        SettingsError: the folder was made with others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    if not file.exists():
        write_whole(file, json_text(settings))
        return
    there = _read(file)
    differing = [name for name in settings if there.get(name) != settings[name]]
    if differing:
        raise SettingsError(
            f"{folder} was made with another {', '.join(differing)}: go on with the same settings, "
            f"see {file}, or remove the folder"
        )


def _read(file: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON: {error}; remove the folder") from error
    return settings
