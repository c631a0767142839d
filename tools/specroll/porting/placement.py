"""Whether a carried patch changes the same classes and functions as before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from specroll.porting.finding import Finding
from specroll.porting.release import Source, UnparsableError
from specroll.porting.scopes import Scopes
from specroll.stack.patch import FilePatch, Hunk, Patch, Reader
from specroll.wording import counted

PYTHON = (".py", ".pyi")

# Whether a line is added or removed, and its text without indentation.
Line = tuple[str, str]


@dataclass
class Placement:
    """Where the lines of a patch lie: how often each one in which class or function, by file."""

    files: dict[str, dict[Line, Counter[str]]] = field(default_factory=dict)
    # Files that do not parse, each with what is wrong with it.
    faults: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, patch: Patch, read: Reader, release: str) -> Placement:
        """Look at the files of a release before and after a patch.

        Raises:
            DriftError: a file has Windows line endings.
            PatchError: a file is not what the patch was made for.
        """
        after = dict(patch.apply(read))
        placement = cls()
        for file in patch.files:
            try:
                sides = read(file.path), after[file.path]
                lines = list(_lines(file, *sides, f"{file.path} of {release}"))
            except UnparsableError as error:
                placement.faults[file.path] = str(error)
                continue
            holders = placement.files.setdefault(file.path, defaultdict(Counter))
            for sign, text, holder in lines:
                holders[sign, text][holder] += 1
        return placement

    def touches(self, path: str, holder: str) -> bool:
        """Say whether a line lies in this class or function."""
        return any(holder in holders for holders in self.files.get(path, {}).values())


def moves(
    old: Patch, read_old: Reader, new: Patch, read_new: Reader, release: str
) -> Iterator[Finding]:
    """Yield a finding for each class or function that lines have moved to, or are new in.

    A line that stands in a function of another name has moved, also where upstream has only
    renamed the function or its file. Of files that are not Python, only the path counts.

    Args:
        old: The patch as it was.
        read_old: Reads the files just before it.
        new: The same patch, carried.
        read_new: Reads the files just before it in the new release.
        release: The name of the new release.

    Raises:
        DriftError: a file has Windows line endings.
        PatchError: a file is not what its patch was made for.
    """
    before = Placement.of(old, read_old, "the old release")
    after = Placement.of(new, read_new, release)
    for path, fault in {**before.faults, **after.faults}.items():
        yield Finding(f"Where lines of {path} landed in {release} cannot be checked: {fault}")
    for path in after.files:
        if path not in before.faults:
            yield from _moved(path, before, after, release)
            yield from _strays(path, before, after, release)


def _moved(path: str, before: Placement, after: Placement, release: str) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line, holders in after.files[path].items():
        earlier = before.files.get(path, {}).get(line, Counter())
        lost, gained = (earlier - holders).elements(), (holders - earlier).elements()
        for pair in zip(sorted(lost), sorted(gained), strict=False):
            groups[pair].append(line[1])
    for (source, target), texts in groups.items():
        yield Finding(
            f"{_told(texts)} moved from {_called(source)} to {_called(target)} of {path} in"
            f" {release}"
        )


def _strays(path: str, before: Placement, after: Placement, release: str) -> Iterator[Finding]:
    groups: dict[str, list[str]] = defaultdict(list)
    for line, holders in after.files[path].items():
        earlier = before.files.get(path, {}).get(line, Counter())
        moved = sum((earlier - holders).values())
        for holder in sorted((holders - earlier).elements())[moved:]:
            if not before.touches(path, holder):
                groups[holder].append(line[1])
    for holder, texts in groups.items():
        place = f"{_called(holder)} of {path}" if path.endswith(PYTHON) else path
        yield Finding(
            f"{_told(texts)} landed in {place} in {release}, which the patch did not touch before"
        )


def _lines(
    file: FilePatch, before: bytes | None, after: bytes | None, label: str
) -> Iterator[tuple[str, str, str]]:
    """Yield sign, text and holder of each line that is added or removed and says something."""
    yield from _of_side(file, "-", before, f"{label} before the patch")
    yield from _of_side(file, "+", after, f"{label} after the patch")


def _of_side(
    file: FilePatch, sign: str, data: bytes | None, label: str
) -> Iterator[tuple[str, str, str]]:
    changed = [line for hunk in file.hunks for line in _changed(hunk, sign)]
    changed = [(position, text) for position, text in changed if any(map(str.isalnum, text))]
    if not changed:
        return
    scopes = None
    if file.path.endswith(PYTHON):
        scopes = Scopes(Source.parse(label, data or b""))
    for position, text in changed:
        yield sign, text, scopes.holder(position) if scopes else ""


def _changed(hunk: Hunk, sign: str) -> Iterator[tuple[int, str]]:
    start, lines, numbers = (
        (hunk.target_start, hunk.target, hunk.added)
        if sign == "+"
        else (hunk.source_start, hunk.source, hunk.removed)
    )
    for number in numbers:
        yield start + number, lines[number].decode(errors="replace").strip()


def _told(texts: list[str]) -> str:
    first = texts[0] if len(texts[0]) <= 50 else f"{texts[0][:50]}…"
    return f"{counted(len(texts), 'line')} (`{first}`)"


def _called(holder: str) -> str:
    return holder or "the module level"
