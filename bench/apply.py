"""How long does the patch tool take for the packages of a stack?

An environment is made once for each set of artefacts, with the packages and nothing that they need
(`pip install --no-deps`), in the cache. Times are those of whole processes, as a user waits for
them, after a first round that does not count; each figure is the median of the rounds.
"""

import json
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median

import click
from specroll.cache import cache_folder
from specroll.stack.artefact import Store
from specroll.stack.distribution import Distribution
from specroll.stack.registry import Stack, default_stack
from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
LAUNCHER = ROOT / "tools/apply_patches.py"
IMPORT = [sys.executable, "-c", f"import sys; sys.path[:0] = ['{ROOT}/tools']; import specroll.cli"]
BARE = [sys.executable, "-c", "pass"]
TARGETS_S = {"apply": 2.0, "status": 0.5, "import": 0.2}


def environment(stack: Stack, variants: Sequence[str], store: Store) -> Path:
    """Return the interpreter of an environment that holds one variant of each package.

    Of several distributions it is the one that is named, of several versions the first.
    """
    fitting = [
        [
            variant
            for variant in package.variants.values()
            if len(package.distributions) == 1 or variant.distribution in variants
        ]
        for package in stack.packages.values()
    ]
    chosen = [each[0] for each in fitting if each]
    wheels = [store.fetch(variant) for variant in chosen]
    key = sha256(" ".join(variant.artefact.sha256 for variant in chosen).encode()).hexdigest()
    folder = cache_folder() / "environments" / f"bench-{key[:16]}"
    python = folder / "bin/python"
    if not (folder / ".complete").exists():
        venv.create(folder, clear=True, with_pip=True)
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            *wheels,
        ]
        subprocess.run(install, check=True, stdout=sys.stderr)
    (folder / ".complete").touch()  # its time is that of the last use (ci/unused_environments.py)
    return python


def seconds(command: Sequence[str | Path]) -> float:
    """Return how long a command takes.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(python: Path, stack: str, rounds: int) -> dict[str, float]:
    """Return the medians in seconds."""

    def tool(command: str) -> list[str | Path]:
        return [sys.executable, LAUNCHER, command, "--stack", stack, "--python", python]

    commands: dict[str, Sequence[str | Path]] = {
        "apply": tool("apply"),
        "status": tool("status"),
        "verify": tool("verify"),
        "apply again": tool("apply"),
        "revert": tool("revert"),
        "import": IMPORT,
        "bare interpreter": BARE,
    }
    seconds([sys.executable, LAUNCHER, "revert", "--python", python])
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in tqdm(range(rounds + 1), desc="rounds", disable=None):
        for name, command in commands.items():
            times[name].append(seconds(command))
    found = {name: median(values[1:]) for name, values in times.items()}
    found["import"] -= found["bare interpreter"]
    return found


@click.command(help=__doc__)
@click.option("--stack", default=None, help="Stack to apply; without it the default one.")
@click.option("--variant", default="vllm-cpu", show_default=True, help="Where there are several.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--artefacts", type=click.Path(path_type=Path), help="Folder that holds wheels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    stack: str | None, variant: str, rounds: int, artefacts: Path | None, as_json: bool
) -> None:
    """Print the medians beside what they may be."""
    distribution = Distribution(ROOT)
    chosen = Stack.load(distribution, stack or default_stack(distribution))
    found = measure(environment(chosen, [variant], Store.beside(artefacts)), chosen.name, rounds)
    if as_json:
        click.echo(json.dumps({"stack": chosen.name, "rounds": rounds, "seconds": found}, indent=2))
        return
    for name, value in found.items():
        target = f"target {TARGETS_S[name]} s" if name in TARGETS_S else ""
        click.echo(f"{name:18} {value:6.3f} s  {target}")


if __name__ == "__main__":
    main(prog_name="python -m bench.apply")
