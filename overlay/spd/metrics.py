"""The metrics of a run, also of one that was interrupted and went on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"
PARTS = "metrics-parts"


def next_part(output: Path) -> Path:
    """File for the metrics of the run that starts now: verl's logger empties the file it opens."""
    folder = output / PARTS
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{len(list(folder.iterdir())):03}.jsonl"


def join(output: Path) -> Path:
    """Write one file of all parts, each step once, as the run that came last has it."""
    entries: dict[int, str] = {}
    for part in sorted((output / PARTS).glob("*.jsonl")):
        lines = [line for line in part.read_text().splitlines() if is_whole(line)]
        if lines:
            first = min(json.loads(line)["step"] for line in lines)
            entries = {step: line for step, line in entries.items() if step < first}
            entries |= {json.loads(line)["step"]: line for line in lines}
    joined = output / FILE
    joined.write_text("".join(f"{line}\n" for _, line in sorted(entries.items())))
    return joined


def read(output: Path) -> list[dict[str, Any]]:
    """Metrics of each step in order, with their `step`."""
    lines = map(json.loads, (output / FILE).read_text().splitlines())
    return [{"step": line["step"], **line["data"]} for line in lines]


def is_whole(line: str) -> bool:
    """Say whether a line was written to its end: a killed process may leave half of one."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True
