"""Options that are lists of different numbers, such as ``0,1,2``."""

from collections.abc import Callable

import click

Callback = Callable[[click.Context, click.Parameter, str | None], list[int] | None]


def numbers(example: str, noun: str, least: int | None = None) -> Callback:
    """Return the callback of an option that takes a list of different numbers.

    Args:
        example: a list that an error message can show.
        noun: what one number is, for error messages.
        least: the smallest number that is allowed; None allows any.
    """

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
        if least is not None and min(found) < least:
            raise click.BadParameter(f"every {noun} must be at least {least}.")
        return found

    return checked
