"""Feed the patch tool altered patches, descriptions, locks, RECORDs, states and journals.

Each case alters one file and runs a command on a small installed package. The command may refuse
(then nothing has changed) or succeed (then the bytes are right). Anything else is a finding: an
unexpected exception, a file written outside of the target, or success with wrong bytes.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import hypothesis
from hypothesis import strategies as st
from specroll.commands.apply import apply
from specroll.commands.revert import revert
from specroll.commands.status import status
from specroll.commands.verify import verify
from specroll.errors import ToolError
from specroll.stack.sets import Choice
from specroll.target import processes
from tqdm import tqdm

from testing import mutation
from testing.fuzz_box import Box
from testing.small_project import snapshot

INFO = "site/alpha-1.0.dist-info"
STACK = "project/patches/1.0"
PATCH = f"{STACK}/alpha/0001-bugfix-first.patch"
LOCK = f"{STACK}/stack.lock.json"
JOURNAL = "site/.apply-patches/journal.json"

Alteration = Callable[[bytes, Any], bytes]


class Wrong(AssertionError):  # noqa: N818
    """The tool did what it must not."""


@dataclass(frozen=True)
class Target:
    """A file that is altered, the condition of the site, and what is run then."""

    path: str
    condition: str
    check: Callable[[Box], None]
    steps: st.SearchStrategy[Any] = mutation.edits
    alter: Alteration = mutation.altered


@dataclass
class Tally:
    """What became of the cases of a target."""

    target: str
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    finding: str | None = None


def expect_applied(box: Box) -> None:
    """Apply, verify and revert: the reviewed bytes, then those that were there."""
    _expect_round(box, "applied")


def expect_either(box: Box) -> None:
    """Do the same where what is altered may choose the set."""
    _expect_round(box, "applied", "with a set")


def _expect_round(box: Box, *conditions: str) -> None:
    before = snapshot(box.site)
    apply(box.request)
    _expect_files(box, *conditions)
    if verify(box.request).exit_code:
        raise Wrong("verify differs after apply")
    revert(box.request)
    if snapshot(box.site) != before:
        raise Wrong("revert does not give the tree back")


def expect_without_set(box: Box) -> None:
    """Take the set out, then revert: the reviewed bytes of the others, then the pristine tree."""
    apply(replace(box.request, choice=Choice(refused=("cpu",))))
    _expect_files(box, "applied")
    revert(box.request)
    _expect_whole(box, "pristine")


def expect_reverted(box: Box) -> None:
    """Ask for the condition, apply and revert: the pristine tree."""
    status(box.request)
    apply(box.request)
    _expect_files(box, "applied")
    revert(box.request)
    _expect_whole(box, "pristine")


def expect_recovered(box: Box) -> None:
    """Recover and do nothing else: one of the two whole trees."""
    revert(replace(box.request, packages=("beta",)))
    _expect_whole(box, "pristine", "applied")


def expect_confined(box: Box) -> None:
    """Recover by a forged journal: whatever becomes of the site, nothing else is touched."""
    revert(replace(box.request, packages=("beta",)))


def expect_what_git_makes(box: Box) -> None:
    """Lock the altered patch, then apply it: git makes the same of it."""
    box.project.lock()
    series = sorted((box.project.stack / "alpha").glob("*.patch"))
    apply(box.request)
    with tempfile.TemporaryDirectory(dir=box.root / "templates") as folder:
        box.project.install(Path(folder) / "site")
        git = ["git", "apply", "--unidiff-zero", "--whitespace=nowarn", *map(str, series)]
        result = subprocess.run(git, cwd=Path(folder) / "site", capture_output=True, text=True)
        if result.returncode:
            raise Wrong(f"git refuses what was applied: {result.stderr}")
        made = _files(snapshot(Path(folder) / "site"), "alpha/")
    found = _files(snapshot(box.site), "alpha/")
    found.pop("alpha/deep/hook.py")
    if found != made:
        raise Wrong("git makes something else of the patch")
    revert(box.request)
    _expect_whole(box, "pristine")


def _expect_files(box: Box, *conditions: str) -> None:
    wanted = [_package_files(box.template(condition)) for condition in conditions]
    if _package_files(box.site) not in wanted:
        raise Wrong("success with wrong bytes")


def _package_files(site: Path) -> dict[str, bytes]:
    tree = snapshot(site)
    return {**_files(tree, "alpha/"), **_files(tree, "gamma/")}


def _expect_whole(box: Box, *conditions: str) -> None:
    if snapshot(box.site) not in [snapshot(box.template(name)) for name in conditions]:
        raise Wrong("the tree is neither pristine nor applied")


def _files(tree: Mapping[str, bytes | None], folder: str) -> dict[str, bytes]:
    return {
        path: data for path, data in tree.items() if data is not None and path.startswith(folder)
    }


def forge(data: bytes, steps: Any) -> bytes:  # noqa: ANN401
    """Return an altered journal with the seal that belongs to it."""
    content = mutation.altered_json(data.partition(b"\n")[2], steps)
    return sha256(content).hexdigest().encode() + b"\n" + content


VALUES = {"steps": mutation.value_edits, "alter": mutation.altered_json}
TARGETS: Mapping[str, Target] = {
    "patch": Target(PATCH, "pristine", expect_applied),
    "patch, locked": Target(PATCH, "pristine", expect_what_git_makes),
    "stack.toml": Target(f"{STACK}/stack.toml", "pristine", expect_either),
    "lock": Target(LOCK, "pristine", expect_applied),
    "lock, values": Target(LOCK, "pristine", expect_applied, **VALUES),
    "RECORD": Target(f"{INFO}/RECORD", "pristine", expect_applied),
    "RECORD, patched": Target(f"{INFO}/RECORD", "applied", expect_reverted),
    "state": Target(f"{INFO}/apply-patches/state.json", "applied", expect_reverted),
    "state, values": Target(
        f"{INFO}/apply-patches/state.json", "applied", expect_reverted, **VALUES
    ),
    "state, with a set": Target(
        f"{INFO}/apply-patches/state.json", "with a set", expect_without_set
    ),
    "journal, undecided": Target(JOURNAL, "undecided", expect_recovered),
    "journal, decided": Target(JOURNAL, "decided", expect_recovered),
    "journal, forged": Target(JOURNAL, "decided", expect_confined, mutation.value_edits, forge),
}


def run_case(box: Box, target: Target, steps: Any) -> str:  # noqa: ANN401
    """Run one case; return "done" or how the tool refused.

    Raises:
        Wrong: the tool did what it must not; so does any other exception.
    """
    box.reset(target.condition)
    file = box.root / target.path
    original = file.read_bytes()
    file.write_bytes(target.alter(original, steps))
    surroundings, site = box.surroundings(), snapshot(box.site)
    try:
        target.check(box)
        outcome = "done"
    except ToolError as error:
        outcome = f"exit {error.exit_code}"
    if box.surroundings() != surroundings:
        raise Wrong("something outside of the target was written")
    if outcome != "done" and snapshot(box.site) != site:
        raise Wrong("refused, and yet the tree has changed")
    return outcome


def fuzz(box: Box, name: str, cases: int, seed: int, advance: Callable[[], object]) -> Tally:
    """Run cases on a target until a finding."""
    tally = Tally(name)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        database=None,
        # Shrinking and explaining a finding takes longer than all cases together.
        phases=[hypothesis.Phase.generate],
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(TARGETS[name].steps)
    def case(steps: object) -> None:
        tally.cases += 1
        advance()
        tally.outcomes[run_case(box, TARGETS[name], steps)] += 1

    try:
        case()
    except Exception:
        tally.finding = traceback.format_exc()
    return tally


@click.command(help=__doc__)
@click.option("--cases", default=20_000, show_default=True, help="Cases, all targets together.")
@click.option("--seed", default=1, show_default=True, help="Other seeds give other cases.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(cases: int, seed: int, as_json: bool) -> None:
    """Print what became of the cases and exit with 1 where there is a finding."""
    each = -(-cases // len(TARGETS))
    with tempfile.TemporaryDirectory() as folder, tqdm(total=cases, disable=None) as bar:
        box = Box.create(Path(folder) / "box")
        # Whether other processes use the box is not asked 20,000 times.
        processes.PROCESSES = box.root / "outside"
        tallies = [fuzz(box, name, each, seed, bar.update) for name in TARGETS]
    if as_json:
        click.echo(json.dumps([vars(tally) for tally in tallies], indent=2))
    else:
        for tally in tallies:
            outcomes = ", ".join(
                f"{number} {word}" for word, number in sorted(tally.outcomes.items())
            )
            click.echo(f"{tally.target:20} {tally.cases:6} cases: {outcomes}")
            click.echo(tally.finding or "", nl=False)
        click.echo(f"{sum(tally.cases for tally in tallies)} cases")
    raise SystemExit(any(tally.finding for tally in tallies))


if __name__ == "__main__":
    main(prog_name="python -m testing.fuzz")
