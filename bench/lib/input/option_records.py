"""Options of a command as one record."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Record = TypeVar("Record")


def options_as(
    kind: Callable[..., Record],
) -> Callable[[Callable[[Record], None]], Callable[..., None]]:
    """Return the decorator that hands a command its options as one record.

    Use it below the options. The fields of the record have the names of the options.

    Example, of a command whose function takes a ``Choice`` of fields ``batch`` and ``quick``::

        @click.command()
        @click.option("--batch", type=int)
        @click.option("--quick", is_flag=True)
        @options_as(Choice)
        def main(chosen: Choice) -> None: ...
    """

    def decorate(command: Callable[[Record], None]) -> Callable[..., None]:
        @wraps(command)
        def gathered(**options: object) -> None:
            command(kind(**options))

        return gathered

    return decorate
