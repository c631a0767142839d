"""Expected failures; the class decides the exit code, the text what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class ToolError(Exception):
    """An expected failure, told in one sentence and without a traceback.

    >>> TargetError("The disk is full; free space").sentences()
    ['The disk is full; free space']
    """

    exit_code = 1

    def sentences(self) -> list[str]:
        """Return what went wrong, one sentence a failure."""
        return [str(self)]


class RequestError(ToolError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class PatchError(ToolError):
    """The patch set is malformed, stale, or does not fit the bytes it was made for."""

    exit_code = 3


class NotPinnedError(ToolError):
    """A version or an artefact is not the pinned one, or nothing of the stack is installed."""

    exit_code = 4


class DriftError(ToolError):
    """The version is the pinned one, yet the bytes are foreign."""

    exit_code = 5


class TargetError(ToolError):
    """The target cannot be read or written, or another run holds it."""

    exit_code = 6


def unforeseen(error: OSError) -> TargetError:
    """Return what the file system refused where nobody looked for it, as an expected failure."""
    place = error.filename and str(error.filename)
    return TargetError(
        f"{place or 'The file system'} cannot be used ({error.strerror or error}); make it"
        " accessible, then try again"
    )


class CollectedError(ToolError):
    """Several failures reported together; the lowest exit code among them counts.

    >>> CollectedError([DriftError("one"), PatchError("two")]).exit_code
    3
    """

    def __init__(self, errors: list[ToolError]) -> None:
        """Report these errors as one."""
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors
        self.exit_code = min(error.exit_code for error in errors)

    def sentences(self) -> list[str]:
        """Return the sentences of all failures."""
        return [sentence for error in self.errors for sentence in error.sentences()]


@dataclass
class Collector:
    """Gathers failures, so that all are reported and not just the first.

    >>> failures = Collector()
    >>> with failures.attempt():
    ...     raise PatchError("a hunk does not fit")
    >>> failures.settle()
    Traceback (most recent call last):
    specroll.errors.PatchError: a hunk does not fit
    """

    _errors: list[ToolError] = field(default_factory=list)

    def add(self, error: ToolError) -> None:
        """Keep one failure for later."""
        self._errors.append(error)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep a failure of the enclosed block for later."""
        try:
            yield
        except ToolError as error:
            self._errors.append(error)

    def settle(self) -> None:
        """Raise what was gathered: nothing, the one failure, or `CollectedError`."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise CollectedError(self._errors)
