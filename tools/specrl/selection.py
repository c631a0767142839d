"""Which packages of which stack a command acts on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specrl import installed as installation
from specrl.distribution import Distribution
from specrl.environment import Environment
from specrl.errors import Collector, NotPinnedError, RequestError
from specrl.installed import Installed
from specrl.lock import Lock, PackageLock, VariantLock
from specrl.series import fingerprint
from specrl.stack import Package, Stack


@dataclass(frozen=True)
class Request:
    """What the user asked for; without names all packages of the stack are meant."""

    distribution: Distribution
    environment: Environment
    stack: str | None = None
    packages: tuple[str, ...] = ()

    def wanted(self, stack: Stack) -> list[Package]:
        """Return the packages of a stack that are asked for.

        Raises:
            RequestError: the stack has no such package.
        """
        return [stack.package(name) for name in self.packages or stack.packages]


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

    @property
    def is_empty(self) -> bool:
        """Whether the stack does nothing to this package."""
        return not self.package.series and not self.package.overlay


@dataclass(frozen=True)
class Selection:
    """The members of a stack, why others are absent, and which have a wrong version."""

    stack: Stack
    members: Sequence[Member]
    absent: Mapping[str, str]
    mismatched: Mapping[str, str]


def survey(request: Request) -> Selection:
    """Look at the named stack, or at the newest one of which a package is installed.

    Where nothing is installed of any stack, the newest one is looked at.

    Raises:
        RequestError: the stack or a package is unknown.
        PatchError: the stack or its lock is malformed.
    """
    names = [request.stack] if request.stack else request.distribution.stacks()
    stacks = [Stack.load(request.distribution, name) for name in names]
    known = [stack for stack in stacks if all(name in stack.packages for name in request.packages)]
    if not known:
        stacks[0].package(next(n for n in request.packages if n not in stacks[0].packages))
    selections = (_survey_stack(request, stack) for stack in known)
    newest = next(selections)
    return newest if newest.members else next((s for s in selections if s.members), newest)


def select(request: Request) -> Selection:
    """Return the members to act on.

    Raises:
        RequestError: the stack or a package is unknown.
        PatchError: the stack or its lock is malformed.
        NotPinnedError: a version is not the pinned one, a package named by the user is absent, or
            nothing of the stack is installed.
    """
    selection = survey(request)
    failures = Collector()
    for reason in selection.mismatched.values():
        failures.add(NotPinnedError(reason))
    for name in request.packages:
        if name in selection.absent:
            failures.add(NotPinnedError(f"{selection.absent[name]}; install it first"))
    failures.settle()
    if not selection.members:
        reasons = "; ".join(selection.absent.values())
        raise NotPinnedError(f"Nothing of stack {selection.stack.name} is installed: {reasons}")
    return selection


def _survey_stack(request: Request, stack: Stack) -> Selection:
    lock = Lock.load(stack)
    members: list[Member] = []
    absent: dict[str, str] = {}
    mismatched: dict[str, str] = {}
    for package in request.wanted(stack):
        found = installation.find(request.environment, package)
        if found is None:
            absent[package.name] = installation.absence(request.environment, package)
            continue
        member = _member(found, stack, package, lock.packages[package.name])
        reason = _mismatch(member)
        if reason and member.is_empty:
            absent[package.name] = f"{reason}; it can stay, the stack does nothing to it"
        elif reason:
            mismatched[package.name] = reason
        else:
            members.append(member)
    return Selection(stack, members, absent, mismatched)


def _member(found: Installed, stack: Stack, package: Package, lock: PackageLock) -> Member:
    return Member(found, stack, package, lock, found.distribution or _resembled(found, lock))


def _resembled(found: Installed, lock: PackageLock) -> str:
    """Return the variant whose locked bytes a tree without metadata holds most of."""

    def agreement(variant: str) -> int:
        files = lock.variants[variant].files.items()
        return sum(fingerprint(found.read(path)) in (f.before, f.after) for path, f in files)

    return max(lock.variants, key=agreement)


def _mismatch(member: Member) -> str | None:
    expected = member.package.variants[member.variant].version
    version = member.installed.version
    if version is None or version.partition("+")[0] == expected:
        return None
    return (
        f"{member.installed.folder} is {member.variant} {version}, stack {member.stack.name} pins"
        f" {expected}; install {member.variant}=={expected}, name another --stack, or choose the"
        " other packages with --package"
    )


def require_known(request: Request) -> None:
    """Refuse names that no stack has.

    Raises:
        RequestError: the stack or a package is unknown.
    """
    names = [request.stack] if request.stack else request.distribution.stacks()
    stacks = [Stack.load(request.distribution, name) for name in names]
    for name in request.packages:
        if not any(name in stack.packages for stack in stacks):
            raise RequestError(f"No package {name!r} in {stacks[0].folder}; correct --package.")
