"""Test instruments: what tests and benchmarks import, and what people run to try the tool."""

import sys
from pathlib import Path

# So that `python -m testing.…` works in a clone, where the tool is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
