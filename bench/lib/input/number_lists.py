"""Options that are lists of different numbers, such as ``0,1,2``."""

from collections.abc import Callable

import click

Callback = Callable[[click.Context, click.Parameter, str | None], list[int] | None]


def numbers(example: str, noun: str) -> Callback:
    """Return the callback of an option: what is said of a wrong value names ``noun``."""

    def checked(
        _context: click.Context, _parameter: click.Parameter, value: str | None
    ) -> list[int] | None:
        if value is None:
            return None
        try:
            found = [int(number) for number in value.split(",")]
        except ValueError as error:
            message = f"{value!r} is not a list of numbers such as {example}."
            raise click.BadParameter(message) from error
        if len(set(found)) < len(found):
            raise click.BadParameter(f"every {noun} can be named only once.")
        return found

    return checked
