"""What the demos run on: small models trained on the spot, and tasks drawn by a program.

Everything is made on machines without a network, always the same way, and kept in the cache. The
demos are those of ``ci/demo``; tests and benchmarks use the same content.
"""

import sys
from pathlib import Path

# So that `python -m demo.…` finds the cache's place in a clone, where the tool is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
