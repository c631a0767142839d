"""Where the patch sets and the overlay lie: in a checkout, or inside the installed package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from specroll.errors import RequestError


@dataclass(frozen=True)
class Distribution:
    """A folder that holds `patches/` and `overlay/`.

    >>> Distribution(Path("project")).overlay.as_posix()
    'project/overlay'
    """

    root: Path

    @property
    def patches(self) -> Path:
        """The folder with one folder a stack."""
        return self.root / "patches"

    @property
    def overlay(self) -> Path:
        """The folder laid out like site-packages."""
        return self.root / "overlay"

    def require_checkout(self) -> None:
        """Refuse to edit patches where the tool is installed: the next installation replaces them.

        Raises:
            RequestError: this is the copy that was installed with the tool.
        """
        if self.root == _installed_copy():
            raise RequestError(
                f"{self.root} was installed with the tool and is not for editing; run this in a"
                " checkout, or name one with --distribution before the command."
            )

    def stacks(self) -> list[str]:
        """Return the names of the stacks, newest first."""
        return sorted(
            (path.parent.name for path in self.patches.glob("*/stack.toml")), reverse=True
        )

    def stack_folder(self, stack: str) -> Path:
        """Return the folder of a stack.

        Raises:
            RequestError: there is no such stack.
        """
        if stack not in self.stacks():
            known = ", ".join(self.stacks())
            raise RequestError(f"No stack {stack!r} in {self.patches}; name one of: {known}.")
        return self.patches / stack


def find(named: Path | None = None) -> Distribution:
    """Return the named distribution, or the one that this tool came with.

    Raises:
        RequestError: there is no patch set in it.
    """
    copy = _installed_copy()
    places = [named.resolve()] if named else [copy, copy.parents[2]]
    for place in places:
        if any(place.glob("patches/*/stack.toml")):
            return Distribution(place)
    raise RequestError(
        f"No patches/<stack>/stack.toml in {places[-1]}; use a full checkout or --distribution."
    )


def _installed_copy() -> Path:
    return Path(__file__).resolve().parents[1] / "distribution"
