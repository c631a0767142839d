"""Lines of text files."""

from pathlib import Path

import click


def read(path: Path) -> dict[str, str]:
    """Return the lines that are not blank by their places, such as ``x.txt, line 3``.

    Lines end at newlines alone: JSON may have other separators, such as U+2028, within a text.

    Raises:
        click.BadParameter: the file cannot be read or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8") as file:
            lines = [line.removesuffix("\n") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as UTF-8: {error}.") from error
    return {f"{path}, line {n}": line for n, line in enumerate(lines, 1) if line.strip()}
