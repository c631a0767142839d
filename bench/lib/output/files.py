"""Files that a command writes, refused before it measures where it could not write them."""

from pathlib import Path

import click


class OutputFile(click.Path):
    """A file in a folder that exists."""

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """Check the name; click says what is wrong with it, and of which option."""
        file = super().convert(value, param, ctx)
        if not Path(file).absolute().parent.is_dir():
            self.fail(f"the folder of {file} does not exist.", param, ctx)
        return file


class PictureFile(OutputFile):
    """A picture in a format that matplotlib writes, which its suffix names."""

    suffixes = ".png", ".svg", ".pdf"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """Check the name, its suffix too."""
        file = super().convert(value, param, ctx)
        if Path(file).suffix.lower() not in self.suffixes:
            self.fail(f"{file} ends in none of {', '.join(self.suffixes)}.", param, ctx)
        return file


PLOT = click.option(
    "--plot",
    "picture",
    type=PictureFile(dir_okay=False, path_type=Path),
    help=f"Write a picture here, a file that ends in {', '.join(PictureFile.suffixes)}.",
)
