"""How benchmarks say what they found: a table, a JSON file, and on which machine and day."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

# Seconds between two lines of a progress bar; seldom where it goes into a file.
PROGRESS_INTERVAL = 0.1 if sys.stderr.isatty() else 30.0


def table(header: Sequence[str], text_columns: int, rows: Sequence[Sequence[str]]) -> str:
    """Return the rows under their header; all but the first `text_columns` are numbers."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < text_columns else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def write_json(found: Mapping[str, Any], path: Path) -> None:
    """Write the result, so that a reader never sees half of it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(found, indent=2) + "\n")
    temporary.replace(path)


def circumstances() -> dict[str, str | int | None]:
    """Return the processor, its cores, Python and the date."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def processor() -> str:
    """Return the name of the processor, its architecture where there is none."""
    about = Path("/proc/cpuinfo")
    for line in about.read_text().splitlines() if about.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
