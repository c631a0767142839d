"""Which packages of which stack a command acts on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specroll.errors import Collector, NotPinnedError, RequestError
from specroll.stack.distribution import Distribution
from specroll.stack.lock import Lock, PackageLock, VariantLock, fingerprint
from specroll.stack.registry import Package, Stack
from specroll.target import installed as installation
from specroll.target.environment import Environment
from specroll.target.installed import Installed


@dataclass(frozen=True)
class Request:
    """What the user asked for; without names all packages of the stack are meant."""

    distribution: Distribution
    environment: Environment
    stack: str | None = None
    packages: tuple[str, ...] = ()

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
    """An installed package of the stack, with the lock that it is held against."""

    installed: Installed
    stack: Stack
    package: Package
    lock: PackageLock
    variant: str

    @property
    def files(self) -> VariantLock:
        """The locked files of the installed variant."""
        return self.lock.variants[self.variant]

    @property
    def digest(self) -> str:
        """The hash of all that the lock writes into this package."""
        return self.lock.digest(self.variant)


@dataclass(frozen=True)
class Survey:
    """What is installed of a stack, why the rest is absent, and which versions are not pinned."""

    stack: Stack
    found: Mapping[str, Installed]
    absent: Mapping[str, str]
    mismatched: Mapping[str, str]

    def members(self) -> list[Member]:
        """Return what is installed with the lock that it is held against.

        Raises:
            PatchError: the lock is malformed or stale.
        """
        lock = Lock.load(self.stack)
        return [
            _member(installed, self.stack, self.stack.packages[name], lock.packages[name])
            for name, installed in self.found.items()
        ]


@dataclass(frozen=True)
class Selection:
    """The members of a stack, and why others are absent."""

    stack: Stack
    members: Sequence[Member]
    absent: Mapping[str, str]


def survey(request: Request) -> Survey:
    """Look at the named stack, or at the one that fits best what is installed.

    Of those that fit alike it is the default one, or else the newest.

    Packages that a stack does something to count first: another may be of any version.

    Raises:
        RequestError: the stack or a package is unknown.
        PatchError: a stack is malformed.
    """
    stacks = request.stacks()
    known = [stack for stack in stacks if all(name in stack.packages for name in request.packages)]
    if not known:
        raise RequestError(f"No stack holds all of {', '.join(request.packages)}; name fewer.")
    return max((_survey_stack(request, stack) for stack in known), key=_fit)


def _fit(surveyed: Survey) -> tuple[int, bool, bool]:
    stack, found = surveyed.stack, surveyed.found
    changed = sum(not stack.packages[name].is_empty for name in found)
    return changed, bool(found), stack.is_default


def select(request: Request) -> Selection:
    """Return the members to act on.

    Raises:
        RequestError: the stack or a package is unknown.
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
    return Selection(surveyed.stack, surveyed.members(), surveyed.absent)


def _survey_stack(request: Request, stack: Stack) -> Survey:
    found: dict[str, Installed] = {}
    absent: dict[str, str] = {}
    mismatched: dict[str, str] = {}
    for name in request.packages or stack.packages:
        package = stack.packages[name]
        installed = installation.find(request.environment, package)
        if installed is None:
            absent[name] = installation.absence(request.environment, package)
        elif not (
            reason := installation.shadow(request.environment, installed)
            or _mismatch(installed, stack, package)
        ):
            found[name] = installed
        elif package.is_empty:
            absent[name] = f"{reason}; it can stay, the stack does nothing to it"
        else:
            mismatched[name] = reason
    return Survey(stack, found, absent, mismatched)


def _mismatch(installed: Installed, stack: Stack, package: Package) -> str | None:
    distribution, version = installed.distribution, installed.version
    if distribution is None or version is None:
        return None
    expected = package.variants[distribution].version
    if version.partition("+")[0] == expected:
        return None
    return (
        f"{installed.folder} is {distribution} {version}, stack {stack.name} pins"
        f" {expected}; install {distribution}=={expected}, name another --stack, or choose the"
        " other packages with --package"
    )


def _member(found: Installed, stack: Stack, package: Package, lock: PackageLock) -> Member:
    return Member(found, stack, package, lock, found.distribution or _resembled(found, lock))


def _resembled(found: Installed, lock: PackageLock) -> str:
    """Return the variant whose locked bytes a tree without metadata holds most of."""

    def agreement(variant: str) -> int:
        files = lock.variants[variant].files.items()
        return sum(fingerprint(found.read(path)) in (f.before, f.after) for path, f in files)

    return max(lock.variants, key=agreement)
