"""Kill the patch tool at every file-system step, and look at the tree after the next command.

It is killed in two ways: by `os._exit` at the step, and by SIGKILL from another process. The next
command recovers and does nothing else. A tree is torn when it then is neither as it was before
the killed command nor as that would have left it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from specroll.commands.apply import apply
from specroll.commands.revert import revert
from specroll.stack.sets import Choice
from tqdm import tqdm

from testing import small_project, small_sets
from testing.file_system_steps import told
from testing.small_project import Project

Command = Callable[[Path], object]
Tree = Mapping[str, "bytes | None"]

KILLED = 9
NUMBER_OF_SCENARIOS = 4
WAYS: Mapping[str, Callable[[], None]] = {
    "os._exit": lambda: os._exit(KILLED),
    # Stopped, so that the parent kills it from outside at exactly this step.
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGSTOP),
}


@dataclass(frozen=True)
class Scenario:
    """A command, and the tree that it is started on."""

    name: str
    start: Path
    command: Command
    next_command: Command


@dataclass
class Outcome:
    """How a command fared that was killed at every step."""

    command: str
    way: str
    steps: int = 0
    torn: int = 0


def scenarios(folder: Path) -> list[Scenario]:
    """Make the trees that the commands are started on."""
    wheel = small_project.build_wheel(folder, "alpha", "1.0", small_project.UPSTREAM)
    patches, older_patches = small_project.patches(), small_project.older_patches()
    newer = Project.create(folder / "newer", wheel, patches, small_project.OVERLAY)
    older = Project.create(folder / "older", wheel, older_patches, small_project.OLDER_OVERLAY)
    trees = {name: folder / name for name in ("pristine", "applied", "outdated")}
    for tree in trees.values():
        newer.install(tree)
    apply(newer.request(trees["applied"]))
    apply(older.request(trees["outdated"]))
    wheels = small_sets.build_wheels(folder / "wheels")
    sets = small_sets.create(folder / "sets", wheels)
    trees["with a set"] = folder / "with a set"
    small_sets.install(wheels, ["alpha-cpu", "beta"], trees["with a set"])
    apply(sets.request(trees["with a set"]))

    def only_recover(site: Path) -> object:
        return revert(replace(newer.request(site), packages=("beta",)))

    def only_recover_sets(site: Path) -> object:
        return revert(replace(sets.request(site), packages=("idle",)))

    def take_set_out(site: Path) -> object:
        return apply(replace(sets.request(site), choice=Choice(refused=("cpu",))))

    def forward(site: Path) -> object:
        return apply(newer.request(site))

    def back(site: Path) -> object:
        return revert(newer.request(site))

    return [
        Scenario("apply", trees["pristine"], forward, only_recover),
        Scenario("revert", trees["applied"], back, only_recover),
        Scenario("apply over an older patch set", trees["outdated"], forward, only_recover),
        Scenario("apply without a set", trees["with a set"], take_set_out, only_recover_sets),
    ]


def sweep(scenario: Scenario, way: str, folder: Path, stride: int = 1) -> Outcome:
    """Kill the command at every step, or at every so many."""
    outcome = Outcome(scenario.name, way)
    whole = _whole_trees(scenario, folder / "whole")
    for site in _killed(scenario.start, scenario.command, way, folder, stride):
        scenario.next_command(site)
        outcome.steps += 1
        outcome.torn += small_project.snapshot(site) not in whole
    return outcome


def sweep_recovery(scenario: Scenario, way: str, folder: Path, stride: int = 1) -> Outcome:
    """Kill the command at every step, and each time the recovery at every step of its own."""
    outcome = Outcome(f"recovery of {scenario.name}", way)
    whole = _whole_trees(scenario, folder / "whole")
    inner = folder / "inner"
    for interrupted in _killed(scenario.start, scenario.command, "os._exit", folder, stride):
        for site in _killed(interrupted, scenario.next_command, way, inner, stride):
            scenario.next_command(site)
            outcome.steps += 1
            outcome.torn += small_project.snapshot(site) not in whole
    return outcome


def _whole_trees(scenario: Scenario, site: Path) -> Sequence[Tree]:
    _copy(scenario.start, site)
    scenario.command(site)
    return small_project.snapshot(scenario.start), small_project.snapshot(site)


def _killed(start: Path, command: Command, way: str, folder: Path, stride: int) -> Iterator[Path]:
    """Yield the tree after the command was killed, for every step that it has."""
    site = folder / "site"
    step = 0
    while True:
        _copy(start, site)
        if lives(lambda: command(site), step, WAYS[way]):
            return
        yield site
        step += stride


def lives(action: Callable[[], object], step: int, die: Callable[[], None]) -> bool:
    """Run an action in a process that dies at a step; say whether it came to its end."""
    child = os.fork()
    if child:
        return _outlives(child)
    left = step

    def witness(*_: str) -> None:
        nonlocal left
        if not left:
            die()
        left -= 1

    try:
        with told(witness):
            action()
        os._exit(0)
    finally:
        os._exit(1)


def _outlives(child: int) -> bool:
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, KILLED, -signal.SIGKILL):
        raise RuntimeError(f"the swept command failed by itself with code {code}")
    return code == 0


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


def outcomes(folder: Path, stride: int) -> Iterator[Outcome]:
    """Sweep every command in every way, then the recovery of each."""
    for kind in (sweep, sweep_recovery):
        for scenario in scenarios(Path(tempfile.mkdtemp(dir=folder))):
            for way in WAYS:
                yield kind(scenario, way, folder / "work", stride)


@click.command(help=__doc__)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--stride", default=1, show_default=True, help="Kill only at every so many steps.")
def main(as_json: bool, stride: int) -> None:
    """Print the table and exit with 1 where a tree was torn."""
    with tempfile.TemporaryDirectory() as folder:
        total = 2 * NUMBER_OF_SCENARIOS * len(WAYS)
        progress = tqdm(outcomes(Path(folder), stride), total=total, desc="sweeps", disable=None)
        found = list(progress)
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in found], indent=2))
    else:
        click.echo(f"{'command':42} {'killed by':9} {'steps':>6} {'torn trees':>10}")
        for each in found:
            click.echo(f"{each.command:42} {each.way:9} {each.steps:6} {each.torn:10}")
    raise SystemExit(any(outcome.torn for outcome in found))


if __name__ == "__main__":
    main(prog_name="python -m testing.crash_sweep")
