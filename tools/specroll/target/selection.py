"""Which packages of which stack a command acts on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from specroll.errors import Collector, DriftError, NotPinnedError, RequestError, TargetError
from specroll.stack.distribution import Distribution
from specroll.stack.lock import Content, Lock, PackageLock, fingerprint
from specroll.stack.registry import Package, Stack, Variant
from specroll.stack.sets import Choice, Verdict
from specroll.target import distributions
from specroll.target import installed as installation
from specroll.target.environment import Environment
from specroll.target.installed import Installed
from specroll.target.state import State


@dataclass(frozen=True)
class Request:
    """What the user asked for; without names all packages of the stack are meant."""

    distribution: Distribution
    environment: Environment
    stack: str | None = None
    packages: tuple[str, ...] = ()
    choice: Choice = field(default_factory=Choice)

    def stacks(self) -> list[Stack]:
        """Return the named stack, or all of them, newest first.

        Raises:
            RequestError: there is no such stack, or no stack has a package that is asked for.
            PatchError: a stack is malformed.
        """
        names = [self.stack] if self.stack else self.distribution.stacks()
        stacks = [Stack.load(self.distribution, name) for name in names]
        for name in self.packages:
            if not any(name in stack.packages for stack in stacks):
                raise RequestError(f"No package {name!r} in {stacks[0].folder}; correct --package.")
        return stacks


@dataclass(frozen=True)
class Member:
    """An installed package of the stack, with what the lock wants it to hold."""

    installed: Installed
    stack: Stack
    package: Package
    variant: Variant
    content: Content
    # What the user says about sets, now or when it was patched.
    choice: Choice


@dataclass(frozen=True)
class Selection:
    """The members of a stack, why others are absent, and which sets the environment gets.

    Attributes:
        stack: The stack that they belong to.
        members: The packages to act on.
        absent: Why others are not there, or can stay as they are.
        sets: For each set, whether the environment gets it.
        mixed: Which other sets patched packages hold that are not asked for, in words.
    """

    stack: Stack
    members: Sequence[Member]
    absent: Mapping[str, str]
    sets: Mapping[str, Verdict]
    mixed: Mapping[str, str]

    @property
    def chosen_sets(self) -> list[str]:
        """The sets that the environment gets."""
        return [name for name, verdict in self.sets.items() if verdict.is_chosen]


@dataclass(frozen=True)
class Survey:
    """What is installed of a stack, and what of it can be acted on.

    Attributes:
        request: What was asked for.
        stack: The stack that was looked at.
        installed: All of its packages that are there, also those that are not asked for.
        found: Those that are asked for and are of the pinned version.
        others: Those that are not asked for and are of the pinned version.
        absent: Why others that are asked for need not be, or are not, there.
        mismatched: Why others that are asked for are not of the pinned version.
    """

    request: Request
    stack: Stack
    installed: Mapping[str, Installed]
    found: Mapping[str, Installed]
    others: Mapping[str, Installed]
    absent: Mapping[str, str]
    mismatched: Mapping[str, str]

    def selection(self) -> Selection:
        """Return what is installed with what the lock wants it to hold.

        Raises:
            PatchError: the lock is malformed or stale.
        """
        lock = Lock.load(self.stack)
        keys = {
            name: _key(found, self.stack.packages[name], lock.packages[name])
            for name, found in self.installed.items()
        }
        variants = {name: self.stack.packages[name].variants[key] for name, key in keys.items()}
        recorded = _recorded(self.installed.values()).about(self.stack.sets)
        names = [variant.distribution for variant in variants.values()]
        present = distributions.names(self.request.environment, self.stack, names)
        sets = {
            name: rule.judge(present, self.request.choice, recorded)
            for name, rule in self.stack.sets.items()
        }
        chosen = [name for name, verdict in sets.items() if verdict.is_chosen]
        members = [
            Member(
                found,
                self.stack,
                self.stack.packages[name],
                variants[name],
                lock.packages[name].content(keys[name], chosen),
                self.request.choice.over(recorded),
            )
            for name, found in self.found.items()
        ]
        mixed = {
            name: f"{other.folder} is patched {difference}"
            for name, other in self.others.items()
            if (difference := _mixture(other, lock.packages[name].content(keys[name], chosen)))
        }
        return Selection(self.stack, members, self.absent, sets, mixed)


def survey(request: Request) -> Survey:
    """Look at the named stack, or at the one that fits best what is installed.

    Of those that fit alike it is the default one, or else the newest. Packages that a stack does
    something to count first: another may be of any version.

    Raises:
        RequestError: the stack, a package or a set is unknown.
        PatchError: a stack is malformed.
    """
    stacks = request.stacks()
    known = [stack for stack in stacks if all(name in stack.packages for name in request.packages)]
    if not known:
        raise RequestError(f"No stack holds all of {', '.join(request.packages)}; name fewer.")
    best = max((_survey_stack(request, stack) for stack in known), key=_fit)
    for name in request.choice.names:
        if name not in best.stack.sets:
            sets = ", ".join(best.stack.sets) or "none"
            raise RequestError(f"No set {name!r} in {best.stack.folder}; it has {sets}.")
    return best


def _fit(surveyed: Survey) -> tuple[int, bool, bool]:
    stack, found = surveyed.stack, surveyed.found
    changed = sum(not stack.packages[name].is_empty for name in found)
    return changed, bool(found), stack.is_default


def select(request: Request) -> Selection:
    """Return the members to act on.

    Raises:
        RequestError: the stack, a package or a set is unknown.
        PatchError: a stack is malformed, or the lock is malformed or stale.
        NotPinnedError: a version is not the pinned one, a package named by the user is absent, or
            nothing of the stack is installed.
    """
    surveyed = survey(request)
    failures = Collector()
    for reason in surveyed.mismatched.values():
        failures.add(NotPinnedError(reason))
    for name in request.packages:
        if name in surveyed.absent:
            failures.add(NotPinnedError(f"{surveyed.absent[name]}; install it first"))
    failures.settle()
    if not surveyed.found:
        reasons = "; ".join(surveyed.absent.values())
        raise NotPinnedError(f"Nothing of stack {surveyed.stack.name} is installed: {reasons}")
    return surveyed.selection()


def refuse_mixture(request: Request, selection: Selection) -> None:
    """Refuse sets that are chosen by hand for some packages, where patched ones hold others.

    Raises:
        RequestError: there is such a package; `CollectedError` when there are several.
    """
    failures = Collector()
    for name, reason in selection.mixed.items() if request.choice.names else ():
        failures.add(RequestError(f"{reason}; add --package {name}, or leave out --package."))
    failures.settle()


def _survey_stack(request: Request, stack: Stack) -> Survey:
    everything = {
        name: installed
        for name, package in stack.packages.items()
        if (installed := installation.find(request.environment, package))
    }
    found: dict[str, Installed] = {}
    absent: dict[str, str] = {}
    mismatched: dict[str, str] = {}
    misfits = {
        name: installation.shadow(request.environment, installed)
        or _mismatch(installed, stack, stack.packages[name])
        for name, installed in everything.items()
    }
    asked_for = request.packages or tuple(stack.packages)
    for name in asked_for:
        package = stack.packages[name]
        installed = everything.get(name)
        if installed is None:
            absent[name] = installation.absence(request.environment, package)
        elif not (reason := misfits[name]):
            found[name] = installed
        elif package.is_empty:
            absent[name] = f"{reason}; it can stay, the stack does nothing to it"
        else:
            mismatched[name] = reason
    others = {
        name: installed
        for name, installed in everything.items()
        if name not in asked_for and not misfits[name]
    }
    return Survey(request, stack, everything, found, others, absent, mismatched)


def _mismatch(installed: Installed, stack: Stack, package: Package) -> str | None:
    distribution, version = installed.distribution, installed.version
    if distribution is None or version is None:
        return None
    if package.variants_of(distribution, version):
        return None
    pinned = [variant.version for variant in package.variants_of(distribution).values()]
    remedies = " or ".join(f"{distribution}=={expected}" for expected in pinned)
    return (
        f"{installed.folder} is {distribution} {version}, stack {stack.name} pins"
        f" {' and '.join(pinned)}; install {remedies}, name another --stack, or choose the"
        " other packages with --package"
    )


def _recorded(everything: Iterable[Installed]) -> Choice:
    """Return what the user said about sets when the packages were patched; the last word counts."""
    words: list[tuple[int, Choice]] = []
    for installed in everything:
        # Whoever acts on the package tells that its state is damaged or cannot be read.
        with suppress(DriftError, TargetError):
            if state := State.load(installed):
                words.append((installed.time(installed.state_file) or 0, state.choice))
    choice = Choice()
    for _, word in sorted(words, key=lambda item: item[0]):
        choice = word.over(choice)
    return choice


def _mixture(other: Installed, content: Content) -> str:
    """Say in which sets a patched package is not like the environment."""
    # Whoever acts on the package tells that its state is damaged or cannot be read.
    with suppress(DriftError, TargetError):
        if state := State.load(other):
            return state.compared(content.sets)
    return ""


def _key(found: Installed, package: Package, lock: PackageLock) -> str:
    """Return the variant that is installed, by its name in the registry.

    Of several that it can be, as where a tree has no metadata, it is the one whose locked bytes it
    holds most of. Of a version that is not pinned, only the distribution is known.
    """
    by_version = package.variants_of(found.distribution, found.version)
    fitting = list(by_version or package.variants_of(found.distribution))

    def agreement(key: str) -> int:
        known: dict[str, set[str | None]] = {}
        for files in lock.variants[key].files.values():
            for path, file in files.items():
                known.setdefault(path, set()).update((file.before, file.after))
        return sum(fingerprint(found.read(path)) in hashes for path, hashes in known.items())

    return max(fitting, key=agreement) if len(fitting) > 1 else fitting[0]
