"""On which machine and day something was measured."""

import os
import platform
from datetime import date
from pathlib import Path


def circumstances() -> dict[str, str | int | None]:
    """Return the processor, its cores, Python's version and the date."""
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
