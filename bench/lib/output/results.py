"""How a command delivers what it found: in words, as JSON, and in pictures."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class Results:
    """Where the results of a command go.

    Example: ``Results("found.json").deliver("2 drafts accepted", {"accepted": 2})`` prints the
    words and writes the file.

    Attributes:
        json_file: the file of the figures, or `STANDARD_OUTPUT`; None where nobody asks for it.
        pictures: the file or folder of the pictures; None where nobody asks for them.
    """

    json_file: str | None
    pictures: Path | None = None

    def deliver(
        self,
        words: str,
        found: Mapping[str, Any],
        draw: Callable[[Path], None] | None = None,
    ) -> None:
        """Print the words, write the figures, and draw, in this order.

        So a picture that fails takes no figures with it. Where the figures go to standard output,
        they are alone there, and the words go to standard error.

        Args:
            words: for people.
            found: for programs.
            draw: draws into `pictures`.
        """
        click.echo(words, err=self.json_file == STANDARD_OUTPUT)
        if self.json_file is not None:
            write_json(found, self.json_file)
        if draw is not None and self.pictures is not None:
            draw(self.pictures)


def write_json(found: Mapping[str, Any], file: str) -> None:
    """Write an object to `STANDARD_OUTPUT`, or to a file, of which a reader never sees half."""
    text = json.dumps(found, indent=2) + "\n"
    if file == STANDARD_OUTPUT:
        click.echo(text, nl=False)
    else:
        temporary = Path(f"{file}.{os.getpid()}.tmp")
        temporary.write_text(text)
        temporary.replace(file)
