"""Options that name files to write, refused before anything is measured for them in vain."""

import os
from pathlib import Path
from typing import cast

import click


class OutputFile(click.Path):
    """A file in a folder that exists.

    Example: ``OutputFile(dir_okay=False)`` refuses ``missing/found.json``.
    """

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | os.PathLike[str]:
        """Check the name; click says what is wrong with it, and of which option."""
        file = cast("str | os.PathLike[str]", super().convert(value, param, ctx))
        if not Path(file).absolute().parent.is_dir():
            self.fail(f"the folder of {file} does not exist.", param, ctx)
        return file


class PictureFile(OutputFile):
    """A picture in a format that matplotlib writes, which its suffix names.

    Example: ``PictureFile(dir_okay=False)`` refuses ``plot.jpeg``.
    """

    suffixes = ".png", ".svg", ".pdf"

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | os.PathLike[str]:
        """Check the name, its suffix too."""
        file = super().convert(value, param, ctx)
        if Path(file).suffix.lower() not in self.suffixes:
            self.fail(f"{file} ends in none of {', '.join(self.suffixes)}.", param, ctx)
        return file


JSON_FILE = OutputFile(dir_okay=False, allow_dash=True)
JSON = click.option(
    "--json", "json_file", type=JSON_FILE, help="Write the result here; - is standard output."
)
PLOT = click.option(
    "--plot",
    "pictures",
    type=PictureFile(dir_okay=False, path_type=Path),
    help=f"Write a picture here, a file that ends in {', '.join(PictureFile.suffixes)}.",
)
PLOTS = click.option(
    "--plots",
    "pictures",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write PNG files into this folder.",
)
