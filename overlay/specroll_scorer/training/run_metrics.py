"""The metrics of a run, also of one that was interrupted and went on.

They are lines as the logger `file` of verl writes them (verl/utils/tracking.py): an object with
`step` and `data`, which maps names to numbers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from specroll_scorer.whole_files import write_whole

FILE = "metrics.jsonl"
PARTS = "metrics-parts"


def next_part(output: Path) -> Path:
    """Return the file for the metrics of the run that starts now.

    It is a new one: verl's logger empties the file that it opens.

    Args:
        output: folder of the run.
    """
    folder = output / PARTS
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{len(list(folder.iterdir())):03}.jsonl"


def join(output: Path) -> Path:
    """Write one file of all parts, and return it.

    A run that goes on from a checkpoint validates it first: that adds to the metrics of the step.
    The steps behind it count as they were done the second time.

    Args:
        output: folder of the run.
    """
    joined: dict[int, dict[str, Any]] = {}
    for part in sorted((output / PARTS).glob("*.jsonl")):
        entries = [entry for line in part.read_text().splitlines() if (entry := _entry(line))]
        if entries:
            joined = {step: data for step, data in joined.items() if step <= entries[0]["step"]}
        for entry in entries:
            joined.setdefault(entry["step"], {}).update(entry["data"])
    lines = [json.dumps({"step": step, "data": data}) for step, data in joined.items()]
    write_whole(output / FILE, "".join(f"{line}\n" for line in lines))
    return output / FILE


def read(output: Path) -> list[dict[str, Any]]:
    """Return the metrics of each step in order, each with its `step`.

    Args:
        output: folder of a run whose parts were joined.
    """
    lines = map(json.loads, (output / FILE).read_text().splitlines())
    return [{"step": line["step"], **line["data"]} for line in lines]


def _entry(line: str) -> dict[str, Any] | None:
    """Read a step and its metrics; None where the line broke off: the process was killed."""
    try:
        entry: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry
